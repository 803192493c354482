/*
 * Options of a command: one table gives parsing (getopt_long) and --help. The
 * manual and the completions are kept equal to it by tests/checks/options.sh.
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>

/** One option. The table ends with a zeroed one. */
struct cmd_option {
	/** What take() gets for it: the short letter, or from 256. */
	int id;
	const char *name;
	/** NULL: takes no value. */
	const char *value;
	const char *help;
};

/** Ids of the options every command has. */
enum {
	OPT_HELP = 255,
	OPT_FIRST = 256,
};

struct cmd_parser {
	const struct cmd_option *table;
	int argc;
	char **argv;
	/** The getopt_long() tables made from it. */
	void *longs;
	char shorts[128];
	/** Id of the option whose value may be of several lines; 0: none. */
	int text;
	/** First operand, once all options are read. */
	int operand;
};

/** argv[0] is the command word. -1 with err: no memory. */
int opt_init(struct cmd_parser *parser, const struct cmd_option *table, int argc,
	char **argv, struct envoi_error *err);
void opt_finish(struct cmd_parser *parser);

/** Acts on one option. */
typedef int (*opt_take_fn)(
	void *context, int id, const char *value, struct envoi_error *err);

/**
 * Reads all options and gives each to take(). 0: operands from
 * parser->operand on; 1: --help, usage() was called; -1 with err: an option
 * that is unknown or without its value, a CR or LF in an argument (USAGE), or
 * what take() found wrong.
 */
int opt_read(struct cmd_parser *parser, opt_take_fn take, void *context,
	void (*usage)(void), struct envoi_error *err);

/** Prints the options of the table, aligned. */
void opt_print(const struct cmd_option *table);

/** A number from min to max; USAGE. */
int opt_number(const char *text, const char *what, unsigned long min, unsigned long max,
	unsigned long *ret_value, struct envoi_error *err);

#endif
