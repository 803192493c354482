/*
 * A line of the log, in words. Pure: reports in, text out.
 */
#include "submit/log_internal.h"

#include <string.h>

#include "submit/queue_id.h"
#include "submit/report_internal.h"

/* Recipients named, and failures told, in one line. */
#define RECIPIENTS_SHOWN 100
#define FAILURES_SHOWN 10

static bool needs_quotes(struct envoi_span value)
{
	static const char fit[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._+:/<>,-=[]~%";
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] == '\0' || strchr(fit, value.data[i]) == NULL) {
			return true;
		}
	}
	return value.len == 0;
}

/* Printable, and with no quote that could end the value. */
static int put_escaped(struct envoi_buffer *out, struct envoi_span value)
{
	int failed = 0;
	while (value.len > 0) {
		const char *quote = memchr(value.data, '\'', value.len);
		size_t n = quote != NULL ? (size_t)(quote - value.data) : value.len;
		failed |= envoi_span_escape(out, (struct envoi_span){value.data, n});
		if (quote != NULL) {
			failed |= envoi_buffer_puts(out, "\\x27");
			n++;
		}
		value.data += n;
		value.len -= n;
	}
	return failed;
}

/* " key=value" */
static int put(struct envoi_buffer *out, const char *key, struct envoi_span value)
{
	const char *quote = needs_quotes(value) ? "'" : "";
	int failed =
		envoi_buffer_printf(out, "%s%s=%s", out->len > 0 ? " " : "", key, quote);
	failed |= put_escaped(out, value);
	return failed | envoi_buffer_puts(out, quote);
}

static int put_text(struct envoi_buffer *out, const char *key, const char *value)
{
	return put(out, key, envoi_span_of(value));
}

/* " key='value'" of what is escaped but for quotes. Finishes value. */
static int put_printable(
	struct envoi_buffer *out, const char *key, struct envoi_buffer *value)
{
	struct envoi_span rest = envoi_buffer_span(value);
	int failed = envoi_buffer_printf(out, " %s='", key);
	for (size_t i = 0; i < rest.len; i++) {
		failed |= rest.data[i] == '\''
				  ? envoi_buffer_puts(out, "\\x27")
				  : envoi_buffer_append(out, rest.data + i, 1);
	}
	envoi_buffer_finish(value);
	return failed | envoi_buffer_puts(out, "'");
}

/* -- the message ------------------------------------------------------------- */

static int put_recipients(
	struct envoi_buffer *out, const struct envoi_message_report *report)
{
	struct envoi_buffer list;
	envoi_buffer_init(&list, out->max);
	int failed = 0;
	for (size_t i = 0; i < report->count && i < RECIPIENTS_SHOWN; i++) {
		failed |= envoi_buffer_puts(&list, i > 0 ? "," : "");
		failed |= envoi_buffer_puts(&list, report->recipients[i].address);
	}
	failed |= put(out, "recipients", envoi_buffer_span(&list));
	envoi_buffer_finish(&list);
	if (report->count > RECIPIENTS_SHOWN) {
		failed |= envoi_buffer_printf(
			out, " more=%zu", report->count - RECIPIENTS_SHOWN);
	}
	return failed;
}

/* The reply and the words that stand for all: the final reply, else those of
 * the recipient whose status is the message's. */
static const struct envoi_result *decisive(const struct envoi_message_report *report)
{
	enum envoi_status status = envoi_log_status(report);
	for (size_t i = 0; i < report->count; i++) {
		if (report->recipients[i].result.status == status) {
			return &report->recipients[i].result;
		}
	}
	return NULL;
}

static int put_outcome(
	struct envoi_buffer *out, const struct envoi_message_report *report)
{
	const struct envoi_result *result = decisive(report);
	bool delivered = result != NULL && result->outcome == ENVOI_OUTCOME_DELIVERED;
	const struct envoi_reply *reply =
		delivered || result == NULL ? &report->reply : &result->reply;
	int failed = 0;
	if (delivered && reply->code == 0) {
		reply = &result->reply;
	}
	if (reply->code != 0) {
		failed |= envoi_buffer_printf(out, " smtpstatus=%d", reply->code);
		struct envoi_buffer text;
		envoi_buffer_init(&text, out->max);
		failed |= envoi_report_put_reply(&text, reply);
		failed |= put_printable(out, "smtpmsg", &text);
	} else if (result != NULL && result->error != NULL) {
		failed |= put_text(out, "errormsg", result->error);
	}
	failed |= put_text(out, "outcome", envoi_message_outcome(report));
	if (delivered || report->reply.code / 100 == 2) {
		struct envoi_span id = envoi_queue_id((struct envoi_span){
			report->reply.text != NULL ? report->reply.text : "",
			report->reply.length});
		if (id.len > 0) {
			failed |= put(out, "queueid", id);
		}
	}
	return failed;
}

/* " failed='b@example.org 550 5.1.1 No such user; ...'", when recipients
 * differ. */
static int put_failures(
	struct envoi_buffer *out, const struct envoi_message_report *report)
{
	size_t shown = 0, more = 0;
	int failed = 0;
	if (strcmp(envoi_message_outcome(report), "partial") != 0) {
		return 0;
	}
	struct envoi_buffer list;
	envoi_buffer_init(&list, out->max);
	for (size_t i = 0; i < report->count; i++) {
		const struct envoi_recipient *recipient = &report->recipients[i];
		const struct envoi_result *result = &recipient->result;
		if (result->outcome == ENVOI_OUTCOME_DELIVERED) {
			continue;
		}
		if (shown == FAILURES_SHOWN) {
			more++;
			continue;
		}
		failed |= envoi_buffer_puts(&list, shown++ > 0 ? "; " : "");
		failed |= envoi_span_escape(&list, envoi_span_of(recipient->address));
		failed |= envoi_buffer_puts(&list, " ");
		failed |= result->reply.code != 0
				  ? envoi_report_put_reply(&list, &result->reply)
				  : envoi_span_escape(
					  &list, envoi_span_of(result->error != NULL
								       ? result->error
								       : "?"));
	}
	if (more > 0) {
		failed |= envoi_buffer_printf(&list, "; and %zu more", more);
	}
	return failed | put_printable(out, "failed", &list);
}

int envoi_log_put_message(
	struct envoi_buffer *out, const struct envoi_message_report *report)
{
	int failed = put_text(out, "from", report->sender);
	failed |= put_recipients(out, report);
	failed |= envoi_buffer_printf(
		out, " mailsize=%llu", (unsigned long long)report->bytes);
	failed |= put_outcome(out, report);
	failed |= put_failures(out, report);
	if (report->message_id[0] != '\0') {
		failed |= put_text(out, "messageid", report->message_id);
	}
	return failed | put_text(out, "source", report->source);
}

/* -- the session ------------------------------------------------------------- */

int envoi_log_put_server(struct envoi_buffer *out, const char *account,
	const struct envoi_session_report *report)
{
	int failed = 0;
	if (report != NULL) {
		account = report->account;
	}
	if (account != NULL) {
		failed |= put_text(out, "account", account);
	}
	if (report == NULL) {
		return failed | put_text(out, "host", "-");
	}
	const char *auth = report->facts->auth;
	failed |= put_text(out, "host", report->server);
	if (report->port != 0) {
		failed |= envoi_buffer_printf(out, " port=%u", (unsigned)report->port);
	}
	failed |= envoi_buffer_printf(out, " tls=%s auth=%s",
		report->tls != NULL ? "on" : "off", auth != NULL ? "on" : "off");
	if (auth != NULL) {
		failed |= put_text(out, "mechanism", auth);
	}
	if (auth != NULL && report->user != NULL) {
		failed |= put_text(out, "user", report->user);
	}
	if (report->tls != NULL) {
		failed |= put_text(out, "tlsversion", report->tls->version);
	}
	return failed;
}

int envoi_log_put_close(
	struct envoi_buffer *out, const struct envoi_session_report *report)
{
	char number[8];
	const char *separator = " seconds=";
	if (report == NULL) {
		return 0;
	}
	int failed = envoi_buffer_printf(
		out, " close=%s", envoi_report_close_name(report->facts, number));
	for (int phase = 0; phase < ENVOI_PHASE_COUNT; phase++) {
		int64_t took = report->facts->took_us[phase];
		if (took >= 0) {
			failed |= envoi_buffer_printf(out, "%s%s:%.3f", separator,
				envoi_phase_name((enum envoi_phase)phase),
				(double)took / 1e6);
			separator = ",";
		}
	}
	return failed;
}

/* -- the status -------------------------------------------------------------- */

enum envoi_status envoi_log_status(const struct envoi_message_report *report)
{
	enum envoi_status status = ENVOI_STATUS_OK;
	for (size_t i = 0; i < report->count; i++) {
		status = envoi_status_worse(status, report->recipients[i].result.status);
	}
	return status;
}

int envoi_log_put_status(struct envoi_buffer *out, enum envoi_status status)
{
	/* As sysexits(3) and msmtp name them. */
	static const char *const names[] = {"EX_USAGE", "EX_DATAERR", "EX_NOINPUT",
		"EX_NOUSER", "EX_NOHOST", "EX_UNAVAILABLE", "EX_SOFTWARE", "EX_OSERR",
		"EX_OSFILE", "EX_CANTCREAT", "EX_IOERR", "EX_TEMPFAIL", "EX_PROTOCOL",
		"EX_NOPERM", "EX_CONFIG"};
	const char *name = status >= ENVOI_STATUS_USAGE && status <= ENVOI_STATUS_CONFIG
				   ? names[status - ENVOI_STATUS_USAGE]
				   : "EX_OK";
	return envoi_buffer_printf(out, " exitcode=%s", name);
}
