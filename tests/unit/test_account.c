/*
 * What an account of the configuration comes to: servers, TLS, authentication,
 * sender; what is refused; how it is explained and checked.
 */
#include "config_files.h"

#include <envoi/account.h>

#include "config/secret_source.h"

static struct envoi_config *config;
static struct envoi_account *account;
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
	envoi_account_free(account);
	account = NULL;
	envoi_config_free(config);
	end_folder();
}

/* Makes the account for a sender, or the one called a. */
static int make(const char *text, const char *sender)
{
	struct envoi_config_options options = {.file = write_file("c", text)};
	ck_assert_msg(envoi_config_load(config, &options, &err) == 0, "%s", err.text);
	struct envoi_account_options wanted = {
		.name = sender == NULL ? "a" : NULL, .sender = sender, .stop_fd = -1};
	if (sender == NULL && strstr(text, "account a") == NULL) {
		wanted.name = NULL;
	}
	return envoi_account_new(config, &wanted, &account, &err);
}

/* -- what it comes to -------------------------------------------------------- */

static const char *servers_of(const struct envoi_account *a)
{
	static char text[600];
	static const char *const policies[] = {
		"off", "opportunistic", "starttls", "implicit"};
	text[0] = '\0';
	for (size_t i = 0; i < a->server_count; i++) {
		size_t used = strlen(text);
		(void)snprintf(text + used, sizeof(text) - used, "%s%s %s %s",
			i > 0 ? ", " : "", a->servers[i].lmtp ? "lmtp" : "smtp",
			a->servers[i].label, policies[a->servers[i].tls]);
	}
	return text;
}

static const struct {
	const char *text;
	const char *servers;
} servers[] = {
	{"host mx", "smtp mx:25 off"},
	{"host mx\nport 587", "smtp mx:587 off"},
	{"host mx\ntls", "smtp mx:25 starttls"},
	{"host mx\ntls on\ntls_starttls off", "smtp mx:465 implicit"},
	{"host mx\ntls_starttls off", "smtp mx:25 off"},
	{"host mx\nport 26\ntls on\ntls_starttls off", "smtp mx:26 implicit"},
	{"host mx\ntls starttls", "smtp mx:25 starttls"},
	{"host mx\ntls implicit", "smtp mx:465 implicit"},
	{"host mx\ntls opportunistic", "smtp mx:25 opportunistic"},
	{"host mx\nport 465\ntls on", "smtp mx:465 starttls"},
	{"host 192.0.2.1", "smtp 192.0.2.1:25 off"},
	{"host 2001:db8::1\nport 26", "smtp [2001:db8::1]:26 off"},
	{"host [2001:db8::1]", "smtp [2001:db8::1]:25 off"},
	{"host mx\nprotocol lmtp", "lmtp mx:24 off"},
	{"host mx\nprotocol lmtp\nport 2424", "lmtp mx:2424 off"},
	{"host mx\nsocket /run/x", "smtp /run/x off"},
	{"host mx\nsocket", "smtp mx:25 off"},
	{"socket /run/x\nprotocol lmtp", "lmtp /run/x off"},
	{"server mx", "smtp mx:25 opportunistic"},
	{"server submission://mx", "smtp mx:587 starttls"},
	{"server smtps://mx\nserver mx:26\nserver lmtp+unix:/x",
		"smtp mx:465 implicit, smtp mx:26 opportunistic, lmtp /x opportunistic"},
	{"server mx\ntls on", "smtp mx:25 starttls"},
	{"server mx\ntls off", "smtp mx:25 off"},
	{"server smtps://mx\ntls on", "smtp mx:465 implicit"},
	{"server submission://mx\ntls starttls", "smtp mx:587 starttls"},
	/* A secret makes it STARTTLS at least, but for local links. */
	{"host mx\nauth", "smtp mx:25 starttls"},
	{"host mx\nauth off", "smtp mx:25 off"},
	{"host mx\nuser x", "smtp mx:25 off"},
	{"host mx\nauth\ntls off", "smtp mx:25 off"},
	{"host localhost\nauth", "smtp localhost:25 off"},
	{"host 127.0.0.1\nauth", "smtp 127.0.0.1:25 off"},
	{"host 127.evil.example\nauth", "smtp 127.evil.example:25 starttls"},
	{"host ::1\nauth", "smtp [::1]:25 off"},
	{"server mx\ntoken_command x", "smtp mx:25 starttls"},
	{"server mx\nauth\ntls opportunistic", "smtp mx:25 starttls"},
};

START_TEST(servers_are_made)
{
	char text[300];
	(void)snprintf(text, sizeof(text), "account a\n%s\n", servers[_i].text);
	ck_assert_msg(make(text, NULL) == 0, "%s", err.text);
	ck_assert_str_eq(servers_of(account), servers[_i].servers);
}
END_TEST

/* Defaults are for accounts that say nothing themselves. */
START_TEST(defaults_do_not_contradict_urls)
{
	ck_assert_int_eq(make("defaults\ntls off\nport 26\nprotocol smtp\naccount a\n"
			      "server smtps://mx\nserver submission://mx\n",
				 NULL),
		0);
	ck_assert_str_eq(
		servers_of(account), "smtp mx:465 implicit, smtp mx:587 starttls");
}
END_TEST

static const struct {
	const char *text;
	/** "mechanisms user kind", "-" where there is none. */
	const char *expected;
	bool token;
} auths[] = {
	{"host h", NULL, false},
	{"host h\nuser u\npassword x", NULL, false},
	{"host h\nauth\nuser u\npassword x", "- u password", false},
	{"host h\nauth off\nuser u\npassword x", NULL, false},
	{"host h\nauth plain\nuser u\npassword x", "PLAIN u password", false},
	{"host h\nauth scram-sha-256,plain\nuser u", "SCRAM-SHA-256 PLAIN u search",
		false},
	{"host h\nauth external", "EXTERNAL - none", false},
	{"host h\nauth xoauth2\nuser u\npasswordeval x", "XOAUTH2 u shell", true},
	{"host h\nuser u\ntoken_command tok 'a b'", "- u command", true},
	{"host h\nauth\nuser u\npassword_command pass x", "- u command", false},
	{"host h\nauth\nuser u\npassword_file /x", "- u file", false},
	{"host h\nauth\nuser u\npassword_credential x", "- u credential", false},
	{"host h\nauth\nuser u\npassword", "- u search", false},
};

START_TEST(authentication_is_made)
{
	static const char *const kinds[] = {
		[ENVOI_SECRET_NONE] = "none",
		[ENVOI_SECRET_LITERAL] = "password",
		[ENVOI_SECRET_FILE] = "file",
		[ENVOI_SECRET_COMMAND] = "command",
		[ENVOI_SECRET_SHELL] = "shell",
		[ENVOI_SECRET_CREDENTIAL] = "credential",
		[ENVOI_SECRET_SEARCH] = "search",
	};
	char text[300];
	(void)snprintf(text, sizeof(text), "account a\n%s\n", auths[_i].text);
	ck_assert_msg(make(text, NULL) == 0, "%s", err.text);
	ck_assert_int_eq(account->auth, auths[_i].expected != NULL);
	if (!account->auth) {
		ck_assert_int_eq(account->secret->kind, ENVOI_SECRET_NONE);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s %s %s",
		account->mechanisms != NULL ? account->mechanisms : "-",
		account->user != NULL ? account->user : "-",
		kinds[account->secret->kind]);
	ck_assert_str_eq(text, auths[_i].expected);
	ck_assert_int_eq(account->secret->is_token, auths[_i].token);
}
END_TEST

/* A password in clear has to be asked for by a mechanism or an option. */
START_TEST(clear_secret_wants_to_be_asked_for)
{
	ck_assert_int_eq(make("account a\nhost h\ntls off\nauth\nuser u\n", NULL), 0);
	ck_assert(!account->clear_allowed);
	teardown();
	setup();
	ck_assert_int_eq(
		make("account a\nhost h\ntls off\nauth plain\nuser u\n", NULL), 0);
	ck_assert(account->clear_allowed);
	struct envoi_relay relay = envoi_account_relay(account);
	ck_assert(relay.session.auth.wanted && relay.session.auth.clear_ok);
	ck_assert_str_eq(relay.session.auth.mechanisms, "PLAIN");
	ck_assert_str_eq(relay.session.auth.user, "u");
	ck_assert_ptr_eq(relay.secret, account->secret);
	teardown();
	setup();
	struct envoi_origin at = {.kind = ENVOI_ORIGIN_OPTION, .name = "--tls"};
	ck_assert_int_eq(envoi_config_override(config, "tls", "off", &at, &err), 0);
	ck_assert_int_eq(make("account a\nhost h\ntls on\nauth\nuser u\n", NULL), 0);
	ck_assert(account->clear_allowed);
	ck_assert_int_eq(account->servers[0].tls, ENVOI_TLS_OFF);
}
END_TEST

START_TEST(command_becomes_argv)
{
	ck_assert_int_eq(
		make("account a\nhost h\nauth\npassword_command ~/bin/x 'a b' ~/c\n",
			NULL),
		0);
	const char *const *argv = account->secret->argv;
	assert_same(argv[0], "bin/x");
	ck_assert_str_eq(argv[1], "a b");
	ck_assert_str_eq(argv[2], "~/c");
	ck_assert_ptr_null(argv[3]);
	assert_same(account->secret->origin, "c:4");
}
END_TEST

static const struct {
	const char *text;
	const char *sender;
	/** NULL: not set; "!" in front: forced; "%F": from the header. */
	const char *expected;
} senders[] = {
	{"from x@y", NULL, "x@y"},
	{"from \"J D <x@y>\"", NULL, "x@y"},
	{"from x@y", "z@y", "z@y"},
	{"from x@y\nallow_from_override off", "z@y", "!x@y"},
	{"from x@y\nallow_from_override off", NULL, "!x@y"},
	{"from x@y\nallow_from_override off", "x+z@y", "!x@y"},
	{"from *@y\nfrom x@y\nallow_from_override off", "z@y", "z@y"},
	{"from *@y\nfrom x@y", NULL, "x@y"},
	{"from *@y", NULL, NULL},
	{"from", NULL, ""},
	{"from <>", NULL, ""},
	{"from x@y\nallow_from_override off", "", "!x@y"},
	{"from x@y", "", ""},
	{"from %F", NULL, "%F"},
	{"from %F", "a@b", "a@b"},
	{"from %U@%H", NULL, "joe@host.example"},
	{"from root\nmaildomain b.org", NULL, "root@b.org"},
	{"auto_from\nmaildomain b.org\nfrom x@y", NULL, "joe@b.org"},
	{"auto_from off\nmaildomain b.org\nfrom x@y", NULL, "x@y"},
	{"auto_from\nmaildomain b.org", "z@y", "z@y"},
	{"", NULL, NULL},
};

START_TEST(sender_is_chosen)
{
	char text[300];
	(void)snprintf(
		text, sizeof(text), "account default\nhost h\n%s\n", senders[_i].text);
	ck_assert_msg(make(text, senders[_i].sender) == 0, "%s", err.text);
	const char *expected = senders[_i].expected;
	bool header = expected != NULL && strcmp(expected, "%F") == 0;
	bool forced = expected != NULL && expected[0] == '!';
	ck_assert_int_eq(account->sender_from_header, header);
	ck_assert_int_eq(account->sender_forced, forced);
	if (expected == NULL || header) {
		ck_assert_ptr_null(account->sender);
	} else {
		ck_assert_ptr_nonnull(account->sender);
		ck_assert_str_eq(account->sender, expected + forced);
	}
}
END_TEST

START_TEST(tls_options_are_made)
{
	static const char hex[] = "00112233445566778899aabbccddeeff"
				  "00112233445566778899aabbccddeeff";
	char text[900];
	(void)snprintf(text, sizeof(text),
		"account a\nhost h\ntls\ntls_pin sha256:%s\ntls_pin %s\n"
		"tls_fingerprint 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
		"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FE\n"
		"tls_trust_file ~/ca.pem\ntls_cert_file /c\ntls_key_file /k\ntls_min "
		"1.3\n"
		"tls_host_override mx.example\ntls_min_dh_prime_bits 1024\n"
		"tls_priorities NORMAL\n",
		hex, hex);
	ck_assert_msg(make(text, NULL) == 0, "%s", err.text);
	ck_assert_uint_eq(account->tls.pin_count, 3);
	ck_assert_uint_eq(account->tls.pins[0][31], 0xfe);
	ck_assert_uint_eq(account->tls.pins[2][31], 0xff);
	assert_same(account->tls.ca, "ca.pem");
	ck_assert_str_eq(account->tls.certificate, "/c");
	ck_assert_str_eq(account->tls.key, "/k");
	ck_assert_str_eq(account->tls.name, "mx.example");
	ck_assert_int_eq(account->tls.minimum, 0x0304);
	ck_assert(!account->tls.insecure);
}
END_TEST

START_TEST(names_outside_of_ascii_are_a_labels)
{
	ck_assert_msg(
		make("account a\nhost h\ntls\ntls_host_override b\u00fccher.example\n"
		     "domain B\u00fccher.example\nmaildomain b\u00fccher.example\n"
		     "from joe\n",
			NULL)
			== 0,
		"%s", err.text);
	ck_assert_str_eq(account->tls.name, "xn--bcher-kva.example");
	ck_assert_str_eq(account->helo, "xn--bcher-kva.example");
	ck_assert_str_eq(account->mail_domain, "xn--bcher-kva.example");
	ck_assert_str_eq(account->sender, "joe@xn--bcher-kva.example");
}
END_TEST

START_TEST(rest_is_made)
{
	ck_assert_msg(make("account a\nhost h\nsource_ip 192.0.2.7\ndomain d.example\n"
			   "timeout 30\ntimeout dot 0.5\ntimeout total 7\nfallback b\n"
			   "fallback c\nset_from_header on\nset_date_header off\n"
			   "remove_bcc_headers off\nundisclosed_recipients\n"
			   "long_lines refuse\nignore_dots\ndsn_notify failure,success\n"
			   "dsn_return headers\ndelivery queue\nforeground_timeout 9\n"
			   "bounces\ndelay_warning 60\npostmaster p@d.example\n"
			   "notify_command tell 'a b'\n"
			   "logfile ~/log\nsyslog\naliases /etc/aliases\n"
			   "from_full_name Joe D\n",
			      NULL)
			      == 0,
		"%s", err.text);
	ck_assert_str_eq(account->source_address, "192.0.2.7");
	ck_assert_str_eq(account->helo, "d.example");
	ck_assert_int_eq(account->timeout_us[ENVOI_PHASE_GREETING], 30000000);
	ck_assert_int_eq(account->timeout_us[ENVOI_PHASE_DOT], 500000);
	ck_assert_int_eq(account->timeout_us[ENVOI_PHASE_TOTAL], 7000000);
	ck_assert_uint_eq(account->fallback_count, 2);
	ck_assert_str_eq(account->fallbacks[1], "c");
	ck_assert_int_eq(account->from_header, ENVOI_HEADER_ON);
	ck_assert_int_eq(account->date_header, ENVOI_HEADER_OFF);
	ck_assert_int_eq(account->msgid_header, ENVOI_HEADER_AUTO);
	ck_assert(account->keep_bcc);
	ck_assert(account->undisclosed_recipients);
	ck_assert(account->ignore_dots);
	ck_assert_int_eq(account->long_lines, ENVOI_LONG_LINES_REFUSE);
	ck_assert_uint_eq(
		account->dsn_notify, ENVOI_NOTIFY_FAILURE | ENVOI_NOTIFY_SUCCESS);
	ck_assert_str_eq(account->dsn_return, "HDRS");
	ck_assert_int_eq(account->delivery, ENVOI_DELIVERY_QUEUE);
	ck_assert_int_eq(account->foreground_timeout_us, 9000000);
	ck_assert_int_eq(account->bounces, ENVOI_BOUNCES_ON);
	ck_assert_int_eq(account->delay_warning, 60);
	ck_assert_str_eq(account->postmaster, "p@d.example");
	ck_assert_str_eq(account->notify_command[1], "a b");
	ck_assert_ptr_null(account->notify_command[2]);
	assert_same(account->logfile, "log");
	ck_assert_str_eq(account->syslog_facility, "LOG_USER");
	ck_assert_str_eq(account->aliases, "/etc/aliases");
	ck_assert_str_eq(account->full_name, "Joe D");
	struct envoi_relay relay = envoi_account_relay(account);
	ck_assert_ptr_eq(relay.servers, account->servers);
	ck_assert_str_eq(relay.session.helo, "d.example");
	ck_assert_int_eq(relay.session.timeout_us[ENVOI_PHASE_DOT], 500000);
}
END_TEST

/* -- what is refused --------------------------------------------------------- */

static const struct {
	const char *text;
	const char *expected;
	const char *hint;
} refused[] = {
	{"host smtp://mx", "c:2: host: \"smtp://mx\" is no host name",
		"for a URL the keyword is server"},
	{"host a b", "c:2: host: server 'a b:25': blank or control character", ""},
	{"server foo://x", "c:2: server: server 'foo://x': unknown scheme", ""},
	{"server smtps://mx\ntls off",
		"c:3: tls: \"off\", and server mx:465 (c:2) says implicit", ""},
	{"server submission://mx\ntls opportunistic",
		"c:3: tls: \"opportunistic\", and server mx:587 (c:2) says starttls", ""},
	{"server mx\nport 26",
		"c:3: port: belongs to a host; the port of server (c:2) stands in it",
		""},
	{"server mx\nprotocol lmtp",
		"c:3: protocol: belongs to a host; server (c:2) says it by its scheme",
		""},
	{"host mx\nprotocol lmtp\nport 25",
		"c:4: port: LMTP is not spoken on port 25 (RFC 2033 section 5)", ""},
	{"socket run/x", "c:2: socket: \"run/x\" is no absolute path", ""},
	{"host mx\npostmaster a b", "c:3: postmaster: bad address (no \"@\"): 'a b'", ""},
	{"host mx\nnotify_command ./x",
		"c:3: notify_command: \"./x\" is neither a name nor an absolute path",
		""},
	{"host mx\nproxy_host 127.0.0.1",
		"c:3: proxy_host: envoi does not speak to SOCKS proxies, and going past "
		"127.0.0.1 may not be what you want",
		""},
	{"host mx\ndomain a b",
		"c:3: domain: \"a b\" is no domain and no address literal", ""},
	{"host mx\ntimeout dott 3", "c:3: timeout: no such phase: \"dott\"",
		"phases are connect, greeting, ehlo, tls, auth, mail, rcpt, data, block, "
		"dot, "
		"quit, total"},
	{"host mx\nauth ntlm", "c:3: auth: ntlm is broken, and nobody describes it",
		"auth on takes the best one the server offers"},
	{"host mx\nauth digest-md5", "c:3: auth: digest-md5 is obsolete (RFC 6331)",
		"auth on takes the best one the server offers"},
	{"host mx\nauth gssapi", "c:3: auth: gssapi needs Kerberos, which envoi has not",
		"auth on takes the best one the server offers"},
	{"host mx\nauth\npassword_command bin/x",
		"c:4: password_command: \"bin/x\" is neither a name nor an absolute path",
		""},
	{"host mx\nauth\npassword_credential ../x",
		"c:4: password_credential: the name of a credential has no slash", ""},
	{"host mx\ntls\ntls_priorities SECURE256",
		"c:4: tls_priorities: a priority string of another TLS library; envoi "
		"uses "
		"OpenSSL",
		"tls_min 1.3 asks for a version"},
	{"host mx\ntls\ntls_crl_file /x",
		"c:4: tls_crl_file: envoi does not read revocation lists; tls_pin trusts "
		"one "
		"certificate only",
		""},
	{"host mx\ntls\ntls_min_dh_prime_bits 4096",
		"c:4: tls_min_dh_prime_bits: OpenSSL asks for 2048 bits, more cannot be "
		"demanded",
		""},
	{"host mx\ntls\ntls_force_sslv3",
		"c:4: tls_force_sslv3: SSLv3 is broken, and envoi does not speak it", ""},
	{"host mx\ntls\ntls_fingerprint "
	 "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:"
	 "22:33",
		"c:4: tls_fingerprint: a fingerprint of SHA-1, which can be forged; only "
		"SHA-256 is taken",
		"envoi probe shows the right one"},
	{"host mx\ntls\ntls_fingerprint 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
		"c:4: tls_fingerprint: a fingerprint of MD5, which can be forged; only "
		"SHA-256 is taken",
		"envoi probe shows the right one"},
	{"host mx\ntls\ntls_pin 01:02",
		"c:4: tls_pin: no SHA-256 of a certificate or public key: \"01:02\"", ""},
	{"host mx\ntls\ntls_certcheck off\n"
	 "tls_pin 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		"c:4: tls_certcheck: off, and a pin to check: which one counts?",
		"a pin is trust enough: take tls_certcheck off away"},
	{"host mx\ntls\ntls_trust_file",
		"c:4: tls_trust_file: no CA is trusted, and there is no tls_fingerprint "
		"or "
		"tls_pin",
		""},
	{"host mx\ntls_key_file /x",
		"c:3: tls_key_file: a key without a certificate (tls_cert_file)", ""},
	{"host mx\ntls_cert_file pkcs11:x",
		"c:3: tls_cert_file: certificates and keys are read from PEM files, not "
		"from "
		"devices",
		""},
	{"host mx\nfrom root", "c:3: from: bad address (no \"@\"): 'root'",
		"maildomain gives bare names a domain"},
	{"host mx\nfrom \"x y@z\"",
		"c:3: from: bad address (a blank that is not quoted): 'x y@z'", ""},
};

START_TEST(what_cannot_be_is_refused)
{
	char text[400];
	(void)snprintf(text, sizeof(text), "account a\n%s\n", refused[_i].text);
	ck_assert_int_eq(make(text, NULL), -1);
	ck_assert_ptr_null(account);
	assert_same(err.text, refused[_i].expected);
	ck_assert_str_eq(err.hint, refused[_i].hint);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
}
END_TEST

/* What an option says is the caller's fault, and told with the option. */
START_TEST(option_is_named)
{
	struct envoi_origin at = {.kind = ENVOI_ORIGIN_OPTION, .name = "--tls-pin"};
	struct envoi_account_options options = {.stop_fd = -1};
	ck_assert_int_eq(envoi_config_override(config, "tls_pin", "x", &at, &err), 0);
	ck_assert_int_eq(envoi_account_new(config, &options, &account, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	ck_assert_str_eq(err.text,
		"--tls-pin: tls_pin: no SHA-256 of a certificate or public key: \"x\"");
}
END_TEST

/* The default account's password is not for a server named by hand. */
START_TEST(named_server_gets_no_account)
{
	struct envoi_origin at = {.kind = ENVOI_ORIGIN_OPTION, .name = "--server"};
	static const char text[] = "account default\nhost mx\nfrom x@y\nauth\nuser u\n"
				   "password p\n";
	ck_assert_int_eq(envoi_config_override(config, "server", "other", &at, &err), 0);
	ck_assert_int_eq(make(text, "x@y"), 0);
	ck_assert_ptr_null(account->name);
	ck_assert(!account->auth);
	ck_assert_str_eq(servers_of(account), "smtp other:25 opportunistic");
	envoi_account_free(account);
	struct envoi_account_options options = {.name = "default", .stop_fd = -1};
	ck_assert_int_eq(envoi_account_new(config, &options, &account, &err), 0);
	ck_assert(account->auth);
	ck_assert_str_eq(servers_of(account), "smtp other:25 starttls");
}
END_TEST

START_TEST(without_files_there_is_no_account)
{
	struct envoi_account_options options = {.stop_fd = -1};
	ck_assert_int_eq(envoi_account_new(config, &options, &account, &err), 0);
	ck_assert_ptr_null(account->name);
	ck_assert_uint_eq(account->server_count, 0);
	ck_assert_ptr_null(account->sender);
}
END_TEST

/* -- in words ---------------------------------------------------------------- */

static char printed[8000];

static void print(void *context, const char *text)
{
	(void)context;
	(void)strncat(
		printed, without_folder(text), sizeof(printed) - strlen(printed) - 2);
	(void)strcat(printed, "\n");
}

START_TEST(account_is_explained)
{
	printed[0] = '\0';
	ck_assert_msg(
		make("defaults\ntls on\nport 587\naccount work\nhost mx.example.org\n"
		     "from *@example.org\nauth on\nuser joe\npassword s3cret\n"
		     "account default : work\neval echo timeout 20\n",
			"joe@example.org")
			== 0,
		"%s", err.text);
	ck_assert_int_eq(envoi_account_explain(account, print, NULL, &err), 0);
	ck_assert_ptr_null(strstr(printed, "s3cret"));
	ck_assert_str_eq(printed,
		"account                 work                                      "
		"from *@example.org fits the sender, c:6\n"
		"server                  smtp mx.example.org:587                   c:5\n"
		"  TLS                   starttls                                  "
		"c:2 (defaults)\n"
		"certificate             checked by the system's CAs               "
		"default\n"
		"authentication          the best one offered                      c:7\n"
		"  user                  joe                                       c:8\n"
		"  password              password                                  c:9\n"
		"sender                  <joe@example.org>                         "
		"--from\n"
		"\n"
		"Settings:\n"
		"host                    mx.example.org                            c:5\n"
		"port                    587                                       "
		"c:3 (defaults)\n"
		"tls                     on                                        "
		"c:2 (defaults)\n"
		"auth                    on                                        c:7\n"
		"user                    joe                                       c:8\n"
		"password                [hidden]                                  c:9\n"
		"from                    *@example.org                             "
		"c:6\n");
	envoi_account_free(account);
	struct envoi_account_options options = {.stop_fd = -1};
	ck_assert_int_eq(envoi_account_new(config, &options, &account, &err), 0);
	printed[0] = '\0';
	ck_assert_int_eq(envoi_account_explain(account, print, NULL, &err), 0);
	ck_assert_ptr_nonnull(strstr(printed, "c:9 (account work)"));
	ck_assert_ptr_nonnull(strstr(printed, "20                                        "
					      "c:11 (eval)"));
}
END_TEST

static const struct {
	const char *text;
	const char *expected;
} checks[] = {
	{"account a\nhost localhost\nfrom x@y\n", ""},
	{"account default\nhost mx\n",
		"note: c:1: account default: mail goes in clear to mx:25\n"},
	{"account default\nfrom x@y\n",
		"warning: c:1: account default has no host and no server\n"},
	{"account default\nhost localhost\nuser x\n",
		"warning: c:3: user: not used, because nothing says auth on\n"},
	{"account default\nhost localhost\nauth\n",
		"warning: c:3: auth: there is no user\n"},
	{"account default\nhost mx\nauth\nuser x\ntls off\n",
		"warning: c:1: account default: mail and secret go in clear to mx:25\n"},
	{"account b\nhost localhost\n",
		"note: c:1: account b has no from, so that only --account leads to it\n"},
	{"account b\nhost localhost\naccount default : b\n", ""},
	{"host localhost\naccount b\nhost localhost\nfrom x@y\n",
		"warning: c:1: account default begins here, with a setting above all "
		"account "
		"and defaults lines\n"
		"  hint: put defaults above it if it is meant for all accounts\n"},
	{"account default\nhost localhost\nfallback b\n",
		"error: c:3: fallback: there is no account b\n"},
	{"account default\nhost localhost\nfallback default\n",
		"error: c:3: fallback: account default itself\n"},
	{"account default\nhost localhost\ntls_trust_file /nowhere\n",
		"error: c:3: tls_trust_file: /nowhere cannot be opened: no such file or "
		"directory\n"},
	{"account default\nhost localhost\nfoo\nbar\nport 1\nport 2\n",
		"error: c:3: no such keyword: \"foo\"\n"
		"error: c:4: no such keyword: \"bar\"\n"
		"warning: c:6: port takes the place of the one in line 5\n"},
	{"defaults\ntls_fingerprint 00\naccount a\nhost mx\ntls\nfrom x@y\naccount b : "
	 "a\n"
	 "from y@y\n",
		"error: c:2: tls_fingerprint: no SHA-256 of a certificate or public key: "
		"\"00\"\n"},
	{"account default\nhost localhost\neval echo nonsense\n", ""},
	{"account default\nhost localhost\naliases ~/aliases\n",
		"error: aliases:2: no \"name: target\"\n"
		"error: aliases:4: no target for: cron\n"
		"error: aliases:5: this is no target: joe@@x\n"
		"error: aliases:9: a command as target, mail goes to addresses only: "
		"|rm\n"},
	{"account default\nhost localhost\naliases /nowhere\n",
		"error: c:3: aliases: /nowhere: no such file or directory\n"},
};

START_TEST(configuration_is_checked)
{
	printed[0] = '\0';
	/* As they are read when there is mail. */
	write_file("aliases", "# comment\nroot joe@x\nroot: joe@x,\ncron: ,\nlp: joe@@x\n"
			      "daemon: root, \"J D, Jr.\" <joe@x> (a, b),\n"
			      "  \"a,b\"@x, g: \\joe, i@[127.0.0.1]; # more\n"
			      "\"a:b\": joe\nups: |rm\n");
	struct envoi_config_options options = {.file = write_file("c", checks[_i].text)};
	(void)envoi_config_load(config, &options, &err);
	enum envoi_status status = envoi_config_check(config, print, NULL);
	ck_assert_str_eq(printed, checks[_i].expected);
	ck_assert_int_eq(status, strstr(printed, "error: ") != NULL ? ENVOI_STATUS_CONFIG
								    : ENVOI_STATUS_OK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("account");
	TCase *tc = tcase_create("account");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))
	tcase_add_loop_test(tc, servers_are_made, 0, COUNT(servers));
	tcase_add_test(tc, defaults_do_not_contradict_urls);
	tcase_add_loop_test(tc, authentication_is_made, 0, COUNT(auths));
	tcase_add_test(tc, clear_secret_wants_to_be_asked_for);
	tcase_add_test(tc, command_becomes_argv);
	tcase_add_loop_test(tc, sender_is_chosen, 0, COUNT(senders));
	tcase_add_test(tc, tls_options_are_made);
	tcase_add_test(tc, names_outside_of_ascii_are_a_labels);
	tcase_add_test(tc, rest_is_made);
	tcase_add_loop_test(tc, what_cannot_be_is_refused, 0, COUNT(refused));
	tcase_add_test(tc, option_is_named);
	tcase_add_test(tc, named_server_gets_no_account);
	tcase_add_test(tc, without_files_there_is_no_account);
	tcase_add_test(tc, account_is_explained);
	tcase_add_loop_test(tc, configuration_is_checked, 0, COUNT(checks));
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
