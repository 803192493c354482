/*
 * envoi config: what the configuration says, and what is wrong with it.
 */
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/address.h>

#include "connection.h"

enum {
	OPT_TO = OPT_COMMAND_FIRST,
	OPT_CONNECT,
};

static const struct cmd_option table[] = {
	{'C', "config", "FILE", "this file in place of the usual ones"},
	{'a', "account", "NAME", "this account"},
	{'f', "from", "ADDR", "explain: the account that mail from ADDR gets"},
	{OPT_TO, "to", "ADDR", "explain: mail to ADDR; repeatable"},
	{OPT_CONNECT, "connect", NULL,
		"check: connect, do TLS, log in and leave as well"},
	{OPT_TIMEOUT, "timeout", "[PHASE=]SECONDS",
		"check: wait so long at most; repeatable"},
	{'v', "verbose", NULL, "check: transcript on stderr"},
	{OPT_HELP, "help", NULL, "this text"},
	{0},
};

struct config_command {
	struct connection connection;
	char *sender;
	/** Owned. */
	char **recipients;
	size_t recipient_count;
	bool connect;
};

static void print_usage(void)
{
	puts("usage: envoi config check [OPTION]...\n"
	     "       envoi config explain [OPTION]...\n\n"
	     "check tells what is wrong with the configuration. explain tells which "
	     "account\n"
	     "a message would get, what that comes to, and the line behind each part; "
	     "eval\n"
	     "lines of that account are run, passwords are not looked up. "
	     "envoi-config(5) is\n"
	     "the manual of the files.\n");
	opt_print(table);
}

static int add_recipient(
	struct config_command *command, const char *text, struct envoi_error *err)
{
	char *mailbox = NULL;
	if (envoi_address_parse(text, strlen(text), false, &mailbox, err) != 0) {
		return -1;
	}
	if (add_string((const char ***)(void *)&command->recipients,
		    &command->recipient_count, mailbox, err)
		!= 0) {
		free(mailbox);
		return -1;
	}
	return 0;
}

static int set_sender(
	struct config_command *command, const char *text, struct envoi_error *err)
{
	free(command->sender);
	command->sender = NULL;
	return envoi_address_parse(text, strlen(text), true, &command->sender, err);
}

static int take_option(void *context, int id, const char *value, struct envoi_error *err)
{
	struct config_command *command = context;
	switch (id) {
	case 'f':
		return set_sender(command, value, err);
	case OPT_TO:
		return add_recipient(command, value, err);
	case OPT_CONNECT:
		command->connect = true;
		return 0;
	default:
		return connection_option(&command->connection, id, value, err);
	}
}

static void print_line(void *context, const char *text)
{
	struct cmd_ui *ui = context;
	if (puts(text) == EOF && ui->lost_sys == 0) {
		ui->lost_sys = errno;
	}
}

static enum envoi_status fail(const struct envoi_error *err)
{
	ui_error(err);
	return err->status;
}

/* -- check ------------------------------------------------------------------- */

/* One line for a server that was tried; what was wrong stands on stderr. */
static void tell_session(void *context, const struct envoi_session_report *report)
{
	(void)context;
	const struct envoi_session_facts *facts = report->facts;
	printf("account %s: %s: ", report->account, report->label);
	if (facts->error.status != ENVOI_STATUS_OK) {
		puts("failed");
		return;
	}
	printf("ok, %s, %s\n", report->tls != NULL ? report->tls->version : "no TLS",
		facts->auth != NULL ? facts->auth : "no login");
}

static enum envoi_status try_account(struct config_command *command, const char *name)
{
	struct connection *c = &command->connection;
	struct envoi_account_options options = {
		.name = name, .stop_fd = c->ui.stop_pipe[0]};
	struct envoi_account *account = NULL;
	struct envoi_error err = ENVOI_ERROR_NONE;
	ui_watch_signals(&c->ui);
	int result = envoi_account_new(c->config, &options, &account, &err);
	if (ui_unwatch_signals(&c->ui) && result == 0) {
		envoi_account_free(account);
		result = envoi_error_set(
			&err, ENVOI_STATUS_TEMPORARY, "interrupted by a signal");
	}
	if (result != 0) {
		return fail(&err);
	}
	if (account->auth) {
		connection_keep_secrets();
	}
	enum envoi_status status = ENVOI_STATUS_OK;
	for (size_t i = 0; i < account->server_count; i++) {
		struct envoi_relay relay = envoi_account_relay(account);
		struct envoi_request request = c->request;
		relay.servers = &account->servers[i];
		relay.server_count = 1;
		request.relays = &relay;
		request.relay_count = 1;
		request.total_us = account->timeout_us[ENVOI_PHASE_TOTAL];
		request.observer = ui_observer(&c->ui);
		request.observer.message = NULL;
		request.observer.session = tell_session;
		(void)fflush(stdout);
		status = envoi_status_worse(status, envoi_submit(&request));
	}
	envoi_account_free(account);
	return status;
}

static enum envoi_status try_accounts(struct config_command *command)
{
	struct connection *c = &command->connection;
	enum envoi_status status = ENVOI_STATUS_OK;
	const char *name;
	if (c->account != NULL) {
		return try_account(command, c->account);
	}
	for (size_t i = 0; (name = envoi_config_account(c->config, i)) != NULL; i++) {
		/* A wrong password tried twice is half the way to be locked out. */
		if (envoi_config_alias(c->config, name) != NULL) {
			continue;
		}
		status = envoi_status_worse(status, try_account(command, name));
	}
	return status;
}

static enum envoi_status check(struct config_command *command)
{
	struct connection *c = &command->connection;
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (envoi_config_load(c->config, &c->files, &err) != 0
		&& envoi_config_diagnostic(c->config, 0) == NULL) {
		return fail(&err);
	}
	if (envoi_config_file(c->config, 0) == NULL
		&& envoi_config_diagnostic(c->config, 0) == NULL) {
		puts("there is no configuration file");
	}
	for (size_t i = 0; envoi_config_file(c->config, i) != NULL; i++) {
		printf("%s\n", envoi_config_file(c->config, i));
	}
	enum envoi_status status = envoi_config_check(c->config, print_line, &c->ui);
	/* What is wrong in the files is put right first. */
	return status == ENVOI_STATUS_OK && command->connect ? try_accounts(command)
							     : status;
}

/* -- explain ----------------------------------------------------------------- */

static int explain_chain(struct config_command *command, struct envoi_error *err)
{
	struct connection *c = &command->connection;
	for (size_t i = 0; i < c->chain.count; i++) {
		struct envoi_account *account = c->chain.accounts[i];
		struct envoi_error none = ENVOI_ERROR_NONE;
		if (i == 0) {
			/* That there is no sender is told by the line of it. */
			(void)envoi_account_use_login(account, &none);
		} else {
			printf("\n%-23s %s\n", "when that fails", account->name);
		}
		if (envoi_account_explain(account, print_line, &c->ui, err) != 0) {
			return -1;
		}
	}
	return 0;
}

static enum envoi_status explain(struct config_command *command)
{
	struct connection *c = &command->connection;
	struct envoi_account_options options = {
		.name = c->account,
		.sender = command->sender,
	};
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (envoi_config_load(c->config, &c->files, &err) != 0
		|| connection_chain(c, &options, &err) != 0) {
		return fail(&err);
	}
	for (size_t i = 0; envoi_config_file(c->config, i) != NULL; i++) {
		printf("%-23s %s\n", "file", envoi_config_file(c->config, i));
	}
	for (size_t i = 0; i < command->recipient_count; i++) {
		size_t n = strlen(command->recipients[i]);
		printf("%-23s <%s>%*s  --to\n", "recipient", command->recipients[i],
			n < 38 ? (int)(38 - n) : 0, "");
	}
	return explain_chain(command, &err) != 0 ? fail(&err) : ENVOI_STATUS_OK;
}

/* -- the command ------------------------------------------------------------- */

static enum envoi_status run(
	struct config_command *command, const struct cmd_parser *parser)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct connection *c = &command->connection;
	const char *word =
		parser->operand < parser->argc ? parser->argv[parser->operand] : "";
	bool is_check = strcmp(word, "check") == 0;
	if ((!is_check && strcmp(word, "explain") != 0)
		|| parser->operand + 1 < parser->argc) {
		(void)envoi_error_set(
			&err, ENVOI_STATUS_USAGE, "say either check or explain");
		return fail(&err);
	}
	if (c->config == NULL && (c->config = envoi_config_new()) == NULL) {
		(void)envoi_error_set(&err, ENVOI_STATUS_SYSTEM, "out of memory");
		return fail(&err);
	}
	return is_check ? check(command) : explain(command);
}

int cmd_config(int argc, char **argv)
{
	struct config_command command = {0};
	struct cmd_parser parser;
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_status status = ENVOI_STATUS_OK;
	connection_init(&command.connection);
	int result = opt_init(&parser, table, argc, argv, &err);
	if (result == 0) {
		result = opt_read(&parser, take_option, &command, print_usage, &err);
	}
	if (result < 0) {
		status = fail(&err);
	} else if (result == 0) {
		status = run(&command, &parser);
	}
	status = ui_close(&command.connection.ui, status);
	opt_finish(&parser);
	connection_finish(&command.connection);
	for (size_t i = 0; i < command.recipient_count; i++) {
		free(command.recipients[i]);
	}
	free(command.recipients);
	free(command.sender);
	return (int)status;
}
