/*
 * The choice of a mechanism, and what all of them have in common: rounds are
 * counted here, base64 is read and written here, and nothing goes on after a
 * failure.
 */
#include "protocol/sasl.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "protocol/base64.h"
#include "protocol/sasl_internal.h"
#include "protocol/saslprep.h"

/* -- Common to the mechanisms -------------------------------------------------- */

int envoi_sasl_no_memory(struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

struct envoi_span envoi_sasl_span(const struct envoi_secret *secret)
{
	if (secret == NULL || secret->data == NULL) {
		return (struct envoi_span){"", 0};
	}
	return (struct envoi_span){secret->data, secret->length};
}

int envoi_sasl_join(struct envoi_secret *ret, const struct envoi_span *parts,
	size_t count, struct envoi_error *err)
{
	size_t length = 0;
	for (size_t i = 0; i < count; i++) {
		length += parts[i].len;
	}
	char *data = malloc(length + 1);
	if (data == NULL) {
		return envoi_sasl_no_memory(err);
	}
	char *to = data;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > 0) {
			memcpy(to, parts[i].data, parts[i].len);
		}
		to += parts[i].len;
	}
	*to = '\0';
	envoi_secret_finish(ret);
	*ret = (struct envoi_secret){data, length};
	return 0;
}

int envoi_sasl_escape_name(
	struct envoi_secret *ret, struct envoi_span name, struct envoi_error *err)
{
	size_t extra = 0;
	for (size_t i = 0; i < name.len; i++) {
		extra += name.data[i] == ',' || name.data[i] == '=' ? 2 : 0;
	}
	char *data = malloc(name.len + extra + 1);
	if (data == NULL) {
		return envoi_sasl_no_memory(err);
	}
	char *to = data;
	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] == ',' || name.data[i] == '=') {
			memcpy(to, name.data[i] == ',' ? "=2C" : "=3D", 3);
			to += 3;
		} else {
			*to++ = name.data[i];
		}
	}
	*to = '\0';
	envoi_secret_finish(ret);
	*ret = (struct envoi_secret){data, name.len + extra};
	return 0;
}

void envoi_sasl_set_failure(struct envoi_sasl *sasl, struct envoi_span text)
{
	struct envoi_buffer escaped;
	/* Each octet may become four. */
	size_t most = (sizeof(sasl->failure) - 1) / 4;
	envoi_buffer_init(&escaped, sizeof(sasl->failure) - 1);
	text.len = text.len < most ? text.len : most;
	if (envoi_span_escape(&escaped, text) == 0) {
		struct envoi_span span = envoi_buffer_span(&escaped);
		memcpy(sasl->failure, span.data, span.len);
		sasl->failure[span.len] = '\0';
	}
	envoi_buffer_finish(&escaped);
}

int envoi_sasl_need_user(struct envoi_sasl *sasl, struct envoi_error *err)
{
	if (sasl->identity.user == NULL || sasl->identity.user[0] == '\0') {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG, "%s needs a user name",
			envoi_sasl_name(sasl->mechanism));
	}
	return 0;
}

int envoi_sasl_need_secret(struct envoi_sasl *sasl, struct envoi_error *err)
{
	bool token = (sasl->mechanism & ENVOI_SASL_ALL_OAUTH) != 0;
	const struct envoi_secret *secret = sasl->identity.secret;
	const char *what = token ? "token" : "password";
	if (secret == NULL || secret->data == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG, "%s needs a %s",
			envoi_sasl_name(sasl->mechanism), what);
	}
	if (secret->length == 0) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG, "the %s is empty", what);
	}
	if (secret->length > ENVOI_LIMIT_AUTH_LINE) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"the %s has %zu octets, more than fit in a line of AUTH", what,
			secret->length);
	}
	if (memchr(secret->data, '\0', secret->length) != NULL) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"the %s has a NUL, which no mechanism can send", what);
	}
	return 0;
}

int envoi_sasl_need_no_authzid(struct envoi_sasl *sasl, struct envoi_error *err)
{
	if (sasl->authzid.length > 0) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"%s cannot say whom to act as", envoi_sasl_name(sasl->mechanism));
	}
	return 0;
}

/* -- One exchange -------------------------------------------------------------- */

static const struct envoi_sasl_methods *methods_of(enum envoi_sasl_mechanism mechanism)
{
	switch (mechanism) {
	case ENVOI_SASL_SCRAM_SHA_256_PLUS:
	case ENVOI_SASL_SCRAM_SHA_1_PLUS:
	case ENVOI_SASL_SCRAM_SHA_256:
	case ENVOI_SASL_SCRAM_SHA_1:
		return &envoi_sasl_scram;
	case ENVOI_SASL_OAUTHBEARER:
		return &envoi_sasl_oauthbearer;
	case ENVOI_SASL_XOAUTH2:
		return &envoi_sasl_xoauth2;
	case ENVOI_SASL_PLAIN:
		return &envoi_sasl_plain;
	case ENVOI_SASL_LOGIN:
		return &envoi_sasl_login;
	case ENVOI_SASL_CRAM_MD5:
		return &envoi_sasl_cram_md5;
	case ENVOI_SASL_EXTERNAL:
		return &envoi_sasl_external;
	}
	return NULL;
}

/* An authzid is a "simple user name" (RFC 4954 4). */
static int prepare_authzid(struct envoi_sasl *sasl, struct envoi_error *err)
{
	const char *authzid = sasl->identity.authzid;
	if (authzid == NULL || authzid[0] == '\0') {
		return envoi_sasl_join(&sasl->authzid, NULL, 0, err);
	}
	int result = envoi_saslprep(&sasl->authzid, envoi_span_of(authzid));
	if (result > 0) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG, "the name to act as %s",
			envoi_saslprep_reason((enum envoi_saslprep)result));
	}
	return result < 0 ? envoi_sasl_no_memory(err) : 0;
}

struct envoi_sasl *envoi_sasl_new(enum envoi_sasl_mechanism mechanism,
	const struct envoi_sasl_identity *identity, struct envoi_error *err)
{
	struct envoi_sasl *sasl = calloc(1, sizeof(*sasl));
	if (sasl == NULL) {
		(void)envoi_sasl_no_memory(err);
		return NULL;
	}
	sasl->mechanism = mechanism;
	sasl->methods = methods_of(mechanism);
	sasl->identity = *identity;
	if (sasl->methods == NULL) {
		(void)envoi_error_set(err, ENVOI_STATUS_BUG, "no such SASL mechanism");
	} else if (prepare_authzid(sasl, err) == 0
		   && sasl->methods->begin(sasl, err) == 0) {
		return sasl;
	}
	envoi_sasl_free(sasl);
	return NULL;
}

void envoi_sasl_free(struct envoi_sasl *sasl)
{
	if (sasl == NULL) {
		return;
	}
	envoi_secret_finish(&sasl->authzid);
	envoi_secret_finish(&sasl->scram.user);
	envoi_secret_finish(&sasl->scram.password);
	envoi_secret_finish(&sasl->scram.nonce);
	envoi_secret_finish(&sasl->scram.header);
	envoi_secret_finish(&sasl->scram.first);
	envoi_secret_wipe(sasl, sizeof(*sasl));
	free(sasl);
}

bool envoi_sasl_has_initial(const struct envoi_sasl *sasl)
{
	return sasl->methods->client_first;
}

bool envoi_sasl_is_unproven(const struct envoi_sasl *sasl)
{
	return sasl->unproven;
}

const char *envoi_sasl_failure_text(const struct envoi_sasl *sasl)
{
	return sasl->failure;
}

/* The answer to a decoded challenge, encoded. */
static int take_step(struct envoi_sasl *sasl, struct envoi_span challenge,
	struct envoi_secret *ret_line, struct envoi_error *err)
{
	struct envoi_secret response = {0};
	if (sasl->methods->step(sasl, challenge, &response, err) != 0) {
		return -1;
	}
	int result = envoi_base64_encode(ret_line, envoi_sasl_span(&response));
	envoi_secret_finish(&response);
	if (result != 0) {
		return envoi_sasl_no_memory(err);
	}
	if (ret_line->length > ENVOI_LIMIT_AUTH_LINE - 2) {
		envoi_secret_finish(ret_line);
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"what %s has to send is too long for a line of AUTH",
			envoi_sasl_name(sasl->mechanism));
	}
	sasl->answers++;
	return 0;
}

int envoi_sasl_initial(
	struct envoi_sasl *sasl, struct envoi_secret *ret_line, struct envoi_error *err)
{
	if (sasl->failed || sasl->answers > 0 || sasl->mechanism == ENVOI_SASL_CRAM_MD5) {
		return envoi_error_set(err, ENVOI_STATUS_BUG, "no initial response now");
	}
	if (take_step(sasl, (struct envoi_span){"", 0}, ret_line, err) != 0) {
		sasl->failed = true;
		return -1;
	}
	/* Nothing at all would mean that there is none (RFC 4954 4). */
	if (ret_line->length == 0 && envoi_secret_set(ret_line, "=", 1) != 0) {
		sasl->failed = true;
		return envoi_sasl_no_memory(err);
	}
	return 0;
}

static int answer(struct envoi_sasl *sasl, struct envoi_span text,
	struct envoi_secret *ret_line, struct envoi_error *err)
{
	struct envoi_secret challenge = {0};
	if (sasl->answers >= sasl->methods->most) {
		return envoi_error_set(err, ENVOI_STATUS_PROTOCOL,
			"the server asks for more than %s has",
			envoi_sasl_name(sasl->mechanism));
	}
	int result = text.len > ENVOI_LIMIT_AUTH_LINE
			     ? ENVOI_BASE64_BAD
			     : envoi_base64_decode(&challenge, text);
	if (result < 0) {
		return envoi_sasl_no_memory(err);
	}
	if (result > 0 && sasl->answers >= sasl->methods->blind) {
		sasl->unproven = sasl->methods->accept != NULL;
		return envoi_error_set(err, ENVOI_STATUS_AUTH,
			"%s: what the server asks is not base64",
			envoi_sasl_name(sasl->mechanism));
	}
	result = take_step(
		sasl, result > 0 ? text : envoi_sasl_span(&challenge), ret_line, err);
	envoi_secret_finish(&challenge);
	return result;
}

int envoi_sasl_answer(struct envoi_sasl *sasl, struct envoi_span text,
	struct envoi_secret *ret_line, struct envoi_error *err)
{
	if (sasl->failed) {
		return envoi_error_set(
			err, ENVOI_STATUS_PROTOCOL, "the exchange has failed already");
	}
	sasl->failed = answer(sasl, envoi_span_trim(text), ret_line, err) != 0;
	return sasl->failed ? -1 : 0;
}

int envoi_sasl_accept(
	struct envoi_sasl *sasl, struct envoi_span text, struct envoi_error *err)
{
	if (sasl->failed || sasl->answers < sasl->methods->least) {
		return envoi_error_set(err, ENVOI_STATUS_PROTOCOL,
			"the server says yes (235) where %s %s",
			envoi_sasl_name(sasl->mechanism),
			sasl->failed ? "had failed" : "was not at its end");
	}
	return sasl->methods->accept != NULL ? sasl->methods->accept(sasl, text, err) : 0;
}
