/*
 * Buffers, spans, numbers, and which exit status weighs more.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/error.h>

#include "base/buffer.h"
#include "base/span.h"

START_TEST(buffer_keeps_to_its_maximum)
{
	struct envoi_buffer b;
	envoi_buffer_init(&b, 10);
	ck_assert_int_eq(envoi_buffer_append(&b, "0123456789", 10), 0);
	ck_assert_int_eq(envoi_buffer_append(&b, "x", 1), -1);
	ck_assert_uint_eq(b.len, 10);
	envoi_buffer_consume(&b, 4);
	ck_assert_int_eq(envoi_buffer_printf(&b, "%s", "abcd"), 0);
	ck_assert_int_eq(envoi_buffer_printf(&b, "%s", "e"), -1);
	ck_assert_str_eq(envoi_buffer_string(&b), "456789abcd");
	envoi_buffer_finish(&b);
	envoi_buffer_finish(&b);
}
END_TEST

START_TEST(buffer_holds_any_byte)
{
	struct envoi_buffer b;
	envoi_buffer_init(&b, 1 << 20);
	for (int i = 0; i < 10000; i++) {
		char c = (char)i;
		ck_assert_int_eq(envoi_buffer_append(&b, &c, 1), 0);
		if (i % 3 == 0) {
			envoi_buffer_consume(&b, 1);
		}
	}
	struct envoi_span s = envoi_buffer_span(&b);
	ck_assert_uint_eq(s.len, 10000 - 3334);
	ck_assert_int_eq((unsigned char)s.data[s.len - 1], 9999 % 256);
	envoi_buffer_finish(&b);
}
END_TEST

static const struct {
	const char *text;
	uint64_t max;
	int result;
	uint64_t value;
} numbers[] = {
	{"0", 0, 0, 0},
	{"1", 0, -1, 0},
	{"65535", 65535, 0, 65535},
	{"65536", 65535, -1, 0},
	{"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
	{"18446744073709551616", UINT64_MAX, -1, 0},
	{"99999999999999999999999999", UINT64_MAX, -1, 0},
	{"", 9, -1, 0},
	{"-1", 9, -1, 0},
	{"+1", 9, -1, 0},
	{" 1", 9, -1, 0},
	{"1a", 99, -1, 0},
	{"9", 5, -1, 0},
	{"0007", 9, 0, 7},
};

START_TEST(number_is_strict)
{
	uint64_t value = 42;
	int result = envoi_span_number(
		envoi_span_of(numbers[_i].text), numbers[_i].max, &value);
	ck_assert_int_eq(result, numbers[_i].result);
	ck_assert_uint_eq(value, result == 0 ? numbers[_i].value : 42);
}
END_TEST

START_TEST(escape_leaves_nothing_unprintable)
{
	struct envoi_buffer b;
	envoi_buffer_init(&b, 4096);
	ck_assert_int_eq(
		envoi_span_escape(&b, (struct envoi_span){"a\x1b[0m\0\\\x9b\n~", 10}), 0);
	ck_assert_str_eq(envoi_buffer_string(&b), "a\\x1B[0m\\x00\\\\\\x9B\\x0A~");
	envoi_buffer_finish(&b);
}
END_TEST

START_TEST(words_are_split_at_blanks)
{
	struct envoi_span rest = envoi_span_of("  AUTH\tPLAIN  LOGIN ");
	ck_assert(envoi_span_equal_nocase(envoi_span_word(&rest), "auth"));
	ck_assert(envoi_span_equal_nocase(envoi_span_word(&rest), "plain"));
	ck_assert(envoi_span_equal_nocase(envoi_span_word(&rest), "LOGIN"));
	ck_assert_uint_eq(envoi_span_word(&rest).len, 0);
}
END_TEST

/* The contract's order: local before 76 before 75 before 77 before 69 before 67. */
static const enum envoi_status order[] = {74, 76, 75, 77, 69, 68, 67, 0};

START_TEST(worse_status_wins_either_way)
{
	size_t n = sizeof(order) / sizeof(order[0]);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i; j < n; j++) {
			ck_assert_int_eq(
				envoi_status_worse(order[i], order[j]), order[i]);
			ck_assert_int_eq(
				envoi_status_worse(order[j], order[i]), order[i]);
		}
	}
	ck_assert_int_eq(envoi_status_worse(66, 74), 66);
}
END_TEST

START_TEST(error_texts_are_printable)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_int_eq(
		envoi_error_set(&err, ENVOI_STATUS_USAGE, "bad '%s'", "\r\n\x1b"), -1);
	ck_assert_str_eq(err.text, "bad '\? \?'");
	ck_assert_int_eq(envoi_error_set(NULL, ENVOI_STATUS_USAGE, "x"), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base");
	TCase *tcase = tcase_create("base");
	tcase_add_test(tcase, buffer_keeps_to_its_maximum);
	tcase_add_test(tcase, buffer_holds_any_byte);
	tcase_add_loop_test(
		tcase, number_is_strict, 0, sizeof(numbers) / sizeof(numbers[0]));
	tcase_add_test(tcase, escape_leaves_nothing_unprintable);
	tcase_add_test(tcase, words_are_split_at_blanks);
	tcase_add_test(tcase, worse_status_wins_either_way);
	tcase_add_test(tcase, error_texts_are_printable);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
