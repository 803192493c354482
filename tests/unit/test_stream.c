/*
 * Streams: octets both ways, plain and under TLS, through tiny buffers; the
 * ways a connection ends; sessions resumed. (Situations 79-84.)
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "net/tls_internal.h"
#include "tls_pair.h"

static struct envoi_tls *client;
static struct envoi_tls *server;

static void set_up(void)
{
	client = client_with(&(struct envoi_tls_options){.insecure = true});
	server = server_with(NULL);
}

static void tear_down(void)
{
	envoi_tls_free(client);
	envoi_tls_free(server);
}

static void open_kind(struct pair *pair, bool tls)
{
	if (!tls) {
		open_pair(pair);
		ck_assert_ptr_null(envoi_stream_tls(pair->client));
		return;
	}
	begin(pair, client, server, "localhost");
	ck_assert_ptr_null(envoi_stream_tls(pair->client));
	shake(pair);
	ck_assert_msg(pair->client_result == ENVOI_IO_OK, "%s", pair->client_error.text);
	ck_assert_int_eq(pair->server_result, ENVOI_IO_OK);
	ck_assert_ptr_nonnull(envoi_stream_tls(pair->client));
}

static int open_listener(void)
{
	struct envoi_endpoint any;
	ck_assert(envoi_resolve_literal("127.0.0.1", 0, &any));
	int listener = envoi_socket_open(AF_INET);
	ck_assert_int_eq(bind(listener, &any.address.sa, any.length), 0);
	ck_assert_int_eq(listen(listener, 5), 0);
	return listener;
}

static unsigned char octet(size_t i)
{
	return (unsigned char)(i * 31 + i / 251);
}

#define BULK (160 * 1024)

/* One direction of a bulk transfer. */
struct flow {
	struct envoi_stream *from;
	struct envoi_stream *to;
	size_t sent;
	size_t got;
	size_t again;
};

static void push(struct flow *flow, size_t chunk)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	size_t n = BULK - flow->sent < chunk ? BULK - flow->sent : chunk;
	size_t done = 0;
	if (n == 0) {
		return;
	}
	/* A new place for the same octets each time. */
	unsigned char *bytes = malloc(n);
	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < n; i++) {
		bytes[i] = octet(flow->sent + i);
	}
	enum envoi_io result = envoi_stream_write(flow->from, bytes, n, &done, &err);
	free(bytes);
	if (result == ENVOI_IO_AGAIN) {
		flow->again++;
		return;
	}
	ck_assert_msg(result == ENVOI_IO_OK, "%s", err.text);
	ck_assert_uint_gt(done, 0);
	ck_assert_uint_le(done, n);
	flow->sent += done;
}

static void pull(struct flow *flow, size_t room)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	unsigned char bytes[4096];
	size_t n = 0;
	enum envoi_io result = envoi_stream_read(flow->to, bytes, room, &n, &err);
	if (result == ENVOI_IO_AGAIN) {
		ck_assert(!envoi_stream_has_pending(flow->to));
		return;
	}
	ck_assert_msg(result == ENVOI_IO_OK, "%s", err.text);
	ck_assert_uint_le(n, room);
	size_t wrong = 0;
	for (size_t i = 0; i < n; i++) {
		wrong += bytes[i] != octet(flow->got + i);
	}
	ck_assert_uint_eq(wrong, 0);
	flow->got += n;
	/* What was not told as sent must not have been read. */
	ck_assert_uint_le(flow->got, flow->sent);
}

/* Both ways at once; write and read sizes that fit nothing. */
START_TEST(octets_go_both_ways_through_tiny_buffers)
{
	struct pair pair;
	int size = 2048;
	open_kind(&pair, _i == 1);
	for (int i = 0; i < 2; i++) {
		int fd = envoi_stream_fd(i == 0 ? pair.client : pair.server);
		ck_assert_int_eq(
			setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
		ck_assert_int_eq(
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	}
	struct flow up = {.from = pair.client, .to = pair.server};
	struct flow down = {.from = pair.server, .to = pair.client};
	while (up.again == 0) {
		push(&up, 70001);
	}
	while (up.got < BULK || down.got < BULK) {
		push(&up, 70001);
		push(&down, 333);
		pull(&up, 517);
		pull(&up, 4096);
		pull(&down, 1 + down.got % 4096);
	}
	ck_assert_int_eq(envoi_stream_events(pair.client, true, true), POLLIN | POLLOUT);
	ck_assert_int_eq(envoi_stream_events(pair.client, true, false), POLLIN);
	ck_assert_int_eq(envoi_stream_events(pair.client, false, true), POLLOUT);
	ck_assert_int_eq(envoi_stream_events(pair.client, false, false), 0);
	close_pair(&pair);
}
END_TEST

START_TEST(pending_octets_are_told)
{
	struct pair pair;
	struct envoi_error err = ENVOI_ERROR_NONE;
	char text[8];
	open_kind(&pair, true);
	say(pair.server, "abcdef");
	ck_assert_int_eq(hear(pair.client, text, 4, &err), ENVOI_IO_OK);
	ck_assert_str_eq(text, "abc");
	ck_assert(envoi_stream_has_pending(pair.client));
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_OK);
	ck_assert_str_eq(text, "def");
	ck_assert(!envoi_stream_has_pending(pair.client));
	close_pair(&pair);
}
END_TEST

START_TEST(orderly_end_is_eof)
{
	struct pair pair;
	struct envoi_error err = ENVOI_ERROR_NONE;
	char text[32];
	open_kind(&pair, _i == 1);
	say(pair.server, "221 bye\r\n");
	envoi_stream_shutdown(pair.server);
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_OK);
	ck_assert_str_eq(text, "221 bye\r\n");
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_EOF);
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_EOF);
	ck_assert(!envoi_stream_is_truncated(pair.client));
	/* The other half is still open. */
	say(pair.client, "QUIT\r\n");
	ck_assert_int_eq(hear(pair.server, text, sizeof(text), &err), ENVOI_IO_OK);
	ck_assert_str_eq(text, "QUIT\r\n");
	close_pair(&pair);
}
END_TEST

START_TEST(end_without_close_notify_is_a_truncated_eof)
{
	struct pair pair;
	struct envoi_error err = ENVOI_ERROR_NONE;
	char text[32];
	open_kind(&pair, true);
	say(pair.server, "250 ok\r\n");
	ck_assert_int_eq(shutdown(envoi_stream_fd(pair.server), SHUT_WR), 0);
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_OK);
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_EOF);
	ck_assert(envoi_stream_is_truncated(pair.client));
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_EOF);
	close_pair(&pair);
}
END_TEST

/* What follows close_notify in clear is never read as if it were protected. */
START_TEST(plaintext_behind_close_notify_is_not_read)
{
	struct pair pair;
	struct envoi_error err = ENVOI_ERROR_NONE;
	char text[32];
	open_kind(&pair, true);
	envoi_stream_shutdown(pair.server);
	ck_assert_int_eq(send(envoi_stream_fd(pair.server), "250 ok\r\n", 8, 0), 8);
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_EOF);
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_EOF);
	ck_assert_str_eq(text, "");
	close_pair(&pair);
}
END_TEST

START_TEST(plaintext_amid_tls_is_an_error)
{
	struct pair pair;
	struct envoi_error err = ENVOI_ERROR_NONE;
	char text[32];
	size_t n;
	open_kind(&pair, true);
	ck_assert_int_eq(send(envoi_stream_fd(pair.server), "250 ok\r\n", 8, 0), 8);
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_ERROR);
	ck_assert_int_eq(err.status, ENVOI_STATUS_REFUSED);
	ck_assert_msg(strncmp(err.text, "TLS with localhost", 18) == 0, "%s", err.text);
	ck_assert_int_eq(envoi_stream_read(pair.client, text, sizeof(text), &n, &err),
		ENVOI_IO_ERROR);
	ck_assert_int_eq(
		envoi_stream_write(pair.client, "x", 1, &n, &err), ENVOI_IO_ERROR);
	close_pair(&pair);
}
END_TEST

/* Writing to one who is gone: an error, no signal. (SIGPIPE would kill the
 * test: its action is the default.) */
START_TEST(writing_to_nobody_is_an_error_without_a_signal)
{
	struct pair pair;
	struct envoi_error err = ENVOI_ERROR_NONE;
	size_t n;
	(void)signal(SIGPIPE, SIG_DFL);
	open_kind(&pair, _i == 1);
	/* Without a close_notify, which freeing would send. */
	ck_assert_int_eq(shutdown(envoi_stream_fd(pair.server), SHUT_RDWR), 0);
	ck_assert_int_eq(
		envoi_stream_write(pair.client, "x", 1, &n, &err), ENVOI_IO_ERROR);
	ck_assert_int_eq(err.status, ENVOI_STATUS_TEMPORARY);
	ck_assert_int_eq(err.sys, EPIPE);
	close_pair(&pair);
}
END_TEST

/* A file of these octets, open and without a name. */
static int file_of(const char *text)
{
	char path[] = "/tmp/envoi-test-XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

/* The kernel takes octets from a file where there is no TLS; at its end it says so,
 * and the position of the file does not count. */
START_TEST(octets_of_a_file)
{
	struct pair pair;
	struct envoi_error err = ENVOI_ERROR_NONE;
	char out[16];
	size_t n = 0;
	int file = file_of("0123456789");
	open_kind(&pair, _i == 1);
	enum envoi_io io = envoi_stream_write_file(pair.client, file, 7, 100, &n, &err);
	if (_i == 1) {
		ck_assert_int_eq(io, ENVOI_IO_EOF);
	} else {
		ck_assert_int_eq(io, ENVOI_IO_OK);
		ck_assert_uint_eq(n, 3);
		ck_assert_int_eq(
			envoi_stream_read(pair.server, out, sizeof(out), &n, &err),
			ENVOI_IO_OK);
		ck_assert_uint_eq(n, 3);
		ck_assert_int_eq(memcmp(out, "789", 3), 0);
		ck_assert_int_eq(
			envoi_stream_write_file(pair.client, file, 10, 100, &n, &err),
			ENVOI_IO_EOF);
		/* Nor from what is no file. */
		ck_assert_int_eq(envoi_stream_write_file(pair.client,
					 envoi_stream_fd(pair.server), 0, 9, &n, &err),
			ENVOI_IO_EOF);
	}
	close(file);
	close_pair(&pair);
}
END_TEST

START_TEST(octets_of_a_file_to_nobody_are_an_error_without_a_signal)
{
	struct pair pair;
	struct envoi_error err = ENVOI_ERROR_NONE;
	size_t n;
	int file = file_of("0123456789");
	(void)signal(SIGPIPE, SIG_DFL);
	open_kind(&pair, false);
	ck_assert_int_eq(shutdown(envoi_stream_fd(pair.server), SHUT_RDWR), 0);
	ck_assert_int_eq(envoi_stream_write_file(pair.client, file, 0, 10, &n, &err),
		ENVOI_IO_ERROR);
	ck_assert_int_eq(err.status, ENVOI_STATUS_TEMPORARY);
	ck_assert_int_eq(err.sys, EPIPE);
	close(file);
	close_pair(&pair);
}
END_TEST

/* The server said its last words and went: they are read all the same. */
START_TEST(last_words_are_read_after_a_failed_write)
{
	struct pair pair;
	struct envoi_error err = ENVOI_ERROR_NONE;
	char text[32];
	size_t n;
	open_kind(&pair, _i == 1);
	say(pair.server, "421 bye\r\n");
	envoi_stream_shutdown(pair.server);
	ck_assert_int_eq(shutdown(envoi_stream_fd(pair.server), SHUT_RDWR), 0);
	ck_assert_int_eq(
		envoi_stream_write(pair.client, "x", 1, &n, &err), ENVOI_IO_ERROR);
	ck_assert_int_eq(
		envoi_stream_write(pair.client, "x", 1, &n, &err), ENVOI_IO_ERROR);
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_OK);
	ck_assert_str_eq(text, "421 bye\r\n");
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_EOF);
	ck_assert(!envoi_stream_is_truncated(pair.client));
	close_pair(&pair);
}
END_TEST

START_TEST(reset_is_an_error)
{
	struct pair pair;
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct linger now = {.l_onoff = 1};
	char text[32];
	int listener = open_listener();
	open_tcp_pair(&pair, listener);
	ck_assert_int_eq(setsockopt(envoi_stream_fd(pair.server), SOL_SOCKET, SO_LINGER,
				 &now, sizeof(now)),
		0);
	envoi_stream_free(pair.server);
	pair.server = NULL;
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_ERROR);
	ck_assert_int_eq(err.sys, ECONNRESET);
	ck_assert_int_eq(err.status, ENVOI_STATUS_TEMPORARY);
	close_pair(&pair);
	close(listener);
}
END_TEST

START_TEST(pair_of_pipes_is_a_stream)
{
	int in[2];
	int out[2];
	char text[32];
	size_t n;
	struct envoi_error err = ENVOI_ERROR_NONE;
	(void)signal(SIGPIPE, SIG_DFL);
	ck_assert_int_eq(pipe(in), 0);
	ck_assert_int_eq(pipe(out), 0);
	struct envoi_stream *stream = envoi_stream_new_pair(in[0], out[1]);
	ck_assert_ptr_nonnull(stream);
	ck_assert_int_eq(envoi_stream_fd(stream), in[0]);
	ck_assert_int_eq(envoi_stream_fd_out(stream), out[1]);
	ck_assert_int_eq(
		envoi_stream_read(stream, text, sizeof(text), &n, &err), ENVOI_IO_AGAIN);
	ck_assert_int_eq(write(in[1], "hello", 5), 5);
	ck_assert_int_eq(hear(stream, text, sizeof(text), &err), ENVOI_IO_OK);
	ck_assert_str_eq(text, "hello");
	say(stream, "world");
	ck_assert_int_eq(read(out[0], text, sizeof(text)), 5);
	close(in[1]);
	ck_assert_int_eq(hear(stream, text, sizeof(text), &err), ENVOI_IO_EOF);
	close(out[0]);
	ck_assert_int_eq(envoi_stream_write(stream, "x", 1, &n, &err), ENVOI_IO_ERROR);
	ck_assert_int_eq(err.sys, EPIPE);
	/* No TLS on pipes. */
	ck_assert_int_eq(envoi_stream_start_tls(stream, client, NULL, &err), -1);
	ck_assert_int_eq(envoi_stream_handshake(stream, &err), ENVOI_IO_ERROR);
	ck_assert_int_eq(err.status, ENVOI_STATUS_BUG);
	envoi_stream_free(stream);
	envoi_stream_free(NULL);
}
END_TEST

/* A server whose SSL the test has its hands on. */
struct raw {
	struct envoi_stream *client;
	struct envoi_tls_link *link;
	int fd;
};

static void open_raw(struct raw *raw, int version)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	int fds[2];
	enum envoi_io ours = ENVOI_IO_AGAIN;
	enum envoi_io theirs = ENVOI_IO_AGAIN;
	ck_assert_int_eq(envoi_socket_pair(fds), 0);
	SSL_CTX_set_max_proto_version(server->ctx, version);
	raw->fd = fds[1];
	raw->client = envoi_stream_new(fds[0]);
	raw->link = envoi_tls_link_new(server, fds[1], NULL, false, &err);
	ck_assert_ptr_nonnull(raw->link);
	ck_assert_int_eq(
		envoi_stream_start_tls(raw->client, client, "localhost", &err), 0);
	for (int i = 0; i < 10; i++) {
		if (ours == ENVOI_IO_AGAIN) {
			ours = envoi_stream_handshake(raw->client, &err);
		}
		if (theirs == ENVOI_IO_AGAIN) {
			theirs = envoi_tls_link_handshake(raw->link, &err);
		}
	}
	ck_assert_int_eq(ours, ENVOI_IO_OK);
	ck_assert_int_eq(theirs, ENVOI_IO_OK);
}

static void close_raw(struct raw *raw)
{
	envoi_tls_link_free(raw->link);
	close(raw->fd);
	envoi_stream_free(raw->client);
}

/* One line each way after the server did something to the protocol. */
static void exchange(struct raw *raw)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	char text[32] = "";
	size_t n = 0;
	ck_assert_int_eq(
		envoi_tls_link_write(raw->link, "250 ok\r\n", 8, &n, &err), ENVOI_IO_OK);
	ck_assert_int_eq(hear(raw->client, text, sizeof(text), &err), ENVOI_IO_OK);
	ck_assert_str_eq(text, "250 ok\r\n");
	say(raw->client, "QUIT\r\n");
	n = 0;
	enum envoi_io result;
	do {
		result = envoi_tls_link_read(raw->link, text, sizeof(text), &n, &err);
	} while (result == ENVOI_IO_AGAIN);
	ck_assert_msg(result == ENVOI_IO_OK, "%s", err.text);
	ck_assert_uint_eq(n, 6);
}

START_TEST(key_update_goes_unnoticed)
{
	struct raw raw;
	open_raw(&raw, TLS1_3_VERSION);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(
			SSL_key_update(raw.link->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		exchange(&raw);
	}
	close_raw(&raw);
}
END_TEST

/* The wish for a new handshake is turned down (CVE-2009-3555). */
START_TEST(renegotiation_is_refused)
{
	struct raw raw;
	struct envoi_error err = ENVOI_ERROR_NONE;
	char text[32];
	size_t n;
	open_raw(&raw, TLS1_2_VERSION);
	ck_assert_str_eq(envoi_stream_tls(raw.client)->version, "TLSv1.2");
	SSL_clear_options(raw.link->ssl, SSL_OP_NO_RENEGOTIATION);
	ck_assert_int_eq(SSL_renegotiate(raw.link->ssl), 1);
	ck_assert_int_eq(SSL_do_handshake(raw.link->ssl), 1);
	(void)envoi_stream_read(raw.client, text, sizeof(text), &n, &err);
	/* The answer is an alert, which OpenSSL's server takes as fatal. */
	ck_assert_int_eq(envoi_tls_link_read(raw.link, text, sizeof(text), &n, &err),
		ENVOI_IO_ERROR);
	ck_assert_msg(strstr(err.text, "renegotiation") != NULL
			      || strstr(err.text, "handshake") != NULL,
		"%s", err.text);
	close_raw(&raw);
}
END_TEST

/* One connection to the listener as host; was its session resumed? */
static bool connect_once(struct envoi_tls *from, int listener, const char *host)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct pair pair;
	char text[32];
	open_tcp_pair(&pair, listener);
	ck_assert_int_eq(envoi_stream_start_tls(pair.client, from, host, &err), 0);
	ck_assert_int_eq(envoi_stream_accept_tls(pair.server, server, &err), 0);
	shake(&pair);
	ck_assert_msg(pair.client_result == ENVOI_IO_OK, "%s", pair.client_error.text);
	bool resumed = envoi_stream_tls(pair.client)->resumed;
	/* Facts of a resumed session are whole. */
	ck_assert_str_eq(envoi_stream_tls(pair.client)->subject, "CN=localhost");
	ck_assert_uint_eq(strlen(envoi_stream_tls(pair.client)->pin), 71);
	/* Tickets come with the first octets. */
	say(pair.server, "220 hello\r\n");
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_OK);
	close_pair(&pair);
	return resumed;
}

START_TEST(session_is_resumed_with_the_same_peer_only)
{
	int version = _i == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
	int listener = open_listener();
	int other = open_listener();
	SSL_CTX_set_max_proto_version(server->ctx, version);
	ck_assert(!connect_once(client, listener, "localhost"));
	ck_assert(connect_once(client, listener, "localhost"));
	ck_assert(connect_once(client, listener, "LOCALHOST."));
	ck_assert(!connect_once(client, listener, "mx.example.org"));
	ck_assert(!connect_once(client, other, "localhost"));
	struct envoi_tls *second =
		client_with(&(struct envoi_tls_options){.insecure = true});
	ck_assert(!connect_once(second, listener, "localhost"));
	envoi_tls_free(second);
	ck_assert(connect_once(client, listener, "localhost"));
	close(listener);
	close(other);
}
END_TEST

/* More sessions than are kept: the oldest go. */
START_TEST(cache_has_an_end)
{
	int listener = open_listener();
	SSL_CTX_set_max_proto_version(server->ctx, TLS1_2_VERSION);
	char host[32];
	for (int i = 0; i <= ENVOI_LIMIT_TLS_SESSIONS; i++) {
		(void)snprintf(host, sizeof(host), "h%d.example.org", i);
		ck_assert(!connect_once(client, listener, host));
	}
	ck_assert(connect_once(client, listener, host));
	ck_assert(connect_once(client, listener, "h2.example.org"));
	ck_assert(!connect_once(client, listener, "h0.example.org"));
	close(listener);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream");
	TCase *tcase = tcase_create("stream");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	/* Loops: 0 plain, 1 TLS. */
	tcase_add_loop_test(tcase, octets_go_both_ways_through_tiny_buffers, 0, 2);
	tcase_add_test(tcase, pending_octets_are_told);
	tcase_add_loop_test(tcase, orderly_end_is_eof, 0, 2);
	tcase_add_test(tcase, end_without_close_notify_is_a_truncated_eof);
	tcase_add_test(tcase, plaintext_behind_close_notify_is_not_read);
	tcase_add_test(tcase, plaintext_amid_tls_is_an_error);
	tcase_add_loop_test(tcase, writing_to_nobody_is_an_error_without_a_signal, 0, 2);
	tcase_add_loop_test(tcase, last_words_are_read_after_a_failed_write, 0, 2);
	tcase_add_loop_test(tcase, octets_of_a_file, 0, 2);
	tcase_add_test(tcase, octets_of_a_file_to_nobody_are_an_error_without_a_signal);
	tcase_add_test(tcase, reset_is_an_error);
	tcase_add_test(tcase, pair_of_pipes_is_a_stream);
	tcase_add_test(tcase, key_update_goes_unnoticed);
	tcase_add_test(tcase, renegotiation_is_refused);
	tcase_add_loop_test(tcase, session_is_resumed_with_the_same_peer_only, 0, 2);
	tcase_add_test(tcase, cache_has_an_end);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
