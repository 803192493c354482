/*
 * What the files of TLS share among themselves: the context (struct
 * envoi_tls) and one connection under it (struct envoi_tls_link). Nobody
 * outside src/net/tls*.c and stream.c includes this.
 */
#ifndef ENVOI_NET_TLS_INTERNAL_H
#define ENVOI_NET_TLS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/socket.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/limits.h"
#include "net/stream.h"
#include "net/tls.h"

struct envoi_sasl_binding;

/** Room that has to be left for a record to be gathered: its 16 kB and what TLS
 * adds (RFC 8446 5.2, RFC 5246 6.2.3). */
#define ENVOI_TLS_RECORD (16384 + 2048 + 5)
#define ENVOI_TLS_GATHERED (ENVOI_LIMIT_BLOCK + ENVOI_TLS_RECORD)
/** At most so many at once; they are smaller only where the peer asked for it. */
#define ENVOI_TLS_RECORDS 16

/** Whom a session may be resumed with: the name checked and the peer. */
struct envoi_tls_peer {
	char name[ENVOI_LIMIT_HOST + 1];
	struct sockaddr_storage address;
	socklen_t length;
};

struct envoi_tls_cached {
	struct envoi_tls_peer peer;
	SSL_SESSION *session;
	/** Counts up; the smallest is the oldest. */
	unsigned long serial;
	/** When the certificate was checked. */
	time_t since;
	/** It may be kept for other runs, under this key. */
	bool storable;
	unsigned char key[32];
};

/** How much of the trusted CAs the context knows by now. */
enum envoi_tls_trust {
	ENVOI_TLS_TRUST_NOTHING,
	/** The system's hashed directory, if there is one. */
	ENVOI_TLS_TRUST_DIRECTORY,
	/** And its bundle; or what the user named in its place. */
	ENVOI_TLS_TRUST_ALL,
};

struct envoi_tls {
	SSL_CTX *ctx;
	/** Of our own BIO; not changed once made. */
	BIO_METHOD *bio;
	bool server;
	bool insecure;
	/** --tls-name; owned; NULL: the host's. */
	char *name;
	unsigned char (*pins)[32];
	size_t pin_count;
	enum envoi_tls_trust trust;
	struct envoi_tls_cached cache[ENVOI_LIMIT_TLS_SESSIONS];
	unsigned long serial;
	/** Where sessions are kept for other runs; owned; NULL: nowhere. */
	char *folder;
	/** SHA-256 of all that says whom the context trusts and who we are. */
	unsigned char settings[32];
};

/** One connection under TLS. The descriptor is the stream's. */
struct envoi_tls_link {
	struct envoi_tls *tls;
	SSL *ssl;
	int fd;
	/** The name checked, for words; "" when none. */
	struct envoi_tls_peer peer;
	/** What its session is kept by, and when the certificate of the one that was
	 * offered was checked. */
	bool storable;
	unsigned char key[32];
	time_t since;
	/** The BIO saw: end of file; the errno of a failed call. */
	bool bio_eof;
	int read_sys;
	int write_sys;
	/** Records gathered for one write, gathered[sent..length): while one is
	 * being put together, or as long as the socket does not take it. */
	char *gathered;
	size_t gathered_sent, gathered_length;
	bool gathering;
	/** Those whose last octet is not sent yet: where each ends, and how many
	 * octets of the caller's it holds, who hears of them only then. What a
	 * server can have read is told as sent, and nothing else. */
	struct envoi_tls_record {
		size_t end;
		size_t octets;
	} records[ENVOI_TLS_RECORDS];
	size_t record_first, record_count;
	/** First octets of the peer, to tell what it speaks if not TLS. */
	unsigned char first[8];
	size_t first_length;
	/** What handshake, read and write wait for. */
	short read_wants;
	short write_wants;
	/** There was plaintext on this connection before (STARTTLS). */
	bool upgraded;
	bool established;
	/** Nothing more may be read. */
	bool read_closed;
	bool truncated;
	/** OpenSSL may not be called any more. */
	bool broken;
	/** Why the certificate was refused: X509_V_ERR_..., in whose. */
	int verify_error;
	int verify_depth;
	X509 *verify_certificate;
	bool pin_mismatch;
	/** The peer ended the handshake with an alert. */
	bool alerted;
	struct envoi_tls_facts facts;
};

/* tls.c */

/** The settings common to both sides. NULL with err: no memory. */
struct envoi_tls *envoi_tls_new(bool server, int minimum, struct envoi_error *err);

/** Certificate chain and key from PEM files (key NULL: the same file). */
int envoi_tls_load_certificate(struct envoi_tls *tls, const char *certificate,
	const char *key, struct envoi_error *err);

/** Can the file be opened for reading? CONFIG, naming what and path. */
int envoi_tls_check_file(const char *what, const char *path, struct envoi_error *err);

/* tls_bio.c */

/** The method of a BIO that sends with MSG_NOSIGNAL; NULL: no memory. */
BIO_METHOD *envoi_tls_bio_method(void);

/** A BIO over the link's descriptor. NULL: no memory. */
BIO *envoi_tls_bio_new(struct envoi_tls_link *link);

/** Sends what was gathered: 0 when nothing is left of it, -1 when the socket
 * takes no more now, or never (write_sys). */
int envoi_tls_bio_flush(struct envoi_tls_link *link);

/* tls_trust.c */

/** Makes ca (file or hashed directory) the trust store. CONFIG. */
int envoi_tls_trust_load(struct envoi_tls *tls, const char *ca, struct envoi_error *err);

/** Adds the next cheapest of the system's stores, when a certificate at hand
 * asks for it: $SSL_CERT_DIR or the usual directory, then $SSL_CERT_FILE or
 * the usual bundle. false: there is no more. */
bool envoi_tls_trust_more(struct envoi_tls *tls);

/** The usual directories and bundles, all of them, up to a NULL. */
const char *const *envoi_tls_trust_places(void);

/* tls_verify.c */

/** Sets what is checked of the peer's certificate on a new link. */
int envoi_tls_verify_begin(struct envoi_tls_link *link);

/** Installs the check in a client context. */
void envoi_tls_verify_install(struct envoi_tls *tls);

/** Would this certificate of an earlier session still do: one of the pins, or
 * else the name and the dates? The chain is not looked at. */
bool envoi_tls_verify_kept(struct envoi_tls_link *link, X509 *certificate);

/** The SHA-256 of a certificate (DER) and of its public key. 0 or -1. */
int envoi_tls_digest_certificate(X509 *certificate, unsigned char ret_digest[32]);
int envoi_tls_digest_key(X509 *certificate, unsigned char ret_digest[32]);

/** "sha256:" and 64 digits with a NUL: 72 octets. */
void envoi_tls_pin_format(const unsigned char digest[32], char out[72]);

/* tls_explain.c */

/** Words for why link's certificate was refused. REFUSED. */
void envoi_tls_explain_certificate(
	const struct envoi_tls_link *link, struct envoi_error *err);

/** Words for the first error on OpenSSL's stack, which is emptied. */
void envoi_tls_explain(const struct envoi_tls_link *link, struct envoi_error *err);

/** "2027-01-31", or with the time "2027-01-31T12:00:00Z"; "?" if malformed. */
void envoi_tls_format_time(const ASN1_TIME *time, bool with_clock, char *out, size_t n);

/** A distinguished name in one line of printable ASCII. */
void envoi_tls_format_name(const X509_NAME *name, char *out, size_t n);

/* tls_cache.c */

/** Installs the cache in a client context. */
void envoi_tls_cache_install(struct envoi_tls *tls);

/** The certificate and the CAs are loaded: sessions are kept in the folder of the
 * options from now on, if there is one. -1: no memory. */
int envoi_tls_cache_open(struct envoi_tls *tls, const struct envoi_tls_options *options);

/** Offers a session kept for the link's peer, if there is one. host: as it was
 * given, NULL: none. */
void envoi_tls_cache_offer(struct envoi_tls_link *link, const char *host);

void envoi_tls_cache_finish(struct envoi_tls *tls);

/* tls_store.c */

/** The session kept under key in the folder at path, and when its certificate was
 * checked; NULL: none, or none that can be trusted. One of TLS 1.3 is gone then. */
SSL_SESSION *envoi_tls_store_take(
	const char *path, const unsigned char key[32], time_t *ret_since);

/** Puts it there, making the folder and the one it is in when they are missing. */
void envoi_tls_store_keep(const char *path, const unsigned char key[32],
	SSL_SESSION *session, time_t since);

/* tls_binding.c: the call of stream.h for a stream under TLS. */

int envoi_tls_link_binding(
	struct envoi_tls_link *link, const char *type, struct envoi_sasl_binding *ret);

/* tls_link.c: the calls of stream.h for a stream under TLS. */

/** upgraded: octets were read from fd before. */
struct envoi_tls_link *envoi_tls_link_new(struct envoi_tls *tls, int fd, const char *host,
	bool upgraded, struct envoi_error *err);
void envoi_tls_link_free(struct envoi_tls_link *link);
enum envoi_io envoi_tls_link_handshake(
	struct envoi_tls_link *link, struct envoi_error *err);
enum envoi_io envoi_tls_link_read(struct envoi_tls_link *link, void *out, size_t n,
	size_t *ret_n, struct envoi_error *err);
enum envoi_io envoi_tls_link_write(struct envoi_tls_link *link, const void *bytes,
	size_t n, size_t *ret_n, struct envoi_error *err);
void envoi_tls_link_shutdown(struct envoi_tls_link *link);

#endif
