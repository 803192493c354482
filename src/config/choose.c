/*
 * Which account: by name, by the sender, by default.
 */
#include "config/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chooser {
	struct envoi_config *config;
	const char *sender;
	int stop_fd;
	/** Run the commands of eval lines. */
	bool run;
	struct envoi_chosen *chosen;
	struct envoi_error *err;
};

/* Does one from line fit? One whose %-patterns cannot be replaced fits nobody. */
static bool from_fits(const struct envoi_setting *from, const char *sender)
{
	char *text = envoi_substitute(from->text, NULL);
	bool fits =
		text != NULL && text[0] != '\0' && envoi_pattern_matches(text, sender);
	free(text);
	return fits;
}

/* 1: it is the one; 0: no; -1 with err. */
static int try_account(struct chooser *chooser, struct config_section *section)
{
	struct envoi_settings settings;
	int result = 0;
	if (chooser->run) {
		/* Only where from may come from a command: others had their turn. */
		if (envoi_settings_collect(chooser->config, section, ENVOI_KEY_FROM,
			    false, -1, &settings, chooser->err)
			!= 0) {
			return -1;
		}
		bool asked =
			settings.evals == 0 || settings.keys[ENVOI_KEY_FROM].count > 0;
		envoi_settings_finish(&settings);
		if (asked) {
			return 0;
		}
	}
	if (envoi_settings_collect(chooser->config, section, ENVOI_KEY_FROM, chooser->run,
		    chooser->stop_fd, &settings, chooser->err)
		!= 0) {
		return -1;
	}
	for (size_t i = 0; i < settings.keys[ENVOI_KEY_FROM].count && result == 0; i++) {
		const struct envoi_setting *from =
			&settings.keys[ENVOI_KEY_FROM].values[i];
		if (from_fits(from, chooser->sender)) {
			chooser->chosen->choice = ENVOI_CHOICE_SENDER;
			chooser->chosen->section = section;
			chooser->chosen->origin = from->origin;
			(void)snprintf(chooser->chosen->pattern,
				sizeof(chooser->chosen->pattern), "%s", from->text);
			result = 1;
		}
	}
	envoi_settings_finish(&settings);
	return result;
}

/* Of envoi's own files the user's come first; msmtp takes them in the order in
 * which they were read, the system's first. */
static int try_all(struct chooser *chooser)
{
	const struct envoi_config *config = chooser->config;
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < config->section_count; i++) {
			struct config_section *section = config->sections[i];
			if (section->name == NULL || section->hidden) {
				continue;
			}
			bool later = section->file->system && !section->file->msmtp;
			if (later != (pass == 1)) {
				continue;
			}
			int result = try_account(chooser, section);
			if (result != 0) {
				return result;
			}
		}
	}
	return 0;
}

static int choose_by_name(struct envoi_config *config, const char *name,
	struct envoi_chosen *chosen, struct envoi_error *err)
{
	chosen->section = envoi_config_find(config, name);
	if (chosen->section != NULL) {
		chosen->choice = ENVOI_CHOICE_NAME;
		return 0;
	}
	if (config->unreadable.status != ENVOI_STATUS_OK) {
		*err = config->unreadable;
		return -1;
	}
	if (config->file_count == 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"account %.100s: there is no configuration file", name);
		envoi_error_hint(err, "write one at ~/.config/envoi/config");
		return -1;
	}
	char list[160] = "";
	size_t used = 0;
	for (size_t i = 0;; i++) {
		const char *known = envoi_config_account(config, i);
		if (known == NULL || used + strlen(known) + 6 >= sizeof(list)) {
			(void)snprintf(list + used, sizeof(list) - used, "%s",
				known != NULL ? ", ..." : "");
			break;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
			used > 0 ? ", " : "", known);
	}
	(void)envoi_error_set(err, ENVOI_STATUS_CONFIG, "no account %.100s in %s%s", name,
		config->files[config->file_count - 1]->path,
		config->file_count > 1 ? " and the others" : "");
	if (list[0] != '\0') {
		envoi_error_hint(err, "there is %s", list);
	}
	return -1;
}

int envoi_config_choose(struct envoi_config *config, const char *name, const char *sender,
	int stop_fd, struct envoi_chosen *ret_chosen, struct envoi_error *err)
{
	*ret_chosen = (struct envoi_chosen){.choice = ENVOI_CHOICE_NONE};
	if (name != NULL) {
		return choose_by_name(config, name, ret_chosen, err);
	}
	struct chooser chooser = {config, sender, stop_fd, false, ret_chosen, err};
	int result = 0;
	if (sender != NULL && sender[0] != '\0') {
		result = try_all(&chooser);
		if (result == 0 && stop_fd != ENVOI_CONFIG_NO_EVAL) {
			chooser.run = true;
			result = try_all(&chooser);
		}
	}
	if (result != 0) {
		return result < 0 ? -1 : 0;
	}
	ret_chosen->section = envoi_config_find(config, "default");
	if (ret_chosen->section != NULL) {
		ret_chosen->choice = ENVOI_CHOICE_DEFAULT;
	}
	return 0;
}
