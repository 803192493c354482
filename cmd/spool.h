/*
 * Where the queue is, and messages on their way into it and out of it: for
 * every command that has to do with the queue.
 */
#ifndef CMD_SPOOL_H
#define CMD_SPOOL_H

#include <envoi/queue.h>
#include <envoi/runner.h>

#include "connection.h"

/**
 * Opens the queue that messages go into: ENVOI_SPOOL (unless there was a set-id bit);
 * that of all users, /var/spool/envoi, where it is in use and the user has no
 * configuration of his own; else envoi/queue in XDG_STATE_HOME or ~/.local/state.
 * Errors as envoi_queue_open(), and CONFIG: there is no home.
 */
int spool_open(bool create, struct envoi_queue **ret_queue, struct envoi_error *err);
/** The same, and not that of all users: for what says itself how it is to go. */
int spool_open_own(bool create, struct envoi_queue **ret_queue, struct envoi_error *err);

/** Is it that of all users? Then its runner delivers, and nobody else. */
bool spool_is_shared(const struct envoi_queue *queue);

#define SPOOL_MOST 2
/** All in which messages of the user may be, that of all users first. None is made
 * but the only one. */
int spool_open_all(bool create, struct envoi_queue *queues[SPOOL_MOST], size_t *ret_count,
	struct envoi_error *err);

/** Of a queue that is not ours to run: has the runner look at it. The user's messages
 * of these ids, with now all of them, are due at once. */
int spool_ask_runner(struct envoi_queue *queue, const char *const *ids, size_t count,
	bool now, struct envoi_error *err);

/** When to send messages that are put into the queue. */
struct spool_times {
	/** 0: at once; never. */
	int64_t not_before;
	int64_t expires;
};

/** "+90s", "+30m", "+2h", "+5d", "@SECONDS", "2026-12-24 18:00[:00]" in local
 * time. USAGE. */
int spool_time(
	const char *option, const char *text, int64_t *ret_time, struct envoi_error *err);

/**
 * Puts a message that was scanned into the queue: way->count addresses, with what
 * dsn asks for, and, unless they are NULL, wishes in place of dsn->notify; the rest of
 * the way says how it goes. Errors as envoi_queue_add().
 */
int spool_put(struct envoi_queue *queue, const struct envoi_queue_envelope *way,
	const char *const *addresses, const struct envoi_wish *wishes,
	const struct envoi_dsn *dsn, struct envoi_message *message,
	struct envoi_entry **ret_entry, struct envoi_error *err);

/** Puts all messages of a complete request into the queue, and reports each. */
enum envoi_status spool_add(struct connection *c, const struct spool_times *times);

/** What a runner needs to know the way: for messages with such an envelope. */
struct spool_route {
	/** How to report. */
	const struct cmd_ui *model;
	/** The queue is of several users (envoi_queue_is_shared()). */
	bool shared;
	struct connection connection;
	bool filled;
	/** A signal came. */
	bool stopped;
	/** Of reporting. */
	enum envoi_status status;
	/** This machine's name. */
	char host[256];
};

/** For struct envoi_runner. */
int spool_find_route(struct spool_route *route,
	const struct envoi_queue_envelope *envelope, struct envoi_request *request,
	struct envoi_error *err);
/** What is told, for the same messages, of those that cannot be delivered. Valid
 * until the next route. */
void spool_notices(struct spool_route *route, struct envoi_notices *ret);
/** Accepts a zeroed one. */
void spool_route_finish(struct spool_route *route);

#endif
