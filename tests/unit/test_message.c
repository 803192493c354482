/*
 * Messages from files, streams and mboxes: what comes out of them, what the
 * scan says, and what happens when a file changes under the reading.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/resource.h>
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

/* Some octets that need not be read: read past the body, and skipped there. Returns
 * how many. */
static size_t take_run(struct envoi_body *body, char *out, size_t room)
{
	struct envoi_body_run run = envoi_body_run(body);
	size_t n = run.length < room ? (size_t)run.length : room;
	if (n > 0) {
		ck_assert_int_eq(pread(run.fd, out, n, (off_t)run.offset), (ssize_t)n);
		envoi_body_skip(body, n);
	}
	return n;
}

/* The octets of a body, with this room; what need not be read is not. */
static char *take_body(const struct envoi_message *message, size_t room, size_t *ret_n,
	uint64_t *ret_skipped)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_body *body = NULL;
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), false, &body, &err), 0);
	char *out = NULL;
	size_t have = 0;
	*ret_skipped = 0;
	for (bool last = false; !last;) {
		out = realloc(out, have + room);
		ck_assert_ptr_nonnull(out);
		size_t n = take_run(body, out + have, room);
		*ret_skipped += n;
		if (n == 0) {
			ck_assert_int_eq(
				envoi_body_read(body, out + have, room, &n, &last, &err),
				0);
		}
		have += n;
	}
	ck_assert_uint_eq(envoi_body_run(body).length, 0);
	envoi_body_close(body);
	*ret_n = have;
	return out;
}

/* The octets of a body, read with this room. */
static char *read_body(
	const struct envoi_message *message, bool stuff, size_t room, size_t *ret_n)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_body *body = NULL;
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), stuff, &body, &err), 0);
	char *out = NULL;
	size_t have = 0;
	for (bool last = false; !last;) {
		size_t n;
		out = realloc(out, have + room);
		ck_assert_ptr_nonnull(out);
		ck_assert_int_eq(
			envoi_body_read(body, out + have, room, &n, &last, &err), 0);
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
	ck_assert_int_eq(envoi_input_open(path, ENVOI_MBOX_NONE, &input, &err), 0);
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
	{"From x\rA: b\r", "\r\nFrom x\r\nA: b\r\n"},
	{"From \n>From y\nFrom z\nA: b\n\nFrom c\n", "A: b\r\n\r\nFrom c\r\n"},
	{"From x", ""},
	{"From x\n", ""},
	{"From x\nbody\n", "\r\nbody\r\n"},
	{"From x\n\nbody\n", "\r\nbody\r\n"},
	{"From: x\n", "From: x\r\n"},
	{"From : x\n", "From : x\r\n"},
	{"From", "\r\nFrom\r\n"},
	{"From:", "From:\r\n"},
	{">>From x\n", ""},
	{"A: b\rC: d\r\r\n\r\r\ne", "A: b C: d\r\n\r\ne\r\n"},
	{"A: b\nc\n\nd", "A: b\r\nc\r\n\r\nd\r\n"},
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

/* Situation 160: what stands across the end of a block is as elsewhere. */
static const struct {
	const char *in;
	const char *out;
} edges[] = {
	{"x\r\ny", "x\r\ny"},
	{"x\ny", "x\r\ny"},
	{"x\ry", "x\r\ny"},
	{"x\n.y", "x\r\n..y"},
	{"x\r\n.y", "x\r\n..y"},
	{"x\r.\r\ny", "x\r\n..\r\ny"},
	{"x\r\r\ny", "x\r\n\r\ny"},
	{"x\n.\r\n.\ny", "x\r\n..\r\n..\r\ny"},
};

START_TEST(edges_of_blocks)
{
	static char in[2 * ENVOI_LIMIT_BLOCK];
	static char want[2 * ENVOI_LIMIT_BLOCK];
	const char *edge = edges[_i].in;
	make_folder();
	/* Blocks begin behind the header, or, of what goes out as it is, with it. */
	for (size_t back = 0; back <= strlen(edge) + 7; back++) {
		memset(in, 'x', sizeof(in));
		memset(want, 'x', sizeof(want));
		memcpy(in, "A:b\r\n\r\n", 7);
		memcpy(want, "A:b\r\n\r\n", 7);
		size_t at = 7 + ENVOI_LIMIT_BLOCK - back;
		memcpy(in + at, edge, strlen(edge));
		memcpy(want + at, edges[_i].out, strlen(edges[_i].out));
		write_file(in, at + strlen(edge));
		struct envoi_message *message = take_one(file);
		size_t n;
		char *out = read_body(message, true, ENVOI_LIMIT_BLOCK, &n);
		memcpy(want + at + strlen(edges[_i].out), "\r\n", 2);
		ck_assert_uint_eq(n, at + strlen(edges[_i].out) + 2);
		ck_assert_int_eq(memcmp(out, want, n), 0);
		free(out);
		envoi_message_free(message);
	}
	remove_folder();
}
END_TEST

/* A child process writes n octets, some at a time, into a pipe. */
static int start_writer(size_t n, int flags, pid_t *ret_pid)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | flags), 0);
	*ret_pid = fork();
	ck_assert_int_ge(*ret_pid, 0);
	if (*ret_pid == 0) {
		(void)close(ends[0]);
		for (size_t i = 0; i < n;) {
			char text[1000];
			size_t some = n - i < sizeof(text) ? n - i : sizeof(text);
			for (size_t k = 0; k < some; k++) {
				text[k] = i + k == 1 ? ':' : (char)('a' + (i + k) % 26);
			}
			if (write(ends[1], text, some) != (ssize_t)some) {
				_exit(1);
			}
			i += some;
		}
		_exit(0);
	}
	(void)close(ends[1]);
	return ends[0];
}

static const size_t spooled[] = {0, 1, ENVOI_LIMIT_SPOOL_MEMORY - 1,
	ENVOI_LIMIT_SPOOL_MEMORY, ENVOI_LIMIT_SPOOL_MEMORY + 1,
	2 * ENVOI_LIMIT_SPOOL_MEMORY, 1000000};

START_TEST(a_stream_is_spooled_whole)
{
	make_folder();
	ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
	pid_t pid;
	size_t size = spooled[_i / 2];
	int saved = with_stdin(start_writer(size, _i % 2 == 0 ? 0 : O_NONBLOCK, &pid));
	struct envoi_message *message = take_one("-");
	restore_stdin(saved);
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	/* One octet is no field: an empty line goes first. */
	size_t first = size == 1 ? 2 : 0;
	size_t n;
	char *out = read_body(message, true, 5000, &n);
	ck_assert_uint_eq(n, size > 0 ? first + size + 2 : 0);
	size_t wrong = 0;
	for (size_t i = 0; i < size; i++) {
		wrong += out[first + i] != (i == 1 ? ':' : (char)('a' + i % 26));
	}
	ck_assert_uint_eq(wrong, 0);
	free(out);
	envoi_message_free(message);
	ck_assert_int_eq(unsetenv("TMPDIR"), 0);
	/* Empty: the temporary file had no name, or lost it. */
	remove_folder();
}
END_TEST

static enum envoi_status open_status(const char *path, char *text)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input = NULL;
	if (envoi_input_open(path, ENVOI_MBOX_NONE, &input, &err) == 0) {
		envoi_input_free(input);
		ck_assert_int_eq(err.status, ENVOI_STATUS_OK);
	} else {
		ck_assert_ptr_null(input);
	}
	strcpy(text, err.text);
	return err.status;
}

START_TEST(what_cannot_be_opened)
{
	char text[400];
	make_folder();
	ck_assert_int_eq(open_status(file, text), ENVOI_STATUS_NOINPUT);
	ck_assert_ptr_nonnull(strstr(text, file));
	ck_assert_int_eq(open_status(folder, text), ENVOI_STATUS_NOINPUT);
	ck_assert_ptr_nonnull(strstr(text, "is a directory"));
	ck_assert_int_eq(open_status("", text), ENVOI_STATUS_NOINPUT);
	/* A socket has a path and cannot be opened. */
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, file);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(open_status(file, text), ENVOI_STATUS_NOINPUT);
	(void)close(fd);
	if (geteuid() != 0) {
		(void)unlink(file);
		write_file("A: b\n", 5);
		ck_assert_int_eq(chmod(file, 0), 0);
		ck_assert_int_eq(open_status(file, text), ENVOI_STATUS_NOINPUT);
	}
	/* stdin: a directory; closed; not for reading. */
	int saved = with_stdin(open(folder, O_RDONLY));
	ck_assert_int_eq(open_status("-", text), ENVOI_STATUS_NOINPUT);
	(void)close(0);
	ck_assert_int_eq(open_status("-", text), ENVOI_STATUS_NOINPUT);
	ck_assert_ptr_nonnull(strstr(text, "standard input"));
	ck_assert_int_eq(open("/dev/null", O_WRONLY), 0);
	ck_assert_int_eq(open_status("-", text), ENVOI_STATUS_IO);
	restore_stdin(saved);
	remove_folder();
}
END_TEST

START_TEST(no_descriptors)
{
	struct rlimit old;
	char text[400];
	make_folder();
	write_file("A: b\n", 5);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	struct rlimit none = {.rlim_cur = 0, .rlim_max = old.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	enum envoi_status status = open_status(file, text);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(status, ENVOI_STATUS_SYSTEM);
	remove_folder();
}
END_TEST

/* Situation 247. */
START_TEST(no_room_for_the_spool)
{
	char text[400];
	pid_t pid;
	ck_assert_int_eq(setenv("TMPDIR", "/nonexistent/folder", 1), 0);
	int saved = with_stdin(start_writer(200000, 0, &pid));
	ck_assert_int_eq(open_status("-", text), ENVOI_STATUS_CANTCREATE);
	ck_assert_ptr_nonnull(strstr(text, "/nonexistent/folder"));
	restore_stdin(saved);
	(void)waitpid(pid, NULL, 0);
	ck_assert_int_eq(unsetenv("TMPDIR"), 0);
	/* A limit on the size of files does for a full disk. */
	struct rlimit old;
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	struct rlimit small = {.rlim_cur = 100000, .rlim_max = old.rlim_max};
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	saved = with_stdin(start_writer(200000, 0, &pid));
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	enum envoi_status status = open_status("-", text);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	(void)signal(SIGXFSZ, handler);
	restore_stdin(saved);
	(void)waitpid(pid, NULL, 0);
	ck_assert_int_eq(status, ENVOI_STATUS_IO);
	ck_assert_ptr_nonnull(strstr(text, "temporary file"));
}
END_TEST

START_TEST(a_fifo_is_read_to_its_end)
{
	make_folder();
	ck_assert_int_eq(mkfifo(file, 0600), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int fd = open(file, O_WRONLY);
		_exit(write(fd, "A: b\n", 5) == 5 ? 0 : 1);
	}
	struct envoi_message *message = take_one(file);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	check_body(message, true, "A: b\r\n");
	ck_assert_str_eq(envoi_message_name(message), file);
	envoi_message_free(message);
	remove_folder();
}
END_TEST

/* Situations 176 and 183: how a file changes behind our back. */
static void change(int how)
{
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	char other[120];
	switch (how) {
	case 0: /* shorter */
		ck_assert_int_eq(truncate(file, 3), 0);
		break;
	case 1: /* longer */
		ck_assert_int_eq(truncate(file, 1000000), 0);
		break;
	case 2: /* other octets, as many */
		ck_assert_int_eq(utimensat(AT_FDCWD, file, times, 0), 0);
		break;
	case 3: /* another file of that name, as big and as old */
		(void)snprintf(other, sizeof(other), "%s.old", file);
		ck_assert_int_eq(rename(file, other), 0);
		write_file("A: b\n", 5);
		ck_assert_int_eq(truncate(file, 400000), 0);
		struct stat st;
		ck_assert_int_eq(stat(other, &st), 0);
		times[0] = times[1] = st.st_mtim;
		ck_assert_int_eq(utimensat(AT_FDCWD, file, times, 0), 0);
		ck_assert_int_eq(unlink(other), 0);
		break;
	default: /* gone */
		ck_assert_int_eq(unlink(file), 0);
	}
}

static struct envoi_message *take_big(void)
{
	make_folder();
	write_file("A: b\n\n", 6);
	ck_assert_int_eq(truncate(file, 400000), 0);
	return take_one(file);
}

START_TEST(changed_before_it_is_sent)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_message *message = take_big();
	struct envoi_body *body = NULL;
	change(_i);
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), true, &body, &err), -1);
	ck_assert_ptr_null(body);
	ck_assert_int_eq(err.status, ENVOI_STATUS_IO);
	ck_assert_ptr_nonnull(strstr(err.text, file));
	envoi_message_free(message);
	remove_folder();
}
END_TEST

/* A small file goes out as it was when it was scanned. */
START_TEST(small_ones_are_kept)
{
	static char text[ENVOI_LIMIT_KEPT + 1];
	static char want[ENVOI_LIMIT_KEPT + 3];
	size_t size = _i < 2 ? 10 : ENVOI_LIMIT_KEPT;
	make_folder();
	memset(text, 'x', sizeof(text));
	memcpy(text, "A:b\r\n\r\n", 7);
	write_file(text, size);
	struct envoi_message *message = take_one(file);
	if (_i == 0) {
		ck_assert_int_eq(unlink(file), 0);
	} else {
		write_file("Other: text\n", 12);
	}
	memcpy(want, text, size);
	memcpy(want + size, "\r\n", 3);
	check_body(message, true, want);
	envoi_message_free(message);
	remove_folder();
}
END_TEST

/* A file that is replaced or removed stays as it was for those who have it
 * open; one that is changed in place never comes to its last octets. */
START_TEST(changed_while_it_is_sent)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_message *message = take_big();
	struct envoi_body *body = NULL;
	static char out[1000];
	size_t have = 0;
	bool last = false;
	int result = 0;
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), true, &body, &err), 0);
	while (result == 0 && !last) {
		size_t n;
		result = envoi_body_read(body, out, sizeof(out), &n, &last, &err);
		if (result == 0) {
			if (have == 0) {
				change(_i);
			}
			have += n;
		}
	}
	if (_i >= 3) {
		ck_assert_int_eq(result, 0);
		ck_assert_uint_eq(have, 400000 + 2 + 2);
	} else {
		ck_assert_int_eq(result, -1);
		ck_assert_int_eq(err.status, ENVOI_STATUS_IO);
	}
	ck_assert_uint_le(have, envoi_message_facts(message)->size);
	envoi_body_close(body);
	envoi_message_free(message);
	remove_folder();
}
END_TEST

/* The same size and time, but more octets on the wire: none too many leave. */
START_TEST(changed_unnoticed_by_the_file_system)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct stat st;
	static char text[10000];
	make_folder();
	memset(text, 'x', sizeof(text));
	memcpy(text, _i == 0 ? "A:b\n\nx\n" : "A:b\r\n\r\n", 7);
	write_file(text, sizeof(text));
	struct envoi_message *message = take_one(file);
	ck_assert_int_eq(stat(file, &st), 0);
	memset(text + 100, '\n', 1000);
	write_file(text, sizeof(text));
	struct timespec times[2] = {st.st_mtim, st.st_mtim};
	ck_assert_int_eq(utimensat(AT_FDCWD, file, times, 0), 0);
	struct envoi_body *body = NULL;
	char out[64];
	size_t have = 0;
	bool last = false;
	int result = 0;
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), true, &body, &err), 0);
	while (result == 0 && !last) {
		size_t n;
		result = envoi_body_read(body, out, sizeof(out), &n, &last, &err);
		have += result == 0 ? n : 0;
	}
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_IO);
	ck_assert_uint_le(have, envoi_message_facts(message)->size);
	envoi_body_close(body);
	envoi_message_free(message);
	remove_folder();
}
END_TEST

START_TEST(missing_when_it_is_scanned)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input;
	struct envoi_message *message;
	struct envoi_body *body;
	make_folder();
	write_file("A: b\n", 5);
	ck_assert_int_eq(envoi_input_open(file, ENVOI_MBOX_NONE, &input, &err), 0);
	ck_assert_int_eq(envoi_input_next(input, &message, &err), 0);
	envoi_input_free(input);
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(envoi_message_scan(message, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_NOINPUT);
	/* Not scanned: cannot be sent. */
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), true, &body, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_BUG);
	/* Back again: it can. */
	write_file("A: b\n", 5);
	ck_assert_int_eq(envoi_message_scan(message, &err), 0);
	check_body(message, true, "A: b\r\n");
	envoi_message_free(message);
	remove_folder();
}
END_TEST

/* A descriptor that is readable ends a scan behind its first block. */
START_TEST(a_scan_is_stopped_between_blocks)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	static char text[2 * ENVOI_LIMIT_BLOCK];
	static const size_t sizes[] = {
		100, ENVOI_LIMIT_BLOCK, ENVOI_LIMIT_BLOCK + 1, sizeof(text)};
	int ends[2];
	memset(text, 'x', sizeof(text));
	ck_assert_int_eq(pipe(ends), 0);
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct envoi_input *input;
		struct envoi_message *message;
		bool stopped = i % 2 == 1 && sizes[i / 2] > ENVOI_LIMIT_BLOCK;
		if (i % 2 == 1) {
			ck_assert_int_eq(write(ends[1], "", 1), 1);
		}
		make_folder();
		write_file(text, sizes[i / 2]);
		ck_assert_int_eq(envoi_input_open(file, false, &input, &err), 0);
		ck_assert_int_eq(envoi_input_next(input, &message, &err), 0);
		envoi_input_free(input);
		ck_assert_int_eq(envoi_message_scan_or_stop(message, ends[0], &err),
			stopped ? 1 : 0);
		/* It is not spoilt by that. */
		ck_assert_uint_eq(envoi_message_facts(message)->size == 0, stopped);
		ck_assert_int_eq(envoi_message_scan_or_stop(message, -1, &err), 0);
		/* A line end is added, and an empty line in front. */
		ck_assert_uint_eq(envoi_message_facts(message)->size, sizes[i / 2] + 4);
		envoi_message_free(message);
		remove_folder();
		if (i % 2 == 1) {
			char octet;
			ck_assert_int_eq(read(ends[0], &octet, 1), 1);
		}
	}
	(void)close(ends[0]);
	(void)close(ends[1]);
}
END_TEST

START_TEST(nothing_is_freed_twice)
{
	envoi_input_free(NULL);
	envoi_message_free(NULL);
	envoi_body_close(NULL);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* What is taken from the file past the body is what would have been read, wherever
 * the last block begins: within a line, a CRLF, behind empty lines. */
START_TEST(octets_that_need_not_be_read_are_the_same)
{
	static const char *const lines[] = {"x\r\n", "\r\n", "a line of some length\r\n"};
	static const size_t rooms[] = {1000, 4097, ENVOI_LIMIT_BLOCK};
	static char in[4 * ENVOI_LIMIT_BLOCK];
	const char *line = lines[_i];
	size_t length = strlen(line);
	make_folder();
	memcpy(in, "A: b\r\n\r\n", 8);
	for (size_t more = 0; more < 6; more++) {
		size_t n = 8;
		while (n < 3 * ENVOI_LIMIT_BLOCK + more * length / 2) {
			memcpy(in + n, line, length);
			n += length;
		}
		/* With and without an end of the last line. */
		n -= more % 2 == 0 ? 0 : 2;
		memset(in + n, 'y', more);
		write_file(in, n + more);
		struct envoi_message *message = take_one(file);
		for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
			size_t read_n, taken_n;
			uint64_t skipped;
			char *read = read_body(message, false, rooms[i], &read_n);
			char *taken = take_body(message, rooms[i], &taken_n, &skipped);
			ck_assert_uint_ge(skipped, ENVOI_LIMIT_BLOCK);
			ck_assert_uint_eq(read_n, taken_n);
			ck_assert_int_eq(memcmp(read, taken, read_n), 0);
			free(read);
			free(taken);
		}
		envoi_message_free(message);
	}
	remove_folder();
}
END_TEST

/* One line in a long file that does not go out as it stands, or dots to be stuffed:
 * all is read. */
START_TEST(octets_that_change_are_read)
{
	static const char *const ends[] = {"a\nb\r\n", "a\rb\r\n"};
	static char in[4 * ENVOI_LIMIT_BLOCK];
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_body *body = NULL;
	size_t n;
	uint64_t skipped;
	make_folder();
	memset(in, 'x', sizeof(in));
	memcpy(in, "A: b\r\n\r\n", 8);
	memcpy(in + sizeof(in) - strlen(ends[_i]), ends[_i], strlen(ends[_i]));
	write_file(in, sizeof(in));
	struct envoi_message *message = take_one(file);
	char *taken = take_body(message, ENVOI_LIMIT_BLOCK, &n, &skipped);
	ck_assert_uint_eq(skipped, 0);
	free(taken);
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), true, &body, &err), 0);
	ck_assert_uint_eq(envoi_body_run(body).length, 0);
	envoi_body_close(body);
	envoi_message_free(message);
	remove_folder();
}
END_TEST

/* A file that is cut, or written to, while its octets are skipped is found out
 * before the message ends. */
START_TEST(a_change_behind_skipped_octets_is_seen)
{
	static char in[4 * ENVOI_LIMIT_BLOCK];
	static char out[ENVOI_LIMIT_BLOCK];
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_body *body = NULL;
	bool last = false;
	int result = 0;
	make_folder();
	memset(in, 'x', sizeof(in));
	memcpy(in, "A: b\r\n\r\n", 8);
	memcpy(in + sizeof(in) - 2, "\r\n", 2);
	write_file(in, sizeof(in));
	struct envoi_message *message = take_one(file);
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), false, &body, &err), 0);
	size_t n;
	ck_assert_int_eq(envoi_body_read(body, out, 100, &n, &last, &err), 0);
	while (take_run(body, out, sizeof(out)) > 0) {
		continue;
	}
	if (_i == 0) {
		ck_assert_int_eq(truncate(file, (off_t)sizeof(in) - 10), 0);
	} else {
		FILE *f = fopen(file, "a");
		ck_assert_ptr_nonnull(f);
		ck_assert_int_ge(fputs("more", f), 0);
		ck_assert_int_eq(fclose(f), 0);
	}
	while (result == 0 && !last) {
		result = envoi_body_read(body, out, sizeof(out), &n, &last, &err);
	}
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_IO);
	envoi_body_close(body);
	envoi_message_free(message);
	remove_folder();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("message");
	TCase *tc = tcase_create("message");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, one_file_one_message, 0, COUNT(forms));
	tcase_add_loop_test(tc, edges_of_blocks, 0, COUNT(edges));
	tcase_add_loop_test(tc, a_stream_is_spooled_whole, 0, 2 * COUNT(spooled));
	tcase_add_test(tc, what_cannot_be_opened);
	tcase_add_test(tc, no_descriptors);
	tcase_add_test(tc, no_room_for_the_spool);
	tcase_add_test(tc, a_fifo_is_read_to_its_end);
	tcase_add_loop_test(tc, changed_before_it_is_sent, 0, 5);
	tcase_add_loop_test(tc, changed_while_it_is_sent, 0, 5);
	tcase_add_loop_test(tc, small_ones_are_kept, 0, 3);
	tcase_add_loop_test(tc, changed_unnoticed_by_the_file_system, 0, 2);
	tcase_add_test(tc, missing_when_it_is_scanned);
	tcase_add_test(tc, a_scan_is_stopped_between_blocks);
	tcase_add_test(tc, nothing_is_freed_twice);
	tcase_add_loop_test(tc, octets_that_need_not_be_read_are_the_same, 0, 3);
	tcase_add_loop_test(tc, octets_that_change_are_read, 0, 2);
	tcase_add_loop_test(tc, a_change_behind_skipped_octets_is_seen, 0, 2);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
