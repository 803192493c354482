/*
 * The mechanisms that show all they have: PLAIN (RFC 4616), LOGIN, EXTERNAL
 * (RFC 4422 A). They go where nobody reads along; see to that above.
 *
 * User name and password go out as they were given: to prepare them for a
 * comparison is the server's part (RFC 4616 2), and most do not.
 */
#include "protocol/sasl_internal.h"

static int need_both(struct envoi_sasl *sasl, struct envoi_error *err)
{
	if (envoi_sasl_need_user(sasl, err) != 0) {
		return -1;
	}
	return envoi_sasl_need_secret(sasl, err);
}

/* message = [authzid] NUL authcid NUL passwd */
static int step_plain(struct envoi_sasl *sasl, struct envoi_span challenge,
	struct envoi_secret *ret, struct envoi_error *err)
{
	(void)challenge;
	const struct envoi_span parts[] = {
		envoi_sasl_span(&sasl->authzid),
		{"", 1},
		envoi_span_of(sasl->identity.user),
		{"", 1},
		envoi_sasl_span(sasl->identity.secret),
	};
	return envoi_sasl_join(ret, parts, sizeof(parts) / sizeof(parts[0]), err);
}

const struct envoi_sasl_methods envoi_sasl_plain = {
	.client_first = true,
	.blind = 1,
	.least = 1,
	.most = 1,
	.begin = need_both,
	.step = step_plain,
};

static int begin_login(struct envoi_sasl *sasl, struct envoi_error *err)
{
	if (envoi_sasl_need_no_authzid(sasl, err) != 0) {
		return -1;
	}
	return need_both(sasl, err);
}

/* First the name, then the password: servers word their prompts as they like,
 * so the order decides. */
static int step_login(struct envoi_sasl *sasl, struct envoi_span challenge,
	struct envoi_secret *ret, struct envoi_error *err)
{
	(void)challenge;
	struct envoi_span part = sasl->answers == 0
					 ? envoi_span_of(sasl->identity.user)
					 : envoi_sasl_span(sasl->identity.secret);
	return envoi_sasl_join(ret, &part, 1, err);
}

const struct envoi_sasl_methods envoi_sasl_login = {
	.blind = 2,
	.least = 2,
	.most = 2,
	.begin = begin_login,
	.step = step_login,
};

/* The server knows who we are from the certificate of the client. */
static int begin_external(struct envoi_sasl *sasl, struct envoi_error *err)
{
	(void)sasl;
	(void)err;
	return 0;
}

static int step_external(struct envoi_sasl *sasl, struct envoi_span challenge,
	struct envoi_secret *ret, struct envoi_error *err)
{
	(void)challenge;
	struct envoi_span part = envoi_sasl_span(&sasl->authzid);
	return envoi_sasl_join(ret, &part, 1, err);
}

const struct envoi_sasl_methods envoi_sasl_external = {
	.client_first = true,
	.blind = 1,
	.least = 1,
	.most = 1,
	.begin = begin_external,
	.step = step_external,
};
