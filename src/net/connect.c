/*
 * A race of connection attempts (RFC 8305 section 5). Owns the descriptors of
 * attempts under way; the winner's goes to the caller. Reads no clock and
 * never waits.
 */
#include "net/connect.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "base/limits.h"
#include "base/socket.h"

/* Connection Attempt Delay of RFC 8305 section 8. */
#define ATTEMPT_DELAY_US (250 * 1000)
/* A unix socket whose backlog is full says EAGAIN and can not be polled. */
#define UNIX_RETRY_US (50 * 1000)

struct attempt {
	/** -1 unless under way. */
	int fd;
	/** errno of the failure; 0: not tried, under way, or won. */
	int sys;
	/** It was bind(2) that failed. */
	bool source;
};

struct envoi_connector {
	const struct envoi_endpoint *list;
	size_t count;
	struct envoi_endpoint source;
	bool has_source;
	/** The next endpoint to start, and when. */
	size_t next;
	int64_t next_time;
	int64_t deadline;
	struct attempt attempts[];
};

struct envoi_connector *envoi_connector_new(const struct envoi_endpoint *list,
	size_t count, const struct envoi_endpoint *source, int64_t now, int64_t deadline,
	struct envoi_error *err)
{
	if (count > ENVOI_LIMIT_HOST_ADDRESSES) {
		count = ENVOI_LIMIT_HOST_ADDRESSES;
	}
	struct envoi_connector *connector =
		calloc(1, sizeof(*connector) + count * sizeof(connector->attempts[0]));
	if (connector == NULL) {
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		return NULL;
	}
	connector->list = list;
	connector->count = count;
	if (source != NULL) {
		connector->source = *source;
		connector->has_source = true;
	}
	connector->next_time = now;
	connector->deadline = deadline;
	for (size_t i = 0; i < count; i++) {
		connector->attempts[i].fd = -1;
	}
	return connector;
}

static void give_up(struct attempt *attempt, int sys)
{
	if (attempt->fd >= 0) {
		close(attempt->fd);
		attempt->fd = -1;
	}
	attempt->sys = sys;
}

void envoi_connector_free(struct envoi_connector *connector)
{
	if (connector == NULL) {
		return;
	}
	for (size_t i = 0; i < connector->count; i++) {
		give_up(&connector->attempts[i], 0);
	}
	free(connector);
}

size_t envoi_connector_poll(
	const struct envoi_connector *connector, struct pollfd *fds, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < connector->count && n < max; i++) {
		if (connector->attempts[i].fd >= 0) {
			fds[n++] = (struct pollfd){
				.fd = connector->attempts[i].fd,
				.events = POLLOUT,
			};
		}
	}
	return n;
}

int64_t envoi_connector_deadline(const struct envoi_connector *connector)
{
	if (connector->next < connector->count
		&& connector->next_time < connector->deadline) {
		return connector->next_time;
	}
	return connector->deadline;
}

int envoi_connector_reason(const struct envoi_connector *connector, size_t i)
{
	return i < connector->count ? connector->attempts[i].sys : 0;
}

enum start {
	START_CONNECTED,
	START_UNDER_WAY,
	START_FAILED,
	START_LATER,
};

static enum start start(struct envoi_connector *connector, size_t i)
{
	struct attempt *attempt = &connector->attempts[i];
	const struct envoi_endpoint *to = &connector->list[i];
	int family = to->address.sa.sa_family;
	bool bound = connector->has_source && family != AF_UNIX;
	if (bound && connector->source.address.sa.sa_family != family) {
		attempt->sys = EAFNOSUPPORT;
		attempt->source = true;
		return START_FAILED;
	}
	attempt->fd = envoi_socket_open(family);
	if (attempt->fd < 0) {
		attempt->sys = errno;
		return START_FAILED;
	}
	if (family != AF_UNIX) {
		envoi_socket_set_nodelay(attempt->fd);
	}
	if (bound
		&& bind(attempt->fd, &connector->source.address.sa,
			   connector->source.length)
			   != 0) {
		give_up(attempt, errno);
		attempt->source = true;
		return START_FAILED;
	}
	if (connect(attempt->fd, &to->address.sa, to->length) == 0) {
		return START_CONNECTED;
	}
	/* Interrupted, it goes on by itself (POSIX connect). */
	if (errno == EINPROGRESS || errno == EINTR) {
		return START_UNDER_WAY;
	}
	if (errno == EAGAIN && family == AF_UNIX) {
		give_up(attempt, 0);
		return START_LATER;
	}
	give_up(attempt, errno);
	return START_FAILED;
}

/* Looks after attempts under way; the first one in order that stands wins. */
static bool find_winner(struct envoi_connector *connector, size_t *ret_index)
{
	for (size_t i = 0; i < connector->count; i++) {
		struct attempt *attempt = &connector->attempts[i];
		struct pollfd pfd = {.fd = attempt->fd, .events = POLLOUT};
		if (attempt->fd < 0 || poll(&pfd, 1, 0) != 1) {
			continue;
		}
		int sys = 0;
		socklen_t size = sizeof(sys);
		if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &sys, &size) != 0) {
			sys = errno;
		}
		if (sys == 0 && (pfd.revents & POLLOUT)) {
			*ret_index = i;
			return true;
		}
		give_up(attempt, sys != 0 ? sys : ECONNRESET);
	}
	return false;
}

static bool is_under_way(const struct envoi_connector *connector)
{
	for (size_t i = 0; i < connector->next; i++) {
		if (connector->attempts[i].fd >= 0) {
			return true;
		}
	}
	return false;
}

/* Nothing left on this machine, rather than trouble on the way. */
static bool is_local(int sys)
{
	return sys == EMFILE || sys == ENFILE || sys == ENOMEM || sys == ENOBUFS;
}

static void put_reason(char *out, size_t room, const struct attempt *attempt)
{
	if (attempt->source && attempt->sys == EAFNOSUPPORT) {
		(void)snprintf(out, room, "not the family of the source address");
		return;
	}
	char words[128];
	(void)snprintf(out, room, "%s%s", attempt->source ? "source address: " : "",
		envoi_error_reason(attempt->sys, words, sizeof(words)));
}

static enum envoi_connect fail(
	const struct envoi_connector *connector, struct envoi_error *err)
{
	char text[sizeof(err->text)] = "";
	size_t used = 0;
	int first = 0;
	enum envoi_status status = ENVOI_STATUS_SYSTEM;
	for (size_t i = 0; i < connector->count; i++) {
		const struct attempt *attempt = &connector->attempts[i];
		if (attempt->sys == 0) {
			continue;
		}
		if (!is_local(attempt->sys)) {
			status = ENVOI_STATUS_TEMPORARY;
		}
		if (first == 0) {
			first = attempt->sys;
		}
		char reason[160];
		put_reason(reason, sizeof(reason), attempt);
		int n = snprintf(text + used, sizeof(text) - used, "%s%s: %s",
			used > 0 ? "; " : "", connector->list[i].text, reason);
		if (n < 0 || (size_t)n >= sizeof(text) - used) {
			/* Whole reasons only: what does not fit is left out. */
			(void)snprintf(text + used, sizeof(text) - used, "; ...");
			break;
		}
		used += (size_t)n;
	}
	if (first == 0) {
		status = ENVOI_STATUS_TEMPORARY;
		(void)snprintf(text, sizeof(text), "no address could be tried in time");
	}
	(void)envoi_error_set(err, status, "%s", text);
	if (err != NULL) {
		err->sys = first;
	}
	return ENVOI_CONNECT_FAILED;
}

static enum envoi_connect win(
	struct envoi_connector *connector, size_t i, int *ret_fd, size_t *ret_index)
{
	*ret_fd = connector->attempts[i].fd;
	*ret_index = i;
	connector->attempts[i].fd = -1;
	for (size_t k = 0; k < connector->count; k++) {
		if (connector->attempts[k].fd >= 0) {
			give_up(&connector->attempts[k], 0);
		}
	}
	connector->next = connector->count;
	return ENVOI_CONNECT_DONE;
}

static void time_out(struct envoi_connector *connector)
{
	for (size_t i = 0; i < connector->count; i++) {
		if (connector->attempts[i].fd >= 0) {
			give_up(&connector->attempts[i], ETIMEDOUT);
		}
	}
	/* A unix socket waited for room in its backlog. */
	if (connector->next < connector->count
		&& connector->list[connector->next].address.sa.sa_family == AF_UNIX) {
		connector->attempts[connector->next].sys = EAGAIN;
	}
	connector->next = connector->count;
}

enum envoi_connect envoi_connector_step(struct envoi_connector *connector, int64_t now,
	int *ret_fd, size_t *ret_index, struct envoi_error *err)
{
	size_t winner;
	if (find_winner(connector, &winner)) {
		return win(connector, winner, ret_fd, ret_index);
	}
	if (now >= connector->deadline) {
		time_out(connector);
		return fail(connector, err);
	}
	bool waiting = is_under_way(connector);
	while (connector->next < connector->count
		&& (!waiting || now >= connector->next_time)) {
		size_t i = connector->next;
		switch (start(connector, i)) {
		case START_CONNECTED:
			return win(connector, i, ret_fd, ret_index);
		case START_UNDER_WAY:
			connector->next = i + 1;
			connector->next_time = now + ATTEMPT_DELAY_US;
			return ENVOI_CONNECT_MORE;
		case START_LATER:
			connector->next_time = now + UNIX_RETRY_US;
			return ENVOI_CONNECT_MORE;
		case START_FAILED:
			connector->next = i + 1;
			break;
		}
	}
	return waiting ? ENVOI_CONNECT_MORE : fail(connector, err);
}
