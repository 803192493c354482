/*
 * The file of a message in the queue, as octets. Pure: reads and writes
 * memory. Numbers are little-endian.
 *
 *     file     = head envelope message mark padding journal
 *     head     = magic version:4 zero:4 envelope-length:8 message-length:8
 *                envelope-checksum:8 message-checksum:8 zero:8 checksum:8
 *     envelope = *field             field = type:1 length:4 octets NUL
 *     mark     = 8 octets           padding = zeroes up to a multiple of 8
 *     journal  = *record
 *     record   = magic:4 length:4 not-length:4 kind:4 payload padding checksum:8
 *
 * Up to the padding nothing ever changes. The journal grows at its end only; the
 * checksum of a record covers its offset, too, so that none is good elsewhere.
 * Texts have no control characters; a field's NUL is not in its length.
 */
#ifndef ENVOI_QUEUE_FORMAT_H
#define ENVOI_QUEUE_FORMAT_H

#include <envoi/queue.h>

#include "base/buffer.h"
#include "base/span.h"

#define ENVOI_FORMAT_HEAD 64
#define ENVOI_FORMAT_MARK 8
#define ENVOI_FORMAT_VERSION 1

/** What the head says. */
struct envoi_format_head {
	uint32_t version;
	uint64_t envelope_length, message_length;
	uint64_t envelope_sum, message_sum;
};

void envoi_format_put_head(
	const struct envoi_format_head *head, unsigned char out[ENVOI_FORMAT_HEAD]);

/** DATA with what is wrong. A later version is none: see version then. */
int envoi_format_get_head(const unsigned char in[ENVOI_FORMAT_HEAD],
	struct envoi_format_head *ret_head, struct envoi_error *err);

extern const unsigned char envoi_format_mark[ENVOI_FORMAT_MARK];

/** Where the message and the journal begin. */
uint64_t envoi_format_message(const struct envoi_format_head *head);
uint64_t envoi_format_journal(const struct envoi_format_head *head);

/** A text that may stand in an envelope or a journal. */
bool envoi_format_is_text(const char *text);

/** Appends the envelope. USAGE: a text has a control character; there is no
 * recipient; too large. SYSTEM. */
int envoi_format_put_envelope(struct envoi_buffer *out,
	const struct envoi_queue_envelope *envelope, struct envoi_error *err);

/** An envelope that was read; texts point into octets. */
struct envoi_format_envelope {
	struct envoi_queue_envelope envelope;
	struct envoi_queue_recipient *recipients;
	struct envoi_queue_setting *settings;
};

/** octets are to outlive it. DATA: it is none. SYSTEM. */
int envoi_format_get_envelope(struct envoi_span octets,
	struct envoi_format_envelope *ret_envelope, struct envoi_error *err);

/** Accepts a zeroed one. */
void envoi_format_finish_envelope(struct envoi_format_envelope *envelope);

/* -- the journal --------------------------------------------------------------- */

enum envoi_record_kind {
	ENVOI_RECORD_VERDICT = 1,
	ENVOI_RECORD_TRIAL,
	ENVOI_RECORD_HOLD,
	ENVOI_RECORD_REVIVE,
};

/** A record; texts and indices point into what it was read from. */
struct envoi_record {
	enum envoi_record_kind kind;
	struct envoi_verdict verdict;
	/** Of indices, each 4 octets, see envoi_record_index(). */
	const unsigned char *indices;
	size_t count;
	/** TRIAL all but held, HOLD held. */
	struct envoi_trials trials;
	/** REVIVE. */
	int64_t at;
};

size_t envoi_record_index(const struct envoi_record *record, size_t i);

/** Append a record that will stand at offset of the file. -1: no memory. */
int envoi_record_put_verdict(struct envoi_buffer *out, uint64_t offset,
	const struct envoi_verdict *verdict, const size_t *indices, size_t n);
int envoi_record_put_trial(
	struct envoi_buffer *out, uint64_t offset, const struct envoi_trials *trials);
int envoi_record_put_hold(struct envoi_buffer *out, uint64_t offset, bool held);
int envoi_record_put_revive(struct envoi_buffer *out, uint64_t offset, int64_t at);

enum envoi_record_found {
	ENVOI_RECORD_GOOD,
	/** No octets left. */
	ENVOI_RECORD_END,
	/** Only zeroes: room that was reserved. */
	ENVOI_RECORD_FREE,
	/** Its writing was cut short: it never was. */
	ENVOI_RECORD_TORN,
	/** Something that was whole has been damaged. */
	ENVOI_RECORD_BAD,
};

/** The record at the start of rest, which is all that follows in the file from
 * offset on; *ret_size its octets when it is GOOD. */
enum envoi_record_found envoi_record_get(struct envoi_span rest, uint64_t offset,
	struct envoi_record *ret_record, size_t *ret_size);

#endif
