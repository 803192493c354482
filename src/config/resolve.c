/*
 * Inheritance: from sections to the values of one account. The order is that
 * of msmtp: defaults in force where the account began, then each parent's own
 * settings (not its defaults), then those of the account; here the command
 * line comes last. Parents are looked up among all files.
 */
#include "config/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/secret.h"
#include "config/command.h"
#include "config/path.h"

struct resolver {
	struct envoi_config *config;
	struct envoi_settings *settings;
	bool run;
	int stop_fd;
	/** Only this key is looked at; ENVOI_KEY_COUNT: all. */
	enum envoi_key only;
	unsigned level;
	/** Sections looked at: bounded, so that lists of parents that name the
	 * same ones again and again end. */
	size_t visits;
	struct envoi_error *err;
};

/* -- values ------------------------------------------------------------------ */

static void clear(struct envoi_settings *settings, size_t key)
{
	for (size_t i = 0; i < settings->keys[key].count; i++) {
		char *text = settings->keys[key].values[i].text;
		envoi_secret_wipe(text, strlen(text));
		free(text);
	}
	free(settings->keys[key].values);
	settings->keys[key].values = NULL;
	settings->keys[key].count = 0;
}

void envoi_settings_finish(struct envoi_settings *settings)
{
	for (size_t key = 0; key < ENVOI_KEY_COUNT; key++) {
		clear(settings, key);
	}
}

const struct envoi_setting *envoi_settings_last(
	const struct envoi_settings *settings, enum envoi_key key)
{
	size_t n = settings->keys[key].count;
	return n > 0 ? &settings->keys[key].values[n - 1] : NULL;
}

const struct envoi_setting *envoi_settings_get(
	const struct envoi_settings *settings, enum envoi_key key)
{
	const struct envoi_setting *setting = envoi_settings_last(settings, key);
	return setting != NULL && setting->text[0] != '\0' ? setting : NULL;
}

/* An entry of a section at resolver->level takes effect. */
static int apply(struct resolver *resolver, const struct config_entry *entry)
{
	struct envoi_settings *settings = resolver->settings;
	const struct envoi_keyword *keyword = entry->keyword;
	enum envoi_key key = keyword->key;
	unsigned long long group = envoi_key_group(key);
	bool msmtp = entry->file != NULL && entry->file->msmtp;
	bool adds = (keyword->flags & ENVOI_KEYWORD_MERGE) != 0
		    || ((keyword->flags & ENVOI_KEYWORD_REPEAT) != 0
			    && settings->keys[key].level == resolver->level
			    && !(key == ENVOI_KEY_FROM && msmtp));
	for (size_t other = 0; other < ENVOI_KEY_COUNT; other++) {
		/* What is unset takes nobody's place. */
		if (entry->text[0] != '\0' && (group & (1ULL << other)) != 0
			&& other != (size_t)key
			&& settings->keys[other].level < resolver->level) {
			clear(settings, other);
		}
	}
	if (!adds) {
		clear(settings, key);
	}
	char *text = strdup(entry->text);
	if (text == NULL
		|| envoi_config_grow(&settings->keys[key].values,
			   settings->keys[key].count, sizeof(struct envoi_setting))
			   != 0) {
		free(text);
		return envoi_config_no_memory(resolver->err);
	}
	settings->keys[key].level = resolver->level;
	settings->keys[key].values[settings->keys[key].count++] =
		(struct envoi_setting){text, &entry->origin, msmtp};
	return 0;
}

/* -- eval -------------------------------------------------------------------- */

/* The first line that the command printed becomes an entry. */
static int understand_output(struct resolver *resolver, struct config_entry *entry,
	struct envoi_secret *output)
{
	struct envoi_span name, argument;
	struct envoi_error *err = resolver->err;
	struct envoi_span line = {output->data, output->length};
	const char *end = memchr(line.data, '\n', line.len);
	if (end != NULL) {
		line.len = (size_t)(end - line.data);
	}
	envoi_config_split(line, &name, &argument);
	if (name.len == 0 || memchr(line.data, '\0', line.len) != NULL) {
		return envoi_config_error(err, &entry->origin,
			"eval: the command printed no setting: %.100s", entry->text);
	}
	static const char *const sections[] = {"account", "defaults", "include", "eval"};
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (envoi_span_equal(name, envoi_span_of(sections[i]))) {
			return envoi_config_error(err, &entry->origin,
				"eval: the command printed \"%s\"; only settings of an "
				"account can come from one",
				sections[i]);
		}
	}
	struct config_entry *made = calloc(1, sizeof(*made));
	if (made == NULL) {
		return envoi_config_no_memory(err);
	}
	made->file = entry->file;
	made->origin = entry->origin;
	made->origin.command = entry->text;
	if (envoi_keyword_find(name) == NULL) {
		/* What it printed is not told: it may be a password. */
		free(made);
		(void)envoi_config_error(err, &entry->origin,
			"eval: the command printed no keyword: %.100s", entry->text);
		envoi_error_hint(err, "it is to print a line of this file, such as "
				      "\"user joe\"; passwordeval prints a password");
		return -1;
	}
	if (envoi_config_understand(
		    name, argument, &entry->origin, &made->keyword, &made->text, err)
		!= 0) {
		free(made);
		return -1;
	}
	entry->output = made;
	return 0;
}

static int run_eval(struct resolver *resolver, struct config_entry *entry)
{
	struct envoi_secret output = {0};
	struct envoi_error error = ENVOI_ERROR_NONE;
	struct envoi_command command = {
		.shell = entry->text, .stop_fd = resolver->stop_fd};
	if (envoi_command_run(&command, &output, &error) != 0) {
		(void)envoi_config_error(
			resolver->err, &entry->origin, "eval: %s", error.text);
		resolver->err->status = error.status;
		envoi_error_hint(resolver->err, "%s", error.hint);
		return -1;
	}
	int result = output.data == NULL ? envoi_config_error(resolver->err,
			     &entry->origin, "eval: the command printed nothing")
					 : understand_output(resolver, entry, &output);
	envoi_secret_finish(&output);
	return result;
}

/* -- sections ---------------------------------------------------------------- */

/* One section's own entries. */
static int apply_entries(struct resolver *resolver, const struct config_section *section)
{
	resolver->level++;
	for (size_t i = 0; i < section->count; i++) {
		struct config_entry *entry = section->entries[i];
		if (entry->keyword == NULL) {
			if (!resolver->run) {
				resolver->settings->evals++;
				continue;
			}
			if (entry->output == NULL && run_eval(resolver, entry) != 0) {
				return -1;
			}
			entry = entry->output;
		}
		bool wanted = resolver->only == ENVOI_KEY_COUNT
			      || resolver->only == entry->keyword->key;
		if (wanted && apply(resolver, entry) != 0) {
			return -1;
		}
	}
	return 0;
}

/* The blocks of defaults, the first one first. */
static int apply_defaults(struct resolver *resolver, const struct config_section *last)
{
	size_t count = 0;
	for (const struct config_section *d = last; d != NULL; d = d->defaults) {
		count++;
	}
	if (count == 0) {
		return 0;
	}
	const struct config_section **blocks = calloc(count, sizeof(const void *));
	if (blocks == NULL) {
		return envoi_config_no_memory(resolver->err);
	}
	for (size_t i = count; i > 0; i--) {
		blocks[i - 1] = last;
		last = last->defaults;
	}
	int result = 0;
	for (size_t i = 0; i < count && result == 0; i++) {
		result = apply_entries(resolver, blocks[i]);
	}
	free(blocks);
	return result;
}

/* msmtp resolves names while it reads a file, so that a user's account takes
 * the place of a system's for nobody but himself. Here it does for all. */
static const struct config_section *find_parent(const struct resolver *resolver,
	const struct config_section *section, const char *name)
{
	if (strcmp(name, section->name) == 0) {
		return section->replaced;
	}
	if (section->file->msmtp) {
		for (size_t i = 0; i < resolver->config->section_count; i++) {
			const struct config_section *other =
				resolver->config->sections[i];
			if (other->name != NULL && strcmp(other->name, name) == 0
				&& other->file->system == section->file->system) {
				return other;
			}
		}
	}
	return envoi_config_find(resolver->config, name);
}

static int apply_account(
	struct resolver *resolver, const struct config_section *section, unsigned depth)
{
	struct envoi_origin at = {.kind = ENVOI_ORIGIN_FILE,
		.name = section->file->path,
		.line = section->line};
	if (depth > ENVOI_LIMIT_CONFIG_PARENTS
		|| ++resolver->visits > ENVOI_LIMIT_CONFIG_ENTRIES) {
		return envoi_config_error(resolver->err, &at,
			"account %s inherits from itself by way of others, or from too "
			"many",
			section->name);
	}
	for (size_t i = 0; section->parents != NULL && section->parents[i] != NULL; i++) {
		const struct config_section *parent =
			find_parent(resolver, section, section->parents[i]);
		if (parent == NULL) {
			return envoi_config_error(resolver->err, &at,
				"account %s inherits from %s, which is not defined",
				section->name, section->parents[i]);
		}
		if (apply_account(resolver, parent, depth + 1) != 0) {
			return -1;
		}
	}
	return apply_entries(resolver, section);
}

/* -- texts ------------------------------------------------------------------- */

static int replace(struct envoi_setting *setting, char *text, const char *name,
	struct envoi_error *cause, struct envoi_error *err)
{
	if (text == NULL) {
		struct envoi_error error = *cause;
		(void)envoi_config_error(
			err, setting->origin, "%s: %s", name, error.text);
		if (error.status != ENVOI_STATUS_CONFIG) {
			err->status = error.status;
		}
		return -1;
	}
	free(setting->text);
	setting->text = text;
	return 0;
}

/* Names that stand in the place of a path. */
static bool is_no_path(enum envoi_key key, const char *text)
{
	return text[0] == '\0'
	       || (key == ENVOI_KEY_TLS_TRUST_FILE && strcmp(text, "system") == 0)
	       || (key == ENVOI_KEY_LOGFILE && strcmp(text, "-") == 0)
	       || strncmp(text, "pkcs11:", 7) == 0 || strncmp(text, "tpmkey:", 7) == 0;
}

static int finish_setting(
	enum envoi_key key, struct envoi_setting *setting, struct envoi_error *err)
{
	const struct envoi_keyword *keyword = envoi_keyword_of(key);
	struct envoi_error cause = ENVOI_ERROR_NONE;
	bool from_file = setting->origin->kind == ENVOI_ORIGIN_FILE;
	if (from_file && strchr(setting->text, '%') != NULL
		&& ((keyword->flags & ENVOI_KEYWORD_PERCENT) != 0
			|| ((keyword->flags & ENVOI_KEYWORD_PERCENT_OWN) != 0
				&& !setting->msmtp))) {
		char *text = envoi_substitute(setting->text, &cause);
		if (replace(setting, text, keyword->name, &cause, err) != 0) {
			return -1;
		}
	}
	if ((keyword->flags & ENVOI_KEYWORD_PATH) == 0
		|| is_no_path(key, setting->text)) {
		return 0;
	}
	if (setting->text[0] == '~') {
		/* msmtp puts HOME in its place, whatever follows. */
		char *text = envoi_path_expand(setting->text, &cause);
		if (replace(setting, text, keyword->name, &cause, err) != 0) {
			return -1;
		}
	}
	if (from_file && setting->text[0] != '/') {
		(void)envoi_config_error(err, setting->origin,
			"%s: \"%.100s\" is no absolute path", keyword->name,
			setting->text);
		envoi_error_hint(err, "begin it with / or ~/");
		return -1;
	}
	return 0;
}

static int finish_settings(struct envoi_settings *settings, struct envoi_error *err)
{
	for (size_t key = 0; key < ENVOI_KEY_COUNT; key++) {
		for (size_t i = 0; i < settings->keys[key].count; i++) {
			if (finish_setting((enum envoi_key)key,
				    &settings->keys[key].values[i], err)
				!= 0) {
				return -1;
			}
		}
	}
	return 0;
}

int envoi_settings_collect(struct envoi_config *config,
	const struct config_section *section, enum envoi_key only, bool run, int stop_fd,
	struct envoi_settings *ret_settings, struct envoi_error *err)
{
	*ret_settings = (struct envoi_settings){.section = section};
	struct resolver resolver = {.config = config,
		.settings = ret_settings,
		.run = run,
		.stop_fd = stop_fd,
		.only = only,
		.err = err};
	if (section != NULL
		&& (apply_defaults(&resolver, section->defaults) != 0
			|| apply_account(&resolver, section, 0) != 0)) {
		envoi_settings_finish(ret_settings);
		return -1;
	}
	if (only == ENVOI_KEY_COUNT
		&& apply_entries(&resolver, config->sections[0]) != 0) {
		envoi_settings_finish(ret_settings);
		return -1;
	}
	return 0;
}

int envoi_settings_resolve(struct envoi_config *config,
	const struct config_section *section, bool run, int stop_fd,
	struct envoi_settings *ret_settings, struct envoi_error *err)
{
	if (envoi_settings_collect(
		    config, section, ENVOI_KEY_COUNT, run, stop_fd, ret_settings, err)
		!= 0) {
		return -1;
	}
	if (finish_settings(ret_settings, err) != 0) {
		envoi_settings_finish(ret_settings);
		return -1;
	}
	return 0;
}
