/*
 * What the receiver's events ask for: addresses are judged, messages go into
 * the store, the transcript is told.
 */
#include "sink/connection_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/address.h>

void envoi_connection_note(
	struct envoi_connection *connection, char mark, const char *text)
{
	envoi_reports_line(&connection->shared->reports, connection->number, mark,
		envoi_span_of(text));
}

/* The replies that were not shown yet, a line each. */
static void show_replies(struct envoi_connection *connection)
{
	struct envoi_span out = envoi_receiver_output(connection->receiver);
	while (connection->shown < out.len) {
		const char *line = out.data + connection->shown;
		const char *lf = memchr(line, '\n', out.len - connection->shown);
		size_t n = lf == NULL ? out.len - connection->shown
				      : (size_t)(lf - line) + 1;
		envoi_reports_line(&connection->shared->reports, connection->number, '<',
			(struct envoi_span){line, n >= 2 ? n - 2 : n});
		connection->shown += n;
	}
}

/* A client may try to log in although nobody asked it to. */
static void show_command(struct envoi_connection *connection, struct envoi_span line)
{
	if (envoi_span_starts_nocase(line, "AUTH ")) {
		envoi_connection_note(connection, '>', "AUTH [hidden]");
		return;
	}
	envoi_reports_line(&connection->shared->reports, connection->number, '>', line);
}

/* Is it an address at all? The receiver looked only for its end. */
static void judge_address(
	struct envoi_connection *connection, struct envoi_span text, bool sender)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	char *mailbox = NULL;
	if (sender && connection->shared->draining) {
		envoi_receiver_answer(connection->receiver, 421, "4.3.2", "closing");
	} else if (envoi_address_parse(text.data, text.len, sender, &mailbox, &err)
		   != 0) {
		envoi_receiver_answer(
			connection->receiver, 553, sender ? "5.1.7" : "5.1.3", err.text);
	} else {
		envoi_receiver_answer(
			connection->receiver, 250, sender ? "2.1.0" : "2.1.5", "ok");
	}
	free(mailbox);
}

static void begin_message(struct envoi_connection *connection)
{
	const struct envoi_receiver *receiver = connection->receiver;
	connection->trouble = ENVOI_ERROR_NONE;
	connection->delivery = envoi_delivery_new(connection->shared->store,
		envoi_receiver_sender(receiver), &connection->trouble);
	if (connection->delivery == NULL) {
		return;
	}
	for (size_t i = 0; i < envoi_receiver_recipient_count(receiver); i++) {
		envoi_delivery_add_recipient(
			connection->delivery, envoi_receiver_recipient(receiver, i));
	}
}

/* The same answer for every recipient; those that are not due do nothing. */
static void answer_all(struct envoi_connection *connection, int code,
	const char *enhanced, const char *text)
{
	size_t n = envoi_receiver_recipient_count(connection->receiver);
	for (size_t i = 0; i < n; i++) {
		envoi_receiver_answer(connection->receiver, code, enhanced, text);
	}
}

static void end_message(struct envoi_connection *connection)
{
	struct envoi_sink_shared *shared = connection->shared;
	struct envoi_delivery *delivery = connection->delivery;
	char text[64];
	if (delivery != NULL) {
		envoi_reports_printf(&shared->reports, connection->number, '>',
			"[%" PRIu64 " octets of message]",
			envoi_delivery_octets(delivery));
	}
	if (shared->draining) {
		answer_all(connection, 451, "4.3.2", "closing, try again later");
	} else if (delivery == NULL
		   || envoi_delivery_commit(delivery, &connection->trouble) != 0) {
		envoi_reports_trouble(&shared->reports, &connection->trouble);
		answer_all(connection, 451, "4.3.0",
			"message cannot be stored, try again later");
	} else {
		shared->stored++;
		shared->draining = shared->stored == shared->wanted;
		envoi_reports_received(&shared->reports, shared->stored,
			envoi_receiver_sender(connection->receiver),
			envoi_receiver_recipient_count(connection->receiver),
			envoi_delivery_octets(delivery), envoi_delivery_place(delivery));
		(void)snprintf(
			text, sizeof(text), "ok: message %" PRIu64, shared->stored);
		answer_all(connection, 250, "2.0.0", text);
	}
	envoi_delivery_free(delivery);
	connection->delivery = NULL;
}

static void obey(struct envoi_connection *connection, enum envoi_receiver_event event,
	struct envoi_span text, int64_t now)
{
	switch (event) {
	case ENVOI_RECEIVER_COMMAND:
		show_command(connection, text);
		break;
	case ENVOI_RECEIVER_MAIL:
	case ENVOI_RECEIVER_RCPT:
		judge_address(connection, text, event == ENVOI_RECEIVER_MAIL);
		break;
	case ENVOI_RECEIVER_MESSAGE_BEGIN:
		begin_message(connection);
		break;
	case ENVOI_RECEIVER_MESSAGE_DATA:
		if (connection->delivery != NULL) {
			envoi_delivery_write(connection->delivery, text);
		}
		break;
	case ENVOI_RECEIVER_MESSAGE_END:
		end_message(connection);
		break;
	case ENVOI_RECEIVER_MESSAGE_ABORT:
		envoi_connection_note(connection, '=', "message given up");
		envoi_delivery_free(connection->delivery);
		connection->delivery = NULL;
		break;
	case ENVOI_RECEIVER_START_TLS:
		connection->start_tls = true;
		break;
	case ENVOI_RECEIVER_CLOSED:
		connection->phase = CONNECTION_CLOSING;
		connection->deadline = now + CONNECTION_CLOSE_US;
		break;
	case ENVOI_RECEIVER_NONE:
		break;
	}
}

void envoi_connection_pull(struct envoi_connection *connection, int64_t now)
{
	struct envoi_span text;
	enum envoi_receiver_event event;
	do {
		show_replies(connection);
		event = envoi_receiver_next_event(connection->receiver, &text);
		obey(connection, event, text, now);
	} while (event != ENVOI_RECEIVER_NONE);
	show_replies(connection);
}
