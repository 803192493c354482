/*
 * Bounces: which recipients a sender is told of, and that it was; see
 * <envoi/runner.h>.
 */
#include "submit/runner_internal.h"

#include <stdlib.h>
#include <string.h>

#include <envoi/bounce.h>

/* When a bounce could not be made. */
#define AGAIN 60

/* Recipients of one bounce, and their places in the envelope. */
struct chosen {
	struct envoi_bounce_recipient *recipients;
	size_t *indices;
	size_t count;
};

/* RFC 3461 4.1: nothing said is FAILURE, and DELAY where that is usual. */
static bool wants(const struct envoi_queue_recipient *recipient, const char *word)
{
	size_t n = strlen(word);
	const char *at = recipient->notify;
	if (at == NULL || at[0] == '\0') {
		return strcmp(word, "SUCCESS") != 0;
	}
	while (at != NULL) {
		if (strncmp(at, word, n) == 0 && (at[n] == ',' || at[n] == '\0')) {
			return true;
		}
		at = strchr(at, ',');
		at = at != NULL ? at + 1 : NULL;
	}
	return false;
}

static void chosen_finish(struct chosen *chosen)
{
	free(chosen->recipients);
	free(chosen->indices);
}

/* Those of this fate; word NULL: whatever they want. */
static int choose(const struct envoi_entry *entry, enum envoi_fate fate, const char *word,
	struct chosen *chosen, struct envoi_error *err)
{
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	const struct envoi_verdict *verdicts = envoi_entry_verdicts(entry);
	size_t most = envoi_entry_count(entry, fate);
	*chosen = (struct chosen){
		.recipients = calloc(most + 1, sizeof(*chosen->recipients)),
		.indices = calloc(most + 1, sizeof(*chosen->indices)),
	};
	if (chosen->recipients == NULL || chosen->indices == NULL) {
		chosen_finish(chosen);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	for (size_t i = 0; i < envelope->count; i++) {
		const struct envoi_queue_recipient *recipient = &envelope->recipients[i];
		if (verdicts[i].fate != fate
			|| (word != NULL && !wants(recipient, word))) {
			continue;
		}
		chosen->recipients[chosen->count] = (struct envoi_bounce_recipient){
			.address = recipient->address,
			.original = recipient->original,
			.verdict = &verdicts[i],
		};
		chosen->indices[chosen->count++] = i;
	}
	return 0;
}

/* Who is told of this message; NULL: nobody. */
static const char *reader_of(const struct group *group, const struct envoi_entry *entry)
{
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	const char *postmaster = group->notices.postmaster;
	if (!group->notices.bounces) {
		return NULL;
	}
	if (envelope->bounce_of == NULL) {
		return envelope->sender[0] != '\0' ? envelope->sender : NULL;
	}
	for (size_t i = 0; postmaster != NULL && i < envelope->count; i++) {
		if (strcmp(envelope->recipients[i].address, postmaster) == 0) {
			return NULL;
		}
	}
	return postmaster;
}

static int queue_bounce(struct group *group, const struct envoi_entry *entry,
	const char *reader, enum envoi_bounce_kind kind, const struct chosen *chosen,
	struct envoi_error *err)
{
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	const struct envoi_notices *notices = &group->notices;
	struct envoi_queue_envelope way = *envelope;
	struct envoi_message *message = NULL;
	struct envoi_entry *made = NULL;
	if (way.account == NULL && way.setting_count == 0) {
		/* Not by the sender, who is none now. */
		way.account = notices->account;
	}
	if (envoi_entry_message(entry, &message, err) != 0) {
		return -1;
	}
	const struct envoi_bounce bounce = {
		.kind = kind,
		.to = reader,
		.host = notices->host,
		.domain = notices->domain,
		.recipients = chosen->recipients,
		.count = chosen->count,
		.arrived = envelope->created,
		.now = envoi_runner_now(),
		.until = envelope->expires != 0
				 ? envelope->expires
				 : envoi_entry_trials(entry)->since
					   + ENVOI_SCHEDULE_DAYS * INT64_C(86400),
		.envelope_id = envelope->envelope_id,
		.returned = envelope->returned,
		.id = envoi_entry_id(entry),
		.original = message,
	};
	int result = envoi_bounce_queue(group->runner->queue, &bounce, &way,
		group->made != NULL ? &made : NULL, err);
	if (made != NULL) {
		/* It goes with the next run, if not with this one. */
		(void)envoi_runner_add_due(group->made, made, err);
		envoi_entry_free(made);
	}
	envoi_message_free(message);
	return result;
}

/* Are they told in the same words? */
static bool is_same(const struct envoi_verdict *a, const struct envoi_verdict *b)
{
	return a->status == b->status && a->code == b->code && a->at == b->at
	       && a->doubtful == b->doubtful
	       && memcmp(a->enhanced, b->enhanced, sizeof(a->enhanced)) == 0
	       && strcmp(a->text, b->text) == 0 && strcmp(a->server, b->server) == 0;
}

/* The verdicts stay as they are, but for that. */
static int settle_told(
	struct envoi_entry *entry, const struct chosen *chosen, struct envoi_error *err)
{
	for (size_t at = 0, n; at < chosen->count; at += n) {
		const struct envoi_verdict *verdicts = envoi_entry_verdicts(entry);
		struct envoi_verdict verdict = verdicts[chosen->indices[at]];
		n = 1;
		while (at + n < chosen->count
			&& is_same(&verdict, &verdicts[chosen->indices[at + n]])) {
			n++;
		}
		verdict.fate = ENVOI_FATE_TOLD;
		if (envoi_entry_settle(entry, chosen->indices + at, n, &verdict, err)
			!= 0) {
			return -1;
		}
	}
	return 0;
}

int envoi_runner_tell_failed(
	struct group *group, struct envoi_entry *entry, struct envoi_error *err)
{
	const char *reader = reader_of(group, entry);
	bool bounce = envoi_entry_envelope(entry)->bounce_of != NULL;
	struct chosen chosen;
	if (reader == NULL || envoi_entry_count(entry, ENVOI_FATE_FAILED) == 0) {
		return 0;
	}
	if (choose(entry, ENVOI_FATE_FAILED, bounce ? NULL : "FAILURE", &chosen, err)
		!= 0) {
		return -1;
	}
	int result = 0;
	if (chosen.count > 0) {
		result = queue_bounce(
			group, entry, reader, ENVOI_BOUNCE_FAILED, &chosen, err);
		if (result == 0) {
			result = settle_told(entry, &chosen, err);
		}
	}
	if (result != 0) {
		int64_t again = envoi_runner_now() + AGAIN;
		group->report->next =
			again < group->report->next ? again : group->report->next;
	}
	chosen_finish(&chosen);
	return result;
}

int envoi_runner_tell_late(
	struct group *group, struct envoi_entry *entry, struct envoi_error *err)
{
	const char *reader = reader_of(group, entry);
	struct chosen chosen;
	if (reader == NULL || envoi_entry_envelope(entry)->bounce_of != NULL) {
		return 0;
	}
	if (choose(entry, ENVOI_FATE_WAITING, "DELAY", &chosen, err) != 0) {
		return -1;
	}
	int result = 0;
	if (chosen.count > 0) {
		result = queue_bounce(group, entry, reader, ENVOI_BOUNCE_DELAYED, &chosen,
				 err) == 0
				 ? 1
				 : -1;
	}
	chosen_finish(&chosen);
	return result;
}

bool envoi_runner_wants_relayed(const struct group *group,
	const struct envoi_entry *entry, size_t i, const struct envoi_result *result)
{
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	return result->outcome == ENVOI_OUTCOME_DELIVERED && !result->dsn
	       && envelope->bounce_of == NULL && reader_of(group, entry) != NULL
	       && wants(&envelope->recipients[i], "SUCCESS");
}

void envoi_runner_tell_relayed(struct group *group, const struct envoi_entry *entry,
	const size_t *indices, size_t n)
{
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (n == 0) {
		return;
	}
	struct chosen chosen = {.recipients = calloc(n, sizeof(*chosen.recipients))};
	int result = chosen.recipients != NULL ? 0 : -1;
	for (size_t i = 0; result == 0 && i < n; i++) {
		chosen.recipients[chosen.count++] = (struct envoi_bounce_recipient){
			.address = envelope->recipients[indices[i]].address,
			.original = envelope->recipients[indices[i]].original,
			.verdict = &envoi_entry_verdicts(entry)[indices[i]],
		};
	}
	if (result != 0) {
		(void)envoi_error_set(&err, ENVOI_STATUS_SYSTEM, "out of memory");
	} else {
		result = queue_bounce(group, entry, reader_of(group, entry),
			ENVOI_BOUNCE_RELAYED, &chosen, &err);
	}
	if (result != 0) {
		envoi_runner_warn(group->runner, &err);
	}
	chosen_finish(&chosen);
}
