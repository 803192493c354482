/*
 * Temporary files without a name. The only file that asks for more than
 * POSIX: O_TMPFILE (Linux) leaves no name even for a moment; where the kernel
 * or the file system lacks it, mkostemp(3) and unlink(2) do.
 */
#define _GNU_SOURCE
#include "base/tmpfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_named(const char *dir)
{
	static const char tail[] = "/envoi-XXXXXX";
	size_t n = strlen(dir);
	char *path = malloc(n + sizeof(tail));
	if (path == NULL) {
		return -1;
	}
	memcpy(path, dir, n);
	memcpy(path + n, tail, sizeof(tail));
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0 && unlink(path) != 0) {
		int saved = errno;
		(void)close(fd);
		errno = saved;
		fd = -1;
	}
	int saved = errno;
	free(path);
	errno = saved;
	return fd;
}

int envoi_tmpfile_open(const char *dir)
{
#ifdef O_TMPFILE
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, S_IRUSR | S_IWUSR);
	/* EISDIR: a kernel before 3.11; ENOENT some of them, too. The others:
	 * a file system that cannot. */
	if (fd >= 0
		|| (errno != EISDIR && errno != EOPNOTSUPP && errno != EINVAL
			&& errno != ENOENT)) {
		return fd;
	}
#endif
	return open_named(dir);
}
