/*
 * One mailbox of an envelope, and what can be asked of one. The grammar is
 * that of address_spec.c, the whole text is one element.
 */
#include <envoi/address.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "message/address_internal.h"

static void begin(struct envoi_address_parser *parser, const char *text, size_t n)
{
	parser->p = text;
	parser->end = text + n;
	parser->list = parser->bare = parser->no_memory = parser->angle = false;
	parser->why = NULL;
	parser->local_len = parser->domain_len = 0;
}

static int parse(struct envoi_address_parser *parser, const char *text, size_t n,
	bool allow_null, char **ret_mailbox, struct envoi_error *err)
{
	char out[ENVOI_MAILBOX_ROOM];
	if (envoi_address_has_control(text, n, false)) {
		return envoi_address_refuse(err, text, n, "a control character");
	}
	bool good = envoi_address_read(parser) && envoi_address_form(parser, out);
	if (good && out[0] == '\0' && !allow_null) {
		good = envoi_address_fail(parser, "empty");
	}
	char *mailbox = good ? envoi_span_dup(envoi_span_of(out)) : NULL;
	if (parser->no_memory || (good && mailbox == NULL)) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	if (!good) {
		return envoi_address_refuse(err, text, n, parser->why);
	}
	*ret_mailbox = mailbox;
	return 0;
}

int envoi_address_parse(const char *text, size_t n, bool allow_null, char **ret_mailbox,
	struct envoi_error *err)
{
	struct envoi_address_parser parser;
	begin(&parser, text, n);
	return parse(&parser, text, n, allow_null, ret_mailbox, err);
}

int envoi_address_parse_bare(const char *text, size_t n, char **ret_mailbox,
	bool *ret_bare, struct envoi_error *err)
{
	struct envoi_address_parser parser;
	begin(&parser, text, n);
	parser.bare = true;
	int result = parse(&parser, text, n, false, ret_mailbox, err);
	*ret_bare = result == 0 && parser.domain_len == 0
		    && strcasecmp(*ret_mailbox, "postmaster") != 0;
	return result;
}

char *envoi_address_qualify(
	const char *mailbox, const char *domain, struct envoi_error *err)
{
	char *whole = NULL;
	struct envoi_buffer text;
	envoi_buffer_init(&text, 2 * ENVOI_LIMIT_ADDRESS + ENVOI_IDNA_ROOM);
	if (envoi_buffer_printf(&text, "%s@%s", mailbox, domain) != 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	} else if (envoi_address_parse(
			   text.data + text.start, text.len, false, &whole, err)
		   != 0) {
		whole = NULL;
	}
	envoi_buffer_finish(&text);
	return whole;
}

bool envoi_address_needs_utf8(const char *mailbox)
{
	return !envoi_is_ascii(envoi_span_of(mailbox));
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
	return n <= ENVOI_DOMAIN_MAX
	       && (envoi_address_is_literal(name, n) || envoi_address_is_domain(name, n));
}

int envoi_address_helo(const char *text, char **ret_name, struct envoi_error *err)
{
	char ascii[ENVOI_IDNA_ROOM];
	const char *why;
	int result = 0;
	if (!envoi_is_ascii(envoi_span_of(text))) {
		result = envoi_idna_to_ascii(envoi_span_of(text), ascii, &why);
		text = ascii;
	}
	if (result > 0 || (result == 0 && !envoi_address_is_helo(text))) {
		return 1;
	}
	*ret_name = result == 0 ? envoi_span_dup(envoi_span_of(text)) : NULL;
	return *ret_name != NULL
		       ? 0
		       : envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}
