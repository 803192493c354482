/*
 * Recipients a header names: RFC 5322 3.6.3, 3.6.6; Apparently-To is what old
 * programs wrote for those they had on the command line.
 */
#include <envoi/repair.h>

#include "message/private.h"

struct reading {
	const struct envoi_field *field;
	const char *name;
	envoi_recipient_take *take;
	void *context;
};

static int take_item(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	const struct reading *reading = context;
	uint64_t line = reading->field->line;
	for (size_t i = 0; i < item->start; i++) {
		line += reading->field->value.data[i] == '\n';
	}
	return reading->take(reading->context, reading->name, line, item, err);
}

static bool is_resent(enum envoi_field_kind kind)
{
	return kind == ENVOI_FIELD_RESENT_TO || kind == ENVOI_FIELD_RESENT_CC
	       || kind == ENVOI_FIELD_RESENT_BCC;
}

static bool is_original(enum envoi_field_kind kind)
{
	return kind == ENVOI_FIELD_TO || kind == ENVOI_FIELD_CC || kind == ENVOI_FIELD_BCC
	       || kind == ENVOI_FIELD_APPARENTLY_TO;
}

int envoi_message_recipients(const struct envoi_message *message,
	envoi_recipient_take *take, void *context, struct envoi_error *err)
{
	const struct envoi_header *header = &message->header;
	bool resent = false;
	for (size_t i = 0; i < header->count; i++) {
		resent = resent || is_resent(header->fields[i].kind);
	}
	for (size_t i = 0; i < header->count; i++) {
		const struct envoi_field *field = &header->fields[i];
		if (resent ? !is_resent(field->kind) : !is_original(field->kind)) {
			continue;
		}
		struct reading reading = {
			.field = field,
			.name = envoi_field_name(field->kind),
			.take = take,
			.context = context,
		};
		if (envoi_address_list_parse(
			    field->value.data, field->value.len, take_item, &reading, err)
			!= 0) {
			return -1;
		}
	}
	return 0;
}

int envoi_message_senders(const struct envoi_message *message, envoi_list_take *take,
	void *context, struct envoi_error *err)
{
	const struct envoi_field *field =
		envoi_header_find(&message->header, ENVOI_FIELD_RESENT_FROM);
	if (field == NULL) {
		field = envoi_header_find(&message->header, ENVOI_FIELD_FROM);
	}
	if (field == NULL) {
		return 0;
	}
	return envoi_address_list_parse(
		field->value.data, field->value.len, take, context, err);
}
