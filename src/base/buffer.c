/*
 * A growing byte buffer; see the header.
 */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void envoi_buffer_init(struct envoi_buffer *buffer, size_t max)
{
	*buffer = (struct envoi_buffer){.max = max};
}

void envoi_buffer_finish(struct envoi_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct envoi_buffer){.max = buffer->max};
}

struct envoi_span envoi_buffer_span(const struct envoi_buffer *buffer)
{
	if (buffer->len == 0) {
		return (struct envoi_span){"", 0};
	}
	return (struct envoi_span){buffer->data + buffer->start, buffer->len};
}

/* Room for n octets behind the content, whatever the maximum. */
static int make_room(struct envoi_buffer *buffer, size_t n)
{
	if (buffer->capacity - buffer->start - buffer->len >= n) {
		return 0;
	}
	if (buffer->start > 0) {
		memmove(buffer->data, buffer->data + buffer->start, buffer->len);
		buffer->start = 0;
		if (buffer->capacity - buffer->len >= n) {
			return 0;
		}
	}
	size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
	while (capacity - buffer->len < n) {
		if (capacity > SIZE_MAX / 2) {
			return -1;
		}
		capacity *= 2;
	}
	char *data = realloc(buffer->data, capacity);
	if (data == NULL) {
		return -1;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

char *envoi_buffer_reserve(struct envoi_buffer *buffer, size_t n)
{
	if (n > buffer->max || buffer->len > buffer->max - n
		|| make_room(buffer, n) != 0) {
		return NULL;
	}
	return buffer->data + buffer->start + buffer->len;
}

void envoi_buffer_added(struct envoi_buffer *buffer, size_t n)
{
	buffer->len += n;
}

int envoi_buffer_append(struct envoi_buffer *buffer, const void *bytes, size_t n)
{
	if (n == 0) {
		return 0;
	}
	char *to = envoi_buffer_reserve(buffer, n);
	if (to == NULL) {
		return -1;
	}
	memcpy(to, bytes, n);
	buffer->len += n;
	return 0;
}

int envoi_buffer_puts(struct envoi_buffer *buffer, const char *string)
{
	return envoi_buffer_append(buffer, string, strlen(string));
}

int envoi_buffer_printf(struct envoi_buffer *buffer, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0) {
		return -1;
	}
	size_t length = (size_t)n;
	if (length > buffer->max || buffer->len > buffer->max - length
		|| make_room(buffer, length + 1) != 0) {
		return -1;
	}
	va_start(args, format);
	(void)vsnprintf(
		buffer->data + buffer->start + buffer->len, length + 1, format, args);
	va_end(args);
	buffer->len += length;
	return 0;
}

void envoi_buffer_consume(struct envoi_buffer *buffer, size_t n)
{
	buffer->start += n;
	buffer->len -= n;
	if (buffer->len == 0) {
		buffer->start = 0;
	}
}

void envoi_buffer_clear(struct envoi_buffer *buffer)
{
	buffer->start = 0;
	buffer->len = 0;
}

const char *envoi_buffer_string(struct envoi_buffer *buffer)
{
	if (make_room(buffer, 1) != 0) {
		return NULL;
	}
	buffer->data[buffer->start + buffer->len] = '\0';
	return buffer->data + buffer->start;
}
