/*
 * Reading configuration files into sections and entries.
 *
 *     file    = *( [ blanks ] [ line ] LF )
 *     line    = "#" anything
 *             | "defaults"
 *             | "account" name [ ":" name *( "," name ) ]
 *             | "include" path
 *             | "eval" command
 *             | keyword [ argument ]
 *
 * Blanks around an argument do not count, nor does a CR at the end of a line;
 * an argument that begins and ends with a double quote loses both. A bad line
 * is told and skipped.
 */
#include "config/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/secret.h"
#include "config/path.h"

/* -- lines ------------------------------------------------------------------- */

void envoi_config_split(struct envoi_span line, struct envoi_span *ret_keyword,
	struct envoi_span *ret_argument)
{
	if (line.len > 0 && line.data[line.len - 1] == '\r') {
		line.len--;
	}
	line = envoi_span_trim(line);
	*ret_keyword = *ret_argument = (struct envoi_span){line.data, 0};
	if (line.len == 0 || line.data[0] == '#') {
		return;
	}
	*ret_keyword = envoi_span_word(&line);
	*ret_argument = envoi_span_trim(line);
}

/* A name or path in quotes; a quote inside means that they are no pair. */
static struct envoi_span unquote(struct envoi_span span)
{
	if (span.len >= 2 && span.data[0] == '"' && span.data[span.len - 1] == '"'
		&& memchr(span.data + 1, '"', span.len - 2) == NULL) {
		return (struct envoi_span){span.data + 1, span.len - 2};
	}
	return span;
}

static bool has_control(struct envoi_span span)
{
	for (size_t i = 0; i < span.len; i++) {
		unsigned char c = (unsigned char)span.data[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			return true;
		}
	}
	return false;
}

static int unknown(struct envoi_span name, const struct envoi_origin *origin,
	struct envoi_error *err)
{
	const char *guess = envoi_keyword_guess(name);
	/* Of "password=secret" not more than needed. */
	const char *equals = memchr(name.data, '=', name.len);
	size_t shown = equals != NULL ? (size_t)(equals - name.data) + 1 : name.len;
	int n = shown > 40 ? 40 : (int)shown;
	(void)envoi_config_error(err, origin, "no such keyword: \"%.*s\"", n, name.data);
	if (guess != NULL) {
		envoi_error_hint(err, "did you mean %s?", guess);
	} else if (equals != NULL) {
		envoi_error_hint(err, "a keyword and its argument have a blank between "
				      "them, and no \"=\"");
	}
	return -1;
}

int envoi_config_understand(struct envoi_span name, struct envoi_span argument,
	const struct envoi_origin *origin, const struct envoi_keyword **ret_keyword,
	char **ret_text, struct envoi_error *err)
{
	char why[320];
	const struct envoi_keyword *keyword = envoi_keyword_find(name);
	if (keyword == NULL || (keyword->flags & ENVOI_KEYWORD_OPTION) != 0) {
		return unknown(name, origin, err);
	}
	if (has_control(argument) && (keyword->flags & ENVOI_KEYWORD_SECRET) == 0) {
		return envoi_config_error(
			err, origin, "%s: a control character", keyword->name);
	}
	*ret_text = envoi_keyword_value(keyword, argument, why, sizeof(why));
	if (*ret_text == NULL) {
		return why[0] == '\0' ? envoi_config_no_memory(err)
				      : envoi_config_error(
					      err, origin, "%s %s", keyword->name, why);
	}
	*ret_keyword = keyword;
	return 0;
}

/* -- repeated and contradictory lines ---------------------------------------- */

static bool adds_up(const struct envoi_keyword *keyword, const struct config_file *file)
{
	/* msmtp takes the last of several from lines. */
	return (keyword->flags & ENVOI_KEYWORD_REPEAT) != 0
	       && !(keyword->key == ENVOI_KEY_FROM && file->msmtp);
}

/* What is to be said about two settings of one section, if anything. */
static int compare(const struct envoi_config_reader *reader,
	const struct config_entry *first, const struct config_entry *second,
	enum envoi_severity *ret_severity, struct envoi_error *err)
{
	const char *name = second->keyword->name;
	bool same = strcmp(first->text, second->text) == 0;
	char where[160];
	if (first->file == second->file) {
		(void)snprintf(where, sizeof(where), "line %u", first->origin.line);
	} else {
		(void)snprintf(where, sizeof(where), "%s:%u", first->origin.name,
			first->origin.line);
	}
	*ret_severity = ENVOI_SEVERITY_WARNING;
	if (first->keyword->key != second->keyword->key) {
		if (second->keyword->key == ENVOI_KEY_TLS_PIN
			|| first->keyword->key == ENVOI_KEY_TLS_PIN
			|| first->text[0] == '\0' || second->text[0] == '\0') {
			return 0;
		}
		if (!reader->msmtp) {
			*ret_severity = ENVOI_SEVERITY_ERROR;
		}
		return envoi_config_error(err, &second->origin,
			"%s and %s (%s) exclude each other", name, first->keyword->name,
			where);
	}
	if (adds_up(second->keyword, reader->file)) {
		return !same ? 0
			     : envoi_config_error(err, &second->origin,
				     "%s is repeated, first in %s", name, where);
	}
	if (same) {
		return envoi_config_error(
			err, &second->origin, "%s is repeated, first in %s", name, where);
	}
	if ((second->keyword->flags & ENVOI_KEYWORD_DANGER) != 0) {
		*ret_severity = ENVOI_SEVERITY_ERROR;
		return envoi_config_error(err, &second->origin,
			"%s says something else in %s", name, where);
	}
	return envoi_config_error(
		err, &second->origin, "%s takes the place of the one in %s", name, where);
}

static void check_repeated(struct envoi_config_reader *reader, struct config_entry *entry)
{
	unsigned long long group = envoi_key_group(entry->keyword->key);
	for (size_t i = reader->section->count - 1; i-- > 0;) {
		const struct config_entry *first = reader->section->entries[i];
		struct envoi_error error;
		enum envoi_severity severity;
		if (first->keyword != NULL && (group & (1ULL << first->keyword->key)) != 0
			&& compare(reader, first, entry, &severity, &error) != 0) {
			envoi_config_tell(reader->config, severity, &error);
			return;
		}
	}
}

/* -- settings ---------------------------------------------------------------- */

/* A setting before any section: msmtp begins an account called default. */
static int need_section(struct envoi_config_reader *reader, unsigned line)
{
	if (reader->section != NULL) {
		return 0;
	}
	char *name = strdup("default");
	if (name == NULL) {
		return -1;
	}
	if (envoi_config_begin_account(reader, name, NULL, line) != 0) {
		return -1;
	}
	reader->section->implicit = true;
	return 0;
}

static int add_setting(struct envoi_config_reader *reader, struct envoi_span name,
	struct envoi_span argument, const struct envoi_origin *at)
{
	const struct envoi_keyword *keyword = NULL;
	char *text = NULL;
	struct envoi_error error;
	bool eval = envoi_span_equal(name, envoi_span_of("eval"));
	if (eval) {
		argument = unquote(argument);
		if (argument.len == 0 || has_control(argument)) {
			(void)envoi_config_error(&error, at, "eval %s",
				argument.len == 0 ? "needs an argument"
						  : "has a control character");
			envoi_config_tell(reader->config, ENVOI_SEVERITY_ERROR, &error);
			return 0;
		}
		text = envoi_span_dup(argument);
	} else if (envoi_config_understand(name, argument, at, &keyword, &text, &error)
		   != 0) {
		if (error.status == ENVOI_STATUS_SYSTEM) {
			return -1;
		}
		envoi_config_tell(reader->config, ENVOI_SEVERITY_ERROR, &error);
		return 0;
	}
	if (text == NULL) {
		return -1;
	}
	if (need_section(reader, at->line) != 0) {
		free(text);
		return -1;
	}
	struct envoi_origin origin = *at;
	origin.account = reader->section->name;
	struct config_entry *entry = envoi_config_add(
		reader->config, reader->section, keyword, text, &origin, reader->file);
	if (entry == NULL) {
		return -1;
	}
	if (keyword != NULL) {
		check_repeated(reader, entry);
		if ((keyword->flags & ENVOI_KEYWORD_SECRET) != 0 && entry->text[0] != '\0'
			&& reader->file->secret_line == 0) {
			reader->file->secret_line = at->line;
		}
	}
	return 0;
}

/* -- files ------------------------------------------------------------------- */

static int read_include(struct envoi_config_reader *reader, struct envoi_span argument,
	const struct envoi_origin *at)
{
	struct envoi_error error = ENVOI_ERROR_NONE;
	argument = unquote(argument);
	char *text = envoi_span_dup(argument);
	char *path = NULL;
	int result = text == NULL ? -1 : 0;
	if (argument.len == 0) {
		(void)envoi_config_error(&error, at, "include needs an argument");
	} else if (has_control(argument)) {
		(void)envoi_config_error(&error, at, "include: a control character");
	} else if (result == 0 && text[0] == '/') {
		path = text;
		text = NULL;
	} else if (result == 0 && text[0] == '~') {
		path = envoi_path_expand(text, &error);
	} else if (result == 0) {
		/* Beside the file it stands in, never in the current folder. */
		const char *here = reader->file->path;
		size_t n = (size_t)(strrchr(here, '/') - here) + 1;
		path = malloc(n + argument.len + 1);
		if (path != NULL) {
			memcpy(path, here, n);
			memcpy(path + n, text, argument.len + 1);
		}
		result = path == NULL ? -1 : 0;
	}
	if (path != NULL) {
		result = envoi_config_read_included(reader, path, at);
	} else if (error.status != ENVOI_STATUS_OK) {
		envoi_config_tell(reader->config, ENVOI_SEVERITY_ERROR, &error);
		result = 0;
	}
	free(path);
	free(text);
	return result;
}

static int read_line(
	struct envoi_config_reader *reader, struct envoi_span line, unsigned number)
{
	struct envoi_span name, argument;
	struct envoi_origin at = {
		.kind = ENVOI_ORIGIN_FILE, .name = reader->file->path, .line = number};
	envoi_config_split(line, &name, &argument);
	if (name.len == 0) {
		return 0;
	}
	if (envoi_span_equal(name, envoi_span_of("account"))) {
		return envoi_config_read_account(reader, unquote(argument), &at);
	}
	if (envoi_span_equal(name, envoi_span_of("defaults"))) {
		return envoi_config_read_defaults(reader, argument, &at);
	}
	if (envoi_span_equal(name, envoi_span_of("include"))) {
		return read_include(reader, argument, &at);
	}
	return add_setting(reader, name, argument, &at);
}

/* What keeps the rest of a file from being read; told. */
static bool is_fit(
	struct envoi_config_reader *reader, struct envoi_span line, unsigned number)
{
	struct envoi_error error;
	struct envoi_origin at = {
		.kind = ENVOI_ORIGIN_FILE, .name = reader->file->path, .line = number};
	if (memchr(line.data, '\0', line.len) != NULL) {
		(void)envoi_config_error(&error, &at, "a NUL: this is no text file");
	} else if (line.len > ENVOI_LIMIT_CONFIG_LINE) {
		(void)envoi_config_error(&error, &at, "a line of more than %d octets",
			ENVOI_LIMIT_CONFIG_LINE);
	} else if (reader->config->entry_count >= ENVOI_LIMIT_CONFIG_ENTRIES
		   || reader->config->section_count >= ENVOI_LIMIT_CONFIG_ENTRIES) {
		(void)envoi_config_error(
			&error, &at, "more than %d settings", ENVOI_LIMIT_CONFIG_ENTRIES);
	} else {
		return true;
	}
	envoi_config_tell(reader->config, ENVOI_SEVERITY_ERROR, &error);
	return false;
}

int envoi_config_read_text(struct envoi_config_reader *reader, const char *text, size_t n)
{
	/* What some editors put in front of UTF-8. */
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		n -= 3;
	}
	for (unsigned number = 1; n > 0; number++) {
		const char *end = memchr(text, '\n', n);
		struct envoi_span line = {text, end != NULL ? (size_t)(end - text) : n};
		if (!is_fit(reader, line, number)) {
			return 0;
		}
		if (read_line(reader, line, number) != 0) {
			return -1;
		}
		size_t used = line.len + (end != NULL);
		text += used;
		n -= used;
	}
	return 0;
}
