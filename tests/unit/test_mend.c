/*
 * Mending: which lines are broken where, what is left out; and, for random octets,
 * that nothing is too long, that a reader gets what was there, and that it is the
 * same however the input is split.
 */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expand.h"
#include "message/mend.h"

static char *mend(enum envoi_mend_kind kind, bool keep, const char *in, size_t n,
	size_t step, size_t room, size_t *ret_n)
{
	struct envoi_mend state;
	size_t have = 0;
	char *out = malloc(4 * n + (size_t)2 * ENVOI_MEND_ROOM);
	char *some = malloc(room);
	ck_assert(out != NULL && some != NULL);
	envoi_mend_init(&state, kind, keep, false);
	for (size_t at = 0; at < n;) {
		size_t part = n - at < step ? n - at : step, used;
		size_t made = envoi_mend_feed(&state, in + at, part, some, room, &used);
		if (used == 0 || made > room) {
			ck_abort_msg("used %zu, made %zu of %zu", used, made, room);
		}
		memcpy(out + have, some, made);
		have += made;
		at += used;
	}
	have += envoi_mend_finish(&state, out + have);
	out[have] = '\0';
	free(some);
	*ret_n = have;
	return out;
}

struct row {
	enum envoi_mend_kind kind;
	/** "\x02" is a NUL. */
	const char *in, *out;
};

#define TEXT ENVOI_MEND_TEXT
#define QP ENVOI_MEND_QP
#define BASE64 ENVOI_MEND_BASE64

static const struct row rows[] = {
	{TEXT, "", ""},
	{TEXT, "a\nb\r\nc\rd", "a\r\nb\r\nc\r\nd"},
	{TEXT, "\n\r\r\n", "\r\n\r\n\r\n"},
	{TEXT,
		"a\x02"
		"b\n\x02\n",
		"ab\r\n\r\n"},
	{TEXT, X("0997", "x") "\n", X("0997", "x") "\r\n"},
	{TEXT, X("0998", "x") "\n", X("0998", "x") "\r\n"},
	{TEXT, X("0998", "x"), X("0998", "x")},
	{TEXT, X("0998", "x") "\x02\n", X("0998", "x") "\r\n"},
	{TEXT, X("0999", "x") "\n", X("0998", "x") "\r\n x\r\n"},
	{TEXT, X("1000", "x"), X("0998", "x") "\r\n xx"},
	{TEXT, X("3000", "x") "\ny",
		X("0998", "x") "\r\n " X("0997", "x") "\r\n " X("0997", "x") "\r\n " X(
			"0008", "x") "\r\ny"},
	/* Before a blank, as a header is folded. */
	{TEXT, "A: b " X("0996", "x") "\n", "A: b\r\n " X("0996", "x") "\r\n"},
	{TEXT, "A: b" X("0990", "x") " c " X("0010", "y"),
		"A: b" X("0990", "x") " c\r\n " X("0010", "y")},
	{TEXT, X("0998", "x") " y", X("0998", "x") "\r\n y"},
	{TEXT, X("0999", "x") " y", X("0998", "x") "\r\n x y"},
	/* Not behind the name of a field, nor before blanks only. */
	{TEXT, "A: " X("0996", "x"), "A: " X("0995", "x") "\r\n x"},
	{TEXT, X("0990", "x") X("0020", " ") "\n",
		X("0990", "x") X("0008", " ") "\r\n" X("0013", " ") "\r\n"},
	/* Not within a character. */
	{TEXT, X("0997", "x") "\xc3\xbc", X("0997", "x") "\r\n \xc3\xbc"},
	{TEXT, X("0996", "x") "\xc3\xbcy", X("0996", "x") "\xc3\xbc\r\n y"},
	{TEXT, X("0995", "x") "\xf0\x9f\x98\x80", X("0995", "x") "\r\n \xf0\x9f\x98\x80"},
	{TEXT, X("1000", "\x80"), X("0998", "\x80") "\r\n \x80\x80"},

	{QP, "a=3D b=\nc =\r\n", "a=3D b=\r\nc =\r\n"},
	{QP, X("0998", "x") "\n", X("0998", "x") "\r\n"},
	{QP, "\x02\xfc\n", "=00=FC\r\n"},
	{QP, X("0999", "x") "\ny\n",
		X("0075", "x") "=\r\n" X("0075", "x") "=\r\n" X("0075", "x") "=\r\n" X(
			"0075", "x") "=\r\n" X("0075", "x") "=\r\n" X("0075",
			"x") "=\r\n" X("0075", "x") "=\r\n" X("0075",
			"x") "=\r\n" X("0075", "x") "=\r\n" X("0075",
			"x") "=\r\n" X("0075", "x") "=\r\n" X("0075",
			"x") "=\r\n" X("0075", "x") "=\r\n" X("0024", "x") "\r\ny\r\n"},

	{BASE64, "YQ==\n", "YQ==\r\n"},
	{BASE64, X("0998", "A") "\n", X("0998", "A") "\r\n"},
	{BASE64,
		"A A\tA\x02\x80"
		"A\n",
		"AAAA\r\n"},
	{BASE64, X("1000", "A") "\nBBBB",
		X("0076", "A") "\r\n" X("0076", "A") "\r\n" X("0076", "A") "\r\n" X(
			"0076", "A") "\r\n" X("0076", "A") "\r\n" X("0076",
			"A") "\r\n" X("0076", "A") "\r\n" X("0076", "A") "\r\n" X("0076",
			"A") "\r\n" X("0076", "A") "\r\n" X("0076", "A") "\r\n" X("0076",
			"A") "\r\n" X("0076", "A") "\r\n" X("0012", "A") "\r\nBBBB"},
};

/* With keep_lines. */
static const struct row kept[] = {
	{TEXT, X("3000", "x") "\x02\ny\r\n", X("3000", "x") "\r\ny\r\n"},
	{QP, X("3000", "x") "\x02\n=", X("3000", "x") "=00\r\n="},
	{BASE64, X("3000", "A") "\x02\rAA", X("3000", "A") "\r\nAA"},
};

static void check_row(const struct row *row, bool keep)
{
	size_t n, wanted_n, out_n;
	char *in = expand(row->in, &n);
	char *wanted = expand(row->out, &wanted_n);
	static const size_t steps[] = {1, 7, 1000000};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		char *out =
			mend(row->kind, keep, in, n, steps[i], ENVOI_MEND_ROOM, &out_n);
		ck_assert_msg(out_n == wanted_n && memcmp(out, wanted, out_n) == 0,
			"'%s', steps of %zu: '%s'", row->in, steps[i], out);
		free(out);
	}
	free(in);
	free(wanted);
}

START_TEST(each_row)
{
	check_row(&rows[_i], false);
}
END_TEST

START_TEST(lines_that_stay)
{
	check_row(&kept[_i], true);
}
END_TEST

/* -- random texts ------------------------------------------------------------------ */

static int hex_value(char c)
{
	const char *digits = "0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, c >= 'a' ? c - 32 : c) : NULL;
	return at != NULL ? (int)(at - digits) : -1;
}

/* What a reader makes of it; lines end in LF then. In place. */
static size_t read_back(enum envoi_mend_kind kind, char *text, size_t n)
{
	size_t have = 0, i = 0;
	while (i < n) {
		if (text[i] == '\r' && i + 1 < n && text[i + 1] == '\n') {
			i++;
		}
		char c = text[i] == '\r' ? '\n' : text[i];
		if (kind == ENVOI_MEND_BASE64
			&& (c == '\n' || c == ' ' || c == '\t' || c == '\0'
				|| (c & 0x80) != 0)) {
			i++;
			continue;
		}
		if (kind == ENVOI_MEND_QP && c == '=' && i + 2 < n
			&& hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
			c = (char)(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]));
			i += 2;
		} else if (kind == ENVOI_MEND_QP && c == '=' && i + 2 < n
			   && text[i + 1] == '\r' && text[i + 2] == '\n') {
			i += 3;
			continue;
		}
		text[have++] = c;
		i++;
	}
	return have;
}

static void check_lines(const char *text, size_t n)
{
	size_t column = 0, longest = 0, bad = 0;
	for (size_t i = 0; i < n; i++) {
		column++;
		longest = column > longest ? column : longest;
		if (text[i] == '\n') {
			bad += i == 0 || text[i - 1] != '\r';
			column = 0;
		}
		bad += text[i] == '\0';
		bad += text[i] == '\r' && (i + 1 == n || text[i + 1] != '\n');
	}
	ck_assert_uint_eq(bad, 0);
	ck_assert_uint_le(longest, ENVOI_LINE_MAX + 2);
}

static void check_random(enum envoi_mend_kind kind, const char *in, size_t n)
{
	size_t out_n, other_n;
	char *out = mend(kind, false, in, n, 1000000, 100000, &out_n);
	char *other = mend(kind, false, in, n, 13, ENVOI_MEND_ROOM + 5, &other_n);
	ck_assert_uint_eq(out_n, other_n);
	ck_assert_int_eq(memcmp(out, other, out_n), 0);
	check_lines(out, out_n);
	if (kind != ENVOI_MEND_TEXT) {
		memcpy(other, in, n);
		size_t was = read_back(kind, other, n);
		size_t is = read_back(kind, out, out_n);
		ck_assert_uint_eq(was, is);
		ck_assert_int_eq(memcmp(out, other, is), 0);
	}
	free(out);
	free(other);
}

START_TEST(random_texts)
{
	uint32_t state = 7;
	char *in = malloc(20000);
	ck_assert_ptr_nonnull(in);
	for (unsigned round = 0; round < 120; round++) {
		size_t n = 0;
		unsigned ends = round % 4 == 0 ? 0 : 1500 * (round % 4);
		while (n < 19990) {
			state = state * 1664525 + 1013904223;
			unsigned what = state >> 20;
			if (what < 4096 / (ends + 1) && ends > 0) {
				in[n++] = '\r';
				in[n++] = '\n';
			} else if (what % 5 == 0) {
				memcpy(in + n, what % 2 == 0 ? "=3D" : "=c3", 3);
				n += 3;
			} else if (what % 97 == 0) {
				in[n++] = (char)(what % 2 == 0 ? 0 : 0xC3);
			} else {
				in[n++] = (char)(what % 7 == 0 ? ' ' : 'g' + what % 16);
			}
		}
		check_random((enum envoi_mend_kind)(round % 3), in, n);
	}
	free(in);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mend");
	TCase *tcase = tcase_create("mend");
	tcase_add_loop_test(tcase, each_row, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tcase, lines_that_stay, 0, sizeof(kept) / sizeof(kept[0]));
	tcase_add_test(tcase, random_texts);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
