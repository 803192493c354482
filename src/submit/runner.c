/*
 * A run over the queue; see <envoi/runner.h>.
 *
 * First it looks at all messages, and puts those that are due and go the same way
 * together. Then each group is one envoi_submit(), which is given its messages one
 * by one: a message is claimed when there is room for it on the wire, and given
 * back as soon as all of its recipients are settled.
 */
#include "submit/runner_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checksum.h"

/* A bounce may make one for the postmaster, and that makes none. */
#define ROUNDS 3

struct pass {
	const struct envoi_runner *runner;
	struct envoi_runner_report *report;
	struct due_list due;
	/** Bounces made meanwhile. */
	struct due_list made;
	bool stopped;
};

int64_t envoi_runner_now(void)
{
	return (int64_t)time(NULL);
}

/* -- looking --------------------------------------------------------------------- */

static uint64_t add_text(uint64_t way, const char *text)
{
	return text != NULL ? envoi_checksum_of(text, strlen(text) + 1, way)
			    : envoi_checksum_of("", 0, way);
}

/* Of a fallback for the account by sender, too, which it is chosen by. */
static uint64_t way_of(const struct envoi_queue_envelope *envelope)
{
	uint64_t way = add_text(0, envelope->account);
	way = add_text(way, envelope->config);
	if (envelope->account == NULL && envelope->setting_count == 0) {
		way = add_text(way, envelope->sender);
	}
	for (size_t i = 0; i < envelope->setting_count; i++) {
		way = add_text(way, envelope->settings[i].keyword);
		way = add_text(way, envelope->settings[i].value);
	}
	return way;
}

static bool is_wanted(const struct envoi_runner *runner, const char *id)
{
	for (size_t i = 0; i < runner->id_count; i++) {
		if (strcmp(runner->ids[i], id) == 0) {
			return true;
		}
	}
	return runner->ids == NULL;
}

static bool is_due(struct pass *pass, const struct envoi_entry *entry)
{
	const struct envoi_runner *runner = pass->runner;
	const struct envoi_trials *trials = envoi_entry_trials(entry);
	int64_t not_before = envoi_entry_envelope(entry)->not_before;
	int64_t now = envoi_runner_now();
	if (trials->held && !(runner->force && runner->ids != NULL)) {
		return false;
	}
	if (runner->force || envoi_schedule_is_due(trials, not_before, now)) {
		return true;
	}
	if (not_before <= now
		&& (runner->eager
			|| envoi_ways_is_back(
				runner->ways, way_of(envoi_entry_envelope(entry))))) {
		return true;
	}
	int64_t due = envoi_schedule_due(trials, not_before, now);
	pass->report->next = due < pass->report->next ? due : pass->report->next;
	return false;
}

int envoi_runner_add_due(
	struct due_list *list, const struct envoi_entry *entry, struct envoi_error *err)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity > 0 ? 2 * list->capacity : 64;
		struct due *larger = realloc(list->list, capacity * sizeof(*larger));
		if (larger == NULL) {
			return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		}
		list->list = larger;
		list->capacity = capacity;
	}
	struct due *due = &list->list[list->count++];
	due->way = way_of(envoi_entry_envelope(entry));
	memcpy(due->id, envoi_entry_id(entry), sizeof(due->id));
	return 0;
}

void envoi_runner_warn(const struct envoi_runner *runner, const struct envoi_error *err)
{
	if (runner->warn != NULL) {
		runner->warn(runner->context, err);
	}
}

/* Takes what cannot be read out of the way. */
static void set_aside(struct pass *pass, const char *id)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_entry *entry = NULL;
	int result = envoi_queue_claim(
		pass->runner->queue, ENVOI_QUEUE_MAIL, id, &entry, &err);
	envoi_entry_free(entry);
	if (result == ENVOI_QUEUE_BAD) {
		pass->report->damaged++;
		envoi_runner_warn(pass->runner, &err);
	}
}

static int look(void *context, const char *id, struct envoi_error *err)
{
	struct pass *pass = context;
	struct envoi_entry *entry = NULL;
	struct envoi_error fault = ENVOI_ERROR_NONE;
	if (!is_wanted(pass->runner, id)) {
		return 0;
	}
	int result = envoi_queue_look(
		pass->runner->queue, ENVOI_QUEUE_MAIL, id, &entry, &fault);
	if (result == ENVOI_QUEUE_BAD) {
		set_aside(pass, id);
	} else if (result < 0) {
		/* One that cannot be read now is no reason to stop. */
		envoi_runner_warn(pass->runner, &fault);
	} else if (result == ENVOI_QUEUE_GOT && is_due(pass, entry)) {
		result = envoi_runner_add_due(&pass->due, entry, err);
		envoi_entry_free(entry);
		return result;
	}
	envoi_entry_free(entry);
	return 0;
}

static int compare_due(const void *a, const void *b)
{
	const struct due *x = a, *y = b;
	if (x->way != y->way) {
		return x->way < y->way ? -1 : 1;
	}
	return memcmp(x->id, y->id, sizeof(x->id));
}

/* -- a group --------------------------------------------------------------------- */

/* Claims the message of this id if it is still there to be sent. NULL: no. */
static struct envoi_entry *claim(struct group *group, const char *id)
{
	const struct envoi_runner *runner = group->runner;
	struct envoi_entry *entry = NULL;
	struct envoi_error err = ENVOI_ERROR_NONE;
	int result = envoi_queue_claim(runner->queue, ENVOI_QUEUE_MAIL, id, &entry, &err);
	switch (result) {
	case ENVOI_QUEUE_GOT:
		break;
	case ENVOI_QUEUE_BUSY:
		group->report->busy++;
		return NULL;
	case ENVOI_QUEUE_GONE:
		return NULL;
	case ENVOI_QUEUE_BAD:
		group->report->damaged++;
		envoi_runner_warn(runner, &err);
		return NULL;
	default:
		group->report->deferred++;
		envoi_runner_warn(runner, &err);
		return NULL;
	}
	/* It may have been tried, or held, since it was looked at. */
	const struct envoi_trials *trials = envoi_entry_trials(entry);
	bool named = runner->force && runner->ids != NULL;
	bool due = runner->force || group->hurried
		   || envoi_schedule_is_due(trials,
			   envoi_entry_envelope(entry)->not_before, envoi_runner_now());
	if ((trials->held && !named) || !due) {
		envoi_entry_free(entry);
		return NULL;
	}
	return entry;
}

struct envoi_entry *envoi_group_claim_next(struct group *group)
{
	struct envoi_entry *first = group->first;
	group->first = NULL;
	if (first != NULL) {
		return first;
	}
	while (group->at < group->count) {
		struct envoi_entry *entry = claim(group, group->list[group->at++].id);
		if (entry != NULL) {
			return entry;
		}
	}
	return NULL;
}

static void wake_at(struct pass *pass, int64_t seconds)
{
	int64_t when = envoi_runner_now() + seconds;
	pass->report->next = when < pass->report->next ? when : pass->report->next;
}

/* The way led nowhere a moment ago: they stay as they are. */
static bool is_paused(struct pass *pass, const struct group *group, uint64_t way)
{
	int64_t pause = envoi_ways_pause(pass->runner->ways, way);
	if (pause == 0 || pass->runner->force || pass->runner->eager) {
		return false;
	}
	pass->report->deferred += group->count;
	wake_at(pass, pause);
	return true;
}

static void note_way(struct pass *pass, const struct group *group, uint64_t way)
{
	if (group->reached) {
		if (envoi_ways_reached(pass->runner->ways, way)) {
			wake_at(pass, 0);
		}
	} else if (group->asked) {
		envoi_ways_failed(pass->runner->ways, way);
	}
}

static int run_groups(
	struct pass *pass, const struct due_list *due, struct envoi_error *err)
{
	size_t end;
	for (size_t at = 0; at < due->count && !pass->stopped; at = end) {
		struct group group = {
			.runner = pass->runner,
			.report = pass->report,
			.made = &pass->made,
			.list = due->list + at,
		};
		uint64_t way = due->list[at].way;
		for (end = at; end < due->count && due->list[end].way == way; end++) {
			group.count++;
		}
		if (is_paused(pass, &group, way)) {
			continue;
		}
		group.hurried = pass->runner->eager
				|| envoi_ways_is_back(pass->runner->ways, way);
		if (envoi_group_run(&group, err) != 0) {
			return -1;
		}
		pass->stopped = group.stopped;
		if (!group.stopped) {
			note_way(pass, &group, way);
		}
	}
	return 0;
}

/* What is due, then the bounces that made, and what these made. */
static int run_all(struct pass *pass, struct envoi_error *err)
{
	int result = 0;
	for (unsigned round = 0; result == 0 && round < ROUNDS; round++) {
		struct due_list due = pass->due;
		pass->due = (struct due_list){0};
		if (due.count > 0) {
			qsort(due.list, due.count, sizeof(*due.list), compare_due);
			result = run_groups(pass, &due, err);
		}
		free(due.list);
		pass->due = pass->made;
		pass->made = (struct due_list){0};
	}
	return result;
}

static void begin_report(struct envoi_runner_report *report)
{
	*report = (struct envoi_runner_report){.next = INT64_MAX};
}

int envoi_runner_run(const struct envoi_runner *runner,
	struct envoi_runner_report *ret_report, struct envoi_error *err)
{
	struct pass pass = {.runner = runner, .report = ret_report};
	begin_report(ret_report);
	envoi_ways_begin_run(runner->ways);
	envoi_queue_sweep(runner->queue);
	int result = envoi_queue_scan(runner->queue, ENVOI_QUEUE_MAIL, look, &pass, err);
	if (result == 0) {
		result = run_all(&pass, err);
	}
	free(pass.due.list);
	free(pass.made.list);
	return result;
}

int envoi_runner_deliver(const struct envoi_runner *runner, struct envoi_entry *entry,
	struct envoi_runner_report *ret_report, struct envoi_error *err)
{
	struct group group = {.runner = runner, .report = ret_report, .first = entry};
	begin_report(ret_report);
	return envoi_group_run(&group, err);
}
