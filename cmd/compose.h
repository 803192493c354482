/*
 * The options of send that make a message, in place of FILEs, and --print.
 */
#ifndef CMD_COMPOSE_H
#define CMD_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/compose.h>
#include <envoi/submit.h>

enum {
	/* Behind those of send. */
	OPT_SUBJECT = 600,
	OPT_HEADER,
	OPT_BODY,
	OPT_BODY_FILE,
	OPT_ATTACH,
};

#define COMPOSE_OPTIONS                                                                  \
	{OPT_SUBJECT, "subject", "TEXT", "make a message with this subject"},            \
		{OPT_HEADER, "header", "FIELD", "'Name: value' for it; repeatable"},     \
		{OPT_BODY, "body", "TEXT", "its text (default: standard input)"},        \
		{OPT_BODY_FILE, "body-file", "FILE", "file with its text; -"},           \
	{                                                                                \
		OPT_ATTACH, "attach", "FILE[;type=T][;name=N]",                          \
			"attach a file; repeatable; -"                                   \
	}

/** What the options say. Zeroed at first; to and cc are the caller's. */
struct compose {
	struct envoi_compose message;
	const char **headers;
	struct envoi_attachment *attachments;
	/** One of the options was given. */
	bool on;
	/** The message, for the request. */
	struct envoi_input *input;
};

void compose_finish(struct compose *compose);

/** Acts on an option of the table above: 0, -1 with err. */
int compose_option(
	struct compose *compose, int id, const char *value, struct envoi_error *err);

/** All options are read; operands: how many FILEs there are. USAGE. */
int compose_check(struct compose *compose, size_t operands, struct envoi_error *err);

/** Makes the message and puts it into the request. */
int compose_make(
	struct compose *compose, struct envoi_request *request, struct envoi_error *err);

/** Writes the one message of the request to stdout, lines ended by LF. */
enum envoi_status compose_print(const struct envoi_request *request);

#endif
