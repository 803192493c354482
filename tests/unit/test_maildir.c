/*
 * Maildirs: which files are messages, their order, and what happens when a
 * reader of mail works in the folder at the same time.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <envoi/message.h>

#include "message/maildir.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char folder[64];

static const char *at(const char *name)
{
	static char paths[4][200];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void put(const char *name)
{
	FILE *f = fopen(at(name), "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_gt(fprintf(f, "Subject: %s\n\nHello\n", name), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void setup(void)
{
	strcpy(folder, "/tmp/envoi-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(mkdir(at("cur"), 0700), 0);
	ck_assert_int_eq(mkdir(at("new"), 0700), 0);
	ck_assert_int_eq(mkdir(at("tmp"), 0700), 0);
}

static void teardown(void)
{
	char command[100];
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static struct envoi_input *open_folder(void)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input = NULL;
	ck_assert_int_eq(envoi_input_open(folder, ENVOI_MBOX_NONE, &input, &err), 0);
	return input;
}

static struct envoi_message *next(struct envoi_input *input)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_message *message = NULL;
	ck_assert_int_eq(envoi_input_next(input, &message, &err), 0);
	return message;
}

/* In the order they have to come. */
static const char *const sorted[] = {
	"cur/9.old.host:2,RS",
	"new/999999999.1.host",
	"cur/1000000000.M9P1.host:2,",
	"new/1000000000.M10P1.host",
	"new/1000000000.M10P2.host",
	"cur/1000000000.M10P2.host-2:2,S",
	"new/1000000001",
	"cur/01000000002.x",
	"new/draft",
	"cur/unnamed:2,S",
};

START_TEST(order_and_names)
{
	for (size_t i = 0; i < COUNT(sorted); i++) {
		put(sorted[(i * 7) % COUNT(sorted)]);
	}
	put("tmp/1000000000.half.host");
	put("new/.hidden");
	put("cur/.1000000000.x");
	put("dovecot-uidlist");
	struct envoi_input *input = open_folder();
	struct envoi_message *message;
	for (size_t i = 0; i < COUNT(sorted); i++) {
		struct envoi_error err = ENVOI_ERROR_NONE;
		message = next(input);
		ck_assert_ptr_nonnull(message);
		ck_assert_str_eq(envoi_message_name(message), at(sorted[i]));
		ck_assert_int_eq(envoi_message_scan(message, &err), 0);
		ck_assert_uint_eq(envoi_message_facts(message)->size,
			strlen("Subject: \r\n\r\nHello\r\n") + strlen(sorted[i]));
		envoi_message_free(message);
	}
	ck_assert_ptr_null(next(input));
	ck_assert_ptr_null(next(input));
	envoi_input_free(input);
}
END_TEST

START_TEST(empty)
{
	struct envoi_input *input = open_folder();
	ck_assert_ptr_null(next(input));
	envoi_input_free(input);
}
END_TEST

static void check_body(struct envoi_message *message, const char *subject)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_body *body = NULL;
	char out[200], want[200];
	size_t n;
	bool last;
	(void)snprintf(want, sizeof(want), "Subject: %s\r\n\r\nHello\r\n", subject);
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), true, &body, &err), 0);
	ck_assert_int_eq(envoi_body_read(body, out, sizeof(out), &n, &last, &err), 0);
	ck_assert_uint_eq(n, strlen(want));
	ck_assert_int_eq(memcmp(out, want, n), 0);
	ck_assert_int_eq(envoi_body_read(body, out, sizeof(out), &n, &last, &err), 0);
	ck_assert(last);
	envoi_body_close(body);
}

START_TEST(moved_and_flagged_meanwhile)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	put("new/1.a.host");
	put("new/1.a.host-2");
	struct envoi_input *input = open_folder();
	ck_assert_int_eq(rename(at("new/1.a.host"), at("cur/1.a.host:2,")), 0);
	struct envoi_message *message = next(input);
	ck_assert_int_eq(envoi_message_scan(message, &err), 0);
	ck_assert_str_eq(envoi_message_name(message), at("new/1.a.host"));
	check_body(message, "new/1.a.host");
	ck_assert_int_eq(rename(at("cur/1.a.host:2,"), at("cur/1.a.host:2,FS")), 0);
	check_body(message, "new/1.a.host");
	/* Another file under its name is not the one that was scanned. */
	ck_assert_int_eq(rename(at("new/1.a.host-2"), at("cur/1.a.host:2,FS")), 0);
	struct envoi_body *body = NULL;
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), true, &body, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_IO);
	envoi_message_free(message);
	envoi_input_free(input);
}
END_TEST

START_TEST(gone_meanwhile)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_body *body = NULL;
	put("new/1.a.host");
	put("cur/2.a.host:2,S");
	struct envoi_input *input = open_folder();
	ck_assert_int_eq(unlink(at("new/1.a.host")), 0);
	struct envoi_message *message = next(input);
	ck_assert_int_eq(envoi_message_scan(message, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_NOINPUT);
	ck_assert_ptr_nonnull(strstr(err.text, at("new/1.a.host")));
	envoi_message_free(message);
	message = next(input);
	ck_assert_int_eq(envoi_message_scan(message, &err), 0);
	ck_assert_int_eq(unlink(at("cur/2.a.host:2,S")), 0);
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), true, &body, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_NOINPUT);
	envoi_message_free(message);
	ck_assert_ptr_null(next(input));
	envoi_input_free(input);
}
END_TEST

START_TEST(seen_twice_while_listed)
{
	put("new/1.a.host");
	put("cur/1.a.host:2,S");
	put("new/1.a.host-1");
	struct envoi_input *input = open_folder();
	struct envoi_message *message = next(input);
	ck_assert_str_eq(envoi_message_name(message), at("cur/1.a.host:2,S"));
	envoi_message_free(message);
	message = next(input);
	ck_assert_str_eq(envoi_message_name(message), at("new/1.a.host-1"));
	envoi_message_free(message);
	ck_assert_ptr_null(next(input));
	envoi_input_free(input);
}
END_TEST

START_TEST(what_is_no_maildir)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input = NULL;
	ck_assert(envoi_maildir_is(folder));
	ck_assert_int_eq(rmdir(at("new")), 0);
	ck_assert(!envoi_maildir_is(folder));
	put("new");
	ck_assert(!envoi_maildir_is(folder));
	ck_assert_int_eq(envoi_input_open(folder, ENVOI_MBOX_NONE, &input, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_NOINPUT);
	ck_assert_ptr_nonnull(strstr(err.hint, "no Maildir"));
	ck_assert(!envoi_maildir_is(""));
	ck_assert(!envoi_maildir_is(at("none")));
	ck_assert_ptr_null(envoi_maildir_find(""));
	ck_assert_ptr_null(envoi_maildir_find("x"));
	ck_assert_ptr_null(envoi_maildir_find("cur/x"));
}
END_TEST

START_TEST(a_folder_in_the_folder)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_int_eq(mkdir(at("cur/1.a"), 0700), 0);
	struct envoi_input *input = open_folder();
	struct envoi_message *message = next(input);
	ck_assert_int_eq(envoi_message_scan(message, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_NOINPUT);
	envoi_message_free(message);
	envoi_input_free(input);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("maildir");
	TCase *tc = tcase_create("maildir");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, order_and_names);
	tcase_add_test(tc, empty);
	tcase_add_test(tc, moved_and_flagged_meanwhile);
	tcase_add_test(tc, gone_meanwhile);
	tcase_add_test(tc, seen_twice_while_listed);
	tcase_add_test(tc, what_is_no_maildir);
	tcase_add_test(tc, a_folder_in_the_folder);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
