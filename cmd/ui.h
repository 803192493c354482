/*
 * What people see: errors, transcript, progress, reports, the log. Everything that
 * writes to stdout or stderr for a command goes through here.
 */
#ifndef CMD_UI_H
#define CMD_UI_H

#include <stdbool.h>
#include <stdio.h>

#include <envoi/error.h>
#include <envoi/log.h>
#include <envoi/report.h>
#include <envoi/submit.h>

struct cmd_ui {
	bool report;
	enum envoi_report_format format;
	/** Sessions are shown as a probe. */
	bool probe;
	/** The transcript goes to stderr, and to this file unless it is NULL. */
	bool verbose;
	FILE *transcript;
	/** Message data as well. */
	bool transcript_data;
	/** Owned; NULL: none. */
	struct envoi_log *log;
	/** That it cannot be written was said. */
	bool log_failed;
	bool progress;
	bool progress_shown;
	double began, progress_at;
	/** Lines of sessions, which come behind those of the messages. */
	char *sessions;
	size_t sessions_length;
	/** Set when stdout could not be written. */
	bool lost_output;
	/** Its errno. */
	int lost_sys;
	/** Installed when the first connection is near; see ui_watch_signals(). */
	int stop_pipe[2];
};

void ui_init(struct cmd_ui *ui);
void ui_finish(struct cmd_ui *ui);

/** "envoi: text", and a hint line. */
void ui_error(const struct envoi_error *err);

/** Can stdout take a report, as far as that can be told before anything is
 * done? IO when it is closed or nobody reads it. */
int ui_check_output(const struct cmd_ui *ui, struct envoi_error *err);

/** The observer for a request. From "ready" on signals are watched. */
struct envoi_observer ui_observer(struct cmd_ui *ui);

/** From now on SIGINT and SIGTERM make ui->stop_pipe[0] readable; a second one
 * kills. */
void ui_watch_signals(struct cmd_ui *ui);

/** From now on they end the program again. True: one came meanwhile. */
bool ui_unwatch_signals(struct cmd_ui *ui);

/** Writes a line of a report to stdout and frees it; NULL: no memory. */
void ui_put(struct cmd_ui *ui, char *line, size_t length);

/** Status with a lost stdout taken in: IO, said on stderr. */
enum envoi_status ui_close(struct cmd_ui *ui, enum envoi_status status);

/** Takes descriptors 0 to 2 if they were closed, so that no file or socket
 * becomes one of them, and ignores SIGPIPE. To be called first. */
void ui_secure_descriptors(void);

#endif
