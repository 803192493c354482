/*
 * The header of a message in the form for a server: what is in it, and what is
 * done to its fields. Fields nothing is done to stay octet for octet.
 */
#include "message/form.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* Behind the end of the line at i; *ret_text is where its end begins. */
static size_t line_end(struct envoi_span text, size_t i, size_t *ret_text)
{
	const char *lf = memchr(text.data + i, '\n', text.len - i);
	*ret_text = lf != NULL ? (size_t)(lf - text.data) : text.len;
	return lf != NULL ? *ret_text + 1 : text.len;
}

struct field {
	struct envoi_span raw, name, value;
	bool eight_bit, is_long;
};

/* Takes the next field off fields. */
static bool next_field(struct envoi_span *fields, struct field *field)
{
	size_t i = 0, stop;
	*field = (struct field){.raw = *fields};
	while (i < fields->len
		&& (i == 0 || fields->data[i] == ' ' || fields->data[i] == '\t')) {
		size_t next = line_end(*fields, i, &stop);
		field->is_long = field->is_long || stop - i > ENVOI_LINE_MAX;
		for (; i < stop; i++) {
			field->eight_bit =
				field->eight_bit || (unsigned char)fields->data[i] > 127;
		}
		i = next;
	}
	if (i == 0) {
		return false;
	}
	field->raw.len = i;
	fields->data += i;
	fields->len -= i;
	const char *colon = memchr(field->raw.data, ':', i);
	size_t n = colon != NULL ? (size_t)(colon - field->raw.data) : i;
	field->name = envoi_span_trim((struct envoi_span){field->raw.data, n});
	n += colon != NULL ? 1 : 0;
	field->value = (struct envoi_span){field->raw.data + n, i - n};
	return true;
}

/* Where a line of n octets, too long, can be broken; 0: nowhere. A line of
 * blanks alone would be left out by some readers, and the name needs a line. */
static size_t break_of(const char *line, size_t n)
{
	size_t text = 0, last = 0;
	while (text < n && (line[text] == ' ' || line[text] == '\t')) {
		text++;
	}
	for (size_t i = text + 1; i < n && (i <= ENVOI_LINE_MAX || last == 0); i++) {
		bool blank = line[i] == ' ' || line[i] == '\t';
		if (blank && i + 1 < n && line[i + 1] != ' ' && line[i + 1] != '\t'
			&& line[i - 1] != ':') {
			last = i;
		}
	}
	return last;
}

static void note_long(struct envoi_span raw, uint64_t line, size_t octets,
	struct envoi_head_result *ret)
{
	if (ret->long_octets == 0) {
		ret->long_line = line;
		ret->long_field = raw;
		ret->long_octets = octets;
	}
}

/* As it is; lines that are too long are noted. */
static int put_whole(
	struct envoi_buffer *out, struct envoi_span raw, struct envoi_head_result *ret)
{
	size_t i = 0, stop;
	for (uint64_t line = 0; i < raw.len; line++) {
		size_t next = line_end(raw, i, &stop);
		if (stop - i > ENVOI_LINE_MAX) {
			note_long(raw, line, stop - i, ret);
		}
		i = next;
	}
	return envoi_buffer_append(out, raw.data, raw.len);
}

static int put_folded(
	struct envoi_buffer *out, struct envoi_span raw, struct envoi_head_result *ret)
{
	size_t i = 0, stop;
	for (uint64_t line = 0; i < raw.len; line++) {
		size_t next = line_end(raw, i, &stop);
		while (stop - i > ENVOI_LINE_MAX) {
			size_t n = break_of(raw.data + i, stop - i);
			if (n == 0 || n > ENVOI_LINE_MAX) {
				note_long(raw, line, stop - i, ret);
			}
			if (n == 0) {
				break;
			}
			if (envoi_buffer_append(out, raw.data + i, n) != 0
				|| envoi_buffer_puts(out, "\n") != 0) {
				return -1;
			}
			i += n;
		}
		if (envoi_buffer_append(out, raw.data + i, next - i) != 0) {
			return -1;
		}
		i = next;
	}
	return 0;
}

static void keep_name(char *to, size_t size, struct envoi_span name)
{
	if (to[0] == '\0') {
		size_t n = name.len < size - 1 ? name.len : size - 1;
		memcpy(to, name.data, n);
		to[n] = '\0';
	}
}

/* A field with octets above 127: 0, 1 when it stays as it is, -1. */
static int put_encoded(const struct field *field, const struct envoi_head_edit *edit,
	struct envoi_buffer *out, struct envoi_head_result *ret)
{
	struct envoi_utf8 utf8 = {.bad = false};
	envoi_utf8_feed(&utf8, field->value.data, field->value.len);
	bool good = envoi_utf8_is_good(&utf8);
	int result = 1;
	if (edit->words && (good || !edit->keep)) {
		result = envoi_form_field_encode(field->name, field->value, out);
	}
	if (result == 1) {
		ret->eight_bit = true;
		if (good || !edit->keep) {
			keep_name(ret->needs_utf8, sizeof(ret->needs_utf8), field->name);
		} else {
			keep_name(ret->not_utf8, sizeof(ret->not_utf8), field->name);
		}
	}
	return result;
}

/* The same; a word that has no end is too long when it is encoded as well. */
static int put_encoded_folded(const struct field *field,
	const struct envoi_head_edit *edit, struct envoi_buffer *out,
	struct envoi_head_result *ret)
{
	struct envoi_buffer encoded;
	uint64_t long_before = ret->long_octets;
	envoi_buffer_init(&encoded, 16 * ENVOI_LIMIT_HEADER);
	int result = put_encoded(field, edit, &encoded, ret);
	struct envoi_span text = envoi_buffer_span(&encoded);
	if (result == 0) {
		result = edit->fold ? put_folded(out, text, ret)
				    : put_whole(out, text, ret);
	}
	if (ret->long_octets != long_before) {
		ret->long_field = field->raw;
		ret->long_line = 0;
	}
	envoi_buffer_finish(&encoded);
	return result;
}

static int put_field(const struct field *field, const struct envoi_head_edit *edit,
	struct envoi_buffer *out, struct envoi_head_result *ret)
{
	int result = 1;
	if (edit->encoding != NULL
		&& envoi_span_equal_nocase(field->name, "content-transfer-encoding")) {
		return 0;
	}
	if (field->eight_bit) {
		result = put_encoded_folded(field, edit, out, ret);
	}
	if (result == 1) {
		result = edit->fold && field->is_long ? put_folded(out, field->raw, ret)
						      : put_whole(out, field->raw, ret);
	}
	return result;
}

static int put_missing(const struct envoi_head_edit *edit, struct envoi_buffer *out)
{
	int failed = 0;
	if (edit->version) {
		failed |= envoi_buffer_puts(out, "MIME-Version: 1.0\n");
	}
	if (edit->charset != NULL) {
		failed |= envoi_buffer_printf(
			out, "Content-Type: text/plain; charset=%s\n", edit->charset);
	}
	if (edit->encoding != NULL) {
		failed |= envoi_buffer_printf(
			out, "Content-Transfer-Encoding: %s\n", edit->encoding);
	}
	return failed;
}

int envoi_form_head_edit(struct envoi_span fields, const struct envoi_head_edit *edit,
	struct envoi_buffer *out, struct envoi_head_result *ret)
{
	struct field field;
	*ret = (struct envoi_head_result){.eight_bit = false};
	while (next_field(&fields, &field)) {
		if (put_field(&field, edit, out, ret) != 0) {
			return -1;
		}
	}
	return put_missing(edit, out);
}

struct envoi_form_head envoi_form_head_of(const struct envoi_message *message)
{
	struct envoi_form_head head = {.fields = {"", 0}, .whole = {"", 0}};
	struct field field;
	if (message->pieces.count > 0
		&& message->pieces.list[0].kind == ENVOI_PIECE_TEXT) {
		head.fields = head.whole = message->pieces.list[0].text;
		head.fields.len -= message->header.empty_line ? 1 : 0;
	}
	struct envoi_span fields = head.fields;
	while (next_field(&fields, &field)) {
		if (envoi_span_equal_nocase(field.name, "content-transfer-encoding")) {
			head.binary = envoi_encoding_parse(field.value)
				      == ENVOI_ENCODING_BINARY;
			break;
		}
	}
	return head;
}
