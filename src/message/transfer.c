/*
 * Quoted-printable and base64; see the header.
 *
 *   qp-line    = *( literal / hex ) [ "=" ] CRLF        ; RFC 2045 6.7
 *   hex        = "=" 2HEXDIG
 *   literal    = %d33-60 / %d62-126 / blank that does not end a line
 *
 * A line is broken before the token with which it, and the "=" behind it,
 * would be longer than 76; that the token may be the last of its line is not
 * waited for.
 */
#include "message/transfer.h"

#include <string.h>

#include "message/octets.h"

#define LINE 76

static const char hex[] = "0123456789ABCDEF";
static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void envoi_transfer_init(struct envoi_transfer *transfer, enum envoi_transfer_kind kind)
{
	*transfer = (struct envoi_transfer){.kind = kind};
}

static char *put_line_end(struct envoi_transfer *transfer, char *o)
{
	*o++ = '\r';
	*o++ = '\n';
	transfer->column = 0;
	return o;
}

/* -- quoted-printable --------------------------------------------------------- */

static bool is_literal(unsigned char c)
{
	return c > 32 && c < 127 && c != '=';
}

static char *put_token(struct envoi_transfer *transfer, char *o, char c, bool literal)
{
	unsigned width = literal ? 1 : 3;
	if (transfer->column + width > LINE - 1) {
		*o++ = '=';
		o = put_line_end(transfer, o);
	}
	transfer->column += width;
	if (literal) {
		*o++ = c;
		return o;
	}
	*o++ = '=';
	*o++ = hex[(unsigned char)c >> 4];
	*o++ = hex[(unsigned char)c & 15];
	return o;
}

static char *put_blank(struct envoi_transfer *transfer, char *o, bool ends_line)
{
	if (transfer->blank != 0) {
		o = put_token(transfer, o, transfer->blank, !ends_line);
		transfer->blank = 0;
	}
	return o;
}

static char *qp_octet(struct envoi_transfer *transfer, char *o, char c)
{
	if (c == '\r' || c == '\n') {
		o = put_blank(transfer, o, true);
		return put_line_end(transfer, o);
	}
	o = put_blank(transfer, o, false);
	if (c == ' ' || c == '\t') {
		transfer->blank = c;
		return o;
	}
	return put_token(transfer, o, c, is_literal((unsigned char)c));
}

/* How many octets from p on stand for themselves; blanks behind the last other
 * one may end a line and are not counted. */
static size_t count_literals(const char *p, size_t n)
{
	size_t i = 0;
	while (n - i >= ENVOI_OCTETS) {
		envoi_octets here = envoi_octets_load(p + i);
		envoi_octets other =
			((here < 32) & (here != '\t')) | (here > 126) | (here == '=');
		if (envoi_octets_any(other)) {
			i += envoi_octets_first(other);
			n = i;
			break;
		}
		i += ENVOI_OCTETS;
	}
	while (i < n
		&& (is_literal((unsigned char)p[i]) || p[i] == ' ' || p[i] == '\t')) {
		i++;
	}
	while (i > 0 && (p[i - 1] == ' ' || p[i - 1] == '\t')) {
		i--;
	}
	return i;
}

/* As put_token() for each of them. */
static char *put_literals(
	struct envoi_transfer *transfer, char *o, const char *p, size_t n)
{
	while (n > 0) {
		if (transfer->column == LINE - 1) {
			*o++ = '=';
			o = put_line_end(transfer, o);
		}
		size_t part = LINE - 1 - transfer->column;
		part = part < n ? part : n;
		memcpy(o, p, part);
		transfer->column += (unsigned)part;
		o += part;
		p += part;
		n -= part;
	}
	return o;
}

/* The same for octets that do not stand for themselves. */
static char *put_coded(struct envoi_transfer *transfer, char *o, const char *p, size_t n)
{
	while (n > 0) {
		size_t part = (LINE - 1 - transfer->column) / 3;
		part = part < n ? part : n;
		for (size_t i = 0; i < part; i++) {
			*o++ = '=';
			*o++ = hex[(unsigned char)p[i] >> 4];
			*o++ = hex[(unsigned char)p[i] & 15];
		}
		transfer->column += (unsigned)(3 * part);
		p += part;
		n -= part;
		if (n > 0) {
			*o++ = '=';
			o = put_line_end(transfer, o);
		}
	}
	return o;
}

/* Octets, as many as there are, that are all literal or none of them; none where
 * it depends on others what becomes of the first. */
static size_t qp_run(struct envoi_transfer *transfer, char **o, const char *p, size_t n)
{
	size_t run = 0;
	if (transfer->blank != 0) {
		return 0;
	}
	while (run < n && (p[run] & 0x80) != 0) {
		run++;
	}
	if (run > 0) {
		*o = put_coded(transfer, *o, p, run);
		return run;
	}
	run = count_literals(p, n);
	*o = put_literals(transfer, *o, p, run);
	return run;
}

/* -- base64 ------------------------------------------------------------------- */

/* A quantum of the octets held, at least one. */
static char *put_quantum(struct envoi_transfer *transfer, char *o)
{
	if (transfer->column == LINE) {
		o = put_line_end(transfer, o);
	}
	uint32_t bits = transfer->bits << 8 * (3 - transfer->held);
	for (unsigned i = 0; i < 4; i++) {
		*o++ = i <= transfer->held ? digits[bits >> (18 - 6 * i) & 63] : '=';
	}
	transfer->column += 4;
	transfer->held = 0;
	transfer->bits = 0;
	return o;
}

static char *base64_octet(struct envoi_transfer *transfer, char *o, char c)
{
	transfer->bits = transfer->bits << 8 | (unsigned char)c;
	transfer->held++;
	return transfer->held == 3 ? put_quantum(transfer, o) : o;
}

/* How many octets stand before the first CR or LF. */
static size_t count_text(const char *p, size_t n)
{
	size_t i = 0;
	for (; n - i >= ENVOI_OCTETS; i += ENVOI_OCTETS) {
		envoi_octets here = envoi_octets_load(p + i);
		envoi_octets ends = (here == '\r') | (here == '\n');
		if (envoi_octets_any(ends)) {
			return i + envoi_octets_first(ends);
		}
	}
	while (i < n && p[i] != '\r' && p[i] != '\n') {
		i++;
	}
	return i;
}

static char *put_quanta(struct envoi_transfer *transfer, char *o, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = (uint32_t)(unsigned char)p[0] << 16
				| (uint32_t)(unsigned char)p[1] << 8
				| (unsigned char)p[2];
		*o++ = digits[bits >> 18];
		*o++ = digits[bits >> 12 & 63];
		*o++ = digits[bits >> 6 & 63];
		*o++ = digits[bits & 63];
		p += 3;
	}
	transfer->column += (unsigned)(4 * n);
	return o;
}

static char *put_octets(struct envoi_transfer *transfer, char *o, const char *p, size_t n)
{
	for (; n > 0 && transfer->held > 0; n--) {
		o = base64_octet(transfer, o, *p++);
	}
	while (n >= 3) {
		if (transfer->column == LINE) {
			o = put_line_end(transfer, o);
		}
		size_t quanta = (LINE - transfer->column) / 4;
		quanta = quanta < n / 3 ? quanta : n / 3;
		o = put_quanta(transfer, o, p, quanta);
		p += 3 * quanta;
		n -= 3 * quanta;
	}
	for (; n > 0; n--) {
		o = base64_octet(transfer, o, *p++);
	}
	return o;
}

static size_t base64_run(
	struct envoi_transfer *transfer, char **o, const char *p, size_t n)
{
	if (transfer->kind == ENVOI_TRANSFER_BASE64_TEXT) {
		n = count_text(p, n);
	}
	*o = put_octets(transfer, *o, p, n);
	return n;
}

/* -- both --------------------------------------------------------------------- */

static char *put_octet(struct envoi_transfer *transfer, char *o, char c)
{
	if (transfer->kind == ENVOI_TRANSFER_BASE64) {
		return base64_octet(transfer, o, c);
	}
	bool second = transfer->after_cr && c == '\n';
	transfer->after_cr = c == '\r';
	if (second) {
		return o;
	}
	if (transfer->kind == ENVOI_TRANSFER_QP) {
		return qp_octet(transfer, o, c);
	}
	if (c == '\r' || c == '\n') {
		o = base64_octet(transfer, o, '\r');
		return base64_octet(transfer, o, '\n');
	}
	return base64_octet(transfer, o, c);
}

/* As put_octet() for each of some octets; returns how many. */
static size_t put_run(struct envoi_transfer *transfer, char **o, const char *p, size_t n)
{
	size_t run = transfer->kind == ENVOI_TRANSFER_QP ? qp_run(transfer, o, p, n)
							 : base64_run(transfer, o, p, n);
	transfer->after_cr = transfer->after_cr && run == 0;
	return run;
}

size_t envoi_transfer_feed(struct envoi_transfer *transfer, const char *in, size_t n,
	char *out, size_t room, size_t *ret_used)
{
	size_t used = 0;
	char *o = out;
	/* One octet makes at most a held blank and itself, each behind a soft
	 * line break: twelve. Many make less than four each, and once a break. */
	while (used < n && room - (size_t)(o - out) >= ENVOI_TRANSFER_ROOM) {
		size_t most = (room - (size_t)(o - out) - ENVOI_TRANSFER_ROOM) / 4;
		size_t run = put_run(
			transfer, &o, in + used, n - used < most ? n - used : most);
		used += run;
		if (run == 0) {
			o = put_octet(transfer, o, in[used++]);
		}
	}
	*ret_used = used;
	transfer->octets += (uint64_t)(o - out);
	return (size_t)(o - out);
}

size_t envoi_transfer_finish(struct envoi_transfer *transfer, char *out)
{
	char *o = put_blank(transfer, out, true);
	if (transfer->held > 0) {
		o = put_quantum(transfer, o);
	}
	transfer->octets += (uint64_t)(o - out);
	return (size_t)(o - out);
}

void envoi_transfer_count(struct envoi_transfer *transfer, const char *in, size_t n)
{
	char scratch[1024];
	while (n > 0) {
		size_t used;
		(void)envoi_transfer_feed(
			transfer, in, n, scratch, sizeof(scratch), &used);
		in += used;
		n -= used;
	}
}
