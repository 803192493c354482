/*
 * Any octets as a message: its header is whole fields, one behind the other,
 * with no CR and no NUL, and all behind it is the body.
 */
#include <string.h>

#include "fuzz.h"
#include "message/header.h"

static void check_field(const struct envoi_field *field, const char *at)
{
	MUST(field->raw.data == at && field->raw.len >= 2);
	MUST(field->name.data == at && field->name.len > 0);
	MUST(at[field->raw.len - 1] == '\n');
	MUST(field->value.data > at + field->name.len);
	MUST(field->value.data + field->value.len + 1 == at + field->raw.len);
	MUST(field->kind == envoi_field_kind_of(field->name));
	for (size_t i = 0; i < field->name.len; i++) {
		MUST(at[i] > 32 && at[i] < 127 && at[i] != ':');
	}
	for (size_t i = 0; i + 1 < field->raw.len; i++) {
		MUST(at[i] != '\r' && at[i] != '\0');
		MUST(at[i] != '\n' || at[i + 1] == ' ' || at[i + 1] == '\t');
	}
	struct envoi_buffer value;
	envoi_buffer_init(&value, field->value.len);
	MUST(envoi_field_unfold(field, &value) == 0);
	MUST(value.len == 0 || memchr(value.data, '\n', value.len) == NULL);
	envoi_buffer_finish(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_source *source = NULL;
	struct envoi_view view;
	struct envoi_header header;
	MUST(envoi_source_new("-", &source, &err) == 0);
	source->memory = malloc(size + 1);
	MUST(source->memory != NULL);
	if (size > 0) {
		memcpy(source->memory, data, size);
	}
	source->size = size;
	MUST(envoi_view_open(&view, source, &err) == 0);
	if (envoi_header_read(&header, &view, 0, size, 1, &err) == 0) {
		const char *at = header.text.data;
		for (size_t i = 0; i < header.count; i++) {
			check_field(&header.fields[i], at);
			at += header.fields[i].raw.len;
		}
		MUST(at == header.text.data + header.text.len);
		MUST(header.start <= header.body && header.body <= size);
		MUST(header.empty_line || header.broken || header.body == size);
		envoi_header_finish(&header);
	}
	envoi_view_close(&view);
	envoi_source_unref(source);
	return 0;
}
