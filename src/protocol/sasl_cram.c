/*
 * CRAM-MD5 (RFC 2195): the password is not shown, but whoever reads along
 * can guess it at leisure, and the server proves nothing. Only when asked for.
 *
 *     challenge = whatever, not empty
 *     response = user SP 32HEXDIG          HMAC-MD5 of the challenge
 */
#include "protocol/sasl_internal.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static int begin(struct envoi_sasl *sasl, struct envoi_error *err)
{
	if (envoi_sasl_need_no_authzid(sasl, err) != 0
		|| envoi_sasl_need_user(sasl, err) != 0) {
		return -1;
	}
	return envoi_sasl_need_secret(sasl, err);
}

static int step(struct envoi_sasl *sasl, struct envoi_span challenge,
	struct envoi_secret *ret, struct envoi_error *err)
{
	static const char hex[] = "0123456789abcdef";
	const struct envoi_secret *key = sasl->identity.secret;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	char text[33];
	if (challenge.len == 0) {
		/* The answer would be good for ever. */
		return envoi_error_set(err, ENVOI_STATUS_AUTH,
			"the server's CRAM-MD5 challenge is empty");
	}
	if (HMAC(EVP_md5(), key->data, (int)key->length,
		    (const unsigned char *)challenge.data, challenge.len, digest, &length)
			== NULL
		|| length != 16) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM,
			"OpenSSL has no MD5 here, which CRAM-MD5 needs");
	}
	for (size_t i = 0; i < 16; i++) {
		text[2 * i] = hex[digest[i] >> 4];
		text[2 * i + 1] = hex[digest[i] & 15];
	}
	const struct envoi_span parts[] = {
		envoi_span_of(sasl->identity.user),
		{" ", 1},
		{text, 32},
	};
	int result = envoi_sasl_join(ret, parts, sizeof(parts) / sizeof(parts[0]), err);
	envoi_secret_wipe(digest, sizeof(digest));
	envoi_secret_wipe(text, sizeof(text));
	return result;
}

const struct envoi_sasl_methods envoi_sasl_cram_md5 = {
	.least = 1,
	.most = 1,
	.begin = begin,
	.step = step,
};
