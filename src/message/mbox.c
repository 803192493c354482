/*
 * Separators and quoting of mboxes; see the header.
 *
 *   separator = "From " sender 1*( blank word ) line-end
 *               ; among the words one that begins as a time, HH:MM or H:MM,
 *               ; and one that is a year, four digits
 *   quoted    = 1*">" "From " ...
 */
#include "message/mbox.h"

#include <string.h>

static const char from[] = "From ";
#define FROM_LEN (sizeof(from) - 1)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t count_digits(struct envoi_span word)
{
	size_t n = 0;
	while (n < word.len && is_digit(word.data[n])) {
		n++;
	}
	return n;
}

static bool is_time(struct envoi_span word)
{
	size_t n = count_digits(word);
	return (n == 1 || n == 2) && word.len >= n + 3 && word.data[n] == ':'
	       && is_digit(word.data[n + 1]) && is_digit(word.data[n + 2])
	       && (word.len == n + 3 || word.data[n + 3] == ':');
}

bool envoi_mbox_is_separator(const char *line, size_t n, bool at_end)
{
	if (n < FROM_LEN || memcmp(line, from, FROM_LEN) != 0) {
		return false;
	}
	const char *lf = memchr(line, '\n', n);
	if (lf == NULL && !at_end) {
		return false;
	}
	struct envoi_span rest = {
		line + FROM_LEN, (lf != NULL ? (size_t)(lf - line) : n) - FROM_LEN};
	if (rest.len > 0 && rest.data[rest.len - 1] == '\r') {
		rest.len--;
	}
	bool has_time = false;
	bool has_year = false;
	(void)envoi_span_word(&rest);
	for (;;) {
		struct envoi_span word = envoi_span_word(&rest);
		if (word.len == 0) {
			return has_time && has_year;
		}
		has_time = has_time || is_time(word);
		has_year = has_year || (word.len == 4 && count_digits(word) == 4);
	}
}

enum {
	/* Within a line, or at a start where no ">" is. */
	TEXT,
	LINE_START,
	/* Behind ">"s at a line's start. */
	HELD,
	/* What was held goes out. */
	RELEASE,
};

void envoi_unquote_init(struct envoi_unquote *unquote, bool once)
{
	*unquote = (struct envoi_unquote){.state = LINE_START, .once = once};
}

static struct envoi_span take(struct envoi_span *in, size_t n)
{
	struct envoi_span piece = {in->data, n};
	in->data += n;
	in->len -= n;
	return piece;
}

/* All of in up to the next line that begins with ">". */
static struct envoi_span take_text(struct envoi_unquote *unquote, struct envoi_span *in)
{
	const char *end = in->data + in->len;
	const char *p = in->data;
	for (;;) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		if (lf == NULL) {
			return take(in, in->len);
		}
		p = lf + 1;
		if (p == end || *p == '>') {
			unquote->state = LINE_START;
			return take(in, (size_t)(p - in->data));
		}
	}
}

/* Reads held octets until it is known whether one goes. */
static void hold(struct envoi_unquote *unquote, struct envoi_span *in)
{
	while (in->len > 0) {
		char c = in->data[0];
		if (c == '>' && unquote->matched == 0) {
			unquote->arrows++;
		} else if (c == from[unquote->matched]) {
			unquote->matched++;
		} else {
			unquote->state = RELEASE;
			return;
		}
		(void)take(in, 1);
		if (unquote->matched == FROM_LEN) {
			if (!unquote->once || unquote->arrows == 1) {
				unquote->arrows--;
			}
			unquote->state = RELEASE;
			return;
		}
	}
}

static struct envoi_span release(struct envoi_unquote *unquote)
{
	static const char arrows[] = ">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>";
	struct envoi_span piece = {arrows, sizeof(arrows) - 1};
	if (unquote->arrows > 0) {
		if (unquote->arrows < piece.len) {
			piece.len = (size_t)unquote->arrows;
		}
		unquote->arrows -= piece.len;
		return piece;
	}
	piece = (struct envoi_span){from, unquote->matched};
	unquote->matched = 0;
	unquote->state = TEXT;
	return piece;
}

struct envoi_span envoi_unquote_next(struct envoi_unquote *unquote, struct envoi_span *in)
{
	for (;;) {
		if (unquote->state == RELEASE) {
			struct envoi_span piece = release(unquote);
			if (piece.len > 0) {
				return piece;
			}
		}
		if (in->len == 0) {
			return (struct envoi_span){"", 0};
		}
		switch (unquote->state) {
		case LINE_START:
			unquote->state = in->data[0] == '>' ? HELD : TEXT;
			break;
		case HELD:
			hold(unquote, in);
			break;
		default:
			return take_text(unquote, in);
		}
	}
}

void envoi_unquote_finish(struct envoi_unquote *unquote)
{
	if (unquote->state == HELD) {
		unquote->state = RELEASE;
	}
}
