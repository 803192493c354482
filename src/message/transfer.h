/*
 * Content-Transfer-Encodings (RFC 2045 6.7, 6.8): quoted-printable of a text,
 * base64 of a text or of octets. Streaming; what comes out is the same however
 * the input is split and however little room there is.
 *
 * The lines of a text may end in LF, CRLF or a CR that no LF follows; all
 * become CRLF, as the wire encoder makes them. What comes out is ASCII in lines
 * of at most 76 octets that end in CRLF; the last one only when the text does
 * (quoted-printable), or never (base64).
 */
#ifndef ENVOI_MESSAGE_TRANSFER_H
#define ENVOI_MESSAGE_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum envoi_transfer_kind {
	ENVOI_TRANSFER_QP,
	/** Of a text, whose line ends become CRLF. */
	ENVOI_TRANSFER_BASE64_TEXT,
	/** Of octets as they are. */
	ENVOI_TRANSFER_BASE64,
};

struct envoi_transfer {
	enum envoi_transfer_kind kind;
	/** The last octet read was a CR, which is a line end already. */
	bool after_cr;
	/** QP: a blank that is not written yet, as it may end a line; or 0. */
	char blank;
	/** Octets of the line that is being written. */
	unsigned column;
	/** Base64: octets, fewer than three, that wait for the others. */
	unsigned held;
	uint32_t bits;
	/** Octets written. */
	uint64_t octets;
};

/** Least room that always gets on, and is always enough for the end. */
#define ENVOI_TRANSFER_ROOM 16

void envoi_transfer_init(struct envoi_transfer *transfer, enum envoi_transfer_kind kind);

/**
 * Encodes in[0..n) into out[0..room). Returns how many octets were written;
 * *ret_used is how many were read: at least one when n is not 0 and room is at
 * least ENVOI_TRANSFER_ROOM. It may stop before room is used up.
 */
size_t envoi_transfer_feed(struct envoi_transfer *transfer, const char *in, size_t n,
	char *out, size_t room, size_t *ret_used);

/** Writes what was held back into out, which has ENVOI_TRANSFER_ROOM, and
 * returns how many octets that were. */
size_t envoi_transfer_finish(struct envoi_transfer *transfer, char *out);

/** As envoi_transfer_feed(), but only counts (transfer->octets). */
void envoi_transfer_count(struct envoi_transfer *transfer, const char *in, size_t n);

#endif
