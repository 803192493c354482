/*
 * Lists of addresses as they stand in arguments and headers, and what is bad
 * in them (RFC 5322 3.4, 4.4, appendix A.5). Situation 141; the time hostile
 * ones take.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <envoi/address.h>

struct seen {
	/* "a@b|root?|!text" : a bare name has "?", a bad element is as typed. */
	char words[2000];
	const char *text;
	size_t n;
	size_t last;
	size_t count;
};

static int take(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct seen *seen = context;
	size_t used = strlen(seen->words);
	size_t room = sizeof(seen->words) - used;
	const char *bar = used > 0 ? "|" : "";
	(void)err;
	ck_assert(item->start >= seen->last && item->start < item->end);
	ck_assert(item->end <= seen->n);
	seen->last = item->end;
	seen->count++;
	if (item->mailbox == NULL) {
		ck_assert_ptr_nonnull(item->why);
		ck_assert_int_eq(item->why->status, ENVOI_STATUS_USAGE);
		(void)snprintf(seen->words + used, room, "%s!%.*s", bar,
			(int)(item->end - item->start), seen->text + item->start);
		return 0;
	}
	ck_assert_ptr_null(item->why);
	ck_assert(item->name_start <= item->name_end);
	ck_assert(item->start <= item->spec_start && item->spec_start < item->spec_end);
	ck_assert(item->spec_end <= item->end && item->name_end <= item->spec_start);
	(void)snprintf(seen->words + used, room, "%s%s%s", bar, item->mailbox,
		item->bare ? "?" : "");
	ck_assert(item->bare == (*envoi_address_domain(item->mailbox) == '\0'));
	return 0;
}

/* What a list gives, from memory with nothing behind it. */
static void read_list(const char *text, size_t n, struct seen *seen)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	char *exact = malloc(n > 0 ? n : 1);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, text, n);
	*seen = (struct seen){.text = exact, .n = n};
	ck_assert_int_eq(envoi_address_list_parse(exact, n, take, seen, &err), 0);
	seen->text = NULL;
	free(exact);
}

static const struct {
	const char *text;
	const char *want;
} lists[] = {
	{"", ""},
	{" \t\r\n ", ""},
	{"a@b", "a@b"},
	{"a@b, c@d", "a@b|c@d"},
	{"a@b,c@d", "a@b|c@d"},
	{",, a@b , ,, c@d,", "a@b|c@d"},
	{"a@b; c@d;", "a@b|c@d"},
	{"J D <j@y>", "j@y"},
	{"\"D, J\" <k@y>, l@y", "k@y|l@y"},
	{"Ann B. C. <a@b>,'Bob' <b@b>", "a@b|b@b"},
	{"<a@b>,<c@d>", "a@b|c@d"},
	{"M\xc3\xbcller <a@b>, M\xfcller <c@d>", "a@b|c@d"},
	/* Folded. */
	{"a@b,\r\n c@d,\n\te@f\r\n", "a@b|c@d|e@f"},
	{"Ann\r\n Smith\r\n <a@b>\r\n , c@d", "a@b|c@d"},
	{"\"a\r\n b\"@c", "\"a b\"@c"},
	{"\r\n a@b", "a@b"},
	/* Comments. */
	{"(a, b) c@d (e, (f, g) \\) , \"), h@i", "c@d|h@i"},
	{"a@b (no end, c@d", "!a@b (no end, c@d"},
	{"Ann (x <y@z>) <a@b>", "a@b"},
	{"(nobody)", ""},
	{"(nobody), a@b", "a@b"},
	{"pete(his account)@silly.test(his host)", "pete@silly.test"},
	/* Groups. */
	{"list: a@b, Ann <c@d>;", "a@b|c@d"},
	{"list: a@b; , c@d", "a@b|c@d"},
	{"undisclosed-recipients:;", ""},
	{"Undisclosed recipients : (none) ; a@b", "a@b"},
	{"A Group(Some people) :Chris <c@x>,joe@y, J <j@z> ;", "c@x|joe@y|j@z"},
	{"\"a: b, c\": a@b;, c@d", "a@b|c@d"},
	{"no end: a@b, c@d", "a@b|c@d"},
	{"one: a@b; two: c@d;", "a@b|c@d"},
	{"one: two: a@b, c@d; e@f", "!two: a@b|c@d|e@f"},
	{"list: root, <ann>;", "root?|ann?"},
	/* Routes and obsolete blanks. */
	{"<@a,@b:c@d>, e@f", "c@d|e@f"},
	{"Ann <@a,,@[192.0.2.1] : c@d>", "c@d"},
	{"Mary Smith <@node.test:mary@example.net>, , jdoe@test . example",
		"mary@example.net|jdoe@test.example"},
	{"John . Doe (c) @ (d) example (e) . org", "John.Doe@example.org"},
	{"\"a b\" . c@d", "\"a b.c\"@d"},
	{"a @b, c@ d", "a@b|c@d"},
	/* Literals, and what looks like one. */
	{"i@[IPv6:::1], j@[192.0.2.1]", "i@[IPv6:::1]|j@[192.0.2.1]"},
	{"Ann [home] <a@b>, c@d", "a@b|c@d"},
	{"a@[1,2], c@d", "!a@[1|!2]|c@d"},
	/* Names without a domain. */
	{"root", "root?"},
	{"root, Ann <ann>, \"a b\"", "root?|ann?|\"a b\"?"},
	{"postmaster (me)", "postmaster?"},
	{"Doe, Jane <j@y>", "Doe?|j@y"},
	{"root (the boss), a@b", "root?|a@b"},
	{"m\xc3\xbcller", "m\xc3\xbcller?"},
	/* Encoded words are text. */
	{"=?utf-8?Q?Doe,_Jane?= <j@y>, a@b", "j@y|a@b"},
	{"=?utf-8?B?RG9l?= =?utf-8?Q?J;?= <j@y>", "j@y"},
	{"=?utf-8?Q?a=40b?=@c", "=?utf-8?Q?a=40b?=@c"},
	{"=?x?q?a <j@y>, b@c", "j@y|b@c"},
	/* Bad ones; the rest goes on. */
	{"a b, c@d", "!a b|c@d"},
	{"a@b c@d, e@f", "!a@b c@d|e@f"},
	{"Ann <a@b> <c@d>, e@f", "!Ann <a@b> <c@d>|e@f"},
	{"Ann <a@b> Bob, e@f", "!Ann <a@b> Bob|e@f"},
	{"<a@b, c@d", "!<a@b|c@d"},
	{"a@b>, c@d", "!a@b>|c@d"},
	{"<>, c@d", "!<>|c@d"},
	{"Ann <>", "!Ann <>"},
	{"@b, c@d", "!@b|c@d"},
	{"a@b:25, c@d", "!a@b:25|c@d"},
	{"a@, c@d", "!a@|c@d"},
	{"a@b..c, c@d", "!a@b..c|c@d"},
	{"\"a@b, c@d", "!\"a@b, c@d"},
	{"\"x, y\" z, c@d", "!\"x, y\" z|c@d"},
	{"\"\", c@d", "!\"\"|c@d"},
	{"[x], c@d", "![x]|c@d"},
	{"a\x01z@b, c@d", "!a\x01z@b|c@d"},
	{"A\x1bz <a@b>, c@d", "!A\x1bz <a@b>|c@d"},
	{"a@b\nRCPT TO:<x@y>, c@d", "!a@b\nRCPT TO:<x@y>|c@d"},
	{"a@b,\nc@d", "a@b|!\nc@d"},
	{"\"a\tb\"@c, c@d", "!\"a\tb\"@c|c@d"},
	{"a\xff@b, c@d", "!a\xff@b|c@d"},
	/* Other letters. */
	{"a@b\xc3\xbcx, \xc3\xbc@b", "a@xn--bx-xka|\xc3\xbc@b"},
};

START_TEST(whole_lists)
{
	struct seen seen;
	read_list(lists[_i].text, strlen(lists[_i].text), &seen);
	ck_assert_msg(strcmp(seen.words, lists[_i].want) == 0, "%s: %s", lists[_i].text,
		seen.words);
}
END_TEST

/* A good list in front of and behind any other is still read as it is. */
START_TEST(lists_stand_alone)
{
	char text[400];
	struct seen seen;
	(void)snprintf(text, sizeof(text), "x@y,%s", lists[_i].text);
	read_list(text, strlen(text), &seen);
	ck_assert_msg(strncmp(seen.words, "x@y", 3) == 0, "%s", seen.words);
	ck_assert_str_eq(
		seen.words + (lists[_i].want[0] != '\0' ? 4 : 3), lists[_i].want);
	/* Cut anywhere: no more is read than is there. */
	for (size_t n = 0; n < strlen(lists[_i].text); n++) {
		read_list(lists[_i].text, n, &seen);
	}
}
END_TEST

START_TEST(a_nul_is_bad)
{
	struct seen seen;
	read_list("a\0b@c,d@e", 9, &seen);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_str_eq(seen.words + strlen(seen.words) - 4, "|d@e");
	read_list("\0", 1, &seen);
	ck_assert_uint_eq(seen.count, 1);
}
END_TEST

static int keep(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	(void)err;
	*(struct envoi_list_item *)context = *item;
	return 0;
}

static void check_span(const char *text, size_t start, size_t end, const char *want)
{
	ck_assert_uint_eq(end - start, strlen(want));
	ck_assert_int_eq(memcmp(text + start, want, end - start), 0);
}

START_TEST(spans)
{
	static const struct {
		const char *text, *element, *name, *spec;
	} rows[] = {
		{" root , ", "root", "", "root"},
		{" Ann (x) <root> (y) ", "Ann (x) <root> (y)", "Ann (x)", "root"},
		{"(x) root (y)", "(x) root (y)", "", "root"},
		{"g: \"A B\"\r\n <a . b @ c . d> ;", "\"A B\"\r\n <a . b @ c . d>",
			"\"A B\"", "a . b @ c . d"},
		{"<@x:a@b>", "<@x:a@b>", "", "a@b"},
		{"<a@[192.0.2.1]>", "<a@[192.0.2.1]>", "", "a@[192.0.2.1]"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct envoi_list_item item = {0};
		struct envoi_error err = ENVOI_ERROR_NONE;
		ck_assert_int_eq(envoi_address_list_parse(rows[i].text,
					 strlen(rows[i].text), keep, &item, &err),
			0);
		check_span(rows[i].text, item.start, item.end, rows[i].element);
		check_span(rows[i].text, item.name_start, item.name_end, rows[i].name);
		check_span(rows[i].text, item.spec_start, item.spec_end, rows[i].spec);
	}
}
END_TEST

static int stop(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	(void)item;
	++*(int *)context;
	return envoi_error_set(err, ENVOI_STATUS_IO, "enough");
}

START_TEST(take_may_stop)
{
	int count = 0;
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_int_eq(envoi_address_list_parse("a@b, c@d", 8, stop, &count, &err), -1);
	ck_assert_int_eq(count, 1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_IO);
}
END_TEST

static int count_items(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	(void)item;
	(void)err;
	++*(size_t *)context;
	return 0;
}

/* n octets that say unit again and again; what is read, and the time. */
static size_t read_hostile(const char *unit, size_t n)
{
	size_t count = 0;
	struct envoi_error err = ENVOI_ERROR_NONE;
	char *text = malloc(n);
	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < n; i++) {
		text[i] = unit[i % strlen(unit)];
	}
	clock_t begin = clock();
	ck_assert_int_eq(envoi_address_list_parse(text, n, count_items, &count, &err), 0);
	double took = (double)(clock() - begin) / CLOCKS_PER_SEC;
	/* What is not linear takes hours; sanitizers take their time, too. */
	ck_assert_msg(took < 20, "%s: %.1f s", unit, took);
	free(text);
	return count;
}

START_TEST(the_time_is_linear)
{
	static const char *const units[] = {"(", ")", "()", "\"", "\"\"", "\\", "<", "<@",
		":", ";", ",", "@", "[", "a@[", "=?", "=?q?q?,", "<@a,", "(),", "a(",
		"a ", "a.", ". ", "<@a(),", "a:", ":;", "\"(", "a@b,(<", "\xc3\xbc",
		"\r\n ", "@(b)", "(=?"};
	const size_t n = 1 << 20;
	ck_assert_uint_eq(read_hostile("(", 10000000), 1);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		(void)read_hostile(units[i], n);
	}
	ck_assert_uint_eq(read_hostile("\"a b\" <ann@example.org>,", 2400000), 100000);
	ck_assert_uint_eq(read_hostile("bad address,", 120000), 10000);
}
END_TEST

START_TEST(qualified)
{
	static const struct {
		const char *name, *domain, *want;
	} rows[] = {
		{"root", "example.org", "root@example.org"},
		{"\"a b\"", "example.org", "\"a b\"@example.org"},
		{"root", "b\xc3\xbcx", "root@xn--bx-xka"},
		{"\xc3\xbc", "xn--bx-xka", "\xc3\xbc@b\xc3\xbcx"},
		{"root", "exa mple", NULL},
		{"root", "", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct envoi_error err = ENVOI_ERROR_NONE;
		char *whole = envoi_address_qualify(rows[i].name, rows[i].domain, &err);
		if (rows[i].want == NULL) {
			ck_assert_ptr_null(whole);
			ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
			continue;
		}
		ck_assert_str_eq(whole, rows[i].want);
		free(whole);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("address_list");
	TCase *tc = tcase_create("address_list");
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, whole_lists, 0, (int)(sizeof(lists) / sizeof(lists[0])));
	tcase_add_loop_test(
		tc, lists_stand_alone, 0, (int)(sizeof(lists) / sizeof(lists[0])));
	tcase_add_test(tc, a_nul_is_bad);
	tcase_add_test(tc, spans);
	tcase_add_test(tc, take_may_stop);
	tcase_add_test(tc, the_time_is_linear);
	tcase_add_test(tc, qualified);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
