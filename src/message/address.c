/*
 * One mailbox, as people and scripts write it, to what goes between < and >
 * (RFC 5321 4.1.2, read with the liberties of RFC 5322 3.4).
 *
 *   address    = [phrase] "<" [route] addr-spec ">" / addr-spec
 *   route      = "@" domain *("," "@" domain) ":"        ; dropped
 *   addr-spec  = local-part "@" domain / "postmaster"
 *   local-part = 1*(atext / "." / quoted-string)
 *   domain     = label *("." label) / address-literal
 *   label      = 1*63(ALPHA / DIGIT / "-" / "_")
 *
 * Comments and blanks may stand between these, not within. Real mailboxes
 * have dots at the ends or two in a row; they are taken as typed and quoted.
 */
#include <envoi/address.h>

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "base/span.h"

/* RFC 5321 4.5.3.1.2; RFC 1035 2.3.4. */
#define DOMAIN_MAX 255
#define LABEL_MAX 63

/* Of a bad address, how much its error quotes. */
#define QUOTE_MAX 120

static const char several[] = "more than one; one address each";

/* What is left to read. why: what is wrong, NULL as long as all is well. */
struct parser {
	const char *p;
	const char *end;
	const char *why;
	/** The local part without its quoting. */
	char *local;
	size_t local_len;
	struct envoi_span domain;
};

static bool fail(struct parser *parser, const char *why)
{
	if (parser->why == NULL) {
		parser->why = why;
	}
	return false;
}

/* The next octet, NUL at the end: no NUL gets this far. */
static char peek(const struct parser *parser)
{
	return parser->p < parser->end ? *parser->p : '\0';
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_atext(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Skips comments, which nest, and blanks as well. */
static bool skip_comments(struct parser *parser, bool blanks)
{
	size_t depth = 0;
	for (; parser->p < parser->end; parser->p++) {
		char c = *parser->p;
		if (c == '(') {
			depth++;
		} else if (depth == 0) {
			if (!blanks || c != ' ') {
				return true;
			}
		} else if (c == ')') {
			depth--;
		} else if (c == '\\' && parser->end - parser->p > 1) {
			parser->p++;
		}
	}
	return depth == 0 || fail(parser, "a comment has no end");
}

/* Reads a quoted string; keep: into the local part. */
static bool read_quoted(struct parser *parser, bool keep)
{
	for (parser->p++; parser->p < parser->end; parser->p++) {
		if (*parser->p == '"') {
			parser->p++;
			return true;
		}
		if (*parser->p == '\\' && parser->end - parser->p > 1) {
			parser->p++;
		}
		if (keep) {
			parser->local[parser->local_len++] = *parser->p;
		}
	}
	return fail(parser, "a quoted string has no end");
}

static bool read_local(struct parser *parser)
{
	const char *begin = parser->p;
	for (;;) {
		char c = peek(parser);
		if (c == '"') {
			if (!read_quoted(parser, true)) {
				return false;
			}
		} else if (is_atext(c) || c == '.') {
			parser->local[parser->local_len++] = c;
			parser->p++;
		} else {
			break;
		}
	}
	return parser->p > begin || peek(parser) != '@'
	       || fail(parser, "nothing before \"@\"");
}

static bool is_literal(const char *text, size_t n)
{
	char copy[INET6_ADDRSTRLEN + 1];
	unsigned char address[16];
	if (n < 3 || text[0] != '[' || text[n - 1] != ']') {
		return false;
	}
	struct envoi_span inner = {text + 1, n - 2};
	int family = AF_INET;
	if (envoi_span_starts_nocase(inner, "ipv6:")) {
		inner = (struct envoi_span){inner.data + 5, inner.len - 5};
		family = AF_INET6;
	}
	if (inner.len >= sizeof(copy) || memchr(inner.data, '\0', inner.len) != NULL) {
		return false;
	}
	memcpy(copy, inner.data, inner.len);
	copy[inner.len] = '\0';
	return inet_pton(family, copy, address) == 1;
}

static bool is_domain(const char *text, size_t n)
{
	size_t label = 0;
	if (n > DOMAIN_MAX) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '.' && label > 0) {
			label = 0;
		} else if (!is_alnum(text[i]) && text[i] != '-' && text[i] != '_') {
			return false;
		} else if (++label > LABEL_MAX) {
			return false;
		}
	}
	return label > 0;
}

static bool read_domain(struct parser *parser, struct envoi_span *ret_domain)
{
	const char *begin = parser->p;
	bool literal = peek(parser) == '[';
	if (literal) {
		while (peek(parser) != '\0' && *parser->p++ != ']') {
		}
	} else {
		while (peek(parser) != '\0'
			&& strchr(" <>(),;:@\"", *parser->p) == NULL) {
			parser->p++;
		}
	}
	size_t n = (size_t)(parser->p - begin);
	if (n == 0) {
		return fail(parser, "no domain behind \"@\"");
	}
	if (n > DOMAIN_MAX) {
		return fail(parser, "the domain is too long");
	}
	if (literal ? !is_literal(begin, n) : !is_domain(begin, n)) {
		return fail(parser, literal ? "bad address literal" : "bad domain");
	}
	*ret_domain = (struct envoi_span){begin, n};
	return true;
}

/* At the "@" of a source route: goes behind its ":". */
static bool skip_route(struct parser *parser)
{
	struct envoi_span domain;
	while (peek(parser) == '@') {
		parser->p++;
		if (!read_domain(parser, &domain) || !skip_comments(parser, true)) {
			return false;
		}
		while (peek(parser) == ',') {
			parser->p++;
			if (!skip_comments(parser, true)) {
				return false;
			}
		}
	}
	if (peek(parser) != ':') {
		return fail(parser, "bad source route");
	}
	parser->p++;
	return skip_comments(parser, true);
}

static bool read_spec(struct parser *parser)
{
	if (!skip_comments(parser, true) || !read_local(parser)
		|| !skip_comments(parser, false)) {
		return false;
	}
	struct envoi_span local = {parser->local, parser->local_len};
	char c = peek(parser);
	if (c == '@') {
		parser->p++;
		if (!skip_comments(parser, false)
			|| !read_domain(parser, &parser->domain)) {
			return false;
		}
	} else if (c != '\0' && strchr(" >,;", c) == NULL) {
		return fail(parser, c == ':' ? "a group is not one address"
					     : "a character that has to be quoted");
	} else if (!envoi_span_equal_nocase(local, "postmaster")) {
		return fail(parser, "no \"@\"");
	}
	return skip_comments(parser, true);
}

/* Goes behind the "<" if there is one: true; else stays. */
static bool find_angle(struct parser *parser)
{
	const char *begin = parser->p;
	while (parser->p < parser->end && parser->why == NULL) {
		switch (*parser->p) {
		case '<':
			parser->p++;
			return true;
		case '"':
			(void)read_quoted(parser, false);
			break;
		case '(':
			(void)skip_comments(parser, false);
			break;
		case ',':
		case ';':
			return fail(parser, several);
		default:
			parser->p++;
		}
	}
	parser->p = begin;
	return false;
}

/* All of the text: true with the parts set, both empty for the null sender. */
static bool read_address(struct parser *parser)
{
	bool angle = find_angle(parser);
	if (parser->why != NULL || !skip_comments(parser, true)) {
		return false;
	}
	if (peek(parser) != (angle ? '>' : '\0')) {
		if (angle && peek(parser) == '@' && !skip_route(parser)) {
			return false;
		}
		if (!read_spec(parser)) {
			return false;
		}
	}
	if (angle) {
		if (peek(parser) != '>') {
			return fail(parser, "no \">\" behind the address");
		}
		parser->p++;
		if (!skip_comments(parser, true)) {
			return false;
		}
	}
	char c = peek(parser);
	if (c == ',' || c == ';' || c == '<') {
		return fail(parser, several);
	}
	return c == '\0' || fail(parser, "text behind the address");
}

static bool is_dot_atom(const char *text, size_t n)
{
	bool dot = true;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '.' ? dot : !is_atext(text[i])) {
			return false;
		}
		dot = text[i] == '.';
	}
	return !dot;
}

/* The mailbox in its canonical form; out has room for it. */
static void format(const struct parser *parser, char *out)
{
	bool quote = !is_dot_atom(parser->local, parser->local_len);
	if (quote) {
		*out++ = '"';
	}
	for (size_t i = 0; i < parser->local_len; i++) {
		if (parser->local[i] == '"' || parser->local[i] == '\\') {
			*out++ = '\\';
		}
		*out++ = parser->local[i];
	}
	if (quote) {
		*out++ = '"';
	}
	if (parser->domain.len > 0) {
		*out++ = '@';
		memcpy(out, parser->domain.data, parser->domain.len);
		out += parser->domain.len;
	}
	*out = '\0';
}

/* What is wrong with single octets, or NULL. */
static const char *check_octets(const char *text, size_t n)
{
	const char *why = NULL;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < 32 || c == 127) {
			return "a control character";
		}
		if (c > 127) {
			why = "internationalised addresses are not supported yet";
		}
	}
	return why;
}

static int refuse(struct envoi_error *err, const char *text, size_t n, const char *why)
{
	struct envoi_buffer quoted;
	envoi_buffer_init(&quoted, 4 * QUOTE_MAX + 4);
	(void)envoi_span_escape(
		&quoted, (struct envoi_span){text, n < QUOTE_MAX ? n : QUOTE_MAX});
	(void)envoi_buffer_puts(&quoted, n > QUOTE_MAX ? "..." : "");
	const char *string = envoi_buffer_string(&quoted);
	/* The reason first, should an escaped one be cut. */
	(void)envoi_error_set(err, ENVOI_STATUS_USAGE, "bad address (%s): '%s'", why,
		string != NULL ? string : "");
	envoi_buffer_finish(&quoted);
	return -1;
}

int envoi_address_parse(const char *text, size_t n, bool allow_null, char **ret_mailbox,
	struct envoi_error *err)
{
	struct parser parser = {.p = text, .end = text + n, .why = check_octets(text, n)};
	if (parser.why != NULL) {
		return refuse(err, text, n, parser.why);
	}
	/* A local part as long as the text, each octet escaped, its quotes,
	 * "@" and NUL; the domain is shorter than what is escaped. */
	parser.local = malloc(n + 1);
	char *mailbox = malloc(2 * n + 4);
	if (parser.local == NULL || mailbox == NULL) {
		free(parser.local);
		free(mailbox);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	mailbox[0] = '\0';
	if (read_address(&parser)) {
		bool null = parser.local_len == 0 && parser.domain.len == 0;
		if (!null) {
			format(&parser, mailbox);
		} else if (!allow_null) {
			parser.why = "empty";
		}
		if (strlen(mailbox) > ENVOI_LIMIT_ADDRESS) {
			parser.why = "too long";
		}
	}
	free(parser.local);
	if (parser.why != NULL) {
		free(mailbox);
		return refuse(err, text, n, parser.why);
	}
	*ret_mailbox = mailbox;
	return 0;
}

const char *envoi_address_domain(const char *mailbox)
{
	const char *at = strrchr(mailbox, '@');
	return at != NULL ? at + 1 : mailbox + strlen(mailbox);
}

bool envoi_address_equal(const char *a, const char *b)
{
	const char *domain_a = envoi_address_domain(a);
	const char *domain_b = envoi_address_domain(b);
	struct envoi_span local_a = {a, (size_t)(domain_a - a)};
	struct envoi_span local_b = {b, (size_t)(domain_b - b)};
	return envoi_span_equal(local_a, local_b)
	       && envoi_span_equal_nocase(envoi_span_of(domain_a), domain_b);
}

bool envoi_address_is_helo(const char *name)
{
	size_t n = strlen(name);
	return n <= DOMAIN_MAX && (is_literal(name, n) || is_domain(name, n));
}
