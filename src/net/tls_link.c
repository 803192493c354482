/*
 * One connection under TLS: handshake, reading, writing, its facts. Owns the
 * SSL; the descriptor is the stream's. After a fatal error nothing is written
 * any more; after an end of file nothing is read, least of all in clear.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "net/tls_internal.h"

/* Lower case, without the dot at the end and the scope of an IPv6 address. */
static void copy_name(char *out, size_t room, const char *name)
{
	size_t n = 0;
	while (name[n] != '\0' && name[n] != '%' && n < room - 1) {
		char c = name[n];
		out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	if (n > 0 && out[n - 1] == '.') {
		n--;
	}
	out[n] = '\0';
}

static void set_peer(struct envoi_tls_link *link, const char *host)
{
	const char *name = link->tls->name != NULL ? link->tls->name : host;
	copy_name(link->peer.name, sizeof(link->peer.name), name != NULL ? name : "");
	socklen_t length = sizeof(link->peer.address);
	/* An unnamed unix socket has a family and nothing else. */
	if (getpeername(link->fd, (struct sockaddr *)&link->peer.address, &length) == 0
		&& length > sizeof(sa_family_t) && length <= sizeof(link->peer.address)) {
		link->peer.length = length;
	}
}

static int set_up(struct envoi_tls_link *link, const char *host)
{
	link->ssl = SSL_new(link->tls->ctx);
	BIO *bio = link->ssl == NULL ? NULL : envoi_tls_bio_new(link);
	if (bio == NULL) {
		return -1;
	}
	SSL_set_bio(link->ssl, bio, bio);
	if (SSL_set_app_data(link->ssl, link) != 1) {
		return -1;
	}
	if (link->tls->server) {
		SSL_set_accept_state(link->ssl);
		return 0;
	}
	SSL_set_connect_state(link->ssl);
	set_peer(link, host);
	if (envoi_tls_verify_begin(link) != 0) {
		return -1;
	}
	envoi_tls_cache_offer(link, host);
	return 0;
}

struct envoi_tls_link *envoi_tls_link_new(struct envoi_tls *tls, int fd, const char *host,
	bool upgraded, struct envoi_error *err)
{
	struct envoi_tls_link *link = calloc(1, sizeof(*link));
	if (link != NULL) {
		link->tls = tls;
		link->fd = fd;
		link->upgraded = upgraded;
		link->read_wants = POLLIN;
		link->write_wants = POLLOUT;
	}
	ERR_clear_error();
	if (link == NULL || set_up(link, host) != 0) {
		ERR_clear_error();
		envoi_tls_link_free(link);
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "TLS cannot be set up");
		return NULL;
	}
	return link;
}

void envoi_tls_link_free(struct envoi_tls_link *link)
{
	if (link == NULL) {
		return;
	}
	SSL_free(link->ssl);
	X509_free(link->verify_certificate);
	free(link->gathered);
	free(link);
}

static void collect_facts(struct envoi_tls_link *link)
{
	struct envoi_tls_facts *facts = &link->facts;
	unsigned char digest[32];
	facts->version = SSL_get_version(link->ssl);
	facts->cipher = SSL_get_cipher_name(link->ssl);
	facts->resumed = SSL_session_reused(link->ssl) == 1;
	X509 *certificate = SSL_get0_peer_certificate(link->ssl);
	if (certificate == NULL) {
		return;
	}
	/* A resumed session has the result of its first handshake with it, and is
	 * of this context, or of one with the same settings. */
	facts->verified = !link->tls->server && !link->tls->insecure
			  && SSL_get_verify_result(link->ssl) == X509_V_OK;
	envoi_tls_format_name(X509_get_subject_name(certificate), facts->subject,
		sizeof(facts->subject));
	envoi_tls_format_name(
		X509_get_issuer_name(certificate), facts->issuer, sizeof(facts->issuer));
	envoi_tls_format_time(X509_get0_notAfter(certificate), true, facts->not_after,
		sizeof(facts->not_after));
	if (envoi_tls_digest_key(certificate, digest) == 0) {
		envoi_tls_pin_format(digest, facts->pin);
	}
}

enum failure {
	FAILURE_AGAIN,
	/** close_notify. */
	FAILURE_CLOSED,
	/** End of file without it. */
	FAILURE_TRUNCATED,
	/** The transport failed; read_sys or write_sys says how. */
	FAILURE_TRANSPORT,
	/** The other side, or we, did not like something. */
	FAILURE_TLS,
};

/* Why a call of OpenSSL returned ret; *wants is set for AGAIN. */
static enum failure judge(struct envoi_tls_link *link, int ret, short *wants)
{
	switch (SSL_get_error(link->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		*wants = POLLIN;
		return FAILURE_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		*wants = POLLOUT;
		return link->write_sys != 0 ? FAILURE_TRANSPORT : FAILURE_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return FAILURE_CLOSED;
	case SSL_ERROR_SYSCALL:
		link->broken = true;
		return link->read_sys != 0 ? FAILURE_TRANSPORT : FAILURE_TRUNCATED;
	default:
		link->broken = true;
		if (ERR_GET_REASON(ERR_peek_error())
			== SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			return FAILURE_TRUNCATED;
		}
		return FAILURE_TLS;
	}
}

static int transport_error(const struct envoi_tls_link *link)
{
	return link->read_sys != 0 ? link->read_sys : link->write_sys;
}

static const char *other_side(const struct envoi_tls_link *link)
{
	if (link->tls->server) {
		return "the client";
	}
	return link->peer.name[0] != '\0' ? link->peer.name : "the server";
}

enum envoi_io envoi_tls_link_handshake(
	struct envoi_tls_link *link, struct envoi_error *err)
{
	ERR_clear_error();
	int ret = SSL_do_handshake(link->ssl);
	if (ret == 1) {
		link->established = true;
		link->read_wants = POLLIN;
		link->write_wants = POLLOUT;
		collect_facts(link);
		return ENVOI_IO_OK;
	}
	enum failure failure = judge(link, ret, &link->read_wants);
	if (failure == FAILURE_AGAIN) {
		return ENVOI_IO_AGAIN;
	}
	link->read_closed = true;
	link->broken = true;
	switch (failure) {
	case FAILURE_TLS:
		if (link->verify_error != X509_V_OK) {
			ERR_clear_error();
			envoi_tls_explain_certificate(link, err);
		} else {
			link->alerted =
				ERR_GET_REASON(ERR_peek_error()) >= SSL_AD_REASON_OFFSET;
			envoi_tls_explain(link, err);
		}
		return ENVOI_IO_ERROR;
	case FAILURE_TRANSPORT:
		(void)envoi_error_sys(err, ENVOI_STATUS_TEMPORARY, transport_error(link),
			"connection lost during the TLS handshake with %s",
			other_side(link));
		return ENVOI_IO_ERROR;
	default:
		ERR_clear_error();
		(void)envoi_error_set(err, ENVOI_STATUS_TEMPORARY,
			"connection lost during the TLS handshake: %s closed it",
			other_side(link));
		return ENVOI_IO_EOF;
	}
}

/* Words and result for what went wrong after the handshake. */
static enum envoi_io fail(
	struct envoi_tls_link *link, enum failure failure, struct envoi_error *err)
{
	switch (failure) {
	case FAILURE_AGAIN:
		return ENVOI_IO_AGAIN;
	case FAILURE_CLOSED:
		link->read_closed = true;
		return ENVOI_IO_EOF;
	case FAILURE_TRUNCATED:
		ERR_clear_error();
		link->read_closed = true;
		link->truncated = true;
		return ENVOI_IO_EOF;
	case FAILURE_TRANSPORT:
		if (transport_error(link) != 0) {
			(void)envoi_error_sys(err, ENVOI_STATUS_TEMPORARY,
				transport_error(link), "connection lost");
		} else {
			(void)envoi_error_set(
				err, ENVOI_STATUS_TEMPORARY, "connection lost");
		}
		return ENVOI_IO_ERROR;
	default:
		envoi_tls_explain(link, err);
		return ENVOI_IO_ERROR;
	}
}

enum envoi_io envoi_tls_link_read(struct envoi_tls_link *link, void *out, size_t n,
	size_t *ret_n, struct envoi_error *err)
{
	if (link->read_closed) {
		return ENVOI_IO_EOF;
	}
	if (link->broken) {
		return fail(link, FAILURE_TRANSPORT, err);
	}
	ERR_clear_error();
	int ret = SSL_read_ex(link->ssl, out, n, ret_n);
	link->read_wants = POLLIN;
	if (ret == 1) {
		return ENVOI_IO_OK;
	}
	return fail(link, judge(link, ret, &link->read_wants), err);
}

/* Sends what was gathered; octets of records that went out whole are told. */
static enum envoi_io flush(
	struct envoi_tls_link *link, size_t *ret_n, struct envoi_error *err)
{
	bool all = envoi_tls_bio_flush(link) == 0;
	size_t n = 0;
	while (link->record_first < link->record_count
		&& (all
			|| link->records[link->record_first].end
				   <= link->gathered_sent)) {
		n += link->records[link->record_first++].octets;
	}
	link->write_wants = POLLOUT;
	if (n == 0) {
		return fail(link,
			link->write_sys != 0 ? FAILURE_TRANSPORT : FAILURE_AGAIN, err);
	}
	*ret_n = n;
	return ENVOI_IO_OK;
}

/* Makes records of as much as there is room for. */
static void gather(struct envoi_tls_link *link, const char *bytes, size_t n)
{
	size_t done = 0, part;
	link->record_first = link->record_count = 0;
	if (link->gathered == NULL
		&& (link->gathered = malloc(ENVOI_TLS_GATHERED)) == NULL) {
		return;
	}
	link->gathering = true;
	while (done < n && link->record_count < ENVOI_TLS_RECORDS
		&& ENVOI_TLS_GATHERED - link->gathered_length >= ENVOI_TLS_RECORD
		&& SSL_write_ex(link->ssl, bytes + done, n - done, &part) == 1) {
		done += part;
		link->records[link->record_count++] =
			(struct envoi_tls_record){link->gathered_length, part};
	}
	link->gathering = false;
	/* Should one have failed, the next call will tell. */
	ERR_clear_error();
}

enum envoi_io envoi_tls_link_write(struct envoi_tls_link *link, const void *bytes,
	size_t n, size_t *ret_n, struct envoi_error *err)
{
	if (link->broken || link->write_sys != 0) {
		return fail(link, FAILURE_TRANSPORT, err);
	}
	ERR_clear_error();
	if (link->record_first == link->record_count && n > SSL3_RT_MAX_PLAIN_LENGTH) {
		gather(link, bytes, n);
	}
	if (link->record_first < link->record_count) {
		return flush(link, ret_n, err);
	}
	int ret = SSL_write_ex(link->ssl, bytes, n, ret_n);
	link->write_wants = POLLOUT;
	if (ret == 1) {
		return ENVOI_IO_OK;
	}
	enum failure failure = judge(link, ret, &link->write_wants);
	if (failure == FAILURE_CLOSED || failure == FAILURE_TRUNCATED) {
		/* Reading is where an end of file is told. */
		ERR_clear_error();
		failure = FAILURE_TRANSPORT;
	}
	return fail(link, failure, err);
}

void envoi_tls_link_shutdown(struct envoi_tls_link *link)
{
	/* Octets that were not told as sent must not leave now. */
	if (!link->established || link->broken || link->write_sys != 0
		|| link->record_first < link->record_count
		|| (SSL_get_shutdown(link->ssl) & SSL_SENT_SHUTDOWN) != 0) {
		return;
	}
	ERR_clear_error();
	(void)SSL_shutdown(link->ssl);
	ERR_clear_error();
}
