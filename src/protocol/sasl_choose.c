/*
 * The mechanisms by name, and which of them to use.
 */
#include "protocol/sasl.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* In the order of preference: what shows least comes first. */
static const struct {
	const char *name;
	enum envoi_sasl_mechanism mechanism;
} mechanisms[ENVOI_SASL_COUNT] = {
	{"SCRAM-SHA-256-PLUS", ENVOI_SASL_SCRAM_SHA_256_PLUS},
	{"SCRAM-SHA-1-PLUS", ENVOI_SASL_SCRAM_SHA_1_PLUS},
	{"SCRAM-SHA-256", ENVOI_SASL_SCRAM_SHA_256},
	{"SCRAM-SHA-1", ENVOI_SASL_SCRAM_SHA_1},
	{"OAUTHBEARER", ENVOI_SASL_OAUTHBEARER},
	{"XOAUTH2", ENVOI_SASL_XOAUTH2},
	{"PLAIN", ENVOI_SASL_PLAIN},
	{"LOGIN", ENVOI_SASL_LOGIN},
	{"CRAM-MD5", ENVOI_SASL_CRAM_MD5},
	{"EXTERNAL", ENVOI_SASL_EXTERNAL},
};

#define ONLY_WHEN_WANTED (ENVOI_SASL_CRAM_MD5 | ENVOI_SASL_EXTERNAL)

const char *envoi_sasl_name(enum envoi_sasl_mechanism mechanism)
{
	for (size_t i = 0; i < COUNT(mechanisms); i++) {
		if (mechanisms[i].mechanism == mechanism) {
			return mechanisms[i].name;
		}
	}
	return "?";
}

unsigned envoi_sasl_find(struct envoi_span name)
{
	for (size_t i = 0; i < COUNT(mechanisms); i++) {
		if (envoi_span_equal_nocase(name, mechanisms[i].name)) {
			return mechanisms[i].mechanism;
		}
	}
	return 0;
}

unsigned envoi_sasl_find_all(struct envoi_span names)
{
	unsigned set = 0;
	struct envoi_span name;
	while ((name = envoi_span_word(&names)).len > 0) {
		set |= envoi_sasl_find(name);
	}
	return set;
}

/* Why a mechanism is not taken; what is more worth telling comes first. */
enum obstacle {
	NOTHING,
	/** It would show the secret. */
	IN_CLEAR,
	REFUSED,
	NO_BINDING,
	NOT_WANTED,
	NO_SECRET,
	NOT_OFFERED,
};

static enum obstacle look_at(const struct envoi_sasl_choice *choice, unsigned offered,
	enum envoi_sasl_mechanism mechanism, bool wanted)
{
	bool has_secret = (mechanism & ENVOI_SASL_ALL_OAUTH) != 0 ? choice->has_token
			  : mechanism == ENVOI_SASL_EXTERNAL	  ? true
								  : choice->has_password;
	if ((offered & mechanism) == 0) {
		return NOT_OFFERED;
	}
	if ((choice->refused & mechanism) != 0) {
		return REFUSED;
	}
	if (!has_secret) {
		return NO_SECRET;
	}
	if (!wanted && (mechanism & ONLY_WHEN_WANTED) != 0) {
		return NOT_WANTED;
	}
	if ((mechanism & ENVOI_SASL_ALL_PLUS) != 0 && !choice->has_binding) {
		return NO_BINDING;
	}
	if ((mechanism & ENVOI_SASL_ALL_CLEAR) != 0 && !choice->clear_ok) {
		return IN_CLEAR;
	}
	return NOTHING;
}

static void explain_wanted(
	const struct envoi_sasl_choice *choice, struct envoi_error *err)
{
	(void)envoi_error_set(err, ENVOI_STATUS_AUTH,
		"the server does not offer %s%s; it offers %.*s",
		envoi_sasl_name(choice->wanted[0]),
		choice->wanted_count > 1 ? " or another mechanism that was asked for"
					 : "",
		(int)choice->offered.len, choice->offered.data);
}

/* Words for why there is none: what stands in the way of the one that came
 * furthest. */
static void explain(const struct envoi_sasl_choice *choice, enum obstacle obstacle,
	enum envoi_sasl_mechanism mechanism, struct envoi_error *err)
{
	const char *name = envoi_sasl_name(mechanism);
	bool token = (mechanism & ENVOI_SASL_ALL_OAUTH) != 0;
	switch (obstacle) {
	case IN_CLEAR:
		(void)envoi_error_set(err, ENVOI_STATUS_AUTH,
			"%s would show the %s to the network: there is no TLS here", name,
			token ? "token" : "password");
		break;
	case NO_BINDING:
		(void)envoi_error_set(err, ENVOI_STATUS_AUTH,
			"%s needs TLS that can be bound to", name);
		break;
	case NO_SECRET:
		(void)envoi_error_set(err, ENVOI_STATUS_AUTH, "%s needs a %s%s", name,
			token ? "token" : "password",
			token && choice->has_password ? ", and there is a password"
			: !token && choice->has_token ? ", and there is a token"
						      : "");
		break;
	case NOT_WANTED:
		(void)envoi_error_set(err, ENVOI_STATUS_AUTH,
			"only %s could be used, which has to be asked for", name);
		break;
	case REFUSED:
		(void)envoi_error_set(
			err, ENVOI_STATUS_AUTH, "there is no mechanism left to try");
		break;
	case NOT_OFFERED:
	case NOTHING:
		if (choice->offered.len == 0) {
			(void)envoi_error_set(
				err, ENVOI_STATUS_AUTH, "the server offers no mechanism");
		} else if (choice->wanted_count > 0) {
			explain_wanted(choice, err);
		} else {
			(void)envoi_error_set(err, ENVOI_STATUS_AUTH,
				"the server offers no mechanism that can be used: %.*s",
				(int)choice->offered.len, choice->offered.data);
		}
		break;
	}
}

unsigned envoi_sasl_choose(
	const struct envoi_sasl_choice *choice, struct envoi_error *err)
{
	unsigned offered = envoi_sasl_find_all(choice->offered);
	size_t count =
		choice->wanted_count > 0 ? choice->wanted_count : COUNT(mechanisms);
	enum obstacle nearest = NOT_OFFERED;
	enum envoi_sasl_mechanism which = ENVOI_SASL_PLAIN;
	for (size_t i = 0; i < count; i++) {
		bool wanted = choice->wanted_count > 0;
		enum envoi_sasl_mechanism mechanism =
			wanted ? choice->wanted[i] : mechanisms[i].mechanism;
		enum obstacle obstacle = look_at(choice, offered, mechanism, wanted);
		if (obstacle == NOTHING) {
			return mechanism;
		}
		if (obstacle < nearest) {
			nearest = obstacle;
			which = mechanism;
		}
	}
	explain(choice, nearest, which, err);
	return 0;
}
