/*
 * The mechanisms whose secret is a token of OAuth 2.0: OAUTHBEARER (RFC 7628)
 * and XOAUTH2, which is older and has no RFC.
 *
 *     XOAUTH2 = "user=" user ^A "auth=Bearer " token ^A ^A
 *     OAUTHBEARER = "n," ["a=" saslname] "," ^A ["host=" host ^A]
 *                   ["port=" port ^A] "auth=Bearer " token ^A ^A
 *
 * A token that is refused is answered by a 334 with JSON that says why. It is
 * kept for the user, and the exchange has to be ended by an answer: ^A
 * (RFC 7628 3.2.3), or nothing (XOAUTH2); then comes the 535.
 */
#include "protocol/sasl_internal.h"

#include <stdio.h>
#include <string.h>

#define SEPARATOR                                                                        \
	{                                                                                \
		"\x01", 1                                                                \
	}

/* What is put between ^A must not hold any; RFC 6750 2.1 has less than all
 * that is printable, but tokens of some servers have more. */
static int begin(struct envoi_sasl *sasl, struct envoi_error *err)
{
	const struct envoi_sasl_identity *identity = &sasl->identity;
	if (envoi_sasl_need_secret(sasl, err) != 0) {
		return -1;
	}
	for (size_t i = 0; i < identity->secret->length; i++) {
		char c = identity->secret->data[i];
		if (c < 0x21 || c > 0x7e) {
			return envoi_error_set(err, ENVOI_STATUS_CONFIG,
				"the token has a blank, a control or an 8-bit character "
				"(octet %zu), which no token has",
				i + 1);
		}
	}
	if (identity->user != NULL && strchr(identity->user, '\x01') != NULL) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"the user name has a control character");
	}
	return 0;
}

/* Without the line end that some put behind it. */
static void keep_failure(struct envoi_sasl *sasl, struct envoi_span text)
{
	while (text.len > 0 && strchr("\r\n \t", text.data[text.len - 1]) != NULL
		&& text.data[text.len - 1] != '\0') {
		text.len--;
	}
	envoi_sasl_set_failure(sasl, text);
}

static int begin_xoauth2(struct envoi_sasl *sasl, struct envoi_error *err)
{
	if (envoi_sasl_need_no_authzid(sasl, err) != 0
		|| envoi_sasl_need_user(sasl, err) != 0) {
		return -1;
	}
	return begin(sasl, err);
}

static int step_xoauth2(struct envoi_sasl *sasl, struct envoi_span challenge,
	struct envoi_secret *ret, struct envoi_error *err)
{
	if (sasl->answers > 0) {
		keep_failure(sasl, challenge);
		return envoi_sasl_join(ret, NULL, 0, err);
	}
	const struct envoi_span parts[] = {
		envoi_span_of("user="),
		envoi_span_of(sasl->identity.user),
		SEPARATOR,
		envoi_span_of("auth=Bearer "),
		envoi_sasl_span(sasl->identity.secret),
		SEPARATOR,
		SEPARATOR,
	};
	return envoi_sasl_join(ret, parts, sizeof(parts) / sizeof(parts[0]), err);
}

const struct envoi_sasl_methods envoi_sasl_xoauth2 = {
	.client_first = true,
	.blind = 2,
	.least = 1,
	.most = 2,
	.begin = begin_xoauth2,
	.step = step_xoauth2,
};

static int begin_oauthbearer(struct envoi_sasl *sasl, struct envoi_error *err)
{
	const char *host = sasl->identity.host;
	if (host != NULL && strchr(host, '\x01') != NULL) {
		return envoi_error_set(
			err, ENVOI_STATUS_CONFIG, "the host has a control character");
	}
	return begin(sasl, err);
}

/* The user goes as the authzid: RFC 7628 has no other place for it. */
static int join_oauthbearer(struct envoi_sasl *sasl, struct envoi_span name,
	struct envoi_secret *ret, struct envoi_error *err)
{
	const struct envoi_sasl_identity *identity = &sasl->identity;
	char port[16];
	struct envoi_span parts[14];
	size_t n = 0;
	parts[n++] = envoi_span_of("n,");
	parts[n++] = envoi_span_of(name.len > 0 ? "a=" : "");
	parts[n++] = name;
	parts[n++] = envoi_span_of(",\x01");
	if (identity->host != NULL && identity->host[0] != '\0') {
		parts[n++] = envoi_span_of("host=");
		parts[n++] = envoi_span_of(identity->host);
		parts[n++] = (struct envoi_span)SEPARATOR;
	}
	if (identity->port != 0) {
		(void)snprintf(port, sizeof(port), "%u", identity->port);
		parts[n++] = envoi_span_of("port=");
		parts[n++] = envoi_span_of(port);
		parts[n++] = (struct envoi_span)SEPARATOR;
	}
	parts[n++] = envoi_span_of("auth=Bearer ");
	parts[n++] = envoi_sasl_span(identity->secret);
	parts[n++] = envoi_span_of("\x01\x01");
	return envoi_sasl_join(ret, parts, n, err);
}

static int step_oauthbearer(struct envoi_sasl *sasl, struct envoi_span challenge,
	struct envoi_secret *ret, struct envoi_error *err)
{
	struct envoi_secret name = {0};
	if (sasl->answers > 0) {
		struct envoi_span part = SEPARATOR;
		keep_failure(sasl, challenge);
		return envoi_sasl_join(ret, &part, 1, err);
	}
	struct envoi_span user = envoi_sasl_span(&sasl->authzid);
	if (user.len == 0 && sasl->identity.user != NULL) {
		user = envoi_span_of(sasl->identity.user);
	}
	if (envoi_sasl_escape_name(&name, user, err) != 0) {
		return -1;
	}
	int result = join_oauthbearer(sasl, envoi_sasl_span(&name), ret, err);
	envoi_secret_finish(&name);
	return result;
}

const struct envoi_sasl_methods envoi_sasl_oauthbearer = {
	.client_first = true,
	.blind = 2,
	.least = 1,
	.most = 2,
	.begin = begin_oauthbearer,
	.step = step_oauthbearer,
};
