/*
 * TLS contexts made from files: what is missing, unreadable or does not fit
 * is told before any connection; trust stores. (Situations 73, 85.)
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "net/tls_internal.h"
#include "pki.h"
#include "tls_pair.h"

static char directory[128];
/* As openssl rehash makes them: one with the CA, one with another. */
static char hashed[160];
static char foreign[160];
static struct pki ca;
static struct pki named;
static struct pki locked;

static void make_hashed(char path[160], const char *name, const struct pki *pki)
{
	char file[256];
	(void)snprintf(path, 160, "%s/%s", directory, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(file, sizeof(file), "%s/%08lx.0", path,
		X509_subject_name_hash(pki->certificate));
	pki_write(pki, file, true, false, NULL);
}

static void make_all(void)
{
	pki_open_directory(directory);
	pki_make(&ca, directory,
		&(struct pki_options){
			.name = "Test CA", .ca = true, .from = -1, .to = 1});
	pki_make(&named, directory,
		&(struct pki_options){
			.name = "mx.example.org",
			.san = "DNS:mx.example.org",
			.issuer = &ca,
			.from = -1,
			.to = 1,
		});
	pki_make(&locked, directory,
		&(struct pki_options){
			.name = "mx.example.org",
			.from = -1,
			.to = 1,
			.password = "secret",
		});
	make_hashed(hashed, "hashed", &ca);
	make_hashed(foreign, "foreign", &locked);
}

static void free_all(void)
{
	pki_free(&ca);
	pki_free(&named);
	pki_free(&locked);
	pki_close_directory(hashed);
	pki_close_directory(foreign);
	pki_close_directory(directory);
}

/* A path in the directory; in one of four places, so that a few can be had. */
static const char *path_of(const char *name)
{
	static char paths[4][300];
	static int next;
	char *path = paths[next++ % 4];
	(void)snprintf(path, 300, "%s/%s", directory, name);
	return path;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	(void)fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

/* The client and, for certificate and key, the server refuse alike. */
static void check_refused(const struct envoi_tls_options *options, const char *text)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_ptr_null(envoi_tls_new_client(options, &err));
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	ck_assert_msg(strstr(err.text, text) != NULL, "%s", err.text);
	if (options->certificate != NULL || options->key != NULL) {
		err = ENVOI_ERROR_NONE;
		ck_assert_ptr_null(
			envoi_tls_new_server(options->certificate, options->key, &err));
		ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
		ck_assert_msg(strstr(err.text, text) != NULL, "%s", err.text);
	}
}

START_TEST(certificate_and_key_are_loaded)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_tls_options options = {.certificate = named.both_path};
	struct envoi_tls *tls = envoi_tls_new_client(&options, &err);
	ck_assert_msg(tls != NULL, "%s", err.text);
	envoi_tls_free(tls);
	options = (struct envoi_tls_options){
		.certificate = named.certificate_path,
		.key = named.key_path,
	};
	tls = envoi_tls_new_client(&options, &err);
	ck_assert_msg(tls != NULL, "%s", err.text);
	envoi_tls_free(tls);
	tls = envoi_tls_new_server(named.both_path, NULL, &err);
	ck_assert_msg(tls != NULL, "%s", err.text);
	envoi_tls_free(tls);
	envoi_tls_free(NULL);
}
END_TEST

START_TEST(unfit_certificate_or_key_is_refused)
{
	const char *missing = path_of("missing");
	const char *garbage = path_of("garbage");
	write_text(garbage,
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	check_refused(&(struct envoi_tls_options){.certificate = missing},
		"/missing': no such file or directory");
	check_refused(
		&(struct envoi_tls_options){.certificate = directory}, "is a directory");
	check_refused(&(struct envoi_tls_options){.certificate = garbage},
		"garbage' holds no usable PEM certificate");
	check_refused(&(struct envoi_tls_options){.certificate = named.certificate_path},
		".crt' holds no usable PEM key");
	check_refused(
		&(struct envoi_tls_options){
			.certificate = named.certificate_path,
			.key = missing,
		},
		"key '");
	check_refused(
		&(struct envoi_tls_options){
			.certificate = named.certificate_path,
			.key = ca.key_path,
		},
		"does not belong to certificate");
	check_refused(&(struct envoi_tls_options){.key = named.key_path},
		"of no use without its certificate");
	/* Nobody is asked for the password, be there a terminal or not. */
	check_refused(&(struct envoi_tls_options){.certificate = locked.both_path},
		"is encrypted, and no password is asked for");
	if (geteuid() != 0) {
		const char *secret = path_of("secret");
		write_text(secret, "x");
		ck_assert_int_eq(chmod(secret, 0), 0);
		check_refused(&(struct envoi_tls_options){.certificate = secret},
			"permission denied");
	}
}
END_TEST

START_TEST(unfit_ca_is_refused)
{
	const char *missing = path_of("missing");
	const char *garbage = path_of("no-ca");
	const char *empty = path_of("empty");
	write_text(garbage, "no certificate\n");
	check_refused(
		&(struct envoi_tls_options){.ca = missing}, "no such file or directory");
	check_refused(&(struct envoi_tls_options){.ca = garbage},
		"holds no usable PEM certificate");
	ck_assert_int_eq(mkdir(empty, 0700), 0);
	check_refused(&(struct envoi_tls_options){.ca = empty}, "no hashed certificates");
	ck_assert_int_eq(rmdir(empty), 0);
}
END_TEST

/* Does a client with this CA (or the system's) trust our server? */
static bool is_trusted(const char *trusted)
{
	struct envoi_tls_options options = {.ca = trusted};
	struct envoi_tls *client = client_with(&options);
	struct envoi_tls *server = server_with(&named);
	struct pair pair;
	begin(&pair, client, server, "mx.example.org");
	shake(&pair);
	ck_assert(pair.client_result != ENVOI_IO_AGAIN);
	close_pair(&pair);
	envoi_tls_free(client);
	envoi_tls_free(server);
	return pair.client_result == ENVOI_IO_OK;
}

START_TEST(hashed_directory_is_a_trust_store)
{
	ck_assert(is_trusted(hashed));
	ck_assert(is_trusted(ca.certificate_path));
}
END_TEST

START_TEST(environment_names_the_trust_store)
{
	char list[400];
	ck_assert_int_eq(unsetenv("SSL_CERT_FILE"), 0);
	ck_assert_int_eq(unsetenv("SSL_CERT_DIR"), 0);
	ck_assert(!is_trusted(NULL));
	ck_assert_int_eq(setenv("SSL_CERT_FILE", ca.certificate_path, 1), 0);
	ck_assert(is_trusted(NULL));
	ck_assert_int_eq(setenv("SSL_CERT_FILE", locked.certificate_path, 1), 0);
	ck_assert(!is_trusted(NULL));
	ck_assert_int_eq(unsetenv("SSL_CERT_FILE"), 0);
	/* The bundle is asked for what the directory does not know. */
	ck_assert_int_eq(setenv("SSL_CERT_DIR", foreign, 1), 0);
	ck_assert_int_eq(setenv("SSL_CERT_FILE", locked.certificate_path, 1), 0);
	ck_assert(!is_trusted(NULL));
	ck_assert_int_eq(setenv("SSL_CERT_FILE", ca.certificate_path, 1), 0);
	ck_assert(is_trusted(NULL));
	ck_assert_int_eq(unsetenv("SSL_CERT_FILE"), 0);
	(void)snprintf(list, sizeof(list), "%s/none::%s", directory, hashed);
	ck_assert_int_eq(setenv("SSL_CERT_DIR", list, 1), 0);
	ck_assert(is_trusted(NULL));
	/* --tls-ca takes its place. */
	ck_assert(!is_trusted(locked.certificate_path));
	ck_assert_int_eq(unsetenv("SSL_CERT_DIR"), 0);
}
END_TEST

/* The system's store costs nothing before a certificate is at hand. */
START_TEST(trust_is_looked_up_late)
{
	ck_assert_int_eq(setenv("SSL_CERT_DIR", hashed, 1), 0);
	struct envoi_tls *client = client_with(&(struct envoi_tls_options){0});
	ck_assert_int_eq(client->trust, ENVOI_TLS_TRUST_NOTHING);
	struct envoi_tls *server = server_with(&named);
	struct pair pair;
	begin(&pair, client, server, "mx.example.org");
	ck_assert_int_eq(client->trust, ENVOI_TLS_TRUST_NOTHING);
	shake(&pair);
	/* The directory knows the CA: the bundle is not parsed. */
	ck_assert_int_eq(pair.client_result, ENVOI_IO_OK);
	ck_assert_int_eq(client->trust, ENVOI_TLS_TRUST_DIRECTORY);
	close_pair(&pair);
	envoi_tls_free(client);
	envoi_tls_free(server);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls_files");
	TCase *tcase = tcase_create("tls_files");
	tcase_add_unchecked_fixture(tcase, make_all, free_all);
	tcase_add_test(tcase, certificate_and_key_are_loaded);
	tcase_add_test(tcase, unfit_certificate_or_key_is_refused);
	tcase_add_test(tcase, unfit_ca_is_refused);
	tcase_add_test(tcase, hashed_directory_is_a_trust_store);
	tcase_add_test(tcase, environment_names_the_trust_store);
	tcase_add_test(tcase, trust_is_looked_up_late);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
