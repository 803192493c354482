/*
 * The octets of a message on their way into a file: line ends and, for an
 * mbox, "From " lines.
 *
 *     LF     CRLF becomes LF; a CR or LF alone stays what it is
 *     mbox   a line "From ", or ">"s and "From ", gets one ">" more (mboxrd)
 */
#ifndef ENVOI_SINK_LINES_H
#define ENVOI_SINK_LINES_H

#include <stdbool.h>
#include <stdio.h>

#include "base/span.h"

struct envoi_lines {
	FILE *file;
	/** Line ends stay as they came. */
	bool keep;
	bool quote;
	/** A CR that may belong to a CRLF is held back. */
	bool cr;
	/** quote: the line begins; held back are so many ">" and so many octets
	 * of "From ". */
	bool start;
	size_t brackets;
	size_t matched;
	/** The last octet written was LF, or nothing was. */
	bool ended;
};

void envoi_lines_init(struct envoi_lines *lines, FILE *file, bool keep, bool quote);

/** Errors of the file are found by ferror(3). */
void envoi_lines_write(struct envoi_lines *lines, struct envoi_span bytes);

/** Writes what was held back; quote: with an LF, if there is none, and an
 * empty line. */
void envoi_lines_end(struct envoi_lines *lines);

#endif
