/*
 * The durable queue: messages that were accepted and are not delivered yet.
 *
 * What envoi_queue_add() has taken survives the end of the process and of the
 * machine, and leaves the queue in one of three ways: every recipient has it or
 * was told of in a stored bounce, or a person removed it. What cannot be
 * delivered is kept in failed/ with the reason; what cannot be read, in corrupt/.
 * The file format and every legal state on disk: src/queue/internal.h.
 *
 * Whoever works on a message has its entry claimed: nobody else sends or
 * changes it meanwhile, in this process or another one.
 *
 * Times are seconds since 1970 of the wall clock, as signed numbers: it may
 * stand at 1970, and it may jump.
 */
#ifndef ENVOI_QUEUE_H
#define ENVOI_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>
#include <envoi/message.h>

struct envoi_queue;
struct envoi_entry;
struct envoi_keeper;

/** Octets of an id with its NUL. Ids sort by the time they were made at. */
#define ENVOI_QUEUE_ID_SIZE 27

/** Where in the spool. */
enum envoi_queue_place {
	/** To be delivered. */
	ENVOI_QUEUE_MAIL,
	/** Given up, with the reasons. */
	ENVOI_QUEUE_FAILED,
	/** Cannot be read. */
	ENVOI_QUEUE_CORRUPT,
	ENVOI_QUEUE_PLACES,
};

struct envoi_queue_options {
	/** Make it, and what is missing above it, where it does not exist. */
	bool create;
	/** Of several users: files are for the group, too, and may be anybody's. It is
	 * of root and a group, mode 2770, and not made here; the folders in it are, by
	 * root. */
	bool shared;
	/** Octets that stay free on the file system; 0: 4 MiB. Of a shared one, who
	 * needs no keeper may use them: for bounces. */
	uint64_t reserve;
	/** Of a shared one: who does what we may not, see <envoi/keeper.h>. Then
	 * only the real user's own messages are there. It outlives the queue. NULL:
	 * we may. */
	struct envoi_keeper *keeper;
};

/**
 * Opens the spool at path. NOINPUT: there is none (and create is not set).
 * CANTCREATE: it cannot be made. CONFIG: it is another user's, or others may
 * write there. SYSTEM.
 */
int envoi_queue_open(const char *path, const struct envoi_queue_options *options,
	struct envoi_queue **ret_queue, struct envoi_error *err);

/** Its entries are to be freed before. Accepts NULL. */
void envoi_queue_close(struct envoi_queue *queue);

/** As it was opened by. */
const char *envoi_queue_path(const struct envoi_queue *queue);
bool envoi_queue_is_shared(const struct envoi_queue *queue);
/** All messages are ours to see, and to deliver. */
bool envoi_queue_is_ours(const struct envoi_queue *queue);
/** Makes us the only one who watches it, until it is closed; others may run it once
 * all the same. TEMPORARY: another process is that. */
int envoi_queue_guard(struct envoi_queue *queue, struct envoi_error *err);

/* -- envelopes ----------------------------------------------------------------- */

/** How it stands with a recipient. */
enum envoi_fate {
	/** It is to be sent there (again). */
	ENVOI_FATE_WAITING,
	ENVOI_FATE_DELIVERED,
	/** Refused for good, or given up; the sender does not know yet. */
	ENVOI_FATE_FAILED,
	/** And a bounce that says so is stored. */
	ENVOI_FATE_TOLD,
};

/** "waiting", "delivered", "failed", "told". */
const char *envoi_fate_name(enum envoi_fate fate);

/** What the last try came to. */
struct envoi_verdict {
	enum envoi_fate fate;
	/** The end of data was sent and no reply came: it may be there. */
	bool doubtful;
	enum envoi_status status;
	/** The server's reply; code 0: none was read, text is an error in words. */
	int code;
	unsigned short enhanced[3];
	/** Printable ASCII; NULL is "". */
	const char *text;
	/** The server, "" or NULL: none. */
	const char *server;
	/** When. */
	int64_t at;
};

struct envoi_queue_recipient {
	/** As made by envoi_address_parse(). */
	const char *address;
	/** RFC 3461: whom it was first for, a mailbox or the value of ORCPT
	 * ("rfc822;..."), and the value of NOTIFY; NULL: none. */
	const char *original;
	const char *notify;
};

/** A setting as of envoi_config_override(). */
struct envoi_queue_setting {
	const char *keyword;
	const char *value;
};

/** All texts are free of control characters. NULL: none. */
struct envoi_queue_envelope {
	/** For a new message: the id it is to have, of envoi_queue_make_id(); NULL: any.
	 */
	const char *id;
	/** "" is the null sender. */
	const char *sender;
	const struct envoi_queue_recipient *recipients;
	size_t count;
	/** Looked up when it is delivered: the account's name, the file of the
	 * configuration in place of the usual ones, and what goes before it. The
	 * latter two not in a shared queue: whoever runs it would do with his rights
	 * and secrets what others wrote there. */
	const char *account;
	const char *config;
	const struct envoi_queue_setting *settings;
	size_t setting_count;
	/** RFC 3461: the values of ENVID and RET. */
	const char *envelope_id;
	const char *returned;
	/** The Message-ID field's value. */
	const char *message_id;
	/** Who gave it to us. In a shared queue the file's owner, whatever was said. */
	uint64_t uid;
	int64_t created;
	/** 0: at once; never. */
	int64_t not_before;
	int64_t expires;
	/** A bounce for this id; NULL: it is none. */
	const char *bounce_of;
};

/* -- adding -------------------------------------------------------------------- */

/** An id that no message has: for whoever writes it into the message. SYSTEM. */
int envoi_queue_make_id(char id[ENVOI_QUEUE_ID_SIZE], struct envoi_error *err);

/** Writes a message to the spool, in two steps or more. */
struct envoi_draft;

/**
 * Begins a message: its file exists, nobody sees it. TEMPORARY: the spool
 * cannot take it (full, read-only, broken). SYSTEM: no memory, no descriptors.
 */
int envoi_draft_new(struct envoi_queue *queue, struct envoi_draft **ret_draft,
	struct envoi_error *err);

/** To whom: once, before its octets. size: octets that will come, 0: unknown.
 * USAGE: a control character in a text; no recipients; settings of one's own in a
 * shared queue. TEMPORARY: no space. */
int envoi_draft_address(struct envoi_draft *draft,
	const struct envoi_queue_envelope *envelope, uint64_t size,
	struct envoi_error *err);

/** Octets of the message, in any portions. TEMPORARY. */
int envoi_draft_put(
	struct envoi_draft *draft, const char *data, size_t n, struct envoi_error *err);

/**
 * From now on, and for good, the message is in the queue: only a 0 may be
 * told to who gave it. -1: it is not, and will not be. The draft is freed in
 * any case. The entry is claimed; envoi_entry_free() lets others have it. AUTH: the
 * user has too many in a shared queue.
 */
int envoi_draft_commit(struct envoi_draft *draft, struct envoi_entry **ret_entry,
	struct envoi_error *err);

/** Throws it away. Accepts NULL. */
void envoi_draft_free(struct envoi_draft *draft);

/** All of the above for a message as it goes on the wire; scans it. When the
 * device fails to sync, tries it once more with another file. */
int envoi_queue_add(struct envoi_queue *queue,
	const struct envoi_queue_envelope *envelope, struct envoi_message *message,
	struct envoi_entry **ret_entry, struct envoi_error *err);

/* -- looking ------------------------------------------------------------------- */

/** Calls take with each id, the oldest first, until it does not return 0, and
 * returns that. -1 with err: the folder cannot be read; SYSTEM. */
int envoi_queue_scan(struct envoi_queue *queue, enum envoi_queue_place place,
	int (*take)(void *context, const char *id, struct envoi_error *err),
	void *context, struct envoi_error *err);

/** A descriptor that becomes readable when a message comes in; -1: there is no
 * such thing here. Closing it is the caller's. envoi_queue_seen() reads it empty. */
int envoi_queue_watch(const struct envoi_queue *queue);
void envoi_queue_seen(int fd);

/** Removes what dead processes left behind; what it cannot remove, it leaves. */
void envoi_queue_sweep(struct envoi_queue *queue);

/** What came of an attempt to get at an entry. */
enum envoi_queue_get {
	ENVOI_QUEUE_GOT,
	/** Somebody else works on it. */
	ENVOI_QUEUE_BUSY,
	/** There is none of this id (any more). */
	ENVOI_QUEUE_GONE,
	/** It cannot be read; err tells why. When it was to be claimed, it is in
	 * corrupt/ now. */
	ENVOI_QUEUE_BAD,
};

/** Reads what is known of an entry without its message. A result of enum
 * envoi_queue_get; -1: IO, SYSTEM. */
int envoi_queue_look(struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, struct envoi_entry **ret_entry, struct envoi_error *err);

/** The same for its message's first and only owner from now on; all of it is
 * read and checked. */
int envoi_queue_claim(struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, struct envoi_entry **ret_entry, struct envoi_error *err);

/** Gives it back. Accepts NULL. */
void envoi_entry_free(struct envoi_entry *entry);

/* Valid as long as the entry; verdicts until it is changed. */
const char *envoi_entry_id(const struct envoi_entry *entry);
const struct envoi_queue_envelope *envoi_entry_envelope(const struct envoi_entry *entry);
/** One for each recipient. */
const struct envoi_verdict *envoi_entry_verdicts(const struct envoi_entry *entry);
/** Octets of its message. */
uint64_t envoi_entry_size(const struct envoi_entry *entry);
/** Is somebody working on it, as far as can be told? */
bool envoi_entry_is_busy(const struct envoi_entry *entry);

/** When it was tried, and will be. */
struct envoi_trials {
	/** Counted. */
	uint32_t count;
	/** 0: not yet. */
	int64_t last;
	/** 0: it is due. */
	int64_t next;
	/** Since when it is to be delivered: it was created, or revived. Of no
	 * meaning for envoi_entry_defer(). */
	int64_t since;
	/** Why it is still here; "" not tried yet. */
	const char *why;
	bool held;
	/** The sender was told that it takes longer. */
	bool warned;
};
const struct envoi_trials *envoi_entry_trials(const struct envoi_entry *entry);
/** Recipients of this fate. */
size_t envoi_entry_count(const struct envoi_entry *entry, enum envoi_fate fate);

/** Its message; it may outlive the entry. */
int envoi_entry_message(const struct envoi_entry *entry,
	struct envoi_message **ret_message, struct envoi_error *err);

/* -- changing: of a claimed entry ---------------------------------------------- */

/*
 * Each is on disk for good when it returned 0, but envoi_entry_finish() and what
 * says so. -1 (TEMPORARY): it could not be written; the entry must be given back
 * then, or another verdict may be tried.
 */

/** Before it is sent: takes the space that saying how it ended needs, so that a
 * full disk does not make anybody forget that. */
int envoi_entry_reserve(struct envoi_entry *entry, struct envoi_error *err);

/** How it ended for these recipients (their indices), all alike. */
int envoi_entry_settle(struct envoi_entry *entry, const size_t *indices, size_t n,
	const struct envoi_verdict *verdict, struct envoi_error *err);

/** The same for the last ones when every recipient has it (or was told) then: the
 * message is gone with that, and nothing is written. Nobody sends it again, unless
 * power fails before envoi_queue_sync(). BUG: there are others. */
int envoi_entry_finish(struct envoi_entry *entry, const size_t *indices, size_t n,
	const struct envoi_verdict *verdict, struct envoi_error *err);

/** Makes all that was finished outlast a loss of power: one sync, whatever number
 * that is. TEMPORARY: it may come back then. */
int envoi_queue_sync(struct envoi_queue *queue, struct envoi_error *err);

/** Microseconds until that is to be called; 0: now; -1: nothing waits for it. */
int64_t envoi_queue_sync_due(const struct envoi_queue *queue);

/** It was tried; next: when it is to be again. This one is not synced: when it is
 * lost, it is tried too early, and no more. */
int envoi_entry_defer(struct envoi_entry *entry, const struct envoi_trials *trials,
	struct envoi_error *err);

/** Not to be tried until it is released. */
int envoi_entry_hold(struct envoi_entry *entry, bool held, struct envoi_error *err);

/** To failed/, and back with all that failed waiting again, as if it was new. */
int envoi_entry_fail(struct envoi_entry *entry, struct envoi_error *err);
int envoi_entry_revive(struct envoi_entry *entry, int64_t now, struct envoi_error *err);

/** Deletes it, if it is not gone. To be called when no recipient waits, or a person
 * wants so. */
int envoi_entry_remove(struct envoi_entry *entry, struct envoi_error *err);

/* -- when: pure ---------------------------------------------------------------- */

/** Minutes, doubling up to this; and how long and how often it is tried. */
#define ENVOI_SCHEDULE_FIRST 60
#define ENVOI_SCHEDULE_MOST 3600
#define ENVOI_SCHEDULE_DAYS 5
#define ENVOI_SCHEDULE_TRIES 20

/** Trials after one more that failed at now: next is a minute later, doubling, an
 * hour at most, give or take a quarter by chance. One that follows the last within
 * seconds is not counted. why is copied by reference. */
struct envoi_trials envoi_schedule_tried(
	const struct envoi_trials *trials, int64_t now, uint32_t chance, const char *why);

/** Is it to be tried now? What seems further ahead than an hour and its quarter
 * was written before the clock went back: it is due. not_before as in the
 * envelope: a person's wish, which holds. */
bool envoi_schedule_is_due(
	const struct envoi_trials *trials, int64_t not_before, int64_t now);

/** When it will be: the time, now at the earliest. */
int64_t envoi_schedule_due(
	const struct envoi_trials *trials, int64_t not_before, int64_t now);

/** Is it to be given up? After 5 days and 20 trials: a clock that jumps does not
 * do it. expires as in the envelope: then, when it was tried at all. */
bool envoi_schedule_is_over(
	const struct envoi_trials *trials, int64_t expires, int64_t now);

/** Is the sender to be told that it takes longer, after so many seconds? */
bool envoi_schedule_is_late(
	const struct envoi_trials *trials, int64_t after, int64_t now);

/** Keeps a relay that is down from being asked again for each message. Zeroed: it
 * is thought to be up. Times are of a monotonic clock, in seconds. */
struct envoi_breaker {
	unsigned failures;
	int64_t until;
};

/** May it be asked? When it was down, one message shows how it is. */
bool envoi_breaker_allows(const struct envoi_breaker *breaker, int64_t now);
/** It took something; it took nothing: 30 s, doubling, 15 minutes at most. */
void envoi_breaker_succeed(struct envoi_breaker *breaker);
void envoi_breaker_fail(struct envoi_breaker *breaker, int64_t now);

#endif
