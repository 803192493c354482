/*
 * Outcomes: every recipient of every transaction gets exactly one, on every
 * path. A work leaves the list of works only through finish().
 */
#include "protocol/session_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

void envoi_result_finish(struct envoi_result *result)
{
	envoi_reply_finish(&result->reply);
	free(result->error);
	*result = (struct envoi_result){0};
}

void envoi_transaction_finish(struct envoi_transaction *transaction)
{
	envoi_reply_finish(&transaction->reply);
	transaction->accepted = false;
}

bool envoi_session_work_is_ended(const struct envoi_session *s, const struct work *work)
{
	return work->end_offset != OFFSET_NONE && work->end_offset <= s->sent;
}

/* A copy without memory trouble to care for: a reply that cannot be kept
 * still decides, its text is lost. */
static void keep_reply(struct envoi_reply *to, const struct envoi_reply *from)
{
	struct envoi_reply head = *from;
	if (head.length > ENVOI_LIMIT_REPLY_TEXT) {
		head.length = ENVOI_LIMIT_REPLY_TEXT;
	}
	if (envoi_reply_copy(to, &head) != 0) {
		envoi_reply_finish(to);
		to->code = from->code;
		memcpy(to->enhanced, from->enhanced, sizeof(to->enhanced));
	}
}

void envoi_session_work_note_reply(
	struct work *work, enum envoi_phase phase, const struct envoi_reply *reply)
{
	keep_reply(&work->transaction->reply, reply);
	work->transaction->phase = phase;
}

/* 530 asks for authentication (RFC 4954 6), or for TLS first (RFC 3207 4). */
static enum envoi_status refusal_status(
	const struct envoi_session *s, enum envoi_phase phase, int code)
{
	if (code / 100 == 4) {
		return ENVOI_STATUS_TEMPORARY;
	}
	if (code == 530 && phase == ENVOI_PHASE_MAIL) {
		bool tls_wanted =
			!s->facts.tls
			&& (s->facts.capabilities.extensions & ENVOI_EXT_STARTTLS) != 0;
		return tls_wanted ? ENVOI_STATUS_REFUSED : ENVOI_STATUS_AUTH;
	}
	return phase == ENVOI_PHASE_RCPT ? ENVOI_STATUS_NOUSER : ENVOI_STATUS_REFUSED;
}

/* A full transaction (452, 552: RFC 5321 4.5.3.1.10), unless the enhanced
 * code says that the mailbox or its address is the trouble (552 5.2.2). */
static bool is_full(enum envoi_phase phase, const struct envoi_reply *reply)
{
	return phase == ENVOI_PHASE_RCPT && (reply->code == 452 || reply->code == 552)
	       && (reply->enhanced[0] == 0 || reply->enhanced[1] > 2);
}

void envoi_session_settle_reply(struct envoi_session *s,
	struct envoi_recipient *recipient, enum envoi_phase phase,
	const struct envoi_reply *reply)
{
	struct envoi_result *result = &recipient->result;
	bool positive = reply->code / 100 == 2;
	if (!positive || s->options.lmtp || phase == ENVOI_PHASE_RCPT) {
		/* Of a delivered one the reply to its RCPT stays (LMTP: the
		 * final one is its own). */
		keep_reply(&result->reply, reply);
		result->phase = phase;
	}
	if (positive) {
		if (phase == ENVOI_PHASE_DOT) {
			result->outcome = ENVOI_OUTCOME_DELIVERED;
			result->status = ENVOI_STATUS_OK;
		}
		return;
	}
	result->full = is_full(phase, reply);
	bool later = reply->code / 100 == 4 || result->full;
	result->outcome = later ? ENVOI_OUTCOME_DEFERRED : ENVOI_OUTCOME_REJECTED;
	result->status =
		later ? ENVOI_STATUS_TEMPORARY : refusal_status(s, phase, reply->code);
	result->again = reply->code == 421;
}

void envoi_session_settle_pending(struct envoi_session *s, struct work *work,
	enum envoi_phase phase, const struct envoi_reply *reply)
{
	for (size_t i = 0; i < work->transaction->count; i++) {
		struct envoi_recipient *recipient = work->transaction->recipients[i];
		if (recipient->result.outcome == ENVOI_OUTCOME_PENDING) {
			envoi_session_settle_reply(s, recipient, phase, reply);
		}
	}
}

void envoi_session_settle_words(struct work *work, enum envoi_outcome outcome,
	enum envoi_phase phase, enum envoi_status status, bool again, const char *words)
{
	if (outcome == ENVOI_OUTCOME_UNTRIED && work->redone && again) {
		/* It was tried once, and is not tried again. */
		outcome = ENVOI_OUTCOME_DEFERRED;
	}
	for (size_t i = 0; i < work->transaction->count; i++) {
		struct envoi_result *result = &work->transaction->recipients[i]->result;
		if (result->outcome != ENVOI_OUTCOME_PENDING) {
			continue;
		}
		envoi_result_finish(result);
		result->outcome = outcome;
		result->phase = phase;
		result->status = status;
		result->again = again;
		result->error = envoi_span_dup(envoi_span_of(words));
	}
}

void envoi_session_settle_doubt(struct work *work, const char *why)
{
	char words[100];
	for (size_t i = 0; i < work->transaction->count; i++) {
		envoi_result_finish(&work->transaction->recipients[i]->result);
	}
	work->redo = false;
	(void)snprintf(words, sizeof(words),
		"%s, and the message accepted: may have been delivered", why);
	envoi_session_settle_words(work, ENVOI_OUTCOME_UNKNOWN, ENVOI_PHASE_DOT,
		ENVOI_STATUS_PROTOCOL, false, words);
}

/* Takes it out of the list of works and hands it to the events. */
static void finish(struct envoi_session *s, struct work *work)
{
	struct work **link = &s->works;
	while (*link != work) {
		link = &(*link)->next;
	}
	*link = work->next;
	if (s->works_tail == &work->next) {
		s->works_tail = link;
	}
	if (s->sending == work) {
		s->sending = work->next;
	}
	s->work_count--;
	s->work_bytes -= work->transaction->size;
	s->work_recipients -= work->transaction->count;
	work->next = NULL;
	*s->finished_tail = work;
	s->finished_tail = &work->next;
}

static void forget_results(struct envoi_transaction *transaction)
{
	for (size_t i = 0; i < transaction->count; i++) {
		envoi_result_finish(&transaction->recipients[i]->result);
	}
	envoi_transaction_finish(transaction);
}

void envoi_session_work_redo(struct envoi_session *s, struct work *work)
{
	struct work **link = &s->works;
	while (*link != work) {
		link = &(*link)->next;
	}
	*link = work->next;
	if (s->works_tail == &work->next) {
		s->works_tail = link;
	}
	/* Not into the middle of the one being sent, and behind those that are
	 * done again already. */
	link = &s->works;
	while (*link != NULL && *link != s->sending) {
		link = &(*link)->next;
	}
	if (s->sending != NULL && (s->sending->redone || s->sending->step != STEP_MAIL)) {
		link = &s->sending->next;
		while (*link != NULL && (*link)->redone) {
			link = &(*link)->next;
		}
	} else {
		s->sending = work;
	}
	work->next = *link;
	*link = work;
	if (work->next == NULL) {
		s->works_tail = &work->next;
	}
	s->dirty = true;
	forget_results(work->transaction);
	work->step = STEP_MAIL;
	work->mail = MAIL_ASKED;
	work->next_rcpt = work->accepted = work->refused = 0;
	work->end_offset = OFFSET_NONE;
	work->begun = work->redo = work->lone_dot = work->chunked = false;
	work->redone = true;
	s->mails++;
}

void envoi_session_work_check_finished(struct envoi_session *s, struct work *work)
{
	if (work->step != STEP_DONE || work->outstanding > 0 || work->body) {
		return;
	}
	if (work->redo && s->state == STATE_READY && !s->stopped) {
		envoi_session_work_redo(s, work);
		return;
	}
	if (work->redo) {
		envoi_session_settle_words(work, ENVOI_OUTCOME_DEFERRED, ENVOI_PHASE_DOT,
			ENVOI_STATUS_TEMPORARY, true,
			"the session ended before a second try");
	}
	/* Accepted ones of a transaction that went no further: only
	 * --all-or-nothing stops there. */
	enum envoi_status status = ENVOI_STATUS_OK;
	for (size_t i = 0; i < work->transaction->count; i++) {
		status = envoi_status_worse(
			status, work->transaction->recipients[i]->result.status);
	}
	envoi_session_settle_words(work, ENVOI_OUTCOME_UNTRIED, ENVOI_PHASE_RCPT, status,
		false, "another recipient was refused, and all or none was asked for");
	finish(s, work);
}

/* How a work that is still open stands now that the connection is gone. */
static void settle_lost(struct envoi_session *s, struct work *work)
{
	enum envoi_status status = s->facts.error.status;
	if (status == ENVOI_STATUS_OK) {
		status = ENVOI_STATUS_TEMPORARY;
	}
	enum envoi_phase phase = s->facts.error_phase;
	char words[sizeof(s->facts.error.text) + 40];
	const char *why =
		s->facts.error.text[0] != '\0' ? s->facts.error.text : "connection ended";
	if (work->redo) {
		/* Refused, and not yet done again. */
		envoi_session_settle_words(
			work, ENVOI_OUTCOME_DEFERRED, phase, status, true, why);
	} else if (s->over) {
		/* A 421 answers everything that is open: none of it was done. */
		if (work->begun) {
			envoi_session_settle_pending(s, work,
				envoi_session_work_is_ended(s, work) ? ENVOI_PHASE_DOT
								     : phase,
				&s->facts.close_reply);
		}
	} else if (envoi_session_work_is_ended(s, work) && !work->lone_dot) {
		(void)snprintf(words, sizeof(words), "%s: may have been delivered", why);
		envoi_session_settle_words(work, ENVOI_OUTCOME_UNKNOWN, ENVOI_PHASE_DOT,
			ENVOI_STATUS_PROTOCOL, false, words);
	} else if (work->begun) {
		envoi_session_settle_words(
			work, ENVOI_OUTCOME_DEFERRED, phase, status, true, why);
	}
	envoi_session_settle_words(work, ENVOI_OUTCOME_UNTRIED, phase, status, true, why);
}

void envoi_session_settle_all(struct envoi_session *s)
{
	while (s->works != NULL) {
		struct work *work = s->works;
		settle_lost(s, work);
		finish(s, work);
	}
}
