/*
 * The sendmail personality, shared by its files.
 *
 *     sendmail.c             by which name it is called, and the modes
 *     sendmail_flags.c       the words of the command line
 *     sendmail_take.c        what each of them means
 *     sendmail_account.c     who we are, where mail goes, aliases
 *     sendmail_recipients.c  who it is for
 *     sendmail_envelope.c    a message made ready: header, sender, recipients
 *     sendmail_message.c     one message on its way
 *     sendmail_queue.c       into the queue, and out of it
 *     sendmail_outcome.c     what came of it: status and words
 *     sendmail_run.c         -bp, -q: the queue as a whole
 *     sendmail_dead.c        what could not be sent is kept in dead.letter
 *     sendmail_dialogue.c    -bs
 */
#ifndef CMD_SENDMAIL_H
#define CMD_SENDMAIL_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/aliases.h>
#include <envoi/message.h>
#include <envoi/submit.h>

#include "connection.h"
#include "sendmail_flags.h"
#include "spool.h"

/** Somebody who does not get the message. */
struct sendmail_failure {
	/** As it was written, or a mailbox. */
	char *address;
	struct envoi_error error;
	/** Nothing will help: it was refused. */
	bool permanent;
	/** It was no address: nobody was tried. */
	bool element;
	/** The reply; code 0: there is none. Its text begins there in error.text. */
	int code;
	size_t text_at;
	unsigned short enhanced[3];
};

struct sendmail {
	struct sendmail_flags flags;
	struct connection connection;
	/** NULL: none. */
	struct envoi_aliases *aliases;
	/** This host, and those whose addresses are looked up as aliases. */
	char host[256];
	const char *hosts[3];
	/** Of bare names. */
	char domain[256];
	/** The envelope's sender, owned. */
	char *sender;
	/** "from %F": the From field says it, where it can. */
	bool sender_from_header;
	/** All of it is there. */
	bool account_ready;
	/** NULL: not open, or it cannot be had. */
	struct envoi_queue *queue;
};

/** One message. Zeroed at first. */
struct sendmail_message {
	struct sendmail *sendmail;
	/** Owned. */
	struct envoi_input *input;
	/** Of the arguments, or of the dialogue. */
	struct envoi_envelope envelope;
	/** Made ready; owned. */
	struct envoi_message *mail;
	struct envoi_envelope ready;
	/** In the queue; "": there is none. */
	char id[ENVOI_QUEUE_ID_SIZE];
	/** It is there. The entry is claimed until it was sent. */
	bool stored;
	struct envoi_entry *entry;
	/** Of the message: NULL is that of the personality. */
	const char *sender;
	/** -t */
	bool read_recipients;
	struct sendmail_failure *failures;
	size_t failure_count;
	/** Those who have it. */
	char **delivered;
	size_t delivered_count;
	/** What was told on the way; for people, if it ends badly. */
	struct envoi_error *notes;
	size_t note_count;
	/** Somebody was tried. */
	bool tried;
	/** The last good reply, "250 2.0.0 Ok: queued as 4F2A"; "". */
	char reply[512];
	/** Why there is no account. */
	struct envoi_error error;
	/** Its sender was told, without the message. */
	bool unreturned;
	/** Where it is kept; "". */
	char kept[512];
};

/* sendmail_account.c */

/** To syslog, under the name of -L. */
void sendmail_syslog(const struct sendmail *sendmail, bool failed, const char *text);
/** Names of this host, and the domain of bare names as far as no account is
 * needed for it. */
void sendmail_find_names(struct sendmail *sendmail);
/** Account, sender, aliases, log: all that delivery needs. */
int sendmail_open(struct sendmail *sendmail, struct envoi_error *err);
/** What was said or made: a canonical sender of text. */
int sendmail_parse_sender(const struct sendmail *sendmail, const char *text,
	char **ret_sender, struct envoi_error *err);
/** Path of the alias file, NULL: there is none. */
const char *sendmail_alias_file(const struct sendmail *sendmail);
/** Only configuration and aliases; for -bi and -bv. */
int sendmail_open_aliases(struct sendmail *sendmail, struct envoi_error *err);

/* sendmail_recipients.c */

/** The addresses of text, through the aliases. What is bad is a failure of the
 * message. -1: SYSTEM. */
int sendmail_add_text(
	struct sendmail_message *message, const char *text, struct envoi_error *err);
int sendmail_add_item(struct sendmail_message *message, const char *text,
	const struct envoi_list_item *item, struct envoi_error *err);
int sendmail_fail(struct sendmail_message *message, const char *address, size_t n,
	const struct envoi_error *why, bool permanent, struct envoi_error *err);

/* sendmail_envelope.c */

/** Makes message->mail and message->ready of its input. */
int sendmail_prepare(struct sendmail_message *message, struct envoi_error *err);

/* sendmail_message.c */

/** Sends it, or keeps it; says what has to be said, and frees nothing. */
enum envoi_status sendmail_send(struct sendmail_message *message);
void sendmail_message_finish(struct sendmail_message *message);

/* sendmail_queue.c */

/** Opens the queue if that is not done yet. What is wrong with it goes to syslog:
 * there may be another way. */
int sendmail_queue_open(struct sendmail *sendmail);
/** Into the queue. -1: it is not there, and will not be. */
int sendmail_store(struct sendmail_message *message, struct envoi_error *err);
/** What is stored: now, or later. */
void sendmail_deliver(struct sendmail_message *message);
/** Queues a mail to the sender that tells what failed for good; -1: it will not be
 * told. */
int sendmail_mail_back(struct sendmail_message *message, struct envoi_error *err);

/* sendmail_outcome.c */

/** Somebody who watches a message being sent. */
struct sendmail_watch {
	struct sendmail_message *message;
	/** What would be told without us. */
	struct envoi_observer ui;
};
struct envoi_observer sendmail_observer(struct sendmail_watch *watch);
/** Kept until it is known how it ends; the log has it in any case. */
void sendmail_take_note(struct sendmail_message *message, const struct envoi_error *err);
/** What the run over an entry came to. */
void sendmail_take_entry(
	struct sendmail_message *message, const struct envoi_entry *entry);
enum envoi_status sendmail_status(
	const struct sendmail_message *message, enum envoi_status submitted);
/** Somebody has it, or will: it must not be sent again. */
bool sendmail_is_taken(const struct sendmail_message *message);
/** Says what has to be said, to whom it has to be. */
enum envoi_status sendmail_conclude(
	struct sendmail_message *message, enum envoi_status status);

/* sendmail_run.c */

/** -bp: what waits; -bP: how many; -q: all that is selected, now; -q15m: as long
 * as nobody stops it. */
enum envoi_status sendmail_list(struct sendmail *sendmail);
enum envoi_status sendmail_count(struct sendmail *sendmail);
enum envoi_status sendmail_run(struct sendmail *sendmail);
enum envoi_status sendmail_loop(struct sendmail *sendmail);

/* sendmail_dead.c */

/** Appends the message to ~/dead.letter; message->kept is where. */
int sendmail_keep(struct sendmail_message *message, struct envoi_error *err);

/* sendmail_dialogue.c */

enum envoi_status sendmail_dialogue(struct sendmail *sendmail);

#endif
