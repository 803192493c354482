/*
 * What an account says of certificates; and what of msmtp's TLS settings is
 * refused, because another meaning would be less safe than none.
 */
#include "submit/account_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* "sha256:" in front of a bare fingerprint of 32 octets. */
static int add_pin(struct account *account, const struct envoi_setting *setting,
	enum envoi_key key, struct envoi_error *err)
{
	struct envoi_tls_options *tls = &account->face.tls;
	struct envoi_error cause = ENVOI_ERROR_NONE;
	const char *text = setting->text;
	char pin[200];
	size_t digits = 0;
	for (const char *p = text; *p != '\0'; p++) {
		digits += *p != ':';
	}
	if (strchr(text, ' ') == NULL && strncmp(text, "sha256:", 7) != 0
		&& (digits == 32 || digits == 40)) {
		(void)envoi_config_error(err, setting->origin,
			"%s: a fingerprint of %s, which can be forged; only SHA-256 is "
			"taken",
			envoi_key_name(key), digits == 32 ? "MD5" : "SHA-1");
		envoi_error_hint(err, "envoi probe shows the right one");
		return -1;
	}
	(void)snprintf(pin, sizeof(pin), "%s%s",
		strncmp(text, "sha256:", 7) == 0 ? "" : "sha256:", text);
	if (envoi_tls_pin_parse(pin, account->pins[tls->pin_count], &cause) != 0) {
		return envoi_config_error(err, setting->origin,
			"%s: no SHA-256 of a certificate or public key: \"%.100s\"",
			envoi_key_name(key), text);
	}
	tls->pin_count++;
	tls->pins = (const unsigned char(*)[32])account->pins;
	return 0;
}

static int add_pins(struct account *account, struct envoi_error *err)
{
	static const enum envoi_key keys[] = {
		ENVOI_KEY_TLS_FINGERPRINT, ENVOI_KEY_TLS_PIN};
	size_t n = account->settings.keys[ENVOI_KEY_TLS_FINGERPRINT].count
		   + account->settings.keys[ENVOI_KEY_TLS_PIN].count;
	account->pins = calloc(n + 1, sizeof(*account->pins));
	if (account->pins == NULL) {
		return envoi_config_no_memory(err);
	}
	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < account->settings.keys[keys[k]].count; i++) {
			const struct envoi_setting *setting =
				&account->settings.keys[keys[k]].values[i];
			if (setting->text[0] != '\0'
				&& add_pin(account, setting, keys[k], err) != 0) {
				return -1;
			}
		}
	}
	return 0;
}

static bool uses_tls(const struct account *account)
{
	for (size_t i = 0; i < account->face.server_count; i++) {
		if (account->face.servers[i].tls != ENVOI_TLS_OFF) {
			return true;
		}
	}
	return false;
}

/* Settings that would say how safe TLS must be, in words OpenSSL has not. */
static int refuse_foreign(const struct account *account, struct envoi_error *err)
{
	const char *text = envoi_account_text(account, ENVOI_KEY_TLS_PRIORITIES);
	if (text != NULL && strcmp(text, "NORMAL") != 0) {
		(void)envoi_account_error(err, account, ENVOI_KEY_TLS_PRIORITIES,
			"a priority string of another TLS library; envoi uses OpenSSL");
		envoi_error_hint(err, "tls_min 1.3 asks for a version");
		return -1;
	}
	if (envoi_account_text(account, ENVOI_KEY_TLS_CRL_FILE) != NULL) {
		return envoi_account_error(err, account, ENVOI_KEY_TLS_CRL_FILE,
			"envoi does not read revocation lists; tls_pin trusts one "
			"certificate only");
	}
	text = envoi_account_text(account, ENVOI_KEY_TLS_MIN_DH_PRIME_BITS);
	if (text != NULL && strtoul(text, NULL, 10) > 2048) {
		return envoi_account_error(err, account, ENVOI_KEY_TLS_MIN_DH_PRIME_BITS,
			"OpenSSL asks for 2048 bits, more cannot be demanded");
	}
	if (envoi_account_is(account, ENVOI_KEY_TLS_FORCE_SSLV3, "on")) {
		return envoi_account_error(err, account, ENVOI_KEY_TLS_FORCE_SSLV3,
			"SSLv3 is broken, and envoi does not speak it");
	}
	return 0;
}

static int set_client_certificate(struct account *account, struct envoi_error *err)
{
	static const enum envoi_key keys[] = {
		ENVOI_KEY_TLS_CERT_FILE, ENVOI_KEY_TLS_KEY_FILE};
	struct envoi_tls_options *tls = &account->face.tls;
	for (size_t i = 0; i < 2; i++) {
		const char *text = envoi_account_text(account, keys[i]);
		if (text != NULL
			&& (strncmp(text, "pkcs11:", 7) == 0
				|| strncmp(text, "tpmkey:", 7) == 0)) {
			return envoi_account_error(err, account, keys[i],
				"certificates and keys are read from PEM files, not from "
				"devices");
		}
	}
	tls->certificate = envoi_account_text(account, ENVOI_KEY_TLS_CERT_FILE);
	tls->key = envoi_account_text(account, ENVOI_KEY_TLS_KEY_FILE);
	if (tls->key != NULL && tls->certificate == NULL) {
		return envoi_account_error(err, account, ENVOI_KEY_TLS_KEY_FILE,
			"a key without a certificate (tls_cert_file)");
	}
	return 0;
}

/* The ways not to check a certificate. */
static int set_trust(struct account *account, struct envoi_error *err)
{
	struct envoi_tls_options *tls = &account->face.tls;
	const struct envoi_setting *trust =
		envoi_settings_last(&account->settings, ENVOI_KEY_TLS_TRUST_FILE);
	if (envoi_account_is(account, ENVOI_KEY_TLS_CERTCHECK, "off")
		&& !envoi_account_is_elsewhere(account, ENVOI_KEY_TLS_CERTCHECK)) {
		if (tls->pin_count > 0) {
			(void)envoi_account_error(err, account, ENVOI_KEY_TLS_CERTCHECK,
				"off, and a pin to check: which one counts?");
			envoi_error_hint(err,
				"a pin is trust enough: take tls_certcheck off away");
			return -1;
		}
		tls->insecure = true;
		return 0;
	}
	if (trust == NULL || strcmp(trust->text, "system") == 0) {
		return 0;
	}
	if (trust->text[0] == '\0') {
		if (tls->pin_count == 0 && uses_tls(account)) {
			return envoi_account_error(err, account, ENVOI_KEY_TLS_TRUST_FILE,
				"no CA is trusted, and there is no tls_fingerprint or "
				"tls_pin");
		}
		return 0;
	}
	tls->ca = trust->text;
	return 0;
}

int envoi_account_tls(struct account *account, struct envoi_error *err)
{
	struct envoi_tls_options *tls = &account->face.tls;
	const char *name = envoi_account_text(account, ENVOI_KEY_TLS_HOST_OVERRIDE);
	if (name != NULL) {
		/* One that begins with a dot would be any name below it. */
		if (name[0] == '.' || strpbrk(name, "*%/ ") != NULL) {
			return envoi_account_error(err, account,
				ENVOI_KEY_TLS_HOST_OVERRIDE,
				"\"%.100s\" is no host name and no IP address", name);
		}
		if (envoi_account_ascii(
			    account, ENVOI_KEY_TLS_HOST_OVERRIDE, &account->tls_name, err)
			!= 0) {
			return -1;
		}
		tls->name = account->tls_name;
	}
	if (envoi_account_is(account, ENVOI_KEY_TLS_MIN, "1.2")) {
		tls->minimum = 0x0303;
	} else if (envoi_account_is(account, ENVOI_KEY_TLS_MIN, "1.3")) {
		tls->minimum = 0x0304;
	}
	tls->fresh = envoi_account_is(account, ENVOI_KEY_TLS_CACHE, "off");
	if (uses_tls(account) && refuse_foreign(account, err) != 0) {
		return -1;
	}
	return add_pins(account, err) == 0 && set_trust(account, err) == 0
			       && set_client_certificate(account, err) == 0
		       ? 0
		       : -1;
}
