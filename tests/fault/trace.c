/*
 * See the header. Files are told apart by their inode, which a new file may have
 * after an old one is gone: whoever makes one gets a new number.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPS 4000
#define FILES 400

static struct op ops[OPS];
static size_t op_count;
static struct {
	dev_t device;
	ino_t inode;
} files[FILES];
static int file_count;
static bool on, no_proc;

static int new_file(const struct stat *st)
{
	if (file_count == FILES) {
		abort();
	}
	files[file_count].device = st->st_dev;
	files[file_count].inode = st->st_ino;
	return file_count++;
}

/* -1: none of ours. */
static int file_of(const struct stat *st)
{
	for (int i = file_count - 1; i >= 0; i--) {
		if (files[i].device == st->st_dev && files[i].inode == st->st_ino) {
			return i;
		}
	}
	return -1;
}

static int file_of_fd(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 ? file_of(&st) : -1;
}

static struct op *add(enum op_kind kind)
{
	if (op_count == OPS) {
		abort();
	}
	ops[op_count] = (struct op){.kind = kind};
	return &ops[op_count++];
}

static void copy_name(char to[TRACE_NAME], const char *name)
{
	(void)snprintf(to, TRACE_NAME, "%s", name);
}

void trace_begin(const char *top)
{
	struct stat st;
	trace_clear();
	if (stat(top, &st) != 0) {
		abort();
	}
	(void)new_file(&st);
	on = true;
}

void trace_end(void)
{
	on = false;
}

void trace_clear(void)
{
	for (size_t i = 0; i < op_count; i++) {
		free(ops[i].data);
	}
	op_count = 0;
	file_count = 0;
}

const struct op *trace_ops(size_t *ret_count)
{
	*ret_count = op_count;
	return ops;
}

int trace_files(void)
{
	return file_count;
}

void trace_say(char said, unsigned message, unsigned recipient)
{
	if (on) {
		struct op *op = add(OP_SAID);
		op->said = said;
		op->message = message;
		op->recipient = recipient;
	}
}

void trace_hide_proc(bool hide)
{
	no_proc = hide;
}

/* -- calls ------------------------------------------------------------------------- */

static void note_name(enum op_kind kind, int folder, const char *name, int file)
{
	if (folder >= 0) {
		struct op *op = add(kind);
		op->folder = folder;
		op->file = file;
		copy_name(op->name, name);
	}
}

int __real_openat64(int dir, const char *path, int flags, mode_t mode);
static int traced_open(int dir, const char *path, int flags, mode_t mode)
{
	struct stat st;
	int fd = __real_openat64(dir, path, flags, mode);
	int saved = errno;
	if (on && fd >= 0 && (flags & (O_CREAT | 020000000)) != 0 && fstat(fd, &st) == 0
		&& S_ISREG(st.st_mode)) {
		int file = new_file(&st);
		if ((flags & O_CREAT) != 0) {
			note_name(OP_LINK, file_of_fd(dir), path, file);
		}
	}
	errno = saved;
	return fd;
}

#define WRAP_OPEN(name)                                                                  \
	int __wrap_##name(int dir, const char *path, int flags, ...);                    \
	int __wrap_##name(int dir, const char *path, int flags, ...)                     \
	{                                                                                \
		va_list args;                                                            \
		va_start(args, flags);                                                   \
		mode_t mode =                                                            \
			(flags & (O_CREAT | 020000000)) != 0 ? va_arg(args, mode_t) : 0; \
		va_end(args);                                                            \
		return traced_open(dir, path, flags, mode);                              \
	}

WRAP_OPEN(openat)
WRAP_OPEN(openat64)

ssize_t __real_pwrite64(int fd, const void *p, size_t n, off_t at);
static ssize_t traced_write(int fd, const void *p, size_t n, off_t at)
{
	ssize_t result = __real_pwrite64(fd, p, n, at);
	int file = on && result > 0 ? file_of_fd(fd) : -1;
	if (file >= 0) {
		struct op *op = add(OP_WRITE);
		op->file = file;
		op->offset = (uint64_t)at;
		op->size = (uint64_t)result;
		op->data = malloc((size_t)result);
		memcpy(op->data, p, (size_t)result);
	}
	return result;
}

ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
	return traced_write(fd, p, n, at);
}

ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at)
{
	return traced_write(fd, p, n, at);
}

static int note_file(int result, enum op_kind kind, int fd, off_t at, off_t size)
{
	int file = on && result == 0 ? file_of_fd(fd) : -1;
	if (file >= 0) {
		struct op *op = add(kind);
		op->file = file;
		op->offset = (uint64_t)at;
		op->size = (uint64_t)size;
	}
	return result;
}

#define WRAP_FILE(name, kind, at, size, parameters, ...)                                 \
	int __real_##name parameters;                                                    \
	int __wrap_##name parameters;                                                    \
	int __wrap_##name parameters                                                     \
	{                                                                                \
		return note_file(__real_##name(__VA_ARGS__), kind, fd, at, size);        \
	}

WRAP_FILE(fsync, OP_SYNC, 0, 0, (int fd), fd)
WRAP_FILE(fdatasync, OP_SYNC, 0, 0, (int fd), fd)
WRAP_FILE(ftruncate, OP_TRUNCATE, 0, size, (int fd, off_t size), fd, size)
WRAP_FILE(ftruncate64, OP_TRUNCATE, 0, size, (int fd, off_t size), fd, size)
WRAP_FILE(posix_fallocate, OP_ALLOCATE, at, n, (int fd, off_t at, off_t n), fd, at, n)
WRAP_FILE(posix_fallocate64, OP_ALLOCATE, at, n, (int fd, off_t at, off_t n), fd, at, n)

int __real_mkdirat(int dir, const char *path, mode_t mode);
int __wrap_mkdirat(int dir, const char *path, mode_t mode);
int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
	struct stat st;
	int result = __real_mkdirat(dir, path, mode);
	if (on && result == 0 && fstatat(dir, path, &st, 0) == 0) {
		note_name(OP_MKDIR, file_of_fd(dir), path, new_file(&st));
	}
	return result;
}

/* Of an absolute path. */
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
	struct stat st, above;
	char folder[400];
	int result = __real_mkdir(path, mode);
	int saved = errno;
	(void)snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	*slash = '\0';
	if (on && result == 0 && stat(path, &st) == 0 && stat(folder, &above) == 0) {
		note_name(OP_MKDIR, file_of(&above), slash + 1, new_file(&st));
	}
	errno = saved;
	return result;
}

int __real_unlinkat(int dir, const char *path, int flags);
int __wrap_unlinkat(int dir, const char *path, int flags);
int __wrap_unlinkat(int dir, const char *path, int flags)
{
	int result = __real_unlinkat(dir, path, flags);
	if (on && result == 0) {
		note_name(OP_UNLINK, file_of_fd(dir), path, -1);
	}
	return result;
}

int __real_linkat(int from, const char *a, int to, const char *b, int flags);
int __wrap_linkat(int from, const char *a, int to, const char *b, int flags);
int __wrap_linkat(int from, const char *a, int to, const char *b, int flags)
{
	struct stat st;
	int result = __real_linkat(from, a, to, b, flags);
	if (on && result == 0 && fstatat(to, b, &st, 0) == 0) {
		note_name(OP_LINK, file_of_fd(to), b, file_of(&st));
	}
	return result;
}

int __real_renameat(int from, const char *a, int to, const char *b);
int __wrap_renameat(int from, const char *a, int to, const char *b);
int __wrap_renameat(int from, const char *a, int to, const char *b)
{
	struct stat st;
	int result = __real_renameat(from, a, to, b);
	if (on && result == 0 && fstatat(to, b, &st, 0) == 0) {
		struct op *op = add(OP_RENAME);
		op->file = file_of(&st);
		op->folder = file_of_fd(from);
		op->folder2 = file_of_fd(to);
		copy_name(op->name, a);
		copy_name(op->name2, b);
	}
	return result;
}

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
	return no_proc ? -1 : __real_access(path, mode);
}
