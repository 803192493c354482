/*
 * The MIME walk, line by line; see the header. What a line is may be known only
 * at its end (a delimiter) or at its colon (a field), so its beginning is held
 * back until then: "undecided".
 */
#include "message/mime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/lines.h"

#define NOWHERE SIZE_MAX
/* As much of a line as a delimiter can have, some blanks behind it. */
#define DELIMITER (ENVOI_LIMIT_BOUNDARY + 64)

void envoi_mime_init(struct envoi_mime *mime)
{
	memset(mime, 0, sizeof(*mime));
	mime->current = NOWHERE;
}

void envoi_mime_finish(struct envoi_mime *mime)
{
	free(mime->parts);
	mime->parts = NULL;
	mime->count = mime->capacity = 0;
}

/* -- parts -------------------------------------------------------------------- */

static struct envoi_mime_part *current(struct envoi_mime *mime)
{
	return mime->current != NOWHERE ? &mime->parts[mime->current] : NULL;
}

static void begin_part(struct envoi_mime *mime, uint64_t head, uint64_t line)
{
	mime->state = ENVOI_MIME_IN_HEAD;
	mime->field_len = 0;
	mime->content_type = (struct envoi_content_type){.type = ""};
	mime->current = NOWHERE;
	if (mime->count == mime->capacity && mime->count < ENVOI_LIMIT_MIME_PARTS) {
		size_t wanted = mime->capacity == 0 ? 4 : mime->capacity * 2;
		void *grown = realloc(mime->parts, wanted * sizeof(*mime->parts));
		if (grown == NULL) {
			mime->no_memory = true;
		} else {
			mime->parts = grown;
			mime->capacity = wanted;
		}
	}
	if (mime->count == mime->capacity) {
		/* One too many: its octets belong to no part. */
		mime->state = ENVOI_MIME_IN_BODY;
		return;
	}
	mime->current = mime->count++;
	*current(mime) = (struct envoi_mime_part){
		.parent = mime->depth > 0 ? mime->levels[mime->depth - 1].part : 0,
		.line = line,
		.head = head,
		.fields_end = head,
		.body = head,
		.end = head,
	};
}

static enum envoi_mime_kind kind_of(
	const struct envoi_mime *mime, const struct envoi_mime_part *part)
{
	const struct envoi_content_type *type = &mime->content_type;
	bool in_digest = mime->depth > 0 && mime->levels[mime->depth - 1].digest;
	if (strcmp(type->type, "message") == 0
		|| (type->type[0] == '\0' && in_digest && !part->has_type)) {
		return ENVOI_MIME_MESSAGE;
	}
	if (part->kind == ENVOI_MIME_OPAQUE) {
		return ENVOI_MIME_OPAQUE;
	}
	if (strcmp(type->type, "multipart") != 0) {
		return ENVOI_MIME_LEAF;
	}
	if (strcmp(type->subtype, "signed") == 0
		|| strcmp(type->subtype, "encrypted") == 0) {
		return ENVOI_MIME_SEALED;
	}
	bool encoded = part->encoding >= ENVOI_ENCODING_QP;
	return type->boundary[0] != '\0' && !encoded
			       && mime->depth < ENVOI_LIMIT_MIME_DEPTH
		       ? ENVOI_MIME_MULTIPART
		       : ENVOI_MIME_OPAQUE;
}

static void take_field(struct envoi_mime *mime)
{
	struct envoi_mime_part *part = current(mime);
	struct envoi_span text = {mime->field, mime->field_len};
	const char *colon = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
	mime->field_len = 0;
	if (part == NULL || colon == NULL) {
		return;
	}
	struct envoi_span name = envoi_span_trim(
		(struct envoi_span){text.data, (size_t)(colon - text.data)});
	struct envoi_span value = {colon + 1, text.len - name.len - 1};
	value.len = (size_t)(text.data + text.len - value.data);
	if (envoi_span_equal_nocase(name, "content-type")) {
		/* Readers take the first one. */
		if (!part->has_type) {
			envoi_content_type_parse(value, &mime->content_type);
			part->kind = mime->field_cut ? ENVOI_MIME_OPAQUE : part->kind;
		}
		part->has_type = true;
	} else if (envoi_span_equal_nocase(name, "content-transfer-encoding")) {
		bool twice = part->encoding_end > 0;
		part->encoding = envoi_encoding_parse(value);
		part->encoding_start = mime->field_begin;
		part->encoding_end = mime->line_begin;
		if (twice) {
			part->kind = ENVOI_MIME_OPAQUE;
			part->encoding = ENVOI_ENCODING_OTHER;
		}
	} else if (envoi_span_equal_nocase(name, "mime-version") && mime->in_top_head) {
		mime->has_version = true;
	}
}

/* The header is read; the body begins at offset body. */
static void begin_body(struct envoi_mime *mime, uint64_t body)
{
	const struct envoi_content_type *type = &mime->content_type;
	struct envoi_mime_part *part = current(mime);
	mime->state = ENVOI_MIME_IN_BODY;
	mime->end_held = false;
	mime->body_begin = body;
	if (part == NULL) {
		return;
	}
	part->body = part->end = body;
	part->kind = kind_of(mime, part);
	part->is_text = part->kind == ENVOI_MIME_LEAF
			&& (type->type[0] == '\0' || strcmp(type->type, "text") == 0);
	(void)snprintf(part->type, sizeof(part->type), "%.11s/%.35s",
		type->type[0] != '\0' ? type->type : "text",
		type->type[0] != '\0' ? type->subtype : "plain");
	envoi_transfer_init(&mime->qp, ENVOI_TRANSFER_QP);
	if (part->kind != ENVOI_MIME_MULTIPART) {
		return;
	}
	struct envoi_mime_level *level = &mime->levels[mime->depth++];
	level->part = mime->current;
	level->digest = strcmp(type->subtype, "digest") == 0;
	memcpy(level->boundary, type->boundary, sizeof(level->boundary));
	mime->current = NOWHERE;
}

/* The part being read ends at offset end. */
static void end_part(struct envoi_mime *mime, uint64_t end)
{
	struct envoi_mime_part *part = current(mime);
	if (part == NULL) {
		return;
	}
	if (mime->state == ENVOI_MIME_IN_HEAD) {
		/* All of it was header. */
		take_field(mime);
		part->fields_end = mime->line_begin;
		begin_body(mime, mime->line_begin);
		if (part->kind == ENVOI_MIME_MULTIPART) {
			mime->depth--;
		}
	}
	part->end = end > part->body ? end : part->body;
	if (part->kind == ENVOI_MIME_LEAF && part->is_text) {
		char tail[ENVOI_TRANSFER_ROOM];
		(void)envoi_transfer_finish(&mime->qp, tail);
		part->qp_size = mime->qp.octets;
	}
	mime->current = NOWHERE;
}

/* Levels from depth on are over. */
static void end_levels(struct envoi_mime *mime, size_t depth, uint64_t end)
{
	while (mime->depth > depth) {
		struct envoi_mime_part *part =
			&mime->parts[mime->levels[--mime->depth].part];
		part->end = end > part->body ? end : part->body;
	}
}

/* -- delimiters --------------------------------------------------------------- */

static bool is_blank_rest(const char *p, size_t n)
{
	size_t i = 0;
	while (i < n && (p[i] == ' ' || p[i] == '\t')) {
		i++;
	}
	return i == n;
}

/* Which level a line delimits, from 1; 0: none. */
static size_t find_level(const struct envoi_mime *mime, bool *ret_close)
{
	const char *p = mime->begin;
	size_t n = mime->begin_len;
	if (n < 3 || mime->column != n || p[0] != '-' || p[1] != '-') {
		return 0;
	}
	for (size_t i = mime->depth; i > 0; i--) {
		const char *boundary = mime->levels[i - 1].boundary;
		size_t len = strlen(boundary);
		if (n - 2 < len || memcmp(p + 2, boundary, len) != 0) {
			continue;
		}
		const char *rest = p + 2 + len;
		size_t left = n - 2 - len;
		if (is_blank_rest(rest, left)) {
			*ret_close = false;
			return i;
		}
		if (left >= 2 && rest[0] == '-' && rest[1] == '-'
			&& is_blank_rest(rest + 2, left - 2)) {
			*ret_close = true;
			return i;
		}
	}
	return 0;
}

/* The line is a delimiter; what follows begins at offset next. */
static void delimit(struct envoi_mime *mime, size_t level, bool close, uint64_t next,
	uint64_t next_line)
{
	/* The line end before it is its own, unless a header ends with it. */
	bool no_body =
		mime->state == ENVOI_MIME_IN_HEAD || mime->line_begin == mime->body_begin;
	uint64_t end = no_body ? mime->line_begin : mime->last_end_begin;
	end_part(mime, end);
	end_levels(mime, level, end);
	mime->end_held = false;
	if (close) {
		mime->parts[mime->levels[level - 1].part].end = next;
		mime->depth = level - 1;
		mime->state = ENVOI_MIME_IN_BODY;
		return;
	}
	begin_part(mime, next, next_line);
}

/* -- octets of bodies, and of headers ----------------------------------------- */

static struct envoi_mime_octets *sink(struct envoi_mime *mime)
{
	struct envoi_mime_part *part = current(mime);
	return mime->state == ENVOI_MIME_IN_BODY && part != NULL ? &part->octets
								 : &mime->outside;
}

static bool has_eight_bit(const char *p, size_t n)
{
	unsigned char any = 0;
	for (size_t i = 0; i < n; i++) {
		any |= (unsigned char)p[i];
	}
	return (any & 0x80) != 0;
}

static void note(struct envoi_mime *mime, const char *p, size_t n)
{
	if (mime->in_top_head) {
		return;
	}
	struct envoi_mime_octets *octets = sink(mime);
	struct envoi_mime_part *part = current(mime);
	uint64_t *line = mime->state == ENVOI_MIME_IN_HEAD && part != NULL
				 ? &part->head_eight_bit_line
				 : &octets->eight_bit_line;
	if (*line == 0 && has_eight_bit(p, n)) {
		*line = mime->line_number;
	}
	if (octets->nul_line == 0 && n > 0 && memchr(p, '\0', n) != NULL) {
		octets->nul_line = mime->line_number;
	}
}

/* Octets that are known to be in a body, or in no part. */
static void body_text(struct envoi_mime *mime, const char *p, size_t n)
{
	struct envoi_mime_part *part = current(mime);
	note(mime, p, n);
	if (part == NULL || part->kind != ENVOI_MIME_LEAF) {
		return;
	}
	if (mime->end_held) {
		envoi_transfer_count(&mime->qp, "\n", 1);
		part->plain_size += 2;
		mime->end_held = false;
	}
	part->plain_size += n;
	if (part->is_text && part->encoding < ENVOI_ENCODING_QP) {
		envoi_transfer_count(&mime->qp, p, n);
	}
	if (mime->current == 0) {
		envoi_utf8_feed(&mime->utf8, p, n);
	}
}

/* What was held back is ordinary text. */
static void release(struct envoi_mime *mime)
{
	mime->undecided = false;
	body_text(mime, mime->begin, mime->begin_len);
}

/* -- header lines ------------------------------------------------------------- */

/* Is what was read of the line a field? Of the message's own header it was
 * found out before. */
static bool is_field(const struct envoi_mime *mime)
{
	size_t i = 0;
	if (mime->in_top_head) {
		return true;
	}
	if (mime->begin_len > 0 && (mime->begin[0] == ' ' || mime->begin[0] == '\t')) {
		return mime->field_len > 0;
	}
	while (i < mime->begin_len && mime->begin[i] > 32 && mime->begin[i] < 127
		&& mime->begin[i] != ':') {
		i++;
	}
	bool named = i > 0;
	while (i < mime->begin_len && (mime->begin[i] == ' ' || mime->begin[i] == '\t')) {
		i++;
	}
	return named && i < mime->begin_len && mime->begin[i] == ':';
}

static void add_to_field(struct envoi_mime *mime)
{
	size_t room = sizeof(mime->field) - mime->field_len;
	size_t n = mime->begin_len < room ? mime->begin_len : room;
	memcpy(mime->field + mime->field_len, mime->begin, n);
	mime->field_len += n;
	mime->field_cut =
		mime->field_cut || n < mime->begin_len || mime->column > mime->begin_len;
}

/* A line of a header, at its end: next is what follows. */
static void head_line(struct envoi_mime *mime, uint64_t next)
{
	bool continued =
		mime->begin_len > 0 && (mime->begin[0] == ' ' || mime->begin[0] == '\t');
	if (!continued) {
		take_field(mime);
	}
	if (mime->begin_len == 0 && !mime->in_top_head) {
		current(mime)->fields_end = mime->line_begin;
		begin_body(mime, next);
		return;
	}
	note(mime, mime->begin, mime->begin_len);
	if (!continued) {
		mime->field_begin = mime->line_begin;
		mime->field_cut = false;
	}
	add_to_field(mime);
}

/* The line, all or the beginning of which is held, is no field: it is the
 * first one of a body that no empty line was put before. */
static void break_header(struct envoi_mime *mime)
{
	take_field(mime);
	current(mime)->fields_end = mime->line_begin;
	begin_body(mime, mime->line_begin);
	release(mime);
}

/* -- lines -------------------------------------------------------------------- */

static void begin_line(struct envoi_mime *mime)
{
	mime->line_begin = mime->offset;
	mime->column = 0;
	mime->begin_len = 0;
	mime->undecided = true;
}

/* More of the current line, which has no end in it. */
static void text(struct envoi_mime *mime, const char *p, size_t n)
{
	mime->column += n;
	if (mime->undecided) {
		bool head = mime->state == ENVOI_MIME_IN_HEAD;
		size_t most = head ? sizeof(mime->begin) : DELIMITER;
		size_t take = n < most - mime->begin_len ? n : most - mime->begin_len;
		memcpy(mime->begin + mime->begin_len, p, take);
		mime->begin_len += take;
		p += take;
		n -= take;
		bool dash = mime->begin[0] == '-'
			    && (mime->begin_len < 2 || mime->begin[1] == '-');
		if (head && (mime->begin_len < most || is_field(mime))) {
			note(mime, p, n);
			return;
		}
		if (head) {
			break_header(mime);
		} else if (!dash || mime->begin_len == most) {
			release(mime);
		}
	}
	if (!mime->undecided && n > 0) {
		body_text(mime, p, n);
	}
}

static void note_length(struct envoi_mime *mime, struct envoi_mime_octets *octets)
{
	if (mime->column > octets->longest && !mime->in_top_head) {
		octets->longest = mime->column;
		octets->longest_line = mime->line_number;
	}
}

/* The line has ended; its end has ended octets, 0 at the end of all. */
static void end_line(struct envoi_mime *mime, unsigned ended, bool lf)
{
	uint64_t next = mime->offset;
	uint64_t next_line = mime->line_number + (lf ? 1 : 0);
	bool close = false;
	size_t level = mime->undecided ? find_level(mime, &close) : 0;
	if (level > 0) {
		note_length(mime, &mime->outside);
		delimit(mime, level, close, next, next_line);
	} else {
		bool head = mime->undecided && mime->state == ENVOI_MIME_IN_HEAD;
		if (head && mime->begin_len > 0 && !is_field(mime)) {
			break_header(mime);
			head = false;
		}
		note_length(mime, sink(mime));
		if (head) {
			head_line(mime, next);
		} else {
			/* A line without octets releases the end before it. */
			if (mime->undecided) {
				release(mime);
			}
			sink(mime)->bare_cr = sink(mime)->bare_cr || (!lf && ended > 0);
			mime->end_held = ended > 0 && current(mime) != NULL;
		}
	}
	mime->last_end_begin = next - ended;
	mime->line_number = next_line;
	begin_line(mime);
}

void envoi_mime_feed(struct envoi_mime *mime, const char *in, size_t n)
{
	struct envoi_lines lines = envoi_lines_init(in, n);
	const char *p = in;
	while (p < lines.end && !mime->no_memory) {
		if (mime->after_cr) {
			bool lf = *p == '\n';
			mime->after_cr = false;
			mime->offset += lf ? 1 : 0;
			p += lf ? 1 : 0;
			end_line(mime, lf ? 2 : 1, lf);
			continue;
		}
		const char *e = envoi_lines_find(&lines, p);
		if (e > p) {
			text(mime, p, (size_t)(e - p));
			mime->offset += (uint64_t)(e - p);
		}
		if (e == lines.end) {
			return;
		}
		p = e + 1;
		mime->offset++;
		if (*e == '\n') {
			end_line(mime, 1, true);
		} else {
			mime->after_cr = true;
		}
	}
}

static void end_open_line(struct envoi_mime *mime)
{
	if (mime->after_cr) {
		mime->after_cr = false;
		end_line(mime, 1, false);
	} else if (mime->column > 0) {
		end_line(mime, 0, false);
	}
}

void envoi_mime_head(struct envoi_mime *mime, struct envoi_span head, uint64_t body,
	uint64_t line_number)
{
	mime->in_top_head = true;
	begin_part(mime, 0, 1);
	mime->line_number = 1;
	begin_line(mime);
	envoi_mime_feed(mime, head.data, head.len);
	end_open_line(mime);
	if (mime->no_memory) {
		return;
	}
	if (mime->state == ENVOI_MIME_IN_HEAD) {
		take_field(mime);
	}
	mime->in_top_head = false;
	mime->offset = mime->last_end_begin = body;
	mime->line_number = line_number;
	mime->parts[0].fields_end = head.len;
	begin_body(mime, body);
	begin_line(mime);
}

int envoi_mime_end(struct envoi_mime *mime, struct envoi_error *err)
{
	if (!mime->no_memory) {
		end_open_line(mime);
	}
	if (mime->no_memory) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	/* A line end that no delimiter followed is the body's own. */
	struct envoi_mime_part *part = current(mime);
	if (mime->end_held && part != NULL) {
		body_text(mime, "", 0);
	}
	end_part(mime, mime->offset);
	end_levels(mime, 0, mime->offset);
	return 0;
}
