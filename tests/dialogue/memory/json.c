/*
 * Values of a report; see the header. Knows that what it reads is well-formed.
 */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* One character, or what an escape stands for, as UTF-8. */
static const char *read_character(const char *at, struct envoi_buffer *out)
{
	static const char names[] = "\"\\/bfnrt";
	static const char octets[] = {'"', '\\', '/', '\b', '\f', '\n', '\r', '\t'};
	if (*at != '\\') {
		text_append(out, at, 1);
		return at + 1;
	}
	const char *simple = strchr(names, at[1]);
	if (at[1] != 'u' && simple != NULL) {
		text_append(out, &octets[simple - names], 1);
		return at + 2;
	}
	char digits[5] = "";
	memcpy(digits, at + 2, 4);
	unsigned code = (unsigned)strtoul(digits, NULL, 16);
	if (code < 0x80) {
		text_printf(out, "%c", (int)code);
	} else if (code < 0x800) {
		text_printf(out, "%c%c", (int)(0xc0 | code >> 6),
			(int)(0x80 | (code & 0x3f)));
	} else {
		text_printf(out, "%c%c%c", (int)(0xe0 | code >> 12),
			(int)(0x80 | (code >> 6 & 0x3f)), (int)(0x80 | (code & 0x3f)));
	}
	return at + 6;
}

static const char *skip_string(const char *at)
{
	for (at++; *at != '"'; at++) {
		at += *at == '\\' ? 1 : 0;
	}
	return at + 1;
}

static const char *skip_value(const char *at)
{
	if (*at == '"') {
		return skip_string(at);
	}
	if (*at != '{' && *at != '[') {
		return at + strcspn(at, ",]}\n");
	}
	unsigned depth = 0;
	do {
		if (*at == '"') {
			at = skip_string(at);
			continue;
		}
		depth += *at == '{' || *at == '[';
		depth -= *at == '}' || *at == ']';
		at++;
	} while (depth > 0);
	return at;
}

static const char *find_key(const char *at, const char *key, size_t n)
{
	if (*at != '{') {
		return NULL;
	}
	for (at++; *at == '"';) {
		const char *name = at + 1;
		at = skip_string(at);
		bool found = (size_t)(at - name) - 1 == n && memcmp(name, key, n) == 0;
		at++;
		if (found) {
			return at;
		}
		at = skip_value(at);
		at += *at == ',' ? 1 : 0;
	}
	return NULL;
}

static const char *find_index(const char *at, unsigned long index)
{
	if (*at != '[' || at[1] == ']') {
		return NULL;
	}
	for (at++; index > 0; index--) {
		at = skip_value(at);
		if (*at++ != ',') {
			return NULL;
		}
	}
	return at;
}

static bool has_value(const char *line, const char *key, const char *value)
{
	const char *at = find_key(line, key, strlen(key));
	return at != NULL && strncmp(at, value, strlen(value)) == 0
	       && strchr(",}", at[strlen(value)]) != NULL;
}

/* The line of the object of this type and index; or counts the type. */
static const char *find_line(
	const char *report, const char *type, size_t n, const char *index, size_t *count)
{
	char quoted[32];
	(void)snprintf(quoted, sizeof(quoted), "\"%.*s\"", (int)n, type);
	for (const char *line = report; *line != '\0';) {
		if (has_value(line, "type", quoted)) {
			(*count)++;
			if (index != NULL && has_value(line, "index", index)) {
				return line;
			}
		}
		line = strchr(line, '\n') + 1;
	}
	return NULL;
}

static const char *walk(const char *at, const char *path)
{
	while (at != NULL && *path != '\0') {
		if (*path == '[') {
			at = find_index(at, strtoul(path + 1, NULL, 10));
			path = strchr(path, ']') + 1;
			continue;
		}
		path += *path == '.' ? 1 : 0;
		size_t n = strcspn(path, ".[");
		at = find_key(at, path, n);
		path += n;
	}
	return at;
}

bool json_look(struct envoi_span span, const char *path, struct envoi_buffer *ret_value)
{
	char *report = text_copy(span.data, span.len);
	size_t n = strcspn(path, "[");
	size_t count = 0;
	char index[24] = "";
	const char *at = NULL;
	if (path[n] == '\0') {
		(void)find_line(report, path, n - 1, NULL, &count);
		text_printf(ret_value, "%zu", count);
		free(report);
		return true;
	}
	size_t digits = strcspn(path + n + 1, "]");
	memcpy(index, path + n + 1, digits < sizeof(index) ? digits : 0);
	at = find_line(report, path, n, index, &count);
	at = at != NULL ? walk(at, path + n + digits + 2) : NULL;
	if (at != NULL && *at == '"') {
		for (at++; *at != '"';) {
			at = read_character(at, ret_value);
		}
	} else if (at != NULL) {
		text_append(ret_value, at, (size_t)(skip_value(at) - at));
	}
	free(report);
	return at != NULL;
}
