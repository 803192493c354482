/*
 * Content-Type and Content-Transfer-Encoding; see the header.
 *
 *   content   = [CFWS] type [CFWS] "/" [CFWS] subtype *( [CFWS] ";" parameter )
 *   parameter = [CFWS] name [CFWS] "=" [CFWS] ( token / quoted-string )
 *   name      = attribute [ "*" section ] [ "*" ]         ; RFC 2231 7
 *
 * A parameter that is none of these is skipped up to the next ";".
 */
#include "message/content_type.h"

#include <string.h>

/* RFC 2231 3: sections of a boundary, which has 70 octets. */
#define SECTIONS 20

struct parameter {
	struct envoi_span name;
	char value[ENVOI_LIMIT_BOUNDARY + 2];
	size_t len;
	/** Some octets had no room. */
	bool cut;
};

static char first(const struct envoi_span *in)
{
	return in->len > 0 ? in->data[0] : '\0';
}

static void skip(struct envoi_span *in, size_t n)
{
	in->data += n;
	in->len -= n;
}

static void skip_comment(struct envoi_span *in)
{
	unsigned long depth = 0;
	while (in->len > 0) {
		char c = first(in);
		if (c == '\\' && in->len > 1) {
			skip(in, 1);
		}
		skip(in, 1);
		depth += c == '(' ? 1 : 0;
		if (c == ')' && --depth == 0) {
			return;
		}
	}
}

static void skip_cfws(struct envoi_span *in)
{
	while (in->len > 0) {
		char c = first(in);
		if (c == '(') {
			skip_comment(in);
		} else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			skip(in, 1);
		} else {
			return;
		}
	}
}

/* Octets up to a blank, a control or one of stops. */
static struct envoi_span take_until(struct envoi_span *in, const char *stops)
{
	size_t n = 0;
	while (n < in->len && (unsigned char)in->data[n] > 32 && in->data[n] != 127
		&& strchr(stops, in->data[n]) == NULL) {
		n++;
	}
	struct envoi_span token = {in->data, n};
	skip(in, n);
	return token;
}

static void add(struct parameter *p, char c)
{
	if (p->len < sizeof(p->value) - 1) {
		p->value[p->len++] = c;
	} else {
		p->cut = true;
	}
}

static void take_value(struct envoi_span *in, struct parameter *p)
{
	if (first(in) != '"') {
		/* Tspecials are taken as they are: "=" and "/" are often seen in
		 * boundaries without quotes. */
		struct envoi_span token = take_until(in, ";(\"");
		for (size_t i = 0; i < token.len; i++) {
			add(p, token.data[i]);
		}
		return;
	}
	skip(in, 1);
	while (in->len > 0 && first(in) != '"') {
		if (first(in) == '\\' && in->len > 1) {
			skip(in, 1);
		}
		if (first(in) != '\r' && first(in) != '\n') {
			add(p, first(in));
		}
		skip(in, 1);
	}
	skip(in, in->len > 0 ? 1 : 0);
}

/* The next parameter behind a ";"; false: there is none. */
static bool next_parameter(struct envoi_span *in, struct parameter *p)
{
	for (;;) {
		const char *semicolon =
			in->len > 0 ? memchr(in->data, ';', in->len) : NULL;
		if (semicolon == NULL) {
			return false;
		}
		skip(in, (size_t)(semicolon - in->data) + 1);
		skip_cfws(in);
		*p = (struct parameter){.name = take_until(in, "=;(\"")};
		skip_cfws(in);
		if (p->name.len == 0 || first(in) != '=') {
			continue;
		}
		skip(in, 1);
		skip_cfws(in);
		take_value(in, p);
		skip_cfws(in);
		return true;
	}
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* RFC 2231 4: percent signs undone, and of a first section its language. */
static void decode(struct parameter *p, bool is_first)
{
	size_t from = 0, to = 0;
	for (unsigned quotes = 0; is_first && from < p->len && quotes < 2; from++) {
		quotes += p->value[from] == '\'' ? 1 : 0;
	}
	for (; from < p->len; from++) {
		int high = p->value[from] == '%' && p->len - from > 2
				   ? hex_value(p->value[from + 1])
				   : -1;
		int low = high >= 0 ? hex_value(p->value[from + 2]) : -1;
		if (low >= 0) {
			p->value[to++] = (char)(high << 4 | low);
			from += 2;
		} else {
			p->value[to++] = p->value[from];
		}
	}
	p->len = to;
}

/* Is it section k (-1: the plain parameter) of this name? */
static bool is_section(
	const struct parameter *p, const char *name, int k, bool *ret_coded)
{
	size_t n = strlen(name);
	struct envoi_span rest = p->name;
	if (rest.len < n || !envoi_span_starts_nocase(rest, name)) {
		return false;
	}
	skip(&rest, n);
	*ret_coded = rest.len > 0 && rest.data[rest.len - 1] == '*';
	rest.len -= *ret_coded ? 1 : 0;
	if (k < 0) {
		return rest.len == 0;
	}
	uint64_t section;
	if (first(&rest) != '*') {
		return false;
	}
	skip(&rest, 1);
	return envoi_span_number(rest, SECTIONS, &section) == 0 && section == (uint64_t)k;
}

/* Appends section k to out; false: there is none, or it does not fit. */
static bool add_section(struct envoi_span parameters, const char *name, int k, char *out,
	size_t size, bool *ret_bad)
{
	struct parameter p;
	bool coded = false;
	while (next_parameter(&parameters, &p)) {
		if (!is_section(&p, name, k, &coded)) {
			continue;
		}
		if (coded) {
			decode(&p, k <= 0);
		}
		size_t have = strlen(out);
		if (p.cut || have + p.len >= size || memchr(p.value, '\0', p.len)) {
			*ret_bad = true;
			return false;
		}
		memcpy(out + have, p.value, p.len);
		out[have + p.len] = '\0';
		return true;
	}
	return false;
}

static void find(struct envoi_span parameters, const char *name, char *out, size_t size)
{
	bool bad = false;
	out[0] = '\0';
	if (!add_section(parameters, name, -1, out, size, &bad)) {
		for (int k = 0; !bad && k < SECTIONS
				&& add_section(parameters, name, k, out, size, &bad);
			k++) {
		}
	}
	if (bad) {
		out[0] = '\0';
	}
}

static bool copy_lower(struct envoi_span token, char *out, size_t size)
{
	if (token.len == 0 || token.len >= size) {
		return false;
	}
	for (size_t i = 0; i < token.len; i++) {
		char c = token.data[i];
		out[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	out[token.len] = '\0';
	return true;
}

void envoi_content_type_parse(struct envoi_span value, struct envoi_content_type *ret)
{
	*ret = (struct envoi_content_type){.type = ""};
	skip_cfws(&value);
	struct envoi_span type = take_until(&value, "/;(\"");
	skip_cfws(&value);
	if (first(&value) != '/') {
		return;
	}
	skip(&value, 1);
	skip_cfws(&value);
	struct envoi_span subtype = take_until(&value, "/;(\"");
	if (!copy_lower(type, ret->type, sizeof(ret->type))
		|| !copy_lower(subtype, ret->subtype, sizeof(ret->subtype))) {
		*ret = (struct envoi_content_type){.type = ""};
		return;
	}
	find(value, "charset", ret->charset, sizeof(ret->charset));
	find(value, "boundary", ret->boundary, sizeof(ret->boundary));
	/* RFC 2046 5.1.1: no boundary ends in a blank, gateways add them. */
	size_t n = strlen(ret->boundary);
	while (n > 0 && (ret->boundary[n - 1] == ' ' || ret->boundary[n - 1] == '\t')) {
		ret->boundary[--n] = '\0';
	}
}

enum envoi_encoding envoi_encoding_parse(struct envoi_span value)
{
	static const struct {
		const char *name;
		enum envoi_encoding encoding;
	} names[] = {
		{"7bit", ENVOI_ENCODING_7BIT},
		{"8bit", ENVOI_ENCODING_8BIT},
		{"binary", ENVOI_ENCODING_BINARY},
		{"quoted-printable", ENVOI_ENCODING_QP},
		{"base64", ENVOI_ENCODING_BASE64},
		/* Wrong, and seen: readers take them for what they mean. */
		{"7-bit", ENVOI_ENCODING_7BIT},
		{"8-bit", ENVOI_ENCODING_8BIT},
	};
	skip_cfws(&value);
	struct envoi_span token = take_until(&value, ";(\"");
	skip_cfws(&value);
	if (token.len == 0 && value.len == 0) {
		return ENVOI_ENCODING_NONE;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (envoi_span_equal_nocase(token, names[i].name)
			&& (value.len == 0 || first(&value) == ';')) {
			return names[i].encoding;
		}
	}
	return ENVOI_ENCODING_OTHER;
}
