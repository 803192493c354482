/*
 * envoi queue: what waits to be delivered, and what is to happen to it.
 */
#include "commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <envoi/report.h>

#include "privilege.h"
#include "spool.h"
#include "watch.h"

enum {
	OPT_NOW = OPT_COMMAND_FIRST,
	OPT_WATCH,
	OPT_ALL,
};

static const struct cmd_option table[] = {
	{OPT_NOW, "now", NULL, "run: also what is not due yet"},
	{OPT_WATCH, "watch", NULL, "run: until stopped, as mail comes in and is due"},
	{OPT_ALL, "all", NULL, "all messages, in place of IDs"},
	{'v', "verbose", NULL, "run: transcript on stderr; twice: with message data"},
	{OPT_REPORT, "report", "FORMAT", "text (default), json, none"},
	{'q', "quiet", NULL, "no report, same as --report none"},
	{OPT_HELP, "help", NULL, "this text"},
	{0},
};

struct queue_command {
	/** Of the options; never connects. */
	struct connection connection;
	struct envoi_queue *queues[SPOOL_MOST];
	size_t queue_count;
	/** The one of these it is about. */
	struct envoi_queue *queue;
	const char *const *ids;
	size_t id_count;
	bool now, watch, all;
	enum envoi_status status;
	/** For the last line of list. */
	size_t messages;
	uint64_t octets;
	enum envoi_queue_place place;
};

static void print_usage(void)
{
	puts("usage: envoi queue [list] [OPTION]...\n"
	     "       envoi queue run [OPTION]... [ID]...\n"
	     "       envoi queue show | hold | release | retry | remove ID...\n\n"
	     "list tells what waits, as mailq(1) does, and what failed. show writes "
	     "messages to\n"
	     "stdout. run delivers what is due, or the messages named. hold keeps "
	     "messages\n"
	     "back, release lets them go. retry makes them due now, also those that "
	     "failed.\n"
	     "remove deletes them.\n");
	opt_print(table);
}

static int take_option(void *context, int id, const char *value, struct envoi_error *err)
{
	struct queue_command *command = context;
	switch (id) {
	case OPT_NOW:
		command->now = true;
		return 0;
	case OPT_WATCH:
		command->watch = true;
		return 0;
	case OPT_ALL:
		command->all = true;
		return 0;
	default:
		return connection_option(&command->connection, id, value, err);
	}
}

static void note(struct queue_command *command, const struct envoi_error *err)
{
	ui_error(err);
	command->status = envoi_status_worse(command->status, err->status);
}

/* -- list ------------------------------------------------------------------------ */

static int list_one(void *context, const char *id, struct envoi_error *err)
{
	struct queue_command *command = context;
	struct cmd_ui *ui = &command->connection.ui;
	struct envoi_entry *entry = NULL;
	struct envoi_error fault = ENVOI_ERROR_NONE;
	(void)err;
	int result = envoi_queue_look(command->queue, command->place, id, &entry, &fault);
	if (result == ENVOI_QUEUE_GONE) {
		return 0;
	}
	if (result != ENVOI_QUEUE_GOT) {
		/* One bad file is told, and hides no other. */
		ui_error(&fault);
		return 0;
	}
	size_t length = 0;
	if (command->messages++ == 0 && ui->report && ui->format == ENVOI_REPORT_TEXT) {
		puts("-Queue ID-                  --Size-- ----Arrival Time---- "
		     "-Sender/Recipient-------");
	}
	command->octets += envoi_entry_size(entry);
	if (ui->report) {
		bool busy =
			command->place == ENVOI_QUEUE_MAIL && envoi_entry_is_busy(entry);
		char *line = envoi_report_entry(
			ui->format, command->place, entry, busy, &length);
		ui_put(ui, line, length);
	}
	envoi_entry_free(entry);
	return 0;
}

static void list(struct queue_command *command)
{
	struct cmd_ui *ui = &command->connection.ui;
	struct envoi_error err = ENVOI_ERROR_NONE;
	static const enum envoi_queue_place places[] = {
		ENVOI_QUEUE_MAIL, ENVOI_QUEUE_FAILED};
	/* Nobody waits for one line of it. */
	(void)setvbuf(stdout, NULL, _IOFBF, 65536);
	for (size_t i = 0; i < 2 * command->queue_count; i++) {
		command->queue = command->queues[i / 2];
		command->place = places[i % 2];
		if (envoi_queue_scan(
			    command->queue, command->place, list_one, command, &err)
			!= 0) {
			note(command, &err);
			return;
		}
	}
	if (!ui->report || ui->format != ENVOI_REPORT_TEXT) {
		return;
	}
	if (command->messages == 0) {
		puts("Mail queue is empty");
		return;
	}
	printf("-- %ju Kbytes in %zu Request%s.\n",
		(uintmax_t)(command->octets + 1023) / 1024, command->messages,
		command->messages == 1 ? "" : "s");
}

/* -- messages by their ids --------------------------------------------------------- */

static int show(
	struct queue_command *command, struct envoi_entry *entry, struct envoi_error *err)
{
	struct envoi_message *message = NULL;
	struct envoi_body *body = NULL;
	static char block[65536];
	bool last = false;
	int result = envoi_entry_message(entry, &message, err);
	(void)command;
	if (result == 0 && (result = envoi_message_scan(message, err)) == 0) {
		result = envoi_body_open(
			envoi_message_as_it_is(message), false, &body, err);
	}
	while (result == 0 && !last) {
		size_t n = 0, kept = 0;
		result = envoi_body_read(body, block, sizeof(block), &n, &last, err);
		for (size_t i = 0; i < n; i++) {
			if (block[i] != '\r') {
				block[kept++] = block[i];
			}
		}
		if (result == 0 && fwrite(block, 1, kept, stdout) != kept) {
			result = envoi_error_sys(
				err, ENVOI_STATUS_IO, errno, "cannot write to stdout");
		}
	}
	envoi_body_close(body);
	envoi_message_free(message);
	return result;
}

static int hold(
	struct queue_command *command, struct envoi_entry *entry, struct envoi_error *err)
{
	(void)command;
	return envoi_entry_hold(entry, true, err);
}

static int release(
	struct queue_command *command, struct envoi_entry *entry, struct envoi_error *err)
{
	(void)command;
	return envoi_entry_hold(entry, false, err);
}

static int retry(
	struct queue_command *command, struct envoi_entry *entry, struct envoi_error *err)
{
	(void)command;
	return envoi_entry_revive(entry, (int64_t)time(NULL), err);
}

static int delete (
	struct queue_command *command, struct envoi_entry *entry, struct envoi_error *err)
{
	(void)command;
	return envoi_entry_remove(entry, err);
}

static const struct action {
	const char *word;
	int (*act)(struct queue_command *command, struct envoi_entry *entry,
		struct envoi_error *err);
	/** Also those in failed/; nothing is changed. */
	bool failed, reads;
} actions[] = {
	{"show", show, true, true},
	{"hold", hold, false, false},
	{"release", release, false, false},
	{"retry", retry, true, false},
	{"remove", delete, true, false},
};

static int get_from(struct envoi_queue *queue, const struct action *action,
	const char *id, struct envoi_entry **ret_entry, struct envoi_error *err)
{
	int result = ENVOI_QUEUE_GONE;
	for (int place = ENVOI_QUEUE_MAIL;
		place <= (action->failed ? ENVOI_QUEUE_FAILED : ENVOI_QUEUE_MAIL)
		&& result == ENVOI_QUEUE_GONE;
		place++) {
		result = (action->reads ? envoi_queue_look : envoi_queue_claim)(
			queue, (enum envoi_queue_place)place, id, ret_entry, err);
	}
	return result;
}

/* Result of enum envoi_queue_get, or -1. */
static int get(struct queue_command *command, const struct action *action, const char *id,
	struct envoi_entry **ret_entry, struct envoi_error *err)
{
	int result = ENVOI_QUEUE_GONE;
	(void)envoi_error_set(
		err, ENVOI_STATUS_NOINPUT, "there is no %.40s in the queue", id);
	for (size_t i = 0; i < command->queue_count && result == ENVOI_QUEUE_GONE; i++) {
		result = get_from(command->queues[i], action, id, ret_entry, err);
	}
	return result;
}

static void act_on(
	struct queue_command *command, const struct action *action, const char *id)
{
	struct envoi_entry *entry = NULL;
	struct envoi_error err = ENVOI_ERROR_NONE;
	int result = get(command, action, id, &entry, &err);
	if (result != ENVOI_QUEUE_GOT || action->act(command, entry, &err) != 0) {
		note(command, &err);
	}
	envoi_entry_free(entry);
}

struct for_all {
	struct queue_command *command;
	const struct action *action;
};

static int act_on_each(void *context, const char *id, struct envoi_error *err)
{
	struct for_all *all = context;
	(void)err;
	act_on(all->command, all->action, id);
	return 0;
}

static void act(struct queue_command *command, const struct action *action)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct for_all all = {command, action};
	for (size_t i = 0; i < command->id_count; i++) {
		act_on(command, action, command->ids[i]);
	}
	if (!command->all) {
		return;
	}
	for (size_t i = 0; i < command->queue_count; i++) {
		int result = envoi_queue_scan(
			command->queues[i], ENVOI_QUEUE_MAIL, act_on_each, &all, &err);
		if (result == 0 && action->failed) {
			result = envoi_queue_scan(command->queues[i], ENVOI_QUEUE_FAILED,
				act_on_each, &all, &err);
		}
		if (result != 0) {
			note(command, &err);
		}
	}
}

/* -- run ------------------------------------------------------------------------- */

static int find_route(void *context, const struct envoi_queue_envelope *envelope,
	struct envoi_request *request, struct envoi_error *err)
{
	return spool_find_route(context, envelope, request, err);
}

static void find_notices(void *context, struct envoi_notices *ret_notices)
{
	spool_notices(context, ret_notices);
}

static void warn(void *context, const struct envoi_error *err)
{
	(void)context;
	ui_error(err);
}

/* A message has its file open while it is on its way. */
static void raise_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max > 65536 ? 65536 : limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Once. False: a signal came. */
static bool run_once(struct queue_command *command, const struct watch *watch,
	struct envoi_runner_report *report)
{
	struct spool_route route = {
		.model = &command->connection.ui,
		.shared = envoi_queue_is_shared(command->queue),
	};
	const struct envoi_runner runner = {
		.queue = command->queue,
		.route = find_route,
		.notices = find_notices,
		.warn = warn,
		.context = &route,
		.ids = command->id_count > 0 ? command->ids : NULL,
		.id_count = command->id_count,
		.force = command->now || command->id_count > 0,
		.eager = watch != NULL && watch->eager,
		.ways = watch != NULL ? watch->ways : NULL,
	};
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (envoi_runner_run(&runner, report, &err) != 0) {
		note(command, &err);
	}
	spool_route_finish(&route);
	command->status = envoi_status_worse(command->status, route.status);
	return !route.stopped;
}

/* One queue. */
static void run_queue(struct queue_command *command)
{
	struct envoi_runner_report report;
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (!envoi_queue_is_ours(command->queue)) {
		if (spool_ask_runner(command->queue, command->ids, command->id_count,
			    command->now, &err)
			!= 0) {
			note(command, &err);
		}
		return;
	}
	/* Last of all: what is root's own needs root. */
	if (spool_is_shared(command->queue) && privilege_become_runner(&err) != 0) {
		note(command, &err);
		return;
	}
	(void)run_once(command, NULL, &report);
	/* What waits was accepted before; what failed is told. */
	command->status = envoi_status_worse(command->status, report.status);
}

/* The queue of all users where it is ours, else our own. */
static void run_watch(struct queue_command *command)
{
	struct envoi_runner_report report;
	struct envoi_error err = ENVOI_ERROR_NONE;
	size_t i = 0;
	while (i < command->queue_count && !envoi_queue_is_ours(command->queues[i])) {
		i++;
	}
	if (i == command->queue_count) {
		(void)envoi_error_set(&err, ENVOI_STATUS_AUTH,
			"queue '%s' is run by its own user", PRIVILEGE_SPOOL);
		envoi_error_hint(&err, "without --watch its runner is woken");
		note(command, &err);
		return;
	}
	command->queue = command->queues[i];
	if (spool_is_shared(command->queue) && privilege_become_runner(&err) != 0) {
		note(command, &err);
		return;
	}
	struct watch watch;
	if (envoi_queue_guard(command->queue, &err) != 0
		|| watch_init(&watch, command->queue, &err) != 0) {
		note(command, &err);
		return;
	}
	bool going = true;
	while (going) {
		going = run_once(command, &watch, &report);
		ui_watch_signals(&command->connection.ui);
		going = going
			&& watch_wait(
				&watch, command->connection.ui.stop_pipe[0], &report);
		going = !ui_unwatch_signals(&command->connection.ui) && going;
	}
	watch_finish(&watch);
	command->status = ENVOI_STATUS_OK;
}

/* Mail that was taken is not held up by who started this, and cannot be told. */
static void check_output(struct queue_command *command)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (ui_check_output(&command->connection.ui, &err) != 0) {
		envoi_error_hint(
			&err, "the mail goes nevertheless; --quiet for no report");
		note(command, &err);
		command->connection.ui.report = false;
	}
}

static void run(struct queue_command *command)
{
	raise_limit();
	check_output(command);
	if (command->watch) {
		run_watch(command);
		return;
	}
	for (size_t i = command->queue_count; i > 0; i--) {
		command->queue = command->queues[i - 1];
		run_queue(command);
	}
}

/* -------------------------------------------------------------------------------- */

static int choose_action(
	const char *word, const struct action **ret_action, struct envoi_error *err)
{
	*ret_action = NULL;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].word, word) == 0) {
			*ret_action = &actions[i];
			return 0;
		}
	}
	if (strcmp(word, "list") == 0 || strcmp(word, "run") == 0) {
		return 0;
	}
	(void)envoi_error_set(
		err, ENVOI_STATUS_USAGE, "queue: no such command: %s", word);
	envoi_error_hint(err, "envoi queue --help lists them");
	return -1;
}

static int start(struct queue_command *command, const char *word,
	const struct action **ret_action, struct envoi_error *err)
{
	if (choose_action(word, ret_action, err) != 0) {
		return -1;
	}
	if (*ret_action != NULL && command->id_count == 0 && !command->all) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_USAGE, "queue %s: no message named", word);
		envoi_error_hint(err, "envoi queue list tells the ids; --all means all");
		return -1;
	}
	bool create = strcmp(word, "run") == 0;
	return spool_open_all(create, command->queues, &command->queue_count, err);
}

int cmd_queue(int argc, char **argv)
{
	struct queue_command command = {0};
	struct cmd_parser parser;
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct action *action = NULL;
	const char *word = "list";
	connection_init(&command.connection);
	int result = opt_init(&parser, table, argc, argv, &err);
	if (result == 0) {
		result = opt_read(&parser, take_option, &command, print_usage, &err);
	}
	if (result == 0) {
		if (parser.operand < argc) {
			word = argv[parser.operand++];
		}
		command.ids = (const char *const *)argv + parser.operand;
		command.id_count = (size_t)(argc - parser.operand);
		result = start(&command, word, &action, &err);
	}
	if (result < 0) {
		note(&command, &err);
	} else if (result == 0 && action != NULL) {
		act(&command, action);
	} else if (result == 0 && strcmp(word, "run") == 0) {
		run(&command);
	} else if (result == 0) {
		list(&command);
	}
	for (size_t i = 0; i < command.queue_count; i++) {
		envoi_queue_close(command.queues[i]);
	}
	enum envoi_status status = ui_close(&command.connection.ui, command.status);
	opt_finish(&parser);
	connection_finish(&command.connection);
	return (int)status;
}
