/*
 * Recipients a server cannot be given, for what it lacks (RFC 6531 3.2): they
 * are parked until the next server's turn has come, and fail only when there
 * is none. What is parked is in nobody's hands: it was not tried.
 */
#include "submit/job_internal.h"

#include <string.h>

#include <envoi/address.h>

#include "base/limits.h"

/* A retry may find a server that could not be had this time. */
static struct envoi_error final_error(const struct envoi_error *err, bool missed)
{
	struct envoi_error copy = *err;
	if (missed) {
		copy.status = ENVOI_STATUS_TEMPORARY;
	}
	return copy;
}

static bool is_last(const struct envoi_job *job, const struct envoi_stay *stay)
{
	return stay->server + 1 >= job->server_count;
}

static void note(const struct envoi_job *job, const struct envoi_error *err)
{
	const struct envoi_observer *observer = &job->request->observer;
	struct envoi_error line;
	if (observer->trace != NULL) {
		(void)envoi_error_set(&line, ENVOI_STATUS_OK,
			"%s; the next server is tried", err->text);
		observer->trace(observer->context, '!', line.text, strlen(line.text));
	}
}

/* The first recipient of the item to be parked; its reason is kept. */
static void begin_parking(struct envoi_job *job, struct item *item,
	const struct envoi_stay *stay, const struct envoi_error *err)
{
	note(job, err);
	job->parked += item->parked == 0 ? 1 : 0;
	item->parked_at = stay->server;
	item->unfit = *err;
	item->unfit_whole = false;
}

static void park(struct item *item, size_t r)
{
	item->places[r] = PLACE_PARKED;
	item->parked++;
	item->waiting--;
}

void envoi_job_unfit(struct envoi_job *job, struct item *item,
	const struct envoi_stay *stay, enum envoi_phase phase,
	const struct envoi_error *err)
{
	if (is_last(job, stay)) {
		struct envoi_error last = final_error(err, stay->missed);
		envoi_job_warn(job, &last);
		envoi_job_settle_waiting(
			job, item, ENVOI_OUTCOME_UNTRIED, phase, &last, NULL);
		return;
	}
	begin_parking(job, item, stay, err);
	item->unfit_whole = true;
	for (size_t i = 0; i < item->count; i++) {
		if (item->places[i] == PLACE_WAITING) {
			park(item, i);
		}
	}
	envoi_job_unlink_waiting(job, item);
}

/* Settles those whose address is not for a server without SMTPUTF8; the first
 * is told. False: the item has no more that waits, and may be gone. */
static bool settle_addresses(struct envoi_job *job, struct item *item, bool missed)
{
	bool told = false;
	for (size_t i = 0; i < item->count; i++) {
		if (item->places[i] != PLACE_WAITING
			|| !envoi_address_needs_utf8(item->recipients[i].address)) {
			continue;
		}
		struct envoi_error err;
		envoi_job_set_address_fault(
			&err, item, "recipient", item->recipients[i].address);
		err = final_error(&err, missed);
		if (!told) {
			envoi_job_warn(job, &err);
			told = true;
		}
		bool last = item->waiting == 1;
		envoi_job_settle_recipient(
			job, item, i, ENVOI_OUTCOME_UNTRIED, ENVOI_PHASE_MAIL, &err);
		if (last) {
			return false;
		}
	}
	return true;
}

void envoi_job_unfit_addresses(
	struct envoi_job *job, struct item *item, const struct envoi_stay *stay)
{
	bool first = true;
	if (is_last(job, stay)) {
		(void)settle_addresses(job, item, stay->missed);
		return;
	}
	for (size_t i = 0; i < item->count; i++) {
		const char *address = item->recipients[i].address;
		if (item->places[i] != PLACE_WAITING
			|| !envoi_address_needs_utf8(address)) {
			continue;
		}
		if (first) {
			struct envoi_error err;
			envoi_job_set_address_fault(&err, item, "recipient", address);
			begin_parking(job, item, stay, &err);
			first = false;
		}
		park(item, i);
	}
	if (item->waiting == 0) {
		envoi_job_unlink_waiting(job, item);
	}
}

bool envoi_job_is_full(const struct envoi_job *job)
{
	return job->parked > 0 && job->count - job->items->index > ENVOI_LIMIT_PARKED;
}

bool envoi_job_has_parked(const struct envoi_job *job)
{
	return job->parked > 0;
}

bool envoi_job_unpark(struct envoi_job *job, size_t server)
{
	bool any = false;
	struct item *item = job->parked > 0 ? job->items : NULL;
	for (; item != NULL; item = item->next) {
		if (item->parked == 0 || item->parked_at >= server) {
			continue;
		}
		for (size_t i = 0; i < item->count; i++) {
			if (item->places[i] == PLACE_PARKED) {
				item->places[i] = PLACE_WAITING;
				item->waiting++;
			}
		}
		item->parked = item->cursor = 0;
		item->is_plain = false;
		job->parked--;
		envoi_job_link_waiting(job, item);
		any = true;
	}
	return any;
}

bool envoi_job_give_up_unfit(
	struct envoi_job *job, struct item *item, const struct envoi_error *fault)
{
	bool missed = fault->status == ENVOI_STATUS_TEMPORARY;
	if (item->unfit.status == ENVOI_STATUS_OK) {
		return true;
	}
	if (!item->unfit_whole) {
		return settle_addresses(job, item, missed);
	}
	struct envoi_error last = final_error(&item->unfit, missed);
	envoi_job_warn(job, &last);
	envoi_job_settle_waiting(
		job, item, ENVOI_OUTCOME_UNTRIED, ENVOI_PHASE_MAIL, &last, NULL);
	return false;
}
