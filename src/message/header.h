/*
 * The header of a message: where it begins and ends in its source, and its
 * fields (RFC 5322 2.2, and the obsolete forms of 4.5).
 *
 * Read are LF, CRLF and any number of CRs before an LF as line ends; any other
 * CR is a space, NULs are left out. What is kept ends its lines with LF and
 * has neither. So no field can hold a line end that another reader sees and
 * this one does not.
 *
 * Lines "From " and ">From " at the very head, where an mbox or a delivery
 * agent left them, are dropped. A field begins with a name of octets 33 to
 * 126 without colon, perhaps blanks, and a colon; lines that begin with a
 * blank belong to the one before. The header ends with the first empty line,
 * before any other line that is no field, or with the message. A message that
 * begins with no field has no header.
 */
#ifndef ENVOI_MESSAGE_HEADER_H
#define ENVOI_MESSAGE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>

#include "base/buffer.h"
#include "base/span.h"
#include "message/source.h"

enum envoi_field_kind {
	ENVOI_FIELD_OTHER,
	ENVOI_FIELD_APPARENTLY_TO,
	ENVOI_FIELD_BCC,
	ENVOI_FIELD_CC,
	ENVOI_FIELD_CONTENT_LENGTH,
	ENVOI_FIELD_DATE,
	ENVOI_FIELD_FROM,
	ENVOI_FIELD_MESSAGE_ID,
	ENVOI_FIELD_RECEIVED,
	ENVOI_FIELD_REPLY_TO,
	ENVOI_FIELD_RESENT_BCC,
	ENVOI_FIELD_RESENT_CC,
	ENVOI_FIELD_RESENT_DATE,
	ENVOI_FIELD_RESENT_FROM,
	ENVOI_FIELD_RESENT_MESSAGE_ID,
	ENVOI_FIELD_RESENT_REPLY_TO,
	ENVOI_FIELD_RESENT_SENDER,
	ENVOI_FIELD_RESENT_TO,
	ENVOI_FIELD_RETURN_PATH,
	ENVOI_FIELD_SENDER,
	ENVOI_FIELD_TO,
	ENVOI_FIELD_KIND_COUNT,
};

struct envoi_field {
	enum envoi_field_kind kind;
	/** Without the blanks before the colon. */
	struct envoi_span name;
	/** All behind the colon, folds included, but for the last line end. */
	struct envoi_span value;
	/** The whole, from its name to its last line end. */
	struct envoi_span raw;
	/** Number of the line it begins in. */
	uint64_t line;
};

/** Zeroed: an empty one. */
struct envoi_header {
	struct envoi_buffer text;
	struct envoi_field *fields;
	size_t count;
	size_t capacity;
	/** Where the message begins in the source, behind what was dropped. */
	uint64_t start;
	/** Where the body begins, and the number of that line. */
	uint64_t body;
	uint64_t body_line;
	/** An empty line goes between header and body, or before a body without
	 * header; else there is nothing behind the header. */
	bool empty_line;
	/** It ended before a line that is no field, and had some: a repair puts
	 * the empty line there. */
	bool broken;
	/** A CR that no LF follows was found; line of the first NUL, 0: none. */
	bool bare_cr;
	uint64_t nul_line;
};

/** Reads the header of octets [start, end), the first of them in line
 * first_line. DATA: longer than ENVOI_LIMIT_HEADER, or of too many fields.
 * IO, SYSTEM. */
int envoi_header_read(struct envoi_header *header, const struct envoi_view *view,
	uint64_t start, uint64_t end, uint64_t first_line, struct envoi_error *err);

/** Accepts a zeroed one. */
void envoi_header_finish(struct envoi_header *header);

/** The first field of that kind, or NULL. */
const struct envoi_field *envoi_header_find(
	const struct envoi_header *header, enum envoi_field_kind kind);

/** What a field of that name, in any case, is. */
enum envoi_field_kind envoi_field_kind_of(struct envoi_span name);

/** The name of a field of that kind, as it is written most often; "" for OTHER. */
const char *envoi_field_name(enum envoi_field_kind kind);

/** Is it one of the known fields Resent-*? */
bool envoi_field_is_resent(enum envoi_field_kind kind);

/** Appends the value without line ends and without the blanks at its ends.
 * 0, or -1 as envoi_buffer_append(). */
int envoi_field_unfold(const struct envoi_field *field, struct envoi_buffer *out);

#endif
