/*
 * Secrets from files, descriptors, systemd credentials and .netrc.
 */
#include "config/secret_internal.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "config/path.h"
#include "config/secret_netrc.h"

#define TIME_LIMIT_MS 30000
/* A secret, CRLF, and one more that tells it is too long. */
#define LINE_MAX_OCTETS (ENVOI_LIMIT_SECRET + 3)

int envoi_secret_from_file(
	const char *path, struct envoi_secret *ret_secret, struct envoi_error *err)
{
	char *expanded = envoi_path_expand(path, err);
	if (expanded == NULL) {
		return -1;
	}
	int fd = envoi_path_open(expanded, S_IRWXG | S_IRWXO, err);
	int result = fd >= 0 ? envoi_path_read(
			     fd, expanded, ENVOI_LIMIT_SECRET + 2, ret_secret, err)
			     : -1;
	free(expanded);
	return result;
}

/*
 * systemd shows the group's bits of an access list, and other managers of
 * credentials mount them 0444 in a folder of their own: what counts is
 * whether others can get at them.
 */
int envoi_secret_from_credential(
	const char *name, struct envoi_secret *ret_secret, struct envoi_error *err)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];
	struct stat st;
	if (name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0
		|| strcmp(name, "..") == 0) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"'%s' is no name of a credential", name);
	}
	if (folder == NULL || folder[0] != '/') {
		(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"credential '%s': CREDENTIALS_DIRECTORY is not set", name);
		envoi_error_hint(
			err, "the systemd unit needs LoadCredential=%s:...", name);
		return -1;
	}
	int n = snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		return envoi_error_sys(
			err, ENVOI_STATUS_CONFIG, ENAMETOOLONG, "credential '%s'", name);
	}
	if (stat(folder, &st) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_CONFIG, errno, "%s", folder);
	}
	bool closed = (st.st_mode & S_IXOTH) == 0;
	int fd = envoi_path_open(path, closed ? 0 : S_IRWXO, err);
	if (fd < 0) {
		return -1;
	}
	return envoi_path_read(fd, path, ENVOI_LIMIT_SECRET + 2, ret_secret, err);
}

/* Waits until fd can be read: 0, or -1. */
static int await(int fd, int stop_fd, int64_t deadline, struct envoi_error *err)
{
	struct pollfd fds[2] = {
		{.fd = fd, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};
	for (;;) {
		int64_t left = deadline - envoi_clock_now();
		if (left <= 0) {
			return envoi_error_set(err, ENVOI_STATUS_AUTH,
				"descriptor %d: no line came in time", fd);
		}
		int n = poll(
			fds, 2, left > 1000000000 ? 1000000 : (int)(left / 1000) + 1);
		if (n > 0 && fds[1].revents != 0) {
			return envoi_error_set(err, ENVOI_STATUS_TEMPORARY,
				"descriptor %d: interrupted", fd);
		}
		if (n > 0 && (fds[0].revents & POLLNVAL) != 0) {
			return envoi_error_sys(
				err, ENVOI_STATUS_CONFIG, EBADF, "descriptor %d", fd);
		}
		if (n > 0) {
			return 0;
		}
	}
}

/* One octet a time: whatever follows the line is somebody else's. */
static int read_line(int fd, int stop_fd, int64_t deadline, char *line, size_t *ret_n,
	struct envoi_error *err)
{
	size_t n = 0;
	for (;;) {
		if (await(fd, stop_fd, deadline, err) != 0) {
			return -1;
		}
		ssize_t got = read(fd, line + n, 1);
		if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
			continue;
		}
		if (got < 0) {
			return envoi_error_sys(
				err, ENVOI_STATUS_CONFIG, errno, "descriptor %d", fd);
		}
		n += (size_t)got;
		if (got == 0 || line[n - 1] == '\n') {
			*ret_n = n;
			return 0;
		}
		if (n == LINE_MAX_OCTETS) {
			return envoi_error_set(err, ENVOI_STATUS_CONFIG,
				"descriptor %d: its first line is longer than %d octets",
				fd, ENVOI_LIMIT_SECRET);
		}
	}
}

int envoi_secret_from_fd(int fd, int time_limit_ms, int stop_fd,
	struct envoi_secret *ret_secret, struct envoi_error *err)
{
	int64_t limit = time_limit_ms > 0 ? time_limit_ms : TIME_LIMIT_MS;
	size_t n = 0;
	if (fd < 0) {
		return envoi_error_sys(
			err, ENVOI_STATUS_CONFIG, EBADF, "descriptor %d", fd);
	}
	char *line = calloc(1, LINE_MAX_OCTETS);
	if (line == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	int result =
		read_line(fd, stop_fd, envoi_clock_now() + limit * 1000, line, &n, err);
	if (result == 0 && envoi_secret_set(ret_secret, line, n) != 0) {
		result = envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	envoi_secret_wipe(line, LINE_MAX_OCTETS);
	free(line);
	return result;
}

/* Puts the file in front of "line 3: ...". */
static int name_file(const char *path, struct envoi_error *err)
{
	struct envoi_error inner = *err;
	(void)envoi_error_set(err, inner.status, "%s: %s", path, inner.text);
	return -1;
}

/*
 * 1, 0, -1. A file others may read is no trouble as long as nothing in it is
 * wanted: it may be there for an anonymous ftp login only.
 */
static int find_in_netrc(const char *path, mode_t forbidden,
	const struct envoi_secret_need *need, struct envoi_secret *ret_secret,
	struct envoi_error *err)
{
	struct envoi_secret text = {0};
	struct stat st;
	unsigned long line = 0;
	int fd = envoi_path_open(path, 0, err);
	if (fd < 0) {
		/* /etc/netrc may be meant for others. */
		return err->sys == ENOENT || (err->sys == EACCES && forbidden == S_IRWXO)
			       ? 0
			       : -1;
	}
	if (fstat(fd, &st) != 0) {
		(void)close(fd);
		return envoi_error_sys(err, ENVOI_STATUS_CONFIG, errno, "%s", path);
	}
	if (envoi_path_read(fd, path, ENVOI_LIMIT_NETRC, &text, err) != 0) {
		return -1;
	}
	int found = envoi_netrc_find(
		text.data, text.length, need->host, need->user, ret_secret, &line, err);
	envoi_secret_finish(&text);
	if (found < 0) {
		return name_file(path, err);
	}
	if (found > 0 && (st.st_mode & forbidden) != 0) {
		envoi_secret_finish(ret_secret);
		(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"%s:%lu: other users may read this file with a password "
			"(mode %04o)",
			path, line, (unsigned)(st.st_mode & 07777));
		envoi_error_hint(err, "chmod %s %s",
			(forbidden & S_IRWXG) != 0 ? "600" : "o=", path);
		return -1;
	}
	if (found > 0 && ret_secret->length == 0) {
		envoi_secret_finish(ret_secret);
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"%s:%lu: the password is empty", path, line);
	}
	return found;
}

int envoi_secret_from_netrc(const struct envoi_secret_need *need,
	struct envoi_secret *ret_secret, struct envoi_error *err)
{
	struct envoi_error trouble = ENVOI_ERROR_NONE;
	char *home = envoi_path_expand("~/.netrc", &trouble);
	int found = 0;
	if (home != NULL) {
		found = find_in_netrc(
			home, S_IRWXG | S_IRWXO, need, ret_secret, &trouble);
		free(home);
	}
	if (found == 0) {
		found = find_in_netrc("/etc/netrc", S_IRWXO, need, ret_secret, &trouble);
	}
	if (found < 0 && err != NULL) {
		*err = trouble;
	}
	return found;
}
