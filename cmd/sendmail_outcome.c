/*
 * What came of a message: for each recipient, as a status, and as words.
 *
 * Nothing is said when all went well, and what waits in the queue went well. A
 * refusal is told on stderr, or by mail where that was asked for; what is kept by
 * nobody else is kept in dead.letter.
 */
#include "sendmail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Notes that are kept for the end: a run with many servers has a few. */
#define NOTES_MAX 20

/* -- of recipients ------------------------------------------------------------- */

/* Sendmail's words for a refusal, from the enhanced code where there is one. */
static enum envoi_status refusal_status(
	int code, const unsigned short enhanced[3], enum envoi_status status)
{
	if (enhanced[0] == 5 && enhanced[1] == 7) {
		return ENVOI_STATUS_AUTH;
	}
	if (enhanced[0] == 5
		&& ((enhanced[1] == 1 && enhanced[2] == 2)
			|| (enhanced[1] == 4 && enhanced[2] == 4))) {
		return ENVOI_STATUS_NOHOST;
	}
	if (enhanced[0] == 5 && enhanced[1] == 1
		&& (enhanced[2] == 1 || enhanced[2] == 6)) {
		return ENVOI_STATUS_NOUSER;
	}
	if (enhanced[0] == 0 && status == ENVOI_STATUS_NOUSER
		&& (code == 550 || code == 551)) {
		return ENVOI_STATUS_NOUSER;
	}
	/* What was found out here, not by the server. */
	return status == ENVOI_STATUS_NOHOST || status == ENVOI_STATUS_DATA
		       ? status
		       : ENVOI_STATUS_REFUSED;
}

/* Returns where its text begins in err->text. */
static size_t describe_reply(
	const struct envoi_verdict *verdict, size_t n, struct envoi_error *err)
{
	const unsigned short *code = verdict->enhanced;
	char front[40];
	if (code[0] != 0) {
		(void)snprintf(front, sizeof(front), "%d %hu.%hu.%hu ", verdict->code,
			code[0], code[1], code[2]);
	} else {
		(void)snprintf(front, sizeof(front), "%d ", verdict->code);
	}
	(void)envoi_error_set(err, verdict->status, "%s%.*s", front,
		n < 300 ? (int)n : 300, verdict->text != NULL ? verdict->text : "");
	return strlen(front);
}

static void add_delivered(struct sendmail_message *message, const char *address)
{
	char *copy = strdup(address);
	char **grown = realloc(
		message->delivered, (message->delivered_count + 1) * sizeof(*grown));
	if (grown != NULL) {
		message->delivered = grown;
	}
	if (copy == NULL || grown == NULL) {
		free(copy);
		return;
	}
	message->delivered[message->delivered_count++] = copy;
}

/* verdict->text has n octets. */
static void add_verdict(struct sendmail_message *message, const char *address,
	const struct envoi_verdict *verdict, size_t n)
{
	struct envoi_error why = ENVOI_ERROR_NONE, err;
	size_t before = message->failure_count, text_at = 0;
	if (verdict->fate == ENVOI_FATE_DELIVERED) {
		add_delivered(message, address);
		return;
	}
	struct envoi_verdict own = *verdict;
	bool permanent = verdict->fate != ENVOI_FATE_WAITING;
	if (permanent) {
		own.status =
			refusal_status(verdict->code, verdict->enhanced, verdict->status);
	}
	if (verdict->code != 0) {
		text_at = describe_reply(&own, n, &why);
	} else {
		(void)envoi_error_set(&why, own.status, "%.*s", n < 400 ? (int)n : 400,
			n > 0 ? verdict->text : "not tried");
	}
	if (sendmail_fail(message, address, strlen(address), &why, permanent, &err) == 0
		&& before < message->failure_count) {
		struct sendmail_failure *failure = &message->failures[before];
		failure->code = verdict->code;
		failure->text_at = text_at;
		memcpy(failure->enhanced, verdict->enhanced, sizeof(failure->enhanced));
	}
}

void sendmail_take_entry(
	struct sendmail_message *message, const struct envoi_entry *entry)
{
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	const struct envoi_verdict *verdicts = envoi_entry_verdicts(entry);
	const char *why = envoi_entry_trials(entry)->why;
	message->tried = true;
	for (size_t i = 0; i < envelope->count; i++) {
		struct envoi_verdict verdict = verdicts[i];
		if (verdict.text == NULL || verdict.text[0] == '\0') {
			verdict.text = why;
		}
		add_verdict(message, envelope->recipients[i].address, &verdict,
			strlen(verdict.text));
	}
}

static void take_outcome(
	struct sendmail_message *message, const struct envoi_recipient *recipient)
{
	const struct envoi_result *result = &recipient->result;
	struct envoi_verdict verdict = {
		.fate = result->outcome == ENVOI_OUTCOME_DELIVERED  ? ENVOI_FATE_DELIVERED
			: result->outcome == ENVOI_OUTCOME_REJECTED ? ENVOI_FATE_FAILED
								    : ENVOI_FATE_WAITING,
		.status = result->status,
		.code = result->reply.code,
		.text = result->reply.code != 0 ? result->reply.text : result->error,
	};
	memcpy(verdict.enhanced, result->reply.enhanced, sizeof(verdict.enhanced));
	size_t n = verdict.text == NULL	     ? 0
		   : result->reply.code != 0 ? result->reply.length
					     : strlen(verdict.text);
	add_verdict(message, recipient->address, &verdict, n);
}

/* -- while it is sent ------------------------------------------------------------ */

static void take_message(void *context, const struct envoi_message_report *report)
{
	struct sendmail_watch *watch = context;
	struct sendmail_message *message = watch->message;
	const struct envoi_reply *reply = &report->reply;
	for (size_t i = 0; !message->stored && i < report->count; i++) {
		message->tried = true;
		take_outcome(message, &report->recipients[i]);
	}
	if (reply->code / 100 == 2) {
		struct envoi_error line;
		struct envoi_verdict verdict = {.code = reply->code, .text = reply->text};
		memcpy(verdict.enhanced, reply->enhanced, sizeof(verdict.enhanced));
		(void)describe_reply(&verdict, reply->length, &line);
		(void)snprintf(message->reply, sizeof(message->reply), "%s", line.text);
	}
	if (watch->ui.message != NULL) {
		watch->ui.message(watch->ui.context, report);
	}
}

static void take_session(void *context, const struct envoi_session_report *report)
{
	struct sendmail_watch *watch = context;
	if (watch->ui.session != NULL) {
		watch->ui.session(watch->ui.context, report);
	}
}

static void take_ready(void *context)
{
	struct sendmail_watch *watch = context;
	if (watch->ui.ready != NULL) {
		watch->ui.ready(watch->ui.context);
	}
}

static void take_trace(void *context, char mark, const char *text, size_t n)
{
	struct sendmail_watch *watch = context;
	watch->ui.trace(watch->ui.context, mark, text, n);
}

void sendmail_take_note(struct sendmail_message *message, const struct envoi_error *err)
{
	sendmail_syslog(message->sendmail, false, err->text);
	if (message->note_count == NOTES_MAX) {
		return;
	}
	struct envoi_error *grown =
		realloc(message->notes, (message->note_count + 1) * sizeof(*grown));
	if (grown != NULL) {
		message->notes = grown;
		message->notes[message->note_count++] = *err;
	}
}

static void take_warning(void *context, const struct envoi_error *err)
{
	sendmail_take_note(((struct sendmail_watch *)context)->message, err);
}

struct envoi_observer sendmail_observer(struct sendmail_watch *watch)
{
	return (struct envoi_observer){
		.context = watch,
		.warn = take_warning,
		.ready = take_ready,
		.message = take_message,
		.session = take_session,
		.trace = watch->ui.trace != NULL ? take_trace : NULL,
		.trace_data = watch->ui.trace_data,
	};
}

/* -- the status ------------------------------------------------------------------ */

/* Of several failures: what is not final counts most, as everywhere, but where it
 * waits in the queue; of the final ones the first. What is wrong with single
 * addresses counts only where nobody was left. */
enum envoi_status sendmail_status(
	const struct sendmail_message *message, enum envoi_status submitted)
{
	enum envoi_status status = ENVOI_STATUS_OK;
	if (!message->tried) {
		return submitted;
	}
	for (size_t i = 0; i < message->failure_count; i++) {
		const struct sendmail_failure *failure = &message->failures[i];
		enum envoi_status own = failure->error.status;
		if (failure->element || (!failure->permanent && message->stored)) {
			continue;
		}
		if (!failure->permanent) {
			status = envoi_status_worse(own, status);
		} else if (status == ENVOI_STATUS_OK) {
			status = own;
		}
	}
	return status;
}

/* -- who is told ----------------------------------------------------------------- */

static bool wants_mail(const struct sendmail_message *message)
{
	enum sendmail_errors errors = message->sendmail->flags.errors;
	return errors == SENDMAIL_ERRORS_MAIL || errors == SENDMAIL_ERRORS_MAIL_ONLY;
}

static size_t count_failures(const struct sendmail_message *message, bool permanent)
{
	size_t count = 0;
	for (size_t i = 0; i < message->failure_count; i++) {
		count += message->failures[i].permanent == permanent;
	}
	return count;
}

bool sendmail_is_taken(const struct sendmail_message *message)
{
	return message->delivered_count > 0
	       || (message->stored && count_failures(message, false) > 0);
}

/* Is there anything that only a mail to the sender can tell? A status that is not
 * 0 tells it, unless mail was asked for. */
static bool is_to_be_mailed(
	const struct sendmail_message *message, enum envoi_status status)
{
	bool failed = count_failures(message, true) > 0;
	if (message->input == NULL) {
		return false;
	}
	if (message->sendmail->flags.mode == SENDMAIL_DIALOGUE) {
		/* The answer says it, but for those it does not speak of. */
		return failed
		       && (status == ENVOI_STATUS_OK || sendmail_is_taken(message));
	}
	if (status == ENVOI_STATUS_OK) {
		return failed;
	}
	return wants_mail(message) && (failed || !message->tried);
}

/* Would it be lost? */
static bool is_to_be_kept(
	const struct sendmail_message *message, enum envoi_status status, bool unmailed)
{
	if (message->input == NULL) {
		return false;
	}
	if (unmailed) {
		return true;
	}
	if (message->stored || status == ENVOI_STATUS_OK) {
		return false;
	}
	if (message->sendmail->flags.mode == SENDMAIL_DIALOGUE) {
		return message->delivered_count > 0 && message->failure_count > 0;
	}
	return count_failures(message, false) > 0
	       || (!message->tried && message->failure_count == 0
		       && status != ENVOI_STATUS_USAGE && status != ENVOI_STATUS_DATA);
}

static bool is_loud(const struct sendmail_message *message)
{
	const struct sendmail_flags *flags = &message->sendmail->flags;
	return flags->errors != SENDMAIL_ERRORS_QUIET && flags->mode == SENDMAIL_DELIVER;
}

static void say(const struct sendmail_message *message, const char *what,
	const char *text, bool loud)
{
	struct envoi_error line = ENVOI_ERROR_NONE;
	(void)envoi_error_set(&line, ENVOI_STATUS_OK, "%.200s: %.400s", what, text);
	sendmail_syslog(message->sendmail, true, line.text);
	if (loud && is_loud(message)) {
		ui_error(&line);
	}
}

static void say_failure(const struct sendmail_message *message,
	const struct sendmail_failure *failure, bool loud)
{
	char address[300];
	struct envoi_error text = failure->error;
	(void)snprintf(address, sizeof(address), "<%.190s>", failure->address);
	if (!failure->permanent && message->stored) {
		(void)envoi_error_set(&text, ENVOI_STATUS_OK, "queued as %s, %.300s",
			message->id, failure->error.text);
	}
	say(message, address, text.text, loud);
}

/* Is it what is said of a recipient anyway? */
static bool is_failure(
	const struct sendmail_message *message, const struct envoi_error *note)
{
	size_t i = 0;
	while (i < message->failure_count
		&& strcmp(message->failures[i].error.text, note->text) != 0) {
		i++;
	}
	return i < message->failure_count;
}

static void say_all(const struct sendmail_message *message, bool loud)
{
	char address[300];
	for (size_t i = 0; loud && is_loud(message) && i < message->note_count; i++) {
		if (!is_failure(message, &message->notes[i])) {
			ui_error(&message->notes[i]);
		}
	}
	for (size_t i = 0; i < message->failure_count; i++) {
		say_failure(message, &message->failures[i], loud);
	}
	for (size_t i = 0; loud && i < message->delivered_count; i++) {
		(void)snprintf(
			address, sizeof(address), "<%.190s>", message->delivered[i]);
		say(message, address, "delivered", loud);
	}
}

static void keep(struct sendmail_message *message, enum envoi_status status)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (sendmail_keep(message, &err) != 0) {
		say(message, "the message is kept nowhere", err.text, true);
	} else if (status != ENVOI_STATUS_OK) {
		say(message, "the message is kept in", message->kept, true);
	}
}

enum envoi_status sendmail_conclude(
	struct sendmail_message *message, enum envoi_status status)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	bool by_mail = is_to_be_mailed(message, status);
	bool mailed = by_mail && sendmail_mail_back(message, &err) == 0;
	message->error.status = status;
	say_all(message, status != ENVOI_STATUS_OK);
	if (by_mail && !mailed) {
		sendmail_syslog(message->sendmail, true, err.text);
	}
	if (message->unreturned || is_to_be_kept(message, status, by_mail && !mailed)) {
		keep(message, status);
	}
	if (mailed && message->sendmail->flags.errors == SENDMAIL_ERRORS_MAIL_ONLY) {
		return ENVOI_STATUS_OK;
	}
	return status;
}
