/*
 * What goes out: a queue of segments (control bytes, or the body of a
 * transaction), and beside it the queue of the replies they will get, with
 * the offset in the output where each command ends. So it is exact at every
 * moment which command, and above all which end of data, has left.
 */
#include "protocol/session_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "protocol/command.h"

void envoi_session_out_finish(struct envoi_session *s)
{
	if (s->control.data != NULL) {
		envoi_secret_wipe(s->control.data, s->control.capacity);
	}
	envoi_buffer_finish(&s->control);
	free(s->segments);
	free(s->expected);
	s->segments = NULL;
	s->expected = NULL;
}

/* A ring that is full is copied to twice its size, head first. */
static void *grow_ring(
	void *ring, size_t size, size_t *head, size_t count, size_t *capacity)
{
	size_t wanted = *capacity == 0 ? 16 : *capacity * 2;
	char *grown = calloc(wanted, size);
	if (grown == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = (*head + i) % *capacity;
		memcpy(grown + i * size, (const char *)ring + at * size, size);
	}
	free(ring);
	*head = 0;
	*capacity = wanted;
	return grown;
}

static struct segment *push_segment(struct envoi_session *s)
{
	if (s->segment_count == s->segment_capacity) {
		void *grown = grow_ring(s->segments, sizeof(*s->segments),
			&s->segment_head, s->segment_count, &s->segment_capacity);
		if (grown == NULL) {
			return NULL;
		}
		s->segments = grown;
	}
	size_t at = (s->segment_head + s->segment_count++) % s->segment_capacity;
	/* No expected reply: an empty range. */
	s->segments[at] = (struct segment){.first_expected = 1, .last_expected = 0};
	return &s->segments[at];
}

static struct expected *expected_at(const struct envoi_session *s, uint64_t number)
{
	if (number < s->expected_base || number - s->expected_base >= s->expected_count) {
		return NULL;
	}
	size_t i = (size_t)(number - s->expected_base);
	return &s->expected[(s->expected_head + i) % s->expected_capacity];
}

struct expected *envoi_session_expected_head(const struct envoi_session *s)
{
	return expected_at(s, s->expected_base);
}

struct expected envoi_session_expected_pop(struct envoi_session *s)
{
	struct expected e = *envoi_session_expected_head(s);
	s->expected_head = (s->expected_head + 1) % s->expected_capacity;
	s->expected_count--;
	s->expected_base++;
	if (e.work != NULL) {
		e.work->outstanding--;
	}
	return e;
}

bool envoi_session_expected_is_sent(
	const struct envoi_session *s, const struct expected *e)
{
	return e->end != OFFSET_NONE && e->end <= s->sent;
}

/* Returns the number of the new one, or -1 in memory trouble. */
static int64_t push_expected(
	struct envoi_session *s, enum verb verb, struct work *work, size_t recipient)
{
	if (s->expected_count == s->expected_capacity) {
		void *grown = grow_ring(s->expected, sizeof(*s->expected),
			&s->expected_head, s->expected_count, &s->expected_capacity);
		if (grown == NULL) {
			return -1;
		}
		s->expected = grown;
	}
	size_t at = (s->expected_head + s->expected_count) % s->expected_capacity;
	s->expected[at] = (struct expected){
		.verb = verb,
		.work = work,
		.recipient = recipient,
		.begin = verb == VERB_GREETING ? 0 : OFFSET_NONE,
		.chunk = OFFSET_NONE,
		.end = verb == VERB_GREETING ? 0 : OFFSET_NONE,
	};
	if (work != NULL) {
		work->outstanding++;
	}
	return (int64_t)(s->expected_base + s->expected_count++);
}

static bool no_memory(struct envoi_session *s, int64_t now)
{
	struct envoi_error err;
	(void)envoi_error_set(&err, ENVOI_STATUS_SYSTEM, "out of memory");
	envoi_session_fault(s, &err, ENVOI_PHASE_MAIL, NULL);
	envoi_session_lost(s, ENVOI_CLOSE_NOT_SENT, now);
	return false;
}

/* A control segment of the octets appended since "before". */
static struct segment *push_control(
	struct envoi_session *s, struct work *work, size_t before)
{
	struct segment *segment = push_segment(s);
	if (segment != NULL) {
		segment->work = work;
		segment->length = s->control.len - before;
	}
	return segment;
}

bool envoi_session_out_command(struct envoi_session *s, int64_t now, enum verb verb,
	struct work *work, size_t recipient, const char *format, ...)
{
	int64_t number = push_expected(s, verb, work, recipient);
	if (number < 0) {
		return no_memory(s, now);
	}
	if (verb == VERB_GREETING) {
		return true;
	}
	char line[ENVOI_LIMIT_COMMAND];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	struct envoi_error err;
	size_t before = s->control.len;
	if (n < 0 || (size_t)n >= sizeof(line)) {
		(void)envoi_error_set(
			&err, ENVOI_STATUS_USAGE, "command line of %d octets", n);
	} else if (envoi_command_add(&s->control, &err, "%s", line) == 0) {
		/* RSET clears up before a transaction, it does not begin it. */
		struct segment *segment =
			push_control(s, verb == VERB_RSET ? NULL : work, before);
		if (segment == NULL) {
			return no_memory(s, now);
		}
		segment->first_expected = segment->last_expected = (uint64_t)number;
		segment->ends = true;
		return true;
	}
	envoi_session_fault(s, &err, envoi_session_verb_phase(verb), NULL);
	envoi_session_lost(s, ENVOI_CLOSE_NOT_SENT, now);
	return false;
}

bool envoi_session_out_secret(struct envoi_session *s, int64_t now, const char *head,
	const struct envoi_secret *line)
{
	size_t before = s->control.len;
	int64_t number = push_expected(s, VERB_AUTH, NULL, 0);
	/* Room for all of it at once: a buffer that grows leaves a copy behind. */
	if (number < 0
		|| envoi_buffer_reserve(&s->control, strlen(head) + line->length + 2)
			   == NULL
		|| envoi_buffer_puts(&s->control, head) != 0
		|| envoi_buffer_append(&s->control, line->data, line->length) != 0
		|| envoi_buffer_puts(&s->control, "\r\n") != 0) {
		return no_memory(s, now);
	}
	struct segment *segment = push_control(s, NULL, before);
	if (segment == NULL) {
		return no_memory(s, now);
	}
	segment->first_expected = segment->last_expected = (uint64_t)number;
	segment->ends = true;
	segment->secret = line->length > 0;
	segment->shown = strlen(head);
	return true;
}

/* One expected END, or in LMTP one for each accepted recipient. */
static bool expect_end(struct envoi_session *s, struct work *work, uint64_t *ret_first,
	uint64_t *ret_last)
{
	bool any = false;
	for (size_t i = 0; i < work->transaction->count; i++) {
		const struct envoi_result *result =
			&work->transaction->recipients[i]->result;
		if (s->options.lmtp && result->outcome != ENVOI_OUTCOME_PENDING) {
			continue;
		}
		int64_t number = push_expected(s, VERB_END, work, i);
		if (number < 0) {
			return false;
		}
		if (!any) {
			*ret_first = (uint64_t)number;
		}
		*ret_last = (uint64_t)number;
		any = true;
		if (!s->options.lmtp) {
			break;
		}
	}
	return true;
}

static bool push_body(struct envoi_session *s, struct work *work, bool stuff,
	uint64_t first, uint64_t last, bool ends)
{
	struct segment *body = push_segment(s);
	if (body == NULL) {
		return false;
	}
	body->body = true;
	body->stuff = stuff;
	body->work = work;
	body->first_expected = first;
	body->last_expected = last;
	body->ends = ends;
	body->end_of_data = ends;
	work->body = true;
	return true;
}

/* The dot line as a segment; first > last: nothing is expected. */
static bool push_dot(
	struct envoi_session *s, struct work *work, uint64_t first, uint64_t last)
{
	size_t before = s->control.len;
	if (envoi_buffer_puts(&s->control, ".\r\n") != 0) {
		return false;
	}
	struct segment *dot = push_control(s, work, before);
	if (dot == NULL) {
		return false;
	}
	dot->first_expected = first;
	dot->last_expected = last;
	dot->ends = true;
	dot->end_of_data = work != NULL;
	return true;
}

bool envoi_session_out_data_body(struct envoi_session *s, struct work *work, int64_t now)
{
	uint64_t first = 1, last = 0;
	if (!expect_end(s, work, &first, &last)
		|| !push_body(s, work, true, first, last, false)
		|| !push_dot(s, work, first, last)) {
		return no_memory(s, now);
	}
	return true;
}

bool envoi_session_out_bdat(struct envoi_session *s, struct work *work, int64_t now)
{
	uint64_t first = 1, last = 0;
	size_t before = s->control.len;
	struct envoi_error err;
	if (!expect_end(s, work, &first, &last)
		|| envoi_command_add(&s->control, &err, "BDAT %ju LAST",
			   (uintmax_t)work->transaction->size)
			   != 0) {
		return no_memory(s, now);
	}
	struct segment *control = push_control(s, work, before);
	if (control == NULL) {
		return no_memory(s, now);
	}
	control->first_expected = first;
	control->last_expected = last;
	work->chunked = true;
	if (!push_body(s, work, false, first, last, true)) {
		return no_memory(s, now);
	}
	return true;
}

bool envoi_session_out_lone_dot(struct envoi_session *s, struct work *work, int64_t now)
{
	uint64_t first = 1, last = 0;
	if (!s->options.lmtp) {
		int64_t number = push_expected(s, VERB_END, work, 0);
		if (number < 0) {
			return no_memory(s, now);
		}
		first = last = (uint64_t)number;
	}
	/* Nobody waits for this dot to be sent: the segment is no one's. */
	if (!push_dot(s, NULL, first, last)) {
		return no_memory(s, now);
	}
	return true;
}

bool envoi_session_next_segment(
	struct envoi_session *s, struct envoi_segment *ret_segment, int64_t now)
{
	if (s->segment_count == 0) {
		envoi_session_send_commands(s, now);
	}
	if (s->state == STATE_CLOSED || s->segment_count == 0) {
		return false;
	}
	const struct segment *segment = &s->segments[s->segment_head];
	*ret_segment = (struct envoi_segment){
		.kind = segment->body ? ENVOI_SEGMENT_BODY : ENVOI_SEGMENT_CONTROL,
		.stuff = segment->stuff,
	};
	if (segment->body) {
		ret_segment->transaction = segment->work->transaction;
	} else {
		ret_segment->data = envoi_buffer_span(&s->control).data;
		ret_segment->length = segment->length;
		ret_segment->secret = segment->secret;
		ret_segment->shown = segment->shown;
	}
	return true;
}

/* Marks where the commands of this segment begin. */
static void mark_begin(struct envoi_session *s, const struct segment *segment)
{
	for (uint64_t i = segment->first_expected; i <= segment->last_expected; i++) {
		struct expected *e = expected_at(s, i);
		if (e != NULL && e->begin == OFFSET_NONE) {
			e->begin = s->taken;
		}
	}
}

/* Marks where they end, or where the line of BDAT does. */
static void mark_end(struct envoi_session *s, const struct segment *segment)
{
	for (uint64_t i = segment->first_expected; i <= segment->last_expected; i++) {
		struct expected *e = expected_at(s, i);
		if (e != NULL && segment->ends) {
			e->end = s->taken;
		} else if (e != NULL && !segment->body) {
			e->chunk = s->taken;
		}
	}
}

void envoi_session_take(struct envoi_session *s, size_t n, bool last)
{
	if (s->segment_count == 0 || s->state == STATE_CLOSED) {
		return;
	}
	struct segment *segment = &s->segments[s->segment_head];
	struct work *work = segment->work;
	if (!segment->started) {
		mark_begin(s, segment);
		segment->started = true;
		if (work != NULL) {
			work->begun = true;
		}
	}
	s->taken += n;
	if (!segment->body) {
		segment->length -= n;
		if (segment->secret) {
			envoi_secret_wipe(s->control.data + s->control.start, n);
		}
		envoi_buffer_consume(&s->control, n);
		last = segment->length == 0;
	}
	if (!last) {
		return;
	}
	mark_end(s, segment);
	bool is_end = segment->end_of_data;
	s->segment_head = (s->segment_head + 1) % s->segment_capacity;
	s->segment_count--;
	if (is_end) {
		work->end_offset = s->taken;
		work->body = false;
		envoi_session_work_check_finished(s, work);
	}
}

void envoi_session_sent(struct envoi_session *s, size_t n, int64_t now)
{
	s->sent += n;
	s->active = now;
}

bool envoi_session_is_flushed(const struct envoi_session *s)
{
	return s->sent == s->taken && s->segment_count == 0;
}

/* The newest expected replies, whose commands were not begun, go. */
static void drop_expected(struct envoi_session *s)
{
	while (s->expected_count > 0) {
		struct expected *e =
			expected_at(s, s->expected_base + s->expected_count - 1);
		if (e->begin != OFFSET_NONE) {
			return;
		}
		if (e->work != NULL) {
			e->work->outstanding--;
		}
		s->expected_count--;
	}
}

bool envoi_session_out_drop(struct envoi_session *s)
{
	size_t keep = 0, octets = 0;
	if (s->segment_count > 0) {
		const struct segment *front = &s->segments[s->segment_head];
		/* Of "BDAT n" a part has left: the chunk behind it must, too. */
		bool line = front->started && !front->body && !front->ends;
		bool owed = front->body || front->end_of_data || line;
		bool short_chunk = (front->body || line) && front->work->chunked
				   && front->work->transaction->size <= ENVOI_LIMIT_DRAIN;
		if (owed && !short_chunk) {
			/* DATA was answered 354, or BDAT n was said. */
			return false;
		}
		if (owed || front->started) {
			keep = line ? 2 : 1;
			octets = front->length;
		}
	}
	for (size_t i = keep; i < s->segment_count; i++) {
		const struct segment *gone =
			&s->segments[(s->segment_head + i) % s->segment_capacity];
		if (gone->body) {
			/* It is not written after all. */
			gone->work->body = false;
			gone->work->step = STEP_DATA;
		}
	}
	s->segment_count = keep;
	s->control.len = octets;
	drop_expected(s);
	return true;
}
