/*
 * Who to be; see the header.
 */
#include "login.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "options.h"

void login_finish(struct login *login)
{
	free(login->mechanisms);
	free(login->words);
	free(login->argv);
	*login = (struct login){0};
}

int login_set_auth(struct login *login, const char *value, struct envoi_error *err)
{
	login->off = strcmp(value, "off") == 0;
	free(login->mechanisms);
	login->mechanisms = NULL;
	login->token = !login->off;
	if (login->off) {
		return 0;
	}
	char *list = strdup(value);
	if (list == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	login->mechanisms = list;
	for (char *p = list;;) {
		size_t n = strcspn(p, ",");
		bool token;
		if (!envoi_auth_find(p, n, &token)) {
			(void)envoi_error_set(err, ENVOI_STATUS_USAGE,
				"--auth: no mechanism \"%.*s\" is known", (int)n, p);
			envoi_error_hint(err,
				"off, or some of SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, "
				"SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN, CRAM-MD5, "
				"EXTERNAL, OAUTHBEARER, XOAUTH2");
			return -1;
		}
		login->token = login->token && token;
		if (p[n] == '\0') {
			return 0;
		}
		p[n] = ' ';
		p += n + 1;
	}
}

int login_set_user(struct login *login, const char *value, struct envoi_error *err)
{
	if (value[0] == '\0') {
		return envoi_error_set(
			err, ENVOI_STATUS_USAGE, "--user: the name is empty");
	}
	login->user = value;
	return 0;
}

/* One place for a secret: a second one would be a guess. */
static int set_kind(struct login *login, enum envoi_secret_kind kind, const char *option,
	struct envoi_error *err)
{
	if (login->source.kind != ENVOI_SECRET_NONE) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"%s: the secret is already to come from %s", option,
			login->source.origin);
	}
	login->source.kind = kind;
	login->source.origin = option;
	return 0;
}

int login_set_fd(struct login *login, const char *value, struct envoi_error *err)
{
	unsigned long fd;
	if (opt_number(value, "--password-fd", 0, INT_MAX, &fd, err) != 0) {
		return -1;
	}
	login->source.fd = (int)fd;
	return set_kind(login, ENVOI_SECRET_FD, "--password-fd", err);
}

int login_set_file(struct login *login, const char *value, struct envoi_error *err)
{
	login->source.text = value;
	return set_kind(login, ENVOI_SECRET_FILE, "--password-file", err);
}

/* Takes the next word off *from and puts it at to, ended by NUL. Where it
 * goes on; NULL: a quote is not closed. */
static const char *take_word(const char *from, char *to)
{
	char quote = '\0';
	for (; *from != '\0' && (quote != '\0' || (*from != ' ' && *from != '\t'));
		from++) {
		if (quote == '\0' && (*from == '\'' || *from == '"')) {
			quote = *from;
		} else if (*from == quote) {
			quote = '\0';
		} else if (*from == '\\' && quote != '\'' && from[1] != '\0') {
			*to++ = *++from;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	return quote == '\0' ? from : NULL;
}

int login_set_command(struct login *login, const char *value, struct envoi_error *err)
{
	size_t room = strlen(value) + 1, count = 0;
	free(login->words);
	free(login->argv);
	login->words = malloc(room);
	login->argv = calloc(room / 2 + 2, sizeof(*login->argv));
	if (login->words == NULL || login->argv == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	char *to = login->words;
	for (const char *from = value + strspn(value, " \t"); *from != '\0';
		from += strspn(from, " \t")) {
		from = take_word(from, to);
		if (from == NULL) {
			return envoi_error_set(err, ENVOI_STATUS_USAGE,
				"--password-command: a quote is not closed: %s", value);
		}
		login->argv[count++] = to;
		to += strlen(to) + 1;
	}
	if (count == 0) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--password-command: the command is empty");
	}
	login->source.argv = login->argv;
	return set_kind(login, ENVOI_SECRET_COMMAND, "--password-command", err);
}

int login_complete(
	struct login *login, struct envoi_request *request, struct envoi_error *err)
{
	struct envoi_auth_options *auth = &request->session.auth;
	bool secret = login->source.kind != ENVOI_SECRET_NONE;
	if (login->off || (login->mechanisms == NULL && login->user == NULL && !secret)) {
		return 0;
	}
	if (secret && login->user == NULL && !login->token) {
		(void)envoi_error_set(err, ENVOI_STATUS_USAGE, "%s without a user",
			login->source.origin);
		envoi_error_hint(err, "--user NAME says who you are");
		return -1;
	}
	if (!secret) {
		login->source.kind = ENVOI_SECRET_SEARCH;
	}
	/* A core file would hold the secret. */
	const struct rlimit none = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &none);
	login->source.is_token = login->token;
	auth->wanted = true;
	auth->mechanisms = login->mechanisms;
	auth->user = login->user;
	/* --tls off with a secret is the user's own word. */
	auth->clear_ok = request->tls_forced && request->session.tls == ENVOI_TLS_OFF;
	request->secret = &login->source;
	return 0;
}
