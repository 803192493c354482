/*
 * TLS sessions from run to run: a run is a client context with the same folder.
 * What is continued, what is not, and what a folder or a file has to be like.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "net/tls_internal.h"
#include "tls_pair.h"

static char home[128];
static char cache[160];
static char folder[200];
static char keys[128];
static struct pki authority, certificate, other;
static struct envoi_tls *server;
static int listener;
static struct envoi_tls_options usual;

static int open_listener(void)
{
	struct envoi_endpoint any;
	ck_assert(envoi_resolve_literal("127.0.0.1", 0, &any));
	int fd = envoi_socket_open(AF_INET);
	ck_assert_int_eq(bind(fd, &any.address.sa, any.length), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	return fd;
}

static void set_up(void)
{
	pki_open_directory(home);
	pki_open_directory(keys);
	(void)snprintf(cache, sizeof(cache), "%s/.cache", home);
	(void)snprintf(folder, sizeof(folder), "%s/envoi", cache);
	pki_make(&authority, keys,
		&(struct pki_options){.name = "CA", .ca = true, .to = 10});
	pki_make(&certificate, keys,
		&(struct pki_options){.name = "mx",
			.san = "DNS:mx.example.org,DNS:*.example.net",
			.issuer = &authority,
			.to = 10});
	pki_make(&other, keys,
		&(struct pki_options){.name = "other", .ca = true, .to = 10});
	server = server_with(&certificate);
	listener = open_listener();
	usual = (struct envoi_tls_options){
		.ca = authority.certificate_path, .cache = folder};
}

static void tear_down(void)
{
	envoi_tls_free(server);
	close(listener);
	pki_free(&authority);
	pki_free(&certificate);
	pki_free(&other);
	pki_close_directory(keys);
	if (access(folder, F_OK) == 0) {
		pki_close_directory(folder);
	}
	(void)rmdir(cache);
	pki_close_directory(home);
}

/* A connection of a context: 1 its session was resumed, 0 not, -1 refused. */
static int connect_with(struct envoi_tls *tls, int to, const char *host)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct pair pair;
	char text[32];
	int result = -1;
	open_tcp_pair(&pair, to);
	ck_assert_int_eq(envoi_stream_start_tls(pair.client, tls, host, &err), 0);
	ck_assert_int_eq(envoi_stream_accept_tls(pair.server, server, &err), 0);
	shake(&pair);
	if (pair.client_result == ENVOI_IO_OK) {
		const struct envoi_tls_facts *facts = envoi_stream_tls(pair.client);
		result = facts->resumed;
		ck_assert(facts->verified == !tls->insecure);
		ck_assert_str_eq(facts->subject, "CN=mx");
		/* Tickets come with the first octets. */
		say(pair.server, "220 hello\r\n");
		ck_assert_int_eq(
			hear(pair.client, text, sizeof(text), &err), ENVOI_IO_OK);
	}
	close_pair(&pair);
	return result;
}

static int run_to(const struct envoi_tls_options *options, int to, const char *host)
{
	struct envoi_tls *tls = client_with(options);
	int result = connect_with(tls, to, host);
	envoi_tls_free(tls);
	return result;
}

static int run(const struct envoi_tls_options *options)
{
	return run_to(options, listener, "mx.example.org");
}

/* The names in the folder: how many, and the last one. */
static size_t list(char name[300])
{
	DIR *entries = opendir(folder);
	const struct dirent *entry;
	size_t n = 0;
	if (entries == NULL) {
		return 0;
	}
	while ((entry = readdir(entries)) != NULL) {
		if (entry->d_name[0] != '.') {
			(void)snprintf(name, 300, "%s", entry->d_name);
			n++;
		}
	}
	closedir(entries);
	return n;
}

/* The path of the only file, and its key. */
static void find(char path[600], unsigned char key[32])
{
	char name[300] = "";
	ck_assert_uint_eq(list(name), 1);
	ck_assert_uint_eq(strlen(name), 64);
	(void)snprintf(path, 600, "%s/%s", folder, name);
	for (size_t i = 0; i < 32; i++) {
		unsigned value = 0;
		ck_assert_int_eq(sscanf(name + 2 * i, "%2x", &value), 1);
		key[i] = (unsigned char)value;
	}
}

static mode_t mode_of(const char *path)
{
	struct stat st;
	ck_assert_int_eq(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

START_TEST(next_run_continues_the_session)
{
	char path[600];
	unsigned char key[32];
	SSL_CTX_set_max_proto_version(
		server->ctx, _i == 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
	/* Whatever the user's mask is. */
	mode_t mask = umask(0);
	ck_assert_int_eq(run(&usual), 0);
	umask(mask);
	ck_assert_uint_eq(mode_of(cache), 0700);
	ck_assert_uint_eq(mode_of(folder), 0700);
	find(path, key);
	ck_assert_uint_eq(mode_of(path), 0600);
	ck_assert_int_eq(run(&usual), 1);
	ck_assert_int_eq(run(&usual), 1);
	ck_assert_int_eq(run_to(&usual, listener, "MX.example.org."), 1);
}
END_TEST

/* Two runs at the same time: of TLS 1.3 one gets the ticket (RFC 8446 C.4). */
START_TEST(ticket_is_used_once)
{
	ck_assert_int_eq(run(&usual), 0);
	struct envoi_tls *first = client_with(&usual);
	struct envoi_tls *second = client_with(&usual);
	ck_assert_int_eq(connect_with(first, listener, "mx.example.org"), 1);
	ck_assert_int_eq(connect_with(second, listener, "mx.example.org"), 0);
	envoi_tls_free(first);
	envoi_tls_free(second);
	ck_assert_int_eq(run(&usual), 1);
}
END_TEST

/* Each leaves a session that fits, and finds none of the others'. */
START_TEST(settings_and_peers_are_told_apart)
{
	unsigned char pin[1][32];
	int second = open_listener();
	struct envoi_tls_options pinned = usual, newer = usual, named = usual,
				 known = usual, trusting = usual;
	char both[256];
	(void)snprintf(both, sizeof(both), "%s/both.pem", keys);
	pki_write(&authority, both, true, false, NULL);
	ck_assert_int_eq(envoi_tls_digest_key(certificate.certificate, pin[0]), 0);
	pinned.pins = (const unsigned char(*)[32])pin;
	pinned.pin_count = 1;
	newer.minimum = TLS1_3_VERSION;
	named.name = "a.example.net";
	known.certificate = other.both_path;
	trusting.ca = both;
	for (int expected = 0; expected < 2; expected++) {
		ck_assert_int_eq(run(&usual), expected);
		ck_assert_int_eq(run(&pinned), expected);
		ck_assert_int_eq(run(&newer), expected);
		ck_assert_int_eq(run(&named), expected);
		ck_assert_int_eq(run(&known), expected);
		ck_assert_int_eq(run(&trusting), expected);
		ck_assert_int_eq(run_to(&usual, listener, "b.example.net"), expected);
		ck_assert_int_eq(run_to(&usual, second, "mx.example.org"), expected);
	}
	close(second);
}
END_TEST

/* There is a session, and each of these would be refused without it. */
START_TEST(check_is_not_weakened)
{
	const unsigned char pin[1][32] = {{1}};
	struct envoi_tls_options wrong = usual;
	ck_assert_int_eq(run(&usual), 0);
	wrong.pins = pin;
	wrong.pin_count = 1;
	ck_assert_int_eq(run(&wrong), -1);
	ck_assert_int_eq(run_to(&usual, listener, "mx.example.com"), -1);
	wrong = usual;
	wrong.ca = other.certificate_path;
	ck_assert_int_eq(run(&wrong), -1);
	ck_assert_int_eq(run(&usual), 1);
	/* The CA is trusted no more: the same path, another content. */
	pki_write(&other, authority.certificate_path, true, false, NULL);
	ck_assert_int_eq(run(&usual), -1);
}
END_TEST

/* Whatever the file is called. */
START_TEST(name_is_compared_again)
{
	char path[600];
	unsigned char key[32];
	time_t since = 0;
	ck_assert_int_eq(run(&usual), 0);
	find(path, key);
	SSL_SESSION *session = envoi_tls_store_take(folder, key, &since);
	ck_assert_ptr_nonnull(session);
	struct envoi_tls *tls = client_with(&usual);
	struct envoi_tls_link link = {.tls = tls};
	static const char *const names[] = {
		"mx.example.org", "mx.example.com", "127.0.0.1"};
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(link.peer.name, sizeof(link.peer.name), "%s", names[i]);
		ck_assert(envoi_tls_verify_kept(&link, SSL_SESSION_get0_peer(session))
			  == (i == 0));
	}
	ck_assert(!envoi_tls_verify_kept(&link, NULL));
	envoi_tls_free(tls);
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(unchecked_is_not_kept)
{
	char name[300];
	struct envoi_tls_options options = usual;
	options.insecure = true;
	ck_assert_int_eq(run(&options), 0);
	ck_assert_int_eq(run(&options), 0);
	ck_assert_int_eq(run_to(&usual, listener, "mx.example.com"), -1);
	options = usual;
	options.cache = NULL;
	ck_assert_int_eq(run(&options), 0);
	ck_assert_uint_eq(list(name), 0);
	ck_assert_int_eq(access(cache, F_OK), -1);
}
END_TEST

/* By its pin it is good for ever, but it is not kept beyond its end. */
START_TEST(expired_certificate_is_not_kept)
{
	char name[300];
	unsigned char pin[1][32];
	struct pki expired;
	pki_make(&expired, keys,
		&(struct pki_options){.name = "mx", .from = -9, .to = -1});
	envoi_tls_free(server);
	server = server_with(&expired);
	ck_assert_int_eq(envoi_tls_digest_key(expired.certificate, pin[0]), 0);
	usual.pins = (const unsigned char(*)[32])pin;
	usual.pin_count = 1;
	ck_assert_int_eq(run(&usual), 0);
	ck_assert_uint_eq(list(name), 0);
	pki_free(&expired);
}
END_TEST

/* When was the certificate checked, and what of it: with a renewal in between. */
START_TEST(session_has_an_end)
{
	const struct {
		long ago;
		int expected;
	} rows[] = {{1000, 1}, {86000, 1}, {86401, 0}, {400000, 0}, {-100, 0}};
	char path[600];
	unsigned char key[32];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		time_t since = 0, wanted = time(NULL) - rows[i].ago;
		(void)run(&usual);
		find(path, key);
		SSL_SESSION *session = envoi_tls_store_take(folder, key, &since);
		ck_assert_ptr_nonnull(session);
		envoi_tls_store_keep(folder, key, session, wanted);
		SSL_SESSION_free(session);
		ck_assert_int_eq(run(&usual), rows[i].expected);
		session = envoi_tls_store_take(folder, key, &since);
		ck_assert_ptr_nonnull(session);
		SSL_SESSION_free(session);
		if (rows[i].expected == 1) {
			ck_assert_int_eq(since, wanted);
		} else {
			ck_assert_int_ge(since, time(NULL) - 60);
		}
	}
}
END_TEST

/* The server's own word for how long a ticket is good. */
START_TEST(ticket_lifetime_is_kept_to)
{
	char path[600];
	unsigned char key[32];
	time_t since = 0;
	SSL_CTX_set_timeout(server->ctx, 100);
	for (int i = 0; i < 2; i++) {
		(void)run(&usual);
		find(path, key);
		SSL_SESSION *session = envoi_tls_store_take(folder, key, &since);
		ck_assert_ptr_nonnull(session);
		SSL_SESSION_set_time(session, time(NULL) - (i == 0 ? 50 : 101));
		envoi_tls_store_keep(folder, key, session, since);
		SSL_SESSION_free(session);
		ck_assert_int_eq(run(&usual), i == 0);
	}
}
END_TEST

static void read_all(const char *path, unsigned char *bytes, size_t room, size_t *ret_n)
{
	FILE *file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	*ret_n = fread(bytes, 1, room, file);
	ck_assert(*ret_n > 0 && *ret_n < room);
	fclose(file);
}

static void write_all(const char *path, const unsigned char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

static bool is_there(const unsigned char key[32])
{
	time_t since;
	SSL_SESSION *session = envoi_tls_store_take(folder, key, &since);
	SSL_SESSION_free(session);
	return session != NULL;
}

START_TEST(damaged_file_is_none)
{
	static unsigned char bytes[8192];
	char path[600];
	unsigned char key[32];
	size_t n;
	ck_assert_int_eq(run(&usual), 0);
	find(path, key);
	read_all(path, bytes, sizeof(bytes), &n);
	for (size_t i = 0; i < n; i++) {
		bytes[i] ^= 0x20;
		write_all(path, bytes, n);
		bytes[i] ^= 0x20;
		ck_assert(!is_there(key));
		/* And it is gone. */
		ck_assert_int_eq(access(path, F_OK), -1);
	}
	for (size_t i = 0; i < n; i += 7) {
		write_all(path, bytes, i);
		ck_assert(!is_there(key));
	}
	write_all(path, bytes, sizeof(bytes));
	ck_assert(!is_there(key));
	ck_assert_int_eq(run(&usual), 0);
	ck_assert_int_eq(run(&usual), 1);
	/* Under another one's name. */
	write_all(path, bytes, n);
	key[0] ^= 1;
	char wrong[600];
	(void)snprintf(wrong, sizeof(wrong), "%s", path);
	(void)snprintf(wrong + strlen(folder) + 1, 3, "%02x", key[0]);
	wrong[strlen(folder) + 3] = path[strlen(folder) + 3];
	ck_assert_int_eq(rename(path, wrong), 0);
	ck_assert(!is_there(key));
}
END_TEST

START_TEST(folder_or_file_that_others_reach_is_not_used)
{
	static unsigned char bytes[8192];
	char path[600], elsewhere[600], name[300];
	unsigned char key[32];
	size_t n;
	ck_assert_int_eq(run(&usual), 0);
	find(path, key);
	read_all(path, bytes, sizeof(bytes), &n);
	/* The file: readable by others, a link, no file. */
	ck_assert_int_eq(chmod(path, 0640), 0);
	ck_assert_int_eq(run(&usual), 0);
	(void)snprintf(elsewhere, sizeof(elsewhere), "%s/session", keys);
	write_all(elsewhere, bytes, n);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink(elsewhere, path), 0);
	ck_assert_int_eq(run(&usual), 0);
	/* The link made room for a file; what it led to is as it was. */
	ck_assert_int_eq(mode_of(path), 0600);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(run(&usual), 0);
	ck_assert_int_eq(run(&usual), 1);
	/* The folder: open to others, the one above writable by others. */
	ck_assert_int_eq(chmod(folder, 0710), 0);
	ck_assert_int_eq(run(&usual), 0);
	ck_assert_int_eq(chmod(folder, 0700), 0);
	ck_assert_int_eq(chmod(cache, 0770), 0);
	ck_assert_int_eq(run(&usual), 0);
	ck_assert_int_eq(chmod(cache, 0700), 0);
	ck_assert_int_eq(run(&usual), 1);
	/* A link in its place. */
	(void)snprintf(elsewhere, sizeof(elsewhere), "%s/real", cache);
	ck_assert_int_eq(rename(folder, elsewhere), 0);
	ck_assert_int_eq(symlink(elsewhere, folder), 0);
	ck_assert_int_eq(run(&usual), 0);
	ck_assert_int_eq(unlink(folder), 0);
	ck_assert_int_eq(rename(elsewhere, folder), 0);
	ck_assert_int_eq(run(&usual), 1);
	ck_assert_uint_eq(list(name), 1);
}
END_TEST

/* As root: what belongs to somebody else. */
START_TEST(other_owner_is_not_used)
{
	char path[600];
	unsigned char key[32];
	if (geteuid() != 0) {
		return;
	}
	ck_assert_int_eq(run(&usual), 0);
	find(path, key);
	ck_assert_int_eq(chown(path, 1, (gid_t)-1), 0);
	ck_assert_int_eq(run(&usual), 0);
	ck_assert_int_eq(chown(folder, 1, (gid_t)-1), 0);
	ck_assert_int_eq(run(&usual), 0);
	ck_assert_int_eq(chown(folder, 0, (gid_t)-1), 0);
	ck_assert_int_eq(chown(cache, 1, (gid_t)-1), 0);
	ck_assert_int_eq(run(&usual), 0);
	ck_assert_int_eq(chown(cache, 0, (gid_t)-1), 0);
	ck_assert_int_eq(run(&usual), 1);
}
END_TEST

START_TEST(old_files_are_taken_away)
{
	char path[600], name[300];
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	ck_assert_int_eq(run_to(&usual, listener, "b.example.net"), 0);
	ck_assert_uint_eq(list(name), 1);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	ck_assert_int_eq(run(&usual), 0);
	ck_assert_uint_eq(list(name), 1);
	ck_assert_str_ne(strrchr(path, '/') + 1, name);
}
END_TEST

/* No folder can be had: a run is as one without. */
START_TEST(no_place_is_no_error)
{
	usual.cache = "/nonexistent/x/envoi";
	ck_assert_int_eq(run(&usual), 0);
	usual.cache = "/envoi";
	ck_assert_int_eq(run(&usual), 0);
	usual.cache = "relative";
	ck_assert_int_eq(run(&usual), 0);
	usual.cache = authority.certificate_path;
	ck_assert_int_eq(run(&usual), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls_store");
	TCase *tcase = tcase_create("tls_store");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	/* Loops: 0 TLS 1.3, 1 TLS 1.2. */
	tcase_add_loop_test(tcase, next_run_continues_the_session, 0, 2);
	tcase_add_test(tcase, ticket_is_used_once);
	tcase_add_test(tcase, settings_and_peers_are_told_apart);
	tcase_add_test(tcase, check_is_not_weakened);
	tcase_add_test(tcase, name_is_compared_again);
	tcase_add_test(tcase, unchecked_is_not_kept);
	tcase_add_test(tcase, expired_certificate_is_not_kept);
	tcase_add_test(tcase, session_has_an_end);
	tcase_add_test(tcase, ticket_lifetime_is_kept_to);
	tcase_add_test(tcase, damaged_file_is_none);
	tcase_add_test(tcase, folder_or_file_that_others_reach_is_not_used);
	tcase_add_test(tcase, other_owner_is_not_used);
	tcase_add_test(tcase, old_files_are_taken_away);
	tcase_add_test(tcase, no_place_is_no_error);
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
