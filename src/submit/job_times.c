/*
 * When a server is to pass a message on: not before (FUTURERELEASE, RFC 4865),
 * and until when (DELIVERBY, RFC 2852).
 */
#include "submit/job_internal.h"

#include <stdio.h>
#include <time.h>

/* RFC 2852 4: nine digits. */
#define BY_MOST 999999999

static int64_t deadline_of(const struct envoi_job *job, const struct item *item)
{
	return item->envelope.deliver_by != 0 ? item->envelope.deliver_by
					      : job->request->deliver_by;
}

bool envoi_job_fits_times(struct envoi_job *job, struct item *item,
	const struct envoi_capabilities *server, uint32_t usable)
{
	int64_t until = job->request->hold_until, now = (int64_t)time(NULL);
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (until <= now) {
		return true;
	}
	if ((usable & ENVOI_EXT_FUTURERELEASE) == 0) {
		(void)envoi_error_set(&err, ENVOI_STATUS_REFUSED,
			"%s: the server does not offer FUTURERELEASE: it would not wait",
			item->name);
		envoi_error_hint(&err, "envoi's own queue can: without --no-queue");
	} else if (server->hold_most > 0 && (uint64_t)(until - now) > server->hold_most) {
		(void)envoi_error_set(&err, ENVOI_STATUS_DATA,
			"%s: the server keeps messages for %ju seconds at most",
			item->name, (uintmax_t)server->hold_most);
	}
	if (err.status == ENVOI_STATUS_OK) {
		return true;
	}
	envoi_job_warn(job, &err);
	envoi_job_settle_waiting(
		job, item, ENVOI_OUTCOME_UNTRIED, ENVOI_PHASE_MAIL, &err, NULL);
	return false;
}

void envoi_job_set_times(const struct envoi_job *job, struct flight *flight,
	const struct envoi_capabilities *server)
{
	int64_t until = job->request->hold_until, now = (int64_t)time(NULL);
	int64_t deadline = deadline_of(job, flight->item);
	time_t when = (time_t)until;
	struct tm tm;
	if (until > now && gmtime_r(&when, &tm) != NULL
		&& strftime(flight->hold, sizeof(flight->hold), "%Y-%m-%dT%H:%M:%SZ", &tm)
			   > 0) {
		flight->transaction.hold_until = flight->hold;
	}
	/* One that wants more time would refuse it: it is sent, and whoever has a
	 * clock here looks at that. */
	if (deadline > now && deadline - now <= BY_MOST
		&& (uint64_t)(deadline - now) >= server->by_least) {
		flight->transaction.deliver_by = (uint32_t)(deadline - now);
	}
}
