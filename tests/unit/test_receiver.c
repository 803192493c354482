/*
 * The receiver: dialogues in, replies and events out, each one whole, octet by
 * octet and split at every offset.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "protocol/receiver.h"

#define SECOND 1000000

enum {
	/* How a dialogue is held. */
	LMTP = 1 << 0,
	TLS = 1 << 1,
	/* The client ends after its last octet. */
	END = 1 << 2,
	TRACE = 1 << 3,
	/* What follows STARTTLS tells a glued line from a later one. */
	WHOLE = 1 << 4,
	PLAIN_CODES = 1 << 5,
	NO_CHUNKING = 1 << 6,
	LOCAL = 1 << 7,
	UTF8_DSN = 1 << 8,
};

/* One run: everything said, and everything told, as text. */
struct run {
	struct envoi_receiver *receiver;
	struct envoi_buffer replies;
	struct envoi_buffer events;
	struct envoi_buffer data;
	bool in_data;
	int64_t now;
};

static void run_init(struct run *run, int how)
{
	struct envoi_receiver_options options = {
		.hostname = "mx",
		.lmtp = (how & LMTP) != 0,
		.local = (how & LOCAL) != 0,
		.tls = (how & TLS) != 0,
		.extensions = ENVOI_EXT_PIPELINING | ENVOI_EXT_CHUNKING | ENVOI_EXT_SIZE
			      | ENVOI_EXT_8BITMIME | ENVOI_EXT_STARTTLS
			      | ENVOI_EXT_ENHANCEDSTATUSCODES,
		.max_size = 100,
		.max_recipients = 3,
		.idle_us = 300 * (int64_t)SECOND,
		.trace = (how & TRACE) != 0,
	};
	if ((how & PLAIN_CODES) != 0) {
		options.extensions &= ~(uint32_t)ENVOI_EXT_ENHANCEDSTATUSCODES;
	}
	if ((how & UTF8_DSN) != 0) {
		options.extensions |= ENVOI_EXT_SMTPUTF8 | ENVOI_EXT_DSN;
	}
	if ((how & NO_CHUNKING) != 0) {
		options.extensions &= ~(uint32_t)ENVOI_EXT_CHUNKING;
	}
	*run = (struct run){.receiver = envoi_receiver_new(&options)};
	ck_assert_ptr_nonnull(run->receiver);
	envoi_buffer_init(&run->replies, 1 << 20);
	envoi_buffer_init(&run->events, 1 << 20);
	envoi_buffer_init(&run->data, 1 << 20);
}

static void run_finish(struct run *run)
{
	envoi_receiver_free(run->receiver);
	envoi_buffer_finish(&run->replies);
	envoi_buffer_finish(&run->events);
	envoi_buffer_finish(&run->data);
}

static void note(struct run *run, const char *what, struct envoi_span text)
{
	ck_assert_int_eq(envoi_buffer_printf(&run->events, "%s", what), 0);
	ck_assert_int_eq(envoi_span_escape(&run->events, text), 0);
	ck_assert_int_eq(envoi_buffer_puts(&run->events, " "), 0);
}

/* Addresses say themselves what becomes of them. */
static void answer_address(struct run *run, struct envoi_span address)
{
	if (envoi_span_starts_nocase(address, "no")) {
		envoi_receiver_answer(run->receiver, 550, "5.1.1", "no such user");
	} else if (envoi_span_starts_nocase(address, "bye")) {
		envoi_receiver_answer(run->receiver, 421, "4.3.2", "going down");
	} else {
		envoi_receiver_answer(run->receiver, 250, "2.1.0", "ok");
	}
}

static void answer_message(struct run *run)
{
	size_t n = envoi_receiver_recipient_count(run->receiver);
	struct envoi_span data = envoi_buffer_span(&run->data);
	bool full = data.len >= 4 && memcmp(data.data, "full", 4) == 0;
	note(run, "data=", data);
	envoi_buffer_clear(&run->data);
	note(run, "end:", envoi_span_of(envoi_receiver_sender(run->receiver)));
	for (size_t i = 0; i < n; i++) {
		const char *name = envoi_receiver_recipient(run->receiver, i);
		note(run, "to:", envoi_span_of(name));
	}
	/* More answers than are due do nothing. */
	for (size_t i = 0; i < 4; i++) {
		if (full && i % 2 == 0) {
			envoi_receiver_answer(
				run->receiver, 451, "4.3.0", "disk is\r\nfull");
		} else {
			envoi_receiver_answer(run->receiver, 250, "2.0.0", "stored");
		}
	}
}

static void pull(struct run *run)
{
	struct envoi_span text;
	enum envoi_receiver_event event = envoi_receiver_next_event(run->receiver, &text);
	for (; event != ENVOI_RECEIVER_NONE;
		event = envoi_receiver_next_event(run->receiver, &text)) {
		switch (event) {
		case ENVOI_RECEIVER_COMMAND:
			note(run, "cmd:", text);
			break;
		case ENVOI_RECEIVER_MAIL:
			note(run, "mail:", text);
			answer_address(run, text);
			break;
		case ENVOI_RECEIVER_RCPT:
			note(run, "rcpt:", text);
			answer_address(run, text);
			break;
		case ENVOI_RECEIVER_MESSAGE_BEGIN:
			note(run, "begin", envoi_span_of(""));
			ck_assert(!run->in_data);
			run->in_data = true;
			break;
		case ENVOI_RECEIVER_MESSAGE_DATA:
			ck_assert(run->in_data);
			ck_assert_uint_gt(text.len, 0);
			ck_assert_int_eq(
				envoi_buffer_append(&run->data, text.data, text.len), 0);
			break;
		case ENVOI_RECEIVER_MESSAGE_END:
			ck_assert(run->in_data);
			run->in_data = false;
			answer_message(run);
			break;
		case ENVOI_RECEIVER_MESSAGE_ABORT:
			ck_assert(run->in_data);
			run->in_data = false;
			envoi_buffer_clear(&run->data);
			note(run, "abort", envoi_span_of(""));
			break;
		case ENVOI_RECEIVER_START_TLS:
			note(run, "tls", envoi_span_of(""));
			break;
		case ENVOI_RECEIVER_CLOSED:
			note(run, "closed", envoi_span_of(""));
			ck_assert(!run->in_data);
			break;
		case ENVOI_RECEIVER_NONE:
			break;
		}
	}
	struct envoi_span out = envoi_receiver_output(run->receiver);
	ck_assert_int_eq(envoi_buffer_append(&run->replies, out.data, out.len), 0);
	envoi_receiver_sent(run->receiver, out.len);
}

static void feed(struct run *run, const char *bytes, size_t n)
{
	while (n > 0) {
		/* A copy of its own size, so that a read past it is seen. */
		char *copy = malloc(n);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, bytes, n);
		size_t taken = envoi_receiver_receive(run->receiver, copy, n, run->now);
		free(copy);
		ck_assert_uint_gt(taken, 0);
		pull(run);
		bytes += taken;
		n -= taken;
	}
}

/* Feeds in with a cut at each of the offsets step, 2 * step... */
static void hold(
	struct run *run, int how, const char *in, size_t n, size_t cut, bool bytewise)
{
	run_init(run, how);
	envoi_receiver_start(run->receiver, run->now);
	pull(run);
	if (bytewise) {
		for (size_t i = 0; i < n; i++) {
			feed(run, in + i, 1);
		}
	} else {
		feed(run, in, cut);
		feed(run, in + cut, n - cut);
	}
	if ((how & END) != 0) {
		envoi_receiver_eof(run->receiver);
		pull(run);
	}
}

#define GREETING "220 mx ESMTP envoi\r\n"
#define HELLO "EHLO me\r\n"
#define HELLO_OK GREETING HELLO_REPLY
#define HELLO_REPLY                                                                      \
	"250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n"                   \
	"250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250 SIZE 100\r\n"
#define LMTP_OK "220 mx LMTP envoi\r\n" HELLO_REPLY
#define OPEN HELLO "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"
#define OK "250 2.1.0 ok\r\n"
#define OPEN_OK HELLO_OK OK OK
#define GO_AHEAD "354 end with a dot on a line of its own\r\n"
#define STORED "250 2.0.0 stored\r\n"
#define DONE "end:a@b to:c@d "
#define TOO_LARGE "552 5.3.4 message is over the size limit\r\n"
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define B(text) text, sizeof(text) - 1

static const struct {
	const char *name;
	int how;
	const char *in;
	size_t length;
	const char *out;
	const char *events;
} dialogues[] = {
#include "receiver_dialogues.h"
};

static void compare(const struct run *run, size_t i, const char *way, size_t cut)
{
	struct envoi_span out = envoi_buffer_span(&run->replies);
	struct envoi_span events = envoi_buffer_span(&run->events);
	ck_assert_msg(envoi_span_equal(out, envoi_span_of(dialogues[i].out)),
		"%s, %s at %zu: replies\n%.*s\nnot\n%s", dialogues[i].name, way, cut,
		(int)out.len, out.data, dialogues[i].out);
	ck_assert_msg(envoi_span_equal(events, envoi_span_of(dialogues[i].events)),
		"%s, %s at %zu: events\n%.*s\nnot\n%s", dialogues[i].name, way, cut,
		(int)events.len, events.data, dialogues[i].events);
}

START_TEST(dialogue_is_the_same_however_it_is_cut)
{
	size_t n = dialogues[_i].length;
	struct run run;
	hold(&run, dialogues[_i].how, dialogues[_i].in, n, n, false);
	compare(&run, (size_t)_i, "whole", 0);
	run_finish(&run);
	if ((dialogues[_i].how & WHOLE) != 0) {
		return;
	}
	hold(&run, dialogues[_i].how, dialogues[_i].in, n, 0, true);
	compare(&run, (size_t)_i, "octet by octet", 0);
	run_finish(&run);
	for (size_t cut = 0; cut < n; cut++) {
		hold(&run, dialogues[_i].how, dialogues[_i].in, n, cut, false);
		compare(&run, (size_t)_i, "cut", cut);
		run_finish(&run);
	}
}
END_TEST

/* After any octet the connection may be lost: a message that began is then
 * ended or aborted (pull() checks), and nothing follows CLOSED. */
START_TEST(every_loss_ends_what_began)
{
	for (size_t cut = 0; cut <= dialogues[_i].length; cut++) {
		struct run run;
		run_init(&run, dialogues[_i].how);
		envoi_receiver_start(run.receiver, 0);
		pull(&run);
		feed(&run, dialogues[_i].in, cut);
		envoi_receiver_eof(run.receiver);
		pull(&run);
		struct envoi_span events = envoi_buffer_span(&run.events);
		ck_assert_uint_ge(events.len, 7);
		ck_assert_int_eq(memcmp(events.data + events.len - 7, "closed ", 7), 0);
		pull(&run);
		ck_assert_uint_eq(envoi_buffer_span(&run.events).len, events.len);
		run_finish(&run);
	}
}
END_TEST

START_TEST(tls_forgets_what_was_said_before)
{
	struct run run;
	run_init(&run, 0);
	envoi_receiver_start(run.receiver, 0);
	feed(&run, B("EHLO me\r\nSTARTTLS\r\n"));
	ck_assert_str_eq(envoi_buffer_string(&run.events), "tls ");
	envoi_buffer_clear(&run.replies);
	envoi_receiver_tls_established(run.receiver, 0);
	feed(&run, B("MAIL FROM:<a@b>\r\nEHLO me\r\nSTARTTLS\r\n"));
	ck_assert_str_eq(envoi_buffer_string(&run.replies),
		"503 5.5.1 EHLO or HELO "
		"first\r\n250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
		"250-CHUNKING\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 100\r\n"
		"503 5.5.1 TLS is on already\r\n");
	run_finish(&run);
}
END_TEST

START_TEST(clear_text_in_place_of_the_handshake_closes)
{
	struct run run;
	run_init(&run, 0);
	envoi_receiver_start(run.receiver, 0);
	feed(&run, B("EHLO me\r\nSTARTTLS\r\n"));
	envoi_buffer_clear(&run.replies);
	feed(&run, B("MAIL FROM:<a@b>\r\n"));
	ck_assert_str_eq(envoi_buffer_string(&run.events), "tls closed ");
	ck_assert_uint_eq(run.replies.len, 0);
	envoi_receiver_tls_established(run.receiver, 0);
	feed(&run, B("NOOP\r\n"));
	ck_assert_uint_eq(run.replies.len, 0);
	run_finish(&run);
}
END_TEST

START_TEST(silence_ends_with_421)
{
	struct run run;
	run_init(&run, 0);
	envoi_receiver_start(run.receiver, 5 * SECOND);
	ck_assert_int_eq(envoi_receiver_deadline(run.receiver), 305 * (int64_t)SECOND);
	run.now = 100 * (int64_t)SECOND;
	feed(&run, B(OPEN "DATA\r\nhalf a"));
	ck_assert_int_eq(envoi_receiver_deadline(run.receiver), 400 * (int64_t)SECOND);
	envoi_buffer_clear(&run.replies);
	envoi_buffer_clear(&run.events);
	envoi_receiver_tick(run.receiver, 399 * (int64_t)SECOND);
	pull(&run);
	ck_assert_uint_eq(run.replies.len, 0);
	envoi_receiver_tick(run.receiver, 400 * (int64_t)SECOND);
	pull(&run);
	ck_assert_str_eq(envoi_buffer_string(&run.replies),
		"421 4.4.2 nothing heard for too long, closing\r\n");
	ck_assert_str_eq(envoi_buffer_string(&run.events), "abort closed ");
	ck_assert_int_eq(envoi_receiver_deadline(run.receiver), INT64_MAX);
	run_finish(&run);
}
END_TEST

START_TEST(shutdown_before_the_greeting_is_the_greeting)
{
	struct run run;
	run_init(&run, 0);
	envoi_receiver_shutdown(run.receiver, "too many connections");
	pull(&run);
	ck_assert_str_eq(
		envoi_buffer_string(&run.replies), "421 too many connections\r\n");
	ck_assert_str_eq(envoi_buffer_string(&run.events), "closed ");
	run_finish(&run);
}
END_TEST

START_TEST(shutdown_within_a_message_aborts_it)
{
	struct run run;
	run_init(&run, 0);
	envoi_receiver_start(run.receiver, 0);
	feed(&run, B(OPEN "DATA\r\nhalf a"));
	envoi_buffer_clear(&run.replies);
	envoi_buffer_clear(&run.events);
	envoi_receiver_shutdown(run.receiver, "shutting down");
	envoi_receiver_shutdown(run.receiver, "shutting down");
	pull(&run);
	ck_assert_str_eq(
		envoi_buffer_string(&run.replies), "421 4.3.2 shutting down\r\n");
	ck_assert_str_eq(envoi_buffer_string(&run.events), "abort closed ");
	run_finish(&run);
}
END_TEST

/* A client that never reads: the input waits, memory stays what it is. */
START_TEST(a_client_that_does_not_read_is_not_served)
{
	struct run run;
	struct envoi_span text;
	run_init(&run, 0);
	envoi_receiver_start(run.receiver, 0);
	size_t taken = 0;
	for (int i = 0; i < 100000; i++) {
		taken += envoi_receiver_receive(run.receiver, "NOOP\r\n", 6, 0);
		ck_assert_int_eq(envoi_receiver_next_event(run.receiver, &text),
			ENVOI_RECEIVER_NONE);
	}
	ck_assert_uint_lt(envoi_receiver_output(run.receiver).len, ENVOI_LIMIT_CONTROL);
	ck_assert_uint_lt(taken, 3 * ENVOI_LIMIT_RECEIVED);
	run_finish(&run);
}
END_TEST

START_TEST(a_line_of_any_length_is_one_bad_command)
{
	struct run run;
	run_init(&run, 0);
	envoi_receiver_start(run.receiver, 0);
	pull(&run);
	envoi_buffer_clear(&run.replies);
	char line[5000];
	memset(line, 'x', sizeof(line));
	for (int i = 0; i < 100; i++) {
		feed(&run, line, sizeof(line));
	}
	feed(&run, B("\r\nNOOP\r\n"));
	/* The longest line that is none too long, and the next. */
	memcpy(line, "NOOP ", 5);
	memcpy(line + ENVOI_LIMIT_COMMAND - 2, "\r\n", 2);
	feed(&run, line, ENVOI_LIMIT_COMMAND);
	memcpy(line + ENVOI_LIMIT_COMMAND - 2, "x\r\n", 3);
	feed(&run, line, ENVOI_LIMIT_COMMAND + 1);
	ck_assert_str_eq(envoi_buffer_string(&run.replies),
		"500 5.5.2 line is too long\r\n250 2.0.0 ok\r\n"
		"250 2.0.0 ok\r\n500 5.5.2 line is too long\r\n");
	run_finish(&run);
}
END_TEST

START_TEST(bad_commands_wear_patience_out)
{
	struct run run;
	run_init(&run, 0);
	envoi_receiver_start(run.receiver, 0);
	pull(&run);
	for (int i = 0; i < ENVOI_LIMIT_BAD_COMMANDS; i++) {
		envoi_buffer_clear(&run.replies);
		feed(&run, B("XYZZY\r\n"));
		ck_assert_str_eq(envoi_buffer_string(&run.replies),
			"500 5.5.1 command is not known\r\n");
	}
	envoi_buffer_clear(&run.replies);
	feed(&run, B("XYZZY\r\nNOOP\r\n"));
	ck_assert_str_eq(envoi_buffer_string(&run.replies),
		"421 4.7.0 too many bad commands, closing\r\n");
	ck_assert_str_eq(envoi_buffer_string(&run.events), "closed ");
	run_finish(&run);
}
END_TEST

START_TEST(a_message_restores_patience)
{
	struct run run;
	run_init(&run, 0);
	envoi_receiver_start(run.receiver, 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < ENVOI_LIMIT_BAD_COMMANDS; i++) {
			feed(&run, B("XYZZY\r\n"));
		}
		envoi_buffer_clear(&run.replies);
		feed(&run, B(OPEN "DATA\r\n.\r\nNOOP\r\n"));
		ck_assert_str_eq(envoi_buffer_string(&run.replies),
			HELLO_REPLY OK OK GO_AHEAD STORED "250 2.0.0 ok\r\n");
	}
	run_finish(&run);
}
END_TEST

START_TEST(an_address_has_a_limit)
{
	struct run run;
	char line[ENVOI_LIMIT_ADDRESS + 100];
	run_init(&run, 0);
	envoi_receiver_start(run.receiver, 0);
	feed(&run, B(HELLO));
	for (int more = 0; more < 2; more++) {
		envoi_buffer_clear(&run.replies);
		int n = snprintf(line, sizeof(line), "MAIL FROM:<%0*d>\r\n",
			ENVOI_LIMIT_ADDRESS + more, 0);
		feed(&run, line, (size_t)n);
		ck_assert_str_eq(envoi_buffer_string(&run.replies),
			more == 0 ? OK : "501 5.1.7 address is too long\r\n");
		feed(&run, B("RSET\r\n"));
	}
	run_finish(&run);
}
END_TEST

/* A body of many blocks with every kind of line, compared octet for octet. */
/* RFC 6531 3, RFC 3461 4. The last command's code. */
static const struct {
	const char *in;
	const char *code;
} parameters[] = {
	{"MAIL FROM:<\xC3\xA4@b> SMTPUTF8", "250"},
	{"MAIL FROM:<a@b> smtputf8 BODY=8BITMIME SIZE=9", "250"},
	{"MAIL FROM:<\xC3\xA4@b>", "553"},
	{"MAIL FROM:<\xC3@b> SMTPUTF8", "501"},
	{"MAIL FROM:<\xC2\x85@b> SMTPUTF8", "501"},
	{"MAIL FROM:<a@b> SMTPUTF8 SMTPUTF8", "501"},
	{"MAIL FROM:<a@b> SMTPUTF8=1", "555"},
	{"MAIL FROM:<a@b> SMTPUTF8\r\nRCPT TO:<\xC3\xA4@b>", "250"},
	{"MAIL FROM:<a@b>\r\nRCPT TO:<\xC3\xA4@b>", "553"},
	{"MAIL FROM:<a@b> SMTPUTF8\r\nRSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<\xC3\xA4@b>",
		"553"},
	{"MAIL FROM:<a@b> RET=HDRS ENVID=a+2Bb", "250"},
	{"MAIL FROM:<a@b> ret=full", "250"},
	{"MAIL FROM:<a@b> RET=BODY", "501"},
	{"MAIL FROM:<a@b> RET=HDRS RET=FULL", "501"},
	{"MAIL FROM:<a@b> ENVID=a=b", "501"},
	{"MAIL FROM:<a@b> ENVID=a+2", "501"},
	{"MAIL FROM:<a@b> ENVID=a+2b", "501"},
	{"MAIL FROM:<a@b> ENVID=", "501"},
	{"MAIL FROM:<a@b> ENVID=" FIFTY FIFTY, "250"},
	{"MAIL FROM:<a@b> ENVID=" FIFTY FIFTY "x", "501"},
	{"MAIL FROM:<a@b> NOTIFY=NEVER", "555"},
	{"MAIL FROM:<a@b>\r\nRCPT TO:<c@d> NOTIFY=SUCCESS,FAILURE,DELAY", "250"},
	{"MAIL FROM:<a@b>\r\nRCPT TO:<c@d> NOTIFY=never ORCPT=rfc822;c@d", "250"},
	{"MAIL FROM:<a@b>\r\nRCPT TO:<c@d> ORCPT=utf-8;\xC3\xA4@d", "250"},
	{"MAIL FROM:<a@b>\r\nRCPT TO:<c@d> ORCPT=rfc822;\xC3\xA4@d", "501"},
	{"MAIL FROM:<a@b>\r\nRCPT TO:<c@d> ORCPT=;c@d", "501"},
	{"MAIL FROM:<a@b>\r\nRCPT TO:<c@d> ORCPT=c@d", "501"},
	{"MAIL FROM:<a@b>\r\nRCPT TO:<c@d> NOTIFY=NEVER,DELAY", "501"},
	{"MAIL FROM:<a@b>\r\nRCPT TO:<c@d> NOTIFY=DELAY,DELAY", "501"},
	{"MAIL FROM:<a@b>\r\nRCPT TO:<c@d> NOTIFY=DELAY,", "501"},
	{"MAIL FROM:<a@b>\r\nRCPT TO:<c@d> NOTIFY=", "501"},
	{"MAIL FROM:<a@b>\r\nRCPT TO:<c@d> RET=HDRS", "555"},
};

START_TEST(parameters_are_checked)
{
	struct run run;
	run_init(&run, UTF8_DSN);
	envoi_receiver_start(run.receiver, 0);
	feed(&run, B(HELLO));
	feed(&run, parameters[_i].in, strlen(parameters[_i].in));
	envoi_buffer_clear(&run.replies);
	feed(&run, B("\r\n"));
	struct envoi_span out = envoi_buffer_span(&run.replies);
	ck_assert_msg(out.len > 3 && memcmp(out.data, parameters[_i].code, 3) == 0,
		"%s: %.*s", parameters[_i].in, (int)out.len, out.data);
	run_finish(&run);
}
END_TEST

START_TEST(large_data_comes_through)
{
	struct envoi_receiver_options options = {
		.hostname = "mx",
		.max_recipients = 1,
		.idle_us = SECOND,
	};
	struct run run;
	run_init(&run, 0);
	envoi_receiver_free(run.receiver);
	run.receiver = envoi_receiver_new(&options);
	envoi_buffer_finish(&run.events);
	envoi_buffer_init(&run.events, 8 << 20);
	struct envoi_buffer wire;
	struct envoi_buffer plain;
	envoi_buffer_init(&wire, 1 << 20);
	envoi_buffer_init(&plain, 1 << 20);
	(void)envoi_buffer_puts(
		&wire, "HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
	unsigned seed = 1;
	while (wire.len < 500000) {
		static const char *const parts[] = {"..", ".\r", "\r", "\n", "\n.\n",
			"\r\n", "\r\n\r\n", "words ", "\r.\r", "\xff"};
		seed = seed * 1103515245 + 12345;
		const char *part = parts[(seed >> 16) % 10];
		for (const char *p = part; *p != '\0'; p++) {
			struct envoi_span so_far = envoi_buffer_span(&plain);
			const char *end = so_far.data + so_far.len;
			if (*p == '.'
				&& (so_far.len == 0
					|| (so_far.len > 1
						&& memcmp(end - 2, "\r\n", 2) == 0))) {
				(void)envoi_buffer_append(&wire, ".", 1);
			}
			(void)envoi_buffer_append(&wire, p, 1);
			(void)envoi_buffer_append(&plain, p, 1);
		}
	}
	(void)envoi_buffer_puts(&wire, "\r\n.\r\nQUIT\r\n");
	(void)envoi_buffer_puts(&plain, "\r\n");
	envoi_receiver_start(run.receiver, 0);
	/* Note the octets before they are escaped into the events. */
	struct envoi_span all = envoi_buffer_span(&wire);
	for (size_t at = 0; at < all.len;) {
		size_t n = all.len - at < 7001 ? all.len - at : 7001;
		feed(&run, all.data + at, n);
		at += n;
	}
	struct envoi_buffer expected;
	envoi_buffer_init(&expected, 8 << 20);
	(void)envoi_buffer_puts(&expected, "mail: rcpt:c@d begin data=");
	(void)envoi_span_escape(&expected, envoi_buffer_span(&plain));
	(void)envoi_buffer_puts(&expected, " end: to:c@d closed ");
	ck_assert(envoi_span_equal(
		envoi_buffer_span(&run.events), envoi_buffer_span(&expected)));
	envoi_buffer_finish(&expected);
	envoi_buffer_finish(&wire);
	envoi_buffer_finish(&plain);
	run_finish(&run);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("receiver");
	TCase *tcase = tcase_create("receiver");
	int count = (int)(sizeof(dialogues) / sizeof(dialogues[0]));
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, dialogue_is_the_same_however_it_is_cut, 0, count);
	tcase_add_loop_test(tcase, every_loss_ends_what_began, 0, count);
	tcase_add_test(tcase, tls_forgets_what_was_said_before);
	tcase_add_test(tcase, clear_text_in_place_of_the_handshake_closes);
	tcase_add_test(tcase, silence_ends_with_421);
	tcase_add_test(tcase, shutdown_before_the_greeting_is_the_greeting);
	tcase_add_test(tcase, shutdown_within_a_message_aborts_it);
	tcase_add_test(tcase, a_client_that_does_not_read_is_not_served);
	tcase_add_test(tcase, a_line_of_any_length_is_one_bad_command);
	tcase_add_test(tcase, bad_commands_wear_patience_out);
	tcase_add_test(tcase, a_message_restores_patience);
	tcase_add_test(tcase, an_address_has_a_limit);
	tcase_add_loop_test(tcase, parameters_are_checked, 0,
		(int)(sizeof(parameters) / sizeof(parameters[0])));
	tcase_add_test(tcase, large_data_comes_through);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
