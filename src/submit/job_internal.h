/*
 * The inside of a job, shared by the files job*.c only.
 *
 * job.c         inputs to messages, what waits, giving up
 * job_address.c what addresses and notifications ask of a server
 * job_form.c    the form in which a message goes to a server
 * job_park.c    what waits for another server
 * job_settle.c  settled recipients and messages, their reports
 * job_times.c   not before, and until when
 * job_flight.c  transactions: which recipients go, and how they come back
 */
#ifndef ENVOI_SUBMIT_JOB_INTERNAL_H
#define ENVOI_SUBMIT_JOB_INTERNAL_H

#include "submit/job.h"

#include <envoi/message.h>

enum place {
	PLACE_WAITING,
	/** Until the next server's turn. */
	PLACE_PARKED,
	PLACE_FLYING,
	PLACE_SETTLED,
};

/** One message of the run. */
struct item {
	/** In the order of index, until reported. */
	struct item *next;
	/** In the order of index, while a recipient waits. */
	struct item *next_waiting;
	bool is_waiting;
	size_t index;
	char *name;
	struct envoi_message *message;
	/** Its own, when the request says so. */
	struct envoi_envelope envelope;
	const char *sender;
	/** How it goes, or went; its warnings are told once. */
	const struct envoi_form *form;
	bool warned;
	struct envoi_recipient *recipients;
	size_t count;
	unsigned char *places;
	/** Settled, and not told yet; NULL: nobody is told. */
	size_t *fresh;
	size_t fresh_count;
	const struct envoi_dsn *dsn;
	/** Recipients by domain, for a server that limits domains; NULL: in the
	 * order they were given. */
	size_t *order;
	/** Not settled; waiting; all before this one do not wait. */
	size_t open, waiting, cursor;
	/** Some recipient waits again. */
	bool returned;
	/** Recipients that are parked, the place of the server that could not
	 * take them, and why: all of it, or only their addresses. */
	size_t parked, parked_at;
	struct envoi_error unfit;
	bool unfit_whole;
	/** No recipient that waits needs SMTPUTF8. */
	bool is_plain;
	/** Times a lost connection interrupted it. */
	unsigned losses;
	long session;
	struct envoi_reply reply;
	enum envoi_phase phase;
};

/** A transaction on its way. */
struct flight {
	struct envoi_transaction transaction;
	struct item *item;
	/** Who it goes to, and whether that one has DSN. */
	const char *server;
	bool dsn;
	/** For hold_until. */
	char hold[32];
	/** How the recipients stood before, NULL: none was tried yet. */
	struct envoi_result *before;
	struct envoi_recipient *recipients[];
};

struct envoi_job {
	const struct envoi_request *request;
	/** Of all relays. */
	size_t server_count;
	struct envoi_input **inputs;
	struct envoi_error *input_errors;
	size_t input;
	size_t count;
	struct item *items, **items_tail;
	struct item *waiting;
	/** Messages with recipients that are parked. */
	size_t parked;
	/** The scan of the first that waits was ended by the request's stop_fd. */
	bool stopped;
	/** request->next has no more. */
	bool exhausted;
	size_t settled;
	/** A message is in doubt. The first one may be an accident; further ones
	 * are no progress: a server that dies at each dot would put them all
	 * there. */
	bool doubted;
	/** Notifications were asked for in vain, and that was said. */
	bool told_dsn;
	enum envoi_status status;
};

/* job_form.c */
/** Is there a server it could go to? -1: no; see envoi_message_choose(). */
int envoi_job_check_form(
	const struct envoi_job *job, struct item *item, struct envoi_error *err);
/** Chooses the item's form for this server. What the server does not take is
 * parked or settled without asking it: false. */
bool envoi_job_choose_form(struct envoi_job *job, struct item *item,
	const struct envoi_stay *stay, const struct envoi_capabilities *server,
	uint32_t usable);
enum envoi_body_type envoi_job_body_type(const struct envoi_form *form);

/* job_park.c */
/** The server cannot be given the item at all: what waits of it is parked, or,
 * when there is no further server, settled (it may be gone then). */
void envoi_job_unfit(struct envoi_job *job, struct item *item,
	const struct envoi_stay *stay, enum envoi_phase phase,
	const struct envoi_error *err);
/** The same for the recipients whose address needs SMTPUTF8. */
void envoi_job_unfit_addresses(
	struct envoi_job *job, struct item *item, const struct envoi_stay *stay);
/** Too many messages are kept because one is parked. */
bool envoi_job_is_full(const struct envoi_job *job);
/** Settles what waits and was parked before, when no session can be had any
 * more. False: nothing of the item waits any more, and it may be gone. */
bool envoi_job_give_up_unfit(
	struct envoi_job *job, struct item *item, const struct envoi_error *fault);

/* job_settle.c */
/** The recipient is settled: counted, and kept for telling. */
void envoi_job_settle_place(struct item *item, size_t r);
/** Tells of those that were settled. */
void envoi_job_tell_settled(struct envoi_job *job, struct item *item);
void envoi_job_warn(const struct envoi_job *job, const struct envoi_error *err);
/** Messages that are settled are told in order, and forgotten. */
void envoi_job_report_settled(struct envoi_job *job);
void envoi_job_link_waiting(struct envoi_job *job, struct item *item);
void envoi_job_unlink_waiting(struct envoi_job *job, struct item *item);
/** All recipients of the item that wait end in the same way; the item may be
 * gone after it. reply NULL: told in the words of fault. */
void envoi_job_settle_waiting(struct envoi_job *job, struct item *item,
	enum envoi_outcome outcome, enum envoi_phase phase,
	const struct envoi_error *fault, const struct envoi_reply *reply);
/** The same for one recipient that waits. */
void envoi_job_settle_recipient(struct envoi_job *job, struct item *item, size_t i,
	enum envoi_outcome outcome, enum envoi_phase phase,
	const struct envoi_error *fault);
/** Accepts NULL. */
void envoi_job_free_item(struct item *item);

/* job_address.c */
/** The sender or a recipient does. */
bool envoi_job_needs_utf8(const struct envoi_transaction *transaction);
/** Parks or settles, by name, what cannot be sent without SMTPUTF8 to a server
 * that has these extensions. False: no recipient of the item waits any more, and
 * it may be gone. */
bool envoi_job_fits_addresses(struct envoi_job *job, struct item *item,
	const struct envoi_stay *stay, uint32_t usable);
/** "FILE: the WHO <ADDRESS> needs SMTPUTF8, ..." */
void envoi_job_set_address_fault(struct envoi_error *err, const struct item *item,
	const char *who, const char *address);
/** Says, once, that notifications are not to be had. */
void envoi_job_check_notifications(struct envoi_job *job, uint32_t usable);

/* job_times.c */
/** Settles a message that is to wait at a server that cannot do that. False: as
 * above. */
bool envoi_job_fits_times(struct envoi_job *job, struct item *item,
	const struct envoi_capabilities *server, uint32_t usable);
/** What the transaction says of time. */
void envoi_job_set_times(const struct envoi_job *job, struct flight *flight,
	const struct envoi_capabilities *server);

#endif
