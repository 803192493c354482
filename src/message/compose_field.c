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

/* Lists of addresses that become one field. */
struct field {
	struct envoi_buffer *out;
	/** Nothing stands behind its name yet. */
	bool empty;
	/** The list that is read, and how much of it stands in the field. */
	struct envoi_span text;
	size_t at;
	/** It has groups, whose names and ends go as they were typed; one is open. */
	bool has_group, is_open;
};

static bool has_encoded_word(struct envoi_span text)
{
	for (size_t i = 0; i + 1 < text.len; i++) {
		if (text.data[i] == '=' && text.data[i + 1] == '?') {
			return true;
		}
	}
	return false;
}

/* The member of a group, and what fits into a line and needs no encoding, stay as they
 * were typed; so do encoded words. */
static bool stays(const struct field *field, struct envoi_span text)
{
	return is_printable(text)
	       && (field->has_group || text.len < LINE - 3 || has_encoded_word(text));
}

static int put_address(struct field *field, const struct envoi_list_item *item,
	struct envoi_span text, struct envoi_error *err)
{
	struct envoi_buffer *out = field->out;
	struct envoi_span name = {
		field->text.data + item->name_start, item->name_end - item->name_start};
	name = envoi_span_trim(name);
	if (stays(field, text)) {
		return envoi_buffer_append(out, text.data, text.len) == 0
			       ? 0
			       : no_memory(err);
	}
	if (name.len > 0 && put_display_name(out, name, err) != 0) {
		return -1;
	}
	bool fold = current_column(out) + strlen(item->mailbox) + 4 > LINE;
	return envoi_buffer_printf(out, name.len > 0 ? "%s<%s>" : "%.0s%s",
		       fold ? "\n " : " ", item->mailbox)
			       == 0
		       ? 0
		       : no_memory(err);
}

/* What stands between two addresses and says of which group they are. */
static int put_between(struct field *field, size_t end, struct envoi_error *err)
{
	struct envoi_span text = envoi_span_trim(
		(struct envoi_span){field->text.data + field->at, end - field->at});
	field->at = end;
	if (!field->has_group || text.len == 0) {
		return 0;
	}
	if (!is_printable(text)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"a group with octets above 127 is not understood");
	}
	for (size_t i = 0; i < text.len; i++) {
		field->is_open =
			text.data[i] == ':' || (field->is_open && text.data[i] != ';');
	}
	bool apart = text.data[0] != ',' && text.data[0] != ';';
	return (!apart || envoi_buffer_puts(field->out, " ") == 0)
			       && envoi_buffer_append(field->out, text.data, text.len)
					  == 0
		       ? 0
		       : no_memory(err);
}

static int look_at_address(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct field *field = context;
	const char *text = field->text.data;
	if (item->mailbox == NULL) {
		*err = *item->why;
		return -1;
	}
	field->has_group =
		field->has_group
		|| memchr(text + field->at, ':', item->start - field->at) != NULL;
	field->at = item->end;
	return 0;
}

static int take_address(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct field *field = context;
	struct envoi_span text = {
		field->text.data + item->start, item->end - item->start};
	if (put_between(field, item->start, err) != 0) {
		return -1;
	}
	field->at = item->end;
	bool comma = !field->has_group && !field->empty;
	bool fold = !field->empty && current_column(field->out) + text.len + 3 > LINE;
	field->empty = false;
	if (envoi_buffer_puts(field->out, comma ? "," : "") != 0
		|| envoi_buffer_puts(field->out, fold ? "\n " : " ") != 0) {
		return no_memory(err);
	}
	return put_address(field, item, text, err);
}

/* The addresses of a list, behind the name or behind others. */
static int put_list(struct field *field, struct envoi_span text, struct envoi_error *err)
{
	if (has_line_end(text)) {
		return envoi_error_set(
			err, ENVOI_STATUS_USAGE, "an address holds a line end");
	}
	field->text = text;
	field->at = 0;
	field->has_group = false;
	if (envoi_address_list_parse(text.data, text.len, look_at_address, field, err)
		!= 0) {
		return -1;
	}
	field->has_group =
		field->has_group
		|| memchr(text.data + field->at, ':', text.len - field->at) != NULL;
	field->at = 0;
	if (field->has_group && !field->empty
		&& envoi_buffer_puts(field->out, ",") != 0) {
		return no_memory(err);
	}
	field->empty = field->empty && !field->has_group;
	if (envoi_address_list_parse(text.data, text.len, take_address, field, err)
		!= 0) {
		return -1;
	}
	if (put_between(field, text.len, err) != 0) {
		return -1;
	}
	/* Others may come. */
	bool is_open = field->is_open;
	field->is_open = false;
	return !is_open || envoi_buffer_puts(field->out, ";") == 0 ? 0 : no_memory(err);
}

int envoi_compose_addresses(struct envoi_buffer *out, const char *name,
	const char *const *texts, size_t n, struct envoi_error *err)
{
	struct field field = {.out = out, .empty = true};
	if (envoi_buffer_printf(out, "%s:", name) != 0) {
		return no_memory(err);
	}
	for (size_t i = 0; i < n; i++) {
		if (put_list(&field, envoi_span_of(texts[i]), err) != 0) {
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
		struct field field = {.out = out, .empty = true};
		if (put_list(&field, value, err) != 0) {
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
