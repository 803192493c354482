/*
 * The text of a conversation file: escapes and repeat counts, as tests/README.md
 * describes them, and octets for people to read.
 */
#ifndef ENVOI_TESTS_TEXT_H
#define ENVOI_TESTS_TEXT_H

#include <stddef.h>

#include "base/buffer.h"

/** No round: \i means nothing. */
#define NO_ROUND 0

/** Appends what the text stands for; round is what \i means. 0, or -1 where an
 * escape is malformed. */
int text_unescape(struct envoi_buffer *out, const char *text, size_t n, unsigned round);

/** A buffer that may grow as it likes. */
void text_init(struct envoi_buffer *buffer);

/** Appends, or ends the program where there is no memory. */
void text_append(struct envoi_buffer *buffer, const void *bytes, size_t n);
void text_printf(struct envoi_buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** Appends at most some 100 octets from "at", escaped and in quotes. */
void text_show(struct envoi_buffer *out, struct envoi_span span, size_t at);

/** As malloc() of a copy with a NUL behind; ends the program on failure. */
char *text_copy(const void *bytes, size_t n);

/** calloc(), or the end of the program. */
void *text_alloc(size_t count, size_t size);

/** Grows an array for one more; returns where it is now. */
void *text_more(void *array, size_t count, size_t size);

#endif
