/*
 * Encoded words; see the header.
 *
 *   encoded-word = "=?" charset "?" ( "Q" / "B" ) "?" encoded-text "?="
 *                  ; RFC 2047 2: at most 75 octets, lines with one at most 76
 *
 * Blanks between two encoded words are no part of the text (6.2), so all from
 * the first word that needs it to the last one is encoded, blanks included.
 */
#include "message/encoded_word.h"

#include <string.h>

#include "message/utf8.h"

#define WORD_MAX 75
#define COLUMNS_MAX 76
/* A word longer than this cannot be folded and goes near 998. */
#define PLAIN_MAX 900
/* "=?", "?Q?" and "?=". */
#define FRAME 7
/* The longest character in Q: four octets of three. */
#define CHARACTER_MAX 12

struct writer {
	struct envoi_buffer *out;
	size_t column;
	bool phrase;
	bool base64;
	const char *charset;
	bool utf8;
};

static bool is_utf8(struct envoi_span text)
{
	struct envoi_utf8 utf8 = {0};
	envoi_utf8_feed(&utf8, text.data, text.len);
	return envoi_utf8_is_good(&utf8);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_atext(char c)
{
	return c != '\0' && (is_alnum(c) || strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* May the octet stand for itself in Q? In a phrase: RFC 2047 5 (3). */
static bool is_q_literal(char c, bool phrase)
{
	if (is_alnum(c)) {
		return true;
	}
	return phrase ? c != '\0' && strchr("!*+-/", c) != NULL
		      : c > 32 && c < 127 && c != '=' && c != '?' && c != '_';
}

static int put(struct writer *w, const char *p, size_t n)
{
	w->column += n;
	return envoi_buffer_append(w->out, p, n);
}

static int put_line_end(struct writer *w)
{
	w->column = 0;
	return envoi_buffer_append(w->out, "\n", 1);
}

/* -- plain text ---------------------------------------------------------------- */

/* The blanks at text's front and the word behind them. */
static struct envoi_span take_word(struct envoi_span *text)
{
	size_t n = 0;
	while (n < text->len && is_blank(text->data[n])) {
		n++;
	}
	while (n < text->len && !is_blank(text->data[n])) {
		n++;
	}
	struct envoi_span word = {text->data, n};
	text->data += n;
	text->len -= n;
	return word;
}

static bool needs_encoding(struct envoi_span word)
{
	for (size_t i = 0; i < word.len; i++) {
		unsigned char c = (unsigned char)word.data[i];
		if (c > 126 || (c < 32 && c != '\t')
			|| (c == '=' && i + 1 < word.len && word.data[i + 1] == '?')) {
			return true;
		}
	}
	return word.len > PLAIN_MAX;
}

/* Words as they are, quoted inside a quoted string; a line may end before the
 * blanks that a word follows. */
static int put_plain(struct writer *w, struct envoi_span text, bool quoted)
{
	while (text.len > 0) {
		struct envoi_span word = take_word(&text);
		bool only_blanks = is_blank(word.data[word.len - 1]);
		if (is_blank(word.data[0]) && !only_blanks
			&& w->column + word.len > COLUMNS_MAX && w->column > 1
			&& put_line_end(w) != 0) {
			return -1;
		}
		for (size_t i = 0; i < word.len; i++) {
			char c = word.data[i];
			if ((quoted && (c == '"' || c == '\\') && put(w, "\\", 1) != 0)
				|| put(w, &c, 1) != 0) {
				return -1;
			}
		}
	}
	return 0;
}

/* -- encoded words ------------------------------------------------------------- */

static size_t base64_length(size_t n)
{
	return (n + 2) / 3 * 4;
}

static size_t q_length(struct envoi_span text, bool phrase)
{
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		n += c == ' ' || is_q_literal(c, phrase) ? 1 : 3;
	}
	return n;
}

static int put_base64(struct writer *w, struct envoi_span text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < text.len; i += 3) {
		unsigned char in[3] = {0};
		size_t n = text.len - i < 3 ? text.len - i : 3;
		memcpy(in, text.data + i, n);
		char quantum[4] = {
			digits[in[0] >> 2],
			digits[(in[0] & 3) << 4 | in[1] >> 4],
			(char)(n > 1 ? digits[(in[1] & 15) << 2 | in[2] >> 6] : '='),
			(char)(n > 2 ? digits[in[2] & 63] : '='),
		};
		if (put(w, quantum, sizeof(quantum)) != 0) {
			return -1;
		}
	}
	return 0;
}

static int put_q(struct writer *w, struct envoi_span text)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		unsigned char u = (unsigned char)c;
		char hex[3] = {'=', digits[u >> 4], digits[u & 15]};
		int result = c == ' '			  ? put(w, "_", 1)
			     : is_q_literal(c, w->phrase) ? put(w, &c, 1)
							  : put(w, hex, sizeof(hex));
		if (result != 0) {
			return -1;
		}
	}
	return 0;
}

/* As much of text as fits in room octets when encoded; at least a character. */
static struct envoi_span take_characters(
	const struct writer *w, struct envoi_span *text, size_t room)
{
	struct envoi_span part = {text->data, 0};
	size_t q = 0;
	while (part.len < text->len) {
		struct envoi_span rest = {text->data + part.len, text->len - part.len};
		size_t n = w->utf8 ? envoi_utf8_length(rest) : 1;
		rest.len = n;
		q += q_length(rest, w->phrase);
		size_t length = w->base64 ? base64_length(part.len + n) : q;
		if (length > room && part.len > 0) {
			break;
		}
		part.len += n;
	}
	text->data += part.len;
	text->len -= part.len;
	return part;
}

/* Behind the blanks that lead to it, if any. */
static int put_encoded(struct writer *w, struct envoi_span lead, struct envoi_span text)
{
	size_t frame = strlen(w->charset) + FRAME;
	w->base64 = base64_length(text.len) < q_length(text, w->phrase);
	for (bool first = true; text.len > 0; first = false) {
		size_t least = lead.len + frame + CHARACTER_MAX;
		if (!first || w->column + least > COLUMNS_MAX) {
			lead = first && lead.len > 0 ? lead : (struct envoi_span){" ", 1};
			if (put_line_end(w) != 0) {
				return -1;
			}
		}
		if (put(w, lead.data, lead.len) != 0) {
			return -1;
		}
		size_t room = COLUMNS_MAX - w->column;
		room = (room < WORD_MAX ? room : WORD_MAX) - frame;
		struct envoi_span part = take_characters(w, &text, room);
		if (put(w, "=?", 2) != 0 || put(w, w->charset, strlen(w->charset)) != 0
			|| put(w, w->base64 ? "?B?" : "?Q?", 3) != 0
			|| (w->base64 ? put_base64(w, part) : put_q(w, part)) != 0
			|| put(w, "?=", 2) != 0) {
			return -1;
		}
	}
	return 0;
}

/* -- text ---------------------------------------------------------------------- */

/* Between the blanks at both ends of the words that need it; empty: none. */
static struct envoi_span find_encoded(struct envoi_span text)
{
	struct envoi_span rest = text;
	struct envoi_span found = {text.data, 0};
	while (rest.len > 0) {
		struct envoi_span word = take_word(&rest);
		if (!needs_encoding(word)) {
			continue;
		}
		const char *end = word.data + word.len;
		if (found.len == 0) {
			found.data = word.data;
			while (is_blank(*found.data)) {
				found.data++;
			}
		}
		found.len = (size_t)(end - found.data);
	}
	return found;
}

static int put_phrase(struct writer *w, struct envoi_span text)
{
	bool atoms = text.len > 0 && !is_blank(text.data[0])
		     && !is_blank(text.data[text.len - 1]);
	for (size_t i = 0; i < text.len; i++) {
		/* Several blanks in a row would be as good as one. */
		bool blank = text.data[i] == ' ' && i > 0 && text.data[i - 1] != ' ';
		atoms = atoms && (is_atext(text.data[i]) || blank);
	}
	if (atoms) {
		return put_plain(w, text, false);
	}
	return put(w, "\"", 1) != 0 || put_plain(w, text, true) != 0 ? -1
								     : put(w, "\"", 1);
}

int envoi_encoded_word_put(
	struct envoi_buffer *out, struct envoi_span text, size_t column, bool phrase)
{
	struct envoi_span encoded = find_encoded(text);
	bool utf8 = is_utf8(text);
	struct writer w = {
		.out = out,
		.column = column,
		.phrase = phrase,
		.utf8 = utf8,
		.charset = utf8 ? "UTF-8" : "unknown-8bit",
	};
	struct envoi_span lead = {"", 0};
	if (phrase) {
		return encoded.len > 0 ? put_encoded(&w, lead, text)
				       : put_phrase(&w, text);
	}
	if (encoded.len == 0) {
		return put_plain(&w, text, false);
	}
	struct envoi_span before = {text.data, (size_t)(encoded.data - text.data)};
	struct envoi_span behind = {
		encoded.data + encoded.len, text.len - before.len - encoded.len};
	lead.data = encoded.data;
	while (before.len > 0 && is_blank(before.data[before.len - 1])
		&& lead.len < COLUMNS_MAX / 4) {
		before.len--;
		lead.data--;
		lead.len++;
	}
	if (put_plain(&w, before, false) != 0 || put_encoded(&w, lead, encoded) != 0) {
		return -1;
	}
	return put_plain(&w, behind, false);
}
