/*
 * Escapes of conversation files; see the header.
 */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void no_memory(void)
{
	(void)fprintf(stderr, "out of memory\n");
	exit(2);
}

void text_init(struct envoi_buffer *buffer)
{
	envoi_buffer_init(buffer, SIZE_MAX / 4);
}

void text_append(struct envoi_buffer *buffer, const void *bytes, size_t n)
{
	if (envoi_buffer_append(buffer, bytes, n) != 0) {
		no_memory();
	}
}

void text_printf(struct envoi_buffer *buffer, const char *format, ...)
{
	char text[1200];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0) {
		text_append(buffer, text,
			(size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	}
}

void text_show(struct envoi_buffer *out, struct envoi_span span, size_t at)
{
	size_t from = at < span.len ? at : span.len;
	size_t n = span.len - from < 100 ? span.len - from : 100;
	text_append(out, "\"", 1);
	if (envoi_span_escape(out, (struct envoi_span){span.data + from, n}) != 0) {
		no_memory();
	}
	text_printf(out, "\"%s", n < span.len - from ? "..." : "");
}

char *text_copy(const void *bytes, size_t n)
{
	char *copy = text_alloc(n + 1, 1);
	if (n > 0) {
		memcpy(copy, bytes, n);
	}
	return copy;
}

void *text_alloc(size_t count, size_t size)
{
	void *memory = calloc(count > 0 ? count : 1, size);
	if (memory == NULL) {
		no_memory();
	}
	return memory;
}

void *text_more(void *array, size_t count, size_t size)
{
	/* Powers of two, so that many small steps cost little. */
	if (count > 0 && (count & (count - 1)) != 0) {
		return array;
	}
	void *grown = realloc(array, (count == 0 ? 1 : count * 2) * size);
	if (grown == NULL) {
		no_memory();
	}
	return grown;
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* \(N:TEXT), n octets from its "\" on; returns how many it takes, 0: bad. */
static size_t unescape_many(struct envoi_buffer *out, const char *text, size_t n)
{
	const char *end = memchr(text, ')', n);
	const char *colon = memchr(text, ':', n);
	if (end == NULL || colon == NULL || colon > end) {
		return 0;
	}
	char digits[16] = "";
	size_t length = (size_t)(colon - text) - 2;
	if (length == 0 || length >= sizeof(digits)) {
		return 0;
	}
	memcpy(digits, text + 2, length);
	unsigned long count = strtoul(digits, NULL, 10);
	for (unsigned long i = 1; i <= count; i++) {
		if (text_unescape(out, colon + 1, (size_t)(end - colon) - 1, (unsigned)i)
			!= 0) {
			return 0;
		}
	}
	return (size_t)(end - text) + 1;
}

/* One escape, at text[0] == '\\'; returns how many octets it takes, 0: bad. */
static size_t unescape_one(
	struct envoi_buffer *out, const char *text, size_t n, unsigned round)
{
	static const char names[] = "rnt0es\\";
	static const char octets[] = {'\r', '\n', '\t', '\0', 0x1b, ' ', '\\'};
	if (n < 2) {
		return 0;
	}
	const char *simple = memchr(names, text[1], sizeof(names) - 1);
	if (simple != NULL) {
		text_append(out, &octets[simple - names], 1);
		return 2;
	}
	if (text[1] == 'x' && n >= 4 && hex(text[2]) >= 0 && hex(text[3]) >= 0) {
		char octet = (char)(hex(text[2]) * 16 + hex(text[3]));
		text_append(out, &octet, 1);
		return 4;
	}
	if (text[1] == 'i' && round != NO_ROUND) {
		text_printf(out, "%u", round);
		return 2;
	}
	return text[1] == '(' ? unescape_many(out, text, n) : 0;
}

int text_unescape(struct envoi_buffer *out, const char *text, size_t n, unsigned round)
{
	for (size_t at = 0; at < n;) {
		const char *next = memchr(text + at, '\\', n - at);
		size_t plain = next != NULL ? (size_t)(next - text) - at : n - at;
		text_append(out, text + at, plain);
		at += plain;
		if (next == NULL) {
			return 0;
		}
		size_t used = unescape_one(out, next, n - at, round);
		if (used == 0) {
			return -1;
		}
		at += used;
	}
	return 0;
}
