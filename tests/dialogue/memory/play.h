/*
 * A conversation held in memory: the server's octets go straight into the
 * engine, the client's come straight out, the clock is ours. The job and the
 * visits (src/submit) decide what is sent over which connection.
 */
#ifndef ENVOI_TESTS_PLAY_H
#define ENVOI_TESTS_PLAY_H

#include "form.h"
#include "witness.h"

#include "base/buffer.h"

/** How the server's segments come. */
enum cutting {
	CUTTING_NONE,
	/** Octet by octet. */
	CUTTING_EACH,
	/** In two, at manner.at. */
	CUTTING_SPLIT,
	/** In pieces of some octets, by manner.at as a seed. */
	CUTTING_RANDOM,
};

/** How a connection is lost. */
enum loss {
	LOSS_NONE,
	LOSS_EOF,
	LOSS_RESET,
	LOSS_TIMEOUT,
};

struct manner {
	enum cutting cutting;
	size_t at;
	/** The client has its turn after each piece, not each segment. */
	bool alternate;
	enum loss loss;
	/** The loss comes when the server has said so many octets in all ... */
	size_t server_octets;
	/** ... or the client. */
	size_t client_octets;
	/** The client has its turn once more before the loss. */
	bool turn;
	/** Behind the loss another server takes everything; else nobody
	 * answers any more. */
	bool again;
	/** The record is wanted. */
	bool record;
};

/** The manner of a play that is not disturbed. */
#define MANNER_PLAIN                                                                     \
	((struct manner){.server_octets = SIZE_MAX, .client_octets = SIZE_MAX})

enum {
	RECORD_SERVER = 1,
	RECORD_CLIENT,
	RECORD_OTHER,
};

/** What came of it. */
struct play {
	/** What the client sent, all connections. */
	struct envoi_buffer client;
	/** Events in their order. */
	struct envoi_buffer events;
	/** JSON Lines, as the report would be. */
	struct envoi_buffer report;
	/** All in its order: octets in pairs, a RECORD_ and the octet, and
	 * whatever else decides what comes next. */
	struct envoi_buffer record;
	size_t messages;
	/** Octets of the server, and its longest segment. */
	size_t server_octets, longest;
	/** Line and words of the first thing that was wrong; 0 and "": none. */
	unsigned line;
	char words[700];
};

/** Holds the conversation; its files lie in the working directory. False:
 * something was wrong. play_finish() in any case. */
bool play(struct play *play, const struct conversation *conversation,
	const struct manner *manner);

void play_finish(struct play *play);

/** Writes the conversation's files anew. */
void play_write_files(const struct conversation *conversation);

#endif
