/*
 * Running a command: two pipes, and a loop that waits for what it prints and
 * for its end.
 *
 * The end is looked for with waitid(2) and WNOWAIT, not by the end of its
 * output (a grandchild may keep that open), and the process is reaped last of
 * all: so the number of its group stays its own for as long as the group may
 * have to be killed. SIGCHLD has its default meanwhile: a caller that ignores
 * it would have the kernel reap the process.
 */
#include "config/command_internal.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"

#define TIME_LIMIT_MS 30000
/* Between TERM and KILL. */
#define GRACE_US 1000000
/* How often an end without end of output is looked for. */
#define LOOK_MS 50

/* -- the terminal ---------------------------------------------------------- */

/* tcsetpgrp(3) stops a background process unless SIGTTOU is blocked. */
static void give_terminal(int terminal, pid_t group)
{
	sigset_t stop, before;
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &stop, &before);
	(void)tcsetpgrp(terminal, group);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}

static void lend_terminal(struct envoi_running *run)
{
	int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal < 0) {
		return;
	}
	if (tcgetpgrp(terminal) != getpgrp()) {
		(void)close(terminal);
		return;
	}
	run->terminal = terminal;
	give_terminal(terminal, run->pid);
	/* It may have asked too early, and have been stopped. */
	(void)kill(-run->pid, SIGCONT);
}

static void take_terminal_back(struct envoi_running *run)
{
	if (run->terminal >= 0) {
		give_terminal(run->terminal, getpgrp());
		(void)close(run->terminal);
		run->terminal = -1;
	}
}

/* -- running --------------------------------------------------------------- */

/* Reads what there is, at most a buffer full. False when the end was read. */
static bool read_output(struct envoi_running *run)
{
	size_t room = ENVOI_LIMIT_COMMAND_OUTPUT + 1 - run->length;
	ssize_t n = read(run->out, run->output + run->length, room);
	if (n > 0) {
		run->length += (size_t)n;
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool read_errors(struct envoi_running *run)
{
	char block[ENVOI_LIMIT_COMMAND_STDERR];
	ssize_t n = read(run->errors, block, sizeof(block));
	if (n > 0) {
		size_t over = run->said.len + (size_t)n;
		over = over > sizeof(block) ? over - sizeof(block) : 0;
		run->said_cut |= over > 0;
		envoi_buffer_consume(
			&run->said, over < run->said.len ? over : run->said.len);
		(void)envoi_buffer_append(&run->said, block, (size_t)n);
	}
	envoi_secret_wipe(block, sizeof(block));
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void close_end(int *fd)
{
	(void)close(*fd);
	*fd = -1;
}

/* One look at both pipes, waiting up to timeout ms. True: shall be stopped. */
static bool listen_to(struct envoi_running *run, int timeout)
{
	struct pollfd fds[3] = {
		{.fd = run->out, .events = POLLIN},
		{.fd = run->errors, .events = POLLIN},
		{.fd = run->command->stop_fd, .events = POLLIN},
	};
	if (poll(fds, 3, timeout) <= 0) {
		return false;
	}
	if (fds[0].revents != 0 && !read_output(run)) {
		close_end(&run->out);
	}
	if (fds[1].revents != 0 && !read_errors(run)) {
		close_end(&run->errors);
	}
	return fds[2].revents != 0;
}

/* Did it end, or stop? Sets run->ended and run->how. */
static bool look_for_end(struct envoi_running *run)
{
	run->how.si_pid = 0;
	int found;
	do {
		found = waitid(P_PID, (id_t)run->pid, &run->how,
			WEXITED | WSTOPPED | WNOHANG | WNOWAIT);
	} while (found != 0 && errno == EINTR);
	run->ended = found == 0 && run->how.si_pid == run->pid
		     && run->how.si_code != CLD_STOPPED;
	return found != 0 || run->how.si_pid == run->pid;
}

/* What is still in the pipes; writers that live on get no second look. */
static void read_rest(struct envoi_running *run)
{
	for (size_t before = SIZE_MAX; run->out >= 0 && run->length != before
				       && run->length <= ENVOI_LIMIT_COMMAND_OUTPUT;) {
		before = run->length;
		if (!read_output(run)) {
			close_end(&run->out);
		}
	}
	for (int i = 0; run->errors >= 0 && i < 32; i++) {
		struct pollfd fd = {.fd = run->errors, .events = POLLIN};
		if (poll(&fd, 1, 0) != 1 || !read_errors(run)) {
			break;
		}
	}
}

/* Until it ends or is to be ended: what is wrong, or NULL. */
static const char *converse(struct envoi_running *run, enum envoi_status *ret_status)
{
	int64_t limit = run->command->time_limit_ms > 0 ? run->command->time_limit_ms
							: TIME_LIMIT_MS;
	int64_t deadline = envoi_clock_now() + limit * 1000;
	int look = 1;
	*ret_status = ENVOI_STATUS_AUTH;
	for (;;) {
		int64_t left = deadline - envoi_clock_now();
		/* With both ends read it is about to end. */
		bool silent = run->out < 0 && run->errors < 0;
		int wait = silent ? look : LOOK_MS;
		look = look < LOOK_MS / 2 ? look * 2 : LOOK_MS;
		if (left <= 0) {
			return "took too long";
		}
		wait = left < (int64_t)wait * 1000 ? (int)(left / 1000) + 1 : wait;
		if (listen_to(run, wait)) {
			*ret_status = ENVOI_STATUS_TEMPORARY;
			return "was interrupted";
		}
		if (run->length > ENVOI_LIMIT_COMMAND_OUTPUT) {
			return "prints too much";
		}
		if (look_for_end(run)) {
			return run->ended ? NULL
					  : "was stopped: it may have asked on a "
					    "terminal that is not its own";
		}
	}
}

/* Ends the group: TERM, and KILL for those whom that does not end. */
static void end_group(struct envoi_running *run)
{
	int64_t deadline = envoi_clock_now() + GRACE_US;
	(void)kill(-run->pid, SIGTERM);
	(void)kill(-run->pid, SIGCONT);
	for (int wait = 1; !run->ended && envoi_clock_now() < deadline;) {
		(void)poll(NULL, 0, wait);
		wait = wait < LOOK_MS ? wait * 2 : LOOK_MS;
		(void)look_for_end(run);
	}
	(void)kill(-run->pid, SIGKILL);
}

static int judge(struct envoi_running *run, struct envoi_secret *ret_output,
	struct envoi_error *err)
{
	char why[80];
	if (run->how.si_code != CLD_EXITED) {
		int number = run->how.si_status;
		(void)snprintf(why, sizeof(why), "was ended by signal %d", number);
		return envoi_running_fail(run,
			number == SIGINT || number == SIGTERM ? ENVOI_STATUS_TEMPORARY
							      : ENVOI_STATUS_AUTH,
			why, err);
	}
	if (run->how.si_status != 0) {
		(void)snprintf(why, sizeof(why), "failed with exit status %d",
			run->how.si_status);
		/* So a shell says that its child was interrupted. */
		return envoi_running_fail(run,
			run->how.si_status == 128 + SIGINT ? ENVOI_STATUS_TEMPORARY
							   : ENVOI_STATUS_AUTH,
			why, err);
	}
	if (run->length > ENVOI_LIMIT_COMMAND_OUTPUT) {
		return envoi_running_fail(run, ENVOI_STATUS_AUTH, "prints too much", err);
	}
	if (envoi_secret_set(ret_output, run->output, run->length) != 0) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	return 0;
}

static int run_started(struct envoi_running *run, struct envoi_secret *ret_output,
	struct envoi_error *err)
{
	enum envoi_status status;
	lend_terminal(run);
	const char *why = converse(run, &status);
	if (why != NULL) {
		end_group(run);
	}
	take_terminal_back(run);
	read_rest(run);
	int result = why != NULL ? envoi_running_fail(run, status, why, err)
				 : judge(run, ret_output, err);
	siginfo_t how;
	while (waitid(P_PID, (id_t)run->pid, &how, WEXITED) != 0 && errno == EINTR) {
	}
	return result;
}

int envoi_command_run(const struct envoi_command *command,
	struct envoi_secret *ret_output, struct envoi_error *err)
{
	struct envoi_running run = {
		.command = command, .out = -1, .errors = -1, .terminal = -1};
	struct sigaction usual = {.sa_handler = SIG_DFL}, before;
	int result = -1;
	envoi_buffer_init(&run.said, (size_t)2 * ENVOI_LIMIT_COMMAND_STDERR);
	run.output = malloc(ENVOI_LIMIT_COMMAND_OUTPUT + 1);
	if (run.output == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	(void)sigemptyset(&usual.sa_mask);
	(void)sigaction(SIGCHLD, &usual, &before);
	if (envoi_running_start(&run, err) == 0) {
		result = run_started(&run, ret_output, err);
	}
	(void)sigaction(SIGCHLD, &before, NULL);
	if (run.out >= 0) {
		(void)close(run.out);
	}
	if (run.errors >= 0) {
		(void)close(run.errors);
	}
	envoi_secret_wipe(run.output, run.length);
	free(run.output);
	envoi_buffer_finish(&run.said);
	return result;
}
