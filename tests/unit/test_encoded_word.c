/*
 * Encoded words: what is encoded, how, and how lines are folded; decoding
 * gives the text back.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/encoded_word.h"
#include "message/utf8.h"

static const struct {
	const char *text;
	bool phrase;
	const char *out;
} rows[] = {
	{"", false, ""},
	{"Hello, world", false, "Hello, world"},
	{"two  blanks", false, "two  blanks"},
	{"a =_ b", false, "a =_ b"},
	/* Only what needs it, as far as it goes. */
	{"Re: Gr\xC3\xBC\xC3\x9F"
	 "e aus K\xC3\xB6ln, jetzt",
		false, "Re: =?UTF-8?B?R3LDvMOfZSBhdXMgS8O2bG4s?= jetzt"},
	{"caf\xC3\xA9", false, "=?UTF-8?B?Y2Fmw6k=?="},
	{"a_b?\xC3\xA9", false, "=?UTF-8?B?YV9iP8Op?="},
	/* The shorter one. */
	{"Malm\xC3\xB6 harbour", false, "=?UTF-8?B?TWFsbcO2?= harbour"},
	{"caf\xC3\xA9_?= and so on, a long and winding way to caf\xC3\xA9", false,
		"=?UTF-8?Q?caf=C3=A9=5F=3F=3D_and_so_on,_a_long_and_winding_way_to?="
		"\n =?UTF-8?Q?_caf=C3=A9?="},
	{"Malm\xC3\xB6 and Co, Ltd", true, "=?UTF-8?Q?Malm=C3=B6_and_Co=2C_Ltd?="},
	{"\xE6\x97\xA5\xE6\x9C\xAC", false, "=?UTF-8?B?5pel5pys?="},
	{"\xE6\x97\xA5", false, "=?UTF-8?B?5pel?="},
	{"\xF0\x9F\x8D\x9E", false, "=?UTF-8?B?8J+Nng==?="},
	/* What looks like an encoded word is text. */
	{"=?UTF-8?Q?x?=", false, "=?UTF-8?B?PT9VVEYtOD9RP3g/PQ==?="},
	/* No line end, no control gets out. */
	{"a\r\nBcc: b", false, "=?UTF-8?Q?a=0D=0ABcc:?= b"},
	{"a\x7F", false, "=?UTF-8?Q?a=7F?="},
	/* Not UTF-8: said so. */
	{"caf\xE9", false, "=?unknown-8bit?Q?caf=E9?="},
	{"\xC0\xAF", false, "=?unknown-8bit?B?wK8=?="},
	{"\xED\xA0\x80", false, "=?unknown-8bit?B?7aCA?="},
	/* Phrases. */
	{"", true, "\"\""},
	{"Ann Smith", true, "Ann Smith"},
	{"Ann  Smith", true, "\"Ann  Smith\""},
	{" Ann", true, "\" Ann\""},
	{"Full Name, Jr.", true, "\"Full Name, Jr.\""},
	{"a \"b\" \\", true, "\"a \\\"b\\\" \\\\\""},
	{"(x)", true, "\"(x)\""},
	{"J\xC3\xB6rg, Jr.", true, "=?UTF-8?B?SsO2cmcsIEpyLg==?="},
	{"\xC3\x96 \xC3\x96", true, "=?UTF-8?B?w5Ygw5Y=?="},
};

static char *make(struct envoi_span text, size_t column, bool phrase)
{
	struct envoi_buffer out;
	envoi_buffer_init(&out, 1 << 20);
	ck_assert_int_eq(envoi_encoded_word_put(&out, text, column, phrase), 0);
	char *result = envoi_span_dup(envoi_buffer_span(&out));
	ck_assert_ptr_nonnull(result);
	envoi_buffer_finish(&out);
	return result;
}

START_TEST(each_row)
{
	char *out = make(envoi_span_of(rows[_i].text), 9, rows[_i].phrase);
	ck_assert_str_eq(out, rows[_i].out);
	free(out);
}
END_TEST

/* -- long ones ----------------------------------------------------------------- */

static int digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = strchr(digits, c);
	return found != NULL && c != '\0' ? (int)(found - digits) : -1;
}

/* One encoded word's text behind out. */
static size_t decode_word(const char *word, size_t n, char *out)
{
	ck_assert_uint_le(n, 75);
	ck_assert_int_eq(strncmp(word, "=?UTF-8?", 8), 0);
	const char *end = word + n - 2;
	size_t have = 0;
	if (word[8] == 'Q') {
		for (const char *p = word + 10; p < end; p++) {
			unsigned u = (unsigned char)*p;
			if (*p == '=') {
				ck_assert_int_eq(sscanf(p + 1, "%2X", &u), 1);
				p += 2;
			}
			out[have++] = *p == '_' ? ' ' : (char)u;
		}
		return have;
	}
	unsigned bits = 0, count = 0;
	for (const char *p = word + 10; p < end && *p != '='; p++) {
		bits = bits << 6 | (unsigned)digit(*p);
		count += 6;
		if (count >= 8) {
			count -= 8;
			out[have++] = (char)(bits >> count & 255);
		}
	}
	return have;
}

/* The text again: folds undone, blanks between encoded words dropped. */
static char *decode(const char *text, size_t column)
{
	char *out = calloc(strlen(text) + 1, 1);
	ck_assert_ptr_nonnull(out);
	size_t have = 0, kept = 0, line = column;
	bool behind_word = false;
	for (const char *p = text; *p != '\0';) {
		size_t n = strcspn(p, " \n");
		if (n > 4 && strncmp(p, "=?", 2) == 0) {
			have = behind_word ? kept : have;
			size_t got = decode_word(p, n, out + have);
			struct envoi_span part = {out + have, got};
			while (part.len > 0) {
				size_t k = envoi_utf8_length(part);
				ck_assert_uint_gt(k, 0);
				part.data += k;
				part.len -= k;
			}
			have += got;
			kept = have;
			behind_word = true;
			ck_assert_uint_le(line + n, 76);
		} else if (n > 0) {
			memcpy(out + have, p, n);
			have += n;
			behind_word = false;
		}
		line += n;
		p += n;
		if (*p == '\n') {
			ck_assert(p[1] == ' ' && p[2] != ' ' && p[2] != '\n');
			line = 0;
			p++;
		}
		if (*p == ' ') {
			out[have++] = ' ';
			line++;
			p++;
		}
	}
	return out;
}

START_TEST(any_length_comes_back)
{
	static const char *const units[] = {"\xC3\xA9", "\xE6\x97\xA5",
		"\xF0\x9F\x8D\x9E", "a\xC3\xA9", "abcdefg\xE6\x97\xA5 ",
		"x\xF0\x9F\x8D\x9E, ", "plain words "};
	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
		struct envoi_buffer text;
		envoi_buffer_init(&text, 1 << 20);
		for (size_t i = 0; i < 60; i++) {
			ck_assert_int_eq(envoi_buffer_puts(&text, units[u]), 0);
			for (size_t column = 0; column < 90; column += 7) {
				char *out = make(envoi_buffer_span(&text), column, _i);
				char *back = decode(out, column);
				struct envoi_span again = envoi_span_of(back);
				if (_i && back[0] == '"') {
					again.data++;
					again.len -= 2;
				}
				/* A fold in front of all is a blank more. */
				if (out[0] == '\n') {
					again.data++;
					again.len--;
				}
				ck_assert(envoi_span_equal(
					again, envoi_buffer_span(&text)));
				free(back);
				free(out);
			}
		}
		envoi_buffer_finish(&text);
	}
}
END_TEST

START_TEST(a_word_without_blanks_does_not_pass_998)
{
	char text[5000];
	memset(text, 'x', sizeof(text));
	char *out = make((struct envoi_span){text, sizeof(text)}, 9, false);
	char *back = decode(out, 9);
	ck_assert_uint_eq(strlen(back), sizeof(text));
	free(back);
	free(out);
}
END_TEST

START_TEST(no_room_is_said)
{
	struct envoi_buffer out;
	for (size_t max = 0; max < 30; max++) {
		envoi_buffer_init(&out, max);
		ck_assert_int_eq(envoi_encoded_word_put(
					 &out, envoi_span_of("caf\xC3\xA9"), 0, true),
			max < 20 ? -1 : 0);
		envoi_buffer_finish(&out);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("encoded_word");
	TCase *tcase = tcase_create("encoded_word");
	tcase_add_loop_test(tcase, each_row, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tcase, any_length_comes_back, 0, 2);
	tcase_add_test(tcase, a_word_without_blanks_does_not_pass_998);
	tcase_add_test(tcase, no_room_is_said);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
