/*
 * The pieces addresses are made of (RFC 5322 3.2): blanks and folds, comments,
 * quoted strings, encoded words. Each is passed once, without recursion.
 */
#include "message/address_internal.h"

#include <string.h>

/* RFC 2047 2 allows 75; real ones are longer. What looks for their end looks
 * no further. */
#define ENCODED_WORD_MAX 1000

bool envoi_address_fail(struct envoi_address_parser *parser, const char *why)
{
	if (parser->why == NULL) {
		parser->why = why;
	}
	return false;
}

char envoi_address_peek(const struct envoi_address_parser *parser)
{
	return parser->p < parser->end ? *parser->p : '\0';
}

bool envoi_address_is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool envoi_address_is_atext(char c)
{
	return envoi_address_is_alnum(c) || (unsigned char)c > 127
	       || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

bool envoi_address_put_local(struct envoi_address_parser *parser, char c)
{
	if (parser->local_len == sizeof(parser->local)) {
		return envoi_address_fail(parser, "too long");
	}
	parser->local[parser->local_len++] = c;
	return true;
}

bool envoi_address_at_blank(const struct envoi_address_parser *parser)
{
	char c = envoi_address_peek(parser);
	if (c == ' ' || !parser->list) {
		return c == ' ';
	}
	if (c == '\n') {
		const char *next = parser->p + 1;
		return next == parser->end || *next == ' ' || *next == '\t';
	}
	return c == '\t' || c == '\r';
}

bool envoi_address_skip_comments(struct envoi_address_parser *parser, bool blanks)
{
	size_t depth = 0;
	for (; parser->p < parser->end; parser->p++) {
		char c = *parser->p;
		if (c == '(') {
			depth++;
		} else if (depth == 0) {
			if (!blanks || !envoi_address_at_blank(parser)) {
				return true;
			}
		} else if (c == ')') {
			depth--;
		} else if (c == '\\' && parser->end - parser->p > 1) {
			parser->p++;
		}
	}
	return depth == 0 || envoi_address_fail(parser, "a comment has no end");
}

bool envoi_address_read_quoted(struct envoi_address_parser *parser, bool keep)
{
	for (parser->p++; parser->p < parser->end; parser->p++) {
		if (*parser->p == '"') {
			parser->p++;
			return true;
		}
		/* A fold is no part of the string, but for its blank. */
		if (parser->list && (*parser->p == '\r' || *parser->p == '\n')) {
			continue;
		}
		if (*parser->p == '\\' && parser->end - parser->p > 1) {
			parser->p++;
		}
		if (keep && !envoi_address_put_local(parser, *parser->p)) {
			return false;
		}
	}
	return envoi_address_fail(parser, "a quoted string has no end");
}

/* At "[": behind the "]", when only what literals are made of is between. */
static void skip_literal(struct envoi_address_parser *parser)
{
	const char *p = parser->p + 1;
	while (p < parser->end
		&& (envoi_address_is_alnum(*p) || (*p != '\0' && strchr(".:-", *p)))) {
		p++;
	}
	parser->p = p < parser->end && *p == ']' ? p + 1 : parser->p + 1;
}

/* At "=": behind the encoded word (RFC 2047 2) that stands there, if any. Real
 * ones have commas in them, which they must not. */
static void skip_encoded_word(struct envoi_address_parser *parser)
{
	const char *end = parser->end - parser->p > ENCODED_WORD_MAX
				  ? parser->p + ENCODED_WORD_MAX
				  : parser->end;
	unsigned marks = 0;
	for (const char *p = parser->p + 1; p < end && (unsigned char)*p > ' '; p++) {
		if (marks == 4) {
			if (*p == '=') {
				parser->p = p + 1;
				return;
			}
			break;
		}
		if (*p == '?') {
			marks++;
		} else if (marks == 0) {
			break;
		}
	}
	parser->p++;
}

bool envoi_address_skip_token(struct envoi_address_parser *parser)
{
	switch (envoi_address_peek(parser)) {
	case '"':
		return envoi_address_read_quoted(parser, false);
	case '(':
		return envoi_address_skip_comments(parser, false);
	case '[':
		skip_literal(parser);
		return true;
	case '=':
		skip_encoded_word(parser);
		return true;
	default:
		parser->p++;
		return true;
	}
}
