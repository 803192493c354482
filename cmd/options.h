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
	/** What opt_next() returns for it: the short letter, or from 256. */
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
	/** Value of the option opt_next() returned. */
	const char *value;
	/** First operand, when opt_next() returned -1. */
	int operand;
};

/** argv[0] is the command word. -1 with err: no memory, or a CR, LF in an
 * argument (USAGE). */
int opt_init(struct cmd_parser *parser, const struct cmd_option *table, int argc,
	char **argv, struct envoi_error *err);
void opt_finish(struct cmd_parser *parser);

/** The next option's id; -1: no more; '?': unknown or without its value, err
 * says which. */
int opt_next(struct cmd_parser *parser, struct envoi_error *err);

/** Prints the options of the table, aligned. */
void opt_print(const struct cmd_option *table);

/** Seconds with fractions, up to 10 million, as microseconds; USAGE. what
 * names it in the error. */
int opt_seconds(
	const char *text, const char *what, int64_t *ret_us, struct envoi_error *err);

/** A number from min to max; USAGE. */
int opt_number(const char *text, const char *what, unsigned long min, unsigned long max,
	unsigned long *ret_value, struct envoi_error *err);

#endif
