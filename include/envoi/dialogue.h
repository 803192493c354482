/*
 * Taking mail by an SMTP dialogue with a program of this machine, over a pair
 * of descriptors: what sendmail -bs is. No AUTH, no TLS; line ends as the
 * program has them, EHLO if it likes. Any number of messages. SMTPUTF8 and DSN are
 * offered: what is asked of notifications is for the caller to pass on.
 */
#ifndef ENVOI_DIALOGUE_H
#define ENVOI_DIALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>
#include <envoi/message.h>
#include <envoi/submit.h>

/** The reply to a message. */
struct envoi_dialogue_answer {
	/** 250, or 4yz, 5yz. */
	int code;
	/** "2.0.0" */
	char enhanced[16];
	/** One line; what is not printable ASCII becomes "?". */
	char text[400];
};

/** Who a message is from and for; all of it valid during the call only. */
struct envoi_dialogue_envelope {
	/** What stood between < and >; "" is the null sender. */
	const char *sender;
	const char *const *recipients;
	/** What is asked for each of them. */
	const struct envoi_wish *wishes;
	size_t count;
	/** RET and ENVID. */
	struct envoi_dsn dsn;
};

struct envoi_dialogue {
	/** Octets come from in, replies go to out. */
	int in;
	int out;
	/** In the greeting. */
	const char *hostname;
	/** Octets of a message; 0: no limit. */
	uint64_t max_size;
	/** Recipients of a message; at least 1. */
	size_t max_recipients;
	void *context;
	/** Is this address (what stood between < and >) one that can be taken?
	 * -1 with err: refused, for now where its status is TEMPORARY, SYSTEM,
	 * CONFIG, IO or CANTCREATE. */
	int (*address)(void *context, bool is_sender, const char *address,
		struct envoi_error *err);
	/** A message is complete: an answer other than 2yz says that it is not
	 * taken. The input is freed behind it. False: the dialogue is to end. */
	bool (*message)(void *context, const struct envoi_dialogue_envelope *envelope,
		struct envoi_input *input, struct envoi_dialogue_answer *ret_answer);
};

/**
 * Talks until QUIT, the end of input, or something that ends it. A message
 * whose end was not read is forgotten. -1: IO, a descriptor cannot be read or
 * written; SYSTEM.
 */
int envoi_dialogue_run(const struct envoi_dialogue *dialogue, struct envoi_error *err);

#endif
