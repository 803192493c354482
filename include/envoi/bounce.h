/*
 * Messages that tell a sender what became of a message: delivery status
 * notifications (RFC 3464, 6522), made from facts.
 *
 * A text for people, the same for programs, and the original: all of it or its
 * header. What is made is ASCII in lines of at most 998 octets but for the
 * address it goes to, whatever servers said and the original holds, so every
 * server takes it:
 *
 * - An original that is returned whole stands there in the form it would have
 *   for a server without extensions (envoi_message_choose()): its text is the
 *   same, 8-bit parts are encoded. One that has no such form (an 8-bit part that
 *   is signed, an address in UTF-8) is a message/global in base64 (RFC 6532 3.7).
 * - A header alone is a text/rfc822-headers, quoted-printable where it has to be
 *   (RFC 6522 4).
 *
 * It is from the null sender and says Auto-Submitted: auto-replied (RFC 3834),
 * so that nobody answers it.
 */
#ifndef ENVOI_BOUNCE_H
#define ENVOI_BOUNCE_H

#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>
#include <envoi/message.h>
#include <envoi/queue.h>

enum envoi_bounce_kind {
	/** It will not be delivered. */
	ENVOI_BOUNCE_FAILED,
	/** It takes longer, and is tried on. */
	ENVOI_BOUNCE_DELAYED,
	/** It was never taken: nothing of it is in a queue. */
	ENVOI_BOUNCE_REFUSED,
	/** A server has it that will not tell more (RFC 3461 6.2). */
	ENVOI_BOUNCE_RELAYED,
};

struct envoi_bounce_recipient {
	/** As in struct envoi_queue_recipient. */
	const char *address;
	const char *original;
	/** What happened; NULL: nothing was tried. */
	const struct envoi_verdict *verdict;
};

/** NULL and 0: not known, unless said otherwise. */
struct envoi_bounce {
	enum envoi_bounce_kind kind;
	/** Whom it is for: a mailbox, made by envoi_address_parse(). */
	const char *to;
	/** This machine's name: the reporting MTA. NULL: "localhost". */
	const char *host;
	/** That MAILER-DAEMON is at; NULL: host. */
	const char *domain;
	const struct envoi_bounce_recipient *recipients;
	size_t count;
	/** In words: why, where there are no recipients, or that no verdict tells. */
	const char *reason;
	/** When the message came, and the time it is: seconds since 1970. */
	int64_t arrived;
	int64_t now;
	/** DELAYED: until when it is tried. */
	int64_t until;
	/** RFC 3461: the values of ENVID and RET. FULL: the original is returned
	 * whole, HDRS: its header. NULL: whole when it is small (50 kB). Of a delay,
	 * the header always; of what was refused, all: it is nowhere else. */
	const char *envelope_id;
	const char *returned;
	/** The original's id in the queue. The Message-ID is made of it and of the
	 * recipients, so that the same facts make the same one. NULL: it has none,
	 * the Message-ID is a random one. */
	const char *id;
	/** NULL: nothing is returned. Scanned here when it was not. */
	struct envoi_message *original;
};

/**
 * Makes the message, scanned; free it with envoi_message_free(). DATA: the
 * original cannot be read. IO, CANTCREATE: of the temporary file a large one is
 * written to. SYSTEM.
 */
int envoi_bounce_make(const struct envoi_bounce *bounce,
	struct envoi_message **ret_message, struct envoi_error *err);

/**
 * Makes it and puts it into the queue, for good when it returned 0. way says how
 * it goes: account, config, settings and uid; bounce_of is bounce->id, or "-".
 * ret_entry: claimed; NULL: given back at once. Errors as above and those of
 * envoi_queue_add().
 */
int envoi_bounce_queue(struct envoi_queue *queue, const struct envoi_bounce *bounce,
	const struct envoi_queue_envelope *way, struct envoi_entry **ret_entry,
	struct envoi_error *err);

#endif
