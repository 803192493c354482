/*
 * The server's TLS context: certificate and key from files, or made in memory
 * for a server on this machine that is only tried out. What is made is its
 * own trust anchor: written to a file, it serves as --tls-ca.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "net/tls_internal.h"

#define DAY_SECONDS (24L * 60 * 60)
#define VALID_DAYS 3650

static const struct {
	int nid;
	const char *value;
} extensions[] = {
	{NID_basic_constraints, "critical,CA:TRUE"},
	{NID_key_usage, "critical,digitalSignature,keyCertSign"},
	{NID_ext_key_usage, "serverAuth"},
	{NID_subject_key_identifier, "hash"},
	{NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1"},
};

static int add_extensions(X509 *certificate)
{
	X509V3_CTX ctx;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, certificate, certificate, NULL, NULL, 0);
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		X509_EXTENSION *extension = X509V3_EXT_conf_nid(
			NULL, &ctx, extensions[i].nid, extensions[i].value);
		int added =
			extension == NULL ? 0 : X509_add_ext(certificate, extension, -1);
		X509_EXTENSION_free(extension);
		if (added != 1) {
			return -1;
		}
	}
	return 0;
}

static int set_serial(X509 *certificate)
{
	unsigned char bytes[8];
	if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
		return -1;
	}
	/* Positive and not zero (RFC 5280 4.1.2.2). */
	uint64_t serial = 1;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		serial = serial << 7 | (bytes[i] & 0x7f);
	}
	return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1
		       ? 0
		       : -1;
}

/* NULL: OpenSSL failed. */
static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	if (certificate == NULL) {
		return NULL;
	}
	X509_NAME *name = X509_get_subject_name(certificate);
	if (X509_set_version(certificate, X509_VERSION_3) == 1
		&& set_serial(certificate) == 0
		&& X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_SECONDS) != NULL
		&& X509_gmtime_adj(
			   X509_getm_notAfter(certificate), VALID_DAYS * DAY_SECONDS)
			   != NULL
		&& X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
			   (const unsigned char *)"localhost", -1, -1, 0)
			   == 1
		&& X509_set_issuer_name(certificate, name) == 1
		&& X509_set_pubkey(certificate, key) == 1
		&& add_extensions(certificate) == 0
		&& X509_sign(certificate, key, EVP_sha256()) > 0) {
		return certificate;
	}
	X509_free(certificate);
	return NULL;
}

static int use_own_certificate(struct envoi_tls *tls, struct envoi_error *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = key == NULL ? NULL : make_certificate(key);
	int failed = certificate == NULL
		     || SSL_CTX_use_certificate(tls->ctx, certificate) != 1
		     || SSL_CTX_use_PrivateKey(tls->ctx, key) != 1;
	X509_free(certificate);
	EVP_PKEY_free(key);
	if (failed) {
		ERR_clear_error();
		return envoi_error_set(
			err, ENVOI_STATUS_SYSTEM, "no certificate can be made");
	}
	return 0;
}

struct envoi_tls *envoi_tls_new_server(
	const char *certificate, const char *key, struct envoi_error *err)
{
	struct envoi_tls *tls = envoi_tls_new(true, TLS1_2_VERSION, err);
	if (tls == NULL) {
		return NULL;
	}
	int failed;
	if (certificate != NULL) {
		failed = envoi_tls_load_certificate(tls, certificate, key, err);
	} else if (key != NULL) {
		failed = envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"key '%s' is of no use without its certificate", key);
	} else {
		failed = use_own_certificate(tls, err);
	}
	if (failed != 0) {
		envoi_tls_free(tls);
		return NULL;
	}
	return tls;
}

static int write_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, bytes, n);
		if (written < 0 && errno == EINTR) {
			continue;
		}
		if (written < 0) {
			return -1;
		}
		bytes += written;
		n -= (size_t)written;
	}
	return 0;
}

int envoi_tls_write_certificate(
	struct envoi_tls *tls, const char *path, struct envoi_error *err)
{
	char *bytes = NULL;
	BIO *pem = BIO_new(BIO_s_mem());
	X509 *certificate = SSL_CTX_get0_certificate(tls->ctx);
	if (pem == NULL || certificate == NULL
		|| PEM_write_bio_X509(pem, certificate) != 1) {
		BIO_free(pem);
		ERR_clear_error();
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	long n = BIO_get_mem_data(pem, &bytes);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int result = 0;
	if (fd < 0) {
		result = envoi_error_sys(
			err, ENVOI_STATUS_CANTCREATE, errno, "certificate '%s'", path);
	} else {
		if (write_all(fd, bytes, (size_t)n) != 0) {
			result = envoi_error_sys(
				err, ENVOI_STATUS_IO, errno, "certificate '%s'", path);
		}
		if (close(fd) != 0 && result == 0) {
			result = envoi_error_sys(
				err, ENVOI_STATUS_IO, errno, "certificate '%s'", path);
		}
	}
	BIO_free(pem);
	return result;
}
