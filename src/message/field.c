/*
 * Fields of a header: their kinds and values.
 */
#include "message/header.h"

static const char *const names[ENVOI_FIELD_KIND_COUNT] = {
	[ENVOI_FIELD_OTHER] = "",
	[ENVOI_FIELD_APPARENTLY_TO] = "Apparently-To",
	[ENVOI_FIELD_BCC] = "Bcc",
	[ENVOI_FIELD_CC] = "Cc",
	[ENVOI_FIELD_CONTENT_LENGTH] = "Content-Length",
	[ENVOI_FIELD_DATE] = "Date",
	[ENVOI_FIELD_FROM] = "From",
	[ENVOI_FIELD_MESSAGE_ID] = "Message-ID",
	[ENVOI_FIELD_RECEIVED] = "Received",
	[ENVOI_FIELD_REPLY_TO] = "Reply-To",
	[ENVOI_FIELD_RESENT_BCC] = "Resent-Bcc",
	[ENVOI_FIELD_RESENT_CC] = "Resent-Cc",
	[ENVOI_FIELD_RESENT_DATE] = "Resent-Date",
	[ENVOI_FIELD_RESENT_FROM] = "Resent-From",
	[ENVOI_FIELD_RESENT_MESSAGE_ID] = "Resent-Message-ID",
	[ENVOI_FIELD_RESENT_REPLY_TO] = "Resent-Reply-To",
	[ENVOI_FIELD_RESENT_SENDER] = "Resent-Sender",
	[ENVOI_FIELD_RESENT_TO] = "Resent-To",
	[ENVOI_FIELD_RETURN_PATH] = "Return-Path",
	[ENVOI_FIELD_SENDER] = "Sender",
	[ENVOI_FIELD_TO] = "To",
};

enum envoi_field_kind envoi_field_kind_of(struct envoi_span name)
{
	for (int i = ENVOI_FIELD_OTHER + 1; i < ENVOI_FIELD_KIND_COUNT; i++) {
		if (envoi_span_equal_nocase(name, names[i])) {
			return (enum envoi_field_kind)i;
		}
	}
	return ENVOI_FIELD_OTHER;
}

const char *envoi_field_name(enum envoi_field_kind kind)
{
	return names[kind];
}

bool envoi_field_is_resent(enum envoi_field_kind kind)
{
	return kind >= ENVOI_FIELD_RESENT_BCC && kind <= ENVOI_FIELD_RESENT_TO;
}

const struct envoi_field *envoi_header_find(
	const struct envoi_header *header, enum envoi_field_kind kind)
{
	for (size_t i = 0; i < header->count; i++) {
		if (header->fields[i].kind == kind) {
			return &header->fields[i];
		}
	}
	return NULL;
}

int envoi_field_unfold(const struct envoi_field *field, struct envoi_buffer *out)
{
	struct envoi_span value = field->value;
	while (value.len > 0
		&& (value.data[0] == '\n' || value.data[0] == ' '
			|| value.data[0] == '\t')) {
		value.data++;
		value.len--;
	}
	while (value.len > 0
		&& (value.data[value.len - 1] == '\n' || value.data[value.len - 1] == ' '
			|| value.data[value.len - 1] == '\t')) {
		value.len--;
	}
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] != '\n'
			&& envoi_buffer_append(out, &value.data[i], 1) != 0) {
			return -1;
		}
	}
	return 0;
}
