/*
 * envoi config: what the configuration says, and what is wrong with it.
 */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/account.h>
#include <envoi/address.h>

#include "options.h"
#include "ui.h"

static const struct cmd_option table[] = {
	{'C', "config", "FILE", "this file in place of the usual ones"},
	{'a', "account", "NAME", "explain: this account"},
	{'f', "from", "ADDR", "explain: the account that mail from ADDR gets"},
	{0},
};

struct config_command {
	struct envoi_config_options files;
	struct envoi_account_options account;
	char *sender;
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

static int take_option(void *context, int id, const char *value, struct envoi_error *err)
{
	struct config_command *command = context;
	switch (id) {
	case 'C':
		command->files.file = value;
		return 0;
	case 'a':
		command->account.name = value;
		return 0;
	default:
		free(command->sender);
		command->sender = NULL;
		if (envoi_address_parse(value, strlen(value), true, &command->sender, err)
			!= 0) {
			return -1;
		}
		command->account.sender = command->sender;
		return 0;
	}
}

static void print_line(void *context, const char *text)
{
	(void)context;
	puts(text);
}

static enum envoi_status fail(const struct envoi_error *err)
{
	ui_error(err);
	return err->status;
}

static enum envoi_status check(
	struct envoi_config *config, struct config_command *command)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (envoi_config_load(config, &command->files, &err) != 0
		&& envoi_config_diagnostic(config, 0) == NULL) {
		return fail(&err);
	}
	if (envoi_config_file(config, 0) == NULL
		&& envoi_config_diagnostic(config, 0) == NULL) {
		puts("there is no configuration file");
	}
	for (size_t i = 0; envoi_config_file(config, i) != NULL; i++) {
		printf("%s\n", envoi_config_file(config, i));
	}
	return envoi_config_check(config, print_line, NULL);
}

static enum envoi_status explain(
	struct envoi_config *config, struct config_command *command)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_account *account = NULL;
	if (envoi_config_load(config, &command->files, &err) != 0
		|| envoi_account_new(config, &command->account, &account, &err) != 0) {
		return fail(&err);
	}
	for (size_t i = 0; envoi_config_file(config, i) != NULL; i++) {
		printf("%-23s %s\n", "file", envoi_config_file(config, i));
	}
	int result = envoi_account_explain(account, print_line, NULL, &err);
	envoi_account_free(account);
	return result != 0 ? fail(&err) : ENVOI_STATUS_OK;
}

static enum envoi_status run(
	struct config_command *command, const struct cmd_parser *parser)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	const char *word =
		parser->operand < parser->argc ? parser->argv[parser->operand] : "";
	bool is_check = strcmp(word, "check") == 0;
	if ((!is_check && strcmp(word, "explain") != 0)
		|| parser->operand + 1 < parser->argc) {
		(void)envoi_error_set(
			&err, ENVOI_STATUS_USAGE, "say either check or explain");
		return fail(&err);
	}
	struct envoi_config *config = envoi_config_new();
	if (config == NULL) {
		(void)envoi_error_set(&err, ENVOI_STATUS_SYSTEM, "out of memory");
		return fail(&err);
	}
	enum envoi_status status =
		is_check ? check(config, command) : explain(config, command);
	envoi_config_free(config);
	return status;
}

int cmd_config(int argc, char **argv)
{
	struct config_command command = {.account.stop_fd = -1};
	struct cmd_parser parser;
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_status status = ENVOI_STATUS_OK;
	int result = opt_init(&parser, table, argc, argv, &err);
	if (result == 0) {
		result = opt_read(&parser, take_option, &command, print_usage, &err);
	}
	if (result < 0) {
		status = fail(&err);
	} else if (result == 0) {
		status = run(&command, &parser);
	}
	if (fflush(stdout) != 0 && status == ENVOI_STATUS_OK) {
		status = ENVOI_STATUS_IO;
	}
	opt_finish(&parser);
	free(command.sender);
	return (int)status;
}
