/*
 * The header reader; see the header.
 *
 *   header   = *leftover *field ( empty-line / other-line / end )
 *   leftover = *">" "From " ... line-end         ; none that is a field
 *   field    = 1*( %d33-57 / %d59-126 ) *blank ":" ... line-end
 *              *( blank ... line-end )
 *
 * Octets are read into one buffer, the line being read behind the fields; a
 * line is looked at when it is whole, or as soon as it cannot be a field.
 */
#include "message/header.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* Most headers are seen in one small read. */
#define HEADER_BLOCK 4096
/* A longer name has no room on a line (RFC 5322 2.1.1): it is some text. */
#define NAME_MAX_OCTETS 997

struct scanner {
	struct envoi_header *header;
	/** Where the line being read begins, in the source and in the text. */
	uint64_t line_offset;
	size_t line_at;
	uint64_t line;
	/** Of the octet that is next. */
	uint64_t offset;
	/** CRs before it, of which it is not known yet what they are. */
	size_t crs;
	/** A CR in the line was none of its end. */
	bool bare_cr;
	bool ended;
};

enum line_kind {
	LINE_FIELD,
	LINE_CONTINUATION,
	LINE_EMPTY,
	LINE_LEFTOVER,
	LINE_OTHER,
	/** Not to be told yet. */
	LINE_OPEN,
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Whether a line begins as a field does; n is the length of its name. */
static enum line_kind field_kind(struct envoi_span line, bool whole, size_t *ret_n)
{
	size_t n = 0, i;
	while (n < line.len && line.data[n] > 32 && line.data[n] < 127
		&& line.data[n] != ':') {
		n++;
	}
	for (i = n; i < line.len && is_blank(line.data[i]); i++) {
	}
	*ret_n = n;
	if (n > NAME_MAX_OCTETS) {
		return LINE_OTHER;
	}
	if (i < line.len) {
		return n > 0 && line.data[i] == ':' ? LINE_FIELD : LINE_OTHER;
	}
	return whole ? LINE_OTHER : LINE_OPEN;
}

static bool is_leftover(struct envoi_span line)
{
	while (line.len > 0 && line.data[0] == '>') {
		line.data++;
		line.len--;
	}
	return line.len >= 5 && memcmp(line.data, "From ", 5) == 0;
}

static enum line_kind classify(
	const struct scanner *scanner, struct envoi_span line, bool whole, size_t *ret_n)
{
	const struct envoi_header *header = scanner->header;
	if (line.len == 0) {
		return whole ? LINE_EMPTY : LINE_OPEN;
	}
	if (is_blank(line.data[0])) {
		return header->count > 0 ? LINE_CONTINUATION : LINE_OTHER;
	}
	enum line_kind kind = field_kind(line, whole, ret_n);
	/* With CRs for line ends, it would be all of the message. */
	if (kind == LINE_OTHER && header->count == 0 && !scanner->bare_cr
		&& is_leftover(line)) {
		return LINE_LEFTOVER;
	}
	return kind;
}

static int add_field(struct scanner *scanner, size_t name_len, struct envoi_error *err)
{
	struct envoi_header *header = scanner->header;
	if (header->count == header->capacity) {
		size_t capacity = header->capacity > 0 ? header->capacity * 2 : 16;
		struct envoi_field *fields =
			realloc(header->fields, capacity * sizeof(*fields));
		if (fields == NULL) {
			return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		}
		header->fields = fields;
		header->capacity = capacity;
	}
	/* The text may still move: complete_fields() makes the spans. */
	header->fields[header->count++] = (struct envoi_field){
		.name = {NULL, name_len},
		.raw = {NULL, scanner->line_at},
		.line = scanner->line,
	};
	return 0;
}

/* The text could not be appended to, or a field was too much. */
static int too_long(const struct scanner *scanner, const struct envoi_view *view,
	struct envoi_error *err)
{
	char label[200];
	if (scanner->header->text.len + HEADER_BLOCK < ENVOI_LIMIT_HEADER
		&& scanner->header->count <= ENVOI_LIMIT_HEADER_FIELDS) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	return envoi_error_set(err, ENVOI_STATUS_DATA,
		"%s has a header of more than %u octets or %u fields",
		envoi_source_label(view->source, label), ENVOI_LIMIT_HEADER,
		ENVOI_LIMIT_HEADER_FIELDS);
}

/* A NUL of the line being read is none of the header. */
static void forget_nul(struct scanner *scanner)
{
	if (scanner->header->nul_line == scanner->line) {
		scanner->header->nul_line = 0;
	}
}

/* The header ends before the line being read. */
static void end_before_line(struct scanner *scanner)
{
	struct envoi_header *header = scanner->header;
	header->text.len = scanner->line_at;
	header->body = scanner->line_offset;
	header->body_line = scanner->line;
	header->empty_line = header->count == 0;
	header->broken = !header->empty_line;
	scanner->ended = true;
	forget_nul(scanner);
}

/* A line without its end; whole, or as much of it as is there. */
static int take_line(struct scanner *scanner, bool whole, struct envoi_error *err)
{
	struct envoi_header *header = scanner->header;
	struct envoi_span line = {NULL, header->text.len - scanner->line_at};
	if (line.len > 0) {
		line.data = header->text.data + scanner->line_at;
	}
	size_t name_len = 0;
	switch (classify(scanner, line, whole, &name_len)) {
	case LINE_FIELD:
		return whole ? add_field(scanner, name_len, err) : 0;
	case LINE_EMPTY:
		header->body = scanner->offset;
		header->body_line = scanner->line + 1;
		header->empty_line = true;
		scanner->ended = true;
		return 0;
	case LINE_OTHER:
		end_before_line(scanner);
		return 0;
	case LINE_LEFTOVER:
		/* Of any length: no more is kept of it than says what it is. */
		header->text.len = scanner->line_at;
		forget_nul(scanner);
		if (!whole) {
			memcpy(header->text.data + scanner->line_at, "From x", 6);
			header->text.len += 6;
		}
		return 0;
	default:
		return 0;
	}
}

static int append(struct scanner *scanner, const char *p, size_t n)
{
	return envoi_buffer_append(&scanner->header->text, p, n);
}

/* CRs that no line end follows are spaces. */
static int put_crs(struct scanner *scanner)
{
	for (; scanner->crs > 0; scanner->crs--) {
		scanner->bare_cr = scanner->header->bare_cr = true;
		if (append(scanner, " ", 1) != 0) {
			return -1;
		}
	}
	return 0;
}

/* Behind the line end that was read. */
static int end_line(
	struct scanner *scanner, const struct envoi_view *view, struct envoi_error *err)
{
	struct envoi_header *header = scanner->header;
	if (scanner->crs > 1) {
		header->bare_cr = true;
	}
	scanner->crs = 0;
	if (take_line(scanner, true, err) != 0) {
		return -1;
	}
	if (scanner->ended) {
		return 0;
	}
	if (header->count == 0) {
		header->start = scanner->offset;
	} else if (append(scanner, "\n", 1) != 0
		   || header->count > ENVOI_LIMIT_HEADER_FIELDS) {
		return too_long(scanner, view, err);
	}
	scanner->line++;
	scanner->bare_cr = false;
	scanner->line_offset = scanner->offset;
	scanner->line_at = header->text.len;
	return 0;
}

/* Octets of a line without its end, in pieces that have no CR and no NUL. */
static int put_text(struct scanner *scanner, const char *p, size_t n)
{
	const char *end = p + n;
	while (p < end) {
		if (*p == '\r') {
			scanner->crs++;
			p++;
			continue;
		}
		if (put_crs(scanner) != 0) {
			return -1;
		}
		if (*p == '\0') {
			if (scanner->header->nul_line == 0) {
				scanner->header->nul_line = scanner->line;
			}
			p++;
			continue;
		}
		const char *e = p;
		while (e < end && *e != '\r' && *e != '\0') {
			e++;
		}
		if (append(scanner, p, (size_t)(e - p)) != 0) {
			return -1;
		}
		p = e;
	}
	return 0;
}

static int feed(struct scanner *scanner, struct envoi_span in,
	const struct envoi_view *view, struct envoi_error *err)
{
	const char *p = in.data, *end = in.data + in.len;
	while (p < end && !scanner->ended) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *e = lf != NULL ? lf : end;
		if (put_text(scanner, p, (size_t)(e - p)) != 0) {
			return too_long(scanner, view, err);
		}
		scanner->offset += (uint64_t)(e - p) + (lf != NULL ? 1 : 0);
		p = lf != NULL ? lf + 1 : end;
		if (lf != NULL ? end_line(scanner, view, err) != 0
			       : take_line(scanner, false, err) != 0) {
			return -1;
		}
	}
	return 0;
}

/* Behind the last octet of the message: its last line may have no end. */
static int finish(
	struct scanner *scanner, const struct envoi_view *view, struct envoi_error *err)
{
	struct envoi_header *header = scanner->header;
	if (scanner->offset > scanner->line_offset) {
		header->bare_cr = header->bare_cr || scanner->crs > 0;
		if (end_line(scanner, view, err) != 0) {
			return -1;
		}
	}
	if (!scanner->ended) {
		header->body = scanner->offset;
		header->body_line = scanner->line;
	}
	return 0;
}

static void complete_fields(struct envoi_header *header)
{
	const char *text = header->text.data;
	for (size_t i = 0; i < header->count; i++) {
		struct envoi_field *field = &header->fields[i];
		size_t begin = field->raw.len;
		size_t end = i + 1 < header->count ? header->fields[i + 1].raw.len
						   : header->text.len;
		field->name.data = field->raw.data = text + begin;
		field->raw.len = end - begin;
		const char *colon = memchr(field->name.data + field->name.len, ':',
			field->raw.len - field->name.len);
		field->value.data = colon + 1;
		field->value.len = (size_t)(text + end - field->value.data) - 1;
		field->kind = envoi_field_kind_of(field->name);
	}
}

int envoi_header_read(struct envoi_header *header, const struct envoi_view *view,
	uint64_t start, uint64_t end, uint64_t first_line, struct envoi_error *err)
{
	struct scanner scanner = {.header = header,
		.line_offset = start,
		.line = first_line,
		.offset = start};
	struct envoi_reader reader;
	struct envoi_span span = {"", 0};
	*header = (struct envoi_header){.start = start};
	envoi_buffer_init(&header->text, ENVOI_LIMIT_HEADER);
	int result = 0;
	envoi_reader_init(&reader, view, start, end, HEADER_BLOCK, ENVOI_MBOX_NONE);
	while (result == 0 && !scanner.ended
		&& (result = envoi_reader_next(&reader, &span, err)) == 0
		&& span.len > 0) {
		result = feed(&scanner, span, view, err);
	}
	if (result == 0 && !scanner.ended) {
		result = finish(&scanner, view, err);
	}
	envoi_reader_finish(&reader);
	if (result != 0) {
		envoi_header_finish(header);
		return -1;
	}
	complete_fields(header);
	return 0;
}

void envoi_header_finish(struct envoi_header *header)
{
	envoi_buffer_finish(&header->text);
	free(header->fields);
	*header = (struct envoi_header){0};
}
