/*
 * Messages coming in: written under a lock where nobody sees them, synced, and
 * then given their name; see internal.h.
 */
#include <envoi/queue.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/gnu.h"
#include "base/limits.h"
#include "queue/internal.h"

/* Octets after which it is looked whether there is space for more. */
#define SPACE_STEP (16u << 20)

struct envoi_draft {
	struct envoi_queue *queue;
	/** Its name in the queue, and in tmp/. */
	char id[ENVOI_QUEUE_ID_SIZE], temporary[ENVOI_QUEUE_ID_SIZE];
	int fd;
	/** It is to be dropped; it has a name in tmp/. */
	bool made, named;
	bool addressed;
	struct envoi_format_head head;
	struct envoi_checksum sum;
	/** What is not written yet, and where it goes. */
	char *block;
	size_t n;
	uint64_t at;
	uint64_t space_checked;
};

static int trouble(const struct envoi_draft *draft, struct envoi_error *err)
{
	return envoi_folder_trouble(draft->queue, err);
}

int envoi_draft_new(struct envoi_queue *queue, struct envoi_draft **ret_draft,
	struct envoi_error *err)
{
	struct envoi_draft *draft = calloc(1, sizeof(*draft));
	if (draft == NULL || (draft->block = malloc(ENVOI_LIMIT_BLOCK)) == NULL) {
		free(draft);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	draft->queue = queue;
	draft->fd = -1;
	if (envoi_queue_make_id(draft->id, err) != 0) {
		envoi_draft_free(draft);
		return -1;
	}
	memcpy(draft->temporary, draft->id, sizeof(draft->id));
	draft->fd = envoi_folder_make(queue, draft->temporary, &draft->named, err);
	if (draft->fd < 0) {
		envoi_draft_free(draft);
		return -1;
	}
	draft->made = true;
	*ret_draft = draft;
	return 0;
}

void envoi_draft_free(struct envoi_draft *draft)
{
	if (draft == NULL) {
		return;
	}
	if (draft->made) {
		envoi_folder_drop(draft->queue, draft->named ? draft->temporary : NULL);
	}
	if (draft->fd >= 0) {
		(void)envoi_gnu_unlock(draft->fd);
		(void)close(draft->fd);
	}
	free(draft->block);
	free(draft);
}

/* -- its content --------------------------------------------------------------- */

/* Twice the message and the reserve have to be free: its bounce may be as large. In
 * a shared queue the reserve is for bounces, and for root. */
static int check_space(struct envoi_draft *draft, uint64_t size, struct envoi_error *err)
{
	struct statvfs fs;
	if (fstatvfs(draft->fd, &fs) != 0) {
		return trouble(draft, err);
	}
	uint64_t blocks = geteuid() == 0 ? fs.f_bfree : fs.f_bavail;
	bool may_use_all = draft->queue->shared && draft->queue->keeper == NULL;
	uint64_t reserve = may_use_all ? 0 : draft->queue->reserve;
	uint64_t wanted = size < UINT64_MAX / 4 ? (may_use_all ? 1 : 2) * size + reserve
						: UINT64_MAX;
	/* File systems without numbers say 0 of 0. */
	if (fs.f_blocks > 0 && wanted / fs.f_frsize > blocks) {
		return envoi_error_set(err, ENVOI_STATUS_TEMPORARY, "queue '%s' is full",
			draft->queue->path);
	}
	draft->space_checked = draft->at + size;
	return 0;
}

static int flush(struct envoi_draft *draft, struct envoi_error *err)
{
	if (draft->at > draft->space_checked + SPACE_STEP
		&& check_space(draft, SPACE_STEP, err) != 0) {
		return -1;
	}
	if (envoi_file_write(draft->fd, draft->at, draft->block, draft->n) != 0) {
		return trouble(draft, err);
	}
	draft->at += draft->n;
	draft->n = 0;
	return 0;
}

static int put(
	struct envoi_draft *draft, const char *data, size_t n, struct envoi_error *err)
{
	while (n > 0) {
		size_t room = ENVOI_LIMIT_BLOCK - draft->n;
		size_t take = n < room ? n : room;
		memcpy(draft->block + draft->n, data, take);
		draft->n += take;
		data += take;
		n -= take;
		if (draft->n == ENVOI_LIMIT_BLOCK && flush(draft, err) != 0) {
			return -1;
		}
	}
	return 0;
}

int envoi_draft_address(struct envoi_draft *draft,
	const struct envoi_queue_envelope *envelope, uint64_t size,
	struct envoi_error *err)
{
	static const char no_head[ENVOI_FORMAT_HEAD];
	struct envoi_buffer octets;
	if (draft->queue->shared
		&& (envelope->config != NULL || envelope->setting_count > 0)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"queue '%s' takes no messages with settings of their own",
			draft->queue->path);
	}
	envoi_buffer_init(&octets, ENVOI_LIMIT_ENVELOPE);
	int result = envoi_format_put_envelope(&octets, envelope, err);
	struct envoi_span span = envoi_buffer_span(&octets);
	if (envelope->id != NULL && envoi_queue_is_id(envelope->id)) {
		memcpy(draft->id, envelope->id, sizeof(draft->id));
	}
	if (result == 0) {
		draft->head = (struct envoi_format_head){
			.version = ENVOI_FORMAT_VERSION,
			.envelope_length = span.len,
			.envelope_sum = envoi_checksum_of(span.data, span.len, 0),
		};
		result = check_space(draft, span.len + size, err);
	}
	if (result == 0 && put(draft, no_head, sizeof(no_head), err) == 0) {
		result = put(draft, span.data, span.len, err);
	}
	envoi_buffer_finish(&octets);
	envoi_checksum_init(&draft->sum, 0);
	draft->addressed = result == 0;
	return result;
}

int envoi_draft_put(
	struct envoi_draft *draft, const char *data, size_t n, struct envoi_error *err)
{
	envoi_checksum_add(&draft->sum, data, n);
	draft->head.message_length += n;
	return put(draft, data, n, err);
}

/* -- commit -------------------------------------------------------------------- */

/* All that is left to write, the head last, or with the rest when it is still in
 * memory. */
static int finish_file(struct envoi_draft *draft, struct envoi_error *err)
{
	static const char zeroes[8];
	unsigned char head[ENVOI_FORMAT_HEAD];
	const char *mark = (const char *)envoi_format_mark;
	draft->head.message_sum = envoi_checksum_value(&draft->sum);
	envoi_format_put_head(&draft->head, head);
	if (put(draft, mark, ENVOI_FORMAT_MARK, err) != 0) {
		return -1;
	}
	uint64_t end = draft->at + draft->n;
	if (put(draft, zeroes, (size_t)(envoi_format_journal(&draft->head) - end), err)
		!= 0) {
		return -1;
	}
	if (draft->at == 0) {
		memcpy(draft->block, head, sizeof(head));
	}
	bool apart = draft->at > 0;
	if (flush(draft, err) != 0) {
		return -1;
	}
	if (apart && envoi_file_write(draft->fd, 0, head, sizeof(head)) != 0) {
		return trouble(draft, err);
	}
	return fsync(draft->fd) == 0 ? 0 : trouble(draft, err);
}

int envoi_draft_commit(struct envoi_draft *draft, struct envoi_entry **ret_entry,
	struct envoi_error *err)
{
	struct envoi_queue *queue = draft->queue;
	struct envoi_entry *entry = NULL;
	int result = -1;
	if (!draft->addressed) {
		(void)envoi_error_set(err, ENVOI_STATUS_BUG, "no recipients given");
	} else if (finish_file(draft, err) == 0) {
		/* Read before it has its name: what fails must fail now. */
		result = envoi_entry_open(
			queue, ENVOI_QUEUE_MAIL, draft->id, draft->fd, &entry, err);
	}
	if (result == 0) {
		result = envoi_folder_publish(queue, draft->temporary, draft->id,
			draft->fd, &draft->named, err);
		draft->made = result != 0;
	}
	if (entry != NULL) {
		/* It has the descriptor. */
		draft->fd = -1;
	}
	if (result != 0) {
		envoi_entry_free(entry);
	} else {
		*ret_entry = entry;
	}
	envoi_draft_free(draft);
	return result == 0 ? 0 : -1;
}

/* -- a whole message ----------------------------------------------------------- */

static int copy_body(
	struct envoi_draft *draft, struct envoi_message *message, struct envoi_error *err)
{
	struct envoi_body *body = NULL;
	char *block = malloc(ENVOI_LIMIT_BLOCK);
	if (block == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	int result = envoi_body_open(envoi_message_as_it_is(message), false, &body, err);
	bool last = false;
	while (result == 0 && !last) {
		size_t n = 0;
		result = envoi_body_read(body, block, ENVOI_LIMIT_BLOCK, &n, &last, err);
		if (result == 0) {
			result = envoi_draft_put(draft, block, n, err);
		}
	}
	envoi_body_close(body);
	free(block);
	return result;
}

static int add_once(struct envoi_queue *queue,
	const struct envoi_queue_envelope *envelope, struct envoi_message *message,
	struct envoi_entry **ret_entry, struct envoi_error *err)
{
	struct envoi_draft *draft = NULL;
	if (envoi_draft_new(queue, &draft, err) != 0) {
		return -1;
	}
	if (envoi_draft_address(draft, envelope, envoi_message_facts(message)->size, err)
			!= 0
		|| copy_body(draft, message, err) != 0) {
		envoi_draft_free(draft);
		return -1;
	}
	return envoi_draft_commit(draft, ret_entry, err);
}

int envoi_queue_add(struct envoi_queue *queue,
	const struct envoi_queue_envelope *envelope, struct envoi_message *message,
	struct envoi_entry **ret_entry, struct envoi_error *err)
{
	if (envoi_message_scan(message, err) != 0) {
		return -1;
	}
	int result = add_once(queue, envelope, message, ret_entry, err);
	if (result != 0 && err->status == ENVOI_STATUS_TEMPORARY && err->sys == EIO) {
		result = add_once(queue, envelope, message, ret_entry, err);
	}
	return result;
}
