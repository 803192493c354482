/*
 * Finds line ends in a block. Remembers the next CR and the next LF, so that a
 * block that has none of one kind is searched for it once, not once a line.
 */
#ifndef ENVOI_MESSAGE_LINES_H
#define ENVOI_MESSAGE_LINES_H

#include <stddef.h>
#include <string.h>

struct envoi_lines {
	const char *end;
	/** The next one at or behind the last position asked for, or end. */
	const char *cr;
	const char *lf;
};

static inline const char *envoi_lines_search(const char *from, const char *end, char c)
{
	const char *found = from < end ? memchr(from, c, (size_t)(end - from)) : NULL;
	return found != NULL ? found : end;
}

static inline struct envoi_lines envoi_lines_init(const char *begin, size_t n)
{
	const char *end = begin + n;
	return (struct envoi_lines){
		.end = end,
		.cr = envoi_lines_search(begin, end, '\r'),
		.lf = envoi_lines_search(begin, end, '\n'),
	};
}

/** The first CR or LF at or behind from, or the end. from never goes back. */
static inline const char *envoi_lines_find(struct envoi_lines *lines, const char *from)
{
	if (lines->lf < from) {
		lines->lf = envoi_lines_search(from, lines->end, '\n');
	}
	if (lines->cr < from) {
		lines->cr = envoi_lines_search(from, lines->end, '\r');
	}
	return lines->cr < lines->lf ? lines->cr : lines->lf;
}

#endif
