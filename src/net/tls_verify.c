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

static bool is_ip(const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];
	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

int envoi_tls_verify_begin(struct envoi_tls_link *link)
{
	const char *name = link->peer.name;
	X509_VERIFY_PARAM *param = SSL_get0_param(link->ssl);
	if (name[0] == '\0') {
		return 0;
	}
	if (is_ip(name)) {
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1 ? 0 : -1;
	}
	X509_VERIFY_PARAM_set_hostflags(param,
		X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
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
		if (memcmp(tls->pins[i], whole, 32) == 0 || memcmp(tls->pins[i], key, 32) == 0) {
			return true;
		}
	}
	return false;
}

static void remember(struct envoi_tls_link *link, X509_STORE_CTX *store_ctx, X509 *certificate)
{
	link->verify_error = X509_STORE_CTX_get_error(store_ctx);
	link->verify_depth = X509_STORE_CTX_get_error_depth(store_ctx);
	X509_free(link->verify_certificate);
	link->verify_certificate = NULL;
	if (certificate != NULL && X509_up_ref(certificate) == 1) {
		link->verify_certificate = certificate;
	}
}

/* Takes the place of X509_verify_cert(): 1 goes on, 0 ends the handshake. */
static int verify(X509_STORE_CTX *store_ctx, void *arg)
{
	struct envoi_tls *tls = arg;
	SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct envoi_tls_link *link = SSL_get_app_data(ssl);
	X509 *leaf = X509_STORE_CTX_get0_cert(store_ctx);
	if (tls->insecure) {
		X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
		return 1;
	}
	if (tls->pin_count > 0) {
		if (is_pinned(tls, leaf)) {
			X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
			return 1;
		}
		link->pin_mismatch = true;
		X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_APPLICATION_VERIFICATION);
		remember(link, store_ctx, leaf);
		return 0;
	}
	envoi_tls_trust_system(tls);
	if (X509_verify_cert(store_ctx) == 1) {
		return 1;
	}
	X509 *current = X509_STORE_CTX_get_current_cert(store_ctx);
	remember(link, store_ctx, current != NULL ? current : leaf);
	/* A lookup in the store may have left errors of no consequence. */
	ERR_clear_error();
	return 0;
}

void envoi_tls_verify_install(struct envoi_tls *tls)
{
	SSL_CTX_set_cert_verify_callback(tls->ctx, verify, tls);
	SSL_CTX_set_verify(tls->ctx, tls->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
}
