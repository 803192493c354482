/*
 * The inside of the runner, shared by the files runner*.c only.
 *
 * runner.c        what is due, in groups that go the same way
 * runner_group.c  a group's way through envoi_submit()
 * runner_entry.c  what becomes of a message of the queue
 * runner_tell.c   bounces and warnings
 * runner_notify.c the command for messages that were given up
 * runner_ways.c   ways that led nowhere
 */
#ifndef ENVOI_SUBMIT_RUNNER_INTERNAL_H
#define ENVOI_SUBMIT_RUNNER_INTERNAL_H

#include <envoi/runner.h>

/** A message that is due. */
struct due {
	/** Of all that says which way it goes. */
	uint64_t way;
	char id[ENVOI_QUEUE_ID_SIZE];
};

/** A message that is being sent. */
struct sending {
	struct sending *next;
	struct envoi_entry *entry;
	/** The one that is sent; only compared, not ours. */
	const struct envoi_message *message;
	/** Recipients of the run to those of the envelope, and how many are not
	 * settled. */
	size_t *indices;
	size_t open;
	/** Those of the envelope that want to know, and that no server will tell;
	 * with the indices. */
	size_t *relayed;
	size_t relayed_count;
	/** Of the last trouble. */
	char why[400];
	/** Something could not be written down: it is left alone. */
	bool broken;
};

/** Messages that are due, and grow. */
struct due_list {
	struct due *list;
	size_t count, capacity;
};

/** Messages that go the same way. */
struct group {
	const struct envoi_runner *runner;
	struct envoi_runner_report *report;
	struct envoi_notices notices;
	/** Where the bounces are noted that are made; NULL: nowhere. */
	struct due_list *made;
	const struct due *list;
	size_t count, at;
	/** One that is claimed already comes first; NULL: none. */
	struct envoi_entry *first;
	struct sending *sending;
	/** The one that came last, as long as it is there. */
	struct sending *begun;
	/** Where the next of them goes. */
	struct sending **tail;
	/** Nobody could be reached, for what reason; "": somebody was. */
	char why[400];
	/** Also what only waits for its next try. */
	bool hurried;
	/** A server was asked; one took or refused something. */
	bool asked, reached;
	/** A signal: what was not begun is left as it is. */
	bool stopped;
	int stop_fd;
};

/* runner.c */
int64_t envoi_runner_now(void);
void envoi_runner_warn(const struct envoi_runner *runner, const struct envoi_error *err);
/** SYSTEM. */
int envoi_runner_add_due(
	struct due_list *list, const struct envoi_entry *entry, struct envoi_error *err);
/** The next message of the group, claimed. NULL: there is none. */
struct envoi_entry *envoi_group_claim_next(struct group *group);

/* runner_group.c */
int envoi_group_run(struct group *group, struct envoi_error *err);

/* runner_entry.c */
/** Writes down how it ended for some recipients, indices of the run. */
void envoi_sending_settle(struct group *group, struct sending *sending,
	const struct envoi_recipient *recipients, const size_t *indices, size_t n);
/** This run is done with the message: removes, defers or fails it, and frees the
 * entry. */
void envoi_entry_conclude(
	struct group *group, struct envoi_entry *entry, const char *why);

/* runner_tell.c */
/** Bounces for the recipients that failed and are to be told: they are TOLD then.
 * -1: it could not be done, and is to be done again. */
int envoi_runner_tell_failed(
	struct group *group, struct envoi_entry *entry, struct envoi_error *err);
/** Is the sender to be told by us that this one has it? (RFC 3461 6.2.) */
bool envoi_runner_wants_relayed(const struct group *group,
	const struct envoi_entry *entry, size_t i, const struct envoi_result *result);
/** Tells so of these. That it could not be done is a warning: they have it. */
void envoi_runner_tell_relayed(struct group *group, const struct envoi_entry *entry,
	const size_t *indices, size_t n);
/** Tells that it takes longer, where that is wanted. 1: told. -1: as above. */
int envoi_runner_tell_late(
	struct group *group, struct envoi_entry *entry, struct envoi_error *err);

/* runner_notify.c */
/** The message was moved to failed/. */
void envoi_runner_notify(const struct group *group, const struct envoi_entry *entry);

/* runner_ways.c; ways may be NULL */
/** Those that came back in the run before are back in this one only. */
void envoi_ways_begin_run(struct envoi_ways *ways);
/** Seconds for which it is not to be asked. */
int64_t envoi_ways_pause(struct envoi_ways *ways, uint64_t way);
bool envoi_ways_is_back(struct envoi_ways *ways, uint64_t way);
void envoi_ways_failed(struct envoi_ways *ways, uint64_t way);
/** True: it is back, and what waits for it is due. */
bool envoi_ways_reached(struct envoi_ways *ways, uint64_t way);

#endif
