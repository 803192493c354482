/*
 * envoi probe: connect, greet, show what the server offers, QUIT.
 */
#include "commands.h"

#include <stdio.h>

#include "connection.h"

static const struct cmd_option table[] = {
	CONNECTION_OPTIONS,
	{0},
};

static void print_usage(void)
{
	puts("usage: envoi probe [OPTION]... [SERVER]\n\n"
	     "Connects to SERVER (as for envoi send), greets, does TLS, shows greeting,\n"
	     "capabilities and certificate, says QUIT. No mail is sent.\n");
	opt_print(table);
}

static int take_option(void *context, int id, const char *value, struct envoi_error *err)
{
	return connection_option(context, id, value, err);
}

static int complete(
	struct connection *c, struct cmd_parser *parser, struct envoi_error *err)
{
	if (parser->argc - parser->operand > 1) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE, "one server at a time");
	}
	if (parser->operand < parser->argc
		&& connection_option(c, 's', parser->argv[parser->operand], err) != 0) {
		return -1;
	}
	c->ui.probe = true;
	return connection_complete(c, NULL, err);
}

int cmd_probe(int argc, char **argv)
{
	struct connection c;
	struct cmd_parser parser;
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_status status = ENVOI_STATUS_OK;
	connection_init(&c);
	int result = opt_init(&parser, table, argc, argv, &err);
	if (result == 0) {
		result = opt_read(&parser, take_option, &c, print_usage, &err);
	}
	if (result == 0) {
		result = complete(&c, &parser, &err);
	}
	if (result < 0) {
		ui_error(&err);
		status = err.status;
	} else if (result == 0) {
		status = envoi_submit(&c.request);
	}
	status = ui_close(&c.ui, status);
	opt_finish(&parser);
	connection_finish(&c);
	return (int)status;
}
