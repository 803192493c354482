/*
 * The parts of a message in the form for a server: which are encoded, with
 * what, what is done to their headers, and the pieces this makes of the body. RFC
 * 2045 6.4 (what a multipart may be labelled), RFC 6152 3 and RFC 3030 3 (what needs a
 * server's consent).
 */
#include "message/form.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

struct plan {
	const struct envoi_message *message;
	const struct envoi_carrier *carrier;
	const struct envoi_mime *mime;
	struct envoi_form_parts *parts;
	/** The header of some part is encoded. */
	bool any_head;
	/** Up to here the source is in pieces; how what is outside of parts goes. */
	uint64_t at;
	enum envoi_piece_kind between;
};

static int walk(const struct envoi_message *message, const struct envoi_form_head *head,
	struct envoi_mime *mime, struct envoi_error *err)
{
	struct envoi_view view;
	struct envoi_reader reader;
	struct envoi_span span;
	if (envoi_view_open(&view, message->source, err) != 0) {
		return -1;
	}
	/* Quotes of an mbox stay: offsets are those of the source. */
	const struct envoi_header *header = &message->header;
	int result = 0;
	envoi_reader_init(&reader, &view, header->body, message->end, ENVOI_LIMIT_BLOCK,
		ENVOI_MBOX_NONE);
	envoi_mime_head(mime, head->fields, header->body, header->body_line);
	while (result == 0 && (result = envoi_reader_next(&reader, &span, err)) == 0
		&& span.len > 0) {
		envoi_mime_feed(mime, span.data, span.len);
	}
	if (result == 0) {
		result = envoi_mime_end(mime, err);
	}
	if (result == 0) {
		result = envoi_view_check(&view, err);
	}
	envoi_reader_finish(&reader);
	envoi_view_close(&view);
	return result;
}

/* -- what is done to a part --------------------------------------------------- */

static const char *what(const struct envoi_mime_part *part)
{
	switch (part->kind) {
	case ENVOI_MIME_SEALED:
		return "is signed or encrypted";
	case ENVOI_MIME_MESSAGE:
		return "is a message";
	case ENVOI_MIME_LEAF:
		return "is already encoded";
	default:
		return "is not understood";
	}
}

static int refuse_eight_bit(const struct plan *plan, const struct envoi_mime_part *part,
	struct envoi_error *err)
{
	const char *name = envoi_message_name(plan->message);
	if (part == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_DATA,
			"%s: line %ju has 8-bit octets outside of all parts, and the "
			"server does not offer 8BITMIME",
			name, (uintmax_t)plan->mime->outside.eight_bit_line);
	}
	return envoi_error_set(err, ENVOI_STATUS_DATA,
		"%s: line %ju has 8-bit octets in a %s part that %s, and the server does "
		"not offer 8BITMIME",
		name, (uintmax_t)part->octets.eight_bit_line, part->type, what(part));
}

static int refuse_head(const struct plan *plan, const struct envoi_mime_part *part,
	struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_DATA,
		"%s: line %ju has 8-bit octets in the header of a %s part, and the "
		"server does not offer 8BITMIME",
		envoi_message_name(plan->message), (uintmax_t)part->head_eight_bit_line,
		part->type);
}

/* Its header has octets that the server does not take. */
static bool wants_head(const struct plan *plan, const struct envoi_mime_part *part)
{
	return part->head_eight_bit_line > 0 && !plan->carrier->eight_bit;
}

static bool is_encodable(const struct envoi_mime_part *part)
{
	return part->kind == ENVOI_MIME_LEAF && part->encoding < ENVOI_ENCODING_QP;
}

/* No server takes its NULs, and they do not stop the message. */
static bool drops_nul(const struct plan *plan, const struct envoi_mime_octets *octets)
{
	return plan->carrier->mend && octets->nul_line > 0 && !plan->carrier->binary;
}

/* Whether its octets cannot go as they are; *ret_must: nor otherwise. */
static bool wants_encoding(
	const struct plan *plan, const struct envoi_mime_part *part, bool *ret_must)
{
	const struct envoi_carrier *carrier = plan->carrier;
	bool eight_bit = part->octets.eight_bit_line > 0 && !carrier->eight_bit;
	bool is_long = part->octets.longest > ENVOI_LINE_MAX
		       && carrier->long_lines == ENVOI_LONG_LINES_ENCODE;
	/* As lines it would not stay what it is. */
	bool binary = part->encoding == ENVOI_ENCODING_BINARY && !part->is_text
		      && !carrier->binary;
	*ret_must = eight_bit;
	return eight_bit || is_long || binary || drops_nul(plan, &part->octets);
}

/* Cannot go as it is, nor be encoded. */
static bool wants_mending(const struct plan *plan, const struct envoi_mime_octets *octets)
{
	const struct envoi_carrier *carrier = plan->carrier;
	return drops_nul(plan, octets)
	       || (carrier->mend && octets->longest > ENVOI_LINE_MAX
		       && carrier->long_lines == ENVOI_LONG_LINES_ENCODE);
}

static enum envoi_piece_kind piece_kind(const struct envoi_mime_part *part)
{
	if (part->is_text) {
		/* Four characters for three octets, 76 in a line. */
		uint64_t characters = (part->plain_size + 2) / 3 * 4;
		uint64_t base64 = characters + (characters + 75) / 76 * 2;
		return part->qp_size <= base64 ? ENVOI_PIECE_QP : ENVOI_PIECE_BASE64_TEXT;
	}
	return part->encoding == ENVOI_ENCODING_BINARY ? ENVOI_PIECE_BASE64
						       : ENVOI_PIECE_BASE64_TEXT;
}

static void note_long(struct plan *plan, const struct envoi_mime_octets *octets)
{
	if (octets->longest > ENVOI_LINE_MAX && plan->parts->long_line == 0) {
		plan->parts->long_line = octets->longest_line;
		plan->parts->long_octets = octets->longest;
	}
}

static void note_left(struct plan *plan, const struct envoi_mime_octets *octets)
{
	plan->parts->eight_bit = plan->parts->eight_bit || octets->eight_bit_line > 0;
	note_long(plan, octets);
	if (drops_nul(plan, octets) && plan->parts->nul_line == 0) {
		plan->parts->nul_line = octets->nul_line;
	}
}

/* What cannot be encoded: 1 when it is mended. */
static int mend(struct plan *plan, const struct envoi_mime_part *part, bool must,
	enum envoi_piece_kind *ret_kind)
{
	bool coded = part->kind == ENVOI_MIME_LEAF
		     && (part->encoding == ENVOI_ENCODING_QP
			     || part->encoding == ENVOI_ENCODING_BASE64);
	if (coded && plan->carrier->mend
		&& (must || wants_mending(plan, &part->octets))) {
		*ret_kind = part->encoding == ENVOI_ENCODING_QP ? ENVOI_PIECE_MEND_QP
								: ENVOI_PIECE_MEND_BASE64;
		if (plan->parts->pieces.keep_lines) {
			note_long(plan, &part->octets);
		}
		return 1;
	}
	if (must || !wants_mending(plan, &part->octets)) {
		return 0;
	}
	*ret_kind = ENVOI_PIECE_MEND_TEXT;
	plan->parts->binary =
		plan->parts->binary
		|| (part->octets.nul_line > 0 && !drops_nul(plan, &part->octets));
	note_left(plan, &part->octets);
	return 1;
}

/* How its body goes; COPY: as it is. -1: it cannot. */
static int choose_kind(struct plan *plan, const struct envoi_mime_part *part,
	enum envoi_piece_kind *ret_kind, struct envoi_error *err)
{
	bool must = false;
	bool head = wants_head(plan, part);
	*ret_kind = ENVOI_PIECE_COPY;
	plan->any_head = plan->any_head || head;
	plan->parts->eight_bit =
		plan->parts->eight_bit || (part->head_eight_bit_line > 0 && !head);
	if (part->kind == ENVOI_MIME_MULTIPART) {
		return 0;
	}
	if (wants_encoding(plan, part, &must)) {
		if (is_encodable(part)) {
			*ret_kind = piece_kind(part);
			plan->parts->any = true;
			plan->parts->any_qp |= *ret_kind == ENVOI_PIECE_QP;
			plan->parts->any_base64 |= *ret_kind != ENVOI_PIECE_QP;
			return 0;
		}
		if (mend(plan, part, must, ret_kind) != 0) {
			return 0;
		}
		if (must) {
			return refuse_eight_bit(plan, part, err);
		}
	}
	note_left(plan, &part->octets);
	if (part->octets.nul_line > 0 || part->encoding == ENVOI_ENCODING_BINARY) {
		plan->parts->binary = true;
	}
	/* Lines of a text are lines. */
	if (part->encoding == ENVOI_ENCODING_BINARY && !part->is_text
		&& plan->carrier->binary) {
		*ret_kind = ENVOI_PIECE_RAW;
	}
	return 0;
}

/* The label of a multipart is that of the worst of its parts. */
static const char *multipart_label(
	const struct plan *plan, const struct envoi_mime_part *part)
{
	if (!plan->parts->any && !plan->any_head) {
		return NULL;
	}
	if (part->encoding == ENVOI_ENCODING_BINARY && !plan->parts->binary) {
		return plan->parts->eight_bit ? "8bit" : "7bit";
	}
	return part->encoding == ENVOI_ENCODING_8BIT && !plan->parts->eight_bit ? "7bit"
										: NULL;
}

static const char *label(const struct plan *plan, const struct envoi_mime_part *part,
	enum envoi_piece_kind kind)
{
	if (part->kind == ENVOI_MIME_MULTIPART) {
		return multipart_label(plan, part);
	}
	switch (kind) {
	case ENVOI_PIECE_QP:
		return "quoted-printable";
	case ENVOI_PIECE_BASE64:
	case ENVOI_PIECE_BASE64_TEXT:
		return "base64";
	default:
		return NULL;
	}
}

/* -- pieces ------------------------------------------------------------------- */

static int copy_to(struct plan *plan, uint64_t to, struct envoi_error *err)
{
	int result = envoi_pieces_add_range(
		&plan->parts->pieces, plan->between, plan->at, to, err);
	plan->at = to;
	return result;
}

/* The part's header with the field, in the place of the one it has. */
static int put_label(struct plan *plan, const struct envoi_mime_part *part,
	const char *encoding, struct envoi_error *err)
{
	bool has = part->encoding_end > 0;
	uint64_t at = has ? part->encoding_start : part->fields_end;
	/* Where no empty line was, the field would be the body's first line. */
	bool open = part->body == part->fields_end;
	char *text = malloc(80);
	if (text == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	int n = snprintf(text, 80, "Content-Transfer-Encoding: %s\n%s", encoding,
		open && !has ? "\n" : "");
	if (copy_to(plan, at, err) != 0) {
		free(text);
		return -1;
	}
	plan->at = has ? part->encoding_end : at;
	return envoi_pieces_take_text(&plan->parts->pieces, text, (size_t)n, err);
}

/* Octets [from, to) of the source as text, lines ended by LF. */
static int read_lines(const struct plan *plan, uint64_t from, uint64_t to,
	struct envoi_buffer *out, struct envoi_error *err)
{
	struct envoi_view view;
	struct envoi_reader reader;
	struct envoi_span span;
	bool after_cr = false;
	if (envoi_view_open(&view, plan->message->source, err) != 0) {
		return -1;
	}
	int result = 0;
	envoi_reader_init(&reader, &view, from, to, ENVOI_LIMIT_BLOCK, ENVOI_MBOX_NONE);
	while (result == 0 && (result = envoi_reader_next(&reader, &span, err)) == 0
		&& span.len > 0) {
		for (size_t i = 0; i < span.len && result == 0; i++) {
			char c = span.data[i];
			bool skip = c == '\n' && after_cr;
			after_cr = c == '\r';
			c = c == '\r' ? '\n' : c;
			if (!skip && envoi_buffer_append(out, &c, 1) != 0) {
				result = envoi_error_set(
					err, ENVOI_STATUS_SYSTEM, "out of memory");
			}
		}
	}
	envoi_reader_finish(&reader);
	envoi_view_close(&view);
	return result;
}

static int put_text(struct plan *plan, struct envoi_span text, struct envoi_error *err)
{
	char *copy = envoi_span_dup(text);
	return copy != NULL
		       ? envoi_pieces_take_text(&plan->parts->pieces, copy, text.len, err)
		       : envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

/* The part's header with its text encoded, and the field, when encoding is not
 * NULL. */
static int put_head(struct plan *plan, const struct envoi_mime_part *part,
	const char *encoding, struct envoi_error *err)
{
	struct envoi_buffer old, new;
	struct envoi_head_result what = {.eight_bit = false};
	const struct envoi_head_edit edit = {.words = true, .encoding = encoding};
	bool open = part->body == part->fields_end;
	int result = 0;
	envoi_buffer_init(&old, ENVOI_LIMIT_HEADER);
	envoi_buffer_init(&new, 16 * ENVOI_LIMIT_HEADER);
	if (part->fields_end - part->head > ENVOI_LIMIT_HEADER) {
		result = refuse_head(plan, part, err);
	}
	if (result == 0) {
		result = read_lines(plan, part->head, part->fields_end, &old, err);
	}
	if (result == 0
		&& (envoi_form_head_edit(envoi_buffer_span(&old), &edit, &new, &what) != 0
			|| (encoding != NULL && open
				&& envoi_buffer_puts(&new, "\n") != 0))) {
		result = envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	if (result == 0 && what.eight_bit) {
		result = refuse_head(plan, part, err);
	}
	if (result == 0) {
		result = copy_to(plan, part->head, err);
	}
	if (result == 0) {
		result = put_text(plan, envoi_buffer_span(&new), err);
		plan->at = part->fields_end;
	}
	envoi_buffer_finish(&old);
	envoi_buffer_finish(&new);
	return result;
}

static int put_part(struct plan *plan, const struct envoi_mime_part *part,
	enum envoi_piece_kind kind, struct envoi_error *err)
{
	bool is_top = part == plan->mime->parts;
	const char *encoding = label(plan, part, kind);
	if (is_top) {
		plan->parts->encoding = encoding;
	} else if (wants_head(plan, part)) {
		if (put_head(plan, part, encoding, err) != 0) {
			return -1;
		}
	} else if (encoding != NULL && put_label(plan, part, encoding, err) != 0) {
		return -1;
	}
	if (kind == ENVOI_PIECE_COPY) {
		return 0;
	}
	if (copy_to(plan, part->body, err) != 0
		|| envoi_pieces_add_range(
			   &plan->parts->pieces, kind, part->body, part->end, err)
			   != 0) {
		return -1;
	}
	plan->at = part->end;
	return 0;
}

/* What a message that is none by RFC 2045 needs to be one. */
static void complete_head(struct plan *plan)
{
	const struct envoi_mime_part *top = plan->mime->parts;
	struct envoi_form_parts *parts = plan->parts;
	parts->version = parts->any && !plan->mime->has_version;
	if (parts->any && top->kind == ENVOI_MIME_LEAF && !top->has_type) {
		parts->charset = top->octets.eight_bit_line == 0	 ? "us-ascii"
				 : envoi_utf8_is_good(&plan->mime->utf8) ? "utf-8"
									 : "unknown-8bit";
	}
}

static int make(struct plan *plan, struct envoi_error *err)
{
	const struct envoi_mime *mime = plan->mime;
	enum envoi_piece_kind *kinds = calloc(mime->count, sizeof(*kinds));
	if (kinds == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	int result = 0;
	for (size_t i = 0; result == 0 && i < mime->count; i++) {
		result = choose_kind(plan, &mime->parts[i], &kinds[i], err);
	}
	if (result == 0 && mime->outside.eight_bit_line > 0
		&& !plan->carrier->eight_bit) {
		result = refuse_eight_bit(plan, NULL, err);
	}
	note_left(plan, &mime->outside);
	plan->between = wants_mending(plan, &mime->outside) ? ENVOI_PIECE_MEND_TEXT
							    : ENVOI_PIECE_COPY;
	plan->parts->binary =
		plan->parts->binary
		|| (mime->outside.nul_line > 0 && !drops_nul(plan, &mime->outside));
	for (size_t i = 0; result == 0 && i < mime->count; i++) {
		result = put_part(plan, &mime->parts[i], kinds[i], err);
	}
	if (result == 0) {
		result = copy_to(plan, plan->message->end, err);
		complete_head(plan);
	}
	free(kinds);
	return result;
}

int envoi_form_parts_choose(const struct envoi_message *message,
	const struct envoi_form_head *head, const struct envoi_carrier *carrier,
	struct envoi_form_parts *ret, struct envoi_error *err)
{
	struct envoi_mime *mime = malloc(sizeof(*mime));
	*ret = (struct envoi_form_parts){0};
	if (mime == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	ret->pieces.keep_lines = carrier->long_lines == ENVOI_LONG_LINES_PASS;
	ret->pieces.keep_nuls = carrier->binary;
	envoi_mime_init(mime);
	int result = walk(message, head, mime, err);
	if (result == 0) {
		struct plan plan = {
			.message = message,
			.carrier = carrier,
			.mime = mime,
			.parts = ret,
			.at = message->header.body,
		};
		result = make(&plan, err);
	}
	if (result != 0) {
		envoi_pieces_finish(&ret->pieces);
	}
	envoi_mime_finish(mime);
	free(mime);
	return result;
}
