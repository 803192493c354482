/*
 * sendmail and the queue: messages go in, one goes out at once, a report of a
 * failure goes to the sender; and the parts of the queue that -q asks for.
 */
#include "sendmail.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <envoi/bounce.h>

#include "commands.h"

/* No caller hangs on a relay: what takes longer is tried again later. */
#define FOREGROUND_US 30000000

/* -- in -------------------------------------------------------------------------- */

int sendmail_queue_open(struct sendmail *sendmail)
{
	struct envoi_queue_envelope way = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (sendmail->queue != NULL) {
		return 0;
	}
	int result = connection_keep(&sendmail->connection, &way, &err);
	if (result == 0) {
		/* The runner of all users has its own configuration. */
		bool own = way.config != NULL;
		result =
			(own ? spool_open_own : spool_open)(true, &sendmail->queue, &err);
	}
	if (result != 0) {
		sendmail_syslog(sendmail, true, err.text);
	}
	return result;
}

/* From the commit on nothing may look like a failure: a signal that would end us
 * is kept until we said so. */
static void watch_signals(struct sendmail *sendmail)
{
	ui_watch_signals(&sendmail->connection.ui);
	(void)signal(SIGHUP, SIG_IGN);
}

/* That it is not refused for its octets, and -oem, hold for what is found out later as
 * well; in the queue of all users it is so in any case. *ret_settings is to be freed.
 */
static int add_settings(const struct sendmail *sendmail, struct envoi_queue_envelope *way,
	struct envoi_queue_setting **ret_settings, struct envoi_error *err)
{
	enum sendmail_errors errors = sendmail->flags.errors;
	*ret_settings = NULL;
	if (spool_is_shared(sendmail->queue)) {
		return 0;
	}
	struct envoi_queue_setting *all = calloc(way->setting_count + 2, sizeof(*all));
	if (all == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	for (size_t i = 0; i < way->setting_count; i++) {
		all[i] = way->settings[i];
	}
	all[way->setting_count++] = (struct envoi_queue_setting){
		.keyword = CONNECTION_KEPT_MEND, .value = "on"};
	if (errors == SENDMAIL_ERRORS_MAIL || errors == SENDMAIL_ERRORS_MAIL_ONLY) {
		all[way->setting_count++] = (struct envoi_queue_setting){
			.keyword = CONNECTION_KEPT_BOUNCES, .value = "on"};
	}
	way->settings = all;
	*ret_settings = all;
	return 0;
}

int sendmail_store(struct sendmail_message *message, struct envoi_error *err)
{
	struct sendmail *sendmail = message->sendmail;
	struct connection *c = &sendmail->connection;
	struct envoi_queue_envelope way = {
		.id = message->id,
		.sender = message->ready.sender,
		.count = message->ready.count,
	};
	if (sendmail->queue == NULL || message->id[0] == '\0') {
		return -1;
	}
	struct envoi_queue_setting *settings = NULL;
	if (connection_keep(c, &way, err) != 0
		|| add_settings(sendmail, &way, &settings, err) != 0) {
		sendmail_syslog(sendmail, true, err->text);
		return -1;
	}
	watch_signals(sendmail);
	int result = spool_put(sendmail->queue, &way,
		(const char *const *)message->ready.recipients, message->ready.wishes,
		&c->request.dsn, message->mail, &message->entry, err);
	free(settings);
	if (result != 0) {
		sendmail_syslog(sendmail, true, err->text);
	}
	message->stored = result == 0;
	return result;
}

/* -- out ------------------------------------------------------------------------- */

static int find_route(void *context, const struct envoi_queue_envelope *envelope,
	struct envoi_request *request, struct envoi_error *err)
{
	struct sendmail_watch *watch = context;
	const struct envoi_account *account =
		watch->message->sendmail->connection.chain.accounts[0];
	(void)envelope;
	(void)err;
	*request = watch->message->sendmail->connection.request;
	request->sender = "";
	request->total_us = account->foreground_timeout_us > 0
				    ? account->foreground_timeout_us
				    : FOREGROUND_US;
	request->observer = sendmail_observer(watch);
	return 0;
}

static void take_done(void *context, const struct envoi_entry *entry)
{
	sendmail_take_entry(((struct sendmail_watch *)context)->message, entry);
}

static void take_warning(void *context, const struct envoi_error *err)
{
	sendmail_take_note(((struct sendmail_watch *)context)->message, err);
}

/* The entry is given back. */
static void deliver_now(struct sendmail_message *message)
{
	struct sendmail *sendmail = message->sendmail;
	struct sendmail_watch watch = {
		.message = message,
		.ui = sendmail->connection.request.observer,
	};
	const struct envoi_runner runner = {
		.queue = sendmail->queue,
		.route = find_route,
		.done = take_done,
		.warn = take_warning,
		.context = &watch,
	};
	struct envoi_runner_report report;
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (envoi_runner_deliver(&runner, message->entry, &report, &err) != 0) {
		sendmail_take_note(message, &err);
	}
	message->entry = NULL;
}

/* "envoi queue run ID", by a process of its own that nobody waits for. */
static void deliver_later(struct sendmail *sendmail, const char *id)
{
	char command[] = "queue", word[] = "run", quiet[] = "--quiet";
	char copy[ENVOI_QUEUE_ID_SIZE];
	(void)snprintf(copy, sizeof(copy), "%s", id);
	char *argv[] = {command, word, quiet, copy, NULL};
	pid_t child = fork();
	if (child < 0) {
		sendmail_syslog(sendmail, false,
			"no process to deliver in the background: it stays queued");
		return;
	}
	if (child > 0) {
		(void)waitpid(child, NULL, 0);
		return;
	}
	if (setsid() < 0 || fork() != 0) {
		_exit(0);
	}
	int null = open("/dev/null", O_RDWR);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++) {
		(void)dup2(null, fd);
	}
	_exit(cmd_queue(4, argv));
}

static enum sendmail_delivery choose_delivery(const struct sendmail *sendmail)
{
	/* The queue of all users has a runner, and the relay's secret only it. */
	if (!sendmail->account_ready || spool_is_shared(sendmail->queue)) {
		return SENDMAIL_DELIVERY_QUEUE;
	}
	if (sendmail->flags.verbose) {
		return SENDMAIL_DELIVERY_FOREGROUND;
	}
	if (sendmail->flags.delivery != SENDMAIL_DELIVERY_DEFAULT) {
		return sendmail->flags.delivery;
	}
	switch (sendmail->connection.chain.accounts[0]->delivery) {
	case ENVOI_DELIVERY_BACKGROUND:
		return SENDMAIL_DELIVERY_BACKGROUND;
	case ENVOI_DELIVERY_QUEUE:
		return SENDMAIL_DELIVERY_QUEUE;
	default:
		return SENDMAIL_DELIVERY_FOREGROUND;
	}
}

void sendmail_deliver(struct sendmail_message *message)
{
	enum sendmail_delivery delivery = choose_delivery(message->sendmail);
	if (delivery == SENDMAIL_DELIVERY_FOREGROUND) {
		deliver_now(message);
		return;
	}
	envoi_entry_free(message->entry);
	message->entry = NULL;
	if (delivery == SENDMAIL_DELIVERY_BACKGROUND) {
		deliver_later(message->sendmail, message->id);
	}
}

/* -- back ------------------------------------------------------------------------ */

/* Those who failed for good, and what the bounce is made of; *ret_list is to be
 * freed by two. */
static int list_failures(const struct sendmail_message *message,
	struct envoi_bounce *bounce, struct envoi_verdict **ret_verdicts,
	struct envoi_error *err)
{
	size_t n = message->failure_count;
	struct envoi_bounce_recipient *recipients = calloc(n + 1, sizeof(*recipients));
	struct envoi_verdict *verdicts = calloc(n + 1, sizeof(*verdicts));
	bounce->recipients = recipients;
	*ret_verdicts = verdicts;
	if (recipients == NULL || verdicts == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	for (size_t i = 0; i < n; i++) {
		const struct sendmail_failure *failure = &message->failures[i];
		if (!failure->permanent) {
			continue;
		}
		struct envoi_verdict *verdict = &verdicts[bounce->count];
		*verdict = (struct envoi_verdict){
			.fate = ENVOI_FATE_FAILED,
			.status = failure->error.status,
			.code = failure->code,
			.text = failure->error.text + failure->text_at,
			.at = bounce->now,
		};
		memcpy(verdict->enhanced, failure->enhanced, sizeof(verdict->enhanced));
		recipients[bounce->count++] = (struct envoi_bounce_recipient){
			.address = failure->address, .verdict = verdict};
	}
	return 0;
}

/* The sender was told, and the message is in the report. */
static void drop_failed(struct sendmail_message *message)
{
	struct envoi_entry *entry = NULL;
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (envoi_queue_claim(message->sendmail->queue, ENVOI_QUEUE_FAILED, message->id,
		    &entry, &err)
		== ENVOI_QUEUE_GOT) {
		(void)envoi_entry_remove(entry, &err);
	}
	envoi_entry_free(entry);
}

static void send_report(struct sendmail *sendmail, struct envoi_entry *entry)
{
	struct sendmail_message report = {
		.sendmail = sendmail, .stored = true, .entry = entry};
	(void)snprintf(report.id, sizeof(report.id), "%s", envoi_entry_id(entry));
	sendmail_deliver(&report);
	sendmail_message_finish(&report);
}

static int queue_report(struct sendmail_message *message, struct envoi_bounce *bounce,
	struct envoi_error *err)
{
	struct sendmail *sendmail = message->sendmail;
	struct envoi_queue_envelope way = {.uid = getuid()};
	struct envoi_verdict *verdicts = NULL;
	struct envoi_entry *entry = NULL;
	int result = connection_keep(&sendmail->connection, &way, err);
	if (result == 0) {
		result = list_failures(message, bounce, &verdicts, err);
	}
	if (result == 0) {
		result = envoi_bounce_queue(sendmail->queue, bounce, &way, &entry, err);
	}
	free((void *)(uintptr_t)bounce->recipients);
	free(verdicts);
	if (result == 0) {
		drop_failed(message);
		send_report(sendmail, entry);
	}
	return result;
}

int sendmail_mail_back(struct sendmail_message *message, struct envoi_error *err)
{
	const struct sendmail *sendmail = message->sendmail;
	const char *to =
		message->ready.sender != NULL ? message->ready.sender : message->sender;
	struct envoi_bounce bounce = {
		.kind = message->stored ? ENVOI_BOUNCE_FAILED : ENVOI_BOUNCE_REFUSED,
		.to = to,
		.host = sendmail->host,
		.domain = sendmail->domain,
		.arrived = (int64_t)time(NULL),
		.now = (int64_t)time(NULL),
		.reason = message->note_count > 0 ? message->notes[0].text : NULL,
		.envelope_id = sendmail->connection.request.dsn.envid,
		.returned = sendmail->connection.request.dsn.ret,
		.id = message->stored ? message->id : NULL,
		.original = message->mail,
	};
	if (to == NULL || to[0] == '\0') {
		return envoi_error_set(
			err, ENVOI_STATUS_TEMPORARY, "there is no sender to tell");
	}
	if (sendmail->queue == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_TEMPORARY,
			"there is no queue for a report to the sender");
	}
	int result = queue_report(message, &bounce, err);
	if (result != 0 && err->status == ENVOI_STATUS_DATA && bounce.original != NULL) {
		/* It is not fit to be a part of anything: told of, and kept. */
		bounce.original = NULL;
		bounce.count = 0;
		result = queue_report(message, &bounce, err);
		message->unreturned = result == 0;
	}
	return result;
}
