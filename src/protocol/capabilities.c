/*
 * The EHLO reply; see the header.
 */
#include "protocol/capabilities.h"

#include <string.h>

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Takes the keyword off the line; empty where it is malformed. */
static struct envoi_span take_keyword(struct envoi_span *line)
{
	struct envoi_span keyword = {line->data, 0};
	while (keyword.len < line->len
		&& (is_alnum(line->data[keyword.len])
			|| (keyword.len > 0 && line->data[keyword.len] == '-'))) {
		keyword.len++;
	}
	if (keyword.len < line->len) {
		char next = line->data[keyword.len];
		if (next != ' ' && next != '\t' && next != '=') {
			return (struct envoi_span){keyword.data, 0};
		}
		/* Only AUTH was ever written with "=" (before RFC 2554). */
		if (next == '=' && !envoi_span_equal_nocase(keyword, "AUTH")) {
			return (struct envoi_span){keyword.data, 0};
		}
		line->data += keyword.len + 1;
		line->len -= keyword.len + 1;
	} else {
		line->len = 0;
	}
	return keyword;
}

static bool has_word(const char *list, struct envoi_span word)
{
	struct envoi_span rest = envoi_span_of(list);
	struct envoi_span known;
	while ((known = envoi_span_word(&rest)).len > 0) {
		if (envoi_span_equal(known, word)) {
			return true;
		}
	}
	return false;
}

/* sasl-mech = 1*20 ( upper-case letter, digit, "-", "_" ), RFC 4422 3.1 */
static void add_mechanism(struct envoi_capabilities *capabilities, struct envoi_span word)
{
	char name[32];
	if (word.len == 0 || word.len >= sizeof(name)) {
		return;
	}
	for (size_t i = 0; i < word.len; i++) {
		char c = word.data[i];
		if (!is_alnum(c) && c != '-' && c != '_') {
			return;
		}
		name[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
	}
	struct envoi_span upper = {name, word.len};
	size_t used = strlen(capabilities->auth);
	if (has_word(capabilities->auth, upper)
		|| used + 1 + word.len >= sizeof(capabilities->auth)) {
		return;
	}
	if (used > 0) {
		capabilities->auth[used++] = ' ';
	}
	memcpy(capabilities->auth + used, name, word.len);
	capabilities->auth[used + word.len] = '\0';
}

/* name "=" number; 0 and malformed ones are no limit (RFC 9422 3). */
static void add_limit(struct envoi_capabilities *capabilities, struct envoi_span word)
{
	const char *equals = word.len > 0 ? memchr(word.data, '=', word.len) : NULL;
	if (equals == NULL) {
		return;
	}
	struct envoi_span name = {word.data, (size_t)(equals - word.data)};
	struct envoi_span digits = {equals + 1, word.len - name.len - 1};
	uint64_t value;
	if (envoi_span_number(digits, UINT32_MAX, &value) != 0 || value == 0) {
		return;
	}
	if (envoi_span_equal_nocase(name, "MAILMAX")) {
		capabilities->mail_max = value;
	} else if (envoi_span_equal_nocase(name, "RCPTMAX")) {
		capabilities->rcpt_max = value;
	} else if (envoi_span_equal_nocase(name, "RCPTDOMAINMAX")) {
		capabilities->rcpt_domain_max = value;
	}
}

static void add_size(struct envoi_capabilities *capabilities, struct envoi_span word)
{
	uint64_t limit;
	if (envoi_span_number(word, UINT64_MAX, &limit) != 0 || limit == 0) {
		return;
	}
	if (capabilities->size == 0 || limit < capabilities->size) {
		capabilities->size = limit;
	}
}

static void add_line(struct envoi_capabilities *capabilities, struct envoi_span line)
{
	struct envoi_span keyword = take_keyword(&line);
	uint32_t bit =
		keyword.len > 0 ? envoi_extension_find(keyword.data, keyword.len) : 0;
	capabilities->extensions |= bit;
	struct envoi_span word;
	if (bit == ENVOI_EXT_AUTH) {
		while ((word = envoi_span_word(&line)).len > 0) {
			add_mechanism(capabilities, word);
		}
	} else if (bit == ENVOI_EXT_LIMITS) {
		while ((word = envoi_span_word(&line)).len > 0) {
			add_limit(capabilities, word);
		}
	} else if (bit == ENVOI_EXT_SIZE) {
		add_size(capabilities, envoi_span_word(&line));
	} else if (bit == ENVOI_EXT_FUTURERELEASE) {
		(void)envoi_span_number(
			envoi_span_word(&line), UINT32_MAX, &capabilities->hold_most);
	} else if (bit == ENVOI_EXT_DELIVERBY) {
		(void)envoi_span_number(
			envoi_span_word(&line), UINT32_MAX, &capabilities->by_least);
	}
}

void envoi_capabilities_parse(
	struct envoi_capabilities *capabilities, struct envoi_span text)
{
	*capabilities = (struct envoi_capabilities){0};
	bool first = true;
	while (text.len > 0) {
		const char *lf = memchr(text.data, '\n', text.len);
		size_t n = lf != NULL ? (size_t)(lf - text.data) : text.len;
		if (!first) {
			add_line(capabilities, (struct envoi_span){text.data, n});
		}
		first = false;
		text.data += n;
		text.len -= n;
		if (lf != NULL) {
			text.data++;
			text.len--;
		}
	}
}

uint32_t envoi_capabilities_usable(
	const struct envoi_capabilities *capabilities, uint32_t without)
{
	uint32_t offered = capabilities->extensions;
	if ((offered & ENVOI_EXT_SMTPUTF8) != 0) {
		offered |= ENVOI_EXT_8BITMIME;
	}
	return offered & ~without;
}
