/*
 * A receiver between two descriptors, one thing after the other: replies go out
 * before more is read, so that a pipelined group is answered by one write.
 */
#include <envoi/dialogue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <unistd.h>

#include "base/span.h"
#include "message/source.h"
#include "message/spool.h"
#include "protocol/receiver.h"

struct talk {
	const struct envoi_dialogue *dialogue;
	struct envoi_receiver *receiver;
	/** The message that is being received. */
	struct envoi_source *source;
	struct envoi_spool spool;
	/** Why it cannot be taken. */
	struct envoi_error trouble;
	/** A whole one cannot be answered before it is over. */
	bool stop;
};

static void drop_message(struct talk *talk)
{
	envoi_spool_drop(&talk->spool);
	envoi_source_unref(talk->source);
	talk->source = NULL;
	talk->trouble = ENVOI_ERROR_NONE;
}

static void begin_message(struct talk *talk)
{
	drop_message(talk);
	if (envoi_source_new("-", &talk->source, &talk->trouble) == 0) {
		(void)envoi_spool_begin(&talk->spool, talk->source, &talk->trouble);
	}
}

static void add_octets(struct talk *talk, struct envoi_span octets)
{
	if (talk->trouble.status == ENVOI_STATUS_OK) {
		(void)envoi_spool_put(
			&talk->spool, octets.data, octets.len, &talk->trouble);
	}
}

static bool is_temporary(enum envoi_status status)
{
	return status == ENVOI_STATUS_TEMPORARY || status == ENVOI_STATUS_SYSTEM
	       || status == ENVOI_STATUS_CONFIG || status == ENVOI_STATUS_IO
	       || status == ENVOI_STATUS_CANTCREATE;
}

static void answer_address(struct talk *talk, bool is_sender, struct envoi_span text)
{
	const struct envoi_dialogue *dialogue = talk->dialogue;
	struct envoi_error err = ENVOI_ERROR_NONE;
	char *address = envoi_span_dup(text);
	if (address == NULL) {
		(void)envoi_error_set(&err, ENVOI_STATUS_SYSTEM, "out of memory");
	} else if (dialogue->address(dialogue->context, is_sender, address, &err) == 0) {
		envoi_receiver_answer(
			talk->receiver, 250, is_sender ? "2.1.0" : "2.1.5", "Ok");
	}
	if (is_temporary(err.status)) {
		envoi_receiver_answer(talk->receiver, 451, "4.3.0", err.text);
	} else if (err.status != ENVOI_STATUS_OK) {
		envoi_receiver_answer(talk->receiver, is_sender ? 553 : 550,
			is_sender ? "5.1.7" : "5.1.3", err.text);
	}
	free(address);
}

static int give_message(struct talk *talk, struct envoi_dialogue_answer *answer)
{
	const struct envoi_dialogue *dialogue = talk->dialogue;
	const struct envoi_receiver *receiver = talk->receiver;
	size_t count = envoi_receiver_recipient_count(receiver);
	struct envoi_input *input = NULL;
	const char **recipients = calloc(count + 1, sizeof(*recipients));
	struct envoi_wish *wishes = calloc(count + 1, sizeof(*wishes));
	int result =
		recipients != NULL && wishes != NULL
				&& envoi_spool_end(&talk->spool, &talk->trouble) == 0
				&& envoi_input_of(talk->source, &input, &talk->trouble)
					   == 0
			? 0
			: -1;
	for (size_t i = 0; result == 0 && i < count; i++) {
		recipients[i] = envoi_receiver_recipient(receiver, i);
		wishes[i] = (struct envoi_wish){envoi_receiver_notify(receiver, i),
			envoi_receiver_original(receiver, i)};
	}
	if (result == 0) {
		const struct envoi_dialogue_envelope envelope = {
			envoi_receiver_sender(receiver), recipients, wishes, count,
			envoi_receiver_dsn(receiver)};
		talk->stop =
			!dialogue->message(dialogue->context, &envelope, input, answer);
		envoi_input_free(input);
	}
	free(recipients);
	free(wishes);
	return result;
}

static void end_message(struct talk *talk)
{
	struct envoi_dialogue_answer answer = {451, "4.3.0", "cannot be stored"};
	if (talk->trouble.status == ENVOI_STATUS_OK) {
		(void)give_message(talk, &answer);
	}
	if (talk->trouble.status != ENVOI_STATUS_OK) {
		(void)snprintf(
			answer.text, sizeof(answer.text), "%s", talk->trouble.text);
	}
	envoi_receiver_answer(talk->receiver, answer.code, answer.enhanced, answer.text);
	drop_message(talk);
	if (talk->stop) {
		envoi_receiver_shutdown(talk->receiver, "interrupted, closing");
	}
}

/* All events there are; false: it is over. */
static bool obey(struct talk *talk)
{
	struct envoi_span text;
	for (;;) {
		switch (envoi_receiver_next_event(talk->receiver, &text)) {
		case ENVOI_RECEIVER_MAIL:
			answer_address(talk, true, text);
			break;
		case ENVOI_RECEIVER_RCPT:
			answer_address(talk, false, text);
			break;
		case ENVOI_RECEIVER_MESSAGE_BEGIN:
			begin_message(talk);
			break;
		case ENVOI_RECEIVER_MESSAGE_DATA:
			add_octets(talk, text);
			break;
		case ENVOI_RECEIVER_MESSAGE_END:
			end_message(talk);
			break;
		case ENVOI_RECEIVER_MESSAGE_ABORT:
			drop_message(talk);
			break;
		case ENVOI_RECEIVER_NONE:
			return true;
		case ENVOI_RECEIVER_COMMAND:
			break;
		case ENVOI_RECEIVER_START_TLS:
		case ENVOI_RECEIVER_CLOSED:
			return false;
		}
	}
}

static int wait_for(int fd, short events)
{
	struct pollfd wait = {.fd = fd, .events = events};
	return poll(&wait, 1, -1) < 0 && errno != EINTR ? -1 : 0;
}

static int write_out(struct talk *talk, struct envoi_error *err)
{
	struct envoi_span out = envoi_receiver_output(talk->receiver);
	while (out.len > 0) {
		ssize_t n = write(talk->dialogue->out, out.data, out.len);
		if (n > 0) {
			envoi_receiver_sent(talk->receiver, (size_t)n);
			out = envoi_receiver_output(talk->receiver);
		} else if (n < 0 && errno == EAGAIN) {
			(void)wait_for(talk->dialogue->out, POLLOUT);
		} else if (n == 0 || errno != EINTR) {
			return envoi_error_sys(
				err, ENVOI_STATUS_IO, errno, "cannot write a reply");
		}
	}
	return 0;
}

static int read_in(struct talk *talk, struct envoi_error *err)
{
	size_t room = 0;
	char *to = envoi_receiver_room(talk->receiver, &room);
	if (to == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	for (;;) {
		ssize_t n = read(talk->dialogue->in, to, room);
		if (n > 0) {
			envoi_receiver_received(talk->receiver, (size_t)n, 0);
			return 0;
		}
		if (n == 0) {
			envoi_receiver_eof(talk->receiver);
			return 0;
		}
		if (errno == EAGAIN) {
			(void)wait_for(talk->dialogue->in, POLLIN);
		} else if (errno != EINTR) {
			return envoi_error_sys(
				err, ENVOI_STATUS_IO, errno, "cannot read a command");
		}
	}
}

/* Pulls until nothing is left to be said: a full output may have held events
 * back. */
static int serve(struct talk *talk, bool *ret_over, struct envoi_error *err)
{
	do {
		*ret_over = !obey(talk);
		if (envoi_receiver_output(talk->receiver).len == 0) {
			return 0;
		}
		if (write_out(talk, err) != 0) {
			return -1;
		}
	} while (!*ret_over);
	return 0;
}

int envoi_dialogue_run(const struct envoi_dialogue *dialogue, struct envoi_error *err)
{
	const struct envoi_receiver_options options = {
		.hostname = dialogue->hostname,
		.local = true,
		.extensions = ENVOI_EXT_PIPELINING | ENVOI_EXT_8BITMIME | ENVOI_EXT_SIZE
			      | ENVOI_EXT_ENHANCEDSTATUSCODES | ENVOI_EXT_SMTPUTF8
			      | ENVOI_EXT_DSN,
		.max_size = dialogue->max_size,
		.max_recipients = dialogue->max_recipients,
		/* A person may be thinking at the other end. */
		.idle_us = INT64_MAX / 2,
	};
	struct talk talk = {
		.dialogue = dialogue, .receiver = envoi_receiver_new(&options)};
	bool over = false;
	if (talk.receiver == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	envoi_receiver_start(talk.receiver, 0);
	int result = serve(&talk, &over, err);
	while (result == 0 && !over) {
		result = read_in(&talk, err);
		if (result == 0) {
			result = serve(&talk, &over, err);
		}
	}
	drop_message(&talk);
	envoi_receiver_free(talk.receiver);
	return result;
}
