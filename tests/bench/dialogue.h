/*
 * One connection of the fast sink as SMTP sees it: octets in, replies out.
 * Knows no sockets, no TLS and no time.
 */
#ifndef ENVOI_BENCH_DIALOGUE_H
#define ENVOI_BENCH_DIALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sum.h"

/** What arrived on all connections together. */
struct counts {
	uint64_t connections;
	uint64_t messages;
	uint64_t recipients;
	uint64_t octets;
	/** Sum of the checksums of the messages: order does not matter. */
	uint64_t sum;
};

struct offers {
	bool pipelining;
	bool chunking;
	bool starttls;
	/** One message in so many, by chance, comes to grief at its end; 0: none. */
	unsigned faults;
	/** For the chance. */
	uint64_t dice;
};

enum wanted {
	WANTED_NOTHING,
	WANTED_TLS,
	WANTED_CLOSE,
	/** Close at once, with nothing more said. */
	WANTED_DROP,
	/** Say and read nothing any more. */
	WANTED_STALL,
};

/** A transaction of a message on its way, and where in it we are. */
struct dialogue {
	struct offers *offers;
	struct counts *counts;
	enum {
		IN_COMMANDS,
		IN_DATA,
		IN_CHUNK,
	} in;
	/** DATA: what the octet before was part of. */
	enum {
		AT_LINE_START,
		AT_TEXT,
		AT_DOT,
		AT_DOT_CR,
	} at;
	bool secure;
	bool mail;
	uint64_t recipients;
	uint64_t chunk_left;
	bool chunk_last;
	struct sum sum;
	char line[2048];
	size_t line_length;
	/** Replies not yet fetched by the caller, who resets the length. */
	char *replies;
	size_t replies_length;
	size_t replies_room;
	enum wanted wanted;
};

void dialogue_init(
	struct dialogue *dialogue, struct offers *offers, struct counts *counts);
void dialogue_finish(struct dialogue *dialogue);

/** Says the greeting. */
void dialogue_greet(struct dialogue *dialogue);

/** Takes octets; stops early, with wanted set, at STARTTLS, QUIT and some faults. */
void dialogue_take(struct dialogue *dialogue, const char *p, size_t n);

/** TLS stands: forgets what was said before. */
void dialogue_secured(struct dialogue *dialogue);

#endif
