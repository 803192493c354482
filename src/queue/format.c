/*
 * Head and envelope of a spool file; see the header.
 */
#include "queue/format.h"

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/limits.h"
#include "base/octets.h"

static const unsigned char magic[8] = {'e', 'n', 'v', 'o', 'i', 'Q', 0x1a, '\n'};
const unsigned char envoi_format_mark[ENVOI_FORMAT_MARK] = {
	0x1a, '\n', 'e', 'n', 'd', 'Q', 0x1a, '\n'};

enum field {
	FIELD_SENDER = 'S',
	FIELD_RECIPIENT = 'R',
	/** Of the recipient before. */
	FIELD_ORIGINAL = 'O',
	FIELD_NOTIFY = 'N',
	FIELD_ACCOUNT = 'A',
	FIELD_CONFIG = 'C',
	FIELD_KEYWORD = 'K',
	/** Of the keyword before. */
	FIELD_VALUE = 'V',
	FIELD_ENVELOPE_ID = 'E',
	FIELD_RETURNED = 'D',
	FIELD_MESSAGE_ID = 'M',
	FIELD_BOUNCE_OF = 'F',
	/** Numbers: 8 octets. */
	FIELD_UID = 'u',
	FIELD_CREATED = 'c',
	FIELD_NOT_BEFORE = 'b',
	FIELD_EXPIRES = 'x',
};

static int bad(struct envoi_error *err, const char *what)
{
	return envoi_error_set(err, ENVOI_STATUS_DATA, "%s", what);
}

void envoi_format_put_head(
	const struct envoi_format_head *head, unsigned char out[ENVOI_FORMAT_HEAD])
{
	memset(out, 0, ENVOI_FORMAT_HEAD);
	memcpy(out, magic, sizeof(magic));
	envoi_octets_put32(out + 8, head->version);
	envoi_octets_put64(out + 16, head->envelope_length);
	envoi_octets_put64(out + 24, head->message_length);
	envoi_octets_put64(out + 32, head->envelope_sum);
	envoi_octets_put64(out + 40, head->message_sum);
	envoi_octets_put64(out + 56, envoi_checksum_of(out, ENVOI_FORMAT_HEAD - 8, 0));
}

int envoi_format_get_head(const unsigned char in[ENVOI_FORMAT_HEAD],
	struct envoi_format_head *ret_head, struct envoi_error *err)
{
	if (memcmp(in, magic, sizeof(magic)) != 0) {
		return bad(err, "this is no message of the queue");
	}
	if (envoi_octets_get64(in + 56)
		!= envoi_checksum_of(in, ENVOI_FORMAT_HEAD - 8, 0)) {
		return bad(err, "the head's checksum is wrong");
	}
	*ret_head = (struct envoi_format_head){
		.version = envoi_octets_get32(in + 8),
		.envelope_length = envoi_octets_get64(in + 16),
		.message_length = envoi_octets_get64(in + 24),
		.envelope_sum = envoi_octets_get64(in + 32),
		.message_sum = envoi_octets_get64(in + 40),
	};
	if (ret_head->version > ENVOI_FORMAT_VERSION) {
		return 0;
	}
	if (ret_head->version == 0 || ret_head->envelope_length > ENVOI_LIMIT_ENVELOPE
		|| ret_head->message_length > INT64_MAX / 2) {
		return bad(err, "the head makes no sense");
	}
	return 0;
}

uint64_t envoi_format_message(const struct envoi_format_head *head)
{
	return ENVOI_FORMAT_HEAD + head->envelope_length;
}

uint64_t envoi_format_journal(const struct envoi_format_head *head)
{
	uint64_t end = envoi_format_message(head) + head->message_length;
	return (end + ENVOI_FORMAT_MARK + 7) & ~(uint64_t)7;
}

bool envoi_format_is_text(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f) {
			return false;
		}
	}
	return true;
}

/* -- writing ------------------------------------------------------------------- */

struct writer {
	struct envoi_buffer *out;
	struct envoi_error *err;
	int result;
};

static void put_octets(
	struct writer *writer, enum field type, const void *octets, size_t n)
{
	unsigned char head[5] = {(unsigned char)type};
	envoi_octets_put32(head + 1, (uint32_t)n);
	if (writer->result != 0) {
		return;
	}
	if (writer->out->len + n > ENVOI_LIMIT_ENVELOPE - 100) {
		writer->result = envoi_error_set(
			writer->err, ENVOI_STATUS_USAGE, "the envelope is too large");
	} else if (envoi_buffer_append(writer->out, head, sizeof(head)) != 0
		   || envoi_buffer_append(writer->out, octets, n) != 0
		   || envoi_buffer_append(writer->out, "", 1) != 0) {
		writer->result = envoi_error_set(
			writer->err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
}

static void put_text(struct writer *writer, enum field type, const char *text)
{
	if (text == NULL || writer->result != 0) {
		return;
	}
	if (!envoi_format_is_text(text)) {
		writer->result = envoi_error_set(writer->err, ENVOI_STATUS_USAGE,
			"a control character in the envelope: %s", text);
		return;
	}
	put_octets(writer, type, text, strlen(text));
}

static void put_number(struct writer *writer, enum field type, uint64_t value)
{
	unsigned char octets[8];
	envoi_octets_put64(octets, value);
	put_octets(writer, type, octets, sizeof(octets));
}

int envoi_format_put_envelope(struct envoi_buffer *out,
	const struct envoi_queue_envelope *envelope, struct envoi_error *err)
{
	struct writer writer = {.out = out, .err = err};
	if (envelope->count == 0) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE, "no recipients given");
	}
	put_text(&writer, FIELD_SENDER, envelope->sender);
	for (size_t i = 0; i < envelope->count; i++) {
		put_text(&writer, FIELD_RECIPIENT, envelope->recipients[i].address);
		put_text(&writer, FIELD_ORIGINAL, envelope->recipients[i].original);
		put_text(&writer, FIELD_NOTIFY, envelope->recipients[i].notify);
	}
	put_text(&writer, FIELD_ACCOUNT, envelope->account);
	put_text(&writer, FIELD_CONFIG, envelope->config);
	for (size_t i = 0; i < envelope->setting_count; i++) {
		put_text(&writer, FIELD_KEYWORD, envelope->settings[i].keyword);
		put_text(&writer, FIELD_VALUE, envelope->settings[i].value);
	}
	put_text(&writer, FIELD_ENVELOPE_ID, envelope->envelope_id);
	put_text(&writer, FIELD_RETURNED, envelope->returned);
	put_text(&writer, FIELD_MESSAGE_ID, envelope->message_id);
	put_text(&writer, FIELD_BOUNCE_OF, envelope->bounce_of);
	put_number(&writer, FIELD_UID, envelope->uid);
	put_number(&writer, FIELD_CREATED, (uint64_t)envelope->created);
	put_number(&writer, FIELD_NOT_BEFORE, (uint64_t)envelope->not_before);
	put_number(&writer, FIELD_EXPIRES, (uint64_t)envelope->expires);
	return writer.result;
}

/* -- reading ------------------------------------------------------------------- */

struct field_span {
	int type;
	const char *text;
	size_t n;
};

/* The next field; false: what follows is none. */
static bool next_field(struct envoi_span *rest, struct field_span *ret_field)
{
	const unsigned char *p = (const unsigned char *)rest->data;
	if (rest->len < 6) {
		return false;
	}
	size_t n = envoi_octets_get32(p + 1);
	if (n > rest->len - 6 || p[5 + n] != '\0') {
		return false;
	}
	*ret_field = (struct field_span){p[0], rest->data + 5, n};
	*rest = (struct envoi_span){rest->data + n + 6, rest->len - n - 6};
	return true;
}

static uint64_t number_of(const struct field_span *field)
{
	return envoi_octets_get64((const unsigned char *)field->text);
}

/* Fields of one text. NULL: it is of another kind. */
static const char **text_place(struct envoi_queue_envelope *envelope, int type)
{
	switch (type) {
	case FIELD_SENDER:
		return &envelope->sender;
	case FIELD_ACCOUNT:
		return &envelope->account;
	case FIELD_CONFIG:
		return &envelope->config;
	case FIELD_ENVELOPE_ID:
		return &envelope->envelope_id;
	case FIELD_RETURNED:
		return &envelope->returned;
	case FIELD_MESSAGE_ID:
		return &envelope->message_id;
	case FIELD_BOUNCE_OF:
		return &envelope->bounce_of;
	default:
		return NULL;
	}
}

static bool take_number(
	struct envoi_queue_envelope *envelope, const struct field_span *field)
{
	if (field->n != 8) {
		return false;
	}
	switch (field->type) {
	case FIELD_UID:
		envelope->uid = number_of(field);
		return true;
	case FIELD_CREATED:
		envelope->created = (int64_t)number_of(field);
		return true;
	case FIELD_NOT_BEFORE:
		envelope->not_before = (int64_t)number_of(field);
		return true;
	case FIELD_EXPIRES:
		envelope->expires = (int64_t)number_of(field);
		return true;
	default:
		return false;
	}
}

/* Fields of which there are many, into arrays that are large enough. */
static bool take_listed(
	struct envoi_format_envelope *result, const struct field_span *field)
{
	struct envoi_queue_envelope *envelope = &result->envelope;
	struct envoi_queue_recipient *last =
		envelope->count > 0 ? &result->recipients[envelope->count - 1] : NULL;
	struct envoi_queue_setting *setting =
		envelope->setting_count > 0
			? &result->settings[envelope->setting_count - 1]
			: NULL;
	switch (field->type) {
	case FIELD_RECIPIENT:
		result->recipients[envelope->count++].address = field->text;
		return true;
	case FIELD_ORIGINAL:
		return last != NULL && last->original == NULL
		       && (last->original = field->text) != NULL;
	case FIELD_NOTIFY:
		return last != NULL && last->notify == NULL
		       && (last->notify = field->text) != NULL;
	case FIELD_KEYWORD:
		result->settings[envelope->setting_count++].keyword = field->text;
		return setting == NULL || setting->value != NULL;
	case FIELD_VALUE:
		return setting != NULL && setting->value == NULL
		       && (setting->value = field->text) != NULL;
	default:
		return false;
	}
}

static bool take_field(
	struct envoi_format_envelope *result, const struct field_span *field)
{
	if (take_number(&result->envelope, field)) {
		return true;
	}
	if (memchr(field->text, '\0', field->n) != NULL
		|| !envoi_format_is_text(field->text)) {
		return false;
	}
	const char **place = text_place(&result->envelope, field->type);
	if (place == NULL) {
		return take_listed(result, field);
	}
	if (*place != NULL) {
		return false;
	}
	*place = field->text;
	return true;
}

static bool is_complete(const struct envoi_queue_envelope *envelope)
{
	return envelope->sender != NULL && envelope->count > 0
	       && (envelope->setting_count == 0
		       || envelope->settings[envelope->setting_count - 1].value != NULL);
}

int envoi_format_get_envelope(struct envoi_span octets,
	struct envoi_format_envelope *ret_envelope, struct envoi_error *err)
{
	size_t recipients = 0, settings = 0;
	struct envoi_span rest = octets;
	struct field_span field;
	*ret_envelope = (struct envoi_format_envelope){0};
	while (rest.len > 0) {
		if (!next_field(&rest, &field)) {
			return bad(err, "the envelope ends inside a field");
		}
		recipients += field.type == FIELD_RECIPIENT;
		settings += field.type == FIELD_KEYWORD;
	}
	ret_envelope->recipients =
		calloc(recipients + 1, sizeof(*ret_envelope->recipients));
	ret_envelope->settings = calloc(settings + 1, sizeof(*ret_envelope->settings));
	if (ret_envelope->recipients == NULL || ret_envelope->settings == NULL) {
		envoi_format_finish_envelope(ret_envelope);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	ret_envelope->envelope.recipients = ret_envelope->recipients;
	ret_envelope->envelope.settings = ret_envelope->settings;
	for (rest = octets; next_field(&rest, &field);) {
		if (!take_field(ret_envelope, &field)) {
			envoi_format_finish_envelope(ret_envelope);
			return bad(err, "the envelope has a field that makes no sense");
		}
	}
	if (!is_complete(&ret_envelope->envelope)) {
		envoi_format_finish_envelope(ret_envelope);
		return bad(err, "the envelope is not complete");
	}
	return 0;
}

void envoi_format_finish_envelope(struct envoi_format_envelope *envelope)
{
	free(envelope->recipients);
	free(envelope->settings);
	*envelope = (struct envoi_format_envelope){0};
}
