/*
 * A channel: connections one after the other. Connects, runs the session with
 * what the job has waiting, and says what its end means for the route.
 */
#include "submit/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <envoi/address.h>

#include "base/clock.h"
#include "config/secret_source.h"

void envoi_channel_reset(struct channel *channel)
{
	envoi_connector_free(channel->connector);
	envoi_link_free(channel->link);
	free(channel->list);
	free(channel->places);
	*channel = (struct channel){.run = channel->run, .state = CHANNEL_IDLE};
}

static int copy_live_endpoints(struct channel *channel)
{
	const struct envoi_route *route = &channel->run->route;
	channel->list = calloc(route->count, sizeof(*channel->list));
	channel->places = calloc(route->count, sizeof(*channel->places));
	if (channel->list == NULL || channel->places == NULL) {
		return -1;
	}
	for (size_t i = 0; i < route->count; i++) {
		if (!route->dead[i]) {
			channel->list[channel->count] = route->endpoints[i];
			channel->places[channel->count++] = i;
		}
	}
	return 0;
}

bool envoi_channel_start(struct channel *channel, int64_t now)
{
	struct run *run = channel->run;
	const struct envoi_server *server =
		envoi_route_next(&run->route, now, envoi_run_resolve_failed, run);
	if (server == NULL) {
		return false;
	}
	struct envoi_error err;
	channel->relay = envoi_route_relay(&run->route);
	channel->server = server;
	/* Looking its name up is part of connecting. */
	channel->began = run->route.began != 0 ? run->route.began : now;
	run->route.began = 0;
	channel->visit.stay = (struct envoi_stay){
		.index = run->sessions++,
		.server = envoi_route_place(&run->route),
		.missed = run->route.fault.status == ENVOI_STATUS_TEMPORARY,
		.name = server->host != NULL ? server->host : server->path,
	};
	if (copy_live_endpoints(channel) == 0) {
		envoi_run_note(run, '=', "connect to %s", server->label);
		channel->connector = envoi_connector_new(channel->list, channel->count,
			envoi_route_source(&run->route), now,
			channel->began + envoi_route_patience(&run->route), &err);
	}
	if (channel->connector == NULL) {
		(void)envoi_error_set(&err, ENVOI_STATUS_SYSTEM, "out of memory");
		envoi_route_fault(&run->route, &err, ENVOI_PHASE_CONNECT, NULL);
		envoi_channel_reset(channel);
		channel->state = CHANNEL_RETIRED;
		return false;
	}
	channel->state = CHANNEL_CONNECTING;
	return true;
}

static bool other_channel_works(const struct channel *channel)
{
	const struct run *run = channel->run;
	for (size_t i = 0; i < run->channel_count; i++) {
		const struct channel *other = &run->channels[i];
		if (other != channel && other->state == CHANNEL_RUNNING
			&& envoi_session_facts(envoi_link_session(other->link))
				   ->established) {
			return true;
		}
	}
	return false;
}

static void connect_failed(struct channel *channel, const struct envoi_error *why)
{
	struct run *run = channel->run;
	struct envoi_error named;
	(void)envoi_error_set(&named, why->status, "no connection to %s: %s",
		channel->server->label, why->text);
	const struct envoi_error *err = &named;
	/* One connection too many says nothing about those that stand. */
	bool retire = other_channel_works(channel);
	if (!retire) {
		envoi_route_fault(&run->route, err, ENVOI_PHASE_CONNECT, NULL);
		for (size_t i = 0; i < channel->count; i++) {
			envoi_route_fail(
				&run->route, channel->server, channel->places[i]);
		}
	}
	envoi_run_report_failure(run, channel->visit.stay.index, channel->relay,
		channel->server, ENVOI_PHASE_CONNECT, err);
	envoi_run_trouble(run, err);
	envoi_channel_reset(channel);
	if (retire) {
		channel->state = CHANNEL_RETIRED;
	}
}

/* --helo, else this host's name if it is one, else the socket's address. */
static void choose_helo(struct channel *channel, int fd)
{
	const char *given = channel->relay->session.helo;
	char name[ENVOI_LIMIT_HOST + 1] = "";
	if (given != NULL) {
		(void)snprintf(channel->helo, sizeof(channel->helo), "%s", given);
		return;
	}
	if (gethostname(name, sizeof(name) - 1) == 0 && strchr(name, '.') != NULL
		&& envoi_address_is_helo(name)) {
		(void)snprintf(channel->helo, sizeof(channel->helo), "%s", name);
		return;
	}
	envoi_resolve_local_literal(fd, channel->helo, sizeof(channel->helo));
}

static void fill_auth(const struct channel *channel, struct envoi_auth_options *auth)
{
	const struct envoi_secret_source *secret = channel->relay->secret;
	bool local = channel->server->path != NULL
		     || strncmp(channel->address, "127.", 4) == 0
		     || strcmp(channel->address, "::1") == 0;
	auth->host = channel->server->host;
	auth->port = channel->server->port;
	auth->clear_ok = auth->clear_ok || local;
	if (secret != NULL && secret->kind != ENVOI_SECRET_NONE) {
		auth->has_token = secret->is_token;
		auth->has_password = !secret->is_token;
		/* Only a command may have a fresh token the next moment. */
		auth->secret_once = secret->kind != ENVOI_SECRET_COMMAND
				    && secret->kind != ENVOI_SECRET_SHELL;
	}
}

/* Where connections were lost, less is to be in doubt the next time. */
static void limit_window(
	const struct channel *channel, struct envoi_session_options *session)
{
	unsigned most = envoi_run_way(channel)->window;
	session->window_careful = most;
	if (most > 0 && most < ENVOI_LIMIT_WINDOW_FIRST) {
		session->window = most;
	}
}

static void connected(struct channel *channel, int fd, size_t index, int64_t now)
{
	struct run *run = channel->run;
	struct envoi_error err;
	for (size_t i = 0; i < channel->count; i++) {
		char why[128];
		int sys = envoi_connector_reason(channel->connector, i);
		if (sys != 0) {
			envoi_run_note(run, '!', "%s: %s", channel->list[i].text,
				envoi_error_reason(sys, why, sizeof(why)));
			envoi_route_fail(
				&run->route, channel->server, channel->places[i]);
		}
	}
	channel->endpoint = channel->places[index];
	channel->connected = now;
	(void)snprintf(channel->address, sizeof(channel->address), "%s",
		channel->list[index].text);
	envoi_run_note(run, '=', "connected to %s", channel->address);
	choose_helo(channel, fd);
	struct envoi_link_options options = {
		.session = channel->relay->session,
		.tls = envoi_run_tls_context,
		.tls_context = channel,
		.host = channel->relay->tls.name != NULL ? channel->relay->tls.name
							 : channel->server->host,
		.trace =
			{
				.context = run->request->observer.context,
				.line = run->request->observer.trace,
				.data = run->request->observer.trace_data,
			},
	};
	options.session.helo = channel->helo;
	options.session.lmtp = channel->server->lmtp;
	options.session.tls = channel->server->tls;
	options.session.without = run->request->without;
	limit_window(channel, &options.session);
	fill_auth(channel, &options.session.auth);
	channel->link = envoi_link_new(fd, &options, now, &err);
	if (channel->link == NULL) {
		connect_failed(channel, &err);
		return;
	}
	channel->state = CHANNEL_RUNNING;
}

/* The session is closed: what does it mean for the next one? */
static void channel_end(struct channel *channel, int64_t now)
{
	struct run *run = channel->run;
	const struct envoi_session_facts *facts =
		envoi_session_facts(envoi_link_session(channel->link));
	struct envoi_error fault;
	bool useless = envoi_visit_is_useless(&channel->visit, facts, &fault);
	/* A server may take fewer connections than we would like. */
	bool retire = useless && other_channel_works(channel);
	if (useless && !retire) {
		envoi_route_fault(
			&run->route, &fault, facts->error_phase, &facts->error_reply);
		envoi_route_fail(&run->route, channel->server, channel->endpoint);
		if (facts->error.status == ENVOI_STATUS_AUTH) {
			/* The same name and secret at its other addresses: a way
			 * to be locked out. */
			envoi_route_fail_server(&run->route, channel->server);
		}
	}
	if (channel->doubtful > 0) {
		envoi_run_way(channel)->window = (channel->doubtful + 1) / 2;
		channel->doubtful = 0;
	}
	run->probed = run->probed || facts->established;
	if (facts->error.status != ENVOI_STATUS_OK && !run->stopped) {
		envoi_run_warn_session(channel);
	}
	envoi_run_report_link(channel, now);
	run->written += envoi_link_written(channel->link);
	envoi_channel_reset(channel);
	if (retire) {
		channel->state = CHANNEL_RETIRED;
	}
}

static void channel_feed(struct channel *channel, int64_t now)
{
	if (!channel->run->stopped) {
		envoi_visit_feed(&channel->visit, channel->run->job,
			envoi_link_session(channel->link), now);
	}
}

static void channel_finished(
	struct channel *channel, struct envoi_transaction *transaction)
{
	envoi_run_explain_refusal(channel, transaction);
	bool again = transaction != envoi_link_unreadable(channel->link);
	for (size_t i = 0; i < transaction->count; i++) {
		if (transaction->recipients[i]->result.outcome == ENVOI_OUTCOME_UNKNOWN) {
			channel->doubtful++;
			break;
		}
	}
	envoi_visit_finished(&channel->visit, channel->run->job, transaction, again);
}

/* What netrc, a keyring or a person says is for one host. */
static bool is_for_another_host(
	const struct envoi_relay *relay, const struct way *way, const char *host)
{
	return relay->secret->kind >= ENVOI_SECRET_NETRC && way->secret_host != NULL
	       && strcmp(way->secret_host, host) != 0;
}

/* Has the secret, anew when the session asks a second time. */
static void give_secret(struct channel *channel, int64_t now)
{
	const struct envoi_relay *relay = channel->relay;
	struct way *way = envoi_run_way(channel);
	struct envoi_secret *secret = &way->secret;
	struct envoi_session *session = envoi_link_session(channel->link);
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct envoi_secret_need need = {
		.user = relay->session.auth.user,
		.host = channel->server->host != NULL ? channel->server->host
						      : "localhost",
		.stop_fd = channel->run->request->stop_fd,
	};
	if (channel->asked_secret || is_for_another_host(relay, way, need.host)) {
		envoi_secret_finish(secret);
	}
	channel->asked_secret = true;
	way->secret_host = need.host;
	if (secret->data == NULL
		&& envoi_secret_obtain(relay->secret, &need, secret, &err) != 0) {
		envoi_session_give_secret(session, NULL, 0, &err, now);
		return;
	}
	envoi_session_give_secret(session, secret->data, secret->length, NULL, now);
}

static void channel_run(struct channel *channel, int64_t now)
{
	struct envoi_transaction *transaction = NULL;
	for (;;) {
		switch (envoi_link_step(channel->link, &transaction)) {
		case ENVOI_EVENT_NONE:
			return;
		case ENVOI_EVENT_NEED_SECRET:
			give_secret(channel, envoi_clock_now());
			break;
		case ENVOI_EVENT_READY:
			channel->run->proven = true;
			channel_feed(channel, now);
			break;
		case ENVOI_EVENT_FINISHED:
			channel_finished(channel, transaction);
			channel_feed(channel, now);
			break;
		default:
			channel_end(channel, now);
			return;
		}
	}
}

void envoi_channel_step(struct channel *channel, int64_t now)
{
	int fd = -1;
	size_t index = 0;
	struct envoi_error err;
	if (channel->state == CHANNEL_CONNECTING) {
		switch (envoi_connector_step(
			channel->connector, now, &fd, &index, &err)) {
		case ENVOI_CONNECT_MORE:
			return;
		case ENVOI_CONNECT_FAILED:
			connect_failed(channel, &err);
			return;
		case ENVOI_CONNECT_DONE:
			connected(channel, fd, index, now);
			break;
		}
	}
	if (channel->state == CHANNEL_RUNNING) {
		channel_run(channel, now);
	}
}
