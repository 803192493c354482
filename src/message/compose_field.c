/*
 * Fields; see the header.
 *
 *   field    = name ":" value                 ; name of 33-126, no ":"
 *   filename = "filename=" quoted-string
 *            / "filename*=utf-8''" *( attribute-char / "%" 2HEXDIG )
 *            ; and in pieces, filename*0, filename*1... (RFC 2231 3, 4.1)
 */
#include "message/compose_field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/address.h>
#include <envoi/compose.h>

#include "message/encoded_word.h"
#include "message/mime_type.h"
#include "message/utf8.h"

/* Lines are not to be longer (RFC 5322 2.1.1). */
#define LINE 78
/* Of a file name, so much goes on one line. */
#define PIECE 56

static int no_memory(struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

static bool is_one_of(struct envoi_span name, const char *const *names)
{
	while (*names != NULL && !envoi_span_equal_nocase(name, *names)) {
		names++;
	}
	return *names != NULL;
}

static bool has_line_end(struct envoi_span text)
{
	return memchr(text.data, '\r', text.len) != NULL
	       || memchr(text.data, '\n', text.len) != NULL;
}

static bool is_printable(struct envoi_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((text.data[i] < ' ' && text.data[i] != '\t') || text.data[i] > 126) {
			return false;
		}
	}
	return true;
}

/* The type of the text: of a text, and nothing that would have to be encoded. */
static bool is_text_type(struct envoi_span value)
{
	char type[ENVOI_MIME_TYPE_SIZE];
	const char *semicolon = memchr(value.data, ';', value.len);
	size_t n = semicolon != NULL ? (size_t)(semicolon - value.data) : value.len;
	n = envoi_span_trim((struct envoi_span){value.data, n}).len;
	if (n >= sizeof(type) || !is_printable(value)) {
		return false;
	}
	(void)snprintf(type, sizeof(type), "%.*s", (int)n, value.data);
	return envoi_mime_type_is_valid(type) && envoi_span_starts_nocase(value, "text/");
}

int envoi_compose_split(const char *text, struct envoi_span *ret_name,
	struct envoi_span *ret_value, struct envoi_error *err)
{
	static const char *const made[] = {
		"MIME-Version", "Content-Transfer-Encoding", "Content-Disposition", NULL};
	static const char *const blind[] = {"Bcc", "Resent-Bcc", NULL};
	size_t n = 0;
	while (text[n] > ' ' && text[n] < 127 && text[n] != ':') {
		n++;
	}
	if (n == 0 || text[n] != ':') {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"\"%.200s\" is no header field: Name: value", text);
	}
	*ret_name = (struct envoi_span){text, n};
	*ret_value = envoi_span_trim(envoi_span_of(text + n + 1));
	if (has_line_end(*ret_value)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"header field %.*s holds a line end", (int)n, text);
	}
	if (is_one_of(*ret_name, made)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"header field %.*s is made by what the message holds", (int)n,
			text);
	}
	if (envoi_span_equal_nocase(*ret_name, "Content-Type")
		&& !is_text_type(*ret_value)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"Content-Type \"%.200s\" is none of a text", ret_value->data);
	}
	if (is_one_of(*ret_name, blind)) {
		(void)envoi_error_set(err, ENVOI_STATUS_USAGE,
			"header field %.*s would be seen by everybody", (int)n, text);
		envoi_error_hint(err, "--bcc ADDR adds a recipient that no field names");
		return -1;
	}
	return 0;
}

int envoi_compose_check_header(const char *text, struct envoi_error *err)
{
	struct envoi_span name, value;
	return envoi_compose_split(text, &name, &value, err);
}

/* -- addresses ---------------------------------------------------------------- */

/* Walks over text outside of quotes and comments. The place of the first c at
 * or behind at, or its length. */
static size_t find_outside(struct envoi_span text, size_t at, char c)
{
	bool quoted = false;
	unsigned depth = 0;
	for (; at < text.len; at++) {
		char x = text.data[at];
		if (!quoted && depth == 0 && x == c) {
			return at;
		}
		if (x == '\\' && (quoted || depth > 0)) {
			at++;
		} else if (x == '"' && depth == 0) {
			quoted = !quoted;
		} else if (x == '(' && !quoted) {
			depth++;
		} else if (x == ')' && depth > 0) {
			depth--;
		}
	}
	return text.len;
}

static size_t current_column(const struct envoi_buffer *out)
{
	struct envoi_span all = envoi_buffer_span(out);
	size_t n = 0;
	while (n < all.len && all.data[all.len - n - 1] != '\n') {
		n++;
	}
	return n;
}

/* A display name without its quotes. */
static int put_display_name(
	struct envoi_buffer *out, struct envoi_span name, struct envoi_error *err)
{
	char *plain = malloc(name.len + 1);
	size_t n = 0;
	if (plain == NULL) {
		return no_memory(err);
	}
	bool quoted = false;
	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] == '"') {
			quoted = !quoted;
			continue;
		}
		if (name.data[i] == '\\' && quoted && i + 1 < name.len) {
			i++;
		}
		plain[n++] = name.data[i];
	}
	int result = envoi_encoded_word_put(
		out, (struct envoi_span){plain, n}, current_column(out), true);
	free(plain);
	return result == 0 ? 0 : no_memory(err);
}

/* One address. ASCII stays as it was typed: it may be a part of a group. */
static int put_address(
	struct envoi_buffer *out, struct envoi_span text, struct envoi_error *err)
{
	size_t angle = find_outside(text, 0, '<');
	struct envoi_span name = envoi_span_trim((struct envoi_span){text.data, angle});
	if (angle == text.len) {
		name.len = angle = 0;
	}
	bool group = find_outside(name, 0, ':') < name.len;
	if (is_printable(text) && (group || text.len < LINE - 3)) {
		return envoi_buffer_append(out, text.data, text.len) == 0
			       ? 0
			       : no_memory(err);
	}
	if (group) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"a group with octets above 127 is not understood");
	}
	char *mailbox = NULL;
	bool bare;
	if (envoi_address_parse_bare(
		    text.data + angle, text.len - angle, &mailbox, &bare, err)
		!= 0) {
		return -1;
	}
	int result = 0;
	if (name.len > 0) {
		result = put_display_name(out, name, err);
	}
	if (result == 0) {
		bool fold = current_column(out) + strlen(mailbox) + 4 > LINE;
		result = envoi_buffer_printf(out, name.len > 0 ? "%s<%s>" : "%.0s%s",
			fold ? "\n " : " ", mailbox);
		result = result == 0 ? 0 : no_memory(err);
	}
	free(mailbox);
	return result;
}

/* The addresses of a list, behind the name or behind others. */
static int put_list(struct envoi_buffer *out, struct envoi_span text, bool *first,
	struct envoi_error *err)
{
	if (has_line_end(text)) {
		return envoi_error_set(
			err, ENVOI_STATUS_USAGE, "an address holds a line end");
	}
	while (text.len > 0) {
		size_t n = find_outside(text, 0, ',');
		struct envoi_span one =
			envoi_span_trim((struct envoi_span){text.data, n});
		n += n < text.len ? 1 : 0;
		text = (struct envoi_span){text.data + n, text.len - n};
		if (one.len == 0) {
			continue;
		}
		bool fold = current_column(out) + one.len + 3 > LINE;
		const char *between = *first ? " " : fold ? ",\n " : ", ";
		*first = false;
		if (envoi_buffer_puts(out, between) != 0) {
			return no_memory(err);
		}
		if (put_address(out, one, err) != 0) {
			return -1;
		}
	}
	return 0;
}

int envoi_compose_addresses(struct envoi_buffer *out, const char *name,
	const char *const *texts, size_t n, struct envoi_error *err)
{
	bool first = true;
	if (envoi_buffer_printf(out, "%s:", name) != 0) {
		return no_memory(err);
	}
	for (size_t i = 0; i < n; i++) {
		if (put_list(out, envoi_span_of(texts[i]), &first, err) != 0) {
			return -1;
		}
	}
	return envoi_buffer_puts(out, "\n") == 0 ? 0 : no_memory(err);
}

int envoi_compose_field(struct envoi_buffer *out, struct envoi_span name,
	struct envoi_span value, struct envoi_error *err)
{
	static const char *const addresses[] = {"From", "Sender", "Reply-To", "To", "Cc",
		"Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc",
		"Mail-Followup-To", "Mail-Reply-To", "Disposition-Notification-To", NULL};
	if (has_line_end(value)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"header field %.*s holds a line end", (int)name.len, name.data);
	}
	if (envoi_buffer_printf(out, "%.*s:", (int)name.len, name.data) != 0) {
		return no_memory(err);
	}
	if (is_one_of(name, addresses)) {
		bool first = true;
		if (put_list(out, value, &first, err) != 0) {
			return -1;
		}
	} else if (envoi_buffer_puts(out, " ") != 0
		   || envoi_encoded_word_put(out, value, name.len + 2, false) != 0) {
		return no_memory(err);
	}
	return envoi_buffer_puts(out, "\n") == 0 ? 0 : no_memory(err);
}

/* -- file names --------------------------------------------------------------- */

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 127;
}

/* RFC 2231 attribute-char, and RFC 5987's: what all programs take. */
static bool is_attribute_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
	       || (c != '\0' && strchr("!#$&+-.^_`|~", c) != NULL);
}

/* How many octets of name go on one line, at least one, whole characters. */
static size_t piece(struct envoi_span name, bool encoded)
{
	size_t n = 0, width = 0;
	while (n < name.len) {
		char c = name.data[n];
		struct envoi_span rest = {name.data + n, name.len - n};
		size_t octets = encoded ? envoi_utf8_length(rest) : 1;
		octets = octets > 0 ? octets : 1;
		if (!encoded) {
			width += c == '"' || c == '\\' ? 2 : 1;
		} else {
			width += is_attribute_char(c) ? 1 : 3 * octets;
		}
		if (width > PIECE) {
			break;
		}
		n += octets;
	}
	return n;
}

static int put_piece(struct envoi_buffer *out, struct envoi_span name, bool encoded)
{
	int result = encoded ? 0 : envoi_buffer_puts(out, "\"");
	for (size_t i = 0; i < name.len && result == 0; i++) {
		char c = is_control(name.data[i]) ? '_' : name.data[i];
		if (encoded && !is_attribute_char(c)) {
			result = envoi_buffer_printf(out, "%%%02X", (unsigned char)c);
		} else if (c == '"' || c == '\\') {
			result = envoi_buffer_printf(out, "\\%c", c);
		} else {
			result = envoi_buffer_append(out, &c, 1);
		}
	}
	return result == 0 && !encoded ? envoi_buffer_puts(out, "\"") : result;
}

static const char *charset_of(struct envoi_span name)
{
	while (name.len > 0) {
		size_t n = envoi_utf8_length(name);
		if (n == 0) {
			return "unknown-8bit";
		}
		name = (struct envoi_span){name.data + n, name.len - n};
	}
	return "utf-8";
}

int envoi_compose_filename(struct envoi_buffer *out, struct envoi_span name)
{
	bool encoded = false;
	for (size_t i = 0; i < name.len; i++) {
		/* Some readers decode encoded words even here. */
		bool word = i > 0 && name.data[i] == '?' && name.data[i - 1] == '=';
		encoded = encoded || word || (unsigned char)name.data[i] > 127;
	}
	const char *charset = charset_of(name);
	bool whole = piece(name, encoded) == name.len;
	unsigned number = 0;
	do {
		size_t n = piece(name, encoded);
		int result = envoi_buffer_puts(out, ";\n filename");
		if (result == 0 && !whole) {
			result = envoi_buffer_printf(out, "*%u", number);
		}
		if (result == 0) {
			result = envoi_buffer_puts(out, encoded ? "*=" : "=");
		}
		if (result == 0 && encoded && number == 0) {
			result = envoi_buffer_printf(out, "%s''", charset);
		}
		if (result != 0
			|| put_piece(out, (struct envoi_span){name.data, n}, encoded)
				   != 0) {
			return -1;
		}
		number++;
		name = (struct envoi_span){name.data + n, name.len - n};
	} while (name.len > 0);
	return 0;
}
