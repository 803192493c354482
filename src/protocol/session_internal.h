/*
 * The inside of a session, shared by the files session*.c only.
 *
 * session.c        what the caller calls: bytes, time and events
 * session_out.c    segments and what became of them: the output
 * session_hello.c  greeting, EHLO, HELO, STARTTLS
 * session_auth.c   AUTH
 * session_send.c   writes the commands of transactions
 * session_reply.c  reads the replies to them
 * session_settle.c gives every recipient its outcome
 *
 * Invariants: a reply belongs to the head of the queue of expected replies,
 * by count, never by its text. One function changes the state (enter()). Each
 * transaction is a struct work from submit until its FINISHED event is pulled.
 */
#ifndef ENVOI_PROTOCOL_SESSION_INTERNAL_H
#define ENVOI_PROTOCOL_SESSION_INTERNAL_H

#include <envoi/session.h>

#include "base/buffer.h"
#include "protocol/reply.h"
#include "protocol/sasl.h"

enum session_state {
	/** Established, step by step. */
	STATE_GREETING,
	STATE_HELLO,
	STATE_STARTTLS,
	STATE_HANDSHAKE,
	STATE_AUTH,
	/** Transactions run. */
	STATE_READY,
	/** QUIT was said, or is about to be. */
	STATE_QUIT,
	/** Nothing more goes in or out. */
	STATE_CLOSED,
};

enum verb {
	VERB_GREETING,
	VERB_EHLO,
	VERB_HELO,
	VERB_STARTTLS,
	/** AUTH, and each line of its exchange. */
	VERB_AUTH,
	VERB_RSET,
	VERB_MAIL,
	VERB_RCPT,
	VERB_DATA,
	/** The end of data: final dot or BDAT LAST. */
	VERB_END,
	VERB_QUIT,
};

#define OFFSET_NONE UINT64_MAX

/** A reply that will come. Offsets count the octets taken. */
struct expected {
	enum verb verb;
	struct work *work;
	/** RCPT, and END in LMTP: which recipient. */
	size_t recipient;
	/** First octet of what it answers; OFFSET_NONE: not taken yet. */
	uint64_t begin;
	/** BDAT: behind its command line, where the chunk begins; OFFSET_NONE: not
	 * taken so far. */
	uint64_t chunk;
	/** Behind its last octet; OFFSET_NONE: not all taken yet. */
	uint64_t end;
};

struct segment {
	bool body;
	bool stuff;
	bool started;
	struct work *work;
	/** Control: octets left of it; from octet shown on they are secret. */
	size_t length;
	bool secret;
	size_t shown;
	/** The expected reply (by number) whose begin, chunk, end it carries;
	 * several in LMTP. first > last: none. */
	uint64_t first_expected;
	uint64_t last_expected;
	bool ends;
	/** The message is complete with it. */
	bool end_of_data;
};

enum step {
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	/** DATA is said: waits for its 354. */
	STEP_GO,
	/** All is written. */
	STEP_DONE,
};

enum mail_state {
	MAIL_ASKED,
	MAIL_ACCEPTED,
	MAIL_REFUSED,
};

/** A transaction on its way. */
struct work {
	struct work *next;
	struct envoi_transaction *transaction;
	enum step step;
	enum mail_state mail;
	/** Something of it was written. */
	bool begun;
	size_t next_rcpt;
	size_t accepted;
	size_t refused;
	/** Expected replies that are its own. */
	size_t outstanding;
	/** Where its end of data ends; OFFSET_NONE before. */
	uint64_t end_offset;
	/** Its body is queued or being sent. */
	bool body;
	/** It went, or goes, by BDAT. */
	bool chunked;
	/** No recipient: the dot alone was sent. */
	bool lone_dot;
	/** Is to be done again from MAIL when its replies are in. */
	bool redo;
	/** That was done: not twice. */
	bool redone;
};

struct envoi_session {
	struct envoi_session_options options;
	char *helo;
	enum session_state state;
	struct envoi_session_facts facts;
	struct envoi_reply_parser parser;

	/* Output. */
	struct envoi_buffer control;
	struct segment *segments;
	size_t segment_head, segment_count, segment_capacity;
	uint64_t taken, sent;

	/* Expected replies, numbered from 0; number of the head: expected_base. */
	struct expected *expected;
	size_t expected_head, expected_count, expected_capacity;
	uint64_t expected_base;

	/* Transactions in order; sending: the first not completely written. */
	struct work *works, **works_tail, *sending;
	size_t work_count;
	uint64_t work_bytes;
	size_t work_recipients;
	/** Submitted, and done again: each is a MAIL. */
	uint64_t mails;
	/** Finished ones, not yet pulled. */
	struct work *finished, **finished_tail;
	unsigned window;
	/** Where it begins to grow slowly, and accepted messages since it did. */
	unsigned window_careful, window_accepted;

	/** PIPELINING, CHUNKING are offered, wanted and not disproved. */
	bool pipelining, chunking;
	/** The server may have a transaction open: RSET before MAIL. */
	bool dirty;
	/** Wait for all replies before the next command. */
	bool sync;
	/** No further transactions. */
	bool closing;
	/** Interrupted: bodies are not begun. */
	bool stopped;
	/** A 421 was read. */
	bool over;
	/** And a RSET behind it was refused. */
	bool astray;
	/** LMTP, lone dot: one reply too many may come before QUIT's. */
	bool stray;

	/* AUTH. */
	struct envoi_secret secret;
	/** The last line of the exchange that was ours. */
	struct envoi_secret said;
	struct envoi_sasl_binding binding;
	struct envoi_sasl *sasl;
	unsigned mechanism;
	/** Mechanisms the server refused. */
	unsigned refused;
	/** The exchange was cancelled for this. */
	struct envoi_error cancelled;
	/** A second token was asked for. */
	bool asked_twice;

	bool event_tls, event_secret, event_ready, event_closed;
	/** Last reply or progress in sending; start of the current phase. */
	int64_t active, phase_start;
};

/* session.c */
void envoi_session_enter(struct envoi_session *s, enum session_state state, int64_t now);
/** Says QUIT when nothing forbids it, else closes. */
void envoi_session_quit(struct envoi_session *s, int64_t now);
/** Closes now: settles everything. */
void envoi_session_lost(struct envoi_session *s, enum envoi_close how, int64_t now);
/** The server broke the protocol: closes without QUIT. */
void envoi_session_broken(struct envoi_session *s, int64_t now, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** Keeps the first error, its phase and reply. */
void envoi_session_fault(struct envoi_session *s, const struct envoi_error *err,
	enum envoi_phase phase, const struct envoi_reply *reply);
/** A 421: the session is over, what was not sent is dropped. */
void envoi_session_over(struct envoi_session *s, enum envoi_phase phase,
	const struct envoi_reply *reply, int64_t now);
enum envoi_phase envoi_session_verb_phase(enum verb verb);

/* session_out.c */
/** Queues a command line that expects a reply. False: out of memory, or the
 * command was refused; the session is closed then. */
bool envoi_session_out_command(struct envoi_session *s, int64_t now, enum verb verb,
	struct work *work, size_t recipient, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
/** Queues head and a secret line behind it ("AUTH PLAIN " and a response; ""
 * and a response); only head is for transcripts. */
bool envoi_session_out_secret(struct envoi_session *s, int64_t now, const char *head,
	const struct envoi_secret *line);
/** Queues the body (DATA: with its dot) and what is expected behind it. */
bool envoi_session_out_data_body(struct envoi_session *s, struct work *work, int64_t now);
bool envoi_session_out_bdat(struct envoi_session *s, struct work *work, int64_t now);
/** Queues the dot of an empty message no one is to get. */
bool envoi_session_out_lone_dot(struct envoi_session *s, struct work *work, int64_t now);
/** Drops what was not taken, but a small BDAT chunk that is on its way, since
 * what was sent before it waits for its replies. False: data is owed to the
 * server and will not come (another body). */
bool envoi_session_out_drop(struct envoi_session *s);
struct expected *envoi_session_expected_head(const struct envoi_session *s);
struct expected envoi_session_expected_pop(struct envoi_session *s);
bool envoi_session_expected_is_sent(
	const struct envoi_session *s, const struct expected *e);
void envoi_session_out_finish(struct envoi_session *s);

/* session_hello.c */
/** Expects the greeting. False: no memory. */
bool envoi_session_hello_begin(struct envoi_session *s, int64_t now);
void envoi_session_hello_reply(
	struct envoi_session *s, enum verb verb, struct envoi_reply *reply, int64_t now);

/** Keeps why the session cannot begin, and says QUIT. */
void envoi_session_give_up(struct envoi_session *s, const struct envoi_error *err,
	enum envoi_phase phase, const struct envoi_reply *reply, int64_t now);
/** Established: transactions may come. */
void envoi_session_ready(struct envoi_session *s, int64_t now);

/* session_auth.c */
/** Authenticates, if that is wanted; then envoi_session_ready(). */
void envoi_session_auth_begin(struct envoi_session *s, int64_t now);
void envoi_session_auth_reply(
	struct envoi_session *s, struct envoi_reply *reply, int64_t now);
void envoi_session_auth_finish(struct envoi_session *s);

/* session_send.c */
/** Writes commands as far as window and replies allow. */
void envoi_session_send_commands(struct envoi_session *s, int64_t now);

/* session_reply.c */
void envoi_session_transaction_reply(struct envoi_session *s, const struct expected *e,
	struct envoi_reply *reply, int64_t now);
/** A refusal of the end of data before all of it was sent. */
void envoi_session_early_refusal(
	struct envoi_session *s, struct envoi_reply *reply, int64_t now);

/* session_settle.c */
bool envoi_session_work_is_ended(const struct envoi_session *s, const struct work *work);
/** Gives one recipient its outcome by a reply (NULL: keeps the one it has). */
void envoi_session_settle_reply(struct envoi_session *s,
	struct envoi_recipient *recipient, enum envoi_phase phase,
	const struct envoi_reply *reply);
/** All recipients still pending get the outcome of the reply. */
void envoi_session_settle_pending(struct envoi_session *s, struct work *work,
	enum envoi_phase phase, const struct envoi_reply *reply);
/** All recipients still pending: in words. */
void envoi_session_settle_words(struct work *work, enum envoi_outcome outcome,
	enum envoi_phase phase, enum envoi_status status, bool again, const char *words);
/** A command before it was refused, which is why, and then the message was
 * accepted, for whom and as whose nobody knows: all recipients are in doubt. */
void envoi_session_settle_doubt(struct work *work, const char *why);
/** Everything left when the connection is gone. */
void envoi_session_settle_all(struct envoi_session *s);
/** Finishes the work if it is written, answered and sent. */
void envoi_session_work_check_finished(struct envoi_session *s, struct work *work);
/** Puts it back before the one being sent, to begin with RSET and MAIL. */
void envoi_session_work_redo(struct envoi_session *s, struct work *work);
/** The reply that ended it, for the report. */
void envoi_session_work_note_reply(
	struct work *work, enum envoi_phase phase, const struct envoi_reply *reply);

#endif
