/*
 * One reading of a message in the form it has on the wire. Constant memory:
 * one block. Yields exactly the octets the scan counted, or an error: SIZE
 * and BDAT have promised them.
 */
#include <envoi/message.h>

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "message/encode.h"
#include "message/private.h"

struct envoi_body {
	/** Holds the reference on the source. */
	struct envoi_view view;
	/** The message's; this many are begun. */
	const struct envoi_pieces *pieces;
	size_t begun;
	/** Of the piece begun last, when it is of the source. */
	struct envoi_reader reader;
	bool reading;
	/** Lines of ">From " are quoted ones. */
	enum envoi_mbox mbox;
	struct envoi_encoder encoder;
	/** Read but not yet encoded. */
	struct envoi_span rest;
	/** Octets the encoder has to come to. */
	uint64_t size;
	bool ended;
};

int envoi_body_open(const struct envoi_message *message, bool stuff,
	struct envoi_body **ret_body, struct envoi_error *err)
{
	if (!message->scanned) {
		return envoi_error_set(
			err, ENVOI_STATUS_BUG, "a message is sent before it is scanned");
	}
	struct envoi_body *body = calloc(1, sizeof(*body));
	if (body == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	if (envoi_view_open(&body->view, message->source, err) != 0) {
		free(body);
		return -1;
	}
	(void)envoi_source_ref(message->source);
	envoi_encoder_init(&body->encoder, stuff);
	body->size = message->facts.size;
	body->pieces = &message->pieces;
	body->mbox = message->mbox;
	*ret_body = body;
	return 0;
}

void envoi_body_close(struct envoi_body *body)
{
	if (body != NULL) {
		struct envoi_source *source = body->view.source;
		envoi_reader_finish(&body->reader);
		envoi_view_close(&body->view);
		envoi_source_unref(source);
		free(body);
	}
}

static int changed(const struct envoi_body *body, struct envoi_error *err)
{
	char label[200];
	return envoi_error_set(err, ENVOI_STATUS_IO, "%s was changed while it was read",
		envoi_source_label(body->view.source, label));
}

/* All octets are encoded: they have to be those that were scanned. */
static int end(struct envoi_body *body, struct envoi_error *err)
{
	if (body->encoder.octets != body->size) {
		return changed(body, err);
	}
	if (envoi_view_check(&body->view, err) != 0) {
		return -1;
	}
	body->ended = true;
	return 0;
}

static int begin_piece(struct envoi_body *body, struct envoi_error *err)
{
	const struct envoi_piece *piece = &body->pieces->list[body->begun++];
	switch (piece->kind) {
	case ENVOI_PIECE_TEXT:
		body->rest = piece->text;
		return 0;
	case ENVOI_PIECE_COPY:
		body->reading = true;
		return envoi_reader_init(&body->reader, &body->view, piece->start,
			piece->end, ENVOI_LIMIT_BLOCK, body->mbox, err);
	}
	return envoi_error_set(err, ENVOI_STATUS_BUG, "a piece of no known kind");
}

/* The next octets to be encoded; none behind the last piece. */
static int next_octets(struct envoi_body *body, struct envoi_error *err)
{
	while (body->rest.len == 0) {
		if (body->reading) {
			if (envoi_reader_next(&body->reader, &body->rest, err) != 0) {
				return -1;
			}
			if (body->rest.len == 0) {
				envoi_reader_finish(&body->reader);
				body->reading = false;
			}
		} else if (body->begun == body->pieces->count) {
			return 0;
		} else if (begin_piece(body, err) != 0) {
			return -1;
		}
	}
	return 0;
}

int envoi_body_read(struct envoi_body *body, char *out, size_t room, size_t *ret_n,
	bool *ret_last, struct envoi_error *err)
{
	size_t have = 0;
	while (!body->ended && room - have >= ENVOI_ENCODER_ROOM) {
		if (next_octets(body, err) != 0) {
			return -1;
		}
		if (body->rest.len == 0) {
			have += envoi_encoder_finish(&body->encoder, out + have);
			if (end(body, err) != 0) {
				return -1;
			}
			break;
		}
		size_t used;
		have += envoi_encoder_feed(&body->encoder, body->rest.data,
			body->rest.len, out + have, room - have, &used);
		body->rest.data += used;
		body->rest.len -= used;
		/* More than promised must not leave, not even a part. */
		if (body->encoder.octets > body->size) {
			return changed(body, err);
		}
	}
	*ret_n = have;
	*ret_last = body->ended;
	return 0;
}
