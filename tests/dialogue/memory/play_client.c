/*
 * One connection of a play: the loop around a session, as src/net/link.c has
 * it, with buffers in place of a socket.
 */
#include "play_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "text.h"

static void end_of_body(struct player *p)
{
	envoi_body_close(p->body);
	p->body = NULL;
}

/* Which message of the run it is: a message stays where it is in memory. */
static size_t message_number(struct player *p, const struct envoi_transaction *t)
{
	const struct envoi_form *form = t->user;
	const char *name = envoi_message_name(form->message);
	const char *colon = strrchr(name, ':');
	const struct envoi_request *request = &p->order.request;
	if (request->mbox && colon != NULL) {
		return strtoul(colon + 1, NULL, 10) - 1;
	}
	for (size_t i = 0; i < request->source_count; i++) {
		if (strcmp(request->sources[i], name) == 0) {
			return i;
		}
	}
	return SIZE_MAX;
}

/* The next piece of a body. False: it cannot be read, the session is over. */
static bool gather_body(struct player *p, const struct envoi_segment *segment)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	size_t n = 0;
	bool last = false;
	char *to = NULL;
	int result = 0;
	if (p->body == NULL) {
		result = envoi_body_open(
			segment->transaction->user, segment->stuff, &p->body, &err);
		witness_body(&p->witness, message_number(p, segment->transaction));
	}
	if (result == 0) {
		size_t room = ENVOI_LIMIT_BLOCK - p->gathered.len;
		to = envoi_buffer_reserve(&p->gathered, room);
		result = envoi_body_read(p->body, to, room, &n, &last, &err);
	}
	if (result != 0) {
		end_of_body(p);
		p->unreadable = segment->transaction;
		envoi_session_abort(p->session, &err, ENVOI_PHASE_INPUT, false, p->now);
		return false;
	}
	envoi_buffer_added(&p->gathered, n);
	if (last) {
		end_of_body(p);
	}
	envoi_session_take(p->session, n, last);
	return true;
}

static void gather(struct player *p)
{
	struct envoi_segment segment;
	while (p->gathered.len + ENVOI_LIMIT_COMMAND <= ENVOI_LIMIT_BLOCK
		&& envoi_session_next_segment(p->session, &segment, p->now)) {
		if (segment.kind == ENVOI_SEGMENT_BODY) {
			if (!gather_body(p, &segment)) {
				return;
			}
			continue;
		}
		text_append(&p->gathered, segment.data, segment.length);
		envoi_session_take(p->session, segment.length, true);
	}
}

/* True when something was sent. */
static bool send_some(struct player *p)
{
	gather(p);
	struct envoi_span out = envoi_buffer_span(&p->gathered);
	size_t n = out.len;
	size_t window = p->script != NULL ? p->script->window : 0;
	if (window > 0) {
		size_t room = p->unread.len < window ? window - p->unread.len : 0;
		n = n < room ? n : room;
	}
	if (p->manner->loss != LOSS_NONE && !p->lost) {
		size_t left = p->manner->client_octets - p->client_octets;
		n = n < left ? n : left;
	}
	if (n == 0) {
		return p->unreadable != NULL;
	}
	witness_client(&p->witness, out.data, n);
	text_append(&p->play->client, out.data, n);
	text_append(&p->unread, out.data, n);
	player_record(p, RECORD_CLIENT, out.data, n);
	envoi_buffer_consume(&p->gathered, n);
	p->client_octets += n;
	envoi_session_sent(p->session, n, p->now);
	if (p->manner->loss != LOSS_NONE && !p->lost
		&& p->client_octets == p->manner->client_octets) {
		p->lost = true;
		client_lose(p, p->manner->loss);
		return false;
	}
	return true;
}

static void note_finished(struct player *p, const struct envoi_transaction *t)
{
	if (p->manner->loss != LOSS_NONE) {
		return;
	}
	struct envoi_buffer *events = &p->play->events;
	text_printf(events, "finished %d %s;", t->reply.code, envoi_phase_name(t->phase));
	for (size_t i = 0; i < t->count; i++) {
		const struct envoi_recipient *r = t->recipients[i];
		text_printf(events, " %s %s %s %d %d %d%d %s;", r->address,
			envoi_outcome_name(r->result.outcome),
			envoi_phase_name(r->result.phase), r->result.reply.code,
			r->result.status, r->result.again, r->result.full,
			r->result.error != NULL ? r->result.error : "");
	}
	text_printf(events, "\n");
}

/* Obeys one event; false when there is none. */
static bool obey_event(struct player *p)
{
	struct envoi_transaction *transaction = NULL;
	struct envoi_buffer *events = &p->play->events;
	switch (envoi_session_next_event(p->session, &transaction)) {
	case ENVOI_EVENT_NONE:
		return false;
	case ENVOI_EVENT_START_TLS:
		text_printf(events, "start tls\n");
		p->handshaking = true;
		return true;
	case ENVOI_EVENT_NEED_SECRET:
		/* No conversation held here logs in. */
		break;
	case ENVOI_EVENT_READY:
		text_printf(events, "ready\n");
		break;
	case ENVOI_EVENT_FINISHED:
		note_finished(p, transaction);
		envoi_visit_finished(
			&p->visit, p->job, transaction, transaction != p->unreadable);
		break;
	case ENVOI_EVENT_CLOSED:
		text_printf(events, "closed\n");
		p->closed = true;
		end_of_body(p);
		return false;
	}
	if (!p->stopped) {
		envoi_visit_feed(&p->visit, p->job, p->session, p->now);
	}
	return true;
}

void client_turn(struct player *p)
{
	do {
		while (!p->closed && obey_event(p)) {
		}
	} while (!p->closed && !p->handshaking && send_some(p));
}

void client_wait(struct player *p)
{
	int64_t deadline = envoi_session_deadline(p->session);
	if (deadline == ENVOI_CLOCK_NEVER) {
		player_fail(p, 0, "a session without a deadline");
		return;
	}
	if (deadline > p->now) {
		p->now = deadline;
	}
	envoi_session_tick(p->session, p->now);
	client_turn(p);
}

void client_lose(struct player *p, enum loss loss)
{
	p->handshaking = false;
	if (loss == LOSS_TIMEOUT) {
		int64_t deadline = envoi_session_deadline(p->session);
		p->now = deadline == ENVOI_CLOCK_NEVER ? p->now : deadline;
		envoi_session_tick(p->session, p->now);
	}
	/* Whoever waits for nothing sees that the other side is gone. */
	envoi_session_eof(p->session, loss == LOSS_RESET, p->now);
	while (!p->closed && obey_event(p)) {
	}
	if (!p->closed) {
		player_fail(p, 0, "not closed behind a lost connection");
	}
}
