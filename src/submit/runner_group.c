/*
 * A group of messages that go the same way, through one envoi_submit(); see
 * runner_internal.h.
 */
#include "submit/runner_internal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"

static void free_sending(struct sending *sending)
{
	envoi_entry_free(sending->entry);
	free(sending->indices);
	free(sending);
}

static struct sending **find(struct group *group, const struct envoi_message *message)
{
	struct sending **link = &group->sending;
	while (*link != NULL && (*link)->message != message) {
		link = &(*link)->next;
	}
	return link;
}

/* What could not be begun stays as it is. */
static void keep(struct group *group, struct envoi_entry *entry, struct envoi_error *err)
{
	envoi_runner_warn(group->runner, err);
	envoi_entry_conclude(group, entry, err->text);
}

/* A claimed entry becomes a message of the run; -1: not this one. */
static int begin(struct group *group, struct envoi_entry *entry,
	struct envoi_message **ret_message, struct envoi_error *err)
{
	struct sending *sending = calloc(1, sizeof(*sending));
	size_t count = envoi_entry_envelope(entry)->count;
	if (sending != NULL) {
		sending->indices = calloc(2 * count, sizeof(*sending->indices));
	}
	if (sending == NULL || sending->indices == NULL) {
		free(sending);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	sending->relayed = sending->indices + count;
	if (envoi_entry_reserve(entry, err) != 0
		|| envoi_entry_message(entry, ret_message, err) != 0) {
		free(sending->indices);
		free(sending);
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		if (envoi_entry_verdicts(entry)[i].fate == ENVOI_FATE_WAITING) {
			sending->indices[sending->open++] = i;
		}
	}
	sending->entry = entry;
	sending->message = *ret_message;
	/* They are mostly settled in the order they came in. */
	*group->tail = sending;
	group->tail = &sending->next;
	group->begun = sending;
	return 0;
}

static int next(
	void *context, struct envoi_message **ret_message, struct envoi_error *err)
{
	struct group *group = context;
	struct envoi_entry *entry;
	*ret_message = NULL;
	while ((entry = envoi_group_claim_next(group)) != NULL) {
		if (envoi_entry_count(entry, ENVOI_FATE_WAITING) == 0) {
			/* The one before came no further. */
			envoi_entry_conclude(group, entry, "");
			continue;
		}
		if (begin(group, entry, ret_message, err) == 0) {
			return 0;
		}
		keep(group, entry, err);
	}
	return 0;
}

/* NOTIFY as bits; what is not understood is not asked for. */
static unsigned notify_of(const char *text)
{
	static const char *const words[] = {"NEVER", "FAILURE", "DELAY", "SUCCESS"};
	unsigned bits = 0;
	while (text != NULL && *text != '\0') {
		size_t n = strcspn(text, ",");
		for (unsigned i = 0; i < 4; i++) {
			if (strlen(words[i]) == n && memcmp(words[i], text, n) == 0) {
				bits |= 1u << i;
			}
		}
		text += text[n] == ',' ? n + 1 : n;
	}
	return bits;
}

static bool add_recipient(
	struct envoi_envelope *envelope, const struct envoi_queue_recipient *recipient)
{
	char *address = envoi_span_dup(envoi_span_of(recipient->address));
	unsigned notify = notify_of(recipient->notify);
	if (address == NULL) {
		return false;
	}
	envelope->wishes[envelope->count] =
		(struct envoi_wish){notify, recipient->original};
	envelope->recipients[envelope->count++] = address;
	/* Of all: is anything wanted? */
	envelope->dsn.notify |= notify;
	return true;
}

static int address(void *context, struct envoi_message *message,
	struct envoi_envelope *ret_envelope, struct envoi_error *err)
{
	struct group *group = context;
	struct sending *sending = group->begun;
	if (sending == NULL || sending->message != message) {
		sending = *find(group, message);
	}
	if (sending == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_BUG, "a message of nobody");
	}
	const struct envoi_queue_envelope *envelope =
		envoi_entry_envelope(sending->entry);
	*ret_envelope = (struct envoi_envelope){
		.sender = envoi_span_dup(envoi_span_of(envelope->sender)),
		.recipients = calloc(sending->open + 1, sizeof(char *)),
		.wishes = calloc(sending->open + 1, sizeof(*ret_envelope->wishes)),
		.dsn = {.ret = envelope->returned, .envid = envelope->envelope_id},
		.deliver_by = envelope->expires,
	};
	bool whole = ret_envelope->sender != NULL && ret_envelope->recipients != NULL
		     && ret_envelope->wishes != NULL;
	for (size_t i = 0; whole && i < sending->open; i++) {
		whole = add_recipient(
			ret_envelope, &envelope->recipients[sending->indices[i]]);
	}
	return whole ? 0 : envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

static bool is_stopped(int stop_fd)
{
	struct pollfd fd = {.fd = stop_fd, .events = POLLIN};
	return stop_fd >= 0 && poll(&fd, 1, 0) > 0;
}

static void sync_queue(struct group *group)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (envoi_queue_sync(group->runner->queue, &err) != 0) {
		envoi_runner_warn(group->runner, &err);
	}
}

static int64_t idle(void *context)
{
	struct group *group = context;
	int64_t due = envoi_queue_sync_due(group->runner->queue);
	if (due == 0) {
		sync_queue(group);
		due = -1;
	}
	return due;
}

/* Is there somebody at the other end, whatever it said? */
static void note_reached(struct group *group, const struct envoi_recipient *recipients,
	const size_t *indices, size_t n)
{
	group->asked = true;
	for (size_t i = 0; i < n && !group->reached; i++) {
		const struct envoi_result *result = &recipients[indices[i]].result;
		group->reached = result->outcome == ENVOI_OUTCOME_UNTRIED
					 ? result->status == ENVOI_STATUS_DATA
					 : result->phase >= ENVOI_PHASE_MAIL;
	}
}

static void settled(void *context, const struct envoi_message *message,
	const struct envoi_recipient *recipients, const size_t *indices, size_t n)
{
	struct group *group = context;
	struct sending **link = find(group, message);
	struct sending *sending = *link;
	if (sending == NULL) {
		return;
	}
	group->stopped = group->stopped || is_stopped(group->stop_fd);
	note_reached(group, recipients, indices, n);
	envoi_sending_settle(group, sending, recipients, indices, n);
	if (sending->open > 0) {
		return;
	}
	*link = sending->next;
	group->begun = group->begun == sending ? NULL : group->begun;
	if (group->tail == &sending->next) {
		group->tail = link;
	}
	struct envoi_entry *entry = sending->entry;
	sending->entry = NULL;
	if (sending->broken) {
		group->report->deferred++;
		envoi_entry_free(entry);
	} else {
		envoi_runner_tell_relayed(
			group, entry, sending->relayed, sending->relayed_count);
		envoi_entry_conclude(group, entry, sending->why);
	}
	free_sending(sending);
	(void)idle(group);
}

/* Those that were not begun: nobody was there to take them. */
static void defer_rest(struct group *group)
{
	struct envoi_entry *entry;
	while (!group->stopped && (entry = envoi_group_claim_next(group)) != NULL) {
		envoi_entry_conclude(group, entry, group->why);
	}
}

/* What the envelope of all of them says. */
static int route(
	struct group *group, struct envoi_request *request, struct envoi_error *err)
{
	struct envoi_entry *entry = envoi_group_claim_next(group);
	if (entry == NULL) {
		return 1;
	}
	const struct envoi_runner *runner = group->runner;
	group->first = entry;
	int result =
		runner->route(runner->context, envoi_entry_envelope(entry), request, err);
	if (runner->notices != NULL) {
		runner->notices(runner->context, &group->notices);
	}
	return result;
}

int envoi_group_run(struct group *group, struct envoi_error *err)
{
	struct envoi_request request = {.stop_fd = -1, .sessions = 1};
	struct envoi_error fault = ENVOI_ERROR_NONE;
	(void)err;
	group->tail = &group->sending;
	int result = route(group, &request, &fault);
	if (result < 0) {
		/* A configuration can be mended: the mail waits. */
		envoi_runner_warn(group->runner, &fault);
		(void)snprintf(group->why, sizeof(group->why), "%s", fault.text);
		defer_rest(group);
	}
	if (result != 0) {
		return 0;
	}
	group->stop_fd = request.stop_fd;
	request.next = next;
	request.settled = settled;
	request.idle = idle;
	request.context = group;
	request.envelope = address;
	request.envelope_context = group;
	(void)envoi_submit(&request);
	sync_queue(group);
	group->stopped = is_stopped(request.stop_fd);
	defer_rest(group);
	if (group->first != NULL) {
		envoi_entry_free(group->first);
		group->first = NULL;
	}
	while (group->sending != NULL) {
		/* The run ended without a word on it, for lack of memory. */
		struct sending *sending = group->sending;
		group->sending = sending->next;
		group->report->deferred++;
		free_sending(sending);
	}
	return 0;
}
