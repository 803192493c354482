/*
 * The inside of a play, shared by the files play*.c only.
 *
 * play.c          the whole: servers in order, the job, the reports
 * play_request.c  what the conversation's head asks for
 * play_client.c   one connection: the loop around the session
 * play_steps.c    the server's part
 */
#ifndef ENVOI_TESTS_PLAY_INTERNAL_H
#define ENVOI_TESTS_PLAY_INTERNAL_H

#include "play.h"

#include <envoi/message.h>
#include <envoi/submit.h>

#include "submit/visit.h"

/** The request of a conversation, and what it points to. */
struct order {
	struct envoi_request request;
	struct envoi_relay relay;
	struct envoi_server *servers;
	/** --tls, -1: what the URLs say. */
	int tls;
	char *sender;
	char *helo;
	char **addresses;
	const char **recipients;
	const char **sources;
};

struct player {
	const struct conversation *c;
	const struct manner *manner;
	struct play *play;
	struct witness witness;
	struct order order;
	struct envoi_job *job;
	/** Servers that are not to be tried any more; that nobody listens on. */
	bool *given_up, *unlistened;
	struct envoi_error fault;
	enum envoi_phase fault_phase;
	struct envoi_reply fault_reply;
	size_t sessions, connections;
	int64_t now;
	bool stopped;
	/** The loss has come; and the server for what is behind it. */
	bool lost, spare_used;
	unsigned random;

	/* The connection. */
	struct envoi_session *session;
	struct envoi_visit visit;
	const struct connection *script;
	/** Taken from the session and not sent; sent and not read. */
	struct envoi_buffer gathered, unread;
	size_t client_octets;
	struct envoi_body *body;
	const struct envoi_transaction *unreadable;
	bool handshaking, closed, lockstep;
};

/* play_request.c */
/** Fills the order in. NULL, or why the conversation is not to be played. */
const char *order_make(struct order *order, const struct conversation *c);
void order_finish(struct order *order);

/* play.c */
void player_fail(struct player *p, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool player_failed(const struct player *p);
void player_record(struct player *p, char kind, const void *bytes, size_t n);

/* play_client.c */
/** The client does what it can: pulls events, sends. */
void client_turn(struct player *p);
/** The connection ends without the client's will. */
void client_lose(struct player *p, enum loss loss);
/** Time goes on to the session's deadline. */
void client_wait(struct player *p);

/* play_steps.c */
/** Plays the script of the connection, or an obedient server. */
void server_play(struct player *p);
void server_obey(struct player *p);

#endif
