/*
 * Borrowed bytes: a pointer and a length. Never owns, never outlives what it
 * points into. Strict helpers for text that comes from outside; ASCII only,
 * independent of the locale.
 */
#ifndef ENVOI_BASE_SPAN_H
#define ENVOI_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct envoi_buffer;

struct envoi_span {
	const char *data;
	size_t len;
};

/** The span of a NUL-terminated string. */
struct envoi_span envoi_span_of(const char *string);

/** Octet for octet the same, or but for ASCII case. */
bool envoi_span_equal(struct envoi_span a, struct envoi_span b);
bool envoi_span_equal_nocase(struct envoi_span a, const char *b);
bool envoi_span_starts_nocase(struct envoi_span a, const char *prefix);

/** Without blanks (space, tab) at both ends. */
struct envoi_span envoi_span_trim(struct envoi_span span);

/**
 * Takes the next word (octets up to a space or tab) off the front of *rest,
 * leading blanks skipped. Empty when there is none left.
 */
struct envoi_span envoi_span_word(struct envoi_span *rest);

/**
 * An unsigned decimal number, digits only, all of the span, at most max.
 * 0 with *ret_value set, or -1.
 */
int envoi_span_number(struct envoi_span span, uint64_t max, uint64_t *ret_value);

/** A heap copy as a string; NULL when out of memory. NULs are kept inside. */
char *envoi_span_dup(struct envoi_span span);

/**
 * Appends the span fit for any terminal: printable ASCII as it is, all else
 * (C0, DEL, C1, 8-bit) as \xHH, a backslash doubled. 0, or -1 as
 * envoi_buffer_append().
 */
int envoi_span_escape(struct envoi_buffer *out, struct envoi_span span);

/** The same, but letters and signs in UTF-8 stay: all of it that is no control or
 * format character, no blank and not unassigned. */
int envoi_span_show(struct envoi_buffer *out, struct envoi_span span);

/** Octets of the character at the front that may be shown as it is, printable ASCII
 * or as above; 0: none. */
size_t envoi_span_visible(struct envoi_span span);

#endif
