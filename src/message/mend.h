/*
 * Mends octets that no server takes, where they cannot be encoded: lines of more
 * than ENVOI_LINE_MAX octets are broken, NULs left out. RFC 5321 4.5.3.1.6, RFC 2045
 * 6.7, 6.8.
 *
 * TEXT    a long line is broken before a blank, else it goes on behind CRLF and a
 *         space, as folded header fields do, and never within a character of UTF-8.
 * QP      it is broken by soft line breaks, never within "=XX"; NULs and octets
 *         above 127, which have no place there, become "=XX".
 * BASE64  it is broken into lines of 76; blanks, NULs and octets above 127, which
 *         mean nothing there, are left out.
 *
 * Lines end in LF, CRLF or a CR that no LF follows, and then in CRLF; those that are
 * not too long stay as they are. Streaming; what comes out is the same however the
 * input is split.
 */
#ifndef ENVOI_MESSAGE_MEND_H
#define ENVOI_MESSAGE_MEND_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/message.h>

enum envoi_mend_kind {
	ENVOI_MEND_TEXT,
	ENVOI_MEND_QP,
	ENVOI_MEND_BASE64,
};

struct envoi_mend {
	enum envoi_mend_kind kind;
	/** Long lines stay as they are; so do NULs of a TEXT. */
	bool keep_lines, keep_nuls;
	/** The last octet read was a CR, which is a line end already. */
	bool after_cr;
	/** The line is too long, and some of it was written. */
	bool cutting;
	/** What is not written of it: at most two octets more than may stay, the last
	 * of which may have become three. */
	size_t len;
	char line[ENVOI_LINE_MAX + 4];
};

/** Least room that always gets on, and is always enough for the end: for each octet
 * read, the line that is held is written at most once, each break is two more. */
#define ENVOI_MEND_ROOM 2048

/** keep_lines: no line is broken; keep_nuls: a TEXT keeps its NULs. */
void envoi_mend_init(struct envoi_mend *mend, enum envoi_mend_kind kind, bool keep_lines,
	bool keep_nuls);

/**
 * Mends in[0..n) into out[0..room). Returns how many octets were written; *ret_used
 * is how many were read: at least one when n is not 0 and room is at least
 * ENVOI_MEND_ROOM. It may stop before room is used up.
 */
size_t envoi_mend_feed(struct envoi_mend *mend, const char *in, size_t n, char *out,
	size_t room, size_t *ret_used);

/** Writes what was held back into out, which has ENVOI_MEND_ROOM, without a line
 * end; returns how many octets that were. */
size_t envoi_mend_finish(struct envoi_mend *mend, char *out);

#endif
