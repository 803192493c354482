/*
 * Any octets as a configuration file: every fault has its line and is fit to
 * be printed, every account can be resolved, or says why not, and is explained
 * in printable ASCII. No command is run, no other file is read.
 */
#include <stdio.h>
#include <string.h>

#include <envoi/account.h>

#include "base/limits.h"
#include "config/reader.h"
#include "config/settings.h"
#include "fuzz.h"

static size_t lines;

static void check_printable(const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		MUST(*p >= 0x20 && *p <= 0x7e);
	}
}

static void check_error(const struct envoi_error *err)
{
	MUST(err->status != ENVOI_STATUS_OK && err->text[0] != '\0');
	MUST(err->status != ENVOI_STATUS_BUG);
	check_printable(err->text);
	check_printable(err->hint);
}

static void check_line(void *context, const char *text)
{
	(void)context;
	check_printable(text);
}

static void check_settings(const struct envoi_settings *settings)
{
	for (size_t key = 0; key < ENVOI_KEY_COUNT; key++) {
		for (size_t i = 0; i < settings->keys[key].count; i++) {
			const struct envoi_setting *setting =
				&settings->keys[key].values[i];
			MUST(setting->text != NULL);
			MUST(setting->origin->kind == ENVOI_ORIGIN_FILE);
			MUST(setting->origin->line >= 1
				&& setting->origin->line <= lines);
		}
	}
}

static void check_account(struct envoi_config *config, const char *name)
{
	struct envoi_account_options options = {
		.name = name, .no_eval = true, .stop_fd = -1};
	struct envoi_account *account = NULL;
	struct envoi_settings settings;
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct config_section *section = envoi_config_find(config, name);
	MUST(section != NULL && strcmp(section->name, name) == 0);
	if (envoi_settings_resolve(config, section, false, -1, &settings, &err) != 0) {
		check_error(&err);
	} else {
		check_settings(&settings);
		envoi_settings_finish(&settings);
	}
	err = ENVOI_ERROR_NONE;
	if (envoi_account_new(config, &options, &account, &err) != 0) {
		MUST(account == NULL);
		check_error(&err);
		return;
	}
	MUST(strcmp(account->name, name) == 0 && account->secret != NULL);
	for (size_t i = 0; i < account->server_count; i++) {
		MUST(account->servers[i].label != NULL);
	}
	MUST(envoi_account_explain(account, check_line, NULL, &err) == 0);
	envoi_account_free(account);
}

static void check_choice(struct envoi_config *config, const char *sender)
{
	struct envoi_chosen chosen;
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (envoi_config_choose(config, NULL, sender, ENVOI_CONFIG_NO_EVAL, &chosen, &err)
		!= 0) {
		check_error(&err);
		return;
	}
	MUST((chosen.choice == ENVOI_CHOICE_NONE) == (chosen.section == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envoi_config *config = envoi_config_new();
	struct config_file *file = calloc(1, sizeof(*file));
	MUST(config != NULL && file != NULL);
	/* What %-patterns stand for: nothing that asks the network. */
	(void)setenv("HOSTNAME", "localhost", 1);
	file->path = strdup("/f");
	MUST(file->path != NULL
		&& envoi_config_grow(&config->files, 0, sizeof(file)) == 0);
	config->files[config->file_count++] = file;
	/* As deep as can be: include is refused. */
	struct envoi_config_reader reader = {
		.config = config, .file = file, .depth = ENVOI_LIMIT_CONFIG_DEPTH};
	MUST(envoi_config_read_text(&reader, (const char *)data, size) == 0);
	lines = 1;
	for (size_t i = 0; i < size; i++) {
		lines += data[i] == '\n';
	}
	const struct envoi_diagnostic *found;
	for (size_t i = 0; (found = envoi_config_diagnostic(config, i)) != NULL; i++) {
		unsigned line = 0;
		check_error(&found->error);
		MUST(sscanf(found->error.text, "/f:%u: ", &line) == 1);
		MUST(line >= 1 && line <= lines);
	}
	const char *name;
	for (size_t i = 0; i < 50 && (name = envoi_config_account(config, i)) != NULL;
		i++) {
		check_account(config, name);
	}
	check_choice(config, "joe@example.org");
	envoi_config_free(config);
	return 0;
}
