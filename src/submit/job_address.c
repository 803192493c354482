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

void envoi_job_set_address_fault(struct envoi_error *err, const struct item *item,
	const char *who, const char *address)
{
	(void)envoi_error_set(err, ENVOI_STATUS_DATA,
		"%s: the %s <%s> needs SMTPUTF8, which the server does not offer",
		item->name, who, address);
}

/* The first recipient that waits and needs it; NULL: none does. */
static const char *find_needy(const struct item *item)
{
	for (size_t i = 0; i < item->count; i++) {
		if (item->places[i] == PLACE_WAITING
			&& envoi_address_needs_utf8(item->recipients[i].address)) {
			return item->recipients[i].address;
		}
	}
	return NULL;
}

bool envoi_job_fits_addresses(struct envoi_job *job, struct item *item,
	const struct envoi_stay *stay, uint32_t usable)
{
	struct envoi_error err;
	if ((usable & ENVOI_EXT_SMTPUTF8) != 0 || item->is_plain) {
		return true;
	}
	bool sender = envoi_address_needs_utf8(item->sender);
	const char *needy = sender ? item->sender : find_needy(item);
	if (needy == NULL) {
		item->is_plain = true;
		return true;
	}
	if (sender || job->request->all_or_nothing) {
		envoi_job_set_address_fault(
			&err, item, sender ? "sender" : "recipient", needy);
		envoi_job_unfit(job, item, stay, ENVOI_PHASE_MAIL, &err);
		return false;
	}
	/* Those that need it are put aside now, so this is looked at once; the
	 * others go. One that was settled last may have taken the item along. */
	item->is_plain = true;
	size_t index = item->index;
	envoi_job_unfit_addresses(job, item, stay);
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
