/*
 * A run: channels (a connection each, one after the other) that take what
 * the job has waiting, in one poll loop; see <envoi/submit.h>.
 */
#include <envoi/submit.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <envoi/address.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/span.h"
#include "net/connect.h"
#include "net/link.h"
#include "submit/job.h"
#include "submit/route.h"

enum channel_state {
	CHANNEL_IDLE,
	CHANNEL_CONNECTING,
	CHANNEL_RUNNING,
	/** Is not used again in this run. */
	CHANNEL_RETIRED,
};

struct channel {
	struct run *run;
	enum channel_state state;
	const struct envoi_server *server;
	/** The addresses under trial, and their places in the route. */
	struct envoi_endpoint *list;
	size_t *places;
	size_t count;
	struct envoi_connector *connector;
	struct envoi_link *link;
	/** Place in the route of the address connected to. */
	size_t endpoint;
	char address[128];
	char helo[ENVOI_LIMIT_HOST + 1];
	size_t session;
	int64_t began, connected;
	/** On this session: transactions begun, on their way, settled. */
	size_t mails, flying, settled;
	size_t poll_first, poll_count;
};

struct run {
	const struct envoi_request *request;
	struct envoi_job *job;
	struct envoi_route route;
	struct envoi_tls *tls;
	struct channel *channels;
	size_t channel_count;
	struct pollfd *fds;
	size_t sessions;
	int64_t deadline;
	/** A first session came to be ready: more connections are worth it. */
	bool proven;
	bool stopped;
	/** Without messages: connect once, greet and leave. */
	bool probe;
	bool probed;
	/** What 530 asks for was said. */
	bool explained;
	enum envoi_status status;
};

static void note(const struct run *run, char mark, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void note(const struct run *run, char mark, const char *format, ...)
{
	const struct envoi_observer *observer = &run->request->observer;
	if (observer->trace == NULL) {
		return;
	}
	char text[600];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0) {
		observer->trace(observer->context, mark, text,
			(size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	}
}

static void warn(const struct run *run, const struct envoi_error *err)
{
	if (run->request->observer.warn != NULL) {
		run->request->observer.warn(run->request->observer.context, err);
	}
}

static struct envoi_tls *tls_context(void *context, struct envoi_error *err)
{
	struct run *run = context;
	if (run->tls == NULL) {
		run->tls = envoi_tls_new_client(&run->request->tls, err);
	}
	return run->tls;
}

/* -- reports of sessions ----------------------------------------------------- */

static void report_session(struct run *run, const struct envoi_session_report *report)
{
	const struct envoi_observer *observer = &run->request->observer;
	if (observer->session != NULL) {
		observer->session(observer->context, report);
	}
}

/* A server there was no connection to. */
static void report_failure(struct run *run, size_t index,
	const struct envoi_server *server, enum envoi_phase phase,
	const struct envoi_error *err)
{
	struct envoi_session_facts facts = {
		.close = ENVOI_CLOSE_NOT_SENT,
		.error = *err,
		.error_phase = phase,
	};
	for (size_t i = 0; i < ENVOI_PHASE_COUNT; i++) {
		facts.took_us[i] = -1;
	}
	report_session(
		run, &(struct envoi_session_report){
			     .index = index,
			     .server = server->host != NULL ? server->host : server->path,
			     .label = server->label,
			     .address = "",
			     .port = server->port,
			     .facts = &facts,
		     });
	note(run, '!', "%s: %s", server->label, err->text);
	warn(run, err);
}

static void resolve_failed(
	void *context, const struct envoi_server *server, const struct envoi_error *err)
{
	struct run *run = context;
	report_failure(run, run->sessions++, server, ENVOI_PHASE_RESOLVE, err);
}

static void report_link(struct channel *channel, int64_t now)
{
	struct envoi_session_facts facts =
		*envoi_session_facts(envoi_link_session(channel->link));
	facts.took_us[ENVOI_PHASE_CONNECT] = channel->connected - channel->began;
	facts.took_us[ENVOI_PHASE_TOTAL] = now - channel->began;
	report_session(channel->run,
		&(struct envoi_session_report){
			.index = channel->session,
			.server = channel->server->host != NULL ? channel->server->host
								: channel->server->path,
			.label = channel->server->label,
			.address = channel->address,
			.port = channel->server->port,
			.tls = envoi_link_tls(channel->link),
			.facts = &facts,
		});
}

/* -- connecting --------------------------------------------------------------- */

static void channel_reset(struct channel *channel)
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

static int64_t timeout_of(
	const struct run *run, enum envoi_phase phase, int64_t normal_us)
{
	int64_t given = run->request->session.timeout_us[phase];
	return given > 0 ? given : normal_us;
}

/* Begins a connection; false when there is no server left, or no memory. */
static bool channel_start(struct channel *channel, int64_t now)
{
	struct run *run = channel->run;
	const struct envoi_server *server =
		envoi_route_next(&run->route, resolve_failed, run);
	if (server == NULL) {
		return false;
	}
	struct envoi_error err;
	channel->server = server;
	channel->began = now;
	channel->session = run->sessions++;
	if (copy_live_endpoints(channel) == 0) {
		const struct envoi_endpoint *source =
			run->route.source.length > 0 ? &run->route.source : NULL;
		note(run, '=', "connect to %s", server->label);
		channel->connector = envoi_connector_new(channel->list, channel->count,
			source, now, now + timeout_of(run, ENVOI_PHASE_CONNECT, 30000000),
			&err);
	}
	if (channel->connector == NULL) {
		(void)envoi_error_set(&err, ENVOI_STATUS_SYSTEM, "out of memory");
		envoi_route_fault(&run->route, &err, ENVOI_PHASE_CONNECT, NULL);
		channel_reset(channel);
		channel->state = CHANNEL_RETIRED;
		return false;
	}
	channel->state = CHANNEL_CONNECTING;
	return true;
}

static void connect_failed(struct channel *channel, const struct envoi_error *err)
{
	struct run *run = channel->run;
	envoi_route_fault(&run->route, err, ENVOI_PHASE_CONNECT, NULL);
	for (size_t i = 0; i < channel->count; i++) {
		envoi_route_fail(&run->route, channel->places[i]);
	}
	report_failure(run, channel->session, channel->server, ENVOI_PHASE_CONNECT, err);
	channel_reset(channel);
}

/* --helo, else this host's name if it is one, else the socket's address. */
static void choose_helo(struct channel *channel, int fd)
{
	const char *given = channel->run->request->session.helo;
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

static void connected(struct channel *channel, int fd, size_t index, int64_t now)
{
	struct run *run = channel->run;
	struct envoi_error err;
	for (size_t i = 0; i < channel->count; i++) {
		if (envoi_connector_reason(channel->connector, i) != 0) {
			note(run, '!', "%s: %s", channel->list[i].text,
				strerror(envoi_connector_reason(channel->connector, i)));
			envoi_route_fail(&run->route, channel->places[i]);
		}
	}
	channel->endpoint = channel->places[index];
	channel->connected = now;
	(void)snprintf(channel->address, sizeof(channel->address), "%s",
		channel->list[index].text);
	note(run, '=', "connected to %s", channel->address);
	choose_helo(channel, fd);
	struct envoi_link_options options = {
		.session = run->request->session,
		.tls = tls_context,
		.tls_context = run,
		.host = run->request->tls.name != NULL ? run->request->tls.name
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
	if (!run->request->tls_forced) {
		options.session.tls = channel->server->tls;
	}
	channel->link = envoi_link_new(fd, &options, now, &err);
	if (channel->link == NULL) {
		connect_failed(channel, &err);
		return;
	}
	channel->state = CHANNEL_RUNNING;
}

/* -- a session's life --------------------------------------------------------- */

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

static void session_failed(
	struct channel *channel, const struct envoi_session_facts *facts)
{
	struct run *run = channel->run;
	struct envoi_error fault = facts->error;
	if (fault.status == ENVOI_STATUS_OK) {
		(void)envoi_error_set(&fault, ENVOI_STATUS_TEMPORARY,
			"the session ended and nothing was accepted");
	}
	envoi_route_fault(&run->route, &fault, facts->error_phase, &facts->error_reply);
	envoi_route_fail(&run->route, channel->endpoint);
}

/* The session is closed: what does it mean for the next one? */
static void channel_end(struct channel *channel, int64_t now)
{
	struct run *run = channel->run;
	const struct envoi_session_facts *facts =
		envoi_session_facts(envoi_link_session(channel->link));
	bool useless = channel->settled == 0
		       && (facts->error.status != ENVOI_STATUS_OK || channel->mails > 0);
	/* One that is out of step once is not to be trusted with the rest. */
	useless = useless || facts->error.status == ENVOI_STATUS_PROTOCOL;
	bool retire = !facts->established && other_channel_works(channel);
	if (useless && !retire) {
		session_failed(channel, facts);
	}
	run->probed = run->probed || facts->established;
	if (facts->error.status != ENVOI_STATUS_OK && !run->stopped) {
		struct envoi_error err = facts->error;
		if (facts->error_reply.code != 0) {
			struct envoi_error told = err;
			(void)envoi_error_set(&told, err.status, "%s: %s: %d %s",
				channel->server->label, err.text, facts->error_reply.code,
				facts->error_reply.text != NULL ? facts->error_reply.text
								: "");
			memcpy(told.hint, err.hint, sizeof(told.hint));
			err = told;
		} else {
			struct envoi_error told = err;
			(void)envoi_error_set(&told, err.status, "%s: %s",
				channel->server->label, err.text);
			memcpy(told.hint, err.hint, sizeof(told.hint));
			err = told;
		}
		warn(run, &err);
	}
	report_link(channel, now);
	channel_reset(channel);
	if (retire) {
		channel->state = CHANNEL_RETIRED;
	}
}

/* Gives the session what waits; closes it when nothing more will come. */
static void channel_feed(struct channel *channel, int64_t now)
{
	struct run *run = channel->run;
	struct envoi_session *session = envoi_link_session(channel->link);
	bool more = false;
	if (run->stopped || envoi_session_facts(session)->close != ENVOI_CLOSE_OPEN) {
		return;
	}
	if (run->job != NULL) {
		size_t before = channel->mails;
		more = envoi_job_feed(
			run->job, session, channel->session, &channel->mails);
		channel->flying += channel->mails - before;
	}
	if (!more || channel->flying == 0) {
		envoi_session_close(session, now);
	}
}

/* RFC 4954 6 and RFC 3207 4: what 530 asks for is said once. */
static void explain_refusal(struct channel *channel, const struct envoi_transaction *t)
{
	const struct envoi_session_facts *facts =
		envoi_session_facts(envoi_link_session(channel->link));
	struct run *run = channel->run;
	if (run->explained || t->phase != ENVOI_PHASE_MAIL || t->reply.code != 530) {
		return;
	}
	struct envoi_error err;
	run->explained = true;
	bool tls =
		!facts->tls && (facts->capabilities.extensions & ENVOI_EXT_STARTTLS) != 0;
	(void)envoi_error_set(&err, tls ? ENVOI_STATUS_REFUSED : ENVOI_STATUS_AUTH,
		"%s: %s required: 530 %s", channel->server->label,
		tls ? "TLS" : "authentication",
		t->reply.text != NULL ? t->reply.text : "");
	if (tls) {
		envoi_error_hint(&err, "the server offers STARTTLS: --tls starttls");
	}
	warn(run, &err);
}

static void channel_finished(
	struct channel *channel, struct envoi_transaction *transaction)
{
	explain_refusal(channel, transaction);
	bool again = transaction != envoi_link_unreadable(channel->link);
	channel->flying--;
	channel->settled += envoi_job_finished(channel->run->job, transaction, again);
}

static void channel_run(struct channel *channel, int64_t now)
{
	struct envoi_transaction *transaction = NULL;
	for (;;) {
		switch (envoi_link_step(channel->link, &transaction)) {
		case ENVOI_EVENT_NONE:
			return;
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

static void channel_step(struct channel *channel, int64_t now)
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

/* -- the loop ------------------------------------------------------------------ */

static bool has_work(struct run *run)
{
	return run->probe ? !run->probed : envoi_job_has_waiting(run->job);
}

/* Starts channels for what waits. False: none can be had. */
static bool start_channels(struct run *run, int64_t now)
{
	size_t busy = 0;
	for (size_t i = 0; i < run->channel_count; i++) {
		struct channel *channel = &run->channels[i];
		if (channel->state == CHANNEL_IDLE && !run->stopped
			&& (busy == 0 || run->proven) && has_work(run)
			&& !channel_start(channel, now)) {
			break;
		}
		if (channel->state == CHANNEL_CONNECTING
			|| channel->state == CHANNEL_RUNNING) {
			busy++;
		}
	}
	return busy > 0;
}

static int64_t prepare_poll(struct run *run, size_t *ret_count)
{
	int64_t due = run->deadline;
	size_t n = 0;
	run->fds[n++] = (struct pollfd){
		.fd = run->stopped ? -1 : run->request->stop_fd,
		.events = POLLIN,
	};
	for (size_t i = 0; i < run->channel_count; i++) {
		struct channel *channel = &run->channels[i];
		int64_t when = ENVOI_CLOCK_NEVER;
		channel->poll_first = n;
		if (channel->state == CHANNEL_CONNECTING) {
			n += envoi_connector_poll(channel->connector, run->fds + n,
				ENVOI_LIMIT_HOST_ADDRESSES);
			when = envoi_connector_deadline(channel->connector);
		} else if (channel->state == CHANNEL_RUNNING) {
			envoi_link_poll(channel->link, &run->fds[n++]);
			when = envoi_link_deadline(channel->link);
		}
		channel->poll_count = n - channel->poll_first;
		due = when < due ? when : due;
	}
	*ret_count = n;
	return due;
}

static int poll_timeout(int64_t due, int64_t now)
{
	if (due == ENVOI_CLOCK_NEVER) {
		return -1;
	}
	int64_t ms = (due - now + 999) / 1000;
	return ms < 0 ? 0 : ms > 3600000 ? 3600000 : (int)ms;
}

/* The run ends before its time: no connection is begun, sessions are told. */
static void stop(
	struct run *run, const struct envoi_error *why, bool at_once, int64_t now)
{
	run->stopped = true;
	note(run, '!', "%s", why->text);
	warn(run, why);
	envoi_route_fault(&run->route, why, ENVOI_PHASE_TOTAL, NULL);
	for (size_t i = 0; i < run->channel_count; i++) {
		struct channel *channel = &run->channels[i];
		if (channel->state == CHANNEL_CONNECTING) {
			report_failure(run, channel->session, channel->server,
				ENVOI_PHASE_CONNECT, why);
			channel_reset(channel);
		} else if (channel->state == CHANNEL_RUNNING && at_once) {
			envoi_session_abort(envoi_link_session(channel->link), why,
				ENVOI_PHASE_TOTAL, true, now);
		} else if (channel->state == CHANNEL_RUNNING) {
			envoi_session_stop(envoi_link_session(channel->link), now);
		}
	}
}

static void check_stop(struct run *run, int64_t now)
{
	struct envoi_error err;
	if (run->fds[0].revents != 0 && !run->stopped) {
		(void)envoi_error_set(
			&err, ENVOI_STATUS_TEMPORARY, "interrupted by a signal");
		stop(run, &err, false, now);
	}
	if (now >= run->deadline) {
		(void)envoi_error_set(&err, ENVOI_STATUS_TEMPORARY,
			"timeout: the run took %g s (total)",
			(double)run->request->session.timeout_us[ENVOI_PHASE_TOTAL]
				/ 1e6);
		run->deadline = ENVOI_CLOCK_NEVER;
		stop(run, &err, true, now);
	}
}

static void loop(struct run *run)
{
	int64_t now = envoi_clock_now();
	while (start_channels(run, now)) {
		size_t count;
		int64_t due = prepare_poll(run, &count);
		if (poll(run->fds, (nfds_t)count, poll_timeout(due, now)) < 0
			&& errno != EINTR) {
			struct envoi_error err;
			(void)envoi_error_sys(&err, ENVOI_STATUS_SYSTEM, errno, "poll");
			stop(run, &err, true, now);
		}
		now = envoi_clock_now();
		check_stop(run, now);
		for (size_t i = 0; i < run->channel_count; i++) {
			struct channel *channel = &run->channels[i];
			if (channel->state == CHANNEL_RUNNING
				&& channel->poll_count == 1) {
				envoi_link_ready(channel->link,
					run->fds[channel->poll_first].revents);
			}
			channel_step(channel, now);
		}
	}
}

/* Files named in the TLS options are read before any connection is made. */
static int check_tls_files(struct run *run, struct envoi_error *err)
{
	const struct envoi_tls_options *tls = &run->request->tls;
	if (tls->ca == NULL && tls->certificate == NULL && tls->key == NULL) {
		return 0;
	}
	return tls_context(run, err) != NULL ? 0 : -1;
}

static int run_init(
	struct run *run, const struct envoi_request *request, struct envoi_error *err)
{
	*run = (struct run){.request = request, .deadline = ENVOI_CLOCK_NEVER};
	run->probe = request->source_count == 0 && request->recipient_count == 0;
	run->channel_count = request->sessions > 0 && !run->probe ? request->sessions : 1;
	run->channels = calloc(run->channel_count, sizeof(*run->channels));
	run->fds = calloc(
		run->channel_count * ENVOI_LIMIT_HOST_ADDRESSES + 1, sizeof(*run->fds));
	if (run->channels == NULL || run->fds == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	for (size_t i = 0; i < run->channel_count; i++) {
		run->channels[i].run = run;
	}
	int64_t total = request->session.timeout_us[ENVOI_PHASE_TOTAL];
	if (total > 0) {
		run->deadline = envoi_clock_now() + total;
	}
	if (envoi_route_init(&run->route, request, err) != 0
		|| check_tls_files(run, err) != 0) {
		return -1;
	}
	if (!run->probe) {
		run->job = envoi_job_new(request, err);
	}
	return run->probe || run->job != NULL ? 0 : -1;
}

static void run_finish(struct run *run)
{
	for (size_t i = 0; run->channels != NULL && i < run->channel_count; i++) {
		channel_reset(&run->channels[i]);
	}
	free(run->channels);
	free(run->fds);
	envoi_route_finish(&run->route);
	envoi_tls_free(run->tls);
	envoi_job_free(run->job);
}

enum envoi_status envoi_submit(const struct envoi_request *request)
{
	struct run run;
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (run_init(&run, request, &err) != 0) {
		warn(&run, &err);
		run_finish(&run);
		return err.status;
	}
	if (request->observer.ready != NULL) {
		request->observer.ready(request->observer.context);
	}
	loop(&run);
	enum envoi_status status = ENVOI_STATUS_OK;
	if (run.probe) {
		status = run.probed ? ENVOI_STATUS_OK : run.route.fault.status;
	} else {
		if (run.route.fault.status == ENVOI_STATUS_OK) {
			(void)envoi_error_set(&run.route.fault, ENVOI_STATUS_TEMPORARY,
				"no connection was left");
		}
		envoi_job_give_up(run.job, &run.route.fault, run.route.fault_phase,
			&run.route.fault_reply);
		status = envoi_job_status(run.job);
	}
	run_finish(&run);
	return status;
}
