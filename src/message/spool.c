/*
 * Reading a stream whole, writing a source. The temporary file is in $TMPDIR or /tmp and
 * never has a name that another process could open.
 */
#include "message/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/tmpfile.h"

static const char *directory(void)
{
	const char *dir = getenv("TMPDIR");
	return dir != NULL && *dir != '\0' ? dir : "/tmp";
}

/* Somebody else may have made our stdin non-blocking: it is shared. */
static ssize_t read_some(int fd, char *out, size_t n)
{
	for (;;) {
		ssize_t got = read(fd, out, n);
		if (got >= 0) {
			return got;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK) {
			struct pollfd wait = {.fd = fd, .events = POLLIN};
			if (poll(&wait, 1, -1) < 0 && errno != EINTR) {
				return -1;
			}
		} else if (errno != EINTR) {
			return -1;
		}
	}
}

/* Fills out unless the end comes first. */
static int fill(const struct envoi_source *source, int fd, char *out, size_t n,
	size_t *ret_n, struct envoi_error *err)
{
	size_t have = 0;
	while (have < n) {
		ssize_t got = read_some(fd, out + have, n - have);
		if (got < 0) {
			char label[200];
			return envoi_error_sys(err, ENVOI_STATUS_IO, errno,
				"cannot read %s", envoi_source_label(source, label));
		}
		if (got == 0) {
			break;
		}
		have += (size_t)got;
	}
	*ret_n = have;
	return 0;
}

static int write_all(int fd, const char *data, size_t n, struct envoi_error *err)
{
	while (n > 0) {
		ssize_t put = write(fd, data, n);
		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put <= 0) {
			int sys = put < 0 ? errno : ENOSPC;
			return envoi_error_sys(err, ENVOI_STATUS_IO, sys,
				"cannot write a temporary file in '%.200s'", directory());
		}
		data += put;
		n -= (size_t)put;
	}
	return 0;
}

static int make_file(struct envoi_source *source, struct envoi_error *err)
{
	source->fd = envoi_tmpfile_open(directory());
	if (source->fd < 0) {
		int sys = errno;
		(void)envoi_error_sys(err, ENVOI_STATUS_CANTCREATE, sys,
			"cannot create a temporary file in '%.200s'", directory());
		envoi_error_hint(err, "TMPDIR names the directory for temporary files");
		return -1;
	}
	source->kind = ENVOI_SOURCE_SPOOL;
	return 0;
}

/* block holds the first n octets; the rest is still to come. */
static int spool_file(struct envoi_source *source, int fd, char *block, size_t capacity,
	size_t n, struct envoi_error *err)
{
	if (make_file(source, err) != 0) {
		return -1;
	}
	while (n > 0) {
		if (write_all(source->fd, block, n, err) != 0) {
			return -1;
		}
		source->size += n;
		if (n < capacity) {
			return 0;
		}
		if (fill(source, fd, block, capacity, &n, err) != 0) {
			return -1;
		}
	}
	return 0;
}

int envoi_spool_read(struct envoi_source *source, int fd, struct envoi_error *err)
{
	size_t n = 0;
	char *block = malloc(ENVOI_LIMIT_SPOOL_MEMORY);
	if (block == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	int result = fill(source, fd, block, ENVOI_LIMIT_SPOOL_MEMORY, &n, err);
	if (result == 0 && n < ENVOI_LIMIT_SPOOL_MEMORY) {
		char *exact = realloc(block, n > 0 ? n : 1);
		source->kind = ENVOI_SOURCE_MEMORY;
		source->memory = exact != NULL ? exact : block;
		source->size = n;
		return 0;
	}
	if (result == 0) {
		result = spool_file(source, fd, block, ENVOI_LIMIT_SPOOL_MEMORY, n, err);
	}
	free(block);
	return result;
}

int envoi_spool_begin(
	struct envoi_spool *spool, struct envoi_source *source, struct envoi_error *err)
{
	*spool = (struct envoi_spool){
		.source = source, .block = malloc(ENVOI_LIMIT_SPOOL_MEMORY)};
	if (spool->block == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	return 0;
}

/* What is in the block goes to the file. */
static int flush(struct envoi_spool *spool, struct envoi_error *err)
{
	if (spool->source->fd < 0 && make_file(spool->source, err) != 0) {
		return -1;
	}
	if (write_all(spool->source->fd, spool->block, spool->n, err) != 0) {
		return -1;
	}
	spool->source->size += spool->n;
	spool->n = 0;
	return 0;
}

int envoi_spool_put(
	struct envoi_spool *spool, const char *data, size_t n, struct envoi_error *err)
{
	while (n > 0) {
		size_t room = ENVOI_LIMIT_SPOOL_MEMORY - spool->n;
		size_t take = n < room ? n : room;
		memcpy(spool->block + spool->n, data, take);
		spool->n += take;
		data += take;
		n -= take;
		if (take == room && flush(spool, err) != 0) {
			return -1;
		}
	}
	return 0;
}

int envoi_spool_end(struct envoi_spool *spool, struct envoi_error *err)
{
	struct envoi_source *source = spool->source;
	if (source->fd >= 0) {
		return flush(spool, err);
	}
	source->kind = ENVOI_SOURCE_MEMORY;
	source->memory = spool->block;
	source->size = spool->n;
	*spool = (struct envoi_spool){0};
	return 0;
}

void envoi_spool_drop(struct envoi_spool *spool)
{
	free(spool->block);
	*spool = (struct envoi_spool){0};
}
