/*
 * What the files of the receiver share; nobody else includes this.
 *
 *     receiver.c          life, input, events, answers, deadlines
 *     receiver_command.c  one command line, and the commands
 *     receiver_path.c     MAIL and RCPT
 *     receiver_param.c    what stands behind their paths
 *     receiver_data.c     the octets of a message: DATA and BDAT
 *     receiver_reply.c    the one place where a reply is written
 */
#ifndef ENVOI_PROTOCOL_RECEIVER_INTERNAL_H
#define ENVOI_PROTOCOL_RECEIVER_INTERNAL_H

#include "base/buffer.h"
#include "protocol/receiver.h"

enum receiver_state {
	/** A command line is awaited. */
	RECEIVER_COMMAND,
	/** The rest of an over-long line is dropped. */
	RECEIVER_SKIP,
	/** Message octets until CRLF.CRLF. */
	RECEIVER_DATA,
	/** Message octets by count. */
	RECEIVER_CHUNK,
	/** The caller owes an answer. */
	RECEIVER_ANSWER,
	/** The caller shakes hands. */
	RECEIVER_TLS,
	RECEIVER_CLOSED,
};

enum receiver_hello {
	RECEIVER_HELLO_NONE,
	RECEIVER_HELLO_HELO,
	/** EHLO or LHLO: extensions count. */
	RECEIVER_HELLO_EXTENDED,
};

enum receiver_message {
	RECEIVER_MESSAGE_NONE,
	/** MESSAGE_BEGIN went out; END or ABORT is due. */
	RECEIVER_MESSAGE_OPEN,
	/** Given up; what still comes of it is dropped. */
	RECEIVER_MESSAGE_FAILED,
};

/** A reply known beforehand. */
struct receiver_refusal {
	int code;
	const char *enhanced;
	const char *text;
};

/** What was asked for a recipient. */
struct receiver_wish {
	/** ENVOI_NOTIFY_... */
	unsigned notify;
	/** The value of ORCPT, owned; NULL: none. */
	char *original;
};

/** What stood behind a path. Spans are of the command. */
struct receiver_parameters {
	bool utf8;
	/** "HDRS", "FULL", NULL. */
	const char *ret;
	/** Of ENVID, ORCPT: as they came; empty: none. */
	struct envoi_span envid;
	struct envoi_span original;
	unsigned notify;
};

struct envoi_receiver {
	struct envoi_receiver_options options;
	char *hostname;
	enum receiver_state state;
	enum receiver_hello hello;
	bool tls;
	bool started;
	bool eof;
	/** The line end of a local session is known; it is LF. */
	bool ends_known;
	bool lf_only;
	/** The line at the front of the input was shown to the caller. */
	bool shown;
	/** MESSAGE_ABORT, CLOSED is to be told. */
	bool abort_due;
	bool closed_due;
	unsigned errors;
	int64_t deadline;

	/** The transaction: sender NULL when there is none. */
	char *sender;
	/** MAIL said SMTPUTF8. */
	bool utf8;
	/** RET and ENVID, decoded and owned. */
	const char *ret;
	char *envid;
	char **recipients;
	struct receiver_wish *wishes;
	size_t count;
	size_t capacity;
	enum receiver_message message;
	/** Octets of the message so far. */
	uint64_t octets;
	/** DATA: the next octet begins a line. */
	bool line_start;
	/** DATA: the octet before the next one was CR. */
	bool after_cr;
	/** BDAT was used in this transaction. */
	bool chunked;
	uint64_t chunk_size;
	uint64_t chunk_left;
	bool chunk_last;
	/** The chunk is dropped and answered with this; NULL: taken. */
	const struct receiver_refusal *refusal;

	/** Which event waits for an answer, the address it is about, and how
	 * many recipients are answered (LMTP). */
	enum envoi_receiver_event asked;
	char *candidate;
	struct receiver_wish wish;
	size_t answered;

	struct envoi_buffer in;
	struct envoi_buffer out;
};

/* receiver.c */

/** Forgets the transaction; an open message is aborted. */
void envoi_receiver_reset(struct envoi_receiver *receiver);

/** Nothing more comes in; CLOSED is due. */
void envoi_receiver_close(struct envoi_receiver *receiver);

/** Is this extension offered, and was EHLO or LHLO said? */
bool envoi_receiver_offers(const struct envoi_receiver *receiver, uint32_t bit);

/* receiver_command.c, receiver_data.c: one step each. False: more input is
 * needed. *ret_event is set when there is one to tell. */

bool envoi_receiver_step_command(struct envoi_receiver *receiver,
	enum envoi_receiver_event *ret_event, struct envoi_span *ret_text);
bool envoi_receiver_step_skip(struct envoi_receiver *receiver);
bool envoi_receiver_step_data(struct envoi_receiver *receiver,
	enum envoi_receiver_event *ret_event, struct envoi_span *ret_text);
bool envoi_receiver_step_chunk(struct envoi_receiver *receiver,
	enum envoi_receiver_event *ret_event, struct envoi_span *ret_text);

/** DATA and BDAT as commands; the event is MESSAGE_BEGIN or NONE. */
enum envoi_receiver_event envoi_receiver_do_data(
	struct envoi_receiver *receiver, struct envoi_span args);
enum envoi_receiver_event envoi_receiver_do_bdat(
	struct envoi_receiver *receiver, struct envoi_span args);

/** MAIL and RCPT; the event is that name or NONE. */
enum envoi_receiver_event envoi_receiver_do_mail(
	struct envoi_receiver *receiver, struct envoi_span args);
enum envoi_receiver_event envoi_receiver_do_rcpt(
	struct envoi_receiver *receiver, struct envoi_span args);

/* receiver_param.c */

/** All parameters of MAIL or RCPT; false: a refusal was said. */
bool envoi_receiver_take_parameters(struct envoi_receiver *receiver, bool mail,
	struct envoi_span args, struct receiver_parameters *ret);
/** Without its xtext; NULL: no memory. */
char *envoi_receiver_decode(struct envoi_span xtext);

/* receiver_reply.c */

/** One reply line. enhanced NULL: none. */
void envoi_receiver_say(struct envoi_receiver *receiver, int code, const char *enhanced,
	const char *text);

/** A reply to a command that makes no sense; many of them end the session. */
void envoi_receiver_complain(struct envoi_receiver *receiver, int code,
	const char *enhanced, const char *text);

void envoi_receiver_say_greeting(struct envoi_receiver *receiver);

/** The reply to EHLO and LHLO: what is offered now. */
void envoi_receiver_say_extensions(struct envoi_receiver *receiver);

void envoi_receiver_say_help(struct envoi_receiver *receiver);

#endif
