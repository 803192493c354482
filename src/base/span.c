/*
 * Borrowed bytes and strict, locale-free helpers for them.
 */
#include "base/span.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

struct envoi_span envoi_span_of(const char *string)
{
	return (struct envoi_span){string, strlen(string)};
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_nocase(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (lower(a[i]) != lower(b[i])) {
			return false;
		}
	}
	return true;
}

bool envoi_span_equal(struct envoi_span a, struct envoi_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool envoi_span_equal_nocase(struct envoi_span a, const char *b)
{
	return a.len == strlen(b) && same_nocase(a.data, b, a.len);
}

bool envoi_span_starts_nocase(struct envoi_span a, const char *prefix)
{
	size_t n = strlen(prefix);
	return a.len >= n && same_nocase(a.data, prefix, n);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct envoi_span envoi_span_trim(struct envoi_span span)
{
	while (span.len > 0 && is_blank(span.data[0])) {
		span.data++;
		span.len--;
	}
	while (span.len > 0 && is_blank(span.data[span.len - 1])) {
		span.len--;
	}
	return span;
}

struct envoi_span envoi_span_word(struct envoi_span *rest)
{
	*rest = envoi_span_trim(*rest);
	struct envoi_span word = {rest->data, 0};
	while (word.len < rest->len && !is_blank(rest->data[word.len])) {
		word.len++;
	}
	rest->data += word.len;
	rest->len -= word.len;
	return word;
}

int envoi_span_number(struct envoi_span span, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;
	if (span.len == 0) {
		return -1;
	}
	for (size_t i = 0; i < span.len; i++) {
		if (span.data[i] < '0' || span.data[i] > '9') {
			return -1;
		}
		unsigned digit = (unsigned)(span.data[i] - '0');
		if (value > (max - digit) / 10 || digit > max) {
			return -1;
		}
		value = value * 10 + digit;
	}
	*ret_value = value;
	return 0;
}

char *envoi_span_dup(struct envoi_span span)
{
	char *copy = malloc(span.len + 1);
	if (copy != NULL) {
		if (span.len > 0) {
			memcpy(copy, span.data, span.len);
		}
		copy[span.len] = '\0';
	}
	return copy;
}

int envoi_span_escape(struct envoi_buffer *out, struct envoi_span span)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < span.len; i++) {
		unsigned char c = (unsigned char)span.data[i];
		int failed;
		if (c == '\\') {
			failed = envoi_buffer_append(out, "\\\\", 2);
		} else if (c >= 0x20 && c <= 0x7e) {
			failed = envoi_buffer_append(out, &span.data[i], 1);
		} else {
			char code[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
			failed = envoi_buffer_append(out, code, sizeof(code));
		}
		if (failed != 0) {
			return -1;
		}
	}
	return 0;
}
