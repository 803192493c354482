/*
 * What ties an authentication to the TLS connection under it (RFC 5056):
 * tls-exporter (RFC 9266), tls-server-end-point (RFC 5929 4). Never
 * tls-unique: TLS 1.3 has no such thing, and TLS 1.2 gets it wrong without
 * the extended master secret (RFC 7627).
 */
#include <string.h>

#include <openssl/err.h>

#include "net/tls_internal.h"
#include "protocol/sasl.h"

#define EXPORTER "tls-exporter"
#define SERVER_END_POINT "tls-server-end-point"

/* RFC 9266 2: this label, no context, 32 octets. Of TLS 1.3 alone: below that
 * it would take the extended master secret, and servers do not expect it. */
static int export(struct envoi_tls_link *link, struct envoi_sasl_binding *binding)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	if (SSL_version(link->ssl) < TLS1_3_VERSION
		|| SSL_export_keying_material(link->ssl, binding->data, 32, label,
			   sizeof(label) - 1, NULL, 0, 0)
			   != 1) {
		return -1;
	}
	binding->length = 32;
	memcpy(binding->type, EXPORTER, sizeof(EXPORTER));
	return 0;
}

/* RFC 5929 4.1: the digest of the server's certificate, with the algorithm its
 * signature uses; SHA-256 in place of MD5 and SHA-1. Undefined where the
 * signature names no digest (Ed25519). */
static int digest_server(struct envoi_tls_link *link, struct envoi_sasl_binding *binding)
{
	X509 *certificate = link->tls->server ? SSL_get_certificate(link->ssl)
					      : SSL_get0_peer_certificate(link->ssl);
	int nid;
	unsigned length = 0;
	if (certificate == NULL
		|| X509_get_signature_info(certificate, &nid, NULL, NULL, NULL) != 1
		|| nid == NID_undef) {
		return -1;
	}
	const EVP_MD *md = nid == NID_md5 || nid == NID_sha1 ? EVP_sha256()
							     : EVP_get_digestbynid(nid);
	if (md == NULL || EVP_MD_get_size(md) > (int)sizeof(binding->data)
		|| X509_digest(certificate, md, binding->data, &length) != 1) {
		return -1;
	}
	binding->length = length;
	memcpy(binding->type, SERVER_END_POINT, sizeof(SERVER_END_POINT));
	return 0;
}

int envoi_tls_link_binding(
	struct envoi_tls_link *link, const char *type, struct envoi_sasl_binding *ret)
{
	int result = -1;
	*ret = (struct envoi_sasl_binding){0};
	if (!link->established || link->broken) {
		return -1;
	}
	ERR_clear_error();
	if (type == NULL || strcmp(type, EXPORTER) == 0) {
		result = export(link, ret);
	}
	if (result != 0 && (type == NULL || strcmp(type, SERVER_END_POINT) == 0)) {
		result = digest_server(link, ret);
	}
	ERR_clear_error();
	return result;
}
