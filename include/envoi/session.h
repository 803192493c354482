/*
 * One SMTP or LMTP session as a pure machine (RFC 5321, 2033, 2920, 3030).
 *
 * No socket, file, clock or environment: bytes, time and TLS facts come in,
 * segments (what to send) and events go out. The caller's loop is
 *
 *     while not closed:
 *         take segments and write them        envoi_session_next_segment()
 *         say what the transport took         envoi_session_sent()
 *         feed what was read                  envoi_session_receive()
 *         pull events until there is none     envoi_session_next_event()
 *         wait, at most until                 envoi_session_deadline()
 *
 * The body of a message never passes through: a segment names its
 * transaction, the caller puts the encoded octets on the wire itself.
 *
 * Times are microseconds of any monotonic clock.
 */
#ifndef ENVOI_SESSION_H
#define ENVOI_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>

/** Where in a session something happened; also the names of the timeouts. */
enum envoi_phase {
	/** Reading the message; name lookup: before there is a session. */
	ENVOI_PHASE_INPUT,
	ENVOI_PHASE_RESOLVE,
	ENVOI_PHASE_CONNECT,
	ENVOI_PHASE_GREETING,
	/** EHLO, HELO, LHLO. */
	ENVOI_PHASE_EHLO,
	/** STARTTLS and the handshake. */
	ENVOI_PHASE_TLS,
	ENVOI_PHASE_AUTH,
	/** RSET, MAIL. */
	ENVOI_PHASE_MAIL,
	ENVOI_PHASE_RCPT,
	/** DATA, until its 354. */
	ENVOI_PHASE_DATA,
	/** Message data on its way (time without progress). */
	ENVOI_PHASE_BLOCK,
	/** The end of data (final dot, BDAT LAST), until its reply. */
	ENVOI_PHASE_DOT,
	ENVOI_PHASE_QUIT,
	/** The whole run. */
	ENVOI_PHASE_TOTAL,
	ENVOI_PHASE_COUNT,
};

/** "greeting", "dot", ...; never NULL. */
const char *envoi_phase_name(enum envoi_phase phase);

/** How it ended for one recipient. */
enum envoi_outcome {
	/** Not settled yet; never seen once a transaction is finished. */
	ENVOI_OUTCOME_PENDING,
	/** The final 2yz was read. */
	ENVOI_OUTCOME_DELIVERED,
	/** A 5yz that concerns it. */
	ENVOI_OUTCOME_REJECTED,
	/** A 4yz, or the connection was lost before the end of data was sent. */
	ENVOI_OUTCOME_DEFERRED,
	/** The end of data was sent and no reply came. */
	ENVOI_OUTCOME_UNKNOWN,
	/** No attempt was made. */
	ENVOI_OUTCOME_UNTRIED,
};

/** "delivered", "rejected", ...; "pending" for an unsettled one. */
const char *envoi_outcome_name(enum envoi_outcome outcome);

/** Extensions, as bits: what a server offers, what is not to be used. */
enum envoi_extension {
	ENVOI_EXT_PIPELINING = 1 << 0,
	ENVOI_EXT_CHUNKING = 1 << 1,
	ENVOI_EXT_SIZE = 1 << 2,
	ENVOI_EXT_8BITMIME = 1 << 3,
	ENVOI_EXT_ENHANCEDSTATUSCODES = 1 << 4,
	ENVOI_EXT_STARTTLS = 1 << 5,
	ENVOI_EXT_LIMITS = 1 << 6,
	ENVOI_EXT_AUTH = 1 << 7,
	ENVOI_EXT_SMTPUTF8 = 1 << 8,
	ENVOI_EXT_DSN = 1 << 9,
	ENVOI_EXT_BINARYMIME = 1 << 10,
	ENVOI_EXT_REQUIRETLS = 1 << 11,
	ENVOI_EXT_FUTURERELEASE = 1 << 12,
	ENVOI_EXT_DELIVERBY = 1 << 13,
	ENVOI_EXT_MT_PRIORITY = 1 << 14,
	ENVOI_EXT_HELP = 1 << 15,
	ENVOI_EXT_VRFY = 1 << 16,
	ENVOI_EXT_ETRN = 1 << 17,
	ENVOI_EXT_EXPN = 1 << 18,
};

/** The keyword of an extension, by case-insensitive name; 0 if unknown. */
uint32_t envoi_extension_find(const char *name, size_t len);

/** The keyword of one bit ("PIPELINING"); NULL for no known bit. */
const char *envoi_extension_name(uint32_t bit);

/** A reply kept: RFC 5321 4.2, RFC 2034, RFC 3463. */
struct envoi_reply {
	/** 0: no reply was read. */
	int code;
	/** Class, subject, detail; class 0: none given. */
	unsigned short enhanced[3];
	/** The text of all lines, joined by a line feed, codes removed. Raw
	 * octets of the server, NUL-terminated as well. NULL when code is 0. */
	char *text;
	size_t length;
};

/** Frees the text and zeroes the reply. A zeroed reply is accepted. */
void envoi_reply_finish(struct envoi_reply *reply);

/** A copy of from in to (which is finished first). 0, or -1: no memory. */
int envoi_reply_copy(struct envoi_reply *to, const struct envoi_reply *from);

/** What became of one recipient in one transaction. */
struct envoi_result {
	enum envoi_outcome outcome;
	/** Where it was decided; of a delivered one, whose reply is kept. */
	enum envoi_phase phase;
	/** The exit status this recipient alone would lead to. */
	enum envoi_status status;
	/** The reply that decided (delivered: the one to its RCPT, in LMTP the
	 * final one). */
	struct envoi_reply reply;
	/** In words, where no reply decided; else NULL. Owned. */
	char *error;
	/** Filled in by submit: host or path of the server that was asked last,
	 * NULL: none was. Borrowed from the request. */
	const char *server;
	/** The same: that one takes what is asked of notifications (DSN). */
	bool dsn;
	/** The connection ended, the message was not accepted: it may be begun
	 * again at once on another connection without a duplicate. */
	bool again;
	/** 452 or 552 with others accepted: belongs in a further transaction. */
	bool full;
};

void envoi_result_finish(struct envoi_result *result);

/** When a server is to send a notification (RFC 3461 4.1), as bits. */
enum {
	/** Not with others. */
	ENVOI_NOTIFY_NEVER = 1 << 0,
	ENVOI_NOTIFY_FAILURE = 1 << 1,
	ENVOI_NOTIFY_DELAY = 1 << 2,
	ENVOI_NOTIFY_SUCCESS = 1 << 3,
};

/** Delivery status notifications, as they are asked for (RFC 3461). Where a
 * server does not offer DSN nothing is said of them. */
struct envoi_dsn {
	/** ENVOI_NOTIFY_..., 0: the servers decide. */
	unsigned notify;
	/** What they hold of the message: "HDRS", "FULL"; NULL: the same. */
	const char *ret;
	/** What they call the message: see envoi_dsn_is_envid(); NULL. */
	const char *envid;
};

/** Is something asked for? */
static inline bool envoi_dsn_is_wanted(const struct envoi_dsn *dsn)
{
	return dsn->notify != 0 || dsn->ret != NULL || dsn->envid != NULL;
}

/** May be an ENVID: printable ASCII and blanks, at most 100 octets as xtext,
 * where some take three (RFC 3461 4.4). */
bool envoi_dsn_is_envid(const char *text);

/** One recipient. The strings outlive the transaction. */
struct envoi_recipient {
	/** As it goes between < and >: checked by envoi_address_parse(). */
	const char *address;
	/** ENVOI_NOTIFY_... for this one. */
	unsigned notify;
	/** Whom it was first for (ORCPT): a mailbox, or the value of ORCPT,
	 * "rfc822;..." or "utf-8;...", as it was given; NULL: not said. */
	const char *original;
	struct envoi_result result;
};

/** What is in a body (RFC 6152, RFC 3030). */
enum envoi_body_type {
	/** Lines of ASCII: nothing is said. */
	ENVOI_BODY_7BIT,
	/** Lines with octets above 127. */
	ENVOI_BODY_8BITMIME,
	/** Any octets. Goes by BDAT, where BINARYMIME is offered, or not at all. */
	ENVOI_BODY_BINARYMIME,
};

/**
 * One MAIL, RCPT..., DATA. The caller owns it, and everything it points to,
 * and keeps it in place from envoi_session_submit() until the event
 * ENVOI_EVENT_FINISHED (or envoi_session_free()); the session writes the
 * results into the recipients.
 */
struct envoi_transaction {
	/** Envelope sender, "" for the null one. */
	const char *sender;
	struct envoi_recipient **recipients;
	size_t count;
	/** Exact octets as they go out: CRLF counted, before dot-stuffing. */
	uint64_t size;
	/** What BODY says, where the server offers that. */
	enum envoi_body_type body;
	/** An address or the header needs SMTPUTF8 (RFC 6531 3.4). Only for a
	 * server that has it. */
	bool smtputf8;
	/** RET and ENVID; NULL: none. */
	const struct envoi_dsn *dsn;
	/** Not to be passed on before: "2026-12-24T18:00:00Z" (RFC 4865); NULL: at
	 * once. Only for a server with FUTURERELEASE. */
	const char *hold_until;
	/** Seconds in which it is to be delivered, or returned (RFC 2852), where
	 * the server has DELIVERBY; 0: none. */
	uint32_t deliver_by;
	/** One refused recipient stops it before its data is sent. */
	bool all_or_nothing;
	/** For the caller: where the body is. Not touched. */
	void *user;
	/** Result: the final reply, or the one that ended it early. */
	struct envoi_reply reply;
	enum envoi_phase phase;
	/** Result: end of data was sent and answered 2yz (LMTP: for one). */
	bool accepted;
};

void envoi_transaction_finish(struct envoi_transaction *transaction);

/** When and how to use TLS. */
enum envoi_tls_policy {
	ENVOI_TLS_OFF,
	/** STARTTLS when offered, else in clear. */
	ENVOI_TLS_OPPORTUNISTIC,
	/** STARTTLS or nothing. */
	ENVOI_TLS_STARTTLS,
	/** From the first byte. */
	ENVOI_TLS_IMPLICIT,
};

/** Who to be. Strings are borrowed for the life of the session. */
struct envoi_auth_options {
	/** Authenticate, or send no mail. */
	bool wanted;
	/** Names of mechanisms in the order to try them, blanks between; NULL:
	 * the best that is offered. */
	const char *mechanisms;
	/** NULL: none is needed (EXTERNAL, OAUTHBEARER). */
	const char *user;
	/** Whom to act as, NULL: the user. */
	const char *authzid;
	/** What envoi_session_give_secret() would give. */
	bool has_password;
	bool has_token;
	/** It is given once: a token that was refused is not asked for anew. */
	bool secret_once;
	/** The secret may be shown without TLS: the link does not leave this
	 * machine, or the user said so. */
	bool clear_ok;
	/** As the user named the server; for OAUTHBEARER. */
	const char *host;
	unsigned port;
};

/** Is this the name of a mechanism we have? *ret_token: it takes a token, not
 * a password. */
bool envoi_auth_find(const char *name, size_t n, bool *ret_token);

struct envoi_session_options {
	bool lmtp;
	enum envoi_tls_policy tls;
	struct envoi_auth_options auth;
	/** Name for EHLO, HELO, LHLO: a domain or an address literal. Copied. */
	const char *helo;
	/** Extension bits never to be used. */
	uint32_t without;
	/** Messages in the first window; 0: the default. */
	unsigned window;
	/** Up to so many the window grows by one for each accepted message, beyond by
	 * one for each whole window of them; 0: always by one. What is in doubt when
	 * a connection is lost is a window, so who lost some before begins here. */
	unsigned window_careful;
	/** Microseconds for each phase; 0: the default of RFC 5321 4.5.3.2. */
	int64_t timeout_us[ENVOI_PHASE_COUNT];
};

/** What EHLO said. Pointers are the session's, valid until its next EHLO. */
struct envoi_capabilities {
	uint32_t extensions;
	/** SIZE limit in octets; 0: none or unknown. */
	uint64_t size;
	/** LIMITS (RFC 9422); 0: none. */
	uint64_t mail_max;
	uint64_t rcpt_max;
	uint64_t rcpt_domain_max;
	/** FUTURERELEASE (RFC 4865): most seconds; DELIVERBY (RFC 2852): fewest;
	 * 0: not said. */
	uint64_t hold_most;
	uint64_t by_least;
	/** The mechanisms of AUTH, merged, upper case, one space between. */
	char auth[512];
};

/** The extensions to use, when those without are not wanted. SMTPUTF8 comes
 * with 8BITMIME, said or not (RFC 6531 3.1). */
uint32_t envoi_capabilities_usable(
	const struct envoi_capabilities *capabilities, uint32_t without);

/** How the session ended, apart from all outcomes. */
enum envoi_close {
	ENVOI_CLOSE_OPEN,
	/** QUIT was answered, or a 421 ended it: see close_reply. */
	ENVOI_CLOSE_REPLY,
	ENVOI_CLOSE_EOF,
	ENVOI_CLOSE_RESET,
	ENVOI_CLOSE_TIMEOUT,
	/** We closed without QUIT. */
	ENVOI_CLOSE_NOT_SENT,
};

/** What is known about the session; grows as it goes on. */
struct envoi_session_facts {
	enum envoi_close close;
	struct envoi_reply close_reply;
	/** "EHLO", "HELO", "LHLO" as last accepted; NULL before. */
	const char *hello;
	struct envoi_reply greeting;
	/** The whole EHLO reply, one line each, as last received. */
	struct envoi_reply hello_reply;
	struct envoi_capabilities capabilities;
	bool tls;
	/** The mechanism that let us in; NULL: none. */
	const char *auth;
	/** Transactions the server accepted. */
	size_t accepted;
	/** Transactions were possible once (READY was reached). */
	bool established;
	/** Why it did not come to an orderly QUIT, or could not begin; status
	 * OK when all went well. */
	struct envoi_error error;
	enum envoi_phase error_phase;
	/** The reply behind the error; code 0 when none. */
	struct envoi_reply error_reply;
	/** Microseconds each phase took; -1: not reached. */
	int64_t took_us[ENVOI_PHASE_COUNT];
	/** A bare LF ended a line of the server. */
	bool bare_lf;
};

struct envoi_session;

/**
 * A session on a connection that stands; waits for the greeting (IMPLICIT:
 * asks for the handshake first). NULL with err: helo unfit (USAGE), no memory.
 */
struct envoi_session *envoi_session_new(const struct envoi_session_options *options,
	int64_t now, struct envoi_error *err);

/** Frees it. Transactions not finished keep pending results: call
 * envoi_session_abort() before to settle them. Accepts NULL. */
void envoi_session_free(struct envoi_session *session);

/** Bytes from the server. Never fails: bad ones end the session. */
void envoi_session_receive(
	struct envoi_session *session, const void *bytes, size_t n, int64_t now);

/** The server closed (reset: with an error of the transport). Feed what was
 * still readable before. */
void envoi_session_eof(struct envoi_session *session, bool reset, int64_t now);

/** Time goes on; call when envoi_session_deadline() is reached. */
void envoi_session_tick(struct envoi_session *session, int64_t now);

/** The handshake asked for by ENVOI_EVENT_START_TLS is done. */
void envoi_session_tls_established(struct envoi_session *session, int64_t now);

/** After the handshake, before envoi_session_tls_established(): what SCRAM may
 * bind to (RFC 5056): "tls-exporter" or "tls-server-end-point". Copied. */
void envoi_session_set_binding(
	struct envoi_session *session, const char *type, const void *data, size_t n);

/**
 * Answers ENVOI_EVENT_NEED_SECRET: n octets, copied and wiped when the session
 * is over; data NULL: it could not be had, for the reason why.
 */
void envoi_session_give_secret(struct envoi_session *session, const char *data, size_t n,
	const struct envoi_error *why, int64_t now);

/** This line of the server, not fed yet, is not for a transcript, but for its
 * code: a challenge of AUTH, or one that repeats the secret. */
bool envoi_session_hides(const struct envoi_session *session, const char *line, size_t n);

/**
 * Ends the session at once without QUIT for a reason of our own (handshake
 * failed, input unreadable, total deadline). Everything is settled, CLOSED
 * follows. timeout: the close is said to be a timeout.
 */
void envoi_session_abort(struct envoi_session *session, const struct envoi_error *why,
	enum envoi_phase phase, bool timeout, int64_t now);

/** Room in the window, and within MAILMAX (RFC 9422), for one more transaction of
 * so many octets? Only after ENVOI_EVENT_READY and before envoi_session_close(). */
bool envoi_session_can_submit(const struct envoi_session *session, uint64_t size);

/** Queues a transaction; see there for lifetime. count is at least 1. -1: no
 * memory (nothing happened). Addresses must be fit (envoi_address_parse). */
int envoi_session_submit(struct envoi_session *session,
	struct envoi_transaction *transaction, struct envoi_error *err);

/** No further transactions: QUIT when those submitted are finished. */
void envoi_session_close(struct envoi_session *session, int64_t now);

/** A signal: begin no message, cut a body without its dot, wait for the reply
 * to an end of data already sent, QUIT. */
void envoi_session_stop(struct envoi_session *session, int64_t now);

/** Something to send. */
struct envoi_segment {
	enum {
		ENVOI_SEGMENT_CONTROL,
		ENVOI_SEGMENT_BODY,
	} kind;
	/** CONTROL: whole command lines; valid until the next call. */
	const char *data;
	size_t length;
	/** CONTROL: from octet shown on it is not for a transcript, and to be
	 * wiped where it was copied to. */
	bool secret;
	size_t shown;
	/** BODY: of this transaction, with dots stuffed (DATA; without the
	 * final dot, but with a CRLF at its end) or as it is (BDAT). */
	struct envoi_transaction *transaction;
	bool stuff;
};

/** The next thing to send, or false. The same again until it is taken. */
bool envoi_session_next_segment(
	struct envoi_session *session, struct envoi_segment *ret_segment, int64_t now);

/** n octets of the current segment were taken over by the caller; for a body
 * the octets put on the wire, last: the body is complete. */
void envoi_session_take(struct envoi_session *session, size_t n, bool last);

/** n more of the octets taken were handed to the transport. */
void envoi_session_sent(struct envoi_session *session, size_t n, int64_t now);

/** All taken octets were handed to the transport? */
bool envoi_session_is_flushed(const struct envoi_session *session);

enum envoi_event {
	ENVOI_EVENT_NONE,
	/** Shake hands, then envoi_session_tls_established() or _abort(). No
	 * plaintext may be read after this. */
	ENVOI_EVENT_START_TLS,
	/** The password or token is needed: envoi_session_give_secret(). May
	 * come a second time, when a token was refused: then a fresh one. */
	ENVOI_EVENT_NEED_SECRET,
	/** Transactions may be submitted. */
	ENVOI_EVENT_READY,
	/** *ret_transaction is finished: the caller's again. */
	ENVOI_EVENT_FINISHED,
	/** Close the connection. Last event. */
	ENVOI_EVENT_CLOSED,
};

/** The next event; NONE when there is none now. */
enum envoi_event envoi_session_next_event(
	struct envoi_session *session, struct envoi_transaction **ret_transaction);

/** When envoi_session_tick() is due, INT64_MAX for never. */
int64_t envoi_session_deadline(const struct envoi_session *session);

/** What is known; valid until envoi_session_free(). */
const struct envoi_session_facts *envoi_session_facts(
	const struct envoi_session *session);

#endif
