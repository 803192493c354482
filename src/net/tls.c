/*
 * TLS contexts: what holds for both sides, and the client's. Owns the SSL_CTX
 * and reads certificate and key files. Verification is in tls_verify.c, trust
 * in tls_trust.c, resumption in tls_cache.c and tls_store.c, connections in tls_link.c.
 */
#include "net/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/span.h"
#include "net/tls_internal.h"

/* A password is never asked for: OpenSSL's default would open the terminal. */
static int no_password(char *out, int n, int writing, void *user)
{
	(void)out;
	(void)n;
	(void)writing;
	(void)user;
	return -1;
}

struct envoi_tls *envoi_tls_new(bool server, int minimum, struct envoi_error *err)
{
	struct envoi_tls *tls = calloc(1, sizeof(*tls));
	if (tls != NULL) {
		tls->server = server;
		tls->ctx =
			SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
		tls->bio = envoi_tls_bio_method();
	}
	if (tls == NULL || tls->ctx == NULL || tls->bio == NULL
		|| SSL_CTX_set_min_proto_version(tls->ctx, minimum) != 1) {
		ERR_clear_error();
		envoi_tls_free(tls);
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "TLS cannot be set up");
		return NULL;
	}
	/* The application never renegotiates; a peer that asks gets an alert
	 * (CVE-2009-3555). An end of file without close_notify must be told
	 * from an orderly end, so OpenSSL is not asked to overlook it. */
	SSL_CTX_set_options(tls->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_clear_options(tls->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_clear_mode(tls->ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_mode(tls->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE
					   | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
					   | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_default_passwd_cb(tls->ctx, no_password);
	return tls;
}

int envoi_tls_check_file(const char *what, const char *path, struct envoi_error *err)
{
	struct stat status;
	if (stat(path, &status) != 0 || access(path, R_OK) != 0) {
		return envoi_error_sys(
			err, ENVOI_STATUS_CONFIG, errno, "%s '%s'", what, path);
	}
	if (S_ISDIR(status.st_mode)) {
		return envoi_error_set(
			err, ENVOI_STATUS_CONFIG, "%s '%s': is a directory", what, path);
	}
	return 0;
}

/* Loading failed for a reason inside the file; the stack says which. */
static int bad_file(const char *what, const char *path, struct envoi_error *err)
{
	bool encrypted = false;
	unsigned long code;
	while ((code = ERR_get_error()) != 0) {
		int reason = ERR_GET_REASON(code);
		if (ERR_GET_LIB(code) == ERR_LIB_PEM
			&& (reason == PEM_R_BAD_PASSWORD_READ
				|| reason == PEM_R_BAD_DECRYPT)) {
			encrypted = true;
		}
	}
	if (encrypted) {
		(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"%s '%s' is encrypted, and no password is asked for", what, path);
		envoi_error_hint(
			err, "openssl pkey -in FILE -out PLAIN writes it without one");
		return -1;
	}
	return envoi_error_set(err, ENVOI_STATUS_CONFIG, "%s '%s' holds no usable PEM %s",
		what, path, what);
}

int envoi_tls_load_certificate(struct envoi_tls *tls, const char *certificate,
	const char *key, struct envoi_error *err)
{
	if (key == NULL) {
		key = certificate;
	}
	if (envoi_tls_check_file("certificate", certificate, err) != 0
		|| envoi_tls_check_file("key", key, err) != 0) {
		return -1;
	}
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(tls->ctx, certificate) != 1) {
		return bad_file("certificate", certificate, err);
	}
	if (SSL_CTX_use_PrivateKey_file(tls->ctx, key, SSL_FILETYPE_PEM) != 1) {
		if (ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH
			&& ERR_GET_REASON(ERR_peek_last_error())
				   != X509_R_KEY_TYPE_MISMATCH) {
			return bad_file("key", key, err);
		}
	} else if (SSL_CTX_check_private_key(tls->ctx) == 1) {
		return 0;
	}
	ERR_clear_error();
	return envoi_error_set(err, ENVOI_STATUS_CONFIG,
		"key '%s' does not belong to certificate '%s'", key, certificate);
}

static int set_options(struct envoi_tls *tls, const struct envoi_tls_options *options,
	struct envoi_error *err)
{
	tls->insecure = options->insecure;
	if (options->name != NULL) {
		tls->name = envoi_span_dup(envoi_span_of(options->name));
		if (tls->name == NULL) {
			return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		}
	}
	if (options->pin_count > 0) {
		tls->pins = calloc(options->pin_count, sizeof(*tls->pins));
		if (tls->pins == NULL) {
			return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		}
		memcpy(tls->pins, options->pins, options->pin_count * sizeof(*tls->pins));
		tls->pin_count = options->pin_count;
	}
	if (options->certificate != NULL) {
		if (envoi_tls_load_certificate(
			    tls, options->certificate, options->key, err)
			!= 0) {
			return -1;
		}
	} else if (options->key != NULL) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"key '%s' is of no use without its certificate", options->key);
	}
	if (options->ca != NULL) {
		return envoi_tls_trust_load(tls, options->ca, err);
	}
	return 0;
}

struct envoi_tls *envoi_tls_new_client(
	const struct envoi_tls_options *options, struct envoi_error *err)
{
	int minimum = options->minimum != 0 ? options->minimum : TLS1_2_VERSION;
	struct envoi_tls *tls = envoi_tls_new(false, minimum, err);
	if (tls == NULL) {
		return NULL;
	}
	if (set_options(tls, options, err) != 0) {
		envoi_tls_free(tls);
		return NULL;
	}
	if (envoi_tls_cache_open(tls, options) != 0) {
		envoi_tls_free(tls);
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		return NULL;
	}
	envoi_tls_verify_install(tls);
	envoi_tls_cache_install(tls);
	return tls;
}

void envoi_tls_free(struct envoi_tls *tls)
{
	if (tls == NULL) {
		return;
	}
	envoi_tls_cache_finish(tls);
	SSL_CTX_free(tls->ctx);
	BIO_meth_free(tls->bio);
	free(tls->name);
	free(tls->pins);
	free(tls);
}
