/*
 * Messages: where they are and what they are like.
 */
#include <envoi/message.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	*ret_message = message;
	return 0;
}

void envoi_message_free(struct envoi_message *message)
{
	if (message != NULL) {
		envoi_source_unref(message->source);
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

static int scan_octets(const struct envoi_view *view, const struct envoi_head *head,
	uint64_t end, enum envoi_mbox mbox, struct envoi_message_facts *facts,
	struct envoi_error *err)
{
	struct envoi_scan scan;
	struct envoi_reader reader;
	struct envoi_span span;
	int result = envoi_reader_init(
		&reader, view, head->start, end, ENVOI_LIMIT_BLOCK, mbox, err);
	envoi_scan_init(&scan, facts, head->first_line, !head->headless);
	while (result == 0 && (result = envoi_reader_next(&reader, &span, err)) == 0
		&& span.len > 0) {
		envoi_scan_feed(&scan, span.data, span.len);
	}
	envoi_reader_finish(&reader);
	if (result != 0) {
		return -1;
	}
	envoi_scan_finish(&scan);
	facts->size += head->headless ? 2 : 0;
	/* Written to in the meantime, it may have been read half and half. */
	return envoi_view_check(view, err);
}

/* A message that begins with no header gets the empty line. */
static int make_pieces(struct envoi_message *message, struct envoi_error *err)
{
	struct envoi_span empty_line = {"\n", message->headless ? 1 : 0};
	if (envoi_pieces_add_text(&message->pieces, empty_line, err) != 0
		|| envoi_pieces_add_copy(
			   &message->pieces, message->start, message->end, err)
			   != 0) {
		envoi_pieces_finish(&message->pieces);
		return -1;
	}
	return 0;
}

int envoi_message_scan(struct envoi_message *message, struct envoi_error *err)
{
	struct envoi_view view;
	struct envoi_head head;
	struct envoi_message_facts facts;
	if (message->scanned) {
		return 0;
	}
	if (envoi_view_open(&view, message->source, err) != 0) {
		return -1;
	}
	uint64_t end = message->mbox ? message->end : message->source->size;
	int result = envoi_head_find(
		&view, message->start, end, message->first_line, &head, err);
	if (result == 0) {
		result = scan_octets(&view, &head, end, message->mbox, &facts, err);
	}
	envoi_view_close(&view);
	if (result != 0) {
		return -1;
	}
	message->start = head.start;
	message->end = end;
	message->first_line = head.first_line;
	message->headless = head.headless;
	message->facts = facts;
	if (make_pieces(message, err) != 0) {
		return -1;
	}
	message->scanned = true;
	return 0;
}
