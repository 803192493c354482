/*
 * The receiver's life: input, events, answers, deadlines. See the header.
 *
 * Invariants: a message that began ends with exactly one of END and ABORT; an
 * event that asks is answered before input is looked at again; after CLOSED
 * nothing is said.
 */
#include "protocol/receiver_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

struct envoi_receiver *envoi_receiver_new(const struct envoi_receiver_options *options)
{
	struct envoi_receiver *receiver = calloc(1, sizeof(*receiver));
	if (receiver == NULL) {
		return NULL;
	}
	receiver->options = *options;
	receiver->options.hostname = NULL;
	receiver->tls = options->tls;
	receiver->deadline = INT64_MAX;
	envoi_buffer_init(&receiver->in, ENVOI_LIMIT_RECEIVED);
	/* The replies of LMTP to one message come at once. */
	size_t answers = options->lmtp ? options->max_recipients : 0;
	envoi_buffer_init(&receiver->out,
		ENVOI_LIMIT_CONTROL + answers * (ENVOI_LIMIT_REPLY_TEXT_SENT + 20));
	receiver->hostname = envoi_span_dup(envoi_span_of(options->hostname));
	if (receiver->hostname == NULL) {
		envoi_receiver_free(receiver);
		return NULL;
	}
	return receiver;
}

static void drop_transaction(struct envoi_receiver *receiver)
{
	free(receiver->sender);
	receiver->sender = NULL;
	for (size_t i = 0; i < receiver->count; i++) {
		free(receiver->recipients[i]);
		free(receiver->wishes[i].original);
	}
	receiver->count = 0;
	free(receiver->envid);
	receiver->envid = NULL;
	receiver->ret = NULL;
}

void envoi_receiver_free(struct envoi_receiver *receiver)
{
	if (receiver == NULL) {
		return;
	}
	drop_transaction(receiver);
	free(receiver->recipients);
	free(receiver->wishes);
	free(receiver->wish.original);
	free(receiver->candidate);
	free(receiver->hostname);
	envoi_buffer_finish(&receiver->in);
	envoi_buffer_finish(&receiver->out);
	free(receiver);
}

void envoi_receiver_reset(struct envoi_receiver *receiver)
{
	drop_transaction(receiver);
	if (receiver->message == RECEIVER_MESSAGE_OPEN) {
		receiver->abort_due = true;
	}
	receiver->message = RECEIVER_MESSAGE_NONE;
	receiver->octets = 0;
	receiver->chunked = false;
}

void envoi_receiver_close(struct envoi_receiver *receiver)
{
	if (receiver->state == RECEIVER_CLOSED) {
		return;
	}
	envoi_receiver_reset(receiver);
	envoi_buffer_clear(&receiver->in);
	receiver->asked = ENVOI_RECEIVER_NONE;
	receiver->state = RECEIVER_CLOSED;
	receiver->closed_due = true;
	receiver->deadline = INT64_MAX;
}

bool envoi_receiver_offers(const struct envoi_receiver *receiver, uint32_t bit)
{
	if (receiver->hello != RECEIVER_HELLO_EXTENDED
		|| (receiver->options.extensions & bit) == 0) {
		return false;
	}
	return bit != ENVOI_EXT_STARTTLS || !receiver->tls;
}

void envoi_receiver_start(struct envoi_receiver *receiver, int64_t now)
{
	receiver->started = true;
	receiver->deadline = now + receiver->options.idle_us;
	envoi_receiver_say_greeting(receiver);
}

char *envoi_receiver_room(struct envoi_receiver *receiver, size_t *ret_n)
{
	size_t n = receiver->in.max - receiver->in.len;
	char *room = n == 0 ? NULL : envoi_buffer_reserve(&receiver->in, n);
	*ret_n = room == NULL ? 0 : n;
	return room;
}

void envoi_receiver_received(struct envoi_receiver *receiver, size_t n, int64_t now)
{
	if (receiver->state == RECEIVER_CLOSED || n == 0) {
		return;
	}
	if (receiver->state == RECEIVER_TLS) {
		/* Clear text where the handshake belongs. */
		envoi_receiver_close(receiver);
		return;
	}
	envoi_buffer_added(&receiver->in, n);
	receiver->deadline = now + receiver->options.idle_us;
}

size_t envoi_receiver_receive(
	struct envoi_receiver *receiver, const void *bytes, size_t n, int64_t now)
{
	size_t room = 0;
	char *to = envoi_receiver_room(receiver, &room);
	size_t taken = n < room ? n : room;
	if (taken > 0) {
		memcpy(to, bytes, taken);
		envoi_receiver_received(receiver, taken, now);
	}
	return taken;
}

void envoi_receiver_eof(struct envoi_receiver *receiver)
{
	receiver->eof = true;
}

void envoi_receiver_tick(struct envoi_receiver *receiver, int64_t now)
{
	if (now < receiver->deadline) {
		return;
	}
	if (receiver->state != RECEIVER_TLS) {
		envoi_receiver_say(
			receiver, 421, "4.4.2", "nothing heard for too long, closing");
	}
	envoi_receiver_close(receiver);
}

int64_t envoi_receiver_deadline(const struct envoi_receiver *receiver)
{
	return receiver->deadline;
}

void envoi_receiver_tls_established(struct envoi_receiver *receiver, int64_t now)
{
	if (receiver->state != RECEIVER_TLS) {
		return;
	}
	receiver->tls = true;
	receiver->state = RECEIVER_COMMAND;
	receiver->hello = RECEIVER_HELLO_NONE;
	receiver->deadline = now + receiver->options.idle_us;
	envoi_receiver_reset(receiver);
}

void envoi_receiver_shutdown(struct envoi_receiver *receiver, const char *text)
{
	if (receiver->state == RECEIVER_CLOSED) {
		return;
	}
	if (receiver->state != RECEIVER_TLS) {
		envoi_receiver_say(
			receiver, 421, receiver->started ? "4.3.2" : NULL, text);
	}
	envoi_receiver_close(receiver);
}

/* One step of the machine; false: nothing can be done now. */
static bool step(struct envoi_receiver *receiver, enum envoi_receiver_event *ret_event,
	struct envoi_span *ret_text)
{
	switch (receiver->state) {
	case RECEIVER_COMMAND:
		return envoi_receiver_step_command(receiver, ret_event, ret_text);
	case RECEIVER_SKIP:
		return envoi_receiver_step_skip(receiver);
	case RECEIVER_DATA:
		return envoi_receiver_step_data(receiver, ret_event, ret_text);
	case RECEIVER_CHUNK:
		return envoi_receiver_step_chunk(receiver, ret_event, ret_text);
	case RECEIVER_ANSWER:
	case RECEIVER_TLS:
	case RECEIVER_CLOSED:
		break;
	}
	return false;
}

enum envoi_receiver_event envoi_receiver_next_event(
	struct envoi_receiver *receiver, struct envoi_span *ret_text)
{
	*ret_text = (struct envoi_span){"", 0};
	for (;;) {
		if (receiver->abort_due) {
			receiver->abort_due = false;
			return ENVOI_RECEIVER_MESSAGE_ABORT;
		}
		if (receiver->closed_due) {
			receiver->closed_due = false;
			return ENVOI_RECEIVER_CLOSED;
		}
		if (receiver->out.len >= ENVOI_LIMIT_CONTROL / 2) {
			return ENVOI_RECEIVER_NONE;
		}
		enum envoi_receiver_event event = ENVOI_RECEIVER_NONE;
		if (step(receiver, &event, ret_text)) {
			if (event != ENVOI_RECEIVER_NONE) {
				return event;
			}
		} else if (receiver->eof && receiver->state != RECEIVER_ANSWER
			   && receiver->state != RECEIVER_CLOSED) {
			envoi_receiver_close(receiver);
		} else {
			return ENVOI_RECEIVER_NONE;
		}
	}
}

/* Takes the candidate in as a recipient. */
static int add_recipient(struct envoi_receiver *receiver)
{
	if (receiver->count == receiver->capacity) {
		size_t capacity = receiver->capacity == 0 ? 8 : receiver->capacity * 2;
		char **recipients = realloc(
			receiver->recipients, capacity * sizeof(receiver->recipients[0]));
		if (recipients == NULL) {
			return -1;
		}
		receiver->recipients = recipients;
		struct receiver_wish *wishes =
			realloc(receiver->wishes, capacity * sizeof(receiver->wishes[0]));
		if (wishes == NULL) {
			return -1;
		}
		receiver->wishes = wishes;
		receiver->capacity = capacity;
	}
	receiver->wishes[receiver->count] = receiver->wish;
	receiver->recipients[receiver->count++] = receiver->candidate;
	receiver->wish = (struct receiver_wish){0};
	receiver->candidate = NULL;
	return 0;
}

static void answer_message(struct envoi_receiver *receiver)
{
	receiver->answered++;
	if (receiver->options.lmtp && receiver->answered < receiver->count) {
		return;
	}
	receiver->asked = ENVOI_RECEIVER_NONE;
	receiver->state = RECEIVER_COMMAND;
	receiver->errors = 0;
	envoi_receiver_reset(receiver);
}

static void answer_address(struct envoi_receiver *receiver, bool accepted)
{
	if (accepted && receiver->asked == ENVOI_RECEIVER_MAIL) {
		receiver->sender = receiver->candidate;
		receiver->candidate = NULL;
	}
	free(receiver->candidate);
	receiver->candidate = NULL;
	receiver->asked = ENVOI_RECEIVER_NONE;
	receiver->state = RECEIVER_COMMAND;
}

void envoi_receiver_answer(
	struct envoi_receiver *receiver, int code, const char *enhanced, const char *text)
{
	bool accepted = code / 100 == 2;
	if (receiver->state != RECEIVER_ANSWER) {
		return;
	}
	if (receiver->asked == ENVOI_RECEIVER_RCPT && accepted
		&& add_recipient(receiver) != 0) {
		envoi_receiver_say(receiver, 452, "4.3.1", "out of memory");
	} else {
		envoi_receiver_say(receiver, code, enhanced, text);
	}
	if (receiver->state == RECEIVER_CLOSED) {
		return;
	}
	if (receiver->asked == ENVOI_RECEIVER_MESSAGE_END) {
		answer_message(receiver);
	} else {
		answer_address(receiver, accepted);
	}
	if (code == 421) {
		envoi_receiver_close(receiver);
	}
}

struct envoi_span envoi_receiver_output(const struct envoi_receiver *receiver)
{
	return envoi_buffer_span(&receiver->out);
}

void envoi_receiver_sent(struct envoi_receiver *receiver, size_t n)
{
	envoi_buffer_consume(&receiver->out, n);
}

const char *envoi_receiver_sender(const struct envoi_receiver *receiver)
{
	return receiver->sender;
}

size_t envoi_receiver_recipient_count(const struct envoi_receiver *receiver)
{
	return receiver->count;
}

const char *envoi_receiver_recipient(const struct envoi_receiver *receiver, size_t i)
{
	return receiver->recipients[i];
}

struct envoi_dsn envoi_receiver_dsn(const struct envoi_receiver *receiver)
{
	return (struct envoi_dsn){.ret = receiver->ret, .envid = receiver->envid};
}

unsigned envoi_receiver_notify(const struct envoi_receiver *receiver, size_t i)
{
	return receiver->wishes[i].notify;
}

const char *envoi_receiver_original(const struct envoi_receiver *receiver, size_t i)
{
	return receiver->wishes[i].original;
}
