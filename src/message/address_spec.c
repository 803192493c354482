/*
 * One element of an address list (RFC 5321 4.1.2, read with the liberties of
 * RFC 5322 3.4 and 4.4).
 *
 *   address    = [phrase] "<" [route] addr-spec ">" / addr-spec
 *   route      = "@" domain *("," "@" domain) ":"        ; dropped
 *   addr-spec  = local-part "@" domain / "postmaster"
 *   local-part = 1*(atext / "." / quoted-string)
 *   domain     = label *("." label) / address-literal
 *
 * Comments and blanks may stand between these, in a list around the dots as
 * well. Real mailboxes have dots at the ends or two in a row; they are taken
 * as typed. The phrase is not judged: people write anything there.
 */
#include "message/address_internal.h"

#include <string.h>

static const char several[] = "more than one; one address each";

/* In a list: goes over blanks and comments that stand beside a dot of an
 * addr-spec, of which dot says that it was just read. False: they end it, and
 * the parser stays in front of them. */
static bool skip_inner(struct envoi_address_parser *parser, bool dot)
{
	const char *begin = parser->p;
	if (!parser->list || !envoi_address_skip_comments(parser, true)
		|| parser->p == begin) {
		return false;
	}
	char c = envoi_address_peek(parser);
	if (dot ? c == '"' || c == '[' || envoi_address_is_atext(c) : c == '.') {
		return true;
	}
	parser->p = begin;
	return false;
}

static bool read_local(struct envoi_address_parser *parser)
{
	const char *begin = parser->p;
	bool dot = false;
	for (;;) {
		char c = envoi_address_peek(parser);
		if (c == '"') {
			if (!envoi_address_read_quoted(parser, true)) {
				return false;
			}
		} else if (envoi_address_is_atext(c) || c == '.') {
			if (!envoi_address_put_local(parser, c)) {
				return false;
			}
			parser->p++;
		} else if (parser->p == begin || !skip_inner(parser, dot)) {
			break;
		}
		dot = c == '.';
	}
	return parser->why == NULL
	       && (parser->p > begin || envoi_address_peek(parser) != '@'
		       || envoi_address_fail(parser, "nothing before \"@\""));
}

static bool put_domain(struct envoi_address_parser *parser, char c)
{
	if (parser->domain_len == sizeof(parser->domain) - 1) {
		return envoi_address_fail(parser, "the domain is too long");
	}
	parser->domain[parser->domain_len++] = c;
	return true;
}

static bool read_literal(struct envoi_address_parser *parser)
{
	do {
		char c = *parser->p++;
		if (!put_domain(parser, c)) {
			return false;
		}
		if (c == ']') {
			break;
		}
		c = envoi_address_peek(parser);
		if (c == '\0' || strchr("[ <>(),;@\"\t\r\n", c) != NULL) {
			break;
		}
	} while (true);
	return envoi_address_is_literal(parser->domain, parser->domain_len)
	       || envoi_address_fail(parser, "bad address literal");
}

/* A name with letters outside of ASCII is judged when its form is made. */
static bool read_domain(struct envoi_address_parser *parser)
{
	bool dot = false;
	parser->domain_len = 0;
	if (envoi_address_peek(parser) == '[') {
		return read_literal(parser);
	}
	for (;;) {
		char c = envoi_address_peek(parser);
		if (c == '\0' || strchr(" <>(),;:@\"\t\r\n", c) != NULL) {
			if (parser->domain_len == 0 || !skip_inner(parser, dot)) {
				break;
			}
			dot = false;
			continue;
		}
		if (!put_domain(parser, c)) {
			return false;
		}
		dot = c == '.';
		parser->p++;
	}
	if (parser->why != NULL) {
		return false;
	}
	struct envoi_span domain = {parser->domain, parser->domain_len};
	if (domain.len == 0) {
		return envoi_address_fail(parser, "no domain behind \"@\"");
	}
	if (!envoi_is_ascii(domain)) {
		return true;
	}
	if (domain.len > ENVOI_DOMAIN_MAX) {
		return envoi_address_fail(parser, "the domain is too long");
	}
	return envoi_address_is_domain(domain.data, domain.len)
	       || envoi_address_fail(parser, "bad domain");
}

/* At the "@" of a source route: goes behind its ":". */
static bool skip_route(struct envoi_address_parser *parser)
{
	while (envoi_address_peek(parser) == '@') {
		parser->p++;
		if (!envoi_address_skip_comments(parser, parser->list)
			|| !read_domain(parser)
			|| !envoi_address_skip_comments(parser, true)) {
			return false;
		}
		while (envoi_address_peek(parser) == ',') {
			parser->p++;
			if (!envoi_address_skip_comments(parser, true)) {
				return false;
			}
		}
	}
	parser->domain_len = 0;
	if (envoi_address_peek(parser) != ':') {
		return envoi_address_fail(parser, "bad source route");
	}
	parser->p++;
	return envoi_address_skip_comments(parser, true);
}

/* What is wrong when a word or, behind a blank, "@" comes behind a local part. */
static const char *why_not_at(const struct envoi_address_parser *parser)
{
	const char *p = parser->p;
	while (p < parser->end && (*p == ' ' || *p == '\t')) {
		p++;
	}
	if (p < parser->end && *p == '@') {
		return "a blank in front of \"@\"";
	}
	bool apart = p > parser->p || p[-1] == ' ' || p[-1] == '\t';
	bool quote = p < parser->end && *p == '"';
	while (p < parser->end && *p != '@'
		&& !(parser->list && (*p == ',' || *p == ';'))) {
		p++;
	}
	if (p == parser->end || *p != '@') {
		return "no \"@\"";
	}
	return quote && !apart ? "a quote inside of a word"
			       : "a blank that is not quoted";
}

/* Not of a list: a blank and then more than that, which is no comment. */
static bool is_followed(const struct envoi_address_parser *parser)
{
	const char *p = parser->p;
	while (p < parser->end && (*p == ' ' || *p == '\t')) {
		p++;
	}
	return p > parser->p && p < parser->end
	       && (*p == '@' || *p == '"' || envoi_address_is_atext(*p));
}

/* Behind a local part with no "@" behind it. */
static bool end_bare(struct envoi_address_parser *parser, char c)
{
	struct envoi_span local = {parser->local, parser->local_len};
	if (c == '"' || envoi_address_is_atext(c)
		|| (!parser->list && is_followed(parser))) {
		return envoi_address_fail(parser, why_not_at(parser));
	}
	if (c != '\0' && strchr(parser->list ? ">,;" : " >,;", c) == NULL) {
		return envoi_address_fail(
			parser, c == ':' ? "a group is not one address"
					 : "a character that has to be quoted");
	}
	if (parser->list || parser->bare ? local.len > 0
					 : envoi_span_equal_nocase(local, "postmaster")) {
		return true;
	}
	return envoi_address_fail(parser, "no \"@\"");
}

static bool read_spec(struct envoi_address_parser *parser)
{
	if (!envoi_address_skip_comments(parser, true)) {
		return false;
	}
	parser->spec_start = parser->p;
	if (!read_local(parser)) {
		return false;
	}
	parser->spec_end = parser->p;
	if (!envoi_address_skip_comments(parser, parser->list)) {
		return false;
	}
	char c = envoi_address_peek(parser);
	if (c != '@') {
		return end_bare(parser, c) && envoi_address_skip_comments(parser, true);
	}
	parser->p++;
	if (!envoi_address_skip_comments(parser, parser->list) || !read_domain(parser)) {
		return false;
	}
	parser->spec_end = parser->p;
	return envoi_address_skip_comments(parser, true);
}

/* Goes behind the "<" if there is one; else stays. */
static bool find_angle(struct envoi_address_parser *parser)
{
	const char *begin = parser->p;
	while (parser->p < parser->end) {
		char c = *parser->p;
		if (c == '<') {
			parser->angle = true;
			parser->name_end = parser->p++;
			return true;
		}
		if (c == ',' || c == ';') {
			if (!parser->list) {
				return envoi_address_fail(parser, several);
			}
			break;
		}
		if (!envoi_address_skip_token(parser)) {
			return false;
		}
	}
	parser->name_end = begin;
	parser->p = begin;
	return true;
}

bool envoi_address_read(struct envoi_address_parser *parser)
{
	if (!find_angle(parser) || !envoi_address_skip_comments(parser, true)) {
		return false;
	}
	char c = envoi_address_peek(parser);
	if (c != (parser->angle ? '>' : '\0')) {
		if (parser->angle && c == '@' && !skip_route(parser)) {
			return false;
		}
		if (!read_spec(parser)) {
			return false;
		}
	}
	if (parser->angle) {
		if (envoi_address_peek(parser) != '>') {
			return envoi_address_fail(parser, "no \">\" behind the address");
		}
		parser->p++;
		if (!envoi_address_skip_comments(parser, true)) {
			return false;
		}
	}
	c = envoi_address_peek(parser);
	if (parser->p == parser->end || (parser->list && (c == ',' || c == ';'))) {
		return true;
	}
	bool more = c == ',' || c == ';' || c == '<';
	return envoi_address_fail(parser, more ? several : "text behind the address");
}
