/*
 * Keys and certificates for tests, made on the spot in a temporary directory:
 * nothing checked in can expire.
 */
#ifndef ENVOI_TESTS_PKI_H
#define ENVOI_TESTS_PKI_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/** A certificate with its key; the paths are PEM files. */
struct pki {
	EVP_PKEY *key;
	X509 *certificate;
	char certificate_path[256];
	char key_path[256];
	/** Certificate and key in one file. */
	char both_path[256];
};

struct pki_options {
	const char *name;
	/** As in openssl.cnf: "DNS:a.example,IP:192.0.2.1"; NULL: none. */
	const char *san;
	/** NULL: self-signed. */
	const struct pki *issuer;
	bool ca;
	/** Days from now. */
	long from;
	long to;
	/** Encrypts the key file when not NULL. */
	const char *password;
	/** Of the signature; NULL: SHA-256. */
	const EVP_MD *digest;
	/** Key and signature of Ed25519 in place of P-256. */
	bool ed25519;
};

static inline void pki_open_directory(char directory[128])
{
	const char *base = getenv("TMPDIR");
	(void)snprintf(
		directory, 128, "%.100s/envoi-XXXXXX", base != NULL ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

/** Removes the directory and the files in it. */
static inline void pki_close_directory(const char *directory)
{
	DIR *entries = opendir(directory);
	ck_assert_ptr_nonnull(entries);
	struct dirent *entry;
	while ((entry = readdir(entries)) != NULL) {
		char path[512];
		(void)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		(void)unlink(path);
	}
	closedir(entries);
	ck_assert_int_eq(rmdir(directory), 0);
}

static inline void pki_extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ck_assert_ptr_nonnull(extension);
	ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static inline void pki_write(const struct pki *pki, const char *path, bool certificate,
	bool key, const char *password)
{
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	if (certificate) {
		ck_assert_int_eq(PEM_write_X509(file, pki->certificate), 1);
	}
	if (key) {
		ck_assert_int_eq(
			PEM_write_PrivateKey(file, pki->key,
				password != NULL ? EVP_aes_128_cbc() : NULL,
				(const unsigned char *)password,
				password != NULL ? (int)strlen(password) : 0, NULL, NULL),
			1);
	}
	ck_assert_int_eq(fclose(file), 0);
}

static inline void pki_make(
	struct pki *pki, const char *directory, const struct pki_options *options)
{
	static long serial = 1;
	const EVP_MD *digest = options->digest != NULL ? options->digest : EVP_sha256();
	*pki = (struct pki){.certificate = X509_new()};
	pki->key = options->ed25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
				    : EVP_EC_gen("P-256");
	X509 *issuer =
		options->issuer != NULL ? options->issuer->certificate : pki->certificate;
	X509_set_version(pki->certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(pki->certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(pki->certificate), options->from * 86400);
	X509_gmtime_adj(X509_getm_notAfter(pki->certificate), options->to * 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(pki->certificate), "CN",
		MBSTRING_UTF8, (const unsigned char *)options->name, -1, -1, 0);
	X509_set_issuer_name(pki->certificate, X509_get_subject_name(issuer));
	X509_set_pubkey(pki->certificate, pki->key);
	pki_extend(pki->certificate, issuer, NID_basic_constraints,
		options->ca ? "critical,CA:TRUE" : "CA:FALSE");
	pki_extend(pki->certificate, issuer, NID_subject_key_identifier, "hash");
	if (options->san != NULL) {
		pki_extend(pki->certificate, issuer, NID_subject_alt_name, options->san);
	}
	ck_assert_int_gt(
		X509_sign(pki->certificate,
			options->issuer != NULL ? options->issuer->key : pki->key,
			options->ed25519 ? NULL : digest),
		0);
	(void)snprintf(pki->certificate_path, sizeof(pki->certificate_path), "%s/%ld.crt",
		directory, serial);
	(void)snprintf(
		pki->key_path, sizeof(pki->key_path), "%s/%ld.key", directory, serial);
	(void)snprintf(
		pki->both_path, sizeof(pki->both_path), "%s/%ld.pem", directory, serial);
	pki_write(pki, pki->certificate_path, true, false, NULL);
	pki_write(pki, pki->key_path, false, true, options->password);
	pki_write(pki, pki->both_path, true, true, options->password);
}

static inline void pki_free(struct pki *pki)
{
	EVP_PKEY_free(pki->key);
	X509_free(pki->certificate);
	*pki = (struct pki){0};
}

#endif
