/*
 * What a message is inside; shared by the files of this module only.
 */
#ifndef ENVOI_MESSAGE_PRIVATE_H
#define ENVOI_MESSAGE_PRIVATE_H

#include <envoi/message.h>

#include "message/piece.h"
#include "message/source.h"

struct envoi_message {
	struct envoi_source *source;
	char *name;
	/** Octets [start, end) of the source; before the scan with the lines
	 * that are dropped at the head, end of a PATH not known. */
	uint64_t start;
	uint64_t end;
	/** Number of the line start is in, from 1. */
	uint64_t first_line;
	/** Of an mbox: which lines of ">From " are quoted ones. */
	enum envoi_mbox mbox;
	bool scanned;
	/** It begins with no header: an empty line goes first. */
	bool headless;
	struct envoi_message_facts facts;
	/** What goes on the wire, once it is scanned. */
	struct envoi_pieces pieces;
};

/** A message on [start, end) of source, of which it takes a new reference.
 * number is its place in an mbox from 1, 0 outside of one. SYSTEM. */
int envoi_message_new(struct envoi_source *source, uint64_t start, uint64_t end,
	uint64_t first_line, uint64_t number, struct envoi_message **ret_message,
	struct envoi_error *err);

/** The source that is at path, "-" stdin; as envoi_input_open(), no Maildir. */
int envoi_input_source(const char *path, enum envoi_mbox mbox,
	struct envoi_source **ret_source, struct envoi_error *err);

/** An input of one message, all of source, of which it takes a new reference.
 * SYSTEM. */
int envoi_input_of(struct envoi_source *source, struct envoi_input **ret_input,
	struct envoi_error *err);

/** What stands at the head of a message. */
struct envoi_head {
	/** Where it really begins, behind any "From " line, and in which line. */
	uint64_t start;
	uint64_t first_line;
	bool headless;
};

/** Looks at the head of [start, end). IO, SYSTEM. */
int envoi_head_find(const struct envoi_view *view, uint64_t start, uint64_t end,
	uint64_t first_line, struct envoi_head *ret_head, struct envoi_error *err);

#endif
