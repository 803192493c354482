/*
 * What is checked of a server's certificate: pins where the user gave any,
 * else the chain to a trusted CA and the name. Names are compared by OpenSSL,
 * with the subject alternative names only and no partial wildcards (RFC 6125
 * 6.4, RFC 9525); an IP address with iPAddress only.
 */
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "net/tls_internal.h"

#define NAME_FLAGS                                                                       \
	(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)

static bool is_ip(const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];
	return inet_pton(AF_INET, name, address) == 1
	       || inet_pton(AF_INET6, name, address) == 1;
}

int envoi_tls_verify_begin(struct envoi_tls_link *link)
{
	/* Not const: SSL_set_tlsext_host_name() would cast it away. */
	char *name = link->peer.name;
	X509_VERIFY_PARAM *param = SSL_get0_param(link->ssl);
	if (name[0] == '\0' && link->tls->name == NULL) {
		return 0;
	}
	if (name[0] == '\0' || name[0] == '.') {
		/* OpenSSL would compare nothing, or take any name below it. */
		return -1;
	}
	if (is_ip(name)) {
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1 ? 0 : -1;
	}
	X509_VERIFY_PARAM_set_hostflags(param, NAME_FLAGS);
	if (X509_VERIFY_PARAM_set1_host(param, name, 0) != 1
		|| SSL_set_tlsext_host_name(link->ssl, name) != 1) {
		return -1;
	}
	return 0;
}

static bool is_pinned(const struct envoi_tls *tls, X509 *certificate)
{
	unsigned char whole[32];
	unsigned char key[32];
	if (envoi_tls_digest_certificate(certificate, whole) != 0
		|| envoi_tls_digest_key(certificate, key) != 0) {
		return false;
	}
	for (size_t i = 0; i < tls->pin_count; i++) {
		if (memcmp(tls->pins[i], whole, 32) == 0
			|| memcmp(tls->pins[i], key, 32) == 0) {
			return true;
		}
	}
	return false;
}

static void remember(
	struct envoi_tls_link *link, X509_STORE_CTX *store_ctx, X509 *certificate)
{
	link->verify_error = X509_STORE_CTX_get_error(store_ctx);
	link->verify_depth = X509_STORE_CTX_get_error_depth(store_ctx);
	X509_free(link->verify_certificate);
	link->verify_certificate = NULL;
	if (certificate == NULL) {
		certificate = X509_STORE_CTX_get0_cert(store_ctx);
	}
	if (certificate != NULL && X509_up_ref(certificate) == 1) {
		link->verify_certificate = certificate;
	}
}

/* Might another trust store make a difference? */
static bool is_about_issuer(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return true;
	default:
		return false;
	}
}

/* A context verifies once: this one takes its task over and leaves it the
 * result. */
static int verify_again(X509_STORE_CTX *first, struct envoi_tls_link *link)
{
	X509_STORE_CTX *again = X509_STORE_CTX_new();
	int ok = 0;
	if (again == NULL
		|| X509_STORE_CTX_init(again, SSL_CTX_get_cert_store(link->tls->ctx),
			   X509_STORE_CTX_get0_cert(first),
			   X509_STORE_CTX_get0_untrusted(first))
			   != 1
		|| X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(again),
			   X509_STORE_CTX_get0_param(first))
			   != 1) {
		X509_STORE_CTX_set_error(first, X509_V_ERR_OUT_OF_MEM);
	} else {
		ok = X509_verify_cert(again) == 1;
		X509_STORE_CTX_set_error(first, X509_STORE_CTX_get_error(again));
		X509_STORE_CTX_set_error_depth(
			first, X509_STORE_CTX_get_error_depth(again));
		X509_STORE_CTX_set0_verified_chain(
			first, X509_STORE_CTX_get1_chain(again));
		if (!ok) {
			remember(link, again, X509_STORE_CTX_get_current_cert(again));
		}
	}
	X509_STORE_CTX_free(again);
	return ok;
}

static int verify_pins(X509_STORE_CTX *store_ctx, struct envoi_tls_link *link)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(store_ctx);
	if (is_pinned(link->tls, leaf)) {
		X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
		return 1;
	}
	link->pin_mismatch = true;
	X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_APPLICATION_VERIFICATION);
	remember(link, store_ctx, leaf);
	return 0;
}

bool envoi_tls_verify_kept(struct envoi_tls_link *link, X509 *certificate)
{
	const char *name = link->peer.name;
	if (certificate == NULL) {
		return false;
	}
	if (link->tls->pin_count > 0) {
		return is_pinned(link->tls, certificate);
	}
	if (X509_cmp_current_time(X509_get0_notBefore(certificate)) >= 0
		|| X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) {
		return false;
	}
	return is_ip(name) ? X509_check_ip_asc(certificate, name, 0) == 1
			   : X509_check_host(certificate, name, 0, NAME_FLAGS, NULL) == 1;
}

/* Takes the place of X509_verify_cert(): 1 goes on, 0 ends the handshake. */
static int verify(X509_STORE_CTX *store_ctx, void *arg)
{
	struct envoi_tls *tls = arg;
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct envoi_tls_link *link = SSL_get_app_data(ssl);
	if (tls->insecure) {
		X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
		return 1;
	}
	if (tls->pin_count > 0) {
		return verify_pins(store_ctx, link);
	}
	if (tls->trust == ENVOI_TLS_TRUST_NOTHING) {
		(void)envoi_tls_trust_more(tls);
	}
	int ok = X509_verify_cert(store_ctx) == 1;
	if (!ok) {
		remember(link, store_ctx, X509_STORE_CTX_get_current_cert(store_ctx));
	}
	while (!ok && is_about_issuer(link->verify_error) && envoi_tls_trust_more(tls)) {
		ok = verify_again(store_ctx, link);
	}
	/* Lookups in the stores may have left errors of no consequence. */
	ERR_clear_error();
	return ok;
}

void envoi_tls_verify_install(struct envoi_tls *tls)
{
	SSL_CTX_set_cert_verify_callback(tls->ctx, verify, tls);
	SSL_CTX_set_verify(
		tls->ctx, tls->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
}
