/*
 * Output for people; see the header.
 */
#include "ui.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A progress line at most so often, seconds. */
#define PROGRESS_EVERY 0.2
/* What is said before the first message is less, octets. */
#define PROGRESS_FROM 65536

/* Only the signal handler uses it: it gets no argument. */
static volatile sig_atomic_t stop_fd = -1;

static double now(void)
{
	struct timespec t = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void ui_secure_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
			/* The lowest free number is the one that was closed. Opened
			 * the wrong way round: using it still fails. */
			(void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
		}
	}
	/* Both are errors of write(2) to us. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
}

void ui_init(struct cmd_ui *ui)
{
	*ui = (struct cmd_ui){.report = true, .began = now(), .stop_pipe = {-1, -1}};
	/* A report that was made is not lost when a second signal ends us. */
	(void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	if (pipe(ui->stop_pipe) == 0) {
		for (int i = 0; i < 2; i++) {
			(void)fcntl(ui->stop_pipe[i], F_SETFD, FD_CLOEXEC);
			(void)fcntl(ui->stop_pipe[i], F_SETFL, O_NONBLOCK);
		}
	}
}

void ui_finish(struct cmd_ui *ui)
{
	stop_fd = -1;
	for (int i = 0; i < 2; i++) {
		if (ui->stop_pipe[i] >= 0) {
			close(ui->stop_pipe[i]);
		}
	}
	if (ui->transcript != NULL) {
		fclose(ui->transcript);
	}
	envoi_log_free(ui->log);
}

static void clear_progress(struct cmd_ui *ui)
{
	if (ui->progress_shown) {
		fputs("\r\033[K", stderr);
		ui->progress_shown = false;
	}
}

/* Does who reads it expect UTF-8? On another terminal octets above 127 may be
 * controls. */
static bool takes_utf8(void)
{
	static int answer = -1;
	if (answer < 0) {
		locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
		answer = locale != (locale_t)0
			 && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
		if (locale != (locale_t)0) {
			freelocale(locale);
		}
	}
	return answer == 1;
}

/* Text of reports and errors; false: it could not be written. */
static bool put_text(FILE *file, const char *text, size_t n)
{
	bool utf8 = takes_utf8();
	while (n > 0) {
		size_t plain = 0;
		while (plain < n && (utf8 || (unsigned char)text[plain] < 128)) {
			plain++;
		}
		if (fwrite(text, 1, plain, file) != plain) {
			return false;
		}
		if (plain < n
			&& fprintf(file, "\\x%02X", (unsigned)(unsigned char)text[plain])
				   < 0) {
			return false;
		}
		plain += plain < n ? 1 : 0;
		text += plain;
		n -= plain;
	}
	return true;
}

void ui_error(const struct envoi_error *err)
{
	fputs("envoi: ", stderr);
	(void)put_text(stderr, err->text, strlen(err->text));
	if (err->hint[0] != '\0') {
		fputs("\nhint: ", stderr);
		(void)put_text(stderr, err->hint, strlen(err->hint));
	}
	fputc('\n', stderr);
}

int ui_check_output(const struct cmd_ui *ui, struct envoi_error *err)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	int sys = 0;
	if (!ui->report) {
		return 0;
	}
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
		sys = EBADF;
	} else if (poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLNVAL)) != 0) {
		sys = EPIPE;
	}
	if (sys == 0) {
		return 0;
	}
	(void)envoi_error_sys(
		err, ENVOI_STATUS_IO, sys, "the report cannot be written to stdout");
	envoi_error_hint(err, "nothing was sent; --report none does without it");
	return -1;
}

static void warn(void *context, const struct envoi_error *err)
{
	clear_progress(context);
	ui_error(err);
}

static void trace(void *context, char mark, const char *text, size_t n)
{
	struct cmd_ui *ui = context;
	size_t length = 0;
	char *line = envoi_report_trace(now() - ui->began, mark, text, n, &length);
	if (line != NULL) {
		clear_progress(ui);
		if (ui->verbose) {
			(void)put_text(stderr, line, length);
		}
		if (ui->transcript != NULL) {
			(void)fwrite(line, 1, length, ui->transcript);
			(void)fflush(ui->transcript);
		}
	}
	free(line);
}

void ui_put(struct cmd_ui *ui, char *line, size_t length)
{
	clear_progress(ui);
	errno = 0;
	bool whole = line != NULL
		     && (ui->format == ENVOI_REPORT_JSON
				     ? fwrite(line, 1, length, stdout) == length
				     : put_text(stdout, line, length));
	if (!whole) {
		ui->lost_output = true;
		ui->lost_sys = ui->lost_sys != 0 ? ui->lost_sys : errno;
	}
	free(line);
}

/* Once is enough: every further line would say the same. */
static void log_failed(struct cmd_ui *ui, const struct envoi_error *err)
{
	if (!ui->log_failed) {
		ui->log_failed = true;
		clear_progress(ui);
		ui_error(err);
	}
}

static void message(void *context, const struct envoi_message_report *report)
{
	struct cmd_ui *ui = context;
	size_t length = 0;
	struct envoi_error err;
	if (ui->log != NULL && envoi_log_message(ui->log, report, &err) != 0) {
		log_failed(ui, &err);
	}
	if (!ui->report) {
		return;
	}
	char *line = envoi_report_message(ui->format, report, &length);
	ui_put(ui, line, length);
}

static void session(void *context, const struct envoi_session_report *report)
{
	struct cmd_ui *ui = context;
	size_t length = 0;
	struct envoi_error err;
	if (ui->log != NULL && envoi_log_session(ui->log, report, &err) != 0) {
		log_failed(ui, &err);
	}
	if (!ui->report) {
		return;
	}
	char *line = ui->probe ? envoi_report_probe(ui->format, report, &length)
			       : envoi_report_session(ui->format, report, &length);
	char *grown =
		line == NULL ? NULL : realloc(ui->sessions, ui->sessions_length + length);
	if (grown == NULL) {
		ui->lost_output = true;
	} else {
		memcpy(grown + ui->sessions_length, line, length);
		ui->sessions = grown;
		ui->sessions_length += length;
	}
	free(line);
}

static void progress(void *context, size_t settled, uint64_t octets)
{
	struct cmd_ui *ui = context;
	double t = now();
	/* Nothing to tell, and a question may be on its way to the terminal. */
	bool nothing = settled == 0 && octets < PROGRESS_FROM;
	if (nothing || t - ui->progress_at < PROGRESS_EVERY) {
		return;
	}
	ui->progress_at = t;
	fprintf(stderr, "\r\033[K%zu message%s, %.1f MB", settled,
		settled == 1 ? "" : "s", (double)octets / 1e6);
	ui->progress_shown = true;
}

static void on_signal(int number)
{
	int saved = errno;
	(void)number;
	if (stop_fd >= 0) {
		(void)!write((int)stop_fd, "", 1);
	}
	errno = saved;
}

void ui_watch_signals(struct cmd_ui *ui)
{
	static const int numbers[] = {SIGINT, SIGTERM};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
	stop_fd = ui->stop_pipe[1];
	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct sigaction old;
		/* A caller that ignores SIGINT wants it ignored. */
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
			(void)sigaction(numbers[i], &action, NULL);
		}
	}
}

bool ui_unwatch_signals(struct cmd_ui *ui)
{
	static const int numbers[] = {SIGINT, SIGTERM};
	struct pollfd came = {.fd = ui->stop_pipe[0], .events = POLLIN};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct sigaction now;
		if (sigaction(numbers[i], NULL, &now) == 0
			&& now.sa_handler == on_signal) {
			(void)signal(numbers[i], SIG_DFL);
		}
	}
	stop_fd = -1;
	return poll(&came, 1, 0) == 1;
}

/* Until now a signal simply ended the process: nothing was begun. */
static void ready(void *context)
{
	ui_watch_signals(context);
}

struct envoi_observer ui_observer(struct cmd_ui *ui)
{
	struct envoi_observer observer = {
		.context = ui,
		.warn = warn,
		.ready = ready,
		.trace_data = ui->transcript_data,
	};
	if (ui->verbose || ui->transcript != NULL) {
		observer.trace = trace;
	}
	if (ui->report || ui->log != NULL) {
		observer.message = ui->probe ? NULL : message;
		observer.session = session;
	}
	if (ui->progress) {
		observer.progress = progress;
	}
	return observer;
}

static enum envoi_status close_transcript(struct cmd_ui *ui, enum envoi_status status)
{
	struct envoi_error err;
	errno = 0;
	if (ui->transcript == NULL
		|| (fflush(ui->transcript) == 0 && !ferror(ui->transcript))) {
		return status;
	}
	(void)envoi_error_sys(&err, ENVOI_STATUS_IO, errno != 0 ? errno : EIO,
		"the transcript could not be written");
	ui_error(&err);
	return envoi_status_worse(ENVOI_STATUS_IO, status);
}

enum envoi_status ui_close(struct cmd_ui *ui, enum envoi_status status)
{
	if (ui->sessions != NULL) {
		ui_put(ui, ui->sessions, ui->sessions_length);
		ui->sessions = NULL;
	}
	clear_progress(ui);
	struct envoi_error err;
	if (ui->log != NULL && envoi_log_finish(ui->log, &err) != 0) {
		log_failed(ui, &err);
	}
	status = close_transcript(ui, status);
	errno = ui->lost_sys;
	if (fflush(stdout) != 0 || ferror(stdout) || ui->lost_output) {
		(void)envoi_error_sys(&err, ENVOI_STATUS_IO, errno != 0 ? errno : EIO,
			"the report could not be written to stdout");
		ui_error(&err);
		return envoi_status_worse(ENVOI_STATUS_IO, status);
	}
	return status;
}
