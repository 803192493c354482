/*
 * The scan of a message. Lines are those on the wire (LF, CRLF or a bare CR
 * ends one); line numbers count LFs, as editors do. The header is read only
 * for its Message-ID: RFC 5322 2.2.3 (folding), 3.6.4, and the blanks before
 * the colon of 4.5.
 */
#include "message/scan.h"

#include <string.h>

#include "base/span.h"
#include "message/lines.h"

void envoi_scan_init(struct envoi_scan *scan, struct envoi_message_facts *facts,
	uint64_t first_line, bool has_header)
{
	*facts = (struct envoi_message_facts){0};
	*scan = (struct envoi_scan){
		.facts = facts,
		.line = first_line,
		.header = has_header ? ENVOI_SCAN_HEADER_NAME : ENVOI_SCAN_HEADER_DONE,
	};
}

/* Any octet above 127, eight at a time, in pieces that can stop early. */
static bool has_eight_bit(const char *p, size_t n)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	while (n >= 64) {
		uint64_t words[8];
		memcpy(words, p, sizeof(words));
		uint64_t any = words[0] | words[1] | words[2] | words[3] | words[4]
			       | words[5] | words[6] | words[7];
		if ((any & high) != 0) {
			return true;
		}
		p += sizeof(words);
		n -= sizeof(words);
	}
	unsigned char any = 0;
	for (size_t i = 0; i < n; i++) {
		any |= (unsigned char)p[i];
	}
	return (any & 0x80) != 0;
}

static void find_nul(struct envoi_scan *scan, const char *in, size_t n)
{
	const char *nul = memchr(in, '\0', n);
	if (nul == NULL) {
		return;
	}
	scan->facts->nul_line = scan->line;
	for (const char *p = in; (p = memchr(p, '\n', (size_t)(nul - p))) != NULL; p++) {
		scan->facts->nul_line++;
	}
}

/* The first octet of a header line tells whether the field goes on. */
static void header_line_start(struct envoi_scan *scan, char c)
{
	if (c == ' ' || c == '\t') {
		if (scan->header == ENVOI_SCAN_HEADER_NAME) {
			scan->header = ENVOI_SCAN_HEADER_SKIP;
		}
		return;
	}
	if (scan->header == ENVOI_SCAN_HEADER_VALUE) {
		scan->header = ENVOI_SCAN_HEADER_DONE;
		return;
	}
	scan->header = ENVOI_SCAN_HEADER_NAME;
	scan->name_len = 0;
}

static void header_value(struct envoi_scan *scan, const char *p, size_t n)
{
	char *id = scan->facts->message_id;
	const size_t max = sizeof(scan->facts->message_id) - 2;
	for (size_t i = 0; i < n && scan->id_len < max; i++) {
		bool blank = p[i] == ' ' || p[i] == '\t';
		if (p[i] != '\0' && !(blank && scan->id_len == 0)) {
			id[scan->id_len++] = p[i];
		}
	}
}

/* A piece of a header line, without its end. */
static void header_text(struct envoi_scan *scan, const char *p, size_t n)
{
	if (scan->column == 0) {
		header_line_start(scan, *p);
	}
	while (scan->header == ENVOI_SCAN_HEADER_NAME && n > 0) {
		if (*p == ':') {
			struct envoi_span name = {scan->name, scan->name_len};
			scan->header = envoi_span_equal_nocase(
					       envoi_span_trim(name), "message-id")
					       ? ENVOI_SCAN_HEADER_VALUE
					       : ENVOI_SCAN_HEADER_SKIP;
		} else if (scan->name_len == sizeof(scan->name)) {
			/* Too long, but for blanks, which may be any number. */
			if (*p != ' ' && *p != '\t') {
				scan->header = ENVOI_SCAN_HEADER_SKIP;
			}
		} else {
			scan->name[scan->name_len++] = *p;
		}
		p++;
		n--;
	}
	if (scan->header == ENVOI_SCAN_HEADER_VALUE) {
		header_value(scan, p, n);
	}
}

static void text(struct envoi_scan *scan, const char *p, size_t n)
{
	if (n > 0 && scan->header != ENVOI_SCAN_HEADER_DONE) {
		header_text(scan, p, n);
	}
	scan->column += n;
	scan->facts->size += n;
}

static void end_line(struct envoi_scan *scan)
{
	struct envoi_message_facts *facts = scan->facts;
	if (scan->column == 0) {
		scan->header = ENVOI_SCAN_HEADER_DONE;
	}
	if (scan->column > facts->longest) {
		facts->longest = scan->column;
		facts->longest_line = scan->line;
	}
	scan->column = 0;
	facts->size += 2;
}

void envoi_scan_feed(struct envoi_scan *scan, const char *in, size_t n)
{
	if (n == 0) {
		return;
	}
	if (!scan->facts->eight_bit) {
		scan->facts->eight_bit = has_eight_bit(in, n);
	}
	if (scan->facts->nul_line == 0) {
		find_nul(scan, in, n);
	}
	struct envoi_lines lines = envoi_lines_init(in, n);
	const char *p = in;
	while (p < lines.end) {
		if (scan->after_cr) {
			scan->after_cr = false;
			if (*p == '\n') {
				scan->line++;
				p++;
				continue;
			}
			scan->facts->bare_cr = true;
		}
		const char *e = envoi_lines_find(&lines, p);
		text(scan, p, (size_t)(e - p));
		if (e == lines.end) {
			break;
		}
		end_line(scan);
		p = e + 1;
		if (*e == '\n') {
			scan->line++;
		} else if (p < lines.end && *p == '\n') {
			scan->line++;
			p++;
		} else {
			scan->after_cr = true;
		}
	}
}

void envoi_scan_finish(struct envoi_scan *scan)
{
	char *id = scan->facts->message_id;
	if (scan->after_cr) {
		scan->facts->bare_cr = true;
	}
	if (scan->column > 0) {
		end_line(scan);
	}
	while (scan->id_len > 0
		&& (id[scan->id_len - 1] == ' ' || id[scan->id_len - 1] == '\t')) {
		scan->id_len--;
	}
	id[scan->id_len] = '\0';
}
