/*
 * What a witness remembers: witness.c gathers it, witness_judge.c judges by it.
 */
#ifndef ENVOI_TESTS_WITNESS_INTERNAL_H
#define ENVOI_TESTS_WITNESS_INTERNAL_H

#include "witness.h"

#include "base/buffer.h"

enum what {
	WHAT_GREETING,
	WHAT_HELLO,
	WHAT_STARTTLS,
	WHAT_RSET,
	WHAT_MAIL,
	WHAT_RCPT,
	WHAT_DATA,
	WHAT_END,
	/** The dot of a message for nobody. */
	WHAT_LONE_DOT,
	WHAT_QUIT,
	WHAT_NOTHING,
};

struct rcpt {
	char *address;
	/** Replies; 0: none was given. */
	int code;
	/** LMTP: to the end of data. */
	int end;
};

/** From MAIL to the end of data. */
struct mail {
	int code;
	struct rcpt *rcpts;
	size_t count;
	/** The server waits for the message, or is getting it. */
	bool body;
	/** The how manieth body of its connection it is. */
	size_t number;
	/** The end of data has left. */
	bool ended;
	int end;
	/** Taken where replies may be out of step. */
	bool doubtful;
};

/** A reply that is due. */
struct due {
	enum what what;
	struct mail *mail;
	size_t rcpt;
};

struct seen {
	struct due due;
	int code;
};

/** One connection. */
struct wire {
	bool lmtp;
	struct mail **mails;
	size_t mail_count;
	struct due *due;
	size_t first_due, due_count;
	struct seen *seen;
	size_t seen_count;
	/** Messages in the order in which their bodies were sent. */
	size_t *bodies;
	size_t body_count, bodies_begun;
	struct envoi_buffer client, server;
	/** DATA is said and not answered; the body is being sent. */
	bool data, reading_body;
	/** Octets left of a chunk. */
	size_t chunk;
	/** Of the reply being read. */
	size_t lines;
	int code;
	/** A 421 was given; and behind it a RSET was refused. */
	bool over, astray;
	/** QUIT was answered, or the server left. */
	bool left;
	/** Out of step: no reply counts any more. */
	bool strange;
	/** LMTP: one reply too many may come before that to QUIT. */
	bool stray;
};

#endif
