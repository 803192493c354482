/*
 * The canonical form of a mailbox, and what is refused in it (RFC 5321 4.1.2,
 * 4.5.3.1; RFC 6531 3.3; RFC 5890). The limits count octets of this form: it
 * is what goes on the wire.
 */
#include "message/address_internal.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/buffer.h"

/* Of a bad address, how much its error quotes. */
#define QUOTE_MAX 120

bool envoi_address_is_literal(const char *text, size_t n)
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

bool envoi_address_is_domain(const char *text, size_t n)
{
	size_t label = 0;
	if (n > ENVOI_DOMAIN_MAX) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '.' && label > 0) {
			label = 0;
		} else if (!envoi_address_is_alnum(text[i]) && text[i] != '-'
			   && text[i] != '_') {
			return false;
		} else if (++label > ENVOI_LABEL_MAX) {
			return false;
		}
	}
	return label > 0;
}

/* The local part in NFC. What cannot be seen is somebody's mistake: a blank
 * outside of ASCII comes from copying. */
static bool normalize_local(struct envoi_address_parser *parser)
{
	uint8_t normal[ENVOI_LOCAL_ROOM];
	struct envoi_span local = {parser->local, parser->local_len};
	if (envoi_is_ascii(local)) {
		return true;
	}
	if (!envoi_is_utf8(local)) {
		return envoi_address_fail(parser, "not UTF-8");
	}
	size_t n = sizeof(normal);
	uint8_t *made = u8_normalize(
		UNINORM_NFC, (const uint8_t *)local.data, local.len, normal, &n);
	if (made == NULL) {
		parser->no_memory = true;
		return envoi_address_fail(parser, "out of memory");
	}
	if (made != normal) {
		free(made);
		return envoi_address_fail(parser, "too long");
	}
	ucs4_t character = 0;
	for (const uint8_t *p = normal; p < normal + n;) {
		p += u8_mbtouc(&character, p, (size_t)(normal + n - p));
		if (character < 128) {
			continue;
		}
		if (uc_is_general_category_withtable(
			    character, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Z)) {
			return envoi_address_fail(
				parser, "a control character or blank outside of ASCII");
		}
	}
	memcpy(parser->local, normal, n);
	parser->local_len = n;
	return true;
}

/* The domain as what the local part needs: A-labels, or U-labels, whatever
 * was typed, so that the same mailbox looks the same. */
static bool convert_domain(struct envoi_address_parser *parser)
{
	char ascii[ENVOI_IDNA_ROOM];
	char unicode[ENVOI_IDNA_ROOM];
	const char *why = NULL;
	struct envoi_span domain = {parser->domain, parser->domain_len};
	struct envoi_span local = {parser->local, parser->local_len};
	bool typed = envoi_is_ascii(domain);
	if (domain.len == 0 || domain.data[0] == '['
		|| (typed && envoi_is_ascii(local))) {
		return true;
	}
	int result = envoi_idna_to_ascii(domain, ascii, &why);
	if (result == 0 && !envoi_address_is_domain(ascii, strlen(ascii))) {
		return envoi_address_fail(parser, "bad domain");
	}
	const char *form = ascii;
	if (result == 0 && !envoi_is_ascii(local)) {
		result = envoi_idna_to_unicode(domain, unicode, &why);
		if (result == 1 && typed) {
			/* "xn--" of something that is none: as it was typed. */
			return true;
		}
		form = unicode;
	}
	if (result != 0) {
		parser->no_memory = result < 0;
		return envoi_address_fail(parser, result < 0 ? "out of memory" : why);
	}
	size_t n = strlen(form);
	if (n > ENVOI_DOMAIN_MAX) {
		return envoi_address_fail(parser, "the domain is too long");
	}
	memcpy(parser->domain, form, n);
	parser->domain_len = n;
	return true;
}

static bool is_dot_atom(const char *text, size_t n)
{
	bool dot = true;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '.' ? dot : !envoi_address_is_atext(text[i])) {
			return false;
		}
		dot = text[i] == '.';
	}
	return !dot;
}

/* Writes it; out has room for twice the local part, the domain and four. */
static size_t format(const struct envoi_address_parser *parser, char *out)
{
	char *begin = out;
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
	if (parser->domain_len > 0) {
		*out++ = '@';
		memcpy(out, parser->domain, parser->domain_len);
		out += parser->domain_len;
	}
	*out = '\0';
	return (size_t)(out - begin);
}

bool envoi_address_form(struct envoi_address_parser *parser, char out[ENVOI_MAILBOX_ROOM])
{
	char text[2 * ENVOI_LOCAL_ROOM + ENVOI_IDNA_ROOM + 4];
	out[0] = '\0';
	if (parser->local_len == 0 && parser->domain_len == 0) {
		return true;
	}
	if (envoi_address_has_control(parser->local, parser->local_len, false)) {
		return envoi_address_fail(parser, "a control character");
	}
	if (!normalize_local(parser) || !convert_domain(parser)) {
		return false;
	}
	size_t n = format(parser, text);
	if (n > ENVOI_LIMIT_ADDRESS) {
		return envoi_address_fail(parser, "too long");
	}
	memcpy(out, text, n + 1);
	return true;
}

bool envoi_address_has_control(const char *text, size_t n, bool folds)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c >= 32 && c != 127) {
			continue;
		}
		bool fold = c == '\n' && i + 1 < n
			    && (text[i + 1] == ' ' || text[i + 1] == '\t');
		if (!folds || !(c == '\t' || c == '\r' || fold)) {
			return true;
		}
	}
	return false;
}

int envoi_address_refuse(
	struct envoi_error *err, const char *text, size_t n, const char *why)
{
	struct envoi_buffer quoted;
	envoi_buffer_init(&quoted, 4 * QUOTE_MAX + 4);
	(void)envoi_span_show(
		&quoted, (struct envoi_span){text, n < QUOTE_MAX ? n : QUOTE_MAX});
	(void)envoi_buffer_puts(&quoted, n > QUOTE_MAX ? "..." : "");
	const char *string = envoi_buffer_string(&quoted);
	/* The reason first, should an escaped one be cut. */
	(void)envoi_error_set(err, ENVOI_STATUS_USAGE, "bad address (%s): '%s'", why,
		string != NULL ? string : "");
	envoi_buffer_finish(&quoted);
	return -1;
}
