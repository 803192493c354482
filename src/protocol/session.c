/*
 * The session as its caller sees it: bytes, time and failures in, events out
 * (RFC 5321 3.1, 3.8, 4.1.1.10, 4.5.3.2). What the commands and replies mean
 * is in the other session*.c files.
 */
#include "protocol/session_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"

#define SECONDS(n) ((int64_t)(n)*1000000)

/* RFC 5321 4.5.3.2; those it does not name: 5 minutes; QUIT short, because
 * nothing that matters can come any more. */
static const int64_t default_timeout[ENVOI_PHASE_COUNT] = {
	[ENVOI_PHASE_CONNECT] = SECONDS(30),
	[ENVOI_PHASE_GREETING] = SECONDS(300),
	[ENVOI_PHASE_EHLO] = SECONDS(300),
	[ENVOI_PHASE_TLS] = SECONDS(120),
	[ENVOI_PHASE_AUTH] = SECONDS(300),
	[ENVOI_PHASE_MAIL] = SECONDS(300),
	[ENVOI_PHASE_RCPT] = SECONDS(300),
	[ENVOI_PHASE_DATA] = SECONDS(120),
	[ENVOI_PHASE_BLOCK] = SECONDS(180),
	[ENVOI_PHASE_DOT] = SECONDS(600),
	[ENVOI_PHASE_QUIT] = SECONDS(10),
};

enum envoi_phase envoi_session_verb_phase(enum verb verb)
{
	switch (verb) {
	case VERB_GREETING:
		return ENVOI_PHASE_GREETING;
	case VERB_EHLO:
	case VERB_HELO:
		return ENVOI_PHASE_EHLO;
	case VERB_STARTTLS:
		return ENVOI_PHASE_TLS;
	case VERB_AUTH:
		return ENVOI_PHASE_AUTH;
	case VERB_RSET:
	case VERB_MAIL:
		return ENVOI_PHASE_MAIL;
	case VERB_RCPT:
		return ENVOI_PHASE_RCPT;
	case VERB_DATA:
		return ENVOI_PHASE_DATA;
	case VERB_END:
		return ENVOI_PHASE_DOT;
	case VERB_QUIT:
		return ENVOI_PHASE_QUIT;
	}
	return ENVOI_PHASE_TOTAL;
}

/* Where the session stands: the phase of the oldest reply it waits for. */
static enum envoi_phase head_phase(const struct envoi_session *s)
{
	struct expected *head = envoi_session_expected_head(s);
	return head != NULL ? envoi_session_verb_phase(head->verb) : ENVOI_PHASE_MAIL;
}

/* Keeps how long a phase took, the first time it ends. */
static void note_time(struct envoi_session *s, enum envoi_phase phase, int64_t now)
{
	if (s->facts.took_us[phase] < 0) {
		s->facts.took_us[phase] = now - s->phase_start;
	}
}

void envoi_session_enter(struct envoi_session *s, enum session_state state, int64_t now)
{
	switch (s->state) {
	case STATE_GREETING:
		note_time(s, ENVOI_PHASE_GREETING, now);
		break;
	case STATE_HELLO:
		note_time(s, ENVOI_PHASE_EHLO, now);
		break;
	case STATE_HANDSHAKE:
		note_time(s, ENVOI_PHASE_TLS, now);
		break;
	case STATE_AUTH:
		note_time(s, ENVOI_PHASE_AUTH, now);
		break;
	case STATE_QUIT:
		note_time(s, ENVOI_PHASE_QUIT, now);
		break;
	default:
		break;
	}
	s->state = state;
	/* STARTTLS and its handshake are one phase. */
	if (state != STATE_HANDSHAKE) {
		s->phase_start = now;
	}
	s->active = now;
}

/* One word that fits behind EHLO. */
static bool is_name(const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];
		if (c <= 0x20 || c == 0x7f) {
			return false;
		}
	}
	return n > 0 && n <= ENVOI_LIMIT_COMMAND - strlen("EHLO \r\n");
}

struct envoi_session *envoi_session_new(
	const struct envoi_session_options *options, int64_t now, struct envoi_error *err)
{
	if (!is_name(options->helo)) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_USAGE, "the name for EHLO is none");
		return NULL;
	}
	struct envoi_session *s = calloc(1, sizeof(*s));
	if (s == NULL
		|| (s->helo = envoi_span_dup(envoi_span_of(options->helo))) == NULL) {
		free(s);
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		return NULL;
	}
	s->options = *options;
	s->options.helo = s->helo;
	for (size_t i = 0; i < ENVOI_PHASE_COUNT; i++) {
		if (s->options.timeout_us[i] == 0) {
			s->options.timeout_us[i] = default_timeout[i];
		}
		s->facts.took_us[i] = -1;
	}
	s->window = options->window > 0 ? options->window : ENVOI_LIMIT_WINDOW_FIRST;
	s->window_careful = options->window_careful > 0 ? options->window_careful
							: ENVOI_LIMIT_WINDOW;
	s->works_tail = &s->works;
	s->finished_tail = &s->finished;
	envoi_reply_parser_init(&s->parser);
	envoi_buffer_init(&s->control, 2 * ENVOI_LIMIT_CONTROL);
	s->phase_start = s->active = now;
	if (!envoi_session_hello_begin(s, now)) {
		*err = s->facts.error;
		envoi_session_free(s);
		return NULL;
	}
	return s;
}

void envoi_session_free(struct envoi_session *s)
{
	if (s == NULL) {
		return;
	}
	while (s->works != NULL) {
		struct work *next = s->works->next;
		free(s->works);
		s->works = next;
	}
	while (s->finished != NULL) {
		struct work *next = s->finished->next;
		free(s->finished);
		s->finished = next;
	}
	envoi_reply_parser_finish(&s->parser);
	envoi_reply_finish(&s->facts.close_reply);
	envoi_reply_finish(&s->facts.greeting);
	envoi_reply_finish(&s->facts.hello_reply);
	envoi_reply_finish(&s->facts.error_reply);
	envoi_session_auth_finish(s);
	envoi_session_out_finish(s);
	free(s->helo);
	free(s);
}

void envoi_session_fault(struct envoi_session *s, const struct envoi_error *err,
	enum envoi_phase phase, const struct envoi_reply *reply)
{
	if (s->facts.error.status != ENVOI_STATUS_OK) {
		return;
	}
	s->facts.error = *err;
	s->facts.error_phase = phase;
	if (reply != NULL) {
		(void)envoi_reply_copy(&s->facts.error_reply, reply);
	}
}

void envoi_session_lost(struct envoi_session *s, enum envoi_close how, int64_t now)
{
	if (s->state == STATE_CLOSED) {
		return;
	}
	if (s->facts.close == ENVOI_CLOSE_OPEN) {
		s->facts.close = how;
	}
	envoi_session_settle_all(s);
	envoi_session_enter(s, STATE_CLOSED, now);
	s->event_closed = true;
}

void envoi_session_broken(struct envoi_session *s, int64_t now, const char *format, ...)
{
	char text[300];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	struct envoi_error err;
	(void)envoi_error_set(&err, ENVOI_STATUS_PROTOCOL, "%s", text);
	envoi_session_fault(s, &err, head_phase(s), NULL);
	envoi_session_lost(s, ENVOI_CLOSE_NOT_SENT, now);
}

void envoi_session_quit(struct envoi_session *s, int64_t now)
{
	if (s->state == STATE_QUIT || s->state == STATE_CLOSED) {
		return;
	}
	if (!envoi_session_out_drop(s)) {
		envoi_session_lost(s, ENVOI_CLOSE_NOT_SENT, now);
		return;
	}
	envoi_session_enter(s, STATE_QUIT, now);
	(void)envoi_session_out_command(s, now, VERB_QUIT, NULL, 0, "QUIT");
}

void envoi_session_over(struct envoi_session *s, enum envoi_phase phase,
	const struct envoi_reply *reply, int64_t now)
{
	s->over = true;
	s->closing = true;
	if (s->facts.close == ENVOI_CLOSE_OPEN) {
		s->facts.close = ENVOI_CLOSE_REPLY;
		if (envoi_reply_copy(&s->facts.close_reply, reply) != 0) {
			/* Recipients are settled by its code, with or without words. */
			s->facts.close_reply.code = reply->code;
		}
	}
	struct envoi_error err;
	(void)envoi_error_set(
		&err, ENVOI_STATUS_TEMPORARY, "the server ended the session");
	envoi_session_fault(s, &err, phase, reply);
	envoi_session_quit(s, now);
}

/* The reply to QUIT, whatever it is, ends the session in good order. */
static void quit_reply(
	struct envoi_session *s, const struct envoi_reply *reply, int64_t now)
{
	if (s->stray && reply->code / 100 != 2) {
		/* The answer to a dot that no recipient stood behind. */
		s->stray = false;
		return;
	}
	(void)envoi_session_expected_pop(s);
	if (s->facts.close == ENVOI_CLOSE_OPEN) {
		s->facts.close = ENVOI_CLOSE_REPLY;
		(void)envoi_reply_copy(&s->facts.close_reply, reply);
	}
	envoi_session_lost(s, ENVOI_CLOSE_REPLY, now);
}

/* A body may be refused before its end: a chunk once its command line has left,
 * which may be all the server needs to know; after DATA at once, for its end is
 * expected from the 354 on, and the refusal may come in the same read as that
 * (smtp-sink -A 0). */
static bool may_be_refused_early(
	const struct envoi_session *s, const struct expected *head)
{
	if (head->verb != VERB_END) {
		return false;
	}
	return !head->work->chunked || head->chunk <= s->sent;
}

/* A whole reply; finds out what it answers, by count. */
static void handle_reply(struct envoi_session *s, struct envoi_reply *reply, int64_t now)
{
	struct expected *head = envoi_session_expected_head(s);
	if (head == NULL || !envoi_session_expected_is_sent(s, head)) {
		envoi_reply_split_enhanced(reply);
		if (reply->code == 421) {
			envoi_session_over(s, head_phase(s), reply, now);
		} else if (head != NULL && reply->code >= 400
			   && may_be_refused_early(s, head)) {
			/* Behind a 421 it is its echo, as all refusals are. */
			envoi_session_early_refusal(
				s, s->over ? &s->facts.close_reply : reply, now);
		} else {
			envoi_session_broken(
				s, now, "reply %d to nothing that was sent", reply->code);
		}
		return;
	}
	s->active = now;
	if (head->verb > VERB_HELO && reply->code / 100 != 3) {
		envoi_reply_split_enhanced(reply);
	}
	if (s->over && (reply->code == 221 || reply->code == 421)) {
		/* The server is leaving: it answers none of what is before. */
		envoi_session_lost(s, ENVOI_CLOSE_REPLY, now);
		return;
	}
	if (head->verb == VERB_QUIT) {
		quit_reply(s, reply, now);
		return;
	}
	struct expected e = envoi_session_expected_pop(s);
	if (e.verb == VERB_AUTH) {
		envoi_session_auth_reply(s, reply, now);
	} else if (e.verb >= VERB_RSET) {
		envoi_session_transaction_reply(s, &e, reply, now);
	} else {
		envoi_session_hello_reply(s, e.verb, reply, now);
	}
}

void envoi_session_receive(
	struct envoi_session *s, const void *bytes, size_t n, int64_t now)
{
	struct envoi_span rest = {bytes, n};
	while (rest.len > 0 && s->state != STATE_CLOSED) {
		if (s->state == STATE_HANDSHAKE) {
			/* RFC 3207 6: what came in clear must not count inside TLS. */
			envoi_session_broken(
				s, now, "octets in clear behind the reply to STARTTLS");
			return;
		}
		struct envoi_reply reply = {0};
		struct envoi_error err;
		size_t used = 0;
		enum envoi_reply_progress progress =
			envoi_reply_feed(&s->parser, rest, &used, &reply, &err);
		rest.data += used;
		rest.len -= used;
		s->facts.bare_lf = s->facts.bare_lf || s->parser.bare_lf;
		if (progress == ENVOI_REPLY_BAD) {
			envoi_session_fault(s, &err, head_phase(s), NULL);
			envoi_session_lost(s, ENVOI_CLOSE_NOT_SENT, now);
		} else if (progress == ENVOI_REPLY_DONE) {
			handle_reply(s, &reply, now);
		}
	}
}

void envoi_session_eof(struct envoi_session *s, bool reset, int64_t now)
{
	if (s->state != STATE_QUIT && s->state != STATE_CLOSED) {
		struct envoi_error err;
		(void)envoi_error_set(&err, ENVOI_STATUS_TEMPORARY,
			"connection %s by the server %s", reset ? "reset" : "closed",
			s->state == STATE_GREETING ? "before its greeting"
			: s->parser.line.len > 0   ? "inside a reply"
						   : "before its reply");
		envoi_session_fault(s, &err, head_phase(s), NULL);
	}
	envoi_session_lost(s, reset ? ENVOI_CLOSE_RESET : ENVOI_CLOSE_EOF, now);
}

static enum envoi_phase waiting_phase(const struct envoi_session *s)
{
	if (s->state == STATE_HANDSHAKE) {
		return ENVOI_PHASE_TLS;
	}
	if (s->state == STATE_QUIT) {
		return ENVOI_PHASE_QUIT;
	}
	if (s->sent < s->taken) {
		return ENVOI_PHASE_BLOCK;
	}
	struct expected *head = envoi_session_expected_head(s);
	return head != NULL ? envoi_session_verb_phase(head->verb) : ENVOI_PHASE_COUNT;
}

int64_t envoi_session_deadline(const struct envoi_session *s)
{
	enum envoi_phase phase = waiting_phase(s);
	if (s->state == STATE_CLOSED || phase == ENVOI_PHASE_COUNT) {
		return ENVOI_CLOCK_NEVER;
	}
	/* What trickles in after QUIT does not prolong it. */
	int64_t since = s->state == STATE_QUIT ? s->phase_start : s->active;
	return since + s->options.timeout_us[phase];
}

void envoi_session_tick(struct envoi_session *s, int64_t now)
{
	if (s->state == STATE_CLOSED || now < envoi_session_deadline(s)) {
		return;
	}
	enum envoi_phase phase = waiting_phase(s);
	if (s->state != STATE_QUIT) {
		struct envoi_error err;
		(void)envoi_error_set(&err, ENVOI_STATUS_TEMPORARY,
			"timeout: %s for %g s (%s)",
			phase == ENVOI_PHASE_BLOCK ? "the server took no data"
						   : "no reply",
			(double)s->options.timeout_us[phase] / 1e6,
			envoi_phase_name(phase));
		if (phase == ENVOI_PHASE_GREETING
			&& s->options.tls != ENVOI_TLS_IMPLICIT) {
			/* A TLS server waits for us, as we for it. */
			envoi_error_hint(&err,
				"if this port speaks TLS from the start, use "
				"submissions:// or --tls implicit");
		}
		envoi_session_fault(s, &err, phase, NULL);
	}
	envoi_session_lost(s, ENVOI_CLOSE_TIMEOUT, now);
}

void envoi_session_tls_established(struct envoi_session *s, int64_t now)
{
	if (s->state != STATE_HANDSHAKE) {
		return;
	}
	s->facts.tls = true;
	if (s->options.tls == ENVOI_TLS_IMPLICIT) {
		envoi_session_enter(s, STATE_GREETING, now);
		return;
	}
	/* RFC 3207 4.2: everything learnt before is forgotten. */
	s->facts.capabilities = (struct envoi_capabilities){0};
	envoi_reply_finish(&s->facts.hello_reply);
	envoi_session_enter(s, STATE_HELLO, now);
	(void)envoi_session_out_command(s, now, VERB_EHLO, NULL, 0, "%s %s",
		s->options.lmtp ? "LHLO" : "EHLO", s->helo);
}

void envoi_session_abort(struct envoi_session *s, const struct envoi_error *why,
	enum envoi_phase phase, bool timeout, int64_t now)
{
	envoi_session_fault(s, why, phase, NULL);
	envoi_session_lost(s, timeout ? ENVOI_CLOSE_TIMEOUT : ENVOI_CLOSE_NOT_SENT, now);
}

void envoi_session_close(struct envoi_session *s, int64_t now)
{
	s->closing = true;
	envoi_session_send_commands(s, now);
}

void envoi_session_stop(struct envoi_session *s, int64_t now)
{
	if (s->stopped || s->state == STATE_QUIT || s->state == STATE_CLOSED) {
		return;
	}
	s->stopped = true;
	s->closing = true;
	struct envoi_error err;
	(void)envoi_error_set(&err, ENVOI_STATUS_TEMPORARY, "interrupted");
	envoi_session_fault(s, &err, ENVOI_PHASE_TOTAL, NULL);
	if (s->state < STATE_READY || !envoi_session_out_drop(s)) {
		envoi_session_lost(s, ENVOI_CLOSE_NOT_SENT, now);
		return;
	}
	envoi_session_send_commands(s, now);
}

enum envoi_event envoi_session_next_event(
	struct envoi_session *s, struct envoi_transaction **ret_transaction)
{
	if (s->event_tls) {
		s->event_tls = false;
		return ENVOI_EVENT_START_TLS;
	}
	if (s->event_secret) {
		s->event_secret = false;
		return ENVOI_EVENT_NEED_SECRET;
	}
	if (s->event_ready) {
		s->event_ready = false;
		return ENVOI_EVENT_READY;
	}
	if (s->finished != NULL) {
		struct work *work = s->finished;
		*ret_transaction = work->transaction;
		s->finished = work->next;
		if (s->finished == NULL) {
			s->finished_tail = &s->finished;
		}
		free(work);
		return ENVOI_EVENT_FINISHED;
	}
	if (s->event_closed) {
		s->event_closed = false;
		return ENVOI_EVENT_CLOSED;
	}
	return ENVOI_EVENT_NONE;
}

const struct envoi_session_facts *envoi_session_facts(const struct envoi_session *s)
{
	return &s->facts;
}
