/*
 * The scan of a message. Lines are those on the wire (LF, CRLF or a bare CR
 * ends one); line numbers count LFs, as editors do.
 */
#include "message/scan.h"

#include <string.h>

#include "message/lines.h"

void envoi_scan_init(
	struct envoi_scan *scan, struct envoi_message_facts *facts, uint64_t first_line)
{
	*facts = (struct envoi_message_facts){0};
	*scan = (struct envoi_scan){.facts = facts, .line = first_line};
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

static void text(struct envoi_scan *scan, size_t n)
{
	scan->column += n;
	scan->facts->size += n;
}

static void end_line(struct envoi_scan *scan)
{
	struct envoi_message_facts *facts = scan->facts;
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
		text(scan, (size_t)(e - p));
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
	if (scan->after_cr) {
		scan->facts->bare_cr = true;
	}
	if (scan->column > 0) {
		end_line(scan);
	}
}

void envoi_scan_join(
	struct envoi_message_facts *facts, const struct envoi_message_facts *behind)
{
	facts->size += behind->size;
	facts->eight_bit = facts->eight_bit || behind->eight_bit;
	facts->bare_cr = facts->bare_cr || behind->bare_cr;
	if (facts->nul_line == 0) {
		facts->nul_line = behind->nul_line;
	}
	if (behind->longest > facts->longest) {
		facts->longest = behind->longest;
		facts->longest_line = behind->longest_line;
	}
}
