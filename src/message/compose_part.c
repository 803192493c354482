/*
 * Parts; see the header. A file is read once to be looked at, when its form
 * depends on that, and once to be written; it must not change between.
 */
#include "message/compose_part.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "message/compose_field.h"
#include "message/private.h"

/* RFC 5322 2.1.1. */
#define LINE_MAX_OCTETS 998

typedef int (*take_fn)(void *context, struct envoi_span span, struct envoi_error *err);

static int read_view(const struct envoi_view *view, take_fn take, void *context,
	struct envoi_error *err)
{
	struct envoi_reader reader;
	struct envoi_span span;
	int result = 0;
	envoi_reader_init(
		&reader, view, 0, view->source->size, ENVOI_LIMIT_BLOCK, ENVOI_MBOX_NONE);
	while (result == 0 && (result = envoi_reader_next(&reader, &span, err)) == 0
		&& span.len > 0) {
		result = take(context, span, err);
	}
	envoi_reader_finish(&reader);
	return result != 0 ? -1 : envoi_view_check(view, err);
}

/* Reads all of it. */
static int read_all(
	struct envoi_source *source, take_fn take, void *context, struct envoi_error *err)
{
	struct envoi_view view;
	if (envoi_view_open(&view, source, err) != 0) {
		return -1;
	}
	int result = read_view(&view, take, context, err);
	envoi_view_close(&view);
	return result;
}

static int take_text(void *context, struct envoi_span span, struct envoi_error *err)
{
	(void)err;
	envoi_text_feed(context, span.data, span.len);
	return 0;
}

static int look(struct envoi_part *part, struct envoi_error *err)
{
	envoi_text_init(&part->text);
	if (read_all(part->source, take_text, &part->text, err) != 0) {
		return -1;
	}
	envoi_text_finish(&part->text);
	return 0;
}

static int open_text(struct envoi_part *part, const char *text, struct envoi_error *err)
{
	if (envoi_source_new("the text", &part->source, err) != 0) {
		return -1;
	}
	part->source->memory = strdup(text);
	part->source->size = strlen(text);
	if (part->source->memory == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	return 0;
}

int envoi_part_open_body(struct envoi_part *part, const struct envoi_compose *compose,
	struct envoi_error *err)
{
	char label[200];
	int result;
	if (compose->body_file != NULL) {
		result = envoi_input_source(
			compose->body_file, ENVOI_MBOX_NONE, &part->source, err);
	} else {
		result = open_text(part, compose->body != NULL ? compose->body : "", err);
	}
	if (result != 0 || look(part, err) != 0) {
		return -1;
	}
	(void)snprintf(part->type, sizeof(part->type), "text/plain");
	if (part->text.nul_line > 0) {
		return envoi_error_set(err, ENVOI_STATUS_DATA,
			"%s: line %" PRIu64 " holds a NUL, which a text cannot carry",
			envoi_source_label(part->source, label), part->text.nul_line);
	}
	if (part->text.bad_line > 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_DATA,
			"%s: line %" PRIu64 " is not UTF-8",
			envoi_source_label(part->source, label), part->text.bad_line);
		envoi_error_hint(
			err, "iconv(1) converts a text; --attach takes any octets");
		return -1;
	}
	if (envoi_text_is_plain(&part->text)) {
		part->form = ENVOI_PART_7BIT;
	} else if (envoi_text_encoding(&part->text) == ENVOI_TRANSFER_QP) {
		part->form = ENVOI_PART_QP;
	} else {
		part->form = ENVOI_PART_BASE64_TEXT;
	}
	return 0;
}

static bool has_main_type(const struct envoi_part *part, const char *main)
{
	return envoi_span_starts_nocase(envoi_span_of(part->type), main);
}

static int choose_for_message(struct envoi_part *part, struct envoi_error *err)
{
	const struct envoi_text *text = &part->text;
	char label[200];
	part->form = text->eight_bit ? ENVOI_PART_8BIT : ENVOI_PART_7BIT;
	if (text->nul_line == 0 && text->longest <= LINE_MAX_OCTETS) {
		return 0;
	}
	if (part->guessed) {
		/* Called a message by its name only. */
		strcpy(part->type, ENVOI_MIME_TYPE_UNKNOWN);
		part->form = ENVOI_PART_BASE64;
		return 0;
	}
	(void)envoi_error_set(err, ENVOI_STATUS_DATA,
		"%s cannot be attached as %s: it holds a NUL or a line over %d octets",
		envoi_source_label(part->source, label), part->type, LINE_MAX_OCTETS);
	envoi_error_hint(err, "as " ENVOI_MIME_TYPE_UNKNOWN " it can");
	return -1;
}

int envoi_part_open_file(struct envoi_part *part,
	const struct envoi_attachment *attachment, struct envoi_error *err)
{
	const char *name = attachment->name;
	if (name == NULL && strcmp(attachment->path, "-") != 0) {
		name = attachment->path;
	}
	const char *slash = name != NULL ? strrchr(name, '/') : NULL;
	part->name = envoi_span_of(slash != NULL ? slash + 1 : name != NULL ? name : "");
	part->attached = true;
	part->guessed = attachment->type == NULL;
	if (attachment->type != NULL) {
		(void)snprintf(part->type, sizeof(part->type), "%s", attachment->type);
	} else {
		envoi_mime_type_find(&envoi_mime_system, part->name.data, part->type);
	}
	if (part->guessed && has_main_type(part, "multipart/")) {
		strcpy(part->type, ENVOI_MIME_TYPE_UNKNOWN);
	}
	part->form = ENVOI_PART_BASE64;
	if (envoi_input_source(attachment->path, ENVOI_MBOX_NONE, &part->source, err)
		!= 0) {
		return -1;
	}
	bool is_message = has_main_type(part, "message/");
	if (!is_message && !has_main_type(part, "text/")) {
		return 0;
	}
	if (look(part, err) != 0) {
		return -1;
	}
	if (is_message) {
		return choose_for_message(part, err);
	}
	if (envoi_text_is_safe(&part->text)) {
		part->form = ENVOI_PART_7BIT;
	}
	return 0;
}

void envoi_part_finish(struct envoi_part *part)
{
	envoi_source_unref(part->source);
	*part = (struct envoi_part){0};
}

/* Of a text whose octets say it; else the reader has to guess. */
static const char *charset_of(const struct envoi_part *part)
{
	if (!has_main_type(part, "text/") || part->text.nul_line > 0
		|| part->text.bad_line > 0) {
		return "";
	}
	return !part->attached || part->text.eight_bit ? "; charset=utf-8"
						       : "; charset=us-ascii";
}

static bool contains_nocase(struct envoi_span text, const char *what)
{
	for (size_t i = 0; i < text.len; i++) {
		struct envoi_span rest = {text.data + i, text.len - i};
		if (envoi_span_starts_nocase(rest, what)) {
			return true;
		}
	}
	return false;
}

int envoi_part_header(
	const struct envoi_part *part, struct envoi_span type, struct envoi_buffer *out)
{
	static const char *const encodings[] = {
		[ENVOI_PART_7BIT] = "7bit",
		[ENVOI_PART_8BIT] = "8bit",
		[ENVOI_PART_QP] = "quoted-printable",
		[ENVOI_PART_BASE64_TEXT] = "base64",
		[ENVOI_PART_BASE64] = "base64",
	};
	const char *charset = charset_of(part);
	int result;
	if (type.len > 0) {
		result = envoi_buffer_printf(out, "Content-Type: %.*s%s\n", (int)type.len,
			type.data, contains_nocase(type, "charset=") ? "" : charset);
	} else {
		result = envoi_buffer_printf(
			out, "Content-Type: %s%s\n", part->type, charset);
	}
	if (result == 0 && part->attached) {
		result = envoi_buffer_puts(out, "Content-Disposition: attachment");
		if (result == 0 && part->name.len > 0) {
			result = envoi_compose_filename(out, part->name);
		}
		if (result == 0) {
			result = envoi_buffer_puts(out, "\n");
		}
	}
	return result != 0 ? -1
			   : envoi_buffer_printf(out, "Content-Transfer-Encoding: %s\n",
				   encodings[part->form]);
}

struct writing {
	struct envoi_spool *spool;
	struct envoi_transfer transfer;
};

static int take_raw(void *context, struct envoi_span span, struct envoi_error *err)
{
	struct writing *writing = context;
	return envoi_spool_put(writing->spool, span.data, span.len, err);
}

static int take_encoded(void *context, struct envoi_span span, struct envoi_error *err)
{
	struct writing *writing = context;
	char out[8192];
	while (span.len > 0) {
		size_t used;
		size_t n = envoi_transfer_feed(
			&writing->transfer, span.data, span.len, out, sizeof(out), &used);
		if (envoi_spool_put(writing->spool, out, n, err) != 0) {
			return -1;
		}
		span = (struct envoi_span){span.data + used, span.len - used};
	}
	return 0;
}

static int write_encoded(
	const struct envoi_part *part, struct writing *writing, struct envoi_error *err)
{
	static const enum envoi_transfer_kind kinds[] = {
		[ENVOI_PART_QP] = ENVOI_TRANSFER_QP,
		[ENVOI_PART_BASE64_TEXT] = ENVOI_TRANSFER_BASE64_TEXT,
		[ENVOI_PART_BASE64] = ENVOI_TRANSFER_BASE64,
	};
	char out[ENVOI_TRANSFER_ROOM];
	envoi_transfer_init(&writing->transfer, kinds[part->form]);
	if (read_all(part->source, take_encoded, writing, err) != 0) {
		return -1;
	}
	if (!part->attached && !part->text.ended
		&& take_encoded(writing, envoi_span_of("\n"), err) != 0) {
		return -1;
	}
	size_t n = envoi_transfer_finish(&writing->transfer, out);
	return envoi_spool_put(writing->spool, out, n, err);
}

int envoi_part_write(
	const struct envoi_part *part, struct envoi_spool *spool, struct envoi_error *err)
{
	struct writing writing = {.spool = spool};
	if (part->form != ENVOI_PART_7BIT && part->form != ENVOI_PART_8BIT) {
		return write_encoded(part, &writing, err);
	}
	if (read_all(part->source, take_raw, &writing, err) != 0) {
		return -1;
	}
	bool end = !part->attached && !part->text.ended && part->text.octets > 0;
	return end ? envoi_spool_put(spool, "\n", 1, err) : 0;
}
