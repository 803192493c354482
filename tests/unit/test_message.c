/*
 * Messages from files, streams and mboxes: what comes out of them, what the
 * scan says, and what happens when a file changes under the reading.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <envoi/message.h>

#include "base/limits.h"

static char folder[64];
static char file[100];

static void make_folder(void)
{
	strcpy(folder, "/tmp/envoi-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(file, sizeof(file), "%s/a.eml", folder);
}

static void remove_folder(void)
{
	(void)unlink(file);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void write_file(const char *text, size_t n)
{
	FILE *f = fopen(file, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

/* The octets of a body, read with this room. */
static char *read_body(const struct envoi_message *message, bool stuff, size_t room, size_t *ret_n)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_body *body = NULL;
	ck_assert_int_eq(envoi_body_open(message, stuff, &body, &err), 0);
	char *out = NULL;
	size_t have = 0;
	for (bool last = false; !last;) {
		size_t n;
		out = realloc(out, have + room);
		ck_assert_ptr_nonnull(out);
		ck_assert_int_eq(envoi_body_read(body, out + have, room, &n, &last, &err), 0);
		ck_assert_uint_le(n, room);
		ck_assert(n > 0 || last);
		have += n;
	}
	envoi_body_close(body);
	*ret_n = have;
	return out;
}

static void check_body(const struct envoi_message *message, bool stuff, const char *want)
{
	static const size_t rooms[] = {4, 5, 7, 64, ENVOI_LIMIT_BLOCK};
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		size_t n;
		char *out = read_body(message, stuff, rooms[i], &n);
		ck_assert_uint_eq(n, strlen(want));
		ck_assert_int_eq(memcmp(out, want, n), 0);
		free(out);
		if (!stuff) {
			ck_assert_uint_eq(n, envoi_message_facts(message)->size);
		}
	}
}

static struct envoi_message *take_one(const char *path)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input = NULL;
	struct envoi_message *message = NULL;
	struct envoi_message *none = NULL;
	ck_assert_int_eq(envoi_input_open(path, false, &input, &err), 0);
	ck_assert_int_eq(envoi_input_next(input, &message, &err), 0);
	ck_assert_ptr_nonnull(message);
	ck_assert_int_eq(envoi_input_next(input, &none, &err), 0);
	ck_assert_ptr_null(none);
	envoi_input_free(input);
	ck_assert_int_eq(envoi_message_scan(message, &err), 0);
	ck_assert_int_eq(envoi_message_scan(message, &err), 0);
	return message;
}

/* Runs with descriptor 0 replaced by fd, which is closed. */
static int with_stdin(int fd)
{
	int saved = fcntl(0, F_DUPFD_CLOEXEC, 10);
	ck_assert_int_eq(dup2(fd, 0), 0);
	(void)close(fd);
	return saved;
}

static void restore_stdin(int saved)
{
	ck_assert_int_eq(dup2(saved, 0), 0);
	(void)close(saved);
}

static const struct {
	const char *in;
	const char *out;
} forms[] = {
	{"", ""},
	{"\n", "\r\n"},
	{"\nbody", "\r\nbody\r\n"},
	{"A: b\n\n.\n.c", "A: b\r\n\r\n..\r\n..c\r\n"},
	{"A: b\r\n\r\nc\r\n", "A: b\r\n\r\nc\r\n"},
	{"A: b\n\nx\r.\r\r\ny", "A: b\r\n\r\nx\r\n..\r\n\r\ny\r\n"},
	/* No header: an empty line first. */
	{"hello\n", "\r\nhello\r\n"},
	{"hello world: x\n", "\r\nhello world: x\r\n"},
	{" folded: x\n", "\r\n folded: x\r\n"},
	{": x\n", "\r\n: x\r\n"},
	{".\n", "\r\n..\r\n"},
	{"caf\xc3\xa9: x\n", "\r\ncaf\xc3\xa9: x\r\n"},
	{"F", "\r\nF\r\n"},
	{">F: x", ">F: x\r\n"},
	{"A \t : b\n", "A \t : b\r\n"},
	{"a{}|~!#$: b\n", "a{}|~!#$: b\r\n"},
	/* Lines of an mbox left at the head. */
	{"From x Thu Jan  1 00:00:00 1970\nA: b\n", "A: b\r\n"},
	{"From x\r\nA: b\n", "A: b\r\n"},
	{"From x\rA: b\r", "A: b\r\n"},
	{"From \n>From y\nFrom z\nA: b\n\nFrom c\n", "A: b\r\n\r\nFrom c\r\n"},
	{"From x", ""},
	{"From x\n", ""},
	{"From x\nbody\n", "\r\nbody\r\n"},
	{"From x\n\nbody\n", "\r\nbody\r\n"},
	{"From: x\n", "From: x\r\n"},
	{"From : x\n", ""},
	{"From", "\r\nFrom\r\n"},
	{"From:", "From:\r\n"},
	{">>From x\n", "\r\n>>From x\r\n"},
	{"A: b\n\n>From here\nFrom there\n", "A: b\r\n\r\n>From here\r\nFrom there\r\n"},
};

START_TEST(one_file_one_message)
{
	make_folder();
	write_file(forms[_i].in, strlen(forms[_i].in));
	struct envoi_message *message = take_one(file);
	ck_assert_str_eq(envoi_message_name(message), file);
	check_body(message, true, forms[_i].out);
	envoi_message_free(message);
	/* The same through a pipe. */
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], forms[_i].in, strlen(forms[_i].in)),
		(ssize_t)strlen(forms[_i].in));
	(void)close(ends[1]);
	int saved = with_stdin(ends[0]);
	message = take_one("-");
	restore_stdin(saved);
	ck_assert_str_eq(envoi_message_name(message), "-");
	check_body(message, true, forms[_i].out);
	envoi_message_free(message);
	remove_folder();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("message");
	TCase *tc = tcase_create("message");
	tcase_add_loop_test(tc, one_file_one_message, 0, (int)(sizeof(forms) / sizeof(forms[0])));
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
