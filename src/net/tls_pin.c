/*
 * Pins: SHA-256 of a certificate, or of its public key (DER
 * SubjectPublicKeyInfo, as in RFC 7469), in words and out of them.
 *
 *     pin = "sha256:" 32( 2HEXDIG [ ":" ] ) without a colon at the end
 */
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/span.h"
#include "net/tls_internal.h"

static const char hex_digits[] = "0123456789abcdef";

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

/* 32 octets in hexadecimal, and nothing behind them. */
static bool parse_hex(const char *text, unsigned char digest[32])
{
	for (size_t i = 0; i < 32; i++) {
		if (i > 0 && *text == ':') {
			text++;
		}
		int high = hex_value(text[0]);
		int low = high < 0 ? -1 : hex_value(text[1]);
		if (low < 0) {
			return false;
		}
		digest[i] = (unsigned char)(high << 4 | low);
		text += 2;
	}
	return *text == '\0';
}

int envoi_tls_pin_parse(
	const char *text, unsigned char ret_pin[32], struct envoi_error *err)
{
	unsigned char digest[32];
	if (!envoi_span_starts_nocase(envoi_span_of(text), "sha256:")) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"pin '%.200s' does not begin with sha256:", text);
	}
	if (!parse_hex(text + 7, digest)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"pin '%.200s' is not sha256: and 64 hexadecimal digits", text);
	}
	memcpy(ret_pin, digest, sizeof(digest));
	return 0;
}

void envoi_tls_pin_format(const unsigned char digest[32], char out[72])
{
	memcpy(out, "sha256:", 7);
	for (size_t i = 0; i < 32; i++) {
		out[7 + 2 * i] = hex_digits[digest[i] >> 4];
		out[8 + 2 * i] = hex_digits[digest[i] & 15];
	}
	out[71] = '\0';
}

int envoi_tls_digest_certificate(X509 *certificate, unsigned char ret_digest[32])
{
	unsigned int n = 0;
	return X509_digest(certificate, EVP_sha256(), ret_digest, &n) == 1 && n == 32
		       ? 0
		       : -1;
}

int envoi_tls_digest_key(X509 *certificate, unsigned char ret_digest[32])
{
	unsigned char *der = NULL;
	unsigned int n = 0;
	int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	if (length < 0) {
		return -1;
	}
	int ok = EVP_Digest(der, (size_t)length, ret_digest, &n, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return ok == 1 && n == 32 ? 0 : -1;
}
