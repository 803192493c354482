/*
 * A connection from inside: connection.c moves octets, transaction.c does what
 * the receiver's events ask for. Nobody else includes this.
 */
#ifndef ENVOI_SINK_CONNECTION_INTERNAL_H
#define ENVOI_SINK_CONNECTION_INTERNAL_H

#include "sink/connection.h"

/* For the last reply to be written, and for a handshake. */
#define CONNECTION_CLOSE_US (10 * (int64_t)1000000)

enum connection_phase {
	CONNECTION_HANDSHAKE,
	CONNECTION_TALK,
	/** The receiver is done; its last reply is on its way. */
	CONNECTION_CLOSING,
	/** Only the client's end is awaited. */
	CONNECTION_LINGER,
};

struct envoi_connection {
	struct envoi_sink_shared *shared;
	uint64_t number;
	struct envoi_stream *stream;
	struct envoi_receiver *receiver;
	enum connection_phase phase;
	bool started;
	bool eof;
	bool start_tls;
	/** Output octets already in the transcript. */
	size_t shown;
	/** Of the phase; in CONNECTION_TALK the receiver's counts. */
	int64_t deadline;
	struct envoi_delivery *delivery;
	/** Why the message under way cannot be stored; status OK: it can. */
	struct envoi_error trouble;
};

/** Takes all events of the receiver there are, in order. */
void envoi_connection_pull(struct envoi_connection *connection, int64_t now);

/** A line of the transcript. */
void envoi_connection_note(
	struct envoi_connection *connection, char mark, const char *text);

#endif
