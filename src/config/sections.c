/*
 * The lines that begin a section: account and defaults. Names, who inherits
 * from whom, and which account takes the place of which.
 */
#include "config/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell(struct envoi_config_reader *reader, const struct envoi_error *error)
{
	envoi_config_tell(reader->config, ENVOI_SEVERITY_ERROR, error);
}

int envoi_config_read_defaults(struct envoi_config_reader *reader,
	struct envoi_span argument, const struct envoi_origin *at)
{
	if (argument.len > 0) {
		struct envoi_error error;
		(void)envoi_config_error(&error, at, "defaults takes no argument");
		tell(reader, &error);
	}
	struct config_section *section =
		envoi_config_begin(reader->config, NULL, reader->file, at->line);
	if (section == NULL) {
		return -1;
	}
	section->defaults = reader->defaults;
	reader->defaults = reader->section = section;
	return 0;
}

static void free_names(char **names)
{
	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		free(names[i]);
	}
	free(names);
}

int envoi_config_begin_account(
	struct envoi_config_reader *reader, char *name, char **parents, unsigned line)
{
	struct envoi_config *config = reader->config;
	struct config_section *before = envoi_config_find(config, name);
	struct config_section *section =
		envoi_config_begin(config, name, reader->file, line);
	if (section == NULL) {
		free_names(parents);
		return -1;
	}
	section->parents = parents;
	section->defaults = reader->defaults;
	reader->section = section;
	if (before == NULL) {
		return 0;
	}
	if (before->file->system != reader->system) {
		section->replaced = before;
		before->hidden = true;
		return 0;
	}
	struct envoi_origin at = {
		.kind = ENVOI_ORIGIN_FILE, .name = reader->file->path, .line = line};
	struct envoi_error error;
	char where[160];
	(void)snprintf(where, sizeof(where), "%s:%u", before->file->path, before->line);
	(void)envoi_config_error(&error, &at, "account %s is defined already, %s %s",
		name, before->implicit ? "by the setting without account in" : "in",
		where);
	tell(reader, &error);
	/* What follows belongs to nobody, so that it is not told about. */
	section->hidden = true;
	return 0;
}

/* A name without blanks around it. */
static char *take_name(struct envoi_span span, const char **why)
{
	span = envoi_span_trim(span);
	*why = NULL;
	if (span.len == 0) {
		*why = "a name is missing";
	} else if (span.len > 200) {
		*why = "a name of more than 200 octets";
	}
	for (size_t i = 0; i < span.len && *why == NULL; i++) {
		if ((unsigned char)span.data[i] < 0x20 || span.data[i] == 0x7f) {
			*why = "a control character in a name";
		} else if (span.data[i] == ':') {
			*why = "a name with a colon";
		} else if (span.data[i] == ',') {
			*why = "a name with a comma";
		}
	}
	return *why == NULL ? envoi_span_dup(span) : NULL;
}

/* The names behind the colon. 0; 1: why; -1: no memory. */
static int take_parents(struct envoi_span list, char ***ret_names, const char **why)
{
	size_t count = 0;
	*ret_names = NULL;
	for (;;) {
		const char *comma = memchr(list.data, ',', list.len);
		size_t n = comma != NULL ? (size_t)(comma - list.data) : list.len;
		char **grown = realloc(*ret_names, (count + 2) * sizeof(*grown));
		if (grown == NULL) {
			return -1;
		}
		*ret_names = grown;
		grown[count] = take_name((struct envoi_span){list.data, n}, why);
		grown[count + 1] = NULL;
		if (grown[count] == NULL) {
			return *why != NULL ? 1 : -1;
		}
		count++;
		if (comma == NULL) {
			return 0;
		}
		list.data += n + 1;
		list.len -= n + 1;
	}
}

/* Tells about parents that there are not. */
static void check_parents(struct envoi_config_reader *reader, const char *name,
	char **parents, const struct envoi_origin *at)
{
	for (size_t i = 0; parents != NULL && parents[i] != NULL; i++) {
		const struct config_section *found =
			envoi_config_find(reader->config, parents[i]);
		bool itself = strcmp(parents[i], name) == 0;
		struct envoi_error error;
		if (found == NULL) {
			(void)envoi_config_error(&error, at,
				"account %s inherits from %s, which is not defined %s",
				name, parents[i], itself ? "in a system file" : "above");
			tell(reader, &error);
		} else if (itself && found->file->system == reader->system) {
			(void)envoi_config_error(
				&error, at, "account %s inherits from itself", name);
			tell(reader, &error);
		}
	}
}

int envoi_config_read_account(struct envoi_config_reader *reader,
	struct envoi_span argument, const struct envoi_origin *at)
{
	const char *why = NULL;
	const char *colon = memchr(argument.data, ':', argument.len);
	size_t n = colon != NULL ? (size_t)(colon - argument.data) : argument.len;
	char **parents = NULL;
	int result = 0;
	char *name = take_name((struct envoi_span){argument.data, n}, &why);
	if (name != NULL && colon != NULL) {
		struct envoi_span list = {colon + 1, argument.len - n - 1};
		result = take_parents(list, &parents, &why);
	}
	if (result < 0 || (name == NULL && why == NULL)) {
		free(name);
		free_names(parents);
		return -1;
	}
	if (why != NULL) {
		struct envoi_error error;
		(void)envoi_config_error(&error, at, "account: %s", why);
		tell(reader, &error);
		free_names(parents);
		parents = NULL;
		if (name == NULL) {
			/* Whatever follows is some account's, but whose? */
			reader->section = envoi_config_begin(
				reader->config, NULL, reader->file, at->line);
			return reader->section != NULL ? 0 : -1;
		}
	}
	check_parents(reader, name, parents, at);
	return envoi_config_begin_account(reader, name, parents, at->line);
}
