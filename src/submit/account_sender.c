/*
 * Whose mail it is: the envelope sender, from -f, from and auto_from.
 */
#include "submit/account_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pwd.h>
#include <unistd.h>

#include <envoi/address.h>

#include "base/limits.h"

/* text, or text@maildomain, as a mailbox. */
static int set_sender(struct account *account, const char *text, enum envoi_key key,
	const struct envoi_origin *origin, struct envoi_error *err)
{
	struct envoi_error cause = ENVOI_ERROR_NONE;
	const char *domain = account->face.mail_domain;
	char address[1024];
	if (text[0] == '\0' || strchr(text, '@') != NULL || strcmp(text, "<>") == 0) {
		domain = NULL;
	}
	(void)snprintf(address, sizeof(address), "%s%s%s", text,
		domain != NULL ? "@" : "", domain != NULL ? domain : "");
	if (envoi_address_parse(address, strlen(address), true, &account->sender, &cause)
		!= 0) {
		if (cause.status == ENVOI_STATUS_SYSTEM) {
			*err = cause;
			return -1;
		}
		(void)envoi_config_error(
			err, origin, "%s: %s", envoi_key_name(key), cause.text);
		if (strchr(address, '@') == NULL) {
			envoi_error_hint(err, "maildomain gives bare names a domain");
		}
		return -1;
	}
	account->face.sender = account->sender;
	account->sender_origin = *origin;
	return 0;
}

static int set_auto_from(struct account *account, struct envoi_error *err)
{
	const struct envoi_setting *setting =
		envoi_settings_last(&account->settings, ENVOI_KEY_AUTO_FROM);
	struct envoi_error cause = ENVOI_ERROR_NONE;
	char *user = envoi_substitute("%U", &cause);
	if (user == NULL) {
		return envoi_account_error(
			err, account, ENVOI_KEY_AUTO_FROM, "%s", cause.text);
	}
	int result = set_sender(account, user, ENVOI_KEY_AUTO_FROM, setting->origin, err);
	free(user);
	return result;
}

/* The first from that is an address; no pattern. */
static int set_from(struct account *account, struct envoi_error *err)
{
	size_t n = account->settings.keys[ENVOI_KEY_FROM].count;
	for (size_t i = 0; i < n; i++) {
		const struct envoi_setting *from =
			&account->settings.keys[ENVOI_KEY_FROM].values[i];
		if (strcmp(from->text, "%F") == 0) {
			account->face.sender_from_header = true;
			account->sender_origin = *from->origin;
			return 0;
		}
		if (!envoi_pattern_is_wild(from->text)) {
			return set_sender(
				account, from->text, ENVOI_KEY_FROM, from->origin, err);
		}
	}
	return 0;
}

static bool fits_pattern(const struct account *account, const char *address)
{
	size_t n = account->settings.keys[ENVOI_KEY_FROM].count;
	for (size_t i = 0; i < n; i++) {
		const char *text = account->settings.keys[ENVOI_KEY_FROM].values[i].text;
		if (envoi_pattern_is_wild(text) && envoi_pattern_matches(text, address)) {
			return true;
		}
	}
	return false;
}

int envoi_account_sender(
	struct account *account, const char *given, struct envoi_error *err)
{
	static const struct envoi_origin option = {
		.kind = ENVOI_ORIGIN_OPTION, .name = "--from"};
	struct envoi_account *face = &account->face;
	bool forced = envoi_account_is(account, ENVOI_KEY_ALLOW_FROM_OVERRIDE, "off");
	face->full_name = envoi_account_text(account, ENVOI_KEY_FROM_FULL_NAME);
	if (given != NULL && (!forced || fits_pattern(account, given))) {
		account->sender = strdup(given);
		if (account->sender == NULL) {
			return envoi_config_no_memory(err);
		}
		face->sender = account->sender;
		account->sender_origin = option;
		return 0;
	}
	int result = envoi_account_is(account, ENVOI_KEY_AUTO_FROM, "on")
			     ? set_auto_from(account, err)
			     : set_from(account, err);
	if (result != 0) {
		return -1;
	}
	face->sender_forced = forced;
	if (forced && given != NULL && face->sender == NULL
		&& !face->sender_from_header) {
		return envoi_account_error(err, account, ENVOI_KEY_ALLOW_FROM_OVERRIDE,
			"off, and from has no address in place of <%.100s>", given);
	}
	return 0;
}

int envoi_account_use_login(struct envoi_account *face, struct envoi_error *err)
{
	struct account *account = (struct account *)face;
	const char *domain = face->mail_domain;
	char host[ENVOI_LIMIT_HOST + 1] = "", login[32], text[1024];
	if (face->sender != NULL || face->sender_from_header) {
		return 0;
	}
	if (domain == NULL && gethostname(host, sizeof(host) - 1) == 0
		&& strchr(host, '.') != NULL) {
		domain = host;
	}
	if (domain == NULL) {
		(void)envoi_error_set(err, ENVOI_STATUS_USAGE, "no sender given");
		envoi_error_hint(err, "--from ADDR, or --from '<>' for the null sender");
		return -1;
	}
	const struct passwd *user = getpwuid(getuid());
	(void)snprintf(login, sizeof(login), "uid-%ju", (uintmax_t)getuid());
	(void)snprintf(text, sizeof(text), "%s@%s", user != NULL ? user->pw_name : login,
		domain);
	if (envoi_address_parse(text, strlen(text), false, &account->sender, err) != 0) {
		return -1;
	}
	face->sender = account->sender;
	account->sender_login = true;
	return 0;
}
