/*
 * The sendmail personality: by which name it was called, and the modes that
 * need no more than a page. See the header.
 */
#include "sendmail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <envoi/address.h>

#include "commands.h"
#include "hygiene.h"

static enum envoi_status fail(
	const struct sendmail *sendmail, const struct envoi_error *err)
{
	sendmail_syslog(sendmail, true, err->text);
	if (sendmail->flags.errors != SENDMAIL_ERRORS_QUIET) {
		ui_error(err);
	}
	return err->status;
}

static void note(void *context, const struct envoi_error *err)
{
	sendmail_syslog(context, false, err->text);
}

/* -- delivery ---------------------------------------------------------------- */

static char *decode_envid(const char *text)
{
	char *out = malloc(strlen(text) + 1);
	size_t n = 0;
	for (; out != NULL && *text != '\0'; text++) {
		char hex[3] = {text[0], text[0] == '+' ? text[1] : '\0', '\0'};
		if (text[0] == '+') {
			hex[0] = text[1];
			hex[1] = text[2];
			out[n++] = (char)strtoul(hex, NULL, 16);
			text += 2;
		} else {
			out[n++] = text[0];
		}
	}
	if (out != NULL) {
		out[n] = '\0';
	}
	return out;
}

static void set_notifications(struct sendmail *sendmail, char **ret_envid)
{
	const struct sendmail_flags *flags = &sendmail->flags;
	const struct envoi_account *account = sendmail->connection.chain.accounts[0];
	struct envoi_dsn *dsn = &sendmail->connection.request.dsn;
	dsn->notify = flags->notify != 0 ? flags->notify : account->dsn_notify;
	dsn->ret = flags->dsn_return != NULL ? flags->dsn_return : account->dsn_return;
	if (flags->envid != NULL) {
		*ret_envid = decode_envid(flags->envid);
		if (*ret_envid != NULL && envoi_dsn_is_envid(*ret_envid)) {
			dsn->envid = *ret_envid;
		}
	}
}

/* The whole of stdin, before anything else can go wrong. */
static int read_input(struct sendmail *sendmail, struct sendmail_message *message,
	struct envoi_error *err)
{
	const struct sendmail_flags *flags = &sendmail->flags;
	struct envoi_input_notes notes;
	bool ignore_dots = flags->ignore_dots;
	if (!flags->ignore_dots_said && sendmail->account_ready) {
		ignore_dots = sendmail->connection.chain.accounts[0]->ignore_dots;
	}
	if (envoi_input_read(STDIN_FILENO, !ignore_dots, &message->input, &notes, err)
		!= 0) {
		return -1;
	}
	if (notes.rest) {
		sendmail_syslog(sendmail, false,
			"a line of one dot ended the message, more came behind it; -i "
			"keeps such lines");
	}
	if (notes.nul) {
		sendmail_syslog(sendmail, false,
			"the message holds NULs: in text they are encoded, elsewhere "
			"left out");
	}
	return 0;
}

static int take_arguments(struct sendmail *sendmail, struct sendmail_message *message,
	int argc, char **argv, struct envoi_error *err)
{
	if (sendmail->flags.operand == argc && !sendmail->flags.read_recipients) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE, "no recipients given");
	}
	for (int i = sendmail->flags.operand; i < argc; i++) {
		if (sendmail_add_text(message, argv[i], err) != 0) {
			return -1;
		}
	}
	return 0;
}

/* There is no way out: it goes into the queue, until somebody mends that. */
static enum envoi_status keep_for_later(
	struct sendmail_message *message, const struct envoi_error *err)
{
	sendmail_syslog(message->sendmail, true, err->text);
	message->sendmail->account_ready = false;
	message->error = *err;
	return sendmail_send(message);
}

static enum envoi_status deliver(struct sendmail *sendmail, int argc, char **argv)
{
	struct sendmail_message message = {.sendmail = sendmail};
	struct envoi_error err = ENVOI_ERROR_NONE, usage = ENVOI_ERROR_NONE;
	enum envoi_status status;
	char *envid = NULL;
	int opened = sendmail_open(sendmail, &err);
	message.read_recipients = sendmail->flags.read_recipients;
	message.sender = sendmail->sender;
	struct envoi_error reading = ENVOI_ERROR_NONE;
	if (take_arguments(sendmail, &message, argc, argv, &usage) != 0) {
		status = fail(sendmail, &usage);
		hygiene_drain(STDIN_FILENO);
	} else if (read_input(sendmail, &message, &reading) != 0) {
		status = fail(sendmail, &reading);
	} else if (opened != 0) {
		status = err.status == ENVOI_STATUS_USAGE
				 ? fail(sendmail, &err)
				 : keep_for_later(&message, &err);
	} else {
		set_notifications(sendmail, &envid);
		status = sendmail_send(&message);
	}
	sendmail_message_finish(&message);
	sendmail->connection.request.dsn.envid = NULL;
	free(envid);
	return status;
}

/* -- aliases ----------------------------------------------------------------- */

static enum envoi_status check_aliases(struct sendmail *sendmail)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct envoi_error *fault;
	enum envoi_status status = ENVOI_STATUS_OK;
	if (sendmail_open_aliases(sendmail, &err) != 0) {
		return fail(sendmail, &err);
	}
	const char *path = sendmail_alias_file(sendmail);
	if (path == NULL) {
		puts("there is no alias file");
		return ENVOI_STATUS_OK;
	}
	for (size_t i = 0; (fault = envoi_aliases_fault(sendmail->aliases, i)) != NULL;
		i++) {
		status = fail(sendmail, fault);
	}
	printf("%s: %zu aliases\n", path, envoi_aliases_count(sendmail->aliases));
	return status;
}

static enum envoi_status verify_one(struct sendmail *sendmail, const char *text)
{
	struct sendmail_message message = {.sendmail = sendmail};
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_status status = ENVOI_STATUS_OK;
	if (sendmail_add_text(&message, text, &err) != 0) {
		status = fail(sendmail, &err);
	} else if (message.envelope.count == 0 && message.failure_count == 0) {
		(void)envoi_error_set(
			&err, ENVOI_STATUS_DATA, "no address: \"%s\"", text);
		status = fail(sendmail, &err);
	}
	/* Fit for a terminal. */
	struct envoi_error shown = ENVOI_ERROR_NONE;
	(void)envoi_error_set(&shown, ENVOI_STATUS_OK, "%s", text);
	for (size_t i = 0; i < message.envelope.count; i++) {
		printf("%s: <%s>\n", shown.text, message.envelope.recipients[i]);
	}
	for (size_t i = 0; i < message.failure_count; i++) {
		const struct envoi_error *why = &message.failures[i].error;
		ui_error(why);
		status = envoi_status_worse(status, why->status == ENVOI_STATUS_CONFIG
							    ? ENVOI_STATUS_NOUSER
							    : why->status);
	}
	sendmail_message_finish(&message);
	return status;
}

static enum envoi_status verify(struct sendmail *sendmail, int argc, char **argv)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_status status = ENVOI_STATUS_OK;
	if (sendmail->flags.operand == argc) {
		(void)envoi_error_set(&err, ENVOI_STATUS_USAGE, "-bv: no address given");
		return fail(sendmail, &err);
	}
	if (sendmail_open_aliases(sendmail, &err) != 0) {
		return fail(sendmail, &err);
	}
	for (int i = sendmail->flags.operand; i < argc; i++) {
		status = envoi_status_worse(status, verify_one(sendmail, argv[i]));
	}
	return status;
}

/* -- the configuration, the queue -------------------------------------------- */

static void print_line(void *context, const char *text)
{
	(void)context;
	puts(text);
}

static enum envoi_status check_config(struct sendmail *sendmail)
{
	struct connection *c = &sendmail->connection;
	struct envoi_error err = ENVOI_ERROR_NONE;
	c->files.file = sendmail->flags.config;
	c->config = envoi_config_new();
	if (c->config == NULL) {
		(void)envoi_error_set(&err, ENVOI_STATUS_SYSTEM, "out of memory");
		return fail(sendmail, &err);
	}
	if (envoi_config_load(c->config, &c->files, &err) != 0
		&& envoi_config_diagnostic(c->config, 0) == NULL) {
		return fail(sendmail, &err);
	}
	return envoi_config_check(c->config, print_line, NULL);
}

/* -- the command ------------------------------------------------------------- */

static enum envoi_status run(struct sendmail *sendmail, int argc, char **argv)
{
	if (sendmail->flags.version) {
		puts("Version envoi " ENVOI_VERSION);
	}
	switch (sendmail->flags.mode) {
	case SENDMAIL_DELIVER:
		return deliver(sendmail, argc, argv);
	case SENDMAIL_DIALOGUE:
		return sendmail_dialogue(sendmail);
	case SENDMAIL_LIST:
		return sendmail_list(sendmail);
	case SENDMAIL_ALIASES:
		return check_aliases(sendmail);
	case SENDMAIL_VERIFY:
		return verify(sendmail, argc, argv);
	case SENDMAIL_COUNT:
		return sendmail_count(sendmail);
	case SENDMAIL_CHECK:
		return check_config(sendmail);
	case SENDMAIL_LOOP:
		return sendmail_loop(sendmail);
	case SENDMAIL_RUN:
		return sendmail_run(sendmail);
	case SENDMAIL_STATISTICS:
	case SENDMAIL_VERSION:
		break;
	}
	return ENVOI_STATUS_OK;
}

static int start(enum sendmail_name name, int argc, char **argv)
{
	struct sendmail sendmail = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_status status;
	hygiene_environment();
	connection_init(&sendmail.connection);
	sendmail.connection.ui.report = false;
	if (sendmail_flags_read(&sendmail.flags, name, argc, argv, note, &sendmail, &err)
		!= 0) {
		status = fail(&sendmail, &err);
		hygiene_drain(STDIN_FILENO);
	} else {
		sendmail.connection.ui.verbose = sendmail.flags.verbose;
		if (sendmail.flags.queue != NULL) {
			(void)setenv("ENVOI_SPOOL", sendmail.flags.queue, 1);
		}
		status = run(&sendmail, argc, argv);
	}
	status = ui_close(&sendmail.connection.ui, status);
	envoi_queue_close(sendmail.queue);
	envoi_aliases_free(sendmail.aliases);
	free(sendmail.sender);
	connection_finish(&sendmail.connection);
	return (int)status;
}

int cmd_sendmail(int argc, char **argv)
{
	return start(SENDMAIL_NAME_SENDMAIL, argc, argv);
}

int cmd_sendmail_word(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		puts("usage: envoi sendmail [OPTION]... [--] [RECIPIENT]...\n\n"
		     "Reads a message from standard input and sends it, as the program "
		     "sendmail of\n"
		     "other mail systems does; envoi is that program as well when it is "
		     "called so,\n"
		     "or without a command word. sendmail(8) tells the options.");
		return 0;
	}
	return cmd_sendmail(argc, argv);
}

int cmd_mailq(int argc, char **argv)
{
	return start(SENDMAIL_NAME_MAILQ, argc, argv);
}

int cmd_newaliases(int argc, char **argv)
{
	return start(SENDMAIL_NAME_NEWALIASES, argc, argv);
}
