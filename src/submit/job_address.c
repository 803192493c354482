/*
 * What addresses and notifications ask of a server: SMTPUTF8 (RFC 6531) and
 * DSN (RFC 3461).
 */
#include "submit/job_internal.h"

#include <envoi/address.h>

bool envoi_job_needs_utf8(const struct envoi_transaction *t)
{
	bool needs = envoi_address_needs_utf8(t->sender);
	for (size_t i = 0; i < t->count && !needs; i++) {
		needs = envoi_address_needs_utf8(t->recipients[i]->address);
	}
	return needs;
}

static void set_fault(struct envoi_error *err, const struct item *item, const char *who,
	const char *address)
{
	(void)envoi_error_set(err, ENVOI_STATUS_DATA,
		"%s: the %s <%s> needs SMTPUTF8, which the server does not offer",
		item->name, who, address);
}

/* Recipients that need it: each is settled, the first is told. */
static void settle_recipients(struct envoi_job *job, struct item *item)
{
	struct envoi_error err;
	bool told = false;
	for (size_t i = 0; i < item->count; i++) {
		const char *address = item->recipients[i].address;
		if (item->places[i] != PLACE_WAITING
			|| !envoi_address_needs_utf8(address)) {
			continue;
		}
		set_fault(&err, item, "recipient", address);
		if (!told) {
			envoi_job_warn(job, &err);
			told = true;
		}
		if (job->request->all_or_nothing) {
			envoi_job_settle_waiting(job, item, ENVOI_OUTCOME_UNTRIED,
				ENVOI_PHASE_MAIL, &err, NULL);
			return;
		}
		/* With the last one the item is gone. */
		bool last = item->waiting == 1;
		envoi_job_settle_recipient(
			job, item, i, ENVOI_OUTCOME_UNTRIED, ENVOI_PHASE_MAIL, &err);
		if (last) {
			return;
		}
	}
}

bool envoi_job_fits_addresses(struct envoi_job *job, struct item *item, uint32_t usable)
{
	struct envoi_error err;
	if ((usable & ENVOI_EXT_SMTPUTF8) != 0 || item->is_plain) {
		return true;
	}
	if (envoi_address_needs_utf8(item->sender)) {
		set_fault(&err, item, "sender", item->sender);
		envoi_job_warn(job, &err);
		envoi_job_settle_waiting(
			job, item, ENVOI_OUTCOME_UNTRIED, ENVOI_PHASE_MAIL, &err, NULL);
		return false;
	}
	/* Those that need it are settled now, so this is looked at once; the
	 * others go. One that was settled last may have taken the item along. */
	item->is_plain = true;
	size_t index = item->index;
	settle_recipients(job, item);
	return job->waiting != NULL && job->waiting->index == index;
}

void envoi_job_check_notifications(struct envoi_job *job, uint32_t usable)
{
	struct envoi_error err;
	if (job->told_dsn || (usable & ENVOI_EXT_DSN) != 0 || job->waiting == NULL
		|| !envoi_dsn_is_wanted(job->waiting->dsn)) {
		return;
	}
	job->told_dsn = true;
	(void)envoi_error_set(&err, ENVOI_STATUS_OK,
		"the server does not offer DSN: it is not asked for notifications");
	envoi_job_warn(job, &err);
}
