/*
 * What the argument of a keyword may be. Pure; judges by spelling only. The
 * reasons complete "FILE:LINE: KEYWORD ...".
 */
#include "config/keywords.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/words.h"

static char *refuse(char *why, size_t size, const char *text)
{
	(void)snprintf(why, size, "%s", text);
	return NULL;
}

static char *keep(struct envoi_span span, char *why)
{
	why[0] = '\0';
	return envoi_span_dup(span);
}

/* A shown argument: cut, so that the reason behind it stays readable. */
static char *refuse_argument(
	char *why, size_t size, struct envoi_span argument, const char *wanted)
{
	int n = argument.len > 60 ? 60 : (int)argument.len;
	(void)snprintf(why, size, "takes %s, not \"%.*s%s\"", wanted, n, argument.data,
		argument.len > 60 ? "..." : "");
	return NULL;
}

/* Is the span one of "a|b|c"? */
static bool is_word(struct envoi_span span, const char *words)
{
	while (*words != '\0') {
		size_t n = strcspn(words, "|");
		if (envoi_span_equal(span, (struct envoi_span){words, n})) {
			return true;
		}
		words += n + (words[n] == '|');
	}
	return false;
}

/* Is each part between commas one of words? */
static bool is_list(struct envoi_span span, const char *words, bool nocase)
{
	char part[32];
	size_t start = 0;
	for (size_t i = 0; i <= span.len; i++) {
		if (i < span.len && span.data[i] != ',') {
			continue;
		}
		size_t n = i - start;
		if (n == 0 || n > sizeof(part)) {
			return false;
		}
		for (size_t j = 0; j < n; j++) {
			char c = span.data[start + j];
			part[j] = nocase && c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A'))
								 : c;
		}
		if (!is_word((struct envoi_span){part, n}, words)) {
			return false;
		}
		start = i + 1;
	}
	return true;
}

/* "auto|on|off" as "auto, on, off". */
static const char *listed(const char *words, char *out, size_t size)
{
	size_t n = 0;
	for (; *words != '\0' && n + 3 < size; words++) {
		if (*words == '|') {
			out[n++] = ',';
			out[n++] = ' ';
		} else {
			out[n++] = *words;
		}
	}
	out[n] = '\0';
	return out;
}

static char *read_word(const struct envoi_keyword *keyword, struct envoi_span argument,
	char *why, size_t size)
{
	char list[80];
	const char *words =
		keyword->type == ENVOI_VALUE_SWITCH ? "on|off" : keyword->words;
	bool automatic = (keyword->flags & ENVOI_KEYWORD_AUTO) != 0;
	bool inverted = (keyword->flags & ENVOI_KEYWORD_INVERTED) != 0;
	if (argument.len == 0) {
		argument = envoi_span_of(
			is_word(envoi_span_of("auto"), words) ? "auto" : "on");
	}
	if (!is_word(argument, words)) {
		return refuse_argument(
			why, size, argument, listed(words, list, sizeof(list)));
	}
	if (automatic && envoi_span_equal(argument, envoi_span_of("on"))) {
		argument = envoi_span_of("auto");
	} else if (inverted) {
		bool on = envoi_span_equal(argument, envoi_span_of("on"));
		argument = envoi_span_of(on ? "off" : "on");
	}
	return keep(argument, why);
}

static bool is_number(struct envoi_span span, uint64_t min, uint64_t max)
{
	uint64_t value;
	return envoi_span_number(span, max, &value) == 0 && value >= min;
}

/* Digits with at most one point among them, above 0, up to 10 million. */
static bool is_seconds(struct envoi_span span)
{
	bool above = false, point = false;
	size_t whole = 0, digits = 0;
	for (size_t i = 0; i < span.len; i++) {
		char c = span.data[i];
		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9') {
			return false;
		}
		above |= c != '0';
		digits++;
		whole += !point;
	}
	return above && digits > 0 && whole <= 7;
}

static bool is_timeout(struct envoi_span argument)
{
	struct envoi_span rest = argument;
	struct envoi_span first = envoi_span_word(&rest);
	rest = envoi_span_trim(rest);
	if (rest.len == 0) {
		return envoi_span_equal(first, envoi_span_of("off")) || is_seconds(first);
	}
	return is_seconds(rest);
}

static char *read_auth(struct envoi_span argument, char *why, size_t size)
{
	static const char mechanisms[] =
		"plain|login|cram-md5|scram-sha-1|scram-sha-1-plus|scram-sha-256"
		"|scram-sha-256-plus|external|xoauth2|oauthbearer|digest-md5|ntlm|gssapi";
	if (argument.len == 0) {
		argument = envoi_span_of("on");
	}
	if (!is_word(argument, "on|off") && !is_list(argument, mechanisms, true)) {
		return refuse_argument(why, size, argument,
			"on, off, or a list of SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, "
			"SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN, CRAM-MD5, EXTERNAL, "
			"XOAUTH2, OAUTHBEARER");
	}
	return keep(argument, why);
}

static char *read_syslog(struct envoi_span argument, char *why, size_t size)
{
	static const char facilities[] =
		"on|off|LOG_USER|LOG_MAIL|LOG_LOCAL0|LOG_LOCAL1|LOG_LOCAL2|LOG_LOCAL3"
		"|LOG_LOCAL4|LOG_LOCAL5|LOG_LOCAL6|LOG_LOCAL7";
	if (argument.len == 0) {
		argument = envoi_span_of("on");
	}
	if (!is_word(argument, facilities)) {
		return refuse_argument(why, size, argument,
			"on, off, LOG_USER, LOG_MAIL or LOG_LOCAL0 to LOG_LOCAL7");
	}
	return keep(argument, why);
}

static char *read_argv(struct envoi_span argument, char *why, size_t size)
{
	char **argv = NULL;
	int result = envoi_words_split(argument, &argv);
	envoi_words_free(argv);
	switch (result) {
	case ENVOI_WORDS_OK:
		return keep(argument, why);
	case ENVOI_WORDS_OPEN:
		return refuse(why, size, "has a quote that is not closed");
	case ENVOI_WORDS_EMPTY:
		return refuse(why, size, "names no command");
	default:
		why[0] = '\0';
		return NULL;
	}
}

/* As in msmtp: only when the first and the last octet are quotes. */
static struct envoi_span unquote(struct envoi_span span)
{
	if (span.len >= 2 && span.data[0] == '"' && span.data[span.len - 1] == '"') {
		return (struct envoi_span){span.data + 1, span.len - 2};
	}
	return span;
}

static char *read_plain(const struct envoi_keyword *keyword, struct envoi_span argument,
	char *why, size_t size)
{
	switch (keyword->type) {
	case ENVOI_VALUE_PORT:
		if (!is_number(argument, 1, 65535)) {
			return refuse_argument(
				why, size, argument, "a number from 1 to 65535");
		}
		break;
	case ENVOI_VALUE_NUMBER:
		if (!is_number(argument, 0, 1000000)) {
			return refuse_argument(why, size, argument, "a number");
		}
		break;
	case ENVOI_VALUE_SECONDS:
		if (!is_seconds(argument)) {
			return refuse_argument(why, size, argument, "seconds above 0");
		}
		break;
	case ENVOI_VALUE_TIMEOUT:
		if (!is_timeout(argument)) {
			return refuse_argument(why, size, argument,
				"off, seconds, or a phase and seconds");
		}
		break;
	case ENVOI_VALUE_NOTIFY:
		if (!is_word(argument, "off|never")
			&& !is_list(argument, "failure|delay|success", false)) {
			return refuse_argument(why, size, argument,
				"off, never, or failure, delay, success with commas "
				"and no blanks between");
		}
		break;
	default:
		break;
	}
	return keep(argument, why);
}

char *envoi_keyword_value(const struct envoi_keyword *keyword, struct envoi_span argument,
	char *why, size_t why_size)
{
	if (keyword->type != ENVOI_VALUE_ARGV) {
		argument = unquote(argument);
	}
	if (argument.len == 0 && (keyword->flags & ENVOI_KEYWORD_EMPTY) == 0) {
		return refuse(why, why_size, "needs an argument");
	}
	switch (keyword->type) {
	case ENVOI_VALUE_SWITCH:
	case ENVOI_VALUE_WORD:
		return read_word(keyword, argument, why, why_size);
	case ENVOI_VALUE_AUTH:
		return read_auth(argument, why, why_size);
	case ENVOI_VALUE_SYSLOG:
		return read_syslog(argument, why, why_size);
	default:
		break;
	}
	if (argument.len == 0) {
		return keep(argument, why);
	}
	if (keyword->type == ENVOI_VALUE_ARGV) {
		return read_argv(argument, why, why_size);
	}
	return read_plain(keyword, argument, why, why_size);
}
