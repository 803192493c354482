/*
 * One non-blocking descriptor, plain or under TLS: reading and writing are
 * the same calls for both, and nobody above asks which it is.
 *
 * Owns the descriptor. SIGPIPE never comes from here (MSG_NOSIGNAL; a write of
 * OpenSSL goes through a BIO that sends with it).
 */
#ifndef ENVOI_NET_STREAM_H
#define ENVOI_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>
#include <envoi/tls.h>

struct envoi_sasl_binding;
struct envoi_stream;
struct envoi_tls;

enum envoi_io {
	ENVOI_IO_OK,
	/** Nothing now: poll as envoi_stream_events() says, then call again. */
	ENVOI_IO_AGAIN,
	/** The other side ended orderly (TLS: also TCP end without
	 * close_notify, see envoi_stream_is_truncated()). */
	ENVOI_IO_EOF,
	/** Reset or another error of the transport; err says which. */
	ENVOI_IO_ERROR,
};

/** Takes over a connected socket: non-blocking, close-on-exec and, of TCP, with
 * TCP_NODELAY. NULL: no memory (fd stays the caller's). */
struct envoi_stream *envoi_stream_new(int fd);

/** Two descriptors (a pipe pair, stdin and stdout); plain only. Both become
 * non-blocking, also for others who share them. */
struct envoi_stream *envoi_stream_new_pair(int fd_in, int fd_out);

/** Closes (TLS: sends close_notify if that needs no waiting). Accepts NULL. */
void envoi_stream_free(struct envoi_stream *stream);

/** The descriptor to poll; of a pair the one to read from. */
int envoi_stream_fd(const struct envoi_stream *stream);

/** The same; of a pair the one to write to (poll it for POLLOUT only). */
int envoi_stream_fd_out(const struct envoi_stream *stream);

/** poll(2) events to wait for, to read, to write or both. Knows what TLS
 * waits for: either may be POLLIN or POLLOUT, so on any event try again what
 * was to be done. During a handshake: what that waits for. */
short envoi_stream_events(
	const struct envoi_stream *stream, bool want_read, bool want_write);

/** Octets that can be read without polling (held by TLS)? */
bool envoi_stream_has_pending(const struct envoi_stream *stream);

/** At most n octets; *ret_n > 0 with OK. */
enum envoi_io envoi_stream_read(struct envoi_stream *stream, void *out, size_t n,
	size_t *ret_n, struct envoi_error *err);

/** At most n octets; *ret_n > 0 with OK. Under TLS more may have been made ready
 * than is told: the next call must go on with the octets that were not told,
 * and not have fewer (they may have moved). What the peer can have read is
 * told. */
enum envoi_io envoi_stream_write(struct envoi_stream *stream, const void *bytes, size_t n,
	size_t *ret_n, struct envoi_error *err);

/** At most n octets of a file, from offset on, which the kernel takes from there.
 * EOF: it cannot be done this way (TLS, a pipe, a file that does not fit or ends
 * there), and nothing was written. */
enum envoi_io envoi_stream_write_file(struct envoi_stream *stream, int file,
	uint64_t offset, size_t n, size_t *ret_n, struct envoi_error *err);

/**
 * Begins TLS as the client of host (the name the user typed: SNI for DNS
 * names, checked against the SANs; NULL: check none). tls outlives the stream.
 * Follow with envoi_stream_handshake() until it is not AGAIN.
 */
int envoi_stream_start_tls(struct envoi_stream *stream, struct envoi_tls *tls,
	const char *host, struct envoi_error *err);

/** Begins TLS as a server. */
int envoi_stream_accept_tls(
	struct envoi_stream *stream, struct envoi_tls *tls, struct envoi_error *err);

/** OK: established. ERROR or EOF: err tells in words what failed, with a hint where
 * one helps: REFUSED when certificate or protocol do not fit, TEMPORARY when
 * the connection was lost. */
enum envoi_io envoi_stream_handshake(
	struct envoi_stream *stream, struct envoi_error *err);

/** The other side broke the handshake off with an alert. */
bool envoi_stream_is_alerted(const struct envoi_stream *stream);

/** NULL when plain. */
const struct envoi_tls_facts *envoi_stream_tls(const struct envoi_stream *stream);

/**
 * What SCRAM-...-PLUS binds to, the same at both ends: type is "tls-exporter"
 * (RFC 9266; TLS 1.3 only), "tls-server-end-point" (RFC 5929; needs a
 * certificate with a digest in its signature), or NULL for the first of the
 * two that there is. 0, or -1 where there is none: *ret is all zero then.
 * Of an established connection only. See protocol/sasl.h.
 */
int envoi_stream_channel_binding(
	struct envoi_stream *stream, const char *type, struct envoi_sasl_binding *ret);

/** EOF came without TLS close_notify. */
bool envoi_stream_is_truncated(const struct envoi_stream *stream);

/** No more writing (TCP half close; TLS: close_notify). Best effort. */
void envoi_stream_shutdown(struct envoi_stream *stream);

#endif
