/*
 * Sessions and tickets of this run, kept for resumption. A context has one
 * set of verify settings and one client certificate, so host, address and
 * port are all that is left to tell peers apart. (RFC 8446 4.6.1, RFC 5077.)
 */
#include <string.h>

#include "net/tls_internal.h"

static void drop(struct envoi_tls_cached *cached)
{
	SSL_SESSION_free(cached->session);
	*cached = (struct envoi_tls_cached){0};
}

static bool is_same_peer(const struct envoi_tls_peer *a, const struct envoi_tls_peer *b)
{
	return a->length == b->length && strcmp(a->name, b->name) == 0
	       && memcmp(&a->address, &b->address, a->length) == 0;
}

/* OpenSSL's callback: 1 keeps the reference. */
static int keep(SSL *ssl, SSL_SESSION *session)
{
	struct envoi_tls_link *link = SSL_get_app_data(ssl);
	struct envoi_tls *tls = link->tls;
	struct envoi_tls_cached *place = &tls->cache[0];
	/* No address, no peer to find again (a socket pair). */
	if (link->peer.length == 0) {
		return 0;
	}
	for (size_t i = 0; i < ENVOI_LIMIT_TLS_SESSIONS; i++) {
		if (tls->cache[i].serial < place->serial) {
			place = &tls->cache[i];
		}
	}
	drop(place);
	place->peer = link->peer;
	place->session = session;
	place->serial = ++tls->serial;
	return 1;
}

void envoi_tls_cache_install(struct envoi_tls *tls)
{
	SSL_CTX_set_session_cache_mode(
		tls->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(tls->ctx, keep);
}

void envoi_tls_cache_offer(struct envoi_tls_link *link)
{
	struct envoi_tls_cached *newest = NULL;
	for (size_t i = 0; i < ENVOI_LIMIT_TLS_SESSIONS; i++) {
		struct envoi_tls_cached *cached = &link->tls->cache[i];
		if (cached->session != NULL && is_same_peer(&cached->peer, &link->peer)
			&& (newest == NULL || cached->serial > newest->serial)) {
			newest = cached;
		}
	}
	if (newest == NULL) {
		return;
	}
	bool usable = SSL_SESSION_is_resumable(newest->session) == 1
		      && SSL_set_session(link->ssl, newest->session) == 1;
	/* A TLS 1.3 ticket is used once (RFC 8446 C.4). */
	if (!usable
		|| SSL_SESSION_get_protocol_version(newest->session) >= TLS1_3_VERSION) {
		drop(newest);
	}
}

void envoi_tls_cache_finish(struct envoi_tls *tls)
{
	for (size_t i = 0; i < ENVOI_LIMIT_TLS_SESSIONS; i++) {
		drop(&tls->cache[i]);
	}
}
