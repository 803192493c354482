/*
 * Sessions and tickets kept for resumption: those of this run in memory, and,
 * where the options name a folder, the newest of each peer from run to run
 * (tls_store.c). A context has one set of verify settings and one client
 * certificate, so host, address and port are all that is left to tell peers
 * apart in memory; a file's key has the settings in it as well.
 * (RFC 8446 4.6.1, RFC 5077.)
 *
 * A resumed handshake checks no certificate. So a session is used for a day at
 * most after the handshake that did, however often it was renewed since.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <netinet/in.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/span.h"
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
	place->since = SSL_session_reused(ssl) == 1 ? link->since : time(NULL);
	place->storable = link->storable && SSL_get_verify_result(ssl) == X509_V_OK;
	memcpy(place->key, link->key, sizeof(place->key));
	return 1;
}

void envoi_tls_cache_install(struct envoi_tls *tls)
{
	SSL_CTX_set_session_cache_mode(
		tls->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(tls->ctx, keep);
}

/* -- what a file is found by ------------------------------------------------- */

/* Each field with its length, so that no two lists look the same. */
static void add(EVP_MD_CTX *md, const void *bytes, size_t n, bool *ok)
{
	uint64_t length = n;
	*ok = *ok && EVP_DigestUpdate(md, &length, sizeof(length)) == 1
	      && (n == 0 || EVP_DigestUpdate(md, bytes, n) == 1);
}

static void add_text(EVP_MD_CTX *md, const char *text, bool *ok)
{
	add(md, text, text != NULL ? strlen(text) : 0, ok);
}

/* A path and what is there: a file that was changed is another one. */
static void add_file(EVP_MD_CTX *md, const char *path, bool *ok)
{
	struct stat st = {0};
	add_text(md, path, ok);
	if (path != NULL && stat(path, &st) == 0) {
		uint64_t facts[] = {st.st_dev, st.st_ino, (uint64_t)st.st_size,
			(uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec,
			(uint64_t)st.st_ctim.tv_sec, (uint64_t)st.st_ctim.tv_nsec};
		add(md, facts, sizeof(facts), ok);
	}
}

static void add_trust(EVP_MD_CTX *md, const struct envoi_tls_options *options, bool *ok)
{
	if (options->ca != NULL) {
		add_file(md, options->ca, ok);
		return;
	}
	add(md, NULL, 0, ok);
	add_file(md, getenv(X509_get_default_cert_dir_env()), ok);
	add_file(md, getenv(X509_get_default_cert_file_env()), ok);
	add_file(md, X509_get_default_cert_dir(), ok);
	add_file(md, X509_get_default_cert_file(), ok);
	for (const char *const *path = envoi_tls_trust_places(); *path != NULL; path++) {
		add_file(md, *path, ok);
	}
}

int envoi_tls_cache_open(struct envoi_tls *tls, const struct envoi_tls_options *options)
{
	unsigned char identity[32] = {0};
	X509 *certificate = SSL_CTX_get0_certificate(tls->ctx);
	bool ok = true;
	/* What was not checked is not kept. */
	if (options->cache == NULL || options->insecure) {
		return 0;
	}
	if (certificate != NULL
		&& envoi_tls_digest_certificate(certificate, identity) != 0) {
		ERR_clear_error();
		return 0;
	}
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
	if (ok) {
		add_text(md, OpenSSL_version(OPENSSL_VERSION), &ok);
		add(md, &options->minimum, sizeof(options->minimum), &ok);
		add(md, options->pins, options->pin_count * 32, &ok);
		add(md, identity, sizeof(identity), &ok);
		add_trust(md, options, &ok);
		ok = ok && EVP_DigestFinal_ex(md, tls->settings, NULL) == 1;
	}
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	tls->folder = ok ? envoi_span_dup(envoi_span_of(options->cache)) : NULL;
	return ok && tls->folder == NULL ? -1 : 0;
}

static int port_of(const struct envoi_tls_peer *peer)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address = {.any = peer->address};
	if (peer->length == 0) {
		return -1;
	}
	return peer->address.ss_family == AF_INET    ? ntohs(address.in.sin_port)
	       : peer->address.ss_family == AF_INET6 ? ntohs(address.in6.sin6_port)
						     : -1;
}

/* Which file is this peer's? The address is not part of it: a name has several. */
static void make_key(struct envoi_tls_link *link, const char *host)
{
	int port = port_of(&link->peer);
	bool ok = true;
	if (link->tls->folder == NULL || port < 0 || link->peer.name[0] == '\0') {
		return;
	}
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
	if (ok) {
		add(md, link->tls->settings, sizeof(link->tls->settings), &ok);
		/* Else that is the name already. */
		add_text(md, link->tls->name != NULL ? host : NULL, &ok);
		add_text(md, link->peer.name, &ok);
		add(md, &port, sizeof(port), &ok);
		ok = ok && EVP_DigestFinal_ex(md, link->key, NULL) == 1;
	}
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	link->storable = ok;
}

/* -- offering ---------------------------------------------------------------- */

static bool is_fresh(SSL_SESSION *session, time_t since, time_t now)
{
	time_t made = (time_t)SSL_SESSION_get_time(session);
	time_t hint = (time_t)SSL_SESSION_get_ticket_lifetime_hint(session);
	return since <= now && made <= now && now - since < ENVOI_LIMIT_TLS_STORED_SECONDS
	       && now - made < ENVOI_LIMIT_TLS_STORED_SECONDS
	       && (hint == 0 || now - made < hint);
}

/* Offers it, if there is a use. The caller keeps the session. */
static bool offer(struct envoi_tls_link *link, SSL_SESSION *session, time_t since)
{
	if (SSL_SESSION_is_resumable(session) != 1
		|| !is_fresh(session, since, time(NULL))
		|| SSL_set_session(link->ssl, session) != 1) {
		return false;
	}
	link->since = since;
	return true;
}

static void offer_stored(struct envoi_tls_link *link)
{
	time_t since = 0;
	SSL_SESSION *session = envoi_tls_store_take(link->tls->folder, link->key, &since);
	if (session != NULL
		&& envoi_tls_verify_kept(link, SSL_SESSION_get0_peer(session))) {
		(void)offer(link, session, since);
	}
	SSL_SESSION_free(session);
	ERR_clear_error();
}

void envoi_tls_cache_offer(struct envoi_tls_link *link, const char *host)
{
	struct envoi_tls_cached *newest = NULL;
	make_key(link, host);
	for (size_t i = 0; i < ENVOI_LIMIT_TLS_SESSIONS; i++) {
		struct envoi_tls_cached *cached = &link->tls->cache[i];
		if (cached->session != NULL && is_same_peer(&cached->peer, &link->peer)
			&& (newest == NULL || cached->serial > newest->serial)) {
			newest = cached;
		}
	}
	if (newest == NULL) {
		if (link->storable) {
			offer_stored(link);
		}
		return;
	}
	bool usable = offer(link, newest->session, newest->since);
	/* A TLS 1.3 ticket is used once (RFC 8446 C.4). */
	if (!usable
		|| SSL_SESSION_get_protocol_version(newest->session) >= TLS1_3_VERSION) {
		drop(newest);
	}
}

/* Would another run take it? */
static bool is_worth_keeping(const struct envoi_tls_cached *cached)
{
	const X509 *peer = SSL_SESSION_get0_peer(cached->session);
	return cached->storable && SSL_SESSION_is_resumable(cached->session) == 1
	       && peer != NULL && X509_cmp_current_time(X509_get0_notAfter(peer)) > 0
	       && is_fresh(cached->session, cached->since, time(NULL));
}

void envoi_tls_cache_finish(struct envoi_tls *tls)
{
	struct envoi_tls_cached *newest;
	do {
		newest = NULL;
		for (size_t i = 0; i < ENVOI_LIMIT_TLS_SESSIONS; i++) {
			struct envoi_tls_cached *cached = &tls->cache[i];
			if (cached->session != NULL
				&& (newest == NULL || cached->serial > newest->serial)) {
				newest = cached;
			}
		}
		if (newest == NULL) {
			break;
		}
		unsigned char key[32];
		bool stored = is_worth_keeping(newest);
		memcpy(key, newest->key, sizeof(key));
		if (stored) {
			envoi_tls_store_keep(
				tls->folder, key, newest->session, newest->since);
		}
		drop(newest);
		/* Older ones of the same peer. */
		for (size_t i = 0; stored && i < ENVOI_LIMIT_TLS_SESSIONS; i++) {
			if (memcmp(tls->cache[i].key, key, sizeof(key)) == 0) {
				drop(&tls->cache[i]);
			}
		}
	} while (newest != NULL);
	ERR_clear_error();
	free(tls->folder);
	tls->folder = NULL;
}
