/*
 * Certificates against names, CAs and pins, and what is said where they do
 * not fit; versions, client certificates, peers that speak no TLS.
 * (Situations 16, 73-75, 78, 85-87.)
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "net/tls_internal.h"
#include "pki.h"
#include "tls_pair.h"

static char directory[128];
/* A CA; a certificate of it for names, one for addresses, one that expired,
 * one that is not valid yet; one that nobody signed. */
static struct pki ca;
static struct pki named;
static struct pki addressed;
static struct pki expired;
static struct pki early;
static struct pki lonely;
static struct pki nameless;

static void make_all(void)
{
	pki_open_directory(directory);
	pki_make(&ca, directory,
		&(struct pki_options){
			.name = "Test CA", .ca = true, .from = -10, .to = 10});
	pki_make(&named, directory,
		&(struct pki_options){
			.name = "common.example.org",
			.san = "DNS:mx.example.org,DNS:*.wild.example.org,DNS:f*.part."
			       "example.org,"
			       "DNS:three.example.org,DNS:four.example.org",
			.issuer = &ca,
			.from = -10,
			.to = 10,
		});
	pki_make(&addressed, directory,
		&(struct pki_options){
			.name = "192.0.2.9",
			.san = "IP:192.0.2.1,IP:2001:db8::1,DNS:192.0.2.2",
			.issuer = &ca,
			.from = -10,
			.to = 10,
		});
	pki_make(&expired, directory,
		&(struct pki_options){
			.name = "mx.example.org",
			.san = "DNS:mx.example.org",
			.issuer = &ca,
			.from = -10,
			.to = -1,
		});
	pki_make(&early, directory,
		&(struct pki_options){
			.name = "mx.example.org",
			.san = "DNS:mx.example.org",
			.issuer = &ca,
			.from = 1,
			.to = 10,
		});
	pki_make(&lonely, directory,
		&(struct pki_options){
			.name = "mx.example.org",
			.san = "DNS:mx.example.org",
			.from = -10,
			.to = 10,
		});
	pki_make(&nameless, directory,
		&(struct pki_options){
			.name = "mx.example.org",
			.issuer = &ca,
			.from = -10,
			.to = 10,
		});
}

static void free_all(void)
{
	pki_free(&ca);
	pki_free(&named);
	pki_free(&addressed);
	pki_free(&expired);
	pki_free(&early);
	pki_free(&lonely);
	pki_free(&nameless);
	pki_close_directory(directory);
}

/* One handshake with these options, certificate and host. */
static void try_handshake(const struct envoi_tls_options *options, const struct pki *pki,
	const char *host, struct pair *pair, struct envoi_tls_facts *facts)
{
	struct envoi_tls *client = client_with(options);
	struct envoi_tls *server = server_with(pki);
	begin(pair, client, server, host);
	shake(pair);
	if (facts != NULL && envoi_stream_tls(pair->client) != NULL) {
		*facts = *envoi_stream_tls(pair->client);
	}
	close_pair(pair);
	envoi_tls_free(client);
	envoi_tls_free(server);
}

static const struct {
	const char *host;
	const struct pki *pki;
	/** NULL: established. */
	const char *text;
} names[] = {
	{"mx.example.org", &named, NULL},
	{"MX.Example.ORG.", &named, NULL},
	{"a.wild.example.org", &named, NULL},
	{"a.b.wild.example.org", &named,
		"is for mx.example.org, *.wild.example.org, "
		"f*.part.example.org (and 2 more)"},
	{"wild.example.org", &named, "certificate of wild.example.org is for"},
	{"foo.part.example.org", &named, "certificate of foo.part.example.org is for"},
	{"common.example.org", &named, "certificate of common.example.org is for"},
	{"192.0.2.1", &addressed, NULL},
	{"2001:db8::1", &addressed, NULL},
	{"2001:DB8:0:0::1", &addressed, NULL},
	{"192.0.2.2", &addressed, "is for 192.0.2.1, 2001:db8::1, 192.0.2.2"},
	{"192.0.2.9", &addressed, "certificate of 192.0.2.9 is for"},
	{"192.0.2.1", &named, "certificate of 192.0.2.1 is for"},
	{"mx.example.org", &nameless,
		"certificate of mx.example.org is for no host at all"},
	{"mx.example.org", &lonely,
		"certificate of mx.example.org: self-signed certificate"},
	{"mx.example.org", &expired, "certificate of mx.example.org: expired 20"},
	{"mx.example.org", &early, "certificate of mx.example.org: not valid before 20"},
};

START_TEST(certificate_fits_the_name_or_is_refused)
{
	struct envoi_tls_options options = {.ca = ca.certificate_path};
	struct envoi_tls_facts facts = {0};
	struct pair pair;
	try_handshake(&options, names[_i].pki, names[_i].host, &pair, &facts);
	if (names[_i].text == NULL) {
		ck_assert_msg(
			pair.client_result == ENVOI_IO_OK, "%s", pair.client_error.text);
		ck_assert_int_eq(pair.server_result, ENVOI_IO_OK);
		ck_assert(facts.verified);
		return;
	}
	ck_assert_int_eq(pair.client_result, ENVOI_IO_ERROR);
	ck_assert_int_ne(pair.server_result, ENVOI_IO_AGAIN);
	ck_assert_int_eq(pair.client_error.status, ENVOI_STATUS_REFUSED);
	ck_assert_msg(strstr(pair.client_error.text, names[_i].text) != NULL, "%s",
		pair.client_error.text);
	ck_assert_str_ne(pair.client_error.hint, "");
}
END_TEST

START_TEST(name_of_the_user_takes_the_place_of_the_host)
{
	struct envoi_tls_options options = {
		.ca = ca.certificate_path,
		.name = "mx.example.org",
	};
	struct pair pair;
	try_handshake(&options, &named, "other.example.net", &pair, NULL);
	ck_assert_int_eq(pair.client_result, ENVOI_IO_OK);
	options.name = "other.example.net";
	try_handshake(&options, &named, "mx.example.org", &pair, NULL);
	ck_assert_int_eq(pair.client_result, ENVOI_IO_ERROR);
	ck_assert_str_eq(pair.client_error.text,
		"certificate of other.example.net is for mx.example.org, "
		"*.wild.example.org, "
		"f*.part.example.org (and 2 more)");
	ck_assert_msg(strncmp(pair.client_error.hint,
			      "--tls-name mx.example.org, or --tls-pin sha256:", 47)
			      == 0,
		"%s", pair.client_error.hint);
}
END_TEST

START_TEST(no_name_checks_the_chain_alone)
{
	struct envoi_tls_options options = {.ca = ca.certificate_path};
	struct pair pair;
	try_handshake(&options, &named, NULL, &pair, NULL);
	ck_assert_int_eq(pair.client_result, ENVOI_IO_OK);
	try_handshake(&options, &lonely, NULL, &pair, NULL);
	ck_assert_int_eq(pair.client_result, ENVOI_IO_ERROR);
	ck_assert_str_eq(pair.client_error.text,
		"certificate of the server: self-signed certificate");
}
END_TEST

START_TEST(unknown_ca_is_named)
{
	struct envoi_tls_options options = {.ca = lonely.certificate_path};
	struct pair pair;
	try_handshake(&options, &named, "mx.example.org", &pair, NULL);
	ck_assert_int_eq(pair.client_result, ENVOI_IO_ERROR);
	ck_assert_int_eq(pair.client_error.status, ENVOI_STATUS_REFUSED);
	ck_assert_str_eq(pair.client_error.text,
		"certificate of mx.example.org: its CA is not trusted (CN=Test CA)");
}
END_TEST

START_TEST(certificate_of_the_server_itself_may_be_trusted)
{
	struct pair pair;
	struct envoi_tls_options options = {.ca = lonely.certificate_path};
	try_handshake(&options, &lonely, "mx.example.org", &pair, NULL);
	ck_assert_msg(pair.client_result == ENVOI_IO_OK, "%s", pair.client_error.text);
	options.ca = named.certificate_path;
	try_handshake(&options, &named, "mx.example.org", &pair, NULL);
	ck_assert_msg(pair.client_result == ENVOI_IO_OK, "%s", pair.client_error.text);
}
END_TEST

START_TEST(insecure_checks_nothing_and_says_so)
{
	struct envoi_tls_options options = {.insecure = true};
	struct envoi_tls_facts facts = {.verified = true};
	struct pair pair;
	try_handshake(&options, &expired, "other.example.org", &pair, &facts);
	ck_assert_int_eq(pair.client_result, ENVOI_IO_OK);
	ck_assert(!facts.verified);
}
END_TEST

/* A pin of the key, of the certificate, of another: one that fits is enough,
 * whatever name and issuer. */
START_TEST(pin_is_trust_enough)
{
	unsigned char list[3][32] = {{0}};
	struct envoi_tls_options options = {
		.pins = (const unsigned char(*)[32])list,
		.pin_count = 3,
	};
	struct envoi_tls_facts facts = {0};
	struct pair pair;
	ck_assert_int_eq(envoi_tls_digest_key(expired.certificate, list[1]), 0);
	ck_assert_int_eq(envoi_tls_digest_certificate(lonely.certificate, list[2]), 0);
	try_handshake(&options, &lonely, "other.example.org", &pair, &facts);
	ck_assert_int_eq(pair.client_result, ENVOI_IO_OK);
	ck_assert(facts.verified);
	try_handshake(&options, &expired, "other.example.org", &pair, &facts);
	ck_assert_int_eq(pair.client_result, ENVOI_IO_OK);
	/* The right CA and name are no substitute. */
	options.ca = ca.certificate_path;
	try_handshake(&options, &named, "mx.example.org", &pair, NULL);
	ck_assert_int_eq(pair.client_result, ENVOI_IO_ERROR);
	ck_assert_int_eq(pair.client_error.status, ENVOI_STATUS_REFUSED);
	ck_assert_str_eq(
		pair.client_error.text, "certificate of mx.example.org matches no pin");
	/* The hint is the pin that would. */
	unsigned char shown[32];
	unsigned char right[32];
	const char *hint = strstr(pair.client_error.hint, "sha256:");
	ck_assert_ptr_nonnull(hint);
	ck_assert_int_eq(envoi_tls_pin_parse(hint, shown, NULL), 0);
	ck_assert_int_eq(envoi_tls_digest_key(named.certificate, right), 0);
	ck_assert_mem_eq(shown, right, 32);
}
END_TEST

START_TEST(facts_are_those_of_the_connection)
{
	struct envoi_tls_options options = {.ca = ca.certificate_path};
	struct envoi_tls_facts facts = {0};
	struct pair pair;
	unsigned char pin[32];
	unsigned char right[32];
	try_handshake(&options, &named, "mx.example.org", &pair, &facts);
	ck_assert_str_eq(facts.version, "TLSv1.3");
	ck_assert_ptr_nonnull(strstr(facts.cipher, "_"));
	ck_assert_str_eq(facts.subject, "CN=common.example.org");
	ck_assert_str_eq(facts.issuer, "CN=Test CA");
	ck_assert_uint_eq(strlen(facts.not_after), strlen("2027-01-31T12:00:00Z"));
	ck_assert_int_eq(envoi_tls_pin_parse(facts.pin, pin, NULL), 0);
	ck_assert_int_eq(envoi_tls_digest_key(named.certificate, right), 0);
	ck_assert_mem_eq(pin, right, 32);
	ck_assert(!facts.resumed);
}
END_TEST

/* A name of more octets than there is room for, with ones no terminal bears. */
START_TEST(names_from_the_peer_are_cut_and_escaped)
{
	struct pki odd;
	struct envoi_tls_options options = {.ca = ca.certificate_path};
	struct envoi_tls_facts facts = {0};
	struct pair pair;
	pki_make(&odd, directory,
		&(struct pki_options){
			.name = "a\033[31m\303\251",
			.san = "DNS:mx.example.org",
			.issuer = &ca,
			.from = -10,
			.to = 10,
		});
	try_handshake(&options, &odd, "mx.example.org", &pair, &facts);
	ck_assert_int_eq(pair.client_result, ENVOI_IO_OK);
	ck_assert_str_eq(facts.subject, "CN=a\\1B[31m\\C3\\A9");
	char small[8];
	envoi_tls_format_name(
		X509_get_subject_name(odd.certificate), small, sizeof(small));
	ck_assert_str_eq(small, "CN=a\\1B");
	pki_free(&odd);
}
END_TEST

START_TEST(minimum_is_kept)
{
	struct envoi_tls_options options = {
		.ca = ca.certificate_path, .minimum = TLS1_3_VERSION};
	struct envoi_tls *client = client_with(&options);
	struct envoi_tls *server = server_with(&named);
	struct pair pair;
	SSL_CTX_set_max_proto_version(server->ctx, TLS1_2_VERSION);
	begin(&pair, client, server, "mx.example.org");
	shake(&pair);
	ck_assert_int_eq(pair.client_result, ENVOI_IO_ERROR);
	ck_assert_int_eq(pair.client_error.status, ENVOI_STATUS_REFUSED);
	ck_assert_str_eq(pair.client_error.text,
		"TLS with mx.example.org: the other side speaks "
		"no version of TLS allowed here");
	ck_assert_str_eq(pair.server_error.text,
		"TLS with the client: the client speaks no version of TLS allowed here");
	close_pair(&pair);
	envoi_tls_free(client);
	envoi_tls_free(server);
}
END_TEST

static int seen_names;
static char seen_name[256];

static int on_name(SSL *ssl, int *alert, void *arg)
{
	(void)alert;
	(void)arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	(void)snprintf(
		seen_name, sizeof(seen_name), "%s", name != NULL ? name : "(none)");
	seen_names++;
	return SSL_TLSEXT_ERR_OK;
}

START_TEST(only_dns_names_are_sent_as_sni)
{
	static const char *const hosts[][2] = {
		{"MX.example.org.", "mx.example.org"},
		{"192.0.2.1", "(none)"},
		{"2001:db8::1", "(none)"},
		{"fe80::1%lo", "(none)"},
	};
	struct envoi_tls_options options = {.insecure = true};
	for (size_t i = 0; i < 4; i++) {
		struct envoi_tls *client = client_with(&options);
		struct envoi_tls *server = server_with(&named);
		struct pair pair;
		SSL_CTX_set_tlsext_servername_callback(server->ctx, on_name);
		seen_names = 0;
		begin(&pair, client, server, hosts[i][0]);
		shake(&pair);
		ck_assert_int_eq(pair.client_result, ENVOI_IO_OK);
		ck_assert_int_eq(seen_names, 1);
		ck_assert_str_eq(seen_name, hosts[i][1]);
		close_pair(&pair);
		envoi_tls_free(client);
		envoi_tls_free(server);
	}
}
END_TEST

/* 0: the server asks for a certificate; 1: it wants one. TLS 1.2 and 1.3. */
START_TEST(client_certificate_is_shown)
{
	bool wanted = _i & 1;
	int version = _i & 2 ? TLS1_2_VERSION : TLS1_3_VERSION;
	for (int shown = 0; shown < 2; shown++) {
		struct envoi_tls_options options = {.ca = ca.certificate_path};
		if (shown) {
			options.certificate = addressed.both_path;
		}
		struct envoi_tls *client = client_with(&options);
		struct envoi_tls *server = server_with(&named);
		struct pair pair;
		char text[64] = "";
		SSL_CTX_set_max_proto_version(server->ctx, version);
		SSL_CTX_load_verify_file(server->ctx, ca.certificate_path);
		SSL_CTX_set_verify(server->ctx,
			SSL_VERIFY_PEER | (wanted ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
			NULL);
		begin(&pair, client, server, "mx.example.org");
		shake(&pair);
		if (wanted && !shown) {
			/* In TLS 1.3 the client learns it when it reads. */
			if (pair.client_result == ENVOI_IO_OK) {
				ck_assert_int_eq(hear(pair.client, text, sizeof(text),
							 &pair.client_error),
					ENVOI_IO_ERROR);
				ck_assert_str_eq(pair.client_error.text,
					"TLS with mx.example.org: the server wants a "
					"client "
					"certificate");
				ck_assert_str_ne(pair.client_error.hint, "");
			}
			ck_assert_int_eq(pair.client_error.status, ENVOI_STATUS_REFUSED);
			ck_assert_int_eq(pair.server_result, ENVOI_IO_ERROR);
		} else {
			ck_assert_msg(pair.client_result == ENVOI_IO_OK, "%s",
				pair.client_error.text);
			ck_assert_msg(pair.server_result == ENVOI_IO_OK, "%s",
				pair.server_error.text);
			ck_assert_str_eq(envoi_stream_tls(pair.server)->subject,
				shown ? "CN=192.0.2.9" : "");
			ck_assert(!envoi_stream_tls(pair.server)->verified);
		}
		close_pair(&pair);
		envoi_tls_free(client);
		envoi_tls_free(server);
	}
}
END_TEST

/* What peers say that speak something else, and what is said of them. */
static const struct {
	const char *bytes;
	const char *text;
} others[] = {
	{"220 mx.example.org ESMTP\r\n", "the server speaks plaintext here"},
	{"421 4.3.2 no\r\n", "the server speaks plaintext here"},
	{"HTTP/1.1 400 Bad Request\r\n", "the server speaks plaintext here"},
	{"SSH-2.0-OpenSSH_9.2\r\n", "the server speaks SSH here"},
	{"\377\373\001\377\373\003", "the server speaks something other than TLS here"},
	{"\026\003\001\000\004\002\000\000\000", "TLS with mx.example.org failed: "},
	{"\025\003\003\000\002\002\050", "TLS with mx.example.org: the other side "
					 "accepts none of the ciphers offered, or "
					 "wants a certificate"},
	{"\025\003\003\000\002\002\160",
		"TLS with mx.example.org: the server does not know that name"},
};

START_TEST(peer_without_tls_is_told_from_others)
{
	struct envoi_tls_options options = {.ca = ca.certificate_path};
	struct envoi_tls *client = client_with(&options);
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct pair pair;
	size_t n = 0;
	size_t length = _i == 5 ? 9 : strlen(others[_i].bytes);
	length = _i >= 6 ? 7 : length;
	open_pair(&pair);
	ck_assert_int_eq(
		envoi_stream_start_tls(pair.client, client, "mx.example.org", &err), 0);
	ck_assert_int_eq(envoi_stream_handshake(pair.client, &err), ENVOI_IO_AGAIN);
	ck_assert_int_eq(envoi_stream_events(pair.client, true, true), POLLIN);
	ck_assert_int_eq(
		envoi_stream_write(pair.server, others[_i].bytes, length, &n, &err),
		ENVOI_IO_OK);
	ck_assert_int_eq(envoi_stream_handshake(pair.client, &err), ENVOI_IO_ERROR);
	ck_assert_int_eq(err.status, ENVOI_STATUS_REFUSED);
	ck_assert_msg(strncmp(err.text, others[_i].text, strlen(others[_i].text)) == 0,
		"%s", err.text);
	if (_i == 0) {
		ck_assert_ptr_nonnull(strstr(err.hint, "starttls"));
	}
	ck_assert_ptr_null(envoi_stream_tls(pair.client));
	close_pair(&pair);
	envoi_tls_free(client);
}
END_TEST

/* Behind the 220 to STARTTLS; the hint of before would mislead. */
START_TEST(plaintext_after_starttls_is_told)
{
	struct envoi_tls_options options = {.ca = ca.certificate_path};
	struct envoi_tls *client = client_with(&options);
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct pair pair;
	char text[32];
	open_pair(&pair);
	say(pair.server, "220 go ahead\r\n");
	ck_assert_int_eq(hear(pair.client, text, sizeof(text), &err), ENVOI_IO_OK);
	ck_assert_int_eq(
		envoi_stream_start_tls(pair.client, client, "mx.example.org", &err), 0);
	ck_assert_int_eq(envoi_stream_handshake(pair.client, &err), ENVOI_IO_AGAIN);
	say(pair.server, "250 ok\r\n");
	ck_assert_int_eq(envoi_stream_handshake(pair.client, &err), ENVOI_IO_ERROR);
	ck_assert_int_eq(err.status, ENVOI_STATUS_REFUSED);
	ck_assert_str_eq(
		err.text, "the server goes on in plaintext where TLS was to begin");
	ck_assert_str_eq(err.hint, "");
	close_pair(&pair);
	envoi_tls_free(client);
}
END_TEST

START_TEST(client_without_tls_is_told)
{
	struct envoi_tls *server = server_with(NULL);
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct pair pair;
	open_pair(&pair);
	ck_assert_int_eq(envoi_stream_accept_tls(pair.server, server, &err), 0);
	say(pair.client, "EHLO client.example.org\r\n");
	ck_assert_int_eq(envoi_stream_handshake(pair.server, &err), ENVOI_IO_ERROR);
	ck_assert_str_eq(err.text, "the client speaks plaintext here");
	close_pair(&pair);
	envoi_tls_free(server);
}
END_TEST

/* A connection that ends in the handshake may be tried again. */
START_TEST(connection_lost_in_the_handshake_is_temporary)
{
	struct envoi_tls_options options = {.ca = ca.certificate_path};
	struct envoi_tls *client = client_with(&options);
	struct envoi_tls *server = server_with(&named);
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct pair pair;
	begin(&pair, client, server, "mx.example.org");
	ck_assert_int_eq(envoi_stream_handshake(pair.client, &err), ENVOI_IO_AGAIN);
	if (_i == 1) {
		/* The whole flight of the server, less its end. */
		ck_assert_int_eq(
			envoi_stream_handshake(pair.server, &err), ENVOI_IO_AGAIN);
	}
	envoi_stream_free(pair.server);
	pair.server = NULL;
	enum envoi_io result = envoi_stream_handshake(pair.client, &err);
	if (_i == 0) {
		ck_assert(result == ENVOI_IO_EOF || result == ENVOI_IO_ERROR);
		ck_assert_int_eq(err.status, ENVOI_STATUS_TEMPORARY);
		ck_assert_msg(strstr(err.text, "lost during the TLS handshake") != NULL,
			"%s", err.text);
	} else {
		ck_assert_int_ne(result, ENVOI_IO_AGAIN);
	}
	close_pair(&pair);
	envoi_tls_free(client);
	envoi_tls_free(server);
}
END_TEST

START_TEST(certificate_made_in_memory_fits_this_machine)
{
	static const char *const hosts[] = {"localhost", "127.0.0.1", "::1"};
	struct envoi_tls *server = server_with(NULL);
	struct envoi_error err = ENVOI_ERROR_NONE;
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/own.crt", directory);
	ck_assert_int_eq(envoi_tls_write_certificate(server, path, &err), 0);
	struct envoi_tls_options options = {.ca = path};
	for (size_t i = 0; i < 3; i++) {
		struct envoi_tls *client = client_with(&options);
		struct pair pair;
		begin(&pair, client, server, hosts[i]);
		shake(&pair);
		ck_assert_msg(
			pair.client_result == ENVOI_IO_OK, "%s", pair.client_error.text);
		close_pair(&pair);
		envoi_tls_free(client);
	}
	(void)snprintf(path, sizeof(path), "%s/none/own.crt", directory);
	ck_assert_int_eq(envoi_tls_write_certificate(server, path, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CANTCREATE);
	ck_assert_int_eq(envoi_tls_write_certificate(server, "/dev/full", &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_IO);
	envoi_tls_free(server);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("tls");
	TCase *tcase = tcase_create("tls");
	tcase_add_unchecked_fixture(tcase, make_all, free_all);
	tcase_add_loop_test(
		tcase, certificate_fits_the_name_or_is_refused, 0, COUNT(names));
	tcase_add_test(tcase, name_of_the_user_takes_the_place_of_the_host);
	tcase_add_test(tcase, no_name_checks_the_chain_alone);
	tcase_add_test(tcase, unknown_ca_is_named);
	tcase_add_test(tcase, certificate_of_the_server_itself_may_be_trusted);
	tcase_add_test(tcase, insecure_checks_nothing_and_says_so);
	tcase_add_test(tcase, pin_is_trust_enough);
	tcase_add_test(tcase, facts_are_those_of_the_connection);
	tcase_add_test(tcase, names_from_the_peer_are_cut_and_escaped);
	tcase_add_test(tcase, minimum_is_kept);
	tcase_add_test(tcase, only_dns_names_are_sent_as_sni);
	tcase_add_loop_test(tcase, client_certificate_is_shown, 0, 4);
	tcase_add_loop_test(
		tcase, peer_without_tls_is_told_from_others, 0, COUNT(others));
	tcase_add_test(tcase, plaintext_after_starttls_is_told);
	tcase_add_test(tcase, client_without_tls_is_told);
	tcase_add_loop_test(tcase, connection_lost_in_the_handshake_is_temporary, 0, 2);
	tcase_add_test(tcase, certificate_made_in_memory_fits_this_machine);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
