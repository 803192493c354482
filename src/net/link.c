/*
 * The pump of one connection; see the header. One write a turn: everything
 * the session has to say, bodies included, is gathered into one block first. Of a
 * long body that leaves as it stands in its file, the kernel takes the rest from there.
 */
#include "net/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <envoi/message.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/secret.h"
#include "net/stream.h"
#include "protocol/sasl.h"

/* Blocks written and read before others, and signals, get their turn: a server
 * as fast as we are would never make us wait. */
#define TURNS 16

/* Octets the kernel takes from a file a turn. */
#define RUN_BLOCK (1024 * 1024)

/* A control line must fit whole behind what is already gathered. */
#define ROOM_FOR_CONTROL ENVOI_LIMIT_AUTH_LINE

struct envoi_link {
	struct envoi_link_options options;
	struct envoi_session *session;
	struct envoi_stream *stream;
	/** Gathered and not yet written: out[out_start..out_end). */
	char *out;
	size_t out_start, out_end;
	/** A secret is among it: wiped once it is written. */
	bool out_secret;
	/** The body being sent, and its transaction. */
	struct envoi_body *body;
	const struct envoi_transaction *unreadable;
	uint64_t body_octets;
	/** The body cannot be taken from its file by the kernel. */
	bool copying;
	/** It is, and the connection takes no more now. */
	bool running;
	uint64_t written;
	bool handshaking;
	bool readable, writable;
	/** The last step ended though more could be done. */
	bool yielded;
	/** Writing failed: what can still be read is read, then it is over. */
	bool broken;
	bool reset;
	/** A bare LF of the server was noted. */
	bool bare_lf;
	/** Unfinished line of the server, for the trace. */
	struct envoi_buffer line;
};

static void trace(const struct envoi_link *link, char mark, const char *text, size_t n)
{
	if (link->options.trace.line != NULL) {
		link->options.trace.line(link->options.trace.context, mark, text, n);
	}
}

static void trace_text(const struct envoi_link *link, char mark, const char *text)
{
	trace(link, mark, text, strlen(text));
}

static void wipe_out(struct envoi_link *link)
{
	if (link->out_secret) {
		envoi_secret_wipe(link->out, link->out_end);
		link->out_secret = false;
	}
}

struct envoi_link *envoi_link_new(int fd, const struct envoi_link_options *options,
	int64_t now, struct envoi_error *err)
{
	struct envoi_link *link = calloc(1, sizeof(*link));
	if (link == NULL) {
		close(fd);
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		return NULL;
	}
	link->options = *options;
	link->readable = link->writable = true;
	envoi_buffer_init(&link->line, ENVOI_LIMIT_REPLY_LINE);
	link->stream = envoi_stream_new(fd);
	if (link->stream == NULL) {
		close(fd);
	} else {
		link->out = malloc(ENVOI_LIMIT_BLOCK);
		link->session = envoi_session_new(&options->session, now, err);
	}
	if (link->stream == NULL || link->out == NULL || link->session == NULL) {
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		envoi_link_free(link);
		return NULL;
	}
	return link;
}

void envoi_link_free(struct envoi_link *link)
{
	if (link == NULL) {
		return;
	}
	bool cut = link->body != NULL || link->unreadable != NULL
		   || link->out_start < link->out_end;
	envoi_body_close(link->body);
	envoi_session_free(link->session);
	if (link->stream != NULL && cut) {
		/* Half a message shall not trickle on when we are gone. */
		const struct linger now = {.l_onoff = 1, .l_linger = 0};
		(void)setsockopt(envoi_stream_fd(link->stream), SOL_SOCKET, SO_LINGER,
			&now, sizeof(now));
	}
	envoi_stream_free(link->stream);
	envoi_buffer_finish(&link->line);
	if (link->out != NULL) {
		wipe_out(link);
	}
	free(link->out);
	free(link);
}

struct envoi_session *envoi_link_session(struct envoi_link *link)
{
	return link->session;
}

const struct envoi_tls_facts *envoi_link_tls(const struct envoi_link *link)
{
	return envoi_stream_tls(link->stream);
}

const struct envoi_transaction *envoi_link_unreadable(const struct envoi_link *link)
{
	return link->unreadable;
}

uint64_t envoi_link_written(const struct envoi_link *link)
{
	return link->written;
}

int64_t envoi_link_deadline(const struct envoi_link *link)
{
	return link->yielded ? 0 : envoi_session_deadline(link->session);
}

void envoi_link_poll(const struct envoi_link *link, struct pollfd *fd)
{
	bool waits = link->running || link->out_start < link->out_end;
	bool want_write = waits && !link->broken;
	fd->fd = envoi_stream_fd(link->stream);
	fd->events = envoi_stream_events(link->stream, true, want_write);
	fd->revents = 0;
}

void envoi_link_ready(struct envoi_link *link, short revents)
{
	/* Under TLS either direction may wait for the other: try both. */
	if (revents != 0) {
		link->readable = true;
		link->writable = true;
	}
}

/* -- the handshake ------------------------------------------------------- */

static void give_up(struct envoi_link *link, const struct envoi_error *err,
	enum envoi_phase phase, int64_t now)
{
	trace_text(link, '!', err->text);
	envoi_session_abort(link->session, err, phase, false, now);
}

static void start_tls(struct envoi_link *link, int64_t now)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_tls *tls = link->options.tls(link->options.tls_context, &err);
	if (tls == NULL
		|| envoi_stream_start_tls(link->stream, tls, link->options.host, &err)
			   != 0) {
		give_up(link, &err, ENVOI_PHASE_TLS, now);
		return;
	}
	link->handshaking = true;
}

static void trace_tls(const struct envoi_link *link)
{
	const struct envoi_tls_facts *facts = envoi_stream_tls(link->stream);
	if (link->options.trace.line == NULL || facts == NULL) {
		return;
	}
	char text[800];
	(void)snprintf(text, sizeof(text), "%s, %s, %s%s", facts->version, facts->cipher,
		facts->verified ? "certificate verified" : "certificate NOT verified",
		facts->resumed ? ", session resumed" : "");
	trace_text(link, facts->verified ? '=' : '!', text);
	if (facts->subject[0] != '\0') {
		(void)snprintf(text, sizeof(text),
			"certificate of %s by %s, until %s, key %s", facts->subject,
			facts->issuer, facts->not_after, facts->pin);
		trace_text(link, '=', text);
	}
}

/* What SCRAM may bind to, as long as the session wants to authenticate. */
static void give_binding(struct envoi_link *link)
{
	struct envoi_sasl_binding binding;
	if (link->options.session.auth.wanted
		&& envoi_stream_channel_binding(link->stream, NULL, &binding) == 0) {
		envoi_session_set_binding(
			link->session, binding.type, binding.data, binding.length);
		envoi_secret_wipe(&binding, sizeof(binding));
	}
}

/* True when it went on; false when it has to wait. */
static bool shake_hands(struct envoi_link *link, int64_t now)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	switch (envoi_stream_handshake(link->stream, &err)) {
	case ENVOI_IO_AGAIN:
		return false;
	case ENVOI_IO_OK:
		link->handshaking = false;
		link->readable = true;
		trace_tls(link);
		give_binding(link);
		envoi_session_tls_established(link->session, now);
		return true;
	default:
		link->handshaking = false;
		if (link->options.session.tls == ENVOI_TLS_OPPORTUNISTIC
			&& envoi_stream_is_alerted(link->stream)) {
			/* Nobody insists on TLS: a server that mends it gets the mail. */
			err.status = ENVOI_STATUS_TEMPORARY;
		}
		give_up(link, &err, ENVOI_PHASE_TLS, now);
		return true;
	}
}

/* -- writing ------------------------------------------------------------- */

static void trace_control(
	const struct envoi_link *link, const struct envoi_segment *segment)
{
	if (segment->secret) {
		char shown[80];
		(void)snprintf(shown, sizeof(shown), "%.*s[hidden]", (int)segment->shown,
			segment->data);
		trace_text(link, '>', shown);
		return;
	}
	trace(link, '>', segment->data, segment->length - 2);
}

/* 1234567 as 1,234,567: people read it. */
static void group_digits(uint64_t value, char *out, size_t n)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%ju", (uintmax_t)value);
	size_t at = 0;
	for (int i = 0; i < length && at + 2 < n; i++) {
		if (i > 0 && (length - i) % 3 == 0) {
			out[at++] = ',';
		}
		out[at++] = digits[i];
	}
	out[at] = '\0';
}

static void trace_data(const struct envoi_link *link, const char *data, size_t n)
{
	while (n > 0) {
		const char *lf = memchr(data, '\n', n);
		size_t line = lf != NULL ? (size_t)(lf - data) + 1 : n;
		size_t shown = lf == NULL		    ? line
			       : line > 1 && lf[-1] == '\r' ? line - 2
							    : line - 1;
		trace(link, '>', data, shown);
		data += line;
		n -= line;
	}
}

/* Puts the next piece of the body into the block. False: it cannot be read,
 * and the session is over. */
static bool gather_body(
	struct envoi_link *link, const struct envoi_segment *segment, int64_t now)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct envoi_form *form = segment->transaction->user;
	if (link->body == NULL) {
		link->body_octets = 0;
		link->copying = false;
		if (envoi_body_open(form, segment->stuff, &link->body, &err) != 0) {
			goto unreadable;
		}
	}
	size_t n = 0;
	bool last = false;
	char *to = link->out + link->out_end;
	if (envoi_body_read(
		    link->body, to, ENVOI_LIMIT_BLOCK - link->out_end, &n, &last, &err)
		!= 0) {
		goto unreadable;
	}
	if (link->options.trace.line != NULL && link->options.trace.data) {
		trace_data(link, to, n);
	}
	link->out_end += n;
	link->body_octets += n;
	if (last) {
		envoi_body_close(link->body);
		link->body = NULL;
		if (link->options.trace.line != NULL && !link->options.trace.data) {
			char count[32], text[64];
			group_digits(link->body_octets, count, sizeof(count));
			(void)snprintf(
				text, sizeof(text), "[%s octets of message]", count);
			trace_text(link, '>', text);
		}
	}
	envoi_session_take(link->session, n, last);
	return true;
unreadable:
	link->unreadable = segment->transaction;
	give_up(link, &err, ENVOI_PHASE_INPUT, now);
	return false;
}

static void gather(struct envoi_link *link, int64_t now)
{
	if (link->out_start == link->out_end) {
		wipe_out(link);
		link->out_start = link->out_end = 0;
	}
	struct envoi_segment segment;
	while (ENVOI_LIMIT_BLOCK - link->out_end >= ROOM_FOR_CONTROL
		&& envoi_session_next_segment(link->session, &segment, now)) {
		if (segment.kind == ENVOI_SEGMENT_BODY) {
			if (!gather_body(link, &segment, now)) {
				return;
			}
			continue;
		}
		memcpy(link->out + link->out_end, segment.data, segment.length);
		link->out_end += segment.length;
		link->out_secret = link->out_secret || segment.secret;
		trace_control(link, &segment);
		envoi_session_take(link->session, segment.length, true);
	}
}

/* Some of a body straight from its file, when nothing is gathered before it. AGAIN: not
 * now; EOF: it is no such body, or not any more. */
static enum envoi_io write_run(struct envoi_link *link, int64_t now)
{
	struct envoi_segment segment;
	struct envoi_error err;
	size_t n = 0;
	if (link->body == NULL || link->out_start < link->out_end || link->copying
		|| (link->options.trace.line != NULL && link->options.trace.data)
		|| envoi_stream_tls(link->stream) != NULL) {
		return ENVOI_IO_EOF;
	}
	struct envoi_body_run run = envoi_body_run(link->body);
	if (run.length == 0 || !envoi_session_next_segment(link->session, &segment, now)
		|| segment.kind != ENVOI_SEGMENT_BODY) {
		return ENVOI_IO_EOF;
	}
	if (!link->writable || link->broken) {
		return ENVOI_IO_AGAIN;
	}
	enum envoi_io io = envoi_stream_write_file(link->stream, run.fd, run.offset,
		run.length < RUN_BLOCK ? (size_t)run.length : RUN_BLOCK, &n, &err);
	if (io == ENVOI_IO_OK) {
		envoi_body_skip(link->body, n);
		link->body_octets += n;
		link->written += n;
		envoi_session_take(link->session, n, false);
		envoi_session_sent(link->session, n, now);
	} else if (io == ENVOI_IO_EOF) {
		/* Reading it tells what is wrong, if anything is. */
		link->copying = true;
	}
	return io;
}

/* After a write that did not go through. True: there is something to do now. */
static bool not_written(struct envoi_link *link, enum envoi_io io)
{
	if (io == ENVOI_IO_AGAIN) {
		link->writable = false;
		return false;
	}
	/* The server's last words may still be there to read. */
	link->broken = true;
	link->reset = true;
	link->readable = true;
	return true;
}

/* True when something was written. */
static bool write_some(struct envoi_link *link, int64_t now)
{
	enum envoi_io io = write_run(link, now);
	if (io != ENVOI_IO_EOF) {
		link->running = io == ENVOI_IO_AGAIN;
		return io == ENVOI_IO_OK || (!link->broken && not_written(link, io));
	}
	link->running = false;
	gather(link, now);
	if (link->unreadable != NULL) {
		/* The session has ended here: its events are waiting. */
		return true;
	}
	if (link->out_start == link->out_end || !link->writable || link->broken) {
		return false;
	}
	size_t n = 0;
	struct envoi_error err;
	io = envoi_stream_write(link->stream, link->out + link->out_start,
		link->out_end - link->out_start, &n, &err);
	if (io != ENVOI_IO_OK) {
		return not_written(link, io);
	}
	link->out_start += n;
	link->written += n;
	envoi_session_sent(link->session, n, now);
	return true;
}

/* -- reading ------------------------------------------------------------- */

/* Of what is part of the secret's exchange the code is enough. */
static void trace_line(const struct envoi_link *link, struct envoi_span line)
{
	char hidden[] = "??? [hidden]";
	if (envoi_session_hides(link->session, line.data, line.len)) {
		memcpy(hidden, line.data, line.len < 4 ? line.len : 4);
		trace_text(link, '<', hidden);
		return;
	}
	trace(link, '<', line.data, line.len);
}

static void trace_received(struct envoi_link *link, const char *data, size_t n)
{
	while (n > 0) {
		const char *lf = memchr(data, '\n', n);
		size_t part = lf != NULL ? (size_t)(lf - data) + 1 : n;
		if (envoi_buffer_append(&link->line, data, part) != 0) {
			envoi_buffer_clear(&link->line);
		}
		if (lf != NULL) {
			struct envoi_span line = envoi_buffer_span(&link->line);
			while (line.len > 0
				&& (line.data[line.len - 1] == '\n'
					|| line.data[line.len - 1] == '\r')) {
				line.len--;
			}
			trace_line(link, line);
			envoi_buffer_clear(&link->line);
		}
		data += part;
		n -= part;
	}
}

/* The end of what the server said; what was cut off is shown as well. */
static void end_of_input(struct envoi_link *link, bool reset, int64_t now)
{
	if (link->line.len > 0 && link->options.trace.line != NULL) {
		trace_line(link, envoi_buffer_span(&link->line));
		envoi_buffer_clear(&link->line);
	}
	trace_text(link, '!',
		reset ? "connection reset" : "connection closed by the server");
	envoi_session_eof(link->session, reset, now);
}

/* Taken, though RFC 5321 2.3.8 says otherwise: said once. */
static void note_bare_lf(struct envoi_link *link)
{
	if (!link->bare_lf && envoi_session_facts(link->session)->bare_lf) {
		link->bare_lf = true;
		trace_text(link, '!', "the server ends lines with a bare LF");
	}
}

/* True when something was read, or the end was. */
static bool read_some(struct envoi_link *link, int64_t now)
{
	char bytes[16384];
	size_t n = 0;
	struct envoi_error err;
	if (!link->readable && !envoi_stream_has_pending(link->stream)) {
		return false;
	}
	switch (envoi_stream_read(link->stream, bytes, sizeof(bytes), &n, &err)) {
	case ENVOI_IO_OK:
		if (link->options.trace.line != NULL) {
			trace_received(link, bytes, n);
		}
		envoi_session_receive(link->session, bytes, n, now);
		note_bare_lf(link);
		return true;
	case ENVOI_IO_AGAIN:
		link->readable = false;
		if (link->broken) {
			end_of_input(link, link->reset, now);
			return true;
		}
		return false;
	case ENVOI_IO_EOF:
		end_of_input(link, link->reset, now);
		return true;
	default:
		end_of_input(link, true, now);
		return true;
	}
}

enum envoi_event envoi_link_step(
	struct envoi_link *link, struct envoi_transaction **ret_transaction)
{
	link->yielded = false;
	for (int turns = 0;; turns++) {
		int64_t now = envoi_clock_now();
		enum envoi_event event =
			envoi_session_next_event(link->session, ret_transaction);
		if (event == ENVOI_EVENT_START_TLS) {
			start_tls(link, now);
			continue;
		}
		if (event != ENVOI_EVENT_NONE) {
			return event;
		}
		if (link->handshaking) {
			if (!shake_hands(link, now)) {
				if (now < envoi_session_deadline(link->session)) {
					return ENVOI_EVENT_NONE;
				}
				envoi_session_tick(link->session, now);
			}
			continue;
		}
		if (turns >= TURNS) {
			link->yielded = true;
			return ENVOI_EVENT_NONE;
		}
		bool wrote = write_some(link, now);
		bool read = read_some(link, now);
		if (!wrote && !read) {
			if (now < envoi_session_deadline(link->session)) {
				return ENVOI_EVENT_NONE;
			}
			trace_text(link, '!', "timeout");
			envoi_session_tick(link->session, now);
		}
	}
}
