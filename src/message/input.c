/*
 * Inputs: one FILE argument, and the messages in it. Of a Maildir there is a
 * list of names, and each message has a source of its own. An mbox is read through
 * a window that moves forward, a message at a time: only its separators are
 * looked for here, the messages are scanned on their own.
 */
#include <envoi/message.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "message/maildir.h"
#include "message/private.h"
#include "message/spool.h"

struct envoi_input {
	struct envoi_source *source;
	enum envoi_mbox mbox;
	/** NULL: it is none. */
	struct envoi_maildir_list *maildir;
	/** Messages given out. */
	uint64_t count;
	/** mbox: where the next separator stands, and in which line. */
	uint64_t at;
	uint64_t line;
	/** mbox: octets [window_at, window_at + window_len) of the source. */
	char *window;
	uint64_t window_at;
	size_t window_len;
};

static int open_file(
	struct envoi_source *source, bool *ret_ours, int *ret_fd, struct envoi_error *err)
{
	if (strcmp(source->path, "-") == 0) {
		*ret_ours = false;
		*ret_fd = STDIN_FILENO;
		return 0;
	}
	int fd;
	do {
		fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		int sys = errno;
		char label[200];
		return envoi_error_sys(err, envoi_source_open_status(sys), sys,
			"cannot open %s", envoi_source_label(source, label));
	}
	*ret_ours = true;
	*ret_fd = fd;
	return 0;
}

/* Makes the source what fd is. ours: it was opened by path. */
static int take_file(
	struct envoi_source *source, int fd, bool ours, struct envoi_error *err)
{
	char label[200];
	struct stat st;
	if (fstat(fd, &st) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_NOINPUT, errno, "cannot read %s",
			envoi_source_label(source, label));
	}
	if (S_ISDIR(st.st_mode)) {
		(void)envoi_error_set(err, ENVOI_STATUS_NOINPUT, "%s is a directory",
			envoi_source_label(source, label));
		if (err != NULL) {
			err->sys = EISDIR;
		}
		return -1;
	}
	/* Of files under /proc the length is not known before they are read. */
	if (!ours || !S_ISREG(st.st_mode) || st.st_size == 0) {
		return envoi_spool_read(source, fd, err);
	}
	source->kind = ENVOI_SOURCE_PATH;
	if (source->mbox != ENVOI_MBOX_NONE) {
		/* Offsets will be kept: it has to stay what it is. */
		envoi_source_identify(source, &st);
	}
	return 0;
}

int envoi_input_source(const char *path, enum envoi_mbox mbox,
	struct envoi_source **ret_source, struct envoi_error *err)
{
	struct envoi_source *source = NULL;
	int fd = -1;
	bool ours = false;
	if (envoi_source_new(path, &source, err) != 0) {
		return -1;
	}
	source->mbox = mbox;
	int result = open_file(source, &ours, &fd, err);
	if (result == 0) {
		result = take_file(source, fd, ours, err);
	}
	if (ours) {
		(void)close(fd);
	}
	if (result != 0) {
		envoi_source_unref(source);
		return -1;
	}
	*ret_source = source;
	return 0;
}

int envoi_input_of(struct envoi_source *source, struct envoi_input **ret_input,
	struct envoi_error *err)
{
	struct envoi_input *input = calloc(1, sizeof(*input));
	if (input == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	input->source = envoi_source_ref(source);
	*ret_input = input;
	return 0;
}

int envoi_input_open(const char *path, enum envoi_mbox mbox,
	struct envoi_input **ret_input, struct envoi_error *err)
{
	struct envoi_input *input = calloc(1, sizeof(*input));
	if (input == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	input->mbox = mbox;
	input->line = 1;
	/* A file is the rule: whether it is a Maildir is asked when it is none. */
	struct envoi_error why = ENVOI_ERROR_NONE;
	int result = envoi_input_source(path, mbox, &input->source, &why);
	if (result != 0 && strcmp(path, "-") != 0 && envoi_maildir_is(path)) {
		result = envoi_maildir_list_open(path, &input->maildir, err);
	} else if (result != 0 && err != NULL) {
		*err = why;
	}
	if (result != 0) {
		if (err != NULL && err->sys == EISDIR) {
			envoi_error_hint(err, "no Maildir either: it has no cur and new");
		}
		envoi_input_free(input);
		return -1;
	}
	*ret_input = input;
	return 0;
}

int envoi_input_copy(struct envoi_input *input,
	int (*take)(void *context, const char *data, size_t n, struct envoi_error *err),
	void *context, struct envoi_error *err)
{
	struct envoi_view view;
	struct envoi_reader reader = {0};
	struct envoi_span span;
	if (input->maildir != NULL || input->mbox != ENVOI_MBOX_NONE) {
		return envoi_error_set(
			err, ENVOI_STATUS_BUG, "an input of many messages");
	}
	if (envoi_view_open(&view, input->source, err) != 0) {
		return -1;
	}
	int result = 0;
	envoi_reader_init(&reader, &view, 0, input->source->size, ENVOI_LIMIT_BLOCK,
		ENVOI_MBOX_NONE);
	while (result == 0 && (result = envoi_reader_next(&reader, &span, err)) == 0
		&& span.len > 0) {
		result = take(context, span.data, span.len, err);
	}
	envoi_reader_finish(&reader);
	envoi_view_close(&view);
	return result;
}

void envoi_input_free(struct envoi_input *input)
{
	if (input != NULL) {
		if (input->source != NULL) {
			envoi_source_release(input->source);
		}
		envoi_source_unref(input->source);
		envoi_maildir_list_free(input->maildir);
		free(input->window);
		free(input);
	}
}

/* At least want octets at offset, fewer only at the end of the file; valid
 * until the next call. */
static int look(struct envoi_input *input, const struct envoi_view *view, uint64_t offset,
	size_t want, struct envoi_span *ret_span, struct envoi_error *err)
{
	uint64_t left = input->source->size - offset;
	if (left < want) {
		want = (size_t)left;
	}
	if (offset < input->window_at || offset - input->window_at > input->window_len
		|| input->window_len - (size_t)(offset - input->window_at) < want) {
		input->window_at = offset;
		input->window_len = 0;
	}
	while (input->window_at + input->window_len < offset + want) {
		size_t n = ENVOI_LIMIT_BLOCK - input->window_len;
		if (left - input->window_len < n) {
			n = (size_t)(left - input->window_len);
		}
		if (envoi_view_read(view, offset + input->window_len,
			    input->window + input->window_len, n, &n, err)
			!= 0) {
			return -1;
		}
		input->window_len += n;
	}
	size_t skip = (size_t)(offset - input->window_at);
	*ret_span = (struct envoi_span){input->window + skip, input->window_len - skip};
	return 0;
}

/* A walk over lines. */
struct walk {
	uint64_t offset;
	uint64_t line;
	/** Where the current line begins, and its first octet. */
	uint64_t line_at;
	char first;
	/** The line before is empty, and where it begins. */
	bool after_empty;
	uint64_t empty_at;
};

/* Goes to the start of the next line whose first octet is 'F' behind an empty
 * one, or to the end of the file. */
static int walk_lines(struct envoi_input *input, const struct envoi_view *view,
	struct walk *walk, struct envoi_error *err)
{
	while (walk->offset < input->source->size) {
		struct envoi_span s;
		if (look(input, view, walk->offset, 1, &s, err) != 0) {
			return -1;
		}
		const char *p = s.data;
		const char *limit = s.data + s.len;
		while (p < limit) {
			uint64_t offset = walk->offset + (uint64_t)(p - s.data);
			if (offset == walk->line_at) {
				walk->first = *p;
				if (*p == 'F' && walk->after_empty) {
					walk->offset = offset;
					return 0;
				}
			}
			const char *lf = memchr(p, '\n', (size_t)(limit - p));
			if (lf == NULL) {
				break;
			}
			uint64_t length =
				walk->offset + (uint64_t)(lf - s.data) - walk->line_at;
			walk->after_empty =
				length == 0 || (length == 1 && walk->first == '\r');
			walk->empty_at = walk->line_at;
			walk->line_at += length + 1;
			walk->line++;
			p = lf + 1;
		}
		walk->offset += s.len;
	}
	/* A last line without an end is not an empty one. */
	walk->after_empty = walk->after_empty && walk->line_at == walk->offset;
	return 0;
}

/* Goes to the next separator, or to the end of the file. */
static int find_separator(struct envoi_input *input, const struct envoi_view *view,
	struct walk *walk, struct envoi_error *err)
{
	for (;;) {
		struct envoi_span s;
		if (walk_lines(input, view, walk, err) != 0) {
			return -1;
		}
		if (walk->offset == input->source->size) {
			return 0;
		}
		if (look(input, view, walk->offset, ENVOI_MBOX_SEPARATOR, &s, err) != 0) {
			return -1;
		}
		bool at_end = walk->offset + s.len == input->source->size;
		size_t n = s.len < ENVOI_MBOX_SEPARATOR ? s.len : ENVOI_MBOX_SEPARATOR;
		if (envoi_mbox_is_separator(s.data, n, at_end && n == s.len)) {
			return 0;
		}
		walk->after_empty = false;
	}
}

/* Behind the separator that walk stands at. */
static int skip_separator(struct envoi_input *input, const struct envoi_view *view,
	struct walk *walk, struct envoi_error *err)
{
	struct envoi_span s;
	if (look(input, view, walk->offset, ENVOI_MBOX_SEPARATOR, &s, err) != 0) {
		return -1;
	}
	const char *lf = memchr(s.data, '\n', s.len);
	walk->offset += lf != NULL ? (uint64_t)(lf - s.data) + 1 : s.len;
	walk->line++;
	walk->line_at = walk->offset;
	walk->after_empty = false;
	return 0;
}

/* Goes to the first separator; empty lines may stand before it. */
static int find_first(struct envoi_input *input, const struct envoi_view *view,
	struct walk *walk, struct envoi_error *err)
{
	struct envoi_span s;
	while (walk->offset < input->source->size) {
		if (look(input, view, walk->offset, ENVOI_MBOX_SEPARATOR, &s, err) != 0) {
			return -1;
		}
		size_t n = s.data[0] == '\r' ? 1 : 0;
		if (n == s.len || s.data[n] != '\n') {
			break;
		}
		walk->offset += n + 1;
		walk->line++;
	}
	walk->line_at = walk->offset;
	walk->after_empty = true;
	uint64_t first = walk->offset;
	if (first == input->source->size) {
		return 0;
	}
	if (find_separator(input, view, walk, err) != 0) {
		return -1;
	}
	if (walk->offset != first) {
		char label[200];
		return envoi_error_set(err, ENVOI_STATUS_DATA,
			"%s is no mbox: it does not begin with a \"From \" line with a "
			"date",
			envoi_source_label(input->source, label));
	}
	return 0;
}

static int next_in_mbox(struct envoi_input *input, const struct envoi_view *view,
	struct envoi_message **ret_message, struct envoi_error *err)
{
	struct walk walk = {
		.offset = input->at, .line = input->line, .line_at = input->at};
	if (input->count == 0 && find_first(input, view, &walk, err) != 0) {
		return -1;
	}
	if (walk.offset == input->source->size) {
		envoi_source_release(input->source);
		*ret_message = NULL;
		return 0;
	}
	if (skip_separator(input, view, &walk, err) != 0) {
		return -1;
	}
	uint64_t start = walk.offset;
	uint64_t first_line = walk.line;
	if (find_separator(input, view, &walk, err) != 0) {
		return -1;
	}
	/* The one empty line that ends each message of an mbox is not its own. */
	uint64_t end = walk.after_empty ? walk.empty_at : walk.offset;
	if (envoi_message_new(input->source, start, end, first_line, input->count + 1,
		    ret_message, err)
		!= 0) {
		return -1;
	}
	input->count++;
	input->at = walk.offset;
	input->line = walk.line;
	return 0;
}

/* Its file is not looked at yet: what is wrong with it, the scan tells. */
static int next_in_maildir(struct envoi_maildir_list *maildir,
	struct envoi_message **ret_message, struct envoi_error *err)
{
	struct envoi_source *source = NULL;
	const char *path = envoi_maildir_list_next(maildir);
	*ret_message = NULL;
	if (path == NULL) {
		return 0;
	}
	if (envoi_source_new(path, &source, err) != 0) {
		return -1;
	}
	source->kind = ENVOI_SOURCE_PATH;
	source->maildir = true;
	int result = envoi_message_new(source, 0, 0, 1, 0, ret_message, err);
	envoi_source_unref(source);
	return result;
}

int envoi_input_next(struct envoi_input *input, struct envoi_message **ret_message,
	struct envoi_error *err)
{
	if (input->maildir != NULL) {
		return next_in_maildir(input->maildir, ret_message, err);
	}
	if (input->mbox == ENVOI_MBOX_NONE) {
		if (input->count > 0) {
			*ret_message = NULL;
			return 0;
		}
		if (envoi_message_new(input->source, 0, 0, 1, 0, ret_message, err) != 0) {
			return -1;
		}
		input->count++;
		return 0;
	}
	if (input->window == NULL) {
		input->window = malloc(ENVOI_LIMIT_BLOCK);
		if (input->window == NULL) {
			return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		}
	}
	struct envoi_view view;
	/* Opening it for each message would cost more than reading one. */
	input->source->held = true;
	if (envoi_view_open(&view, input->source, err) != 0) {
		return -1;
	}
	int result = next_in_mbox(input, &view, ret_message, err);
	envoi_view_close(&view);
	return result;
}
