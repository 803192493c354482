/*
 * A message made ready: its header put right, and who it is from and for.
 */
#include "sendmail.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <unistd.h>

#include <envoi/repair.h>

/* -- the header -------------------------------------------------------------- */

/* "by HOST (envoi VERSION, uid N) id ID; DATE", RFC 5321 4.4 for what came by no
 * protocol. */
static void make_received(const struct sendmail_message *message, char *out, size_t size)
{
	const struct sendmail *sendmail = message->sendmail;
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm t;
	if (gmtime_r(&now, &t) == NULL) {
		memset(&t, 0, sizeof(t));
	}
	(void)snprintf(out, size,
		"by %s (envoi %s, uid %ju)%s%s;\n\t%.3s, %d %.3s %d %02d:%02d:%02d +0000",
		sendmail->host, ENVOI_VERSION, (uintmax_t)getuid(),
		message->id[0] != '\0' ? " id " : "", message->id, days + 3 * t.tm_wday,
		t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min,
		t.tm_sec);
}

static int repair(const struct sendmail_message *message, const char *sender,
	struct envoi_message *mail, struct envoi_error *err)
{
	const struct sendmail *sendmail = message->sendmail;
	char received[600];
	make_received(message, received, sizeof(received));
	struct envoi_repair rules = {
		.sender = sender,
		.full_name = sendmail->flags.full_name,
		.host = sendmail->host,
		.now = (int64_t)time(NULL),
		.received = received,
	};
	if (sendmail->connection.chain.count > 0) {
		envoi_account_repair(sendmail->connection.chain.accounts[0], &rules);
	}
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

/* Of struct envoi_request: who it is for, and its header. */
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

int sendmail_prepare(struct sendmail_message *message, struct envoi_error *err)
{
	struct envoi_request request = message->sendmail->connection.request;
	request.sender = message->sender;
	request.envelope = make_envelope;
	request.envelope_context = message;
	if (envoi_input_next(message->input, &message->mail, err) != 0) {
		return -1;
	}
	if (message->mail == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_BUG, "a message of nothing");
	}
	return envoi_request_prepare(&request, message->mail, &message->ready, err);
}
