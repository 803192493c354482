/*
 * Establishing the session: greeting, EHLO with HELO as fallback, LHLO,
 * STARTTLS (RFC 5321 3.1, 3.2, 4.1.1.1; RFC 2033 4.1; RFC 3207).
 */
#include "protocol/session_internal.h"

#include <stdio.h>

#include "base/limits.h"
#include "protocol/capabilities.h"

bool envoi_session_hello_begin(struct envoi_session *s, int64_t now)
{
	if (!envoi_session_out_command(s, now, VERB_GREETING, NULL, 0, "%s", "")) {
		return false;
	}
	if (s->options.tls == ENVOI_TLS_IMPLICIT) {
		s->state = STATE_HANDSHAKE;
		s->event_tls = true;
	}
	return true;
}

/* RFC 5321 3.1, 4.1.1.10: whatever went wrong, QUIT is said. */
void envoi_session_give_up(struct envoi_session *s, const struct envoi_error *err,
	enum envoi_phase phase, const struct envoi_reply *reply, int64_t now)
{
	envoi_session_fault(s, err, phase, reply);
	envoi_session_quit(s, now);
}

static void give_up(struct envoi_session *s, enum envoi_status status,
	enum envoi_phase phase, const struct envoi_reply *reply, const char *words,
	const char *hint, int64_t now)
{
	struct envoi_error err;
	(void)envoi_error_set(&err, status, "%s", words);
	if (hint != NULL) {
		envoi_error_hint(&err, "%s", hint);
	}
	envoi_session_give_up(s, &err, phase, reply, now);
}

static enum envoi_status refusal_status(const struct envoi_reply *reply)
{
	return reply->code / 100 == 4 ? ENVOI_STATUS_TEMPORARY : ENVOI_STATUS_REFUSED;
}

static bool requires_tls(const struct envoi_session *s)
{
	return s->options.tls == ENVOI_TLS_STARTTLS && !s->facts.tls;
}

static void say_hello(struct envoi_session *s, int64_t now)
{
	envoi_session_enter(s, STATE_HELLO, now);
	(void)envoi_session_out_command(s, now, VERB_EHLO, NULL, 0, "%s %s",
		s->options.lmtp ? "LHLO" : "EHLO", s->helo);
}

static void greeting_reply(
	struct envoi_session *s, const struct envoi_reply *reply, int64_t now)
{
	(void)envoi_reply_copy(&s->facts.greeting, reply);
	if (reply->code == 421) {
		envoi_session_over(s, ENVOI_PHASE_GREETING, reply, now);
	} else if (reply->code >= 400) {
		give_up(s, refusal_status(reply), ENVOI_PHASE_GREETING, reply,
			"the server refused the session", NULL, now);
	} else if (reply->code == 220) {
		say_hello(s, now);
	} else {
		struct envoi_error err;
		(void)envoi_error_set(&err, ENVOI_STATUS_PROTOCOL,
			"greeting %d instead of 220", reply->code);
		envoi_session_fault(s, &err, ENVOI_PHASE_GREETING, reply);
		envoi_session_lost(s, ENVOI_CLOSE_NOT_SENT, now);
	}
}

void envoi_session_ready(struct envoi_session *s, int64_t now)
{
	uint32_t offered = s->facts.capabilities.extensions & ~s->options.without;
	s->pipelining = (offered & ENVOI_EXT_PIPELINING) != 0;
	s->chunking = (offered & ENVOI_EXT_CHUNKING) != 0;
	s->facts.established = true;
	envoi_session_enter(s, STATE_READY, now);
	s->event_ready = true;
}

static void start_or_skip_tls(struct envoi_session *s, int64_t now)
{
	bool wanted = s->options.tls == ENVOI_TLS_OPPORTUNISTIC
		      || s->options.tls == ENVOI_TLS_STARTTLS;
	uint32_t offered = s->facts.capabilities.extensions & ~s->options.without;
	if (!wanted || s->facts.tls) {
		envoi_session_auth_begin(s, now);
	} else if ((offered & ENVOI_EXT_STARTTLS) != 0) {
		envoi_session_enter(s, STATE_STARTTLS, now);
		(void)envoi_session_out_command(
			s, now, VERB_STARTTLS, NULL, 0, "STARTTLS");
	} else if (requires_tls(s)) {
		give_up(s, ENVOI_STATUS_REFUSED, ENVOI_PHASE_TLS, NULL,
			"TLS is required, and the server does not offer STARTTLS",
			"if this port speaks TLS from the start, use submissions:// or "
			"--tls implicit",
			now);
	} else {
		envoi_session_auth_begin(s, now);
	}
}

static void refused_hello(struct envoi_session *s, enum verb verb,
	const struct envoi_reply *reply, int64_t now)
{
	if (s->options.lmtp) {
		give_up(s, refusal_status(reply), ENVOI_PHASE_EHLO, reply,
			"the server refused LHLO: it is not an LMTP server", NULL, now);
	} else if (requires_tls(s)) {
		give_up(s, refusal_status(reply), ENVOI_PHASE_EHLO, reply,
			"TLS is required, and the server refused EHLO", NULL, now);
	} else if (verb == VERB_EHLO) {
		(void)envoi_session_out_command(
			s, now, VERB_HELO, NULL, 0, "HELO %s", s->helo);
	} else {
		give_up(s, refusal_status(reply), ENVOI_PHASE_EHLO, reply,
			"the server refused EHLO and HELO", NULL, now);
	}
}

static void hello_accepted(struct envoi_session *s, enum verb verb,
	const struct envoi_reply *reply, int64_t now)
{
	(void)envoi_reply_copy(&s->facts.hello_reply, reply);
	if (verb == VERB_HELO) {
		/* Its reply carries no extensions, whatever it looks like. */
		s->facts.hello = "HELO";
		s->facts.capabilities = (struct envoi_capabilities){0};
	} else {
		s->facts.hello = s->options.lmtp ? "LHLO" : "EHLO";
		envoi_capabilities_parse(&s->facts.capabilities,
			(struct envoi_span){reply->text, reply->length});
	}
	start_or_skip_tls(s, now);
}

static void greet_reply(struct envoi_session *s, enum verb verb,
	const struct envoi_reply *reply, int64_t now)
{
	if (reply->code == 421 || reply->code == 221) {
		envoi_session_over(s, ENVOI_PHASE_EHLO, reply, now);
	} else if (reply->code >= 400) {
		refused_hello(s, verb, reply, now);
	} else if (reply->code >= 300) {
		struct envoi_error err;
		(void)envoi_error_set(&err, ENVOI_STATUS_PROTOCOL, "reply %d to %s",
			reply->code, verb == VERB_HELO ? "HELO" : "EHLO");
		envoi_session_fault(s, &err, ENVOI_PHASE_EHLO, reply);
		envoi_session_quit(s, now);
	} else {
		hello_accepted(s, verb, reply, now);
	}
}

/* RFC 3207 4: 220 starts TLS, and nothing else does. */
static void starttls_reply(
	struct envoi_session *s, const struct envoi_reply *reply, int64_t now)
{
	if (reply->code == 220) {
		envoi_session_enter(s, STATE_HANDSHAKE, now);
		s->event_tls = true;
	} else if (reply->code == 421) {
		envoi_session_over(s, ENVOI_PHASE_TLS, reply, now);
	} else if (requires_tls(s) || reply->code < 400) {
		give_up(s, refusal_status(reply), ENVOI_PHASE_TLS, reply,
			"the server refused STARTTLS", NULL, now);
	} else {
		envoi_session_auth_begin(s, now);
	}
}

void envoi_session_hello_reply(
	struct envoi_session *s, enum verb verb, struct envoi_reply *reply, int64_t now)
{
	switch (verb) {
	case VERB_GREETING:
		greeting_reply(s, reply, now);
		break;
	case VERB_STARTTLS:
		starttls_reply(s, reply, now);
		break;
	default:
		greet_reply(s, verb, reply, now);
		break;
	}
}
