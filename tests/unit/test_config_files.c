/*
 * Which files are read, when they are refused, how they are merged; includes;
 * choosing an account; patterns; words.
 */
#include "config_files.h"

#include <fcntl.h>

#include "base/limits.h"
#include "config/settings.h"
#include "config/words.h"

static struct envoi_config *config;
static struct envoi_error err;

static void setup(void)
{
	begin_folder();
	config = envoi_config_new();
	ck_assert_ptr_nonnull(config);
	err = ENVOI_ERROR_NONE;
}

static void teardown(void)
{
	envoi_config_free(config);
	end_folder();
}

static void again(void)
{
	envoi_config_free(config);
	config = envoi_config_new();
	ck_assert_ptr_nonnull(config);
	err = ENVOI_ERROR_NONE;
}

/* The folder "etc" is /etc. */
static int load(const char *file)
{
	char etc[128];
	(void)snprintf(etc, sizeof(etc), "%s/etc", folder);
	struct envoi_config_options options = {.file = file, .etc = etc};
	return envoi_config_load(config, &options, &err);
}

static void assert_fails(const char *file, const char *text, const char *hint)
{
	ck_assert_int_eq(load(file), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	assert_same(err.text, text);
	assert_same(err.hint, hint);
	again();
}

static void assert_files(const char *expected)
{
	char text[600] = "";
	for (size_t i = 0; envoi_config_file(config, i) != NULL; i++) {
		(void)strncat(text, i > 0 ? " " : "", 2);
		(void)strncat(text, without_folder(envoi_config_file(config, i)),
			sizeof(text) - strlen(text) - 1);
	}
	ck_assert_str_eq(text, expected);
}

/* Account and host that the name or sender gets: "ACCOUNT HOST". */
static void assert_chosen(const char *name, const char *sender, const char *expected)
{
	struct envoi_chosen chosen;
	struct envoi_settings settings;
	char text[300] = "";
	int result = envoi_config_choose(config, name, sender, -1, &chosen, &err);
	ck_assert_msg(result == 0, "%s", err.text);
	if (chosen.choice != ENVOI_CHOICE_NONE) {
		result = envoi_settings_resolve(
			config, chosen.section, true, -1, &settings, &err);
		ck_assert_msg(result == 0, "%s", err.text);
		const struct envoi_setting *host =
			envoi_settings_get(&settings, ENVOI_KEY_HOST);
		(void)snprintf(text, sizeof(text), "%s %s", chosen.section->name,
			host != NULL ? host->text : "-");
		envoi_settings_finish(&settings);
	}
	ck_assert_str_eq(text, expected);
}

/* -- which files ------------------------------------------------------------- */

START_TEST(usual_files_are_found)
{
	ck_assert_int_eq(load(NULL), 0);
	assert_files("");
	again();
	write_file("etc/msmtprc", "account x\nhost sys\n");
	ck_assert_int_eq(load(NULL), 0);
	assert_files("etc/msmtprc");
	again();
	write_file(".config/msmtp/config", "account x\nhost user\n");
	ck_assert_int_eq(load(NULL), 0);
	assert_files("etc/msmtprc .config/msmtp/config");
	again();
	/* The first of the two. */
	write_file(".msmtprc", "account x\nhost user\n");
	ck_assert_int_eq(load(NULL), 0);
	assert_files("etc/msmtprc .msmtprc");
	again();
	/* One of envoi's own: nothing of msmtp's. */
	write_file(".config/envoi/config", "account y\nhost own\n");
	ck_assert_int_eq(load(NULL), 0);
	assert_files(".config/envoi/config");
	again();
	write_file("etc/envoi/config", "account z\nhost sys\n");
	ck_assert_int_eq(load(NULL), 0);
	assert_files("etc/envoi/config .config/envoi/config");
	again();
	write_file("xdg/envoi/config", "account y\nhost xdg\n");
	ck_assert_int_eq(setenv("XDG_CONFIG_HOME", path_of("xdg"), 1), 0);
	ck_assert_int_eq(load(NULL), 0);
	assert_files("etc/envoi/config xdg/envoi/config");
	again();
	/* A relative one does not count. */
	ck_assert_int_eq(setenv("XDG_CONFIG_HOME", "xdg", 1), 0);
	ck_assert_int_eq(load(NULL), 0);
	assert_files("etc/envoi/config .config/envoi/config");
	again();
	write_file("other", "account y\nhost other\n");
	ck_assert_int_eq(setenv("ENVOI_CONFIG", path_of("other"), 1), 0);
	ck_assert_int_eq(load(NULL), 0);
	assert_files("other");
	again();
	write_file("given", "account y\nhost given\n");
	ck_assert_int_eq(load(path_of("given")), 0);
	assert_files("given");
	again();
	ck_assert_int_eq(load("/dev/null"), 0);
	ck_assert_str_eq(envoi_config_file(config, 0), "/dev/null");
	ck_assert_ptr_null(envoi_config_account(config, 0));
}
END_TEST

START_TEST(named_file_must_be_there)
{
	assert_fails(path_of("none"), "--config: none: no such file or directory", "");
	ck_assert_int_eq(setenv("ENVOI_CONFIG", path_of("none"), 1), 0);
	assert_fails(NULL, "ENVOI_CONFIG: none: no such file or directory", "");
	ck_assert_int_eq(setenv("ENVOI_CONFIG", "config", 1), 0);
	assert_fails(NULL, "ENVOI_CONFIG: \"config\" is no absolute path", "");
}
END_TEST

/* A file named with --config may be in the current folder; nothing else. */
START_TEST(relative_file_is_named_in_full)
{
	char *before = getcwd(NULL, 0);
	write_file("c", "account a\nhost\n");
	ck_assert_int_eq(chdir(folder), 0);
	assert_fails("c", "c:2: host needs an argument", "");
	ck_assert_int_eq(chdir(before), 0);
	free(before);
}
END_TEST

START_TEST(strange_files_are_refused)
{
	char hint[200];
	ck_assert_int_eq(mkdir(path_of("dir"), 0700), 0);
	assert_fails(path_of("dir"), "dir: is a directory, not a file", "");
	ck_assert_int_eq(mkfifo(path_of("fifo"), 0600), 0);
	assert_fails(path_of("fifo"), "fifo: is a pipe, not a file", "");
	assert_fails("/dev/zero", "/dev/zero: is a device, not a file", "");
	assert_fails(write_bytes("elf",
			     "\x7f"
			     "ELF\0\1\2\n\3\n",
			     9, 0600),
		"elf:1: a NUL: this is no text file", "");
	const char *big = write_file("big", "account a\n");
	ck_assert_int_eq(truncate(big, 100 << 20), 0);
	assert_fails(big, "big: is longer than 1048576 octets", "");
	const char *writable = write_bytes("w", "host x\n", 7, 0622);
	(void)snprintf(hint, sizeof(hint), "chmod go-w w");
	assert_fails(writable, "w: other users may write this file (mode 0622)", hint);
	const char *inside = write_file("open/c", "host x\n");
	ck_assert_int_eq(chmod(path_of("open"), 0777), 0);
	ck_assert_int_eq(load(inside), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "other users may write in the directory"));
	again();
	ck_assert_int_eq(chmod(path_of("open"), 01777), 0);
	ck_assert_int_eq(load(inside), 0);
	again();
	ck_assert_int_eq(symlink("open/c", path_of("link")), 0);
	ck_assert_int_eq(load(path_of("link")), 0);
	again();
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path_of("open/c"), 1234, (gid_t)-1), 0);
		assert_fails(path_of("open/c"),
			"open/c: belongs to another user (uid 1234)", "");
	}
}
END_TEST

START_TEST(long_lines_and_many_settings_are_bounded)
{
	size_t n = ENVOI_LIMIT_CONFIG_LINE + 20;
	char *text = malloc(n);
	ck_assert_ptr_nonnull(text);
	memset(text, 'x', n);
	memcpy(text, "account a\nuser ", 15);
	const char *path = write_bytes("long", text, n, 0600);
	assert_fails(path, "long:2: a line of more than 65536 octets", "");
	/* One that is just short enough. */
	path = write_bytes("long", text, ENVOI_LIMIT_CONFIG_LINE, 0600);
	ck_assert_int_eq(load(path), 0);
	again();
	free(text);
	FILE *file = fopen(path_of("many"), "w");
	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < ENVOI_LIMIT_CONFIG_ENTRIES + 10; i++) {
		(void)fprintf(file, "account a%d\nport 1\n", i);
	}
	ck_assert_int_eq(fclose(file), 0);
	assert_fails(path_of("many"), "many:39998: more than 20000 settings", "");
}
END_TEST

/* -- secrets ----------------------------------------------------------------- */

START_TEST(password_wants_a_private_file)
{
	static const char text[] = "account a\nhost h\n\npassword x\n";
	const char *path = write_bytes("c", text, sizeof(text) - 1, 0644);
	assert_fails(path,
		"c:4: a password in a file that other users may read (mode 0644)",
		"chmod 600 c");
	path = write_bytes("c", text, sizeof(text) - 1, 0640);
	assert_fails(path,
		"c:4: a password in a file that other users may read (mode 0640)",
		"chmod 600 c");
	path = write_bytes("c", text, sizeof(text) - 1, 0400);
	ck_assert_int_eq(load(path), 0);
	again();
	/* Without one it may be read by all; nor is a command a secret. */
	path = write_bytes(
		"c", "account a\nhost h\npassword\npasswordeval x\n", 41, 0644);
	ck_assert_int_eq(load(path), 0);
	again();
	/* What is included counts as well. */
	write_bytes("inner", "password y\n", 11, 0644);
	path = write_file("c", "account a\ninclude inner\n");
	assert_fails(path,
		"inner:1: a password in a file that other users may read (mode 0644)",
		"chmod 600 inner");
	/* The system's may be for a group. */
	if (geteuid() == 0) {
		write_bytes("etc/envoi/config", text, sizeof(text) - 1, 0640);
		ck_assert_int_eq(load(NULL), 0);
		again();
		write_bytes("etc/envoi/config", text, sizeof(text) - 1, 0644);
		assert_fails(NULL,
			"etc/envoi/config:4: a password in a file that other users may "
			"read "
			"(mode 0644)",
			"chmod o= etc/envoi/config");
	}
}
END_TEST

/* -- merging ----------------------------------------------------------------- */

START_TEST(system_and_user_file_are_merged)
{
	write_file("etc/envoi/config", "defaults\nport 1\naccount relay\nhost sys\n"
				       "from *@example.org\naccount sysonly\nhost s\n"
				       "account default : relay\n");
	write_file(".config/envoi/config",
		"account mine : sysonly\nfrom joe@example.org\n"
		"account relay : relay\nport 2\n");
	ck_assert_int_eq(load(NULL), 0);
	/* A user's account may inherit from a system's, and from the one whose
	 * place it takes; a system's inherits from the user's of that name. */
	assert_chosen("mine", NULL, "mine s");
	assert_chosen("relay", NULL, "relay sys");
	assert_chosen(NULL, NULL, "default sys");
	struct envoi_settings settings;
	struct envoi_chosen chosen;
	ck_assert_int_eq(envoi_config_choose(config, NULL, NULL, -1, &chosen, &err), 0);
	ck_assert_int_eq(
		envoi_settings_resolve(config, chosen.section, true, -1, &settings, &err),
		0);
	ck_assert_str_eq(envoi_settings_get(&settings, ENVOI_KEY_PORT)->text, "2");
	envoi_settings_finish(&settings);
	/* The user's come first. */
	assert_chosen(NULL, "joe@example.org", "mine s");
	assert_chosen(NULL, "jim@example.org", "relay sys");
	ck_assert_str_eq(envoi_config_account(config, 0), "sysonly");
	ck_assert_str_eq(envoi_config_account(config, 1), "default");
	ck_assert_str_eq(envoi_config_account(config, 2), "mine");
	ck_assert_str_eq(envoi_config_account(config, 3), "relay");
	ck_assert_ptr_null(envoi_config_account(config, 4));
}
END_TEST

/* As msmtp 1.8.23 does it with its own files. */
START_TEST(files_of_msmtp_are_merged_as_msmtp_does)
{
	write_file("etc/msmtprc",
		"account s\nhost sys\nfrom x@y.z\naccount onlysys\nhost os\n"
		"account default : s\n");
	write_file(".msmtprc", "account u\nhost user\nfrom *@y.z\naccount s\nhost ours\n"
			       "from q@y.z\n");
	ck_assert_int_eq(load(NULL), 0);
	assert_chosen(NULL, "x@y.z", "default sys");
	assert_chosen(NULL, NULL, "default sys");
	assert_chosen("onlysys", NULL, "onlysys os");
	assert_chosen("s", NULL, "s ours");
	assert_chosen(NULL, "a@y.z", "u user");
}
END_TEST

START_TEST(circle_of_two_files_is_refused)
{
	struct envoi_chosen chosen;
	struct envoi_settings settings;
	write_file("etc/envoi/config", "account a\nhost h\naccount b : a\n");
	write_file(".config/envoi/config", "account a : b\n");
	ck_assert_int_eq(load(NULL), 0);
	ck_assert_int_eq(envoi_config_choose(config, "a", NULL, -1, &chosen, &err), 0);
	ck_assert_int_eq(
		envoi_settings_resolve(config, chosen.section, true, -1, &settings, &err),
		-1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
}
END_TEST

/* Not for this user: an error only where nothing else helps. */
START_TEST(unreadable_system_file_is_told)
{
	if (geteuid() == 0) {
		return;
	}
	write_bytes("etc/envoi/config", "account a\nhost h\n", 17, 0000);
	ck_assert_int_eq(load(NULL), 0);
	ck_assert_int_eq(
		envoi_config_diagnostic(config, 0)->severity, ENVOI_SEVERITY_WARNING);
	struct envoi_chosen chosen;
	ck_assert_int_eq(envoi_config_choose(config, "a", NULL, -1, &chosen, &err), -1);
	assert_same(err.text, "etc/envoi/config: cannot be opened: permission denied");
}
END_TEST

/* -- include ----------------------------------------------------------------- */

START_TEST(include_stands_in_its_place)
{
	write_file("sub/one", "port 7\naccount inner\nhost i\ndefaults\nuser u\n");
	const char *path =
		write_file("c", "defaults\nport 5\naccount a\nhost h\ninclude sub/one\n"
				"domain d\naccount b\nhost b\n");
	ck_assert_int_eq(load(path), 0);
	assert_files("c sub/one");
	assert_chosen("a", NULL, "a h");
	assert_chosen("inner", NULL, "inner i");
	struct envoi_settings settings;
	struct envoi_chosen chosen;
	(void)envoi_config_choose(config, "a", NULL, -1, &chosen, &err);
	ck_assert_int_eq(
		envoi_settings_resolve(config, chosen.section, true, -1, &settings, &err),
		0);
	const struct envoi_setting *port = envoi_settings_get(&settings, ENVOI_KEY_PORT);
	ck_assert_str_eq(port->text, "7");
	assert_same(port->origin->name, "sub/one");
	ck_assert_str_eq(envoi_settings_get(&settings, ENVOI_KEY_DOMAIN)->text, "d");
	ck_assert_ptr_null(envoi_settings_get(&settings, ENVOI_KEY_USER));
	envoi_settings_finish(&settings);
	(void)envoi_config_choose(config, "b", NULL, -1, &chosen, &err);
	ck_assert_int_eq(
		envoi_settings_resolve(config, chosen.section, true, -1, &settings, &err),
		0);
	ck_assert_str_eq(envoi_settings_get(&settings, ENVOI_KEY_USER)->text, "u");
	envoi_settings_finish(&settings);
}
END_TEST

START_TEST(include_can_go_wrong)
{
	const char *path = write_file("c", "account a\ninclude c\n");
	assert_fails(path, "c:2: include: c includes this file", "");
	path = write_file("c", "include ~/d\n");
	write_file("d", "include ~/c\n");
	assert_fails(path, "d:1: include: c includes this file", "");
	path = write_file("c", "include ~/e\naccount x\nhost h\n");
	write_file("e", "account b\nhost h\nfoo\n");
	assert_fails(path, "e:3: no such keyword: \"foo\"", "");
	for (int i = 0; i < 12; i++) {
		char name[8], text[20];
		(void)snprintf(name, sizeof(name), "n%d", i);
		(void)snprintf(text, sizeof(text), "include n%d\n", i + 1);
		write_file(name, text);
	}
	assert_fails(path_of("n0"),
		"n8:1: include: more than 64 files, or one in the other more than 8 deep",
		"");
}
END_TEST

/* -- choosing ---------------------------------------------------------------- */

/* Tried out with msmtp 1.8.23 but for those marked. */
static const struct {
	const char *text;
	const char *name;
	const char *sender;
	const char *expected;
} choices[] = {
	{"account b\nhost h\n", NULL, NULL, ""},
	{"account b\nhost h\n", NULL, "x@y", ""},
	{"host h1\naccount b\nhost h2\n", NULL, NULL, "default h1"},
	{"account c\nhost c\nfrom *@[ab].org\naccount d\nhost d\nfrom x@b.org\n", NULL,
		"x@b.org", "c c"},
	{"account c\nhost h\nfrom x@b.org\n", NULL, "x+foo@b.org", "c h"},
	{"account c\nhost h\nfrom x@b.org\n", NULL, "X@B.ORG", "c h"},
	{"account c\nhost h\nfrom ?@b.org\n", NULL, "x+foo@b.org", ""},
	{"account c\nhost h\nfrom ?@b.org\n", NULL, "x@b.org", "c h"},
	{"account c\nhost h\nfrom [!a]@b.org\n", NULL, "x@b.org", "c h"},
	{"account c\nhost h\nfrom [!a]@b.org\n", NULL, "a@b.org", ""},
	{"account c\nhost h\nfrom y@b.org\naccount default\nhost d\n", NULL, "x@b.org",
		"default d"},
	{"account a\nhost h\nfrom x@y.z\naccount b\nhost i\nfrom x@y.z\n", NULL, "x@y.z",
		"a h"},
	{"account a\nhost h\nfrom x@y.z\naccount default\nhost i\n", NULL, "",
		"default i"},
	{"account d\nhost h\nfrom x@y\nallow_from_override off\n", NULL, "x@y", "d h"},
	{"defaults\nfrom x@y\naccount a\nhost h\n", NULL, "x@y", "a h"},
	{"account a\nhost h\nfrom x@y\naccount b : a\nhost i\n", "b", "x@y", "b i"},
	/* envoi's own. */
	{"account c\nhost h\nfrom a@b\nfrom *@d\n", NULL, "x@d", "c h"},
	{"account c\nhost h\nfrom %U@b.org\n", NULL, "joe@b.org", "c h"},
	{"account c\nhost h\nfrom *@B.org\n", NULL, "x@b.ORG", "c h"},
	{"account a\nhost a\neval echo from x@y\naccount b\nhost b\nfrom x@y\n", NULL,
		"x@y", "b b"},
	{"account a\nhost a\neval echo from x@y\naccount b\nhost b\nfrom z@y\n", NULL,
		"x@y", "a a"},
};

START_TEST(account_is_chosen)
{
	ck_assert_int_eq(load(write_file("c", choices[_i].text)), 0);
	assert_chosen(choices[_i].name, choices[_i].sender, choices[_i].expected);
}
END_TEST

START_TEST(missing_account_is_told)
{
	struct envoi_chosen chosen;
	ck_assert_int_eq(
		load(write_file("c", "account work\nhost a\naccount home\nhost b\n")), 0);
	ck_assert_int_eq(
		envoi_config_choose(config, "wrok", NULL, -1, &chosen, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	assert_same(err.text, "no account wrok in c");
	ck_assert_str_eq(err.hint, "there is work, home");
	again();
	ck_assert_int_eq(load("/dev/null"), 0);
	ck_assert_int_eq(envoi_config_choose(config, "x", NULL, -1, &chosen, &err), -1);
	ck_assert_str_eq(err.text, "no account x in /dev/null");
	again();
	ck_assert_int_eq(envoi_config_choose(config, "x", NULL, -1, &chosen, &err), -1);
	ck_assert_str_eq(err.text, "account x: there is no configuration file");
}
END_TEST

static const struct {
	const char *pattern;
	const char *address;
	bool fits;
} patterns[] = {
	{"*", "", true},
	{"*", "a@b", true},
	{"?", "", false},
	{"a@b", "a@b", true},
	{"a@b", "a@bc", false},
	{"a@b", "A@B", true},
	{"a@b", "a+x@b", true},
	{"a@b", "a+x+y@b", true},
	{"a@b", "+a@b", false},
	{"a@b", "a+x@c", false},
	{"a@b", "ab+x@b", false},
	{"a+x@b", "a+x@b", true},
	{"a+x@b", "a@b", false},
	{"*@b", "a@b", true},
	{"*@b", "a@b@b", true},
	{"*@b", "a@bb", false},
	{"a*@b", "a@b", true},
	{"*a*a*@b", "xaya@b", true},
	{"*a*a*@b", "xay@b", false},
	{"[a-c]@b", "B@b", true},
	{"[a-c]@b", "d@b", false},
	{"[!a-c]@b", "d@b", true},
	{"[^a-c]@b", "a@b", false},
	{"[]x]@b", "]@b", true},
	{"[a@b", "[a@b", true},
	{"[a@b", "a@b", false},
	{"\\*[@]b", "*@b", true},
	{"\\*[@]b", "a@b", false},
	{"*[", "a[", true},
	{"a*", "", false},
	{"**a", "bba", true},
	/* Its domain with its letters or as A-labels. */
	{"a@b\xc3\xbcx", "a@xn--bx-xka", true},
	{"*@b\xc3\xbcx", "a+x@xn--bx-xka", true},
	{"\xc3\xbc@xn--bx-xka", "\xc3\xbc@b\xc3\xbcx", true},
	{"a@xn--bx-xka", "a@xn--bx-xka", true},
	{"a@b\xc3\xbcx", "a@xn--by-xka", false},
	{"a@b\xc3\xbcx", "a@xn--0", false},
};

START_TEST(pattern_fits)
{
	ck_assert_msg(envoi_pattern_matches(patterns[_i].pattern, patterns[_i].address)
			      == patterns[_i].fits,
		"%s and %s", patterns[_i].pattern, patterns[_i].address);
}
END_TEST

/* -- words ------------------------------------------------------------------- */

/* Words joined by "|". */
static const struct {
	const char *text;
	const char *words;
	int result;
} commands[] = {
	{"pass", "pass", ENVOI_WORDS_OK},
	{"pass show mail", "pass|show|mail", ENVOI_WORDS_OK},
	{"  pass\t show  ", "pass|show", ENVOI_WORDS_OK},
	{"a 'b c' \"d e\"", "a|b c|d e", ENVOI_WORDS_OK},
	{"a'b'\"c\"d", "abcd", ENVOI_WORDS_OK},
	{"a \"b\\\"c\\\\\" '\\'", "a|b\"c\\|\\", ENVOI_WORDS_OK},
	{"a\\ b c", "a b|c", ENVOI_WORDS_OK},
	{"a ''", "a|", ENVOI_WORDS_OK},
	{"''", "", ENVOI_WORDS_OK},
	{"a $HOME ~ * # ;", "a|$HOME|~|*|#|;", ENVOI_WORDS_OK},
	{"", NULL, ENVOI_WORDS_EMPTY},
	{" \t", NULL, ENVOI_WORDS_EMPTY},
	{"a 'b", NULL, ENVOI_WORDS_OPEN},
	{"a \"b", NULL, ENVOI_WORDS_OPEN},
	{"a \"b\\\"", NULL, ENVOI_WORDS_OPEN},
	{"a \\", NULL, ENVOI_WORDS_OPEN},
};

START_TEST(command_is_split)
{
	char **argv = NULL;
	char text[200] = "";
	ck_assert_int_eq(envoi_words_split(envoi_span_of(commands[_i].text), &argv),
		commands[_i].result);
	if (commands[_i].words == NULL) {
		ck_assert_ptr_null(argv);
		return;
	}
	for (size_t i = 0; argv[i] != NULL; i++) {
		(void)strncat(text, i > 0 ? "|" : "", 2);
		(void)strncat(text, argv[i], sizeof(text) - strlen(text) - 1);
	}
	envoi_words_free(argv);
	ck_assert_str_eq(text, commands[_i].words);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_files");
	TCase *tc = tcase_create("config_files");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))
	tcase_add_test(tc, usual_files_are_found);
	tcase_add_test(tc, named_file_must_be_there);
	tcase_add_test(tc, relative_file_is_named_in_full);
	tcase_add_test(tc, strange_files_are_refused);
	tcase_add_test(tc, long_lines_and_many_settings_are_bounded);
	tcase_add_test(tc, password_wants_a_private_file);
	tcase_add_test(tc, system_and_user_file_are_merged);
	tcase_add_test(tc, files_of_msmtp_are_merged_as_msmtp_does);
	tcase_add_test(tc, circle_of_two_files_is_refused);
	tcase_add_test(tc, unreadable_system_file_is_told);
	tcase_add_test(tc, include_stands_in_its_place);
	tcase_add_test(tc, include_can_go_wrong);
	tcase_add_loop_test(tc, account_is_chosen, 0, COUNT(choices));
	tcase_add_test(tc, missing_account_is_told);
	tcase_add_loop_test(tc, pattern_fits, 0, COUNT(patterns));
	tcase_add_loop_test(tc, command_is_split, 0, COUNT(commands));
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
