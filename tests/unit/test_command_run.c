/*
 * Commands: what they print, how they end, what they see, and that nothing of
 * their output is ever in an error.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "config/command.h"

static struct envoi_secret output;
static struct envoi_error err;
static char folder[] = "/tmp/envoi-command-XXXXXX";

static int run_limited(const char *shell, int time_limit_ms)
{
	struct envoi_command command = {
		.shell = shell, .time_limit_ms = time_limit_ms, .stop_fd = -1};
	envoi_secret_finish(&output);
	err = ENVOI_ERROR_NONE;
	int result = envoi_command_run(&command, &output, &err);
	/* No process is left to wait for. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	return result;
}

static int run(const char *shell)
{
	return run_limited(shell, 0);
}

static void finish(void)
{
	envoi_secret_finish(&output);
}

START_TEST(output_is_had_as_it_is)
{
	ck_assert_int_eq(run("printf 'a\\0b\\n\\n'"), 0);
	ck_assert_uint_eq(output.length, 5);
	ck_assert_mem_eq(output.data, "a\0b\n\n", 5);
	ck_assert_int_eq(run("true"), 0);
	ck_assert_uint_eq(output.length, 0);
	ck_assert_int_eq(run("echo warning >&2; echo abc"), 0);
	ck_assert_str_eq(output.data, "abc\n");
}
END_TEST

START_TEST(words_go_through_no_shell)
{
	const char *const argv[] = {
		"printf", "%s|%s|%s", "a b", "$HOME; echo x", "`id`*", NULL};
	struct envoi_command command = {.argv = argv, .stop_fd = -1};
	ck_assert_int_eq(envoi_command_run(&command, &output, &err), 0);
	ck_assert_str_eq(output.data, "a b|$HOME; echo x|`id`*");
}
END_TEST

static const struct {
	const char *shell;
	enum envoi_status status;
	const char *text;
} failures[] = {
	{"exit 1", ENVOI_STATUS_AUTH, "command 'exit 1' failed with exit status 1"},
	{"exit 255", ENVOI_STATUS_AUTH, "command 'exit 255' failed with exit status 255"},
	{"echo no key >&2; exit 3", ENVOI_STATUS_AUTH,
		"command 'echo no key >&2; exit 3' failed with exit status 3: no key"},
	{"printf 'a\\nb\\n\\n' >&2; exit 3", ENVOI_STATUS_AUTH,
		"command 'printf 'a\\\\nb\\\\n\\\\n' >&2; exit 3' failed with exit "
		"status "
		"3: a / b"},
	{"printf '\\033[1m\\377\\r' >&2; false", ENVOI_STATUS_AUTH,
		"command 'printf '\\\\033[1m\\\\377\\\\r' >&2; false' failed with exit "
		"status 1: \\x1B[1m\\xFF"},
	{"kill -SEGV $$", ENVOI_STATUS_AUTH,
		"command 'kill -SEGV $$' was ended by signal 11"},
	{"kill -INT $$", ENVOI_STATUS_TEMPORARY,
		"command 'kill -INT $$' was ended by signal 2"},
	{"kill -STOP $$", ENVOI_STATUS_AUTH,
		"command 'kill -STOP $$' was stopped: it may have asked on a terminal "
		"that "
		"is not its own"},
};

START_TEST(failures_say_how_and_why)
{
	ck_assert_int_eq(run(failures[_i].shell), -1);
	ck_assert_str_eq(err.text, failures[_i].text);
	ck_assert_int_eq(err.status, failures[_i].status);
	ck_assert_ptr_null(output.data);
}
END_TEST

START_TEST(a_command_that_cannot_be_started)
{
	const char *const missing[] = {"/nonexistent/tool", "x", NULL};
	const char *const folder_argv[] = {folder, NULL};
	struct envoi_command command = {.argv = missing, .stop_fd = -1};
	ck_assert_int_eq(envoi_command_run(&command, &output, &err), -1);
	ck_assert_str_eq(err.text, "command '/nonexistent/tool x' cannot be run: no such "
				   "file or directory");
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	ck_assert_int_eq(err.sys, ENOENT);
	command.argv = folder_argv;
	ck_assert_int_eq(envoi_command_run(&command, &output, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	ck_assert_int_eq(err.sys, EACCES);
}
END_TEST

START_TEST(long_stderr_is_cut_at_its_beginning)
{
	ck_assert_int_eq(
		run("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done >&2; "
		    "echo the end >&2; exit 9"),
		-1);
	ck_assert_ptr_nonnull(strstr(err.text, "exit status 9: ..."));
	ck_assert_str_eq(err.text + strlen(err.text) - 7, "the end");
	ck_assert_ptr_nonnull(strstr(err.text, "command 'i=0; while"));
}
END_TEST

START_TEST(output_has_a_limit)
{
	char shell[100];
	(void)snprintf(
		shell, sizeof(shell), "head -c %d /dev/zero", ENVOI_LIMIT_COMMAND_OUTPUT);
	ck_assert_int_eq(run(shell), 0);
	ck_assert_uint_eq(output.length, ENVOI_LIMIT_COMMAND_OUTPUT);
	(void)snprintf(shell, sizeof(shell), "head -c %d /dev/zero",
		ENVOI_LIMIT_COMMAND_OUTPUT + 1);
	ck_assert_int_eq(run(shell), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "prints too much"));
	ck_assert_int_eq(err.status, ENVOI_STATUS_AUTH);
	/* Endless: its group is ended. */
	ck_assert_int_eq(run("cat /dev/zero"), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "prints too much"));
	ck_assert_int_eq(run_limited("cat /dev/zero >&2", 300), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "took too long"));
}
END_TEST

/* The reading end of a named pipe: at its end when all writers are gone. */
static int open_witness(char *path, size_t size)
{
	(void)snprintf(path, size, "%s/witness", folder);
	(void)unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	return fd;
}

static void await_witness(int fd)
{
	char byte[16];
	ssize_t n;
	do {
		n = read(fd, byte, sizeof(byte));
	} while (n > 0);
	ck_assert_int_eq(n, 0);
	(void)close(fd);
}

START_TEST(time_over_ends_the_whole_group)
{
	char path[100], shell[400];
	int fd = open_witness(path, sizeof(path));
	(void)snprintf(shell, sizeof(shell),
		"exec 9>%s; trap '' TERM; (trap '' TERM HUP; while :; do sleep 1; done) "
		"& "
		"(sleep 100) & echo begun >&2; while :; do sleep 1; done",
		path);
	int64_t began = envoi_clock_now();
	ck_assert_int_eq(run_limited(shell, 400), -1);
	await_witness(fd);
	ck_assert_int_lt(envoi_clock_now() - began, 8000000);
	ck_assert_int_eq(err.status, ENVOI_STATUS_AUTH);
	ck_assert_ptr_nonnull(strstr(err.text, "took too long: begun"));
}
END_TEST

START_TEST(a_stop_ends_it)
{
	char path[100], shell[200];
	int ends[2];
	int fd = open_witness(path, sizeof(path));
	(void)snprintf(shell, sizeof(shell), "exec 9>%s; sleep 100", path);
	struct envoi_command command = {.shell = shell};
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	command.stop_fd = ends[0];
	ck_assert_int_eq(envoi_command_run(&command, &output, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_TEMPORARY);
	ck_assert_ptr_nonnull(strstr(err.text, "was interrupted"));
	(void)close(ends[0]);
	(void)close(ends[1]);
	await_witness(fd);
}
END_TEST

START_TEST(what_lives_on_is_not_waited_for)
{
	int64_t began = envoi_clock_now();
	ck_assert_int_eq(run("sleep 100 & echo $!"), 0);
	ck_assert_int_lt(envoi_clock_now() - began, 20000000);
	long pid = strtol(output.data, NULL, 10);
	ck_assert_int_gt(pid, 1);
	(void)kill((pid_t)pid, SIGKILL);
	/* One that closes its output is. */
	ck_assert_int_eq(run("echo early; exec >&- 2>&-; sleep 0.2; exit 4"), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "exit status 4"));
}
END_TEST

START_TEST(it_sees_nothing_of_ours)
{
	int fds[2] = {dup(2), fcntl(2, F_DUPFD, 77)};
	char shell[300];
	ck_assert_int_ge(fds[0], 3);
	(void)snprintf(shell, sizeof(shell),
		"for i in %d %d; do [ -e /dev/fd/$i ] && echo open $i; done; "
		"read x && echo read; [ \"$(readlink /dev/fd/0)\" = /dev/null ] && echo "
		"null",
		fds[0], fds[1]);
	ck_assert_int_eq(run(shell), 0);
	ck_assert_str_eq(output.data, "null\n");
	(void)close(fds[0]);
	(void)close(fds[1]);
	ck_assert_int_eq(setenv("ENVOI_TEST", "seen", 1), 0);
	ck_assert_int_eq(run("echo $ENVOI_TEST"), 0);
	ck_assert_str_eq(output.data, "seen\n");
}
END_TEST

START_TEST(signals_are_as_usual)
{
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
	void (*term_before)(int) = signal(SIGTERM, SIG_IGN);
	int piped = run("kill -PIPE $$; echo alive");
	int termed = run("kill -TERM $$; echo alive");
	(void)signal(SIGPIPE, pipe_before);
	(void)signal(SIGTERM, term_before);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	ck_assert_int_eq(piped, -1);
	ck_assert_int_eq(termed, -1);
	ck_assert_ptr_nonnull(strstr(err.text, "was ended by signal 15"));
}
END_TEST

static void reap(int number)
{
	(void)number;
	while (waitpid(-1, NULL, WNOHANG) > 0) {
	}
}

START_TEST(a_caller_may_ignore_or_reap_children)
{
	struct sigaction now;
	(void)signal(SIGCHLD, SIG_IGN);
	ck_assert_int_eq(run("exit 7"), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "exit status 7"));
	ck_assert_int_eq(run("echo x"), 0);
	ck_assert_int_eq(sigaction(SIGCHLD, NULL, &now), 0);
	ck_assert(now.sa_handler == SIG_IGN);
	(void)signal(SIGCHLD, reap);
	ck_assert_int_eq(run("exit 8"), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "exit status 8"));
	ck_assert_int_eq(sigaction(SIGCHLD, NULL, &now), 0);
	ck_assert(now.sa_handler == reap);
	(void)signal(SIGCHLD, SIG_DFL);
}
END_TEST

static unsigned open_descriptors(void)
{
	unsigned set = 0;
	for (int fd = 0; fd < 32; fd++) {
		set |= fcntl(fd, F_GETFD) >= 0 ? 1u << fd : 0;
	}
	return set;
}

START_TEST(a_caller_may_have_closed_everything)
{
	pid_t child = fork();
	int status = -1;
	if (child == 0) {
		(void)close(0);
		(void)close(1);
		(void)close(2);
		unsigned before = open_descriptors();
		struct envoi_command command = {
			.shell = "read x && exit 3; echo out; echo err >&2; exit 0",
			.stop_fd = -1};
		int result = envoi_command_run(&command, &output, NULL);
		bool same = result == 0 && strcmp(output.data, "out\n") == 0;
		_exit(!same ? 1 : open_descriptors() == before ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* S stands for the secret, T for the long token. */
static const char *const leaks[] = {
	"echo S; exit 1",
	"echo S; echo S >&2; exit 1",
	"echo S; echo user=joe pass=S. >&2; exit 1",
	"printf '  S  \\r\\n'; echo S >&2; exit 1",
	"printf 'S\\nuser: joe\\n'; printf 'S' >&2; exit 1",
	"printf 'x\\000S'; echo S >&2; exit 1",
	"set -x; echo S; exit 1",
	"echo S; echo SSS >&2; kill -KILL $$",
	"echo S; printf S >&2; sleep 100",
	"echo S; echo S >&2; cat /dev/zero",
	"echo T; echo T >&2; exit 1",
	"echo T; echo T | head -c 3000 >&2; exit 1",
	"echo T; echo T | tail -c 3000 >&2; exit 1",
};

/* Is a part of the secret in text that tells something? */
static bool has_part(const char *text, const char *secret, size_t part)
{
	size_t n = strlen(secret);
	char piece[64];
	for (size_t i = 0; i + part <= n; i++) {
		memcpy(piece, secret + i, part);
		piece[part] = '\0';
		if (strstr(text, piece) != NULL) {
			return true;
		}
	}
	return false;
}

START_TEST(no_error_has_the_secret)
{
	static const char secret[] = "Xk9#vQ2z!";
	char token[5001], shell[20000];
	uint32_t state = 12345;
	for (size_t i = 0; i < sizeof(token) - 1; i++) {
		state = state * 1664525u + 1013904223u;
		token[i] = (char)('a' + (state >> 24) % 26);
	}
	token[sizeof(token) - 1] = '\0';
	size_t n = 0;
	for (const char *p = leaks[_i]; *p != '\0'; p++) {
		const char *put = *p == 'S' ? secret : *p == 'T' ? token : NULL;
		int more = put != NULL ? snprintf(shell + n, sizeof(shell) - n, "%s", put)
				       : snprintf(shell + n, sizeof(shell) - n, "%c", *p);
		n += (size_t)more;
		ck_assert_uint_lt(n, sizeof(shell));
	}
	ck_assert_int_eq(run_limited(shell, 2000), -1);
	ck_assert_msg(strstr(err.text, secret) == NULL, "%s", err.text);
	ck_assert_msg(!has_part(err.text, secret, 6), "%s", err.text);
	ck_assert_str_eq(err.hint, "");
	if (strchr(leaks[_i], 'T') != NULL) {
		/* In the command itself only its beginning could be shown. */
		const char *said = strstr(err.text, "exit status 1");
		ck_assert_ptr_nonnull(said);
		ck_assert_msg(!has_part(said, token, 6), "%s", err.text);
		ck_assert_msg(!has_part(err.text, token, 6), "%s", err.text);
	}
}
END_TEST

int main(void)
{
	if (mkdtemp(folder) == NULL) {
		return 1;
	}
	Suite *suite = suite_create("command");
	TCase *tests = tcase_create("command");
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, NULL, finish);
	tcase_add_test(tests, output_is_had_as_it_is);
	tcase_add_test(tests, words_go_through_no_shell);
	tcase_add_loop_test(tests, failures_say_how_and_why, 0,
		(int)(sizeof(failures) / sizeof(failures[0])));
	tcase_add_test(tests, a_command_that_cannot_be_started);
	tcase_add_test(tests, long_stderr_is_cut_at_its_beginning);
	tcase_add_test(tests, output_has_a_limit);
	tcase_add_test(tests, time_over_ends_the_whole_group);
	tcase_add_test(tests, a_stop_ends_it);
	tcase_add_test(tests, what_lives_on_is_not_waited_for);
	tcase_add_test(tests, it_sees_nothing_of_ours);
	tcase_add_test(tests, signals_are_as_usual);
	tcase_add_test(tests, a_caller_may_ignore_or_reap_children);
	tcase_add_test(tests, a_caller_may_have_closed_everything);
	tcase_add_loop_test(tests, no_error_has_the_secret, 0,
		(int)(sizeof(leaks) / sizeof(leaks[0])));
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	char path[100];
	(void)snprintf(path, sizeof(path), "%s/witness", folder);
	(void)unlink(path);
	(void)rmdir(folder);
	return failed == 0 ? 0 : 1;
}
