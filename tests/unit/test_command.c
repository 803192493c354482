/*
 * The one writer of command lines: nothing that comes from elsewhere ends a
 * line or begins another (situations 59, 117).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "protocol/command.h"

START_TEST(commands_end_with_crlf)
{
	struct envoi_buffer out;
	struct envoi_error err;
	envoi_buffer_init(&out, 4096);
	ck_assert_int_eq(
		envoi_command_add(&out, &err, "EHLO %s", "client.example.org"), 0);
	ck_assert_int_eq(envoi_command_add(&out, &err, "BDAT %d LAST", 0), 0);
	ck_assert_int_eq(
		envoi_command_add(&out, &err, "RCPT TO:<%s>", "caf\xc3\xa9@x"), 0);
	ck_assert_str_eq(envoi_buffer_string(&out),
		"EHLO client.example.org\r\nBDAT 0 LAST\r\nRCPT TO:<caf\xc3\xa9@x>\r\n");
	envoi_buffer_finish(&out);
}
END_TEST

/* Every octet, at every place of an argument. */
START_TEST(control_octets_are_refused)
{
	struct envoi_buffer out;
	envoi_buffer_init(&out, 4096);
	ck_assert_int_eq(envoi_buffer_puts(&out, "QUIT\r\n"), 0);
	for (int octet = 1; octet < 256; octet++) {
		for (size_t at = 0; at < 4; at++) {
			char argument[] = "a@b.";
			struct envoi_error err = ENVOI_ERROR_NONE;
			argument[at] = (char)octet;
			size_t before = out.len;
			int result =
				envoi_command_add(&out, &err, "MAIL FROM:<%s>", argument);
			if (octet >= 0x20 && octet != 0x7f) {
				ck_assert_int_eq(result, 0);
				out.len = before;
				continue;
			}
			ck_assert_int_eq(result, -1);
			ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
			ck_assert_ptr_nonnull(strstr(err.text, "control byte"));
			ck_assert_uint_eq(out.len, before);
		}
	}
	ck_assert_str_eq(envoi_buffer_string(&out), "QUIT\r\n");
	envoi_buffer_finish(&out);
}
END_TEST

/* A NUL ends a C string; one that gets into the line otherwise is refused. */
START_TEST(nul_is_refused)
{
	struct envoi_buffer out;
	struct envoi_error err;
	envoi_buffer_init(&out, 4096);
	ck_assert_int_eq(envoi_command_add(&out, &err, "EHLO a%cb", '\0'), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	ck_assert_uint_eq(out.len, 0);
	envoi_buffer_finish(&out);
}
END_TEST

START_TEST(long_lines_are_refused)
{
	static char name[2 * ENVOI_LIMIT_COMMAND];
	struct envoi_buffer out;
	struct envoi_error err;
	envoi_buffer_init(&out, 4 * ENVOI_LIMIT_COMMAND);
	memset(name, 'x', sizeof(name) - 1);
	const size_t most = ENVOI_LIMIT_COMMAND - strlen("EHLO \r\n");
	name[most] = '\0';
	ck_assert_int_eq(envoi_command_add(&out, &err, "EHLO %s", name), 0);
	ck_assert_uint_eq(out.len, ENVOI_LIMIT_COMMAND);
	name[most] = 'x';
	name[most + 1] = '\0';
	ck_assert_int_eq(envoi_command_add(&out, &err, "EHLO %s", name), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	name[most + 1] = 'x';
	ck_assert_int_eq(envoi_command_add(&out, &err, "EHLO %s", name), -1);
	ck_assert_uint_eq(out.len, ENVOI_LIMIT_COMMAND);
	envoi_buffer_finish(&out);
}
END_TEST

START_TEST(a_full_buffer_is_told)
{
	struct envoi_buffer out;
	struct envoi_error err;
	envoi_buffer_init(&out, 10);
	ck_assert_int_eq(envoi_command_add(&out, &err, "QUIT"), 0);
	ck_assert_int_eq(envoi_command_add(&out, &err, "QUIT"), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_SYSTEM);
	ck_assert_str_eq(envoi_buffer_string(&out), "QUIT\r\n");
	envoi_buffer_finish(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("command");
	TCase *tcase = tcase_create("command");
	tcase_add_test(tcase, commands_end_with_crlf);
	tcase_add_test(tcase, control_octets_are_refused);
	tcase_add_test(tcase, nul_is_refused);
	tcase_add_test(tcase, long_lines_are_refused);
	tcase_add_test(tcase, a_full_buffer_is_told);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
