/*
 * Shared by the files log*.c: what is known of a session, a line, and where
 * lines go.
 */
#ifndef ENVOI_SUBMIT_LOG_INTERNAL_H
#define ENVOI_SUBMIT_LOG_INTERNAL_H

#include <envoi/log.h>

#include <stdbool.h>
#include <time.h>

#include "base/buffer.h"

/** Appends what a message's report says, up to what its session will add:
 * "from=... exitcode=EX_OK" but for the close. 0, or -1: no memory. */
int envoi_log_put_message(
	struct envoi_buffer *out, const struct envoi_message_report *report);

/** "account=work host=mx.example.org port=587 tls=on ...", the account being
 * the session's; report NULL: no session tried the message. 0 or -1. */
int envoi_log_put_server(struct envoi_buffer *out, const char *account,
	const struct envoi_session_report *report);

/** " close=221 seconds=connect:0.003,..."; report NULL: not known. 0 or -1. */
int envoi_log_put_close(
	struct envoi_buffer *out, const struct envoi_session_report *report);

/** " exitcode=EX_OK". 0 or -1. */
int envoi_log_put_status(struct envoi_buffer *out, enum envoi_status status);

/** The worst of all recipients. */
enum envoi_status envoi_log_status(const struct envoi_message_report *report);

/** The number of a facility, by name with or without "LOG_"; -1: none such. */
int envoi_log_facility(const char *name);

/** A line, without its end, to syslog. */
void envoi_log_to_syslog(const char *ident, int facility, bool failed, const char *line);

/** A line, without its end, to a file, with the time in front. path "-":
 * stdout. 0 or -1 as envoi_log_message(). */
int envoi_log_to_file(const char *path, const char *time_format, time_t when,
	const char *line, struct envoi_error *err);

/** The file opened for that, -1: CANTCREATE. */
int envoi_log_open(const char *path, struct envoi_error *err);

#endif
