/*
 * The wire encoder: the one place that makes line ends canonical and stuffs
 * dots (RFC 5321 2.3.8, 4.5.2).
 *
 * LF, CRLF and a CR that no LF follows become CRLF; a last line without an
 * end gets one; with stuff, a line that begins with a dot gets another one.
 * What comes out is the same however the input is split and however little
 * room there is; a CRLF is never written in halves.
 */
#ifndef ENVOI_MESSAGE_ENCODE_H
#define ENVOI_MESSAGE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct envoi_encoder {
	bool stuff;
	/** The next octet is the first of a line. */
	bool line_start;
	/** The last octet read was a CR, whose CRLF is already written. */
	bool after_cr;
	/** Octets written, stuffed dots not counted. */
	uint64_t octets;
};

/** Least room that always gets on. */
#define ENVOI_ENCODER_ROOM 4

void envoi_encoder_init(struct envoi_encoder *encoder, bool stuff);

/**
 * Encodes in[0..n) into out[0..room). Returns how many octets were written;
 * *ret_used is how many were read. Reads at least one octet when n is not 0
 * and room is at least ENVOI_ENCODER_ROOM; it may stop before room is used up.
 */
size_t envoi_encoder_feed(struct envoi_encoder *encoder, const char *in, size_t n,
	char *out, size_t room, size_t *ret_used);

/**
 * How many of in[0..n), from the first one on, leave as they are; they are
 * counted as written. 0: not even one does, or it may be so (behind a CR).
 */
size_t envoi_encoder_pass(struct envoi_encoder *encoder, const char *in, size_t n);

/** Ends the last line if it has no end: writes 0 or 2 octets into out, which
 * has room for ENVOI_ENCODER_ROOM, and returns how many. */
size_t envoi_encoder_finish(struct envoi_encoder *encoder, char *out);

#endif
