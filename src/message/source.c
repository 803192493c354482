/*
 * Sources and their identity. A file that is not what it was when it was
 * scanned is an error wherever it is noticed: SIZE and BDAT have promised
 * octets that are not there any more.
 */
#include "message/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include "message/maildir.h"

int envoi_source_new(
	const char *path, struct envoi_source **ret_source, struct envoi_error *err)
{
	struct envoi_source *source = calloc(1, sizeof(*source));
	char *copy = strdup(path);
	if (source == NULL || copy == NULL) {
		free(source);
		free(copy);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	source->refs = 1;
	source->kind = ENVOI_SOURCE_MEMORY;
	source->path = copy;
	source->fd = -1;
	*ret_source = source;
	return 0;
}

struct envoi_source *envoi_source_ref(struct envoi_source *source)
{
	source->refs++;
	return source;
}

void envoi_source_unref(struct envoi_source *source)
{
	if (source == NULL || --source->refs > 0) {
		return;
	}
	if (source->fd >= 0) {
		(void)close(source->fd);
	}
	free(source->memory);
	free(source->path);
	free(source);
}

/* No view uses it any more, and nobody will soon. */
static void close_unused(struct envoi_source *source)
{
	if (source->kind == ENVOI_SOURCE_PATH && !source->held && source->views == 0
		&& source->fd >= 0) {
		(void)close(source->fd);
		source->fd = -1;
	}
}

void envoi_source_release(struct envoi_source *source)
{
	source->held = false;
	close_unused(source);
}

const char *envoi_source_label(const struct envoi_source *source, char label[static 200])
{
	if (strcmp(source->path, "-") == 0) {
		return "standard input";
	}
	(void)snprintf(label, 200, "'%.190s'", source->path);
	return label;
}

void envoi_source_identify(struct envoi_source *source, const struct stat *st)
{
	source->identified = true;
	source->size = (uint64_t)st->st_size;
	source->device = st->st_dev;
	source->inode = st->st_ino;
	source->changed = st->st_mtim;
}

enum envoi_status envoi_source_open_status(int sys)
{
	switch (sys) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return ENVOI_STATUS_SYSTEM;
	default:
		return ENVOI_STATUS_NOINPUT;
	}
}

int envoi_view_check(const struct envoi_view *view, struct envoi_error *err)
{
	const struct envoi_source *source = view->source;
	if (!source->identified) {
		return 0;
	}
	char label[200];
	struct stat st;
	if (fstat(view->fd, &st) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_IO, errno, "cannot read %s",
			envoi_source_label(source, label));
	}
	if (st.st_dev != source->device || st.st_ino != source->inode
		|| (uint64_t)st.st_size != source->size
		|| st.st_mtim.tv_sec != source->changed.tv_sec
		|| st.st_mtim.tv_nsec != source->changed.tv_nsec) {
		return envoi_error_set(err, ENVOI_STATUS_IO,
			"%s was changed while it was read",
			envoi_source_label(source, label));
	}
	return 0;
}

/* The first opening decides what the file is. */
static int identify(const struct envoi_view *view, struct envoi_error *err)
{
	char label[200];
	struct stat st;
	if (fstat(view->fd, &st) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_NOINPUT, errno, "cannot read %s",
			envoi_source_label(view->source, label));
	}
	if (!S_ISREG(st.st_mode)) {
		return envoi_error_set(err, ENVOI_STATUS_NOINPUT,
			"%s is not a regular file any more",
			envoi_source_label(view->source, label));
	}
	envoi_source_identify(view->source, &st);
	return 0;
}

/* -1 with errno. */
static int open_path(const char *path)
{
	int fd;
	do {
		/* Should the path be a FIFO by now, do not wait for it. */
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

/* Opens it by the name it has got meanwhile. -1 with errno. */
static int open_renamed(struct envoi_source *source)
{
	int fd = -1;
	char *path = envoi_maildir_find(source->path);
	if (path != NULL && (fd = open_path(path)) >= 0) {
		free(source->path);
		source->path = path;
		return fd;
	}
	free(path);
	errno = ENOENT;
	return -1;
}

int envoi_view_open(
	struct envoi_view *view, struct envoi_source *source, struct envoi_error *err)
{
	*view = (struct envoi_view){.source = source, .fd = source->fd};
	if (source->kind == ENVOI_SOURCE_PATH && source->fd < 0) {
		view->fd = open_path(source->path);
		if (view->fd < 0 && errno == ENOENT && source->maildir) {
			view->fd = open_renamed(source);
		}
		if (view->fd < 0) {
			int sys = errno;
			char label[200];
			enum envoi_status status = envoi_source_open_status(sys);
			if (source->identified && !source->maildir
				&& status == ENVOI_STATUS_NOINPUT) {
				status = ENVOI_STATUS_IO;
			}
			return envoi_error_sys(err, status, sys, "cannot open %s",
				envoi_source_label(source, label));
		}
		source->fd = source->held ? view->fd : -1;
	}
	source->views += view->fd == source->fd;
	int result = source->kind == ENVOI_SOURCE_PATH && !source->identified
			     ? identify(view, err)
			     : envoi_view_check(view, err);
	if (result != 0) {
		envoi_view_close(view);
	}
	return result;
}

void envoi_view_close(struct envoi_view *view)
{
	struct envoi_source *source = view->source;
	if (source != NULL && source->kind == ENVOI_SOURCE_PATH && view->fd >= 0) {
		if (view->fd == source->fd) {
			source->views--;
			close_unused(source);
		} else {
			(void)close(view->fd);
		}
	}
	*view = (struct envoi_view){.fd = -1};
}

int envoi_view_read(const struct envoi_view *view, uint64_t offset, char *out, size_t n,
	size_t *ret_n, struct envoi_error *err)
{
	char label[200];
	if (view->source->kind == ENVOI_SOURCE_MEMORY) {
		memcpy(out, view->source->memory + offset, n);
		*ret_n = n;
		return 0;
	}
	ssize_t got;
	do {
		got = pread(view->fd, out, n, (off_t)offset);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		return envoi_error_sys(err, ENVOI_STATUS_IO, errno, "cannot read %s",
			envoi_source_label(view->source, label));
	}
	if (got == 0) {
		return envoi_error_set(err, ENVOI_STATUS_IO,
			"%s became shorter while it was read",
			envoi_source_label(view->source, label));
	}
	*ret_n = (size_t)got;
	return 0;
}

void envoi_reader_init(struct envoi_reader *reader, const struct envoi_view *view,
	uint64_t start, uint64_t end, size_t block, enum envoi_mbox mbox)
{
	*reader = (struct envoi_reader){
		.view = view,
		.at = start,
		.end = end,
		.capacity = end - start < block ? (size_t)(end - start) : block,
		.mbox = mbox,
	};
	envoi_unquote_init(&reader->unquote, mbox == ENVOI_MBOX_O);
}

void envoi_reader_finish(struct envoi_reader *reader)
{
	free(reader->block);
	*reader = (struct envoi_reader){0};
}

int envoi_view_keep(struct envoi_view *view, struct envoi_error *err)
{
	struct envoi_source *source = view->source;
	size_t size = (size_t)source->size, have = 0, n;
	char *memory = malloc(size + 1);
	int result = 0;
	if (memory == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	while (result == 0 && have < size) {
		result = envoi_view_read(view, have, memory + have, size - have, &n, err);
		have += result == 0 ? n : 0;
	}
	if (result != 0 || envoi_view_check(view, err) != 0) {
		free(memory);
		return -1;
	}
	envoi_view_close(view);
	source->memory = memory;
	source->kind = ENVOI_SOURCE_MEMORY;
	source->identified = false;
	return envoi_view_open(view, source, err);
}

bool envoi_reader_is_file(const struct envoi_reader *reader)
{
	return reader->view->source->kind != ENVOI_SOURCE_MEMORY
	       && reader->mbox == ENVOI_MBOX_NONE;
}

int envoi_reader_read(struct envoi_reader *reader, char *out, size_t room, size_t *ret_n,
	struct envoi_error *err)
{
	size_t n = room;
	if (reader->end - reader->at < n) {
		n = (size_t)(reader->end - reader->at);
	}
	if (n > 0 && envoi_view_read(reader->view, reader->at, out, n, &n, err) != 0) {
		return -1;
	}
	reader->at += n;
	*ret_n = n;
	return 0;
}

/* The next octets as they are in the source. */
static int read_block(
	struct envoi_reader *reader, struct envoi_span *ret_span, struct envoi_error *err)
{
	size_t n = reader->capacity;
	const char *data;
	if (reader->view->source->kind == ENVOI_SOURCE_MEMORY) {
		if (reader->end - reader->at < n) {
			n = (size_t)(reader->end - reader->at);
		}
		data = reader->view->source->memory + reader->at;
		reader->at += n;
	} else {
		if (reader->block == NULL
			&& (reader->block = malloc(n > 0 ? n : 1)) == NULL) {
			return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		}
		if (envoi_reader_read(reader, reader->block, n, &n, err) != 0) {
			return -1;
		}
		data = reader->block;
	}
	*ret_span = (struct envoi_span){n > 0 ? data : "", n};
	return 0;
}

int envoi_reader_next(
	struct envoi_reader *reader, struct envoi_span *ret_span, struct envoi_error *err)
{
	if (reader->mbox == ENVOI_MBOX_NONE) {
		return read_block(reader, ret_span, err);
	}
	for (;;) {
		struct envoi_span piece =
			envoi_unquote_next(&reader->unquote, &reader->rest);
		if (piece.len > 0) {
			*ret_span = piece;
			return 0;
		}
		if (reader->at == reader->end) {
			envoi_unquote_finish(&reader->unquote);
			*ret_span = envoi_unquote_next(&reader->unquote, &reader->rest);
			return 0;
		}
		if (read_block(reader, &reader->rest, err) != 0) {
			return -1;
		}
	}
}
