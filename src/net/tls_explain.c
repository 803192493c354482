/*
 * TLS failures in words a mail administrator can act on: what is wrong with a
 * certificate, and what OpenSSL's reasons and the peer's alerts mean here.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/buffer.h"
#include "net/tls_internal.h"

/* Names of a certificate shown in one error. */
#define NAMES_SHOWN 3

void envoi_tls_format_time(const ASN1_TIME *time, bool with_clock, char *out, size_t n)
{
	struct tm tm;
	if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1) {
		(void)snprintf(out, n, "?");
		return;
	}
	/* Not strftime(), which reads the zone file of the machine. */
	int used = snprintf(
		out, n, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	if (with_clock && used > 0 && (size_t)used < n) {
		(void)snprintf(out + used, n - (size_t)used, "T%02d:%02d:%02dZ",
			tm.tm_hour, tm.tm_min, tm.tm_sec);
	}
}

void envoi_tls_format_name(const X509_NAME *name, char *out, size_t n)
{
	char *bytes = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	struct envoi_buffer buffer;
	envoi_buffer_init(&buffer, n - 1);
	/* RFC 2253 escapes control and 8-bit octets: all is printable. */
	if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
		long length = BIO_get_mem_data(bio, &bytes);
		size_t fits = length < 0 ? 0 : (size_t)length;
		(void)envoi_buffer_append(&buffer, bytes, fits < n - 1 ? fits : n - 1);
	}
	struct envoi_span text = envoi_buffer_span(&buffer);
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	envoi_buffer_finish(&buffer);
	BIO_free(bio);
}

/* One subject alternative name; false when it is of no kind that counts. */
static bool append_name(struct envoi_buffer *out, const GENERAL_NAME *name)
{
	char address[INET6_ADDRSTRLEN];
	int kind;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &kind);
	struct envoi_span bytes = {
		(const char *)ASN1_STRING_get0_data(value),
		(size_t)ASN1_STRING_length(value),
	};
	if (kind == GEN_DNS) {
		(void)envoi_span_escape(out, bytes);
		return true;
	}
	int family = bytes.len == 4 ? AF_INET : AF_INET6;
	if (kind == GEN_IPADD && (bytes.len == 4 || bytes.len == 16)
		&& inet_ntop(family, bytes.data, address, sizeof(address)) != NULL) {
		(void)envoi_buffer_puts(out, address);
		return true;
	}
	return false;
}

static bool counts(const GENERAL_NAME *name)
{
	return name->type == GEN_DNS || name->type == GEN_IPADD;
}

/* "a.example.org, b.example.org, 192.0.2.1 (and 4 more)". */
static void list_names(X509 *certificate, struct envoi_buffer *out)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int total = 0;
	int shown = 0;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (!counts(name)) {
			continue;
		}
		total++;
		if (shown < NAMES_SHOWN) {
			if (shown > 0) {
				(void)envoi_buffer_puts(out, ", ");
			}
			shown += append_name(out, name);
		}
	}
	if (total > shown) {
		(void)envoi_buffer_printf(out, " (and %d more)", total - shown);
	}
	GENERAL_NAMES_free(names);
}

/* The first DNS name without a wildcard, for the hint; "" when none. */
static void first_name(X509 *certificate, char *out, size_t n)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	struct envoi_buffer buffer;
	envoi_buffer_init(&buffer, n - 1);
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && buffer.len == 0; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (counts(name)) {
			(void)append_name(&buffer, name);
		}
		if (memchr(envoi_buffer_span(&buffer).data, '*', buffer.len) != NULL) {
			envoi_buffer_clear(&buffer);
		}
	}
	struct envoi_span text = envoi_buffer_span(&buffer);
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	envoi_buffer_finish(&buffer);
	GENERAL_NAMES_free(names);
}

static const char *peer_name(const struct envoi_tls_link *link)
{
	return link->peer.name[0] != '\0' ? link->peer.name : "the server";
}

static void explain_names(
	const struct envoi_tls_link *link, const char *pin, struct envoi_error *err)
{
	char name[ENVOI_LIMIT_HOST];
	struct envoi_buffer names;
	envoi_buffer_init(&names, 300);
	list_names(link->verify_certificate, &names);
	const char *text = envoi_buffer_string(&names);
	(void)envoi_error_set(err, ENVOI_STATUS_REFUSED, "certificate of %s is for %s",
		peer_name(link), text == NULL || *text == '\0' ? "no host at all" : text);
	first_name(link->verify_certificate, name, sizeof(name));
	if (name[0] != '\0' && strlen(name) < 80) {
		envoi_error_hint(err, "--tls-name %s, or --tls-pin %s", name, pin);
	} else {
		envoi_error_hint(err, "--tls-name NAME, or --tls-pin %s", pin);
	}
	envoi_buffer_finish(&names);
}

static void explain_dates(const struct envoi_tls_link *link, struct envoi_error *err)
{
	bool late = link->verify_error == X509_V_ERR_CERT_HAS_EXPIRED;
	const ASN1_TIME *time = late ? X509_get0_notAfter(link->verify_certificate)
				     : X509_get0_notBefore(link->verify_certificate);
	char date[40];
	envoi_tls_format_time(time, false, date, sizeof(date));
	(void)envoi_error_set(err, ENVOI_STATUS_REFUSED, "certificate of %s%s: %s %s",
		peer_name(link), link->verify_depth > 0 ? " (that of its CA)" : "",
		late ? "expired" : "not valid before", date);
	envoi_error_hint(err, "does the clock of this machine show the right date?");
}

static void explain_issuer(
	const struct envoi_tls_link *link, const char *pin, struct envoi_error *err)
{
	char issuer[256];
	envoi_tls_format_name(
		X509_get_issuer_name(link->verify_certificate), issuer, sizeof(issuer));
	(void)envoi_error_set(err, ENVOI_STATUS_REFUSED,
		"certificate of %s: its CA is not trusted (%s)", peer_name(link), issuer);
	envoi_error_hint(err, "--tls-ca FILE with that CA, or --tls-pin %s", pin);
}

void envoi_tls_explain_certificate(
	const struct envoi_tls_link *link, struct envoi_error *err)
{
	unsigned char digest[32];
	char pin[72] = "sha256:...";
	X509 *leaf = SSL_get0_peer_certificate(link->ssl);
	if (leaf == NULL && link->verify_depth == 0) {
		leaf = link->verify_certificate;
	}
	if (leaf != NULL && envoi_tls_digest_key(leaf, digest) == 0) {
		envoi_tls_pin_format(digest, pin);
	}
	if (link->pin_mismatch) {
		(void)envoi_error_set(err, ENVOI_STATUS_REFUSED,
			"certificate of %s matches no pin", peer_name(link));
		envoi_error_hint(err, "its key is %s", pin);
		return;
	}
	switch (link->verify_error) {
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		(void)envoi_error_set(err, ENVOI_STATUS_REFUSED,
			"certificate of %s: self-signed certificate", peer_name(link));
		envoi_error_hint(err, "--tls-ca FILE with it, or --tls-pin %s", pin);
		return;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		explain_names(link, pin, err);
		return;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		explain_dates(link, err);
		return;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		explain_issuer(link, pin, err);
		return;
	default:
		(void)envoi_error_set(err, ENVOI_STATUS_REFUSED, "certificate of %s: %s",
			peer_name(link),
			X509_verify_cert_error_string(link->verify_error));
		return;
	}
}

/* What the peer's first octets are, if not those of a TLS record. */
static bool explain_plaintext(const struct envoi_tls_link *link, struct envoi_error *err)
{
	const unsigned char *first = link->first;
	size_t n = link->first_length;
	if (n == 0 || (first[0] >= 20 && first[0] <= 24)) {
		return false;
	}
	const char *side = link->tls->server ? "client" : "server";
	if (n >= 4 && memcmp(first, "SSH-", 4) == 0) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_REFUSED, "the %s speaks SSH here", side);
		return true;
	}
	for (size_t i = 0; i < n; i++) {
		bool printable = first[i] >= 0x20 && first[i] <= 0x7e;
		if (!printable && first[i] != '\r' && first[i] != '\n'
			&& first[i] != '\t') {
			(void)envoi_error_set(err, ENVOI_STATUS_REFUSED,
				"the %s speaks something other than TLS here", side);
			return true;
		}
	}
	(void)envoi_error_set(err, ENVOI_STATUS_REFUSED,
		link->upgraded ? "the %s goes on in plaintext where TLS was to begin"
			       : "the %s speaks plaintext here",
		side);
	if (!link->tls->server && !link->upgraded) {
		envoi_error_hint(err, "--tls starttls asks for TLS after the greeting;"
				      " TLS from the start is usual on port 465");
	}
	return true;
}

/* OpenSSL's reasons, and the alerts of the peer (its reasons from 1000 on). */
static const struct words {
	int reason;
	const char *client;
	/** NULL: as for a client. */
	const char *server;
	const char *hint;
} words[] = {
	{SSL_R_UNSUPPORTED_PROTOCOL, "the server speaks no version of TLS allowed here",
		"the client speaks no version of TLS allowed here", ""},
	{SSL_R_WRONG_VERSION_NUMBER, "the other side does not speak TLS here", NULL, ""},
	{SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
		"the other side speaks no version of TLS allowed here", NULL, ""},
	{SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
		"the other side accepts none of the ciphers offered, or wants a "
		"certificate",
		NULL, ""},
	{SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, "the other side wants stronger ciphers",
		NULL, ""},
	{SSL_R_NO_SHARED_CIPHER, "no cipher in common", NULL, ""},
	{SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "no signature algorithm in common", NULL,
		""},
	{SSL_R_DH_KEY_TOO_SMALL, "the key of the other side is too short", NULL, ""},
	{SSL_R_EE_KEY_TOO_SMALL, "the key of the other side is too short", NULL, ""},
	{SSL_R_CA_KEY_TOO_SMALL, "the key of the other side's CA is too short", NULL, ""},
	{SSL_R_CA_MD_TOO_WEAK, "the signature of the certificate is too weak", NULL, ""},
	{SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "the server wants a client certificate",
		NULL, "--tls-cert FILE and --tls-key FILE"},
	{SSL_R_TLSV1_ALERT_UNKNOWN_CA,
		"the server does not trust the CA of the client certificate",
		"the client does not trust this certificate", ""},
	{SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
		"the server does not accept the client certificate",
		"the client does not accept this certificate", ""},
	{SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the client certificate has expired",
		"the client finds this certificate expired", ""},
	{SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "the client certificate is revoked", NULL,
		""},
	{SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
		"the server does not accept the client certificate",
		"the client does not accept this certificate", ""},
	{SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
		"the server cannot use this kind of client certificate", NULL, ""},
	{SSL_R_TLSV1_ALERT_ACCESS_DENIED,
		"the server denies access to the client certificate", NULL, ""},
	{SSL_R_TLSV1_UNRECOGNIZED_NAME, "the server does not know that name", NULL,
		"--tls-name NAME asks for another one"},
	{SSL_R_NO_RENEGOTIATION, "the other side asked for a new handshake", NULL, ""},
};

void envoi_tls_explain(const struct envoi_tls_link *link, struct envoi_error *err)
{
	unsigned long code = ERR_get_error();
	ERR_clear_error();
	const char *with = link->tls->server ? "the client" : peer_name(link);
	if (!link->established && explain_plaintext(link, err)) {
		return;
	}
	int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].reason != reason) {
			continue;
		}
		bool server = link->tls->server && words[i].server != NULL;
		(void)envoi_error_set(err, ENVOI_STATUS_REFUSED, "TLS with %s: %s", with,
			server ? words[i].server : words[i].client);
		if (words[i].hint[0] != '\0' && !link->tls->server) {
			envoi_error_hint(err, "%s", words[i].hint);
		}
		return;
	}
	const char *text = code == 0 ? NULL : ERR_reason_error_string(code);
	(void)envoi_error_set(err, ENVOI_STATUS_REFUSED, "TLS with %s %s: %s", with,
		link->established ? "broke" : "failed",
		text != NULL ? text : "the protocol was violated");
}
