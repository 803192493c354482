/*
 * The wire encoder; see the header. Works on runs: as many octets as can go
 * out as they are (in a file with CRLF all of them) are copied at once.
 */
#include "message/encode.h"

#include <string.h>

#include "message/lines.h"

void envoi_encoder_init(struct envoi_encoder *encoder, bool stuff)
{
	*encoder = (struct envoi_encoder){.stuff = stuff, .line_start = true};
}

/* The end of the longest run from p on that goes out as it is: before a line
 * end that is not CRLF, or before a dot to be stuffed. A CR that ends the
 * block is not part of it, as nobody knows what follows. */
static const char *find_run(struct envoi_lines *lines, const char *p, bool stuff)
{
	for (;;) {
		const char *e = envoi_lines_find(lines, p);
		if (lines->end - e < 2 || e[0] != '\r' || e[1] != '\n') {
			return e;
		}
		p = e + 2;
		if (p == lines->end || (stuff && *p == '.')) {
			return p;
		}
	}
}

size_t envoi_encoder_feed(struct envoi_encoder *encoder, const char *in, size_t n,
	char *out, size_t room, size_t *ret_used)
{
	/* No octet becomes less than one (but for the LF of a CRLF), so there
	 * is no use in searching further than room. */
	struct envoi_lines lines = envoi_lines_init(in, n < room ? n : room);
	const char *p = in;
	char *o = out;
	const char *o_end = out + room;
	while (p < lines.end) {
		if (encoder->after_cr) {
			encoder->after_cr = false;
			if (*p == '\n') {
				p++;
				continue;
			}
		}
		if (o_end - o < 2) {
			break;
		}
		if (encoder->stuff && encoder->line_start && *p == '.') {
			*o++ = '.';
			encoder->line_start = false;
		}
		size_t run = (size_t)(find_run(&lines, p, encoder->stuff) - p);
		if (run > (size_t)(o_end - o)) {
			run = (size_t)(o_end - o);
			/* Not between CR and LF. */
			run -= p[run - 1] == '\r' ? 1 : 0;
			lines.end = p + run;
		}
		if (run > 0) {
			memcpy(o, p, run);
			o += run;
			p += run;
			encoder->octets += run;
			encoder->line_start = p[-1] == '\n';
		}
		if (p == lines.end || o_end - o < 2) {
			break;
		}
		if (*p == '\r' || *p == '\n') {
			memcpy(o, "\r\n", 2);
			o += 2;
			encoder->octets += 2;
			encoder->line_start = true;
			encoder->after_cr = *p == '\r';
			p++;
		}
	}
	*ret_used = (size_t)(p - in);
	return (size_t)(o - out);
}

size_t envoi_encoder_finish(struct envoi_encoder *encoder, char *out)
{
	if (encoder->line_start) {
		return 0;
	}
	memcpy(out, "\r\n", 2);
	encoder->octets += 2;
	encoder->line_start = true;
	return 2;
}
