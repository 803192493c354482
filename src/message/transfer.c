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

size_t envoi_transfer_feed(struct envoi_transfer *transfer, const char *in, size_t n,
	char *out, size_t room, size_t *ret_used)
{
	size_t used = 0;
	char *o = out;
	/* One octet makes at most a held blank and itself, each behind a soft
	 * line break: twelve. */
	while (used < n && room - (size_t)(o - out) >= ENVOI_TRANSFER_ROOM) {
		o = put_octet(transfer, o, in[used++]);
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
