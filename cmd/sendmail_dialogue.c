/*
 * -bs: mail by an SMTP dialogue on stdin and stdout, for programs that would
 * talk to a server. A message is answered with 250 when it is safe: the relay has
 * it, or the queue.
 *
 * Nothing is ever said on stderr: callers take that for a failure to start.
 */
#include "sendmail.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <envoi/address.h>
#include <envoi/dialogue.h>

#define MAX_RECIPIENTS 10000
/* A path is at most 512 octets. */
#define ADDRESS_SIZE 600

struct dialogue {
	struct sendmail *sendmail;
	/** What the account was chosen for, as it was said; NULL: none yet. */
	char *sender;
	/** Why there is no account: it goes into the queue. */
	struct envoi_error error;
};

/* Forgets the account, for the next sender. */
static void close_account(struct dialogue *dialogue)
{
	struct sendmail *sendmail = dialogue->sendmail;
	struct connection *c = &sendmail->connection;
	envoi_log_free(c->ui.log);
	c->ui.log = NULL;
	envoi_chain_finish(&c->chain);
	c->chain = (struct envoi_chain){0};
	envoi_config_free(c->config);
	c->config = NULL;
	envoi_aliases_free(sendmail->aliases);
	sendmail->aliases = NULL;
	free(sendmail->sender);
	sendmail->sender = NULL;
	sendmail->flags.sender = NULL;
	sendmail->account_ready = false;
	free(dialogue->sender);
	dialogue->sender = NULL;
}

static int take_sender(
	struct dialogue *dialogue, const char *address, struct envoi_error *err)
{
	if (dialogue->sender != NULL && strcmp(dialogue->sender, address) == 0) {
		return 0;
	}
	close_account(dialogue);
	dialogue->sender = strdup(address);
	if (dialogue->sender == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	dialogue->sendmail->flags.sender = dialogue->sender;
	if (sendmail_open(dialogue->sendmail, err) == 0) {
		return 0;
	}
	sendmail_syslog(dialogue->sendmail, true, err->text);
	dialogue->error = *err;
	if (err->status != ENVOI_STATUS_USAGE
		&& sendmail_queue_open(dialogue->sendmail) == 0) {
		return 0;
	}
	close_account(dialogue);
	return -1;
}

/* One address, in its brackets: a list of several is none. */
static int add_address(
	struct sendmail_message *message, const char *address, struct envoi_error *err)
{
	char text[ADDRESS_SIZE];
	if (strlen(address) > sizeof(text) - 3) {
		return envoi_error_set(err, ENVOI_STATUS_DATA, "address is too long");
	}
	(void)snprintf(text, sizeof(text), "<%s>", address);
	return sendmail_add_text(message, text, err);
}

static int take_address(
	void *context, bool is_sender, const char *address, struct envoi_error *err)
{
	struct dialogue *dialogue = context;
	struct sendmail_message message = {.sendmail = dialogue->sendmail};
	if (is_sender) {
		return take_sender(dialogue, address, err);
	}
	int result = add_address(&message, address, err);
	if (result == 0 && message.failure_count > 0) {
		*err = message.failures[0].error;
		result = -1;
	} else if (result == 0 && message.envelope.count == 0) {
		result = envoi_error_set(err, ENVOI_STATUS_DATA, "no recipient");
	}
	sendmail_message_finish(&message);
	return result;
}

/* In the words that programs look for: "queued as 4F2A" of the relay's reply, else
 * the id in our own queue. */
static void answer_taken(
	const struct sendmail_message *message, struct envoi_dialogue_answer *answer)
{
	static const char words[] = "queued as ";
	const char *id = strstr(message->reply, words);
	size_t n = 0;
	answer->code = 250;
	(void)snprintf(answer->enhanced, sizeof(answer->enhanced), "2.0.0");
	if (id != NULL) {
		id += sizeof(words) - 1;
		while (isalnum((unsigned char)id[n]) || id[n] == '-' || id[n] == '.') {
			n++;
		}
	}
	if (n > 0) {
		(void)snprintf(answer->text, sizeof(answer->text), "Ok: queued as %.*s",
			(int)n, id);
	} else if (message->stored) {
		(void)snprintf(answer->text, sizeof(answer->text), "Ok: queued as %s",
			message->id);
	} else {
		(void)snprintf(answer->text, sizeof(answer->text), "Ok: %.300s",
			message->reply[0] != '\0' ? message->reply : "delivered");
	}
}

static void answer_failed(const struct sendmail_message *message,
	enum envoi_status status, struct envoi_dialogue_answer *answer)
{
	bool permanent = message->failure_count > 0;
	const char *text = message->note_count > 0 ? message->notes[0].text
						   : "the message cannot be sent";
	for (size_t i = 0; i < message->failure_count; i++) {
		permanent = permanent && message->failures[i].permanent;
	}
	if (message->failure_count > 0) {
		text = message->failures[0].error.text;
	} else {
		permanent = status == ENVOI_STATUS_DATA || status == ENVOI_STATUS_REFUSED;
	}
	answer->code = permanent ? 554 : 451;
	(void)snprintf(answer->enhanced, sizeof(answer->enhanced),
		permanent ? "5.0.0" : "4.0.0");
	(void)snprintf(answer->text, sizeof(answer->text), "%.380s", text);
}

/* A recipient, or those behind an alias: all of them with the same wish. */
static int add_recipient(struct sendmail_message *message, const char *address,
	const struct envoi_wish *wish, struct envoi_error *err)
{
	struct envoi_envelope *envelope = &message->envelope;
	size_t before = envelope->count;
	if (add_address(message, address, err) != 0) {
		return -1;
	}
	struct envoi_wish *wishes =
		realloc(envelope->wishes, (envelope->count + 1) * sizeof(*wishes));
	if (wishes == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	for (size_t i = before; i < envelope->count; i++) {
		wishes[i] = *wish;
	}
	envelope->wishes = wishes;
	envelope->dsn.notify |= wish->notify;
	return 0;
}

static bool take_message(void *context, const struct envoi_dialogue_envelope *envelope,
	struct envoi_input *input, struct envoi_dialogue_answer *answer)
{
	struct dialogue *dialogue = context;
	struct sendmail *sendmail = dialogue->sendmail;
	struct sendmail_message message = {
		.sendmail = sendmail,
		.input = input,
		.error = dialogue->error,
	};
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_status status = ENVOI_STATUS_OK;
	int result = take_sender(dialogue, envelope->sender, &err);
	message.sender = sendmail->sender;
	sendmail->connection.request.dsn = envelope->dsn;
	message.envelope.dsn = envelope->dsn;
	for (size_t i = 0; result == 0 && i < envelope->count; i++) {
		result = add_recipient(
			&message, envelope->recipients[i], &envelope->wishes[i], &err);
	}
	if (result == 0) {
		status = sendmail_send(&message);
	}
	if (result != 0) {
		*answer =
			(struct envoi_dialogue_answer){.code = 451, .enhanced = "4.3.0"};
		(void)snprintf(answer->text, sizeof(answer->text), "%.380s", err.text);
	} else if (status == ENVOI_STATUS_OK || sendmail_is_taken(&message)) {
		answer_taken(&message, answer);
	} else {
		answer_failed(&message, status, answer);
	}
	/* It belongs to the dialogue. */
	message.input = NULL;
	sendmail_message_finish(&message);
	sendmail->connection.request.dsn = (struct envoi_dsn){0};
	return !ui_unwatch_signals(&sendmail->connection.ui);
}

enum envoi_status sendmail_dialogue(struct sendmail *sendmail)
{
	struct dialogue dialogue = {.sendmail = sendmail};
	struct envoi_error err = ENVOI_ERROR_NONE;
	sendmail_find_names(sendmail);
	const struct envoi_dialogue options = {
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.hostname = sendmail->host,
		.max_recipients = MAX_RECIPIENTS,
		.context = &dialogue,
		.address = take_address,
		.message = take_message,
	};
	/* Whoever says MAIL says from whom. */
	sendmail->flags.sender = NULL;
	int result = envoi_dialogue_run(&options, &err);
	if (result != 0) {
		sendmail_syslog(sendmail, true, err.text);
	}
	close_account(&dialogue);
	return result == 0 ? ENVOI_STATUS_OK : err.status;
}
