/*
 * What happens to a message, written at the end of its file; see internal.h.
 *
 * A change counts when it is on disk, and not before: memory follows the file.
 */
#include <envoi/queue.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "queue/internal.h"

/* For some verdicts with the longest replies, and for each recipient one with a reply of
 * its own, as they mostly are: who is refused is named in it. */
#define ROOM 8192
#define ROOM_EACH 256
/* From this length on a journal has no more of what may be forgotten, and from that one
 * on no texts: one that is too long to be read would make the message a damaged one. */
#define LONG (ENVOI_LIMIT_JOURNAL / 2)
#define TOO_LONG (ENVOI_LIMIT_JOURNAL / 4 * 3)

const char *envoi_fate_name(enum envoi_fate fate)
{
	static const char *const names[] = {"waiting", "delivered", "failed", "told"};
	return names[fate];
}

static void apply_revive(struct envoi_entry *entry, int64_t at)
{
	for (size_t i = 0; i < entry->envelope.envelope.count; i++) {
		struct envoi_verdict *verdict = &entry->verdicts[i];
		if (verdict->fate != ENVOI_FATE_DELIVERED) {
			verdict->fate = ENVOI_FATE_WAITING;
		}
	}
	entry->trials = (struct envoi_trials){.since = at, .why = entry->trials.why};
}

static bool apply(struct envoi_entry *entry, const struct envoi_record *record)
{
	struct envoi_trials *trials = &entry->trials;
	bool held = trials->held;
	int64_t since = trials->since;
	switch (record->kind) {
	case ENVOI_RECORD_VERDICT:
		for (size_t i = 0; i < record->count; i++) {
			size_t r = envoi_record_index(record, i);
			if (r >= entry->envelope.envelope.count) {
				return false;
			}
			entry->verdicts[r] = record->verdict;
		}
		return true;
	case ENVOI_RECORD_TRIAL:
		*trials = record->trials;
		trials->held = held;
		trials->since = since;
		return true;
	case ENVOI_RECORD_HOLD:
		trials->held = record->trials.held;
		return true;
	case ENVOI_RECORD_REVIVE:
		apply_revive(entry, record->at);
		return true;
	}
	return false;
}

/* The records of a block that stands at offset. */
static int take_records(struct envoi_entry *entry, struct envoi_span rest,
	uint64_t offset, struct envoi_error *err)
{
	for (;;) {
		struct envoi_record record;
		size_t size = 0;
		switch (envoi_record_get(rest, offset, &record, &size)) {
		case ENVOI_RECORD_END:
		case ENVOI_RECORD_FREE:
			entry->end = offset;
			return 0;
		case ENVOI_RECORD_TORN:
			entry->end = offset;
			entry->torn = true;
			return 0;
		case ENVOI_RECORD_GOOD:
			if (apply(entry, &record)) {
				break;
			}
			/* Fall through. */
		case ENVOI_RECORD_BAD:
			(void)envoi_error_set(err, ENVOI_STATUS_DATA,
				"what was delivered is not known any more");
			return ENVOI_QUEUE_BAD;
		}
		rest.data += size;
		rest.len -= size;
		offset += size;
	}
}

static struct block *add_block(struct envoi_entry *entry, size_t n)
{
	struct block *block = malloc(sizeof(*block) + n + 1);
	if (block != NULL) {
		block->next = entry->blocks;
		entry->blocks = block;
	}
	return block;
}

int envoi_journal_read(struct envoi_entry *entry, uint64_t size, struct envoi_error *err)
{
	uint64_t start = envoi_format_journal(&entry->head);
	entry->trials.since = entry->envelope.envelope.created;
	entry->end = start;
	if (size == start) {
		return 0;
	}
	if (size - start > ENVOI_LIMIT_JOURNAL) {
		(void)envoi_error_set(err, ENVOI_STATUS_DATA, "its journal is too long");
		return ENVOI_QUEUE_BAD;
	}
	size_t n = (size_t)(size - start);
	struct block *block = add_block(entry, n);
	if (block == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	int result = 0;
	if (start + n <= entry->front_length) {
		memcpy(block->octets, entry->front + start, n);
	} else {
		result = envoi_file_read(entry->fd, start, block->octets, n);
	}
	if (result != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_TEMPORARY,
			result > 0 ? EIO : errno, "cannot read %s of queue '%s'",
			entry->id, entry->queue->path);
	}
	return take_records(entry, (struct envoi_span){block->octets, n}, start, err);
}

/* -- writing ------------------------------------------------------------------- */

static int not_written(const struct envoi_entry *entry, struct envoi_error *err)
{
	return envoi_error_sys(err, ENVOI_STATUS_TEMPORARY, errno,
		"cannot write to %s of queue '%s'", entry->id, entry->queue->path);
}

/* The record in buffer as octets that last as long as the entry. Frees the buffer. */
static int keep_record(struct envoi_entry *entry, struct envoi_buffer *buffer,
	struct envoi_span *ret_record, struct envoi_error *err)
{
	struct envoi_span span = envoi_buffer_span(buffer);
	struct block *block = add_block(entry, span.len);
	if (block == NULL || span.len == 0) {
		envoi_buffer_finish(buffer);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	memcpy(block->octets, span.data, span.len);
	envoi_buffer_finish(buffer);
	*ret_record = (struct envoi_span){block->octets, span.len};
	return 0;
}

/* A write that failed is tried once more, unlike a sync: what it says, that somebody
 * has the message, is not known to anybody else. */
static int write_record(const struct envoi_entry *entry, struct envoi_span record)
{
	return envoi_file_write(entry->fd, entry->end, record.data, record.len) == 0
			       || envoi_file_write(
					  entry->fd, entry->end, record.data, record.len)
					  == 0
		       ? 0
		       : -1;
}

/* Writes, and syncs, the record in buffer, which stands at the entry's end, and
 * follows it. Frees the buffer. */
static int append(struct envoi_entry *entry, struct envoi_buffer *buffer, bool sync,
	struct envoi_error *err)
{
	struct envoi_span record;
	if (keep_record(entry, buffer, &record, err) != 0) {
		return -1;
	}
	/* A torn one stays where it is until something is to be written. */
	if (entry->torn && ftruncate(entry->fd, (off_t)entry->end) != 0) {
		return not_written(entry, err);
	}
	entry->torn = true;
	if (write_record(entry, record) != 0 || (sync && fdatasync(entry->fd) != 0)) {
		return not_written(entry, err);
	}
	entry->torn = false;
	return take_records(entry, record, entry->end, err) == 0 ? 0 : -1;
}

static uint64_t length_of(const struct envoi_entry *entry)
{
	return entry->end - envoi_format_journal(&entry->head);
}

/* A single recipient has the message: the file goes, and anything else may be forgotten.
 * Unless the sender is to be told of it: that is two steps. */
static bool needs_record(const struct envoi_queue_envelope *envelope)
{
	const char *notify = envelope->recipients[0].notify;
	return envelope->count > 1 || (notify != NULL && strstr(notify, "SUCCESS"));
}

int envoi_entry_reserve(struct envoi_entry *entry, struct envoi_error *err)
{
	size_t room = ROOM + ROOM_EACH * envoi_entry_count(entry, ENVOI_FATE_WAITING);
	uint64_t most = ENVOI_LIMIT_JOURNAL - length_of(entry);
	int sys;
	room = room < most ? room : (size_t)most;
	if (!needs_record(&entry->envelope.envelope)) {
		return 0;
	}
	if (entry->torn && ftruncate(entry->fd, (off_t)entry->end) != 0) {
		return not_written(entry, err);
	}
	entry->torn = false;
	do {
		sys = posix_fallocate(entry->fd, (off_t)entry->end, (off_t)room);
	} while (sys == EINTR);
	if (sys != 0 && sys != EINVAL && sys != EOPNOTSUPP) {
		errno = sys;
		return not_written(entry, err);
	}
	return 0;
}

int envoi_journal_note(struct envoi_entry *entry, const size_t *indices, size_t n,
	const struct envoi_verdict *verdict, struct envoi_error *err)
{
	struct envoi_buffer buffer;
	struct envoi_span record;
	uint64_t end = entry->end;
	envoi_buffer_init(&buffer, ENVOI_LIMIT_JOURNAL);
	(void)envoi_record_put_verdict(&buffer, end, verdict, indices, n);
	if (keep_record(entry, &buffer, &record, err) != 0) {
		return -1;
	}
	int result = take_records(entry, record, end, err);
	entry->end = end;
	return result == 0 ? 0 : -1;
}

int envoi_entry_settle(struct envoi_entry *entry, const size_t *indices, size_t n,
	const struct envoi_verdict *verdict, struct envoi_error *err)
{
	struct envoi_buffer buffer;
	struct envoi_verdict wordless = *verdict;
	/* That it still waits may be forgotten. */
	bool matters = verdict->fate != ENVOI_FATE_WAITING || verdict->doubtful;
	if (!matters && length_of(entry) > LONG) {
		return envoi_journal_note(entry, indices, n, verdict, err);
	}
	wordless.text = wordless.server = NULL;
	envoi_buffer_init(&buffer, ENVOI_LIMIT_JOURNAL);
	(void)envoi_record_put_verdict(&buffer, entry->end,
		length_of(entry) > TOO_LONG ? &wordless : verdict, indices, n);
	return append(entry, &buffer, matters, err);
}

int envoi_entry_defer(struct envoi_entry *entry, const struct envoi_trials *trials,
	struct envoi_error *err)
{
	struct envoi_buffer buffer;
	envoi_buffer_init(&buffer, ENVOI_LIMIT_JOURNAL);
	(void)envoi_record_put_trial(&buffer, entry->end, trials);
	return append(entry, &buffer, false, err);
}

int envoi_entry_hold(struct envoi_entry *entry, bool held, struct envoi_error *err)
{
	struct envoi_buffer buffer;
	envoi_buffer_init(&buffer, ENVOI_LIMIT_JOURNAL);
	(void)envoi_record_put_hold(&buffer, entry->end, held);
	return append(entry, &buffer, true, err);
}

int envoi_entry_revive(struct envoi_entry *entry, int64_t now, struct envoi_error *err)
{
	struct envoi_buffer buffer;
	envoi_buffer_init(&buffer, ENVOI_LIMIT_JOURNAL);
	(void)envoi_record_put_revive(&buffer, entry->end, now);
	if (append(entry, &buffer, true, err) != 0) {
		return -1;
	}
	return envoi_entry_move(entry, ENVOI_QUEUE_MAIL, err);
}
