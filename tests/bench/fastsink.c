/*
 * A receiver for measuring: takes mail on a free port of 127.0.0.1 as fast as
 * it comes, counts it and forgets it.
 *
 *   fastsink [--delay MS] [--no-pipelining] [--no-chunking] [--tls PEM [--implicit]]
 *            [--faults N [--seed N]]
 *   fastsink --sum FILE...
 *
 * Says "port N" on stdout. A line on stdin is answered with one line of what
 * arrived since the line before; the end of stdin ends it. --delay: each reply
 * leaves so many ms after its command came, which stands for distance: replies
 * to commands that came together leave together. PEM holds certificate and
 * key. --faults: one message in N, by chance, is refused, answered 421, or not
 * answered at all, or the connection ends, before or after it was taken. --sum tells what
 * the counts would be, had each FILE been sent once to one recipient; line ends become
 * CRLF.
 */
#define _GNU_SOURCE /* ppoll(2) */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "dialogue.h"

#define CONNECTIONS 1024
#define READ_SIZE 262144

/* Replies to what came in one read. */
struct batch {
	struct batch *next;
	int64_t due;
	size_t start, length;
	char octets[];
};

struct connection {
	int fd;
	SSL *ssl;
	bool shaking;
	/** Its last reply is on its way: nothing more is read. */
	bool ending;
	bool blocked;
	struct dialogue dialogue;
	struct batch *batches, **batches_tail;
};

static struct {
	struct offers offers;
	struct counts counts;
	int64_t delay;
	SSL_CTX *tls;
	bool implicit;
	int listener;
	struct connection connections[CONNECTIONS];
	size_t count;
	char input[READ_SIZE];
} sink = {.offers = {.pipelining = true, .chunking = true, .dice = 1}};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void print_counts(const struct counts *counts)
{
	printf("connections=%" PRIu64 " messages=%" PRIu64 " recipients=%" PRIu64
	       " octets=%" PRIu64 " sum=%016" PRIx64 "\n",
		counts->connections, counts->messages, counts->recipients, counts->octets,
		counts->sum);
	fflush(stdout);
}

/* -- one connection ------------------------------------------------------- */

/* Nothing in clear is on its way any more. */
static bool start_tls(struct connection *c)
{
	c->dialogue.wanted = WANTED_NOTHING;
	c->ssl = SSL_new(sink.tls);
	c->shaking = true;
	return c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1;
}

static void open_connection(int fd)
{
	static const int one = 1;
	if (sink.count == CONNECTIONS) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	struct connection *c = &sink.connections[sink.count++];
	*c = (struct connection){.fd = fd};
	dialogue_init(&c->dialogue, &sink.offers, &sink.counts);
	if (!sink.implicit) {
		dialogue_greet(&c->dialogue);
	} else if (!start_tls(c)) {
		fail("fastsink: TLS");
	}
}

static void close_connection(struct connection *c)
{
	while (c->batches != NULL) {
		struct batch *next = c->batches->next;
		free(c->batches);
		c->batches = next;
	}
	if (c->ssl != NULL) {
		SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
	}
	dialogue_finish(&c->dialogue);
	close(c->fd);
	c->fd = -1;
}

/* What was said since the last call leaves when its time has come. */
static void batch_replies(struct connection *c, int64_t now)
{
	size_t n = c->dialogue.replies_length;
	if (n == 0) {
		return;
	}
	struct batch *batch = malloc(sizeof(*batch) + n);
	if (batch == NULL) {
		fail("fastsink");
	}
	*batch = (struct batch){.due = now + sink.delay, .length = n};
	memcpy(batch->octets, c->dialogue.replies, n);
	c->dialogue.replies_length = 0;
	if (c->batches == NULL) {
		c->batches_tail = &c->batches;
	}
	*c->batches_tail = batch;
	c->batches_tail = &batch->next;
}

/* Octets moved; 0: would block; -1: the connection is gone. */
static ssize_t judge(struct connection *c, ssize_t n)
{
	if (n > 0) {
		return n;
	}
	if (c->ssl == NULL) {
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	}
	int error = SSL_get_error(c->ssl, (int)n);
	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static bool send_due(struct connection *c, int64_t now)
{
	struct batch *batch;
	while ((batch = c->batches) != NULL && batch->due <= now) {
		const char *p = batch->octets + batch->start;
		size_t left = batch->length - batch->start;
		ssize_t n = judge(c, c->ssl != NULL ? SSL_write(c->ssl, p, (int)left)
						    : send(c->fd, p, left, MSG_NOSIGNAL));
		if (n < 0) {
			return false;
		}
		c->blocked = n == 0;
		if (n == 0) {
			return true;
		}
		batch->start += (size_t)n;
		if (batch->start == batch->length) {
			c->batches = batch->next;
			free(batch);
		}
	}
	c->blocked = false;
	return c->batches != NULL || !c->ending;
}

static bool shake_hands(struct connection *c)
{
	int ret = SSL_accept(c->ssl);
	if (ret == 1) {
		c->shaking = false;
		dialogue_secured(&c->dialogue);
		if (sink.implicit) {
			dialogue_greet(&c->dialogue);
		}
		return true;
	}
	return judge(c, ret) == 0;
}

static bool read_all(struct connection *c)
{
	while (c->dialogue.wanted == WANTED_NOTHING) {
		ssize_t n =
			judge(c, c->ssl != NULL ? SSL_read(c->ssl, sink.input, READ_SIZE)
						: recv(c->fd, sink.input, READ_SIZE, 0));
		if (n <= 0) {
			return n == 0;
		}
		dialogue_take(&c->dialogue, sink.input, (size_t)n);
		int64_t now = c->dialogue.replies_length > 0 ? now_ns() : 0;
		batch_replies(c, now);
		if (!send_due(c, now)) {
			return false;
		}
	}
	return true;
}

/* False: it is over. */
static bool step(struct connection *c, short events)
{
	int64_t now = now_ns();
	bool reading = c->dialogue.wanted == WANTED_NOTHING;
	if (c->shaking && events != 0 && !shake_hands(c)) {
		return false;
	}
	batch_replies(c, now);
	if (!send_due(c, now)) {
		return false;
	}
	if (!c->shaking && events != 0 && !read_all(c)) {
		return false;
	}
	if (c->dialogue.wanted == WANTED_DROP
		|| (c->dialogue.wanted == WANTED_STALL && events != 0 && !reading)) {
		return false;
	}
	if (c->dialogue.wanted == WANTED_TLS && c->batches == NULL) {
		return start_tls(c);
	}
	if (c->dialogue.wanted == WANTED_CLOSE) {
		c->ending = true;
		return c->batches != NULL;
	}
	return true;
}

/* -- all of them ---------------------------------------------------------- */

static void forget_closed(void)
{
	size_t kept = 0;
	for (size_t i = 0; i < sink.count; i++) {
		if (sink.connections[i].fd >= 0) {
			struct connection *c = &sink.connections[kept++];
			if (c != &sink.connections[i]) {
				*c = sink.connections[i];
				c->batches_tail = &c->batches;
				while (*c->batches_tail != NULL) {
					c->batches_tail = &(*c->batches_tail)->next;
				}
			}
		}
	}
	sink.count = kept;
}

static void accept_all(void)
{
	int fd;
	while ((fd = accept4(sink.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC))
		>= 0) {
		open_connection(fd);
	}
}

/* False: stdin has ended. */
static bool answer_control(void)
{
	char line[80];
	if (read(STDIN_FILENO, line, sizeof(line)) <= 0) {
		return false;
	}
	print_counts(&sink.counts);
	sink.counts = (struct counts){0};
	return true;
}

/* Waits for something to happen, or for the next reply's time. */
static void wait_for(struct pollfd *fds)
{
	int64_t due = INT64_MAX;
	fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = sink.listener, .events = POLLIN};
	for (size_t i = 0; i < sink.count; i++) {
		const struct connection *c = &sink.connections[i];
		bool reading = c->dialogue.wanted == WANTED_NOTHING || c->shaking;
		bool stalled = c->dialogue.wanted == WANTED_STALL;
		short events = (short)((reading ? POLLIN : 0) | (stalled ? POLLRDHUP : 0)
				       | (c->blocked ? POLLOUT : 0));
		fds[2 + i] = (struct pollfd){.fd = c->fd, .events = events};
		if (c->dialogue.replies_length > 0) {
			due = 0;
		} else if (c->batches != NULL && !c->blocked && c->batches->due < due) {
			due = c->batches->due;
		}
	}
	int64_t left = due == 0 ? 0 : due - now_ns();
	left = left < 0 ? 0 : left;
	struct timespec timeout = {left / 1000000000, left % 1000000000};
	if (ppoll(fds, 2 + sink.count, due == INT64_MAX ? NULL : &timeout, NULL) < 0
		&& errno != EINTR) {
		fail("ppoll");
	}
}

static void serve(void)
{
	static struct pollfd fds[2 + CONNECTIONS];
	for (;;) {
		wait_for(fds);
		for (size_t i = 0; i < sink.count; i++) {
			if (!step(&sink.connections[i], fds[2 + i].revents)) {
				close_connection(&sink.connections[i]);
			}
		}
		forget_closed();
		if (fds[1].revents != 0) {
			accept_all();
		}
		if (fds[0].revents != 0 && !answer_control()) {
			return;
		}
	}
}

static void listen_anywhere(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	sink.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sink.listener < 0
		|| bind(sink.listener, (struct sockaddr *)&address, length) != 0
		|| listen(sink.listener, CONNECTIONS) != 0
		|| getsockname(sink.listener, (struct sockaddr *)&address, &length)
			   != 0) {
		fail("fastsink: listening");
	}
	printf("port %d\n", ntohs(address.sin_port));
	fflush(stdout);
}

static void use_certificate(const char *path)
{
	sink.tls = SSL_CTX_new(TLS_server_method());
	if (sink.tls == NULL || SSL_CTX_use_certificate_chain_file(sink.tls, path) != 1
		|| SSL_CTX_use_PrivateKey_file(sink.tls, path, SSL_FILETYPE_PEM) != 1) {
		fprintf(stderr, "fastsink: %s: no certificate with its key\n", path);
		exit(1);
	}
	SSL_CTX_set_read_ahead(sink.tls, 1);
	SSL_CTX_set_default_read_buffer_len(sink.tls, READ_SIZE);
	SSL_CTX_set_mode(sink.tls,
		SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

/* -- --sum ---------------------------------------------------------------- */

static void sum_file(const char *path)
{
	struct sum sum;
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		fail(path);
	}
	sum_init(&sum);
	int before = '\n';
	while (fgets(sink.input, READ_SIZE, file) != NULL) {
		size_t n = strlen(sink.input);
		before = sink.input[n - 1];
		bool ends = before == '\n';
		n -= ends ? 1 : 0;
		n -= ends && n > 0 && sink.input[n - 1] == '\r' ? 1 : 0;
		sum_feed(&sum, sink.input, n);
		sum_feed(&sum, "\r\n", ends ? 2 : 0);
	}
	sum_feed(&sum, "\r\n", before == '\n' ? 0 : 2);
	fclose(file);
	sink.counts.messages++;
	sink.counts.recipients++;
	sink.counts.octets += sum.octets;
	sink.counts.sum += sum_finish(&sum);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"delay", required_argument, NULL, 'd'},
		{"no-pipelining", no_argument, NULL, 'p'},
		{"no-chunking", no_argument, NULL, 'c'},
		{"tls", required_argument, NULL, 't'},
		{"implicit", no_argument, NULL, 'i'},
		{"faults", required_argument, NULL, 'f'},
		{"seed", required_argument, NULL, 'e'},
		{"sum", no_argument, NULL, 's'},
		{0},
	};
	bool sums = false;
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			sink.delay = (int64_t)(strtod(optarg, NULL) * 1e6);
			break;
		case 'p':
			sink.offers.pipelining = false;
			break;
		case 'c':
			sink.offers.chunking = false;
			break;
		case 't':
			use_certificate(optarg);
			sink.offers.starttls = true;
			break;
		case 'i':
			sink.implicit = true;
			break;
		case 'f':
			sink.offers.faults = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'e':
			sink.offers.dice = strtoull(optarg, NULL, 10) * 2654435761 + 1;
			break;
		case 's':
			sums = true;
			break;
		default:
			return 1;
		}
	}
	if (sums) {
		for (int i = optind; i < argc; i++) {
			sum_file(argv[i]);
		}
		print_counts(&sink.counts);
		return 0;
	}
	/* OpenSSL writes to those who are gone already. */
	(void)signal(SIGPIPE, SIG_IGN);
	listen_anywhere();
	serve();
	return 0;
}
