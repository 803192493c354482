/*
 * See the header. One call after the other: no threads.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

const char *const fault_names[FAULT_COUNT] = {"none", "killed before", "killed after",
	"EIO", "ENOSPC", "EINTR", "EMFILE", "short"};

static bool on, fired, no_proc, slow;
static enum fault planned;
static long target, count;
static const char *where = "";

/* Files and folders by inode: written after the last sync? */
static struct {
	dev_t device;
	ino_t inode;
	bool dirty;
} known[64];
static size_t known_count;

void shim_on(enum fault fault, long n)
{
	on = true;
	fired = false;
	planned = fault;
	target = n;
	count = 0;
	where = "";
	known_count = 0;
}

long shim_off(void)
{
	on = false;
	return count;
}

bool shim_fired(void)
{
	return fired;
}

const char *shim_where(void)
{
	return where;
}

/* -- what survives --------------------------------------------------------------- */

static void mark_inode(const struct stat *st, bool dirty)
{
	size_t i = 0;
	while (i < known_count
		&& (known[i].device != st->st_dev || known[i].inode != st->st_ino)) {
		i++;
	}
	if (i == sizeof(known) / sizeof(known[0])) {
		abort();
	}
	if (i == known_count) {
		known_count++;
	}
	known[i].device = st->st_dev;
	known[i].inode = st->st_ino;
	known[i].dirty = dirty;
}

static void mark(int fd, bool dirty)
{
	struct stat st;
	int saved = errno;
	if (fstat(fd, &st) == 0) {
		mark_inode(&st, dirty);
	}
	errno = saved;
}

bool shim_is_synced(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		return false;
	}
	for (size_t i = 0; i < known_count; i++) {
		if (known[i].device == st.st_dev && known[i].inode == st.st_ino) {
			return !known[i].dirty;
		}
	}
	return true;
}

bool shim_is_durable(const char *path)
{
	char folder[256];
	(void)snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	return (access(path, F_OK) != 0 || shim_is_synced(path))
	       && shim_is_synced(folder);
}

/* -- faults ------------------------------------------------------------------------ */

static int code_of(enum fault fault)
{
	switch (fault) {
	case FAULT_EIO:
		return EIO;
	case FAULT_ENOSPC:
		return ENOSPC;
	case FAULT_EINTR:
		return EINTR;
	case FAULT_EMFILE:
		return EMFILE;
	default:
		return 0;
	}
}

static void die(void)
{
	(void)kill(getpid(), SIGKILL);
	for (;;) {
		(void)pause();
	}
}

/* Before each call: true: it fails, with errno. */
static bool begin(const char *name)
{
	if (slow && (strcmp(name, "flock") == 0 || strncmp(name, "pwrite", 6) == 0)) {
		const struct timespec moment = {.tv_nsec = 100000};
		(void)nanosleep(&moment, NULL);
	}
	if (!on || ++count != target || planned == FAULT_NONE) {
		return false;
	}
	fired = true;
	where = name;
	if (planned == FAULT_KILL_BEFORE) {
		die();
	}
	errno = code_of(planned);
	return errno != 0;
}

static void end(void)
{
	if (on && count == target && planned == FAULT_KILL_AFTER) {
		die();
	}
}

static size_t shorten(size_t n)
{
	return on && count == target && planned == FAULT_SHORT && n > 1 ? n / 2 : n;
}

#define WRAP(type, name, parameters, ...)                                                \
	type __real_##name parameters;                                                   \
	type __wrap_##name parameters;                                                   \
	type __wrap_##name parameters                                                    \
	{                                                                                \
		if (begin(#name)) {                                                      \
			return (type)-1;                                                 \
		}                                                                        \
		type result = __real_##name(__VA_ARGS__);                                \
		end();                                                                   \
		return result;                                                           \
	}

/* Calls that give a name or take one away make their folder dirty. */
#define WRAP_NAME(name, parameters, dirty, other, ...)                                   \
	int __real_##name parameters;                                                    \
	int __wrap_##name parameters;                                                    \
	int __wrap_##name parameters                                                     \
	{                                                                                \
		if (begin(#name)) {                                                      \
			return -1;                                                       \
		}                                                                        \
		int result = __real_##name(__VA_ARGS__);                                 \
		if (result == 0) {                                                       \
			mark(dirty, true);                                               \
			mark(other, true);                                               \
		}                                                                        \
		end();                                                                   \
		return result;                                                           \
	}

#define WRAP_SYNC(name)                                                                  \
	int __real_##name(int fd);                                                       \
	int __wrap_##name(int fd);                                                       \
	int __wrap_##name(int fd)                                                        \
	{                                                                                \
		if (begin(#name)) {                                                      \
			return -1;                                                       \
		}                                                                        \
		int result = __real_##name(fd);                                          \
		if (result == 0) {                                                       \
			mark(fd, false);                                                 \
		}                                                                        \
		end();                                                                   \
		return result;                                                           \
	}

#define WRAP_IO(name, buffer, dirty)                                                     \
	ssize_t __real_##name(int fd, buffer p, size_t n, off_t at);                     \
	ssize_t __wrap_##name(int fd, buffer p, size_t n, off_t at);                     \
	ssize_t __wrap_##name(int fd, buffer p, size_t n, off_t at)                      \
	{                                                                                \
		if (begin(#name)) {                                                      \
			return -1;                                                       \
		}                                                                        \
		ssize_t result = __real_##name(fd, p, shorten(n), at);                   \
		if (dirty && result > 0) {                                               \
			mark(fd, true);                                                  \
		}                                                                        \
		end();                                                                   \
		return result;                                                           \
	}

#define WRAP_OPEN(name)                                                                  \
	int __real_##name(int dir, const char *path, int flags, mode_t mode);            \
	int __wrap_##name(int dir, const char *path, int flags, ...);                    \
	int __wrap_##name(int dir, const char *path, int flags, ...)                     \
	{                                                                                \
		va_list args;                                                            \
		va_start(args, flags);                                                   \
		mode_t mode =                                                            \
			(flags & (O_CREAT | 020000000)) != 0 ? va_arg(args, mode_t) : 0; \
		va_end(args);                                                            \
		if (begin(#name)) {                                                      \
			return -1;                                                       \
		}                                                                        \
		int result = __real_##name(dir, path, flags, mode);                      \
		if (result >= 0 && (flags & O_CREAT) != 0) {                             \
			mark(result, true);                                              \
			mark(dir, true);                                                 \
		}                                                                        \
		end();                                                                   \
		return result;                                                           \
	}

WRAP_OPEN(openat)
WRAP_OPEN(openat64)
WRAP_IO(pread, void *, false)
WRAP_IO(pread64, void *, false)
WRAP_IO(pwrite, const void *, true)
WRAP_IO(pwrite64, const void *, true)
WRAP_SYNC(fsync)
WRAP_SYNC(fdatasync)
WRAP(int, flock, (int fd, int how), fd, how)
WRAP(int, fstatat, (int dir, const char *path, struct stat *st, int flags), dir, path, st,
	flags)
WRAP(int, fstatat64, (int dir, const char *path, void *st, int flags), dir, path, st,
	flags)
WRAP(int, fstatvfs, (int fd, struct statvfs *fs), fd, fs)
WRAP(int, fstatvfs64, (int fd, void *fs), fd, fs)
WRAP(int, ftruncate, (int fd, off_t size), fd, size)
WRAP(int, ftruncate64, (int fd, off_t size), fd, size)
WRAP(int, getentropy, (void *p, size_t n), p, n)

void shim_slow(bool yes)
{
	slow = yes;
}

void shim_hide_proc(bool hide)
{
	no_proc = hide;
}

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
	if (begin("access") || no_proc) {
		return -1;
	}
	int result = __real_access(path, mode);
	end();
	return result;
}

WRAP_NAME(mkdirat, (int dir, const char *path, mode_t mode), dir, dir, dir, path, mode)
WRAP_NAME(unlinkat, (int dir, const char *path, int flags), dir, dir, dir, path, flags)
WRAP_NAME(linkat, (int from, const char *a, int to, const char *b, int flags), to, to,
	from, a, to, b, flags)
WRAP_NAME(renameat, (int from, const char *a, int to, const char *b), from, to, from, a,
	to, b)

/* It returns its error. */
int __real_posix_fallocate64(int fd, off_t at, off_t n);
int __wrap_posix_fallocate64(int fd, off_t at, off_t n);
int __wrap_posix_fallocate64(int fd, off_t at, off_t n)
{
	if (begin("posix_fallocate")) {
		return errno;
	}
	int result = __real_posix_fallocate64(fd, at, n);
	end();
	return result;
}

/* A descriptor is closed in any case. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	bool failed = begin("close");
	int saved = errno;
	int result = __real_close(fd);
	end();
	errno = failed ? saved : errno;
	return failed ? -1 : result;
}
