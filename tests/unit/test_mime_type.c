/*
 * MIME types by names: the databases' rules, and which counts.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "message/mime_type.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char globs[] = "# shared-mime-info\n"
			    "80:text/x-heavy:*.a\n"
			    "50:text/x-light:*.b.a\n"
			    "50:application/gzip:*.gz\n"
			    "50:application/x-compressed-tar:*.tar.gz\n"
			    "50:text/x-csrc:*.c\n"
			    "50:text/x-c++src:*.C:cs\n"
			    "50:text/x-makefile:makefile\n"
			    "50:text/x-readme:readme*\n"
			    "10:text/x-man:*.[1-9]\n"
			    "10:text/x-not:*.~[!0-9][^ab]\n"
			    "50:text/x-first:*.same\n"
			    "50:text/x-second:*.same\n"
			    "50:no type:*.bad\n"
			    "50:nothing\n"
			    "x:text/x-noweight:*.noweight\n"
			    "50::*.notype\n"
			    "50:text/x-none:\n"
			    "50:text/x-open:*.[ab\n"
			    "50:text/x-flags:*.Flags:cs,other\n"
			    "50:text/x-last:*.last";

static const char types[] = "# types\n"
			    "text/x-old\t\told older.old\n"
			    "text/x-older other\tOLD2 # not this\n"
			    "text/x-empty\n"
			    "text/x-gz gz\n"
			    "bad bad\n";

static const struct {
	const char *name;
	const char *type;
} names[] = {
	{"x.gz", "application/gzip"},
	{"x.tar.gz", "application/x-compressed-tar"},
	{"X.TAR.GZ", "application/x-compressed-tar"},
	{"/a.c/x.b.a", "text/x-heavy"},
	{"x.c", "text/x-csrc"},
	{"x.C", "text/x-c++src"},
	{"Makefile", "text/x-makefile"},
	{"makefile.in", ENVOI_MIME_TYPE_UNKNOWN},
	{"README.gz", "text/x-readme"},
	{"x.7", "text/x-man"},
	{"x.0", ENVOI_MIME_TYPE_UNKNOWN},
	{"x.~xx", "text/x-not"},
	{"x.~xa", ENVOI_MIME_TYPE_UNKNOWN},
	{"x.same", "text/x-first"},
	{"x.bad", ENVOI_MIME_TYPE_UNKNOWN},
	{"x.noweight", ENVOI_MIME_TYPE_UNKNOWN},
	{"x.notype", ENVOI_MIME_TYPE_UNKNOWN},
	{"x.a[ab", ENVOI_MIME_TYPE_UNKNOWN},
	{"x.Flags", "text/x-flags"},
	{"x.flags", ENVOI_MIME_TYPE_UNKNOWN},
	{"x.last", "text/x-last"},
	/* The other files. */
	{"x.old", "text/x-old"},
	{"x.older.old", "text/x-old"},
	{"x.Old2", "text/x-older"},
	{"x.not", ENVOI_MIME_TYPE_UNKNOWN},
	{"x.pdf", "application/pdf"},
	{"x.PDF", "application/pdf"},
	{".pdf", "application/pdf"},
	{"pdf", ENVOI_MIME_TYPE_UNKNOWN},
	{"x.", ENVOI_MIME_TYPE_UNKNOWN},
	{"x", ENVOI_MIME_TYPE_UNKNOWN},
	{"", ENVOI_MIME_TYPE_UNKNOWN},
	{"a/", ENVOI_MIME_TYPE_UNKNOWN},
};

static void write_file(char path[static 32], const char *text)
{
	strcpy(path, "/tmp/envoi-test-XXXXXX");
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(close(fd), 0);
}

START_TEST(by_name)
{
	char first[32], second[32];
	char type[ENVOI_MIME_TYPE_SIZE];
	write_file(first, globs);
	write_file(second, types);
	struct envoi_mime_files files = {.globs = first, .types = second};
	for (size_t i = 0; i < COUNT(names); i++) {
		envoi_mime_type_find(&files, names[i].name, type);
		ck_assert_str_eq(type, names[i].type);
	}
	/* Without them. */
	files = (struct envoi_mime_files){.globs = NULL, .types = "/none"};
	envoi_mime_type_find(&files, "x.tar.gz", type);
	ck_assert_str_eq(type, "application/gzip");
	envoi_mime_type_find(&files, "x.jpeg", type);
	ck_assert_str_eq(type, "image/jpeg");
	files.types = second;
	envoi_mime_type_find(&files, "x.gz", type);
	ck_assert_str_eq(type, "text/x-gz");
	/* Whatever this system has. */
	envoi_mime_type_find(&envoi_mime_system, "x.png", type);
	ck_assert_str_eq(type, "image/png");
	(void)unlink(first);
	(void)unlink(second);
}
END_TEST

START_TEST(syntax)
{
	char name[200];
	ck_assert(envoi_mime_type_is_valid("text/plain"));
	ck_assert(envoi_mime_type_is_valid("image/svg+xml"));
	ck_assert(envoi_mime_type_is_valid("x-a.b!#$/c&'*-^_`{|}~"));
	static const char *const bad[] = {"", "text", "text/", "/plain", "text/plain/x",
		"text/plain; a=b", "te xt/plain", "text/pla\tin", "text/\"x\"",
		"text/x\n", "text/caf\xc3\xa9", " text/plain", "text/plain ", "a@b/c",
		"a/b=c"};
	for (size_t i = 0; i < COUNT(bad); i++) {
		ck_assert_msg(!envoi_mime_type_is_valid(bad[i]), "%s", bad[i]);
	}
	memset(name, 'a', sizeof(name));
	memcpy(name, "a/", 2);
	name[129] = '\0';
	ck_assert(envoi_mime_type_is_valid(name));
	name[129] = 'a';
	name[130] = '\0';
	ck_assert(!envoi_mime_type_is_valid(name));
}
END_TEST

START_TEST(stars)
{
	ck_assert(envoi_mime_glob_matches("*a*b*c", "xaaybabzc", false));
	ck_assert(!envoi_mime_glob_matches("*a*b*c", "xaaybabz", false));
	ck_assert(envoi_mime_glob_matches("**", "", false));
	ck_assert(envoi_mime_glob_matches("a?c", "aBC", true));
	ck_assert(!envoi_mime_glob_matches("a?c", "aBC", false));
	ck_assert(envoi_mime_glob_matches("[]a]", "]", false));
	ck_assert(envoi_mime_glob_matches("[A-C]x", "bX", true));
	ck_assert(!envoi_mime_glob_matches("[", "[", false));
	ck_assert(envoi_mime_glob_matches("[a-]", "-", false));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mime_type");
	TCase *tc = tcase_create("mime_type");
	tcase_add_test(tc, by_name);
	tcase_add_test(tc, syntax);
	tcase_add_test(tc, stars);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
