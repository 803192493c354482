/*
 * The parameters of DSN: xtext, the form for letters outside of ASCII, what
 * has no room. Situations 200 and 204.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/dsn.h"

#define TIMES_10(x) x x x x x x x x x x
#define TIMES_100(x) TIMES_10(TIMES_10(x))

static const struct {
	unsigned notify;
	const char *original;
	const char *want;
} rcpts[] = {
	{0, NULL, ""},
	{ENVOI_NOTIFY_NEVER, NULL, " NOTIFY=NEVER"},
	{ENVOI_NOTIFY_NEVER | ENVOI_NOTIFY_SUCCESS, NULL, " NOTIFY=NEVER"},
	{ENVOI_NOTIFY_SUCCESS, NULL, " NOTIFY=SUCCESS"},
	{ENVOI_NOTIFY_FAILURE, NULL, " NOTIFY=FAILURE"},
	{ENVOI_NOTIFY_DELAY, NULL, " NOTIFY=DELAY"},
	{ENVOI_NOTIFY_SUCCESS | ENVOI_NOTIFY_DELAY, NULL, " NOTIFY=SUCCESS,DELAY"},
	{ENVOI_NOTIFY_SUCCESS | ENVOI_NOTIFY_FAILURE, NULL, " NOTIFY=SUCCESS,FAILURE"},
	{ENVOI_NOTIFY_SUCCESS | ENVOI_NOTIFY_FAILURE | ENVOI_NOTIFY_DELAY, NULL,
		" NOTIFY=SUCCESS,FAILURE,DELAY"},
	{ENVOI_NOTIFY_DELAY, "a@b", " NOTIFY=DELAY ORCPT=rfc822;a@b"},
	{0, "", ""},
	{0, "a+b=c@d", " ORCPT=rfc822;a+2Bb+3Dc@d"},
	{0, "\"a b\\\"\"@d", " ORCPT=rfc822;\"a+20b\\\"\"@d"},
	{0, "a;~!@d", " ORCPT=rfc822;a;~!@d"},
	/* As it was given. */
	{0, "rfc822;a+2Bb@d", " ORCPT=rfc822;a+2Bb@d"},
	{0, "RFC822;a@d", " ORCPT=RFC822;a@d"},
	{0, "utf-8;\\x{FC}@d", " ORCPT=utf-8;\\x{FC}@d"},
	{0, "rfc822;a b@d", " ORCPT=rfc822;rfc822;a+20b@d"},
	{0, "x400;/A=b/", " ORCPT=rfc822;x400;/A+3Db/"},
	{0, "\xc3\xbc@d", " ORCPT=utf-8;\\x{FC}@d"},
	{0, "\xe2\x82\xac+=\\ @d",
		" ORCPT=utf-8;\\x{20AC}\\x{2B}\\x{3D}\\x{5C}\\x{20}@d"},
	{0, "\xf0\x9f\x93\xa7@d", " ORCPT=utf-8;\\x{1F4E7}@d"},
	/* Not UTF-8: not said. */
	{0, "\xfc@d", ""},
	/* 500 octets with its type. */
	{0, TIMES_100("abcd") TIMES_10("abcdefgh") "0123456789@12",
		" ORCPT=rfc822;" TIMES_100("abcd") TIMES_10("abcdefgh") "0123456789@12"},
	{ENVOI_NOTIFY_NEVER, TIMES_100("abcd") TIMES_10("abcdefgh") "0123456789@123",
		" NOTIFY=NEVER"},
	{0, TIMES_100("=") TIMES_100("=") "@d", ""},
	{0, TIMES_100("\xc3\xbc") "@d", ""},
};

START_TEST(recipients)
{
	char out[ENVOI_DSN_ROOM];
	struct envoi_recipient recipient = {
		.address = "x@y",
		.notify = rcpts[_i].notify,
		.original = rcpts[_i].original,
	};
	envoi_dsn_rcpt(&recipient, out);
	ck_assert_str_eq(out, rcpts[_i].want);
}
END_TEST

START_TEST(an_original_leaves_room_for_the_address)
{
	char out[ENVOI_DSN_ROOM];
	struct envoi_recipient recipient = {
		.address = TIMES_100("abcde") "@example.org",
		.notify = ENVOI_NOTIFY_FAILURE,
		.original = TIMES_100("abcd") TIMES_10("abcdefgh") "@d",
	};
	envoi_dsn_rcpt(&recipient, out);
	ck_assert_str_eq(out, " NOTIFY=FAILURE");
}
END_TEST

START_TEST(mails)
{
	char out[ENVOI_DSN_ROOM];
	struct envoi_dsn dsn = {.notify = ENVOI_NOTIFY_DELAY};
	struct envoi_transaction transaction = {.dsn = NULL};
	envoi_dsn_mail(&transaction, out);
	ck_assert_str_eq(out, "");
	transaction.dsn = &dsn;
	ck_assert(envoi_dsn_is_wanted(&dsn));
	envoi_dsn_mail(&transaction, out);
	ck_assert_str_eq(out, "");
	dsn.ret = "HDRS";
	envoi_dsn_mail(&transaction, out);
	ck_assert_str_eq(out, " RET=HDRS");
	dsn.envid = "a b+c=";
	envoi_dsn_mail(&transaction, out);
	ck_assert_str_eq(out, " RET=HDRS ENVID=a+20b+2Bc+3D");
	dsn = (struct envoi_dsn){.envid = TIMES_100("x")};
	envoi_dsn_mail(&transaction, out);
	ck_assert_str_eq(out, " ENVID=" TIMES_100("x"));
	dsn = (struct envoi_dsn){0};
	ck_assert(!envoi_dsn_is_wanted(&dsn));
}
END_TEST

START_TEST(envids)
{
	ck_assert(envoi_dsn_is_envid("job 7"));
	ck_assert(envoi_dsn_is_envid(TIMES_100("x")));
	ck_assert(!envoi_dsn_is_envid(TIMES_100("x") "x"));
	ck_assert(!envoi_dsn_is_envid(TIMES_10("+++") "++++"));
	ck_assert(!envoi_dsn_is_envid(""));
	ck_assert(!envoi_dsn_is_envid("a\tb"));
	ck_assert(!envoi_dsn_is_envid("a\x7f"));
	ck_assert(!envoi_dsn_is_envid("\xc3\xbc"));
}
END_TEST

START_TEST(smtputf8_comes_with_8bitmime)
{
	struct envoi_capabilities offered = {.extensions = ENVOI_EXT_SMTPUTF8};
	ck_assert_uint_eq(envoi_capabilities_usable(&offered, 0),
		ENVOI_EXT_SMTPUTF8 | ENVOI_EXT_8BITMIME);
	ck_assert_uint_eq(envoi_capabilities_usable(&offered, ENVOI_EXT_SMTPUTF8),
		ENVOI_EXT_8BITMIME);
	ck_assert_uint_eq(envoi_capabilities_usable(&offered, ENVOI_EXT_8BITMIME),
		ENVOI_EXT_SMTPUTF8);
	offered.extensions = ENVOI_EXT_SIZE;
	ck_assert_uint_eq(envoi_capabilities_usable(&offered, 0), ENVOI_EXT_SIZE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dsn");
	TCase *tc = tcase_create("dsn");
	tcase_add_loop_test(tc, recipients, 0, (int)(sizeof(rcpts) / sizeof(rcpts[0])));
	tcase_add_test(tc, an_original_leaves_room_for_the_address);
	tcase_add_test(tc, mails);
	tcase_add_test(tc, envids);
	tcase_add_test(tc, smtputf8_comes_with_8bitmime);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
