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
	envoi_secret_finish(&s->said);
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

static bool contains(struct envoi_span text, const struct envoi_secret *secret)
{
	/* Less could be any word. */
	if (secret->length < 4) {
		return false;
	}
	for (size_t i = 0; i + secret->length <= text.len; i++) {
		if (memcmp(text.data + i, secret->data, secret->length) == 0) {
			return true;
		}
	}
	return false;
}

/* Some servers put the line they do not like into their reply. */
static bool repeats_secret(const struct envoi_session *s, struct envoi_span text)
{
	return contains(text, &s->said) || contains(text, &s->secret);
}

bool envoi_session_hides(const struct envoi_session *s, const char *line, size_t n)
{
	struct envoi_span text = {line, n};
	return s->state == STATE_AUTH
	       && (envoi_span_starts_nocase(text, "334") || repeats_secret(s, text));
}

static void hide_secret(const struct envoi_session *s, struct envoi_reply *reply)
{
	static const char hidden[] = "[hidden]";
	if (!repeats_secret(s, (struct envoi_span){reply->text, reply->length})) {
		return;
	}
	size_t n =
		reply->length < sizeof(hidden) - 1 ? reply->length : sizeof(hidden) - 1;
	envoi_secret_wipe(reply->text, reply->length);
	memcpy(reply->text, hidden, n);
	reply->length = n;
}

/* Sends the line, and keeps it in place of the one before. */
static void say(
	struct envoi_session *s, const char *head, struct envoi_secret *line, int64_t now)
{
	(void)envoi_session_out_secret(s, now, head, line);
	envoi_secret_finish(&s->said);
	s->said = *line;
	*line = (struct envoi_secret){0};
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

/* What would help where no mechanism was found. */
static void hint_at_mechanism(const struct envoi_session *s,
	struct envoi_sasl_choice *choice, struct envoi_error *err)
{
	struct envoi_error other;
	bool starttls = (s->facts.capabilities.extensions & ENVOI_EXT_STARTTLS) != 0;
	if (err->hint[0] != '\0') {
		return;
	}
	if (!choice->clear_ok) {
		choice->clear_ok = true;
		if (envoi_sasl_choose(choice, &other) != 0) {
			envoi_error_hint(err, "%s",
				starttls ? "the server offers TLS: --tls starttls"
					 : "--tls starttls or --tls implicit; with "
					   "--tls off it is shown all the same");
		}
	} else if (choice->wanted_count == 0 && choice->has_password
		   && (choice->refused & ENVOI_SASL_CRAM_MD5) == 0
		   && (envoi_sasl_find_all(choice->offered) & ENVOI_SASL_CRAM_MD5) != 0) {
		envoi_error_hint(err, "--auth CRAM-MD5 asks for it; "
				      "whoever reads along can guess the password");
	}
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
	unsigned mechanism = envoi_sasl_choose(&choice, err);
	if (mechanism == 0) {
		hint_at_mechanism(s, &choice, err);
	}
	return mechanism;
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
	say(s, head, &line, now);
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
			say(s, head, &none, now);
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
	say(s, "", &line, now);
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

/* RFC 4954 4, 6: the mechanisms that this refusal rules out; 0: another one
 * would not help. */
static unsigned ruled_out(const struct envoi_session *s, const struct envoi_reply *reply)
{
	if (reply->code == 504) {
		return s->mechanism;
	}
	if (reply->code != 534) {
		return 0;
	}
	/* Too weak: so is every other that shows the secret. */
	return (s->mechanism & ENVOI_SASL_ALL_CLEAR) != 0 ? ENVOI_SASL_ALL_CLEAR
							  : s->mechanism;
}

static void hint_at_refusal(const struct envoi_session *s,
	const struct envoi_reply *reply, struct envoi_error *err)
{
	if ((reply->code == 538 || reply->code == 530) && !s->facts.tls) {
		envoi_error_hint(err, "%s",
			reply->code == 538
				? "this mechanism needs TLS: --tls starttls"
				: "the server wants TLS first: --tls starttls");
	} else if (reply->code == 432) {
		envoi_error_hint(err, "the server wants the password set anew first");
	}
}

static void refused(struct envoi_session *s, const struct envoi_reply *reply, int64_t now)
{
	struct envoi_error err;
	const char *more = envoi_sasl_failure_text(s->sasl);
	bool temporary = reply->code / 100 == 4 && reply->code != 432;
	bool token = (s->mechanism & ENVOI_SASL_ALL_OAUTH) != 0;
	unsigned out = ruled_out(s, reply);
	if (out != 0) {
		s->refused |= out;
		try_next(s, reply, now);
		return;
	}
	if (token && !temporary && !s->asked_twice && !s->options.auth.secret_once) {
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
	hint_at_refusal(s, reply, &err);
	fail(s, &err, reply, now);
}

void envoi_session_auth_reply(
	struct envoi_session *s, struct envoi_reply *reply, int64_t now)
{
	struct envoi_error err;
	if (s->over) {
		return;
	}
	hide_secret(s, reply);
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
