/*
 * Races of connection attempts on loopback: refused, silent and slow
 * addresses beside good ones. Time is an argument, so nothing here waits for
 * 250 ms to pass. (Situations 1-4, 18.)
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/socket.h"
#include "net/connect.h"

#define SECOND INT64_C(1000000)
#define START (100 * SECOND)

static struct envoi_endpoint endpoint_of(int fd)
{
	struct envoi_endpoint endpoint = {0};
	endpoint.length = sizeof(endpoint.address);
	ck_assert_int_eq(getsockname(fd, &endpoint.address.sa, &endpoint.length), 0);
	(void)snprintf(endpoint.text, sizeof(endpoint.text), "127.0.0.1");
	return endpoint;
}

/* A loopback socket on a free port. */
static int open_bound(struct envoi_endpoint *ret_endpoint)
{
	struct envoi_endpoint any;
	ck_assert(envoi_resolve_literal("127.0.0.1", 0, &any));
	int fd = envoi_socket_open(AF_INET);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, &any.address.sa, any.length), 0);
	*ret_endpoint = endpoint_of(fd);
	return fd;
}

static int open_listener(int backlog, struct envoi_endpoint *ret_endpoint)
{
	int fd = open_bound(ret_endpoint);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

/* A listener whose backlog is full: a SYN to it is dropped. */
struct hole {
	int listener;
	int fillers[16];
	struct envoi_endpoint endpoint;
};

static void open_hole(struct hole *hole)
{
	hole->listener = open_listener(0, &hole->endpoint);
	for (size_t i = 0; i < 16; i++) {
		hole->fillers[i] = envoi_socket_open(AF_INET);
		(void)connect(hole->fillers[i], &hole->endpoint.address.sa,
			hole->endpoint.length);
	}
	/* Those that the kernel took are connected by now or soon. */
	struct pollfd pfd = {.fd = hole->fillers[0], .events = POLLOUT};
	ck_assert_int_eq(poll(&pfd, 1, 5000), 1);
}

static void close_hole(struct hole *hole)
{
	for (size_t i = 0; i < 16; i++) {
		close(hole->fillers[i]);
	}
	close(hole->listener);
}

/* Steps at one moment, waiting for events only, until it is no longer MORE or
 * nothing happened for so many milliseconds. */
static enum envoi_connect go_on(struct envoi_connector *connector, int64_t now,
	int wait_ms, int *ret_fd, size_t *ret_index, struct envoi_error *err)
{
	for (;;) {
		enum envoi_connect result =
			envoi_connector_step(connector, now, ret_fd, ret_index, err);
		struct pollfd fds[32];
		size_t n = envoi_connector_poll(connector, fds, 32);
		if (result != ENVOI_CONNECT_MORE || poll(fds, n, wait_ms) == 0) {
			return result;
		}
	}
}

static void check_connected(int fd)
{
	int on = 0;
	socklen_t size = sizeof(on);
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
	ck_assert_int_ne(on, 0);
	close(fd);
}

START_TEST(refused_address_gives_way_at_once)
{
	struct envoi_endpoint list[2];
	struct envoi_error err = ENVOI_ERROR_NONE;
	int closed = open_bound(&list[0]);
	int listener = open_listener(5, &list[1]);
	int fd = -1;
	size_t index = 9;
	struct envoi_connector *connector =
		envoi_connector_new(list, 2, NULL, START, START + 30 * SECOND, &err);
	ck_assert_int_eq(
		go_on(connector, START, 5000, &fd, &index, &err), ENVOI_CONNECT_DONE);
	ck_assert_uint_eq(index, 1);
	ck_assert_int_eq(envoi_connector_reason(connector, 0), ECONNREFUSED);
	ck_assert_int_eq(envoi_connector_reason(connector, 1), 0);
	check_connected(fd);
	envoi_connector_free(connector);
	close(closed);
	close(listener);
}
END_TEST

START_TEST(all_refused_lists_each_reason)
{
	struct envoi_endpoint list[2];
	struct envoi_error err = ENVOI_ERROR_NONE;
	int a = open_bound(&list[0]);
	int b = open_bound(&list[1]);
	int fd = -1;
	size_t index = 9;
	struct envoi_connector *connector =
		envoi_connector_new(list, 2, NULL, START, START + 30 * SECOND, &err);
	ck_assert_int_eq(
		go_on(connector, START, 5000, &fd, &index, &err), ENVOI_CONNECT_FAILED);
	ck_assert_int_eq(err.status, ENVOI_STATUS_TEMPORARY);
	ck_assert_int_eq(err.sys, ECONNREFUSED);
	ck_assert_str_eq(
		err.text, "127.0.0.1: connection refused; 127.0.0.1: connection refused");
	ck_assert_int_eq(fd, -1);
	envoi_connector_free(connector);
	close(a);
	close(b);
}
END_TEST

START_TEST(silent_address_is_overtaken)
{
	struct hole hole;
	open_hole(&hole);
	struct envoi_endpoint list[2] = {hole.endpoint};
	struct envoi_error err = ENVOI_ERROR_NONE;
	int listener = open_listener(5, &list[1]);
	int fd = -1;
	size_t index = 9;
	struct envoi_connector *connector =
		envoi_connector_new(list, 2, NULL, START, START + 30 * SECOND, &err);
	ck_assert_int_eq(
		go_on(connector, START, 20, &fd, &index, &err), ENVOI_CONNECT_MORE);
	/* The second one is due after the Connection Attempt Delay, not before. */
	ck_assert_int_eq(envoi_connector_deadline(connector), START + SECOND / 4);
	ck_assert_int_eq(go_on(connector, START + SECOND / 4 - 1, 20, &fd, &index, &err),
		ENVOI_CONNECT_MORE);
	ck_assert_int_eq(go_on(connector, START + SECOND / 4, 5000, &fd, &index, &err),
		ENVOI_CONNECT_DONE);
	ck_assert_uint_eq(index, 1);
	check_connected(fd);
	struct pollfd fds[2];
	ck_assert_uint_eq(envoi_connector_poll(connector, fds, 2), 0);
	envoi_connector_free(connector);
	close(listener);
	close_hole(&hole);
}
END_TEST

START_TEST(freeing_closes_what_is_under_way)
{
	struct hole hole;
	open_hole(&hole);
	struct envoi_endpoint list[2] = {hole.endpoint, hole.endpoint};
	struct envoi_error err = ENVOI_ERROR_NONE;
	int fd = -1;
	size_t index = 9;
	struct envoi_connector *connector =
		envoi_connector_new(list, 2, NULL, START, START + 30 * SECOND, &err);
	(void)go_on(connector, START, 20, &fd, &index, &err);
	ck_assert_int_eq(go_on(connector, START + SECOND, 20, &fd, &index, &err),
		ENVOI_CONNECT_MORE);
	struct pollfd fds[2];
	ck_assert_uint_eq(envoi_connector_poll(connector, fds, 2), 2);
	ck_assert_uint_eq(envoi_connector_poll(connector, fds, 1), 1);
	ck_assert_int_eq(envoi_connector_deadline(connector), START + 30 * SECOND);
	envoi_connector_free(connector);
	ck_assert_int_eq(fcntl(fds[0].fd, F_GETFD), -1);
	close_hole(&hole);
}
END_TEST

START_TEST(deadline_ends_all_attempts)
{
	struct hole hole;
	open_hole(&hole);
	struct envoi_endpoint list[3] = {hole.endpoint, hole.endpoint, hole.endpoint};
	struct envoi_error err = ENVOI_ERROR_NONE;
	int fd = -1;
	size_t index = 9;
	struct envoi_connector *connector =
		envoi_connector_new(list, 3, NULL, START, START + SECOND / 3, &err);
	(void)go_on(connector, START, 20, &fd, &index, &err);
	(void)go_on(connector, START + SECOND / 4, 20, &fd, &index, &err);
	/* The third one would be due at 500 ms. */
	ck_assert_int_eq(envoi_connector_deadline(connector), START + SECOND / 3);
	ck_assert_int_eq(go_on(connector, START + SECOND / 3, 20, &fd, &index, &err),
		ENVOI_CONNECT_FAILED);
	ck_assert_int_eq(err.status, ENVOI_STATUS_TEMPORARY);
	ck_assert_int_eq(envoi_connector_reason(connector, 0), ETIMEDOUT);
	ck_assert_int_eq(envoi_connector_reason(connector, 1), ETIMEDOUT);
	ck_assert_int_eq(envoi_connector_reason(connector, 2), 0);
	ck_assert_msg(strstr(err.text, "timed out") != NULL, "%s", err.text);
	envoi_connector_free(connector);
	close_hole(&hole);
}
END_TEST

START_TEST(deadline_already_past_tries_nothing)
{
	struct envoi_endpoint endpoint;
	struct envoi_error err = ENVOI_ERROR_NONE;
	int listener = open_listener(5, &endpoint);
	int fd = -1;
	size_t index = 9;
	struct envoi_connector *connector =
		envoi_connector_new(&endpoint, 1, NULL, START, START, &err);
	ck_assert_int_eq(
		go_on(connector, START, 20, &fd, &index, &err), ENVOI_CONNECT_FAILED);
	ck_assert_int_eq(err.status, ENVOI_STATUS_TEMPORARY);
	ck_assert_str_ne(err.text, "");
	envoi_connector_free(connector);
	close(listener);
}
END_TEST

START_TEST(source_passes_over_the_other_family)
{
	struct envoi_endpoint list[2];
	struct envoi_endpoint source;
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert(envoi_resolve_literal("::1", 25, &list[0]));
	int listener = open_listener(5, &list[1]);
	ck_assert_int_eq(envoi_resolve_source("127.0.0.2", &source, &err), 0);
	int fd = -1;
	size_t index = 9;
	struct envoi_connector *connector =
		envoi_connector_new(list, 2, &source, START, START + SECOND, &err);
	ck_assert_int_eq(
		go_on(connector, START, 5000, &fd, &index, &err), ENVOI_CONNECT_DONE);
	ck_assert_int_eq(envoi_connector_reason(connector, 0), EAFNOSUPPORT);
	char literal[64];
	envoi_resolve_local_literal(fd, literal, sizeof(literal));
	ck_assert_str_eq(literal, "[127.0.0.2]");
	check_connected(fd);
	envoi_connector_free(connector);
	/* Nothing but the other family. */
	connector = envoi_connector_new(list, 1, &source, START, START + SECOND, &err);
	ck_assert_int_eq(
		go_on(connector, START, 5000, &fd, &index, &err), ENVOI_CONNECT_FAILED);
	ck_assert_str_eq(err.text, "::1: not the family of the source address");
	envoi_connector_free(connector);
	close(listener);
}
END_TEST

START_TEST(foreign_source_is_told)
{
	struct envoi_endpoint endpoint;
	struct envoi_endpoint source;
	struct envoi_error err = ENVOI_ERROR_NONE;
	int listener = open_listener(5, &endpoint);
	ck_assert_int_eq(envoi_resolve_source("192.0.2.77", &source, &err), 0);
	int fd = -1;
	size_t index = 9;
	struct envoi_connector *connector =
		envoi_connector_new(&endpoint, 1, &source, START, START + SECOND, &err);
	ck_assert_int_eq(
		go_on(connector, START, 5000, &fd, &index, &err), ENVOI_CONNECT_FAILED);
	ck_assert_int_eq(err.sys, EADDRNOTAVAIL);
	ck_assert_msg(strncmp(err.text, "127.0.0.1: source address: ", 27) == 0, "%s",
		err.text);
	envoi_connector_free(connector);
	close(listener);
}
END_TEST

/* Connects to a unix socket until its backlog is full, then makes room. */
START_TEST(unix_socket_waits_for_room)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/tmp/envoi-connect-%ld", (long)getpid());
	struct envoi_server server = {.path = path};
	struct envoi_endpoint *list;
	size_t count;
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_int_eq(envoi_resolve(&server, AF_UNSPEC, &list, &count, &err), 0);
	int fd = -1;
	size_t index = 9;
	struct envoi_connector *connector =
		envoi_connector_new(list, count, NULL, START, START + SECOND, &err);
	ck_assert_int_eq(
		go_on(connector, START, 20, &fd, &index, &err), ENVOI_CONNECT_FAILED);
	ck_assert_int_eq(err.sys, ENOENT);
	envoi_connector_free(connector);

	int listener = envoi_socket_open(AF_UNIX);
	ck_assert_int_eq(bind(listener, &list[0].address.sa, list[0].length), 0);
	ck_assert_int_eq(listen(listener, 0), 0);
	int taken[8];
	size_t n = 0;
	enum envoi_connect result = ENVOI_CONNECT_DONE;
	while (result == ENVOI_CONNECT_DONE && n < 8) {
		connector = envoi_connector_new(
			list, count, NULL, START, START + SECOND, &err);
		result = envoi_connector_step(connector, START, &taken[n], &index, &err);
		if (result == ENVOI_CONNECT_DONE) {
			n++;
			envoi_connector_free(connector);
		}
	}
	ck_assert_int_eq(result, ENVOI_CONNECT_MORE);
	ck_assert_int_gt(envoi_connector_deadline(connector), START);
	ck_assert_int_lt(envoi_connector_deadline(connector), START + SECOND);
	int accepted = envoi_socket_accept(listener);
	ck_assert_int_ge(accepted, 0);
	ck_assert(fcntl(accepted, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(accepted, F_GETFD) & FD_CLOEXEC);
	int64_t later = envoi_connector_deadline(connector);
	ck_assert_int_eq(envoi_connector_step(connector, later, &fd, &index, &err),
		ENVOI_CONNECT_DONE);
	envoi_connector_free(connector);
	for (size_t i = 0; i < n; i++) {
		close(taken[i]);
	}
	close(accepted);
	close(fd);
	close(listener);
	(void)unlink(path);
	free(list);
}
END_TEST

START_TEST(long_list_of_reasons_is_cut_at_a_whole_one)
{
	struct envoi_endpoint list[40];
	struct envoi_error err = ENVOI_ERROR_NONE;
	int closed = open_bound(&list[0]);
	for (size_t i = 1; i < 40; i++) {
		list[i] = list[0];
	}
	int fd = -1;
	size_t index = 9;
	struct envoi_connector *connector =
		envoi_connector_new(list, 40, NULL, START, START + SECOND, &err);
	ck_assert_int_eq(
		go_on(connector, START, 5000, &fd, &index, &err), ENVOI_CONNECT_FAILED);
	size_t n = strlen(err.text);
	ck_assert_uint_gt(n, 300);
	ck_assert_str_eq(err.text + n - 12, "refused; ...");
	envoi_connector_free(connector);
	close(closed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("connect");
	TCase *tcase = tcase_create("connect");
	tcase_add_test(tcase, refused_address_gives_way_at_once);
	tcase_add_test(tcase, all_refused_lists_each_reason);
	tcase_add_test(tcase, silent_address_is_overtaken);
	tcase_add_test(tcase, freeing_closes_what_is_under_way);
	tcase_add_test(tcase, deadline_ends_all_attempts);
	tcase_add_test(tcase, deadline_already_past_tries_nothing);
	tcase_add_test(tcase, source_passes_over_the_other_family);
	tcase_add_test(tcase, foreign_source_is_told);
	tcase_add_test(tcase, unix_socket_waits_for_room);
	tcase_add_test(tcase, long_list_of_reasons_is_cut_at_a_whole_one);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
