/*
 * One message on its way: made ready, put into the queue, and sent from there at
 * once, unless it is to be sent later. Where there is no queue it is sent all the
 * same, and what cannot be is told.
 */
#include "sendmail.h"

#include <stdio.h>
#include <stdlib.h>

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
	envoi_envelope_finish(&message->ready);
	envoi_message_free(message->mail);
	envoi_input_free(message->input);
	*message = (struct sendmail_message){0};
}

/* -- without a queue ------------------------------------------------------------- */

static int give_message(
	void *context, struct envoi_message **ret_message, struct envoi_error *err)
{
	struct sendmail_message *message = context;
	(void)err;
	*ret_message = message->mail;
	message->mail = NULL;
	return 0;
}

static int give_envelope(void *context, struct envoi_message *mail,
	struct envoi_envelope *ret_envelope, struct envoi_error *err)
{
	struct sendmail_message *message = context;
	(void)mail;
	(void)err;
	*ret_envelope = message->ready;
	message->ready = (struct envoi_envelope){0};
	return 0;
}

static enum envoi_status send_now(struct sendmail_message *message)
{
	struct connection *c = &message->sendmail->connection;
	struct sendmail_watch watch = {.message = message, .ui = c->request.observer};
	struct envoi_request request = c->request;
	request.next = give_message;
	request.context = message;
	request.envelope = give_envelope;
	request.envelope_context = message;
	request.sender = "";
	request.observer = sendmail_observer(&watch);
	return envoi_submit(&request);
}

/* -- all of it ------------------------------------------------------------------- */

static enum envoi_status give_up(
	struct sendmail_message *message, const struct envoi_error *err)
{
	sendmail_take_note(message, err);
	return sendmail_conclude(message, err->status);
}

enum envoi_status sendmail_send(struct sendmail_message *message)
{
	struct sendmail *sendmail = message->sendmail;
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (sendmail_queue_open(sendmail) == 0
		&& envoi_queue_make_id(message->id, &err) != 0) {
		sendmail_syslog(sendmail, true, err.text);
		message->id[0] = '\0';
	}
	sendmail->connection.request.mend = true;
	if (sendmail->account_ready) {
		sendmail->connection.request.long_lines =
			sendmail->connection.chain.accounts[0]->long_lines;
	}
	if (sendmail_prepare(message, &err) != 0) {
		return give_up(message, &err);
	}
	for (size_t i = 0; i < message->failure_count; i++) {
		message->failures[i].element = true;
	}
	if (sendmail_store(message, &err) == 0) {
		sendmail_deliver(message);
		return sendmail_conclude(
			message, sendmail_status(message, ENVOI_STATUS_OK));
	}
	if (!sendmail->account_ready) {
		return give_up(message, &message->error);
	}
	enum envoi_status status = send_now(message);
	return sendmail_conclude(message, sendmail_status(message, status));
}
