/*
 * Where trusted CAs are looked up. A hashed directory ("9d66eef0.0", made by
 * openssl rehash) is read one certificate at a time, as a chain asks for it;
 * a bundle has to be parsed whole, which costs a thousand times as much, so
 * the system's is parsed only for a chain that no directory knows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <unistd.h>

#include <openssl/err.h>

#include "net/tls_internal.h"

/* Beside those OpenSSL was built with: directories, then bundles. */
static const char *const places[] = {
	"/etc/ssl/certs",
	"/etc/pki/tls/certs",
#define DIRECTORIES 2
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
	NULL,
};

const char *const *envoi_tls_trust_places(void)
{
	return places;
}

/* Eight hexadecimal digits, a dot and a number: the hash of a subject. */
static bool is_hash_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] != '\0'
	       && name[9 + strspn(name + 9, "0123456789")] == '\0';
}

/* 1: has hashed entries; 0: has none; -1 with errno: cannot be read. */
static int has_hashes(const char *path)
{
	DIR *directory = opendir(path);
	if (directory == NULL) {
		return -1;
	}
	const struct dirent *entry;
	bool found = false;
	while (!found && (entry = readdir(directory)) != NULL) {
		found = is_hash_name(entry->d_name);
	}
	closedir(directory);
	return found;
}

static int use_directory(struct envoi_tls *tls, const char *path)
{
	X509_STORE *store = SSL_CTX_get_cert_store(tls->ctx);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
	return lookup != NULL && X509_LOOKUP_add_dir(lookup, path, X509_FILETYPE_PEM) == 1
		       ? 0
		       : -1;
}

static int load_directory(
	struct envoi_tls *tls, const char *path, struct envoi_error *err)
{
	int found = has_hashes(path);
	if (found < 0) {
		return envoi_error_sys(
			err, ENVOI_STATUS_CONFIG, errno, "CA directory '%s'", path);
	}
	if (found == 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"CA directory '%s' has no hashed certificates", path);
		envoi_error_hint(err, "openssl rehash DIRECTORY makes them");
		return -1;
	}
	if (use_directory(tls, path) != 0) {
		ERR_clear_error();
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	return 0;
}

int envoi_tls_trust_load(struct envoi_tls *tls, const char *ca, struct envoi_error *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(tls->ctx);
	tls->trust = ENVOI_TLS_TRUST_ALL;
	/* The user named these: a server's own certificate or an intermediate
	 * CA among them is trusted as it stands. */
	(void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	DIR *directory = opendir(ca);
	if (directory != NULL) {
		closedir(directory);
		return load_directory(tls, ca, err);
	}
	if (envoi_tls_check_file("CA", ca, err) != 0) {
		return -1;
	}
	ERR_clear_error();
	if (X509_STORE_load_file(store, ca) != 1) {
		ERR_clear_error();
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"CA '%s' holds no usable PEM certificate", ca);
	}
	return 0;
}

static bool use_bundle(struct envoi_tls *tls, const char *path)
{
	if (path == NULL || access(path, R_OK) != 0) {
		return false;
	}
	bool loaded = X509_STORE_load_file(SSL_CTX_get_cert_store(tls->ctx), path) == 1;
	ERR_clear_error();
	return loaded;
}

/* All directories of a colon-separated list that have hashes. */
static bool use_directories(struct envoi_tls *tls, const char *list)
{
	bool used = false;
	char *copy = strdup(list);
	char *rest = copy;
	while (rest != NULL) {
		char *path = rest;
		rest = strchr(rest, ':');
		if (rest != NULL) {
			*rest++ = '\0';
		}
		if (*path != '\0' && has_hashes(path) > 0
			&& use_directory(tls, path) == 0) {
			used = true;
		}
	}
	free(copy);
	return used;
}

static bool use_system_directory(struct envoi_tls *tls)
{
	const char *list = getenv(X509_get_default_cert_dir_env());
	if (list != NULL) {
		return use_directories(tls, list);
	}
	if (use_directories(tls, X509_get_default_cert_dir())) {
		return true;
	}
	for (size_t i = 0; i < DIRECTORIES; i++) {
		if (use_directories(tls, places[i])) {
			return true;
		}
	}
	return false;
}

static bool use_system_bundle(struct envoi_tls *tls)
{
	const char *path = getenv(X509_get_default_cert_file_env());
	if (path != NULL) {
		return use_bundle(tls, path);
	}
	if (use_bundle(tls, X509_get_default_cert_file())) {
		return true;
	}
	for (size_t i = DIRECTORIES; places[i] != NULL; i++) {
		if (use_bundle(tls, places[i])) {
			return true;
		}
	}
	return false;
}

bool envoi_tls_trust_more(struct envoi_tls *tls)
{
	if (tls->trust == ENVOI_TLS_TRUST_NOTHING) {
		tls->trust = ENVOI_TLS_TRUST_DIRECTORY;
		if (use_system_directory(tls)) {
			return true;
		}
	}
	if (tls->trust == ENVOI_TLS_TRUST_DIRECTORY) {
		tls->trust = ENVOI_TLS_TRUST_ALL;
		return use_system_bundle(tls);
	}
	return false;
}
