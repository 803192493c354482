/*
 * Quoted-printable and base64: tables, and for each split of the input and
 * each room the same text, which a decoder as plain as can be turns back into
 * the canonical form of what went in. RFC 2045 6.7, 6.8.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "message/transfer.h"

struct text {
	char *data;
	size_t len;
};

static struct text encode(enum envoi_transfer_kind kind, const char *in, size_t n,
	size_t split, size_t room)
{
	struct envoi_transfer transfer;
	struct text text = {malloc(n * 12 + 64), 0};
	char *space = malloc(room);
	ck_assert(text.data != NULL && space != NULL);
	envoi_transfer_init(&transfer, kind);
	size_t done = 0;
	while (done < n) {
		size_t end = done < split ? split : n, used;
		size_t put = envoi_transfer_feed(
			&transfer, in + done, end - done, space, room, &used);
		ck_assert_uint_le(put, room);
		ck_assert_uint_gt(used, 0);
		memcpy(text.data + text.len, space, put);
		text.len += put;
		done += used;
	}
	char tail[ENVOI_TRANSFER_ROOM];
	size_t put = envoi_transfer_finish(&transfer, tail);
	ck_assert_uint_le(put, sizeof(tail));
	memcpy(text.data + text.len, tail, put);
	text.len += put;
	ck_assert_uint_eq(transfer.octets, text.len);
	free(space);
	return text;
}

static struct text canonical(const char *in, size_t n)
{
	struct text text = {malloc(2 * n + 1), 0};
	ck_assert(text.data != NULL);
	for (size_t i = 0; i < n; i++) {
		if (in[i] == '\n' && i > 0 && in[i - 1] == '\r') {
			continue;
		}
		if (in[i] == '\r' || in[i] == '\n') {
			text.data[text.len++] = '\r';
			text.data[text.len++] = '\n';
		} else {
			text.data[text.len++] = in[i];
		}
	}
	return text;
}

static int hex_value(char c)
{
	const char *found = c != '\0' ? strchr("0123456789ABCDEF", c) : NULL;
	ck_assert(found != NULL);
	return (int)(found - "0123456789ABCDEF");
}

static struct text decode_qp(struct text in)
{
	struct text text = {malloc(in.len + 1), 0};
	ck_assert(text.data != NULL);
	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] != '=') {
			text.data[text.len++] = in.data[i];
			continue;
		}
		ck_assert_uint_lt(i + 2, in.len);
		if (in.data[i + 1] != '\r') {
			text.data[text.len++] = (char)(hex_value(in.data[i + 1]) << 4
						       | hex_value(in.data[i + 2]));
		}
		i += 2;
	}
	return text;
}

static struct text decode_base64(struct text in)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct text text = {malloc(in.len + 1), 0};
	ck_assert(text.data != NULL);
	unsigned bits = 0, count = 0, padding = 0;
	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] == '\r' || in.data[i] == '\n') {
			continue;
		}
		const char *found = strchr(digits, in.data[i]);
		ck_assert(found != NULL || in.data[i] == '=');
		ck_assert(found == NULL || padding == 0);
		padding += found == NULL ? 1 : 0;
		bits = bits << 6 | (found != NULL ? (unsigned)(found - digits) : 0);
		if (++count % 4 == 0) {
			for (unsigned k = 0; k < 3 - padding; k++) {
				text.data[text.len++] =
					(char)(bits >> (16 - 8 * k) & 255);
			}
			bits = 0;
		}
	}
	ck_assert_uint_eq(count % 4, 0);
	ck_assert_uint_le(padding, 2);
	return text;
}

/* What a relay relies on: short lines of ASCII, no bare CR or LF, no blank at
 * the end of a line. */
static void check_lines(struct text text)
{
	size_t column = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c == '\r') {
			ck_assert(i + 1 < text.len && text.data[i + 1] == '\n');
			ck_assert(i == 0 || text.data[i - 1] != ' ');
			ck_assert(i == 0 || text.data[i - 1] != '\t');
			continue;
		}
		if (c == '\n') {
			ck_assert(i > 0 && text.data[i - 1] == '\r');
			column = 0;
			continue;
		}
		ck_assert(c == '\t' || (c >= 32 && c < 127));
		ck_assert_uint_le(++column, 76);
	}
	ck_assert(text.len == 0 || text.data[text.len - 1] != ' ');
	ck_assert(text.len == 0 || text.data[text.len - 1] != '\t');
}

static void check_round_trip(enum envoi_transfer_kind kind, const char *in, size_t n,
	size_t split_step, size_t room_step)
{
	struct text want = encode(kind, in, n, n, n * 12 + 64);
	struct text plain = kind == ENVOI_TRANSFER_BASE64
				    ? (struct text){memcpy(malloc(n + 1), in, n), n}
				    : canonical(in, n);
	struct text back =
		kind == ENVOI_TRANSFER_QP ? decode_qp(want) : decode_base64(want);
	check_lines(want);
	ck_assert_uint_eq(back.len, plain.len);
	ck_assert_int_eq(memcmp(back.data, plain.data, back.len), 0);
	struct envoi_transfer count;
	envoi_transfer_init(&count, kind);
	envoi_transfer_count(&count, in, n);
	char tail[ENVOI_TRANSFER_ROOM];
	(void)envoi_transfer_finish(&count, tail);
	ck_assert_uint_eq(count.octets, want.len);
	for (size_t split = 0; split <= n; split += split_step) {
		for (size_t room = ENVOI_TRANSFER_ROOM; room < 100; room += room_step) {
			struct text got = encode(kind, in, n, split, room);
			ck_assert_uint_eq(got.len, want.len);
			ck_assert_int_eq(memcmp(got.data, want.data, got.len), 0);
			free(got.data);
		}
	}
	free(want.data);
	free(plain.data);
	free(back.data);
}

#define A10 "aaaaaaaaaa"
#define A70 A10 A10 A10 A10 A10 A10 A10

static const struct {
	const char *in;
	const char *out;
} qp_table[] = {
	{"", ""},
	{"plain", "plain"},
	{"plain\n", "plain\r\n"},
	{"two\r\nlines\rthree\n", "two\r\nlines\r\nthree\r\n"},
	{"\r\r\n\n", "\r\n\r\n\r\n"},
	{"a = b\n", "a =3D b\r\n"},
	{"gr\xc3\xbc\xc3\x9f\n", "gr=C3=BC=C3=9F\r\n"},
	/* Blanks at a line's end, and at the text's. */
	{"x \ny\t\nz  ", "x=20\r\ny=09\r\nz =20"},
	{" \n", "=20\r\n"},
	{"\t\r", "=09\r\n"},
	{" x\ty", " x\ty"},
	{"\x7f\x01\x1b", "=7F=01=1B"},
	/* 75 fit without, with "=" 76; no soft break within a token. */
	{A70 "12345\n", A70 "12345\r\n"},
	{A70 "123456\n", A70 "12345=\r\n6\r\n"},
	{A70 "123=4", A70 "123=\r\n=3D4"},
	{A70 "12=4", A70 "12=3D=\r\n4"},
	{A70 "12345 \n", A70 "12345=\r\n=20\r\n"},
	{A70 "1234 \n", A70 "1234=\r\n=20\r\n"},
	{A70 "1234 x", A70 "1234 =\r\nx"},
	/* What is at a line's start needs no care: dots are the wire's. */
	{".\nFrom x\n..", ".\r\nFrom x\r\n.."},
};

START_TEST(quoted_printable)
{
	struct text text = encode(ENVOI_TRANSFER_QP, qp_table[_i].in,
		strlen(qp_table[_i].in), strlen(qp_table[_i].in), 500);
	text.data[text.len] = '\0';
	ck_assert_str_eq(text.data, qp_table[_i].out);
	free(text.data);
	check_round_trip(
		ENVOI_TRANSFER_QP, qp_table[_i].in, strlen(qp_table[_i].in), 1, 13);
}
END_TEST

static const struct {
	enum envoi_transfer_kind kind;
	const char *in;
	const char *out;
} base64_table[] = {
	{ENVOI_TRANSFER_BASE64, "", ""},
	{ENVOI_TRANSFER_BASE64, "f", "Zg=="},
	{ENVOI_TRANSFER_BASE64, "fo", "Zm8="},
	{ENVOI_TRANSFER_BASE64, "foo", "Zm9v"},
	{ENVOI_TRANSFER_BASE64, "foob", "Zm9vYg=="},
	{ENVOI_TRANSFER_BASE64, "a\nb", "YQpi"},
	{ENVOI_TRANSFER_BASE64_TEXT, "a\nb", "YQ0KYg=="},
	{ENVOI_TRANSFER_BASE64_TEXT, "a\rb", "YQ0KYg=="},
	{ENVOI_TRANSFER_BASE64_TEXT, "a\r\nb", "YQ0KYg=="},
	/* 57 octets are one line, the end of which comes with the next. */
	{ENVOI_TRANSFER_BASE64,
		"000000000000000000000000000000000000000000000000000000000",
		"MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
		"MDAw"},
	{ENVOI_TRANSFER_BASE64,
		"0000000000000000000000000000000000000000000000000000000001",
		"MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
		"MDAw"
		"\r\nMQ=="},
};

START_TEST(base64)
{
	const char *in = base64_table[_i].in;
	struct text text = encode(base64_table[_i].kind, in, strlen(in), strlen(in), 500);
	text.data[text.len] = '\0';
	ck_assert_str_eq(text.data, base64_table[_i].out);
	free(text.data);
	check_round_trip(base64_table[_i].kind, in, strlen(in), 1, 13);
}
END_TEST

/* All octets, and texts made of those that matter; the same ones each time. */
START_TEST(any_octets)
{
	static const char some[] = "\r\n\r\n\n .=\t ab\xc3\xbc\x00";
	uint32_t state = 1;
	char in[700];
	for (unsigned round = 0; round < 60; round++) {
		size_t n = round * 11;
		for (size_t i = 0; i < n; i++) {
			state = state * 1664525 + 1013904223;
			in[i] = round % 2 == 0 ? (char)(state >> 24)
					       : some[(state >> 24) % sizeof(some)];
		}
		check_round_trip(ENVOI_TRANSFER_QP, in, n, 97, 41);
		check_round_trip(ENVOI_TRANSFER_BASE64, in, n, 97, 41);
		check_round_trip(ENVOI_TRANSFER_BASE64_TEXT, in, n, 97, 41);
	}
	for (unsigned i = 0; i < 256; i++) {
		in[i] = (char)i;
	}
	check_round_trip(ENVOI_TRANSFER_QP, in, 256, 7, 50);
	check_round_trip(ENVOI_TRANSFER_BASE64, in, 256, 7, 50);
	check_round_trip(ENVOI_TRANSFER_BASE64_TEXT, in, 256, 7, 50);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transfer");
	TCase *tcase = tcase_create("transfer");
	tcase_add_loop_test(
		tcase, quoted_printable, 0, sizeof(qp_table) / sizeof(qp_table[0]));
	tcase_add_loop_test(
		tcase, base64, 0, sizeof(base64_table) / sizeof(base64_table[0]));
	tcase_add_test(tcase, any_octets);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
