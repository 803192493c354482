/*
 * argv[0] and the command word, nothing else.
 */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include "hygiene.h"
#include "privilege.h"
#include "ui.h"

static const struct {
	const char *word;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"send", cmd_send, "send messages over SMTP or LMTP, and say how it ended"},
	{"queue", cmd_queue, "what waits to be delivered: list, run, hold, remove ..."},
	{"probe", cmd_probe, "connect, greet, show what the server offers, send nothing"},
	{"config", cmd_config, "check the configuration, or explain what it says"},
	{"sendmail", cmd_sendmail_word, "what sendmail(8) is; also without a word"},
	{"sink", cmd_sink, "a small local receiver for trying things out"},
	{"help", cmd_help, "this text, or that of a command"},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static int print_commands(void)
{
	puts("usage: envoi COMMAND [OPTION]... [ARGUMENT]...\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		printf("  %-9s %s\n", commands[i].word, commands[i].help);
	}
	puts("\n\"envoi help COMMAND\" tells the options; envoi(1) is the manual.");
	return 0;
}

static int no_such_command(const char *word)
{
	struct envoi_error err;
	if (word != NULL) {
		(void)envoi_error_set(
			&err, ENVOI_STATUS_USAGE, "no such command: %s", word);
	} else {
		(void)envoi_error_set(&err, ENVOI_STATUS_USAGE, "no command given");
	}
	envoi_error_hint(
		&err, "envoi help lists the commands; to send: envoi send --help");
	ui_error(&err);
	return (int)err.status;
}

int cmd_help(int argc, char **argv)
{
	char help[] = "--help";
	for (size_t i = 0; argc > 1 && i < COMMAND_COUNT; i++) {
		if (strcmp(argv[1], commands[i].word) == 0
			&& commands[i].run != cmd_help) {
			char *again[] = {argv[1], help, NULL};
			return commands[i].run(2, again);
		}
	}
	if (argc > 1 && strcmp(argv[1], "help") != 0) {
		return no_such_command(argv[1]);
	}
	return print_commands();
}

/* A program that callers know by its name. NULL: this is envoi. */
static int (*find_personality(const char *path))(int, char **)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} names[] = {
		{"sendmail", cmd_sendmail},
		{"mailq", cmd_mailq},
		{"newaliases", cmd_newaliases},
	};
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i].name) == 0) {
			return names[i].run;
		}
	}
	return NULL;
}

static int run(int argc, char **argv)
{
	int (*personality)(int, char **) = find_personality(argc > 0 ? argv[0] : "");
	if (personality != NULL) {
		return personality(argc, argv);
	}
	for (size_t i = 0; argc > 1 && i < COMMAND_COUNT; i++) {
		if (strcmp(argv[1], commands[i].word) == 0) {
			return commands[i].run(argc - 1, argv + 1);
		}
	}
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts("envoi " ENVOI_VERSION);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		return print_commands();
	}
	/* A person who tries what happens, and no caller of sendmail. */
	if (argc <= 1 && isatty(STDIN_FILENO)) {
		return no_such_command(NULL);
	}
	return cmd_sendmail(argc, argv);
}

int main(int argc, char **argv)
{
	hygiene_begin();
	int status = run(argc, argv);
	privilege_end();
	return status;
}
