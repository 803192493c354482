/*
 * Line ends and mboxrd quoting on the way into a store: each text whole and
 * split at every offset.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/lines.h"

enum {
	KEEP = 1 << 0,
	MBOX = 1 << 1,
};

static const struct {
	int how;
	const char *in;
	const char *out;
} cases[] = {
	{0, "", ""},
	{0, "a\r\n\r\nb\r\n", "a\n\nb\n"},
	{0, "a\nb\rc\r\r\nd\r", "a\nb\rc\r\nd\r"},
	{0, "From a\r\n>From b\r\n", "From a\n>From b\n"},
	{KEEP, "a\r\n\nb\r\rc\r", "a\r\n\nb\r\rc\r"},
	{MBOX, "", "\n"},
	{MBOX, "a", "a\n\n"},
	{MBOX, "a\r\n", "a\n\n"},
	{MBOX, "From \r\n", ">From \n\n"},
	{MBOX, "From", "From\n\n"},
	{MBOX, "From ", ">From \n\n"},
	{MBOX, ">>From x\r\n>>Fro\r\n>> From \r\nFFrom \r\n",
		">>>From x\n>>Fro\n>> From \nFFrom \n\n"},
	{MBOX, "x From y\r\n\r\nfrom z\r\nFrom z\r\n>",
		"x From y\n\nfrom z\n>From z\n>\n\n"},
	{MBOX, "a\nFrom b\rFrom c\n", "a\n>From b\rFrom c\n\n"},
	{MBOX, "From\tx\r\nFr>om \r\n>F\r\n", "From\tx\nFr>om \n>F\n\n"},
	{MBOX, "\r", "\r\n\n"},
};

START_TEST(lines_are_the_same_however_they_are_cut)
{
	size_t n = strlen(cases[_i].in);
	for (size_t cut = 0; cut <= n; cut++) {
		struct envoi_lines lines;
		char out[200] = "";
		FILE *file = fmemopen(out, sizeof(out), "w");
		ck_assert_ptr_nonnull(file);
		envoi_lines_init(&lines, file, (cases[_i].how & KEEP) != 0,
			(cases[_i].how & MBOX) != 0);
		envoi_lines_write(&lines, (struct envoi_span){cases[_i].in, cut});
		for (size_t i = cut; i < n; i++) {
			envoi_lines_write(
				&lines, (struct envoi_span){cases[_i].in + i, 1});
		}
		envoi_lines_end(&lines);
		ck_assert_int_eq(fclose(file), 0);
		ck_assert_str_eq(out, cases[_i].out);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lines");
	TCase *tcase = tcase_create("lines");
	tcase_add_loop_test(tcase, lines_are_the_same_however_they_are_cut, 0,
		sizeof(cases) / sizeof(cases[0]));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
