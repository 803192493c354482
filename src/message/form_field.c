/*
 * Octets above 127 in a field: encoded words (RFC 2047 5) where the field is
 * text for people, a display name or a comment; A-labels (RFC 5890) in the
 * domain of an address; percent signs (RFC 2231 4) where it is a parameter.
 * What is left (a local part, a Message-ID) is nothing that ASCII can say.
 */
#include "message/form.h"

#include <stdlib.h>
#include <string.h>

#include <envoi/address.h>

#include "message/encoded_word.h"

/* Where nothing but addresses may be. */
static const char *const address_fields[] = {"from", "sender", "reply-to", "to", "cc",
	"bcc", "resent-from", "resent-sender", "resent-reply-to", "resent-to",
	"resent-cc", "resent-bcc", "apparently-to", "errors-to",
	"disposition-notification-to", "return-receipt-to", "mail-followup-to",
	"mail-reply-to", "list-id", NULL};

static const char *const parameter_fields[] = {
	"content-type", "content-disposition", NULL};

/* Words and phrases, with commas between. */
static const char *const phrase_fields[] = {"keywords", NULL};

/* Where encoded words may be in comments only. */
static const char *const commented_fields[] = {"message-id", "in-reply-to", "references",
	"date", "resent-date", "resent-message-id", "content-id", "mime-version",
	"content-transfer-encoding", "received", "return-path", "list-help", "list-post",
	"list-subscribe", "list-unsubscribe", "list-archive", "list-owner", NULL};

/* Signed, or about what is signed: where no encoded word may be. */
static const char *const strict_fields[] = {"dkim-signature", "arc-seal",
	"arc-message-signature", "arc-authentication-results", "authentication-results",
	NULL};

static bool is_one_of(struct envoi_span name, const char *const *names)
{
	while (*names != NULL && !envoi_span_equal_nocase(name, *names)) {
		names++;
	}
	return *names != NULL;
}

static bool has_eight_bit(struct envoi_span span)
{
	for (size_t i = 0; i < span.len; i++) {
		if ((unsigned char)span.data[i] > 127) {
			return true;
		}
	}
	return false;
}

/* The column the next octet of out is in. */
static size_t column(const struct envoi_buffer *out)
{
	struct envoi_span span = envoi_buffer_span(out);
	size_t n = 0;
	while (n < span.len && span.data[span.len - 1 - n] != '\n') {
		n++;
	}
	return n;
}

static int append(struct envoi_buffer *out, struct envoi_span span)
{
	return envoi_buffer_append(out, span.data, span.len);
}

static struct envoi_span part(struct envoi_span text, size_t from, size_t to)
{
	return (struct envoi_span){text.data + from, to - from};
}

/* Behind the quoted string, or the comment, that begins at i. */
static size_t skip_quoted(struct envoi_span text, size_t i)
{
	char open = text.data[i], close = open == '(' ? ')' : open;
	size_t depth = 1;
	for (i++; i < text.len && depth > 0; i++) {
		if (text.data[i] == '\\' && i + 1 < text.len) {
			i++;
		} else if (text.data[i] == close) {
			depth--;
		} else if (text.data[i] == open) {
			depth++;
		}
	}
	return i;
}

/* -- addresses ---------------------------------------------------------------- */

/* Text without quotes and backslashes as a phrase of encoded words. */
static int put_words(struct envoi_buffer *out, struct envoi_span text)
{
	struct envoi_buffer plain;
	int result = 0;
	envoi_buffer_init(&plain, text.len + 1);
	for (size_t i = 0; result == 0 && i < text.len; i++) {
		if (text.data[i] == '"') {
			continue;
		}
		i += text.data[i] == '\\' && i + 1 < text.len ? 1 : 0;
		result = envoi_buffer_append(&plain, &text.data[i], 1);
	}
	if (result == 0) {
		result = envoi_encoded_word_put(out,
			envoi_span_trim(envoi_buffer_span(&plain)), column(out), true);
	}
	envoi_buffer_finish(&plain);
	return result;
}

/* Text that may have comments; 1: octets above 127 are outside of them. */
static int put_with_comments(struct envoi_buffer *out, struct envoi_span text)
{
	size_t i = 0, from = 0;
	while (i < text.len) {
		char c = text.data[i];
		if (c != '(' && c != '"') {
			if ((unsigned char)c > 127) {
				return 1;
			}
			i++;
			continue;
		}
		size_t end = skip_quoted(text, i);
		struct envoi_span quoted = part(text, i, end);
		if (has_eight_bit(quoted)) {
			bool closed = c == '(' && quoted.data[quoted.len - 1] == ')';
			if (!closed) {
				return 1;
			}
			if (append(out, part(text, from, i + 1)) != 0
				|| put_words(out, part(text, i + 1, end - 1)) != 0) {
				return -1;
			}
			from = end - 1;
		}
		i = end;
	}
	return append(out, part(text, from, text.len));
}

/* A display name, or the name of a group. */
static int put_phrase(struct envoi_buffer *out, struct envoi_span phrase)
{
	if (!has_eight_bit(phrase)) {
		return append(out, phrase);
	}
	bool blank = phrase.data[0] == ' ' || phrase.data[0] == '\t';
	if ((blank && envoi_buffer_puts(out, " ") != 0)
		|| put_words(out, envoi_span_trim(phrase)) != 0) {
		return -1;
	}
	return envoi_buffer_puts(out, " ");
}

/* <...>, at i; *ret_end is behind it. */
static int put_angle(
	struct envoi_buffer *out, struct envoi_span text, size_t i, size_t *ret_end)
{
	size_t end = i;
	while (end < text.len && text.data[end] != '>') {
		end = text.data[end] == '"' ? skip_quoted(text, end) : end + 1;
	}
	end += end < text.len ? 1 : 0;
	*ret_end = end;
	return put_with_comments(out, part(text, i, end));
}

static int put_elements(struct envoi_buffer *out, struct envoi_span text)
{
	size_t from = 0, i = 0;
	int result = 0;
	while (result == 0 && i < text.len) {
		char c = text.data[i];
		if (c == '"' || c == '(') {
			i = skip_quoted(text, i);
		} else if (c == '<') {
			result = put_phrase(out, part(text, from, i));
			if (result == 0) {
				result = put_angle(out, text, i, &i);
			}
			from = i;
		} else if (c == ':') {
			result = put_phrase(out, part(text, from, i));
			result = result == 0 ? append(out, part(text, i, i + 1)) : result;
			from = ++i;
		} else if (c == ',' || c == ';') {
			result = put_with_comments(out, part(text, from, i));
			result = result == 0 ? append(out, part(text, i, i + 1)) : result;
			from = ++i;
		} else {
			i++;
		}
	}
	return result == 0 ? put_with_comments(out, part(text, from, text.len)) : result;
}

/* Text with the domains of its addresses as A-labels. */
struct labels {
	struct envoi_span text;
	struct envoi_buffer *out;
	/** Up to here it is in out. */
	size_t at;
};

static int put_labels(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct labels *labels = context;
	if (item->mailbox == NULL || envoi_address_needs_utf8(item->mailbox)) {
		return 0;
	}
	struct envoi_span spec = part(labels->text, item->spec_start, item->spec_end);
	/* Comments in it would be lost; they can be encoded. */
	if (!has_eight_bit(spec) || memchr(spec.data, '(', spec.len) != NULL) {
		return 0;
	}
	int result =
		append(labels->out, part(labels->text, labels->at, item->spec_start));
	if (result == 0) {
		result = append(labels->out, envoi_span_of(item->mailbox));
	}
	labels->at = item->spec_end;
	return result != 0 ? envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory")
			   : 0;
}

static int put_addresses(struct envoi_buffer *out, struct envoi_span text)
{
	struct envoi_buffer ascii;
	struct envoi_error err;
	/* An A-label is longer than the label, but not as much. */
	envoi_buffer_init(&ascii, 10 * text.len + 1);
	struct labels labels = {.text = text, .out = &ascii};
	int result =
		envoi_address_list_parse(text.data, text.len, put_labels, &labels, &err);
	if (result == 0) {
		result = append(&ascii, part(text, labels.at, text.len));
	}
	if (result == 0) {
		result = put_elements(out, envoi_buffer_span(&ascii));
	}
	envoi_buffer_finish(&ascii);
	return result;
}

/* -- phrases ------------------------------------------------------------------ */

static int put_phrases(struct envoi_buffer *out, struct envoi_span text)
{
	size_t from = 0, i = 0;
	int result = 0;
	while (result == 0 && from <= text.len) {
		while (i < text.len && text.data[i] != ',') {
			char c = text.data[i];
			i = c == '"' || c == '(' ? skip_quoted(text, i) : i + 1;
		}
		struct envoi_span one = part(text, from, i);
		bool blank = one.len > 0 && (one.data[0] == ' ' || one.data[0] == '\t');
		if (!has_eight_bit(one)) {
			result = append(out, one);
		} else if (!blank || (result = envoi_buffer_puts(out, " ")) == 0) {
			result = put_words(out, envoi_span_trim(one));
		}
		if (result == 0 && i < text.len) {
			result = envoi_buffer_puts(out, ",");
		}
		from = ++i;
	}
	return result;
}

/* -- parameters --------------------------------------------------------------- */

static bool is_attribute_char(unsigned char c)
{
	return c > 32 && c < 127 && strchr("*'%()<>@,;:\\\"/[]?=", c) == NULL;
}

/* A value, its quotes included, as RFC 2231 has it. */
static int put_percent(struct envoi_buffer *out, struct envoi_span value)
{
	struct envoi_utf8 utf8 = {.bad = false};
	envoi_utf8_feed(&utf8, value.data, value.len);
	int result = envoi_buffer_puts(
		out, envoi_utf8_is_good(&utf8) ? "UTF-8''" : "unknown-8bit''");
	bool quoted = value.data[0] == '"';
	for (size_t i = 0; result == 0 && i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];
		if (c == '"' && quoted) {
			continue;
		}
		if (c == '\\' && quoted && i + 1 < value.len) {
			c = (unsigned char)value.data[++i];
		}
		result = is_attribute_char(c) ? envoi_buffer_printf(out, "%c", c)
					      : envoi_buffer_printf(out, "%%%02X", c);
	}
	return result;
}

/* One parameter, from behind the semicolon, without the next. */
static int put_parameter(struct envoi_buffer *out, struct envoi_span text)
{
	const char *equal = text.len > 0 ? memchr(text.data, '=', text.len) : NULL;
	if (!has_eight_bit(text)) {
		return append(out, text);
	}
	if (equal == NULL) {
		return 1;
	}
	struct envoi_span name = part(text, 0, (size_t)(equal - text.data));
	struct envoi_span value = envoi_span_trim(part(text, name.len + 1, text.len));
	name = envoi_span_trim(name);
	/* A boundary has to stay what the delimiters are. */
	if (has_eight_bit(name) || name.len == 0 || value.len == 0
		|| envoi_span_equal_nocase(name, "boundary")
		|| memchr(name.data, '*', name.len) != NULL) {
		return 1;
	}
	if (envoi_buffer_puts(out, "\n ") != 0 || append(out, name) != 0
		|| envoi_buffer_puts(out, "*=") != 0) {
		return -1;
	}
	return put_percent(out, value);
}

static int put_parameters(struct envoi_buffer *out, struct envoi_span text)
{
	size_t from = 0, i = 0;
	bool first = true;
	int result = 0;
	while (result == 0 && from <= text.len) {
		while (i < text.len && text.data[i] != ';') {
			char c = text.data[i];
			i = c == '"' || c == '(' ? skip_quoted(text, i) : i + 1;
		}
		struct envoi_span one = part(text, from, i);
		result = first && has_eight_bit(one) ? 1
			 : first		     ? append(out, one)
						     : put_parameter(out, one);
		if (result == 0 && i < text.len) {
			result = envoi_buffer_puts(out, ";");
		}
		first = false;
		from = ++i;
	}
	return result;
}

/* -- any field ---------------------------------------------------------------- */

static int put_value(
	struct envoi_buffer *out, struct envoi_span name, struct envoi_span value)
{
	if (is_one_of(name, strict_fields)) {
		return 1;
	}
	if (is_one_of(name, commented_fields)) {
		return put_with_comments(out, value);
	}
	if (is_one_of(name, phrase_fields)) {
		return put_phrases(out, value);
	}
	if (is_one_of(name, parameter_fields)) {
		return put_parameters(out, value);
	}
	if (is_one_of(name, address_fields)) {
		return put_addresses(out, value);
	}
	return envoi_encoded_word_put(out, value, column(out), false);
}

/* Without line ends. */
static int unfold(struct envoi_buffer *out, struct envoi_span value)
{
	int result = 0;
	for (size_t i = 0; result == 0 && i < value.len; i++) {
		if (value.data[i] != '\r' && value.data[i] != '\n') {
			result = envoi_buffer_append(out, &value.data[i], 1);
		}
	}
	return result;
}

int envoi_form_field_encode(
	struct envoi_span name, struct envoi_span value, struct envoi_buffer *out)
{
	struct envoi_buffer text, field;
	envoi_buffer_init(&text, value.len + 1);
	/* An octet becomes three, an encoded word of them 75 with its frame. */
	envoi_buffer_init(&field, 1000 + name.len + 10 * value.len);
	int result = unfold(&text, value);
	if (result == 0) {
		result = append(&field, name);
	}
	if (result == 0) {
		result = envoi_buffer_puts(&field, ": ");
	}
	if (result == 0) {
		result = put_value(
			&field, name, envoi_span_trim(envoi_buffer_span(&text)));
	}
	if (result == 0 && envoi_buffer_puts(&field, "\n") != 0) {
		result = -1;
	}
	if (result == 0) {
		result = append(out, envoi_buffer_span(&field));
	}
	envoi_buffer_finish(&text);
	envoi_buffer_finish(&field);
	return result;
}
