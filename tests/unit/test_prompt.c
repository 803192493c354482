/*
 * A person at a terminal, played through a pseudo-terminal: what is asked,
 * that nothing is echoed, and that echo is back however it ends.
 *
 * test --- leader (of the session of the terminal) --- asker (a job in it)
 *
 * The leader waits for the asker as a shell does, and tells how it fares.
 */
#define _XOPEN_SOURCE 700
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "config/secret_source.h"

/* What the asker had. */
struct answer {
	int result;
	enum envoi_status status;
	char text[400];
	size_t length;
	char secret[5000];
};

/* How it is asked. */
struct asking {
	bool no_terminal;
	bool background;
	bool handler;
	bool ignore;
	bool stopped;
	const char *user;
	/** In place of a prompt: a command. */
	const char *shell;
};

struct scene {
	int master;
	int slave;
	pid_t leader;
	pid_t asker;
	/** int: wait status of the asker. */
	int events;
	/** struct answer. */
	int answers;
};

static int handler_end = -1;

static void on_signal(int number)
{
	(void)number;
	(void)!write(handler_end, "x", 1);
}

static void ask(const struct asking *asking, int answers)
{
	static struct answer answer;
	struct envoi_secret secret = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_secret_need need = {
		.user = asking->user != NULL ? asking->user : "joe",
		.host = "mx.example.org",
		.stop_fd = -1};
	struct envoi_secret_source source = {.kind = ENVOI_SECRET_PROMPT};
	int ends[2];
	if (asking->shell != NULL) {
		source.kind = ENVOI_SECRET_SHELL;
		source.text = asking->shell;
	}
	if (asking->handler || asking->stopped) {
		(void)!pipe(ends);
		need.stop_fd = ends[0];
		handler_end = ends[1];
		struct sigaction action = {.sa_handler = on_signal};
		(void)sigaction(SIGINT, &action, NULL);
		if (asking->stopped) {
			on_signal(0);
		}
	}
	if (asking->ignore) {
		(void)signal(SIGINT, SIG_IGN);
	}
	/* Should it wait for ever, it ends. */
	(void)alarm(60);
	answer.result = envoi_secret_obtain(&source, &need, &secret, &err);
	answer.status = err.status;
	(void)snprintf(answer.text, sizeof(answer.text), "%s", err.text);
	answer.length = secret.length;
	if (secret.length < sizeof(answer.secret)) {
		memcpy(answer.secret, secret.data != NULL ? secret.data : "",
			secret.length);
	}
	envoi_secret_finish(&secret);
	sigset_t mask;
	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int i = 1; i < 32; i++) {
		if (sigismember(&mask, i) == 1) {
			answer.result = 100 + i;
		}
	}
	(void)!write(answers, &answer, sizeof(answer));
	_exit(0);
}

static void lead(const struct asking *asking, const char *name, int events, int answers)
{
	int go[2];
	(void)setsid();
	(void)signal(SIGTTOU, SIG_IGN);
	int tty = asking->no_terminal ? -1 : open(name, O_RDWR);
	(void)!pipe(go);
	pid_t asker = fork();
	if (asker == 0) {
		char byte;
		(void)signal(SIGTTOU, SIG_DFL);
		/* Check has handlers of its own. */
		(void)signal(SIGINT, SIG_DFL);
		(void)signal(SIGTERM, SIG_DFL);
		(void)!read(go[0], &byte, 1);
		ask(asking, answers);
	}
	(void)setpgid(asker, asker);
	if (tty >= 0 && !asking->background) {
		(void)tcsetpgrp(tty, asker);
	}
	(void)!write(events, &asker, sizeof(asker));
	(void)!write(go[1], "x", 1);
	int status;
	do {
		while (waitpid(asker, &status, WUNTRACED) < 0 && errno == EINTR) {
		}
		(void)!write(events, &status, sizeof(status));
	} while (WIFSTOPPED(status));
	_exit(0);
}

static int read_int(int fd)
{
	int value = 0;
	ck_assert_int_eq(read(fd, &value, sizeof(value)), sizeof(value));
	return value;
}

static void begin(struct scene *scene, const struct asking *asking)
{
	int events[2], answers[2];
	scene->master = posix_openpt(O_RDWR | O_NOCTTY);
	ck_assert_int_ge(scene->master, 0);
	ck_assert_int_eq(grantpt(scene->master), 0);
	ck_assert_int_eq(unlockpt(scene->master), 0);
	const char *name = ptsname(scene->master);
	scene->slave = open(name, O_RDWR | O_NOCTTY);
	ck_assert_int_ge(scene->slave, 0);
	ck_assert_int_eq(pipe(events), 0);
	ck_assert_int_eq(pipe(answers), 0);
	scene->leader = fork();
	if (scene->leader == 0) {
		lead(asking, name, events[1], answers[1]);
	}
	(void)close(events[1]);
	(void)close(answers[1]);
	scene->events = events[0];
	scene->answers = answers[0];
	ck_assert_int_eq(
		read(scene->events, &scene->asker, sizeof(pid_t)), sizeof(pid_t));
}

static bool echoes(const struct scene *scene)
{
	struct termios now;
	ck_assert_int_eq(tcgetattr(scene->slave, &now), 0);
	return (now.c_lflag & ECHO) != 0;
}

/* Reads what is shown up to and with the text. */
static void expect(const struct scene *scene, const char *text)
{
	char shown[1000];
	size_t n = 0, m = strlen(text);
	while (n < m || memcmp(shown + n - m, text, m) != 0) {
		ck_assert_uint_lt(n, sizeof(shown));
		struct pollfd fd = {.fd = scene->master, .events = POLLIN};
		ck_assert_msg(poll(&fd, 1, 20000) == 1, "no '%s' in '%.*s'", text, (int)n,
			shown);
		ck_assert_int_eq(read(scene->master, shown + n, 1), 1);
		n++;
	}
}

static void type(const struct scene *scene, const char *text)
{
	size_t n = strlen(text);
	ck_assert_int_eq(write(scene->master, text, n), (ssize_t)n);
}

static const struct answer *answer_of(const struct scene *scene)
{
	static struct answer answer;
	char *at = (char *)&answer;
	size_t n = 0;
	while (n < sizeof(answer)) {
		ssize_t got = read(scene->answers, at + n, sizeof(answer) - n);
		ck_assert_int_gt(got, 0);
		n += (size_t)got;
	}
	return &answer;
}

/* The rest of what is shown; nothing of the secret may be in it. */
static void expect_not_shown(const struct scene *scene, const char *secret)
{
	char shown[6000];
	struct pollfd fd = {.fd = scene->master, .events = POLLIN};
	size_t n = 0;
	while (poll(&fd, 1, 0) == 1 && n < sizeof(shown) - 1) {
		ssize_t got = read(scene->master, shown + n, sizeof(shown) - 1 - n);
		if (got <= 0) {
			break;
		}
		n += (size_t)got;
	}
	shown[n] = '\0';
	ck_assert_ptr_null(strstr(shown, secret));
}

static void end(struct scene *scene)
{
	ck_assert_int_eq(waitpid(scene->leader, NULL, 0), scene->leader);
	(void)close(scene->events);
	(void)close(scene->answers);
	(void)close(scene->slave);
	(void)close(scene->master);
}

static void end_well(struct scene *scene)
{
	ck_assert_int_eq(read_int(scene->events), 0);
	ck_assert(echoes(scene));
	end(scene);
}

#define PROMPT "password for joe at mx.example.org: "

START_TEST(a_password_is_typed)
{
	struct scene scene;
	begin(&scene, &(struct asking){0});
	expect(&scene, PROMPT);
	ck_assert(!echoes(&scene));
	type(&scene, "s3cret\n");
	const struct answer *answer = answer_of(&scene);
	ck_assert_int_eq(answer->result, 0);
	ck_assert_uint_eq(answer->length, 6);
	ck_assert_mem_eq(answer->secret, "s3cret", 6);
	expect(&scene, "\r\n");
	expect_not_shown(&scene, "s3c");
	end_well(&scene);
}
END_TEST

START_TEST(a_line_is_edited)
{
	struct scene scene;
	begin(&scene, &(struct asking){0});
	expect(&scene, PROMPT);
	type(&scene, "wrong\025s3x\177c\004ret\n");
	const struct answer *answer = answer_of(&scene);
	ck_assert_int_eq(answer->result, 0);
	ck_assert_uint_eq(answer->length, 6);
	ck_assert_mem_eq(answer->secret, "s3cret", 6);
	expect_not_shown(&scene, "s3");
	end_well(&scene);
}
END_TEST

START_TEST(names_are_made_printable)
{
	struct scene scene;
	begin(&scene, &(struct asking){.user = "joe\033[2J"});
	expect(&scene, "password for joe\\x1B[2J at mx.example.org: ");
	type(&scene, "x\n");
	ck_assert_int_eq(answer_of(&scene)->result, 0);
	end_well(&scene);
}
END_TEST

START_TEST(nothing_is_typed)
{
	static const char *const typed[] = {"\n", "\004"};
	struct scene scene;
	begin(&scene, &(struct asking){0});
	expect(&scene, PROMPT);
	type(&scene, typed[_i]);
	const struct answer *answer = answer_of(&scene);
	ck_assert_int_eq(answer->result, -1);
	ck_assert_int_eq(answer->status, ENVOI_STATUS_AUTH);
	ck_assert_str_eq(answer->text,
		"no password for joe at mx.example.org: no password was typed");
	end_well(&scene);
}
END_TEST

START_TEST(long_lines)
{
	static char line[4096];
	struct scene scene;
	/* The last of them is cut by the terminal. */
	size_t n = _i == 0 ? 4094 : 4095;
	memset(line, 'x', sizeof(line));
	begin(&scene, &(struct asking){0});
	expect(&scene, PROMPT);
	line[n] = '\0';
	type(&scene, line);
	type(&scene, "\n");
	const struct answer *answer = answer_of(&scene);
	if (_i == 0) {
		ck_assert_int_eq(answer->result, 0);
		ck_assert_uint_eq(answer->length, n);
	} else {
		ck_assert_int_eq(answer->result, -1);
		ck_assert_ptr_nonnull(
			strstr(answer->text, "too long for a line of a terminal"));
	}
	end_well(&scene);
}
END_TEST

START_TEST(an_interrupt_ends_it)
{
	struct scene scene;
	begin(&scene, &(struct asking){0});
	expect(&scene, PROMPT);
	if (_i == 0) {
		type(&scene, "s3c\003");
	} else {
		ck_assert_int_eq(kill(scene.asker, SIGTERM), 0);
	}
	int status = read_int(scene.events);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), _i == 0 ? SIGINT : SIGTERM);
	ck_assert(echoes(&scene));
	expect_not_shown(&scene, "s3c");
	end(&scene);
}
END_TEST

START_TEST(a_handler_has_its_way)
{
	struct scene scene;
	begin(&scene, &(struct asking){.handler = true});
	expect(&scene, PROMPT);
	type(&scene, "\003");
	const struct answer *answer = answer_of(&scene);
	ck_assert_int_eq(answer->result, -1);
	ck_assert_int_eq(answer->status, ENVOI_STATUS_TEMPORARY);
	ck_assert_ptr_nonnull(strstr(answer->text, "interrupted at the prompt"));
	end_well(&scene);
}
END_TEST

START_TEST(an_ignored_signal_is_ignored)
{
	struct scene scene;
	begin(&scene, &(struct asking){.ignore = true});
	expect(&scene, PROMPT);
	type(&scene, "\003");
	type(&scene, "s3cret\n");
	const struct answer *answer = answer_of(&scene);
	ck_assert_int_eq(answer->result, 0);
	ck_assert_uint_eq(answer->length, 6);
	end_well(&scene);
}
END_TEST

START_TEST(a_stop_of_the_run_ends_it)
{
	struct scene scene;
	begin(&scene, &(struct asking){.stopped = true});
	const struct answer *answer = answer_of(&scene);
	ck_assert_int_eq(answer->result, -1);
	ck_assert_int_eq(answer->status, ENVOI_STATUS_TEMPORARY);
	end_well(&scene);
}
END_TEST

START_TEST(stopped_and_continued)
{
	struct scene scene;
	begin(&scene, &(struct asking){0});
	expect(&scene, PROMPT);
	type(&scene, "lost\032");
	ck_assert(WIFSTOPPED(read_int(scene.events)));
	ck_assert(echoes(&scene));
	ck_assert_int_eq(kill(scene.asker, SIGCONT), 0);
	expect(&scene, PROMPT);
	ck_assert(!echoes(&scene));
	type(&scene, "s3cret\n");
	const struct answer *answer = answer_of(&scene);
	ck_assert_int_eq(answer->result, 0);
	ck_assert_uint_eq(answer->length, 6);
	end_well(&scene);
}
END_TEST

START_TEST(nobody_to_ask)
{
	static const char *const reasons[] = {
		"there is no terminal to ask on", "envoi runs in the background"};
	struct scene scene;
	begin(&scene, &(struct asking){.no_terminal = _i == 0, .background = _i == 1});
	const struct answer *answer = answer_of(&scene);
	ck_assert_int_eq(answer->result, -1);
	ck_assert_int_eq(answer->status, ENVOI_STATUS_AUTH);
	ck_assert_ptr_nonnull(strstr(answer->text, reasons[_i]));
	end_well(&scene);
}
END_TEST

START_TEST(a_command_may_ask)
{
	struct scene scene;
	begin(&scene, &(struct asking){
			      .shell = "echo PIN: >/dev/tty; read x </dev/tty; echo $x"});
	expect(&scene, "PIN:\r\n");
	type(&scene, "1234\n");
	const struct answer *answer = answer_of(&scene);
	ck_assert_int_eq(answer->result, 0);
	ck_assert_uint_eq(answer->length, 4);
	/* The terminal is the asker's again. */
	end_well(&scene);
	begin(&scene, &(struct asking){.shell = "read x </dev/tty", .background = true});
	answer = answer_of(&scene);
	ck_assert_int_eq(answer->result, -1);
	ck_assert_ptr_nonnull(strstr(answer->text, "was stopped"));
	end_well(&scene);
	begin(&scene, &(struct asking){.shell = "echo PIN: >/dev/tty; exec sleep 100"});
	expect(&scene, "PIN:\r\n");
	/* It is lent the terminal when it already runs. */
	while (tcgetpgrp(scene.master) == scene.asker) {
		(void)poll(NULL, 0, 1);
	}
	type(&scene, "\003");
	answer = answer_of(&scene);
	ck_assert_str_eq(answer->text,
		"command 'echo PIN: >/dev/tty; exec sleep 100' was "
		"ended by signal 2");
	ck_assert_int_eq(answer->status, ENVOI_STATUS_TEMPORARY);
	end_well(&scene);
}
END_TEST

int main(void)
{
	(void)alarm(120);
	Suite *suite = suite_create("prompt");
	TCase *tests = tcase_create("prompt");
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_password_is_typed);
	tcase_add_test(tests, a_line_is_edited);
	tcase_add_test(tests, names_are_made_printable);
	tcase_add_loop_test(tests, nothing_is_typed, 0, 2);
	tcase_add_loop_test(tests, long_lines, 0, 2);
	tcase_add_loop_test(tests, an_interrupt_ends_it, 0, 2);
	tcase_add_test(tests, a_handler_has_its_way);
	tcase_add_test(tests, an_ignored_signal_is_ignored);
	tcase_add_test(tests, a_stop_of_the_run_ends_it);
	tcase_add_test(tests, stopped_and_continued);
	tcase_add_loop_test(tests, nobody_to_ask, 0, 2);
	tcase_add_test(tests, a_command_may_ask);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
