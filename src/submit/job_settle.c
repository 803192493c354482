/*
 * Settled recipients and messages: who waits no more, and what is told of it.
 */
#include "submit/job_internal.h"

#include <stdlib.h>

#include "base/span.h"

void envoi_job_warn(const struct envoi_job *job, const struct envoi_error *err)
{
	const struct envoi_observer *observer = &job->request->observer;
	if (observer->warn != NULL) {
		observer->warn(observer->context, err);
	}
}

void envoi_job_free_item(struct item *item)
{
	if (item == NULL) {
		return;
	}
	for (size_t i = 0; item->recipients != NULL && i < item->count; i++) {
		envoi_result_finish(&item->recipients[i].result);
	}
	envoi_reply_finish(&item->reply);
	envoi_message_free(item->message);
	free(item->recipients);
	free(item->places);
	free(item->fresh);
	free(item->order);
	envoi_envelope_finish(&item->envelope);
	free(item->name);
	free(item);
}

/* Messages that are settled are told in order and forgotten. */
void envoi_job_report_settled(struct envoi_job *job)
{
	const struct envoi_request *request = job->request;
	while (job->items != NULL && job->items->open == 0) {
		struct item *item = job->items;
		const struct envoi_message_facts *facts =
			item->message != NULL ? envoi_message_facts(item->message) : NULL;
		struct envoi_message_report report = {
			.index = item->index,
			.source = item->name,
			.session = item->session,
			.sender = item->sender != NULL ? item->sender : "",
			.message_id = facts != NULL ? facts->message_id : "",
			.bytes = item->form != NULL ? item->form->size
				 : facts != NULL    ? facts->size
						    : 0,
			.encoding = item->form != NULL ? item->form->encoding : "",
			.reply = item->reply,
			.phase = item->phase,
			.recipients = item->recipients,
			.count = item->count,
		};
		for (size_t i = 0; i < report.count; i++) {
			job->status = envoi_status_worse(
				job->status, item->recipients[i].result.status);
		}
		job->settled++;
		if (request->observer.message != NULL) {
			request->observer.message(request->observer.context, &report);
		}
		job->items = item->next;
		if (job->items == NULL) {
			job->items_tail = &job->items;
		}
		envoi_job_free_item(item);
	}
}

void envoi_job_unlink_waiting(struct envoi_job *job, struct item *item)
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

void envoi_job_link_waiting(struct envoi_job *job, struct item *item)
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

void envoi_job_settle_place(struct item *item, size_t r)
{
	item->places[r] = PLACE_SETTLED;
	item->open--;
	if (item->fresh != NULL) {
		item->fresh[item->fresh_count++] = r;
	}
}

void envoi_job_tell_settled(struct envoi_job *job, struct item *item)
{
	const struct envoi_request *request = job->request;
	if (item->fresh_count > 0) {
		request->settled(request->context, item->message, item->recipients,
			item->fresh, item->fresh_count);
		item->fresh_count = 0;
	}
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
	envoi_job_settle_place(item, i);
}

void envoi_job_settle_recipient(struct envoi_job *job, struct item *item, size_t i,
	enum envoi_outcome outcome, enum envoi_phase phase,
	const struct envoi_error *fault)
{
	settle_one(item, i, outcome, phase, fault, NULL);
	envoi_job_tell_settled(job, item);
	if (--item->waiting == 0) {
		envoi_job_unlink_waiting(job, item);
		envoi_job_report_settled(job);
	}
}

/* All recipients that wait are settled in the same way. */
void envoi_job_settle_waiting(struct envoi_job *job, struct item *item,
	enum envoi_outcome outcome, enum envoi_phase phase,
	const struct envoi_error *fault, const struct envoi_reply *reply)
{
	for (size_t i = 0; i < item->count; i++) {
		if (item->places[i] == PLACE_WAITING) {
			settle_one(item, i, outcome, phase, fault, reply);
		}
	}
	item->waiting = 0;
	envoi_job_tell_settled(job, item);
	envoi_job_unlink_waiting(job, item);
	envoi_job_report_settled(job);
}
