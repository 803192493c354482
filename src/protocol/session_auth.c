/*
 * AUTH (RFC 4954): chooses a mechanism, carries its lines, and judges how the
 * exchange ended. The mechanisms are in sasl*.c. What is wanted and cannot be
 * had ends the session: no mail goes out as somebody else, or as nobody.
 */
#include "protocol/session_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

/* RFC 4954 4: a command line is 512 octets at most, the exchange's may be
 * longer. Over that the response waits for the first 334. */
#define AUTH_COMMAND_MAX 512

void envoi_session_auth_finish(struct envoi_session *s)
{
	envoi_sasl_free(s->sasl);
	s->sasl = NULL;
	envoi_secret_finish(&s->secret);
}

void envoi_session_set_binding(
	struct envoi_session *s, const char *type, const void *data, size_t n)
{
	if (n > sizeof(s->binding.data)) {
		return;
	}
	(void)snprintf(s->binding.type, sizeof(s->binding.type), "%s", type);
	memcpy(s->binding.data, data, n);
	s->binding.length = n;
}

bool envoi_session_is_authenticating(const struct envoi_session *s)
{
	return s->state == STATE_AUTH;
}

bool envoi_auth_find(const char *name, size_t n, bool *ret_token)
{
	unsigned mechanism = envoi_sasl_find((struct envoi_span){name, n});
	*ret_token = (mechanism & ENVOI_SASL_ALL_OAUTH) != 0;
	return mechanism != 0;
}

static void fail(struct envoi_session *s, const struct envoi_error *err,
	const struct envoi_reply *reply, int64_t now)
{
	envoi_session_auth_finish(s);
	envoi_session_give_up(s, err, ENVOI_PHASE_AUTH, reply, now);
}

/* Ours, in the order the user gave; 0: he gave none. */
static size_t wanted_mechanisms(
	const struct envoi_session *s, enum envoi_sasl_mechanism wanted[ENVOI_SASL_COUNT])
{
	size_t count = 0;
	if (s->options.auth.mechanisms == NULL) {
		return 0;
	}
	struct envoi_span rest = envoi_span_of(s->options.auth.mechanisms);
	struct envoi_span word;
	while (count < ENVOI_SASL_COUNT && (word = envoi_span_word(&rest)).len > 0) {
		unsigned mechanism = envoi_sasl_find(word);
		if (mechanism != 0) {
			wanted[count++] = (enum envoi_sasl_mechanism)mechanism;
		}
	}
	return count;
}

static unsigned choose(const struct envoi_session *s, struct envoi_error *err)
{
	enum envoi_sasl_mechanism wanted[ENVOI_SASL_COUNT];
	struct envoi_sasl_choice choice = {
		.offered = envoi_span_of(s->facts.capabilities.auth),
		.wanted = wanted,
		.wanted_count = wanted_mechanisms(s, wanted),
		.refused = s->refused,
		.has_password = s->options.auth.has_password,
		.has_token = s->options.auth.has_token,
		.clear_ok = s->facts.tls || s->options.auth.clear_ok,
		.has_binding = s->binding.type[0] != '\0',
	};
	return envoi_sasl_choose(&choice, err);
}

/* The AUTH command, with the first response where there is room for it. */
static int send_command(struct envoi_session *s, struct envoi_error *err, int64_t now)
{
	char head[64];
	struct envoi_secret line = {0};
	bool initial = envoi_sasl_has_initial(s->sasl);
	int n = snprintf(head, sizeof(head), "AUTH %s%s",
		envoi_sasl_name((enum envoi_sasl_mechanism)s->mechanism),
		initial ? " " : "");
	if (initial && envoi_sasl_initial(s->sasl, &line, err) != 0) {
		return -1;
	}
	if ((size_t)n + line.length + 2 > AUTH_COMMAND_MAX) {
		/* The machine is begun anew: its first line comes on request. */
		envoi_secret_finish(&line);
		head[n - 1] = '\0';
		return 1;
	}
	(void)envoi_session_out_secret(s, now, head, &line);
	envoi_secret_finish(&line);
	return 0;
}

static struct envoi_sasl *new_exchange(struct envoi_session *s, struct envoi_error *err)
{
	const struct envoi_auth_options *auth = &s->options.auth;
	unsigned offered = envoi_sasl_find_all(envoi_span_of(s->facts.capabilities.auth));
	struct envoi_sasl_identity identity = {
		.user = auth->user,
		.authzid = auth->authzid,
		.secret = s->secret.data != NULL ? &s->secret : NULL,
		.host = auth->host,
		.port = auth->port,
		.binding = &s->binding,
		.server_offers_plus = (offered & ENVOI_SASL_ALL_PLUS) != 0,
	};
	return envoi_sasl_new((enum envoi_sasl_mechanism)s->mechanism, &identity, err);
}

static void start(struct envoi_session *s, int64_t now)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	envoi_sasl_free(s->sasl);
	s->sasl = new_exchange(s, &err);
	int result = s->sasl != NULL ? send_command(s, &err, now) : -1;
	if (result == 1) {
		/* Too long for the command: without, and from the beginning. */
		struct envoi_secret none = {0};
		char head[64];
		(void)snprintf(head, sizeof(head), "AUTH %s",
			envoi_sasl_name((enum envoi_sasl_mechanism)s->mechanism));
		envoi_sasl_free(s->sasl);
		s->sasl = new_exchange(s, &err);
		result = s->sasl != NULL ? 0 : -1;
		if (result == 0) {
			(void)envoi_session_out_secret(s, now, head, &none);
		}
	}
	if (result != 0) {
		fail(s, &err, NULL, now);
	}
}

/* The next mechanism worth trying; err: why there is none. reply: what the
 * last one was refused with, NULL at first. */
static void try_next(
	struct envoi_session *s, const struct envoi_reply *reply, int64_t now)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	s->mechanism = choose(s, &err);
	if (s->mechanism == 0) {
		fail(s, &err, reply, now);
	} else if (s->mechanism != ENVOI_SASL_EXTERNAL && s->secret.data == NULL) {
		s->event_secret = true;
	} else {
		start(s, now);
	}
}

static void not_offered(struct envoi_session *s, int64_t now)
{
	struct envoi_error err;
	bool clear = !s->facts.tls
		     && (s->facts.capabilities.extensions & ENVOI_EXT_STARTTLS) != 0;
	(void)envoi_error_set(&err, ENVOI_STATUS_AUTH, "the server does not offer AUTH");
	if (clear) {
		envoi_error_hint(&err,
			"many servers offer it only after STARTTLS: --tls starttls");
	}
	fail(s, &err, NULL, now);
}

void envoi_session_auth_begin(struct envoi_session *s, int64_t now)
{
	if (!s->options.auth.wanted) {
		envoi_session_ready(s, now);
		return;
	}
	envoi_session_enter(s, STATE_AUTH, now);
	uint32_t offered = s->facts.capabilities.extensions & ~s->options.without;
	if ((offered & ENVOI_EXT_AUTH) == 0) {
		not_offered(s, now);
		return;
	}
	try_next(s, NULL, now);
}

void envoi_session_give_secret(struct envoi_session *s, const char *data, size_t n,
	const struct envoi_error *why, int64_t now)
{
	struct envoi_error err;
	if (s->state != STATE_AUTH) {
		return;
	}
	if (data == NULL) {
		fail(s, why, NULL, now);
	} else if (envoi_secret_set(&s->secret, data, n) != 0) {
		(void)envoi_error_set(&err, ENVOI_STATUS_SYSTEM, "out of memory");
		fail(s, &err, NULL, now);
	} else {
		start(s, now);
	}
}

/* A 334: answers it, or cancels with "*" (RFC 4954 4). */
static void answer(struct envoi_session *s, const struct envoi_reply *reply, int64_t now)
{
	struct envoi_secret line = {0};
	struct envoi_span text = {reply->text, reply->length};
	if (s->cancelled.status != ENVOI_STATUS_OK) {
		fail(s, &s->cancelled, NULL, now);
		return;
	}
	if (envoi_sasl_answer(s->sasl, text, &line, &s->cancelled) != 0) {
		(void)envoi_secret_set(&line, "*", 1);
	} else {
		s->cancelled.status = ENVOI_STATUS_OK;
	}
	(void)envoi_session_out_secret(s, now, "", &line);
	envoi_secret_finish(&line);
}

static void accepted(
	struct envoi_session *s, const struct envoi_reply *reply, int64_t now)
{
	struct envoi_error err;
	struct envoi_span text = {reply->text, reply->length};
	if (s->cancelled.status != ENVOI_STATUS_OK) {
		fail(s, &s->cancelled, NULL, now);
		return;
	}
	if (envoi_sasl_accept(s->sasl, text, &err) != 0) {
		fail(s, &err, NULL, now);
		return;
	}
	s->facts.auth = envoi_sasl_name((enum envoi_sasl_mechanism)s->mechanism);
	envoi_session_auth_finish(s);
	envoi_session_ready(s, now);
}

/* RFC 4954 6: which refusals leave another way. */
static bool may_try_another(const struct envoi_reply *reply)
{
	return reply->code == 504 || reply->code == 534;
}

static void refused(struct envoi_session *s, const struct envoi_reply *reply, int64_t now)
{
	struct envoi_error err;
	const char *more = envoi_sasl_failure_text(s->sasl);
	bool temporary = reply->code / 100 == 4 && reply->code != 432;
	bool token = (s->mechanism & ENVOI_SASL_ALL_OAUTH) != 0;
	if (may_try_another(reply)) {
		s->refused |= s->mechanism;
		try_next(s, reply, now);
		return;
	}
	if (token && !temporary && !s->asked_twice) {
		/* Tokens expire: once more with a fresh one. */
		s->asked_twice = true;
		envoi_secret_finish(&s->secret);
		s->event_secret = true;
		return;
	}
	(void)envoi_error_set(&err,
		temporary ? ENVOI_STATUS_TEMPORARY : ENVOI_STATUS_AUTH,
		"the server refused authentication (%s)%s%s",
		envoi_sasl_name((enum envoi_sasl_mechanism)s->mechanism),
		more[0] != '\0' ? ": " : "", more);
	if (reply->code == 538) {
		envoi_error_hint(&err, "this mechanism needs TLS: --tls starttls");
	} else if (reply->code == 432) {
		envoi_error_hint(&err, "the server wants the password set anew first");
	}
	fail(s, &err, reply, now);
}

void envoi_session_auth_reply(
	struct envoi_session *s, struct envoi_reply *reply, int64_t now)
{
	struct envoi_error err;
	if (s->over) {
		return;
	}
	if (reply->code == 421) {
		envoi_session_over(s, ENVOI_PHASE_AUTH, reply, now);
	} else if (reply->code == 334) {
		answer(s, reply, now);
	} else if (reply->code == 235) {
		accepted(s, reply, now);
	} else if (reply->code < 400) {
		(void)envoi_error_set(
			&err, ENVOI_STATUS_PROTOCOL, "reply %d to AUTH", reply->code);
		fail(s, &err, reply, now);
	} else if (s->cancelled.status != ENVOI_STATUS_OK) {
		fail(s, &s->cancelled, NULL, now);
	} else {
		refused(s, reply, now);
	}
}
