/*
 * Opening files safely. The way is walked name by name: each directory is
 * looked at before the next name in it, and links are followed by hand. What
 * was looked at can be changed by nobody but the user and root, so that it is
 * still the same when the file is opened.
 */
#include "config/path.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

/* S_ISVTX, which strict POSIX 2008 has as an option only. */
#define STICKY 01000

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

char *envoi_path_expand(const char *path, struct envoi_error *err)
{
	const char *home = "";
	if (path[0] == '~' && (path[1] == '/' || path[1] == '\0')) {
		home = getenv("HOME");
		if (home == NULL || home[0] != '/') {
			const struct passwd *user = getpwuid(getuid());
			home = user != NULL ? user->pw_dir : NULL;
		}
		if (home == NULL || home[0] != '/') {
			(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
				"%s: HOME is not set, and the user has no home directory",
				path);
			return NULL;
		}
		path++;
	}
	size_t n = strlen(home), m = strlen(path);
	char *expanded = malloc(n + m + 1);
	if (expanded == NULL) {
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		return NULL;
	}
	memcpy(expanded, home, n);
	memcpy(expanded + n, path, m + 1);
	return expanded;
}

/* Is the group the user's own: the same name, and nobody else in it? */
static bool is_private_group(gid_t gid)
{
	const struct passwd *user = getpwuid(geteuid());
	if (user == NULL || user->pw_gid != gid) {
		return false;
	}
	char name[256];
	(void)snprintf(name, sizeof(name), "%s", user->pw_name);
	const struct group *group = getgrgid(gid);
	if (group == NULL || strcmp(group->gr_name, name) != 0) {
		return false;
	}
	for (char **member = group->gr_mem; *member != NULL; member++) {
		if (strcmp(*member, name) != 0) {
			return false;
		}
	}
	return true;
}

static bool others_may_write(const struct stat *st)
{
	if ((st->st_mode & S_IWOTH) != 0) {
		return true;
	}
	return (st->st_mode & S_IWGRP) != 0 && !is_private_group(st->st_gid);
}

/* path is what the user named, at what was met on the way. */
static int check_owner(const char *path, const char *at, const char *what,
	const struct stat *st, struct envoi_error *err)
{
	if (st->st_uid == 0 || st->st_uid == geteuid()) {
		return 0;
	}
	return envoi_error_set(err, ENVOI_STATUS_CONFIG,
		"%s: %s%s%sbelongs to another user (uid %lu)", path, what,
		what[0] != '\0' ? at : "", what[0] != '\0' ? " " : "",
		(unsigned long)st->st_uid);
}

static int check_directory(
	const char *path, const char *at, const struct stat *st, struct envoi_error *err)
{
	if (!S_ISDIR(st->st_mode)) {
		return envoi_error_sys(
			err, ENVOI_STATUS_CONFIG, ENOTDIR, "%s: %s", path, at);
	}
	if (check_owner(path, at, "the directory ", st, err) != 0) {
		return -1;
	}
	if ((st->st_mode & STICKY) == 0 && others_may_write(st)) {
		(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"%s: other users may write in the directory %s", path, at);
		envoi_error_hint(err, "chmod go-w %s", at);
		return -1;
	}
	return 0;
}

/* Where the walk stands: done is looked at ("" is the root), todo is not. */
struct walk {
	const char *path;
	char done[PATH_MAX];
	char todo[PATH_MAX];
	unsigned links;
};

static int too_long(const struct walk *walk, struct envoi_error *err)
{
	return envoi_error_sys(err, ENVOI_STATUS_CONFIG, ENAMETOOLONG, "%s", walk->path);
}

/* walk->done is a link to be replaced by what it says. */
static int follow(struct walk *walk, const struct stat *st, struct envoi_error *err)
{
	char target[PATH_MAX];
	if (check_owner(walk->path, walk->done, "the link ", st, err) != 0) {
		return -1;
	}
	if (++walk->links > ENVOI_LIMIT_LINKS) {
		return envoi_error_sys(err, ENVOI_STATUS_CONFIG, ELOOP, "%s", walk->path);
	}
	ssize_t n = readlink(walk->done, target, sizeof(target));
	if (n < 0) {
		return envoi_error_sys(err, ENVOI_STATUS_CONFIG, errno,
			"%s: cannot read the link %s", walk->path, walk->done);
	}
	size_t rest = strlen(walk->todo);
	if ((size_t)n + 1 + rest >= sizeof(walk->todo)) {
		return too_long(walk, err);
	}
	memmove(walk->todo + n + 1, walk->todo, rest + 1);
	memcpy(walk->todo, target, (size_t)n);
	walk->todo[n] = '/';
	if (target[0] == '/') {
		walk->done[0] = '\0';
	} else {
		*strrchr(walk->done, '/') = '\0';
	}
	return 0;
}

/* Moves the next name of todo behind done: 1, or 0 when there is none. */
static int next_name(struct walk *walk, struct envoi_error *err)
{
	char *name = walk->todo + strspn(walk->todo, "/");
	size_t n = strcspn(name, "/");
	size_t used = strlen(walk->done);
	if (n == 0) {
		return 0;
	}
	if (used + 1 + n >= sizeof(walk->done)) {
		return too_long(walk, err);
	}
	if (n == 2 && memcmp(name, "..", 2) == 0) {
		char *slash = strrchr(walk->done, '/');
		if (slash != NULL) {
			*slash = '\0';
		}
	} else if (n != 1 || name[0] != '.') {
		walk->done[used] = '/';
		memcpy(walk->done + used + 1, name, n);
		walk->done[used + 1 + n] = '\0';
	}
	memmove(walk->todo, name + n, strlen(name + n) + 1);
	return 1;
}

/* walk->done becomes the file, with no link on the way; *st describes it. */
static int walk_to_end(struct walk *walk, struct stat *st, struct envoi_error *err)
{
	for (;;) {
		const char *at = walk->done[0] != '\0' ? walk->done : "/";
		if (lstat(at, st) != 0) {
			bool same = strcmp(at, walk->path) == 0;
			return envoi_error_sys(err, ENVOI_STATUS_CONFIG, errno, "%s%s%s",
				walk->path, same ? "" : ": ", same ? "" : at);
		}
		if (S_ISLNK(st->st_mode)) {
			if (follow(walk, st, err) != 0) {
				return -1;
			}
			continue;
		}
		if (walk->todo[strspn(walk->todo, "/")] == '\0') {
			return 0;
		}
		if (check_directory(walk->path, at, st, err) != 0
			|| next_name(walk, err) < 0) {
			return -1;
		}
	}
}

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode)	? "a directory"
	       : S_ISFIFO(mode) ? "a pipe"
	       : S_ISSOCK(mode) ? "a socket"
				: "a device";
}

static int check_file(const char *path, const struct stat *st, mode_t forbidden,
	struct envoi_error *err)
{
	if (!S_ISREG(st->st_mode)) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG, "%s: is %s, not a file",
			path, kind_of(st->st_mode));
	}
	if (check_owner(path, path, "", st, err) != 0) {
		return -1;
	}
	if ((st->st_mode & forbidden) != 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"%s: other users may read or write this file with a secret "
			"(mode %04o)",
			path, (unsigned)(st->st_mode & 07777));
		envoi_error_hint(err, "chmod %s %s",
			(forbidden & S_IRWXG) != 0 ? "600" : "o=", path);
		return -1;
	}
	if (others_may_write(st)) {
		(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"%s: other users may write this file (mode %04o)", path,
			(unsigned)(st->st_mode & 07777));
		envoi_error_hint(err, "chmod go-w %s", path);
		return -1;
	}
	return 0;
}

static int begin(struct walk *walk, const char *path, struct envoi_error *err)
{
	size_t n = strlen(path);
	*walk = (struct walk){.path = path};
	if (path[0] == '\0') {
		return envoi_error_sys(err, ENVOI_STATUS_CONFIG, ENOENT, "\"\"");
	}
	if (path[0] == '/') {
		if (n >= sizeof(walk->todo)) {
			return too_long(walk, err);
		}
		memcpy(walk->todo, path, n + 1);
		return 0;
	}
	if (getcwd(walk->todo, sizeof(walk->todo)) == NULL) {
		return envoi_error_sys(err, ENVOI_STATUS_CONFIG, errno,
			"%s: the current directory", path);
	}
	size_t used = strlen(walk->todo);
	if (used + 1 + n >= sizeof(walk->todo)) {
		return too_long(walk, err);
	}
	walk->todo[used] = '/';
	memcpy(walk->todo + used + 1, path, n + 1);
	return 0;
}

int envoi_path_open(const char *path, mode_t forbidden, struct envoi_error *err)
{
	struct walk walk;
	struct stat st;
	if (begin(&walk, path, err) != 0 || walk_to_end(&walk, &st, err) != 0
		|| check_file(path, &st, forbidden, err) != 0) {
		return -1;
	}
	int fd = open(
		walk.done, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		return envoi_error_sys(
			err, ENVOI_STATUS_CONFIG, errno, "%s: cannot be opened", path);
	}
	/* Once more, of what really was opened: a sticky directory's owner may
	 * have put something else there. */
	if (fstat(fd, &st) != 0) {
		(void)envoi_error_sys(err, ENVOI_STATUS_CONFIG, errno, "%s", path);
	} else if (check_file(path, &st, forbidden, err) == 0) {
		return fd;
	}
	(void)close(fd);
	return -1;
}

static ssize_t read_some(int fd, char *out, size_t n)
{
	ssize_t got;
	do {
		got = read(fd, out, n);
	} while (got < 0 && errno == EINTR);
	return got;
}

int envoi_path_read(int fd, const char *name, size_t max,
	struct envoi_secret *ret_content, struct envoi_error *err)
{
	int result = -1;
	/* One octet more than allowed tells that it is too long. */
	size_t room = max + 1;
	char *content = malloc(room);
	size_t n = 0;
	ssize_t got = 1;
	while (content != NULL && got > 0 && n < room) {
		got = read_some(fd, content + n, room - n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (content == NULL) {
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	} else if (got < 0) {
		(void)envoi_error_sys(
			err, ENVOI_STATUS_CONFIG, errno, "%s: cannot be read", name);
	} else if (n > max) {
		(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"%s: is longer than %zu octets", name, max);
	} else if (envoi_secret_set(ret_content, content, n) != 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	} else {
		result = 0;
	}
	if (content != NULL) {
		envoi_secret_wipe(content, n);
	}
	free(content);
	(void)close(fd);
	return result;
}
