/*
 * What the scan says of a message; each input is fed whole and split at each
 * offset, with the same result.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/message.h>

#include "message/scan.h"

static struct envoi_message_facts scan(
	const char *in, size_t n, size_t split, uint64_t first_line)
{
	struct envoi_message_facts facts;
	struct envoi_scan s;
	char *a = malloc(split > 0 ? split : 1);
	char *b = malloc(n > split ? n - split : 1);
	ck_assert(a != NULL && b != NULL);
	memcpy(a, in, split);
	memcpy(b, in + split, n - split);
	envoi_scan_init(&s, &facts, first_line);
	envoi_scan_feed(&s, a, split);
	envoi_scan_feed(&s, b, n - split);
	envoi_scan_finish(&s);
	free(a);
	free(b);
	return facts;
}

static const struct {
	const char *in;
	struct envoi_message_facts facts;
} table[] = {
	{"", {0}},
	{"\n\n", {.size = 4}},
	{"a", {.size = 3, .longest = 1, .longest_line = 1}},
	{"a\nbb\nc\n", {.size = 10, .longest = 2, .longest_line = 2}},
	{"a\r\nbb\r\ncc\r\n", {.size = 11, .longest = 2, .longest_line = 2}},
	{"a\rbb\rccc", {.size = 12, .bare_cr = true, .longest = 3, .longest_line = 1}},
	{"a\n\r\r\n", {.size = 7, .bare_cr = true, .longest = 1, .longest_line = 1}},
	{"a\r", {.size = 3, .bare_cr = true, .longest = 1, .longest_line = 1}},
	{"\x80", {.size = 3, .eight_bit = true, .longest = 1, .longest_line = 1}},
	{"0123456789012345678901234567890123456789012345678901234567890123456\xff",
		{.size = 70, .eight_bit = true, .longest = 68, .longest_line = 1}},
	{"01234567890123456789012345678901234567890123456789\xc3\xa9 89012345678901234",
		{.size = 72, .eight_bit = true, .longest = 70, .longest_line = 1}},
};

START_TEST(facts)
{
	size_t n = strlen(table[_i].in);
	const struct envoi_message_facts *want = &table[_i].facts;
	for (size_t split = 0; split <= n; split++) {
		struct envoi_message_facts got = scan(table[_i].in, n, split, 1);
		ck_assert_uint_eq(got.size, want->size);
		ck_assert_int_eq(got.eight_bit, want->eight_bit);
		ck_assert_uint_eq(got.nul_line, want->nul_line);
		ck_assert_int_eq(got.bare_cr, want->bare_cr);
		ck_assert_uint_eq(got.longest, want->longest);
		ck_assert_uint_eq(got.longest_line, want->longest_line);
	}
}
END_TEST

/* An octet above 127 is found wherever it is among words and rest. */
START_TEST(eight_bit_anywhere)
{
	char in[200];
	for (size_t n = 1; n < sizeof(in); n += 7) {
		for (size_t i = 0; i < n; i++) {
			memset(in, 'a', n);
			ck_assert(!scan(in, n, 0, 1).eight_bit);
			in[i] = (char)0x80;
			ck_assert(scan(in, n, i / 2, 1).eight_bit);
		}
	}
}
END_TEST

START_TEST(nul_and_its_line)
{
	static const char in[] = "a: b\n\nc\r\nd\re\0f\n\0";
	size_t n = sizeof(in) - 1;
	for (size_t split = 0; split <= n; split++) {
		ck_assert_uint_eq(scan(in, n, split, 1).nul_line, 4);
		ck_assert_uint_eq(scan(in, n, split, 101).nul_line, 104);
	}
	ck_assert_uint_eq(scan("\0", 1, 0, 1).nul_line, 1);
}
END_TEST

/* The same, octet by octet. */
static struct envoi_message_facts plain_scan(const char *in, size_t n)
{
	struct envoi_message_facts want = {0};
	uint64_t line = 1, column = 0;
	for (size_t i = 0; i <= n; i++) {
		bool cr = i < n && in[i] == '\r';
		bool lf = i < n && in[i] == '\n';
		if (lf && i > 0 && in[i - 1] == '\r') {
			line++;
			continue;
		}
		if (!cr && !lf && i < n) {
			column++;
			want.size++;
			want.eight_bit = want.eight_bit || (in[i] & 0x80) != 0;
			if (in[i] == '\0' && want.nul_line == 0) {
				want.nul_line = line;
			}
			continue;
		}
		if (column > want.longest) {
			want.longest = column;
			want.longest_line = line;
		}
		want.size += cr || lf || column > 0 ? 2 : 0;
		want.bare_cr = want.bare_cr || (cr && (i + 1 >= n || in[i + 1] != '\n'));
		want.bare_lf = want.bare_lf || lf;
		line += lf ? 1 : 0;
		column = 0;
	}
	return want;
}

static void check_same(const char *in, size_t n, size_t split)
{
	struct envoi_message_facts want = plain_scan(in, n);
	struct envoi_message_facts got = scan(in, n, split, 1);
	ck_assert_uint_eq(got.size, want.size);
	ck_assert_int_eq(got.eight_bit, want.eight_bit);
	ck_assert_uint_eq(got.nul_line, want.nul_line);
	ck_assert_int_eq(got.bare_cr, want.bare_cr);
	ck_assert_int_eq(got.bare_lf, want.bare_lf);
	ck_assert_uint_eq(got.longest, want.longest);
	ck_assert_uint_eq(got.longest_line, want.longest_line);
}

static uint32_t dice(uint32_t *state, uint32_t sides)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 16) % sides;
}

/* Lines of up to so many octets, now and then one with something rare. */
static size_t make_text(
	uint32_t *state, char *out, size_t room, uint32_t widest, int kind)
{
	static const char rare[] = {'\r', '\0', '\x80', '\n'};
	size_t n = 0;
	while (n + widest + 3 < room) {
		size_t width = dice(state, widest + 1);
		memset(out + n, 'a', width);
		if (width > 0 && (kind & 4) != 0 && dice(state, 50) == 0) {
			out[n + dice(state, (uint32_t)width)] = rare[dice(state, 4)];
		}
		n += width;
		if ((kind & 3) == 1 || ((kind & 3) == 2 && dice(state, 2) == 0)) {
			out[n++] = '\r';
		}
		out[n++] = '\n';
	}
	return n - dice(state, 3);
}

/* Longer than what is looked at at once: LF, CRLF, both, each with rare octets. */
START_TEST(large_texts)
{
	static const uint32_t widths[] = {1, 3, 76, 998, 9000};
	static char in[40000];
	uint32_t state = (uint32_t)_i + 1;
	for (unsigned w = 0; w < sizeof(widths) / sizeof(widths[0]); w++) {
		for (unsigned round = 0; round < 6; round++) {
			size_t n = make_text(&state, in, sizeof(in), widths[w], _i);
			check_same(in, n, 0);
			check_same(in, n, dice(&state, (uint32_t)n));
			check_same(in, n, n - dice(&state, 40));
		}
	}
}
END_TEST

/* Each line is longer than all before it: by one octet, by more. */
START_TEST(growing_lines)
{
	static char in[40000];
	for (size_t step = 1; step < 20; step += 3) {
		size_t n = 0;
		for (size_t width = 0; n + width + 2 < sizeof(in); width += step) {
			memset(in + n, 'a', width);
			n += width;
			if (_i != 0) {
				in[n++] = '\r';
			}
			in[n++] = '\n';
		}
		check_same(in, n, 0);
		check_same(in, n, n / 2);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scan");
	TCase *tc = tcase_create("scan");
	tcase_add_loop_test(tc, facts, 0, (int)(sizeof(table) / sizeof(table[0])));
	tcase_add_test(tc, eight_bit_anywhere);
	tcase_add_test(tc, nul_and_its_line);
	tcase_add_loop_test(tc, large_texts, 0, 7);
	tcase_add_loop_test(tc, growing_lines, 0, 2);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
