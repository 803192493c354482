/*
 * The configuration as a whole: memory, errors with a file and line, which
 * files there are, overrides. Reading is in reader.c.
 */
#include "config/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/secret.h"
#include "config/path.h"

int envoi_config_grow(void *array, size_t count, size_t size)
{
	void **at = array;
	if ((count & (count - 1)) != 0) {
		return 0;
	}
	size_t room = count == 0 ? 1 : count * 2;
	void *grown = realloc(*at, room * size);
	if (grown == NULL) {
		return -1;
	}
	*at = grown;
	return 0;
}

int envoi_config_no_memory(struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

const char *envoi_origin_describe(
	const struct envoi_origin *origin, const char *account, char *out, size_t size)
{
	int n;
	switch (origin->kind) {
	case ENVOI_ORIGIN_FILE:
		n = snprintf(out, size, "%s:%u", origin->name, origin->line);
		break;
	case ENVOI_ORIGIN_OPTION:
	case ENVOI_ORIGIN_ENVIRONMENT:
		n = snprintf(out, size, "%s", origin->name);
		break;
	default:
		n = snprintf(out, size, "default");
		break;
	}
	if (origin->kind != ENVOI_ORIGIN_FILE || n < 0 || (size_t)n >= size) {
		return out;
	}
	const char *command = origin->command;
	const char *of = command != NULL ? " by eval" : "";
	if (origin->account == NULL) {
		(void)snprintf(out + n, size - (size_t)n, " (defaults%s)", of);
	} else if (account == NULL || strcmp(origin->account, account) != 0) {
		(void)snprintf(out + n, size - (size_t)n, " (account %s%s)",
			origin->account, of);
	} else if (command != NULL) {
		(void)snprintf(out + n, size - (size_t)n, " (eval)");
	}
	return out;
}

int envoi_config_error(struct envoi_error *err, const struct envoi_origin *origin,
	const char *format, ...)
{
	char text[sizeof(err->text)];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (origin->kind == ENVOI_ORIGIN_FILE) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG, "%s:%u: %s",
			origin->name, origin->line, text);
	}
	return envoi_error_set(err,
		origin->kind == ENVOI_ORIGIN_OPTION ? ENVOI_STATUS_USAGE
						    : ENVOI_STATUS_CONFIG,
		"%s%s%s", origin->kind == ENVOI_ORIGIN_DEFAULT ? "" : origin->name,
		origin->kind == ENVOI_ORIGIN_DEFAULT ? "" : ": ", text);
}

void envoi_config_tell(struct envoi_config *config, enum envoi_severity severity,
	const struct envoi_error *error)
{
	if (severity == ENVOI_SEVERITY_ERROR
		&& config->first_error.status == ENVOI_STATUS_OK) {
		config->first_error = *error;
	}
	if (config->diagnostic_count >= ENVOI_LIMIT_DIAGNOSTICS) {
		return;
	}
	struct envoi_diagnostic *diagnostic = malloc(sizeof(*diagnostic));
	if (diagnostic == NULL
		|| envoi_config_grow(&config->diagnostics, config->diagnostic_count,
			   sizeof(*config->diagnostics))
			   != 0) {
		free(diagnostic);
		if (config->first_error.status == ENVOI_STATUS_OK) {
			(void)envoi_config_no_memory(&config->first_error);
		}
		return;
	}
	*diagnostic = (struct envoi_diagnostic){severity, *error};
	config->diagnostics[config->diagnostic_count++] = diagnostic;
}

/* -- memory ------------------------------------------------------------------ */

struct envoi_config *envoi_config_new(void)
{
	struct envoi_config *config = calloc(1, sizeof(*config));
	if (config != NULL && envoi_config_begin(config, NULL, NULL, 0) == NULL) {
		free(config);
		return NULL;
	}
	return config;
}

void envoi_config_entry_free(struct config_entry *entry)
{
	if (entry == NULL) {
		return;
	}
	envoi_config_entry_free(entry->output);
	if (entry->text != NULL) {
		/* Passwords, and commands that may hold one. */
		envoi_secret_wipe(entry->text, strlen(entry->text));
	}
	free(entry->text);
	free(entry);
}

static void section_free(struct config_section *section)
{
	for (size_t i = 0; i < section->count; i++) {
		envoi_config_entry_free(section->entries[i]);
	}
	for (size_t i = 0; section->parents != NULL && section->parents[i] != NULL; i++) {
		free(section->parents[i]);
	}
	free(section->parents);
	free(section->entries);
	free(section->name);
	free(section);
}

void envoi_config_free(struct envoi_config *config)
{
	if (config == NULL) {
		return;
	}
	for (size_t i = 0; i < config->section_count; i++) {
		section_free(config->sections[i]);
	}
	for (size_t i = 0; i < config->file_count; i++) {
		free(config->files[i]->path);
		free(config->files[i]);
	}
	for (size_t i = 0; i < config->diagnostic_count; i++) {
		free(config->diagnostics[i]);
	}
	free(config->sections);
	free(config->files);
	free(config->diagnostics);
	free(config);
}

struct config_section *envoi_config_begin(struct envoi_config *config, char *name,
	const struct config_file *file, unsigned line)
{
	struct config_section *section = calloc(1, sizeof(*section));
	if (section == NULL
		|| envoi_config_grow(&config->sections, config->section_count,
			   sizeof(*config->sections))
			   != 0) {
		free(section);
		free(name);
		return NULL;
	}
	section->name = name;
	section->file = file;
	section->line = line;
	config->sections[config->section_count++] = section;
	return section;
}

struct config_entry *envoi_config_add(struct envoi_config *config,
	struct config_section *section, const struct envoi_keyword *keyword, char *text,
	const struct envoi_origin *origin, const struct config_file *file)
{
	struct config_entry *entry = calloc(1, sizeof(*entry));
	if (entry == NULL
		|| envoi_config_grow(
			   &section->entries, section->count, sizeof(*section->entries))
			   != 0) {
		envoi_secret_wipe(text, strlen(text));
		free(text);
		free(entry);
		return NULL;
	}
	entry->keyword = keyword;
	entry->text = text;
	entry->origin = *origin;
	entry->file = file;
	section->entries[section->count++] = entry;
	config->entry_count++;
	return entry;
}

/* -- what is known ----------------------------------------------------------- */

struct config_section *envoi_config_find(
	const struct envoi_config *config, const char *name)
{
	for (size_t i = 0; i < config->section_count; i++) {
		struct config_section *section = config->sections[i];
		if (section->name != NULL && !section->hidden
			&& strcmp(section->name, name) == 0) {
			return section;
		}
	}
	return NULL;
}

const char *envoi_config_file(const struct envoi_config *config, size_t i)
{
	return i < config->file_count ? config->files[i]->path : NULL;
}

const char *envoi_config_account(const struct envoi_config *config, size_t i)
{
	for (size_t j = 0; j < config->section_count; j++) {
		const struct config_section *section = config->sections[j];
		if (section->name != NULL && !section->hidden && i-- == 0) {
			return section->name;
		}
	}
	return NULL;
}

const char *envoi_config_alias(const struct envoi_config *config, const char *name)
{
	const struct config_section *section = envoi_config_find(config, name);
	if (section == NULL || section->count > 0 || section->parents == NULL
		|| section->parents[0] == NULL || section->parents[1] != NULL
		|| strcmp(section->parents[0], name) == 0) {
		return NULL;
	}
	/* A parent does not pass on its defaults. */
	const struct config_section *parent =
		envoi_config_find(config, section->parents[0]);
	return parent != NULL && parent->defaults == section->defaults ? parent->name
								       : NULL;
}

const struct envoi_diagnostic *envoi_config_diagnostic(
	const struct envoi_config *config, size_t i)
{
	return i < config->diagnostic_count ? config->diagnostics[i] : NULL;
}

int envoi_config_override(struct envoi_config *config, const char *keyword,
	const char *value, const struct envoi_origin *origin, struct envoi_error *err)
{
	const struct envoi_keyword *found = envoi_keyword_find(envoi_span_of(keyword));
	char why[320];
	if (found == NULL) {
		return envoi_config_error(err, origin, "no such keyword: %s", keyword);
	}
	char *text = envoi_keyword_value(found, envoi_span_of(value), why, sizeof(why));
	if (text == NULL) {
		return why[0] == '\0' ? envoi_config_no_memory(err)
				      : envoi_config_error(err, origin, "%s", why);
	}
	if (envoi_config_add(config, config->sections[0], found, text, origin, NULL)
		== NULL) {
		return envoi_config_no_memory(err);
	}
	return 0;
}
