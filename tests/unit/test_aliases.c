/*
 * Alias files: what a name stands for, and what is wrong in which line.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include <envoi/aliases.h>

/* name: a mailbox, bare without "@". expected: its targets with a blank behind
 * each, bare ones without "@", or "x" and a part of the error. */
static const struct {
	const char *text;
	const char *name;
	const char *expected;
} expansions[] = {
	{"", "root", "root "},
	{"root: joe@y.org\n", "root", "joe@y.org "},
	{"root: joe@y.org", "root", "joe@y.org "},
	{"root: joe@y.org\r\n", "root", "joe@y.org "},
	{"root:joe@y.org\n", "root", "joe@y.org "},
	{"root : joe@y.org\n", "root", "joe@y.org "},
	{"ROOT: joe@y.org\n", "root", "joe@y.org "},
	{"root: joe@y.org\n", "Root", "joe@y.org "},
	{"\"root\": joe@y.org\n", "root", "joe@y.org "},
	{"\"a:b\": joe@y.org\n", "\"a:b\"", "joe@y.org "},
	{"root: a@y, b@y,c@y\n", "root", "a@y b@y c@y "},
	{"root: a@y,,b@y,\n", "root", "a@y b@y "},
	{"root: \"D, J\" <d@y>, E <e@y>\n", "root", "d@y e@y "},
	{"root: g: a@y, b@y;\n", "root", "a@y b@y "},
	{"root: a@y,\n  b@y,\n\tc@y\n", "root", "a@y b@y c@y "},
	{"root: a@y,\r\n b@y\r\n", "root", "a@y b@y "},
	{"root:\n a@y\n", "root", "a@y "},
	{"root: a@y,\n# comment\n b@y\n", "root", "a@y b@y "},
	{"root: a@y,\n\n b@y\n", "root", "a@y b@y "},
	{"# root: x@y\nroot: a@y # who\n", "root", "a@y "},
	{"root: a@y#b\n", "root", "x cannot be used"},
	{"root: a#b@y\n", "root", "a#b@y "},
	{"root: \"a # b\"@y\n", "root", "\"a # b\"@y "},
	/* in turn */
	{"root: joe\njoe: j@y\n", "root", "j@y "},
	{"root: joe, jane\njoe: j@y\n", "root", "j@y jane "},
	{"root: joe, jane\njoe: x\njane: x\nx: z@y\n", "root", "z@y "},
	{"root: joe@y\njoe@y: x@z\n", "root", "x@z "},
	{"root: joe, joe\njoe: j@y\n", "root", "j@y "},
	/* final */
	{"joe: joe, j@y\n", "joe", "joe j@y "},
	{"joe: Joe, j@y\n", "joe", "Joe j@y "},
	{"joe: \\joe, j@y\n", "joe", "joe j@y "},
	{"a: \\b\nb: c@y\n", "a", "b "},
	{"a: \\b@y\nb@y: c@y\n", "a", "b@y "},
	{"a: \\, b@y\n", "a", "x cannot be used"},
	{"a@y: a@y, b@y\n", "a@y", "a@y b@y "},
	/* default */
	{"default: root\n", "joe", "root "},
	{"default: root\nroot: r@y\n", "joe", "r@y "},
	{"default: root\nroot: r@y\n", "joe@y.org", "joe@y.org "},
	{"default: root\njane: x\n", "jane", "x "},
	/* addresses, hosts */
	{"root: a@y\n", "root@y.org", "root@y.org "},
	{"root: a@y\n", "root@here", "a@y "},
	{"root: a@y\n", "root@HERE.example", "a@y "},
	{"root: a@y\n", "joe@here", "joe@here "},
	{"root@y.org: a@y\n", "root@y.org", "a@y "},
	{"root@y.org: a@y\n", "root@Y.ORG", "a@y "},
	{"root@y.org: a@y\n", "root", "root "},
	{"root@here: b@y\nroot: a@y\n", "root@here", "b@y "},
	/* faults */
	{"root: |cat\n", "root", "x :1: "},
	{"root: \"|cat, dog\"\n", "root", "x cannot be used"},
	{"root: |cat, a@y\n", "root", "x cannot be used"},
	{"root: /var/mail/root\n", "root", "x cannot be used"},
	{"root: \"/var/mail/root\"\n", "root", "x cannot be used"},
	{"root: :include:/etc/list\n", "root", "x cannot be used"},
	{"root: \":include:/etc/list\"\n", "root", "x cannot be used"},
	{"root: a@y, :Include:/etc/list\n", "root", "x cannot be used"},
	{"root:\n", "root", "x cannot be used"},
	{"root: a b\n", "root", "x cannot be used"},
	{"root: |cat\njoe: j@y\n", "joe", "j@y "},
	{"root: joe\njoe: |cat\n", "root", "x cannot be used"},
	{"a: b\nb: a\n", "a", "x cannot be used"},
	{"a: b\nb: a\n", "b", "x cannot be used"},
	{"a: b\nb: c\nc: a, x@y\n", "a", "x cannot be used"},
	{"a: b\nb: c\nc: b\n", "a", "x cannot be used"},
	{"root: a@y\nroot: b@y\n", "root", "a@y "},
	{"nonsense\nroot: a@y\n", "root", "a@y "},
	{" root: a@y\n", "root", "root "},
	{"a b: a@y\nroot: b@y\n", "root", "b@y "},
	{"a, b: a@y\n", "a", "a "},
};

static const struct {
	const char *text;
	/* Of each fault its line, and a part of it. */
	const char *faults[4];
	size_t count;
} lints[] = {
	{"", {NULL}, 0},
	{"root: a@y\n\n# x\njoe: j@y\n", {NULL}, 2},
	{"root: |cat\n", {"list:1: a command"}, 0},
	{"x: a@y\nroot: /f\n", {"list:2: a file"}, 1},
	{"x: a@y\n\nroot: b@y,\n :include:/f\n", {"list:3: a list of"}, 1},
	{"root: |a, /b\n", {"list:1: a command", "list:1: a file"}, 0},
	{"root:\n", {"list:1: no target for"}, 0},
	{"nonsense\n", {"list:1: no \"name: target\""}, 0},
	{" a@y\n", {"list:1: goes on with"}, 0},
	{"a b: c@y\n", {"list:1: this is no name"}, 0},
	{": c@y\n", {"list:1: this is no name"}, 0},
	{"a: b@\n", {"list:1: this is no target"}, 0},
	{"a: b@y\nc: d@y\nA: e@y\n", {"list:3: A stands in line 1 already"}, 2},
	{"a: b\nb: a\n", {"list:1: a leads back"}, 0},
	{"z: |x\na: b@y\nb: |y\n", {"list:1: a command", "list:3: a command"}, 1},
};

static int collect(void *context, const char *mailbox, bool bare, struct envoi_error *err)
{
	char *out = context;
	(void)err;
	ck_assert_int_eq(bare, strchr(mailbox, '@') == NULL);
	ck_assert_uint_lt(strlen(out) + strlen(mailbox) + 2, 1000);
	strcat(strcat(out, mailbox), " ");
	return 0;
}

static struct envoi_aliases *parse(const char *text, size_t n)
{
	struct envoi_aliases *aliases = NULL;
	struct envoi_error err = ENVOI_ERROR_NONE;
	/* A copy of exact size: reading on would be seen. */
	char *copy = malloc(n > 0 ? n : 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, n);
	ck_assert_int_eq(envoi_aliases_parse("list", copy, n, &aliases, &err), 0);
	free(copy);
	return aliases;
}

START_TEST(expands)
{
	static const char *const hosts[] = {"here", "here.example", NULL};
	struct envoi_aliases *aliases =
		parse(expansions[_i].text, strlen(expansions[_i].text));
	const char *name = expansions[_i].name, *expected = expansions[_i].expected;
	struct envoi_error err = ENVOI_ERROR_NONE;
	char out[1000] = "";
	int result = envoi_aliases_expand(
		aliases, name, strchr(name, '@') == NULL, hosts, collect, out, &err);
	if (expected[0] == 'x' && expected[1] == ' ' && strlen(expected) > 2) {
		ck_assert_int_eq(result, -1);
		ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
		ck_assert_msg(strstr(err.text, expected + 2) != NULL, "%s", err.text);
	} else {
		ck_assert_int_eq(result, 0);
		ck_assert_str_eq(out, expected);
	}
	envoi_aliases_free(aliases);
}
END_TEST

START_TEST(tells_faults)
{
	struct envoi_aliases *aliases = parse(lints[_i].text, strlen(lints[_i].text));
	size_t n = 0;
	for (; lints[_i].faults[n] != NULL; n++) {
		const struct envoi_error *fault = envoi_aliases_fault(aliases, n);
		ck_assert_ptr_nonnull(fault);
		ck_assert_int_eq(fault->status, ENVOI_STATUS_CONFIG);
		ck_assert_msg(strncmp(fault->text, lints[_i].faults[n],
				      strlen(lints[_i].faults[n]))
				      == 0,
			"%s", fault->text);
	}
	ck_assert_msg(envoi_aliases_fault(aliases, n) == NULL, "%s",
		envoi_aliases_fault(aliases, n)->text);
	ck_assert_uint_eq(envoi_aliases_count(aliases), lints[_i].count);
	envoi_aliases_free(aliases);
}
END_TEST

/* Every prefix can be read, and every name of it looked up. */
START_TEST(prefixes)
{
	const char *text = expansions[_i].text;
	for (size_t n = 0; n <= strlen(text); n++) {
		struct envoi_aliases *aliases = parse(text, n);
		struct envoi_error err = ENVOI_ERROR_NONE;
		char out[1000] = "";
		(void)envoi_aliases_expand(
			aliases, "root", true, NULL, collect, out, &err);
		envoi_aliases_free(aliases);
	}
}
END_TEST

static int count(void *context, const char *mailbox, bool bare, struct envoi_error *err)
{
	(void)mailbox;
	(void)bare;
	(void)err;
	++*(size_t *)context;
	return 0;
}

/* n names, each of which leads to the next: up to the limit and far over it. */
START_TEST(chains)
{
	static const size_t lengths[] = {1, 50, 100, 101, 102, 250, 20000};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t n = lengths[i], room = n * 32 + 1, at = 0, found = 0;
		char *text = malloc(room);
		struct envoi_error err = ENVOI_ERROR_NONE;
		ck_assert_ptr_nonnull(text);
		for (size_t k = 0; k < n; k++) {
			at += (size_t)snprintf(
				text + at, room - at, "n%05zu: n%05zu\n", k, k + 1);
		}
		struct envoi_aliases *aliases = parse(text, at);
		int result = envoi_aliases_expand(
			aliases, "n00000", true, NULL, count, &found, &err);
		ck_assert_int_eq(result, n <= 101 ? 0 : -1);
		ck_assert_uint_eq(found, n <= 101 ? 1 : 0);
		envoi_aliases_free(aliases);
		free(text);
	}
}
END_TEST

/* Two ways at each of 60 names are 2^60 in all, each name is passed once. */
START_TEST(diamonds)
{
	char text[4000];
	size_t at = 0, found = 0;
	struct envoi_error err = ENVOI_ERROR_NONE;
	for (int k = 0; k < 60; k++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at,
			"a%d: a%d, b%d\nb%d: a%d, b%d\n", k, k + 1, k + 1, k, k + 1,
			k + 1);
	}
	struct envoi_aliases *aliases = parse(text, at);
	ck_assert_int_eq(
		envoi_aliases_expand(aliases, "a0", true, NULL, count, &found, &err), 0);
	ck_assert_uint_ge(found, 2);
	ck_assert_uint_le(found, 4);
	envoi_aliases_free(aliases);
}
END_TEST

START_TEST(files)
{
	char path[] = "/tmp/aliases-XXXXXX";
	struct envoi_aliases *aliases = NULL;
	struct envoi_error err = ENVOI_ERROR_NONE;
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "root: a@y\n", 10), 10);
	ck_assert_int_eq(envoi_aliases_load(path, &aliases, &err), 0);
	ck_assert_uint_eq(envoi_aliases_count(aliases), 1);
	envoi_aliases_free(aliases);
	/* Whoever can change it can have mail sent anywhere. */
	ck_assert_int_eq(fchmod(fd, 0666), 0);
	ck_assert_int_eq(envoi_aliases_load(path, &aliases, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	close(fd);
	unlink(path);
	ck_assert_int_eq(envoi_aliases_load(path, &aliases, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	envoi_aliases_free(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("aliases");
	TCase *tc = tcase_create("aliases");
	tcase_add_loop_test(
		tc, expands, 0, (int)(sizeof(expansions) / sizeof(expansions[0])));
	tcase_add_loop_test(tc, tells_faults, 0, (int)(sizeof(lints) / sizeof(lints[0])));
	tcase_add_loop_test(
		tc, prefixes, 0, (int)(sizeof(expansions) / sizeof(expansions[0])));
	tcase_add_test(tc, chains);
	tcase_add_test(tc, diamonds);
	tcase_add_test(tc, files);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
