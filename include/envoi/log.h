/*
 * The log: one line for each message that was tried, to a file, to syslog or
 * to both. Its keys are those of msmtp's log, and more behind them:
 *
 *     Nov 23 18:20:23 account=work host=mx.example.org port=587 tls=on
 *     auth=on user=joe from=a@example.org recipients=b@example.org,c@example.net
 *     mailsize=2113 smtpstatus=250 smtpmsg='250 2.0.0 Ok: queued as 4F2A'
 *     outcome=delivered queueid=4F2A close=221 ... exitcode=EX_OK
 *
 * (one line). A value with anything but letters, digits and a few marks is in
 * single quotes; quotes, backslashes, control and 8-bit octets in it are
 * written \xHH, so that a line is always one line and printable.
 *
 * The line of a message is written when its session has ended, because the
 * close is in it. The log never makes sending fail: it is for the caller to
 * warn of what it could not write.
 */
#ifndef ENVOI_LOG_H
#define ENVOI_LOG_H

#include <envoi/error.h>
#include <envoi/submit.h>

struct envoi_log_options {
	/** Name of the account, for what no session tried; NULL: none. */
	const char *account;
	/** Path, "-" for stdout, NULL: no file. */
	const char *file;
	/** strftime(3), for the beginning of a line in a file; NULL: msmtp's,
	 * "%b %d %H:%M:%S". */
	const char *time_format;
	/** "LOG_MAIL", "mail", "LOG_LOCAL0"; NULL: no syslog. */
	const char *facility;
	/** Who writes to syslog; NULL: "envoi". */
	const char *ident;
};

struct envoi_log;

/** A log. options are copied. -1: facility unknown (CONFIG), memory. */
int envoi_log_new(const struct envoi_log_options *options, struct envoi_log **ret_log,
	struct envoi_error *err);

/** Frees it; what it still holds is not written. Accepts NULL. */
void envoi_log_free(struct envoi_log *log);

/** Can the file be written? It is made when it is missing. 0, or -1
 * (CANTCREATE). */
int envoi_log_check(const struct envoi_log *log, struct envoi_error *err);

/**
 * What envoi_observer.message and .session are told. 0, or -1 when a line
 * could not be written: CANTCREATE, IO, SYSTEM, TEMPORARY (another process
 * holds the lock for more than 10 seconds).
 */
int envoi_log_message(struct envoi_log *log, const struct envoi_message_report *report,
	struct envoi_error *err);
int envoi_log_session(struct envoi_log *log, const struct envoi_session_report *report,
	struct envoi_error *err);

/** The end of the run: writes what is held. */
int envoi_log_finish(struct envoi_log *log, struct envoi_error *err);

#endif
