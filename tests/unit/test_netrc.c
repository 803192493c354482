/*
 * .netrc: who gets which password, whole and at every prefix. Rows marked
 * msmtp were held against msmtp 1.8.23 with the same file.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "config/secret_netrc.h"

#define HOST "mx.example.org"
#define JOE "machine mx.example.org login joe password "

static const struct {
	const char *text;
	/* NULL: no entry. */
	const char *password;
	unsigned long line;
} cases[] = {
	{"", NULL, 0},
	{"\n\n", NULL, 0},
	/* msmtp */
	{JOE "abc\n", "abc", 1},
	{JOE "abc", "abc", 1},
	{JOE "a\\bc\n", "a\\bc", 1},
	{JOE "ab#c\n", "ab#c", 1},
	{JOE "a,b\n", "a,b", 1},
	{JOE "\"a b\"\n", "a b", 1},
	{JOE "'a b'\n", "a b", 1},
	{JOE "\"\"\n", "", 1},
	{JOE "a\r\n", "a", 1},
	{JOE "a\\\nb\n", "a\\", 1},
	{JOE "a password b\n", "b", 1},
	{JOE "x login bob\n", NULL, 0},
	{JOE "abc machine other login x password y\n", "abc", 1},
	{"machine mx.example.org login bob password b\n" JOE "j\n", "j", 2},
	{"machine mx.example.org password nolog\n" JOE "withlog\n", "withlog", 2},
	{"machine mx.example.org port 25 login joe protocol smtp password p\n", "p", 1},
	{"macdef init\n" JOE "m\n\n" JOE "x\n", "x", 4},
	{"machine other\n\nmacdef foo\nxx\n\n" JOE "z\n", "z", 6},
	{"machine mx.example.org login joe macdef x\nfoo\n\npassword after\n", "after",
		4},
	{"machine mx.example.org login joe\npassword two\n", "two", 2},
	{"machine mx.example.org login joe password\n xx\n", "xx", 2},
	{"# c\n" JOE "x # c\n", "x", 2},
	{"machine mx.example.org password first login joe\n", "first", 1},
	{"machine mx.example.org login joe account foo password p\n", "p", 1},
	{"foo bar\n" JOE "x\n", "x", 2},
	{"machine mx.example.org login \"joe\" password q", "q", 1},
	{"machine mx.example.org login JOE password q", NULL, 0},
	/* curl */
	{JOE "\"a\\\"b\\\\c\"\n", "a\"b\\c", 1},
	{JOE "\"a\\nb\"\n", "a\\nb", 1},
	{JOE "ab\"c d\n", "ab\"c", 1},
	{"machine mx.example.org password nolog\n", "nolog", 1},
	{"default login joe password dj\n", "dj", 1},
	{"default password dj\n", "dj", 1},
	{"default login bob password db\n", NULL, 0},
	{"default password d\n" JOE "late\n", "late", 2},
	{"machine mx.example.org login bob password b\ndefault password d\n", "d", 2},
	{"machine MX.Example.ORG login joe password p\n", "p", 1},
	/* where msmtp ends by a signal */
	{JOE "#abc\n", "#abc", 1},
	{"machine mx.example.org login joe\n" JOE "x\n", "x", 2},
	/* others' */
	{"machine mx.example.orgs login joe password p\n", NULL, 0},
	{"machine mx.example.or login joe password p\n", NULL, 0},
	{"machine mx.example.org login jo password p\n", NULL, 0},
	{"machine mx.example.org login joey password p\n", NULL, 0},
	{"login joe password stray\n", NULL, 0},
	{"login joe password stray " JOE "p", "p", 1},
	{JOE "first\n" JOE "second\n", "first", 1},
	{JOE "machine machine mx.example.org login joe password p", "machine", 1},
	{JOE "\\\"\n", "\\\"", 1},
	{JOE "'it\\'\n", "it\\", 1},
	{JOE "\"a#b\"#c\n", "a#b", 1},
	{"#" JOE "no\n  # " JOE "no\n" JOE "yes", "yes", 3},
	{"machine\tmx.example.org\n\tlogin\tjoe\n\tpassword\tp\n", "p", 3},
	{"\"machine\" mx.example.org login joe password p", NULL, 0},
	{"macdef init\n" JOE "m", NULL, 0},
	{"macdef init\r\n" JOE "m\r\n\r\n" JOE "x\r\n", "x", 4},
	{JOE "p\303\244ss:w\001rd\n", "p\303\244ss:w\001rd", 1},
};

static const struct {
	const char *text;
	const char *error;
} wrong[] = {
	{JOE, "line 1: nothing behind \"password\""},
	{"\n\nmachine", "line 3: nothing behind \"machine\""},
	{"machine mx.example.org\nlogin\n\n", "line 2: nothing behind \"login\""},
	{JOE "\"abc\n", "line 1: a quote is not closed"},
	{JOE "x\n\nmachine y password 'abc", "line 3: a quote is not closed"},
	{JOE "\"abc\\\"\n", "line 1: a quote is not closed"},
	{JOE "\"abc\\", "line 1: a quote is not closed"},
};

/* In memory of exactly its size, for sanitizers to see. */
static int find(const char *text, size_t n, const char *user, struct envoi_secret *secret,
	unsigned long *line, struct envoi_error *err)
{
	char *copy = malloc(n > 0 ? n : 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, n);
	int found = envoi_netrc_find(copy, n, HOST, user, secret, line, err);
	free(copy);
	return found;
}

START_TEST(password_of_the_entry_that_fits)
{
	struct envoi_secret secret = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	unsigned long line = 0;
	int found =
		find(cases[_i].text, strlen(cases[_i].text), "joe", &secret, &line, &err);
	ck_assert_int_eq(found, cases[_i].password != NULL);
	if (found == 1) {
		ck_assert_uint_eq(secret.length, strlen(cases[_i].password));
		ck_assert_mem_eq(secret.data, cases[_i].password, secret.length);
		ck_assert_uint_eq(line, cases[_i].line);
	}
	envoi_secret_finish(&secret);
}
END_TEST

START_TEST(errors_name_the_line)
{
	struct envoi_secret secret = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	unsigned long line = 0;
	ck_assert_int_eq(
		find(wrong[_i].text, strlen(wrong[_i].text), "joe", &secret, &line, &err),
		-1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	ck_assert_str_eq(err.text, wrong[_i].error);
	ck_assert_ptr_null(secret.data);
}
END_TEST

START_TEST(every_prefix_is_read_or_refused)
{
	const char *text = cases[_i].text;
	for (size_t n = 0; n <= strlen(text); n++) {
		struct envoi_secret secret = {0};
		struct envoi_error err = ENVOI_ERROR_NONE;
		unsigned long line = 0;
		int found = find(text, n, "joe", &secret, &line, &err);
		ck_assert_int_eq(found == 1, secret.data != NULL);
		ck_assert_int_eq(found == -1, err.status != ENVOI_STATUS_OK);
		envoi_secret_finish(&secret);
	}
}
END_TEST

START_TEST(without_user_every_login_fits)
{
	static const char text[] =
		"machine other login a password a\n"
		"machine mx.example.org login bob password b\n" JOE "j";
	const char *const nobody[] = {NULL, ""};
	struct envoi_secret secret = {0};
	unsigned long line = 0;
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(
			find(text, sizeof(text) - 1, nobody[i], &secret, &line, NULL), 1);
		ck_assert_str_eq(secret.data, "b");
		envoi_secret_finish(&secret);
	}
}
END_TEST

START_TEST(nul_octets_end_nothing)
{
	static const char text[] = "machine\0x mx.example.org " JOE "a\0b\n";
	struct envoi_secret secret = {0};
	unsigned long line = 0;
	ck_assert_int_eq(find(text, sizeof(text) - 1, "joe", &secret, &line, NULL), 1);
	ck_assert_uint_eq(secret.length, 3);
	ck_assert_mem_eq(secret.data, "a\0b", 3);
	envoi_secret_finish(&secret);
	static const char login[] = "machine mx.example.org login joe\0 password p";
	ck_assert_int_eq(find(login, sizeof(login) - 1, "joe", &secret, &line, NULL), 0);
}
END_TEST

START_TEST(a_long_password_is_whole)
{
	enum {
		LENGTH = 5000
	};
	size_t head = strlen(JOE);
	char *text = malloc(head + LENGTH);
	struct envoi_secret secret = {0};
	unsigned long line = 0;
	ck_assert_ptr_nonnull(text);
	memcpy(text, JOE, head);
	memset(text + head, 'x', LENGTH);
	ck_assert_int_eq(find(text, head + LENGTH, "joe", &secret, &line, NULL), 1);
	ck_assert_uint_eq(secret.length, LENGTH);
	ck_assert_mem_eq(secret.data, text + head, LENGTH);
	envoi_secret_finish(&secret);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netrc");
	TCase *tests = tcase_create("netrc");
	int n = (int)(sizeof(cases) / sizeof(cases[0]));
	tcase_add_loop_test(tests, password_of_the_entry_that_fits, 0, n);
	tcase_add_loop_test(tests, every_prefix_is_read_or_refused, 0, n);
	tcase_add_loop_test(
		tests, errors_name_the_line, 0, (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_test(tests, without_user_every_login_fits);
	tcase_add_test(tests, nul_octets_end_nothing);
	tcase_add_test(tests, a_long_password_is_whole);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
