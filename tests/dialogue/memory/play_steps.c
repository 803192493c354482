/*
 * The server's part of a play: the script of a connection, step by step; and a
 * server that takes everything, for what comes behind a loss.
 */
#include "play_internal.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/receiver.h"
#include "text.h"

static void fail_expected(struct player *p, const struct step *step,
	struct envoi_span want, struct envoi_span got)
{
	struct envoi_buffer text;
	text_init(&text);
	size_t at = 0;
	while (at < want.len && at < got.len && want.data[at] == got.data[at]) {
		at++;
	}
	size_t from = at > 40 ? at - 20 : 0;
	text_printf(&text, "at octet %zu expected ", at);
	text_show(&text, want, from);
	text_printf(&text, ", got ");
	text_show(&text, got, from);
	player_fail(p, step->line, "%s%s", envoi_buffer_string(&text),
		p->closed ? " and the client closed" : "");
	envoi_buffer_finish(&text);
}

/* Lets the client go on until n octets are there to read. */
static bool need(struct player *p, size_t n)
{
	while (p->unread.len < n) {
		size_t before = p->unread.len;
		client_turn(p);
		if (p->unread.len == before) {
			return false;
		}
	}
	return true;
}

static void expect(struct player *p, const struct step *step)
{
	/* A window may be smaller than what is expected. */
	struct envoi_span want = step->data;
	while (want.len > 0) {
		(void)need(p, p->unread.len > 0 ? 1 : want.len < 1024 ? want.len : 1024);
		struct envoi_span got = envoi_buffer_span(&p->unread);
		size_t n = got.len < want.len ? got.len : want.len;
		if (n == 0 || memcmp(want.data, got.data, n) != 0) {
			fail_expected(p, step, want, got);
			return;
		}
		envoi_buffer_consume(&p->unread, n);
		want.data += n;
		want.len -= n;
		client_turn(p);
	}
}

static void match(struct player *p, const struct step *step)
{
	client_turn(p);
	struct envoi_span got = envoi_buffer_span(&p->unread);
	const char *lf = got.len > 0 ? memchr(got.data, '\n', got.len) : NULL;
	regex_t regex;
	char *line = text_copy(
		got.data, lf != NULL && lf > got.data ? (size_t)(lf - got.data) - 1 : 0);
	if (regcomp(&regex, step->data.data, REG_EXTENDED | REG_NOSUB) != 0) {
		player_fail(p, step->line, "no regular expression");
	} else {
		if (lf == NULL || regexec(&regex, line, 0, NULL, 0) != 0) {
			fail_expected(p, step, step->data, got);
		}
		regfree(&regex);
	}
	if (lf != NULL) {
		envoi_buffer_consume(&p->unread, (size_t)(lf - got.data) + 1);
	}
	free(line);
}

static void skip(struct player *p, const struct step *step, size_t n)
{
	if (p->handshaking) {
		/* Octets of a handshake, which is none here. */
		return;
	}
	while (n > 0) {
		if (!need(p, 1)) {
			player_fail(p, step->line, "the client is %zu octets short", n);
			return;
		}
		size_t used = p->unread.len < n ? p->unread.len : n;
		envoi_buffer_consume(&p->unread, used);
		n -= used;
		client_turn(p);
	}
}

/* A body up to its dot: line by line, so that a window does no harm. */
static void skip_body(struct player *p, const struct step *step)
{
	bool done = false;
	while (!done) {
		struct envoi_span got = envoi_buffer_span(&p->unread);
		const char *lf = got.len > 0 ? memchr(got.data, '\n', got.len) : NULL;
		if (lf == NULL) {
			if (!need(p, got.len + 1)) {
				player_fail(p, step->line, "the final dot does not come");
				return;
			}
			continue;
		}
		size_t n = (size_t)(lf - got.data) + 1;
		done = n == 3 && memcmp(got.data, ".\r\n", 3) == 0;
		envoi_buffer_consume(&p->unread, n);
	}
	client_turn(p);
}

/* -- what the server sends -------------------------------------------------------- */

static size_t piece_length(struct player *p, size_t at, size_t left)
{
	switch (p->manner->cutting) {
	case CUTTING_EACH:
		return 1;
	case CUTTING_SPLIT:
		return at == 0 && p->manner->at > 0 && p->manner->at < left
			       ? p->manner->at
			       : left;
	case CUTTING_RANDOM:
		p->random = p->random * 1103515245u + 12345u;
		return 1 + (p->random >> 16) % 24;
	default:
		return left;
	}
}

static bool wants_starttls(const struct player *p)
{
	return p->order.servers[0].tls == ENVOI_TLS_STARTTLS;
}

static void give(struct player *p, const char *bytes, size_t n)
{
	if (p->handshaking) {
		/* No handshake: it fails. An alert may be a passing trouble
		 * where TLS is not required (src/net/tls_explain.c). */
		struct envoi_error err;
		bool alert = n > 0 && bytes[0] == 0x15 && !wants_starttls(p);
		(void)envoi_error_set(&err,
			alert ? ENVOI_STATUS_TEMPORARY : ENVOI_STATUS_REFUSED,
			"no TLS there");
		p->handshaking = false;
		envoi_session_abort(p->session, &err, ENVOI_PHASE_TLS, false, p->now);
		return;
	}
	p->play->server_octets += n;
	player_record(p, RECORD_SERVER, bytes, n);
	witness_server(&p->witness, bytes, n);
	envoi_session_receive(p->session, bytes, n, p->now);
}

/* One segment. Until its end the client sends nothing, lest what was too
 * early becomes an answer. */
static void send_segment(struct player *p, struct envoi_span segment)
{
	const struct manner *manner = p->manner;
	if (segment.len > p->play->longest) {
		p->play->longest = segment.len;
	}
	for (size_t at = 0; at < segment.len && !p->closed;) {
		size_t left = segment.len - at;
		size_t n = piece_length(p, at, left);
		n = n < left ? n : left;
		bool cut = manner->loss != LOSS_NONE && !p->lost
			   && manner->server_octets - p->play->server_octets <= n;
		if (cut) {
			n = manner->server_octets - p->play->server_octets;
		}
		/* Its own memory, of its own size: reading on is seen. */
		char *piece = text_copy(segment.data + at, n);
		give(p, piece, n);
		free(piece);
		at += n;
		if (manner->alternate || (cut && manner->turn)) {
			client_turn(p);
		}
		if (cut && !p->closed) {
			p->lost = true;
			client_lose(p, manner->loss);
			return;
		}
	}
	client_turn(p);
}

/* -- the steps ---------------------------------------------------------------------- */

static void check_quiet(struct player *p, const struct step *step)
{
	client_turn(p);
	if (p->unread.len > 0) {
		fail_expected(p, step, envoi_span_of(""), envoi_buffer_span(&p->unread));
	}
}

/* The client closes by itself, or when its patience ends. */
static void wait_closed(struct player *p, const struct step *step)
{
	int64_t limit = p->now + (int64_t)(p->c->timeout * 1e6);
	for (;;) {
		client_turn(p);
		if (step->deed == DEED_CLOSED && p->unread.len > 0) {
			fail_expected(p, step, envoi_span_of(""),
				envoi_buffer_span(&p->unread));
		}
		if (p->closed || player_failed(p)) {
			return;
		}
		if (step->deed == DEED_STALL && p->unread.len > 0) {
			envoi_buffer_clear(&p->unread);
			continue;
		}
		client_wait(p);
		if (p->now > limit) {
			player_fail(p, step->line, "the client does not close in time");
		}
	}
}

static void change_file(struct player *p, const struct step *step)
{
	char *name = text_copy(step->data.data, step->data.len);
	FILE *file;
	if (step->deed == DEED_TRUNCATE) {
		if (truncate(name, (off_t)step->number) != 0) {
			player_fail(p, step->line, "cannot truncate %s", name);
		}
	} else if ((file = fopen(name, "ab")) != NULL) {
		(void)fwrite(step->more.data, 1, step->more.len, file);
		(void)fclose(file);
	}
	free(name);
}

static void shake_hands(struct player *p, const struct step *step)
{
	struct envoi_error err;
	client_turn(p);
	if (!p->handshaking) {
		player_fail(p, step->line, "the client does not ask for TLS");
		return;
	}
	p->handshaking = false;
	if (step->deed == DEED_TLS) {
		envoi_session_tls_established(p->session, p->now);
	} else {
		(void)envoi_error_set(
			&err, ENVOI_STATUS_REFUSED, "certificate not trusted");
		envoi_session_abort(p->session, &err, ENVOI_PHASE_TLS, false, p->now);
	}
	client_turn(p);
}

static void stop(struct player *p)
{
	struct envoi_error err;
	(void)envoi_error_set(&err, ENVOI_STATUS_TEMPORARY, "interrupted by a signal");
	p->stopped = true;
	p->fault = err;
	p->fault_phase = ENVOI_PHASE_TOTAL;
	envoi_session_stop(p->session, p->now);
	client_turn(p);
}

static void do_step(struct player *p, const struct step *step)
{
	size_t facts[] = {step->deed, step->number};
	player_record(p, RECORD_OTHER, facts, sizeof(facts));
	switch (step->deed) {
	case DEED_SEND:
		if (p->lockstep) {
			check_quiet(p, step);
		}
		send_segment(p, step->data);
		break;
	case DEED_EXPECT:
		expect(p, step);
		break;
	case DEED_MATCH:
		match(p, step);
		break;
	case DEED_SKIP_BODY:
		skip_body(p, step);
		break;
	case DEED_SKIP:
		skip(p, step, step->number);
		break;
	case DEED_QUIET:
		check_quiet(p, step);
		break;
	case DEED_LOCKSTEP:
		p->lockstep = true;
		break;
	case DEED_DELAY:
		client_turn(p);
		p->now += (int64_t)step->number * 1000;
		envoi_session_tick(p->session, p->now);
		client_turn(p);
		break;
	case DEED_CLOSED:
	case DEED_STALL:
	case DEED_WAIT:
		wait_closed(p, step);
		break;
	case DEED_EOF:
	case DEED_RESET:
		if (!p->closed) {
			client_lose(p, step->deed == DEED_EOF ? LOSS_EOF : LOSS_RESET);
		}
		break;
	case DEED_UNLISTEN:
		p->unlistened[p->script->server - 1] = true;
		break;
	case DEED_TLS:
	case DEED_TLS_FAILS:
		shake_hands(p, step);
		break;
	case DEED_SIGNAL:
		stop(p);
		break;
	case DEED_TRUNCATE:
	case DEED_APPEND:
		change_file(p, step);
		break;
	}
}

void server_play(struct player *p)
{
	client_turn(p);
	for (size_t i = 0; i < p->script->step_count && !p->lost && !player_failed(p);
		i++) {
		do_step(p, &p->script->steps[i]);
	}
	if (!p->closed && !player_failed(p)) {
		player_fail(p, p->script->line, "the script is over, the session is not");
	}
}

/* -- the obedient server --------------------------------------------------------------
 */

static bool obey(struct player *p, struct envoi_receiver *receiver,
	enum envoi_receiver_event event)
{
	switch (event) {
	case ENVOI_RECEIVER_MAIL:
	case ENVOI_RECEIVER_RCPT:
		envoi_receiver_answer(receiver, 250, NULL, "Ok");
		break;
	case ENVOI_RECEIVER_MESSAGE_END:
		while (envoi_receiver_recipient_count(receiver) > 0) {
			envoi_receiver_answer(receiver, 250, "2.0.0", "Ok");
		}
		break;
	case ENVOI_RECEIVER_START_TLS:
		client_turn(p);
		envoi_receiver_tls_established(receiver, p->now);
		p->handshaking = false;
		envoi_session_tls_established(p->session, p->now);
		break;
	default:
		break;
	}
	return event != ENVOI_RECEIVER_NONE && event != ENVOI_RECEIVER_CLOSED;
}

static bool exchange(struct player *p, struct envoi_receiver *receiver)
{
	struct envoi_span text;
	client_turn(p);
	struct envoi_span in = envoi_buffer_span(&p->unread);
	size_t n = envoi_receiver_receive(receiver, in.data, in.len, p->now);
	bool moved = n > 0;
	envoi_buffer_consume(&p->unread, n);
	enum envoi_receiver_event event;
	do {
		event = envoi_receiver_next_event(receiver, &text);
		moved = moved || event != ENVOI_RECEIVER_NONE;
		struct envoi_span out = envoi_receiver_output(receiver);
		if (out.len > 0) {
			moved = true;
			give(p, out.data, out.len);
			envoi_receiver_sent(receiver, out.len);
		}
	} while (obey(p, receiver, event));
	return moved;
}

void server_obey(struct player *p)
{
	client_turn(p);
	bool starttls = p->handshaking ? false : wants_starttls(p);
	struct envoi_receiver_options offer = {
		.hostname = "mx",
		.lmtp = p->order.servers[0].lmtp,
		.tls = p->handshaking,
		.extensions = ENVOI_EXT_PIPELINING | ENVOI_EXT_CHUNKING | ENVOI_EXT_SIZE
			      | ENVOI_EXT_8BITMIME | ENVOI_EXT_ENHANCEDSTATUSCODES
			      | (starttls ? ENVOI_EXT_STARTTLS : 0),
		.max_recipients = 100000,
		.max_size = 1u << 30,
		.idle_us = 300000000,
	};
	struct envoi_receiver *receiver = envoi_receiver_new(&offer);
	if (receiver == NULL) {
		player_fail(p, 0, "out of memory");
		return;
	}
	if (p->handshaking) {
		p->handshaking = false;
		envoi_session_tls_established(p->session, p->now);
	}
	envoi_receiver_start(receiver, p->now);
	while (!p->closed && exchange(p, receiver)) {
	}
	if (!p->closed) {
		player_fail(p, 0, "the session hangs");
	}
	envoi_receiver_free(receiver);
}
