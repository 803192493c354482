/*
 * Running a command: posix_spawn(3), two pipes, and a loop that waits for what
 * it prints and for its end.
 *
 * The end is looked for with waitid(2) and WNOWAIT, not by the end of its
 * output (a grandchild may keep that open), and the process is reaped last of
 * all: so the number of its group stays its own for as long as the group may
 * have to be killed. SIGCHLD has its default meanwhile: a caller that ignores
 * it would have the kernel reap the process.
 */
#include "config/command.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/limits.h"

extern char **environ;

#define TIME_LIMIT_MS 30000
/* Between TERM and KILL. */
#define GRACE_US 1000000
/* How often an end without end of output is looked for. */
#define LOOK_MS 50
/* Descriptors tried one by one where /dev/fd is missing. */
#define DESCRIPTORS_MAX 65536

/* A part of a secret that is long enough to tell something. */
#define HIDDEN_PART 6

struct running {
	const struct envoi_command *command;
	pid_t pid;
	/** Reading ends; -1: its end was read. */
	int out;
	int errors;
	/** stdout, with room for one octet more than allowed. */
	char *output;
	size_t length;
	/** The end of stderr. */
	struct envoi_buffer said;
	bool said_cut;
	/** The terminal it was lent, -1: none. */
	int terminal;
	bool ended;
	siginfo_t how;
};

/* How a command is called in messages: its words, one blank between. */
static void name_command(const struct envoi_command *command, struct envoi_buffer *out)
{
	(void)envoi_buffer_puts(out, "command '");
	if (command->argv == NULL) {
		(void)envoi_buffer_puts(out, command->shell);
	}
	for (size_t i = 0; command->argv != NULL && command->argv[i] != NULL; i++) {
		(void)envoi_buffer_puts(out, i > 0 ? " " : "");
		(void)envoi_buffer_puts(out, command->argv[i]);
	}
	(void)envoi_buffer_puts(out, "'");
}

/* -- what must not be seen ------------------------------------------------- */

/* The longest beginning of text that stands anywhere in secret. */
static size_t longest_match(struct envoi_span text, struct envoi_span secret)
{
	size_t best = 0;
	for (size_t i = 0; i < secret.len; i++) {
		size_t n = 0;
		while (n < text.len && i + n < secret.len
			&& text.data[n] == secret.data[i + n]) {
			n++;
		}
		best = n > best ? n : best;
	}
	return best;
}

/* Hides the secret in text, and parts of it that are at least so long. */
static void hide(struct envoi_buffer *text, struct envoi_span secret, size_t least)
{
	static const char mark[] = "[hidden]";
	struct envoi_span rest = envoi_buffer_span(text);
	struct envoi_buffer shown;
	envoi_buffer_init(&shown, text->max + (size_t)8 * rest.len);
	least = secret.len < least ? secret.len : least;
	while (least > 0 && rest.len >= least) {
		size_t n = longest_match(rest, secret);
		if (n >= least) {
			(void)envoi_buffer_puts(&shown, mark);
		} else {
			n = 1;
			(void)envoi_buffer_append(&shown, rest.data, n);
		}
		rest.data += n;
		rest.len -= n;
	}
	(void)envoi_buffer_append(&shown, rest.data, rest.len);
	envoi_secret_wipe(text->data, text->capacity);
	envoi_buffer_finish(text);
	*text = shown;
}

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r' || c == '\0';
}

/* Hides each line of what stood on stdout. */
static void hide_output(
	const struct running *run, struct envoi_buffer *text, size_t least)
{
	size_t i = 0;
	while (i < run->length && text->len > 0) {
		size_t n = 0;
		while (i + n < run->length && !is_line_end(run->output[i + n])) {
			n++;
		}
		hide(text, envoi_span_trim((struct envoi_span){run->output + i, n}),
			least);
		i += n + 1;
	}
}

/* -- errors ---------------------------------------------------------------- */

/* Lines as one, fit for any terminal: "a / b". */
static void put_lines(struct envoi_buffer *out, struct envoi_span lines)
{
	while (lines.len > 0 && is_line_end(lines.data[lines.len - 1])) {
		lines.len--;
	}
	while (lines.len > 0) {
		const char *lf = memchr(lines.data, '\n', lines.len);
		size_t n = lf != NULL ? (size_t)(lf - lines.data) : lines.len;
		(void)envoi_span_escape(out, (struct envoi_span){lines.data, n});
		(void)envoi_buffer_puts(out, lf != NULL ? " / " : "");
		n += lf != NULL;
		lines.data += n;
		lines.len -= n;
	}
}

/* "command 'gpg -d x' WHY: gpg: no secret key" */
static int fail(struct running *run, enum envoi_status status, const char *why,
	struct envoi_error *err)
{
	struct envoi_buffer name, text, said;
	envoi_buffer_init(&name, 65536);
	envoi_buffer_init(&text, 1 << 20);
	envoi_buffer_init(&said, 1 << 20);
	name_command(run->command, &name);
	hide_output(run, &name, SIZE_MAX);
	hide_output(run, &run->said, HIDDEN_PART);
	if (envoi_span_escape(&text, envoi_buffer_span(&name)) != 0) {
		(void)envoi_buffer_puts(&text, "command");
	}
	put_lines(&said, envoi_span_trim(envoi_buffer_span(&run->said)));
	/* Of a long command its beginning, of a long stderr its end. */
	size_t room = sizeof(err->text) - 1;
	size_t shown = said.len > room / 2 ? room / 2 : said.len;
	size_t named = text.len > room / 3 ? room / 3 : text.len;
	(void)envoi_error_set(err, status, "%.*s%s %s%s%s%.*s", (int)named,
		text.len > 0 ? envoi_buffer_span(&text).data : "",
		named < text.len ? "...'" : "", why, shown > 0 ? ": " : "",
		shown < said.len || run->said_cut ? "..." : "", (int)shown,
		said.len > 0 ? envoi_buffer_span(&said).data + said.len - shown : "");
	envoi_buffer_finish(&name);
	envoi_buffer_finish(&text);
	envoi_buffer_finish(&said);
	return -1;
}

static int fail_sys(struct running *run, enum envoi_status status, int sys,
	const char *what, struct envoi_error *err)
{
	char why[200];
	struct envoi_error reason;
	(void)envoi_error_sys(&reason, status, sys, "%s", what);
	(void)snprintf(why, sizeof(why), "%.190s", reason.text);
	(void)fail(run, status, why, err);
	if (err != NULL) {
		err->sys = sys;
	}
	return -1;
}

/* -- starting -------------------------------------------------------------- */

/* A pipe whose ends are close-on-exec and above 2 (the caller may have closed
 * its standard descriptors). The reading end does not block. */
static int open_pipe(int ret_ends[2])
{
	int ends[2];
	if (pipe(ends) != 0) {
		return -1;
	}
	int saved = 0;
	for (size_t i = 0; i < 2; i++) {
		ret_ends[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
		saved = ret_ends[i] < 0 ? errno : saved;
		(void)close(ends[i]);
	}
	if (saved == 0 && fcntl(ret_ends[0], F_SETFL, O_NONBLOCK) != 0) {
		saved = errno;
	}
	if (saved != 0) {
		for (size_t i = 0; i < 2; i++) {
			if (ret_ends[i] >= 0) {
				(void)close(ret_ends[i]);
			}
		}
		errno = saved;
		return -1;
	}
	return 0;
}

/* The number after *fd of an open descriptor the command would inherit. */
static bool would_inherit(int fd)
{
	int flags = fd > 2 ? fcntl(fd, F_GETFD) : -1;
	return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

/* Descriptors that envoi itself was given (a --password-fd among them). */
static int close_inherited(posix_spawn_file_actions_t *actions)
{
	int failed = 0;
	DIR *dir = opendir("/dev/fd");
	if (dir == NULL) {
		long max = sysconf(_SC_OPEN_MAX);
		max = max < 0 || max > DESCRIPTORS_MAX ? DESCRIPTORS_MAX : max;
		for (int fd = 3; fd < max && failed == 0; fd++) {
			if (would_inherit(fd)) {
				failed = posix_spawn_file_actions_addclose(actions, fd);
			}
		}
		return failed;
	}
	const struct dirent *entry;
	while (failed == 0 && (entry = readdir(dir)) != NULL) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);
		if (end != entry->d_name && *end == '\0' && would_inherit((int)fd)) {
			failed = posix_spawn_file_actions_addclose(actions, (int)fd);
		}
	}
	(void)closedir(dir);
	return failed;
}

static int set_actions(posix_spawn_file_actions_t *actions, int out, int errors)
{
	int failed =
		posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
	if (failed == 0) {
		failed = posix_spawn_file_actions_adddup2(actions, out, 1);
	}
	if (failed == 0) {
		failed = posix_spawn_file_actions_adddup2(actions, errors, 2);
	}
	return failed == 0 ? close_inherited(actions) : failed;
}

/* Signals as in a fresh login: what envoi ignores or blocks is its own. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	static const int usual[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM,
		SIGCHLD, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};
	sigset_t defaults, none;
	(void)sigemptyset(&defaults);
	(void)sigemptyset(&none);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		(void)sigaddset(&defaults, usual[i]);
	}
	int failed = posix_spawnattr_setflags(attributes,
		POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	if (failed == 0) {
		failed = posix_spawnattr_setpgroup(attributes, 0);
	}
	if (failed == 0) {
		failed = posix_spawnattr_setsigdefault(attributes, &defaults);
	}
	return failed == 0 ? posix_spawnattr_setsigmask(attributes, &none) : failed;
}

/* An errno, or 0. argv's strings are not changed by execve(2). */
static int spawn(struct running *run, int out, int errors)
{
	const char *const shell[] = {"sh", "-c", run->command->shell, NULL};
	const char *const *argv = run->command->argv;
	union {
		const char *const *ours;
		char *const *theirs;
	} words = {.ours = argv != NULL ? argv : shell};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int failed = posix_spawn_file_actions_init(&actions);
	if (failed != 0) {
		return failed;
	}
	failed = posix_spawnattr_init(&attributes);
	if (failed == 0) {
		failed = set_actions(&actions, out, errors);
		if (failed == 0) {
			failed = set_attributes(&attributes);
		}
		if (failed == 0 && argv == NULL) {
			failed = posix_spawn(&run->pid, "/bin/sh", &actions, &attributes,
				words.theirs, environ);
		} else if (failed == 0) {
			failed = posix_spawnp(&run->pid, argv[0], &actions, &attributes,
				words.theirs, environ);
		}
		(void)posix_spawnattr_destroy(&attributes);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return failed;
}

static int start(struct running *run, struct envoi_error *err)
{
	int out[2], errors[2];
	if (open_pipe(out) != 0) {
		return fail_sys(run, ENVOI_STATUS_SYSTEM, errno, "cannot be run", err);
	}
	if (open_pipe(errors) != 0) {
		int saved = errno;
		(void)close(out[0]);
		(void)close(out[1]);
		return fail_sys(run, ENVOI_STATUS_SYSTEM, saved, "cannot be run", err);
	}
	run->out = out[0];
	run->errors = errors[0];
	int failed = spawn(run, out[1], errors[1]);
	(void)close(out[1]);
	(void)close(errors[1]);
	if (failed != 0) {
		bool ours = failed == EAGAIN || failed == ENOMEM || failed == EMFILE
			    || failed == ENFILE;
		run->pid = 0;
		return fail_sys(run, ours ? ENVOI_STATUS_SYSTEM : ENVOI_STATUS_CONFIG,
			failed, "cannot be run", err);
	}
	return 0;
}

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

static void lend_terminal(struct running *run)
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

static void take_terminal_back(struct running *run)
{
	if (run->terminal >= 0) {
		give_terminal(run->terminal, getpgrp());
		(void)close(run->terminal);
		run->terminal = -1;
	}
}

/* -- running --------------------------------------------------------------- */

/* Reads what there is, at most a buffer full. False when the end was read. */
static bool read_output(struct running *run)
{
	size_t room = ENVOI_LIMIT_COMMAND_OUTPUT + 1 - run->length;
	ssize_t n = read(run->out, run->output + run->length, room);
	if (n > 0) {
		run->length += (size_t)n;
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool read_errors(struct running *run)
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
static bool listen_to(struct running *run, int timeout)
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
static bool look_for_end(struct running *run)
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
static void read_rest(struct running *run)
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
static const char *converse(struct running *run, enum envoi_status *ret_status)
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
static void end_group(struct running *run)
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

static int judge(struct running *run, struct envoi_secret *ret_output,
	struct envoi_error *err)
{
	char why[80];
	if (run->how.si_code != CLD_EXITED) {
		int number = run->how.si_status;
		(void)snprintf(why, sizeof(why), "was ended by signal %d", number);
		return fail(run,
			number == SIGINT || number == SIGTERM ? ENVOI_STATUS_TEMPORARY
							      : ENVOI_STATUS_AUTH,
			why, err);
	}
	if (run->how.si_status != 0) {
		(void)snprintf(why, sizeof(why), "failed with exit status %d",
			run->how.si_status);
		/* So a shell says that its child was interrupted. */
		return fail(run,
			run->how.si_status == 128 + SIGINT ? ENVOI_STATUS_TEMPORARY
							   : ENVOI_STATUS_AUTH,
			why, err);
	}
	if (run->length > ENVOI_LIMIT_COMMAND_OUTPUT) {
		return fail(run, ENVOI_STATUS_AUTH, "prints too much", err);
	}
	if (envoi_secret_set(ret_output, run->output, run->length) != 0) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	return 0;
}

static int run_started(struct running *run, struct envoi_secret *ret_output,
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
	int result = why != NULL ? fail(run, status, why, err)
				 : judge(run, ret_output, err);
	siginfo_t how;
	while (waitid(P_PID, (id_t)run->pid, &how, WEXITED) != 0 && errno == EINTR) {
	}
	return result;
}

int envoi_command_run(const struct envoi_command *command,
	struct envoi_secret *ret_output, struct envoi_error *err)
{
	struct running run = {
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
	if (start(&run, err) == 0) {
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
