/*
 * A race of connection attempts (RFC 8305 section 5): in the order given, the
 * next one starts 250 ms after the last or as soon as it failed; the first
 * that stands wins, the others are closed. No waiting in here: the caller
 * polls. Sockets are non-blocking and close-on-exec, TCP_NODELAY.
 */
#ifndef ENVOI_NET_CONNECT_H
#define ENVOI_NET_CONNECT_H

#include <poll.h>
#include <stdint.h>

#include "net/resolve.h"

struct envoi_connector;

enum envoi_connect {
	ENVOI_CONNECT_MORE,
	ENVOI_CONNECT_DONE,
	/** Every attempt failed, or the deadline passed. */
	ENVOI_CONNECT_FAILED,
};

/**
 * list outlives the connector. source: local address or NULL (endpoints of
 * another family are passed over, with that reason). deadline: absolute, for all attempts
 * together. NULL: no memory.
 */
struct envoi_connector *envoi_connector_new(const struct envoi_endpoint *list,
	size_t count, const struct envoi_endpoint *source, int64_t now, int64_t deadline,
	struct envoi_error *err);

/** Closes attempts still under way. Accepts NULL. */
void envoi_connector_free(struct envoi_connector *connector);

/** Descriptors to poll now; returns how many were filled in (at most
 * ENVOI_LIMIT_HOST_ADDRESSES). */
size_t envoi_connector_poll(
	const struct envoi_connector *connector, struct pollfd *fds, size_t max);

/** When envoi_connector_step() is due without an event. */
int64_t envoi_connector_deadline(const struct envoi_connector *connector);

/**
 * Goes on; call at first, on events and at the deadline. DONE: *ret_fd is the
 * caller's, *ret_index which endpoint it is. FAILED: err TEMPORARY lists each
 * address with its reason ("192.0.2.1: connection refused; ...").
 */
enum envoi_connect envoi_connector_step(struct envoi_connector *connector, int64_t now,
	int *ret_fd, size_t *ret_index, struct envoi_error *err);

/** Why endpoint i failed (errno value), 0 when it was not tried or won. */
int envoi_connector_reason(const struct envoi_connector *connector, size_t i);

#endif
