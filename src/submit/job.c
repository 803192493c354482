/*
 * Messages and recipients of a run; see the header.
 */
#include "submit/job.h"

#include <stdlib.h>
#include <string.h>

#include <envoi/address.h>
#include <envoi/message.h>

#include "base/limits.h"
#include "base/span.h"

/* Lines longer than this are against RFC 5321 4.5.3.1.6. */
#define LINE_MAX_OCTETS 998

enum place {
	PLACE_WAITING,
	PLACE_FLYING,
	PLACE_SETTLED,
};

/** One message of the run. */
struct item {
	/** In the order of index, until reported. */
	struct item *next;
	/** In the order of index, while a recipient waits. */
	struct item *next_waiting;
	bool is_waiting;
	size_t index;
	char *name;
	struct envoi_message *message;
	bool scanned;
	struct envoi_recipient *recipients;
	unsigned char *places;
	/** Not settled; waiting; all before this one do not wait. */
	size_t open, waiting, cursor;
	/** Times a lost connection interrupted it. */
	unsigned losses;
	long session;
	struct envoi_reply reply;
	enum envoi_phase phase;
};

/** A transaction on its way. */
struct flight {
	struct envoi_transaction transaction;
	struct item *item;
	struct envoi_recipient *recipients[];
};

struct envoi_job {
	const struct envoi_request *request;
	struct envoi_input **inputs;
	struct envoi_error *input_errors;
	size_t input;
	size_t count;
	struct item *items, **items_tail;
	struct item *waiting;
	/** Recipients in the order they are sent: by domain when a server limits
	 * domains, else as given. */
	size_t *order;
	bool by_domain;
	size_t settled;
	uint64_t octets;
	enum envoi_status status;
};

/* -- inputs to items ------------------------------------------------------ */

static void warn(const struct envoi_job *job, const struct envoi_error *err)
{
	const struct envoi_observer *observer = &job->request->observer;
	if (observer->warn != NULL) {
		observer->warn(observer->context, err);
	}
}

struct envoi_job *envoi_job_new(
	const struct envoi_request *request, struct envoi_error *err)
{
	struct envoi_job *job = calloc(1, sizeof(*job));
	if (job != NULL) {
		job->request = request;
		job->items_tail = &job->items;
		job->inputs =
			calloc(request->source_count + 1, sizeof(struct envoi_input *));
		job->input_errors =
			calloc(request->source_count + 1, sizeof(struct envoi_error));
		job->order = calloc(request->recipient_count + 1, sizeof(size_t));
	}
	if (job == NULL || job->inputs == NULL || job->input_errors == NULL
		|| job->order == NULL) {
		envoi_job_free(job);
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < request->recipient_count; i++) {
		job->order[i] = i;
	}
	for (size_t i = 0; i < request->source_count; i++) {
		if (envoi_input_open(request->sources[i], request->mbox, &job->inputs[i],
			    &job->input_errors[i])
			!= 0) {
			warn(job, &job->input_errors[i]);
		}
	}
	return job;
}

static void item_free(struct item *item, size_t count)
{
	if (item == NULL) {
		return;
	}
	for (size_t i = 0; item->recipients != NULL && i < count; i++) {
		envoi_result_finish(&item->recipients[i].result);
	}
	envoi_reply_finish(&item->reply);
	envoi_message_free(item->message);
	free(item->recipients);
	free(item->places);
	free(item->name);
	free(item);
}

void envoi_job_free(struct envoi_job *job)
{
	if (job == NULL) {
		return;
	}
	while (job->items != NULL) {
		struct item *next = job->items->next;
		item_free(job->items, job->request->recipient_count);
		job->items = next;
	}
	for (size_t i = 0; job->inputs != NULL && i < job->request->source_count; i++) {
		envoi_input_free(job->inputs[i]);
	}
	free(job->inputs);
	free(job->input_errors);
	free(job->order);
	free(job);
}

/* An item with all its recipients waiting; message NULL: it has no input. */
static struct item *item_new(
	struct envoi_job *job, struct envoi_message *message, const char *name)
{
	size_t count = job->request->recipient_count;
	struct item *item = calloc(1, sizeof(*item));
	if (item == NULL) {
		envoi_message_free(message);
		return NULL;
	}
	item->message = message;
	item->name = envoi_span_dup(envoi_span_of(name));
	item->recipients = calloc(count + 1, sizeof(*item->recipients));
	item->places = calloc(count + 1, 1);
	if (item->name == NULL || item->recipients == NULL || item->places == NULL) {
		item_free(item, 0);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		item->recipients[i].address = job->request->recipients[i];
	}
	item->index = job->count++;
	item->session = -1;
	item->open = item->waiting = count;
	*job->items_tail = item;
	job->items_tail = &item->next;
	return item;
}

/* Messages that are settled are told in order and forgotten. */
static void report_settled(struct envoi_job *job)
{
	const struct envoi_request *request = job->request;
	while (job->items != NULL && job->items->open == 0) {
		struct item *item = job->items;
		const struct envoi_message_facts *facts =
			item->scanned ? envoi_message_facts(item->message) : NULL;
		struct envoi_message_report report = {
			.index = item->index,
			.source = item->name,
			.session = item->session,
			.sender = request->sender,
			.message_id = facts != NULL ? facts->message_id : "",
			.bytes = facts != NULL ? facts->size : 0,
			.reply = item->reply,
			.phase = item->phase,
			.recipients = item->recipients,
			.count = request->recipient_count,
		};
		for (size_t i = 0; i < report.count; i++) {
			job->status = envoi_status_worse(
				job->status, item->recipients[i].result.status);
		}
		job->settled++;
		job->octets += report.bytes;
		if (request->observer.message != NULL) {
			request->observer.message(request->observer.context, &report);
		}
		if (request->observer.progress != NULL) {
			request->observer.progress(
				request->observer.context, job->settled, job->octets);
		}
		job->items = item->next;
		if (job->items == NULL) {
			job->items_tail = &job->items;
		}
		item_free(item, request->recipient_count);
	}
}

/* -- settling -------------------------------------------------------------- */

static void unlink_waiting(struct envoi_job *job, struct item *item)
{
	struct item **link = &job->waiting;
	while (*link != NULL && *link != item) {
		link = &(*link)->next_waiting;
	}
	if (*link == item) {
		*link = item->next_waiting;
	}
	item->is_waiting = false;
}

static void link_waiting(struct envoi_job *job, struct item *item)
{
	if (item->is_waiting) {
		return;
	}
	struct item **link = &job->waiting;
	while (*link != NULL && (*link)->index < item->index) {
		link = &(*link)->next_waiting;
	}
	item->next_waiting = *link;
	*link = item;
	item->is_waiting = true;
}

static void settle_one(struct item *item, size_t i, enum envoi_outcome outcome,
	enum envoi_phase phase, const struct envoi_error *fault,
	const struct envoi_reply *reply)
{
	struct envoi_result *result = &item->recipients[i].result;
	if (result->outcome == ENVOI_OUTCOME_PENDING) {
		result->outcome = outcome;
		result->phase = phase;
		result->status = fault->status;
		if (reply != NULL && reply->code != 0) {
			(void)envoi_reply_copy(&result->reply, reply);
		} else {
			result->error = envoi_span_dup(envoi_span_of(fault->text));
		}
	}
	item->places[i] = PLACE_SETTLED;
	item->open--;
}

/* All recipients that wait are settled in the same way. */
static void settle_waiting(struct envoi_job *job, struct item *item,
	enum envoi_outcome outcome, enum envoi_phase phase,
	const struct envoi_error *fault, const struct envoi_reply *reply)
{
	for (size_t i = 0; i < job->request->recipient_count; i++) {
		if (item->places[i] == PLACE_WAITING) {
			settle_one(item, i, outcome, phase, fault, reply);
		}
	}
	item->waiting = 0;
	unlink_waiting(job, item);
	report_settled(job);
}

/* -- what comes next ------------------------------------------------------- */

static void warn_long_line(const struct envoi_job *job, const struct item *item)
{
	const struct envoi_message_facts *facts = envoi_message_facts(item->message);
	if (facts->longest <= LINE_MAX_OCTETS) {
		return;
	}
	struct envoi_error err;
	(void)envoi_error_set(&err, ENVOI_STATUS_OK,
		"%s: line %ju has %ju octets, more than 998: sent as it is", item->name,
		(uintmax_t)facts->longest_line, (uintmax_t)facts->longest);
	warn(job, &err);
}

/* Reads the message; what cannot be sent to any server is settled. */
static bool examine(struct envoi_job *job, struct item *item)
{
	struct envoi_error err;
	if (envoi_message_scan(item->message, &err) != 0) {
		warn(job, &err);
		settle_waiting(
			job, item, ENVOI_OUTCOME_UNTRIED, ENVOI_PHASE_INPUT, &err, NULL);
		return false;
	}
	item->scanned = true;
	const struct envoi_message_facts *facts = envoi_message_facts(item->message);
	if (facts->nul_line > 0) {
		(void)envoi_error_set(&err, ENVOI_STATUS_DATA,
			"%s: line %ju holds a NUL, which mail cannot carry", item->name,
			(uintmax_t)facts->nul_line);
		warn(job, &err);
		settle_waiting(
			job, item, ENVOI_OUTCOME_UNTRIED, ENVOI_PHASE_INPUT, &err, NULL);
		return false;
	}
	warn_long_line(job, item);
	return true;
}

/* The next message of the inputs as an item. NULL: there is none. */
static struct item *pull(struct envoi_job *job)
{
	const struct envoi_request *request = job->request;
	while (job->input < request->source_count) {
		const char *name = request->sources[job->input];
		struct envoi_error err = job->input_errors[job->input];
		struct envoi_message *message = NULL;
		if (job->inputs[job->input] != NULL
			&& envoi_input_next(job->inputs[job->input], &message, &err)
				   != 0) {
			warn(job, &err);
		} else if (message == NULL && err.status == ENVOI_STATUS_OK) {
			job->input++;
			continue;
		}
		if (message == NULL) {
			job->input++;
		}
		struct item *item = item_new(job, message,
			message != NULL ? envoi_message_name(message) : name);
		if (item != NULL && message == NULL) {
			settle_waiting(job, item, ENVOI_OUTCOME_UNTRIED,
				ENVOI_PHASE_INPUT, &err, NULL);
			continue;
		}
		if (item == NULL) {
			job->status =
				envoi_status_worse(ENVOI_STATUS_SYSTEM, job->status);
		}
		return item;
	}
	return NULL;
}

bool envoi_job_has_waiting(struct envoi_job *job)
{
	while (job->waiting == NULL) {
		struct item *item = pull(job);
		if (item == NULL) {
			return false;
		}
		if (examine(job, item)) {
			link_waiting(job, item);
		}
	}
	return true;
}

/* -- transactions ----------------------------------------------------------- */

/* The address of the recipient that comes i-th. */
static const char *ordered_address(const struct envoi_job *job, size_t i)
{
	return job->request->recipients[job->order[i]];
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

/* Recipients of a domain stand together, so that few transactions do. */
static void order_by_domain(struct envoi_job *job)
{
	size_t count = job->request->recipient_count;
	struct order_entry *entries = calloc(count, sizeof(*entries));
	job->by_domain = true;
	if (entries == NULL) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		entries[i].domain = envoi_address_domain(job->request->recipients[i]);
		entries[i].index = i;
	}
	qsort(entries, count, sizeof(*entries), compare_domains);
	for (size_t i = 0; i < count; i++) {
		job->order[i] = entries[i].index;
	}
	free(entries);
}

/* Fills a transaction with the recipients that wait, as the limits allow. */
static void choose(struct envoi_job *job, struct item *item, struct flight *flight,
	const struct envoi_capabilities *limits)
{
	size_t count = job->request->recipient_count;
	size_t most = limits->rcpt_max > 0 && limits->rcpt_max < count
			      ? (size_t)limits->rcpt_max
			      : count;
	size_t domains = 0;
	const char *last = NULL;
	struct envoi_transaction *t = &flight->transaction;
	size_t i = item->cursor;
	for (; i < count && t->count < most; i++) {
		size_t r = job->order[i];
		if (item->places[r] != PLACE_WAITING) {
			continue;
		}
		const char *address = ordered_address(job, i);
		if (limits->rcpt_domain_max > 0
			&& (last == NULL || !same_domain(last, address))) {
			if (domains == limits->rcpt_domain_max) {
				break;
			}
			domains++;
			last = address;
		}
		envoi_result_finish(&item->recipients[r].result);
		item->places[r] = PLACE_FLYING;
		item->waiting--;
		t->recipients[t->count++] = &item->recipients[r];
	}
	item->cursor = i;
}

/* A transaction for the item; NULL: no memory. */
static struct flight *launch(
	struct envoi_job *job, struct item *item, const struct envoi_capabilities *limits)
{
	const struct envoi_message_facts *facts = envoi_message_facts(item->message);
	struct flight *flight = calloc(
		1, sizeof(*flight) + item->waiting * sizeof(flight->recipients[0]));
	if (flight == NULL) {
		return NULL;
	}
	flight->item = item;
	flight->transaction = (struct envoi_transaction){
		.sender = job->request->sender,
		.recipients = flight->recipients,
		.size = facts->size,
		.eight_bit = facts->eight_bit,
		.all_or_nothing = job->request->all_or_nothing,
		.user = item->message,
	};
	if (limits->rcpt_domain_max > 0 && !job->by_domain) {
		order_by_domain(job);
		item->cursor = 0;
	}
	choose(job, item, flight, limits);
	if (item->waiting == 0) {
		unlink_waiting(job, item);
	}
	return flight;
}

/* What this server does not take is settled without asking it. */
static bool fits_server(struct envoi_job *job, struct item *item,
	const struct envoi_capabilities *server, uint32_t usable)
{
	const struct envoi_message_facts *facts = envoi_message_facts(item->message);
	struct envoi_error err;
	if ((usable & ENVOI_EXT_SIZE) != 0 && server->size > 0
		&& facts->size > server->size) {
		(void)envoi_error_set(&err, ENVOI_STATUS_REFUSED,
			"%s: %ju octets are over the server's limit of %ju", item->name,
			(uintmax_t)facts->size, (uintmax_t)server->size);
		warn(job, &err);
		settle_waiting(
			job, item, ENVOI_OUTCOME_REJECTED, ENVOI_PHASE_MAIL, &err, NULL);
		return false;
	}
	if (facts->eight_bit && (usable & ENVOI_EXT_8BITMIME) == 0) {
		(void)envoi_error_set(&err, ENVOI_STATUS_DATA,
			"%s: has 8-bit content, and the server does not offer 8BITMIME",
			item->name);
		warn(job, &err);
		settle_waiting(
			job, item, ENVOI_OUTCOME_UNTRIED, ENVOI_PHASE_MAIL, &err, NULL);
		return false;
	}
	return true;
}

bool envoi_job_feed(struct envoi_job *job, struct envoi_session *session,
	size_t session_index, size_t *mails)
{
	const struct envoi_capabilities *server =
		&envoi_session_facts(session)->capabilities;
	uint32_t usable = server->extensions & ~job->request->session.without;
	struct envoi_capabilities limits = {0};
	if ((usable & ENVOI_EXT_LIMITS) != 0) {
		limits = *server;
	}
	while (envoi_job_has_waiting(job)) {
		struct item *item = job->waiting;
		if (!fits_server(job, item, server, usable)) {
			continue;
		}
		if (limits.mail_max > 0 && *mails >= limits.mail_max) {
			return false;
		}
		if (!envoi_session_can_submit(
			    session, envoi_message_facts(item->message)->size)) {
			return true;
		}
		struct flight *flight = launch(job, item, &limits);
		struct envoi_error err;
		if (flight == NULL
			|| envoi_session_submit(session, &flight->transaction, &err)
				   != 0) {
			/* What flew and did not leave is settled by the end. */
			job->status =
				envoi_status_worse(ENVOI_STATUS_SYSTEM, job->status);
			free(flight);
			return false;
		}
		item->session = (long)session_index;
		(*mails)++;
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
		item->places[r] = PLACE_WAITING;
		item->waiting++;
		item->cursor = 0;
		link_waiting(job, item);
		return false;
	}
	item->places[r] = PLACE_SETTLED;
	item->open--;
	return true;
}

size_t envoi_job_finished(struct envoi_job *job, struct envoi_transaction *t, bool again)
{
	/* The transaction is the flight's first member. */
	struct flight *flight = (struct flight *)(void *)t;
	struct item *item = flight->item;
	bool lost = false;
	for (size_t i = 0; i < t->count; i++) {
		const struct envoi_result *result = &t->recipients[i]->result;
		lost = lost
		       || (result->again && result->outcome == ENVOI_OUTCOME_DEFERRED);
	}
	if (lost && ++item->losses >= ENVOI_LIMIT_ATTEMPTS) {
		again = false;
	}
	if (t->reply.code != 0) {
		envoi_reply_finish(&item->reply);
		item->reply = t->reply;
		item->phase = t->phase;
		t->reply = (struct envoi_reply){0};
	}
	size_t settled = 0;
	for (size_t i = 0; i < t->count; i++) {
		size_t r = (size_t)(t->recipients[i] - item->recipients);
		if (land(job, item, r, t, again)) {
			settled++;
		}
	}
	envoi_transaction_finish(t);
	free(flight);
	report_settled(job);
	return settled;
}

void envoi_job_give_up(struct envoi_job *job, const struct envoi_error *fault,
	enum envoi_phase phase, const struct envoi_reply *reply)
{
	enum envoi_outcome outcome = ENVOI_OUTCOME_UNTRIED;
	if (reply->code >= 400 && phase <= ENVOI_PHASE_AUTH) {
		outcome = reply->code < 500 ? ENVOI_OUTCOME_DEFERRED
					    : ENVOI_OUTCOME_REJECTED;
	} else {
		/* It was said to another message, or is no refusal: in words. */
		reply = NULL;
	}
	struct item *item;
	while ((item = job->waiting) != NULL || (item = pull(job)) != NULL) {
		settle_waiting(job, item, outcome, phase, fault, reply);
	}
}

enum envoi_status envoi_job_status(const struct envoi_job *job)
{
	return job->status;
}
