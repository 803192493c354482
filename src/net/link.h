/*
 * One connection with a session on it: pumps bytes between the stream and the
 * session machine, message bodies from their source to the stream, and does
 * the TLS handshake when the session asks for it. Never waits.
 *
 * A transaction submitted to the session of a link has its message
 * (struct envoi_message *) in transaction->user.
 */
#ifndef ENVOI_NET_LINK_H
#define ENVOI_NET_LINK_H

#include <poll.h>
#include <stdint.h>

#include <envoi/session.h>
#include <envoi/tls.h>

#include "net/tls.h"

struct envoi_link;

/** Who looks on: a protocol line, or something worth a note. */
struct envoi_trace {
	void *context;
	/** mark: '<' server, '>' client, '=' envoi, '!' trouble. text is raw
	 * octets without line end. NULL: nobody does. */
	void (*line)(void *context, char mark, const char *text, size_t n);
	/** Message data line by line, too. */
	bool data;
};

/** What a link does its own work with; all of it outlives the link. */
struct envoi_link_options {
	struct envoi_session_options session;
	/** Makes the client context when first needed; NULL with err. */
	struct envoi_tls *(*tls)(void *context, struct envoi_error *err);
	void *tls_context;
	/** Name the certificate must have, NULL: none is checked. */
	const char *host;
	struct envoi_trace trace;
};

/** Takes over a connected descriptor, also on failure. NULL with err. */
struct envoi_link *envoi_link_new(int fd, const struct envoi_link_options *options,
	int64_t now, struct envoi_error *err);

/** Closes the connection. Accepts NULL. */
void envoi_link_free(struct envoi_link *link);

/** The session: submit, close, stop, facts. Do not feed it. */
struct envoi_session *envoi_link_session(struct envoi_link *link);

/** Facts of TLS, NULL without. */
const struct envoi_tls_facts *envoi_link_tls(const struct envoi_link *link);

/** What to poll for. */
void envoi_link_poll(const struct envoi_link *link, struct pollfd *fd);

/** revents of that poll, before the next envoi_link_step(). */
void envoi_link_ready(struct envoi_link *link, short revents);

/**
 * Reads and writes until it would have to wait (NONE), or there is an event
 * for the caller: NEED_SECRET, READY, FINISHED, CLOSED. Call again after acting on it.
 */
enum envoi_event envoi_link_step(
	struct envoi_link *link, struct envoi_transaction **ret_transaction);

/** When envoi_link_step() is due without an event of poll. */
int64_t envoi_link_deadline(const struct envoi_link *link);

/** Octets written so far. */
uint64_t envoi_link_written(const struct envoi_link *link);

/** The transaction whose message could not be read to its end, or NULL: the
 * connection was given up for it. */
const struct envoi_transaction *envoi_link_unreadable(const struct envoi_link *link);

#endif
