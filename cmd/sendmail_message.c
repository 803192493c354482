/*
 * One message on its way: its header put right, its recipients tried, and what
 * came of it as a status and as words.
 *
 * Nothing is said when all went well. What could not be sent, and is not kept
 * by anybody else, is kept in dead.letter.
 */
#include "sendmail.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <unistd.h>

#include <envoi/repair.h>

/* Notes that are kept for the end: a run with many servers has a few. */
#define NOTES_MAX 20

void sendmail_message_finish(struct sendmail_message *message)
{
	for (size_t i = 0; i < message->failure_count; i++) {
		free(message->failures[i].address);
	}
	for (size_t i = 0; i < message->delivered_count; i++) {
		free(message->delivered[i]);
	}
	free(message->failures);
	free(message->delivered);
	free(message->notes);
	envoi_envelope_finish(&message->envelope);
	envoi_input_free(message->input);
	*message = (struct sendmail_message){0};
}

/* -- the header -------------------------------------------------------------- */

/* "by HOST (envoi VERSION, uid N); DATE", RFC 5321 4.4 for what came by no
 * protocol. */
static void make_received(const struct sendmail *sendmail, char *out, size_t size)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm t;
	if (gmtime_r(&now, &t) == NULL) {
		memset(&t, 0, sizeof(t));
	}
	(void)snprintf(out, size,
		"by %s (envoi %s, uid %ju);\n\t%.3s, %d %.3s %d %02d:%02d:%02d +0000",
		sendmail->host, ENVOI_VERSION, (uintmax_t)getuid(), days + 3 * t.tm_wday,
		t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min,
		t.tm_sec);
}

static int repair(const struct sendmail_message *message, const char *sender,
	struct envoi_message *mail, struct envoi_error *err)
{
	const struct sendmail *sendmail = message->sendmail;
	char received[600];
	make_received(sendmail, received, sizeof(received));
	struct envoi_repair rules = {
		.sender = sender,
		.full_name = sendmail->flags.full_name,
		.host = sendmail->host,
		.now = (int64_t)time(NULL),
		.received = received,
	};
	envoi_account_repair(sendmail->connection.chain.accounts[0], &rules);
	rules.domain = sendmail->domain;
	return envoi_message_repair(mail, &rules, err);
}

/* -- recipients -------------------------------------------------------------- */

static int take_recipient(void *context, const char *field, uint64_t line,
	const struct envoi_list_item *item, struct envoi_error *err)
{
	struct sendmail_message *message = context;
	char where[100];
	if (item->mailbox != NULL) {
		return sendmail_add_item(message, "", item, err);
	}
	int n = snprintf(where, sizeof(where), "%s, line %ju", field, (uintmax_t)line);
	struct envoi_error cause = *item->why;
	cause.status = ENVOI_STATUS_DATA;
	return sendmail_fail(message, where, (size_t)n, &cause, true, err);
}

static int no_recipients(const struct sendmail_message *message, struct envoi_error *err)
{
	if (message->failure_count > 0) {
		*err = message->failures[0].error;
		return -1;
	}
	if (message->read_recipients) {
		return envoi_error_set(
			err, ENVOI_STATUS_DATA, "the header names no recipient");
	}
	return envoi_error_set(err, ENVOI_STATUS_USAGE, "no recipients given");
}

/* The first address of From that is a whole one. */
static int take_sender(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct envoi_envelope *envelope = context;
	if (envelope->sender != NULL || item->mailbox == NULL || item->bare) {
		return 0;
	}
	envelope->sender = strdup(item->mailbox);
	return envelope->sender != NULL
		       ? 0
		       : envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

/* For envoi_request: who it is for, and its header. */
static int make_envelope(void *context, struct envoi_message *mail,
	struct envoi_envelope *ret_envelope, struct envoi_error *err)
{
	struct sendmail_message *message = context;
	if ((message->read_recipients
		    && envoi_message_recipients(mail, take_recipient, message, err) != 0)
		|| (message->envelope.count == 0 && no_recipients(message, err) != 0)) {
		return -1;
	}
	*ret_envelope = message->envelope;
	message->envelope = (struct envoi_envelope){0};
	if (envoi_envelope_deduplicate(ret_envelope) != 0) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	if (message->sendmail->sender_from_header
		&& envoi_message_senders(mail, take_sender, ret_envelope, err) != 0) {
		return -1;
	}
	if (ret_envelope->sender == NULL) {
		ret_envelope->sender = strdup(message->sender);
	}
	if (ret_envelope->sender == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	return repair(message, ret_envelope->sender, mail, err);
}

/* -- what came of it --------------------------------------------------------- */

/* Sendmail's words for a refusal, from the enhanced code where there is one. */
static enum envoi_status refusal_status(const struct envoi_result *result)
{
	const unsigned short *code = result->reply.enhanced;
	if (code[0] == 5 && code[1] == 7) {
		return ENVOI_STATUS_AUTH;
	}
	if (code[0] == 5
		&& ((code[1] == 1 && code[2] == 2) || (code[1] == 4 && code[2] == 4))) {
		return ENVOI_STATUS_NOHOST;
	}
	if (code[0] == 5 && code[1] == 1 && (code[2] == 1 || code[2] == 6)) {
		return ENVOI_STATUS_NOUSER;
	}
	if (code[0] == 0 && result->phase == ENVOI_PHASE_RCPT
		&& (result->reply.code == 550 || result->reply.code == 551)) {
		return ENVOI_STATUS_NOUSER;
	}
	return result->status == ENVOI_STATUS_NOHOST ? result->status
						     : ENVOI_STATUS_REFUSED;
}

static void describe_reply(const struct envoi_reply *reply, enum envoi_status status,
	struct envoi_error *err)
{
	const unsigned short *code = reply->enhanced;
	char enhanced[24] = "";
	if (code[0] != 0) {
		(void)snprintf(enhanced, sizeof(enhanced), " %hu.%hu.%hu", code[0],
			code[1], code[2]);
	}
	size_t n = reply->length < 300 ? reply->length : 300;
	(void)envoi_error_set(err, status, "%d%s %.*s", reply->code, enhanced, (int)n,
		reply->text != NULL ? reply->text : "");
}

static void take_outcome(
	struct sendmail_message *message, const struct envoi_recipient *recipient)
{
	const struct envoi_result *result = &recipient->result;
	struct envoi_error why, err;
	if (result->outcome == ENVOI_OUTCOME_DELIVERED) {
		char *copy = strdup(recipient->address);
		char **grown = realloc(message->delivered,
			(message->delivered_count + 1) * sizeof(*grown));
		if (grown != NULL) {
			message->delivered = grown;
		}
		if (copy == NULL || grown == NULL) {
			free(copy);
			return;
		}
		message->delivered[message->delivered_count++] = copy;
		return;
	}
	bool permanent = result->outcome == ENVOI_OUTCOME_REJECTED;
	enum envoi_status status = permanent ? refusal_status(result) : result->status;
	if (result->reply.code != 0) {
		describe_reply(&result->reply, status, &why);
	} else {
		(void)envoi_error_set(&why, status, "%s",
			result->error != NULL ? result->error : "not tried");
	}
	(void)sendmail_fail(message, recipient->address, strlen(recipient->address), &why,
		permanent, &err);
}

struct watch {
	struct sendmail_message *message;
	/** What would be told without us. */
	struct envoi_observer ui;
};

static void take_message(void *context, const struct envoi_message_report *report)
{
	struct watch *watch = context;
	struct sendmail_message *message = watch->message;
	message->tried = report->count > 0;
	for (size_t i = 0; i < report->count; i++) {
		take_outcome(message, &report->recipients[i]);
	}
	if (report->reply.code / 100 == 2) {
		struct envoi_error line;
		describe_reply(&report->reply, ENVOI_STATUS_OK, &line);
		(void)snprintf(message->reply, sizeof(message->reply), "%s", line.text);
	}
	if (watch->ui.message != NULL) {
		watch->ui.message(watch->ui.context, report);
	}
}

static void take_session(void *context, const struct envoi_session_report *report)
{
	struct watch *watch = context;
	if (watch->ui.session != NULL) {
		watch->ui.session(watch->ui.context, report);
	}
}

static void take_ready(void *context)
{
	struct watch *watch = context;
	if (watch->ui.ready != NULL) {
		watch->ui.ready(watch->ui.context);
	}
}

static void take_trace(void *context, char mark, const char *text, size_t n)
{
	struct watch *watch = context;
	watch->ui.trace(watch->ui.context, mark, text, n);
}

/* Kept until it is known how it ends; the log has it in any case. */
static void take_warning(void *context, const struct envoi_error *err)
{
	struct sendmail_message *message = ((struct watch *)context)->message;
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

/* -- the end ----------------------------------------------------------------- */

/* Of several failures: what is not final counts most, as everywhere; of the
 * final ones the first. What is wrong with single addresses counts only where
 * nobody was left. */
static enum envoi_status final_status(
	const struct sendmail_message *message, enum envoi_status submitted)
{
	enum envoi_status status = ENVOI_STATUS_OK;
	if (!message->tried) {
		return submitted;
	}
	for (size_t i = 0; i < message->failure_count; i++) {
		const struct sendmail_failure *failure = &message->failures[i];
		enum envoi_status own = failure->error.status;
		if (failure->permanent
			&& (own == ENVOI_STATUS_DATA || own == ENVOI_STATUS_CONFIG)) {
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

/* Would it be lost? A refusal is told, and that is enough, unless it is told to
 * nobody; whoever asked for mail about it (-oem) has no other way to hear. */
static bool is_to_be_kept(
	const struct sendmail_message *message, enum envoi_status status)
{
	enum sendmail_errors errors = message->sendmail->flags.errors;
	bool by_mail =
		errors == SENDMAIL_ERRORS_MAIL || errors == SENDMAIL_ERRORS_MAIL_ONLY;
	if (message->input == NULL) {
		return false;
	}
	if (message->sendmail->flags.mode == SENDMAIL_DIALOGUE) {
		/* The answer says it, but for those it does not speak of. */
		return message->delivered_count > 0 && message->failure_count > 0;
	}
	if (status == ENVOI_STATUS_OK || by_mail) {
		return message->failure_count > 0 || status != ENVOI_STATUS_OK;
	}
	for (size_t i = 0; i < message->failure_count; i++) {
		if (!message->failures[i].permanent) {
			return true;
		}
	}
	return !message->tried && message->failure_count == 0
	       && status != ENVOI_STATUS_USAGE && status != ENVOI_STATUS_DATA;
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

static void say_all(const struct sendmail_message *message, bool loud)
{
	char address[300];
	for (size_t i = 0; loud && is_loud(message) && i < message->note_count; i++) {
		ui_error(&message->notes[i]);
	}
	for (size_t i = 0; i < message->failure_count; i++) {
		(void)snprintf(address, sizeof(address), "<%.190s>",
			message->failures[i].address);
		say(message, address, message->failures[i].error.text, loud);
	}
	for (size_t i = 0; loud && i < message->delivered_count; i++) {
		(void)snprintf(
			address, sizeof(address), "<%.190s>", message->delivered[i]);
		say(message, address, "delivered", loud);
	}
}

static void keep(struct sendmail_message *message)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (sendmail_keep(message, &err) != 0) {
		say(message, "the message is kept nowhere", err.text, true);
	}
}

static enum envoi_status conclude(
	struct sendmail_message *message, enum envoi_status status)
{
	bool to_be_kept = is_to_be_kept(message, status);
	message->error.status = status;
	say_all(message, status != ENVOI_STATUS_OK);
	if (to_be_kept) {
		keep(message);
		if (message->kept[0] != '\0' && status != ENVOI_STATUS_OK) {
			say(message, "the message is kept in", message->kept, true);
		}
	}
	return status;
}

enum envoi_status sendmail_send(struct sendmail_message *message)
{
	static const char *const name[] = {"-"};
	struct connection *c = &message->sendmail->connection;
	struct watch watch = {.message = message, .ui = c->request.observer};
	struct envoi_request request = c->request;
	if (!message->sendmail->account_ready) {
		return conclude(message, message->error.status);
	}
	request.sources = name;
	request.source_count = 1;
	request.composed = message->input;
	request.long_lines = c->chain.accounts[0]->long_lines;
	request.sender = message->sender;
	request.envelope = make_envelope;
	request.envelope_context = message;
	request.observer = (struct envoi_observer){
		.context = &watch,
		.warn = take_warning,
		.ready = take_ready,
		.message = take_message,
		.session = take_session,
		.trace = watch.ui.trace != NULL ? take_trace : NULL,
		.trace_data = watch.ui.trace_data,
	};
	/* One request, one message: it is given out once. */
	enum envoi_status status = envoi_submit(&request);
	return conclude(message, final_status(message, status));
}
