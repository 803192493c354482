/*
 * Servers and URLs, good and bad ones; pins; literals and the resolver as far
 * as it needs no network. (Situations 5, 18, 37.)
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <envoi/server.h>
#include <envoi/tls.h>

#include "base/gnu.h"
#include "net/resolve.h"

#define LABEL63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

static const struct {
	const char *text;
	const char *host;
	unsigned port;
	bool lmtp;
	enum envoi_tls_policy tls;
	const char *label;
} good[] = {
	{"mx.example.org", "mx.example.org", 25, false, ENVOI_TLS_OPPORTUNISTIC,
		"mx.example.org:25"},
	{"mx.example.org.", "mx.example.org.", 25, false, ENVOI_TLS_OPPORTUNISTIC,
		"mx.example.org.:25"},
	{"localhost", "localhost", 25, false, ENVOI_TLS_OPPORTUNISTIC, "localhost:25"},
	{"mx_1.example.org", "mx_1.example.org", 25, false, ENVOI_TLS_OPPORTUNISTIC,
		"mx_1.example.org:25"},
	{"xn--bcher-kva.example", "xn--bcher-kva.example", 25, false,
		ENVOI_TLS_OPPORTUNISTIC, "xn--bcher-kva.example:25"},
	{"b\303\274cher.example", "xn--bcher-kva.example", 25, false,
		ENVOI_TLS_OPPORTUNISTIC, "b\303\274cher.example:25"},
	{"submissions://B\303\234CHER.example.", "xn--bcher-kva.example.", 465, false,
		ENVOI_TLS_IMPLICIT, "B\303\234CHER.example.:465"},
	{"1.example", "1.example", 25, false, ENVOI_TLS_OPPORTUNISTIC, "1.example:25"},
	{LABEL63 ".org", LABEL63 ".org", 25, false, ENVOI_TLS_OPPORTUNISTIC,
		LABEL63 ".org:25"},
	{"mx:587", "mx", 587, false, ENVOI_TLS_STARTTLS, "mx:587"},
	{"mx:465", "mx", 465, false, ENVOI_TLS_IMPLICIT, "mx:465"},
	{"mx:2525", "mx", 2525, false, ENVOI_TLS_OPPORTUNISTIC, "mx:2525"},
	{"mx:65535", "mx", 65535, false, ENVOI_TLS_OPPORTUNISTIC, "mx:65535"},
	{"mx:1", "mx", 1, false, ENVOI_TLS_OPPORTUNISTIC, "mx:1"},
	{"192.0.2.1", "192.0.2.1", 25, false, ENVOI_TLS_OPPORTUNISTIC, "192.0.2.1:25"},
	{"192.0.2.1:26", "192.0.2.1", 26, false, ENVOI_TLS_OPPORTUNISTIC, "192.0.2.1:26"},
	{"[192.0.2.1]", "192.0.2.1", 25, false, ENVOI_TLS_OPPORTUNISTIC, "192.0.2.1:25"},
	{"::1", "::1", 25, false, ENVOI_TLS_OPPORTUNISTIC, "[::1]:25"},
	{"[::1]", "::1", 25, false, ENVOI_TLS_OPPORTUNISTIC, "[::1]:25"},
	{"[::1]:587", "::1", 587, false, ENVOI_TLS_STARTTLS, "[::1]:587"},
	{"[IPv6:2001:db8::1]", "2001:db8::1", 25, false, ENVOI_TLS_OPPORTUNISTIC,
		"[2001:db8::1]:25"},
	{"[ipv6:2001:db8::1]:26", "2001:db8::1", 26, false, ENVOI_TLS_OPPORTUNISTIC,
		"[2001:db8::1]:26"},
	{"fe80::1%eth0", "fe80::1%eth0", 25, false, ENVOI_TLS_OPPORTUNISTIC,
		"[fe80::1%eth0]:25"},
	{"smtp://[fe80::1%25eth0]:26", "fe80::1%eth0", 26, false, ENVOI_TLS_OPPORTUNISTIC,
		"[fe80::1%eth0]:26"},
	{"smtp://mx", "mx", 25, false, ENVOI_TLS_OPPORTUNISTIC, "mx:25"},
	{"SMTP://mx/", "mx", 25, false, ENVOI_TLS_OPPORTUNISTIC, "mx:25"},
	{"smtp://mx:587", "mx", 587, false, ENVOI_TLS_OPPORTUNISTIC, "mx:587"},
	{"submission://mx", "mx", 587, false, ENVOI_TLS_STARTTLS, "mx:587"},
	{"submission://mx:26/", "mx", 26, false, ENVOI_TLS_STARTTLS, "mx:26"},
	{"submissions://mx", "mx", 465, false, ENVOI_TLS_IMPLICIT, "mx:465"},
	{"smtps://[2001:db8::1]", "2001:db8::1", 465, false, ENVOI_TLS_IMPLICIT,
		"[2001:db8::1]:465"},
	{"smtps://192.0.2.1:8465", "192.0.2.1", 8465, false, ENVOI_TLS_IMPLICIT,
		"192.0.2.1:8465"},
	{"lmtp://mx", "mx", 24, true, ENVOI_TLS_OPPORTUNISTIC, "mx:24"},
	{"lmtp://mx:2424", "mx", 2424, true, ENVOI_TLS_OPPORTUNISTIC, "mx:2424"},
};

START_TEST(good_server_is_parsed)
{
	struct envoi_server server;
	struct envoi_error err = ENVOI_ERROR_NONE;
	int result = envoi_server_parse(good[_i].text, &server, &err);
	ck_assert_msg(result == 0, "%s: %s", good[_i].text, err.text);
	ck_assert_str_eq(server.host, good[_i].host);
	ck_assert_ptr_null(server.path);
	ck_assert_uint_eq(server.port, good[_i].port);
	ck_assert_int_eq(server.lmtp, good[_i].lmtp);
	ck_assert_int_eq(server.tls, good[_i].tls);
	ck_assert_str_eq(server.label, good[_i].label);
	envoi_server_finish(&server);
	envoi_server_finish(&server);
}
END_TEST

static const struct {
	const char *text;
	const char *path;
} sockets[] = {
	{"lmtp+unix:/run/lmtp", "/run/lmtp"},
	{"LMTP+UNIX:/run/lmtp", "/run/lmtp"},
	{"lmtp+unix:///run/lmtp", "/run/lmtp"},
	{"lmtp+unix:/run/my mail/l\303\251", "/run/my mail/l\303\251"},
	{"lmtp+unix://////run/lmtp", "/run/lmtp"},
	{"lmtp+unix:socket", "socket"},
	{"lmtp+unix:/a@b:c", "/a@b:c"},
};

START_TEST(unix_socket_is_parsed)
{
	struct envoi_server server;
	ck_assert_int_eq(envoi_server_parse(sockets[_i].text, &server, NULL), 0);
	ck_assert_ptr_null(server.host);
	ck_assert_str_eq(server.path, sockets[_i].path);
	ck_assert_str_eq(server.label, sockets[_i].path);
	ck_assert(server.lmtp);
	ck_assert_int_eq(server.tls, ENVOI_TLS_OPPORTUNISTIC);
	envoi_server_finish(&server);
}
END_TEST

static const struct {
	const char *text;
	const char *reason;
} bad[] = {
	{"", "no host name"},
	{".", "no host name"},
	{":25", "no host name"},
	{"smtp://", "no host name"},
	{"smtp:///", "no host name"},
	{"mx:", "port"},
	{"mx:0", "port"},
	{"mx:65536", "port"},
	{"mx:99999999999999999999", "port"},
	{"mx:smtp", "port"},
	{"mx:-1", "port"},
	{"mx:+25", "port"},
	{"mx: 25", "blank"},
	{"mx:25 ", "blank"},
	{" mx", "blank"},
	{"mx\r\n", "control"},
	{"mx\nx", "control"},
	{"mx\x7f", "control"},
	{"mx..org", "empty label"},
	{".mx", "empty label"},
	{"mx..", "empty label"},
	{"-mx", "hyphen"},
	{"mx-.org", "hyphen"},
	{LABEL63 "h.org", "63"},
	{LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, "too long"},
	{"b\303\274.\342\230\203\360\237\222\251..x", "domain"},
	{"m\374nchen.example", "UTF-8"},
	{"mx\302\240.example", "character"},
	{"mx\357\274\240x.example", "character"},
	{"\357\274\221\357\274\222\357\274\227.1", "IPv4"},
	{"mx/path", "character"},
	{"mx?x", "character"},
	{"mx*", "character"},
	{"(mx)", "character"},
	{"256.0.0.1", "IPv4"},
	{"127.1", "IPv4"},
	{"2130706433", "IPv4"},
	{"0x7f000001", "IPv4"},
	{"0x7f.0.0.0x1", "IPv4"},
	{"1.2.3.4.5", "IPv4"},
	{"192.0.2.01", "IPv4"},
	{"192.0.2.1.", "IPv4"},
	{"1::2::3", "IPv6"},
	{"::12345", "IPv6"},
	{"::1%", "IPv6"},
	{"mx:25:26", "IPv6"},
	{"[mx]", "between"},
	{"[]", "between"},
	{"[::1", "without"},
	{"[::1]25", "something other"},
	{"[::1]:", "port"},
	{"[1.2.3]", "between"},
	{"[IPv6:192.0.2.1]", "between"},
	{"[IPv6:]", "between"},
	{"user@mx", "user"},
	{"smtp://user:secret@mx", "user"},
	{"smtp://mx/path", "behind"},
	{"smtp://mx//", "behind"},
	{"smtp://::1", "between"},
	{"smtp://mx?x=1", "character"},
	{"smtp://mx#x", "character"},
	{"http://mx", "unknown scheme"},
	{"://mx", "unknown scheme"},
	{"smtp+unix://x", "unknown scheme"},
	{"lmtp://mx:25", "2033"},
	{"lmtp://mx:25/", "2033"},
	{"lmtp+unix:", "no path"},
	{"lmtp+unix://host/path", "no host"},
	{"lmtp+unix:/run/\001", "control"},
	{"lmtp+unix:/" LABEL63 "/" LABEL63, "too long"},
	{"unix:/run/lmtp", "port"},
};

START_TEST(bad_server_is_refused)
{
	struct envoi_server server = {.port = 7};
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_msg(envoi_server_parse(bad[_i].text, &server, &err) == -1, "%s",
		bad[_i].text);
	ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	ck_assert_msg(strstr(err.text, bad[_i].reason) != NULL, "%s", err.text);
	/* The output is as it was. */
	ck_assert_uint_eq(server.port, 7);
	ck_assert_int_eq(envoi_server_parse(bad[_i].text, &server, NULL), -1);
}
END_TEST

/* The text ends where its allocation does: reading on would be seen. */
START_TEST(every_prefix_is_parsed_or_refused)
{
	const char *text = good[_i].text;
	for (size_t n = 0; n <= strlen(text); n++) {
		char *copy = malloc(n + 1);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, text, n);
		copy[n] = '\0';
		struct envoi_server server;
		if (envoi_server_parse(copy, &server, NULL) == 0) {
			envoi_server_finish(&server);
		}
		free(copy);
	}
}
END_TEST

#define HEX31 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e"
#define COLONS31                                                                         \
	"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:" \
	"1a:1b:"                                                                         \
	"1c:1d:1e"

static const struct {
	const char *text;
	int result;
} pins[] = {
	{"sha256:" HEX31 "1f", 0},
	{"SHA256:" HEX31 "1F", 0},
	{"sha256:" COLONS31 ":1f", 0},
	{"sha256:" COLONS31 ":1f:", -1},
	{"sha256::" COLONS31 ":1f", -1},
	{"sha256:" HEX31, -1},
	{"sha256:" HEX31 "1", -1},
	{"sha256:" HEX31 "1f00", -1},
	{"sha256:" HEX31 "1g", -1},
	{"sha256:" HEX31 " f", -1},
	{HEX31 "1f", -1},
	{"sha1:" HEX31 "1f", -1},
	{"sha256:", -1},
	{"", -1},
};

START_TEST(pin_is_strict)
{
	unsigned char pin[32] = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_int_eq(envoi_tls_pin_parse(pins[_i].text, pin, &err), pins[_i].result);
	if (pins[_i].result != 0) {
		ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
		ck_assert_int_eq(pin[31], 0);
		return;
	}
	for (int i = 0; i < 32; i++) {
		ck_assert_int_eq(pin[i], i);
	}
}
END_TEST

static const struct {
	const char *server;
	int family;
	enum envoi_status status;
	/** The addresses, in order, a blank between. */
	const char *addresses;
} resolved[] = {
	{"192.0.2.1", AF_UNSPEC, ENVOI_STATUS_OK, "192.0.2.1"},
	{"192.0.2.1", AF_INET, ENVOI_STATUS_OK, "192.0.2.1"},
	{"192.0.2.1", AF_INET6, ENVOI_STATUS_NOHOST, NULL},
	{"2001:DB8:0::1", AF_UNSPEC, ENVOI_STATUS_OK, "2001:db8::1"},
	{"2001:db8::1", AF_INET, ENVOI_STATUS_NOHOST, NULL},
	{"fe80::1%lo", AF_UNSPEC, ENVOI_STATUS_OK, "fe80::1%lo"},
	{"fe80::1%1", AF_UNSPEC, ENVOI_STATUS_OK, "fe80::1%lo"},
	{"fe80::1%no-such-if", AF_UNSPEC, ENVOI_STATUS_NOHOST, NULL},
	{"localhost", AF_UNSPEC, ENVOI_STATUS_OK, "::1 127.0.0.1"},
	{"LocalHost.", AF_INET, ENVOI_STATUS_OK, "127.0.0.1"},
	{"mx.localhost", AF_INET6, ENVOI_STATUS_OK, "::1"},
	{"lmtp+unix:/run/lmtp", AF_INET, ENVOI_STATUS_OK, "/run/lmtp"},
};

START_TEST(literal_needs_no_resolver)
{
	struct envoi_server server;
	struct envoi_endpoint *list = NULL;
	size_t count = 0;
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_int_eq(envoi_server_parse(resolved[_i].server, &server, NULL), 0);
	int result = envoi_resolve(&server, resolved[_i].family, &list, &count, &err);
	ck_assert_int_eq(err.status, resolved[_i].status);
	ck_assert_int_eq(result, resolved[_i].status == ENVOI_STATUS_OK ? 0 : -1);
	char text[512] = "";
	for (size_t i = 0; i < count; i++) {
		strcat(text, i > 0 ? " " : "");
		strcat(text, list[i].text);
		if (server.host == NULL) {
			continue;
		}
		ck_assert_uint_eq(list[i].address.sa.sa_family == AF_INET
					  ? list[i].address.in.sin_port
					  : list[i].address.in6.sin6_port,
			htons(25));
	}
	ck_assert_str_eq(
		text, resolved[_i].addresses == NULL ? "" : resolved[_i].addresses);
	free(list);
	envoi_server_finish(&server);
}
END_TEST

/* Which answers of the resolver are final (situations 6 and 7). */
START_TEST(resolver_answers_are_told_apart)
{
	ck_assert(envoi_gnu_is_nohost(EAI_NONAME));
	ck_assert(envoi_gnu_is_nohost(EAI_FAMILY));
	ck_assert(!envoi_gnu_is_nohost(EAI_AGAIN));
	ck_assert(!envoi_gnu_is_nohost(EAI_FAIL));
	ck_assert(!envoi_gnu_is_nohost(EAI_MEMORY));
	ck_assert(!envoi_gnu_is_nohost(EAI_SYSTEM));
}
END_TEST

START_TEST(unix_path_too_long_is_refused)
{
	char path[300];
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	struct envoi_server server = {.path = path};
	struct envoi_endpoint *list;
	size_t count;
	struct envoi_error err;
	ck_assert_int_eq(envoi_resolve(&server, AF_UNSPEC, &list, &count, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
}
END_TEST

START_TEST(source_is_a_literal)
{
	static const struct {
		const char *text;
		int family;
	} sources[] = {
		{"127.0.0.1", AF_INET},
		{"[127.0.0.1]", AF_INET},
		{"::1", AF_INET6},
		{"[::1]", AF_INET6},
		{"localhost", 0},
		{"", 0},
		{"[]", 0},
		{"[::1", 0},
		{"127.1", 0},
		{"127.0.0.1:25", 0},
	};
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct envoi_endpoint endpoint;
		struct envoi_error err = ENVOI_ERROR_NONE;
		int result = envoi_resolve_source(sources[i].text, &endpoint, &err);
		if (sources[i].family == 0) {
			ck_assert_int_eq(result, -1);
			ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
		} else {
			ck_assert_int_eq(result, 0);
			ck_assert_int_eq(
				endpoint.address.sa.sa_family, sources[i].family);
		}
	}
}
END_TEST

/* What EHLO says of a bound socket of the address. */
static void check_literal(const char *address, const char *literal)
{
	struct envoi_endpoint endpoint;
	char text[64];
	ck_assert(envoi_resolve_literal(address, 0, &endpoint));
	int fd = socket(endpoint.address.sa.sa_family, SOCK_STREAM, 0);
	if (fd >= 0 && bind(fd, &endpoint.address.sa, endpoint.length) == 0) {
		envoi_resolve_local_literal(fd, text, sizeof(text));
		ck_assert_str_eq(text, literal);
	}
	close(fd);
}

START_TEST(local_literal_is_that_of_the_socket)
{
	char text[64];
	int fds[2];
	check_literal("127.0.0.1", "[127.0.0.1]");
	check_literal("::1", "[IPv6:::1]");
	check_literal("::ffff:127.0.0.1", "[127.0.0.1]");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	envoi_resolve_local_literal(fds[0], text, sizeof(text));
	ck_assert_str_eq(text, "[127.0.0.1]");
	close(fds[0]);
	close(fds[1]);
	envoi_resolve_local_literal(-1, text, sizeof(text));
	ck_assert_str_eq(text, "[127.0.0.1]");
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("server");
	TCase *tcase = tcase_create("server");
	tcase_add_loop_test(tcase, good_server_is_parsed, 0, COUNT(good));
	tcase_add_loop_test(tcase, unix_socket_is_parsed, 0, COUNT(sockets));
	tcase_add_loop_test(tcase, bad_server_is_refused, 0, COUNT(bad));
	tcase_add_loop_test(tcase, every_prefix_is_parsed_or_refused, 0, COUNT(good));
	tcase_add_loop_test(tcase, pin_is_strict, 0, COUNT(pins));
	tcase_add_loop_test(tcase, literal_needs_no_resolver, 0, COUNT(resolved));
	tcase_add_test(tcase, resolver_answers_are_told_apart);
	tcase_add_test(tcase, unix_path_too_long_is_refused);
	tcase_add_test(tcase, source_is_a_literal);
	tcase_add_test(tcase, local_literal_is_that_of_the_socket);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
