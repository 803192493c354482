/*
 * One command line: found, checked, obeyed (RFC 5321 4.1, 4.5.3.1.4; RFC 2033
 * 4.1; RFC 3207).
 *
 *     line = verb [ SP arguments ] CRLF     ; no other control octet
 *
 * A line that is too long or ends in a bare LF is refused as a whole, and the
 * next one is read: the reply count stays that of the lines.
 */
#include "protocol/receiver_internal.h"

#include <string.h>

#include "base/limits.h"

struct command {
	const char *verb;
	enum envoi_receiver_event (*run)(
		struct envoi_receiver *receiver, struct envoi_span args);
};

/* May be said in EHLO as far as bytes go; nobody is refused for a name that
 * does not resolve (RFC 5321 4.1.4). */
static bool is_name(struct envoi_span name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] <= 0x20 || name.data[i] > 0x7e) {
			return false;
		}
	}
	return name.len > 0 && name.len <= ENVOI_LIMIT_HOST;
}

static void greet(struct envoi_receiver *receiver, struct envoi_span args,
	enum receiver_hello hello)
{
	if (!is_name(args)) {
		envoi_receiver_complain(receiver, 501, NULL, "a host name is needed");
		return;
	}
	envoi_receiver_reset(receiver);
	receiver->hello = hello;
	envoi_receiver_say_extensions(receiver);
}

static enum envoi_receiver_event do_ehlo(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	if (receiver->options.lmtp) {
		envoi_receiver_complain(receiver, 500, NULL, "this is LMTP: LHLO");
	} else {
		greet(receiver, args, RECEIVER_HELLO_EXTENDED);
	}
	return ENVOI_RECEIVER_NONE;
}

static enum envoi_receiver_event do_helo(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	if (receiver->options.lmtp) {
		envoi_receiver_complain(receiver, 500, NULL, "this is LMTP: LHLO");
	} else {
		greet(receiver, args, RECEIVER_HELLO_HELO);
	}
	return ENVOI_RECEIVER_NONE;
}

static enum envoi_receiver_event do_lhlo(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	if (!receiver->options.lmtp) {
		envoi_receiver_complain(
			receiver, 500, NULL, "this is SMTP: EHLO or HELO");
	} else {
		greet(receiver, args, RECEIVER_HELLO_EXTENDED);
	}
	return ENVOI_RECEIVER_NONE;
}

static enum envoi_receiver_event do_starttls(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	if (receiver->tls) {
		envoi_receiver_say(receiver, 503, "5.5.1", "TLS is on already");
	} else if (!envoi_receiver_offers(receiver, ENVOI_EXT_STARTTLS)) {
		envoi_receiver_complain(
			receiver, 502, "5.5.1", "STARTTLS is not offered");
	} else if (args.len > 0) {
		envoi_receiver_complain(receiver, 501, "5.5.4", "syntax: STARTTLS");
	} else if (receiver->sender != NULL) {
		envoi_receiver_say(receiver, 503, "5.5.1", "not within a transaction");
	} else if (receiver->in.len > 0) {
		/* Whoever put it there, it would be obeyed as if it had come
		 * through TLS. */
		envoi_receiver_say(receiver, 554, "5.5.1",
			"something followed STARTTLS in clear, closing");
		envoi_receiver_close(receiver);
	} else {
		envoi_receiver_say(receiver, 220, "2.0.0", "ready to start TLS");
		receiver->state = RECEIVER_TLS;
		return ENVOI_RECEIVER_START_TLS;
	}
	return ENVOI_RECEIVER_NONE;
}

static enum envoi_receiver_event do_rset(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	if (args.len > 0) {
		envoi_receiver_complain(receiver, 501, "5.5.4", "syntax: RSET");
		return ENVOI_RECEIVER_NONE;
	}
	envoi_receiver_reset(receiver);
	envoi_receiver_say(receiver, 250, "2.0.0", "ok");
	return ENVOI_RECEIVER_NONE;
}

static enum envoi_receiver_event do_noop(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	(void)args;
	envoi_receiver_say(receiver, 250, "2.0.0", "ok");
	return ENVOI_RECEIVER_NONE;
}

static enum envoi_receiver_event do_vrfy(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	if (args.len == 0) {
		envoi_receiver_complain(receiver, 501, "5.5.4", "syntax: VRFY address");
	} else {
		envoi_receiver_say(receiver, 252, "2.0.0", "try RCPT and see");
	}
	return ENVOI_RECEIVER_NONE;
}

static enum envoi_receiver_event do_help(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	(void)args;
	envoi_receiver_say_help(receiver);
	return ENVOI_RECEIVER_NONE;
}

static enum envoi_receiver_event do_quit(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	if (args.len > 0) {
		envoi_receiver_complain(receiver, 501, "5.5.4", "syntax: QUIT");
		return ENVOI_RECEIVER_NONE;
	}
	envoi_receiver_say(receiver, 221, "2.0.0", "bye");
	envoi_receiver_close(receiver);
	return ENVOI_RECEIVER_NONE;
}

static enum envoi_receiver_event do_missing(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	(void)args;
	envoi_receiver_complain(receiver, 502, "5.5.1", "command is not implemented");
	return ENVOI_RECEIVER_NONE;
}

/* A web page can make a browser post to any port, with commands in the body
 * of its request: the first line is enough to know. */
static enum envoi_receiver_event do_http(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	(void)args;
	envoi_receiver_say(receiver, 421, "4.7.0", "this is no web server, closing");
	envoi_receiver_close(receiver);
	return ENVOI_RECEIVER_NONE;
}

static const struct command commands[] = {
	{"EHLO", do_ehlo},
	{"HELO", do_helo},
	{"LHLO", do_lhlo},
	{"STARTTLS", do_starttls},
	{"MAIL", envoi_receiver_do_mail},
	{"RCPT", envoi_receiver_do_rcpt},
	{"DATA", envoi_receiver_do_data},
	{"BDAT", envoi_receiver_do_bdat},
	{"RSET", do_rset},
	{"NOOP", do_noop},
	{"VRFY", do_vrfy},
	{"HELP", do_help},
	{"QUIT", do_quit},
	{"EXPN", do_missing},
	{"AUTH", do_missing},
	{"ETRN", do_missing},
	{"TURN", do_missing},
	{"GET", do_http},
	{"HEAD", do_http},
	{"POST", do_http},
	{"PUT", do_http},
	{"OPTIONS", do_http},
	{"CONNECT", do_http},
};

static enum envoi_receiver_event run(
	struct envoi_receiver *receiver, struct envoi_span line)
{
	struct envoi_span verb = {line.data, 0};
	while (verb.len < line.len && line.data[verb.len] != ' ') {
		verb.len++;
	}
	struct envoi_span args = {line.data + verb.len, line.len - verb.len};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (envoi_span_equal_nocase(verb, commands[i].verb)) {
			return commands[i].run(receiver, envoi_span_trim(args));
		}
	}
	envoi_receiver_complain(receiver, 500, "5.5.1", "command is not known");
	return ENVOI_RECEIVER_NONE;
}

/* The line without its end is sound: no control octet in it. */
static bool is_text(struct envoi_span line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.data[i];
		if (c < 0x20 || c == 0x7f) {
			return false;
		}
	}
	return true;
}

/* A refused BDAT line leaves nobody knowing where the next command begins. */
static void refuse_line(
	struct envoi_receiver *receiver, struct envoi_span line, const char *text)
{
	envoi_receiver_complain(receiver, 500, "5.5.2", text);
	if (envoi_span_starts_nocase(line, "BDAT")) {
		envoi_receiver_close(receiver);
	}
}

bool envoi_receiver_step_skip(struct envoi_receiver *receiver)
{
	struct envoi_span in = envoi_buffer_span(&receiver->in);
	const char *lf = in.len == 0 ? NULL : memchr(in.data, '\n', in.len);
	if (lf == NULL) {
		envoi_buffer_clear(&receiver->in);
		return false;
	}
	envoi_buffer_consume(&receiver->in, (size_t)(lf - in.data) + 1);
	receiver->state = RECEIVER_COMMAND;
	envoi_receiver_complain(receiver, 500, "5.5.2", "line is too long");
	return true;
}

bool envoi_receiver_step_command(struct envoi_receiver *receiver,
	enum envoi_receiver_event *ret_event, struct envoi_span *ret_text)
{
	struct envoi_span in = envoi_buffer_span(&receiver->in);
	const char *lf = in.len == 0 ? NULL : memchr(in.data, '\n', in.len);
	size_t length = lf == NULL ? in.len : (size_t)(lf - in.data) + 1;
	if (length > ENVOI_LIMIT_COMMAND) {
		if (envoi_span_starts_nocase(in, "BDAT")) {
			refuse_line(receiver, in, "line is too long");
		} else {
			receiver->state = RECEIVER_SKIP;
		}
		return true;
	}
	if (lf == NULL) {
		return false;
	}
	bool crlf = length > 1 && in.data[length - 2] == '\r';
	struct envoi_span line = {in.data, length - (crlf ? 2 : 1)};
	if (receiver->options.trace && !receiver->shown) {
		receiver->shown = true;
		*ret_event = ENVOI_RECEIVER_COMMAND;
		*ret_text = line;
		return true;
	}
	receiver->shown = false;
	if (receiver->options.local && !receiver->ends_known) {
		receiver->ends_known = true;
		receiver->lf_only = !crlf;
	}
	/* The octets stay where they are until more are received. */
	envoi_buffer_consume(&receiver->in, length);
	if (!crlf && !receiver->lf_only) {
		refuse_line(receiver, line, "line ends in a bare LF, not in CRLF");
	} else if (!is_text(line)) {
		refuse_line(receiver, line, "control octet in a command");
	} else {
		*ret_event = run(receiver, line);
	}
	if (receiver->candidate != NULL) {
		*ret_text = envoi_span_of(receiver->candidate);
	}
	return true;
}
