/*
 * A growing byte buffer with a maximum, read from the front.
 *
 * Owns its memory. Appending past the maximum or without memory fails and
 * leaves the content as it was. Bytes are bytes: nothing here ends at a NUL.
 */
#ifndef ENVOI_BASE_BUFFER_H
#define ENVOI_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct envoi_buffer {
	/** The allocation; the content is data[start..start+len). */
	char *data;
	size_t start;
	size_t len;
	size_t capacity;
	/** Most octets it may hold. */
	size_t max;
};

/** An empty buffer that may grow to max octets. Allocates nothing. */
void envoi_buffer_init(struct envoi_buffer *buffer, size_t max);

/** Frees the memory; a zeroed or finished buffer is accepted. */
void envoi_buffer_finish(struct envoi_buffer *buffer);

/** The content; valid until the next call that changes the buffer. */
struct envoi_span envoi_buffer_span(const struct envoi_buffer *buffer);

/** Appends n octets. 0, or -1 when over the maximum or out of memory. */
int envoi_buffer_append(struct envoi_buffer *buffer, const void *bytes, size_t n);

/** Appends a NUL-terminated string. 0 or -1 as envoi_buffer_append(). */
int envoi_buffer_puts(struct envoi_buffer *buffer, const char *string);

/** Appends printf-like. 0 or -1 as envoi_buffer_append(). */
int envoi_buffer_printf(struct envoi_buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * Makes room for n more octets behind the content and returns where they go,
 * NULL when over the maximum or out of memory. Follow with
 * envoi_buffer_added() for what was really written.
 */
char *envoi_buffer_reserve(struct envoi_buffer *buffer, size_t n);
void envoi_buffer_added(struct envoi_buffer *buffer, size_t n);

/** Drops n octets from the front; n is at most the length. */
void envoi_buffer_consume(struct envoi_buffer *buffer, size_t n);

/** Empties the buffer, keeps the memory. */
void envoi_buffer_clear(struct envoi_buffer *buffer);

/** Appends a NUL behind the content (not counted) and returns the content
 * as a string; NULL when out of memory. Valid until the next change. */
const char *envoi_buffer_string(struct envoi_buffer *buffer);

#endif
