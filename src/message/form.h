/*
 * The inside of form*.c, which choose the form of a message for a server.
 *
 * form.c         what is needed, whether it can be had
 * form_parts.c   encodes parts of the body in place: pieces
 * form_head.c    the header: what is done to its fields
 * form_field.c   octets above 127 in a field: encoded words, parameters
 */
#ifndef ENVOI_MESSAGE_FORM_H
#define ENVOI_MESSAGE_FORM_H

#include "base/buffer.h"
#include "message/mime.h"
#include "message/private.h"

/** The header of a message as it would go out, borrowed from the message. */
struct envoi_form_head {
	/** Its fields, with or without the empty line in front of the body. */
	struct envoi_span fields, whole;
	/** Its own label says that it has binary parts (RFC 2045 6.4). */
	bool binary;
};

struct envoi_form_head envoi_form_head_of(const struct envoi_message *message);

/** What is to be done to a header. */
struct envoi_head_edit {
	/** Octets above 127 become encoded words, but for those that are not
	 * UTF-8 and may stay; lines are folded. */
	bool words, keep, fold;
	/** Content-Transfer-Encoding: this instead, or new; NULL: as it is. */
	const char *encoding;
	/** Fields that are missing: "" for none. */
	bool version;
	const char *charset;
};

/** What came of it. */
struct envoi_head_result {
	/** Name of the first field with octets above 127 that are not UTF-8 and
	 * stay, and of the first with UTF-8 that stays; "" for none. */
	char not_utf8[80];
	char needs_utf8[80];
	/** Some octet is above 127. */
	bool eight_bit;
	/** The octets of the first line over ENVOI_LINE_MAX that could not be
	 * folded, its field, and how many of its lines are before; 0: none. */
	uint64_t long_octets;
	struct envoi_span long_field;
	uint64_t long_line;
};

/** Appends the edited fields to out. -1: no memory. */
int envoi_form_head_edit(struct envoi_span fields, const struct envoi_head_edit *edit,
	struct envoi_buffer *out, struct envoi_head_result *ret);

/** Appends a field (name, value behind the colon) with its octets above 127
 * encoded. 1: it has some that cannot be, and nothing was appended. -1: no
 * memory. */
int envoi_form_field_encode(
	struct envoi_span name, struct envoi_span value, struct envoi_buffer *out);

/** What was chosen for the parts. */
struct envoi_form_parts {
	/** The header's part: NULL, or the new encoding; see envoi_head_edit. */
	const char *encoding;
	bool version;
	const char *charset;
	/** The body. "any": some part is encoded. */
	struct envoi_pieces pieces;
	bool any, any_qp, any_base64;
	/** Octets above 127, NULs or binary parts are left; "binary": RAW. */
	bool eight_bit, binary;
	/** Line of the first over-long line that is left, or was broken other than in
	 * an encoded part; 0: none. */
	uint64_t long_line, long_octets;
	/** Line of the first NUL that was left out; 0: none. */
	uint64_t nul_line;
};

/** Walks the message and says how its parts go. DATA: cannot be. IO, SYSTEM. */
int envoi_form_parts_choose(const struct envoi_message *message,
	const struct envoi_form_head *head, const struct envoi_carrier *carrier,
	struct envoi_form_parts *ret, struct envoi_error *err);

#endif
