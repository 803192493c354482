/*
 * What is possible: a client that does nothing but what the protocol needs,
 * with everything known before. Replies are counted, not read; the message has
 * to be in the form of the wire already (CRLF, no line that begins with a
 * dot). Shows how fast the machine and the fast sink are.
 *
 *   floor [--bdat] [--tls] [--count N] [--recipients N] PORT FILE
 *   floor                    does nothing: the price of linking with OpenSSL
 */
#define _GNU_SOURCE /* mmap(2), sendfile(2) */
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fcntl.h>

#include <openssl/ssl.h>

/* Messages whose replies are outstanding (BDAT), and up to which size they are
 * gathered into one write. */
#define WINDOW 512
#define SMALL 65536

static struct {
	int fd;
	SSL *ssl;
	int file;
	const char *message;
	size_t length;
	unsigned long recipients;
	bool bdat;
	char *out;
	size_t out_length, out_room;
} client = {.recipients = 1};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void put(const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = client.ssl != NULL ? SSL_write(
				       client.ssl, p, n < 1 << 30 ? (int)n : 1 << 30)
						  : send(client.fd, p, n, MSG_NOSIGNAL);
		if (sent <= 0) {
			fail("floor: write");
		}
		p += sent;
		n -= (size_t)sent;
	}
}

static void gather(const char *p, size_t n)
{
	if (client.out_room - client.out_length < n) {
		client.out_room = 2 * client.out_room + n;
		client.out = realloc(client.out, client.out_room);
		if (client.out == NULL) {
			fail("floor");
		}
	}
	memcpy(client.out + client.out_length, p, n);
	client.out_length += n;
}

static void say(const char *text)
{
	gather(text, strlen(text));
}

static void flush(void)
{
	put(client.out, client.out_length);
	client.out_length = 0;
}

/* Reads to the end of so many replies. Their first lines' codes must be
 * below 400. */
static void expect(unsigned long replies)
{
	static char bytes[65536];
	size_t column = 0;
	char code = 0, mark = 0;
	while (replies > 0) {
		ssize_t n = client.ssl != NULL
				    ? SSL_read(client.ssl, bytes, sizeof(bytes))
				    : recv(client.fd, bytes, sizeof(bytes), 0);
		if (n <= 0) {
			fail("floor: read");
		}
		for (ssize_t i = 0; i < n; i++) {
			code = column == 0 ? bytes[i] : code;
			mark = column == 3 ? bytes[i] : mark;
			column++;
			if (bytes[i] != '\n') {
				continue;
			}
			column = 0;
			replies -= mark == ' ' ? 1 : 0;
			if (code > '3') {
				fputs("floor: refused\n", stderr);
				exit(1);
			}
		}
	}
}

static void put_message(void)
{
	if (client.length <= SMALL) {
		gather(client.message, client.length);
		return;
	}
	flush();
	if (client.ssl != NULL) {
		put(client.message, client.length);
		return;
	}
	off_t at = 0;
	while ((size_t)at < client.length) {
		if (sendfile(client.fd, client.file, &at, client.length - (size_t)at)
			<= 0) {
			fail("floor: sendfile");
		}
	}
}

static void say_envelope(void)
{
	char text[80];
	say("MAIL FROM:<a@example.org>\r\n");
	for (unsigned long i = 0; i < client.recipients; i++) {
		(void)snprintf(text, sizeof(text), "RCPT TO:<r%lu@example.org>\r\n", i);
		say(text);
	}
	(void)snprintf(text, sizeof(text), "BDAT %zu LAST\r\n", client.length);
	say(client.bdat ? text : "DATA\r\n");
}

static void send_all(unsigned long count)
{
	unsigned long replies = client.recipients + 2;
	if (client.bdat) {
		while (count > 0) {
			unsigned long window = count < WINDOW ? count : WINDOW;
			for (unsigned long i = 0; i < window; i++) {
				say_envelope();
				put_message();
			}
			flush();
			expect(window * replies);
			count -= window;
		}
		return;
	}
	say_envelope();
	for (; count > 0; count--) {
		flush();
		expect(replies);
		put_message();
		say(".\r\n");
		if (count > 1) {
			say_envelope();
			replies = client.recipients + 3;
		}
	}
	flush();
	expect(1);
}

static void hello(void)
{
	say("EHLO floor.example\r\n");
	flush();
	expect(1);
}

static void dial(int port)
{
	static const int one = 1;
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(client.fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		fail("floor: connect");
	}
	setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	expect(1);
	hello();
}

static void start_tls(void)
{
	say("STARTTLS\r\n");
	flush();
	expect(1);
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = context != NULL ? SSL_new(context) : NULL;
	if (ssl == NULL || SSL_set_fd(ssl, client.fd) != 1 || SSL_connect(ssl) != 1) {
		fail("floor: TLS");
	}
	client.ssl = ssl;
	hello();
}

static void map_message(const char *path)
{
	struct stat st;
	client.file = open(path, O_RDONLY | O_CLOEXEC);
	if (client.file < 0 || fstat(client.file, &st) != 0) {
		fail(path);
	}
	client.length = (size_t)st.st_size;
	client.message =
		mmap(NULL, client.length, PROT_READ, MAP_PRIVATE, client.file, 0);
	if (client.message == MAP_FAILED) {
		fail(path);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"bdat", no_argument, NULL, 'b'},
		{"tls", no_argument, NULL, 't'},
		{"count", required_argument, NULL, 'n'},
		{"recipients", required_argument, NULL, 'r'},
		{0},
	};
	unsigned long count = 1;
	bool tls = false;
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'b':
			client.bdat = true;
			break;
		case 't':
			tls = true;
			break;
		case 'n':
			count = strtoul(optarg, NULL, 10);
			break;
		case 'r':
			client.recipients = strtoul(optarg, NULL, 10);
			break;
		default:
			return 64;
		}
	}
	if (argc - optind != 2) {
		return 0;
	}
	map_message(argv[optind + 1]);
	dial(atoi(argv[optind]));
	if (tls) {
		start_tls();
	}
	send_all(count);
	say("QUIT\r\n");
	flush();
	expect(1);
	return 0;
}
