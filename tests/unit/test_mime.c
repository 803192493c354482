/*
 * The MIME walk: what parts a message has, row by row, whole and octet by
 * octet; and Content-Type and Content-Transfer-Encoding as they are met. RFC
 * 2045, 2046 5.1, 2231.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/mime.h"

/* -- fields ------------------------------------------------------------------- */

static const struct {
	const char *value;
	const char *type, *charset, *boundary;
} types[] = {
	{"text/plain", "text/plain", "", ""},
	{" TEXT/Plain; Charset=UTF-8", "text/plain", "UTF-8", ""},
	{"text/plain;charset=\"utf-8\" ; format=flowed", "text/plain", "utf-8", ""},
	{"text (a) / (b (c) \\) d) html (e); charset (f) = (g) x (h)", "text/html", "x",
		""},
	{"multipart/mixed; boundary=abc", "multipart/mixed", "", "abc"},
	{"multipart/mixed; boundary=\"a b\"", "multipart/mixed", "", "a b"},
	{"multipart/mixed; boundary=\"a b  \"", "multipart/mixed", "", "a b"},
	{"multipart/mixed; boundary=\"a\\\"b\"", "multipart/mixed", "", "a\"b"},
	{"multipart/mixed;\r\n\tboundary=\"=_1/2?3:4\"", "multipart/mixed", "",
		"=_1/2?3:4"},
	/* Tspecials without quotes are seen. */
	{"multipart/mixed; boundary==_1/2?3:4; x=y", "multipart/mixed", "", "=_1/2?3:4"},
	{"multipart/mixed; name=\"a;boundary=no\"; boundary=yes", "multipart/mixed", "",
		"yes"},
	{"multipart/mixed; xboundary=no; boundary=yes", "multipart/mixed", "", "yes"},
	{"multipart/mixed; boundary; boundary=b", "multipart/mixed", "", "b"},
	{"multipart/mixed; ;; boundary=b;", "multipart/mixed", "", "b"},
	{"multipart/mixed; boundary=\"open", "multipart/mixed", "", "open"},
	{"multipart/mixed; boundary=\"\"", "multipart/mixed", "", ""},
	/* RFC 2231. */
	{"multipart/mixed; boundary*0=ab; boundary*1=cd", "multipart/mixed", "", "abcd"},
	{"multipart/mixed; boundary*1=cd; boundary*0=\"ab\"", "multipart/mixed", "",
		"abcd"},
	{"multipart/mixed; boundary*=us-ascii'en'a%20b%2", "multipart/mixed", "",
		"a b%2"},
	{"multipart/mixed; boundary*0*=''a%41; boundary*1=%41", "multipart/mixed", "",
		"aA%41"},
	{"text/plain; charset*=us-ascii''utf-8", "text/plain", "utf-8", ""},
	{"multipart/mixed; boundary*0*=''a%00", "multipart/mixed", "", ""},
	/* What makes no sense. */
	{"", "/", "", ""},
	{"text", "/", "", ""},
	{"text; charset=utf-8", "/", "", ""},
	{"/plain", "/", "", ""},
	{"text/", "/", "", ""},
	{"(text/plain", "/", "", ""},
	{";;;", "/", "", ""},
};

START_TEST(content_type)
{
	struct envoi_content_type type;
	char both[120];
	envoi_content_type_parse(envoi_span_of(types[_i].value), &type);
	(void)snprintf(both, sizeof(both), "%s/%s", type.type, type.subtype);
	ck_assert_str_eq(both, types[_i].type);
	ck_assert_str_eq(type.charset, types[_i].charset);
	ck_assert_str_eq(type.boundary, types[_i].boundary);
}
END_TEST

START_TEST(boundary_limit)
{
	char value[400];
	char boundary[300];
	struct envoi_content_type type;
	for (size_t n = ENVOI_LIMIT_BOUNDARY - 1; n < ENVOI_LIMIT_BOUNDARY + 4; n++) {
		memset(boundary, 'x', n);
		boundary[n] = '\0';
		(void)snprintf(
			value, sizeof(value), "multipart/mixed; boundary=%s", boundary);
		envoi_content_type_parse(envoi_span_of(value), &type);
		ck_assert_str_eq(
			type.boundary, n <= ENVOI_LIMIT_BOUNDARY ? boundary : "");
	}
}
END_TEST

static const struct {
	const char *value;
	enum envoi_encoding encoding;
} encodings[] = {
	{"7bit", ENVOI_ENCODING_7BIT},
	{" 8BIT ", ENVOI_ENCODING_8BIT},
	{"(x) Binary (y)", ENVOI_ENCODING_BINARY},
	{"Quoted-Printable", ENVOI_ENCODING_QP},
	{"\r\n base64\r\n", ENVOI_ENCODING_BASE64},
	{"8-bit", ENVOI_ENCODING_8BIT},
	{"8bit;", ENVOI_ENCODING_8BIT},
	{"", ENVOI_ENCODING_NONE},
	{"x-uuencode", ENVOI_ENCODING_OTHER},
	{"utf-8", ENVOI_ENCODING_OTHER},
	{"base64 7bit", ENVOI_ENCODING_OTHER},
};

START_TEST(transfer_encoding)
{
	ck_assert_int_eq(envoi_encoding_parse(envoi_span_of(encodings[_i].value)),
		encodings[_i].encoding);
}
END_TEST

/* -- parts -------------------------------------------------------------------- */

#define MULTI "Content-Type: multipart/mixed; boundary=b\n\n"

/* Message, and its parts: place of the parent, kind, type, encoding, body. */
static const struct {
	const char *message;
	const char *parts;
} walks[] = {
	{"A: b\n\nbody\n", "0 leaf text/plain - [body\n]"},
	{"A: b\n\n", "0 leaf text/plain - []"},
	{"A: b\n\nno end", "0 leaf text/plain - [no end]"},
	{"Content-Type: image/png\nContent-Transfer-Encoding: BASE64\n\nx\n",
		"0 leaf image/png base64 [x\n]"},
	{"Content-Type: nonsense\n\nx\n", "0 leaf text/plain - [x\n]"},
	{"Content-Type: text/html\nContent-Type: image/png\n\nx",
		"0 leaf text/html - [x]"},
	{"Content-Transfer-Encoding: 8bit\nContent-Transfer-Encoding: 7bit\n\nx",
		"0 opaque text/plain other [x]"},
	{"Content-Type: message/rfc822\n\nA: b\n\nx\n",
		"0 message message/rfc822 - [A: b\n\nx\n]"},
	{"Content-Type: multipart/signed; boundary=b\n\n--b\n\nx\n--b--\n",
		"0 sealed multipart/signed - [--b\n\nx\n--b--\n]"},
	{"Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--\n",
		"0 sealed multipart/encrypted - [--b\n\nx\n--b--\n]"},
	{"Content-Type: multipart/mixed\n\nx\n", "0 opaque multipart/mixed - [x\n]"},
	{"Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n"
	 "\n--b\n\nx\n--b--\n",
		"0 opaque multipart/mixed base64 [--b\n\nx\n--b--\n]"},
	/* A multipart: preamble, two parts, epilogue. */
	{MULTI "pre\n--b\nContent-Type: text/html\nContent-Transfer-Encoding: 8bit\n\n"
	       "one\n--b\n\ntwo\n\n--b--\nepi\n",
		"0 multipart multipart/mixed - [pre\n--b\nContent-Type: text/html\n"
		"Content-Transfer-Encoding: 8bit\n\none\n--b\n\ntwo\n\n--b--\n]\n"
		"0 leaf text/html 8bit [one]\n"
		"0 leaf text/plain - [two\n]"},
	/* CRLF, and bare CR, are line ends. */
	{"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n",
		"0 multipart multipart/mixed - [--b\r\n\r\none\r\n--b--\r\n]\n"
		"0 leaf text/plain - [one]"},
	{"Content-Type: multipart/mixed; boundary=b\n\n--b\r\rone\r\r--b--\r",
		"0 multipart multipart/mixed - [--b\r\rone\r\r--b--\r]\n"
		"0 leaf text/plain - [one\r]"},
	/* Bodies without a line, without anything. */
	{MULTI "--b\n\n--b\n--b\nA: b\n--b--",
		"0 multipart multipart/mixed - [--b\n\n--b\n--b\nA: b\n--b--]\n"
		"0 leaf text/plain - []\n0 leaf text/plain - []\n0 leaf text/plain - []"},
	{MULTI "--b\n\n\n\n--b--", "0 multipart multipart/mixed - [--b\n\n\n\n--b--]\n"
				   "0 leaf text/plain - [\n]"},
	/* The last field stands right before the delimiter. */
	{MULTI "--b\nContent-Transfer-Encoding: 8bit\n--b--",
		"0 multipart multipart/mixed - [--b\nContent-Transfer-Encoding: "
		"8bit\n--b--]\n"
		"0 leaf text/plain 8bit []"},
	/* No empty line before the body. */
	{MULTI "--b\nContent-Type: text/html\nno field\n--b--",
		"0 multipart multipart/mixed - [--b\nContent-Type: text/html\nno "
		"field\n--b--]\n"
		"0 leaf text/html - [no field]"},
	/* No close delimiter; no delimiter at all. */
	{MULTI "--b\n\none\n",
		"0 multipart multipart/mixed - [--b\n\none\n]\n0 leaf text/plain - "
		"[one\n]"},
	{MULTI "only text\n", "0 multipart multipart/mixed - [only text\n]"},
	/* Prefixes of the boundary, and what it is a prefix of. */
	{MULTI "--b\n\n--bb\n--\n-b\n--b-\n--b x\n---b\n --b\n--B\n--b \t\n\nx\n--b-- \n",
		"0 multipart multipart/mixed - [--b\n\n--bb\n--\n-b\n--b-\n--b x\n---b\n "
		"--b\n--B\n--b \t\n\nx\n--b-- \n]\n"
		"0 leaf text/plain - [--bb\n--\n-b\n--b-\n--b x\n---b\n --b\n--B]\n"
		"0 leaf text/plain - [x]"},
	/* One in the other; the inner boundary begins with the outer one. */
	{MULTI "--b\nContent-Type: multipart/alternative; boundary=bb\n\n--bb\n\none\n"
	       "--bb--\ngap\n--b\n\ntwo\n--b--\n",
		"0 multipart multipart/mixed - [--b\nContent-Type: multipart/alternative;"
		" boundary=bb\n\n--bb\n\none\n--bb--\ngap\n--b\n\ntwo\n--b--\n]\n"
		"0 multipart multipart/alternative - [--bb\n\none\n--bb--\n]\n"
		"1 leaf text/plain - [one]\n"
		"0 leaf text/plain - [two]"},
	/* The inner one is not closed. */
	{MULTI "--b\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\none\n"
	       "--b\n\ntwo\n--i\n--b--\n",
		"0 multipart multipart/mixed - [--b\nContent-Type: multipart/alternative;"
		" boundary=i\n\n--i\n\none\n--b\n\ntwo\n--i\n--b--\n]\n"
		"0 multipart multipart/alternative - [--i\n\none]\n"
		"1 leaf text/plain - [one]\n"
		"0 leaf text/plain - [two\n--i]"},
	/* Sealed and message parts inside end at the outer delimiter. */
	{MULTI "--b\nContent-Type: multipart/signed; boundary=s\n\n--s\n\none\n--s--\n"
	       "--b\nContent-Type: message/rfc822\n\nC: d\n\nx\n--b--\n",
		"0 multipart multipart/mixed - [--b\nContent-Type: multipart/signed; "
		"boundary=s\n\n--s\n\none\n--s--\n--b\nContent-Type: message/rfc822\n\n"
		"C: d\n\nx\n--b--\n]\n"
		"0 sealed multipart/signed - [--s\n\none\n--s--]\n"
		"0 message message/rfc822 - [C: d\n\nx]"},
	{"Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\nx\n--b\n"
	 "Content-Type: text/plain\n\nC: d\n\ny\n--b--\n",
		"0 multipart multipart/digest - [--b\n\nA: b\n\nx\n--b\nContent-Type: "
		"text/plain\n\nC: d\n\ny\n--b--\n]\n"
		"0 message text/plain - [A: b\n\nx]\n"
		"0 leaf text/plain - [C: d\n\ny]"},
};

static const char *const kinds[] = {"leaf", "multipart", "sealed", "message", "opaque"};
static const char *const encoding_names[] = {
	"-", "7bit", "8bit", "binary", "qp", "base64", "other"};

static struct envoi_mime *walk(const char *message, size_t n, size_t step)
{
	struct envoi_mime *mime = malloc(sizeof(*mime));
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert(mime != NULL);
	const char *lf = strstr(message, "\n\n"), *crlf = strstr(message, "\n\r\n");
	bool is_crlf = crlf != NULL && (lf == NULL || crlf < lf);
	size_t head = (size_t)((is_crlf ? crlf : lf) - message) + 1;
	size_t body = head + (is_crlf ? 2 : 1);
	uint64_t line = 2;
	for (size_t i = 0; i < head; i++) {
		line += message[i] == '\n' ? 1 : 0;
	}
	envoi_mime_init(mime);
	envoi_mime_head(mime, (struct envoi_span){message, head}, body, line);
	for (size_t at = body; at < n; at += step) {
		envoi_mime_feed(mime, message + at, n - at < step ? n - at : step);
	}
	ck_assert_int_eq(envoi_mime_end(mime, &err), 0);
	return mime;
}

static void done(struct envoi_mime *mime)
{
	envoi_mime_finish(mime);
	free(mime);
}

static void describe(
	const struct envoi_mime *mime, const char *message, char *out, size_t size)
{
	size_t have = 0;
	for (size_t i = 0; i < mime->count; i++) {
		const struct envoi_mime_part *part = &mime->parts[i];
		have += (size_t)snprintf(out + have, size - have, "%s%zu %s %s %s [%.*s]",
			i > 0 ? "\n" : "", part->parent, kinds[part->kind], part->type,
			encoding_names[part->encoding], (int)(part->end - part->body),
			message + part->body);
		ck_assert_uint_lt(have, size);
	}
}

START_TEST(parts)
{
	const char *message = walks[_i].message;
	size_t n = strlen(message);
	for (size_t step = n; step > 0; step = step > 8 ? 8 : step - 1) {
		char got[4000];
		struct envoi_mime *mime = walk(message, n, step);
		describe(mime, message, got, sizeof(got));
		ck_assert_str_eq(got, walks[_i].parts);
		done(mime);
	}
}
END_TEST

START_TEST(ranges)
{
	static const char message[] =
		"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
		"Content-Transfer-Encoding:\n 8bit\nX: y\n\n"
		"--b\nContent-Transfer-Encoding: 8bit\nX: y\n\nx\n--b--\n";
	struct envoi_mime *mime = walk(message, sizeof(message) - 1, 3);
	ck_assert(mime->has_version);
	ck_assert_uint_eq(mime->count, 2);
	const struct envoi_mime_part *part = &mime->parts[0];
	ck_assert_int_eq(strncmp(message + part->encoding_start,
				 "Content-Transfer-Encoding:\n 8bit\nX",
				 (size_t)(part->encoding_end - part->encoding_start) + 1),
		0);
	ck_assert_uint_eq(part->encoding_end - part->encoding_start, 33);
	part = &mime->parts[1];
	ck_assert_uint_eq(part->encoding_end - part->encoding_start, 32);
	ck_assert_uint_eq(part->encoding_start, part->head);
	ck_assert_uint_eq(part->line, 8);
	ck_assert_int_eq(message[part->fields_end], '\n');
	ck_assert_uint_eq(part->body, part->fields_end + 1);
	done(mime);
}
END_TEST

START_TEST(octets)
{
	static const char message[] =
		"Content-Type: multipart/mixed; boundary=b\n\npr\xc3\xa9\n"
		"--b\nX: \xc3\xa9\n\nx\nlonger\r\r\n\xc3\xa9 is 8-bit\n--b\n\n"
		"plain =\0\n--b--\n0123456789012345678901234567890\n";
	size_t n = sizeof(message) - 1;
	for (size_t step = 1; step <= n; step++) {
		struct envoi_mime *mime = walk(message, n, step);
		ck_assert_uint_eq(mime->count, 3);
		ck_assert_uint_eq(mime->outside.eight_bit_line, 3);
		ck_assert_uint_eq(mime->outside.longest, 31);
		ck_assert_uint_eq(mime->outside.longest_line, 14);
		ck_assert(!mime->outside.bare_cr);
		const struct envoi_mime_part *part = &mime->parts[1];
		ck_assert_uint_eq(part->octets.eight_bit_line, 9);
		ck_assert_uint_eq(part->octets.nul_line, 0);
		ck_assert_uint_eq(part->octets.longest, 11);
		ck_assert_uint_eq(part->octets.longest_line, 9);
		ck_assert(part->octets.bare_cr);
		/* x, longer, an empty line, 8-bit. */
		ck_assert_uint_eq(part->plain_size, 1 + 2 + 6 + 2 + 2 + 11);
		ck_assert_uint_eq(part->qp_size, 1 + 2 + 6 + 2 + 2 + 15);
		part = &mime->parts[2];
		ck_assert_uint_eq(part->octets.eight_bit_line, 0);
		ck_assert_uint_eq(part->octets.nul_line, 12);
		ck_assert_uint_eq(part->qp_size, 6 + 3 + 3);
		done(mime);
	}
}
END_TEST

static const struct {
	const char *body;
	bool utf8;
} utf8s[] = {
	{"plain\n", true},
	{"gr\xc3\xbc\xc3\x9f\n", true},
	{"\xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf \xed\x9f\xbf\n", true},
	{"gr\xfc\xdf\n", false},
	{"\xc3\n", false},
	{"\xc3", false},
	{"\xc0\x80\n", false},
	{"\xe0\x9f\xbf\n", false},
	{"\xed\xa0\x80\n", false},
	{"\xf4\x90\x80\x80\n", false},
	{"\x80\n", false},
};

START_TEST(utf8)
{
	char message[100];
	(void)snprintf(message, sizeof(message), "A: b\n\n%s", utf8s[_i].body);
	struct envoi_mime *mime = walk(message, strlen(message), 1);
	ck_assert_int_eq(envoi_utf8_is_good(&mime->utf8), utf8s[_i].utf8);
	done(mime);
}
END_TEST

/* Nested deeper than is looked into: what is below is one part. */
START_TEST(depth)
{
	size_t size = 64 * 200;
	char *message = malloc(size);
	size_t n = 0;
	ck_assert(message != NULL);
	for (int i = 0; i < 60; i++) {
		n += (size_t)snprintf(message + n, size - n,
			"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
	}
	n += (size_t)snprintf(message + n, size - n, "\n\xc3\xa9\n");
	struct envoi_mime *mime = walk(message, n, 7);
	ck_assert_uint_eq(mime->count, ENVOI_LIMIT_MIME_DEPTH + 1);
	ck_assert_int_eq(mime->parts[mime->count - 1].kind, ENVOI_MIME_OPAQUE);
	ck_assert_uint_gt(mime->parts[mime->count - 1].octets.eight_bit_line, 0);
	done(mime);
	free(message);
}
END_TEST

/* More parts than are told apart: the rest is in none. */
START_TEST(count)
{
	size_t n = 0, size = 100 + (ENVOI_LIMIT_MIME_PARTS + 10) * 8;
	char *message = malloc(size);
	ck_assert(message != NULL);
	n += (size_t)snprintf(message, size, MULTI);
	for (int i = 0; i < ENVOI_LIMIT_MIME_PARTS + 5; i++) {
		n += (size_t)snprintf(message + n, size - n, "--b\n\nx\n");
	}
	n += (size_t)snprintf(message + n, size - n, "\xc3\xa9\n");
	struct envoi_mime *mime = walk(message, n, n);
	ck_assert_uint_eq(mime->count, ENVOI_LIMIT_MIME_PARTS);
	ck_assert_uint_gt(mime->outside.eight_bit_line, 0);
	done(mime);
	free(message);
}
END_TEST

/* Header lines longer than what is kept, with and without a colon. */
START_TEST(long_header_lines)
{
	size_t size = 3 * ENVOI_LIMIT_MIME_FIELD;
	char *message = malloc(size);
	ck_assert(message != NULL);
	for (int field = 0; field < 2; field++) {
		size_t n = (size_t)snprintf(
			message, size, MULTI "--b\n%s", field ? "X: " : "");
		memset(message + n, 'x', 2 * ENVOI_LIMIT_MIME_FIELD);
		n += 2 * ENVOI_LIMIT_MIME_FIELD;
		message[n - 1] = '\xe9';
		n += (size_t)snprintf(message + n, size - n, "\n\nbody\n--b--\n");
		for (size_t step = n; step > 900; step /= 3) {
			struct envoi_mime *mime = walk(message, n, step);
			const struct envoi_mime_part *part = &mime->parts[1];
			ck_assert_uint_eq(mime->count, 2);
			ck_assert_uint_eq(
				part->end - part->body, field ? 4 : 8192 + 2 + 4);
			ck_assert_uint_eq(part->head_eight_bit_line, field ? 4 : 0);
			ck_assert_uint_eq(part->octets.eight_bit_line, field ? 0 : 4);
			ck_assert_uint_eq(part->octets.longest, field ? 4 : 8192);
			done(mime);
		}
	}
	free(message);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("mime");
	TCase *tcase = tcase_create("mime");
	tcase_add_loop_test(tcase, content_type, 0, ROWS(types));
	tcase_add_test(tcase, boundary_limit);
	tcase_add_loop_test(tcase, transfer_encoding, 0, ROWS(encodings));
	tcase_add_loop_test(tcase, parts, 0, ROWS(walks));
	tcase_add_test(tcase, ranges);
	tcase_add_test(tcase, octets);
	tcase_add_loop_test(tcase, utf8, 0, ROWS(utf8s));
	tcase_add_test(tcase, depth);
	tcase_add_test(tcase, count);
	tcase_add_test(tcase, long_header_lines);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
