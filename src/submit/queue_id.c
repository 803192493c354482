/*
 * Queue ids in final replies. Known are (the id in brackets):
 *
 *     Postfix      Ok: queued as [4F2A]
 *     Exim         OK id=[1rXyZ-0001Ab-2C]
 *     Sendmail     [3A8B] Message accepted for delivery
 *     OpenSMTPD    [ab12cd34] Message accepted for delivery
 *     qmail        ok 1700000000 qp [5678]
 *     Exchange     <id@host> [InternalId=[123], Hostname=h] Queued mail for delivery
 *     Google       OK  1700000000 [ab12-cd34] - gsmtp
 *     Dovecot      <b@example.org> [ab12Cd34] Saved
 *     Amazon SES   Ok [0100018c-...]
 */
#include "submit/queue_id.h"

#include <stdbool.h>
#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Where marker begins in text, ASCII case aside; text.len: nowhere. */
static size_t find(struct envoi_span text, const char *marker)
{
	for (size_t i = 0; i < text.len; i++) {
		struct envoi_span rest = {text.data + i, text.len - i};
		if (envoi_span_starts_nocase(rest, marker)) {
			return i;
		}
	}
	return text.len;
}

static bool is_mark(char c)
{
	return strchr(".,;:)>]'\"", c) != NULL;
}

/* The word at the front of text without marks around it; nothing when it is
 * no word of visible ASCII. */
static struct envoi_span word_at(struct envoi_span text)
{
	size_t n = 0;
	while (text.len > 0 && (text.data[0] == '<' || text.data[0] == '(')) {
		text.data++;
		text.len--;
	}
	while (n < text.len && !is_space(text.data[n]) && text.data[n] != ',') {
		if (text.data[n] < 0x21 || text.data[n] > 0x7e) {
			return (struct envoi_span){text.data, 0};
		}
		n++;
	}
	while (n > 0 && is_mark(text.data[n - 1])) {
		n--;
	}
	return (struct envoi_span){text.data, n};
}

static struct envoi_span word_behind(struct envoi_span text, const char *marker)
{
	size_t at = find(text, marker);
	if (at == text.len) {
		return (struct envoi_span){text.data, 0};
	}
	at += strlen(marker);
	return word_at((struct envoi_span){text.data + at, text.len - at});
}

static bool has_digit(struct envoi_span word)
{
	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] >= '0' && word.data[i] <= '9') {
			return true;
		}
	}
	return false;
}

/* The word before marker, which begins with a space. Where it has no digit it
 * may be any word. */
static struct envoi_span word_before(struct envoi_span text, const char *marker)
{
	struct envoi_span none = {text.data, 0};
	size_t end = find(text, marker);
	if (end == text.len) {
		return none;
	}
	size_t begin = end;
	while (begin > 0 && !is_space(text.data[begin - 1])) {
		begin--;
	}
	struct envoi_span word =
		word_at((struct envoi_span){text.data + begin, end - begin});
	return has_digit(word) ? word : none;
}

/* "Ok ID" and nothing else. */
static struct envoi_span lone_word(struct envoi_span text)
{
	struct envoi_span rest = text;
	struct envoi_span first = envoi_span_word(&rest);
	struct envoi_span word = envoi_span_word(&rest);
	bool lone = envoi_span_equal_nocase(first, "ok") && word.len >= 6
		    && envoi_span_trim(rest).len == 0 && has_digit(word);
	return lone ? word_at(word) : (struct envoi_span){text.data, 0};
}

struct envoi_span envoi_queue_id(struct envoi_span text)
{
	static const struct {
		bool before;
		const char *marker;
	} ways[] = {
		{false, "queued as "},
		{false, "InternalId="},
		{false, " id="},
		{false, " qp "},
		{true, " Message accepted for delivery"},
		{true, " - gsmtp"},
		{true, " Saved"},
	};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct envoi_span id = ways[i].before ? word_before(text, ways[i].marker)
						      : word_behind(text, ways[i].marker);
		if (id.len > 0) {
			return id;
		}
	}
	return lone_word(text);
}
