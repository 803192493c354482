/*
 * The spool on disk.
 *
 *     PATH/mail/ID      a message to be delivered
 *     PATH/failed/ID    one that was given up, with the reasons
 *     PATH/corrupt/ID   what stood in mail/ and could not be read, as it was
 *     PATH/tmp/ID       drafts, where the system has no files without names; it is
 *                       made last: where it is, the others, and PATH, are on disk
 *
 * One file is all there is of a message: envelope, octets and, behind these, the
 * journal of what happened to its recipients (format.h). So there is no order in
 * which parts could come and go. Its states, and the one step that leads there:
 *
 *     a draft, unnamed or in tmp/, locked     open(2)
 *     in mail/, all recipients waiting        link(2) of the unnamed file, or
 *                                             rename(2) from tmp/: not before its
 *                                             fsync(2) returned, and told to the
 *                                             giver not before that of mail/
 *     in mail/, n records in its journal      write(2) of the record at its end,
 *                                             counted from its fdatasync(2) on
 *     and zeroes behind them                  posix_fallocate(3): room for records
 *     in mail/, a record torn                 a crash inside that write: as if it
 *                                             was not there, and cut off before
 *                                             the next one is written
 *     in failed/, or in mail/ again           rename(2), then fsync of both
 *     in corrupt/                             rename(2)
 *     gone                                    unlink(2)
 *
 * When every recipient has a message, its unlink is the record of that, made as
 * soon as the reply is known: it costs less than a record, and is seen by all who
 * look, whoever is killed. It needs no sync before it, because there is nothing it
 * could overtake; for its own sake the folder is synced once for all that went in
 * the last 100 ms, and after 64 at the latest (SYNC_US, SYNC_COUNT). So a loss of
 * power, and no other trouble, may make these few be sent twice, beside those whose
 * replies were on their way, which are 16 to 512 on a connection and which no order
 * of writing saves. Records that say less than that (some have it, some are refused)
 * are synced one by one.
 *
 * The lock is flock(2) on the file: its writer has it from the first moment,
 * whoever sends or changes it from then on. With the lock, the name is looked at
 * once more: another file there, or none, and the message is gone. It is given up
 * behind the unlink or rename. A draft nobody holds the lock of is a dead one's.
 *
 * A spool of several users is of mode 2770, root's and of a group: a message's file
 * belongs to who queued it, and he gets at it by the keeper only (<envoi/keeper.h>),
 * which does the steps above that are done to names. Writing under the final name
 * with a mark of commit behind it would need no keeper; but then a file that was cut
 * is no different from a draft of a dead process, and one of both is deleted.
 *
 * A failed fsync is never tried again on the same file: the system may have
 * forgotten what it could not write. No name is ever followed through a link;
 * what is not a regular file of one name, ours and closed to others, is corrupt.
 *
 * queue.c   folders, ids, scanning, sweeping
 * folder.c  what is done to names, by us or the keeper (keeper*.c)
 * draft.c   messages coming in
 * entry.c   getting at them, moving and removing
 * journal.c what happens to them
 * schedule.c when to try; pure
 */
#ifndef ENVOI_QUEUE_INTERNAL_H
#define ENVOI_QUEUE_INTERNAL_H

#include <envoi/queue.h>

#include <sys/stat.h>

#include "queue/format.h"

struct envoi_queue {
	char *path;
	bool shared;
	uint64_t reserve;
	/** NULL: none is needed. */
	struct envoi_keeper *keeper;
	/** The folders. -1: not open, as all are with a keeper. */
	int places[ENVOI_QUEUE_PLACES];
	int tmp;
	/** Names that were removed since mail/ was synced, and when the first was. */
	unsigned removed;
	int64_t removed_at;
};

/** Octets that texts of an entry point into. */
struct block {
	struct block *next;
	char octets[];
};

struct envoi_entry {
	struct envoi_queue *queue;
	enum envoi_queue_place place;
	char id[ENVOI_QUEUE_ID_SIZE];
	int fd;
	/** The file's first octets as they were read: mostly all of it but the
	 * message. Only while it is opened. */
	const char *front;
	size_t front_length;
	bool claimed;
	/** It has no name any more. */
	bool gone;
	struct envoi_format_head head;
	struct block *blocks;
	struct envoi_format_envelope envelope;
	struct envoi_verdict *verdicts;
	struct envoi_trials trials;
	/** Where the next record goes, and whether a torn one is there. */
	uint64_t end;
	bool torn;
};

/* queue.c */
bool envoi_queue_is_id(const char *name);
const char *envoi_queue_place_name(enum envoi_queue_place place);
/** fsync(2) of a folder; what cannot be synced at all is no error. -1 with errno. */
int envoi_queue_sync_folder(int fd);

/** Ids; the list is freed by its user. */
struct envoi_names {
	char (*list)[ENVOI_QUEUE_ID_SIZE];
	size_t count, capacity;
};

/** SYSTEM. */
int envoi_names_add(struct envoi_names *names, const char *name, struct envoi_error *err);
/** Adds those in a folder, sorted. */
int envoi_folder_names(const struct envoi_queue *queue, enum envoi_queue_place place,
	struct envoi_names *names, struct envoi_error *err);

/* folder.c: -1 with errno, or with err where there is one */

/** A file for a draft, locked: its descriptor. *ret_named: it has the name id in
 * tmp/; -1 with err. */
int envoi_folder_make(const struct envoi_queue *queue, const char *id, bool *ret_named,
	struct envoi_error *err);
/** It is not to be: takes the name in tmp/, NULL: it has none. */
void envoi_folder_drop(const struct envoi_queue *queue, const char *id);
/** Gives it its name in mail/, id, for good; name is that in tmp/, which it has if
 * *named. -1 with err: it has none, and will not. */
int envoi_folder_publish(const struct envoi_queue *queue, const char *name,
	const char *id, int fd, bool *named, struct envoi_error *err);
/** The error that errno is when something cannot be written. */
int envoi_folder_trouble(const struct envoi_queue *queue, struct envoi_error *err);

int envoi_folder_open(const struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, bool write);
int envoi_folder_stat(const struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, struct stat *ret_stat);
/** *ret_moved also when it could not be synced. */
int envoi_folder_move(const struct envoi_queue *queue, enum envoi_queue_place from,
	enum envoi_queue_place to, const char *id, bool *ret_moved);
/** That it is gone already is no error. */
int envoi_folder_remove(const struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, bool sync);

/* entry.c */
/** A claimed entry of a file that is open and locked; fd is the entry's from then
 * on, on success only. A result of enum envoi_queue_get, or -1. */
int envoi_entry_open(struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, int fd, struct envoi_entry **ret_entry, struct envoi_error *err);

/** Gives it another place. On -1 (TEMPORARY) it has one of the two. */
int envoi_entry_move(
	struct envoi_entry *entry, enum envoi_queue_place place, struct envoi_error *err);

/* journal.c */
/** Notes how it ended in memory only. SYSTEM. */
int envoi_journal_note(struct envoi_entry *entry, const size_t *indices, size_t n,
	const struct envoi_verdict *verdict, struct envoi_error *err);

/** Reads the journal from its beginning to the end of the file, size. */
int envoi_journal_read(struct envoi_entry *entry, uint64_t size, struct envoi_error *err);

/* file.c */
/** Reads all n octets; 1: the file ends before. -1 with errno. */
int envoi_file_read(int fd, uint64_t offset, void *out, size_t n);
/** Writes all n octets at offset. -1 with errno. */
int envoi_file_write(int fd, uint64_t offset, const void *data, size_t n);

#endif
