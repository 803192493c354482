/*
 * Replies of a server, parsed byte by byte (RFC 5321 4.2, 2034, 3463).
 *
 *     reply = *( code "-" [ text ] CRLF ) code [ SP [ text ] ] CRLF
 *     code  = %x32-35 DIGIT DIGIT     ; the same on all lines
 *
 * A bare LF ends a line as well (noted). Memory is capped by base/limits.h.
 * What is not a reply is an error in words; after one the parser is of no
 * further use.
 */
#ifndef ENVOI_PROTOCOL_REPLY_H
#define ENVOI_PROTOCOL_REPLY_H

#include <envoi/session.h>

#include "base/buffer.h"

struct envoi_reply_parser {
	/** The text so far, lines joined by LF. */
	struct envoi_buffer text;
	/** Octets of the line being read, at most the first few needed. */
	struct envoi_buffer line;
	int code;
	size_t lines;
	bool bare_lf;
};

enum envoi_reply_progress {
	/** All bytes were taken, the reply is not complete. */
	ENVOI_REPLY_MORE,
	/** A reply is complete; bytes may be left. */
	ENVOI_REPLY_DONE,
	/** Not a reply: the error says why. */
	ENVOI_REPLY_BAD,
};

void envoi_reply_parser_init(struct envoi_reply_parser *parser);
void envoi_reply_parser_finish(struct envoi_reply_parser *parser);

/** Nothing read since the last whole reply? */
bool envoi_reply_parser_is_empty(const struct envoi_reply_parser *parser);

/**
 * Feeds bytes until a reply is complete. *ret_used: how many were taken.
 * DONE: *ret_reply borrows the parser's text, valid until the next feed; its
 * enhanced code is not looked for (envoi_reply_split_enhanced()).
 */
enum envoi_reply_progress envoi_reply_feed(struct envoi_reply_parser *parser,
	struct envoi_span bytes, size_t *ret_used, struct envoi_reply *ret_reply,
	struct envoi_error *err);

/**
 * Takes "X.Y.Z " off the front of each line of the reply's text, in place,
 * where X is the class of its code, and sets reply->enhanced from the first.
 */
void envoi_reply_split_enhanced(struct envoi_reply *reply);

#endif
