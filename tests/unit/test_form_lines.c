/*
 * Lines that are too long, NULs, and sizes in the form for a server: each message with
 * "encode" and "pass", mended or not; headers at their limit; dots at the edges of
 * blocks. RFC 5321 4.5.2, 4.5.3.1.6, RFC 1870.
 */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expand.h"
#include "forms.h"

#include "base/limits.h"

/* What is done: like "envoi send", like sendmail, with a server that takes 8BITMIME or
 * not; BINARYMIME. */
enum way {
	SEND,
	SEND_8BIT,
	MEND,
	MEND_8BIT,
	PASS,
	REFUSE,
	MEND_BINARY,
	MEND_PASS,
	PASS_7BIT,
	WAYS,
};

static const struct envoi_carrier carriers[WAYS] = {
	[SEND] = {.eight_bit = false},
	[SEND_8BIT] = {.eight_bit = true},
	[MEND] = {.mend = true},
	[MEND_8BIT] = {.mend = true, .eight_bit = true},
	[PASS] = {.long_lines = ENVOI_LONG_LINES_PASS, .eight_bit = true},
	[REFUSE] = {.long_lines = ENVOI_LONG_LINES_REFUSE, .mend = true},
	[MEND_BINARY] = {.mend = true, .eight_bit = true, .binary = true},
	[MEND_PASS] = {.long_lines = ENVOI_LONG_LINES_PASS, .mend = true},
	[PASS_7BIT] = {.long_lines = ENVOI_LONG_LINES_PASS},
};

#define AT(way) (1u << (way))
#define MENDED (AT(MEND) | AT(MEND_8BIT))
#define SENT (AT(SEND) | AT(SEND_8BIT))

struct row {
	const char *title;
	/* As expand() reads them. */
	const char *in;
	unsigned ways;
	/** On the wire; NULL: refused. */
	const char *out;
	/** In a warning, or the error; NULL: none. */
	const char *said;
};

#define HEAD(encoding)                                                                   \
	"Content-Type: text/plain\nContent-Transfer-Encoding: " encoding "\n\n"
#define WIRE_HEAD(encoding)                                                              \
	"Content-Type: text/plain\r\nContent-Transfer-Encoding: " encoding "\r\n\r\n"
#define PART(head, body)                                                                 \
	"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" head     \
	"\n" body "\n--b--\n"
#define WIRE_PART(head, body)                                                            \
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; "                           \
	"boundary=b\r\n\r\n--b\r\n" head "\r\n" body "\r\n--b--\r\n"
#define QP_TOP                                                                           \
	"A: b\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"    \
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
#define WIRE_QP                                                                          \
	"Content-Type: text/plain\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: "   \
	"quoted-printable\r\n\r\n"
#define FIVE(line) line line line line line
/* 999 octets in lines of quoted-printable, of base64. */
#define QP_999                                                                           \
	FIVE(X("0075", "x") "=\r\n")                                                     \
	FIVE(X("0075", "x") "=\r\n")                                                     \
	X("0075", "x")                                                                   \
	"=\r\n" X("0075", "x") "=\r\n" X("0075", "x") "=\r\n" X("0024", "x")
#define BASE64_1000                                                                      \
	FIVE(X("0076", "A") "\r\n")                                                      \
	FIVE(X("0076", "A") "\r\n")                                                      \
	X("0076", "A") "\r\n" X("0076", "A") "\r\n" X("0076", "A") "\r\n" X("0012", "A")

static const struct row rows[] = {
	/* -- lengths -- */
	{"997", "A: b\n\n" X("0997", "x") "\n", AT(WAYS) - 1,
		"A: b\r\n\r\n" X("0997", "x") "\r\n", NULL},
	{"998", "A: b\n\n" X("0998", "x"), AT(WAYS) - 1,
		"A: b\r\n\r\n" X("0998", "x") "\r\n", NULL},
	{"999", "A: b\n\n" X("0999", "x") "\n", SENT | MENDED, QP_TOP QP_999 "\r\n",
		NULL},
	{"999 as it is", "A: b\n\n" X("0999", "x") "\n", AT(PASS),
		"A: b\r\n\r\n" X("0999", "x") "\r\n",
		"line 3 has 999 octets, more than 998: sent as it is"},
	{"999 not at all", "A: b\n\n" X("0999", "x") "\n", AT(REFUSE), NULL,
		"line 3 has 999 octets, more than 998"},
	{"of CRs", "A: b\n\n" X("0998", "x") "\r" X("0998", "x") "\r\n", AT(WAYS) - 1,
		"A: b\r\n\r\n" X("0998", "x") "\r\n" X("0998", "x") "\r\n", NULL},
	/* -- parts that are encoded -- */
	{"base64 as it is", HEAD("base64") X("1000", "A") "\n", SENT,
		WIRE_HEAD("base64") X("1000", "A") "\r\n", "line 4 has 1000 octets"},
	{"base64", HEAD("base64") X("1000", "A") "\nAAAA\n", MENDED,
		WIRE_HEAD("base64") BASE64_1000 "\r\nAAAA\r\n", NULL},
	{"base64 in a part", PART("Content-Transfer-Encoding: base64\n", X("1000", "A")),
		MENDED, WIRE_PART("Content-Transfer-Encoding: base64\r\n", BASE64_1000),
		NULL},
	{"quoted-printable as it is", HEAD("quoted-printable") X("0999", "x") "\n", SENT,
		WIRE_HEAD("quoted-printable") X("0999", "x") "\r\n",
		"line 4 has 999 octets, more than 998: sent as it is"},
	{"quoted-printable", HEAD("quoted-printable") X("0999", "x") "\n=3D\n", MENDED,
		WIRE_HEAD("quoted-printable") QP_999 "\r\n=3D\r\n", NULL},
	{"quoted-printable in a part",
		PART("Content-Transfer-Encoding: quoted-printable\n", X("0999", "x")),
		MENDED,
		WIRE_PART("Content-Transfer-Encoding: quoted-printable\r\n", QP_999),
		NULL},
	{"octets that quoted-printable has not",
		HEAD("quoted-printable") "\xc3\xa4\x02\n", AT(MEND) | AT(MEND_8BIT),
		WIRE_HEAD("quoted-printable") "=C3=A4=00\r\n", NULL},
	{"octets that base64 has not", HEAD("base64") "YW\x80\x02==\n",
		AT(MEND) | AT(MEND_8BIT), WIRE_HEAD("base64") "YW==\r\n", NULL},
	{"octets that quoted-printable has not, sent",
		HEAD("quoted-printable") "\xc3\xa4\n", AT(SEND), NULL,
		"line 4 has 8-bit octets in a text/plain part that is already encoded"},
	{"octets that quoted-printable has not, in a file",
		"Content-Type: application/pdf\nContent-Transfer-Encoding: "
		"quoted-printable\n\n\xc3\xa4\n",
		AT(SEND), NULL,
		"line 4 has 8-bit octets in a application/pdf part that is already"},
	{"an encoding nobody knows", HEAD("x-own") X("1000", "x") "\n", MENDED,
		WIRE_HEAD("x-own") X("0998", "x") "\r\n xx\r\n",
		"line 4 has 1000 octets, more than 998: broken"},
	/* -- parts that are not looked into -- */
	{"a message as it is",
		PART("Content-Type: message/rfc822\n", "S: b\n\n" X("1000", "x")), SENT,
		WIRE_PART("Content-Type: message/rfc822\r\n",
			"S: b\r\n\r\n" X("1000", "x")),
		"line 9 has 1000 octets, more than 998: sent as it is"},
	{"a message",
		PART("Content-Type: message/rfc822\n",
			"S: " X("0700", "y") " " X("0700", "z") "\n\n" X("1000", "x")),
		MENDED,
		WIRE_PART("Content-Type: message/rfc822\r\n",
			"S: " X("0700", "y") "\r\n " X("0700", "z") "\r\n\r\n" X(
				"0998", "x") "\r\n xx"),
		"line 7 has 1404 octets, more than 998: broken"},
	{"a signed part",
		"Content-Type: multipart/signed; boundary=b\n\n--b\n\n" X(
			"1000", "x") "\n--b--",
		MENDED,
		"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n" X(
			"0998", "x") "\r\n xx\r\n--b--\r\n",
		"line 5 has 1000 octets, more than 998: broken"},
	{"what is in no part",
		"Content-Type: multipart/mixed; boundary=b\n\n" X("1000",
			"x") "\n--b\nX-A: " X("0990", "a") " b c\n\ntext\n--b--\n",
		MENDED,
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n" X(
			"0998", "x") "\r\n xx\r\n--b\r\nX-A: " X("0990",
			"a") " b\r\n c"
			     "\r\n\r\ntext\r\n--b"
			     "--\r\n",
		"line 3 has 1000 octets, more than 998: broken"},
	/* -- NULs -- */
	{"NUL", "A: b\n\na\x02z\n", SENT | AT(PASS), NULL, "line 3 holds a NUL"},
	{"NUL in a text", "A: b\n\na\x02z\n", MENDED, QP_TOP "a=00z\r\n", NULL},
	{"NUL where it may be", "A: b\n\na\x02z\n", AT(MEND_BINARY),
		"A: b\r\n\r\na\x02z\r\n", NULL},
	{"NUL in a part of text", PART("Content-Type: text/html\n", "a\x02"), MENDED,
		WIRE_PART("Content-Type: text/html\r\nContent-Transfer-Encoding: "
			  "quoted-printable\r\n",
			"a=00"),
		NULL},
	{"NUL in a part of no text", PART("Content-Type: image/x\n", "a\x02"), MENDED,
		WIRE_PART("Content-Type: image/x\r\nContent-Transfer-Encoding: "
			  "base64\r\n",
			"YQA="),
		NULL},
	{"NUL in a message", PART("Content-Type: message/rfc822\n", "S: b\x02\n\n\x02z"),
		MENDED, WIRE_PART("Content-Type: message/rfc822\r\n", "S: b\r\n\r\nz"),
		"line 7 holds a NUL, which is left out"},
	{"NUL in no part",
		"Content-Type: multipart/mixed; boundary=b\n\n\x02y\n--b\nA: b\x02\n\n"
		"text\n--b--\n",
		MENDED,
		"Content-Type: multipart/mixed; boundary=b\r\n\r\ny\r\n--b\r\nA: "
		"b\r\n\r\n"
		"text\r\n--b--\r\n",
		"line 3 holds a NUL, which is left out"},
	/* -- long lines that go as they are, beside what is mended or encoded -- */
	{"NUL in a message with a long line",
		PART("Content-Type: message/rfc822\n", "S: b\n\n\x02" X("1000", "x")),
		AT(MEND_PASS),
		WIRE_PART("Content-Type: message/rfc822\r\n",
			"S: b\r\n\r\n" X("1000", "x")),
		"line 9 has 1001 octets, more than 998: sent as it is"},
	{"NUL in no part, with a long line",
		"Content-Type: multipart/mixed; boundary=b\n\n\x02" X(
			"1000", "x") "\n--b\n\ntext\n--b--\n",
		AT(MEND_PASS),
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n" X(
			"1000", "x") "\r\n--b\r\n\r\ntext\r\n--b--\r\n",
		"line 3 has 1001 octets, more than 998: sent as it is"},
	{"NUL in a long line of base64", HEAD("base64") X("1000", "A") "\x02\n",
		AT(MEND_PASS), WIRE_HEAD("base64") X("1000", "A") "\r\n",
		"line 4 has 1001 octets, more than 998: sent as it is"},
	{"a part that is encoded, and a long line",
		"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
		"\n\xc3\xa4\n--b\n\n" X("1000", "x") "\n--b--\n",
		AT(PASS_7BIT) | AT(MEND_PASS),
		WIRE_PART("Content-Transfer-Encoding: quoted-printable\r\n",
			"=C3=A4\r\n--b\r\n\r\n" X("1000", "x")),
		"line 9 has 1000 octets, more than 998: sent as it is"},
	{"a long line that is encoded",
		HEAD("8bit") "\xc3\xa4" X("0069", "x") X("0999", "x") "\n",
		AT(PASS_7BIT) | AT(MEND_PASS),
		WIRE_QP "=C3=A4" X("0069", "x") "=\r\n" QP_999 "\r\n", NULL},
	{"a long field, and a part that is encoded",
		"A: " X("1200", "x") "\n" HEAD("8bit") "\xc3\xa4\n",
		AT(PASS_7BIT) | AT(MEND_PASS),
		"A: " X("1200", "x") "\r\n" WIRE_QP "=C3=A4\r\n",
		"line 1 has 1203 octets, more than 998: sent as it is"},
	{"a long field, and a part that is not encoded",
		"A: " X("1200", "x") "\n" HEAD("8bit") "\xc3\xa4\n", AT(PASS),
		"A: " X("1200", "x") "\r\n" WIRE_HEAD("8bit") "\xc3\xa4\r\n",
		"line 1 has 1203 octets, more than 998: sent as it is"},
	/* -- long lines that are broken where NULs may be -- */
	{"a message with a NUL and a long line where NULs may be",
		PART("Content-Type: message/rfc822\n", "S: b\n\n\x02" X("1000", "x")),
		AT(MEND_BINARY),
		WIRE_PART("Content-Type: message/rfc822\r\n",
			"S: b\r\n\r\n\x02" X("0997", "x") "\r\n xxx"),
		"line 9 has 1001 octets, more than 998: broken"},
	{"no part with a NUL and a long line where NULs may be",
		"Content-Type: multipart/mixed; boundary=b\n\n\x02" X(
			"1000", "x") "\n--b\n\ntext\n--b--\n",
		AT(MEND_BINARY),
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n\x02" X(
			"0997", "x") "\r\n xxx\r\n--b\r\n\r\ntext\r\n--b--\r\n",
		"line 3 has 1001 octets, more than 998: broken"},
	/* -- lines of the header -- */
	{"a field with blanks", "A: " X("0600", "x") " " X("0600", "y") "\nB: c\n\n",
		SENT | MENDED,
		"A: " X("0600", "x") "\r\n " X("0600", "y") "\r\nB: c\r\n\r\n", NULL},
	{"a field without blanks, sent", "A: " X("1200", "x") "\nB: c\n\n", SENT,
		"A: " X("1200", "x") "\r\nB: c\r\n\r\n",
		"line 1 has 1203 octets, more than 998: sent as it is"},
	{"a field without blanks", "A: " X("1200", "x") "\nB: c\n\n", MENDED,
		"A: " X("0995", "x") "\r\n " X("0205", "x") "\r\nB: c\r\n\r\n",
		"line 1 has 1203 octets, more than 998: broken"},
	{"a field that is encoded",
		"To: \xc3\xa4 <" X("0600", "a") "." X("0600", "b") ">\n\n", MENDED,
		"To: =?UTF-8?B?w6Q=?=\r\n <" X("0600", "a") "." X("0395", "b") "\r\n " X(
			"0205", "b") ">\r\n\r\n",
		"line 1 has "},
	{"a blank too late, sent", "A: " X("1200", "x") " y\n\n", SENT,
		"A: " X("1200", "x") "\r\n y\r\n\r\n",
		"line 1 has 1205 octets, more than 998: sent as it is"},
	{"a blank too late", "A: " X("1200", "x") " y\n\n", MENDED,
		"A: " X("0995", "x") "\r\n " X("0205", "x") "\r\n y\r\n\r\n",
		"line 1 has 1205 octets, more than 998: broken"},
};

/* Once, and nothing twice. */
static bool is_said(const struct envoi_form *form, const char *said)
{
	size_t times = 0;
	for (size_t i = 0; i < ENVOI_FORM_WARNINGS; i++) {
		times += strstr(form->warnings[i].text, said) != NULL;
	}
	return times == 1;
}

static void check_row(
	const struct row *row, struct envoi_message *message, unsigned way, bool stuff)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct envoi_form *form = NULL;
	size_t n, wanted_n;
	int result = envoi_message_choose(message, &carriers[way], &form, &err);
	if (row->out == NULL) {
		ck_assert_msg(result == -1 && err.status == ENVOI_STATUS_DATA
				      && strstr(err.text, row->said) != NULL,
			"%s, way %u: %d '%s'", row->title, way, result, err.text);
		return;
	}
	ck_assert_msg(result == 0, "%s, way %u: %s", row->title, way, err.text);
	char *wanted = expand(row->out, &wanted_n);
	if (form->binary && stuff) {
		stuff = false;
	}
	char *out = read_form(form, stuff, &n);
	ck_assert_msg(n == wanted_n && memcmp(out, wanted, n) == 0, "%s, way %u: '%s'",
		row->title, way, out);
	ck_assert_uint_eq(n, form->size);
	ck_assert_int_eq(form->binary, memchr(out, '\0', n) != NULL);
	ck_assert_msg(row->said != NULL ? is_said(form, row->said)
					: form->warnings[0].text[0] == '\0',
		"%s, way %u: said '%s'", row->title, way, form->warnings[0].text);
	free(out);
	free(wanted);
}

START_TEST(each_row)
{
	const struct row *row = &rows[_i];
	size_t n;
	char *in = expand(row->in, &n);
	struct envoi_message *message = take_message(in, n);
	for (unsigned way = 0; way < WAYS; way++) {
		if ((row->ways & AT(way)) != 0) {
			check_row(row, message, way, false);
			check_row(row, message, way, true);
		}
	}
	envoi_message_free(message);
	free(in);
}
END_TEST

/* -- lengths ------------------------------------------------------------------------ */

/* No line is too long, none is left, and quoted-printable says what was there. */
static void check_length(size_t length)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct envoi_form *form = NULL;
	char *in = malloc(length + 100);
	ck_assert_ptr_nonnull(in);
	size_t n = (size_t)sprintf(in, "A: b\n\n");
	memset(in + n, 'Z', length);
	n += length;
	n += (size_t)sprintf(in + n, "\nend\n");
	struct envoi_message *message = take_message(in, n);
	ck_assert_int_eq(envoi_message_choose(message, &carriers[SEND], &form, &err), 0);
	char *out = read_form(form, false, &n);
	ck_assert_uint_eq(n, form->size);
	ck_assert_str_eq(form->encoding, length > 998 ? "quoted-printable" : "7bit");
	size_t zs = 0, column = 0, longest = 0;
	for (size_t i = 0; i < n; i++) {
		zs += out[i] == 'Z';
		column = out[i] == '\n' ? 0 : column + 1;
		longest = column > longest ? column : longest;
	}
	ck_assert_uint_eq(zs, length);
	ck_assert_uint_le(longest, length > 998 ? 77 : 999);
	free(out);
	envoi_message_free(message);
	free(in);
}

START_TEST(lengths)
{
	for (size_t length = 997; length <= 1001; length++) {
		check_length(length);
	}
	check_length(5000);
	check_length(ENVOI_LIMIT_BLOCK - 1);
	check_length(3 * ENVOI_LIMIT_BLOCK + 7);
}
END_TEST

/* -- the header --------------------------------------------------------------------- */

/* A header of n octets, in lines as long as they may be. */
static char *make_header(size_t n)
{
	char *text = malloc(n + 10);
	ck_assert_ptr_nonnull(text);
	size_t at = 0;
	while (at < n) {
		size_t line = n - at < 1800 ? n - at : 900;
		memset(text + at, 'x', line);
		memcpy(text + at, "A: ", 3);
		text[at + line - 1] = '\n';
		at += line;
	}
	memcpy(text + n, "\nend\n", 6);
	return text;
}

START_TEST(a_header_at_its_limit)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct envoi_form *form = NULL;
	size_t out_n;
	for (size_t n = ENVOI_LIMIT_HEADER - 1; n <= ENVOI_LIMIT_HEADER; n++) {
		char *text = make_header(n);
		struct envoi_message *message = take_message(text, n + 5);
		ck_assert_int_eq(
			envoi_message_choose(message, &carriers[MEND], &form, &err), 0);
		char *out = read_form(form, true, &out_n);
		ck_assert_uint_eq(out_n, form->size);
		ck_assert_uint_eq(out_n, envoi_message_facts(message)->size);
		free(out);
		envoi_message_free(message);
		free(text);
	}
	char *text = make_header(ENVOI_LIMIT_HEADER + 1);
	struct envoi_message *message = take_unscanned(text, ENVOI_LIMIT_HEADER + 6);
	ck_assert_int_eq(envoi_message_scan(message, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_DATA);
	envoi_message_free(message);
	free(text);
}
END_TEST

/* -- dots --------------------------------------------------------------------------- */

/* Lines of dots, so that one begins at, before and behind each edge of a block that
 * the file or the encoder has. */
static void check_dots(size_t first, enum way way, const char *head, bool crlf)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct envoi_form *form = NULL;
	size_t body = ENVOI_LIMIT_BLOCK + 70, plain_n, stuffed_n;
	char *in = malloc(body + 2000);
	ck_assert_ptr_nonnull(in);
	size_t n = 0;
	char *top = expand(head, &n);
	memcpy(in, top, n);
	free(top);
	size_t start = n;
	memset(in + n, '.', body);
	n += body;
	for (size_t i = start + first; i < n; i += 3 + i % 61) {
		in[i] = '\n';
		if (crlf && i > start) {
			in[i - 1] = '\r';
		}
	}
	struct envoi_message *message = take_message(in, n);
	ck_assert_int_eq(envoi_message_choose(message, &carriers[way], &form, &err), 0);
	char *plain = read_form(form, false, &plain_n);
	char *stuffed = read_form(form, true, &stuffed_n);
	ck_assert_uint_eq(plain_n, form->size);
	size_t at = 0, bad = 0;
	for (size_t i = 0; i < plain_n; i++) {
		if (plain[i] == '.' && (i == 0 || plain[i - 1] == '\n')) {
			bad += stuffed[at++] != '.';
		}
		bad += stuffed[at++] != plain[i];
	}
	ck_assert_uint_eq(bad, 0);
	ck_assert_uint_eq(at, stuffed_n);
	free(plain);
	free(stuffed);
	envoi_message_free(message);
	free(in);
}

START_TEST(dots_at_the_edges_of_blocks)
{
	for (size_t first = 0; first < 64; first++) {
		check_dots(first, SEND, "A: b\n\n", false);
		check_dots(first, SEND, "A: b\r\n\r\n", true);
	}
	for (size_t first = 0; first < 64; first += 5) {
		/* Mended, as there is a long line in front. */
		check_dots(first, MEND,
			"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
			"Content-Type: message/rfc822\n\n\n" X("1200", "x") "\n",
			first % 2 == 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("form_lines");
	TCase *all = tcase_create("all");
	tcase_set_timeout(all, 60);
	tcase_add_loop_test(all, each_row, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(all, lengths);
	tcase_add_test(all, a_header_at_its_limit);
	tcase_add_test(all, dots_at_the_edges_of_blocks);
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
