/*
 * Addresses as people write them, and what is no address. Situations 117-119
 * and 142.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/address.h>

static const struct {
	const char *text;
	const char *mailbox;
} good[] = {
	{"a@b", "a@b"},
	{"<a@b>", "a@b"},
	{"  a@example.org  ", "a@example.org"},
	{"Ann <ann@example.org>", "ann@example.org"},
	{"Ann B. C. <ann@example.org>", "ann@example.org"},
	{"\"Q, N\" <a@b>", "a@b"},
	{"\"Q \\\" <x@y>\" <a@b>", "a@b"},
	{"x@y <a@b>", "a@b"},
	{"< a@b >", "a@b"},
	{"(in front) a@b (behind (nested \\) , <) )", "a@b"},
	{"a(one)@(two)b(three)", "a@b"},
	{"Ann (x, y) <a@b> (z)", "a@b"},
	{"<@x.example,@y.example:a@b>", "a@b"},
	{"<@x.example, @[192.0.2.1] : a@b>", "a@b"},
	{"-oQ/tmp@example.org", "-oQ/tmp@example.org"},
	{"--to@b", "--to@b"},
	{"MiXed@Example.ORG", "MiXed@Example.ORG"},
	{"!#$%&'*+-/=?^_`{|}~@b", "!#$%&'*+-/=?^_`{|}~@b"},
	{"under_score@my_host-1.example", "under_score@my_host-1.example"},
	{"a@1.2", "a@1.2"},
	/* Quoting: only where it has to be. */
	{"\"a\"@b", "a@b"},
	{"\"a.b\"@c", "a.b@c"},
	{"\"a\".\"b\"@c", "a.b@c"},
	{"\"a b\"@c", "\"a b\"@c"},
	{"\"a\\b\"@c", "ab@c"},
	{"\"a\\\\b\"@c", "\"a\\\\b\"@c"},
	{"\"a\\\"b\"@c", "\"a\\\"b\"@c"},
	{"\"a@b\"@c", "\"a@b\"@c"},
	{"\"a>b,c\"@d", "\"a>b,c\"@d"},
	{"\"\"@c", "\"\"@c"},
	{"a..b@c", "\"a..b\"@c"},
	{".a@c", "\".a\"@c"},
	{"a.@c", "\"a.\"@c"},
	/* Literals. */
	{"a@[192.0.2.1]", "a@[192.0.2.1]"},
	{"a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"},
	{"<a@[ipv6:::1]>", "a@[ipv6:::1]"},
	{"a@[IPv6:::ffff:192.0.2.1]", "a@[IPv6:::ffff:192.0.2.1]"},
	/* No domain, one name only. */
	{"postmaster", "postmaster"},
	{"<Postmaster>", "Postmaster"},
	/* Other letters in what is dropped, in any encoding. */
	{"M\xc3\xbcller <a@b>", "a@b"},
	{"M\xfcller <a@b>", "a@b"},
	{"a@b (M\xc3\xbcller)", "a@b"},
	/* In the domain: A-labels, non-transitional, mapped. */
	{"a@b\xc3\xbc"
	 "cher.example",
		"a@xn--bcher-kva.example"},
	{"A@B\xc3\x9c"
	 "CHER.Example",
		"A@xn--bcher-kva.example"},
	{"a@bu\xcc\x88"
	 "cher.example",
		"a@xn--bcher-kva.example"},
	{"a@stra\xc3\x9f"
	 "e.example",
		"a@xn--strae-oqa.example"},
	{"a@\xe4\xbe\x8b\xe3\x80\x82\xe3\x83\x86", "a@xn--fsq.xn--ddk"},
	{"a@\xef\xbd\x81.example", "a@a.example"},
	{"a@my_host.b\xc3\xbc"
	 "cher.example",
		"a@my_host.xn--bcher-kva.example"},
	{"a@xn--bcher-kva.example", "a@xn--bcher-kva.example"},
	/* In the local part: NFC, and the domain as U-labels. */
	{"m\xc3\xbcller@b", "m\xc3\xbcller@b"},
	{"mu\xcc\x88ller@b", "m\xc3\xbcller@b"},
	{"\"m\xc3\xbcller\"@b", "m\xc3\xbcller@b"},
	{"\"m\xc3\xbc ller\"@b", "\"m\xc3\xbc ller\"@b"},
	{"\xe7\x94\xa8\xe6\x88\xb7@B\xc3\x9c"
	 "CHER.example",
		"\xe7\x94\xa8\xe6\x88\xb7@b\xc3\xbc"
		"cher.example"},
	{"\xc3\xbc@xn--bcher-kva.example", "\xc3\xbc@b\xc3\xbc"
					   "cher.example"},
	{"\xc3\xbc@xn--0.example", "\xc3\xbc@xn--0.example"},
	{"\xc3\xbc@[192.0.2.1]", "\xc3\xbc@[192.0.2.1]"},
	/* NFC makes it ASCII: the Kelvin sign, the Greek question mark. */
	{"\xe2\x84\xaa@b\xc3\xbc"
	 "cher.example",
		"K@xn--bcher-kva.example"},
	{"a\xcd\xbe"
	 "b@c",
		"\"a;b\"@c"},
	/* The null sender. */
	{"", ""},
	{"  ", ""},
	{"<>", ""},
	{" < > ", ""},
};

/* n octets without anything behind them. */
static int parse(
	const char *text, size_t n, bool allow_null, char **ret, struct envoi_error *err)
{
	char *exact = malloc(n > 0 ? n : 1);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, text, n);
	int result = envoi_address_parse(exact, n, allow_null, ret, err);
	free(exact);
	return result;
}

START_TEST(good_addresses)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	const char *want = good[_i].mailbox;
	char *mailbox = NULL;
	ck_assert_msg(
		parse(good[_i].text, strlen(good[_i].text), true, &mailbox, &err) == 0,
		"%s", err.text);
	ck_assert_str_eq(mailbox, want);
	/* What came out is read again as the same. */
	char *again = NULL;
	ck_assert_int_eq(parse(mailbox, strlen(mailbox), true, &again, &err), 0);
	ck_assert_str_eq(again, mailbox);
	free(again);
	free(mailbox);
	mailbox = NULL;
	ck_assert_int_eq(
		parse(good[_i].text, strlen(good[_i].text), false, &mailbox, &err),
		*want != '\0' ? 0 : -1);
	free(mailbox);
}
END_TEST

static const struct {
	const char *text;
	/* To be found in the error. */
	const char *why;
} bad[] = {
	{"a", "no \"@\""},
	{"a@", "no domain"},
	{"@b", "nothing before"},
	{"a@b@c", "text behind"},
	{"a b", "no \"@\""},
	{"a b@c", "a blank that is not quoted"},
	{"a  b c@d", "a blank that is not quoted"},
	{"a \"b\"@c", "a blank that is not quoted"},
	{"a @b", "a blank in front of \"@\""},
	{"a@ b", "no domain"},
	{"a@b c", "text behind"},
	{"a@b, c@d", "one address each"},
	{"a@b,c@d", "one address each"},
	{"a@b;", "one address each"},
	{"<a@b>, <c@d>", "one address each"},
	{"<a@b> <c@d>", "one address each"},
	{"<a@b", "no \">\""},
	{"a@b>", "text behind"},
	{"<a@b>>", "text behind"},
	{"<<a@b>>", "quoted"},
	{"<a@b> c", "text behind"},
	{"a>b@c", "no \"@\""},
	{"list: a@b", "group"},
	{"undisclosed-recipients:;", "one address each"},
	{"a\\b@c", "quoted"},
	{"a[b@c", "quoted"},
	{"\"a@b", "no end"},
	{"\"a@b\\", "no end"},
	{"a@b (c", "no end"},
	{"a@.b", "bad domain"},
	{"a@b..c", "bad domain"},
	{"a@b.", "bad domain"},
	{"a@b/c", "bad domain"},
	{"a@b!c", "bad domain"},
	{"a@[1.2.3]", "literal"},
	{"a@[1.2.3.256]", "literal"},
	{"a@[192.0.2.1", "literal"},
	{"a@[IPv6:1::2::3]", "literal"},
	{"a@[2001:db8::1]", "literal"},
	{"a@[]", "literal"},
	{"a@[192.0.2.1]x", "text behind"},
	{"<@x,@y a@b>", "route"},
	{"<@x:>", "no \"@\""},
	{"<@:a@b>", "no domain"},
	{"a@b\r\nRCPT TO:<x@y>", "control character"},
	{"a@b\n", "control character"},
	{"a\tb@c", "control character"},
	{"\"a\x7f\"@c", "control character"},
	/* Not UTF-8: Latin-1, cut, overlong, a surrogate. */
	{"m\xfcller@b", "UTF-8"},
	{"a\xc3@b", "UTF-8"},
	{"\xc0\xafz@b", "UTF-8"},
	{"\xed\xa0\x80z@b", "UTF-8"},
	{"a@b\xfc.example", "UTF-8"},
	/* C1, no-break space, line separator. */
	{"a\xc2\x85z@b", "outside of ASCII"},
	{"\xc2\xa0z@b", "outside of ASCII"},
	{"a\xe2\x80\xa8z@b", "outside of ASCII"},
	/* No domain: a symbol, a blank, a full-width "@", "a/c". */
	{"a@b\xe2\x98\x83\xf0\x9f\x92\xa9.", "domain"},
	{"a@b\xc2\xa0", "domain"},
	{"a@b\xef\xbc\xa0z", "domain"},
	{"a@\xe2\x84\x80z", "domain"},
	{"a@\xcc\x81z", "domain"},
	{"a@xn--0.\xc3\xbcx", "domain"},
	{"\xc3\xbcx@a..b", "bad domain"},
};

START_TEST(bad_addresses)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	char *mailbox = NULL;
	ck_assert_int_eq(
		parse(bad[_i].text, strlen(bad[_i].text), true, &mailbox, &err), -1);
	ck_assert_ptr_null(mailbox);
	ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	ck_assert_msg(
		strstr(err.text, bad[_i].why) != NULL, "%s: %s", bad[_i].text, err.text);
}
END_TEST

START_TEST(a_nul_is_no_end)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	char *mailbox = NULL;
	ck_assert_int_eq(parse("a@b\0c", 5, true, &mailbox, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	ck_assert_ptr_nonnull(strstr(err.text, "'a@b\\x00c'"));
	ck_assert_int_eq(parse("\0", 1, true, &mailbox, &err), -1);
}
END_TEST

/* Local part and domain of so many octets. */
static int parse_long(size_t local, size_t label, size_t labels)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	char text[2000];
	char *mailbox = NULL;
	size_t n = 0;
	memset(text, 'l', local);
	n = local;
	text[n++] = '@';
	for (size_t i = 0; i < labels; i++) {
		memset(text + n, 'd', label);
		n += label;
		text[n++] = '.';
	}
	int result = parse(text, n - 1, false, &mailbox, &err);
	ck_assert(result == 0 || strlen(err.text) < 300);
	free(mailbox);
	return result;
}

START_TEST(lengths)
{
	ck_assert_int_eq(parse_long(64, 63, 4), 0);
	ck_assert_int_eq(parse_long(1, 64, 1), -1);
	ck_assert_int_eq(parse_long(1, 63, 5), -1);
	ck_assert_int_eq(parse_long(1, 1, 128), 0);
	ck_assert_int_eq(parse_long(1, 1, 129), -1);
	ck_assert_int_eq(parse_long(512 - 4, 3, 1), 0);
	ck_assert_int_eq(parse_long(512 - 3, 3, 1), -1);
	ck_assert_int_eq(parse_long(1500, 3, 1), -1);
}
END_TEST

START_TEST(domains)
{
	ck_assert_str_eq(envoi_address_domain("a@b"), "b");
	ck_assert_str_eq(envoi_address_domain("\"a@b\"@c"), "c");
	ck_assert_str_eq(envoi_address_domain("postmaster"), "");
	ck_assert_str_eq(envoi_address_domain(""), "");
	ck_assert_str_eq(envoi_address_domain("a@[IPv6:::1]"), "[IPv6:::1]");
}
END_TEST

START_TEST(equality)
{
	ck_assert(envoi_address_equal("a@b", "a@b"));
	ck_assert(envoi_address_equal("a@Example.ORG", "a@eXAMPLE.org"));
	ck_assert(!envoi_address_equal("A@b", "a@b"));
	ck_assert(!envoi_address_equal("a@b", "a@bc"));
	ck_assert(!envoi_address_equal("a@b", "ab"));
	ck_assert(envoi_address_equal("", ""));
	ck_assert(!envoi_address_equal("", "postmaster"));
	ck_assert(envoi_address_equal("postmaster", "postmaster"));
}
END_TEST

START_TEST(helo_names)
{
	static const char *const yes[] = {"a", "mx.example.org", "my_host", "[192.0.2.1]",
		"[IPv6:2001:db8::1]", "xn--bcher-kva.example", "1.2.3.4"};
	static const char *const no[] = {"", ".", "a.", ".a", "a..b", "a b", "a\r\nMAIL",
		"a\t", "[", "[]", "[1.2.3]", "[::1]", "[192.0.2.1]x", "b\xc3\xbc"};
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		ck_assert_msg(envoi_address_is_helo(yes[i]), "%s", yes[i]);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		ck_assert_msg(!envoi_address_is_helo(no[i]), "%s", no[i]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("address");
	TCase *tc = tcase_create("address");
	tcase_add_loop_test(tc, good_addresses, 0, (int)(sizeof(good) / sizeof(good[0])));
	tcase_add_loop_test(tc, bad_addresses, 0, (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(tc, a_nul_is_no_end);
	tcase_add_test(tc, lengths);
	tcase_add_test(tc, domains);
	tcase_add_test(tc, equality);
	tcase_add_test(tc, helo_names);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
