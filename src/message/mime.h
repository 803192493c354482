/*
 * The MIME walk (RFC 2045, 2046): one pass over a message that finds its parts
 * and what their octets are like. Pure; fed with blocks, split anywhere with
 * the same result. Constant memory but for the table of parts, which is capped.
 *
 * The walk is over octets as they are in the source. A line ends in LF, CRLF
 * or a CR that no LF follows, as the wire has it. A delimiter is a line of "--",
 * the boundary, perhaps "--", and blanks; one of an outer multipart ends all
 * inner ones; a close delimiter that is missing is no fault. What is not looked
 * into (message types, signed and encrypted multiparts, a multipart without a
 * usable boundary or too deep) is one part.
 */
#ifndef ENVOI_MESSAGE_MIME_H
#define ENVOI_MESSAGE_MIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>

#include "message/content_type.h"
#include "message/transfer.h"
#include "message/utf8.h"

enum envoi_mime_kind {
	/** Neither multipart nor message. */
	ENVOI_MIME_LEAF,
	/** A multipart whose parts are in the table behind it. */
	ENVOI_MIME_MULTIPART,
	/** Not to be touched inside: signed or encrypted. */
	ENVOI_MIME_SEALED,
	/** The same: a message type (also by default, in a digest). */
	ENVOI_MIME_MESSAGE,
	/** The same: a multipart that was not understood, or a field twice. */
	ENVOI_MIME_OPAQUE,
};

/** What octets are like. Lines are numbered as an editor does it, 0: none. */
struct envoi_mime_octets {
	uint64_t eight_bit_line;
	uint64_t nul_line;
	/** Of the longest line, without its end. */
	uint64_t longest;
	uint64_t longest_line;
	bool bare_cr;
};

struct envoi_mime_part {
	enum envoi_mime_kind kind;
	enum envoi_encoding encoding;
	/** text/... (also by default, or where the type makes no sense). */
	bool is_text;
	/** It has a Content-Type field. */
	bool has_type;
	/** "text/plain", as the field says. */
	char type[48];
	/** Place of the multipart it is in; of the first part its own, 0. */
	size_t parent;
	/** Number of the first line of the header. */
	uint64_t line;
	/** [head, fields_end): its fields; body: behind the empty line, equal to
	 * fields_end where that line is missing; [body, end): its body, without
	 * the line end that belongs to the delimiter. */
	uint64_t head, fields_end, body, end;
	/** The Content-Transfer-Encoding field, with its end; both 0: none. */
	uint64_t encoding_start, encoding_end;
	/** Of the body; not of a multipart. */
	struct envoi_mime_octets octets;
	/** The line of its header with the first octet above 127; not of the
	 * message's. 0: none. */
	uint64_t head_eight_bit_line;
	/** Of a leaf of text: exact octets of the body as quoted-printable, and
	 * as it goes on the wire. */
	uint64_t qp_size, plain_size;
};

struct envoi_mime_level {
	size_t part;
	bool digest;
	char boundary[ENVOI_LIMIT_BOUNDARY + 1];
};

enum envoi_mime_state {
	ENVOI_MIME_IN_HEAD,
	ENVOI_MIME_IN_BODY,
};

struct envoi_mime {
	/** In the order of their headers; the first is the message. */
	struct envoi_mime_part *parts;
	size_t count, capacity;
	/** Octets in no part: headers of inner parts (but for octets above 127),
	 * delimiters, what is before the first delimiter and behind the last one. */
	struct envoi_mime_octets outside;
	/** The message has a MIME-Version field. */
	bool has_version;
	/** The body of the first part is UTF-8 (when it is a leaf). */
	struct envoi_utf8 utf8;

	/* While it goes on. */
	bool no_memory;
	bool in_top_head;
	enum envoi_mime_state state;
	/** The part whose body is being read, or SIZE_MAX. */
	size_t current;
	struct envoi_mime_level levels[ENVOI_LIMIT_MIME_DEPTH];
	size_t depth;
	/** Of the next octet, and number of its line. */
	uint64_t offset, line_number;
	/** The line being read, and the end of the one before it. */
	uint64_t line_begin, last_end_begin;
	/** Where the header read last ended. */
	uint64_t body_begin;
	uint64_t column;
	bool after_cr;
	/** Its beginning, while it is not known what it is. */
	bool undecided;
	char begin[ENVOI_LIMIT_MIME_FIELD];
	size_t begin_len;
	/** A line end that may belong to a delimiter. */
	bool end_held;
	/** The field being read. */
	char field[ENVOI_LIMIT_MIME_FIELD];
	size_t field_len;
	uint64_t field_begin;
	bool field_cut;
	struct envoi_content_type content_type;
	struct envoi_transfer qp;
};

/** Begins. The structure is large: on the heap. */
void envoi_mime_init(struct envoi_mime *mime);

/** Accepts a zeroed one. */
void envoi_mime_finish(struct envoi_mime *mime);

/**
 * First the message's header, its fields without the empty line: offsets of
 * the first part count in it. Then body is the offset of the octets that will
 * be fed, the first of which is in line line_number.
 */
void envoi_mime_head(struct envoi_mime *mime, struct envoi_span head, uint64_t body,
	uint64_t line_number);

void envoi_mime_feed(struct envoi_mime *mime, const char *in, size_t n);

/** After the last octet. SYSTEM: no memory. */
int envoi_mime_end(struct envoi_mime *mime, struct envoi_error *err);

#endif
