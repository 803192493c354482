/*
 * From a source to a secret: which way it is had, and what is fit to be one.
 */
#include "config/secret_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "base/span.h"
#include "config/command.h"

/* -- names ----------------------------------------------------------------- */

static int put_words(struct envoi_buffer *out, const char *const *argv)
{
	int failed = 0;
	for (size_t i = 0; argv != NULL && argv[i] != NULL; i++) {
		failed |= envoi_buffer_puts(out, " ");
		failed |= envoi_span_escape(out, envoi_span_of(argv[i]));
	}
	return failed;
}

static int put_text(struct envoi_buffer *out, const char *name, const char *text)
{
	int failed = envoi_buffer_puts(out, name);
	failed |= envoi_buffer_puts(out, " ");
	return failed | envoi_span_escape(out, envoi_span_of(text));
}

static int put_description(
	struct envoi_buffer *out, const struct envoi_secret_source *source)
{
	bool token = source->is_token;
	switch (source->kind) {
	case ENVOI_SECRET_LITERAL:
		return envoi_buffer_puts(out, "password");
	case ENVOI_SECRET_FILE:
		return put_text(out, "password_file", source->text);
	case ENVOI_SECRET_FD:
		return envoi_buffer_printf(out, "descriptor %d", source->fd);
	case ENVOI_SECRET_COMMAND:
		return envoi_buffer_puts(
			       out, token ? "token_command" : "password_command")
		       | put_words(out, source->argv);
	case ENVOI_SECRET_SHELL:
		return put_text(out, "passwordeval", source->text);
	case ENVOI_SECRET_CREDENTIAL:
		return put_text(out, "password_credential", source->text);
	case ENVOI_SECRET_NETRC:
		return envoi_buffer_puts(out, "netrc");
	case ENVOI_SECRET_KEYRING:
		return envoi_buffer_puts(out, "keyring");
	case ENVOI_SECRET_PROMPT:
		return envoi_buffer_puts(out, "prompt");
	case ENVOI_SECRET_SEARCH:
		return envoi_buffer_puts(out, "netrc, keyring or prompt");
	case ENVOI_SECRET_NONE:
		break;
	}
	return envoi_buffer_puts(out, "none");
}

const char *envoi_secret_source_describe(
	const struct envoi_secret_source *source, char *out, size_t size)
{
	struct envoi_buffer text;
	envoi_buffer_init(&text, 1 << 20);
	const char *string =
		put_description(&text, source) == 0 ? envoi_buffer_string(&text) : NULL;
	(void)snprintf(out, size, "%s", string != NULL ? string : "?");
	envoi_buffer_finish(&text);
	return out;
}

/* -- fit to be a secret ---------------------------------------------------- */

/* Takes the line end off; first_line: and all behind it. */
static void take_line_end_off(struct envoi_secret *secret, bool first_line)
{
	size_t n = secret->length;
	const char *lf = first_line && n > 0 ? memchr(secret->data, '\n', n) : NULL;
	if (lf != NULL) {
		n = (size_t)(lf - secret->data) + 1;
	}
	if (n > 0 && secret->data[n - 1] == '\n') {
		n--;
	}
	if (n < secret->length && n > 0 && secret->data[n - 1] == '\r') {
		n--;
	}
	if (n < secret->length) {
		envoi_secret_wipe(secret->data + n, secret->length - n);
		secret->length = n;
	}
}

static bool has_other_than_visible(const struct envoi_secret *secret)
{
	for (size_t i = 0; i < secret->length; i++) {
		unsigned char c = (unsigned char)secret->data[i];
		if (c < 0x21 || c > 0x7e) {
			return true;
		}
	}
	return false;
}

static int check(const struct envoi_secret_source *source,
	const struct envoi_secret *secret, struct envoi_error *err)
{
	const char *name = source->is_token ? "token" : "password";
	size_t n = secret->length;
	if (n == 0) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG, "the %s is empty", name);
	}
	if (n > ENVOI_LIMIT_SECRET) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"the %s is longer than %d octets", name, ENVOI_LIMIT_SECRET);
	}
	if (memchr(secret->data, '\0', n) != NULL) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"the %s has a NUL octet, which no mechanism can carry", name);
	}
	if (memchr(secret->data, '\n', n) != NULL
		|| memchr(secret->data, '\r', n) != NULL) {
		return envoi_error_set(
			err, ENVOI_STATUS_CONFIG, "the %s has more than one line", name);
	}
	if (source->is_token && has_other_than_visible(secret)) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"the token has octets other than visible ASCII (RFC 6750)");
	}
	return 0;
}

/* -- having it ------------------------------------------------------------- */

static bool is_known(const char *value)
{
	return value != NULL && value[0] != '\0';
}

static int from_command(const struct envoi_secret_source *source,
	const struct envoi_secret_need *need, struct envoi_secret *ret_secret,
	struct envoi_error *err)
{
	const struct envoi_command command = {
		.argv = source->kind == ENVOI_SECRET_COMMAND ? source->argv : NULL,
		.shell = source->text,
		.time_limit_ms = source->time_limit_ms,
		.stop_fd = need->stop_fd,
	};
	return envoi_command_run(&command, ret_secret, err);
}

/* 1, 0 (none there, why in err), -1. */
static int from_keyring(const struct envoi_secret_source *source,
	const struct envoi_secret_need *need, struct envoi_secret *ret_secret,
	struct envoi_error *err)
{
	struct envoi_error trouble = ENVOI_ERROR_NONE;
	if (!is_known(need->user) || !is_known(need->host)) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_AUTH, "keyring: needs the name of the user");
		return 0;
	}
	const char *const argv[] = {"secret-tool", "lookup", "host", need->host,
		"service", "smtp", "user", need->user, NULL};
	const struct envoi_command command = {
		.argv = argv,
		.time_limit_ms = source->time_limit_ms,
		.stop_fd = need->stop_fd,
	};
	if (envoi_command_run(&command, ret_secret, &trouble) == 0) {
		if (ret_secret->length > 0) {
			return 1;
		}
		envoi_secret_finish(ret_secret);
		(void)envoi_error_set(
			err, ENVOI_STATUS_AUTH, "the keyring has no password");
		return 0;
	}
	if (trouble.sys == ENOENT) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_AUTH, "keyring: secret-tool is not installed");
		return 0;
	}
	*err = trouble;
	return trouble.status == ENVOI_STATUS_AUTH ? 0 : -1;
}

/* What msmtp does. 1, 0, -1. */
static int search(const struct envoi_secret_source *source,
	const struct envoi_secret_need *need, struct envoi_secret *ret_secret,
	struct envoi_error *err)
{
	struct envoi_error keyring, terminal;
	int found = 0;
	if (is_known(need->host)) {
		found = envoi_secret_from_netrc(need, ret_secret, err);
	}
	if (found == 0) {
		found = from_keyring(source, need, ret_secret, &keyring);
		if (found < 0) {
			*err = keyring;
		}
	}
	if (found == 0) {
		found = envoi_secret_from_terminal(source, need, ret_secret, &terminal);
		if (found < 0) {
			*err = terminal;
		}
	}
	if (found == 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_AUTH,
			"no entry in ~/.netrc and /etc/netrc; %.160s; %.100s",
			keyring.text, terminal.text);
	}
	return found;
}

/* 1, 0, -1. */
static int have(const struct envoi_secret_source *source,
	const struct envoi_secret_need *need, struct envoi_secret *ret_secret,
	struct envoi_error *err)
{
	int failed = -1;
	switch (source->kind) {
	case ENVOI_SECRET_LITERAL:
		failed = envoi_secret_set(ret_secret, source->text, strlen(source->text));
		if (failed != 0) {
			(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		}
		break;
	case ENVOI_SECRET_FILE:
		failed = envoi_secret_from_file(source->text, ret_secret, err);
		break;
	case ENVOI_SECRET_FD:
		failed = envoi_secret_from_fd(source->fd, source->time_limit_ms,
			need->stop_fd, ret_secret, err);
		break;
	case ENVOI_SECRET_COMMAND:
	case ENVOI_SECRET_SHELL:
		failed = from_command(source, need, ret_secret, err);
		break;
	case ENVOI_SECRET_CREDENTIAL:
		failed = envoi_secret_from_credential(source->text, ret_secret, err);
		break;
	case ENVOI_SECRET_NETRC:
		if (is_known(need->host)) {
			int found = envoi_secret_from_netrc(need, ret_secret, err);
			if (found != 0) {
				return found;
			}
		}
		return envoi_error_set(
			err, ENVOI_STATUS_AUTH, "no entry in ~/.netrc and /etc/netrc");
	case ENVOI_SECRET_KEYRING:
		return from_keyring(source, need, ret_secret, err);
	case ENVOI_SECRET_PROMPT:
		return envoi_secret_from_terminal(source, need, ret_secret, err);
	case ENVOI_SECRET_SEARCH:
		return search(source, need, ret_secret, err);
	case ENVOI_SECRET_NONE:
		return envoi_error_set(
			err, ENVOI_STATUS_AUTH, "no password is configured");
	}
	return failed == 0 ? 1 : -1;
}

/* "~/.config/envoi/config:12: " and for whom, in front. */
static int name_source(const struct envoi_secret_source *source,
	const struct envoi_secret_need *need, const struct envoi_error *why,
	struct envoi_error *err)
{
	char whom[200] = "";
	char name[60];
	const char *after = "";
	if (err == NULL) {
		return -1;
	}
	if (source->kind >= ENVOI_SECRET_NETRC && is_known(need->user)) {
		(void)snprintf(whom, sizeof(whom), "%s for %.60s at %.80s: ",
			source->is_token ? "no token" : "no password", need->user,
			is_known(need->host) ? need->host : "?");
	} else if (source->kind != ENVOI_SECRET_COMMAND
		   && source->kind != ENVOI_SECRET_SHELL) {
		(void)envoi_secret_source_describe(source, name, sizeof(name));
		name[strcspn(name, " ")] = '\0';
		after = ": ";
		(void)snprintf(whom, sizeof(whom), "%s", name);
	}
	(void)envoi_error_set(err, why->status, "%s%s%s%s%s",
		source->origin != NULL ? source->origin : "",
		source->origin != NULL ? ": " : "", whom, after, why->text);
	err->sys = why->sys;
	(void)memcpy(err->hint, why->hint, sizeof(err->hint));
	return -1;
}

int envoi_secret_obtain(const struct envoi_secret_source *source,
	const struct envoi_secret_need *need, struct envoi_secret *ret_secret,
	struct envoi_error *err)
{
	struct envoi_secret secret = {0};
	struct envoi_error why = ENVOI_ERROR_NONE;
	int found = have(source, need, &secret, &why);
	if (found > 0) {
		take_line_end_off(&secret, source->kind == ENVOI_SECRET_SHELL);
		if (check(source, &secret, &why) != 0) {
			found = -1;
		}
	}
	if (found <= 0) {
		envoi_secret_finish(&secret);
		return name_source(source, need, &why, err);
	}
	envoi_secret_finish(ret_secret);
	*ret_secret = secret;
	return 0;
}
