/*
 * Sessions with a job; see the header.
 */
#include "submit/visit.h"

void envoi_visit_feed(struct envoi_visit *visit, struct envoi_job *job,
	struct envoi_session *session, int64_t now)
{
	bool more = false;
	if (envoi_session_facts(session)->close != ENVOI_CLOSE_OPEN) {
		return;
	}
	if (job != NULL) {
		size_t before = visit->stay.mails;
		more = envoi_job_feed(job, session, &visit->stay);
		visit->flying += visit->stay.mails - before;
	}
	if (!more || visit->flying == 0) {
		envoi_session_close(session, now);
	}
}

void envoi_visit_finished(struct envoi_visit *visit, struct envoi_job *job,
	struct envoi_transaction *transaction, bool again)
{
	visit->flying--;
	visit->settled += envoi_job_finished(job, transaction, again);
}

bool envoi_visit_is_useless(const struct envoi_visit *visit,
	const struct envoi_session_facts *facts, struct envoi_error *ret_fault)
{
	bool failed = facts->error.status != ENVOI_STATUS_OK;
	/* Settled nothing; or was out of step, and is not to be trusted with
	 * the rest. */
	bool useless = (visit->settled == 0 && (failed || visit->stay.mails > 0))
		       || facts->error.status == ENVOI_STATUS_PROTOCOL;
	*ret_fault = facts->error;
	if (useless && !failed) {
		(void)envoi_error_set(ret_fault, ENVOI_STATUS_TEMPORARY,
			"the session ended and nothing was accepted");
	}
	return useless;
}
