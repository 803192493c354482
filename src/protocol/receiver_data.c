/*
 * The octets of a message (RFC 5321 4.5.2, RFC 3030, RFC 1870).
 *
 *     data  = *( line CRLF ) "." CRLF    ; each line's first dot is dropped,
 *                                        ; LF in place of CRLF where it is
 *                                        ; the line end of the session
 *     chunk = n octets, as they are
 *
 * Nothing but a line of one dot between two CRLFs ends data. What a refused
 * message still sends is read and dropped, so that the next octet that is
 * taken for a command is one.
 */
#include "protocol/receiver_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct receiver_refusal no_mail = {503, "5.5.1", "MAIL and RCPT first"};
static const struct receiver_refusal no_recipients = {
	503, "5.5.1", "no valid recipients"};
static const struct receiver_refusal not_offered = {
	502, "5.5.1", "CHUNKING is not offered"};
static const struct receiver_refusal failed_before = {
	503, "5.5.1", "a chunk before was refused: RSET"};
static const struct receiver_refusal too_large = {
	552, "5.3.4", "message is over the size limit"};

static void say_refusal(
	struct envoi_receiver *receiver, const struct receiver_refusal *refusal)
{
	envoi_receiver_say(receiver, refusal->code, refusal->enhanced, refusal->text);
}

/* In LMTP the end of data has a reply for each recipient (RFC 2033 4.2). */
static void say_refusal_at_end(
	struct envoi_receiver *receiver, const struct receiver_refusal *refusal)
{
	size_t n = receiver->options.lmtp && receiver->count > 0 ? receiver->count : 1;
	for (size_t i = 0; i < n; i++) {
		say_refusal(receiver, refusal);
	}
}

/* The message is given up, its octets no longer told. */
static void fail_message(struct envoi_receiver *receiver)
{
	if (receiver->message == RECEIVER_MESSAGE_OPEN) {
		receiver->abort_due = true;
	}
	receiver->message = RECEIVER_MESSAGE_FAILED;
}

static void ask_end(struct envoi_receiver *receiver, enum envoi_receiver_event *ret_event)
{
	receiver->state = RECEIVER_ANSWER;
	receiver->asked = ENVOI_RECEIVER_MESSAGE_END;
	receiver->message = RECEIVER_MESSAGE_NONE;
	receiver->answered = 0;
	*ret_event = ENVOI_RECEIVER_MESSAGE_END;
}

/* Octets counted so far are never over the limit. */
static bool fits(const struct envoi_receiver *receiver, uint64_t more)
{
	uint64_t max = receiver->options.max_size;
	return max == 0 || more <= max - receiver->octets;
}

enum envoi_receiver_event envoi_receiver_do_data(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	if (args.len > 0) {
		envoi_receiver_complain(receiver, 501, "5.5.4", "syntax: DATA");
		return ENVOI_RECEIVER_NONE;
	}
	if (receiver->sender == NULL) {
		say_refusal(receiver, &no_mail);
		return ENVOI_RECEIVER_NONE;
	}
	if (receiver->chunked) {
		envoi_receiver_say(receiver, 503, "5.5.1", "BDAT was used: BDAT or RSET");
		return ENVOI_RECEIVER_NONE;
	}
	if (receiver->count == 0) {
		say_refusal(receiver, &no_recipients);
		return ENVOI_RECEIVER_NONE;
	}
	envoi_receiver_say(receiver, 354, NULL, "end with a dot on a line of its own");
	receiver->state = RECEIVER_DATA;
	receiver->line_start = true;
	receiver->after_cr = false;
	receiver->message = RECEIVER_MESSAGE_OPEN;
	return ENVOI_RECEIVER_MESSAGE_BEGIN;
}

/*
 * BDAT SP chunk-size [ SP "LAST" ] CRLF. Where the size cannot be read nobody
 * knows where the next command begins: the session ends.
 */
enum envoi_receiver_event envoi_receiver_do_bdat(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	uint64_t size = 0;
	struct envoi_span number = envoi_span_word(&args);
	struct envoi_span last = envoi_span_word(&args);
	if (envoi_span_number(number, INT64_MAX, &size) != 0 || args.len > 0
		|| (last.len > 0 && !envoi_span_equal_nocase(last, "LAST"))) {
		envoi_receiver_say(receiver, 501, "5.5.4",
			"syntax: BDAT octets [LAST]; closing, no way to find the next "
			"command");
		envoi_receiver_close(receiver);
		return ENVOI_RECEIVER_NONE;
	}
	receiver->state = RECEIVER_CHUNK;
	receiver->chunk_size = size;
	receiver->chunk_left = size;
	receiver->chunk_last = last.len > 0;
	receiver->refusal = NULL;
	if (!envoi_receiver_offers(receiver, ENVOI_EXT_CHUNKING)) {
		receiver->refusal = &not_offered;
	} else if (receiver->sender == NULL) {
		receiver->refusal = &no_mail;
	} else if (receiver->count == 0) {
		receiver->refusal = &no_recipients;
	} else if (receiver->message == RECEIVER_MESSAGE_FAILED) {
		receiver->refusal = &failed_before;
	} else if (!fits(receiver, size)) {
		receiver->refusal = &too_large;
		receiver->chunked = true;
		fail_message(receiver);
	}
	if (receiver->refusal != NULL) {
		return ENVOI_RECEIVER_NONE;
	}
	receiver->chunked = true;
	if (receiver->message == RECEIVER_MESSAGE_OPEN) {
		return ENVOI_RECEIVER_NONE;
	}
	receiver->message = RECEIVER_MESSAGE_OPEN;
	return ENVOI_RECEIVER_MESSAGE_BEGIN;
}

static void end_chunk(
	struct envoi_receiver *receiver, enum envoi_receiver_event *ret_event)
{
	receiver->state = RECEIVER_COMMAND;
	if (receiver->refusal == NULL && receiver->chunk_last) {
		ask_end(receiver, ret_event);
	} else if (receiver->refusal == NULL) {
		char text[64];
		(void)snprintf(text, sizeof(text), "%" PRIu64 " octets received",
			receiver->chunk_size);
		envoi_receiver_say(receiver, 250, "2.0.0", text);
	} else if (receiver->chunk_last) {
		say_refusal_at_end(receiver, receiver->refusal);
		if (receiver->message == RECEIVER_MESSAGE_FAILED) {
			envoi_receiver_reset(receiver);
		}
	} else {
		say_refusal(receiver, receiver->refusal);
	}
}

bool envoi_receiver_step_chunk(struct envoi_receiver *receiver,
	enum envoi_receiver_event *ret_event, struct envoi_span *ret_text)
{
	if (receiver->chunk_left == 0) {
		end_chunk(receiver, ret_event);
		return true;
	}
	struct envoi_span in = envoi_buffer_span(&receiver->in);
	if (in.len == 0) {
		return false;
	}
	if (in.len > receiver->chunk_left) {
		in.len = (size_t)receiver->chunk_left;
	}
	envoi_buffer_consume(&receiver->in, in.len);
	receiver->chunk_left -= in.len;
	if (receiver->refusal == NULL) {
		receiver->octets += in.len;
		*ret_text = in;
		*ret_event = ENVOI_RECEIVER_MESSAGE_DATA;
	}
	return true;
}

static void end_data(
	struct envoi_receiver *receiver, enum envoi_receiver_event *ret_event)
{
	if (receiver->message == RECEIVER_MESSAGE_OPEN) {
		ask_end(receiver, ret_event);
		return;
	}
	say_refusal_at_end(receiver, &too_large);
	if (receiver->state != RECEIVER_CLOSED) {
		receiver->state = RECEIVER_COMMAND;
		envoi_receiver_reset(receiver);
	}
}

/*
 * How many octets of in, which does not begin with a dot to be dropped, belong
 * to the message as they are: up to a line that begins with a dot, or all.
 */
static size_t run_length(struct envoi_receiver *receiver, struct envoi_span in)
{
	size_t at = 0;
	while (at < in.len) {
		const char *lf = memchr(in.data + at, '\n', in.len - at);
		if (lf == NULL) {
			break;
		}
		size_t end = (size_t)(lf - in.data);
		bool after_cr = end > 0 ? in.data[end - 1] == '\r' : receiver->after_cr;
		at = end + 1;
		if ((after_cr || receiver->lf_only)
			&& (at == in.len || in.data[at] == '.')) {
			receiver->line_start = true;
			receiver->after_cr = false;
			return at;
		}
	}
	receiver->line_start = false;
	receiver->after_cr = in.data[in.len - 1] == '\r';
	return in.len;
}

bool envoi_receiver_step_data(struct envoi_receiver *receiver,
	enum envoi_receiver_event *ret_event, struct envoi_span *ret_text)
{
	struct envoi_span in = envoi_buffer_span(&receiver->in);
	if (in.len == 0) {
		return false;
	}
	if (receiver->line_start && in.data[0] == '.') {
		if (receiver->lf_only && in.len >= 2 && in.data[1] == '\n') {
			envoi_buffer_consume(&receiver->in, 2);
			end_data(receiver, ret_event);
			return true;
		}
		if (in.len < 2
			|| (!receiver->lf_only && in.data[1] == '\r' && in.len < 3)) {
			return false;
		}
		if (!receiver->lf_only && in.data[1] == '\r' && in.data[2] == '\n') {
			envoi_buffer_consume(&receiver->in, 3);
			end_data(receiver, ret_event);
			return true;
		}
		envoi_buffer_consume(&receiver->in, 1);
		in = envoi_buffer_span(&receiver->in);
	}
	in.len = run_length(receiver, in);
	envoi_buffer_consume(&receiver->in, in.len);
	if (receiver->message == RECEIVER_MESSAGE_OPEN && !fits(receiver, in.len)) {
		fail_message(receiver);
	}
	if (receiver->message == RECEIVER_MESSAGE_OPEN) {
		receiver->octets += in.len;
		*ret_text = in;
		*ret_event = ENVOI_RECEIVER_MESSAGE_DATA;
	}
	return true;
}
