/*
 * The judgement of a witness: what the octets say of one recipient, against
 * what a session says.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "witness_internal.h"

/* What became of a recipient on all wires. */
struct record {
	/** Ends of data that left for it, and were answered so. */
	size_t positive, negative, open;
	/** Open ones that a 421 answered. */
	size_t over;
	/** The server was getting the message for it. */
	size_t begun;
};

/* No refusal. 3yz to MAIL or RCPT breaks the protocol, and says nothing. */
static bool is_fine(int code)
{
	return code < 400;
}

static bool was_for_somebody(const struct mail *mail)
{
	for (size_t i = 0; i < mail->count; i++) {
		if (mail->rcpts[i].code / 100 == 2) {
			return true;
		}
	}
	return false;
}

static void add(struct record *record, const struct wire *wire, const struct mail *mail,
	const struct rcpt *rcpt)
{
	record->begun++;
	if (mail->doubtful && was_for_somebody(mail)) {
		record->open++;
		return;
	}
	if (!is_fine(mail->code) && mail->end / 100 == 2 && was_for_somebody(mail)) {
		/* Taken although MAIL was refused: for whom, nobody knows. */
		record->open++;
	} else if (!is_fine(mail->code)) {
		record->negative++;
	}
	if (!is_fine(mail->code) || !is_fine(rcpt->code)) {
		return;
	}
	int code = wire->lmtp ? rcpt->end : mail->end;
	if (code / 100 == 4 || code / 100 == 5) {
		record->negative++;
	} else if (!mail->ended) {
		return;
	} else if (code / 100 == 2) {
		record->positive++;
	} else if (wire->over) {
		record->over++;
	} else {
		record->open++;
	}
}

/* Thousands of recipients come in order: looks behind the last one first. */
static const struct rcpt *find_rcpt(
	struct witness *witness, const struct mail *mail, const char *address)
{
	for (size_t i = 0; i < mail->count; i++) {
		size_t at = (witness->last_rcpt + i) % mail->count;
		if (strcmp(mail->rcpts[at].address, address) == 0) {
			witness->last_rcpt = at;
			return &mail->rcpts[at];
		}
	}
	return NULL;
}

static struct record look_up(struct witness *witness, size_t message, const char *address)
{
	struct record record = {0};
	for (size_t i = 0; i < witness->wire_count; i++) {
		const struct wire *wire = witness->wires[i];
		for (size_t j = 0; j < wire->mail_count; j++) {
			const struct mail *mail = wire->mails[j];
			if (!mail->body || mail->number >= wire->body_count
				|| wire->bodies[mail->number] != message) {
				continue;
			}
			const struct rcpt *rcpt = find_rcpt(witness, mail, address);
			if (rcpt != NULL) {
				add(&record, wire, mail, rcpt);
			}
		}
	}
	return record;
}

static bool fits(
	const struct seen *seen, const struct envoi_result *result, const char *address)
{
	if (seen->code != result->reply.code) {
		return false;
	}
	/* A 421 may come at any time and answers everything. */
	if (seen->code == 421) {
		return true;
	}
	switch (result->phase) {
	case ENVOI_PHASE_GREETING:
		return seen->due.what == WHAT_GREETING;
	case ENVOI_PHASE_EHLO:
		return seen->due.what == WHAT_HELLO;
	case ENVOI_PHASE_TLS:
		return seen->due.what == WHAT_STARTTLS;
	case ENVOI_PHASE_MAIL:
		return seen->due.what == WHAT_MAIL;
	case ENVOI_PHASE_RCPT:
		return seen->due.what == WHAT_RCPT
		       && strcmp(seen->due.mail->rcpts[seen->due.rcpt].address, address)
				  == 0;
	case ENVOI_PHASE_DATA:
		return seen->due.what == WHAT_DATA;
	case ENVOI_PHASE_DOT:
		return seen->due.what == WHAT_END;
	default:
		return false;
	}
}

static bool was_said(struct witness *witness, const struct envoi_recipient *r)
{
	for (size_t i = 0; i < witness->wire_count; i++) {
		const struct wire *wire = witness->wires[i];
		for (size_t j = 0; j < wire->seen_count; j++) {
			size_t at = (witness->last_seen + j) % wire->seen_count;
			if (fits(&wire->seen[at], &r->result, r->address)) {
				witness->last_seen = at;
				return true;
			}
		}
	}
	return false;
}

static const char *objection(struct witness *witness, const struct record *record,
	const struct envoi_recipient *recipient)
{
	const struct envoi_result *result = &recipient->result;
	bool by_reply = result->reply.code != 0;
	if (witness->babble) {
		return "the client said what is no command";
	}
	if (record->positive + record->open > 1) {
		return "it may have got the message twice";
	}
	if (by_reply && !was_said(witness, recipient)) {
		return "the server did not say that";
	}
	if (!by_reply && result->error == NULL) {
		return "no reply and no words";
	}
	switch (result->outcome) {
	case ENVOI_OUTCOME_DELIVERED:
		return record->positive == 1 ? NULL : "no end of data was answered 2yz";
	case ENVOI_OUTCOME_UNKNOWN:
		return record->open == 1 ? NULL : "no end of data is without an answer";
	case ENVOI_OUTCOME_REJECTED:
		if (by_reply && result->reply.code / 100 != 5) {
			return "rejected by no 5yz";
		}
		break;
	case ENVOI_OUTCOME_DEFERRED:
		if (by_reply && result->reply.code / 100 != 4
			&& result->reply.code != 552) {
			return "deferred by no 4yz";
		}
		break;
	case ENVOI_OUTCOME_UNTRIED:
		if (record->begun > record->negative + record->over) {
			return "a body was begun";
		}
		break;
	default:
		return "no outcome";
	}
	if (record->positive > 0) {
		return "an end of data was answered 2yz";
	}
	return record->open == 0 ? NULL : "an end of data left and is without an answer";
}

const char *witness_judge(
	struct witness *witness, size_t message, const struct envoi_recipient *recipient)
{
	struct record record = look_up(witness, message, recipient->address);
	const char *why = objection(witness, &record, recipient);
	if (why == NULL) {
		return NULL;
	}
	(void)snprintf(witness->words, sizeof(witness->words),
		"message %zu, <%s> %s (%s %d): %s", message, recipient->address,
		envoi_outcome_name(recipient->result.outcome),
		envoi_phase_name(recipient->result.phase), recipient->result.reply.code,
		why);
	return witness->words;
}
