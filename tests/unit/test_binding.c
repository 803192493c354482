/*
 * Channel bindings: the same at both ends, of the type that fits the
 * connection (situation 101).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "net/tls_internal.h"
#include "pki.h"
#include "protocol/sasl.h"
#include "tls_pair.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static char directory[128];

enum kind {
	WITH_SHA_256,
	WITH_SHA_384,
	WITH_SHA_1,
	WITH_ED25519,
};

static const struct {
	int version;
	enum kind kind;
	const char *asked;
	/** NULL: there is none. */
	const char *type;
	/** Of tls-server-end-point. */
	const char *digest;
} cases[] = {
	{TLS1_3_VERSION, WITH_SHA_256, NULL, "tls-exporter", NULL},
	{TLS1_3_VERSION, WITH_SHA_256, "tls-exporter", "tls-exporter", NULL},
	{TLS1_3_VERSION, WITH_SHA_256, "tls-server-end-point", "tls-server-end-point",
		"SHA256"},
	{TLS1_3_VERSION, WITH_ED25519, NULL, "tls-exporter", NULL},
	{TLS1_3_VERSION, WITH_ED25519, "tls-server-end-point", NULL, NULL},
	{TLS1_3_VERSION, WITH_SHA_256, "tls-unique", NULL, NULL},
	{TLS1_3_VERSION, WITH_SHA_256, "", NULL, NULL},
	{TLS1_2_VERSION, WITH_SHA_256, NULL, "tls-server-end-point", "SHA256"},
	{TLS1_2_VERSION, WITH_SHA_256, "tls-exporter", NULL, NULL},
	{TLS1_2_VERSION, WITH_SHA_256, "tls-unique", NULL, NULL},
	{TLS1_2_VERSION, WITH_SHA_384, NULL, "tls-server-end-point", "SHA384"},
	{TLS1_2_VERSION, WITH_SHA_1, NULL, "tls-server-end-point", "SHA256"},
	{TLS1_2_VERSION, WITH_ED25519, NULL, NULL, NULL},
};

static void make_certificate(struct pki *pki, enum kind kind)
{
	const struct pki_options options = {
		.name = "mx.example.org",
		.san = "DNS:mx.example.org",
		.from = -1,
		.to = 1,
		.digest = kind == WITH_SHA_384 ? EVP_sha384()
			  : kind == WITH_SHA_1 ? EVP_sha1()
					       : NULL,
		.ed25519 = kind == WITH_ED25519,
	};
	pki_open_directory(directory);
	pki_make(pki, directory, &options);
}

static void check_none(struct envoi_stream *stream, const char *type)
{
	struct envoi_sasl_binding binding = {"x", "y", 1};
	ck_assert_int_eq(envoi_stream_channel_binding(stream, type, &binding), -1);
	ck_assert_str_eq(binding.type, "");
	ck_assert_uint_eq(binding.length, 0);
}

/* What the definition says, of the certificate itself. */
static void check_digest(
	const struct pki *pki, const char *name, const struct envoi_sasl_binding *binding)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	ck_assert_int_eq(X509_digest(pki->certificate, EVP_get_digestbyname(name), digest,
				 &length),
		1);
	ck_assert_uint_eq(binding->length, length);
	ck_assert_mem_eq(binding->data, digest, length);
}

START_TEST(both_ends_have_the_same_binding)
{
	const struct envoi_tls_options options = {.insecure = true};
	struct envoi_sasl_binding near;
	struct envoi_sasl_binding far;
	struct pki pki;
	struct pair pair;
	make_certificate(&pki, cases[_i].kind);
	struct envoi_tls *client = client_with(&options);
	struct envoi_tls *server = server_with(&pki);
	SSL_CTX_set_max_proto_version(server->ctx, cases[_i].version);
	begin(&pair, client, server, "mx.example.org");
	check_none(pair.client, cases[_i].asked);
	shake(&pair);
	ck_assert_msg(pair.client_result == ENVOI_IO_OK, "%s", pair.client_error.text);
	if (cases[_i].type == NULL) {
		check_none(pair.client, cases[_i].asked);
		check_none(pair.server, cases[_i].asked);
	} else {
		ck_assert_int_eq(
			envoi_stream_channel_binding(pair.client, cases[_i].asked, &near),
			0);
		ck_assert_int_eq(
			envoi_stream_channel_binding(pair.server, cases[_i].asked, &far),
			0);
		ck_assert_str_eq(near.type, cases[_i].type);
		ck_assert_str_eq(far.type, cases[_i].type);
		ck_assert_uint_eq(near.length, far.length);
		ck_assert_uint_ge(near.length, 32);
		ck_assert_mem_eq(near.data, far.data, near.length);
	}
	if (cases[_i].digest != NULL) {
		check_digest(&pki, cases[_i].digest, &near);
	}
	close_pair(&pair);
	envoi_tls_free(client);
	envoi_tls_free(server);
	pki_free(&pki);
	pki_close_directory(directory);
}
END_TEST

START_TEST(a_plain_stream_has_none)
{
	struct pair pair;
	open_pair(&pair);
	check_none(pair.client, NULL);
	close_pair(&pair);
}
END_TEST

/* Two connections of one run, the second resumed: tls-exporter differs, the
 * server's certificate is known all the same. */
START_TEST(each_connection_has_its_own)
{
	struct envoi_sasl_binding exported[2];
	struct envoi_sasl_binding digests[2];
	struct pki pki;
	make_certificate(&pki, WITH_SHA_256);
	const struct envoi_tls_options options = {.ca = pki.certificate_path};
	struct envoi_tls *client = client_with(&options);
	struct envoi_tls *server = server_with(&pki);
	int listener = envoi_socket_open(AF_INET);
	struct sockaddr_in local = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&local, sizeof(local)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	for (size_t i = 0; i < 2; i++) {
		struct pair pair;
		struct envoi_error err = ENVOI_ERROR_NONE;
		char text[10];
		open_tcp_pair(&pair, listener);
		ck_assert_int_eq(envoi_stream_start_tls(
					 pair.client, client, "mx.example.org", &err),
			0);
		ck_assert_int_eq(envoi_stream_accept_tls(pair.server, server, &err), 0);
		shake(&pair);
		ck_assert_msg(
			pair.client_result == ENVOI_IO_OK, "%s", pair.client_error.text);
		/* The ticket comes with the first octets. */
		say(pair.server, "hello");
		ck_assert_int_eq(
			hear(pair.client, text, sizeof(text), &err), ENVOI_IO_OK);
		ck_assert(envoi_stream_tls(pair.client)->resumed == (i == 1));
		ck_assert_int_eq(envoi_stream_channel_binding(
					 pair.client, "tls-exporter", &exported[i]),
			0);
		ck_assert_int_eq(envoi_stream_channel_binding(pair.client,
					 "tls-server-end-point", &digests[i]),
			0);
		close_pair(&pair);
	}
	ck_assert_mem_ne(exported[0].data, exported[1].data, 32);
	ck_assert_mem_eq(digests[0].data, digests[1].data, 32);
	close(listener);
	envoi_tls_free(client);
	envoi_tls_free(server);
	pki_free(&pki);
	pki_close_directory(directory);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("binding");
	TCase *tests = tcase_create("binding");
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, both_ends_have_the_same_binding, 0, COUNT(cases));
	tcase_add_test(tests, a_plain_stream_has_none);
	tcase_add_test(tests, each_connection_has_its_own);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
