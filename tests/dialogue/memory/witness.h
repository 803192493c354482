/*
 * A witness of sessions: sees the octets that the client sent and those that it
 * was given, in order, and nothing else; knows SMTP well enough to tell which
 * reply answers what, by counting. So it can say whether what a session claims
 * of a recipient is true.
 *
 * Holds to RFC 5321, 2033, 2920, 3030, and to contract: a 421 answers all that
 * is open. Shares no code with the sessions.
 */
#ifndef ENVOI_TESTS_WITNESS_H
#define ENVOI_TESTS_WITNESS_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/session.h>

struct wire;

struct witness {
	struct wire **wires;
	size_t wire_count;
	/** The one that stands. */
	struct wire *wire;
	/** The client said what is no command. */
	bool babble;
	/** Where the last search ended. */
	size_t last_rcpt, last_seen;
	/** What judge() found, in words. */
	char words[300];
};

void witness_init(struct witness *witness);
void witness_finish(struct witness *witness);

/** A connection begins. */
void witness_connect(struct witness *witness, bool lmtp);

/** The next body on the wire will be that of this message. */
void witness_body(struct witness *witness, size_t message);

/** What the transport took from the client; what the client was given. */
void witness_client(struct witness *witness, const char *bytes, size_t n);
void witness_server(struct witness *witness, const char *bytes, size_t n);

/** Is this the truth about a recipient of a message? Else says why not. */
const char *witness_judge(
	struct witness *witness, size_t message, const struct envoi_recipient *recipient);

#endif
