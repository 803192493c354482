/*
 * Writing the commands of transactions: MAIL, RCPT..., DATA or BDAT, for one
 * after the other (RFC 5321 3.3; RFC 2920 3.1; RFC 3030).
 *
 * With PIPELINING a command need not wait for the reply before it, but DATA
 * must (its body is sent after 354), so behind a final dot go the commands of
 * the next transaction. With CHUNKING whole messages follow each other.
 */
#include "protocol/session_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "protocol/dsn.h"

static bool uses(const struct envoi_session *s, uint32_t extension)
{
	return (envoi_capabilities_usable(&s->facts.capabilities, s->options.without)
		       & extension)
	       != 0;
}

/* RFC 9422 4.1. A second try is made all the same. */
static bool is_mail_left(const struct envoi_session *s)
{
	uint64_t most = s->facts.capabilities.mail_max;
	return !uses(s, ENVOI_EXT_LIMITS) || most == 0 || s->mails < most;
}

bool envoi_session_can_submit(const struct envoi_session *s, uint64_t size)
{
	if (s->state != STATE_READY || s->closing || !is_mail_left(s)) {
		return false;
	}
	/* With DATA only one can go behind the dot whose reply is due. */
	size_t window = !s->pipelining ? 1 : s->chunking ? s->window : 2;
	return s->work_count < window
	       /* More commands than that are not sent ahead anyway. */
	       && s->work_recipients < ENVOI_LIMIT_OUTSTANDING
	       && (s->work_count == 0
		       || s->work_bytes + size <= ENVOI_LIMIT_WINDOW_BYTES);
}

int envoi_session_submit(struct envoi_session *s, struct envoi_transaction *transaction,
	struct envoi_error *err)
{
	struct work *work = calloc(1, sizeof(*work));
	if (work == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	work->transaction = transaction;
	work->end_offset = OFFSET_NONE;
	*s->works_tail = work;
	s->works_tail = &work->next;
	s->work_count++;
	s->mails++;
	s->work_bytes += transaction->size;
	s->work_recipients += transaction->count;
	if (s->sending == NULL) {
		s->sending = work;
	}
	return 0;
}

static void write_times(const struct envoi_session *s, const struct envoi_transaction *t,
	char *out, size_t size)
{
	char by[24] = "";
	bool hold = t->hold_until != NULL && uses(s, ENVOI_EXT_FUTURERELEASE);
	if (t->deliver_by != 0 && uses(s, ENVOI_EXT_DELIVERBY)) {
		(void)snprintf(by, sizeof(by), " BY=%u;R", (unsigned)t->deliver_by);
	}
	(void)snprintf(out, size, "%s%s%s", hold ? " HOLDUNTIL=" : "",
		hold ? t->hold_until : "", by);
}

static bool write_mail(struct envoi_session *s, struct work *work, int64_t now)
{
	const struct envoi_transaction *t = work->transaction;
	char size[32] = "";
	char dsn[ENVOI_DSN_ROOM] = "";
	if (uses(s, ENVOI_EXT_SIZE)) {
		(void)snprintf(size, sizeof(size), " SIZE=%ju", (uintmax_t)t->size);
	}
	if (uses(s, ENVOI_EXT_DSN)) {
		envoi_dsn_mail(t, dsn);
	}
	char times[80] = "";
	write_times(s, t, times, sizeof(times));
	const char *body = "";
	if (t->body == ENVOI_BODY_BINARYMIME) {
		body = " BODY=BINARYMIME";
	} else if (t->body == ENVOI_BODY_8BITMIME && uses(s, ENVOI_EXT_8BITMIME)) {
		body = " BODY=8BITMIME";
	}
	bool utf8 = t->smtputf8 && uses(s, ENVOI_EXT_SMTPUTF8);
	work->step = STEP_RCPT;
	return envoi_session_out_command(s, now, VERB_MAIL, work, 0,
		"MAIL FROM:<%s>%s%s%s%s%s", t->sender, size, body,
		utf8 ? " SMTPUTF8" : "", dsn, times);
}

static bool write_rcpt(struct envoi_session *s, struct work *work, int64_t now)
{
	const struct envoi_recipient *recipient =
		work->transaction->recipients[work->next_rcpt];
	char dsn[ENVOI_DSN_ROOM] = "";
	if (uses(s, ENVOI_EXT_DSN)) {
		envoi_dsn_rcpt(recipient, dsn);
	}
	if (!envoi_session_out_command(s, now, VERB_RCPT, work, work->next_rcpt,
		    "RCPT TO:<%s>%s", recipient->address, dsn)) {
		return false;
	}
	work->next_rcpt++;
	if (work->next_rcpt == work->transaction->count) {
		work->step = STEP_DATA;
	}
	return true;
}

/* All its commands are written: on with the next. */
static void written(struct envoi_session *s, struct work *work)
{
	work->step = STEP_DONE;
	s->sending = work->next;
	envoi_session_work_check_finished(s, work);
}

/* Its octets are no lines: only a chunk can carry them (RFC 3030 3). */
static bool is_too_binary(const struct envoi_session *s, const struct work *work)
{
	return work->transaction->body == ENVOI_BODY_BINARYMIME
	       && !(s->chunking && uses(s, ENVOI_EXT_BINARYMIME));
}

static bool write_data(struct envoi_session *s, struct work *work, int64_t now)
{
	const struct envoi_transaction *t = work->transaction;
	bool known = work->outstanding == 0;
	/* LMTP counts its final replies by the recipients accepted. */
	bool must_know = t->all_or_nothing || (s->chunking && s->options.lmtp);
	if (!known && must_know) {
		return false;
	}
	/* Behind a refused MAIL recipients are those of an older transaction. */
	bool for_nobody = work->accepted == 0 || work->mail != MAIL_ACCEPTED
			  || (t->all_or_nothing && work->refused > 0);
	if (known && for_nobody) {
		s->dirty = work->mail == MAIL_ACCEPTED;
		written(s, work);
		return true;
	}
	if (!s->chunking) {
		work->step = STEP_GO;
		return envoi_session_out_command(s, now, VERB_DATA, work, 0, "DATA");
	}
	/* Refused, it would leave a transaction open at the server. */
	s->dirty = true;
	if (!envoi_session_out_bdat(s, work, now)) {
		return false;
	}
	written(s, work);
	return true;
}

/* Writes one command of the transaction; false when it has to wait. */
static bool write_next(struct envoi_session *s, struct work *work, int64_t now)
{
	switch (work->step) {
	case STEP_MAIL:
		if (is_too_binary(s, work)) {
			envoi_session_settle_words(work, ENVOI_OUTCOME_UNTRIED,
				ENVOI_PHASE_MAIL, ENVOI_STATUS_DATA, false,
				"it is binary, and the server does not take that");
			written(s, work);
			return true;
		}
		if (s->dirty) {
			s->dirty = false;
			/* In the window of BDAT the fate of those before is open and
			 * RSET goes along; else its reply is waited for. */
			s->sync = s->expected_count == 0;
			return envoi_session_out_command(
				s, now, VERB_RSET, work, 0, "RSET");
		}
		return write_mail(s, work, now);
	case STEP_RCPT:
		if (work->mail == MAIL_REFUSED) {
			written(s, work);
			return true;
		}
		return write_rcpt(s, work, now);
	case STEP_DATA:
		return write_data(s, work, now);
	default:
		return false;
	}
}

static bool may_write(struct envoi_session *s)
{
	if (s->sync && s->expected_count == 0) {
		s->sync = false;
	}
	bool turn = s->pipelining ? !s->sync : s->expected_count == 0;
	return s->state == STATE_READY && s->sending != NULL && !s->stopped && turn
	       && s->expected_count < ENVOI_LIMIT_OUTSTANDING
	       && s->control.len < ENVOI_LIMIT_CONTROL
	       /* Without PIPELINING the body is written before the next command. */
	       && (s->pipelining || s->segment_count == 0);
}

/* Time for QUIT: all is answered, and nothing more is to come. */
static bool is_done(const struct envoi_session *s)
{
	if (s->expected_count > 0 || s->segment_count > 0) {
		return false;
	}
	return s->stopped || (s->closing && s->works == NULL);
}

void envoi_session_send_commands(struct envoi_session *s, int64_t now)
{
	while (may_write(s) && write_next(s, s->sending, now)) {
	}
	if (s->state == STATE_READY && is_done(s)) {
		envoi_session_quit(s, now);
	}
}
