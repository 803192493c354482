/*
 * Any octets as a client of the receiver, whole and in pieces: every message
 * that begins ends or is aborted, nothing is over its limit, replies are lines
 * of printable ASCII, nothing follows CLOSED, and the pieces make no
 * difference. The first octet says how the receiver is set up, the second how
 * the rest is cut.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "protocol/receiver.h"

#include "fuzz.h"

#define MAX_SIZE 300
#define MAX_RECIPIENTS 4

enum {
	SETUP_LMTP = 1 << 0,
	SETUP_NO_CODES = 1 << 1,
	SETUP_NO_CHUNKING = 1 << 2,
	SETUP_TLS = 1 << 3,
	SETUP_TRACE = 1 << 4,
	SETUP_LOCAL = 1 << 5,
};

struct run {
	struct envoi_receiver *receiver;
	struct envoi_buffer replies;
	/* What the caller was told. */
	struct envoi_buffer log;
	/* Of the message under way. */
	struct envoi_buffer octets;
	bool in_message;
	bool closed;
};

static void append(struct envoi_buffer *buffer, const void *bytes, size_t n)
{
	MUST(envoi_buffer_append(buffer, bytes, n) == 0);
}

static void take_replies(struct run *run)
{
	struct envoi_span out = envoi_receiver_output(run->receiver);
	for (size_t i = 0; i < out.len; i++) {
		char c = out.data[i];
		MUST((c >= 0x20 && c <= 0x7e) || (c == '\r' && out.data[i + 1] == '\n')
			|| (c == '\n' && out.data[i - 1] == '\r'));
	}
	MUST(out.len < 2 || out.data[out.len - 1] == '\n');
	append(&run->replies, out.data, out.len);
	envoi_receiver_sent(run->receiver, out.len);
}

static void end_message(struct run *run)
{
	size_t n = envoi_receiver_recipient_count(run->receiver);
	MUST(run->in_message && n >= 1 && n <= MAX_RECIPIENTS);
	MUST(envoi_receiver_sender(run->receiver) != NULL);
	MUST(run->octets.len <= MAX_SIZE);
	run->in_message = false;
	append(&run->log, "end", 4);
	struct envoi_span octets = envoi_buffer_span(&run->octets);
	append(&run->log, octets.data, octets.len);
	envoi_buffer_clear(&run->octets);
	for (size_t i = 0; i < n; i++) {
		MUST(strlen(envoi_receiver_recipient(run->receiver, i)) > 0);
		/* In SMTP the first one settles it and frees the rest. */
		envoi_receiver_answer(
			run->receiver, octets.len % 2 == 0 ? 250 : 451, "2.0.0", "x");
		if (envoi_receiver_recipient_count(run->receiver) == 0) {
			return;
		}
	}
}

static void obey(struct run *run, enum envoi_receiver_event event, struct envoi_span text)
{
	MUST(!run->closed);
	switch (event) {
	case ENVOI_RECEIVER_COMMAND:
		MUST(text.len <= ENVOI_LIMIT_COMMAND);
		break;
	case ENVOI_RECEIVER_MAIL:
	case ENVOI_RECEIVER_RCPT:
		MUST(!run->in_message && text.len <= ENVOI_LIMIT_ADDRESS);
		append(&run->log, text.data, text.len);
		envoi_receiver_answer(
			run->receiver, text.len % 7 == 3 ? 550 : 250, NULL, "x\r\ny");
		break;
	case ENVOI_RECEIVER_MESSAGE_BEGIN:
		MUST(!run->in_message);
		run->in_message = true;
		break;
	case ENVOI_RECEIVER_MESSAGE_DATA:
		MUST(run->in_message && text.len > 0);
		append(&run->octets, text.data, text.len);
		break;
	case ENVOI_RECEIVER_MESSAGE_END:
		end_message(run);
		break;
	case ENVOI_RECEIVER_MESSAGE_ABORT:
		MUST(run->in_message);
		run->in_message = false;
		envoi_buffer_clear(&run->octets);
		append(&run->log, "abort", 6);
		break;
	case ENVOI_RECEIVER_START_TLS:
		MUST(!run->in_message);
		take_replies(run);
		envoi_receiver_tls_established(run->receiver, 0);
		break;
	case ENVOI_RECEIVER_CLOSED:
		MUST(!run->in_message);
		run->closed = true;
		append(&run->log, "closed", 7);
		break;
	case ENVOI_RECEIVER_NONE:
		break;
	}
}

static void pull(struct run *run)
{
	struct envoi_span text;
	enum envoi_receiver_event event;
	size_t before;
	do {
		before = envoi_receiver_output(run->receiver).len;
		while ((event = envoi_receiver_next_event(run->receiver, &text))
			!= ENVOI_RECEIVER_NONE) {
			obey(run, event, text);
		}
		before = envoi_receiver_output(run->receiver).len;
		take_replies(run);
	} while (before > 0);
}

static void hold(
	struct run *run, unsigned setup, const uint8_t *data, size_t size, size_t piece)
{
	struct envoi_receiver_options options = {
		.hostname = "mx",
		.lmtp = (setup & SETUP_LMTP) != 0,
		.local = (setup & SETUP_LOCAL) != 0,
		.extensions =
			ENVOI_EXT_PIPELINING | ENVOI_EXT_SIZE | ENVOI_EXT_8BITMIME
			| ((setup & SETUP_NO_CODES) != 0 ? 0
							 : ENVOI_EXT_ENHANCEDSTATUSCODES)
			| ((setup & SETUP_NO_CHUNKING) != 0 ? 0 : ENVOI_EXT_CHUNKING)
			| ((setup & SETUP_TLS) != 0 ? ENVOI_EXT_STARTTLS : 0),
		.max_size = MAX_SIZE,
		.max_recipients = MAX_RECIPIENTS,
		.idle_us = 1000000,
		.trace = (setup & SETUP_TRACE) != 0,
	};
	*run = (struct run){.receiver = envoi_receiver_new(&options)};
	MUST(run->receiver != NULL);
	envoi_buffer_init(&run->replies, SIZE_MAX / 4);
	envoi_buffer_init(&run->log, SIZE_MAX / 4);
	envoi_buffer_init(&run->octets, SIZE_MAX / 4);
	envoi_receiver_start(run->receiver, 0);
	pull(run);
	while (size > 0) {
		size_t n = size < piece ? size : piece;
		size_t taken = envoi_receiver_receive(run->receiver, data, n, 0);
		MUST(taken > 0);
		data += taken;
		size -= taken;
		pull(run);
	}
	envoi_receiver_eof(run->receiver);
	pull(run);
	MUST(run->closed && !run->in_message);
}

static void run_finish(struct run *run)
{
	envoi_receiver_free(run->receiver);
	envoi_buffer_finish(&run->replies);
	envoi_buffer_finish(&run->log);
	envoi_buffer_finish(&run->octets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run whole;
	struct run pieces;
	if (size < 2) {
		return 0;
	}
	unsigned setup = data[0];
	size_t piece = 1 + data[1] % 64;
	hold(&whole, setup, data + 2, size - 2, size);
	hold(&pieces, setup, data + 2, size - 2, piece);
	/* What is glued to STARTTLS is refused, what comes later is not. */
	if ((setup & SETUP_TLS) == 0) {
		MUST(envoi_span_equal(envoi_buffer_span(&whole.replies),
			envoi_buffer_span(&pieces.replies)));
		MUST(envoi_span_equal(
			envoi_buffer_span(&whole.log), envoi_buffer_span(&pieces.log)));
	}
	run_finish(&whole);
	run_finish(&pieces);
	return 0;
}
