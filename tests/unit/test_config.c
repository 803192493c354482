/*
 * Reading configuration files: what is taken, what is refused and in which
 * words; which files are read, and when not.
 */
#include "config_files.h"

#include "base/limits.h"
#include "config/settings.h"

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

static int load(const char *text)
{
	struct envoi_config_options options = {.file = write_file("c", text)};
	return envoi_config_load(config, &options, &err);
}

/* -- what is wrong, in words ------------------------------------------------- */

/* All that is found, a line each. */
static const struct {
	const char *text;
	const char *first;
	const char *hint;
	const char *second;
} bad[] = {
	{"account a\nhots mx\n", "c:2: no such keyword: \"hots\"", "did you mean host?",
		NULL},
	{"account a\nHOST mx\n", "c:2: no such keyword: \"HOST\"", "did you mean host?",
		NULL},
	{"account a\ntls-pin x\n", "c:2: no such keyword: \"tls-pin\"",
		"did you mean tls_pin?", NULL},
	{"acount a\nhost x\n", "c:1: no such keyword: \"acount\"",
		"did you mean account?", NULL},
	{"account a\nhost=mx\n", "c:2: no such keyword: \"host=\"",
		"a keyword and its argument have a blank between them, and no \"=\"",
		NULL},
	{"account a\nxyzzy\n", "c:2: no such keyword: \"xyzzy\"", "", NULL},
	{"account a\npassword_fd 3\n", "c:2: no such keyword: \"password_fd\"", "", NULL},
	{"account a\nhost\n", "c:2: host needs an argument", "", NULL},
	{"account a\nhost \"\"\n", "c:2: host needs an argument", "", NULL},
	{"account a\nport 0\n", "c:2: port takes a number from 1 to 65535, not \"0\"", "",
		NULL},
	{"account a\nport 70000\n",
		"c:2: port takes a number from 1 to 65535, not \"70000\"", "", NULL},
	{"account a\nport smtp\n",
		"c:2: port takes a number from 1 to 65535, not \"smtp\"", "", NULL},
	{"account a\nport\n", "c:2: port needs an argument", "", NULL},
	{"account a\ntls yes\n",
		"c:2: tls takes on, off, opportunistic, starttls, implicit, not \"yes\"",
		"", NULL},
	{"account a\ntls_certcheck ON\n", "c:2: tls_certcheck takes on, off, not \"ON\"",
		"", NULL},
	{"account a\nprotocol LMTP\n", "c:2: protocol takes smtp, lmtp, not \"LMTP\"", "",
		NULL},
	{"account a\nset_date_header on\n",
		"c:2: set_date_header takes auto, off, not \"on\"", "", NULL},
	{"account a\nauth foo\n",
		"c:2: auth takes on, off, or a list of SCRAM-SHA-256-PLUS, "
		"SCRAM-SHA-1-PLUS, "
		"SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN, CRAM-MD5, EXTERNAL, XOAUTH2, "
		"OAUTHBEARER, not \"foo\"",
		"", NULL},
	{"account a\nauth plain,,login\n",
		"c:2: auth takes on, off, or a list of SCRAM-SHA-256-PLUS, "
		"SCRAM-SHA-1-PLUS, "
		"SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN, CRAM-MD5, EXTERNAL, XOAUTH2, "
		"OAUTHBEARER, not "
		"\"plain,,login\"",
		"", NULL},
	{"account a\nsyslog MAIL\n",
		"c:2: syslog takes on, off, LOG_USER, LOG_MAIL or LOG_LOCAL0 to "
		"LOG_LOCAL7, "
		"not \"MAIL\"",
		"", NULL},
	{"account a\ntimeout 0\n",
		"c:2: timeout takes off, seconds, or a phase and seconds, not \"0\"", "",
		NULL},
	{"account a\ntimeout dot x\n",
		"c:2: timeout takes off, seconds, or a phase and seconds, not \"dot x\"",
		"", NULL},
	{"account a\ndsn_notify failure, delay\n",
		"c:2: dsn_notify takes off, never, or failure, delay, success with "
		"commas and "
		"no blanks between, not \"failure, delay\"",
		"", NULL},
	{"account a\ndsn_notify never,delay\n",
		"c:2: dsn_notify takes off, never, or failure, delay, success with "
		"commas and "
		"no blanks between, not \"never,delay\"",
		"", NULL},
	{"account a\nforeground_timeout long\n",
		"c:2: foreground_timeout takes seconds above 0, not \"long\"", "", NULL},
	{"account a\npassword_command pass 'mail\n",
		"c:2: password_command has a quote that is not closed", "", NULL},
	{"account a\npassword_command ''\n", NULL, NULL, NULL},
	{"account a\nuser j\x01oe\n", "c:2: user: a control character", "", NULL},
	{"account a\npassword j\x01oe\n", NULL, NULL, NULL},
	{"account a\neval\n", "c:2: eval needs an argument", "", NULL},
	{"account\nhost x\n", "c:1: account: a name is missing", "", NULL},
	{"account a :\nhost x\n", "c:1: account: a name is missing", "", NULL},
	{"account a\naccount b : a,,\n", "c:2: account: a name is missing", "", NULL},
	{"account a,b\n", "c:1: account: a name with a comma", "", NULL},
	{"account a\naccount b : a:c\n", "c:2: account: a name with a colon", "", NULL},
	{"account a\nhost x\naccount a\nhost y\n",
		"c:3: account a is defined already, in c:1", "", NULL},
	{"host x\naccount default\nhost y\n",
		"c:2: account default is defined already, by the setting without account "
		"in "
		"c:1",
		"", NULL},
	{"account b : z\n", "c:1: account b inherits from z, which is not defined above",
		"", NULL},
	{"account b : b\n",
		"c:1: account b inherits from b, which is not defined in a system file",
		"", NULL},
	{"defaults x\naccount a\nhost h\n", "c:1: defaults takes no argument", "", NULL},
	{"include\n", "c:1: include needs an argument", "", NULL},
	{"include nowhere\n", "c:1: include: nowhere: no such file or directory", "",
		NULL},
	{"account a\nfoo\nhost\n", "c:2: no such keyword: \"foo\"", "",
		"c:3: host needs an argument"},
	/* Repeated and contradictory. */
	{"account a\nhost x\nhost x\n", "c:3: host is repeated, first in line 2", "",
		NULL},
	{"account a\nhost x\nport 25\nhost y\n",
		"c:4: host says something else in line 2", "", NULL},
	{"account a\ntls on\ntls off\n", "c:3: tls says something else in line 2", "",
		NULL},
	{"account a\nauth xoauth2\nauth\n",
		"c:3: auth takes the place of the one in line 2", "", NULL},
	{"account a\npassword x\npassword y\n",
		"c:3: password says something else in line 2", "", NULL},
	{"account a\npassword x\npasswordeval y\n",
		"c:3: passwordeval and password (line 2) exclude each other", "", NULL},
	{"account a\nhost x\nserver y\n",
		"c:3: server and host (line 2) exclude each other", "", NULL},
	{"account a\nhost x\nsocket /y\n", NULL, NULL, NULL},
	{"account a\nserver x\nsocket /y\n",
		"c:3: socket and server (line 2) exclude each other", "", NULL},
	{"account a\nfrom x@y\nfrom x@y\n", "c:3: from is repeated, first in line 2", "",
		NULL},
	{"account a\nserver x\nserver y\ntls_pin a\ntls_pin b\ntls_fingerprint c\n", NULL,
		NULL, NULL},
	{"account a\nport 25\nport 26\nport 27\n",
		"c:3: port takes the place of the one in line 2", "",
		"c:4: port takes the place of the one in line 3"},
	{"account a\nport 25\naccount b\nport 26\n", NULL, NULL, NULL},
	{"account a\ntls_certcheck off\ntls_nocertcheck off\n",
		"c:3: tls_nocertcheck says something else in line 2", "", NULL},
};

START_TEST(fault_is_told_in_words)
{
	(void)load(bad[_i].text);
	const struct envoi_diagnostic *first = envoi_config_diagnostic(config, 0);
	if (bad[_i].first == NULL) {
		ck_assert_msg(
			first == NULL, "%s", first != NULL ? first->error.text : "");
		return;
	}
	ck_assert_ptr_nonnull(first);
	assert_same(first->error.text, bad[_i].first);
	ck_assert_str_eq(first->error.hint, bad[_i].hint);
	const struct envoi_diagnostic *second = envoi_config_diagnostic(config, 1);
	if (bad[_i].second == NULL) {
		ck_assert_msg(
			second == NULL, "%s", second != NULL ? second->error.text : "");
		return;
	}
	ck_assert_ptr_nonnull(second);
	assert_same(second->error.text, bad[_i].second);
	ck_assert_ptr_null(envoi_config_diagnostic(config, 2));
}
END_TEST

START_TEST(only_errors_stop)
{
	ck_assert_int_eq(load("account a\nport 1\nport 2\nhost x\nhost x\n"), 0);
	ck_assert_int_eq(
		envoi_config_diagnostic(config, 0)->severity, ENVOI_SEVERITY_WARNING);
	teardown();
	setup();
	ck_assert_int_eq(load("account a\nport 1\nport 2\nhost x\nhost y\n"), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	assert_same(err.text, "c:5: host says something else in line 4");
}
END_TEST

/* An error behind so many warnings that they are not all kept. */
START_TEST(error_is_never_lost)
{
	char text[8000] = "account a\n";
	for (int i = 0; i < ENVOI_LIMIT_DIAGNOSTICS + 10; i++) {
		(void)snprintf(text + strlen(text), 40, "port %d\n", i + 1);
	}
	(void)strcat(text, "nonsense x\n");
	ck_assert_int_eq(load(text), -1);
	assert_same(err.text, "c:112: no such keyword: \"nonsense\"");
	ck_assert_ptr_null(envoi_config_diagnostic(config, ENVOI_LIMIT_DIAGNOSTICS));
}
END_TEST

/* -- lines ------------------------------------------------------------------- */

static const struct {
	const char *line;
	enum envoi_key key;
	/** NULL: nothing is set. */
	const char *value;
} lines[] = {
	{"host mx.example.org", ENVOI_KEY_HOST, "mx.example.org"},
	{"  \t host \t mx.example.org \t ", ENVOI_KEY_HOST, "mx.example.org"},
	{"host mx\r", ENVOI_KEY_HOST, "mx"},
	{"host\tmx", ENVOI_KEY_HOST, "mx"},
	{"# host mx", ENVOI_KEY_HOST, NULL},
	{"   # host mx", ENVOI_KEY_HOST, NULL},
	{"host mx # no comment", ENVOI_KEY_HOST, "mx # no comment"},
	{"user \"a b \"", ENVOI_KEY_USER, "a b "},
	{"user a\"b", ENVOI_KEY_USER, "a\"b"},
	{"user \"ab", ENVOI_KEY_USER, "\"ab"},
	{"user \"", ENVOI_KEY_USER, "\""},
	{"user \"ab\" c", ENVOI_KEY_USER, "\"ab\" c"},
	{"user \"a\" \"b\"", ENVOI_KEY_USER, "a\" \"b"},
	{"user \"\"", ENVOI_KEY_USER, ""},
	{"user", ENVOI_KEY_USER, ""},
	{"user caf\xc3\xa9", ENVOI_KEY_USER, "caf\xc3\xa9"},
	{"password  a:b\\\"c ", ENVOI_KEY_PASSWORD, "a:b\\\"c"},
	{"password_command \"my prog\" \"a b\"", ENVOI_KEY_PASSWORD_COMMAND,
		"\"my prog\" \"a b\""},
	{"tls", ENVOI_KEY_TLS, "on"},
	{"auth", ENVOI_KEY_AUTH, "on"},
	{"auth SCRAM-SHA-256,plain", ENVOI_KEY_AUTH, "SCRAM-SHA-256,plain"},
	{"tls_starttls", ENVOI_KEY_TLS_STARTTLS, "on"},
	{"tls_nostarttls", ENVOI_KEY_TLS_STARTTLS, "off"},
	{"tls_nocertcheck off", ENVOI_KEY_TLS_CERTCHECK, "on"},
	{"keepbcc", ENVOI_KEY_REMOVE_BCC_HEADERS, "off"},
	{"add_missing_from_header", ENVOI_KEY_SET_FROM_HEADER, "auto"},
	{"add_missing_from_header off", ENVOI_KEY_SET_FROM_HEADER, "off"},
	{"add_missing_date_header on", ENVOI_KEY_SET_DATE_HEADER, "auto"},
	{"set_from_header", ENVOI_KEY_SET_FROM_HEADER, "auto"},
	{"connect_timeout 3", ENVOI_KEY_TIMEOUT, "3"},
	{"timeout off", ENVOI_KEY_TIMEOUT, "off"},
	{"timeout dot 0.5", ENVOI_KEY_TIMEOUT, "dot 0.5"},
	{"syslog", ENVOI_KEY_SYSLOG, "on"},
	{"logfile -", ENVOI_KEY_LOGFILE, "-"},
	{"dsn_notify failure,success", ENVOI_KEY_DSN_NOTIFY, "failure,success"},
	{"from", ENVOI_KEY_FROM, ""},
	{"maildomain %U", ENVOI_KEY_MAILDOMAIN, "joe"},
	{"from %U@%H", ENVOI_KEY_FROM, "joe@host.example"},
	{"from %U%%@x%", ENVOI_KEY_FROM, "joe%%@x%"},
	{"from %F", ENVOI_KEY_FROM, "%F"},
	{"domain %H", ENVOI_KEY_DOMAIN, "host.example"},
	{"password %U", ENVOI_KEY_PASSWORD, "%U"},
	{"passwordeval echo %U", ENVOI_KEY_PASSWORDEVAL, "echo %U"},
	{"tls_trust_file system", ENVOI_KEY_TLS_TRUST_FILE, "system"},
	{"tls_trust_file /ca", ENVOI_KEY_TLS_TRUST_FILE, "/ca"},
	{"eval echo host foo", ENVOI_KEY_HOST, "foo"},
	{"eval printf 'port 33\\nport 44\\n'", ENVOI_KEY_PORT, "33"},
};

static const struct envoi_setting *setting_of(
	struct envoi_settings *settings, const char *account, enum envoi_key key)
{
	struct envoi_chosen chosen;
	ck_assert_int_eq(
		envoi_config_choose(config, account, NULL, -1, &chosen, &err), 0);
	int result =
		envoi_settings_resolve(config, chosen.section, true, -1, settings, &err);
	ck_assert_msg(result == 0, "%s", err.text);
	return envoi_settings_last(settings, key);
}

START_TEST(line_is_understood)
{
	char text[300];
	struct envoi_settings settings;
	(void)snprintf(text, sizeof(text), "account a\n%s\n", lines[_i].line);
	ck_assert_msg(load(text) == 0, "%s", err.text);
	const struct envoi_setting *setting = setting_of(&settings, "a", lines[_i].key);
	if (lines[_i].value == NULL) {
		ck_assert_ptr_null(setting);
	} else {
		ck_assert_ptr_nonnull(setting);
		ck_assert_str_eq(setting->text, lines[_i].value);
		ck_assert_uint_eq(setting->origin->line, 2);
	}
	envoi_settings_finish(&settings);
}
END_TEST

/* Also without a last line end, with CRLF, with a byte order mark. */
START_TEST(line_ends_do_not_matter)
{
	static const char *const texts[] = {"account a\nhost h",
		"account a\r\nhost h\r\n",
		"\xef\xbb\xbf"
		"account a\nhost h\n",
		"\n\n\naccount a\n\n\nhost h\n\n"};
	struct envoi_settings settings;
	ck_assert_msg(load(texts[_i]) == 0, "%s", err.text);
	ck_assert_str_eq(setting_of(&settings, "a", ENVOI_KEY_HOST)->text, "h");
	envoi_settings_finish(&settings);
}
END_TEST

/* -- resolving --------------------------------------------------------------- */

/* "KEY=VALUE@LINE KEY=..." of an account, for some keys. */
static void assert_settings(const char *account, const char *expected)
{
	struct envoi_settings settings;
	char text[2000] = "";
	size_t used = 0;
	(void)setting_of(&settings, account, ENVOI_KEY_HOST);
	for (size_t key = 0; key < ENVOI_KEY_COUNT; key++) {
		for (size_t i = 0; i < settings.keys[key].count; i++) {
			const struct envoi_setting *s = &settings.keys[key].values[i];
			used += (size_t)snprintf(text + used, sizeof(text) - used,
				"%s%s=%s@%u", used > 0 ? " " : "",
				envoi_key_name((enum envoi_key)key), s->text,
				s->origin->line);
		}
	}
	envoi_settings_finish(&settings);
	assert_same(text, expected);
}

/* Each of these was tried out with msmtp 1.8.23 --pretend. */
static const struct {
	const char *text;
	const char *account;
	const char *expected;
} inheritance[] = {
	{"host h1\nport 26\naccount b\nhost h2\n", "default", "host=h1@1 port=26@2"},
	{"host h1\nport 26\naccount b\nhost h2\n", "b", "host=h2@4"},
	{"defaults\nport 26\naccount b\nhost h2\n", "b", "host=h2@4 port=26@2"},
	{"defaults\nport 26\ndefaults\nuser u\naccount c\nhost c\n", "c",
		"host=c@6 port=26@2 user=u@4"},
	{"account a\nhost a\ndefaults\nport 26\naccount b\nhost b\n", "a", "host=a@2"},
	{"account a\nhost a\nuser ua\nport 1\naccount b\nhost b\nfrom x@b\n"
	 "account c : a, b\n",
		"c", "host=b@6 port=1@4 user=ua@3 from=x@b@7"},
	{"account a\nhost a\nuser ua\nport 1\naccount b\nhost b\nfrom x@b\n"
	 "account c:b,a\n",
		"c", "host=a@2 port=1@4 user=ua@3 from=x@b@7"},
	{"defaults\nport 5\naccount a\nhost a\nport 1\ndefaults\nport 7\nuser z\n"
	 "account c : a\n",
		"c", "host=a@4 port=1@5 user=z@8"},
	{"defaults\nport 5\naccount a\nhost a\ndefaults\nport 7\naccount c : a\n", "c",
		"host=a@4 port=7@6"},
	{"defaults\nport 5\naccount a\nhost a\nport 6\naccount b : a\ndefaults\nport 7\n"
	 "account c : b\n",
		"c", "host=a@4 port=6@5"},
	{"account a\nhost h\naccount default : a\nport 99\n", "default",
		"host=h@2 port=99@4"},
	{"account a\nhost a\nuser u\naccount b : a\nuser\n", "b", "host=a@2 user=@5"},
	{"account a\nhost h\naccount  e  :  a  ,  a \n", "e", "host=h@2"},
	{"account a\nport 1\nport 2\n", "a", "port=2@3"},
	/* envoi's own. */
	{"account a\nhost a\naccount b : a\nserver s\n", "b", "server=s@4"},
	{"account a\nhost a\nsocket /s\naccount b : a\nsocket\n", "b",
		"host=a@2 socket=@5"},
	{"account a\nhost a\nsocket /s\naccount b : a\nhost b\n", "b",
		"host=b@5 socket=/s@3"},
	{"account a\npasswordeval x\naccount b : a\npassword\n", "b",
		"password=@4 passwordeval=x@2"},
	{"account a\nserver s\nserver t\naccount b : a\nserver u\n", "b", "server=u@5"},
	{"account a\nserver s\nserver t\naccount b : a\n", "b", "server=s@2 server=t@3"},
	{"account a\nserver s\naccount b : a\nhost h\n", "b", "host=h@4"},
	{"account a\nfrom a@b\nfrom c@d\naccount b : a\nfrom e@f\n", "b", "from=e@f@5"},
	{"defaults\npassword_file /p\naccount a\npassword_command x\n", "a",
		"password_command=x@4"},
	{"defaults\ntimeout 30\ntimeout dot 60\naccount a\ntimeout dot 5\n", "a",
		"timeout=30@2 timeout=dot 60@3 timeout=dot 5@5"},
	{"defaults\ntls_fingerprint 00\naccount a\ntls_pin 11\ntls_pin 22\n", "a",
		"tls_pin=11@4 tls_pin=22@5"},
	{"defaults\neval echo port 7\naccount a\neval echo host h\nport 8\n", "a",
		"host=h@4 port=8@5"},
};

START_TEST(inheritance_is_that_of_msmtp)
{
	(void)load(inheritance[_i].text);
	assert_settings(inheritance[_i].account, inheritance[_i].expected);
}
END_TEST

START_TEST(command_line_goes_before_files)
{
	struct envoi_origin at = {.kind = ENVOI_ORIGIN_OPTION, .name = "--server"};
	ck_assert_int_eq(load("account a\nhost h\nport 5\nuser u\n"), 0);
	ck_assert_int_eq(envoi_config_override(config, "server", "x", &at, &err), 0);
	ck_assert_int_eq(envoi_config_override(config, "server", "y", &at, &err), 0);
	assert_settings("a", "server=x@0 server=y@0 port=5@3 user=u@4");
	at.name = "--auth";
	ck_assert_int_eq(envoi_config_override(config, "auth", "foo", &at, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	ck_assert_str_eq(err.text,
		"--auth: takes on, off, or a list of SCRAM-SHA-256-PLUS, "
		"SCRAM-SHA-1-PLUS, "
		"SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN, CRAM-MD5, EXTERNAL, XOAUTH2, "
		"OAUTHBEARER, not \"foo\"");
	ck_assert_int_eq(envoi_config_override(config, "nonsense", "x", &at, &err), -1);
}
END_TEST

/* What goes wrong when an account is resolved, not before. */
static const struct {
	const char *text;
	const char *expected;
} late[] = {
	/* What was printed may be a password. */
	{"account a\neval echo nonsense x\n",
		"c:2: eval: the command printed no keyword: echo nonsense x"},
	{"account a\neval echo account b\n",
		"c:2: eval: the command printed \"account\"; only settings of an account "
		"can "
		"come from one"},
	{"account a\neval true\n", "c:2: eval: the command printed no setting: true"},
	{"account a\neval echo\n", "c:2: eval: the command printed no setting: echo"},
	{"account a\neval echo port x\n",
		"c:2: port takes a number from 1 to 65535, not \"x\""},
	{"account a\ntls_cert_file cert.pem\n",
		"c:2: tls_cert_file: \"cert.pem\" is no absolute path"},
	{"account a\nlogfile log\n", "c:2: logfile: \"log\" is no absolute path"},
};

START_TEST(late_fault_is_told_with_its_line)
{
	struct envoi_settings settings;
	struct envoi_chosen chosen;
	ck_assert_int_eq(load(late[_i].text), 0);
	ck_assert_int_eq(envoi_config_choose(config, "a", NULL, -1, &chosen, &err), 0);
	ck_assert_int_eq(
		envoi_settings_resolve(config, chosen.section, true, -1, &settings, &err),
		-1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	assert_same(err.text, late[_i].expected);
}
END_TEST

START_TEST(eval_runs_once_and_only_for_its_account)
{
	char text[600];
	struct envoi_settings settings;
	(void)snprintf(text, sizeof(text),
		"account a\neval echo x >>%s; echo host h\n"
		"account b\neval echo x >>%s; echo host h\n",
		path_of("ran-a"), path_of("ran-b"));
	ck_assert_int_eq(load(text), 0);
	for (int i = 0; i < 3; i++) {
		(void)setting_of(&settings, "a", ENVOI_KEY_HOST);
		envoi_settings_finish(&settings);
	}
	struct stat st;
	ck_assert_int_eq(stat(path_of("ran-a"), &st), 0);
	ck_assert_int_eq(st.st_size, 2);
	ck_assert_int_ne(stat(path_of("ran-b"), &st), 0);
}
END_TEST

/* Parents that name the same ones again and again: an end, not 2^n steps. */
START_TEST(other_name_of_an_account)
{
	ck_assert_int_eq(load("account a\nhost x\naccount b : a\naccount c : a\nport 5\n"
			      "account d : a, b\naccount e\ndefaults\nport 6\n"
			      "account f : a\naccount g : f\n"),
		0);
	ck_assert_str_eq(envoi_config_alias(config, "b"), "a");
	ck_assert_str_eq(envoi_config_alias(config, "g"), "f");
	ck_assert_ptr_null(envoi_config_alias(config, "a"));
	ck_assert_ptr_null(envoi_config_alias(config, "c"));
	ck_assert_ptr_null(envoi_config_alias(config, "d"));
	ck_assert_ptr_null(envoi_config_alias(config, "e"));
	/* It has other defaults. */
	ck_assert_ptr_null(envoi_config_alias(config, "f"));
	ck_assert_ptr_null(envoi_config_alias(config, "nobody"));
}
END_TEST

START_TEST(many_parents_end)
{
	char text[4000];
	int n = snprintf(text, sizeof(text), "account a0\nhost h\n");
	struct envoi_settings settings;
	struct envoi_chosen chosen;
	for (int i = 1; i < 40; i++) {
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			"account a%d : a%d, a%d\n", i, i - 1, i - 1);
	}
	ck_assert_int_eq(load(text), 0);
	ck_assert_int_eq(envoi_config_choose(config, "a39", NULL, -1, &chosen, &err), 0);
	ck_assert_int_eq(
		envoi_settings_resolve(config, chosen.section, true, -1, &settings, &err),
		-1);
	ck_assert_ptr_nonnull(
		strstr(err.text, "inherits from itself by way of others, or"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("config");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))
	tcase_add_loop_test(tc, fault_is_told_in_words, 0, COUNT(bad));
	tcase_add_test(tc, only_errors_stop);
	tcase_add_test(tc, error_is_never_lost);
	tcase_add_loop_test(tc, line_is_understood, 0, COUNT(lines));
	tcase_add_loop_test(tc, line_ends_do_not_matter, 0, 4);
	tcase_add_loop_test(tc, inheritance_is_that_of_msmtp, 0, COUNT(inheritance));
	tcase_add_test(tc, command_line_goes_before_files);
	tcase_add_loop_test(tc, late_fault_is_told_with_its_line, 0, COUNT(late));
	tcase_add_test(tc, eval_runs_once_and_only_for_its_account);
	tcase_add_test(tc, other_name_of_an_account);
	tcase_add_test(tc, many_parents_end);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
