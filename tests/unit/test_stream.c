/*
 * Streams: plain and under TLS, client against the module's own server over a
 * socket pair. (Situations 73-75, 80, 82-87.)
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/socket.h"
#include "net/stream.h"
#include "net/tls.h"
#include "pki.h"

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
		&(struct pki_options){.name = "Test CA", .ca = true, .from = -10, .to = 10});
	pki_make(&named, directory,
		&(struct pki_options){
			.name = "common.example.org",
			.san = "DNS:mx.example.org,DNS:*.wild.example.org,DNS:f*.part.example.org,"
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

/* Two ends of one connection. */
struct pair {
	struct envoi_stream *client;
	struct envoi_stream *server;
	enum envoi_io client_result;
	enum envoi_io server_result;
	struct envoi_error client_error;
	struct envoi_error server_error;
};

static void open_pair(struct pair *pair)
{
	int fds[2];
	*pair = (struct pair){0};
	ck_assert_int_eq(envoi_socket_pair(fds), 0);
	pair->client = envoi_stream_new(fds[0]);
	pair->server = envoi_stream_new(fds[1]);
	ck_assert_ptr_nonnull(pair->client);
	ck_assert_ptr_nonnull(pair->server);
}

static void close_pair(struct pair *pair)
{
	envoi_stream_free(pair->client);
	envoi_stream_free(pair->server);
}

/* Both ends in turn until both are done. */
static void shake(struct pair *pair)
{
	pair->client_result = ENVOI_IO_AGAIN;
	pair->server_result = ENVOI_IO_AGAIN;
	for (int i = 0; i < 1000; i++) {
		if (pair->client_result == ENVOI_IO_AGAIN) {
			pair->client_result =
				envoi_stream_handshake(pair->client, &pair->client_error);
		}
		if (pair->server_result == ENVOI_IO_AGAIN) {
			pair->server_result =
				envoi_stream_handshake(pair->server, &pair->server_error);
		}
	}
}

static struct envoi_tls *client_with(const struct envoi_tls_options *options)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_tls *tls = envoi_tls_new_client(options, &err);
	ck_assert_msg(tls != NULL, "%s", err.text);
	return tls;
}

static struct envoi_tls *server_with(const struct pki *pki)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_tls *tls = pki == NULL
		? envoi_tls_new_server(NULL, NULL, &err)
		: envoi_tls_new_server(pki->certificate_path, pki->key_path, &err);
	ck_assert_msg(tls != NULL, "%s", err.text);
	return tls;
}

static void begin(struct pair *pair, struct envoi_tls *client, struct envoi_tls *server,
	const char *host)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	open_pair(pair);
	ck_assert_int_eq(envoi_stream_start_tls(pair->client, client, host, &err), 0);
	ck_assert_int_eq(envoi_stream_accept_tls(pair->server, server, &err), 0);
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
	{"a.b.wild.example.org", &named, "is for mx.example.org, *.wild.example.org, "
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
	{"mx.example.org", &nameless, "certificate of mx.example.org is for no host at all"},
	{"mx.example.org", &lonely, "certificate of mx.example.org: self-signed certificate"},
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
		ck_assert_msg(pair.client_result == ENVOI_IO_OK, "%s", pair.client_error.text);
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

static Suite *suite(void)
{
	Suite *suite = suite_create("stream");
	TCase *tls = tcase_create("tls");
	tcase_add_unchecked_fixture(tls, make_all, free_all);
	tcase_add_loop_test(tls, certificate_fits_the_name_or_is_refused, 0,
		(int)(sizeof(names) / sizeof(names[0])));
	suite_add_tcase(suite, tls);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
