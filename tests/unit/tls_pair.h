/*
 * Two streams on one connection, and the contexts for TLS between them.
 */
#ifndef ENVOI_TESTS_TLS_PAIR_H
#define ENVOI_TESTS_TLS_PAIR_H

#include <check.h>
#include <errno.h>
#include <string.h>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/socket.h"
#include "net/resolve.h"
#include "net/stream.h"
#include "net/tls.h"
#include "pki.h"

/* Two ends of one connection. */
struct pair {
	struct envoi_stream *client;
	struct envoi_stream *server;
	enum envoi_io client_result;
	enum envoi_io server_result;
	struct envoi_error client_error;
	struct envoi_error server_error;
};

static inline void take_pair(struct pair *pair, const int fds[2])
{
	*pair = (struct pair){0};
	pair->client = envoi_stream_new(fds[0]);
	pair->server = envoi_stream_new(fds[1]);
	ck_assert_ptr_nonnull(pair->client);
	ck_assert_ptr_nonnull(pair->server);
}

static inline void open_pair(struct pair *pair)
{
	int fds[2];
	ck_assert_int_eq(envoi_socket_pair(fds), 0);
	take_pair(pair, fds);
}

/* Over TCP on loopback: the client's peer is always 127.0.0.1:port. */
static inline void open_tcp_pair(struct pair *pair, int listener)
{
	struct envoi_endpoint to = {.length = sizeof(to.address)};
	int fds[2];
	ck_assert_int_eq(getsockname(listener, &to.address.sa, &to.length), 0);
	fds[0] = envoi_socket_open(AF_INET);
	int result = connect(fds[0], &to.address.sa, to.length);
	ck_assert(result == 0 || errno == EINPROGRESS);
	struct pollfd pfd = {.fd = listener, .events = POLLIN};
	ck_assert_int_eq(poll(&pfd, 1, 5000), 1);
	fds[1] = envoi_socket_accept(listener);
	ck_assert_int_ge(fds[1], 0);
	pfd = (struct pollfd){.fd = fds[0], .events = POLLOUT};
	ck_assert_int_eq(poll(&pfd, 1, 5000), 1);
	take_pair(pair, fds);
}

static inline void close_pair(struct pair *pair)
{
	envoi_stream_free(pair->client);
	envoi_stream_free(pair->server);
}

/* Waits until one end can go on with what it waits for; 0: nothing came. */
static inline int wait_for(const struct pair *pair, bool client, bool server)
{
	struct pollfd fds[2] = {
		{.fd = client ? envoi_stream_fd(pair->client) : -1},
		{.fd = server ? envoi_stream_fd(pair->server) : -1},
	};
	fds[0].events = envoi_stream_events(pair->client, true, false);
	fds[1].events = envoi_stream_events(pair->server, true, false);
	return poll(fds, 2, 5000);
}

/* Both ends in turn until both are done. */
static inline void shake(struct pair *pair)
{
	pair->client_result = ENVOI_IO_AGAIN;
	pair->server_result = ENVOI_IO_AGAIN;
	do {
		if (pair->client_result == ENVOI_IO_AGAIN) {
			pair->client_result =
				envoi_stream_handshake(pair->client, &pair->client_error);
		}
		if (pair->server_result == ENVOI_IO_AGAIN) {
			pair->server_result =
				envoi_stream_handshake(pair->server, &pair->server_error);
		}
	} while ((pair->client_result == ENVOI_IO_AGAIN
			 || pair->server_result == ENVOI_IO_AGAIN)
		 && wait_for(pair, pair->client_result == ENVOI_IO_AGAIN,
			    pair->server_result == ENVOI_IO_AGAIN)
			    > 0);
}

static inline struct envoi_tls *client_with(const struct envoi_tls_options *options)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_tls *tls = envoi_tls_new_client(options, &err);
	ck_assert_msg(tls != NULL, "%s", err.text);
	return tls;
}

static inline struct envoi_tls *server_with(const struct pki *pki)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_tls *tls = pki == NULL ? envoi_tls_new_server(NULL, NULL, &err)
					    : envoi_tls_new_server(pki->certificate_path,
						    pki->key_path, &err);
	ck_assert_msg(tls != NULL, "%s", err.text);
	return tls;
}

/* Writes a short text in one go. */
static inline void say(struct envoi_stream *stream, const char *text)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	size_t n = 0;
	ck_assert_int_eq(
		envoi_stream_write(stream, text, strlen(text), &n, &err), ENVOI_IO_OK);
	ck_assert_uint_eq(n, strlen(text));
}

/* Reads once, when something is there, into a string. */
static inline enum envoi_io hear(
	struct envoi_stream *stream, char *out, size_t room, struct envoi_error *err)
{
	struct pollfd pfd = {.fd = envoi_stream_fd(stream)};
	size_t n = 0;
	enum envoi_io result = envoi_stream_read(stream, out, room - 1, &n, err);
	while (result == ENVOI_IO_AGAIN) {
		pfd.events = envoi_stream_events(stream, true, false);
		ck_assert_int_eq(poll(&pfd, 1, 5000), 1);
		result = envoi_stream_read(stream, out, room - 1, &n, err);
	}
	out[n] = '\0';
	return result;
}

static inline void begin(struct pair *pair, struct envoi_tls *client,
	struct envoi_tls *server, const char *host)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	open_pair(pair);
	ck_assert_int_eq(envoi_stream_start_tls(pair->client, client, host, &err), 0);
	ck_assert_int_eq(envoi_stream_accept_tls(pair->server, server, &err), 0);
}

#endif
