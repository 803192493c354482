/*
 * One session's stay with a job: what it is given, what comes back from it,
 * and what its end means for the next one. Pure: knows no connection, so that
 * tests make the same decisions in memory.
 */
#ifndef ENVOI_SUBMIT_VISIT_H
#define ENVOI_SUBMIT_VISIT_H

#include "submit/job.h"

struct envoi_visit {
	struct envoi_stay stay;
	/** Transactions on their way; recipients settled. */
	size_t flying, settled;
};

/** Gives the session what waits, or closes it when nothing more will come.
 * job NULL: there is no mail, it greets and leaves. */
void envoi_visit_feed(struct envoi_visit *visit, struct envoi_job *job,
	struct envoi_session *session, int64_t now);

/** Takes a finished transaction back; again: see envoi_job_finished(). */
void envoi_visit_finished(struct envoi_visit *visit, struct envoi_job *job,
	struct envoi_transaction *transaction, bool again);

/** The session is closed. True: its address is not worth another connection,
 * and *ret_fault says why. */
bool envoi_visit_is_useless(const struct envoi_visit *visit,
	const struct envoi_session_facts *facts, struct envoi_error *ret_fault);

#endif
