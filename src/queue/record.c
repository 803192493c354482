/*
 * Records of a spool file's journal: verdicts, trials, holds; see format.h.
 *
 * A record is written with one write and synced; what a crash can leave of it
 * is a part of its front, or octets that are zero still. So: one that reaches
 * over the end of the file, or whose checksum and all that follows is zero, was
 * torn, and counts as never written. Any other that is wrong
 * was damaged later, and what it said is lost.
 */
#include <string.h>

#include "base/checksum.h"
#include "base/limits.h"
#include "base/octets.h"
#include "queue/format.h"

#define RECORD_MAGIC 0x64726351u
#define HEAD 16
#define SUM 8
/* Of a verdict, before its texts. */
#define VERDICT 40
#define TRIAL 24

/* -- writing ------------------------------------------------------------------- */

/* Room for a record of n octets of payload; NULL: no memory. */
static unsigned char *begin(
	struct envoi_buffer *out, enum envoi_record_kind kind, size_t n, size_t *ret_size)
{
	size_t size = HEAD + ((n + 7) & ~(size_t)7) + SUM;
	unsigned char *p = (unsigned char *)envoi_buffer_reserve(out, size);
	if (p == NULL || n > UINT32_MAX) {
		return NULL;
	}
	memset(p, 0, size);
	envoi_octets_put32(p, RECORD_MAGIC);
	envoi_octets_put32(p + 4, (uint32_t)n);
	envoi_octets_put32(p + 8, ~(uint32_t)n);
	envoi_octets_put32(p + 12, (uint32_t)kind);
	*ret_size = size;
	return p;
}

static uint64_t sum_of(const unsigned char *p, size_t size, uint64_t offset)
{
	uint64_t sum = envoi_checksum_of(p, size - SUM, offset);
	/* Zero is what is not written yet. */
	return sum != 0 ? sum : 1;
}

static int end(struct envoi_buffer *out, unsigned char *p, size_t size, uint64_t offset)
{
	envoi_octets_put64(p + size - SUM, sum_of(p, size, offset));
	envoi_buffer_added(out, size);
	return 0;
}

/* Octets of a text with its NUL, cut, and its copy without control characters. */
static size_t text_size(const char *text)
{
	return text != NULL ? strnlen(text, ENVOI_LIMIT_VERDICT_TEXT) + 1 : 1;
}

static void put_text(unsigned char *p, const char *text)
{
	for (size_t i = 0; i + 1 < text_size(text); i++) {
		unsigned char c = (unsigned char)text[i];
		p[i] = c < 0x20 || c == 0x7f ? ' ' : c;
	}
}

int envoi_record_put_verdict(struct envoi_buffer *out, uint64_t offset,
	const struct envoi_verdict *verdict, const size_t *indices, size_t n)
{
	size_t text = text_size(verdict->text), server = text_size(verdict->server);
	size_t size = 0;
	unsigned char *record =
		begin(out, ENVOI_RECORD_VERDICT, VERDICT + 4 * n + text + server, &size);
	if (record == NULL) {
		return -1;
	}
	unsigned char *p = record + HEAD;
	envoi_octets_put64(p, (uint64_t)verdict->at);
	p[8] = (unsigned char)verdict->fate;
	p[9] = verdict->doubtful;
	p[10] = (unsigned char)verdict->status;
	envoi_octets_put32(p + 12, (uint32_t)verdict->code);
	for (size_t i = 0; i < 3; i++) {
		p[16 + 2 * i] = (unsigned char)verdict->enhanced[i];
		p[17 + 2 * i] = (unsigned char)(verdict->enhanced[i] >> 8);
	}
	envoi_octets_put32(p + 24, (uint32_t)text);
	envoi_octets_put32(p + 28, (uint32_t)server);
	envoi_octets_put32(p + 32, (uint32_t)n);
	p += VERDICT;
	for (size_t i = 0; i < n; i++, p += 4) {
		envoi_octets_put32(p, (uint32_t)indices[i]);
	}
	put_text(p, verdict->text);
	put_text(p + text, verdict->server);
	return end(out, record, size, offset);
}

int envoi_record_put_trial(
	struct envoi_buffer *out, uint64_t offset, const struct envoi_trials *trials)
{
	size_t size = 0;
	unsigned char *record =
		begin(out, ENVOI_RECORD_TRIAL, TRIAL + text_size(trials->why), &size);
	if (record == NULL) {
		return -1;
	}
	unsigned char *p = record + HEAD;
	envoi_octets_put32(p, trials->count);
	envoi_octets_put32(p + 4, trials->warned);
	envoi_octets_put64(p + 8, (uint64_t)trials->last);
	envoi_octets_put64(p + 16, (uint64_t)trials->next);
	put_text(p + TRIAL, trials->why);
	return end(out, record, size, offset);
}

static int put_number(struct envoi_buffer *out, uint64_t offset,
	enum envoi_record_kind kind, uint64_t value)
{
	size_t size = 0;
	unsigned char *record = begin(out, kind, 8, &size);
	if (record == NULL) {
		return -1;
	}
	envoi_octets_put64(record + HEAD, value);
	return end(out, record, size, offset);
}

int envoi_record_put_hold(struct envoi_buffer *out, uint64_t offset, bool held)
{
	return put_number(out, offset, ENVOI_RECORD_HOLD, held);
}

int envoi_record_put_revive(struct envoi_buffer *out, uint64_t offset, int64_t at)
{
	return put_number(out, offset, ENVOI_RECORD_REVIVE, (uint64_t)at);
}

/* -- reading ------------------------------------------------------------------- */

size_t envoi_record_index(const struct envoi_record *record, size_t i)
{
	return envoi_octets_get32(record->indices + 4 * i);
}

static bool is_text(const unsigned char *p, size_t size)
{
	return size > 0 && memchr(p, '\0', size) == p + size - 1
	       && envoi_format_is_text((const char *)p);
}

static bool get_verdict(struct envoi_record *record, const unsigned char *p, size_t n)
{
	if (n < VERDICT) {
		return false;
	}
	uint64_t text = envoi_octets_get32(p + 24), server = envoi_octets_get32(p + 28);
	record->count = envoi_octets_get32(p + 32);
	record->indices = p + VERDICT;
	if (VERDICT + 4 * (uint64_t)record->count + text + server != n
		|| p[8] > ENVOI_FATE_TOLD) {
		return false;
	}
	const unsigned char *texts = record->indices + 4 * record->count;
	record->verdict = (struct envoi_verdict){
		.at = (int64_t)envoi_octets_get64(p),
		.fate = (enum envoi_fate)p[8],
		.doubtful = p[9] != 0,
		.status = (enum envoi_status)p[10],
		.code = (int)(envoi_octets_get32(p + 12) % 1000),
		.text = (const char *)texts,
		.server = (const char *)texts + text,
	};
	for (size_t i = 0; i < 3; i++) {
		record->verdict.enhanced[i] =
			(unsigned short)(p[16 + 2 * i] | p[17 + 2 * i] << 8);
	}
	return is_text(texts, (size_t)text) && is_text(texts + text, (size_t)server);
}

static bool get_trial(struct envoi_record *record, const unsigned char *p, size_t n)
{
	if (n <= TRIAL || !is_text(p + TRIAL, n - TRIAL)) {
		return false;
	}
	record->trials = (struct envoi_trials){
		.count = envoi_octets_get32(p),
		.warned = envoi_octets_get32(p + 4) != 0,
		.last = (int64_t)envoi_octets_get64(p + 8),
		.next = (int64_t)envoi_octets_get64(p + 16),
		.why = (const char *)p + TRIAL,
	};
	return true;
}

static bool get_payload(struct envoi_record *record, const unsigned char *p, size_t n)
{
	switch (record->kind) {
	case ENVOI_RECORD_VERDICT:
		return get_verdict(record, p, n);
	case ENVOI_RECORD_TRIAL:
		return get_trial(record, p, n);
	case ENVOI_RECORD_HOLD:
		record->trials.held = n == 8 && p[0] != 0;
		return n == 8;
	case ENVOI_RECORD_REVIVE:
		record->at = n == 8 ? (int64_t)envoi_octets_get64(p) : 0;
		return n == 8;
	default:
		return false;
	}
}

static bool is_zero(const unsigned char *p, size_t n)
{
	while (n > 0 && *p == 0) {
		p++;
		n--;
	}
	return n == 0;
}

/* Fewer octets than a record has at least: the front of one? */
static enum envoi_record_found get_stump(const unsigned char *p, size_t n)
{
	unsigned char front[4];
	envoi_octets_put32(front, RECORD_MAGIC);
	return memcmp(p, front, n < 4 ? n : 4) == 0 ? ENVOI_RECORD_TORN
						    : ENVOI_RECORD_BAD;
}

enum envoi_record_found envoi_record_get(struct envoi_span rest, uint64_t offset,
	struct envoi_record *ret_record, size_t *ret_size)
{
	const unsigned char *p = (const unsigned char *)rest.data;
	*ret_record = (struct envoi_record){0};
	if (rest.len == 0) {
		return ENVOI_RECORD_END;
	}
	if (is_zero(p, rest.len)) {
		return ENVOI_RECORD_FREE;
	}
	if (rest.len < HEAD) {
		return get_stump(p, rest.len);
	}
	uint32_t n = envoi_octets_get32(p + 4);
	if (envoi_octets_get32(p) != RECORD_MAGIC || envoi_octets_get32(p + 8) != ~n) {
		/* Inside of its first octets, with reserved room behind? */
		return is_zero(p + 12, rest.len - 12) ? ENVOI_RECORD_TORN
						      : ENVOI_RECORD_BAD;
	}
	uint64_t size = HEAD + (((uint64_t)n + 7) & ~(uint64_t)7) + SUM;
	if (size > rest.len) {
		return ENVOI_RECORD_TORN;
	}
	const unsigned char *sum = p + size - SUM;
	if (is_zero(sum, SUM)) {
		return is_zero(sum, rest.len - (size_t)size + SUM) ? ENVOI_RECORD_TORN
								   : ENVOI_RECORD_BAD;
	}
	ret_record->kind = (enum envoi_record_kind)envoi_octets_get32(p + 12);
	if (envoi_octets_get64(sum) != sum_of(p, (size_t)size, offset)
		|| !get_payload(ret_record, p + HEAD, n)) {
		return ENVOI_RECORD_BAD;
	}
	*ret_size = (size_t)size;
	return ENVOI_RECORD_GOOD;
}
