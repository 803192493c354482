/*
 * Transactions of a job: which recipients a server's limits let go together
 * (RFC 9422), what a server does not take at all (RFC 1870, 6152), and how the
 * recipients come back.
 */
#include "submit/job_internal.h"

#include <stdlib.h>
#include <string.h>

#include <envoi/address.h>

#include "base/limits.h"
#include "base/span.h"

/* The place of the recipient that comes i-th. */
static size_t ordered(const struct item *item, size_t i)
{
	return item->order != NULL ? item->order[i] : i;
}

static const char *ordered_address(const struct item *item, size_t i)
{
	return item->recipients[ordered(item, i)].address;
}

struct order_entry {
	const char *domain;
	size_t index;
};

static int compare_domains(const void *a, const void *b)
{
	const struct order_entry *x = a, *y = b;
	for (size_t i = 0;; i++) {
		int c = (unsigned char)x->domain[i], d = (unsigned char)y->domain[i];
		c = c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
		d = d >= 'A' && d <= 'Z' ? d - 'A' + 'a' : d;
		if (c != d) {
			return c - d;
		}
		if (c == 0) {
			return x->index < y->index ? -1 : x->index > y->index;
		}
	}
}

static bool same_domain(const char *a, const char *b)
{
	return envoi_span_equal_nocase(
		envoi_span_of(envoi_address_domain(a)), envoi_address_domain(b));
}

/* Recipients of a domain stand together, so that few transactions do. Without
 * memory for it they do not. */
static void order_by_domain(struct item *item)
{
	if (item->order != NULL) {
		return;
	}
	struct order_entry *entries = calloc(item->count, sizeof(*entries));
	size_t *order = calloc(item->count, sizeof(*order));
	if (entries == NULL || order == NULL) {
		free(entries);
		free(order);
		return;
	}
	for (size_t i = 0; i < item->count; i++) {
		entries[i].domain = envoi_address_domain(item->recipients[i].address);
		entries[i].index = i;
	}
	qsort(entries, item->count, sizeof(*entries), compare_domains);
	for (size_t i = 0; i < item->count; i++) {
		order[i] = entries[i].index;
	}
	free(entries);
	item->order = order;
	/* It stood in the order before. */
	item->cursor = 0;
}

/* Fills a transaction with the recipients that wait, as the limits allow. */
static void choose(
	struct item *item, struct flight *flight, const struct envoi_capabilities *limits)
{
	size_t count = item->count;
	size_t most = limits->rcpt_max > 0 && limits->rcpt_max < count
			      ? (size_t)limits->rcpt_max
			      : count;
	size_t domains = 0;
	const char *last = NULL;
	struct envoi_transaction *t = &flight->transaction;
	size_t i = item->cursor;
	for (; i < count && t->count < most; i++) {
		size_t r = ordered(item, i);
		if (item->places[r] != PLACE_WAITING) {
			continue;
		}
		const char *address = ordered_address(item, i);
		if (limits->rcpt_domain_max > 0
			&& (last == NULL || !same_domain(last, address))) {
			if (domains == limits->rcpt_domain_max) {
				break;
			}
			domains++;
			last = address;
		}
		if (flight->before != NULL) {
			flight->before[t->count] = item->recipients[r].result;
			item->recipients[r].result = (struct envoi_result){0};
		}
		item->places[r] = PLACE_FLYING;
		item->waiting--;
		t->recipients[t->count++] = &item->recipients[r];
	}
	item->cursor = i;
}

static void flight_free(struct flight *flight)
{
	for (size_t i = 0; flight->before != NULL && i < flight->transaction.count; i++) {
		envoi_result_finish(&flight->before[i]);
	}
	envoi_transaction_finish(&flight->transaction);
	free(flight->before);
	free(flight);
}

/* A transaction for the item; NULL: no memory. */
static struct flight *launch(
	struct envoi_job *job, struct item *item, const struct envoi_capabilities *limits)
{
	struct flight *flight = calloc(
		1, sizeof(*flight) + item->waiting * sizeof(flight->recipients[0]));
	if (flight != NULL && item->returned) {
		flight->before = calloc(item->waiting, sizeof(*flight->before));
	}
	if (flight == NULL || (item->returned && flight->before == NULL)) {
		free(flight);
		return NULL;
	}
	flight->item = item;
	flight->transaction = (struct envoi_transaction){
		.sender = item->sender,
		.recipients = flight->recipients,
		.size = item->form->size,
		.body = envoi_job_body_type(item->form),
		.dsn = item->dsn,
		.all_or_nothing = job->request->all_or_nothing,
		/* Not written to: the body is read from it. */
		.user = (void *)(uintptr_t)item->form,
	};
	if (limits->rcpt_domain_max > 0) {
		order_by_domain(item);
	}
	choose(item, flight, limits);
	flight->transaction.smtputf8 =
		item->form->utf8 || envoi_job_needs_utf8(&flight->transaction);
	if (item->waiting == 0) {
		envoi_job_unlink_waiting(job, item);
	}
	return flight;
}

/* Do the recipients need more than one transaction? */
static bool needs_several(struct item *item, const struct envoi_capabilities *limits)
{
	size_t count = item->count;
	size_t domains = 0;
	if (limits->rcpt_max > 0 && limits->rcpt_max < count) {
		return true;
	}
	if (limits->rcpt_domain_max == 0) {
		return false;
	}
	order_by_domain(item);
	for (size_t i = 0; i < count; i++) {
		domains += i == 0
			   || !same_domain(ordered_address(item, i - 1),
				   ordered_address(item, i));
	}
	return domains > limits->rcpt_domain_max;
}

/* What this server does not take is parked or settled without asking it. */
static bool fits_server(struct envoi_job *job, struct item *item,
	const struct envoi_stay *stay, const struct envoi_capabilities *server,
	uint32_t usable)
{
	struct envoi_error err;
	if (job->request->all_or_nothing && (usable & ENVOI_EXT_LIMITS) != 0
		&& needs_several(item, server)) {
		(void)envoi_error_set(&err, ENVOI_STATUS_REFUSED,
			"%s: the server does not take all recipients at once, and all or "
			"none was asked for",
			item->name);
		envoi_job_unfit(job, item, stay, ENVOI_PHASE_RCPT, &err);
		return false;
	}
	return envoi_job_fits_times(job, item, server, usable)
	       && envoi_job_choose_form(job, item, stay, server, usable);
}

static void wait_again(struct envoi_job *job, struct item *item, size_t r)
{
	item->places[r] = PLACE_WAITING;
	item->waiting++;
	item->cursor = 0;
	item->returned = true;
	envoi_job_link_waiting(job, item);
}

/* A flight that never left: its recipients wait as they did before. */
static void cancel(struct envoi_job *job, struct flight *flight)
{
	struct item *item = flight->item;
	for (size_t i = 0; i < flight->transaction.count; i++) {
		size_t r = (size_t)(flight->transaction.recipients[i] - item->recipients);
		if (flight->before != NULL) {
			item->recipients[r].result = flight->before[i];
			flight->before[i] = (struct envoi_result){0};
		}
		wait_again(job, item, r);
	}
	flight_free(flight);
}

bool envoi_job_feed(
	struct envoi_job *job, struct envoi_session *session, struct envoi_stay *stay)
{
	const struct envoi_capabilities *server =
		&envoi_session_facts(session)->capabilities;
	uint32_t usable = envoi_capabilities_usable(server, job->request->without);
	struct envoi_capabilities limits = {0};
	if ((usable & ENVOI_EXT_LIMITS) != 0) {
		limits = *server;
	}
	(void)envoi_job_unpark(job, stay->server);
	while (envoi_job_has_waiting(job)) {
		struct item *item = job->waiting;
		if (!fits_server(job, item, stay, server, usable)
			|| !envoi_job_fits_addresses(job, item, stay, usable)) {
			continue;
		}
		envoi_job_check_notifications(job, usable);
		if (limits.mail_max > 0 && stay->mails >= limits.mail_max) {
			return false;
		}
		if (!envoi_session_can_submit(session, item->form->size)) {
			return true;
		}
		struct flight *flight = launch(job, item, &limits);
		struct envoi_error err;
		if (flight != NULL) {
			envoi_job_set_times(job, flight, server);
		}
		if (flight == NULL) {
			(void)envoi_error_set(&err, ENVOI_STATUS_SYSTEM, "out of memory");
		} else if (envoi_session_submit(session, &flight->transaction, &err)
			   == 0) {
			flight->server = stay->name;
			flight->dsn = (usable & ENVOI_EXT_DSN) != 0;
			item->session = (long)stay->index;
			stay->mails++;
			continue;
		} else {
			cancel(job, flight);
		}
		envoi_job_settle_waiting(
			job, item, ENVOI_OUTCOME_UNTRIED, ENVOI_PHASE_MAIL, &err, NULL);
	}
	return true;
}

/* A recipient comes back from a transaction. */
static bool land(struct envoi_job *job, struct item *item, size_t r,
	const struct envoi_transaction *t, bool again)
{
	struct envoi_result *result = &item->recipients[r].result;
	bool further = result->full && t->accepted && !t->all_or_nothing;
	if (further || (result->again && again)) {
		if (result->status != ENVOI_STATUS_PROTOCOL) {
			/* A trouble of another message is none of this one. */
			result->status = ENVOI_STATUS_TEMPORARY;
		}
		wait_again(job, item, r);
		return false;
	}
	envoi_job_settle_place(item, r);
	return true;
}

/* One that was tried does not become untried because another connection ended
 * too early; what may be done next is what that one left. */
static void keep_earlier(struct envoi_result *result, struct envoi_result *before)
{
	if (result->outcome != ENVOI_OUTCOME_UNTRIED || !result->again
		|| before->outcome == ENVOI_OUTCOME_PENDING) {
		return;
	}
	before->again = result->again;
	before->full = result->full;
	envoi_result_finish(result);
	*result = *before;
	*before = (struct envoi_result){0};
}

size_t envoi_job_finished(struct envoi_job *job, struct envoi_transaction *t, bool again)
{
	/* The transaction is the flight's first member. */
	struct flight *flight = (struct flight *)(void *)t;
	struct item *item = flight->item;
	bool lost = false, refused = false;
	for (size_t i = 0; i < t->count; i++) {
		const struct envoi_result *result = &t->recipients[i]->result;
		lost = lost
		       || (result->again && result->outcome == ENVOI_OUTCOME_DEFERRED);
		refused = refused || (!result->again && result->reply.code >= 400);
	}
	/* Each server is given its chances. */
	if (lost && ++item->losses >= ENVOI_LIMIT_ATTEMPTS * job->server_count) {
		again = false;
	}
	if (refused && t->all_or_nothing) {
		/* The others are not to have it alone. */
		again = false;
	}
	if (t->reply.code != 0) {
		envoi_reply_finish(&item->reply);
		item->reply = t->reply;
		item->phase = t->phase;
		t->reply = (struct envoi_reply){0};
	}
	size_t settled = 0;
	bool in_doubt = false;
	for (size_t i = 0; i < t->count; i++) {
		size_t r = (size_t)(t->recipients[i] - item->recipients);
		bool doubt = t->recipients[i]->result.outcome == ENVOI_OUTCOME_UNKNOWN;
		t->recipients[i]->result.server = flight->server;
		t->recipients[i]->result.dsn = flight->dsn;
		if (flight->before != NULL) {
			keep_earlier(&t->recipients[i]->result, &flight->before[i]);
		}
		if (land(job, item, r, t, again) && !(doubt && job->doubted)) {
			settled++;
		}
		in_doubt = in_doubt || doubt;
	}
	job->doubted = job->doubted || in_doubt;
	envoi_job_tell_settled(job, item);
	flight_free(flight);
	envoi_job_report_settled(job);
	return settled;
}
