/*
 * The mbox format (RFC 4155 appendix A, and the "mboxrd" quoting): what a
 * separator looks like, and quoted "From " lines. Pure.
 */
#ifndef ENVOI_MESSAGE_MBOX_H
#define ENVOI_MESSAGE_MBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/** As much of a line as envoi_mbox_is_separator() needs to see at most. */
#define ENVOI_MBOX_SEPARATOR 1000

/**
 * Whether a line, its end included, looks like one that separates messages.
 * The caller has made sure that it stands at the start of the file or after
 * an empty line. n is at most ENVOI_MBOX_SEPARATOR; a line whose end is not
 * within is none, but for the last line of the file (at_end).
 */
bool envoi_mbox_is_separator(const char *line, size_t n, bool at_end);

/** Takes one ">" off each line of one or more ">" and "From ". */
struct envoi_unquote {
	int state;
	/** Only of one ">": mboxo, which quotes no line that is quoted. */
	bool once;
	/** A line's beginning that is held back: so many ">", and so many
	 * octets of "From " behind them. */
	uint64_t arrows;
	size_t matched;
};

/** The next octet is the first of a line. */
void envoi_unquote_init(struct envoi_unquote *unquote, bool once);

/**
 * Takes octets off *in and returns the next piece of the result, which points
 * into *in or to constant storage. Empty when *in is used up.
 */
struct envoi_span envoi_unquote_next(
	struct envoi_unquote *unquote, struct envoi_span *in);

/** No more input: what is held back comes out of envoi_unquote_next(). */
void envoi_unquote_finish(struct envoi_unquote *unquote);

#endif
