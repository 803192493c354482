/*
 * What a text is like, and in which transfer encoding it goes best. Pure; fed
 * with blocks, split anywhere with the same result.
 */
#ifndef ENVOI_MESSAGE_COMPOSE_TEXT_H
#define ENVOI_MESSAGE_COMPOSE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message/transfer.h"

struct envoi_text {
	uint64_t octets;
	/** Number of the current line, from 1, and octets of it. */
	uint64_t line;
	uint64_t column;
	/** Octets of the longest line without its end (LF). */
	uint64_t longest;
	bool eight_bit;
	/** First line with a NUL, and with what is no UTF-8; 0: none. */
	uint64_t nul_line;
	uint64_t bad_line;
	/** A CR; another control octet but LF and tab. */
	bool cr;
	bool control;
	/** A line that begins with "From ". */
	bool from;
	/** The last octet is an LF. */
	bool ended;
	/** "From " matched so far; past it: it is not. */
	size_t matched;
	/** A UTF-8 character not yet whole. */
	char held[4];
	size_t held_len;
	struct envoi_transfer qp;
	struct envoi_transfer base64;
};

void envoi_text_init(struct envoi_text *text);
void envoi_text_feed(struct envoi_text *text, const char *in, size_t n);
void envoi_text_finish(struct envoi_text *text);

/** ASCII in lines of at most 78 octets (RFC 5322 2.1.1). */
bool envoi_text_is_plain(const struct envoi_text *text);

/** Plain, and nothing on its way changes it: no CR, no control octet, no line
 * that an mbox would quote. */
bool envoi_text_is_safe(const struct envoi_text *text);

/** The shorter one of quoted-printable and base64. */
enum envoi_transfer_kind envoi_text_encoding(const struct envoi_text *text);

#endif
