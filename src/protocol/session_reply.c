/*
 * Reading the replies to the commands of transactions (RFC 5321 4.3.2; RFC
 * 2033 4.2; RFC 3030 2). The first digit decides, the text never does.
 */
#include "protocol/session_internal.h"

#include "base/limits.h"

static void mail_reply(
	struct envoi_session *s, struct work *work, const struct envoi_reply *reply)
{
	if (reply->code / 100 == 2) {
		work->mail = MAIL_ACCEPTED;
		return;
	}
	work->mail = MAIL_REFUSED;
	if (reply->code == 503 && !work->redone) {
		/* The server thinks a transaction is open: once more with RSET. */
		work->redo = true;
	}
	envoi_session_work_note_reply(work, ENVOI_PHASE_MAIL, reply);
	envoi_session_settle_pending(s, work, ENVOI_PHASE_MAIL, reply);
}

static void rcpt_reply(struct envoi_session *s, struct work *work, size_t i,
	const struct envoi_reply *reply)
{
	struct envoi_recipient *recipient = work->transaction->recipients[i];
	if (reply->code / 100 == 2) {
		work->accepted++;
	} else {
		work->refused++;
	}
	if (work->mail == MAIL_REFUSED) {
		/* Decided by MAIL; what comes here is its echo. */
		return;
	}
	if (reply->code / 100 != 2 && work->transaction->reply.code == 0) {
		envoi_session_work_note_reply(work, ENVOI_PHASE_RCPT, reply);
	}
	envoi_session_settle_reply(s, recipient, ENVOI_PHASE_RCPT, reply);
}

/* DATA may be followed by the message, or by the dot alone. */
static void go_ahead(struct envoi_session *s, struct work *work, int64_t now)
{
	struct work *next = work->next;
	if (s->stopped || (work->mail != MAIL_ACCEPTED && work->accepted > 0)) {
		/* Interrupted; or an older transaction is open there, and would
		 * get this message. Only closing without a dot is safe. */
		envoi_session_broken(s, now, "DATA accepted though MAIL was refused");
		return;
	}
	if (work->accepted > 0) {
		if (!envoi_session_out_data_body(s, work, now)) {
			return;
		}
	} else {
		work->lone_dot = true;
		if (!envoi_session_out_lone_dot(s, work, now)) {
			return;
		}
		if (s->options.lmtp) {
			/* One reply or none may come: no more on this session. */
			s->closing = true;
			s->stray = true;
		}
	}
	s->dirty = false;
	work->step = STEP_DONE;
	s->sending = next;
}

static void data_reply(struct envoi_session *s, struct work *work,
	const struct envoi_reply *reply, int64_t now)
{
	if (reply->code / 100 == 3) {
		go_ahead(s, work, now);
		return;
	}
	if (work->accepted > 0 && work->mail == MAIL_ACCEPTED) {
		envoi_session_work_note_reply(work, ENVOI_PHASE_DATA, reply);
	}
	envoi_session_settle_pending(s, work, ENVOI_PHASE_DATA, reply);
	s->dirty = work->mail == MAIL_ACCEPTED;
	work->step = STEP_DONE;
	s->sending = work->next;
}

/* CHUNKING was offered and is not there: DATA from now on (RFC 3030 2). Not in
 * LMTP with several recipients: it may concern one, and others get the message. */
static bool is_chunking_lie(const struct envoi_session *s, const struct work *work,
	const struct envoi_reply *reply)
{
	bool unknown = reply->code >= 500 && reply->code <= 504;
	bool for_all = work->accepted == 1 || (work->accepted > 1 && !s->options.lmtp);
	return work->chunked && unknown && for_all && !work->redone
	       && work->mail == MAIL_ACCEPTED;
}

/* By one for each accepted message, or for each window of them (RFC 5681 has the
 * same rule for octets). */
static void grow_window(struct envoi_session *s)
{
	s->window_accepted++;
	if (s->window < ENVOI_LIMIT_WINDOW
		&& (s->window < s->window_careful || s->window_accepted >= s->window)) {
		s->window++;
		s->window_accepted = 0;
	}
}

static void end_reply(struct envoi_session *s, struct work *work, size_t recipient,
	const struct envoi_reply *reply)
{
	if (work->lone_dot) {
		return;
	}
	if (is_chunking_lie(s, work, reply)) {
		s->chunking = false;
		/* What is binary cannot go otherwise: it is refused by this. */
		work->redo = work->transaction->body != ENVOI_BODY_BINARYMIME;
		if (work->redo) {
			return;
		}
	}
	bool positive = reply->code / 100 == 2;
	if (positive && work->mail == MAIL_REFUSED && work->accepted > 0) {
		envoi_session_settle_doubt(work, "MAIL was refused");
	}
	if (work->accepted > 0 || positive) {
		envoi_session_work_note_reply(work, ENVOI_PHASE_DOT, reply);
	}
	if (s->options.lmtp) {
		envoi_session_settle_reply(s, work->transaction->recipients[recipient],
			ENVOI_PHASE_DOT, reply);
	} else {
		envoi_session_settle_pending(s, work, ENVOI_PHASE_DOT, reply);
	}
	/* A chunk no recipient stood behind is nobody's, whatever is said. */
	if (!positive || work->accepted == 0) {
		return;
	}
	if (!work->transaction->accepted) {
		work->transaction->accepted = true;
		s->facts.accepted++;
		grow_window(s);
	}
	if (work->next == s->sending && (s->sending == NULL || !s->sending->begun)) {
		/* The last one written: nothing is open at the server. */
		s->dirty = false;
	}
}

static const char *const verb_names[] = {
	[VERB_RSET] = "RSET",
	[VERB_MAIL] = "MAIL",
	[VERB_RCPT] = "RCPT",
	[VERB_DATA] = "DATA",
	[VERB_END] = "the end of data",
};

/* RFC 5321 4.3.2: 3yz belongs to DATA, and 2yz does not. */
static bool fits(enum verb verb, int code)
{
	int digit = code / 100;
	return verb == VERB_DATA ? digit != 2 : digit != 3;
}

/* What is not begun goes back: it can be done on another connection. */
static void return_unbegun(struct envoi_session *s, const char *why)
{
	struct work *work = s->works;
	while (work != NULL) {
		struct work *next = work->next;
		if (!work->begun) {
			envoi_session_settle_words(work, ENVOI_OUTCOME_UNTRIED,
				ENVOI_PHASE_MAIL, ENVOI_STATUS_TEMPORARY, true, why);
			work->step = STEP_DONE;
			envoi_session_work_check_finished(s, work);
		}
		work = next;
	}
}

/*
 * Behind a 421, which answers all that is open: refusals are its echo. But a
 * server may still take what was sent before, and then that is what counts;
 * for whom, its replies to MAIL and RCPT tell.
 */
static void late_reply(struct envoi_session *s, const struct expected *e,
	struct envoi_reply *reply, int64_t now)
{
	struct work *work = e->work;
	bool positive = reply->code / 100 == 2;
	switch (e->verb) {
	case VERB_MAIL:
		work->mail = positive ? MAIL_ACCEPTED : MAIL_REFUSED;
		break;
	case VERB_RCPT:
		if (positive) {
			rcpt_reply(s, work, e->recipient, reply);
		} else if (work->mail != MAIL_REFUSED) {
			rcpt_reply(s, work, e->recipient, &s->facts.close_reply);
		}
		break;
	case VERB_DATA:
		if (reply->code / 100 == 3) {
			/* It waits for a message, and would take QUIT for one. */
			envoi_session_lost(s, ENVOI_CLOSE_REPLY, now);
		}
		break;
	case VERB_END:
		/* For nobody, it is nobody's, whatever is said. */
		positive = positive && work->accepted > 0;
		if (positive && s->astray) {
			envoi_session_settle_doubt(work, "RSET was refused");
			break;
		}
		end_reply(
			s, work, e->recipient, positive ? reply : &s->facts.close_reply);
		break;
	default:
		/* Its echo, or the reply to the octets of a chunk that was not
		 * swallowed: then none of those behind is where it belongs. */
		s->astray = s->astray || !positive;
		break;
	}
	if (s->state != STATE_CLOSED && e->verb == VERB_END) {
		envoi_session_work_check_finished(s, work);
	}
}

void envoi_session_transaction_reply(struct envoi_session *s, const struct expected *e,
	struct envoi_reply *reply, int64_t now)
{
	struct work *work = e->work;
	if (!fits(e->verb, reply->code)) {
		struct envoi_error err;
		(void)envoi_error_set(&err, ENVOI_STATUS_PROTOCOL, "reply %d to %s",
			reply->code, verb_names[e->verb]);
		envoi_session_fault(s, &err, envoi_session_verb_phase(e->verb), reply);
		envoi_session_lost(s, ENVOI_CLOSE_NOT_SENT, now);
		return;
	}
	if (s->over) {
		late_reply(s, e, reply, now);
		return;
	}
	switch (e->verb) {
	case VERB_MAIL:
		mail_reply(s, work, reply);
		break;
	case VERB_RCPT:
		rcpt_reply(s, work, e->recipient, reply);
		break;
	case VERB_DATA:
		data_reply(s, work, reply, now);
		break;
	case VERB_END:
		end_reply(s, work, e->recipient, reply);
		break;
	default:
		if (reply->code / 100 != 2 && reply->code != 421
			&& s->expected_count > 0) {
			/* What went behind it may meet the transaction it was to
			 * end; or this answers the octets of a chunk that was not
			 * swallowed, and no reply is where it belongs. */
			envoi_session_broken(s, now,
				"RSET refused with %d, and commands went behind it",
				reply->code);
		} else if (reply->code / 100 != 2) {
			s->closing = true;
		}
		break;
	}
	if (s->state == STATE_CLOSED) {
		return;
	}
	if (reply->code == 421) {
		envoi_session_over(s, envoi_session_verb_phase(e->verb), reply, now);
	} else if (e->verb == VERB_RSET && reply->code / 100 != 2) {
		/* Nothing of them is queued: no reply is expected any more. */
		return_unbegun(s, "the server refused RSET");
	} else {
		envoi_session_work_check_finished(s, work);
	}
	if (s->stray) {
		return_unbegun(s, "the server takes messages for nobody");
	}
	envoi_session_send_commands(s, now);
}

void envoi_session_early_refusal(
	struct envoi_session *s, struct envoi_reply *reply, int64_t now)
{
	struct expected e = envoi_session_expected_pop(s);
	bool chunk = e.work->chunked && !s->options.lmtp;
	end_reply(s, e.work, e.recipient, reply);
	if (!chunk || e.work->transaction->size > ENVOI_LIMIT_DRAIN) {
		/* The rest cannot be left out, and a dot would end a message that
		 * is not whole. */
		struct envoi_error err;
		(void)envoi_error_set(&err, ENVOI_STATUS_TEMPORARY,
			"the server refused the message before its end");
		envoi_session_fault(s, &err, ENVOI_PHASE_DOT, reply);
		envoi_session_lost(s, ENVOI_CLOSE_NOT_SENT, now);
	}
}
