/*
 * Whether an account authenticates, how, as whom, and where the secret is.
 */
#include "submit/account_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/path.h"
#include "config/words.h"

/* -- mechanisms -------------------------------------------------------------- */

static const char *why_not(const char *mechanism)
{
	static const struct {
		const char *name;
		const char *why;
	} refused[] = {
		{"DIGEST-MD5", "digest-md5 is obsolete (RFC 6331)"},
		{"NTLM", "ntlm is broken, and nobody describes it"},
		{"GSSAPI", "gssapi needs Kerberos, which envoi has not"},
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (strstr(mechanism, refused[i].name) != NULL) {
			return refused[i].why;
		}
	}
	return NULL;
}

/* "plain,login" as "PLAIN LOGIN"; *ret_token: all of them take a token. */
static int set_mechanisms(struct account *account, const char *text, bool *ret_token,
	struct envoi_error *err)
{
	char *list = strdup(text);
	if (list == NULL) {
		return envoi_config_no_memory(err);
	}
	account->mechanisms = list;
	account->face.mechanisms = list;
	for (char *p = list; *p != '\0'; p++) {
		if (*p >= 'a' && *p <= 'z') {
			*p = (char)(*p - ('a' - 'A'));
		} else if (*p == ',') {
			*p = ' ';
		}
	}
	const char *why = why_not(list);
	if (why != NULL) {
		(void)envoi_account_error(err, account, ENVOI_KEY_AUTH, "%s", why);
		envoi_error_hint(err, "auth on takes the best one the server offers");
		return -1;
	}
	struct envoi_span rest = envoi_span_of(list);
	for (*ret_token = true; rest.len > 0;) {
		struct envoi_span name = envoi_span_word(&rest);
		bool token = false;
		if (!envoi_auth_find(name.data, name.len, &token)) {
			return envoi_account_error(err, account, ENVOI_KEY_AUTH,
				"no mechanism \"%.*s\" is known", (int)name.len,
				name.data);
		}
		*ret_token = *ret_token && token;
	}
	return 0;
}

/* -- secrets ----------------------------------------------------------------- */

static const enum envoi_key secret_keys[] = {
	ENVOI_KEY_PASSWORD_FD,
	ENVOI_KEY_PASSWORD,
	ENVOI_KEY_PASSWORDEVAL,
	ENVOI_KEY_PASSWORD_COMMAND,
	ENVOI_KEY_PASSWORD_FILE,
	ENVOI_KEY_PASSWORD_CREDENTIAL,
	ENVOI_KEY_TOKEN_COMMAND,
};

/* A command as argv; "~/" in front of a word is the home directory only where
 * it names the program. */
int envoi_account_argv(struct account *account, const char *text, enum envoi_key key,
	char ***ret_argv, struct envoi_error *err)
{
	if (envoi_words_split(envoi_span_of(text), ret_argv) != ENVOI_WORDS_OK) {
		return envoi_config_no_memory(err);
	}
	char **argv = *ret_argv;
	if (strncmp(argv[0], "~/", 2) == 0) {
		struct envoi_error cause = ENVOI_ERROR_NONE;
		char *path = envoi_path_expand(argv[0], &cause);
		if (path == NULL) {
			return envoi_account_error(err, account, key, "%s", cause.text);
		}
		free(argv[0]);
		argv[0] = path;
	}
	bool from_file = envoi_settings_get(&account->settings, key)->origin->kind
			 == ENVOI_ORIGIN_FILE;
	if (from_file && strchr(argv[0], '/') != NULL && argv[0][0] != '/') {
		return envoi_account_error(err, account, key,
			"\"%.100s\" is neither a name nor an absolute path", argv[0]);
	}
	return 0;
}

static int set_argv(struct account *account, const char *text, enum envoi_key key,
	struct envoi_error *err)
{
	if (envoi_account_argv(account, text, key, &account->argv, err) != 0) {
		return -1;
	}
	account->secret.kind = ENVOI_SECRET_COMMAND;
	account->secret.argv = (const char *const *)account->argv;
	return 0;
}

static int set_source(
	struct account *account, enum envoi_key key, struct envoi_error *err)
{
	const struct envoi_setting *setting = envoi_settings_get(&account->settings, key);
	struct envoi_secret_source *secret = &account->secret;
	secret->origin = envoi_origin_describe(setting->origin, account->face.name,
		account->secret_origin, sizeof(account->secret_origin));
	secret->text = setting->text;
	switch (key) {
	case ENVOI_KEY_PASSWORD_FD:
		secret->kind = ENVOI_SECRET_FD;
		secret->fd = (int)strtol(setting->text, NULL, 10);
		return 0;
	case ENVOI_KEY_PASSWORD:
		secret->kind = ENVOI_SECRET_LITERAL;
		return 0;
	case ENVOI_KEY_PASSWORDEVAL:
		secret->kind = ENVOI_SECRET_SHELL;
		return 0;
	case ENVOI_KEY_PASSWORD_FILE:
		secret->kind = ENVOI_SECRET_FILE;
		return 0;
	case ENVOI_KEY_PASSWORD_CREDENTIAL:
		secret->kind = ENVOI_SECRET_CREDENTIAL;
		if (strchr(setting->text, '/') != NULL) {
			return envoi_account_error(err, account, key,
				"the name of a credential has no slash");
		}
		return 0;
	default:
		return set_argv(account, setting->text, key, err);
	}
}

static int set_secret(struct account *account, struct envoi_error *err)
{
	for (size_t i = 0; i < sizeof(secret_keys) / sizeof(secret_keys[0]); i++) {
		if (envoi_account_text(account, secret_keys[i]) != NULL) {
			return set_source(account, secret_keys[i], err);
		}
	}
	account->secret.kind = ENVOI_SECRET_SEARCH;
	return 0;
}

/* -- the whole --------------------------------------------------------------- */

/* May a password go in clear? As in msmtp, "auth on" without TLS means only
 * mechanisms that do not show it; who wants another has to name it, or to say
 * --tls off now and here. */
static void set_clear(struct account *account)
{
	const struct envoi_setting *tls =
		envoi_settings_get(&account->settings, ENVOI_KEY_TLS);
	account->face.clear_allowed =
		tls != NULL && strcmp(tls->text, "off") == 0
		&& !envoi_account_is_elsewhere(account, ENVOI_KEY_TLS)
		&& (account->mechanisms != NULL
			|| tls->origin->kind == ENVOI_ORIGIN_OPTION);
}

/* Nothing weaker than STARTTLS for a secret, unless the link is local or TLS
 * was switched off in so many words. */
static void raise_tls(struct account *account)
{
	if (envoi_account_is(account, ENVOI_KEY_TLS, "off")
		&& !envoi_account_is_elsewhere(account, ENVOI_KEY_TLS)) {
		return;
	}
	for (size_t i = 0; i < account->face.server_count; i++) {
		struct envoi_server *server = &account->face.servers[i];
		if (!envoi_account_is_local(server) && server->tls < ENVOI_TLS_STARTTLS) {
			server->tls = ENVOI_TLS_STARTTLS;
			account->said_tls[i] = NULL;
		}
	}
}

static bool is_option(const struct account *account, enum envoi_key key)
{
	const struct envoi_setting *setting = envoi_settings_get(&account->settings, key);
	return setting != NULL && setting->origin->kind == ENVOI_ORIGIN_OPTION;
}

/* --user or a secret now and here ask for a login, whatever a file says. */
static bool is_asked_by_option(const struct account *account)
{
	bool asked = is_option(account, ENVOI_KEY_USER);
	for (size_t i = 0; i < sizeof(secret_keys) / sizeof(secret_keys[0]); i++) {
		asked = asked || is_option(account, secret_keys[i]);
	}
	return asked && !is_option(account, ENVOI_KEY_AUTH);
}

/* A secret by option, and nobody whose it is. */
static int check_user(const struct account *account, struct envoi_error *err)
{
	const struct envoi_secret_source *secret = &account->secret;
	if (account->face.user != NULL || secret->is_token) {
		return 0;
	}
	for (size_t i = 0; i < sizeof(secret_keys) / sizeof(secret_keys[0]); i++) {
		if (is_option(account, secret_keys[i])) {
			(void)envoi_error_set(err, ENVOI_STATUS_USAGE,
				"%s without a user", secret->origin);
			envoi_error_hint(err, "--user NAME says who you are");
			return -1;
		}
	}
	return 0;
}

int envoi_account_auth(struct account *account, struct envoi_error *err)
{
	const char *auth = envoi_account_text(account, ENVOI_KEY_AUTH);
	bool token = envoi_account_text(account, ENVOI_KEY_TOKEN_COMMAND) != NULL;
	bool token_mechanism = false;
	account->secret.fd = -1;
	if (is_asked_by_option(account) && (auth == NULL || strcmp(auth, "off") == 0)) {
		auth = "on";
	}
	if (auth == NULL ? !token : strcmp(auth, "off") == 0) {
		return 0;
	}
	if (auth != NULL && strcmp(auth, "on") != 0
		&& set_mechanisms(account, auth, &token_mechanism, err) != 0) {
		return -1;
	}
	account->face.auth = true;
	set_clear(account);
	account->face.user = envoi_account_text(account, ENVOI_KEY_USER);
	raise_tls(account);
	if (account->mechanisms != NULL && strcmp(account->mechanisms, "EXTERNAL") == 0) {
		return 0;
	}
	if (set_secret(account, err) != 0) {
		return -1;
	}
	account->secret.is_token = token || token_mechanism;
	return check_user(account, err);
}
