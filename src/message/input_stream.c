/*
 * A message from a descriptor as a sendmail program reads it: a line of one
 * dot may end it, and what comes behind is read and dropped. So are NULs: no
 * server takes them, and a caller that sends some has nobody to ask.
 */
#include <envoi/message.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "message/private.h"
#include "message/spool.h"

enum dot_state {
	/** In a line; at the start of one. */
	DOT_INSIDE,
	DOT_START,
	/** Behind a dot at its start; behind that dot and a CR. Neither is in
	 * the message yet. */
	DOT_SEEN,
	DOT_CR,
	/** The end was seen. */
	DOT_ENDED,
};

struct stream {
	int fd;
	struct envoi_spool spool;
	bool until_dot;
	enum dot_state state;
	struct envoi_input_notes notes;
	/** It was read, and could not be written. */
	bool no_place;
};

static ssize_t read_some(int fd, char *out, size_t n)
{
	for (;;) {
		ssize_t got = read(fd, out, n);
		if (got >= 0 || (errno != EINTR && errno != EAGAIN)) {
			return got;
		}
		if (errno == EAGAIN) {
			/* Shared with somebody who made it non-blocking. */
			struct pollfd wait = {.fd = fd, .events = POLLIN};
			(void)poll(&wait, 1, -1);
		}
	}
}

/* Octets up to the next one that may be a dot that ends the message. */
static size_t inside(struct stream *stream, const char *data, size_t n)
{
	size_t i = 0;
	while (i < n) {
		if (data[i++] == '\n') {
			stream->state = DOT_START;
			if (i < n && data[i] == '.') {
				break;
			}
		} else {
			stream->state = DOT_INSIDE;
		}
	}
	return i;
}

/* What was held back was no end. */
static int give_back(struct stream *stream, struct envoi_error *err)
{
	size_t n = stream->state == DOT_CR ? 2 : 1;
	stream->state = DOT_INSIDE;
	return envoi_spool_put(&stream->spool, ".\r", n, err);
}

static int put_octets(
	struct stream *stream, const char *data, size_t n, struct envoi_error *err)
{
	stream->notes.nul = stream->notes.nul || memchr(data, '\0', n) != NULL;
	return envoi_spool_put(&stream->spool, data, n, err);
}

static int put(struct stream *stream, const char *data, size_t n, struct envoi_error *err)
{
	if (!stream->until_dot) {
		return put_octets(stream, data, n, err);
	}
	while (n > 0) {
		size_t taken = 1;
		if (stream->state == DOT_ENDED) {
			stream->notes.rest = true;
			return 0;
		}
		if (stream->state == DOT_START && data[0] == '.') {
			stream->state = DOT_SEEN;
		} else if (stream->state == DOT_SEEN && data[0] == '\r') {
			stream->state = DOT_CR;
		} else if (stream->state >= DOT_SEEN && data[0] == '\n') {
			stream->state = DOT_ENDED;
		} else if (stream->state >= DOT_SEEN) {
			if (give_back(stream, err) != 0) {
				return -1;
			}
			taken = 0;
		} else {
			taken = inside(stream, data, n);
			if (put_octets(stream, data, taken, err) != 0) {
				return -1;
			}
		}
		data += taken;
		n -= taken;
	}
	return 0;
}

/* To the end in any case: who writes must not be stopped by our trouble. */
static int read_all(struct stream *stream, char *block, struct envoi_error *err)
{
	int result = 0;
	for (;;) {
		ssize_t got = read_some(stream->fd, block, ENVOI_LIMIT_BLOCK);
		if (got < 0) {
			return result != 0 ? result
					   : envoi_error_sys(err, ENVOI_STATUS_IO, errno,
						   "cannot read standard input");
		}
		if (got == 0) {
			break;
		}
		if (result == 0) {
			result = put(stream, block, (size_t)got, err);
			stream->no_place =
				result != 0 && err->status != ENVOI_STATUS_SYSTEM;
		}
	}
	/* A lone dot at the very end ends it as well, ".\r" does not. */
	return result == 0 && stream->state == DOT_CR ? give_back(stream, err) : result;
}

static int end(struct stream *stream, struct envoi_error *err)
{
	int result = envoi_spool_end(&stream->spool, err);
	stream->no_place = result != 0 && err->status != ENVOI_STATUS_SYSTEM;
	return result;
}

static int check(int fd, struct envoi_error *err)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY || fstat(fd, &st) != 0) {
		return envoi_error_set(
			err, ENVOI_STATUS_NOINPUT, "standard input is closed");
	}
	if (S_ISDIR(st.st_mode)) {
		return envoi_error_set(
			err, ENVOI_STATUS_NOINPUT, "standard input is a directory");
	}
	return 0;
}

int envoi_input_read(int fd, bool until_dot, struct envoi_input **ret_input,
	struct envoi_input_notes *ret_notes, struct envoi_error *err)
{
	struct stream stream = {.fd = fd, .until_dot = until_dot, .state = DOT_START};
	struct envoi_source *source = NULL;
	char *block = malloc(ENVOI_LIMIT_BLOCK);
	int result = -1;
	if (block == NULL) {
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	} else if (check(fd, err) == 0 && envoi_source_new("-", &source, err) == 0
		   && envoi_spool_begin(&stream.spool, source, err) == 0
		   && read_all(&stream, block, err) == 0 && end(&stream, err) == 0) {
		result = envoi_input_of(source, ret_input, err);
	}
	if (result != 0 && stream.no_place) {
		/* The disk may have room later. */
		err->status = ENVOI_STATUS_TEMPORARY;
	}
	*ret_notes = stream.notes;
	envoi_spool_drop(&stream.spool);
	envoi_source_unref(source);
	free(block);
	return result;
}
