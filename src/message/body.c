/*
 * One reading of a message in the form it has on the wire. Constant memory:
 * one block, or none where the file has that form already (then the kernel can take
 * the octets from the file, too: envoi_body_run()). Yields exactly the octets the
 * scan counted, or an error: SIZE and BDAT have promised them.
 */
#include <envoi/message.h>

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "message/encode.h"
#include "message/mend.h"
#include "message/private.h"
#include "message/transfer.h"

/* What is encoded is encoded in small blocks. */
#define CODED_BLOCK 16384

struct envoi_body {
	/** Holds the reference on the source. */
	struct envoi_view view;
	/** The message's; this many are begun. */
	const struct envoi_pieces *pieces;
	size_t begun;
	/** Of the piece begun last, when it is of the source. */
	struct envoi_reader reader;
	bool reading;
	/** That piece does not go through the wire encoder. */
	bool raw;
	/** It is encoded, or mended: what was read and not yet encoded, and a block for
	 * the result; else NULL. */
	struct envoi_transfer transfer;
	struct envoi_mend mend;
	struct envoi_span plain;
	bool coding, mending;
	char *coded;
	/** Nothing but what goes out as it is was seen so far: blocks are read to
	 * where they are wanted. */
	bool direct;
	/** Octets of the piece up to here need not be read; 0: not known yet. */
	uint64_t run_end;
	/** A line ends there. */
	bool run_ends_line;
	/** Lines of ">From " are quoted ones. */
	enum envoi_mbox mbox;
	struct envoi_encoder encoder;
	/** Read but not yet encoded. */
	struct envoi_span rest;
	/** Octets the encoder has to come to, UINT64_MAX: not known yet. */
	uint64_t size;
	bool ended;
};

static struct envoi_body *body_new(const struct envoi_message *message,
	const struct envoi_pieces *pieces, struct envoi_error *err)
{
	struct envoi_body *body = calloc(1, sizeof(*body));
	if (body == NULL) {
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		return NULL;
	}
	if (envoi_view_open(&body->view, message->source, err) != 0) {
		free(body);
		return NULL;
	}
	(void)envoi_source_ref(message->source);
	body->pieces = pieces;
	body->mbox = message->mbox;
	body->direct = !message->body.bare_cr && !message->body.bare_lf;
	return body;
}

int envoi_body_open(const struct envoi_form *form, bool stuff,
	struct envoi_body **ret_body, struct envoi_error *err)
{
	if (!form->message->scanned) {
		return envoi_error_set(
			err, ENVOI_STATUS_BUG, "a message is sent before it is scanned");
	}
	if (form->binary && stuff) {
		return envoi_error_set(
			err, ENVOI_STATUS_BUG, "a binary message is sent in lines");
	}
	struct envoi_body *body = body_new(form->message, envoi_form_pieces(form), err);
	if (body == NULL) {
		return -1;
	}
	envoi_encoder_init(&body->encoder, stuff);
	body->size = form->size;
	*ret_body = body;
	return 0;
}

int envoi_body_measure(const struct envoi_message *message,
	const struct envoi_pieces *pieces, uint64_t *ret_size, struct envoi_error *err)
{
	struct envoi_body *body = body_new(message, pieces, err);
	char *out = malloc(CODED_BLOCK);
	size_t n;
	bool last = false;
	int result = -1;
	if (body == NULL || out == NULL) {
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	} else {
		envoi_encoder_init(&body->encoder, false);
		body->size = UINT64_MAX;
		do {
			result = envoi_body_read(body, out, CODED_BLOCK, &n, &last, err);
		} while (result == 0 && !last);
		*ret_size = body->encoder.octets;
	}
	free(out);
	envoi_body_close(body);
	return result;
}

void envoi_body_close(struct envoi_body *body)
{
	if (body != NULL) {
		struct envoi_source *source = body->view.source;
		envoi_reader_finish(&body->reader);
		envoi_view_close(&body->view);
		envoi_source_unref(source);
		free(body->coded);
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
	if (body->size != UINT64_MAX && body->encoder.octets != body->size) {
		return changed(body, err);
	}
	if (envoi_view_check(&body->view, err) != 0) {
		return -1;
	}
	body->ended = true;
	return 0;
}

static int begin_coding(struct envoi_body *body, struct envoi_error *err)
{
	if (body->coded == NULL && (body->coded = malloc(CODED_BLOCK)) == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	body->plain = (struct envoi_span){"", 0};
	body->coding = true;
	return 0;
}

static int begin_transfer(
	struct envoi_body *body, enum envoi_transfer_kind kind, struct envoi_error *err)
{
	envoi_transfer_init(&body->transfer, kind);
	body->mending = false;
	return begin_coding(body, err);
}

static int begin_mending(
	struct envoi_body *body, enum envoi_mend_kind kind, struct envoi_error *err)
{
	envoi_mend_init(
		&body->mend, kind, body->pieces->keep_lines, body->pieces->keep_nuls);
	body->mending = true;
	return begin_coding(body, err);
}

static int begin_piece(struct envoi_body *body, struct envoi_error *err)
{
	const struct envoi_piece *piece = &body->pieces->list[body->begun++];
	int result = 0;
	body->raw = false;
	body->run_end = 0;
	switch (piece->kind) {
	case ENVOI_PIECE_TEXT:
		body->rest = piece->text;
		return 0;
	case ENVOI_PIECE_COPY:
		break;
	case ENVOI_PIECE_RAW:
		body->raw = true;
		break;
	case ENVOI_PIECE_QP:
		result = begin_transfer(body, ENVOI_TRANSFER_QP, err);
		break;
	case ENVOI_PIECE_BASE64_TEXT:
		result = begin_transfer(body, ENVOI_TRANSFER_BASE64_TEXT, err);
		break;
	case ENVOI_PIECE_BASE64:
		result = begin_transfer(body, ENVOI_TRANSFER_BASE64, err);
		break;
	case ENVOI_PIECE_MEND_TEXT:
		result = begin_mending(body, ENVOI_MEND_TEXT, err);
		break;
	case ENVOI_PIECE_MEND_QP:
		result = begin_mending(body, ENVOI_MEND_QP, err);
		break;
	case ENVOI_PIECE_MEND_BASE64:
		result = begin_mending(body, ENVOI_MEND_BASE64, err);
		break;
	}
	if (result != 0) {
		return -1;
	}
	body->reading = true;
	envoi_reader_init(&body->reader, &body->view, piece->start, piece->end,
		ENVOI_LIMIT_BLOCK, body->mbox);
	return 0;
}

/* Some of the octets that were read. Returns how many that makes. */
static size_t code(struct envoi_body *body, size_t *ret_used)
{
	const char *in = body->plain.data;
	size_t n = body->plain.len;
	return body->mending ? envoi_mend_feed(
		       &body->mend, in, n, body->coded, CODED_BLOCK, ret_used)
			     : envoi_transfer_feed(&body->transfer, in, n, body->coded,
				     CODED_BLOCK, ret_used);
}

/* More octets of the piece that is read and encoded, or its end. */
static int next_coded(struct envoi_body *body, struct envoi_error *err)
{
	size_t n, used;
	if (body->plain.len == 0
		&& envoi_reader_next(&body->reader, &body->plain, err) != 0) {
		return -1;
	}
	if (body->plain.len > 0) {
		n = code(body, &used);
		body->plain.data += used;
		body->plain.len -= used;
	} else {
		n = body->mending ? envoi_mend_finish(&body->mend, body->coded)
				  : envoi_transfer_finish(&body->transfer, body->coded);
		envoi_reader_finish(&body->reader);
		body->coding = body->reading = false;
	}
	body->rest = (struct envoi_span){body->coded, n};
	return 0;
}

static int next_read(struct envoi_body *body, struct envoi_error *err)
{
	if (body->coding) {
		return next_coded(body, err);
	}
	if (envoi_reader_next(&body->reader, &body->rest, err) != 0) {
		return -1;
	}
	if (body->rest.len == 0) {
		envoi_reader_finish(&body->reader);
		body->reading = false;
	}
	return 0;
}

/* Can octets of the file be read to where they go out from? */
static bool is_direct(const struct envoi_body *body)
{
	return body->direct && body->reading && !body->coding
	       && envoi_reader_is_file(&body->reader);
}

/* What is found to be other than it goes out is read again, the slow way. */
static int read_direct(struct envoi_body *body, char *out, size_t room, size_t *ret_n,
	struct envoi_error *err)
{
	size_t n;
	if (envoi_reader_read(&body->reader, out, room, &n, err) != 0) {
		return -1;
	}
	if (n == 0) {
		envoi_reader_finish(&body->reader);
		body->reading = false;
	}
	size_t fit = n;
	if (body->raw) {
		body->encoder.octets += n;
	} else {
		fit = envoi_encoder_pass(&body->encoder, out, n);
		/* A CR at the end of the block may be one of a CRLF. */
		body->direct = fit == n || (fit > 0 && fit == n - 1 && out[fit] == '\r');
	}
	body->reader.at -= n - fit;
	*ret_n = fit;
	return 0;
}

/* The next octets to be encoded; none behind the last piece, or where they are
 * to be read directly. */
static int next_octets(struct envoi_body *body, struct envoi_error *err)
{
	while (body->rest.len == 0 && !is_direct(body)) {
		if (body->reading) {
			if (next_read(body, err) != 0) {
				return -1;
			}
		} else if (body->begun == body->pieces->count) {
			return 0;
		} else if (begin_piece(body, err) != 0) {
			return -1;
		}
	}
	return 0;
}

/* Some of what was read. Returns how many octets that makes. */
static size_t encode_rest(struct envoi_body *body, char *out, size_t room)
{
	size_t used, n;
	if (body->raw) {
		n = used = body->rest.len < room ? body->rest.len : room;
		memcpy(out, body->rest.data, n);
		body->encoder.octets += n;
	} else {
		n = envoi_encoder_feed(&body->encoder, body->rest.data, body->rest.len,
			out, room, &used);
	}
	body->rest.data += used;
	body->rest.len -= used;
	return n;
}

int envoi_body_read(struct envoi_body *body, char *out, size_t room, size_t *ret_n,
	bool *ret_last, struct envoi_error *err)
{
	size_t have = 0;
	while (!body->ended && room - have >= ENVOI_ENCODER_ROOM) {
		if (next_octets(body, err) != 0) {
			return -1;
		}
		size_t used;
		if (body->rest.len == 0 && is_direct(body)) {
			if (read_direct(body, out + have, room - have, &used, err) != 0) {
				return -1;
			}
			have += used;
		} else if (body->rest.len == 0) {
			have += envoi_encoder_finish(&body->encoder, out + have);
			if (end(body, err) != 0) {
				return -1;
			}
			break;
		} else {
			have += encode_rest(body, out + have, room - have);
		}
		/* More than promised must not leave, not even a part. */
		if (body->encoder.octets > body->size) {
			return changed(body, err);
		}
	}
	*ret_n = have;
	*ret_last = body->ended;
	return 0;
}

/* How far the piece can go without being looked at. Its last block is read, so that
 * the encoder sees how it ends; a CRLF is not cut. */
static void find_run(struct envoi_body *body)
{
	const struct envoi_reader *reader = &body->reader;
	struct envoi_error err;
	char before[2];
	size_t n;
	if (reader->end - reader->at < 2 * ENVOI_LIMIT_BLOCK) {
		return;
	}
	uint64_t end = reader->end - ENVOI_LIMIT_BLOCK;
	if (envoi_view_read(&body->view, end - 2, before, 2, &n, &err) != 0 || n < 2) {
		return;
	}
	body->run_ends_line = before[1] == '\n';
	if (before[1] == '\r') {
		body->run_ends_line = before[0] == '\n';
		end--;
	}
	body->run_end = end;
}

struct envoi_body_run envoi_body_run(struct envoi_body *body)
{
	const struct envoi_body_run none = {.fd = -1};
	const struct envoi_encoder *encoder = &body->encoder;
	if (body->ended || body->rest.len > 0 || !is_direct(body) || encoder->stuff
		|| encoder->after_cr) {
		return none;
	}
	if (body->run_end == 0) {
		find_run(body);
	}
	if (body->reader.at >= body->run_end) {
		return none;
	}
	uint64_t length = body->run_end - body->reader.at;
	if (body->size < encoder->octets || body->size - encoder->octets < length) {
		return none;
	}
	return (struct envoi_body_run){body->view.fd, body->reader.at, length};
}

void envoi_body_skip(struct envoi_body *body, uint64_t n)
{
	body->reader.at += n;
	body->encoder.octets += n;
	if (body->reader.at == body->run_end) {
		body->encoder.line_start = body->run_ends_line;
	}
}
