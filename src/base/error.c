/*
 * Errors in words, and which exit status weighs more.
 */
#include <envoi/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/span.h"

/* Texts may quote what a peer or a file said: nothing unprintable leaves. */
static void make_printable(char *text)
{
	for (char *p = text; *p != '\0';) {
		size_t n = envoi_span_visible(envoi_span_of(p));
		if (n == 0) {
			/* The lines of a reply; and what no terminal should see. */
			*p = *p == '\n' ? ' ' : '?';
		}
		p += n > 0 ? n : 1;
	}
}

int envoi_error_set(
	struct envoi_error *err, enum envoi_status status, const char *format, ...)
{
	if (err == NULL) {
		return -1;
	}
	int saved = errno;
	*err = (struct envoi_error){.status = status};
	va_list args;
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	make_printable(err->text);
	errno = saved;
	return -1;
}

const char *envoi_error_reason(int sys, char *out, size_t n)
{
	(void)snprintf(out, n, "%s", strerror(sys));
	/* "No such file" as in the rest of the line; not "RPC ...". */
	if (out[0] >= 'A' && out[0] <= 'Z' && out[1] >= 'a' && out[1] <= 'z') {
		out[0] = (char)(out[0] - 'A' + 'a');
	}
	return out;
}

int envoi_error_sys(struct envoi_error *err, enum envoi_status status, int sys,
	const char *format, ...)
{
	if (err == NULL) {
		return -1;
	}
	int saved = errno;
	*err = (struct envoi_error){.status = status, .sys = sys};
	va_list args;
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	size_t used = strlen(err->text);
	char why[128];
	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s",
		envoi_error_reason(sys, why, sizeof(why)));
	make_printable(err->text);
	errno = saved;
	return -1;
}

void envoi_error_hint(struct envoi_error *err, const char *format, ...)
{
	if (err == NULL) {
		return;
	}
	va_list args;
	va_start(args, format);
	(void)vsnprintf(err->hint, sizeof(err->hint), format, args);
	va_end(args);
	make_printable(err->hint);
}

/* Higher weighs more. */
static int weight(enum envoi_status status)
{
	switch (status) {
	case ENVOI_STATUS_OK:
		return 0;
	case ENVOI_STATUS_NOUSER:
		return 1;
	case ENVOI_STATUS_NOHOST:
		return 2;
	case ENVOI_STATUS_REFUSED:
		return 3;
	case ENVOI_STATUS_AUTH:
		return 4;
	case ENVOI_STATUS_TEMPORARY:
		return 5;
	case ENVOI_STATUS_PROTOCOL:
		return 6;
	default:
		return 7;
	}
}

enum envoi_status envoi_status_worse(enum envoi_status first, enum envoi_status second)
{
	return weight(second) > weight(first) ? second : first;
}
