/*
 * Mends lines and NULs; see the header. A line is held until it ends or is too
 * long; then as much is written as makes a line, and the rest is held on.
 */
#include "message/mend.h"

#include <string.h>

/* RFC 2045 6.7, 6.8, as lines are that are made here. */
#define CODED_LINE 76

void envoi_mend_init(struct envoi_mend *mend, enum envoi_mend_kind kind, bool keep_lines,
	bool keep_nuls)
{
	mend->kind = kind;
	mend->keep_lines = keep_lines;
	mend->keep_nuls = keep_nuls && kind == ENVOI_MEND_TEXT;
	mend->after_cr = mend->cutting = false;
	mend->len = 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* -- where a line is cut -------------------------------------------------------- */

/* Before the last blank behind which something stands, and in front of which there is
 * more than the name of a field; 0: there is none. */
static size_t last_blank(const struct envoi_mend *mend)
{
	const char *line = mend->line;
	size_t text = 0, last = 0;
	while (text < mend->len && is_blank(line[text])) {
		text++;
	}
	for (size_t i = text + 1; i <= ENVOI_LINE_MAX && i + 1 < mend->len; i++) {
		if (is_blank(line[i]) && !is_blank(line[i + 1]) && line[i - 1] != ':') {
			last = i;
		}
	}
	return last;
}

/* Of a text without blanks; not within a character. */
static size_t hard_cut(const struct envoi_mend *mend)
{
	size_t n = ENVOI_LINE_MAX;
	while (n > ENVOI_LINE_MAX - 3 && (mend->line[n] & 0xC0) == 0x80) {
		n--;
	}
	return (mend->line[n] & 0xC0) == 0x80 ? ENVOI_LINE_MAX : n;
}

/* Whole tokens, with the "=" behind them one line. A "=" that is none stays with what
 * is behind it: alone at the end it would be a soft line break. */
static size_t qp_cut(const struct envoi_mend *mend)
{
	const char *line = mend->line;
	size_t cut = 0;
	for (size_t i = 0; i <= CODED_LINE - 1; i++) {
		if (i == 0 || line[i - 1] != '=') {
			cut = i;
		}
		if (line[i] == '=' && i + 2 < mend->len && is_hex(line[i + 1])
			&& is_hex(line[i + 2])) {
			i += 2;
		}
	}
	return cut > 0 ? cut : CODED_LINE - 1;
}

/* -- writing -------------------------------------------------------------------- */

static char *put(char *o, const char *text, size_t n)
{
	memcpy(o, text, n);
	return o + n;
}

/* Writes the first line of what is held, which is too long. */
static char *cut_line(struct envoi_mend *mend, char *o)
{
	size_t n, kept = 0;
	if (mend->kind == ENVOI_MEND_TEXT) {
		n = last_blank(mend);
		kept = n == 0 ? 1 : 0;
		n = n == 0 ? hard_cut(mend) : n;
	} else {
		n = mend->kind == ENVOI_MEND_QP ? qp_cut(mend) : CODED_LINE;
	}
	o = put(o, mend->line, n);
	o = put(o, "=\r\n" + (mend->kind == ENVOI_MEND_QP ? 0 : 1),
		mend->kind == ENVOI_MEND_QP ? 3 : 2);
	memmove(mend->line + kept, mend->line + n, mend->len - n);
	mend->line[0] = kept > 0 ? ' ' : mend->line[0];
	mend->len = mend->len - n + kept;
	mend->cutting = true;
	return o;
}

/* Cuts while more than most octets are held. */
static char *cut_to(struct envoi_mend *mend, char *o, size_t most)
{
	while (mend->len > most) {
		o = cut_line(mend, o);
	}
	return o;
}

static char *end_line(struct envoi_mend *mend, char *o)
{
	bool is_long = mend->cutting || mend->len > ENVOI_LINE_MAX;
	bool coded = mend->kind != ENVOI_MEND_TEXT && is_long;
	o = cut_to(mend, o, coded ? CODED_LINE : ENVOI_LINE_MAX);
	o = put(o, mend->line, mend->len);
	mend->len = 0;
	mend->cutting = false;
	return o;
}

static void hold(struct envoi_mend *mend, char c)
{
	static const char hex[] = "0123456789ABCDEF";
	bool odd = c == '\0' || (c & 0x80) != 0;
	if (mend->kind == ENVOI_MEND_QP && odd) {
		mend->line[mend->len++] = '=';
		mend->line[mend->len++] = hex[(unsigned char)c >> 4];
		mend->line[mend->len++] = hex[(unsigned char)c & 15];
	} else if ((c != '\0' || mend->keep_nuls)
		   && (mend->kind != ENVOI_MEND_BASE64 || (!odd && !is_blank(c)))) {
		mend->line[mend->len++] = c;
	}
}

static char *take(struct envoi_mend *mend, char *o, char c)
{
	bool second = mend->after_cr && c == '\n';
	mend->after_cr = c == '\r';
	if (second) {
		return o;
	}
	if (c == '\r' || c == '\n') {
		return put(end_line(mend, o), "\r\n", 2);
	}
	hold(mend, c);
	if (mend->keep_lines) {
		o = put(o, mend->line, mend->len);
		mend->len = 0;
		return o;
	}
	/* What is behind a blank says whether the line is broken before it. */
	bool coded = mend->kind != ENVOI_MEND_TEXT && mend->cutting;
	return cut_to(mend, o, coded ? (size_t)2 * CODED_LINE : ENVOI_LINE_MAX + 1);
}

size_t envoi_mend_feed(struct envoi_mend *mend, const char *in, size_t n, char *out,
	size_t room, size_t *ret_used)
{
	size_t used = 0;
	char *o = out;
	while (used < n && room - (size_t)(o - out) >= ENVOI_MEND_ROOM) {
		o = take(mend, o, in[used++]);
	}
	*ret_used = used;
	return (size_t)(o - out);
}

size_t envoi_mend_finish(struct envoi_mend *mend, char *out)
{
	return (size_t)(end_line(mend, out) - out);
}
