/*
 * What is to be sent and how far it is: messages, their recipients, and the
 * transactions they go in. Knows sessions only as machines: no connection, no
 * waiting.
 *
 * Each recipient of each message is waiting, in a transaction, or settled.
 * Messages are read and examined only when they are about to be sent, reported
 * in order, and forgotten then.
 */
#ifndef ENVOI_SUBMIT_JOB_H
#define ENVOI_SUBMIT_JOB_H

#include <envoi/submit.h>

struct envoi_job;

/** Where a session stands in the run. */
struct envoi_stay {
	/** Of the session, in reports. */
	size_t index;
	/** Place of its server among those of all relays. */
	size_t server;
	/** That one's name, which outlives the job; NULL: it has none. */
	const char *name;
	/** A server before it could not be had, for now. */
	bool missed;
	/** Transactions begun on it. */
	size_t mails;
};

/** Opens all sources (stdin is read now). Sources that cannot be opened are
 * messages that are settled at once. NULL: no memory. request outlives it. */
struct envoi_job *envoi_job_new(
	const struct envoi_request *request, struct envoi_error *err);

/** Accepts NULL. */
void envoi_job_free(struct envoi_job *job);

/** Is there a message to be sent now? Reads and examines the next one. False as
 * well when too much is kept for what is parked. */
bool envoi_job_has_waiting(struct envoi_job *job);

/** The request's stop_fd ended the reading of a message: none is to be sent any
 * more, and what waits is to be given up. */
bool envoi_job_is_stopped(const struct envoi_job *job);

/** Something waits for another server than one that lacks what it needs. */
bool envoi_job_has_parked(const struct envoi_job *job);

/** What servers before this one lack something for may be sent again. False:
 * there is no such. */
bool envoi_job_unpark(struct envoi_job *job, size_t server);

/**
 * Submits what waits, as much as the session's window and limits allow.
 * stay->mails is counted up here (LIMITS MAILMAX). What the server cannot be
 * given is parked for the next one; it fails when there is none. Returns false
 * when the session is to be closed: it may take no more.
 */
bool envoi_job_feed(
	struct envoi_job *job, struct envoi_session *session, struct envoi_stay *stay);

/**
 * Takes a finished transaction back. again: what the lost connection left
 * open may wait for another one. Returns how many recipients are settled by
 * it for good; those in doubt count once in a run.
 */
size_t envoi_job_finished(
	struct envoi_job *job, struct envoi_transaction *transaction, bool again);

/** No session can be had any more: all that waits is settled by this fault
 * (reply: the server's, code 0: none), or as its last transaction left it. */
void envoi_job_give_up(struct envoi_job *job, const struct envoi_error *fault,
	enum envoi_phase phase, const struct envoi_reply *reply);

/** Messages settled so far. */
size_t envoi_job_settled(const struct envoi_job *job);

/** The worst status of all recipients so far. */
enum envoi_status envoi_job_status(const struct envoi_job *job);

#endif
