/*
 * A run of envoi_submit(), shared by its files only.
 *
 * submit.c   begins and ends it, the poll loop
 * channel.c  one connection after the other: connecting, the session's life
 * tell.c     what the observer is told
 */
#ifndef ENVOI_SUBMIT_RUN_H
#define ENVOI_SUBMIT_RUN_H

#include <envoi/submit.h>

#include "base/limits.h"
#include "base/secret.h"
#include "net/connect.h"
#include "net/link.h"
#include "submit/job.h"
#include "submit/route.h"
#include "submit/visit.h"

enum channel_state {
	CHANNEL_IDLE,
	CHANNEL_CONNECTING,
	CHANNEL_RUNNING,
	/** Is not used again in this run. */
	CHANNEL_RETIRED,
};

struct channel {
	struct run *run;
	enum channel_state state;
	const struct envoi_relay *relay;
	const struct envoi_server *server;
	/** The addresses under trial, and their places in the route. */
	struct envoi_endpoint *list;
	size_t *places;
	size_t count;
	struct envoi_connector *connector;
	struct envoi_link *link;
	/** Place in the route of the address connected to. */
	size_t endpoint;
	char address[128];
	char helo[ENVOI_LIMIT_HOST + 1];
	struct envoi_visit visit;
	/** The session asked for the secret. */
	bool asked_secret;
	/** Messages of this session whose fate is not known. */
	unsigned doubtful;
	int64_t began, connected;
	size_t poll_first, poll_count;
};

/** What the sessions with a relay share. */
struct way {
	struct envoi_tls *tls;
	/** Had once, at the first server that wants it; looked up anew where it
	 * depends on the host. */
	struct envoi_secret secret;
	/** The host it was had for. */
	const char *secret_host;
	/** After a loss: half of what was in doubt then; 0: nothing was lost. */
	unsigned window;
};

struct run {
	const struct envoi_request *request;
	struct envoi_job *job;
	struct envoi_route route;
	/** One for each relay of the request. */
	struct way *ways;
	struct channel *channels;
	size_t channel_count;
	struct pollfd *fds;
	size_t sessions;
	int64_t deadline;
	/** A first session came to be ready: more connections are worth it. */
	bool proven;
	bool stopped;
	/** Without messages: connect once, greet and leave. */
	bool probe;
	bool probed;
	/** What 530 asks for was said. */
	bool explained;
	/** Octets written on connections that are closed. */
	uint64_t written;
};

/* submit.c */
/** The client context of a channel's relay, made when first needed; for
 * envoi_link. */
struct envoi_tls *envoi_run_tls_context(void *channel, struct envoi_error *err);
/** Of the relay the channel uses. */
struct way *envoi_run_way(const struct channel *channel);

/* channel.c */
/** Begins a connection; false when there is no server left, or no memory, or
 * the route waits for the server's addresses. */
bool envoi_channel_start(struct channel *channel, int64_t now);
/** Goes on as far as that needs no waiting. */
void envoi_channel_step(struct channel *channel, int64_t now);
/** Closes what is open; idle again. */
void envoi_channel_reset(struct channel *channel);

/* tell.c */
void envoi_run_note(const struct run *run, char mark, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void envoi_run_warn(const struct run *run, const struct envoi_error *err);
/** A note and a warning. */
void envoi_run_trouble(const struct run *run, const struct envoi_error *err);
/** A server there was no connection to, as a session; err is not told. */
void envoi_run_report_failure(struct run *run, size_t index,
	const struct envoi_relay *relay, const struct envoi_server *server,
	enum envoi_phase phase, const struct envoi_error *err);
/** The same for envoi_route_next(), and tells err. */
void envoi_run_resolve_failed(void *run, const struct envoi_relay *relay,
	const struct envoi_server *server, const struct envoi_error *err);
/** Why the channel's session failed, for people. */
void envoi_run_warn_session(const struct channel *channel);
/** What a 530 to MAIL asks for, once a run. */
void envoi_run_explain_refusal(
	struct channel *channel, const struct envoi_transaction *t);
/** The session of the channel's link, at its end. */
void envoi_run_report_link(struct channel *channel, int64_t now);

#endif
