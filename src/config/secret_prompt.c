/*
 * Asking a person: on /dev/tty, whatever stdin and stdout are, and only when
 * this process has the terminal (a background job would be stopped).
 *
 * Echo is off meanwhile, and back on whatever happens: the signals that end or
 * stop a process are blocked and looked for between waits; when one is there,
 * the terminal is put right first, and then it has its way. No handler, so no
 * variable a handler could reach.
 */
#include "config/secret_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "base/socket.h"
#include "base/span.h"

/* How often signals are looked for. */
#define LOOK_MS 100
/* The kernel cuts a longer line without a word (N_TTY_BUF_SIZE; others have
 * less, MAX_CANON). */
#define LINE_MAX_OCTETS 4095

struct prompt {
	int terminal;
	int stop_fd;
	struct termios before;
	/** Echo is off. */
	bool quiet;
	/** Signals looked for: neither ignored nor blocked before. */
	sigset_t watched;
	sigset_t mask;
	char line[LINE_MAX_OCTETS + 1];
	size_t length;
};

static const int watched[] = {
	SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU};

#define WATCHED (sizeof(watched) / sizeof(watched[0]))

static void find_signals(struct prompt *prompt)
{
	struct sigaction action;
	(void)sigemptyset(&prompt->watched);
	(void)sigprocmask(SIG_SETMASK, NULL, &prompt->mask);
	for (size_t i = 0; i < WATCHED; i++) {
		if (sigaction(watched[i], NULL, &action) == 0
			&& action.sa_handler != SIG_IGN
			&& sigismember(&prompt->mask, watched[i]) == 0) {
			(void)sigaddset(&prompt->watched, watched[i]);
		}
	}
}

/* A signal that waits: its number, or 0. */
static int pending_signal(const struct prompt *prompt)
{
	sigset_t set;
	if (sigpending(&set) != 0) {
		return 0;
	}
	for (size_t i = 0; i < WATCHED; i++) {
		if (sigismember(&set, watched[i]) == 1
			&& sigismember(&prompt->watched, watched[i]) == 1) {
			return watched[i];
		}
	}
	return 0;
}

static int silence(struct prompt *prompt)
{
	struct termios quiet = prompt->before;
	quiet.c_lflag &= (tcflag_t) ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	/* The line end is shown, as a sign that it was taken. */
	quiet.c_lflag |= ECHONL | ICANON | ISIG;
	quiet.c_iflag |= ICRNL;
	int result;
	do {
		result = tcsetattr(prompt->terminal, TCSAFLUSH, &quiet);
	} while (result != 0 && errno == EINTR);
	prompt->quiet = result == 0;
	return result;
}

static void restore(struct prompt *prompt)
{
	while (prompt->quiet
		&& tcsetattr(prompt->terminal, TCSAFLUSH, &prompt->before) != 0
		&& errno == EINTR) {
	}
	prompt->quiet = false;
}

/* "password for joe at mx.example.org: " */
static int ask(struct prompt *prompt, const struct envoi_secret_source *source,
	const struct envoi_secret_need *need)
{
	struct envoi_buffer text;
	envoi_buffer_init(&text, 4096);
	int failed = envoi_buffer_puts(&text, source->is_token ? "token" : "password");
	if (need->user != NULL && need->user[0] != '\0') {
		failed |= envoi_buffer_puts(&text, " for ");
		failed |= envoi_span_escape(&text, envoi_span_of(need->user));
	}
	if (need->host != NULL && need->host[0] != '\0') {
		failed |= envoi_buffer_puts(&text, " at ");
		failed |= envoi_span_escape(&text, envoi_span_of(need->host));
	}
	failed |= envoi_buffer_puts(&text, ": ");
	struct envoi_span span = envoi_buffer_span(&text);
	if (failed == 0
		&& envoi_socket_write(prompt->terminal, span.data, span.len) < 0) {
		failed = -1;
	}
	envoi_buffer_finish(&text);
	return failed;
}

/* What became of one wait. */
enum progress {
	PROGRESS_MORE,
	PROGRESS_LINE,
	PROGRESS_END,
	PROGRESS_SIGNAL,
	PROGRESS_STOP,
	PROGRESS_ERROR,
};

static enum progress read_line(struct prompt *prompt)
{
	struct pollfd fds[2] = {{.fd = prompt->terminal, .events = POLLIN},
		{.fd = prompt->stop_fd, .events = POLLIN}};
	int n = poll(fds, 2, LOOK_MS);
	if (pending_signal(prompt) != 0) {
		return PROGRESS_SIGNAL;
	}
	if (n <= 0) {
		return n == 0 || errno == EINTR ? PROGRESS_MORE : PROGRESS_ERROR;
	}
	if (fds[1].revents != 0) {
		return PROGRESS_STOP;
	}
	size_t room = sizeof(prompt->line) - prompt->length;
	ssize_t got = read(prompt->terminal, prompt->line + prompt->length, room);
	if (got < 0) {
		return errno == EINTR || errno == EAGAIN ? PROGRESS_MORE : PROGRESS_ERROR;
	}
	if (got == 0) {
		return prompt->length > 0 ? PROGRESS_LINE : PROGRESS_END;
	}
	prompt->length += (size_t)got;
	if (prompt->line[prompt->length - 1] == '\n') {
		prompt->length--;
		return PROGRESS_LINE;
	}
	return prompt->length < sizeof(prompt->line) ? PROGRESS_MORE : PROGRESS_LINE;
}

static int has_terminal(int terminal)
{
	return tcgetpgrp(terminal) == getpgrp();
}

/*
 * A signal waits: it gets its way with the terminal as it was. True when the
 * process is still there and may go on asking: it was stopped and continued.
 */
static bool let_signal_through(struct prompt *prompt)
{
	int number = pending_signal(prompt);
	restore(prompt);
	(void)sigprocmask(SIG_SETMASK, &prompt->mask, NULL);
	(void)sigprocmask(SIG_BLOCK, &prompt->watched, NULL);
	return (number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)
	       && has_terminal(prompt->terminal);
}

static int converse(struct prompt *prompt, const struct envoi_secret_source *source,
	const struct envoi_secret_need *need, struct envoi_error *err)
{
	enum progress progress = PROGRESS_MORE;
	if (silence(prompt) != 0 || ask(prompt, source, need) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_AUTH, errno,
			"the terminal cannot be used to ask for a password");
	}
	while (progress == PROGRESS_MORE) {
		progress = read_line(prompt);
		if (progress == PROGRESS_SIGNAL && let_signal_through(prompt)
			&& silence(prompt) == 0 && ask(prompt, source, need) == 0) {
			envoi_secret_wipe(prompt->line, sizeof(prompt->line));
			prompt->length = 0;
			progress = PROGRESS_MORE;
		}
	}
	switch (progress) {
	case PROGRESS_LINE:
		break;
	case PROGRESS_END:
		return envoi_error_set(err, ENVOI_STATUS_AUTH, "no password was typed");
	case PROGRESS_ERROR:
		return envoi_error_sys(
			err, ENVOI_STATUS_AUTH, errno, "the terminal cannot be read");
	default:
		return envoi_error_set(
			err, ENVOI_STATUS_TEMPORARY, "interrupted at the prompt");
	}
	if (prompt->length == 0) {
		return envoi_error_set(err, ENVOI_STATUS_AUTH, "no password was typed");
	}
	if (prompt->length >= LINE_MAX_OCTETS) {
		return envoi_error_set(err, ENVOI_STATUS_AUTH,
			"too long for a line of a terminal: it takes %d octets",
			LINE_MAX_OCTETS - 1);
	}
	return 0;
}

int envoi_secret_from_terminal(const struct envoi_secret_source *source,
	const struct envoi_secret_need *need, struct envoi_secret *ret_secret,
	struct envoi_error *err)
{
	int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal < 0) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_AUTH, "there is no terminal to ask on");
		return 0;
	}
	struct prompt *prompt = calloc(1, sizeof(*prompt));
	int result = 0;
	if (prompt == NULL) {
		result = envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	} else if (!has_terminal(terminal) || tcgetattr(terminal, &prompt->before) != 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_AUTH,
			"nobody to ask: envoi runs in the background");
	} else {
		prompt->terminal = terminal;
		prompt->stop_fd = need->stop_fd;
		find_signals(prompt);
		(void)sigprocmask(SIG_BLOCK, &prompt->watched, NULL);
		result = converse(prompt, source, need, err) == 0 ? 1 : -1;
		restore(prompt);
		if (result > 0
			&& envoi_secret_set(ret_secret, prompt->line, prompt->length)
				   != 0) {
			result = envoi_error_set(
				err, ENVOI_STATUS_SYSTEM, "out of memory");
		}
		envoi_secret_wipe(prompt->line, sizeof(prompt->line));
		(void)sigprocmask(SIG_SETMASK, &prompt->mask, NULL);
	}
	free(prompt);
	(void)close(terminal);
	return result;
}
