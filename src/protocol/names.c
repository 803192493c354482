/*
 * Phases, outcomes and extensions by name.
 */
#include <envoi/session.h>

#include "base/span.h"

const char *envoi_phase_name(enum envoi_phase phase)
{
	static const char *const names[ENVOI_PHASE_COUNT] = {
		[ENVOI_PHASE_INPUT] = "input",
		[ENVOI_PHASE_RESOLVE] = "resolve",
		[ENVOI_PHASE_CONNECT] = "connect",
		[ENVOI_PHASE_GREETING] = "greeting",
		[ENVOI_PHASE_EHLO] = "ehlo",
		[ENVOI_PHASE_TLS] = "tls",
		[ENVOI_PHASE_AUTH] = "auth",
		[ENVOI_PHASE_MAIL] = "mail",
		[ENVOI_PHASE_RCPT] = "rcpt",
		[ENVOI_PHASE_DATA] = "data",
		[ENVOI_PHASE_BLOCK] = "block",
		[ENVOI_PHASE_DOT] = "dot",
		[ENVOI_PHASE_QUIT] = "quit",
		[ENVOI_PHASE_TOTAL] = "total",
	};
	return phase < ENVOI_PHASE_COUNT ? names[phase] : "?";
}

const char *envoi_outcome_name(enum envoi_outcome outcome)
{
	switch (outcome) {
	case ENVOI_OUTCOME_DELIVERED:
		return "delivered";
	case ENVOI_OUTCOME_REJECTED:
		return "rejected";
	case ENVOI_OUTCOME_DEFERRED:
		return "deferred";
	case ENVOI_OUTCOME_UNKNOWN:
		return "unknown";
	case ENVOI_OUTCOME_UNTRIED:
		return "untried";
	case ENVOI_OUTCOME_PENDING:
		break;
	}
	return "pending";
}

static const struct {
	const char *name;
	uint32_t bit;
} extensions[] = {
	{"PIPELINING", ENVOI_EXT_PIPELINING},
	{"CHUNKING", ENVOI_EXT_CHUNKING},
	{"SIZE", ENVOI_EXT_SIZE},
	{"8BITMIME", ENVOI_EXT_8BITMIME},
	{"ENHANCEDSTATUSCODES", ENVOI_EXT_ENHANCEDSTATUSCODES},
	{"STARTTLS", ENVOI_EXT_STARTTLS},
	{"LIMITS", ENVOI_EXT_LIMITS},
	{"AUTH", ENVOI_EXT_AUTH},
	{"SMTPUTF8", ENVOI_EXT_SMTPUTF8},
	{"DSN", ENVOI_EXT_DSN},
	{"BINARYMIME", ENVOI_EXT_BINARYMIME},
	{"REQUIRETLS", ENVOI_EXT_REQUIRETLS},
	{"FUTURERELEASE", ENVOI_EXT_FUTURERELEASE},
	{"DELIVERBY", ENVOI_EXT_DELIVERBY},
	{"MT-PRIORITY", ENVOI_EXT_MT_PRIORITY},
	{"HELP", ENVOI_EXT_HELP},
	{"VRFY", ENVOI_EXT_VRFY},
	{"ETRN", ENVOI_EXT_ETRN},
	{"EXPN", ENVOI_EXT_EXPN},
};

uint32_t envoi_extension_find(const char *name, size_t len)
{
	struct envoi_span keyword = {name, len};
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		if (envoi_span_equal_nocase(keyword, extensions[i].name)) {
			return extensions[i].bit;
		}
	}
	return 0;
}

const char *envoi_extension_name(uint32_t bit)
{
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		if (extensions[i].bit == bit) {
			return extensions[i].name;
		}
	}
	return NULL;
}
