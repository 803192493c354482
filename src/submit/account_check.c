/*
 * Looking for faults in a configuration without sending anything: each account
 * is worked out, the files it names are opened.
 */
#include "submit/account_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <envoi/aliases.h>

struct checker {
	struct envoi_config *config;
	envoi_line_fn line;
	void *context;
	enum envoi_status status;
	/** What was told: the same fault in accounts that inherit it is told
	 * once. */
	char **told;
	size_t told_count;
};

static bool was_told(struct checker *checker, const char *text)
{
	for (size_t i = 0; i < checker->told_count; i++) {
		if (strcmp(checker->told[i], text) == 0) {
			return true;
		}
	}
	if (envoi_config_grow(&checker->told, checker->told_count, sizeof(char *)) == 0) {
		checker->told[checker->told_count] = strdup(text);
		checker->told_count += checker->told[checker->told_count] != NULL;
	}
	return false;
}

static void tell(struct checker *checker, enum envoi_severity severity,
	const struct envoi_error *error)
{
	static const char *const words[] = {
		[ENVOI_SEVERITY_NOTE] = "note",
		[ENVOI_SEVERITY_WARNING] = "warning",
		[ENVOI_SEVERITY_ERROR] = "error",
	};
	char text[sizeof(error->text) + 20];
	if (severity == ENVOI_SEVERITY_ERROR) {
		checker->status = ENVOI_STATUS_CONFIG;
	}
	if (was_told(checker, error->text)) {
		return;
	}
	(void)snprintf(text, sizeof(text), "%s: %s", words[severity], error->text);
	checker->line(checker->context, text);
	if (error->hint[0] != '\0') {
		(void)snprintf(text, sizeof(text), "  hint: %s", error->hint);
		checker->line(checker->context, text);
	}
}

/* -- files that an account names --------------------------------------------- */

static void check_readable(
	struct checker *checker, const struct account *account, enum envoi_key key)
{
	const char *path = envoi_account_text(account, key);
	struct envoi_error error;
	struct stat st;
	if (path == NULL || path[0] != '/') {
		return;
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		struct envoi_error cause;
		(void)envoi_error_sys(&cause, ENVOI_STATUS_CONFIG, errno,
			"%.200s cannot be opened", path);
		(void)envoi_account_error(&error, account, key, "%s", cause.text);
		tell(checker, ENVOI_SEVERITY_ERROR, &error);
		return;
	}
	if (key == ENVOI_KEY_TLS_KEY_FILE && fstat(fd, &st) == 0
		&& (st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
		(void)envoi_account_error(&error, account, key,
			"other users may read %.150s (mode %04o)", path,
			(unsigned)(st.st_mode & 07777));
		envoi_error_hint(&error, "chmod 600 %s", path);
		tell(checker, ENVOI_SEVERITY_WARNING, &error);
	}
	(void)close(fd);
}

static void check_aliases(struct checker *checker, const struct account *account)
{
	const char *path = envoi_account_text(account, ENVOI_KEY_ALIASES);
	const struct envoi_error *fault;
	struct envoi_aliases *aliases = NULL;
	struct envoi_error error, cause;
	if (path == NULL) {
		return;
	}
	if (envoi_aliases_load(path, &aliases, &cause) != 0) {
		(void)envoi_account_error(
			&error, account, ENVOI_KEY_ALIASES, "%s", cause.text);
		tell(checker, ENVOI_SEVERITY_ERROR, &error);
		return;
	}
	for (size_t i = 0; (fault = envoi_aliases_fault(aliases, i)) != NULL; i++) {
		tell(checker, ENVOI_SEVERITY_ERROR, fault);
	}
	envoi_aliases_free(aliases);
}

/* -- accounts ---------------------------------------------------------------- */

static int at_account(struct envoi_error *error, const struct config_section *section,
	const char *text, const char *more)
{
	struct envoi_origin at = {.kind = ENVOI_ORIGIN_FILE,
		.name = section->file->path,
		.line = section->line};
	return envoi_config_error(
		error, &at, "account %s%s%s", section->name, text, more);
}

static void check_auth(struct checker *checker, const struct account *account)
{
	static const enum envoi_key keys[] = {ENVOI_KEY_PASSWORD, ENVOI_KEY_PASSWORDEVAL,
		ENVOI_KEY_PASSWORD_COMMAND, ENVOI_KEY_PASSWORD_FILE,
		ENVOI_KEY_PASSWORD_CREDENTIAL, ENVOI_KEY_USER};
	struct envoi_error error;
	for (size_t i = 0; !account->face.auth && i < sizeof(keys) / sizeof(keys[0]);
		i++) {
		if (envoi_account_text(account, keys[i]) != NULL
			&& envoi_account_text(account, ENVOI_KEY_AUTH) == NULL) {
			(void)envoi_account_error(&error, account, keys[i],
				"not used, because nothing says auth on");
			tell(checker, ENVOI_SEVERITY_WARNING, &error);
			return;
		}
	}
	if (account->face.auth && account->face.user == NULL
		&& account->secret.kind != ENVOI_SECRET_NONE) {
		enum envoi_key key = envoi_account_text(account, ENVOI_KEY_AUTH) != NULL
					     ? ENVOI_KEY_AUTH
					     : ENVOI_KEY_TOKEN_COMMAND;
		(void)envoi_account_error(&error, account, key, "there is no user");
		tell(checker, ENVOI_SEVERITY_WARNING, &error);
	}
}

static void check_servers(struct checker *checker, const struct account *account)
{
	const struct config_section *section = account->settings.section;
	struct envoi_error error;
	if (account->face.server_count == 0 && account->settings.evals == 0) {
		(void)at_account(&error, section, " has no host and no server", "");
		tell(checker, ENVOI_SEVERITY_WARNING, &error);
	}
	for (size_t i = 0; i < account->face.server_count; i++) {
		const struct envoi_server *server = &account->face.servers[i];
		if (server->tls != ENVOI_TLS_OFF || envoi_account_is_local(server)) {
			continue;
		}
		(void)at_account(&error, section,
			account->face.auth ? ": mail and secret go in clear to "
					   : ": mail goes in clear to ",
			server->label);
		tell(checker,
			account->face.auth ? ENVOI_SEVERITY_WARNING : ENVOI_SEVERITY_NOTE,
			&error);
	}
}

static void check_fallbacks(struct checker *checker, const struct account *account)
{
	struct envoi_error error;
	for (size_t i = 0; i < account->face.fallback_count; i++) {
		const char *name = account->face.fallbacks[i];
		if (envoi_config_find(checker->config, name) == NULL
			|| strcmp(name, account->face.name) == 0) {
			(void)envoi_account_error(&error, account, ENVOI_KEY_FALLBACK,
				envoi_config_find(checker->config, name) == NULL
					? "there is no account %.100s"
					: "account %.100s itself",
				name);
			tell(checker, ENVOI_SEVERITY_ERROR, &error);
		}
	}
}

static void check_account(struct checker *checker, const struct config_section *section)
{
	static const enum envoi_key paths[] = {ENVOI_KEY_TLS_TRUST_FILE,
		ENVOI_KEY_TLS_CERT_FILE, ENVOI_KEY_TLS_KEY_FILE, ENVOI_KEY_PASSWORD_FILE};
	struct envoi_account_options options = {
		.name = section->name, .no_eval = true, .stop_fd = -1};
	struct envoi_account *face = NULL;
	struct envoi_error error = ENVOI_ERROR_NONE;
	if (envoi_account_new(checker->config, &options, &face, &error) != 0) {
		if (error.status == ENVOI_STATUS_SYSTEM) {
			checker->status = ENVOI_STATUS_SYSTEM;
		} else {
			tell(checker, ENVOI_SEVERITY_ERROR, &error);
		}
		return;
	}
	const struct account *account = (const struct account *)face;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		check_readable(checker, account, paths[i]);
	}
	check_aliases(checker, account);
	check_auth(checker, account);
	check_servers(checker, account);
	check_fallbacks(checker, account);
	envoi_account_free(face);
}

/* -- the configuration ------------------------------------------------------- */

static bool is_named_by_others(
	const struct envoi_config *config, const struct config_section *section)
{
	for (size_t i = 0; i < config->section_count; i++) {
		const struct config_section *other = config->sections[i];
		for (size_t j = 0; other->parents != NULL && other->parents[j] != NULL;
			j++) {
			if (strcmp(other->parents[j], section->name) == 0) {
				return true;
			}
		}
		for (size_t j = 0; j < other->count; j++) {
			const struct config_entry *entry = other->entries[j];
			if (entry->keyword != NULL
				&& entry->keyword->key == ENVOI_KEY_FALLBACK
				&& strcmp(entry->text, section->name) == 0) {
				return true;
			}
		}
	}
	return false;
}

/* Only of use with --account: nothing leads to it. */
static void check_used(struct checker *checker, const struct config_section *section)
{
	struct envoi_settings settings;
	struct envoi_error error;
	if (strcmp(section->name, "default") == 0
		|| is_named_by_others(checker->config, section)
		|| envoi_settings_collect(checker->config, section, ENVOI_KEY_FROM, false,
			   -1, &settings, &error)
			   != 0) {
		return;
	}
	if (settings.keys[ENVOI_KEY_FROM].count == 0 && settings.evals == 0) {
		(void)at_account(&error, section,
			" has no from, so that only --account leads to it", "");
		tell(checker, ENVOI_SEVERITY_NOTE, &error);
	}
	envoi_settings_finish(&settings);
}

enum envoi_status envoi_config_check(
	struct envoi_config *config, envoi_line_fn line, void *context)
{
	struct checker checker = {.config = config, .line = line, .context = context};
	for (size_t i = 0; i < config->diagnostic_count; i++) {
		tell(&checker, config->diagnostics[i]->severity,
			&config->diagnostics[i]->error);
	}
	/* Accounts may be added to by nothing here, but the list is not ours. */
	for (size_t i = 0; i < config->section_count; i++) {
		const struct config_section *section = config->sections[i];
		if (section->name == NULL || section->hidden) {
			continue;
		}
		if (section->implicit && config->section_count > 2) {
			struct envoi_error error;
			(void)at_account(&error, section,
				" begins here, with a setting above all account and "
				"defaults lines",
				"");
			envoi_error_hint(&error,
				"put defaults above it if it is meant for all accounts");
			tell(&checker, ENVOI_SEVERITY_WARNING, &error);
		}
		check_account(&checker, section);
		check_used(&checker, section);
	}
	for (size_t i = 0; i < checker.told_count; i++) {
		free(checker.told[i]);
	}
	free(checker.told);
	return checker.status;
}
