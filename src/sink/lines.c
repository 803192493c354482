/*
 * Line ends and mboxrd quoting; see the header.
 */
#include "sink/lines.h"

#include <string.h>

static const char from[] = "From ";
#define FROM_LENGTH (sizeof(from) - 1)

void envoi_lines_init(struct envoi_lines *lines, FILE *file, bool keep, bool quote)
{
	*lines = (struct envoi_lines){
		.file = file,
		.keep = keep,
		.quote = quote,
		.start = true,
		.ended = true,
	};
}

static void put(struct envoi_lines *lines, const char *data, size_t n)
{
	if (n > 0) {
		(void)fwrite(data, 1, n, lines->file);
		lines->ended = data[n - 1] == '\n';
	}
}

/* The line is known to be of one kind: what was held back goes out. */
static void release(struct envoi_lines *lines)
{
	if (lines->matched == FROM_LENGTH) {
		put(lines, ">", 1);
	}
	for (; lines->brackets > 0; lines->brackets--) {
		put(lines, ">", 1);
	}
	put(lines, from, lines->matched);
	lines->matched = 0;
	lines->start = false;
}

/* Looks at the octets of a line's beginning; returns how many were taken. */
static size_t put_start(struct envoi_lines *lines, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '>' && lines->matched == 0) {
			lines->brackets++;
			continue;
		}
		if (data[i] != from[lines->matched]) {
			release(lines);
			return i;
		}
		if (++lines->matched == FROM_LENGTH) {
			release(lines);
			return i + 1;
		}
	}
	return n;
}

static void put_quoted(struct envoi_lines *lines, const char *data, size_t n)
{
	while (n > 0) {
		size_t taken = 0;
		if (lines->start) {
			taken = put_start(lines, data, n);
		} else {
			const char *lf = memchr(data, '\n', n);
			taken = lf == NULL ? n : (size_t)(lf - data) + 1;
			put(lines, data, taken);
			lines->start = lf != NULL;
		}
		data += taken;
		n -= taken;
	}
}

static void pass(struct envoi_lines *lines, const char *data, size_t n)
{
	if (lines->quote) {
		put_quoted(lines, data, n);
	} else {
		put(lines, data, n);
	}
}

void envoi_lines_write(struct envoi_lines *lines, struct envoi_span bytes)
{
	const char *data = bytes.data;
	size_t n = bytes.len;
	if (lines->keep) {
		pass(lines, data, n);
		return;
	}
	while (n > 0) {
		if (lines->cr && data[0] != '\n') {
			pass(lines, "\r", 1);
		}
		lines->cr = false;
		const char *cr = memchr(data, '\r', n);
		size_t run = cr == NULL ? n : (size_t)(cr - data);
		pass(lines, data, run);
		if (cr != NULL) {
			lines->cr = true;
			run++;
		}
		data += run;
		n -= run;
	}
}

void envoi_lines_end(struct envoi_lines *lines)
{
	if (lines->cr) {
		pass(lines, "\r", 1);
		lines->cr = false;
	}
	if (lines->quote) {
		release(lines);
		put(lines, "\n", lines->ended ? 0 : 1);
		put(lines, "\n", 1);
	}
}
