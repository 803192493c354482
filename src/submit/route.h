/*
 * Where to connect next: the relays and their servers in order, the addresses of
 * each, and which of them failed. Remembers the worst fault for those who are
 * left when nothing is.
 */
#ifndef ENVOI_SUBMIT_ROUTE_H
#define ENVOI_SUBMIT_ROUTE_H

#include <envoi/session.h>
#include <envoi/submit.h>

#include "net/lookup.h"

struct envoi_route {
	const struct envoi_request *request;
	/** The relay and its server being used, and that one's addresses. */
	size_t relay;
	size_t server;
	struct envoi_endpoint *endpoints;
	bool *dead;
	size_t count;
	/** Its name is being looked up; NULL: it is not. */
	struct envoi_lookup *lookup;
	/** When that began, until a connection has counted it in; 0: none. */
	int64_t began;
	/** Local address for each relay; length 0: none. */
	struct envoi_endpoint *sources;
	/** The worst so far; status OK: none. */
	struct envoi_error fault;
	enum envoi_phase fault_phase;
	struct envoi_reply fault_reply;
};

/** USAGE: the source address of a relay is none. SYSTEM: no memory. */
int envoi_route_init(struct envoi_route *route, const struct envoi_request *request,
	struct envoi_error *err);

void envoi_route_finish(struct envoi_route *route);

/** The server with an address worth trying, resolved. NULL: there is none left,
 * or its name is being looked up, see envoi_route_is_waiting(): then ask again
 * when envoi_route_poll() has something or envoi_route_deadline() is reached.
 * Tells on_fault about servers that cannot be resolved. */
const struct envoi_server *envoi_route_next(struct envoi_route *route, int64_t now,
	void (*on_fault)(void *context, const struct envoi_relay *relay,
		const struct envoi_server *server, const struct envoi_error *err),
	void *context);

/** The place of the server being used among those of all relays; how many there
 * are, when none is left. */
size_t envoi_route_place(const struct envoi_route *route);

/** Goes on to the next server; not while a name is looked up. */
void envoi_route_skip(struct envoi_route *route);

/** The relay of that server, and the local address for it or NULL. */
const struct envoi_relay *envoi_route_relay(const struct envoi_route *route);
const struct envoi_endpoint *envoi_route_source(const struct envoi_route *route);

bool envoi_route_is_waiting(const struct envoi_route *route);

/** fd is -1 when nothing is waited for. */
struct pollfd envoi_route_poll(const struct envoi_route *route);
int64_t envoi_route_deadline(const struct envoi_route *route);

/** Nobody waits for the name any more. Returns its server (of the current relay),
 * NULL: none. */
const struct envoi_server *envoi_route_cancel(struct envoi_route *route);

/** How long a lookup and the connecting behind it may take, in microseconds. */
int64_t envoi_route_patience(const struct envoi_route *route);

/** An address of the server, by its place, did not work. */
void envoi_route_fail(
	struct envoi_route *route, const struct envoi_server *server, size_t endpoint);

/** None of its addresses is worth trying. */
void envoi_route_fail_server(
	struct envoi_route *route, const struct envoi_server *server);

/** Keeps a fault if it is worse than the one kept. reply may be NULL. */
void envoi_route_fault(struct envoi_route *route, const struct envoi_error *err,
	enum envoi_phase phase, const struct envoi_reply *reply);

#endif
