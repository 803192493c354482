/*
 * A BIO over a socket that never raises SIGPIPE (the one of OpenSSL writes
 * with write(2)), keeps the errno of a failure, and remembers the first
 * octets of the peer: where it speaks something other than TLS, they tell
 * what.
 */
#include <errno.h>
#include <string.h>

#include "base/socket.h"
#include "net/tls_internal.h"

/* -1: not now, or never. */
static ssize_t send_some(struct envoi_tls_link *link, const char *bytes, size_t n)
{
	ssize_t sent = envoi_socket_send(link->fd, bytes, n);
	if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
		link->write_sys = errno;
	}
	return sent;
}

int envoi_tls_bio_flush(struct envoi_tls_link *link)
{
	while (link->gathered_sent < link->gathered_length) {
		ssize_t sent = send_some(link, link->gathered + link->gathered_sent,
			link->gathered_length - link->gathered_sent);
		if (sent < 0) {
			return -1;
		}
		link->gathered_sent += (size_t)sent;
	}
	link->gathered_sent = link->gathered_length = 0;
	return 0;
}

static int bio_write(BIO *bio, const char *bytes, int n)
{
	struct envoi_tls_link *link = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (n <= 0) {
		return 0;
	}
	if (link->gathering && ENVOI_TLS_GATHERED - link->gathered_length >= (size_t)n) {
		memcpy(link->gathered + link->gathered_length, bytes, (size_t)n);
		link->gathered_length += (size_t)n;
		return n;
	}
	/* What was gathered goes first, and whoever wrote it has to know. */
	ssize_t sent = -1;
	if (link->gathered_sent == link->gathered_length) {
		sent = send_some(link, bytes, (size_t)n);
	}
	if (sent >= 0) {
		return (int)sent;
	}
	/* Even then: a write that failed for good would end reading as well,
	 * and the server's last words (its 421) may still be there to read. */
	BIO_set_retry_write(bio);
	return -1;
}

static int bio_read(BIO *bio, char *out, int n)
{
	struct envoi_tls_link *link = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (n <= 0) {
		return 0;
	}
	ssize_t got = envoi_socket_recv(link->fd, out, (size_t)n);
	if (got > 0) {
		size_t room = sizeof(link->first) - link->first_length;
		size_t keep = (size_t)got < room ? (size_t)got : room;
		memcpy(link->first + link->first_length, out, keep);
		link->first_length += keep;
		return (int)got;
	}
	if (got == 0) {
		link->bio_eof = true;
		return 0;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK) {
		BIO_set_retry_read(bio);
	} else {
		link->read_sys = errno;
	}
	return -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	const struct envoi_tls_link *link = BIO_get_data(bio);
	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_EOF:
		return link->bio_eof;
	case BIO_CTRL_FLUSH:
		return 1;
	default:
		return 0;
	}
}

BIO_METHOD *envoi_tls_bio_method(void)
{
	int type = BIO_get_new_index();
	if (type < 0) {
		return NULL;
	}
	BIO_METHOD *method = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "socket");
	if (method == NULL) {
		return NULL;
	}
	if (BIO_meth_set_write(method, bio_write) != 1
		|| BIO_meth_set_read(method, bio_read) != 1
		|| BIO_meth_set_ctrl(method, bio_ctrl) != 1) {
		BIO_meth_free(method);
		return NULL;
	}
	return method;
}

BIO *envoi_tls_bio_new(struct envoi_tls_link *link)
{
	BIO *bio = BIO_new(link->tls->bio);
	if (bio != NULL) {
		BIO_set_data(bio, link);
		BIO_set_init(bio, 1);
	}
	return bio;
}
