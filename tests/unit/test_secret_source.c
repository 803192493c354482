/*
 * Secrets from each kind of source but a person: files and who may touch
 * them, descriptors, credentials, netrc, keyring; and what is fit to be one.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "config/path.h"
#include "config/secret_source.h"

static char folder[] = "/tmp/envoi-secret-XXXXXX";
static char path[200];
static struct envoi_secret secret;
static struct envoi_error err;

static const char *in_folder(const char *name)
{
	static char storage[4][200];
	static unsigned next;
	char *out = storage[next++ % 4];
	(void)snprintf(out, sizeof(storage[0]), "%s/%s", folder, name);
	return out;
}

static void put_octets(const char *name, const void *bytes, size_t n, mode_t mode)
{
	(void)snprintf(path, sizeof(path), "%s", in_folder(name));
	(void)unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(close(fd), 0);
}

static void put(const char *name, const char *text, mode_t mode)
{
	put_octets(name, text, strlen(text), mode);
}

static int obtain(const struct envoi_secret_source *source)
{
	const struct envoi_secret_need need = {
		.user = "joe", .host = "mx.example.org", .stop_fd = -1};
	err = ENVOI_ERROR_NONE;
	envoi_secret_finish(&secret);
	return envoi_secret_obtain(source, &need, &secret, &err);
}

static int from_file(const char *name)
{
	struct envoi_secret_source source = {
		.kind = ENVOI_SECRET_FILE, .text = name, .origin = "config:3"};
	return obtain(&source);
}

static void expect_error(enum envoi_status status, const char *text)
{
	ck_assert_msg(
		strstr(err.text, text) != NULL, "'%s' is not in '%s'", text, err.text);
	ck_assert_int_eq(err.status, status);
	ck_assert_ptr_null(secret.data);
}

static void setup(void)
{
	(void)umask(0);
	ck_assert_int_eq(setenv("HOME", folder, 1), 0);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
}

static void teardown(void)
{
	char command[300];
	envoi_secret_finish(&secret);
	(void)snprintf(command, sizeof(command), "rm -rf %s/* %s/.netrc", folder, folder);
	ck_assert_int_eq(system(command), 0);
}

/* -- what is fit ----------------------------------------------------------- */

static const struct {
	const char *bytes;
	size_t n;
	bool is_token;
	/* NULL: refused for the reason in error. */
	const char *secret;
	const char *error;
} contents[] = {
	{"abc", 3, false, "abc", NULL},
	{"abc\n", 4, false, "abc", NULL},
	{"abc\r\n", 5, false, "abc", NULL},
	{"abc\r", 4, false, NULL, "the password has more than one line"},
	{"abc\n\n", 5, false, NULL, "the password has more than one line"},
	{"abc\r\n\r\n", 7, false, NULL, "the password has more than one line"},
	{"abc\ndef\n", 8, false, NULL, "the password has more than one line"},
	{"", 0, false, NULL, "the password is empty"},
	{"\n", 1, false, NULL, "the password is empty"},
	{"\r\n", 2, false, NULL, "the password is empty"},
	{"\r\n", 2, true, NULL, "the token is empty"},
	{" ", 1, false, " ", NULL},
	{" a b ", 5, false, " a b ", NULL},
	{"a\0b", 3, false, NULL, "the password has a NUL octet"},
	{"a:b", 3, false, "a:b", NULL},
	{"a\001\033\177\tb", 6, false, "a\001\033\177\tb", NULL},
	{"p\303\244ss\377", 6, false, "p\303\244ss\377", NULL},
	{"ya29.a0-_~+/=\n", 14, true, "ya29.a0-_~+/=", NULL},
	{"a b", 3, true, NULL, "the token has octets other than visible ASCII"},
	{"a\001b", 3, true, NULL, "the token has octets other than visible ASCII"},
	{"a\303\244", 3, true, NULL, "the token has octets other than visible ASCII"},
};

START_TEST(what_is_fit_to_be_a_secret)
{
	put_octets("s", contents[_i].bytes, contents[_i].n, 0600);
	struct envoi_secret_source source = {.kind = ENVOI_SECRET_FILE,
		.text = path,
		.origin = "config:3",
		.is_token = contents[_i].is_token};
	int result = obtain(&source);
	if (contents[_i].secret != NULL) {
		ck_assert_int_eq(result, 0);
		ck_assert_uint_eq(secret.length, strlen(contents[_i].secret));
		ck_assert_str_eq(secret.data, contents[_i].secret);
	} else {
		ck_assert_int_eq(result, -1);
		expect_error(ENVOI_STATUS_CONFIG, contents[_i].error);
		expect_error(ENVOI_STATUS_CONFIG, "config:3: password_file: ");
	}
}
END_TEST

START_TEST(long_secrets)
{
	static char long_one[ENVOI_LIMIT_SECRET + 3];
	memset(long_one, 'x', sizeof(long_one));
	put_octets("s", long_one, 4096, 0600);
	ck_assert_int_eq(from_file(path), 0);
	ck_assert_uint_eq(secret.length, 4096);
	long_one[ENVOI_LIMIT_SECRET] = '\n';
	put_octets("s", long_one, ENVOI_LIMIT_SECRET + 1, 0600);
	ck_assert_int_eq(from_file(path), 0);
	ck_assert_uint_eq(secret.length, ENVOI_LIMIT_SECRET);
	long_one[ENVOI_LIMIT_SECRET] = 'x';
	put_octets("s", long_one, ENVOI_LIMIT_SECRET + 1, 0600);
	ck_assert_int_eq(from_file(path), -1);
	expect_error(ENVOI_STATUS_CONFIG, "the password is longer than 65535 octets");
	put_octets("s", long_one, ENVOI_LIMIT_SECRET + 3, 0600);
	ck_assert_int_eq(from_file(path), -1);
	expect_error(ENVOI_STATUS_CONFIG, "is longer than 65537 octets");
}
END_TEST

START_TEST(the_shell_has_its_first_line)
{
	struct envoi_secret_source source = {.kind = ENVOI_SECRET_SHELL,
		.text = "printf 'abc\\r\\nuser: joe\\n'",
		.origin = "config:7"};
	ck_assert_int_eq(obtain(&source), 0);
	ck_assert_str_eq(secret.data, "abc");
	source.text = "echo; echo abc";
	ck_assert_int_eq(obtain(&source), -1);
	expect_error(ENVOI_STATUS_CONFIG, "config:7: the password is empty");
	source.text = "echo sorry >&2; exit 2";
	ck_assert_int_eq(obtain(&source), -1);
	ck_assert_str_eq(err.text,
		"config:7: command 'echo sorry >&2; exit 2' failed with "
		"exit status 2: sorry");
	ck_assert_int_eq(err.status, ENVOI_STATUS_AUTH);
	const char *const argv[] = {"printf", "abc\ndef\n", NULL};
	source = (struct envoi_secret_source){
		.kind = ENVOI_SECRET_COMMAND, .argv = argv, .origin = "config:8"};
	ck_assert_int_eq(obtain(&source), -1);
	expect_error(
		ENVOI_STATUS_CONFIG, "config:8: the password has more than one line");
}
END_TEST

/* -- files ----------------------------------------------------------------- */

START_TEST(modes_of_a_file)
{
	static const mode_t good[] = {0600, 0400, 0700};
	static const mode_t bad[] = {
		0640, 0604, 0644, 0660, 0606, 0620, 0602, 0610, 0601, 0666, 0777};
	char hint[250];
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		put("s", "abc\n", good[i]);
		ck_assert_int_eq(from_file(path), 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("s", "abc\n", bad[i]);
		ck_assert_int_eq(from_file(path), -1);
		expect_error(ENVOI_STATUS_CONFIG,
			"other users may read or write this file with a secret (mode 0");
		(void)snprintf(hint, sizeof(hint), "chmod 600 %s", path);
		ck_assert_str_eq(err.hint, hint);
	}
}
END_TEST

START_TEST(what_is_no_file)
{
	ck_assert_int_eq(from_file(in_folder("missing")), -1);
	expect_error(ENVOI_STATUS_CONFIG, "missing: no such file or directory");
	ck_assert_int_eq(err.sys, ENOENT);
	ck_assert_int_eq(from_file(folder), -1);
	expect_error(ENVOI_STATUS_CONFIG, "is a directory, not a file");
	ck_assert_int_eq(mkfifo(in_folder("pipe"), 0600), 0);
	ck_assert_int_eq(from_file(in_folder("pipe")), -1);
	expect_error(ENVOI_STATUS_CONFIG, "is a pipe, not a file");
	ck_assert_int_eq(from_file("/dev/null"), -1);
	expect_error(ENVOI_STATUS_CONFIG, "is a device, not a file");
	ck_assert_int_eq(from_file(""), -1);
	expect_error(ENVOI_STATUS_CONFIG, "no such file");
	put("s", "abc\n", 0600);
	ck_assert_int_eq(from_file(in_folder("s/below")), -1);
	expect_error(ENVOI_STATUS_CONFIG, "not a directory");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(
		address.sun_path, sizeof(address.sun_path), "%s", in_folder("socket"));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(from_file(in_folder("socket")), -1);
	expect_error(ENVOI_STATUS_CONFIG, "is a socket, not a file");
	(void)close(fd);
}
END_TEST

START_TEST(links_are_followed)
{
	put("s", "abc\n", 0600);
	ck_assert_int_eq(mkdir(in_folder("d"), 0700), 0);
	ck_assert_int_eq(symlink("s", in_folder("relative")), 0);
	ck_assert_int_eq(symlink(in_folder("relative"), in_folder("d/absolute")), 0);
	ck_assert_int_eq(symlink("d/.././d", in_folder("to-d")), 0);
	ck_assert_int_eq(symlink("../to-d/absolute", in_folder("d/winding")), 0);
	ck_assert_int_eq(from_file(in_folder("relative")), 0);
	ck_assert_int_eq(from_file(in_folder("d/absolute")), 0);
	ck_assert_int_eq(from_file(in_folder("to-d/winding")), 0);
	ck_assert_str_eq(secret.data, "abc");
	ck_assert_int_eq(symlink("loop-b", in_folder("loop-a")), 0);
	ck_assert_int_eq(symlink("loop-a", in_folder("loop-b")), 0);
	ck_assert_int_eq(from_file(in_folder("loop-a")), -1);
	ck_assert_int_eq(err.sys, ELOOP);
	ck_assert_int_eq(symlink("gone", in_folder("dangling")), 0);
	ck_assert_int_eq(from_file(in_folder("dangling")), -1);
	ck_assert_int_eq(err.sys, ENOENT);
	expect_error(ENVOI_STATUS_CONFIG, "dangling: /tmp/");
	ck_assert_int_eq(chmod(in_folder("s"), 0644), 0);
	ck_assert_int_eq(from_file(in_folder("relative")), -1);
	expect_error(ENVOI_STATUS_CONFIG, "other users may read");
}
END_TEST

START_TEST(directories_others_may_write)
{
	ck_assert_int_eq(mkdir(in_folder("open"), 0777), 0);
	put("open/s", "abc\n", 0600);
	ck_assert_int_eq(from_file(in_folder("open/s")), -1);
	expect_error(ENVOI_STATUS_CONFIG, "other users may write in the directory");
	ck_assert_ptr_nonnull(strstr(err.hint, "chmod go-w /tmp/"));
	ck_assert_int_eq(symlink("open/s", in_folder("link")), 0);
	ck_assert_int_eq(from_file(in_folder("link")), -1);
	expect_error(ENVOI_STATUS_CONFIG, "other users may write in the directory");
	ck_assert_int_eq(chmod(in_folder("open"), 01777), 0);
	ck_assert_int_eq(from_file(in_folder("open/s")), 0);
	ck_assert_int_eq(chmod(in_folder("open"), 0711), 0);
	ck_assert_int_eq(from_file(in_folder("open/s")), 0);
}
END_TEST

START_TEST(other_peoples_files_links_and_directories)
{
	if (geteuid() != 0) {
		return;
	}
	put("s", "abc\n", 0600);
	ck_assert_int_eq(symlink("s", in_folder("link")), 0);
	ck_assert_int_eq(lchown(in_folder("link"), 12345, 0), 0);
	ck_assert_int_eq(from_file(in_folder("link")), -1);
	expect_error(ENVOI_STATUS_CONFIG, "the link /tmp/");
	expect_error(ENVOI_STATUS_CONFIG, "belongs to another user (uid 12345)");
	ck_assert_int_eq(chown(in_folder("s"), 12345, 0), 0);
	ck_assert_int_eq(from_file(in_folder("s")), -1);
	expect_error(ENVOI_STATUS_CONFIG, "s: belongs to another user (uid 12345)");
	ck_assert_int_eq(mkdir(in_folder("d"), 0755), 0);
	put("d/s", "abc\n", 0600);
	ck_assert_int_eq(chown(in_folder("d"), 12345, 0), 0);
	ck_assert_int_eq(from_file(in_folder("d/s")), -1);
	expect_error(ENVOI_STATUS_CONFIG, "the directory /tmp/");
	expect_error(ENVOI_STATUS_CONFIG, "belongs to another user (uid 12345)");
}
END_TEST

START_TEST(names_of_files)
{
	char here[4096], name[5000];
	put("s", "abc\n", 0600);
	ck_assert_int_eq(from_file("~/s"), 0);
	ck_assert_int_eq(from_file("~/missing"), -1);
	expect_error(ENVOI_STATUS_CONFIG, folder);
	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_eq(from_file("s"), 0);
	ck_assert_int_eq(from_file("./s"), 0);
	ck_assert_int_eq(from_file("~s"), -1);
	ck_assert_int_eq(chdir(here), 0);
	ck_assert_int_eq(from_file("/../../.."), -1);
	expect_error(ENVOI_STATUS_CONFIG, "is a directory");
	memset(name, 'a', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(from_file(name), -1);
	ck_assert_int_eq(err.sys, ENAMETOOLONG);
	name[300] = '\0';
	ck_assert_int_eq(from_file(name), -1);
	ck_assert_int_eq(err.sys, ENAMETOOLONG);
	for (size_t i = 0; i < 240; i++) {
		name[i] = i % 3 == 0 ? '/' : '.';
	}
	name[240] = '\0';
	ck_assert_int_eq(from_file(name), -1);
	expect_error(ENVOI_STATUS_CONFIG, "is a directory");
	ck_assert_int_eq(setenv("HOME", "relative", 1), 0);
	char *expanded = envoi_path_expand("~", &err);
	ck_assert_ptr_nonnull(expanded);
	ck_assert_int_eq(expanded[0], '/');
	free(expanded);
}
END_TEST

/* -- descriptors ----------------------------------------------------------- */

static int from_fd(int fd, int time_limit_ms)
{
	struct envoi_secret_source source = {.kind = ENVOI_SECRET_FD,
		.fd = fd,
		.origin = "--password-fd",
		.time_limit_ms = time_limit_ms};
	return obtain(&source);
}

START_TEST(one_line_of_a_descriptor)
{
	int ends[2];
	char rest[20] = "";
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "abc\r\nSubject: x\n", 16), 16);
	ck_assert_int_eq(from_fd(ends[0], 0), 0);
	ck_assert_str_eq(secret.data, "abc");
	ck_assert_int_eq(read(ends[0], rest, sizeof(rest) - 1), 11);
	ck_assert_str_eq(rest, "Subject: x\n");
	ck_assert_int_eq(write(ends[1], "abc", 3), 3);
	(void)close(ends[1]);
	ck_assert_int_eq(from_fd(ends[0], 0), 0);
	ck_assert_str_eq(secret.data, "abc");
	ck_assert_int_eq(from_fd(ends[0], 0), -1);
	expect_error(
		ENVOI_STATUS_CONFIG, "--password-fd: descriptor: the password is empty");
	(void)close(ends[0]);
	ck_assert_int_eq(from_fd(ends[0], 0), -1);
	ck_assert_int_eq(err.sys, EBADF);
	expect_error(ENVOI_STATUS_CONFIG, "bad file descriptor");
	ck_assert_int_eq(from_fd(-1, 0), -1);
	ck_assert_int_eq(err.sys, EBADF);
}
END_TEST

START_TEST(descriptors_that_give_no_line)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(from_fd(ends[0], 100), -1);
	expect_error(ENVOI_STATUS_AUTH, "no line came in time");
	ck_assert_int_eq(from_fd(ends[1], 100), -1);
	(void)close(ends[1]);
	(void)close(ends[0]);
	int folder_fd = open(folder, O_RDONLY);
	ck_assert_int_eq(from_fd(folder_fd, 0), -1);
	expect_error(ENVOI_STATUS_CONFIG, "is a directory");
	(void)close(folder_fd);
	int zero = open("/dev/zero", O_RDONLY);
	ck_assert_int_eq(from_fd(zero, 0), -1);
	expect_error(ENVOI_STATUS_CONFIG, "its first line is longer than 65535 octets");
	(void)close(zero);
}
END_TEST

/* -- credentials ----------------------------------------------------------- */

static int from_credential(const char *name)
{
	struct envoi_secret_source source = {
		.kind = ENVOI_SECRET_CREDENTIAL, .text = name};
	return obtain(&source);
}

START_TEST(credentials)
{
	static const char *const names[] = {"", ".", "..", "a/b", "/etc/passwd", "../s"};
	ck_assert_int_eq(from_credential("smtp"), -1);
	expect_error(ENVOI_STATUS_CONFIG, "CREDENTIALS_DIRECTORY is not set");
	ck_assert_str_eq(err.hint, "the systemd unit needs LoadCredential=smtp:...");
	ck_assert_int_eq(mkdir(in_folder("c"), 0500), 0);
	ck_assert_int_eq(chmod(in_folder("c"), 0700), 0);
	put("c/smtp", "abc\n", 0440);
	ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", in_folder("c"), 1), 0);
	ck_assert_int_eq(from_credential("smtp"), 0);
	ck_assert_str_eq(secret.data, "abc");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_int_eq(from_credential(names[i]), -1);
		expect_error(ENVOI_STATUS_CONFIG, "is no name of a credential");
	}
	ck_assert_int_eq(from_credential("other"), -1);
	ck_assert_int_eq(err.sys, ENOENT);
	put("c/smtp", "abc\n", 0444);
	ck_assert_int_eq(from_credential("smtp"), 0);
	ck_assert_int_eq(chmod(in_folder("c"), 0755), 0);
	ck_assert_int_eq(from_credential("smtp"), -1);
	expect_error(ENVOI_STATUS_CONFIG, "other users may read");
}
END_TEST

/* -- netrc, keyring -------------------------------------------------------- */

static int search(enum envoi_secret_kind kind)
{
	struct envoi_secret_source source = {.kind = kind};
	return obtain(&source);
}

START_TEST(netrc_files)
{
	static const char joe[] = "machine mx.example.org login joe password abc\n";
	ck_assert_int_eq(search(ENVOI_SECRET_NETRC), -1);
	expect_error(ENVOI_STATUS_AUTH,
		"no password for joe at mx.example.org: no entry in "
		"~/.netrc and /etc/netrc");
	put(".netrc", joe, 0600);
	ck_assert_int_eq(search(ENVOI_SECRET_NETRC), 0);
	ck_assert_str_eq(secret.data, "abc");
	ck_assert_int_eq(search(ENVOI_SECRET_SEARCH), 0);
	ck_assert_int_eq(chmod(in_folder(".netrc"), 0644), 0);
	ck_assert_int_eq(search(ENVOI_SECRET_NETRC), -1);
	expect_error(ENVOI_STATUS_CONFIG,
		".netrc:1: other users may read this file with a password (mode 0644)");
	ck_assert_ptr_nonnull(strstr(err.hint, "chmod 600 /tmp/"));
	ck_assert_int_eq(search(ENVOI_SECRET_SEARCH), -1);
	expect_error(ENVOI_STATUS_CONFIG, ".netrc:1: other users");
	/* Nothing of ours in it. */
	put(".netrc", "machine ftp.example.org login joe password x\n", 0644);
	ck_assert_int_eq(search(ENVOI_SECRET_NETRC), -1);
	expect_error(ENVOI_STATUS_AUTH, "no entry");
	put(".netrc", "\nmachine mx.example.org login joe password \"secret", 0600);
	ck_assert_int_eq(search(ENVOI_SECRET_NETRC), -1);
	expect_error(ENVOI_STATUS_CONFIG, ".netrc: line 2: a quote is not closed");
	ck_assert_ptr_null(strstr(err.text, "secret\""));
	put(".netrc", "machine mx.example.org login joe password ''", 0600);
	ck_assert_int_eq(search(ENVOI_SECRET_NETRC), -1);
	expect_error(ENVOI_STATUS_CONFIG, ".netrc:1: the password is empty");
}
END_TEST

static void put_secret_tool(const char *script)
{
	char search_path[300];
	ck_assert_int_eq(mkdir(in_folder("bin"), 0755), 0);
	put("bin/secret-tool", script, 0755);
	(void)snprintf(
		search_path, sizeof(search_path), "%s:/usr/bin:/bin", in_folder("bin"));
	ck_assert_int_eq(setenv("PATH", search_path, 1), 0);
}

START_TEST(the_keyring)
{
	put_secret_tool("#!/bin/sh\n[ \"$*\" = 'lookup host mx.example.org service smtp "
			"user joe' ] && printf abc\n");
	ck_assert_int_eq(search(ENVOI_SECRET_KEYRING), 0);
	ck_assert_str_eq(secret.data, "abc");
	ck_assert_int_eq(search(ENVOI_SECRET_SEARCH), 0);
	put("bin/secret-tool", "#!/bin/sh\necho no bus >&2; exit 1\n", 0755);
	ck_assert_int_eq(search(ENVOI_SECRET_KEYRING), -1);
	expect_error(ENVOI_STATUS_AUTH, "no password for joe at mx.example.org: command "
					"'secret-tool lookup host mx.example.org");
	expect_error(ENVOI_STATUS_AUTH, "failed with exit status 1: no bus");
	put("bin/secret-tool", "#!/bin/sh\n", 0755);
	ck_assert_int_eq(search(ENVOI_SECRET_KEYRING), -1);
	expect_error(ENVOI_STATUS_AUTH, "the keyring has no password");
	ck_assert_int_eq(setenv("PATH", in_folder("nowhere"), 1), 0);
	ck_assert_int_eq(search(ENVOI_SECRET_KEYRING), -1);
	expect_error(ENVOI_STATUS_AUTH, "secret-tool is not installed");
	ck_assert_int_eq(setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1), 0);
}
END_TEST

START_TEST(descriptions)
{
	const char *const argv[] = {"pass", "mail box", "\033", NULL};
	char text[100];
	static const struct envoi_secret_source sources[] = {
		{.kind = ENVOI_SECRET_NONE},
		{.kind = ENVOI_SECRET_LITERAL, .text = "hunter2"},
		{.kind = ENVOI_SECRET_FILE, .text = "~/x"},
		{.kind = ENVOI_SECRET_FD, .fd = 7},
		{.kind = ENVOI_SECRET_SHELL, .text = "gpg -d x"},
		{.kind = ENVOI_SECRET_CREDENTIAL, .text = "smtp"},
		{.kind = ENVOI_SECRET_NETRC},
		{.kind = ENVOI_SECRET_KEYRING},
		{.kind = ENVOI_SECRET_PROMPT},
		{.kind = ENVOI_SECRET_SEARCH},
	};
	static const char *const expected[] = {"none", "password", "password_file ~/x",
		"descriptor 7", "passwordeval gpg -d x", "password_credential smtp",
		"netrc", "keyring", "prompt", "netrc, keyring or prompt"};
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		ck_assert_str_eq(
			envoi_secret_source_describe(&sources[i], text, sizeof(text)),
			expected[i]);
	}
	struct envoi_secret_source command = {.kind = ENVOI_SECRET_COMMAND, .argv = argv};
	ck_assert_str_eq(envoi_secret_source_describe(&command, text, sizeof(text)),
		"password_command pass mail box \\x1B");
	command.is_token = true;
	ck_assert_str_eq(envoi_secret_source_describe(&command, text, 12), "token_comma");
}
END_TEST

START_TEST(nothing_and_literals)
{
	struct envoi_secret_source source = {
		.kind = ENVOI_SECRET_LITERAL, .text = "abc", .origin = "config:1"};
	ck_assert_int_eq(obtain(&source), 0);
	ck_assert_str_eq(secret.data, "abc");
	source.text = "";
	ck_assert_int_eq(obtain(&source), -1);
	expect_error(ENVOI_STATUS_CONFIG, "config:1: password: the password is empty");
	source = (struct envoi_secret_source){.kind = ENVOI_SECRET_NONE};
	ck_assert_int_eq(obtain(&source), -1);
	expect_error(ENVOI_STATUS_AUTH, "no password is configured");
}
END_TEST

int main(void)
{
	if (mkdtemp(folder) == NULL) {
		return 1;
	}
	Suite *suite = suite_create("secret");
	TCase *tests = tcase_create("secret");
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, what_is_fit_to_be_a_secret, 0,
		(int)(sizeof(contents) / sizeof(contents[0])));
	tcase_add_test(tests, long_secrets);
	tcase_add_test(tests, the_shell_has_its_first_line);
	tcase_add_test(tests, modes_of_a_file);
	tcase_add_test(tests, what_is_no_file);
	tcase_add_test(tests, links_are_followed);
	tcase_add_test(tests, directories_others_may_write);
	tcase_add_test(tests, other_peoples_files_links_and_directories);
	tcase_add_test(tests, names_of_files);
	tcase_add_test(tests, one_line_of_a_descriptor);
	tcase_add_test(tests, descriptors_that_give_no_line);
	tcase_add_test(tests, credentials);
	tcase_add_test(tests, netrc_files);
	tcase_add_test(tests, the_keyring);
	tcase_add_test(tests, descriptions);
	tcase_add_test(tests, nothing_and_literals);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	(void)rmdir(folder);
	return failed == 0 ? 0 : 1;
}
