/*
 * One client of the sink: a stream, a receiver, and the message under way.
 */
#ifndef ENVOI_SINK_CONNECTION_H
#define ENVOI_SINK_CONNECTION_H

#include "net/stream.h"
#include "net/tls.h"
#include "protocol/receiver.h"
#include "sink/reports.h"
#include "sink/store.h"

/** What all connections share; outlives them. */
struct envoi_sink_shared {
	struct envoi_receiver_options receiver;
	/** NULL: no TLS. */
	struct envoi_tls *tls;
	/** TLS from the first byte. */
	bool implicit;
	struct envoi_store *store;
	struct envoi_reports reports;
	/** Messages stored, and how many are wanted; 0: any number. */
	uint64_t stored;
	uint64_t wanted;
	/** No message is begun or taken any more. */
	bool draining;
};

struct envoi_connection;

/** Takes fd over. NULL: no memory (fd stays the caller's). */
struct envoi_connection *envoi_connection_new(
	struct envoi_sink_shared *shared, int fd, uint64_t number, int64_t now);

/** Closes at once; the message under way is given up. Accepts NULL. */
void envoi_connection_free(struct envoi_connection *connection);

/** Has it said its last word? */
bool envoi_connection_is_closing(const struct envoi_connection *connection);

int envoi_connection_fd(const struct envoi_connection *connection);

/** poll(2) events to wait for. */
short envoi_connection_events(const struct envoi_connection *connection);

/** Is there something to do without polling? */
bool envoi_connection_is_ready(const struct envoi_connection *connection);

/** When envoi_connection_step() is due without an event. */
int64_t envoi_connection_deadline(const struct envoi_connection *connection);

/** Does what can be done now, at most one read; false: it is over. */
bool envoi_connection_step(struct envoi_connection *connection, int64_t now);

/** Ends it with a 421 and this text, before anything is said: as the greeting.
 * Follow with envoi_connection_step(). */
void envoi_connection_shutdown(
	struct envoi_connection *connection, const char *text, int64_t now);

#endif
