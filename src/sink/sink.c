/*
 * The sink: listener, connections, one poll loop. See <envoi/sink.h>.
 *
 * It ends in one of two ways: at once (stop, once), where every client gets
 * 421, or after the last message it was to take, where clients have a moment
 * to say QUIT.
 */
#include <envoi/sink.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/socket.h"
#include "sink/connection.h"
#include "sink/listen.h"

#define SECOND_US ((int64_t)1000000)
/* RFC 5321 4.5.3.2.7: at least five minutes. */
#define IDLE_US (300 * SECOND_US)
/* After the last message: for clients to say QUIT. */
#define DRAIN_US (2 * SECOND_US)
/* Before accept(2) is tried again when descriptors have run out. */
#define RETRY_US SECOND_US
/* Clients above the limit that may hear their last reply at the same time. */
#define REFUSED_MAX 16
/* stop_fd and listener come first in the poll set. */
#define FIRST 2

struct envoi_sink {
	struct envoi_sink_shared shared;
	struct envoi_listener listener;
	size_t max_connections;
	bool once;
	/** The receivers' name. */
	char *hostname;
	struct envoi_connection **connections;
	size_t count;
	uint64_t accepted;
	uint64_t ended;
	/** max_connections + REFUSED_MAX entries, and FIRST more. */
	struct pollfd *fds;
	/** No accept(2) before. */
	int64_t accept_after;
	/** All connections were told to end. */
	bool ending;
	/** Draining: when all are told; 0: the drain has not begun. */
	int64_t drain_until;
	/** The caller's until the next call. */
	struct envoi_sink_report report;
};

void envoi_sink_options_init(struct envoi_sink_options *options)
{
	*options = (struct envoi_sink_options){
		.listen = "127.0.0.1:2525",
		.max_size = (uint64_t)64 << 20,
		.max_connections = 64,
		.max_recipients = 1000,
		.hostname = "localhost",
	};
}

static bool wants_tls(const struct envoi_sink_options *options)
{
	switch (options->tls) {
	case ENVOI_SINK_TLS_OFF:
		return false;
	case ENVOI_SINK_TLS_IMPLICIT:
		return true;
	case ENVOI_SINK_TLS_STARTTLS:
		break;
	}
	return strncmp(options->listen, "unix:", 5) != 0 || options->certificate != NULL
	       || options->certificate_out != NULL;
}

static int make_tls(struct envoi_sink *sink, const struct envoi_sink_options *options,
	struct envoi_error *err)
{
	if (!wants_tls(options)) {
		return 0;
	}
	sink->shared.tls = envoi_tls_new_server(options->certificate, options->key, err);
	if (sink->shared.tls == NULL) {
		return -1;
	}
	return options->certificate_out == NULL
		       ? 0
		       : envoi_tls_write_certificate(
			       sink->shared.tls, options->certificate_out, err);
}

static void set_up(struct envoi_sink *sink, const struct envoi_sink_options *options)
{
	uint32_t extensions = ENVOI_EXT_PIPELINING | ENVOI_EXT_CHUNKING | ENVOI_EXT_SIZE
			      | ENVOI_EXT_8BITMIME | ENVOI_EXT_ENHANCEDSTATUSCODES
			      | ENVOI_EXT_SMTPUTF8 | ENVOI_EXT_DSN;
	if (wants_tls(options)) {
		extensions |= ENVOI_EXT_STARTTLS;
	}
	sink->shared.implicit = options->tls == ENVOI_SINK_TLS_IMPLICIT;
	sink->shared.receiver = (struct envoi_receiver_options){
		.hostname = options->hostname,
		.lmtp = options->lmtp,
		.extensions = extensions & ~options->without,
		.tls = sink->shared.implicit,
		.max_size = options->max_size,
		.max_recipients = options->max_recipients,
		.idle_us = IDLE_US,
		.trace = options->trace,
	};
	sink->shared.reports.trace = options->trace;
	sink->shared.reports.start = envoi_clock_now();
	sink->max_connections = options->max_connections;
	sink->shared.wanted = options->messages;
	sink->once = options->once;
}

struct envoi_sink *envoi_sink_open(
	const struct envoi_sink_options *options, struct envoi_error *err)
{
	struct envoi_sink *sink = calloc(1, sizeof(*sink));
	if (sink == NULL) {
		(void)envoi_error_sys(err, ENVOI_STATUS_SYSTEM, errno, "cannot start");
		return NULL;
	}
	sink->listener.fd = -1;
	set_up(sink, options);
	size_t most = sink->max_connections + REFUSED_MAX;
	sink->connections = calloc(most, sizeof(sink->connections[0]));
	sink->fds = calloc(most + FIRST, sizeof(sink->fds[0]));
	sink->hostname = envoi_span_dup(envoi_span_of(options->hostname));
	sink->shared.receiver.hostname = sink->hostname;
	if (sink->connections == NULL || sink->fds == NULL || sink->hostname == NULL) {
		(void)envoi_error_sys(err, ENVOI_STATUS_SYSTEM, ENOMEM, "cannot start");
	} else if (make_tls(sink, options, err) == 0) {
		sink->shared.store = envoi_store_open(options, err);
		if (sink->shared.store != NULL
			&& envoi_listener_open(&sink->listener, options->listen, err)
				   == 0) {
			return sink;
		}
	}
	envoi_sink_free(sink);
	return NULL;
}

void envoi_sink_free(struct envoi_sink *sink)
{
	if (sink == NULL) {
		return;
	}
	for (size_t i = 0; i < sink->count; i++) {
		envoi_connection_free(sink->connections[i]);
	}
	free(sink->connections);
	free(sink->fds);
	free(sink->hostname);
	envoi_listener_close(&sink->listener);
	envoi_store_free(sink->shared.store);
	envoi_tls_free(sink->shared.tls);
	envoi_reports_finish(&sink->shared.reports);
	envoi_report_finish(&sink->report);
	free(sink);
}

const char *envoi_sink_label(const struct envoi_sink *sink)
{
	return sink->listener.label;
}

unsigned short envoi_sink_port(const struct envoi_sink *sink)
{
	return sink->listener.port;
}

bool envoi_sink_is_local(const struct envoi_sink *sink)
{
	return sink->listener.local;
}

/* Runs connection i; what is over is replaced by the last one. */
static void step(struct envoi_sink *sink, size_t i, int64_t now)
{
	if (!envoi_connection_step(sink->connections[i], now)) {
		envoi_connection_free(sink->connections[i]);
		sink->connections[i] = sink->connections[--sink->count];
		sink->accept_after = 0;
		sink->ended++;
	}
}

static void end(struct envoi_sink *sink, int64_t now)
{
	sink->ending = true;
	sink->shared.draining = true;
	envoi_listener_close(&sink->listener);
	for (size_t i = sink->count; i-- > 0;) {
		envoi_connection_shutdown(sink->connections[i], "shutting down", now);
		step(sink, i, now);
	}
}

/* Clients that are served; who only hears its last reply out is none. */
static size_t count_served(const struct envoi_sink *sink)
{
	size_t n = 0;
	for (size_t i = 0; i < sink->count; i++) {
		n += !envoi_connection_is_closing(sink->connections[i]);
	}
	return n;
}

static void accept_all(struct envoi_sink *sink, int64_t now)
{
	while (sink->count < sink->max_connections + REFUSED_MAX) {
		int fd = envoi_socket_accept(sink->listener.fd);
		if (fd < 0) {
			if (errno != EAGAIN && errno != EWOULDBLOCK
				&& errno != ECONNABORTED) {
				sink->accept_after = now + RETRY_US;
			}
			return;
		}
		bool refused = count_served(sink) >= sink->max_connections;
		struct envoi_connection *connection =
			envoi_connection_new(&sink->shared, fd, ++sink->accepted, now);
		if (connection == NULL) {
			(void)close(fd);
			return;
		}
		sink->connections[sink->count++] = connection;
		if (refused) {
			envoi_connection_shutdown(
				connection, "too many connections", now);
		}
		step(sink, sink->count - 1, now);
	}
}

/* Milliseconds until something is due, -1 for never. */
static int wait_ms(const struct envoi_sink *sink, int64_t now)
{
	int64_t due = ENVOI_CLOCK_NEVER;
	if (sink->shared.draining && !sink->ending) {
		due = sink->drain_until;
	}
	if (sink->accept_after > now && sink->accept_after < due) {
		due = sink->accept_after;
	}
	for (size_t i = 0; i < sink->count; i++) {
		int64_t deadline = envoi_connection_deadline(sink->connections[i]);
		if (envoi_connection_is_ready(sink->connections[i])) {
			return 0;
		}
		due = deadline < due ? deadline : due;
	}
	if (due == ENVOI_CLOCK_NEVER) {
		return -1;
	}
	int64_t ms = due <= now ? 0 : (due - now + 999) / 1000;
	return ms > 60000 ? 60000 : (int)ms;
}

static nfds_t fill_poll_set(struct envoi_sink *sink, int stop_fd, int64_t now)
{
	bool accepting = sink->accept_after <= now
			 && sink->count < sink->max_connections + REFUSED_MAX;
	sink->fds[0] =
		(struct pollfd){.fd = sink->ending ? -1 : stop_fd, .events = POLLIN};
	sink->fds[1] = (struct pollfd){
		.fd = accepting ? sink->listener.fd : -1,
		.events = POLLIN,
	};
	for (size_t i = 0; i < sink->count; i++) {
		sink->fds[FIRST + i] = (struct pollfd){
			.fd = envoi_connection_fd(sink->connections[i]),
			.events = envoi_connection_events(sink->connections[i]),
		};
	}
	return (nfds_t)(FIRST + sink->count);
}

/* The sink has done what it was to do? */
static void check_goals(struct envoi_sink *sink, int64_t now)
{
	if (sink->ending) {
		return;
	}
	if (sink->once && sink->ended > 0) {
		end(sink, now);
	} else if (sink->shared.draining && sink->drain_until == 0) {
		sink->drain_until = now + DRAIN_US;
		envoi_listener_close(&sink->listener);
	} else if (sink->shared.draining && now >= sink->drain_until) {
		end(sink, now);
	}
}

/* Waits once and does what there is to do. */
static void turn(struct envoi_sink *sink, int stop_fd)
{
	int64_t now = envoi_clock_now();
	nfds_t n = fill_poll_set(sink, stop_fd, now);
	if (poll(sink->fds, n, wait_ms(sink, now)) < 0) {
		/* Interrupted, or out of memory: nothing is known to be ready. */
		return;
	}
	now = envoi_clock_now();
	sink->shared.reports.now = now;
	/* From the end: what takes the place of one that is over was run. */
	for (size_t i = sink->count; i-- > 0;) {
		if (sink->fds[FIRST + i].revents != 0
			|| envoi_connection_is_ready(sink->connections[i])
			|| envoi_connection_deadline(sink->connections[i]) <= now) {
			step(sink, i, now);
		}
	}
	if (sink->fds[0].revents != 0 && !sink->ending) {
		end(sink, now);
	}
	if (sink->fds[1].revents != 0 && sink->listener.fd >= 0) {
		accept_all(sink, now);
	}
	check_goals(sink, now);
}

enum envoi_sink_event envoi_sink_next(
	struct envoi_sink *sink, int stop_fd, struct envoi_sink_report *ret_report)
{
	envoi_report_finish(&sink->report);
	while (!envoi_reports_take(&sink->shared.reports, &sink->report)) {
		if (sink->count == 0 && sink->shared.draining) {
			sink->report =
				(struct envoi_sink_report){.event = ENVOI_SINK_ENDED};
			break;
		}
		turn(sink, stop_fd);
	}
	*ret_report = sink->report;
	return ret_report->event;
}
