/*
 * Sending messages: from inputs and an envelope to an outcome for every
 * recipient, over as few connections as it can.
 *
 * Servers are tried in order; a session that ends before its time is followed
 * by another one for what is not yet accepted, as long as progress is made.
 * Nothing is sent twice whose reply is open.
 */
#ifndef ENVOI_SUBMIT_H
#define ENVOI_SUBMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>
#include <envoi/message.h>
#include <envoi/repair.h>
#include <envoi/secret.h>
#include <envoi/server.h>
#include <envoi/session.h>
#include <envoi/tls.h>

/** One message at its end. All pointers are valid during the call only. */
struct envoi_message_report {
	/** From 0, in the order of the inputs. */
	size_t index;
	/** "bill.eml", "-", "series.mbox:3", "Mail/new/1700000000.1.host". */
	const char *source;
	/** Index of the last session that tried it, -1: none did. */
	long session;
	const char *sender;
	/** "" when it has none, or was not read. */
	const char *message_id;
	/** As on the wire, before dot-stuffing; 0 when it was not read. */
	uint64_t bytes;
	/** How it went, or would have gone: see struct envoi_form; "" when it
	 * was not read. */
	const char *encoding;
	/** The reply that ended its last transaction; code 0: none. */
	struct envoi_reply reply;
	enum envoi_phase phase;
	const struct envoi_recipient *recipients;
	size_t count;
};

/** One session at its end, or a server that could not be reached. */
struct envoi_session_report {
	size_t index;
	/** Name of the account, NULL: none. */
	const char *account;
	/** Host, or path of a unix socket. */
	const char *server;
	/** Host and port, or path, as people write it. */
	const char *label;
	/** The address connected to, "" when there was no connection. */
	const char *address;
	/** Who logs in, NULL: nobody. */
	const char *user;
	/** 0 for a unix socket. */
	unsigned short port;
	/** NULL without TLS. */
	const struct envoi_tls_facts *tls;
	/** What the session knows; took_us[ENVOI_PHASE_CONNECT] and _TOTAL are
	 * filled in as well. */
	const struct envoi_session_facts *facts;
};

/** "delivered", ..., or "partial" when recipients differ. */
const char *envoi_message_outcome(const struct envoi_message_report *report);

/** Who is told while it runs. Any member may be NULL. */
struct envoi_observer {
	void *context;
	/** A transcript line, see envoi(1): mark is one of "=<>!", text raw
	 * octets without line end. */
	void (*trace)(void *context, char mark, const char *text, size_t n);
	/** Message data goes to the transcript, too. */
	bool trace_data;
	/** All inputs that are not files are read; connections begin. */
	void (*ready)(void *context);
	/** A warning or error for people, without "envoi: ". */
	void (*warn)(void *context, const struct envoi_error *err);
	/** In the order of index, as soon as that can be told. */
	void (*message)(void *context, const struct envoi_message_report *report);
	/** When it ended. */
	void (*session)(void *context, const struct envoi_session_report *report);
	/** Messages settled and octets written so far; often. */
	void (*progress)(void *context, size_t settled, uint64_t written);
};

/** What is asked for one recipient (RFC 3461); as in struct envoi_recipient. Its
 * text is not owned, and outlives the message. */
struct envoi_wish {
	unsigned notify;
	const char *original;
};

/** Who a message is from and for. Everything is on the heap. */
struct envoi_envelope {
	/** As made by envoi_address_parse(); NULL: the request's. */
	char *sender;
	/** The same, each once. */
	char **recipients;
	size_t count;
	/** In place of the request's, when something is asked for. Its strings
	 * are not owned, and outlive the message. */
	struct envoi_dsn dsn;
	/** In place of the request's; 0: none. */
	int64_t deliver_by;
	/** One for each recipient, in place of dsn.notify and of the recipient
	 * itself as the one it was first for; NULL: these, for all. */
	struct envoi_wish *wishes;
};

/** Drops recipients that are the same mailbox as an earlier one; keeps the
 * order. -1: no memory. */
int envoi_envelope_deduplicate(struct envoi_envelope *envelope);

/** Frees what it owns and zeroes it. */
void envoi_envelope_finish(struct envoi_envelope *envelope);

struct envoi_message;

/** A way out: servers that share a login and the rules for TLS. */
struct envoi_relay {
	/** For reports and the log; NULL: none. */
	const char *account;
	/** Tried in order. At least one. */
	const struct envoi_server *servers;
	size_t server_count;
	/** lmtp and tls are taken from each server, without from the request;
	 * helo NULL: the host's name if it has a dot, else the address literal
	 * of the socket. ENVOI_PHASE_TOTAL is of no use here. */
	struct envoi_session_options session;
	/** With session.auth.wanted: where the password or token comes from.
	 * session.auth: host, port, clear_ok of a link that does not leave the
	 * machine, has_password, has_token are filled in there. */
	const struct envoi_secret_source *secret;
	struct envoi_tls_options tls;
	/** Local address, or NULL. */
	const char *source_address;
};

struct envoi_request {
	/** Tried in order: the next one gets what those before did not take. At
	 * least one. */
	const struct envoi_relay *relays;
	size_t relay_count;
	/** Paths, "-" is stdin. None, and no recipients: connects, greets and
	 * says QUIT only (a probe). */
	const char *const *sources;
	size_t source_count;
	/** The only source, whose path is its name in errors; sources are not
	 * opened then. The caller frees it. NULL: none. */
	struct envoi_input *composed;
	/** What files are read as. */
	enum envoi_mbox mbox;
	/** As made by envoi_address_parse(). NULL: of each message, the first
	 * address in From. */
	const char *sender;
	/** The same, each once (envoi_request_deduplicate()). */
	const char **recipients;
	size_t recipient_count;
	/** Each message goes to those its header names as well. An address of
	 * it that cannot be used stops the message, or, with
	 * skip_bad_recipients, is told as a warning. */
	bool read_recipients;
	bool skip_bad_recipients;
	/** How headers are repaired; NULL: not at all. sender is that of the
	 * envelope; host and domain NULL: as gethostname(2) says, for domain if
	 * it has a dot; now 0: the time it is. */
	const struct envoi_repair *repair;
	/**
	 * Where each message has an envelope of its own: fills in that of a
	 * message that was scanned. NULL: sender and recipients are those above,
	 * for all. -1: the message is not sent, and err says why; *ret_envelope
	 * may hold those who would have got it. It is finished by the run.
	 */
	int (*envelope)(void *context, struct envoi_message *message,
		struct envoi_envelope *ret_envelope, struct envoi_error *err);
	void *envelope_context;
	/**
	 * More messages, behind those of the sources: the next one, which is the
	 * run's then, or *ret_message NULL: no more. Called when there is room
	 * for it; a run that finds no way out does not ask. -1: none, with a
	 * warning. NULL: there are none.
	 */
	int (*next)(void *context, struct envoi_message **ret_message,
		struct envoi_error *err);
	/** Told of recipients (their indices, at least one) at the moment they are
	 * settled for good, before anything else is done. NULL: nobody is. */
	void (*settled)(void *context, const struct envoi_message *message,
		const struct envoi_recipient *recipients, const size_t *indices,
		size_t n);
	/** Asked before the run waits: what is due is done, and told is how many
	 * microseconds it may wait at most, -1: any number. NULL: any. */
	int64_t (*idle)(void *context);
	/** Of all three. */
	void *context;
	bool all_or_nothing;
	/** For all recipients. Not offered: dropped, with one warning. */
	struct envoi_dsn dsn;
	/** Seconds since 1970, 0: none. The server is to keep messages until then
	 * (FUTURERELEASE, RFC 4865); one that does not offer that gets none. */
	int64_t hold_until;
	/** It is to return what is not delivered by then, where it offers that
	 * (DELIVERBY, RFC 2852). */
	int64_t deliver_by;
	/** The header goes out as it is. */
	bool raw;
	enum envoi_long_lines long_lines;
	/** No message is refused for its lines or NULs: see struct envoi_carrier. */
	bool mend;
	/** Extension bits never to be used. */
	uint32_t without;
	/** Bound of the whole run in microseconds, 0: none. */
	int64_t total_us;
	/** AF_UNSPEC, AF_INET, AF_INET6. */
	int family;
	/** Connections at once, 1 or more. */
	unsigned sessions;
	/** Readable when the run shall be stopped (a signal), -1: never. */
	int stop_fd;
	struct envoi_observer observer;
};

/** What a server with these extensions (bits, those not wanted left out) takes
 * of a message's octets. */
struct envoi_carrier envoi_request_carrier(
	const struct envoi_request *request, uint32_t usable);

/** Is sender or recipients other than the request's for some message? */
bool envoi_request_reads_envelopes(const struct envoi_request *request);

/**
 * Makes a message ready to be sent: scans it, reads its envelope where it has
 * one of its own (else *ret_envelope is empty), repairs it. -1: it cannot be
 * sent; *ret_envelope may hold those it would have gone to. Finish it.
 */
int envoi_request_prepare(const struct envoi_request *request,
	struct envoi_message *message, struct envoi_envelope *ret_envelope,
	struct envoi_error *err);

/** Drops recipients that are the same mailbox as an earlier one; keeps the
 * order. -1: no memory. */
int envoi_request_deduplicate(struct envoi_request *request);

/**
 * Does it. Returns the status of the run, the worst of all recipients'
 * (envoi_status_worse()); of a probe, that of the session. Errors that are
 * told nowhere else, and all that concern the run as a whole, went to
 * observer.warn.
 */
enum envoi_status envoi_submit(const struct envoi_request *request);

#endif
