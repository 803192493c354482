/*
 * The scan of a message. Lines are those on the wire (LF, CRLF or a bare CR
 * ends one); line numbers count LFs, as editors do.
 *
 * Whole lines are taken by the thousand octets: what they are made of is told by one
 * look at all of them, and only which is the longest asks for their ends, not
 * for each. A bare CR, and a line that goes over blocks, are read line by line.
 */
#include "message/scan.h"

#include <string.h>

#include "base/gnu.h"
#include "message/lines.h"
#include "message/look.h"

/* Looked at twice, so it has to stay near the processor. */
#define CHUNK 8192

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

/* Any octets, line after line. */
static void feed_lines(struct envoi_scan *scan, const char *in, size_t n)
{
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
			scan->facts->bare_lf = true;
			scan->line++;
		} else if (p < lines.end && *p == '\n') {
			scan->line++;
			p++;
		} else {
			scan->after_cr = true;
		}
	}
}

/* Of whole lines without a bare CR, the first one longer than the longest so
 * far, or NULL; *ret_end is its LF. Its place is found by leaps as long as the
 * longest line so far: what ends within one is not longer. */
static const char *find_longer(
	const char *p, const char *end, uint64_t longest, const char **ret_end)
{
	while ((size_t)(end - p) > longest + 1) {
		size_t leap = (size_t)longest + 2;
		const char *lf = p[leap - 1] == '\n' ? p + leap - 1
						     : envoi_gnu_find_last(p, '\n', leap);
		if (lf == NULL) {
			*ret_end = memchr(p + leap, '\n', (size_t)(end - p) - leap);
			return p;
		}
		if (lf == p + leap - 1 && lf[-1] != '\r'
			&& memchr(p, '\n', leap - 1) == NULL) {
			*ret_end = lf;
			return p;
		}
		p = lf + 1;
	}
	return NULL;
}

/* Whole lines, of which the first one begins here, without a bare CR. */
static void feed_whole(
	struct envoi_scan *scan, const char *in, size_t n, const struct envoi_look *look)
{
	struct envoi_message_facts *facts = scan->facts;
	const char *counted = in;
	const char *p = in;
	const char *lf;
	if (look->nul && facts->nul_line == 0) {
		find_nul(scan, in, n);
	}
	uint64_t line = scan->line;
	while ((p = find_longer(p, in + n, facts->longest, &lf)) != NULL) {
		line += envoi_look_count_lfs(counted, (size_t)(p - counted));
		counted = p;
		facts->longest = (uint64_t)(lf - p) - (lf > p && lf[-1] == '\r' ? 1 : 0);
		facts->longest_line = line;
		p = lf + 1;
	}
	facts->eight_bit = facts->eight_bit || look->eight_bit;
	facts->bare_lf = facts->bare_lf || look->lfs != look->crs;
	facts->size += n + look->lfs - look->crs;
	scan->line += look->lfs;
}

void envoi_scan_feed(struct envoi_scan *scan, const char *in, size_t n)
{
	while (n > 0) {
		size_t part = n < CHUNK ? n : CHUNK;
		const char *lf = NULL;
		if (scan->column == 0 && !scan->after_cr) {
			lf = envoi_gnu_find_last(in, '\n', part);
		}
		if (lf != NULL) {
			part = (size_t)(lf - in) + 1;
			struct envoi_look look = envoi_look_at(in, part);
			if (look.bare_cr) {
				feed_lines(scan, in, part);
			} else {
				feed_whole(scan, in, part, &look);
			}
		} else {
			/* Within a line: to its end. */
			lf = memchr(in, '\n', n);
			part = lf != NULL ? (size_t)(lf - in) + 1 : n;
			feed_lines(scan, in, part);
		}
		in += part;
		n -= part;
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
	facts->bare_lf = facts->bare_lf || behind->bare_lf;
	if (facts->nul_line == 0) {
		facts->nul_line = behind->nul_line;
	}
	if (behind->longest > facts->longest) {
		facts->longest = behind->longest;
		facts->longest_line = behind->longest_line;
	}
}
