/*
 * The wire encoder; see the header. Works on runs: as many octets as can go
 * out as they are (in a file with CRLF all of them) are copied at once.
 */
#include "message/encode.h"

#include <string.h>

#include "message/lines.h"
#include "message/look.h"
#include "message/octets.h"

void envoi_encoder_init(struct envoi_encoder *encoder, bool stuff)
{
	*encoder = (struct envoi_encoder){.stuff = stuff, .line_start = true};
}

/* The end of the longest run from p on that goes out as it is: before a line
 * end that is not CRLF, or before a dot to be stuffed. A CR that ends the
 * block is not part of it, as nobody knows what follows. Where the first line
 * ends in CRLF, many of them are looked at at once. */
static const char *find_run(struct envoi_lines *lines, const char *p, bool stuff)
{
	for (bool first = true;; first = false) {
		const char *e = envoi_lines_find(lines, p);
		if (lines->end - e < 2 || e[0] != '\r' || e[1] != '\n') {
			return e;
		}
		p = e + 2;
		if (p == lines->end || (stuff && *p == '.')) {
			return p;
		}
		if (first) {
			p += envoi_look_for_wire(p, (size_t)(lines->end - p), stuff);
		}
	}
}

size_t envoi_encoder_pass(struct envoi_encoder *encoder, const char *in, size_t n)
{
	if (n == 0 || encoder->after_cr
		|| (encoder->stuff && encoder->line_start && *in == '.')) {
		return 0;
	}
	struct envoi_lines lines = envoi_lines_init(in, n);
	size_t run = (size_t)(find_run(&lines, in, encoder->stuff) - in);
	if (run > 0) {
		encoder->octets += run;
		encoder->line_start = in[run - 1] == '\n';
	}
	return run;
}

/* Whole lines that end in LF, as far as no CR is among them, in steps that may
 * write more than they keep. Leaves what is left, and the rest of a line, to
 * others. */
static void feed_lf(struct envoi_encoder *encoder, const char **p, const char *end,
	char **o, const char *o_end)
{
	const char *in = *p;
	char *out = *o;
	bool start = encoder->line_start;
	uint64_t dots = 0;
	while (end - in >= (ptrdiff_t)ENVOI_OCTETS
		&& o_end - out > (ptrdiff_t)ENVOI_OCTETS + 1) {
		if (start && encoder->stuff && *in == '.') {
			*out++ = '.';
			dots++;
		}
		envoi_octets here = envoi_octets_load(in);
		envoi_octets lf = here == '\n';
		envoi_octets_store(out, here);
		start = envoi_octets_any(lf);
		if (!start) {
			in += ENVOI_OCTETS;
			out += ENVOI_OCTETS;
			continue;
		}
		size_t n = envoi_octets_first(lf);
		in += n + 1;
		out += n;
		*out++ = '\r';
		*out++ = '\n';
	}
	encoder->octets += (uint64_t)(out - *o) - dots;
	encoder->line_start = start;
	*p = in;
	*o = out;
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
		if (envoi_lines_find(&lines, p) == lines.lf) {
			feed_lf(encoder, &p, lines.cr, &o, o_end);
		}
		if (p == lines.end || o_end - o < 2) {
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
