/*
 * envoi send: options and files to a request; --dry-run.
 */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <envoi/address.h>
#include <envoi/message.h>

#include "compose.h"
#include "connection.h"
#include "spool.h"

enum {
	OPT_TO = OPT_COMMAND_FIRST,
	OPT_CC,
	OPT_BCC,
	OPT_MBOX,
	OPT_MBOX_STYLE,
	OPT_PRINT,
	OPT_RAW,
	OPT_SESSIONS,
	OPT_ALL_OR_NOTHING,
	OPT_DSN_ENVID,
	OPT_QUEUE,
	OPT_NO_QUEUE,
	OPT_AT,
	OPT_EXPIRE,
	OPT_PROGRESS,
	OPT_NO_PROGRESS,
};

static const struct cmd_option table[] = {
	{'s', "server", "SERVER",
		"host[:port], [ip]:port or URL; repeatable: tried in order"},
	{'f', "from", "ADDR", "envelope sender; '' or <>: the null sender"},
	{OPT_TO, "to", "ADDR", "recipient; repeatable"},
	{OPT_CC, "cc", "ADDR", "recipient, shown in the field Cc; repeatable"},
	{OPT_BCC, "bcc", "ADDR", "recipient that no field names; repeatable"},
	COMPOSE_OPTIONS,
	{'t', "read-recipients", NULL, "also those in the fields To, Cc and Bcc"},
	{OPT_RAW, "raw", NULL, "the header goes as it is; with -t without Bcc"},
	{'F', "full-name", "NAME", "name of a From field that is added"},
	{OPT_MBOX, "mbox", NULL, "each FILE is an mbox of many messages"},
	{OPT_MBOX_STYLE, "mbox-style", "STYLE", "--mbox quoted as rd (default), o"},
	{OPT_SESSIONS, "sessions", "N", "up to N connections at once (1)"},
	{OPT_ALL_OR_NOTHING, "all-or-nothing", NULL,
		"one refused recipient stops its message"},
	{OPT_LONG_LINES, "long-lines", "WHAT",
		"lines over 998 octets: encode (default), pass, refuse"},
	{OPT_DSN_NOTIFY, "dsn-notify", "WHEN[,WHEN]",
		"ask for notifications: never, or success, failure, delay"},
	{OPT_DSN_RET, "dsn-ret", "WHAT", "what they hold of the message: hdrs, full"},
	{OPT_DSN_ENVID, "dsn-envid", "ID", "what they call it"},
	{OPT_QUEUE, "queue", NULL, "put it into the queue, do not send it now"},
	{OPT_NO_QUEUE, "no-queue", NULL, "send it now, whatever the account says"},
	{OPT_AT, "at", "TIME", "queue it, to be sent at TIME or later: +2h, a date"},
	{OPT_EXPIRE, "expire", "TIME", "queue it, and give up after TIME"},
	{'n', "dry-run", NULL, "show what would be sent, connect to nobody"},
	{OPT_PRINT, "print", NULL, "write the message to stdout, send nothing"},
	{OPT_PROGRESS, "progress", NULL,
		"progress line on stderr (default: on a terminal)"},
	{OPT_NO_PROGRESS, "no-progress", NULL, "no progress line"},
	CONNECTION_OPTIONS,
	{0},
};

struct send {
	struct connection connection;
	/** All that were given, owned; and those the request has. */
	char **mailboxes;
	size_t mailbox_count;
	const char **recipients;
	size_t recipient_count;
	/** Those without a domain: their places in the two lists are the same. */
	size_t *bare;
	size_t bare_count;
	/** --from. */
	char *sender;
	struct compose compose;
	/** Of the fields To and Cc. */
	const char **to;
	const char **cc;
	struct envoi_repair repair;
	bool dry_run;
	/** --queue 1, --no-queue 0, -1: neither was said. */
	int queue;
	struct spool_times times;
	bool print;
	int progress;
};

static void print_usage(void)
{
	puts("usage: envoi send [-s SERVER] [-f ADDR] --to ADDR [OPTION]... [FILE]...\n\n"
	     "Sends each FILE (none or -: standard input) as one message, over as few\n"
	     "connections as it can, and reports every outcome and how the session "
	     "closed.\n");
	opt_print(table);
	puts("\nSERVER is host, host:port, [ip]:port, smtp://host (port 25), "
	     "submission://host\n"
	     "(587, STARTTLS required), submissions://host (465, TLS), lmtp://host (24) "
	     "or\n"
	     "lmtp+unix:/path. Exit status: 0 delivered, 67 a recipient refused, 69 "
	     "refused,\n"
	     "75 try again, 76 unknown outcome, 64-66, 73, 74, 78 local trouble; see "
	     "envoi(1).");
}

/* --raw leaves the header alone; what -t has read of Bcc is still nobody's
 * business. */
static void choose_repair(struct send *send)
{
	struct envoi_request *request = &send->connection.request;
	bool raw = send->repair.raw;
	if (!raw || request->read_recipients) {
		envoi_account_repair(send->connection.chain.accounts[0], &send->repair);
		send->repair.keep_bcc = send->repair.keep_bcc && !raw;
		request->repair = &send->repair;
	}
}

/* What the account makes of --from; else the login. And its notifications. */
static int choose_sender(struct send *send, struct envoi_error *err)
{
	struct envoi_account *account = send->connection.chain.accounts[0];
	if (envoi_account_use_login(account, err) != 0) {
		return -1;
	}
	/* NULL: that of the From field. */
	send->connection.request.sender = account->sender;
	send->connection.request.dsn.notify = account->dsn_notify;
	send->connection.request.dsn.ret = account->dsn_return;
	send->connection.request.long_lines = account->long_lines;
	return 0;
}

static int note_bare(struct send *send, struct envoi_error *err)
{
	size_t *grown = realloc(send->bare, (send->bare_count + 1) * sizeof(*grown));
	if (grown == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	grown[send->bare_count++] = send->mailbox_count;
	send->bare = grown;
	return 0;
}

static int add_recipient(struct send *send, const char *text, struct envoi_error *err)
{
	char *mailbox = NULL;
	bool bare = false;
	if (envoi_address_parse_bare(text, strlen(text), &mailbox, &bare, err) != 0) {
		return -1;
	}
	if (bare && note_bare(send, err) != 0) {
		free(mailbox);
		return -1;
	}
	if (add_string((const char ***)(void *)&send->mailboxes, &send->mailbox_count,
		    mailbox, err)
		!= 0) {
		free(mailbox);
		return -1;
	}
	return add_string(&send->recipients, &send->recipient_count, mailbox, err);
}

/* Bare names, once it is known which domain they have. */
static int qualify(struct send *send, struct envoi_error *err)
{
	const char *domain = send->connection.chain.accounts[0]->mail_domain;
	for (size_t i = 0; i < send->bare_count; i++) {
		char **mailbox = &send->mailboxes[send->bare[i]];
		if (domain == NULL) {
			(void)envoi_error_set(err, ENVOI_STATUS_USAGE,
				"bad address (no \"@\"): '%s'", *mailbox);
			envoi_error_hint(err,
				"maildomain in the configuration gives bare names a "
				"domain");
			return -1;
		}
		char *whole = envoi_address_qualify(*mailbox, domain, err);
		if (whole == NULL) {
			return -1;
		}
		free(*mailbox);
		*mailbox = whole;
		send->recipients[send->bare[i]] = whole;
	}
	struct envoi_request *request = &send->connection.request;
	request->recipients = send->recipients;
	request->recipient_count = send->recipient_count;
	return envoi_request_deduplicate(request) == 0
		       ? 0
		       : envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

static int set_sender(struct send *send, const char *text, struct envoi_error *err)
{
	char *mailbox = NULL;
	if (envoi_address_parse(text, strlen(text), true, &mailbox, err) != 0) {
		return -1;
	}
	free(send->sender);
	send->sender = mailbox;
	return 0;
}

static int set_sessions(struct send *send, const char *text, struct envoi_error *err)
{
	unsigned long n;
	if (opt_number(text, "--sessions", 1, 1000, &n, err) != 0) {
		return -1;
	}
	send->connection.request.sessions = (unsigned)n;
	return 0;
}

static int add_shown(struct send *send, const char ***list, size_t *n, const char *text,
	struct envoi_error *err)
{
	if (add_recipient(send, text, err) != 0) {
		return -1;
	}
	return add_string(list, n, text, err);
}

static int set_mbox_style(struct send *send, const char *text, struct envoi_error *err)
{
	if (strcmp(text, "rd") != 0 && strcmp(text, "o") != 0) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--mbox-style: \"%s\" is neither rd nor o", text);
	}
	send->connection.request.mbox = text[0] == 'o' ? ENVOI_MBOX_O : ENVOI_MBOX_RD;
	return 0;
}

static int set_envid(struct send *send, const char *text, struct envoi_error *err)
{
	if (!envoi_dsn_is_envid(text)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--dsn-envid: \"%s\" is not printable ASCII of at most 100 "
			"octets",
			text);
	}
	send->connection.request.dsn.envid = text;
	return 0;
}

/* What says when it is sent; else the options of all that connect. */
static int take_other(
	struct send *send, int id, const char *value, struct envoi_error *err)
{
	switch (id) {
	case OPT_QUEUE:
		send->queue = 1;
		return 0;
	case OPT_NO_QUEUE:
		send->queue = 0;
		return 0;
	case OPT_AT:
		return spool_time("--at", value, &send->times.not_before, err);
	case OPT_EXPIRE:
		return spool_time("--expire", value, &send->times.expires, err);
	default:
		return connection_option(&send->connection, id, value, err);
	}
}

static int take_option(void *context, int id, const char *value, struct envoi_error *err)
{
	struct send *send = context;
	switch (id) {
	case 'f':
		return set_sender(send, value, err);
	case OPT_TO:
		return add_shown(
			send, &send->to, &send->compose.message.to_count, value, err);
	case OPT_CC:
		return add_shown(
			send, &send->cc, &send->compose.message.cc_count, value, err);
	case OPT_BCC:
		return add_recipient(send, value, err);
	case OPT_SUBJECT:
	case OPT_HEADER:
	case OPT_BODY:
	case OPT_BODY_FILE:
	case OPT_ATTACH:
		return compose_option(&send->compose, id, value, err);
	case OPT_MBOX:
		if (send->connection.request.mbox == ENVOI_MBOX_NONE) {
			send->connection.request.mbox = ENVOI_MBOX_RD;
		}
		return 0;
	case OPT_MBOX_STYLE:
		return set_mbox_style(send, value, err);
	case 't':
		send->connection.request.read_recipients = true;
		return 0;
	case OPT_RAW:
		send->repair.raw = true;
		send->connection.request.raw = true;
		return 0;
	case 'F':
		send->repair.full_name = value;
		return 0;
	case OPT_PRINT:
		send->print = true;
		return 0;
	case OPT_SESSIONS:
		return set_sessions(send, value, err);
	case OPT_ALL_OR_NOTHING:
		send->connection.request.all_or_nothing = true;
		return 0;
	case OPT_DSN_ENVID:
		return set_envid(send, value, err);
	case 'n':
		send->dry_run = true;
		return 0;
	case OPT_PROGRESS:
		send->progress = 1;
		return 0;
	case OPT_NO_PROGRESS:
		send->progress = 0;
		return 0;
	default:
		return take_other(send, id, value, err);
	}
}

/* What is sent. */
static int choose_sources(
	struct send *send, struct cmd_parser *parser, struct envoi_error *err)
{
	static const char *const standard_input[] = {"-"};
	struct envoi_request *request = &send->connection.request;
	request->sources = (const char *const *)parser->argv + parser->operand;
	request->source_count = (size_t)(parser->argc - parser->operand);
	if (compose_check(&send->compose, request->source_count, err) != 0) {
		return -1;
	}
	if (request->source_count == 0) {
		request->sources = standard_input;
		request->source_count = 1;
	}
	size_t from_stdin = 0;
	for (size_t i = 0; i < request->source_count; i++) {
		from_stdin += strcmp(request->sources[i], "-") == 0;
	}
	return from_stdin <= 1 ? 0
			       : envoi_error_set(err, ENVOI_STATUS_USAGE,
				       "- (standard input) given twice");
}

/* Behind all that can be refused: it reads files. */
static int make_message(struct send *send, struct envoi_error *err)
{
	if (!send->compose.on) {
		return 0;
	}
	send->compose.message.to = send->to;
	send->compose.message.cc = send->cc;
	return compose_make(&send->compose, &send->connection.request, err);
}

/* A time is for those that wait: here, or at the server. */
static int choose_queue(struct send *send, struct envoi_error *err)
{
	bool timed = send->times.not_before != 0 || send->times.expires != 0;
	if (timed && send->queue == 0) {
		if (send->times.not_before != 0 && send->times.expires != 0) {
			return envoi_error_set(err, ENVOI_STATUS_USAGE,
				"with --no-queue --at and --expire exclude each other");
		}
		send->connection.request.hold_until = send->times.not_before;
		send->connection.request.deliver_by = send->times.expires;
	} else if (timed) {
		send->queue = 1;
	}
	if (send->queue == 1 && send->connection.request.all_or_nothing) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--all-or-nothing is for what is sent now, not for the queue");
	}
	return 0;
}

static bool is_to_be_queued(const struct send *send)
{
	const struct envoi_account *account = send->connection.chain.accounts[0];
	return send->queue == 1
	       || (send->queue < 0 && account->delivery == ENVOI_DELIVERY_QUEUE);
}

static int complete(struct send *send, struct cmd_parser *parser, struct envoi_error *err)
{
	struct envoi_request *request = &send->connection.request;
	if (choose_sources(send, parser, err) != 0) {
		return -1;
	}
	if (send->recipient_count == 0 && !request->read_recipients && !send->print) {
		(void)envoi_error_set(err, ENVOI_STATUS_USAGE, "no recipients given");
		envoi_error_hint(
			err, "--to ADDR names one, -t reads them from the message");
		return -1;
	}
	send->connection.ui.progress =
		send->progress >= 0 ? send->progress == 1
				    : isatty(2) && !send->connection.ui.verbose;
	if (choose_queue(send, err) != 0) {
		return -1;
	}
	send->connection.offline = send->dry_run || send->print;
	send->connection.serverless = send->print;
	if (connection_complete(&send->connection, send->sender, err) != 0) {
		return -1;
	}
	if (choose_sender(send, err) != 0 || qualify(send, err) != 0) {
		return -1;
	}
	choose_repair(send);
	return make_message(send, err);
}

/* -- --dry-run ---------------------------------------------------------------- */

static enum envoi_status show_message(
	struct send *send, size_t index, struct envoi_message *message)
{
	struct envoi_error err;
	struct envoi_envelope envelope;
	struct envoi_request shown = send->connection.request;
	struct cmd_ui *ui = &send->connection.ui;
	enum envoi_status status = ENVOI_STATUS_OK;
	size_t length = 0;
	if (envoi_request_prepare(&shown, message, &envelope, &err) != 0) {
		envoi_envelope_finish(&envelope);
		ui_error(&err);
		return err.status;
	}
	if (envoi_request_reads_envelopes(&shown)) {
		shown.sender = envelope.sender != NULL ? envelope.sender : shown.sender;
		shown.recipients = (const char **)(void *)envelope.recipients;
		shown.recipient_count = envelope.count;
	}
	char *line =
		envoi_report_plan(ui->format, &shown, index, message, &status, &length);
	if (ui->report) {
		ui_put(ui, line, length);
	} else {
		free(line);
	}
	envoi_envelope_finish(&envelope);
	return status;
}

static enum envoi_status show_source(struct send *send, const char *source, size_t *index)
{
	struct envoi_error err;
	struct envoi_input *input = send->compose.input;
	struct envoi_message *message = NULL;
	enum envoi_status status = ENVOI_STATUS_OK;
	if (input == NULL
		&& envoi_input_open(source, send->connection.request.mbox, &input, &err)
			   != 0) {
		ui_error(&err);
		return err.status;
	}
	int result;
	while ((result = envoi_input_next(input, &message, &err)) == 0
		&& message != NULL) {
		status = envoi_status_worse(
			status, show_message(send, (*index)++, message));
		envoi_message_free(message);
	}
	if (result != 0) {
		ui_error(&err);
		status = envoi_status_worse(status, err.status);
	}
	if (input != send->compose.input) {
		envoi_input_free(input);
	}
	return status;
}

static enum envoi_status dry_run(struct send *send)
{
	const struct envoi_request *request = &send->connection.request;
	enum envoi_status status = ENVOI_STATUS_OK;
	size_t index = 0;
	for (size_t i = 0; i < request->source_count; i++) {
		status = envoi_status_worse(
			status, show_source(send, request->sources[i], &index));
	}
	return status;
}

int cmd_send(int argc, char **argv)
{
	struct send send = {.progress = -1, .queue = -1};
	struct cmd_parser parser;
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_status status = ENVOI_STATUS_OK;
	connection_init(&send.connection);
	int result = opt_init(&parser, table, argc, argv, &err);
	parser.text = OPT_BODY;
	if (result == 0) {
		result = opt_read(&parser, take_option, &send, print_usage, &err);
	}
	if (result == 0) {
		result = complete(&send, &parser, &err);
	}
	if (result < 0) {
		ui_error(&err);
		status = err.status;
	} else if (result == 0) {
		status = send.print	? compose_print(&send.connection.request)
			 : send.dry_run ? dry_run(&send)
			 : is_to_be_queued(&send)
				 ? spool_add(&send.connection, &send.times)
				 : envoi_submit(&send.connection.request);
	}
	status = ui_close(&send.connection.ui, status);
	opt_finish(&parser);
	connection_finish(&send.connection);
	for (size_t i = 0; i < send.mailbox_count; i++) {
		free(send.mailboxes[i]);
	}
	free(send.mailboxes);
	free(send.to);
	free(send.cc);
	compose_finish(&send.compose);
	free(send.recipients);
	free(send.bare);
	free(send.sender);
	return (int)status;
}
