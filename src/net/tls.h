/*
 * TLS contexts on OpenSSL 3: made once for a run, lazily.
 *
 * A client context checks by default: chain to a trusted CA and the name the
 * user gave (SAN only, RFC 6125/9525; an IP address against iPAddress only).
 * Trust is looked up in the hashed directory when a certificate is at hand;
 * the system's bundle is parsed only where there is no such directory.
 * Sessions (tickets) are kept per host and port for the run, and in a folder for
 * other runs where the options name one, and offered again.
 * TLS 1.2 at least, no renegotiation, no compression.
 */
#ifndef ENVOI_NET_TLS_H
#define ENVOI_NET_TLS_H

#include <envoi/error.h>
#include <envoi/tls.h>

struct envoi_tls;

/**
 * A client context. options and its strings are used only during the call.
 * CONFIG, naming file and reason: CA, certificate or key missing, unreadable,
 * encrypted (nobody is asked for a password), not matching each other.
 * The system's trust store is not looked at before a certificate is at hand.
 */
struct envoi_tls *envoi_tls_new_client(
	const struct envoi_tls_options *options, struct envoi_error *err);

/** A server context from PEM files; both NULL: makes a P-256 key and a
 * self-signed certificate for localhost, 127.0.0.1 and ::1, valid 10 years. */
struct envoi_tls *envoi_tls_new_server(
	const char *certificate, const char *key, struct envoi_error *err);

/** Writes the server context's own certificate as PEM to path (created or
 * replaced). CANTCREATE, IO. */
int envoi_tls_write_certificate(
	struct envoi_tls *tls, const char *path, struct envoi_error *err);

/** After all its streams. Accepts NULL. */
void envoi_tls_free(struct envoi_tls *tls);

#endif
