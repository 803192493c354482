/*
 * Messages and recipients of a run; see the header.
 */
#include "submit/job_internal.h"

#include <stdlib.h>

#include "base/span.h"

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
	}
	if (job == NULL || job->inputs == NULL || job->input_errors == NULL) {
		envoi_job_free(job);
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < request->relay_count; i++) {
		job->server_count += request->relays[i].server_count;
	}
	for (size_t i = 0; i < request->source_count; i++) {
		if (request->composed != NULL) {
			job->inputs[i] = request->composed;
		} else if (envoi_input_open(request->sources[i], request->mbox,
				   &job->inputs[i], &job->input_errors[i])
			   != 0) {
			envoi_job_warn(job, &job->input_errors[i]);
		}
	}
	return job;
}

static void close_input(struct envoi_job *job, size_t i)
{
	if (job->inputs[i] != job->request->composed) {
		envoi_input_free(job->inputs[i]);
	}
	job->inputs[i] = NULL;
}

void envoi_job_free(struct envoi_job *job)
{
	if (job == NULL) {
		return;
	}
	while (job->items != NULL) {
		struct item *next = job->items->next;
		envoi_job_free_item(job->items);
		job->items = next;
	}
	for (size_t i = 0; job->inputs != NULL && i < job->request->source_count; i++) {
		close_input(job, i);
	}
	free(job->inputs);
	free(job->input_errors);
	free(job);
}

/* All of these wait. 0, or -1: no memory. */
static int set_recipients(struct item *item, const struct envoi_request *request,
	const char *const *recipients, size_t count)
{
	const struct envoi_dsn *dsn = envoi_dsn_is_wanted(&item->envelope.dsn)
					      ? &item->envelope.dsn
					      : &request->dsn;
	item->dsn = dsn;
	free(item->recipients);
	free(item->places);
	free(item->fresh);
	item->recipients = calloc(count + 1, sizeof(*item->recipients));
	item->places = calloc(count + 1, 1);
	item->fresh =
		request->settled != NULL ? calloc(count + 1, sizeof(*item->fresh)) : NULL;
	if (item->recipients == NULL || item->places == NULL
		|| (request->settled != NULL && item->fresh == NULL)) {
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		struct envoi_recipient *recipient = &item->recipients[i];
		const struct envoi_wish *wishes = item->envelope.wishes;
		recipient->address = recipients[i];
		if (envoi_dsn_is_wanted(dsn)) {
			recipient->notify = dsn->notify;
			recipient->original = recipients[i];
		}
		if (wishes != NULL) {
			recipient->notify = wishes[i].notify;
		}
		if (wishes != NULL && wishes[i].original != NULL) {
			recipient->original = wishes[i].original;
		}
	}
	item->count = item->open = item->waiting = count;
	return 0;
}

/* An item with all its recipients waiting, or with none where each message has
 * its own envelope; message NULL: it has no input. */
static struct item *item_new(
	struct envoi_job *job, struct envoi_message *message, const char *name)
{
	const struct envoi_request *request = job->request;
	struct item *item = calloc(1, sizeof(*item));
	if (item == NULL) {
		envoi_message_free(message);
		return NULL;
	}
	item->message = message;
	item->sender = request->sender;
	item->name = envoi_span_dup(envoi_span_of(name));
	if (item->name == NULL
		|| set_recipients(item, request, request->recipients,
			   envoi_request_reads_envelopes(request)
				   ? 0
				   : request->recipient_count)
			   != 0) {
		envoi_job_free_item(item);
		return NULL;
	}
	item->index = job->count++;
	item->session = -1;
	*job->items_tail = item;
	job->items_tail = &item->next;
	return item;
}

/* Scans and repairs it; who it is for may be its own business. */
static int prepare(struct envoi_job *job, struct item *item, struct envoi_error *err)
{
	const struct envoi_request *request = job->request;
	int result = envoi_request_prepare(request, item->message, &item->envelope, err);
	if (!envoi_request_reads_envelopes(request)) {
		return result;
	}
	if (set_recipients(item, request, (const char *const *)item->envelope.recipients,
		    item->envelope.count)
		!= 0) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	if (item->envelope.sender != NULL) {
		item->sender = item->envelope.sender;
	}
	return result;
}

static void refuse(
	struct envoi_job *job, struct item *item, const struct envoi_error *err)
{
	envoi_job_warn(job, err);
	/* There may be nobody whose outcome would tell. */
	job->status = envoi_status_worse(job->status, err->status);
	envoi_job_settle_waiting(
		job, item, ENVOI_OUTCOME_UNTRIED, ENVOI_PHASE_INPUT, err, NULL);
}

/* Reads the message; what cannot be sent to any server is settled. */
static bool examine(struct envoi_job *job, struct item *item)
{
	struct envoi_error err;
	int result =
		envoi_message_scan_or_stop(item->message, job->request->stop_fd, &err);
	if (result > 0) {
		/* It waits, and is what is given up first. */
		job->stopped = true;
		if (envoi_request_reads_envelopes(job->request)) {
			/* For whom was not found out. */
			job->status =
				envoi_status_worse(job->status, ENVOI_STATUS_TEMPORARY);
		}
		return true;
	}
	if (result == 0) {
		result = prepare(job, item, &err);
	}
	if (result == 0) {
		result = envoi_job_check_form(job, item, &err);
	}
	if (result != 0) {
		refuse(job, item, &err);
		return false;
	}
	return true;
}

static void next_input(struct envoi_job *job)
{
	close_input(job, job->input++);
}

/* One that comes by itself. */
static struct item *pull_next(struct envoi_job *job)
{
	const struct envoi_request *request = job->request;
	struct envoi_message *message = NULL;
	struct envoi_error err;
	if (request->next == NULL || job->exhausted) {
		return NULL;
	}
	if (request->next(request->context, &message, &err) != 0) {
		envoi_job_warn(job, &err);
		message = NULL;
	}
	job->exhausted = message == NULL;
	if (message == NULL) {
		return NULL;
	}
	struct item *item = item_new(job, message, envoi_message_name(message));
	if (item == NULL) {
		job->exhausted = true;
		job->status = envoi_status_worse(ENVOI_STATUS_SYSTEM, job->status);
	}
	return item;
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
			envoi_job_warn(job, &err);
		} else if (message == NULL && err.status == ENVOI_STATUS_OK) {
			next_input(job);
			continue;
		}
		if (message == NULL) {
			next_input(job);
		}
		struct item *item = item_new(job, message,
			message != NULL ? envoi_message_name(message) : name);
		if (item != NULL && message == NULL) {
			job->status = envoi_status_worse(job->status, err.status);
			envoi_job_settle_waiting(job, item, ENVOI_OUTCOME_UNTRIED,
				ENVOI_PHASE_INPUT, &err, NULL);
			continue;
		}
		if (item == NULL) {
			job->status =
				envoi_status_worse(ENVOI_STATUS_SYSTEM, job->status);
		}
		return item;
	}
	return pull_next(job);
}

/* Reads on until a message waits; false: there is none. */
static bool find_waiting(struct envoi_job *job)
{
	while (job->waiting == NULL) {
		struct item *item = pull(job);
		if (item == NULL) {
			return false;
		}
		if (examine(job, item)) {
			envoi_job_link_waiting(job, item);
		}
	}
	return true;
}

bool envoi_job_has_waiting(struct envoi_job *job)
{
	return !job->stopped && !envoi_job_is_full(job) && find_waiting(job)
	       && !job->stopped;
}

bool envoi_job_is_stopped(const struct envoi_job *job)
{
	return job->stopped;
}

/* A message that nobody will take is read only to know who it was for. */
static bool has_more(struct envoi_job *job)
{
	if (envoi_request_reads_envelopes(job->request)) {
		return find_waiting(job);
	}
	struct item *item = pull(job);
	if (item != NULL) {
		envoi_job_link_waiting(job, item);
	}
	return item != NULL;
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
	/* Whoever has more messages keeps them. */
	job->exhausted = true;
	(void)envoi_job_unpark(job, SIZE_MAX);
	while (job->waiting != NULL || has_more(job)) {
		if (!envoi_job_give_up_unfit(job, job->waiting, fault)) {
			continue;
		}
		envoi_job_settle_waiting(job, job->waiting, outcome, phase, fault, reply);
	}
}

enum envoi_status envoi_job_status(const struct envoi_job *job)
{
	return job->status;
}

size_t envoi_job_settled(const struct envoi_job *job)
{
	return job->settled;
}
