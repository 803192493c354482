/*
 * What a client does to its receiver, and the receiver to stream and store.
 *
 * Nothing is read while replies wait to be written: a client that does not
 * read is not served, and its memory here is bounded. At the end our side is
 * closed first and what the client still sends is read and dropped for a
 * moment: closing with octets unread would reset the connection and could take
 * the last reply along.
 */
#include "sink/connection.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/address.h>

/* For the client to read the last reply and close. */
#define LINGER_US ((int64_t)1000000)
/* For the last reply to be written, and for a handshake. */
#define CLOSE_US (10 * (int64_t)1000000)

enum phase {
	PHASE_HANDSHAKE,
	PHASE_TALK,
	/** The receiver is done; its last reply is on its way. */
	PHASE_CLOSING,
	/** Only the client's end is awaited. */
	PHASE_LINGER,
};

struct envoi_connection {
	struct envoi_sink_shared *shared;
	uint64_t number;
	struct envoi_stream *stream;
	struct envoi_receiver *receiver;
	enum phase phase;
	bool started;
	bool eof;
	bool start_tls;
	/** Output octets already in the transcript. */
	size_t shown;
	/** Of the phase; in PHASE_TALK the receiver's counts. */
	int64_t deadline;
	struct envoi_delivery *delivery;
	/** Why the message under way cannot be stored; status OK: it can. */
	struct envoi_error trouble;
};

static void note(struct envoi_connection *connection, char mark, const char *text)
{
	envoi_reports_line(&connection->shared->reports, connection->number, mark,
		envoi_span_of(text));
}

static int start_handshake(struct envoi_connection *connection, int64_t now)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	connection->phase = PHASE_HANDSHAKE;
	connection->deadline = now + CLOSE_US;
	if (envoi_stream_accept_tls(connection->stream, connection->shared->tls, &err) != 0) {
		note(connection, '!', err.text);
		return -1;
	}
	return 0;
}

struct envoi_connection *envoi_connection_new(struct envoi_sink_shared *shared, int fd,
	uint64_t number, int64_t now)
{
	struct envoi_connection *connection = calloc(1, sizeof(*connection));
	if (connection == NULL) {
		return NULL;
	}
	connection->shared = shared;
	connection->number = number;
	connection->phase = PHASE_TALK;
	connection->receiver = envoi_receiver_new(&shared->receiver);
	if (connection->receiver != NULL) {
		connection->stream = envoi_stream_new(fd);
	}
	if (connection->stream == NULL) {
		envoi_connection_free(connection);
		return NULL;
	}
	note(connection, '=', "connected");
	if (shared->implicit && start_handshake(connection, now) != 0) {
		connection->phase = PHASE_LINGER;
		connection->deadline = now;
	}
	return connection;
}

void envoi_connection_free(struct envoi_connection *connection)
{
	if (connection == NULL) {
		return;
	}
	envoi_delivery_free(connection->delivery);
	envoi_receiver_free(connection->receiver);
	envoi_stream_free(connection->stream);
	free(connection);
}

int envoi_connection_fd(const struct envoi_connection *connection)
{
	return envoi_stream_fd(connection->stream);
}

short envoi_connection_events(const struct envoi_connection *connection)
{
	bool write = envoi_receiver_output(connection->receiver).len > 0;
	return envoi_stream_events(connection->stream, !write, write);
}

bool envoi_connection_is_ready(const struct envoi_connection *connection)
{
	return envoi_stream_has_pending(connection->stream)
		&& envoi_receiver_output(connection->receiver).len == 0;
}

int64_t envoi_connection_deadline(const struct envoi_connection *connection)
{
	return connection->phase == PHASE_TALK ? envoi_receiver_deadline(connection->receiver)
					       : connection->deadline;
}

/* The replies that were not shown yet, a line each. */
static void show_replies(struct envoi_connection *connection)
{
	struct envoi_span out = envoi_receiver_output(connection->receiver);
	while (connection->shown < out.len) {
		const char *line = out.data + connection->shown;
		const char *lf = memchr(line, '\n', out.len - connection->shown);
		size_t n = lf == NULL ? out.len - connection->shown : (size_t)(lf - line) + 1;
		envoi_reports_line(&connection->shared->reports, connection->number, '<',
			(struct envoi_span){line, n >= 2 ? n - 2 : n});
		connection->shown += n;
	}
}

/* A client may try to log in although nobody asked it to. */
static void show_command(struct envoi_connection *connection, struct envoi_span line)
{
	if (envoi_span_starts_nocase(line, "AUTH ")) {
		note(connection, '>', "AUTH [hidden]");
		return;
	}
	envoi_reports_line(&connection->shared->reports, connection->number, '>', line);
}

/* Is it an address at all? The receiver looked only for its end. */
static void judge_address(struct envoi_connection *connection, struct envoi_span text, bool sender)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	char *mailbox = NULL;
	if (sender && connection->shared->draining) {
		envoi_receiver_answer(connection->receiver, 421, "4.3.2", "closing");
	} else if (envoi_address_parse(text.data, text.len, sender, &mailbox, &err) != 0) {
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
static void answer_all(struct envoi_connection *connection, int code, const char *enhanced,
	const char *text)
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
			"[%" PRIu64 " octets of message]", envoi_delivery_octets(delivery));
	}
	if (shared->draining) {
		answer_all(connection, 451, "4.3.2", "closing, try again later");
	} else if (delivery == NULL || envoi_delivery_commit(delivery, &connection->trouble) != 0) {
		envoi_reports_trouble(&shared->reports, &connection->trouble);
		answer_all(connection, 451, "4.3.0", "message cannot be stored, try again later");
	} else {
		shared->stored++;
		shared->draining = shared->stored == shared->wanted;
		envoi_reports_received(&shared->reports, shared->stored,
			envoi_receiver_sender(connection->receiver),
			envoi_receiver_recipient_count(connection->receiver),
			envoi_delivery_octets(delivery), envoi_delivery_place(delivery));
		(void)snprintf(text, sizeof(text), "ok: message %" PRIu64, shared->stored);
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
		note(connection, '=', "message given up");
		envoi_delivery_free(connection->delivery);
		connection->delivery = NULL;
		break;
	case ENVOI_RECEIVER_START_TLS:
		connection->start_tls = true;
		break;
	case ENVOI_RECEIVER_CLOSED:
		connection->phase = PHASE_CLOSING;
		connection->deadline = now + CLOSE_US;
		break;
	case ENVOI_RECEIVER_NONE:
		break;
	}
}

static void pull(struct envoi_connection *connection, int64_t now)
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

/* Writes replies; OK: all of them. */
static enum envoi_io flush(struct envoi_connection *connection)
{
	struct envoi_span out = envoi_receiver_output(connection->receiver);
	while (out.len > 0) {
		size_t n = 0;
		enum envoi_io io =
			envoi_stream_write(connection->stream, out.data, out.len, &n, NULL);
		if (io != ENVOI_IO_OK) {
			return io;
		}
		envoi_receiver_sent(connection->receiver, n);
		connection->shown -= n;
		out = envoi_receiver_output(connection->receiver);
	}
	return ENVOI_IO_OK;
}

/* Pulls and writes until both come to rest. */
static enum envoi_io pull_and_flush(struct envoi_connection *connection, int64_t now)
{
	for (;;) {
		pull(connection, now);
		if (envoi_receiver_output(connection->receiver).len == 0) {
			return ENVOI_IO_OK;
		}
		enum envoi_io io = flush(connection);
		if (io != ENVOI_IO_OK) {
			return io;
		}
	}
}

/* Reads once into the receiver. */
static enum envoi_io read_in(struct envoi_connection *connection, int64_t now)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	size_t room = 0;
	size_t n = 0;
	char *to = envoi_receiver_room(connection->receiver, &room);
	if (to == NULL) {
		return ENVOI_IO_AGAIN;
	}
	enum envoi_io io = envoi_stream_read(connection->stream, to, room, &n, &err);
	if (io == ENVOI_IO_OK) {
		envoi_receiver_received(connection->receiver, n, now);
	} else if (io != ENVOI_IO_AGAIN) {
		note(connection, io == ENVOI_IO_EOF ? '=' : '!',
			io == ENVOI_IO_EOF ? "client closed" : err.text);
		connection->eof = true;
		envoi_receiver_eof(connection->receiver);
	}
	return io;
}

static bool shake_hands(struct envoi_connection *connection, int64_t now)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_io io = envoi_stream_handshake(connection->stream, &err);
	if (io == ENVOI_IO_AGAIN) {
		return now < connection->deadline;
	}
	if (io != ENVOI_IO_OK) {
		note(connection, '!', err.text);
		return false;
	}
	const struct envoi_tls_facts *facts = envoi_stream_tls(connection->stream);
	envoi_reports_printf(&connection->shared->reports, connection->number, '=', "TLS %s %s",
		facts->version, facts->cipher);
	connection->phase = PHASE_TALK;
	if (connection->start_tls) {
		connection->start_tls = false;
		envoi_receiver_tls_established(connection->receiver, now);
	}
	return true;
}

static bool talk(struct envoi_connection *connection, int64_t now)
{
	if (!connection->started) {
		connection->started = true;
		envoi_receiver_start(connection->receiver, now);
	}
	envoi_receiver_tick(connection->receiver, now);
	enum envoi_io io = pull_and_flush(connection, now);
	if (io == ENVOI_IO_OK && connection->phase == PHASE_TALK && !connection->start_tls
		&& read_in(connection, now) != ENVOI_IO_AGAIN) {
		io = pull_and_flush(connection, now);
	}
	if (io == ENVOI_IO_OK && connection->start_tls && connection->phase == PHASE_TALK) {
		return start_handshake(connection, now) == 0;
	}
	return io == ENVOI_IO_OK || io == ENVOI_IO_AGAIN;
}

static bool finish_output(struct envoi_connection *connection, int64_t now)
{
	enum envoi_io io = flush(connection);
	if (io != ENVOI_IO_OK) {
		return io == ENVOI_IO_AGAIN && now < connection->deadline;
	}
	if (connection->eof) {
		return false;
	}
	envoi_stream_shutdown(connection->stream);
	connection->phase = PHASE_LINGER;
	connection->deadline = now + LINGER_US;
	return true;
}

static bool linger(struct envoi_connection *connection, int64_t now)
{
	char dropped[4096];
	size_t n = 0;
	if (now >= connection->deadline) {
		return false;
	}
	enum envoi_io io =
		envoi_stream_read(connection->stream, dropped, sizeof(dropped), &n, NULL);
	return io == ENVOI_IO_OK || io == ENVOI_IO_AGAIN;
}

bool envoi_connection_step(struct envoi_connection *connection, int64_t now)
{
	bool alive = true;
	if (connection->phase == PHASE_HANDSHAKE) {
		alive = shake_hands(connection, now);
	}
	if (alive && connection->phase == PHASE_TALK) {
		alive = talk(connection, now);
	}
	if (alive && connection->phase == PHASE_CLOSING) {
		alive = finish_output(connection, now);
	}
	if (alive && connection->phase == PHASE_LINGER) {
		alive = linger(connection, now);
	}
	if (!alive) {
		note(connection, '=', "closed");
	}
	return alive;
}

void envoi_connection_shutdown(struct envoi_connection *connection, const char *text, int64_t now)
{
	if (connection->phase == PHASE_HANDSHAKE) {
		connection->phase = PHASE_LINGER;
		connection->deadline = now;
		return;
	}
	connection->started = true;
	envoi_receiver_shutdown(connection->receiver, text);
}
