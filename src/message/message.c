/*
 * Messages: where they are and what they are like.
 */
#include <envoi/message.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>

#include "base/limits.h"
#include "message/private.h"
#include "message/scan.h"

int envoi_message_new(struct envoi_source *source, uint64_t start, uint64_t end,
	uint64_t first_line, uint64_t number, struct envoi_message **ret_message,
	struct envoi_error *err)
{
	size_t size = strlen(source->path) + 24;
	struct envoi_message *message = calloc(1, sizeof(*message));
	char *name = malloc(size);
	if (message == NULL || name == NULL) {
		free(message);
		free(name);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	if (number > 0) {
		(void)snprintf(
			name, size, "%s:%llu", source->path, (unsigned long long)number);
	} else {
		(void)snprintf(name, size, "%s", source->path);
	}
	message->source = envoi_source_ref(source);
	message->name = name;
	message->start = start;
	message->end = end;
	message->first_line = first_line;
	message->mbox = number > 0 ? source->mbox : ENVOI_MBOX_NONE;
	message->as_it_is.face.message = message;
	*ret_message = message;
	return 0;
}

int envoi_message_of_file(const char *name, int fd, uint64_t start, uint64_t end,
	struct envoi_message **ret_message, struct envoi_error *err)
{
	struct envoi_source *source = NULL;
	if (envoi_source_new(name, &source, err) != 0) {
		return -1;
	}
	source->kind = ENVOI_SOURCE_SPOOL;
	source->size = end;
	source->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int result = -1;
	if (source->fd < 0) {
		(void)envoi_error_sys(
			err, ENVOI_STATUS_SYSTEM, errno, "cannot read %s", name);
	} else {
		result = envoi_message_new(source, start, end, 1, 0, ret_message, err);
	}
	envoi_source_unref(source);
	return result;
}

void envoi_message_free(struct envoi_message *message)
{
	if (message != NULL) {
		envoi_source_unref(message->source);
		envoi_header_finish(&message->header);
		envoi_forms_free(message);
		envoi_pieces_finish(&message->pieces);
		free(message->name);
		free(message);
	}
}

const char *envoi_message_name(const struct envoi_message *message)
{
	return message->name;
}

const struct envoi_message_facts *envoi_message_facts(const struct envoi_message *message)
{
	return &message->facts;
}

const struct envoi_form *envoi_message_as_it_is(const struct envoi_message *message)
{
	return &message->as_it_is.face;
}

static bool is_readable(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	return fd >= 0 && poll(&pfd, 1, 0) == 1;
}

/* 1: stopped. What has no second block is not worth a look. */
static int scan_body(const struct envoi_view *view, const struct envoi_header *header,
	uint64_t end, enum envoi_mbox mbox, int stop_fd,
	struct envoi_message_facts *facts, struct envoi_error *err)
{
	struct envoi_scan scan;
	struct envoi_reader reader;
	struct envoi_span span;
	int result = 0;
	envoi_reader_init(&reader, view, header->body, end, ENVOI_LIMIT_BLOCK, mbox);
	envoi_scan_init(&scan, facts, header->body_line);
	while (result == 0 && (result = envoi_reader_next(&reader, &span, err)) == 0
		&& span.len > 0) {
		envoi_scan_feed(&scan, span.data, span.len);
		if (reader.at < end && is_readable(stop_fd)) {
			result = 1;
			break;
		}
	}
	envoi_reader_finish(&reader);
	if (result != 0) {
		return result;
	}
	envoi_scan_finish(&scan);
	/* Written to in the meantime, it may have been read half and half. */
	return envoi_view_check(view, err);
}

static int find_message_id(const struct envoi_field *fields, size_t count,
	struct envoi_message_facts *facts, struct envoi_error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (fields[i].kind != ENVOI_FIELD_MESSAGE_ID) {
			continue;
		}
		struct envoi_buffer id;
		envoi_buffer_init(&id, fields[i].raw.len);
		if (envoi_field_unfold(&fields[i], &id) != 0) {
			envoi_buffer_finish(&id);
			return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		}
		(void)snprintf(facts->message_id, sizeof(facts->message_id) - 1, "%.*s",
			(int)envoi_buffer_span(&id).len, envoi_buffer_span(&id).data);
		envoi_buffer_finish(&id);
		return 0;
	}
	return 0;
}

int envoi_message_set_header(struct envoi_message *message,
	const struct envoi_field *fields, size_t count, struct envoi_error *err)
{
	struct envoi_message_facts facts;
	struct envoi_scan scan;
	struct envoi_pieces pieces = {0};
	size_t size = 0;
	for (size_t i = 0; i < count; i++) {
		size += fields[i].raw.len;
	}
	char *text = malloc(size + 1);
	if (text == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	envoi_scan_init(&scan, &facts, message->first_line);
	size = 0;
	for (size_t i = 0; i < count; i++) {
		memcpy(text + size, fields[i].raw.data, fields[i].raw.len);
		size += fields[i].raw.len;
		scan.line = fields[i].line;
		envoi_scan_feed(&scan, fields[i].raw.data, fields[i].raw.len);
	}
	facts.eight_bit_header = facts.eight_bit;
	if (message->header.empty_line) {
		text[size++] = '\n';
		envoi_scan_feed(&scan, "\n", 1);
	}
	envoi_scan_finish(&scan);
	facts.bare_cr = message->header.bare_cr;
	facts.nul_line = message->header.nul_line;
	envoi_scan_join(&facts, &message->body);
	if (envoi_pieces_take_text(&pieces, text, size, err) != 0
		|| envoi_pieces_add_copy(&pieces, message->header.body, message->end, err)
			   != 0
		|| find_message_id(fields, count, &facts, err) != 0) {
		envoi_pieces_finish(&pieces);
		return -1;
	}
	envoi_pieces_finish(&message->pieces);
	message->pieces = pieces;
	message->facts = facts;
	envoi_forms_free(message);
	message->as_it_is.face.size = facts.size;
	message->as_it_is.face.eight_bit = facts.eight_bit;
	message->as_it_is.face.encoding = facts.eight_bit ? "8bit" : "7bit";
	return 0;
}

int envoi_message_scan(struct envoi_message *message, struct envoi_error *err)
{
	return envoi_message_scan_or_stop(message, -1, err);
}

int envoi_message_scan_or_stop(
	struct envoi_message *message, int stop_fd, struct envoi_error *err)
{
	struct envoi_view view;
	if (message->scanned) {
		return 0;
	}
	if (envoi_view_open(&view, message->source, err) != 0) {
		return -1;
	}
	struct envoi_header *header = &message->header;
	message->end = message->mbox ? message->end : message->source->size;
	int result = 0;
	if (message->source->kind == ENVOI_SOURCE_PATH && !message->mbox
		&& !message->source->maildir && message->end <= ENVOI_LIMIT_KEPT) {
		result = envoi_view_keep(&view, err);
	}
	if (result == 0) {
		result = envoi_header_read(header, &view, message->start, message->end,
			message->first_line, err);
	}
	if (result == 0) {
		result = scan_body(&view, header, message->end, message->mbox, stop_fd,
			&message->body, err);
	}
	envoi_view_close(&view);
	if (result == 0) {
		result = envoi_message_set_header(
			message, header->fields, header->count, err);
	}
	if (result != 0) {
		envoi_header_finish(header);
		return result;
	}
	message->scanned = true;
	return 0;
}
