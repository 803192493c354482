/*
 * Servers and addresses in order; see the header.
 */
#include "submit/route.h"

#include <stdlib.h>

#include "base/clock.h"

/* RFC 5321 names no time for this. */
#define PATIENCE_US 30000000

int envoi_route_init(struct envoi_route *route, const struct envoi_request *request,
	struct envoi_error *err)
{
	*route = (struct envoi_route){.request = request};
	route->sources = calloc(request->relay_count, sizeof(*route->sources));
	if (route->sources == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	for (size_t i = 0; i < request->relay_count; i++) {
		const char *address = request->relays[i].source_address;
		if (address != NULL
			&& envoi_resolve_source(address, &route->sources[i], err) != 0) {
			return -1;
		}
	}
	return 0;
}

static void forget_addresses(struct envoi_route *route)
{
	free(route->endpoints);
	free(route->dead);
	route->endpoints = NULL;
	route->dead = NULL;
	route->count = 0;
}

void envoi_route_finish(struct envoi_route *route)
{
	(void)envoi_route_cancel(route);
	forget_addresses(route);
	free(route->sources);
	envoi_reply_finish(&route->fault_reply);
}

const struct envoi_relay *envoi_route_relay(const struct envoi_route *route)
{
	return &route->request->relays[route->relay];
}

const struct envoi_endpoint *envoi_route_source(const struct envoi_route *route)
{
	const struct envoi_endpoint *source = &route->sources[route->relay];
	return source->length > 0 ? source : NULL;
}

/* The server being used; NULL: there is none left. */
static const struct envoi_server *current_server(const struct envoi_route *route)
{
	return route->relay < route->request->relay_count
		       ? &envoi_route_relay(route)->servers[route->server]
		       : NULL;
}

static void go_on(struct envoi_route *route)
{
	forget_addresses(route);
	if (++route->server >= envoi_route_relay(route)->server_count) {
		route->server = 0;
		route->relay++;
	}
}

size_t envoi_route_place(const struct envoi_route *route)
{
	size_t place = route->server;
	for (size_t i = 0; i < route->relay; i++) {
		place += route->request->relays[i].server_count;
	}
	return place;
}

void envoi_route_skip(struct envoi_route *route)
{
	if (current_server(route) != NULL) {
		go_on(route);
	}
}

int64_t envoi_route_patience(const struct envoi_route *route)
{
	int64_t given = envoi_route_relay(route)->session.timeout_us[ENVOI_PHASE_CONNECT];
	return given > 0 ? given : PATIENCE_US;
}

bool envoi_route_is_waiting(const struct envoi_route *route)
{
	return route->lookup != NULL;
}

struct pollfd envoi_route_poll(const struct envoi_route *route)
{
	return route->lookup != NULL ? envoi_lookup_poll(route->lookup)
				     : (struct pollfd){.fd = -1};
}

int64_t envoi_route_deadline(const struct envoi_route *route)
{
	return route->lookup != NULL ? envoi_lookup_deadline(route->lookup)
				     : ENVOI_CLOCK_NEVER;
}

const struct envoi_server *envoi_route_cancel(struct envoi_route *route)
{
	if (route->lookup == NULL) {
		return NULL;
	}
	envoi_lookup_free(route->lookup);
	route->lookup = NULL;
	route->began = 0;
	return current_server(route);
}

static bool has_live_address(const struct envoi_route *route)
{
	for (size_t i = 0; i < route->count; i++) {
		if (!route->dead[i]) {
			return true;
		}
	}
	return false;
}

/* Asks for the addresses of the current server, once, and looks for the answer:
 * 0, -1, or 1: not yet. */
static int look_up(struct envoi_route *route, int64_t now, struct envoi_error *err)
{
	const struct envoi_request *request = route->request;
	if (route->lookup == NULL) {
		route->lookup = envoi_lookup_new(current_server(route), request->family,
			now, now + envoi_route_patience(route), err);
		if (route->lookup == NULL) {
			return -1;
		}
		route->began = now;
	}
	enum envoi_lookup_step step = envoi_lookup_step(
		route->lookup, now, &route->endpoints, &route->count, err);
	if (step == ENVOI_LOOKUP_MORE) {
		return 1;
	}
	envoi_lookup_free(route->lookup);
	route->lookup = NULL;
	if (step == ENVOI_LOOKUP_FAILED) {
		route->began = 0;
		return -1;
	}
	return 0;
}

/* The same, for a server of any kind. */
static int resolve_current(
	struct envoi_route *route, int64_t now, struct envoi_error *err)
{
	const struct envoi_request *request = route->request;
	int result = ENVOI_RESOLVE_NAME;
	if (route->lookup == NULL) {
		result = envoi_resolve(current_server(route), request->family,
			&route->endpoints, &route->count, err);
	}
	if (result == ENVOI_RESOLVE_NAME) {
		result = look_up(route, now, err);
	}
	if (result != 0) {
		return result;
	}
	route->dead = calloc(route->count, sizeof(bool));
	if (route->dead == NULL) {
		forget_addresses(route);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	return 0;
}

const struct envoi_server *envoi_route_next(struct envoi_route *route, int64_t now,
	void (*on_fault)(void *context, const struct envoi_relay *relay,
		const struct envoi_server *server, const struct envoi_error *err),
	void *context)
{
	const struct envoi_server *server;
	while ((server = current_server(route)) != NULL) {
		struct envoi_error err = ENVOI_ERROR_NONE;
		int result =
			route->endpoints != NULL ? 0 : resolve_current(route, now, &err);
		if (result > 0) {
			return NULL;
		}
		if (result < 0) {
			envoi_route_fault(route, &err, ENVOI_PHASE_RESOLVE, NULL);
			on_fault(context, envoi_route_relay(route), server, &err);
		}
		if (has_live_address(route)) {
			return server;
		}
		go_on(route);
	}
	return NULL;
}

void envoi_route_fail(
	struct envoi_route *route, const struct envoi_server *server, size_t endpoint)
{
	/* Another channel may have moved the route on to the next server. */
	if (server == current_server(route) && endpoint < route->count) {
		route->dead[endpoint] = true;
	}
}

void envoi_route_fail_server(struct envoi_route *route, const struct envoi_server *server)
{
	for (size_t i = 0; i < route->count; i++) {
		envoi_route_fail(route, server, i);
	}
}

void envoi_route_fault(struct envoi_route *route, const struct envoi_error *err,
	enum envoi_phase phase, const struct envoi_reply *reply)
{
	enum envoi_status worse = envoi_status_worse(route->fault.status, err->status);
	if (worse == route->fault.status) {
		return;
	}
	route->fault = *err;
	route->fault_phase = phase;
	envoi_reply_finish(&route->fault_reply);
	if (reply != NULL && reply->code != 0) {
		(void)envoi_reply_copy(&route->fault_reply, reply);
	}
}
