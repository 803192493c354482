/*
 * A session held by hand: what a test lets the server say goes in, what the
 * client says is kept as text. For what conversation files cannot express:
 * octets taken and not sent, segments one by one, time.
 */
#ifndef ENVOI_TESTS_TALK_H
#define ENVOI_TESTS_TALK_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/session.h>

#include "base/buffer.h"
#include "base/clock.h"

#define TALK_SECOND ((int64_t)1000000)
#define TALK_MAILS 40
#define TALK_PEOPLE 8

/** One transaction, its recipients a@x, b@x... and its body. */
struct talk_mail {
	struct envoi_transaction transaction;
	struct envoi_recipient people[TALK_PEOPLE];
	struct envoi_recipient *pointers[TALK_PEOPLE];
	bool submitted, finished;
};

struct talk {
	struct envoi_session *session;
	struct envoi_session_options options;
	/** What the client said and was not yet compared. */
	struct envoi_buffer said;
	struct talk_mail mails[TALK_MAILS];
	size_t count;
	/** Segments to take before it stops; octets of bodies likewise. */
	size_t segments, octets;
	/** Octets of the current body that were taken. */
	size_t body_taken;
	/** Taken octets are not handed on. */
	bool stuck;
	size_t unsent;
	bool ready, tls, closed;
	int64_t now;
};

static inline void talk_begin(struct talk *talk, struct envoi_session_options options)
{
	struct envoi_error err;
	*talk = (struct talk){
		.options = options, .segments = SIZE_MAX, .octets = SIZE_MAX};
	if (talk->options.helo == NULL) {
		talk->options.helo = "c";
	}
	envoi_buffer_init(&talk->said, 64u << 20);
	talk->session = envoi_session_new(&talk->options, talk->now, &err);
	ck_assert_ptr_nonnull(talk->session);
}

/** A further transaction for so many people. */
static inline struct talk_mail *talk_mail(
	struct talk *talk, const char *body, size_t people)
{
	static const char *const names[TALK_PEOPLE] = {
		"a@x", "b@x", "c@x", "d@x", "e@x", "f@x", "g@x", "h@x"};
	struct talk_mail *mail = &talk->mails[talk->count++];
	for (size_t i = 0; i < people; i++) {
		mail->people[i].address = names[i];
		mail->pointers[i] = &mail->people[i];
	}
	mail->transaction = (struct envoi_transaction){
		.sender = "s@x",
		.recipients = mail->pointers,
		.count = people,
		.size = strlen(body),
		.user = (void *)(uintptr_t)body,
	};
	return mail;
}

static inline void talk_submit(struct talk *talk)
{
	struct envoi_error err;
	for (size_t i = 0; i < talk->count; i++) {
		struct talk_mail *mail = &talk->mails[i];
		if (!mail->submitted
			&& envoi_session_can_submit(
				talk->session, mail->transaction.size)) {
			mail->submitted = true;
			ck_assert_int_eq(envoi_session_submit(
						 talk->session, &mail->transaction, &err),
				0);
		}
	}
}

static inline void talk_events(struct talk *talk)
{
	struct envoi_transaction *done = NULL;
	for (;;) {
		switch (envoi_session_next_event(talk->session, &done)) {
		case ENVOI_EVENT_NONE:
			return;
		case ENVOI_EVENT_START_TLS:
			talk->tls = true;
			break;
		case ENVOI_EVENT_NEED_SECRET:
			ck_abort_msg("a secret is asked for, and no login was wanted");
			break;
		case ENVOI_EVENT_READY:
			talk->ready = true;
			talk_submit(talk);
			break;
		case ENVOI_EVENT_FINISHED: {
			struct talk_mail *mail = (struct talk_mail *)(void *)done;
			ck_assert(mail->submitted && !mail->finished);
			mail->finished = true;
			for (size_t i = 0; i < done->count; i++) {
				ck_assert_int_ne(mail->people[i].result.outcome,
					ENVOI_OUTCOME_PENDING);
			}
			talk_submit(talk);
			break;
		}
		case ENVOI_EVENT_CLOSED:
			ck_assert(!talk->closed);
			talk->closed = true;
			break;
		}
	}
}

/* One segment, or a part of a body; false: there is nothing, or no more may
 * be taken. */
static inline bool talk_take(struct talk *talk)
{
	struct envoi_segment segment;
	if (talk->segments == 0
		|| !envoi_session_next_segment(talk->session, &segment, talk->now)) {
		return false;
	}
	size_t n = segment.length;
	if (segment.kind == ENVOI_SEGMENT_BODY) {
		const char *body = segment.transaction->user;
		size_t left = strlen(body) - talk->body_taken;
		if (left > 0 && talk->octets == 0) {
			return false;
		}
		n = left < talk->octets ? left : talk->octets;
		ck_assert_int_eq(
			envoi_buffer_append(&talk->said, body + talk->body_taken, n), 0);
		talk->octets -= talk->octets == SIZE_MAX ? 0 : n;
		talk->body_taken = n == left ? 0 : talk->body_taken + n;
		envoi_session_take(talk->session, n, n == left);
	} else {
		ck_assert_int_eq(envoi_buffer_append(&talk->said, segment.data, n), 0);
		envoi_session_take(talk->session, n, true);
	}
	talk->segments -= talk->segments == SIZE_MAX ? 0 : 1;
	talk->unsent += n;
	return true;
}

/** The client does what it can. */
static inline void talk_turn(struct talk *talk)
{
	do {
		talk_events(talk);
		while (talk_take(talk)) {
		}
		if (!talk->stuck && talk->unsent > 0) {
			envoi_session_sent(talk->session, talk->unsent, talk->now);
			talk->unsent = 0;
		}
		talk_events(talk);
	} while (talk_take(talk));
}

/** The server says this, in one piece; then it is the client's turn. */
static inline void talk_server(struct talk *talk, const char *text)
{
	size_t n = strlen(text);
	char *exact = malloc(n > 0 ? n : 1);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, text, n);
	envoi_session_receive(talk->session, exact, n, talk->now);
	free(exact);
	talk_turn(talk);
}

/** The client has said exactly this since the last time. */
static inline void talk_heard(struct talk *talk, const char *text)
{
	ck_assert_str_eq(envoi_buffer_string(&talk->said), text);
	envoi_buffer_clear(&talk->said);
}

/** Greeting and EHLO; offer is the text of its reply, whole lines. */
static inline void talk_greet(struct talk *talk, const char *offer)
{
	talk_server(talk, "220 mx\r\n");
	talk_heard(talk, talk->options.lmtp ? "LHLO c\r\n" : "EHLO c\r\n");
	talk_server(talk, offer);
}

static inline enum envoi_outcome talk_outcome(
	const struct talk *talk, size_t mail, size_t person)
{
	return talk->mails[mail].people[person].result.outcome;
}

static inline void talk_end(struct talk *talk)
{
	envoi_session_free(talk->session);
	for (size_t i = 0; i < talk->count; i++) {
		for (size_t j = 0; j < talk->mails[i].transaction.count; j++) {
			envoi_result_finish(&talk->mails[i].people[j].result);
		}
		envoi_transaction_finish(&talk->mails[i].transaction);
	}
	envoi_buffer_finish(&talk->said);
}

#endif
