/*
 * Conversation files, read for a play in memory; the grammar is in
 * tests/README.md. Only what means something there is kept; the rest is passed
 * over, or makes the whole file one that is not played, with the reason.
 */
#ifndef ENVOI_TESTS_FORM_H
#define ENVOI_TESTS_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

/** What a step of a connection is. */
enum deed {
	/** The server sends one segment. */
	DEED_SEND,
	/** The client must have sent exactly this; a line like this. */
	DEED_EXPECT,
	DEED_MATCH,
	/** The client's body to its dot; number octets of it. */
	DEED_SKIP_BODY,
	DEED_SKIP,
	DEED_QUIET,
	DEED_LOCKSTEP,
	DEED_DELAY,
	/** The client must close by itself, now or when a time is over. */
	DEED_CLOSED,
	/** The same, whatever it still sends. */
	DEED_STALL,
	/** The same, and the server does not read. */
	DEED_WAIT,
	DEED_EOF,
	DEED_RESET,
	DEED_UNLISTEN,
	DEED_TLS,
	DEED_TLS_FAILS,
	DEED_SIGNAL,
	DEED_TRUNCATE,
	DEED_APPEND,
};

struct step {
	enum deed deed;
	unsigned line;
	/** SEND, EXPECT, MATCH; a file's name; APPEND: and what is added. */
	struct envoi_span data;
	struct envoi_span more;
	size_t number;
};

struct connection {
	unsigned line;
	/** From 1. */
	size_t server;
	/** Octets the client may have sent and the server not read; 0: any. */
	size_t window;
	struct step *steps;
	size_t step_count;
};

/** A file in the case's folder. */
struct blob {
	char *name;
	struct envoi_span data;
};

struct listener {
	/** As in -s, with some port. */
	char *url;
	/** Nobody listens there. */
	bool dead;
};

struct expectation {
	unsigned line;
	bool pattern;
	char *path;
	char *value;
};

struct conversation {
	const char *path;
	/** Why it is not played; NULL: it is. */
	const char *unfit;
	char *helo;
	/** The header is repaired. */
	bool repair;
	char *sender;
	char **recipients;
	size_t recipient_count;
	/** All arguments that are no part of the above. */
	char **args;
	size_t arg_count;
	/** FILE arguments. */
	char **sources;
	size_t source_count;
	struct blob *blobs;
	size_t blob_count;
	/** Some are changed by steps. */
	bool changes_files;
	struct listener *servers;
	size_t server_count;
	struct connection *connections;
	size_t connection_count;
	struct expectation *expectations;
	size_t expectation_count;
	int exit;
	/** Seconds the whole may take. */
	double timeout;
};

/** Reads the file. -1: it is not to be understood, error says why. */
int conversation_read(const char *path, struct conversation *conversation, char *error,
	size_t error_size);

void conversation_finish(struct conversation *conversation);

#endif
