/*
 * Reading an alias file; see the header for what it is.
 *
 *     file    = *( line / continued )
 *     line    = [ name ":" targets ] [ comment ] end
 *     name    = local-part / quoted / address
 *     targets = the list of RFC 5322 3.4, a target perhaps with "\" before it
 *     comment = "#" at the beginning of a line or behind a blank
 *
 * A line with a fault is kept as a name that must not be used: mail for it is
 * refused, and does not go where the line before it says.
 */
#include "config/aliases_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <envoi/address.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "base/secret.h"
#include "config/path.h"

static int no_memory(struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

int envoi_aliases_tell(
	struct envoi_aliases *aliases, unsigned line, const char *format, ...)
{
	char text[300];
	if (aliases->fault_count >= ENVOI_LIMIT_DIAGNOSTICS) {
		return 0;
	}
	struct alias_fault *grown = realloc(
		aliases->faults, (aliases->fault_count + 1) * sizeof(*aliases->faults));
	if (grown == NULL) {
		return -1;
	}
	aliases->faults = grown;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	struct alias_fault *fault = &grown[aliases->fault_count++];
	fault->line = line;
	fault->error = ENVOI_ERROR_NONE;
	(void)envoi_error_set(&fault->error, ENVOI_STATUS_CONFIG, "%.200s:%u: %s",
		aliases->name, line, text);
	return 0;
}

int envoi_aliases_compare(const char *a, const char *b)
{
	return strcasecmp(a, b);
}

/* -- one line ---------------------------------------------------------------- */

struct line {
	struct envoi_aliases *aliases;
	struct alias *alias;
	const char *text;
	/** Behind a backslash. */
	bool final;
};

static int fault(struct line *line, const char *what, const char *text, size_t n)
{
	line->alias->faulty = true;
	return envoi_aliases_tell(line->aliases, line->alias->line, "%s: %.*s", what,
		(int)(n < 100 ? n : 100), text);
}

/* What makes a target none that mail can go to; NULL: nothing. */
static const char *forbidden(const char *text, size_t n)
{
	/* Its first colon is taken for the end of a group's name. */
	static const char include[] = "include:";
	if (n > 0 && text[0] == '"') {
		text++;
		n--;
	}
	if (n > 0 && text[0] == '|') {
		return "a command as target, mail goes to addresses only";
	}
	if (n > 0 && text[0] == '/') {
		return "a file as target, mail goes to addresses only";
	}
	if (n > 0 && text[0] == ':') {
		text++;
		n--;
	}
	if (n >= sizeof(include) - 1
		&& strncasecmp(text, include, sizeof(include) - 1) == 0) {
		return "a list of another file as target, mail goes to addresses only";
	}
	return NULL;
}

static int add_target(struct line *line, const char *mailbox, bool bare, bool final,
	struct envoi_error *err)
{
	struct alias *alias = line->alias;
	if ((alias->count & (alias->count + 1)) == 0) {
		size_t room = (alias->count + 1) * 2;
		struct alias_target *grown =
			realloc(alias->targets, room * sizeof(*grown));
		if (grown == NULL) {
			return no_memory(err);
		}
		alias->targets = grown;
	}
	struct alias_target *target = &alias->targets[alias->count];
	*target = (struct alias_target){strdup(mailbox), bare, final};
	if (target->mailbox == NULL) {
		return no_memory(err);
	}
	alias->count++;
	return 0;
}

static int take_final(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct line *line = context;
	if (item->mailbox == NULL) {
		return fault(line, "this is no target", line->text + item->start - 1,
			       item->end - item->start + 1)
				       == 0
			       ? 0
			       : no_memory(err);
	}
	return add_target(line, item->mailbox, item->bare, true, err);
}

static int take_target(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct line *line = context;
	const char *text = line->text + item->start;
	size_t n = item->end - item->start;
	const char *what = forbidden(text, n);
	if (what == NULL && n > 1 && text[0] == '\\') {
		struct line inner = *line;
		inner.text = text + 1;
		return envoi_address_list_parse(text + 1, n - 1, take_final, &inner, err);
	}
	if (what == NULL && item->mailbox == NULL) {
		what = "this is no target";
	}
	if (what != NULL) {
		return fault(line, what, text, n) == 0 ? 0 : no_memory(err);
	}
	bool self = envoi_aliases_compare(item->mailbox, line->alias->name) == 0;
	return add_target(line, item->mailbox, item->bare, self, err);
}

static int take_name(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct line *line = context;
	if (item->mailbox == NULL || line->alias->name != NULL) {
		line->alias->faulty = true;
		return 0;
	}
	line->alias->name = strdup(item->mailbox);
	return line->alias->name != NULL ? 0 : no_memory(err);
}

/* Up to the first colon outside of quotes; n: there is none. */
static size_t find_colon(const char *text, size_t n)
{
	bool quoted = false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '"') {
			quoted = !quoted;
		} else if (quoted && text[i] == '\\') {
			i++;
		} else if (!quoted && text[i] == ':') {
			return i;
		}
	}
	return n;
}

static struct alias *add_alias(struct envoi_aliases *aliases, unsigned number)
{
	if ((aliases->count & (aliases->count + 1)) == 0) {
		size_t room = (aliases->count + 1) * 2;
		struct alias *grown = realloc(aliases->list, room * sizeof(*grown));
		if (grown == NULL) {
			return NULL;
		}
		aliases->list = grown;
	}
	struct alias *alias = &aliases->list[aliases->count++];
	*alias = (struct alias){.line = number};
	return alias;
}

static void finish_alias(struct alias *alias)
{
	for (size_t i = 0; i < alias->count; i++) {
		free(alias->targets[i].mailbox);
	}
	free(alias->targets);
	free(alias->name);
}

/* A whole line, its continuations joined by blanks. */
static int read_line(struct envoi_aliases *aliases, unsigned number, const char *text,
	size_t n, struct envoi_error *err)
{
	size_t colon = find_colon(text, n);
	if (n == 0) {
		return 0;
	}
	if (memchr(text, '\0', n) != NULL || colon == n) {
		return envoi_aliases_tell(aliases, number, "no \"name: target\"") == 0
			       ? 0
			       : no_memory(err);
	}
	struct line line = {.aliases = aliases, .alias = add_alias(aliases, number)};
	if (line.alias == NULL) {
		return no_memory(err);
	}
	if (envoi_address_list_parse(text, colon, take_name, &line, err) != 0) {
		return -1;
	}
	if (line.alias->name == NULL || line.alias->faulty) {
		finish_alias(line.alias);
		aliases->count--;
		return envoi_aliases_tell(aliases, number, "this is no name: %.*s",
			       (int)(colon < 100 ? colon : 100),
			       text) == 0
			       ? 0
			       : no_memory(err);
	}
	line.text = text + colon + 1;
	if (envoi_address_list_parse(line.text, n - colon - 1, take_target, &line, err)
		!= 0) {
		return -1;
	}
	if (line.alias->count == 0 && !line.alias->faulty) {
		return fault(&line, "no target for", text, colon) == 0 ? 0
								       : no_memory(err);
	}
	return 0;
}

/* -- the lines --------------------------------------------------------------- */

/* Without the line end, a comment, and blanks at the end. */
static size_t line_length(const char *text, size_t n)
{
	bool quoted = false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '"') {
			quoted = !quoted;
		} else if (quoted && text[i] == '\\') {
			i++;
		} else if (!quoted && text[i] == '#'
			   && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t')) {
			n = i;
		}
	}
	while (n > 0 && strchr(" \t\r", text[n - 1]) != NULL && text[n - 1] != '\0') {
		n--;
	}
	return n;
}

static int read_lines(struct envoi_aliases *aliases, const char *text, size_t n,
	struct envoi_error *err)
{
	struct envoi_buffer joined;
	unsigned number = 0, first = 0;
	int result = 0;
	envoi_buffer_init(&joined, n + 2);
	while (result == 0 && n > 0) {
		const char *lf = memchr(text, '\n', n);
		size_t whole = lf != NULL ? (size_t)(lf - text) + 1 : n;
		size_t length = line_length(text, lf != NULL ? whole - 1 : whole);
		bool more = text[0] == ' ' || text[0] == '\t';
		number++;
		if (length > 0 && !more) {
			struct envoi_span line = envoi_buffer_span(&joined);
			result = read_line(aliases, first, line.data, line.len, err);
			envoi_buffer_clear(&joined);
			first = number;
		}
		if (length > 0 && more && first == 0) {
			result = envoi_aliases_tell(aliases, number,
					 "goes on with a line that is not there")
						 == 0
					 ? 0
					 : no_memory(err);
		} else if (length > 0 && result == 0
			   && envoi_buffer_append(&joined, text, length) != 0) {
			result = no_memory(err);
		}
		text += whole;
		n -= whole;
	}
	if (result == 0) {
		struct envoi_span line = envoi_buffer_span(&joined);
		result = read_line(aliases, first, line.data, line.len, err);
	}
	envoi_buffer_finish(&joined);
	return result;
}

static int by_name(const void *a, const void *b)
{
	const struct alias *x = a, *y = b;
	int order = envoi_aliases_compare(x->name, y->name);
	return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static int by_line(const void *a, const void *b)
{
	const struct alias_fault *x = a, *y = b;
	return (x->line > y->line) - (x->line < y->line);
}

/* Sorts; of a name that stands there twice, the first one counts. */
static int sort(struct envoi_aliases *aliases)
{
	size_t kept = 0;
	if (aliases->count > 0) {
		qsort(aliases->list, aliases->count, sizeof(*aliases->list), by_name);
	}
	for (size_t i = 0; i < aliases->count; i++) {
		struct alias *alias = &aliases->list[i];
		if (kept == 0
			|| envoi_aliases_compare(
				   aliases->list[kept - 1].name, alias->name)
				   != 0) {
			if (kept != i) {
				aliases->list[kept] = *alias;
				*alias = (struct alias){0};
			}
			kept++;
			continue;
		}
		int told = envoi_aliases_tell(aliases, alias->line,
			"%.100s stands in line %u already", alias->name,
			aliases->list[kept - 1].line);
		finish_alias(alias);
		*alias = (struct alias){0};
		if (told != 0) {
			/* What was not looked at stays, for the free. */
			return -1;
		}
	}
	aliases->count = kept;
	return 0;
}

int envoi_aliases_parse(const char *name, const char *text, size_t n,
	struct envoi_aliases **ret_aliases, struct envoi_error *err)
{
	struct envoi_aliases *aliases = calloc(1, sizeof(*aliases));
	if (aliases == NULL || (aliases->name = strdup(name)) == NULL) {
		envoi_aliases_free(aliases);
		return no_memory(err);
	}
	if (read_lines(aliases, text, n, err) != 0) {
		envoi_aliases_free(aliases);
		return -1;
	}
	if (sort(aliases) != 0 || envoi_aliases_check_loops(aliases) != 0) {
		envoi_aliases_free(aliases);
		return no_memory(err);
	}
	if (aliases->fault_count > 0) {
		qsort(aliases->faults, aliases->fault_count, sizeof(*aliases->faults),
			by_line);
	}
	*ret_aliases = aliases;
	return 0;
}

int envoi_aliases_load(
	const char *path, struct envoi_aliases **ret_aliases, struct envoi_error *err)
{
	struct envoi_secret content = {0};
	char *whole = envoi_path_expand(path, err);
	if (whole == NULL) {
		return -1;
	}
	int fd = envoi_path_open(whole, 0, err);
	int result =
		fd < 0 ? -1
		       : envoi_path_read(fd, whole, ENVOI_LIMIT_ALIASES, &content, err);
	if (result == 0) {
		result = envoi_aliases_parse(
			whole, content.data, content.length, ret_aliases, err);
		envoi_secret_finish(&content);
	}
	free(whole);
	return result;
}

void envoi_aliases_free(struct envoi_aliases *aliases)
{
	if (aliases == NULL) {
		return;
	}
	for (size_t i = 0; i < aliases->count; i++) {
		finish_alias(&aliases->list[i]);
	}
	free(aliases->list);
	free(aliases->faults);
	free(aliases->name);
	free(aliases);
}

size_t envoi_aliases_count(const struct envoi_aliases *aliases)
{
	size_t n = 0;
	for (size_t i = 0; i < aliases->count; i++) {
		n += !aliases->list[i].faulty;
	}
	return n;
}

const struct envoi_error *envoi_aliases_fault(
	const struct envoi_aliases *aliases, size_t i)
{
	return i < aliases->fault_count ? &aliases->faults[i].error : NULL;
}
