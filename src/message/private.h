/*
 * What a message is inside; shared by the files of this module only.
 */
#ifndef ENVOI_MESSAGE_PRIVATE_H
#define ENVOI_MESSAGE_PRIVATE_H

#include <envoi/message.h>

#include "message/header.h"
#include "message/piece.h"
#include "message/source.h"

/** A form with what only this module knows; the first is as_it_is. */
struct form {
	struct envoi_form face;
	struct envoi_carrier carrier;
	/** Not of as_it_is, whose pieces are the message's. */
	struct envoi_pieces pieces;
	struct form *next;
};

struct envoi_message {
	struct envoi_source *source;
	char *name;
	/** Octets [start, end) of the source, with the lines that are dropped
	 * at the head; before the scan, end of a PATH is not known. */
	uint64_t start;
	uint64_t end;
	/** Number of the line start is in, from 1. */
	uint64_t first_line;
	/** Of an mbox: which lines of ">From " are quoted ones. */
	enum envoi_mbox mbox;
	bool scanned;
	/** From the scan on: the header, and what the body is like, without
	 * the empty line in front of it. */
	struct envoi_header header;
	struct envoi_message_facts body;
	struct envoi_message_facts facts;
	/** What goes on the wire, once it is scanned. */
	struct envoi_pieces pieces;
	struct form as_it_is;
	/** Those chosen for carriers so far. */
	struct form *forms;
};

/** A message on [start, end) of source, of which it takes a new reference.
 * number is its place in an mbox from 1, 0 outside of one. SYSTEM. */
int envoi_message_new(struct envoi_source *source, uint64_t start, uint64_t end,
	uint64_t first_line, uint64_t number, struct envoi_message **ret_message,
	struct envoi_error *err);

/** The source that is at path, "-" stdin; as envoi_input_open(), no Maildir. */
int envoi_input_source(const char *path, enum envoi_mbox mbox,
	struct envoi_source **ret_source, struct envoi_error *err);

/** Makes these the fields of a message whose header and body are read: its
 * pieces and facts are made anew. The fields are copied. SYSTEM. */
int envoi_message_set_header(struct envoi_message *message,
	const struct envoi_field *fields, size_t count, struct envoi_error *err);

/* form.c */
/** Of the form, or the message's. */
const struct envoi_pieces *envoi_form_pieces(const struct envoi_form *form);
void envoi_forms_free(struct envoi_message *message);

/* body.c */
/** How many octets the pieces come to on the wire: reads all of them. */
int envoi_body_measure(const struct envoi_message *message,
	const struct envoi_pieces *pieces, uint64_t *ret_size, struct envoi_error *err);

#endif
