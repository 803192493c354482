/*
 * The queue's place, and the ways in and out; see the header.
 */
#include "spool.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <envoi/report.h>

#include "hygiene.h"
#include "privilege.h"

/* -- where ----------------------------------------------------------------------- */

/* What the environment names. NULL: nothing, or it is not asked. */
static const char *named_spool(void)
{
	const char *named = getenv("ENVOI_SPOOL");
	return named != NULL && named[0] != '\0' && !privilege_was_set() ? named : NULL;
}

int spool_open_own(bool create, struct envoi_queue **ret_queue, struct envoi_error *err)
{
	const struct envoi_queue_options options = {.create = create};
	char path[4096];
	const char *named = named_spool();
	const char *state = getenv("XDG_STATE_HOME");
	char home[400];
	int n;
	hygiene_home(home, sizeof(home));
	if (named != NULL) {
		n = snprintf(path, sizeof(path), "%s", named);
	} else if (state != NULL && state[0] == '/') {
		n = snprintf(path, sizeof(path), "%s/envoi/queue", state);
	} else if (home[0] == '/') {
		n = snprintf(path, sizeof(path), "%s/.local/state/envoi/queue", home);
	} else {
		(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"there is no place for a queue: no home directory");
		envoi_error_hint(err, "ENVOI_SPOOL names one");
		return -1;
	}
	if (n < 0 || (size_t)n >= sizeof(path)) {
		return envoi_error_set(
			err, ENVOI_STATUS_CONFIG, "the path of the queue is too long");
	}
	return envoi_queue_open(path, &options, ret_queue, err);
}

/* 1: there is none. */
static int open_shared(
	bool create, struct envoi_queue **ret_queue, struct envoi_error *err)
{
	struct envoi_queue_options options = {.shared = true};
	if (access(PRIVILEGE_SPOOL, W_OK | X_OK) == 0) {
		options.create = create;
		return envoi_queue_open(PRIVILEGE_SPOOL, &options, ret_queue, err);
	}
	if (privilege_keeper(&options.keeper, err) != 0) {
		return -1;
	}
	if (options.keeper == NULL) {
		return 1;
	}
	int result = envoi_queue_open(PRIVILEGE_SPOOL, &options, ret_queue, err);
	bool missing =
		result != 0 && err->status == ENVOI_STATUS_NOINPUT && err->sys == ENOENT;
	return missing ? 1 : result;
}

int spool_open(bool create, struct envoi_queue **ret_queue, struct envoi_error *err)
{
	if (named_spool() == NULL && !envoi_config_is_own()) {
		int result = open_shared(create, ret_queue, err);
		if (result <= 0) {
			return result;
		}
	}
	return spool_open_own(create, ret_queue, err);
}

int spool_open_all(bool create, struct envoi_queue *queues[SPOOL_MOST], size_t *ret_count,
	struct envoi_error *err)
{
	*ret_count = 0;
	if (named_spool() == NULL) {
		int result = open_shared(create, &queues[0], err);
		if (result < 0) {
			return -1;
		}
		*ret_count = result == 0 ? 1 : 0;
	}
	if (spool_open_own(create && *ret_count == 0, &queues[*ret_count], err) == 0) {
		(*ret_count)++;
		return 0;
	}
	/* No queue is an empty one; and who has no home has none there. */
	return (err->status == ENVOI_STATUS_NOINPUT && err->sys == ENOENT)
			       || *ret_count > 0
		       ? 0
		       : -1;
}

bool spool_is_shared(const struct envoi_queue *queue)
{
	return envoi_queue_is_shared(queue);
}

/* -- the runner of others ---------------------------------------------------------- */

struct asking {
	struct envoi_queue *queue;
	const char *const *ids;
	size_t count;
};

/* What waits for its time is due now; it was tried as often as before. */
static int make_due(void *context, const char *id, struct envoi_error *err)
{
	const struct asking *asking = context;
	struct envoi_entry *entry = NULL;
	struct envoi_error fault = ENVOI_ERROR_NONE;
	bool wanted = asking->count == 0;
	(void)err;
	for (size_t i = 0; i < asking->count; i++) {
		wanted = wanted || strcmp(asking->ids[i], id) == 0;
	}
	if (!wanted
		|| envoi_queue_claim(asking->queue, ENVOI_QUEUE_MAIL, id, &entry, &fault)
			   != ENVOI_QUEUE_GOT) {
		return 0;
	}
	struct envoi_trials trials = *envoi_entry_trials(entry);
	int result = 0;
	if (trials.next != 0) {
		trials.next = 0;
		result = envoi_entry_defer(entry, &trials, &fault);
	}
	envoi_entry_free(entry);
	if (result != 0) {
		ui_error(&fault);
	}
	return 0;
}

int spool_ask_runner(struct envoi_queue *queue, const char *const *ids, size_t count,
	bool now, struct envoi_error *err)
{
	struct asking asking = {queue, ids, count};
	struct envoi_keeper *keeper = NULL;
	if ((now || count > 0)
		&& envoi_queue_scan(queue, ENVOI_QUEUE_MAIL, make_due, &asking, err)
			   != 0) {
		return -1;
	}
	return privilege_keeper(&keeper, err) != 0 ? -1 : envoi_keeper_wake(keeper, err);
}

/* -- times ----------------------------------------------------------------------- */

static int64_t unit_of(char letter)
{
	switch (letter) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	default:
		return 0;
	}
}

static bool relative_time(const char *text, int64_t *ret_time)
{
	char *end;
	errno = 0;
	long n = strtol(text + 1, &end, 10);
	if (errno != 0 || end == text + 1 || text[1] < '0' || text[1] > '9') {
		return false;
	}
	if (text[0] == '@') {
		*ret_time = n;
		return *end == '\0';
	}
	if (n > 100000000) {
		return false;
	}
	int64_t unit = unit_of(*end);
	*ret_time = (int64_t)time(NULL) + n * unit;
	return unit > 0 && end[1] == '\0';
}

static bool absolute_time(const char *text, int64_t *ret_time)
{
	struct tm tm = {.tm_isdst = -1};
	int end = 0;
	int n = sscanf(text, "%4d-%2d-%2d%*1[T ]%2d:%2d%n:%2d%n", &tm.tm_year, &tm.tm_mon,
		&tm.tm_mday, &tm.tm_hour, &tm.tm_min, &end, &tm.tm_sec, &end);
	if (n < 5 || text[end] != '\0' || tm.tm_mon < 1 || tm.tm_mon > 12
		|| tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59
		|| tm.tm_sec > 60 || tm.tm_year < 1970) {
		return false;
	}
	tm.tm_year -= 1900;
	tm.tm_mon--;
	time_t result = mktime(&tm);
	*ret_time = (int64_t)result;
	return result != (time_t)-1;
}

int spool_time(
	const char *option, const char *text, int64_t *ret_time, struct envoi_error *err)
{
	bool good = text[0] == '+' || text[0] == '@' ? relative_time(text, ret_time)
						     : absolute_time(text, ret_time);
	if (good) {
		return 0;
	}
	(void)envoi_error_set(
		err, ENVOI_STATUS_USAGE, "%s: \"%s\" is no time", option, text);
	envoi_error_hint(err, "+30m, +2h, +3d, or \"2026-12-24 18:00\" in local time");
	return -1;
}

/* -- in -------------------------------------------------------------------------- */

struct adding {
	struct connection *connection;
	const struct spool_times *times;
	struct envoi_queue *queue;
	/** As all of them go. */
	struct envoi_queue_envelope way;
	size_t index;
};

/* "SUCCESS,FAILURE,DELAY", and more than that never is. */
#define NOTIFY_SIZE 40

static const char *notify_text(unsigned bits, char out[NOTIFY_SIZE])
{
	static const char *const words[] = {"NEVER", "FAILURE", "DELAY", "SUCCESS"};
	size_t n = 0;
	out[0] = '\0';
	for (unsigned i = 0; i < 4; i++) {
		if ((bits & 1u << i) != 0) {
			n += (size_t)snprintf(out + n, NOTIFY_SIZE - n, "%s%s",
				n > 0 ? "," : "", words[i]);
		}
	}
	return bits != 0 ? out : NULL;
}

int spool_put(struct envoi_queue *queue, const struct envoi_queue_envelope *way,
	const char *const *addresses, const struct envoi_wish *wishes,
	const struct envoi_dsn *dsn, struct envoi_message *message,
	struct envoi_entry **ret_entry, struct envoi_error *err)
{
	struct envoi_queue_envelope envelope = *way;
	struct envoi_queue_recipient *recipients =
		calloc(envelope.count + 1, sizeof(*recipients));
	char(*notify)[NOTIFY_SIZE] = calloc(envelope.count + 1, sizeof(*notify));
	if (recipients == NULL || notify == NULL) {
		free(recipients);
		free(notify);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	for (size_t i = 0; i < envelope.count; i++) {
		recipients[i].address = addresses[i];
		recipients[i].notify = notify_text(
			wishes != NULL ? wishes[i].notify : dsn->notify, notify[i]);
		recipients[i].original = wishes != NULL ? wishes[i].original : NULL;
	}
	envelope.recipients = recipients;
	envelope.returned = dsn->ret;
	envelope.envelope_id = dsn->envid;
	envelope.message_id = envoi_message_facts(message)->message_id;
	envelope.uid = getuid();
	envelope.created = (int64_t)time(NULL);
	int result = envoi_queue_add(queue, &envelope, message, ret_entry, err);
	free(recipients);
	free(notify);
	return result;
}

static int store(struct adding *adding, struct envoi_message *message,
	const struct envoi_envelope *own, struct envoi_error *err)
{
	const struct envoi_request *request = &adding->connection->request;
	bool is_own = envoi_request_reads_envelopes(request);
	const char *const *addresses =
		is_own ? (const char *const *)own->recipients : request->recipients;
	struct envoi_queue_envelope envelope = adding->way;
	envelope.count = is_own ? own->count : request->recipient_count;
	envelope.sender = is_own && own->sender != NULL ? own->sender : request->sender;
	struct envoi_entry *entry = NULL;
	int result = spool_put(adding->queue, &envelope, addresses,
		is_own ? own->wishes : NULL, &request->dsn, message, &entry, err);
	if (result == 0 && adding->connection->ui.report) {
		size_t length = 0;
		char *line = envoi_report_queued(adding->connection->ui.format,
			adding->index, envoi_message_name(message), entry, &length);
		ui_put(&adding->connection->ui, line, length);
	}
	envoi_entry_free(entry);
	return result;
}

static enum envoi_status add_message(struct adding *adding, struct envoi_message *message)
{
	const struct envoi_request *request = &adding->connection->request;
	struct envoi_envelope own = {0};
	struct envoi_error err;
	/* What today's servers take: what nobody will is refused now. */
	const struct envoi_carrier carrier = envoi_request_carrier(
		request, (ENVOI_EXT_8BITMIME | ENVOI_EXT_SMTPUTF8) & ~request->without);
	const struct envoi_form *form = NULL;
	int result = envoi_request_prepare(request, message, &own, &err);
	if (result == 0) {
		result = envoi_message_choose(message, &carrier, &form, &err);
	}
	if (result == 0) {
		result = store(adding, message, &own, &err);
	}
	envoi_envelope_finish(&own);
	adding->index++;
	if (result != 0) {
		ui_error(&err);
		return err.status;
	}
	return ENVOI_STATUS_OK;
}

static enum envoi_status add_source(struct adding *adding, const char *source)
{
	const struct envoi_request *request = &adding->connection->request;
	struct envoi_input *input = request->composed;
	struct envoi_message *message = NULL;
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_status status = ENVOI_STATUS_OK;
	if (input == NULL && envoi_input_open(source, request->mbox, &input, &err) != 0) {
		ui_error(&err);
		return err.status;
	}
	int result;
	while ((result = envoi_input_next(input, &message, &err)) == 0
		&& message != NULL) {
		status = envoi_status_worse(status, add_message(adding, message));
		envoi_message_free(message);
	}
	if (result != 0) {
		ui_error(&err);
		status = envoi_status_worse(status, err.status);
	}
	if (input != request->composed) {
		envoi_input_free(input);
	}
	return status;
}

enum envoi_status spool_add(struct connection *c, const struct spool_times *times)
{
	struct adding adding = {.connection = c, .times = times};
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_status status = ENVOI_STATUS_OK;
	int result = connection_keep(c, &adding.way, &err);
	if (result == 0) {
		/* What only its own runner may do as it says. */
		bool own = adding.way.config != NULL || adding.way.setting_count > 0;
		result = (own ? spool_open_own : spool_open)(true, &adding.queue, &err);
	}
	if (result != 0) {
		ui_error(&err);
		return err.status;
	}
	adding.way.not_before = times->not_before;
	adding.way.expires = times->expires;
	for (size_t i = 0; i < c->request.source_count; i++) {
		status = envoi_status_worse(
			status, add_source(&adding, c->request.sources[i]));
	}
	envoi_queue_close(adding.queue);
	return status;
}

/* -- out ------------------------------------------------------------------------- */

void spool_route_finish(struct spool_route *route)
{
	struct connection *c = &route->connection;
	if (route->filled) {
		struct pollfd stop = {.fd = c->ui.stop_pipe[0], .events = POLLIN};
		route->stopped = route->stopped || poll(&stop, 1, 0) > 0;
		route->status = ui_close(&c->ui, route->status);
		connection_finish(c);
	}
	route->filled = false;
}

int spool_find_route(struct spool_route *route,
	const struct envoi_queue_envelope *envelope, struct envoi_request *request,
	struct envoi_error *err)
{
	struct connection *c = &route->connection;
	spool_route_finish(route);
	connection_init(c);
	route->filled = true;
	c->ui.report = route->model->report;
	c->ui.format = route->model->format;
	c->ui.verbose = route->model->verbose;
	c->ui.transcript_data = route->model->transcript_data;
	c->account = envelope->account;
	c->files.file = envelope->config;
	for (size_t i = 0; i < envelope->setting_count; i++) {
		if (connection_restore(c, envelope->settings[i].keyword,
			    envelope->settings[i].value, err)
			!= 0) {
			return -1;
		}
	}
	if (connection_complete(c, envelope->sender, err) != 0) {
		return -1;
	}
	*request = c->request;
	request->long_lines = c->chain.accounts[0]->long_lines;
	/* Whose messages say nothing of their way; cron's are among them. */
	request->mend = c->request.mend || route->shared;
	if (!c->ui.report && !c->ui.verbose) {
		/* The queue tells why it waits; cron would mail it at each try. */
		request->observer.warn = NULL;
	}
	/* Each message has its own. */
	request->sender = "";
	return 0;
}
