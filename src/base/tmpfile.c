/*
 * Temporary files without a name: not even for a moment, or, where system or
 * file system lack that, until it is unlinked.
 */
#include "base/tmpfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "base/gnu.h"

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
	int fd = envoi_gnu_mkstemp(path);
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
	int fd = envoi_gnu_open_unnamed(dir);
	if (fd >= 0 || errno != ENOSYS) {
		return fd;
	}
	return open_named(dir);
}
