/*
 * Any octets as a server: several messages are given to a session, and each
 * must end with the outcome that a witness of the octets gives it
 * (tests/dialogue/memory/witness.h); in other pieces as well, and the same.
 *
 * octet 0     SETUP_ bits
 * octet 1     messages (3 bits), recipients of each (2), their size (3)
 * octet 2     how the octets of the server are cut, the second time
 * from 3 on   octets of the server; 255 and an OP_ are something else. The
 *             client has its turn behind each line, or only when it is told.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "witness.h"

#include "fuzz.h"

enum {
	SETUP_LMTP = 1 << 0,
	/* A policy of TLS in two bits. */
	SETUP_TLS = 3 << 1,
	SETUP_ALL_OR_NOTHING = 1 << 3,
	SETUP_GLUE = 1 << 4,
	SETUP_NO_CLOSE = 1 << 5,
	SETUP_EIGHT_BIT = 1 << 6,
	SETUP_SMALL_WINDOW = 1 << 7,
};

enum {
	OP_OCTET_255,
	OP_TURN,
	/* The next octet says how many octets the transport takes. */
	OP_SHORT_TURN,
	OP_TIMEOUT,
	OP_SECOND,
	OP_EOF,
	OP_RESET,
	OP_STOP,
	OP_CLOSE,
	OP_TLS,
	OP_ABORT,
	OP_COUNT,
};

#define MAILS 8
#define PEOPLE 4

struct mail {
	struct envoi_transaction transaction;
	struct envoi_recipient people[PEOPLE];
	struct envoi_recipient *pointers[PEOPLE];
	bool submitted, finished;
};

struct run {
	struct envoi_session *session;
	struct witness witness;
	struct mail mails[MAILS];
	size_t count, next, flying;
	unsigned setup;
	size_t body_taken;
	/* Taken and not sent. */
	struct envoi_buffer out;
	/* Everything said and told. */
	struct envoi_buffer log;
	bool closed;
	int64_t now;
};

static void submit(struct run *run)
{
	struct envoi_error err;
	while (run->next < run->count && !run->closed) {
		struct mail *mail = &run->mails[run->next];
		if (!envoi_session_can_submit(run->session, mail->transaction.size)) {
			break;
		}
		run->next++;
		run->flying++;
		mail->submitted = true;
		MUST(envoi_session_submit(run->session, &mail->transaction, &err) == 0);
	}
	if (run->flying == 0 && (run->setup & SETUP_NO_CLOSE) == 0) {
		envoi_session_close(run->session, run->now);
	}
}

static void finished(struct run *run, struct envoi_transaction *t)
{
	struct mail *mail = (struct mail *)(void *)t;
	MUST(mail->submitted && !mail->finished);
	mail->finished = true;
	run->flying--;
	for (size_t i = 0; i < t->count; i++) {
		const struct envoi_result *result = &mail->people[i].result;
		bool delivered = result->outcome == ENVOI_OUTCOME_DELIVERED;
		MUST(delivered == (result->status == ENVOI_STATUS_OK));
		MUST(!result->again || result->outcome == ENVOI_OUTCOME_DEFERRED
			|| result->outcome == ENVOI_OUTCOME_UNTRIED);
		const char *why = witness_judge(
			&run->witness, (size_t)(mail - run->mails), &mail->people[i]);
		if (why != NULL) {
			(void)fprintf(stderr, "%s\n", why);
			abort();
		}
		MUST(envoi_buffer_printf(&run->log, "[%zu %s %d]",
			     (size_t)(mail - run->mails),
			     envoi_outcome_name(result->outcome), result->reply.code)
			== 0);
	}
}

static void pull(struct run *run)
{
	struct envoi_transaction *t = NULL;
	enum envoi_event event;
	while ((event = envoi_session_next_event(run->session, &t)) != ENVOI_EVENT_NONE) {
		MUST(!run->closed);
		if (event == ENVOI_EVENT_FINISHED) {
			finished(run, t);
			submit(run);
		} else if (event == ENVOI_EVENT_READY) {
			submit(run);
		} else if (event == ENVOI_EVENT_CLOSED) {
			run->closed = true;
		}
	}
}

static void append(struct envoi_buffer *buffer, const void *bytes, size_t n)
{
	MUST(envoi_buffer_append(buffer, bytes, n) == 0);
}

/* Lines of seven octets, and at the end as much as there is room for. */
static void take_body(struct run *run, const struct envoi_segment *segment, size_t room)
{
	static const char line[] = "abcde\r\n";
	struct mail *mail = (struct mail *)(void *)segment->transaction;
	size_t size = (size_t)mail->transaction.size;
	size_t n = size - run->body_taken < room ? size - run->body_taken : room;
	MUST(mail->submitted && !mail->finished);
	if (run->body_taken == 0) {
		witness_body(&run->witness, (size_t)(mail - run->mails));
	}
	char *to = envoi_buffer_reserve(&run->out, n);
	MUST(to != NULL);
	for (size_t i = 0; i < n; i++) {
		size_t left = size - run->body_taken - i;
		to[i] = left <= 2 ? line[7 - left] : line[(run->body_taken + i) % 7];
	}
	envoi_buffer_added(&run->out, n);
	run->body_taken += n;
	bool last = run->body_taken == size;
	run->body_taken = last ? 0 : run->body_taken;
	envoi_session_take(run->session, n, last);
}

static void send(struct run *run, size_t n)
{
	struct envoi_span out = envoi_buffer_span(&run->out);
	append(&run->log, out.data, n);
	witness_client(&run->witness, out.data, n);
	envoi_buffer_consume(&run->out, n);
	envoi_session_sent(run->session, n, run->now);
}

/* The transport takes at most so many octets. */
static void turn(struct run *run, size_t room)
{
	struct envoi_segment segment;
	for (pull(run); !run->closed && room > 0; pull(run)) {
		if (run->out.len > 0) {
			size_t n = run->out.len < room ? run->out.len : room;
			send(run, n);
			room -= room == SIZE_MAX ? 0 : n;
			continue;
		}
		if (!envoi_session_next_segment(run->session, &segment, run->now)) {
			break;
		}
		if (segment.kind == ENVOI_SEGMENT_BODY) {
			take_body(run, &segment, room);
			continue;
		}
		MUST(segment.length >= 2
			&& memcmp(segment.data + segment.length - 2, "\r\n", 2) == 0);
		append(&run->out, segment.data, segment.length);
		envoi_session_take(run->session, segment.length, true);
	}
}

static void feed(struct run *run, const uint8_t *data, size_t n, size_t piece)
{
	witness_server(&run->witness, (const char *)data, n);
	while (n > 0) {
		size_t part = n < piece ? n : piece;
		char *exact = malloc(part);
		MUST(exact != NULL);
		memcpy(exact, data, part);
		envoi_session_receive(run->session, exact, part, run->now);
		free(exact);
		data += part;
		n -= part;
	}
}

static void operate(struct run *run, unsigned op, size_t argument)
{
	static const uint8_t octet = 255;
	struct envoi_error why;
	switch (op % OP_COUNT) {
	case OP_OCTET_255:
		feed(run, &octet, 1, 1);
		break;
	case OP_TURN:
		turn(run, SIZE_MAX);
		break;
	case OP_SHORT_TURN:
		turn(run, argument);
		break;
	case OP_TIMEOUT:
		run->now = envoi_session_deadline(run->session);
		if (run->now == ENVOI_CLOCK_NEVER) {
			run->now = 0;
		}
		envoi_session_tick(run->session, run->now);
		break;
	case OP_SECOND:
		run->now += 1000000;
		envoi_session_tick(run->session, run->now);
		break;
	case OP_EOF:
	case OP_RESET:
		envoi_session_eof(run->session, op % OP_COUNT == OP_RESET, run->now);
		break;
	case OP_STOP:
		envoi_session_stop(run->session, run->now);
		break;
	case OP_CLOSE:
		envoi_session_close(run->session, run->now);
		break;
	case OP_TLS:
		envoi_session_tls_established(run->session, run->now);
		break;
	default:
		(void)envoi_error_set(&why, ENVOI_STATUS_IO, "aborted");
		envoi_session_abort(
			run->session, &why, ENVOI_PHASE_INPUT, argument % 2, run->now);
		break;
	}
	pull(run);
}

static void play(struct run *run, const uint8_t *data, size_t size, size_t piece)
{
	size_t from = 0;
	for (size_t i = 0; i < size; i++) {
		bool is_op = data[i] == 255;
		bool line = data[i] == '\n' && (run->setup & SETUP_GLUE) == 0;
		if (!is_op && !line) {
			continue;
		}
		feed(run, data + from, i - from + (line ? 1 : 0), piece);
		if (line) {
			turn(run, SIZE_MAX);
		} else {
			unsigned op = i + 1 < size ? data[++i] : 0;
			bool more = op % OP_COUNT == OP_SHORT_TURN
				    || op % OP_COUNT == OP_ABORT;
			operate(run, op, more && i + 1 < size ? data[++i] : 0);
		}
		from = i + 1;
	}
	if (from < size) {
		feed(run, data + from, size - from, piece);
	}
}

static void begin(struct run *run, const uint8_t *data)
{
	static const char *const names[PEOPLE] = {"a@x", "b@x", "c@y", "d@y"};
	static const size_t sizes[8] = {0, 1, 2, 9, 70, 500, 70000, (1u << 20) + 9};
	struct envoi_error err;
	*run = (struct run){.setup = data[0], .count = 1 + data[1] % MAILS};
	size_t people = 1 + (data[1] >> 3) % PEOPLE;
	for (size_t i = 0; i < run->count; i++) {
		struct mail *mail = &run->mails[i];
		for (size_t j = 0; j < people; j++) {
			mail->people[j].address = names[j];
			mail->pointers[j] = &mail->people[j];
		}
		mail->transaction = (struct envoi_transaction){
			.sender = "s@x",
			.recipients = mail->pointers,
			.count = people,
			/* One of them is large. */
			.size = sizes[i == 0 ? data[1] >> 5 : (data[1] >> 5) % 5],
			.body = (run->setup & SETUP_EIGHT_BIT) != 0 ? ENVOI_BODY_8BITMIME
								    : ENVOI_BODY_7BIT,
			.all_or_nothing = (run->setup & SETUP_ALL_OR_NOTHING) != 0,
		};
	}
	struct envoi_session_options options = {
		.helo = "c",
		.lmtp = (run->setup & SETUP_LMTP) != 0,
		.tls = (enum envoi_tls_policy)((run->setup & SETUP_TLS) >> 1),
		.window = (run->setup & SETUP_SMALL_WINDOW) != 0 ? 2 : 0,
	};
	envoi_buffer_init(&run->out, SIZE_MAX / 4);
	envoi_buffer_init(&run->log, SIZE_MAX / 4);
	witness_init(&run->witness);
	witness_connect(&run->witness, options.lmtp);
	run->session = envoi_session_new(&options, 0, &err);
	MUST(run->session != NULL);
	turn(run, SIZE_MAX);
}

static void end(struct run *run)
{
	pull(run);
	envoi_session_eof(run->session, false, run->now);
	pull(run);
	MUST(run->closed && run->flying == 0);
	MUST(envoi_session_facts(run->session)->close != ENVOI_CLOSE_OPEN);
	MUST(envoi_session_deadline(run->session) == ENVOI_CLOCK_NEVER);
	size_t accepted = 0;
	for (size_t i = 0; i < run->count; i++) {
		struct mail *mail = &run->mails[i];
		MUST(mail->submitted == mail->finished);
		accepted += mail->transaction.accepted;
		for (size_t j = 0; j < mail->transaction.count; j++) {
			envoi_result_finish(&mail->people[j].result);
		}
		envoi_transaction_finish(&mail->transaction);
	}
	MUST(accepted == envoi_session_facts(run->session)->accepted);
	envoi_session_free(run->session);
	witness_finish(&run->witness);
	envoi_buffer_finish(&run->out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run whole, pieces;
	if (size < 3) {
		return 0;
	}
	begin(&whole, data);
	play(&whole, data + 3, size - 3, size);
	end(&whole);
	begin(&pieces, data);
	play(&pieces, data + 3, size - 3, 1 + data[2] % 8);
	end(&pieces);
	MUST(envoi_span_equal(
		envoi_buffer_span(&whole.log), envoi_buffer_span(&pieces.log)));
	envoi_buffer_finish(&whole.log);
	envoi_buffer_finish(&pieces.log);
	return 0;
}
