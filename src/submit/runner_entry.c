/*
 * What becomes of a message of the queue: how an outcome is written down, and when
 * it goes, waits or is given up. See runner_internal.h.
 */
#include "submit/runner_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/gnu.h"

/* 5yz that say something about who we are, not about the message. */
static bool is_about_us(const struct envoi_result *result)
{
	const struct envoi_reply *reply = &result->reply;
	return reply->code == 530 || reply->code == 534 || reply->code == 535
	       || reply->code == 538 || result->status == ENVOI_STATUS_AUTH;
}

/* Is it hopeless to try this again? */
static bool is_final(const struct envoi_result *result)
{
	switch (result->outcome) {
	case ENVOI_OUTCOME_REJECTED:
		/* Before MAIL: a refusal of the session. */
		return result->phase >= ENVOI_PHASE_MAIL && !is_about_us(result);
	case ENVOI_OUTCOME_UNTRIED:
		/* Of the message as it is. */
		return result->status == ENVOI_STATUS_DATA;
	default:
		return false;
	}
}

static struct envoi_verdict verdict_of(const struct envoi_result *result)
{
	const struct envoi_reply *reply = &result->reply;
	struct envoi_verdict verdict = {
		.fate = result->outcome == ENVOI_OUTCOME_DELIVERED ? ENVOI_FATE_DELIVERED
			: is_final(result)			   ? ENVOI_FATE_FAILED
								   : ENVOI_FATE_WAITING,
		.doubtful = result->outcome == ENVOI_OUTCOME_UNKNOWN,
		.status = result->status,
		.at = envoi_runner_now(),
		.code = reply->code,
		.text = reply->code != 0 ? reply->text : result->error,
		.server = result->server,
	};
	for (size_t i = 0; i < 3; i++) {
		verdict.enhanced[i] = reply->enhanced[i];
	}
	return verdict;
}

static bool is_same(const struct envoi_result *a, const struct envoi_result *b)
{
	const char *x = a->reply.code != 0 ? a->reply.text : a->error;
	const char *y = b->reply.code != 0 ? b->reply.text : b->error;
	return a->outcome == b->outcome && a->phase == b->phase && a->status == b->status
	       && a->reply.code == b->reply.code
	       && memcmp(a->reply.enhanced, b->reply.enhanced, sizeof(a->reply.enhanced))
			  == 0
	       && strcmp(x != NULL ? x : "", y != NULL ? y : "") == 0;
}

static void note_reason(struct sending *sending, const struct envoi_verdict *verdict)
{
	if (verdict->fate == ENVOI_FATE_DELIVERED) {
		return;
	}
	if (verdict->code != 0) {
		(void)snprintf(sending->why, sizeof(sending->why), "%d %.300s",
			verdict->code, verdict->text != NULL ? verdict->text : "");
	} else {
		(void)snprintf(sending->why, sizeof(sending->why), "%.300s",
			verdict->text != NULL ? verdict->text : "");
	}
}

/* The one write that says how it ended for these. */
static int write_down(const struct sending *sending, const size_t *indices, size_t n,
	const struct envoi_verdict *verdict, struct envoi_error *err)
{
	struct envoi_entry *entry = sending->entry;
	bool last = envoi_entry_count(entry, ENVOI_FATE_WAITING) == n
		    && envoi_entry_count(entry, ENVOI_FATE_FAILED) == 0
		    && sending->relayed_count == 0;
	return last && verdict->fate == ENVOI_FATE_DELIVERED
		       ? envoi_entry_finish(entry, indices, n, verdict, err)
		       : envoi_entry_settle(entry, indices, n, verdict, err);
}

/* Those that ended alike are one record, so mostly one write for all. */
void envoi_sending_settle(struct group *group, struct sending *sending,
	const struct envoi_recipient *recipients, const size_t *indices, size_t n)
{
	size_t run[64];
	for (size_t at = 0; at < n;) {
		const struct envoi_result *result = &recipients[indices[at]].result;
		const struct envoi_verdict verdict = verdict_of(result);
		struct envoi_error err = ENVOI_ERROR_NONE;
		size_t count = 0;
		do {
			size_t i = sending->indices[indices[at]];
			if (envoi_runner_wants_relayed(group, sending->entry, i,
				    &recipients[indices[at]].result)) {
				sending->relayed[sending->relayed_count++] = i;
			}
			run[count++] = i;
			at++;
		} while (at < n && count < sizeof(run) / sizeof(run[0])
			 && is_same(result, &recipients[indices[at]].result));
		note_reason(sending, &verdict);
		if (result->outcome == ENVOI_OUTCOME_UNTRIED
			|| result->phase < ENVOI_PHASE_MAIL) {
			/* For those whose turn did not come, too. */
			(void)snprintf(
				group->why, sizeof(group->why), "%s", sending->why);
		}
		group->report->status =
			verdict.fate == ENVOI_FATE_FAILED ? envoi_status_worse(
				group->report->status, verdict.status)
							  : group->report->status;
		/* That somebody has it is worth another try on a disk that is full. */
		bool tried = !sending->broken || verdict.fate == ENVOI_FATE_DELIVERED;
		if (tried && write_down(sending, run, count, &verdict, &err) != 0) {
			sending->broken = true;
			envoi_runner_warn(group->runner, &err);
		}
	}
	sending->open -= n;
}

/* -- at its end -------------------------------------------------------------------- */

static uint32_t chance(void)
{
	uint32_t value = 250;
	(void)envoi_gnu_random(&value, sizeof(value));
	return value;
}

/* Nobody waits any longer; why is what the last trial came to. */
static int give_up(struct envoi_entry *entry, const char *why, struct envoi_error *err)
{
	char text[500];
	size_t count = envoi_entry_envelope(entry)->count;
	for (size_t i = 0; i < count; i++) {
		struct envoi_verdict verdict = envoi_entry_verdicts(entry)[i];
		if (verdict.fate != ENVOI_FATE_WAITING) {
			continue;
		}
		(void)snprintf(text, sizeof(text), "given up, last: %.400s",
			verdict.text[0] != '\0' ? verdict.text : why);
		verdict.fate = ENVOI_FATE_FAILED;
		verdict.status = ENVOI_STATUS_TEMPORARY;
		verdict.text = text;
		verdict.at = envoi_runner_now();
		if (envoi_entry_settle(entry, &i, 1, &verdict, err) != 0) {
			return -1;
		}
	}
	return 0;
}

/* It waits, or that was the last time. */
static int defer(struct group *group, struct envoi_entry *entry, const char *why,
	struct envoi_error *err)
{
	int64_t now = envoi_runner_now();
	struct envoi_trials trials =
		envoi_schedule_tried(envoi_entry_trials(entry), now, chance(), why);
	if (envoi_schedule_is_over(&trials, envoi_entry_envelope(entry)->expires, now)) {
		group->report->status =
			envoi_status_worse(group->report->status, ENVOI_STATUS_TEMPORARY);
		return give_up(entry, why, err);
	}
	if (trials.next < group->report->next) {
		group->report->next = trials.next;
	}
	if (envoi_schedule_is_late(&trials, group->notices.delay, now)) {
		struct envoi_error fault = ENVOI_ERROR_NONE;
		int told = envoi_runner_tell_late(group, entry, &fault);
		if (told < 0) {
			envoi_runner_warn(group->runner, &fault);
		}
		trials.warned = told > 0;
	}
	return envoi_entry_defer(entry, &trials, err);
}

/* Out of the queue, or to where what failed is kept. */
static int leave(struct group *group, struct envoi_entry *entry, struct envoi_error *err)
{
	if (envoi_entry_count(entry, ENVOI_FATE_FAILED) > 0) {
		group->report->failed++;
		if (envoi_entry_fail(entry, err) != 0) {
			return -1;
		}
		envoi_runner_notify(group, entry);
		return 0;
	}
	if (envoi_entry_count(entry, ENVOI_FATE_TOLD) > 0) {
		group->report->failed++;
	} else {
		group->report->delivered++;
	}
	return envoi_entry_remove(entry, err);
}

void envoi_entry_conclude(struct group *group, struct envoi_entry *entry, const char *why)
{
	const struct envoi_runner *runner = group->runner;
	struct envoi_error err = ENVOI_ERROR_NONE;
	int result = 0;
	if (envoi_entry_count(entry, ENVOI_FATE_WAITING) > 0 && !group->stopped) {
		result = defer(group, entry, why, &err);
	}
	if (runner->done != NULL) {
		runner->done(runner->context, entry);
	}
	if (result == 0) {
		result = envoi_runner_tell_failed(group, entry, &err);
	}
	if (result != 0 || envoi_entry_count(entry, ENVOI_FATE_WAITING) > 0) {
		group->report->deferred++;
	} else {
		result = leave(group, entry, &err);
	}
	if (result != 0) {
		envoi_runner_warn(runner, &err);
	}
	envoi_entry_free(entry);
}
