/*
 * Getting at messages of the spool: opening, checking, locking, moving,
 * removing; see internal.h.
 */
#include <envoi/queue.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/gnu.h"
#include "base/limits.h"
#include "message/source.h"
#include "queue/internal.h"

/* Those who only look hold a lock for a moment. */
#define LOCK_TRIES 5
/* What is read at once of a file. */
#define FRONT 4096

const char *envoi_entry_id(const struct envoi_entry *entry)
{
	return entry->id;
}

const struct envoi_queue_envelope *envoi_entry_envelope(const struct envoi_entry *entry)
{
	return &entry->envelope.envelope;
}

const struct envoi_verdict *envoi_entry_verdicts(const struct envoi_entry *entry)
{
	return entry->verdicts;
}

const struct envoi_trials *envoi_entry_trials(const struct envoi_entry *entry)
{
	return &entry->trials;
}

uint64_t envoi_entry_size(const struct envoi_entry *entry)
{
	return entry->head.message_length;
}

size_t envoi_entry_count(const struct envoi_entry *entry, enum envoi_fate fate)
{
	size_t n = 0;
	for (size_t i = 0; i < entry->envelope.envelope.count; i++) {
		n += entry->verdicts[i].fate == fate;
	}
	return n;
}

void envoi_entry_free(struct envoi_entry *entry)
{
	if (entry == NULL) {
		return;
	}
	if (entry->fd >= 0) {
		if (entry->claimed) {
			/* Not by closing it: a child may have a copy. */
			(void)envoi_gnu_unlock(entry->fd);
		}
		(void)close(entry->fd);
	}
	while (entry->blocks != NULL) {
		struct block *next = entry->blocks->next;
		free(entry->blocks);
		entry->blocks = next;
	}
	envoi_format_finish_envelope(&entry->envelope);
	free(entry->verdicts);
	free(entry);
}

/* -- reading ------------------------------------------------------------------- */

static int unreadable(const struct envoi_entry *entry, struct envoi_error *err)
{
	return envoi_error_sys(err, ENVOI_STATUS_TEMPORARY, errno,
		"cannot read %s of queue '%s'", entry->id, entry->queue->path);
}

static int damaged(const struct envoi_entry *entry, struct envoi_error *err)
{
	char why[sizeof(err->text)];
	(void)snprintf(why, sizeof(why), "%s", err->text);
	(void)envoi_error_set(err, ENVOI_STATUS_DATA, "%s of queue '%s' is damaged: %s",
		entry->id, entry->queue->path, why);
	return ENVOI_QUEUE_BAD;
}

/* Reads n octets into *ret; 0, -1, or BAD. */
static int read_part(struct envoi_entry *entry, uint64_t offset, void *out, size_t n,
	struct envoi_error *err)
{
	if (offset + n <= entry->front_length) {
		memcpy(out, entry->front + offset, n);
		return 0;
	}
	int result = envoi_file_read(entry->fd, offset, out, n);
	if (result > 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_DATA, "the file is too short");
		return ENVOI_QUEUE_BAD;
	}
	return result == 0 ? 0 : unreadable(entry, err);
}

static int read_envelope(struct envoi_entry *entry, struct envoi_error *err)
{
	size_t n = (size_t)entry->head.envelope_length;
	struct block *block = malloc(sizeof(*block) + n);
	if (block == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	block->next = entry->blocks;
	entry->blocks = block;
	int result = read_part(entry, ENVOI_FORMAT_HEAD, block->octets, n, err);
	if (result != 0) {
		return result;
	}
	if (envoi_checksum_of(block->octets, n, 0) != entry->head.envelope_sum) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_DATA, "the envelope's checksum is wrong");
		return ENVOI_QUEUE_BAD;
	}
	if (envoi_format_get_envelope(
		    (struct envoi_span){block->octets, n}, &entry->envelope, err)
		!= 0) {
		return err->status == ENVOI_STATUS_DATA ? ENVOI_QUEUE_BAD : -1;
	}
	entry->verdicts =
		calloc(entry->envelope.envelope.count, sizeof(*entry->verdicts));
	if (entry->verdicts == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	for (size_t i = 0; i < entry->envelope.envelope.count; i++) {
		entry->verdicts[i].text = entry->verdicts[i].server = "";
	}
	return 0;
}

/* The mark behind the message, and the zeroes behind that. */
static int check_mark(struct envoi_entry *entry, struct envoi_error *err)
{
	unsigned char found[ENVOI_FORMAT_MARK + 8], wanted[ENVOI_FORMAT_MARK + 8] = {0};
	uint64_t offset = envoi_format_message(&entry->head) + entry->head.message_length;
	size_t n = (size_t)(envoi_format_journal(&entry->head) - offset);
	memcpy(wanted, envoi_format_mark, ENVOI_FORMAT_MARK);
	int result = read_part(entry, offset, found, n, err);
	if (result == 0 && memcmp(found, wanted, n) != 0) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_DATA, "the message has no end mark");
		result = ENVOI_QUEUE_BAD;
	}
	return result;
}

/* All but the message. 0, BAD or -1. */
static int read_entry(struct envoi_entry *entry, uint64_t size, struct envoi_error *err)
{
	unsigned char head[ENVOI_FORMAT_HEAD];
	int result = read_part(entry, 0, head, sizeof(head), err);
	if (result == 0 && envoi_format_get_head(head, &entry->head, err) != 0) {
		result = ENVOI_QUEUE_BAD;
	}
	if (result == 0 && entry->head.version > ENVOI_FORMAT_VERSION) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"%s of queue '%s' was written by a later envoi", entry->id,
			entry->queue->path);
	}
	if (result == 0 && size < envoi_format_journal(&entry->head)) {
		(void)envoi_error_set(err, ENVOI_STATUS_DATA, "the file is too short");
		result = ENVOI_QUEUE_BAD;
	}
	if (result == 0) {
		result = read_envelope(entry, err);
	}
	if (result == 0 && entry->queue->shared
		&& (entry->envelope.envelope.config != NULL
			|| entry->envelope.envelope.setting_count > 0)) {
		/* Not written by us; the runner has secrets of others. */
		(void)envoi_error_set(
			err, ENVOI_STATUS_DATA, "it has settings of its own");
		result = ENVOI_QUEUE_BAD;
	}
	if (result == 0) {
		result = check_mark(entry, err);
	}
	if (result == 0) {
		result = envoi_journal_read(entry, size, err);
	}
	return result > 0 ? damaged(entry, err) : result;
}

static int check_message(struct envoi_entry *entry, struct envoi_error *err)
{
	struct envoi_checksum sum;
	uint64_t at = envoi_format_message(&entry->head);
	uint64_t left = entry->head.message_length;
	size_t size = left < ENVOI_LIMIT_BLOCK ? (size_t)left + 1 : ENVOI_LIMIT_BLOCK;
	char *block = malloc(size);
	if (block == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	envoi_checksum_init(&sum, 0);
	int result = 0;
	while (result == 0 && left > 0) {
		size_t n = left < size ? (size_t)left : size;
		result = read_part(entry, at, block, n, err);
		envoi_checksum_add(&sum, block, result == 0 ? n : 0);
		at += n;
		left -= n;
	}
	free(block);
	if (result == 0 && envoi_checksum_value(&sum) != entry->head.message_sum) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_DATA, "the message's checksum is wrong");
		result = ENVOI_QUEUE_BAD;
	}
	return result > 0 ? damaged(entry, err) : result;
}

/* Whose file is it, and who else gets at it? */
static int check_file(
	const struct envoi_entry *entry, const struct stat *st, struct envoi_error *err)
{
	const char *fault = NULL;
	mode_t closed = S_IRWXO | S_ISUID | S_ISGID;
	if (!entry->queue->shared) {
		closed |= S_IRWXG;
	}
	if (!S_ISREG(st->st_mode)) {
		fault = "it is no regular file";
	} else if (st->st_nlink > 1) {
		fault = "the file has other names, too";
	} else if (!entry->queue->shared && st->st_uid != geteuid()) {
		fault = "it is another user's file";
	} else if ((st->st_mode & closed) != 0) {
		fault = "others have access to the file";
	}
	if (fault == NULL) {
		return 0;
	}
	(void)envoi_error_set(err, ENVOI_STATUS_DATA, "%s", fault);
	return damaged(entry, err);
}

int envoi_entry_open(struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, int fd, struct envoi_entry **ret_entry, struct envoi_error *err)
{
	struct stat st;
	struct envoi_entry *entry = calloc(1, sizeof(*entry));
	if (entry == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	*entry = (struct envoi_entry){.queue = queue, .place = place, .fd = fd};
	memcpy(entry->id, id, sizeof(entry->id));
	entry->trials.why = "";
	int result = fstat(fd, &st) == 0 ? 0 : unreadable(entry, err);
	if (result == 0) {
		result = check_file(entry, &st, err);
	}
	if (result == 0) {
		char front[FRONT];
		size_t n = st.st_size < FRONT ? (size_t)st.st_size : FRONT;
		/* If that fails, the parts are read one by one, and tell why. */
		entry->front_length = envoi_file_read(fd, 0, front, n) == 0 ? n : 0;
		entry->front = front;
		result = read_entry(entry, (uint64_t)st.st_size, err);
		entry->front_length = 0;
		entry->front = NULL;
	}
	if (result != 0) {
		entry->fd = -1;
		envoi_entry_free(entry);
		return result;
	}
	if (queue->shared) {
		/* What nobody can have made up. */
		entry->envelope.envelope.uid = (uint64_t)st.st_uid;
	}
	entry->claimed = true;
	*ret_entry = entry;
	return ENVOI_QUEUE_GOT;
}

/* -- by its name --------------------------------------------------------------- */

/* Opens what has this name if it is a regular file. -1 with errno; EBADF: it is
 * something else. */
static int open_name(
	const struct envoi_queue *queue, enum envoi_queue_place place, const char *id)
{
	struct stat st;
	if (envoi_folder_stat(queue, place, id, &st) != 0) {
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		errno = EBADF;
		return -1;
	}
	/* Should it be a FIFO by now: do not wait. */
	return envoi_folder_open(queue, place, id, true);
}

static int open_failed(struct envoi_queue *queue, const char *id, struct envoi_error *err)
{
	if (errno == ENOENT) {
		(void)envoi_error_set(err, ENVOI_STATUS_NOINPUT,
			"there is no %.40s in queue '%s'", id, queue->path);
		return ENVOI_QUEUE_GONE;
	}
	/* The last one is what opening a socket says. */
	if (errno == EBADF || errno == ELOOP || errno == ENXIO) {
		(void)envoi_error_set(err, ENVOI_STATUS_DATA,
			"%s of queue '%s' is damaged: it is no regular file", id,
			queue->path);
		return ENVOI_QUEUE_BAD;
	}
	if (errno == EACCES) {
		(void)envoi_error_sys(err, ENVOI_STATUS_DATA, errno,
			"%s of queue '%s' cannot be read", id, queue->path);
		return ENVOI_QUEUE_BAD;
	}
	return envoi_error_sys(err, ENVOI_STATUS_TEMPORARY, errno,
		"cannot read %s of queue '%s'", id, queue->path);
}

int envoi_queue_look(struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, struct envoi_entry **ret_entry, struct envoi_error *err)
{
	if (!envoi_queue_is_id(id)) {
		errno = ENOENT;
		return open_failed(queue, id, err);
	}
	int fd = envoi_folder_open(queue, place, id, false);
	if (fd < 0) {
		return open_failed(queue, id, err);
	}
	int result = envoi_entry_open(queue, place, id, fd, ret_entry, err);
	if (result != ENVOI_QUEUE_GOT) {
		(void)close(fd);
	} else {
		(*ret_entry)->claimed = false;
	}
	return result;
}

bool envoi_entry_is_busy(const struct envoi_entry *entry)
{
	if (entry->claimed) {
		return false;
	}
	if (envoi_gnu_lock(entry->fd) != 0) {
		return true;
	}
	(void)envoi_gnu_unlock(entry->fd);
	return false;
}

static int lock(int fd)
{
	const struct timespec moment = {.tv_nsec = 2000000};
	int result = envoi_gnu_lock(fd);
	for (unsigned i = 1; i < LOCK_TRIES && result != 0 && errno == EWOULDBLOCK; i++) {
		(void)nanosleep(&moment, NULL);
		result = envoi_gnu_lock(fd);
	}
	return result;
}

/* Is this the file that has the name? */
static bool has_name(const struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, int fd)
{
	struct stat file, name;
	return fstat(fd, &file) == 0 && file.st_nlink > 0
	       && envoi_folder_stat(queue, place, id, &name) == 0
	       && file.st_dev == name.st_dev && file.st_ino == name.st_ino;
}

/* Out of the way, whatever it is. */
static void move_aside(
	const struct envoi_queue *queue, const char *id, struct envoi_error *err)
{
	bool moved = false;
	(void)envoi_folder_move(queue, ENVOI_QUEUE_MAIL, ENVOI_QUEUE_CORRUPT, id, &moved);
	if (moved) {
		envoi_error_hint(err, "it is in %s of the queue now",
			envoi_queue_place_name(ENVOI_QUEUE_CORRUPT));
	}
}

/* With the file open: locks it, reads and checks all of it. */
static int claim_file(struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, int fd, struct envoi_entry **ret_entry, struct envoi_error *err)
{
	if (lock(fd) != 0) {
		if (errno == EWOULDBLOCK) {
			(void)envoi_error_set(
				err, ENVOI_STATUS_TEMPORARY, "%s is being worked on", id);
			envoi_error_hint(err, "it is being sent, or another command has "
					      "it: try again later");
			return ENVOI_QUEUE_BUSY;
		}
		return open_failed(queue, id, err);
	}
	if (!has_name(queue, place, id, fd)) {
		errno = ENOENT;
		return open_failed(queue, id, err);
	}
	struct envoi_entry *entry = NULL;
	int result = envoi_entry_open(queue, place, id, fd, &entry, err);
	if (result == ENVOI_QUEUE_GOT && (result = check_message(entry, err)) != 0) {
		entry->fd = -1;
		envoi_entry_free(entry);
	} else if (result == ENVOI_QUEUE_GOT) {
		*ret_entry = entry;
	}
	return result;
}

int envoi_queue_claim(struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, struct envoi_entry **ret_entry, struct envoi_error *err)
{
	if (!envoi_queue_is_id(id)) {
		errno = ENOENT;
		return open_failed(queue, id, err);
	}
	int fd = open_name(queue, place, id);
	int result = fd >= 0 ? claim_file(queue, place, id, fd, ret_entry, err)
			     : open_failed(queue, id, err);
	if (result == ENVOI_QUEUE_BAD && place == ENVOI_QUEUE_MAIL) {
		move_aside(queue, id, err);
	}
	if (result != ENVOI_QUEUE_GOT && fd >= 0) {
		/* Closing it alone would do, were there no children. */
		(void)envoi_gnu_unlock(fd);
		(void)close(fd);
	}
	return result;
}

/* -- its message --------------------------------------------------------------- */

int envoi_entry_message(const struct envoi_entry *entry,
	struct envoi_message **ret_message, struct envoi_error *err)
{
	uint64_t start = envoi_format_message(&entry->head);
	return envoi_message_of_file(entry->id, entry->fd, start,
		start + entry->head.message_length, ret_message, err);
}

/* -- moving and removing ------------------------------------------------------- */

static int not_moved(const struct envoi_entry *entry, struct envoi_error *err)
{
	return envoi_error_sys(err, ENVOI_STATUS_TEMPORARY, errno,
		"cannot move %s in queue '%s'", entry->id, entry->queue->path);
}

int envoi_entry_move(
	struct envoi_entry *entry, enum envoi_queue_place place, struct envoi_error *err)
{
	bool moved = false;
	if (entry->place == place) {
		return 0;
	}
	int result =
		envoi_folder_move(entry->queue, entry->place, place, entry->id, &moved);
	if (moved) {
		entry->place = place;
	}
	return result == 0 ? 0 : not_moved(entry, err);
}

int envoi_entry_fail(struct envoi_entry *entry, struct envoi_error *err)
{
	return envoi_entry_move(entry, ENVOI_QUEUE_FAILED, err);
}

/* Is there anybody who does not have it, but these? */
static bool is_last(const struct envoi_entry *entry, const size_t *indices, size_t n)
{
	size_t open = envoi_entry_count(entry, ENVOI_FATE_WAITING)
		      + envoi_entry_count(entry, ENVOI_FATE_FAILED);
	for (size_t i = 0; i < n; i++) {
		enum envoi_fate fate = entry->verdicts[indices[i]].fate;
		open -= fate == ENVOI_FATE_WAITING || fate == ENVOI_FATE_FAILED;
	}
	return open == 0;
}

int envoi_entry_finish(struct envoi_entry *entry, const size_t *indices, size_t n,
	const struct envoi_verdict *verdict, struct envoi_error *err)
{
	struct envoi_queue *queue = entry->queue;
	if (!is_last(entry, indices, n) || entry->place != ENVOI_QUEUE_MAIL) {
		return envoi_error_set(
			err, ENVOI_STATUS_BUG, "others wait for %s", entry->id);
	}
	/* The keeper syncs each of its steps. */
	bool sync = queue->keeper != NULL;
	if (envoi_folder_remove(queue, entry->place, entry->id, sync) != 0) {
		/* A record does as well. */
		return envoi_entry_settle(entry, indices, n, verdict, err);
	}
	entry->gone = true;
	if (!sync && queue->removed++ == 0) {
		queue->removed_at = envoi_clock_now();
	}
	return envoi_journal_note(entry, indices, n, verdict, err);
}

int envoi_entry_remove(struct envoi_entry *entry, struct envoi_error *err)
{
	if (entry->gone) {
		return 0;
	}
	/* What is settled does no harm when a crash brings it back. */
	bool settled = envoi_entry_count(entry, ENVOI_FATE_WAITING) == 0
		       && envoi_entry_count(entry, ENVOI_FATE_FAILED) == 0;
	if (envoi_folder_remove(entry->queue, entry->place, entry->id, !settled) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_TEMPORARY, errno,
			"cannot remove %s from queue '%s'", entry->id,
			entry->queue->path);
	}
	return 0;
}
