/*
 * The server side of one SMTP or LMTP session as a pure machine: the mirror of
 * <envoi/session.h> (RFC 5321, 2033, 2034, 2920, 3030, 3207, 1870, 6152, 6531; of
 * RFC 3461 the syntax).
 *
 * No socket, file, clock or store: bytes and time come in, reply bytes and
 * events go out. It never relays and keeps no message: the octets are handed
 * to the caller as they come. The caller's loop is
 *
 *     envoi_receiver_start()                  the greeting
 *     while not closed:
 *         pull events until there is none     envoi_receiver_next_event()
 *             (answer those that ask)         envoi_receiver_answer()
 *         write replies                       envoi_receiver_output(), _sent()
 *         read into the machine's buffer      envoi_receiver_room(), _received()
 *         wait, at most until                 envoi_receiver_deadline()
 *
 * Replies gather in the output until the input is used up: one write then
 * answers a whole pipelined group (RFC 2920 3.2). When the output is full, or
 * an answer is awaited, nothing more is taken from the input: memory is
 * bounded whatever the client does.
 *
 * Only CRLF ends a command; a line that a bare LF ends is refused. Only
 * CRLF.CRLF ends data: a bare CR or LF there is an octet like any other, so
 * nothing that another server might take for an end is one here. The client of
 * a local session (a program of this machine on a pipe) may use LF instead: its
 * first line says which, and from then on only that counts.
 *
 * Times are microseconds of any monotonic clock.
 */
#ifndef ENVOI_PROTOCOL_RECEIVER_H
#define ENVOI_PROTOCOL_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/session.h>

#include "base/span.h"

struct envoi_receiver_options {
	/** Named in the greeting and in the reply to EHLO. Copied. */
	const char *hostname;
	/** LHLO only, and a reply for each recipient (RFC 2033). */
	bool lmtp;
	/** A program of this machine on a pipe: it may use LF, go without EHLO
	 * or HELO, and put a blank before a path. */
	bool local;
	/** ENVOI_EXT_ bits to offer, of PIPELINING, CHUNKING, SIZE, 8BITMIME,
	 * ENHANCEDSTATUSCODES, STARTTLS (while TLS is off), SMTPUTF8, DSN; others
	 * mean nothing. */
	uint32_t extensions;
	/** TLS is on from the first byte. */
	bool tls;
	/** Most octets of a message; 0: no limit. */
	uint64_t max_size;
	/** Most recipients of a message; at least 1. */
	size_t max_recipients;
	/** Time without a byte from the client before 421. */
	int64_t idle_us;
	/** ENVOI_RECEIVER_COMMAND is wanted. */
	bool trace;
};

enum envoi_receiver_event {
	ENVOI_RECEIVER_NONE,
	/** A command line is about to be obeyed; only with trace. */
	ENVOI_RECEIVER_COMMAND,
	/** A sender; text is what stood between < and >, with SMTPUTF8 valid UTF-8,
	 * else ASCII. To be answered. */
	ENVOI_RECEIVER_MAIL,
	/** A recipient; text likewise. To be answered. */
	ENVOI_RECEIVER_RCPT,
	/** A message begins: sender and recipients are known and stay. */
	ENVOI_RECEIVER_MESSAGE_BEGIN,
	/** Octets of it, dots unstuffed, line ends as they came. */
	ENVOI_RECEIVER_MESSAGE_DATA,
	/** It is complete. To be answered (LMTP: once for each recipient, in
	 * order): the client hears 2yz only when the caller says it is stored. */
	ENVOI_RECEIVER_MESSAGE_END,
	/** It will not be completed: forget it. */
	ENVOI_RECEIVER_MESSAGE_ABORT,
	/** Write the output out, read nothing in clear, shake hands, then
	 * envoi_receiver_tls_established(). */
	ENVOI_RECEIVER_START_TLS,
	/** Write the output out and close. Last event. */
	ENVOI_RECEIVER_CLOSED,
};

struct envoi_receiver;

/** NULL: no memory. Says nothing yet: follow with envoi_receiver_start() or
 * envoi_receiver_shutdown(). */
struct envoi_receiver *envoi_receiver_new(const struct envoi_receiver_options *options);

/** Accepts NULL. */
void envoi_receiver_free(struct envoi_receiver *receiver);

/** The greeting; with TLS from the first byte, call after the handshake. */
void envoi_receiver_start(struct envoi_receiver *receiver, int64_t now);

/** Where input may be put: *ret_n octets, 0 when events or output have to be
 * taken first. Valid until the next call. */
char *envoi_receiver_room(struct envoi_receiver *receiver, size_t *ret_n);

/** n octets were put there. */
void envoi_receiver_received(struct envoi_receiver *receiver, size_t n, int64_t now);

/** room, copy and received in one; returns how many octets were taken. */
size_t envoi_receiver_receive(
	struct envoi_receiver *receiver, const void *bytes, size_t n, int64_t now);

/** The client will send nothing more. Whole commands already received are
 * still obeyed. */
void envoi_receiver_eof(struct envoi_receiver *receiver);

/** Time goes on; call when envoi_receiver_deadline() is reached. */
void envoi_receiver_tick(struct envoi_receiver *receiver, int64_t now);

/** When envoi_receiver_tick() is due. */
int64_t envoi_receiver_deadline(const struct envoi_receiver *receiver);

/** The handshake is done. Everything said before is forgotten (RFC 3207 4.2). */
void envoi_receiver_tls_established(struct envoi_receiver *receiver, int64_t now);

/** Ends it at once with a 421 and this text; before envoi_receiver_start()
 * that 421 is the greeting. */
void envoi_receiver_shutdown(struct envoi_receiver *receiver, const char *text);

/** The next event; *ret_text where it has one, valid until the next call. NONE
 * as well while an answer is owed. */
enum envoi_receiver_event envoi_receiver_next_event(
	struct envoi_receiver *receiver, struct envoi_span *ret_text);

/**
 * Answers the event that asked: code 2yz to 5yz, enhanced "X.Y.Z" or NULL,
 * text one line (octets that are not printable ASCII become "?"). 2yz to MAIL
 * or RCPT takes the address in. 421 ends the session.
 */
void envoi_receiver_answer(struct envoi_receiver *receiver, int code,
	const char *enhanced, const char *text);

/** Reply octets to send; valid until the next call. */
struct envoi_span envoi_receiver_output(const struct envoi_receiver *receiver);

/** n of them were sent. */
void envoi_receiver_sent(struct envoi_receiver *receiver, size_t n);

/** Of the transaction, as between < and >: valid from MESSAGE_BEGIN until
 * MESSAGE_END is answered or MESSAGE_ABORT comes. */
const char *envoi_receiver_sender(const struct envoi_receiver *receiver);
size_t envoi_receiver_recipient_count(const struct envoi_receiver *receiver);
const char *envoi_receiver_recipient(const struct envoi_receiver *receiver, size_t i);

/** What was asked of notifications (RFC 3461 4), as long: RET and ENVID, no notify;
 * and of a recipient NOTIFY as ENVOI_NOTIFY_... (0: not said), ORCPT's value (NULL). */
struct envoi_dsn envoi_receiver_dsn(const struct envoi_receiver *receiver);
unsigned envoi_receiver_notify(const struct envoi_receiver *receiver, size_t i);
const char *envoi_receiver_original(const struct envoi_receiver *receiver, size_t i);

#endif
