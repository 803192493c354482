/*
 * Sessions from one run to the next: a folder (0700) with one file (0600) for
 * each server and set of settings. What is found there is taken only if it is
 * the user's own, whole and not too old; anything else is as if it were not
 * there. Files come into place by rename, and a ticket of TLS 1.3 leaves by
 * rename, so that of several runs at once one gets it. (RFC 8446 4.6.1, C.4.)
 *
 *     file = magic since session digest
 *     since = 8 octets, seconds: when the certificate was last checked
 *     session = SSL_SESSION in DER
 *     digest = SHA-256 of the key and all before
 *
 * Nothing here is an error: a session that cannot be kept costs a handshake.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "net/tls_internal.h"

#define MAGIC "envoi session 1\n"
#define MAGIC_LENGTH (sizeof(MAGIC) - 1)
#define HEAD (MAGIC_LENGTH + 8)
#define DIGEST 32
/* 64 digits; for a file on its way, a dot and 16 more. */
#define NAME_LENGTH (2 * DIGEST)
#define NAME_ROOM (NAME_LENGTH + 1 + 16 + 1)

static void to_hex(const unsigned char *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	}
}

/* A name beside name that nobody else has. */
static int make_name_beside(const char *name, char out[NAME_ROOM])
{
	unsigned char random[8];
	if (RAND_bytes(random, sizeof(random)) != 1) {
		return -1;
	}
	memcpy(out, name, NAME_LENGTH);
	out[NAME_LENGTH] = '.';
	to_hex(random, sizeof(random), out + NAME_LENGTH + 1);
	return 0;
}

/* -- the folder -------------------------------------------------------------- */

static bool is_own_folder(int fd, mode_t forbidden)
{
	struct stat st;
	return fstat(fd, &st) == 0 && st.st_uid == geteuid()
	       && (st.st_mode & forbidden) == 0;
}

/* Makes the folder, in one of the user's own: root is not to leave its files in
 * another one's home directory. */
static int make_parent(char *path)
{
	struct stat st;
	char *slash = strrchr(path, '/');
	*slash = '\0';
	bool own = stat(path[0] != '\0' ? path : "/", &st) == 0 && st.st_uid == geteuid();
	*slash = '/';
	return own ? mkdir(path, 0700) : -1;
}

/* Opens what path is in. */
static int open_parent(const char *path, size_t length, bool create)
{
	char *parent = strndup(path, length);
	if (parent == NULL) {
		return -1;
	}
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && create && make_parent(parent) == 0) {
		fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	free(parent);
	if (fd >= 0 && !is_own_folder(fd, S_IWOTH | S_IWGRP)) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static int open_folder(const char *path, bool create)
{
	const char *slash = strrchr(path, '/');
	if (path[0] != '/' || slash == path) {
		return -1;
	}
	int parent = open_parent(path, (size_t)(slash - path), create);
	if (parent < 0) {
		return -1;
	}
	if (create) {
		(void)mkdirat(parent, slash + 1, 0700);
	}
	int fd = openat(
		parent, slash + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	(void)close(parent);
	if (fd >= 0 && !is_own_folder(fd, S_IRWXG | S_IRWXO)) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* -- a file ------------------------------------------------------------------ */

static int make_digest(const unsigned char key[DIGEST], const unsigned char *bytes,
	size_t n, unsigned char ret_digest[DIGEST])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1
		 && EVP_DigestUpdate(md, key, DIGEST) == 1
		 && EVP_DigestUpdate(md, bytes, n) == 1
		 && EVP_DigestFinal_ex(md, ret_digest, NULL) == 1;
	EVP_MD_CTX_free(md);
	return ok ? 0 : -1;
}

/* The content of a file of the user's own that nobody else can read. */
static unsigned char *read_file(
	int folder, const char *name, size_t *ret_n, ino_t *ret_id)
{
	struct stat st;
	unsigned char *bytes = NULL;
	int fd = openat(
		folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		return NULL;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid()
		&& (st.st_mode & (S_IRWXG | S_IRWXO)) == 0
		&& st.st_size > (off_t)(HEAD + DIGEST)
		&& st.st_size <= ENVOI_LIMIT_TLS_STORED) {
		bytes = malloc((size_t)st.st_size);
	}
	if (bytes != NULL && read(fd, bytes, (size_t)st.st_size) != (ssize_t)st.st_size) {
		free(bytes);
		bytes = NULL;
	}
	(void)close(fd);
	if (bytes != NULL) {
		*ret_n = (size_t)st.st_size;
		*ret_id = st.st_ino;
	}
	return bytes;
}

static SSL_SESSION *parse(const unsigned char *bytes, size_t n,
	const unsigned char key[DIGEST], time_t *ret_since)
{
	unsigned char digest[DIGEST];
	const unsigned char *next = bytes + HEAD;
	size_t length = n - HEAD - DIGEST;
	uint64_t since = 0;
	if (memcmp(bytes, MAGIC, MAGIC_LENGTH) != 0
		|| make_digest(key, bytes, n - DIGEST, digest) != 0
		|| CRYPTO_memcmp(digest, bytes + n - DIGEST, DIGEST) != 0) {
		return NULL;
	}
	for (size_t i = 0; i < 8; i++) {
		since = since << 8 | bytes[MAGIC_LENGTH + i];
	}
	*ret_since = (time_t)since;
	SSL_SESSION *session = d2i_SSL_SESSION(NULL, &next, (long)length);
	if (session != NULL && next != bytes + n - DIGEST) {
		SSL_SESSION_free(session);
		session = NULL;
	}
	ERR_clear_error();
	return session;
}

/* Takes the file with this number away: true for one run only. */
static bool claim(int folder, const char *name, ino_t id)
{
	char taken[NAME_ROOM];
	struct stat st;
	if (make_name_beside(name, taken) != 0
		|| renameat(folder, name, folder, taken) != 0) {
		return false;
	}
	if (fstatat(folder, taken, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == id) {
		return unlinkat(folder, taken, 0) == 0;
	}
	/* A newer one came in between. */
	(void)renameat(folder, taken, folder, name);
	return false;
}

SSL_SESSION *envoi_tls_store_take(
	const char *path, const unsigned char key[DIGEST], time_t *ret_since)
{
	char name[NAME_LENGTH + 1];
	SSL_SESSION *session = NULL;
	size_t n = 0;
	ino_t id = 0;
	int folder = open_folder(path, false);
	if (folder < 0) {
		return NULL;
	}
	to_hex(key, DIGEST, name);
	unsigned char *bytes = read_file(folder, name, &n, &id);
	if (bytes != NULL) {
		session = parse(bytes, n, key, ret_since);
		OPENSSL_cleanse(bytes, n);
		free(bytes);
		bool once =
			session == NULL
			|| SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
		if (once && !claim(folder, name, id)) {
			SSL_SESSION_free(session);
			session = NULL;
		}
	}
	(void)close(folder);
	return session;
}

/* -- keeping ----------------------------------------------------------------- */

static unsigned char *format(SSL_SESSION *session, time_t since,
	const unsigned char key[DIGEST], size_t *ret_n)
{
	int length = i2d_SSL_SESSION(session, NULL);
	if (length <= 0 || (size_t)length > ENVOI_LIMIT_TLS_STORED - HEAD - DIGEST) {
		return NULL;
	}
	size_t n = HEAD + (size_t)length + DIGEST;
	unsigned char *bytes = malloc(n);
	if (bytes == NULL) {
		return NULL;
	}
	unsigned char *next = bytes + HEAD;
	memcpy(bytes, MAGIC, MAGIC_LENGTH);
	for (size_t i = 0; i < 8; i++) {
		bytes[MAGIC_LENGTH + i] =
			(unsigned char)((uint64_t)since >> (56 - 8 * i));
	}
	if (i2d_SSL_SESSION(session, &next) != length
		|| make_digest(key, bytes, n - DIGEST, bytes + n - DIGEST) != 0) {
		OPENSSL_cleanse(bytes, n);
		free(bytes);
		return NULL;
	}
	*ret_n = n;
	return bytes;
}

static void write_file(int folder, const char *name, const unsigned char *bytes, size_t n)
{
	char beside[NAME_ROOM];
	if (make_name_beside(name, beside) != 0) {
		return;
	}
	int fd = openat(folder, beside,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		return;
	}
	bool written = write(fd, bytes, n) == (ssize_t)n;
	written = close(fd) == 0 && written;
	if (!written || renameat(folder, beside, folder, name) != 0) {
		(void)unlinkat(folder, beside, 0);
	}
}

/* Takes away what is too old to be of use: servers nobody asks any more, files
 * of a run that was killed. */
static void sweep(int folder, time_t now)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct stat st;
	if (directory == NULL) {
		if (fd >= 0) {
			(void)close(fd);
		}
		return;
	}
	while ((entry = readdir(directory)) != NULL) {
		if (strspn(entry->d_name, "0123456789abcdef") == NAME_LENGTH
			&& fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
			&& now - st.st_mtime > ENVOI_LIMIT_TLS_STORED_SECONDS) {
			(void)unlinkat(fd, entry->d_name, 0);
		}
	}
	(void)closedir(directory);
}

void envoi_tls_store_keep(const char *path, const unsigned char key[DIGEST],
	SSL_SESSION *session, time_t since)
{
	char name[NAME_LENGTH + 1];
	size_t n = 0;
	unsigned char *bytes = format(session, since, key, &n);
	int folder = bytes == NULL ? -1 : open_folder(path, true);
	if (folder >= 0) {
		time_t now = time(NULL);
		to_hex(key, DIGEST, name);
		write_file(folder, name, bytes, n);
		/* Now and then: after a whole handshake. */
		if (now - since < 60) {
			sweep(folder, now);
		}
		(void)close(folder);
	}
	if (bytes != NULL) {
		OPENSSL_cleanse(bytes, n);
		free(bytes);
	}
}
