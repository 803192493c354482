/*
 * Whole reads and writes at an offset.
 */
#include <errno.h>
#include <unistd.h>

#include "queue/internal.h"

int envoi_file_read(int fd, uint64_t offset, void *out, size_t n)
{
	char *p = out;
	while (n > 0) {
		ssize_t got = pread(fd, p, n, (off_t)offset);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return got == 0 ? 1 : -1;
		}
		p += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

int envoi_file_write(int fd, uint64_t offset, const void *data, size_t n)
{
	const char *p = data;
	while (n > 0) {
		ssize_t got = pwrite(fd, p, n, (off_t)offset);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			errno = got == 0 ? EIO : errno;
			return -1;
		}
		p += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}
