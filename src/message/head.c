/*
 * The head of a message: mbox lines that some program left there are dropped,
 * and it is found out whether there is a header at all.
 *
 *   leftover = [ ">" ] "From " ... line-end      ; any number of them
 *   field    = 1*( %d33-57 / %d59-126 ) *blank ":"   ; RFC 5322 3.6.8, 4.5.8
 *
 * A first line that is empty ends an empty header; a message of no octets
 * stays so. Anything else has no header.
 */
#include "message/private.h"

/* Most heads are seen in one small read. */
#define HEAD_BLOCK 4096

/* Reads octet by octet. */
struct cursor {
	struct envoi_reader reader;
	struct envoi_span rest;
	uint64_t offset;
	uint64_t line;
};

enum {
	END = -1,
	FAILED = -2,
};

static int peek(struct cursor *cursor, struct envoi_error *err)
{
	if (cursor->rest.len == 0
		&& envoi_reader_next(&cursor->reader, &cursor->rest, err) != 0) {
		return FAILED;
	}
	return cursor->rest.len > 0 ? (unsigned char)cursor->rest.data[0] : END;
}

static void advance(struct cursor *cursor)
{
	cursor->line += cursor->rest.data[0] == '\n' ? 1 : 0;
	cursor->rest.data++;
	cursor->rest.len--;
	cursor->offset++;
}

/* Behind the end of this line. What comes next, or FAILED. */
static int skip_line(struct cursor *cursor, struct envoi_error *err)
{
	int c;
	while ((c = peek(cursor, err)) >= 0 && c != '\r' && c != '\n') {
		advance(cursor);
	}
	if (c == '\r') {
		advance(cursor);
		c = peek(cursor, err);
	}
	if (c == '\n') {
		advance(cursor);
		c = peek(cursor, err);
	}
	return c;
}

/* Drops one leftover: 1; 0 when there is none, with *ret_n octets of the
 * first line, all fit for a field's name, read by now; or FAILED. */
static int drop_leftover(struct cursor *cursor, size_t *ret_n, struct envoi_error *err)
{
	static const char from[] = "From ";
	size_t matched = 0;
	*ret_n = 0;
	for (;;) {
		int c = peek(cursor, err);
		if (c == FAILED) {
			return FAILED;
		}
		if (c == '>' && *ret_n == 0) {
			(*ret_n)++;
		} else if (c == from[matched]) {
			(*ret_n)++;
			matched++;
		} else {
			return 0;
		}
		advance(cursor);
		if (matched == sizeof(from) - 1) {
			return skip_line(cursor, err) == FAILED ? FAILED : 1;
		}
	}
}

/* Whether the first line, n octets of a name read, is no field: 0, 1, FAILED. */
static int is_headless(struct cursor *cursor, size_t n, struct envoi_error *err)
{
	int c = peek(cursor, err);
	if (n == 0 && (c == END || c == '\r' || c == '\n')) {
		return 0;
	}
	bool named = n > 0;
	for (; c > 32 && c < 127 && c != ':'; c = peek(cursor, err)) {
		named = true;
		advance(cursor);
	}
	for (; named && (c == ' ' || c == '\t'); c = peek(cursor, err)) {
		advance(cursor);
	}
	if (c == FAILED) {
		return FAILED;
	}
	return named && c == ':' ? 0 : 1;
}

int envoi_head_find(const struct envoi_view *view, uint64_t start, uint64_t end,
	uint64_t first_line, struct envoi_head *ret_head, struct envoi_error *err)
{
	struct cursor cursor = {.offset = start, .line = first_line};
	struct envoi_head head;
	size_t n;
	int result;
	if (envoi_reader_init(
		    &cursor.reader, view, start, end, HEAD_BLOCK, ENVOI_MBOX_NONE, err)
		!= 0) {
		return -1;
	}
	do {
		head.start = cursor.offset;
		head.first_line = cursor.line;
		result = drop_leftover(&cursor, &n, err);
	} while (result == 1);
	if (result == 0) {
		result = is_headless(&cursor, n, err);
	}
	envoi_reader_finish(&cursor.reader);
	if (result == FAILED) {
		return -1;
	}
	head.headless = result == 1;
	*ret_head = head;
	return 0;
}
