/*
 * Servers and addresses in order; see the header.
 */
#include "submit/route.h"

#include <stdlib.h>

int envoi_route_init(struct envoi_route *route, const struct envoi_request *request,
	struct envoi_error *err)
{
	*route = (struct envoi_route){.request = request};
	if (request->source_address != NULL) {
		return envoi_resolve_source(request->source_address, &route->source, err);
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
	forget_addresses(route);
	envoi_reply_finish(&route->fault_reply);
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

static int resolve_current(struct envoi_route *route, struct envoi_error *err)
{
	const struct envoi_server *server = &route->request->servers[route->server];
	if (envoi_resolve(
		    server, route->request->family, &route->endpoints, &route->count, err)
		!= 0) {
		return -1;
	}
	route->dead = calloc(route->count, sizeof(bool));
	if (route->dead == NULL) {
		forget_addresses(route);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	return 0;
}

const struct envoi_server *envoi_route_next(struct envoi_route *route,
	void (*on_fault)(void *context, const struct envoi_server *server,
		const struct envoi_error *err),
	void *context)
{
	while (route->server < route->request->server_count) {
		const struct envoi_server *server =
			&route->request->servers[route->server];
		struct envoi_error err = ENVOI_ERROR_NONE;
		if (route->endpoints == NULL && resolve_current(route, &err) != 0) {
			envoi_route_fault(route, &err, ENVOI_PHASE_RESOLVE, NULL);
			on_fault(context, server, &err);
		}
		if (has_live_address(route)) {
			return server;
		}
		forget_addresses(route);
		route->server++;
	}
	return NULL;
}

void envoi_route_fail(
	struct envoi_route *route, const struct envoi_server *server, size_t endpoint)
{
	/* Another channel may have moved the route on to the next server. */
	if (server == &route->request->servers[route->server]
		&& endpoint < route->count) {
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
