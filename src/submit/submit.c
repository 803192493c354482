/*
 * A run: channels that take what the job has waiting, in one poll loop; see
 * <envoi/submit.h>.
 */
#include "submit/run.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"

struct way *envoi_run_way(const struct channel *channel)
{
	return &channel->run->ways[channel->relay - channel->run->request->relays];
}

static struct envoi_tls *tls_context(
	const struct envoi_relay *relay, struct way *way, struct envoi_error *err)
{
	if (way->tls == NULL) {
		way->tls = envoi_tls_new_client(&relay->tls, err);
	}
	return way->tls;
}

struct envoi_tls *envoi_run_tls_context(void *context, struct envoi_error *err)
{
	const struct channel *channel = context;
	return tls_context(channel->relay, envoi_run_way(channel), err);
}

static bool has_work(struct run *run)
{
	return run->probe ? !run->probed : envoi_job_has_waiting(run->job);
}

/* Something is waited for: a connection, a name, or to be told of the stop that
 * ended the reading of a message. */
static bool goes_on(const struct run *run, size_t busy)
{
	return busy > 0 || envoi_route_is_waiting(&run->route)
	       || (run->job != NULL && envoi_job_is_stopped(run->job) && !run->stopped);
}

static bool is_idle(const struct run *run)
{
	for (size_t i = 0; i < run->channel_count; i++) {
		enum channel_state state = run->channels[i].state;
		if (state == CHANNEL_CONNECTING || state == CHANNEL_RUNNING) {
			return false;
		}
	}
	return !envoi_route_is_waiting(&run->route);
}

/* Nothing more can be given to the current server: what it lacks something for
 * has its turn at the next one. */
static void turn_to_parked(struct run *run)
{
	if (run->job == NULL || run->stopped || !is_idle(run)) {
		return;
	}
	while (!has_work(run) && envoi_job_has_parked(run->job)) {
		if (!envoi_job_unpark(run->job, envoi_route_place(&run->route))) {
			envoi_route_skip(&run->route);
		}
	}
}

/* Starts channels for what waits. False: the run is over. */
static bool start_channels(struct run *run, int64_t now)
{
	size_t busy = 0;
	if (envoi_route_is_waiting(&run->route) && !has_work(run)) {
		(void)envoi_route_cancel(&run->route);
	}
	turn_to_parked(run);
	bool more = !run->stopped;
	for (size_t i = 0; i < run->channel_count; i++) {
		struct channel *channel = &run->channels[i];
		if (more && channel->state == CHANNEL_IDLE && (busy == 0 || run->proven)
			&& has_work(run)) {
			more = envoi_channel_start(channel, now);
		}
		if (channel->state == CHANNEL_CONNECTING
			|| channel->state == CHANNEL_RUNNING) {
			busy++;
		}
	}
	return goes_on(run, busy);
}

static int64_t prepare_poll(struct run *run, size_t *ret_count)
{
	int64_t due = envoi_route_deadline(&run->route);
	size_t n = 0;
	due = run->deadline < due ? run->deadline : due;
	run->fds[n++] = (struct pollfd){
		.fd = run->stopped ? -1 : run->request->stop_fd,
		.events = POLLIN,
	};
	run->fds[n++] = envoi_route_poll(&run->route);
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

/* The caller has something to do now and then, too. */
static int64_t ask_caller(const struct run *run, int64_t due)
{
	const struct envoi_request *request = run->request;
	int64_t most = request->idle != NULL ? request->idle(request->context) : -1;
	int64_t when = most >= 0 ? envoi_clock_now() + most : ENVOI_CLOCK_NEVER;
	return when < due ? when : due;
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
	envoi_run_trouble(run, why);
	envoi_route_fault(&run->route, why, ENVOI_PHASE_TOTAL, NULL);
	const struct envoi_server *server = envoi_route_cancel(&run->route);
	if (server != NULL) {
		envoi_run_report_failure(run, run->sessions++,
			envoi_route_relay(&run->route), server, ENVOI_PHASE_RESOLVE, why);
	}
	for (size_t i = 0; i < run->channel_count; i++) {
		struct channel *channel = &run->channels[i];
		if (channel->state == CHANNEL_CONNECTING) {
			envoi_run_report_failure(run, channel->visit.stay.index,
				channel->relay, channel->server, ENVOI_PHASE_CONNECT,
				why);
			envoi_channel_reset(channel);
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
			(double)run->request->total_us / 1e6);
		run->deadline = ENVOI_CLOCK_NEVER;
		stop(run, &err, true, now);
	}
}

static void tell_progress(const struct run *run)
{
	const struct envoi_observer *observer = &run->request->observer;
	uint64_t written = run->written;
	if (observer->progress == NULL || run->job == NULL) {
		return;
	}
	for (size_t i = 0; i < run->channel_count; i++) {
		if (run->channels[i].state == CHANNEL_RUNNING) {
			written += envoi_link_written(run->channels[i].link);
		}
	}
	observer->progress(observer->context, envoi_job_settled(run->job), written);
}

static void loop(struct run *run)
{
	int64_t now = envoi_clock_now();
	while (start_channels(run, now)) {
		size_t count;
		int64_t due = ask_caller(run, prepare_poll(run, &count));
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
			envoi_channel_step(channel, now);
		}
		tell_progress(run);
	}
}

/* Files named in the TLS options are read before any connection is made. */
static int check_tls_files(struct run *run, struct envoi_error *err)
{
	for (size_t i = 0; i < run->request->relay_count; i++) {
		const struct envoi_relay *relay = &run->request->relays[i];
		const struct envoi_tls_options *tls = &relay->tls;
		bool named =
			tls->ca != NULL || tls->certificate != NULL || tls->key != NULL;
		if (named && tls_context(relay, &run->ways[i], err) == NULL) {
			return -1;
		}
	}
	return 0;
}

/* As many as asked for, and as there are descriptors: a session needs its
 * socket, another for a second address, and the file it sends. */
static size_t count_channels(const struct envoi_request *request)
{
	const rlim_t others = 16;
	size_t count = request->sessions > 0 ? request->sessions : 1;
	struct rlimit limit;
	if (count > 1 && getrlimit(RLIMIT_NOFILE, &limit) == 0
		&& limit.rlim_cur != RLIM_INFINITY) {
		rlim_t most = limit.rlim_cur > others ? (limit.rlim_cur - others) / 3 : 1;
		count = count > most ? (size_t)most : count;
	}
	return count > 0 ? count : 1;
}

static int run_init(
	struct run *run, const struct envoi_request *request, struct envoi_error *err)
{
	*run = (struct run){.request = request, .deadline = ENVOI_CLOCK_NEVER};
	run->probe = request->source_count == 0 && request->recipient_count == 0
		     && request->next == NULL;
	run->channel_count = run->probe ? 1 : count_channels(request);
	run->channels = calloc(run->channel_count, sizeof(*run->channels));
	run->fds = calloc(
		run->channel_count * ENVOI_LIMIT_HOST_ADDRESSES + 2, sizeof(*run->fds));
	run->ways = calloc(request->relay_count, sizeof(*run->ways));
	if (run->channels == NULL || run->fds == NULL || run->ways == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	for (size_t i = 0; i < run->channel_count; i++) {
		run->channels[i].run = run;
	}
	if (request->total_us > 0) {
		run->deadline = envoi_clock_now() + request->total_us;
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
		envoi_channel_reset(&run->channels[i]);
	}
	free(run->channels);
	free(run->fds);
	envoi_route_finish(&run->route);
	for (size_t i = 0; run->ways != NULL && i < run->request->relay_count; i++) {
		envoi_tls_free(run->ways[i].tls);
		envoi_secret_finish(&run->ways[i].secret);
	}
	free(run->ways);
	envoi_job_free(run->job);
}

enum envoi_status envoi_submit(const struct envoi_request *request)
{
	struct run run;
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (run_init(&run, request, &err) != 0) {
		envoi_run_warn(&run, &err);
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
