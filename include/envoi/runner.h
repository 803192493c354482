/*
 * Runs the queue: delivers what is due, a relay's messages over as few sessions
 * as submit makes of them, and writes down what became of each recipient at the
 * moment that is known.
 *
 * Kept, and tried again: whatever says nothing about the message itself (no
 * connection, names, TLS, logins, 421, a configuration that does not fit), 4yz,
 * and a reply to the end of data that did not come. Given up: 5yz to MAIL, RCPT,
 * DATA or the end of data, and what no server can be given as it is.
 *
 * Of what is given up the sender is told in a bounce (<envoi/bounce.h>), where
 * that is wanted: it is in the queue for good before it is written down that the
 * sender knows, and only then the message may go. A crash between both makes a
 * second bounce, with the same Message-ID. When a bounce cannot be made, the
 * message stays, and the next run tries again.
 *
 * Who asked to be told of success (NOTIFY) is told when a server without DSN took
 * the message; not when the machine stops at that moment.
 *
 * No bounce is made of a message from the null sender, nor for recipients whose
 * NOTIFY does not say FAILURE: those go to failed/. A bounce that is given up is
 * told to the postmaster, once; without a postmaster it goes to failed/ as well.
 */
#ifndef ENVOI_RUNNER_H
#define ENVOI_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>
#include <envoi/queue.h>
#include <envoi/submit.h>

/** What is told of messages that are not delivered. Zeroed: nothing. NULL: none. */
struct envoi_notices {
	/** Senders get bounces. */
	bool bounces;
	/** With bounces, when a message waits for so many seconds: its sender is
	 * told so, once; 0: never. */
	int64_t delay;
	/** Who gets the bounces that cannot be delivered; a mailbox. */
	const char *postmaster;
	/** That bounces go by, where the message names none. */
	const char *account;
	/** As in struct envoi_bounce. */
	const char *host;
	const char *domain;
	/** Run for each message that was moved to failed/, NULL at its end. It has
	 * nothing of our environment but PATH, HOME, what says who the user is and
	 * how to reach the desktop, and ENVOI_SPOOL, ENVOI_ID, ENVOI_SENDER,
	 * ENVOI_RECIPIENTS (blanks between), ENVOI_REASON and ENVOI_MESSAGE_ID.
	 * That it fails is a warning. */
	const char *const *command;
};

/**
 * Ways out that led nowhere: what is known of them from one run to the next. Such a
 * way is not asked again by each message that becomes due, but after 30 s, doubling, 15
 * minutes at most, once. When it leads somewhere again, all that waits for it is
 * due. A way is what an envelope says of account, configuration and settings.
 */
struct envoi_ways;

/** NULL: no memory. */
struct envoi_ways *envoi_ways_new(void);
void envoi_ways_free(struct envoi_ways *ways);
/** All are asked again: something has changed. */
void envoi_ways_forget(struct envoi_ways *ways);

/** A descriptor that becomes readable when the machine gets an address or a route;
 * -1: there is no such thing here. Closing it is the caller's. */
int envoi_runner_watch_network(void);
/** Reads it empty. Was there one? */
bool envoi_runner_network_changed(int fd);

struct envoi_runner {
	struct envoi_queue *queue;
	/**
	 * Where messages with such an envelope go: fills in relays and what else
	 * belongs to them. What the request points to lasts until the next call.
	 * -1: they stay in the queue, with err as the reason.
	 */
	int (*route)(void *context, const struct envoi_queue_envelope *envelope,
		struct envoi_request *request, struct envoi_error *err);
	/** What is told of messages that route was asked for last, whatever it
	 * returned; the same holds for what *ret_notices points to. NULL: nothing. */
	void (*notices)(void *context, struct envoi_notices *ret_notices);
	/** Told of each message when this run is done with it, before it leaves the
	 * queue. May be NULL. */
	void (*done)(void *context, const struct envoi_entry *entry);
	void *context;
	/** Warnings and errors that concern a message or the queue. May be NULL. */
	void (*warn)(void *context, const struct envoi_error *err);
	/** Only these ids; NULL: all. */
	const char *const *ids;
	size_t id_count;
	/** Also what is not due yet, or held when it is named by ids. */
	bool force;
	/** Also what only waits for its next try. */
	bool eager;
	/** NULL: all ways are asked. With force or eager they are, too. */
	struct envoi_ways *ways;
};

/** What a run came to, in messages. */
struct envoi_runner_report {
	/** Gone from the queue, all of it delivered; kept; moved to failed/, or gone
	 * and the sender was told. */
	size_t delivered, deferred, failed;
	/** Another one works on them. */
	size_t busy;
	/** Not readable, in corrupt/ now. */
	size_t damaged;
	/** When the next one is due; INT64_MAX: none waits. */
	int64_t next;
	/** The worst status of those that failed; OK. */
	enum envoi_status status;
};

/**
 * One run over the queue as it is now, and over the bounces it made. Any number may run
 * at once, in any number of processes. -1 with err: the queue cannot be read, or out of
 * memory; then the report tells how far it came.
 */
int envoi_runner_run(const struct envoi_runner *runner,
	struct envoi_runner_report *ret_report, struct envoi_error *err);

/** The same for one that is claimed, now. It is freed. */
int envoi_runner_deliver(const struct envoi_runner *runner, struct envoi_entry *entry,
	struct envoi_runner_report *ret_report, struct envoi_error *err);

#endif
