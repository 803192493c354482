/*
 * One connection, plain or under TLS. Owns the descriptors. What is special
 * about TLS is in tls_link.c; this file only asks whether there is one.
 */
#include "net/stream.h"

#include <errno.h>
#include <stdlib.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/socket.h"
#include "net/tls_internal.h"
#include "protocol/sasl.h"

struct envoi_stream {
	int fd_in;
	int fd_out;
	/** read(2) and write(2) in place of the calls for sockets. */
	bool pipe_in;
	bool pipe_out;
	/** Octets were read before TLS. */
	bool used;
	/** NULL: plain. */
	struct envoi_tls_link *link;
};

static bool is_socket(int fd)
{
	int type;
	socklen_t size = sizeof(type);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

struct envoi_stream *envoi_stream_new_pair(int fd_in, int fd_out)
{
	struct envoi_stream *stream = calloc(1, sizeof(*stream));
	if (stream == NULL) {
		return NULL;
	}
	stream->fd_in = fd_in;
	stream->fd_out = fd_out;
	stream->pipe_in = !is_socket(fd_in);
	stream->pipe_out = !is_socket(fd_out);
	(void)envoi_socket_prepare(fd_in);
	(void)envoi_socket_prepare(fd_out);
	return stream;
}

struct envoi_stream *envoi_stream_new(int fd)
{
	struct envoi_stream *stream = calloc(1, sizeof(*stream));
	if (stream != NULL) {
		stream->fd_in = stream->fd_out = fd;
	}
	return stream;
}

void envoi_stream_free(struct envoi_stream *stream)
{
	if (stream == NULL) {
		return;
	}
	if (stream->link != NULL) {
		envoi_tls_link_shutdown(stream->link);
		envoi_tls_link_free(stream->link);
	}
	close(stream->fd_in);
	if (stream->fd_out != stream->fd_in) {
		close(stream->fd_out);
	}
	free(stream);
}

int envoi_stream_fd(const struct envoi_stream *stream)
{
	return stream->fd_in;
}

int envoi_stream_fd_out(const struct envoi_stream *stream)
{
	return stream->fd_out;
}

short envoi_stream_events(
	const struct envoi_stream *stream, bool want_read, bool want_write)
{
	const struct envoi_tls_link *link = stream->link;
	short events = 0;
	if (link != NULL && !link->established) {
		return link->read_wants;
	}
	if (want_read) {
		events |= link != NULL ? link->read_wants : POLLIN;
	}
	if (want_write) {
		events |= link != NULL ? link->write_wants : POLLOUT;
	}
	return events;
}

bool envoi_stream_has_pending(const struct envoi_stream *stream)
{
	return stream->link != NULL && stream->link->established
	       && SSL_pending(stream->link->ssl) > 0;
}

static enum envoi_io plain_failure(struct envoi_error *err)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK) {
		return ENVOI_IO_AGAIN;
	}
	(void)envoi_error_sys(err, ENVOI_STATUS_TEMPORARY, errno, "connection lost");
	return ENVOI_IO_ERROR;
}

static ssize_t read_pipe(int fd, void *out, size_t n)
{
	ssize_t got;
	do {
		got = read(fd, out, n);
	} while (got < 0 && errno == EINTR);
	return got;
}

enum envoi_io envoi_stream_read(struct envoi_stream *stream, void *out, size_t n,
	size_t *ret_n, struct envoi_error *err)
{
	if (stream->link != NULL) {
		return envoi_tls_link_read(stream->link, out, n, ret_n, err);
	}
	ssize_t got = stream->pipe_in ? read_pipe(stream->fd_in, out, n)
				      : envoi_socket_recv(stream->fd_in, out, n);
	if (got < 0) {
		return plain_failure(err);
	}
	if (got == 0) {
		return ENVOI_IO_EOF;
	}
	stream->used = true;
	*ret_n = (size_t)got;
	return ENVOI_IO_OK;
}

enum envoi_io envoi_stream_write(struct envoi_stream *stream, const void *bytes, size_t n,
	size_t *ret_n, struct envoi_error *err)
{
	if (stream->link != NULL) {
		return envoi_tls_link_write(stream->link, bytes, n, ret_n, err);
	}
	ssize_t sent = stream->pipe_out ? envoi_socket_write(stream->fd_out, bytes, n)
					: envoi_socket_send(stream->fd_out, bytes, n);
	if (sent < 0) {
		return plain_failure(err);
	}
	*ret_n = (size_t)sent;
	return ENVOI_IO_OK;
}

/* Is it the connection that failed, and not the file? */
static bool is_lost(int sys)
{
	return sys == EPIPE || sys == ECONNRESET || sys == ETIMEDOUT || sys == ENOTCONN
	       || sys == EHOSTUNREACH || sys == ENETUNREACH || sys == ENETDOWN;
}

enum envoi_io envoi_stream_write_file(struct envoi_stream *stream, int file,
	uint64_t offset, size_t n, size_t *ret_n, struct envoi_error *err)
{
	if (stream->link != NULL || stream->pipe_out) {
		return ENVOI_IO_EOF;
	}
	ssize_t sent = envoi_socket_send_file(stream->fd_out, file, offset, n);
	if (sent > 0) {
		*ret_n = (size_t)sent;
		return ENVOI_IO_OK;
	}
	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || is_lost(errno))) {
		return plain_failure(err);
	}
	return ENVOI_IO_EOF;
}

static int begin_tls(struct envoi_stream *stream, struct envoi_tls *tls, const char *host,
	struct envoi_error *err)
{
	if (stream->link != NULL || stream->pipe_in || stream->fd_in != stream->fd_out) {
		return envoi_error_set(
			err, ENVOI_STATUS_BUG, "TLS cannot begin on this stream");
	}
	stream->link = envoi_tls_link_new(tls, stream->fd_in, host, stream->used, err);
	return stream->link != NULL ? 0 : -1;
}

int envoi_stream_start_tls(struct envoi_stream *stream, struct envoi_tls *tls,
	const char *host, struct envoi_error *err)
{
	return begin_tls(stream, tls, host, err);
}

int envoi_stream_accept_tls(
	struct envoi_stream *stream, struct envoi_tls *tls, struct envoi_error *err)
{
	return begin_tls(stream, tls, NULL, err);
}

enum envoi_io envoi_stream_handshake(struct envoi_stream *stream, struct envoi_error *err)
{
	if (stream->link == NULL) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_BUG, "no TLS was begun on this stream");
		return ENVOI_IO_ERROR;
	}
	return envoi_tls_link_handshake(stream->link, err);
}

const struct envoi_tls_facts *envoi_stream_tls(const struct envoi_stream *stream)
{
	return stream->link != NULL && stream->link->established ? &stream->link->facts
								 : NULL;
}

int envoi_stream_channel_binding(
	struct envoi_stream *stream, const char *type, struct envoi_sasl_binding *ret)
{
	if (stream->link == NULL) {
		*ret = (struct envoi_sasl_binding){0};
		return -1;
	}
	return envoi_tls_link_binding(stream->link, type, ret);
}

bool envoi_stream_is_alerted(const struct envoi_stream *stream)
{
	return stream->link != NULL && stream->link->alerted;
}

bool envoi_stream_is_truncated(const struct envoi_stream *stream)
{
	return stream->link != NULL && stream->link->truncated;
}

void envoi_stream_shutdown(struct envoi_stream *stream)
{
	if (stream->link != NULL) {
		envoi_tls_link_shutdown(stream->link);
		return;
	}
	if (stream->pipe_out) {
		return;
	}
	(void)shutdown(stream->fd_out, SHUT_WR);
}
