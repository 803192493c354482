/*
 * Any octets as a message: the MIME walk finds the same parts however they are
 * split; parts lie in each other, in order; and what it says of a body is what
 * the body's octets say. The first octet chooses the split; the header is what
 * stands before the first empty line.
 */
#include <string.h>

#include "fuzz.h"
#include "message/mime.h"

static struct envoi_mime *walk(const char *data, size_t n, size_t head, size_t step)
{
	struct envoi_mime *mime = malloc(sizeof(*mime));
	struct envoi_error err = ENVOI_ERROR_NONE;
	MUST(mime != NULL);
	envoi_mime_init(mime);
	envoi_mime_head(mime, (struct envoi_span){data, head}, head, 1);
	for (size_t at = head; at < n; at += step) {
		envoi_mime_feed(mime, data + at, n - at < step ? n - at : step);
	}
	MUST(envoi_mime_end(mime, &err) == 0);
	return mime;
}

static void check_body(const struct envoi_mime *mime, const struct envoi_mime_part *part,
	const char *data)
{
	const char *body = data + part->body;
	size_t n = (size_t)(part->end - part->body);
	bool eight_bit = false, nul = false;
	if (part->kind == ENVOI_MIME_MULTIPART) {
		return;
	}
	for (size_t i = 0; i < n; i++) {
		eight_bit = eight_bit || (unsigned char)body[i] > 127;
		nul = nul || body[i] == '\0';
	}
	MUST((part->octets.eight_bit_line > 0) == eight_bit);
	MUST((part->octets.nul_line > 0) == nul);
	MUST(part->octets.longest <= n);
	if (part->is_text && part->encoding < ENVOI_ENCODING_QP) {
		struct envoi_transfer qp;
		char tail[ENVOI_TRANSFER_ROOM];
		envoi_transfer_init(&qp, ENVOI_TRANSFER_QP);
		envoi_transfer_count(&qp, body, n);
		(void)envoi_transfer_finish(&qp, tail);
		MUST(part->qp_size == qp.octets);
	}
	(void)mime;
}

static void check_parts(const struct envoi_mime *mime, const char *data, size_t n)
{
	MUST(mime->count >= 1 && mime->count <= ENVOI_LIMIT_MIME_PARTS);
	for (size_t i = 0; i < mime->count; i++) {
		const struct envoi_mime_part *part = &mime->parts[i];
		const struct envoi_mime_part *parent = &mime->parts[part->parent];
		MUST(part->body <= part->end && part->end <= n);
		MUST(part->encoding_start <= part->encoding_end);
		if (i > 0) {
			MUST(part->parent < i && parent->kind == ENVOI_MIME_MULTIPART);
			MUST(part->head <= part->fields_end);
			MUST(part->fields_end <= part->body);
			MUST(part->encoding_end == 0
				|| (part->encoding_start >= part->head
					&& part->encoding_end <= part->fields_end));
			MUST(part->head >= parent->body && part->end <= parent->end);
			MUST(part->head >= mime->parts[i - 1].body);
		}
		check_body(mime, part, data);
	}
}

static void check_same(const struct envoi_mime *a, const struct envoi_mime *b)
{
	MUST(a->count == b->count && a->has_version == b->has_version);
	MUST(memcmp(&a->outside, &b->outside, sizeof(a->outside)) == 0);
	for (size_t i = 0; i < a->count; i++) {
		const struct envoi_mime_part *x = &a->parts[i], *y = &b->parts[i];
		MUST(x->kind == y->kind && x->encoding == y->encoding);
		MUST(x->is_text == y->is_text && strcmp(x->type, y->type) == 0);
		MUST(x->parent == y->parent && x->line == y->line);
		MUST(x->head == y->head && x->fields_end == y->fields_end);
		MUST(x->body == y->body && x->end == y->end);
		MUST(x->encoding_start == y->encoding_start);
		MUST(x->encoding_end == y->encoding_end);
		MUST(x->octets.eight_bit_line == y->octets.eight_bit_line);
		MUST(x->head_eight_bit_line == y->head_eight_bit_line);
		MUST(x->octets.nul_line == y->octets.nul_line);
		MUST(x->octets.longest == y->octets.longest);
		MUST(x->octets.longest_line == y->octets.longest_line);
		MUST(x->octets.bare_cr == y->octets.bare_cr);
		MUST(x->qp_size == y->qp_size && x->plain_size == y->plain_size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	if (size == 0) {
		return 0;
	}
	const char *data = (const char *)octets + 1;
	size_t n = size - 1, head = 0;
	while (head + 1 < n && !(data[head] == '\n' && data[head + 1] == '\n')) {
		head++;
	}
	head = head + 1 < n ? head + 1 : 0;
	struct envoi_mime *whole = walk(data, n, head, n + 1);
	struct envoi_mime *split = walk(data, n, head, 1 + octets[0] % 61);
	check_parts(whole, data, n);
	check_same(whole, split);
	envoi_mime_finish(whole);
	envoi_mime_finish(split);
	free(whole);
	free(split);
	return 0;
}
