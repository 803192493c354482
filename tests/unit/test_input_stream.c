/*
 * A message from a pipe: where a lone dot ends it, whole and at each split; what
 * cannot be read.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <envoi/message.h>

static const struct {
	const char *text;
	/* With dots that end it; NULL: all of the text. */
	const char *expected;
	bool rest;
} rows[] = {
	{"", NULL, false},
	{"a\n", NULL, false},
	{"a\n.\n", "a\n", false},
	{"a\r\n.\r\n", "a\r\n", false},
	{"a\n.\r\n", "a\n", false},
	{"a\n.\nb\n", "a\n", true},
	{"a\n.\n.\n", "a\n", true},
	{".\n", "", false},
	{".\nb\n", "", true},
	{"a\n.", "a\n", false},
	{"a\n.\r", NULL, false},
	{".", "", false},
	{"a\n..\n", NULL, false},
	{"a\n.. \n.b\n", NULL, false},
	{"a\n./x\n", NULL, false},
	{"a\n. \n", NULL, false},
	{"a\n.\rb\n", NULL, false},
	{"a\n.\r.\n", NULL, false},
	{"a.\n", NULL, false},
	{"a\n\n.\n", "a\n\n", false},
	{"a\r.\n.\nx", "a\r.\n", true},
	{"a\n.\r\n\r\n", "a\n", true},
};

struct copied {
	char text[200];
	size_t n;
};

static int copy(void *context, const char *data, size_t n, struct envoi_error *err)
{
	struct copied *copied = context;
	(void)err;
	ck_assert_uint_lt(copied->n + n, sizeof(copied->text));
	memcpy(copied->text + copied->n, data, n);
	copied->n += n;
	return 0;
}

/* A child that writes text in two parts. */
static int writer(const char *text, size_t n, size_t split, pid_t *ret_pid)
{
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	*ret_pid = fork();
	ck_assert_int_ge(*ret_pid, 0);
	if (*ret_pid == 0) {
		(void)close(fds[0]);
		ssize_t put = write(fds[1], text, split);
		/* The reader has taken it all, or nothing is to be taken. */
		if (put == (ssize_t)split) {
			put = write(fds[1], text + split, n - split);
		}
		_exit(put < 0);
	}
	(void)close(fds[1]);
	return fds[0];
}

static void check(const char *text, size_t split, bool until_dot, const char *expected,
	bool expected_rest)
{
	struct envoi_input *input = NULL;
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct copied copied = {.n = 0};
	struct envoi_input_notes notes;
	pid_t pid;
	int status, fd = writer(text, strlen(text), split, &pid);
	ck_assert_int_eq(envoi_input_read(fd, until_dot, &input, &notes, &err), 0);
	ck_assert_int_eq(envoi_input_copy(input, copy, &copied, &err), 0);
	ck_assert_uint_eq(copied.n, strlen(expected));
	ck_assert_mem_eq(copied.text, expected, copied.n);
	ck_assert_int_eq(notes.rest, expected_rest);
	ck_assert_uint_eq(notes.nul, false);
	envoi_input_free(input);
	(void)close(fd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

START_TEST(dots)
{
	const char *text = rows[_i].text;
	const char *expected = rows[_i].expected != NULL ? rows[_i].expected : text;
	for (size_t split = 0; split <= strlen(text); split++) {
		check(text, split, true, expected, rows[_i].rest);
	}
	check(text, 0, false, text, false);
}
END_TEST

/* Over the limit of memory, with an end in the middle: all of it is read. */
START_TEST(big)
{
	size_t n = 1000000;
	char *text = malloc(n);
	struct envoi_input *input = NULL;
	struct envoi_message *message = NULL;
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input_notes notes;
	pid_t pid;
	int status;
	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < n; i++) {
		text[i] = i % 50 == 49 ? '\n' : 'x';
	}
	text[500000] = '.';
	text[500001] = '\n';
	int fd = writer(text, n, 3, &pid);
	ck_assert_int_eq(envoi_input_read(fd, true, &input, &notes, &err), 0);
	ck_assert(notes.rest);
	ck_assert_int_eq(envoi_input_next(input, &message, &err), 0);
	ck_assert_int_eq(envoi_message_scan(message, &err), 0);
	/* 10,000 lines, each with a CR, behind an empty one. */
	ck_assert_uint_eq(envoi_message_facts(message)->size, 510002);
	envoi_message_free(message);
	envoi_input_free(input);
	(void)close(fd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	free(text);
}
END_TEST

START_TEST(nuls)
{
	static const char text[] = "\0a\0\0b\n.\0\nc\0";
	struct envoi_input *input = NULL;
	struct envoi_error err = ENVOI_ERROR_NONE;
	for (size_t split = 0; split < sizeof(text); split++) {
		struct envoi_input_notes notes;
		struct copied copied = {.n = 0};
		pid_t pid;
		int status, fd = writer(text, sizeof(text) - 1, split, &pid);
		ck_assert_int_eq(envoi_input_read(fd, true, &input, &notes, &err), 0);
		ck_assert_int_eq(envoi_input_copy(input, copy, &copied, &err), 0);
		ck_assert_uint_eq(copied.n, sizeof(text) - 1);
		ck_assert_mem_eq(copied.text, text, sizeof(text) - 1);
		ck_assert(notes.nul);
		envoi_input_free(input);
		(void)close(fd);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	}
}
END_TEST

START_TEST(unreadable)
{
	struct envoi_input *input = NULL;
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input_notes notes;
	int fd = open("/tmp", O_RDONLY);
	ck_assert_int_eq(envoi_input_read(fd, true, &input, &notes, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_NOINPUT);
	(void)close(fd);
	ck_assert_int_eq(envoi_input_read(fd, true, &input, &notes, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_NOINPUT);
	fd = open("/dev/null", O_WRONLY);
	ck_assert_int_eq(envoi_input_read(fd, true, &input, &notes, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_NOINPUT);
	(void)close(fd);
}
END_TEST

/* There is no place for it: the writer still comes to its end. */
START_TEST(no_place)
{
	size_t n = 1000000;
	char *text = calloc(n, 1);
	struct envoi_input *input = NULL;
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input_notes notes;
	pid_t pid;
	int status;
	ck_assert_ptr_nonnull(text);
	memset(text, 'x', n);
	ck_assert_int_eq(setenv("TMPDIR", "/nonexistent", 1), 0);
	int fd = writer(text, n, 0, &pid);
	ck_assert_int_eq(envoi_input_read(fd, true, &input, &notes, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_TEMPORARY);
	(void)close(fd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	free(text);
	(void)unsetenv("TMPDIR");
}
END_TEST

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	Suite *suite = suite_create("input_stream");
	TCase *tc = tcase_create("stream");
	tcase_add_loop_test(tc, dots, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tc, big);
	tcase_add_test(tc, nuls);
	tcase_add_test(tc, unreadable);
	tcase_add_test(tc, no_place);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
