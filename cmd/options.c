/*
 * Reading options by a table; see the header.
 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* CR or LF in any argument could end up in a command or a header. */
static int check_argument(const char *argument, struct envoi_error *err)
{
	if (argument != NULL && strpbrk(argument, "\r\n") != NULL) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"an argument holds a line end: \"%s\"", argument);
	}
	return 0;
}

int opt_init(struct cmd_parser *parser, const struct cmd_option *table, int argc,
	char **argv, struct envoi_error *err)
{
	size_t n = 0, shorts = 1;
	*parser = (struct cmd_parser){
		.table = table, .argc = argc, .argv = argv, .shorts = ":"};
	while (table[n].id != 0) {
		n++;
	}
	struct option *longs = calloc(n + 1, sizeof(*longs));
	if (longs == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	for (size_t i = 0; i < n; i++) {
		longs[i].name = table[i].name;
		longs[i].has_arg =
			table[i].value != NULL ? required_argument : no_argument;
		longs[i].val = table[i].id;
		if (table[i].id < OPT_HELP && shorts + 3 < sizeof(parser->shorts)) {
			parser->shorts[shorts++] = (char)table[i].id;
			if (table[i].value != NULL) {
				parser->shorts[shorts++] = ':';
			}
		}
	}
	parser->longs = longs;
	optind = 1;
	opterr = 0;
	return 0;
}

void opt_finish(struct cmd_parser *parser)
{
	free(parser->longs);
	parser->longs = NULL;
}

/* The next option's id; -1: no more; '?' with err. */
static int next(struct cmd_parser *parser, struct envoi_error *err)
{
	int at = optind > 0 ? optind : 1;
	int id = getopt_long(
		parser->argc, parser->argv, parser->shorts, parser->longs, NULL);
	parser->operand = optind;
	if (id != '?' && id != ':') {
		return id;
	}
	const char *word = optind > at ? parser->argv[optind - 1] : parser->argv[at];
	char letter[3] = {'-', (char)optopt, '\0'};
	bool is_long = strncmp(word, "--", 2) == 0;
	if (!is_long) {
		word = letter;
	}
	if (id == ':') {
		(void)envoi_error_set(
			err, ENVOI_STATUS_USAGE, "option %s needs a value", word);
	} else if (is_long && optopt > 0) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_USAGE, "option takes no value: %s", word);
	} else {
		(void)envoi_error_set(
			err, ENVOI_STATUS_USAGE, "no such option: %s", word);
	}
	return '?';
}

int opt_read(struct cmd_parser *parser, opt_take_fn take, void *context,
	void (*usage)(void), struct envoi_error *err)
{
	int id;
	while ((id = next(parser, err)) != -1) {
		if (id == OPT_HELP) {
			usage();
			return 1;
		}
		if (id == '?') {
			envoi_error_hint(err, "envoi %s --help lists the options",
				parser->argv[0]);
			return -1;
		}
		if ((id != parser->text && check_argument(optarg, err) != 0)
			|| take(context, id, optarg, err) != 0) {
			return -1;
		}
	}
	for (int i = parser->operand; i < parser->argc; i++) {
		if (check_argument(parser->argv[i], err) != 0) {
			return -1;
		}
	}
	return 0;
}

void opt_print(const struct cmd_option *table)
{
	for (; table->id != 0; table++) {
		char left[64];
		char letter[5] = "    ";
		if (table->id < OPT_HELP) {
			(void)snprintf(letter, sizeof(letter), "-%c, ", table->id);
		}
		(void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, table->name,
			table->value != NULL ? " " : "",
			table->value != NULL ? table->value : "");
		if (strlen(left) > 30) {
			printf("  %s\n  %30s  %s\n", left, "", table->help);
		} else {
			printf("  %-30s  %s\n", left, table->help);
		}
	}
}

int opt_number(const char *text, const char *what, unsigned long min, unsigned long max,
	unsigned long *ret_value, struct envoi_error *err)
{
	unsigned long value = 0;
	const char *p = text;
	while (*p >= '0' && *p <= '9' && value <= max) {
		value = value * 10 + (unsigned long)(*p++ - '0');
	}
	if (p == text || *p != '\0' || value < min || value > max) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"%s: \"%s\" is no number from %lu to %lu", what, text, min, max);
	}
	*ret_value = value;
	return 0;
}
