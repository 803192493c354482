/*
 * Octets between a client's stream and its receiver.
 *
 * Nothing is read while replies wait to be written: a client that does not
 * read is not served, and its memory here is bounded. At the end our side is
 * closed first and what the client still sends is read and dropped for a
 * moment: closing with octets unread would reset the connection and could take
 * the last reply along.
 */
#include "sink/connection_internal.h"

#include <stdlib.h>

#include "base/socket.h"

/* For the client to read the last reply and close. */
#define LINGER_US ((int64_t)1000000)

static int start_handshake(struct envoi_connection *connection, int64_t now)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	connection->phase = CONNECTION_HANDSHAKE;
	connection->deadline = now + CONNECTION_CLOSE_US;
	if (envoi_stream_accept_tls(connection->stream, connection->shared->tls, &err)
		!= 0) {
		envoi_connection_note(connection, '!', err.text);
		return -1;
	}
	return 0;
}

struct envoi_connection *envoi_connection_new(
	struct envoi_sink_shared *shared, int fd, uint64_t number, int64_t now)
{
	struct envoi_connection *connection = calloc(1, sizeof(*connection));
	if (connection == NULL) {
		return NULL;
	}
	connection->shared = shared;
	connection->number = number;
	connection->phase = CONNECTION_TALK;
	connection->receiver = envoi_receiver_new(&shared->receiver);
	if (connection->receiver != NULL) {
		envoi_socket_set_nodelay(fd);
		connection->stream = envoi_stream_new(fd);
	}
	if (connection->stream == NULL) {
		envoi_connection_free(connection);
		return NULL;
	}
	envoi_connection_note(connection, '=', "connected");
	if (shared->implicit && start_handshake(connection, now) != 0) {
		connection->phase = CONNECTION_LINGER;
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

bool envoi_connection_is_closing(const struct envoi_connection *connection)
{
	return connection->phase == CONNECTION_CLOSING
	       || connection->phase == CONNECTION_LINGER;
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
	return connection->phase == CONNECTION_TALK
		       ? envoi_receiver_deadline(connection->receiver)
		       : connection->deadline;
}

/* Writes replies; OK: all of them. */
static enum envoi_io flush(struct envoi_connection *connection)
{
	struct envoi_span out = envoi_receiver_output(connection->receiver);
	while (out.len > 0) {
		size_t n = 0;
		enum envoi_io io = envoi_stream_write(
			connection->stream, out.data, out.len, &n, NULL);
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
		envoi_connection_pull(connection, now);
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
		envoi_connection_note(connection, io == ENVOI_IO_EOF ? '=' : '!',
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
		envoi_connection_note(connection, '!', err.text);
		return false;
	}
	const struct envoi_tls_facts *facts = envoi_stream_tls(connection->stream);
	envoi_reports_printf(&connection->shared->reports, connection->number, '=',
		"TLS %s %s", facts->version, facts->cipher);
	connection->phase = CONNECTION_TALK;
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
	if (io == ENVOI_IO_OK && connection->phase == CONNECTION_TALK
		&& !connection->start_tls && read_in(connection, now) != ENVOI_IO_AGAIN) {
		io = pull_and_flush(connection, now);
	}
	if (io == ENVOI_IO_OK && connection->start_tls
		&& connection->phase == CONNECTION_TALK) {
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
	connection->phase = CONNECTION_LINGER;
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
	if (connection->phase == CONNECTION_HANDSHAKE) {
		alive = shake_hands(connection, now);
	}
	if (alive && connection->phase == CONNECTION_TALK) {
		alive = talk(connection, now);
	}
	if (alive && connection->phase == CONNECTION_CLOSING) {
		alive = finish_output(connection, now);
	}
	if (alive && connection->phase == CONNECTION_LINGER) {
		alive = linger(connection, now);
	}
	if (!alive) {
		envoi_connection_note(connection, '=', "closed");
	}
	return alive;
}

void envoi_connection_shutdown(
	struct envoi_connection *connection, const char *text, int64_t now)
{
	if (connection->phase == CONNECTION_HANDSHAKE) {
		connection->phase = CONNECTION_LINGER;
		connection->deadline = now;
		return;
	}
	connection->started = true;
	envoi_receiver_shutdown(connection->receiver, text);
}
