/*
 * Reading conversation files; see the header.
 */
#include "form.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "form_internal.h"
#include "text.h"

void form_fail(struct reader *r, const char *format, ...)
{
	char text[200];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!r->bad) {
		(void)snprintf(
			r->error, r->error_size, "%s:%u: %s", r->c->path, r->line, text);
	}
	r->bad = true;
}

struct envoi_span form_keep(struct envoi_span span)
{
	return (struct envoi_span){text_copy(span.data, span.len), span.len};
}

static char *keep_string(struct envoi_span span)
{
	return text_copy(span.data, span.len);
}

void form_extend(struct envoi_span *span, struct envoi_span more)
{
	char *grown = text_alloc(span->len + more.len + 1, 1);
	memcpy(grown, span->data, span->len);
	memcpy(grown + span->len, more.data, more.len);
	free((char *)(uintptr_t)span->data);
	*span = (struct envoi_span){grown, span->len + more.len};
}

static void add_string(char ***list, size_t *count, struct envoi_span text)
{
	*list = text_more(*list, *count, sizeof(**list));
	(*list)[(*count)++] = keep_string(text);
}

/* -- the head ---------------------------------------------------------------- */

static void take_blob(struct reader *r, struct envoi_span name, bool source)
{
	struct conversation *c = r->c;
	c->blobs = text_more(c->blobs, c->blob_count, sizeof(*c->blobs));
	r->blob = &c->blobs[c->blob_count++];
	*r->blob = (struct blob){
		.name = keep_string(name), .data = form_keep(envoi_span_of(""))};
	if (source) {
		add_string(&c->sources, &c->source_count, name);
	}
}

/* Ports and sockets are names only. */
static void replace(struct envoi_buffer *out, struct envoi_span text)
{
	static const struct {
		const char *name, *value;
	} names[] = {{"@PORT@", "2525"}, {"@PORT2@", "2526"}, {"@SOCKET@", "/socket"}};
	while (text.len > 0) {
		size_t used = 0;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (envoi_span_starts_nocase(text, names[i].name)) {
				text_printf(out, "%s", names[i].value);
				used = strlen(names[i].name);
			}
		}
		if (used == 0) {
			text_append(out, text.data, 1);
			used = 1;
		}
		text.data += used;
		text.len -= used;
	}
}

static void take_server(struct reader *r)
{
	struct conversation *c = r->c;
	struct envoi_span rest = r->text;
	struct envoi_span kind = envoi_span_word(&rest);
	struct envoi_span url = envoi_span_trim(rest);
	if (kind.len > 0 && memchr(kind.data, '+', kind.len) != NULL) {
		c->unfit = "several addresses of one name";
	}
	if (url.len == 0) {
		url = envoi_span_of(envoi_span_equal_nocase(kind, "unix")
					    ? "lmtp+unix:@SOCKET@"
				    : kind.len > 0 && kind.data[kind.len - 1] == '6'
					    ? "smtp://[::1]:@PORT@"
					    : "smtp://127.0.0.1:@PORT@");
	}
	struct envoi_buffer text;
	text_init(&text);
	replace(&text, url);
	c->servers = text_more(c->servers, c->server_count, sizeof(*c->servers));
	c->servers[c->server_count++] = (struct listener){
		.url = keep_string(envoi_buffer_span(&text)),
		.dead = envoi_span_equal_nocase(kind, "refuse")
			|| envoi_span_starts_nocase(kind, "blackhole"),
	};
	envoi_buffer_finish(&text);
}

static void take_connect(struct reader *r)
{
	struct conversation *c = r->c;
	c->connections =
		text_more(c->connections, c->connection_count, sizeof(*c->connections));
	r->connection = &c->connections[c->connection_count++];
	unsigned long server = r->raw.len > 0 ? strtoul(r->raw.data, NULL, 10) : 1;
	*r->connection = (struct connection){.line = r->line, .server = (size_t)server};
	r->glue = false;
}

static void take_expectation(struct reader *r, bool pattern)
{
	struct conversation *c = r->c;
	struct envoi_span rest = r->raw;
	struct envoi_span path = envoi_span_word(&rest);
	struct envoi_buffer value;
	text_init(&value);
	struct envoi_span raw = {rest.data + 1, rest.len > 0 ? rest.len - 1 : 0};
	if (pattern) {
		text_append(&value, raw.data, raw.len);
	} else if (text_unescape(&value, raw.data, raw.len, r->round) != 0) {
		form_fail(r, "an escape is wrong");
	}
	c->expectations = text_more(
		c->expectations, c->expectation_count, sizeof(*c->expectations));
	c->expectations[c->expectation_count++] = (struct expectation){
		.line = r->line,
		.pattern = pattern,
		.path = keep_string(path),
		.value = keep_string(envoi_buffer_span(&value)),
	};
	envoi_buffer_finish(&value);
}

/* What cannot be said in memory makes the case one that is not played. */
static const struct {
	const char *keyword, *unfit;
} unfit[] = {
	{"command", "another command than send"},
	{"stdin-hold", "a slow standard input"},
	{"stdin-kind", "no standard input"},
	{"stdout", "trouble with stdout"},
	{"file-size-limit", "a full disk"},
	{"size", "a big file"},
	{"early-signal", "a signal before the first connection"},
	{"resolver", "a resolver that does not answer"},
	{"no-helo", "the name of the machine"},
	{"no-from", "a wrong command line"},
	{"user", "a login"},
	{"password", "a login"},
	{"secret", "a login"},
	{"auth", "a login"},
	{"mode", "a login"},
};

/* What a play in memory has no use for. */
static const char *const without_meaning[] = {
	"title",
	"situations",
	"needs",
	"report",
	"env",
	"hosts",
	"messages",
	"recipients",
	"stdout-has",
	"stdout-lacks",
	"stdout-match",
	"stderr-has",
	"stderr-lacks",
	"stderr-match",
	"no-server",
};

static bool take_head(struct reader *r, const char *keyword)
{
	struct conversation *c = r->c;
	if (strcmp(keyword, "from") == 0) {
		free(c->sender);
		c->sender = keep_string(r->text);
	} else if (strcmp(keyword, "helo") == 0) {
		free(c->helo);
		c->helo = keep_string(r->text);
	} else if (strcmp(keyword, "to") == 0) {
		add_string(&c->recipients, &c->recipient_count, r->text);
	} else if (strcmp(keyword, "repair") == 0) {
		c->repair = true;
	} else if (strcmp(keyword, "no-to") == 0) {
		r->no_recipients = true;
	} else if (strcmp(keyword, "arg") == 0) {
		add_string(&c->args, &c->arg_count, r->text);
	} else if (strcmp(keyword, "message") == 0) {
		take_blob(r, r->text, true);
	} else if (strcmp(keyword, "stdin") == 0) {
		/* A file of that name, which is no special one. */
		take_blob(r, envoi_span_of("./-"), true);
	} else if (strcmp(keyword, "file") == 0) {
		take_blob(r, r->text, false);
	} else if (strcmp(keyword, "no-message") == 0) {
		r->no_message = true;
	} else if (strcmp(keyword, "server") == 0) {
		take_server(r);
	} else if (strcmp(keyword, "connect") == 0) {
		take_connect(r);
	} else if (strcmp(keyword, "exit") == 0) {
		c->exit = atoi(r->raw.data);
	} else if (strcmp(keyword, "timeout") == 0) {
		c->timeout = atof(r->raw.data);
	} else if (strcmp(keyword, "expect") == 0) {
		take_expectation(r, false);
	} else if (strcmp(keyword, "expect-match") == 0) {
		take_expectation(r, true);
	} else {
		return false;
	}
	return true;
}

static bool passes_over(struct reader *r, const char *keyword)
{
	for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
		if (strcmp(keyword, unfit[i].keyword) == 0) {
			r->c->unfit = unfit[i].unfit;
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(without_meaning) / sizeof(without_meaning[0]);
		i++) {
		if (strcmp(keyword, without_meaning[i]) == 0) {
			return true;
		}
	}
	return false;
}

static void take(struct reader *r, struct envoi_span line)
{
	char keyword[32] = "";
	const char *blank = memchr(line.data, ' ', line.len);
	size_t n = blank != NULL ? (size_t)(blank - line.data) : line.len;
	if (n >= sizeof(keyword)) {
		form_fail(r, "unknown keyword");
		return;
	}
	memcpy(keyword, line.data, n);
	/* A copy with a NUL, for numbers. */
	char *raw =
		blank != NULL ? text_copy(blank + 1, line.len - n - 1) : text_copy("", 0);
	r->raw = envoi_span_of(raw);
	struct envoi_buffer text;
	text_init(&text);
	bool is_wire = n == 2 && strchr("SCM", keyword[0]) != NULL
		       && strchr(":=~", keyword[1]) != NULL;
	bool is_pattern = strcmp(keyword, "C~") == 0 || strstr(keyword, "-match") != NULL;
	if (!is_pattern && strncmp(keyword, "expect", 6) != 0
		&& text_unescape(&text, r->raw.data, r->raw.len, r->round) != 0) {
		if (strstr(raw, "\\b{") != NULL) {
			/* Base64, which only logins have. */
			r->c->unfit = "a login";
		} else {
			form_fail(r, "an escape is wrong");
		}
	}
	r->text =
		(struct envoi_span){text.len > 0 ? text.data + text.start : "", text.len};
	/* Where that is missing, it is made, and another one each time. */
	r->named = r->named
		   || (keyword[0] == 'M'
			   && envoi_span_starts_nocase(r->text, "message-id:"));
	r->matched = r->matched || strcmp(keyword, "C~") == 0;
	if (is_wire) {
		form_take_wire(r, keyword[0], keyword[1]);
	} else if (!form_take_step(r, keyword) && !take_head(r, keyword)
		   && !passes_over(r, keyword)) {
		form_fail(r, "unknown keyword '%s'", keyword);
	}
	envoi_buffer_finish(&text);
	free(raw);
}

/* -- the file ---------------------------------------------------------------- */

static struct envoi_span next_line(struct envoi_span *rest)
{
	const char *lf = memchr(rest->data, '\n', rest->len);
	struct envoi_span line = {
		rest->data, lf != NULL ? (size_t)(lf - rest->data) : rest->len};
	size_t used = lf != NULL ? line.len + 1 : line.len;
	rest->data += used;
	rest->len -= used;
	return line;
}

/* repeat ROUNDS LINES */
static void repeat(struct reader *r, struct envoi_span line, struct envoi_span *rest)
{
	char *text = keep_string(line);
	unsigned rounds = 0, lines = 0;
	if (sscanf(text, "repeat %u %u", &rounds, &lines) != 2) {
		form_fail(r, "repeat wants ROUNDS LINES");
	}
	free(text);
	unsigned first = r->line;
	struct envoi_span begin = *rest;
	for (unsigned round = 1; round <= rounds && !r->bad; round++) {
		*rest = begin;
		r->line = first;
		r->round = round;
		for (unsigned i = 0; i < lines; i++) {
			r->line++;
			take(r, next_line(rest));
		}
	}
	r->round = NO_ROUND;
}

static void read_lines(struct reader *r, struct envoi_span rest)
{
	while (rest.len > 0 && !r->bad) {
		struct envoi_span line = next_line(&rest);
		r->line++;
		if (envoi_span_trim(line).len == 0 || line.data[0] == '#') {
			continue;
		}
		if (envoi_span_starts_nocase(line, "repeat ")) {
			repeat(r, line, &rest);
		} else {
			take(r, line);
		}
	}
}

static void finish(struct reader *r)
{
	struct conversation *c = r->c;
	if (c->recipient_count == 0 && !r->no_recipients) {
		add_string(&c->recipients, &c->recipient_count,
			envoi_span_of("bob@example.org"));
	}
	if (c->source_count == 0 && !r->no_message) {
		take_blob(r, envoi_span_of("hello.eml"), true);
		form_extend(&r->blob->data, envoi_span_of("Subject: hello\n\nhello\n"));
	}
	if (c->server_count == 0) {
		r->text = envoi_span_of("tcp4");
		take_server(r);
	}
	if (c->connection_count == 0 && c->unfit == NULL) {
		c->unfit = "no connection";
	}
	if (c->repair && (!r->named || r->matched) && c->unfit == NULL) {
		c->unfit = "what is made differs each time";
	}
	for (size_t i = 0; i < c->connection_count; i++) {
		r->connection = &c->connections[i];
		size_t n = r->connection->step_count;
		enum deed last = n > 0 ? r->connection->steps[n - 1].deed : DEED_SEND;
		if (last != DEED_CLOSED && last != DEED_STALL && last != DEED_EOF
			&& last != DEED_RESET && last != DEED_TLS_FAILS) {
			(void)form_add_step(r, DEED_CLOSED);
		}
	}
}

int conversation_read(const char *path, struct conversation *conversation, char *error,
	size_t error_size)
{
	struct reader r = {.c = conversation, .error = error, .error_size = error_size};
	*conversation = (struct conversation){
		.path = path,
		.helo = keep_string(envoi_span_of("client.example.org")),
		.sender = keep_string(envoi_span_of("alice@example.org")),
		.timeout = 10,
		.exit = -1,
	};
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		form_fail(&r, "cannot be opened");
		return -1;
	}
	struct envoi_buffer content;
	text_init(&content);
	char block[8192];
	size_t n;
	while ((n = fread(block, 1, sizeof(block), file)) > 0) {
		text_append(&content, block, n);
	}
	(void)fclose(file);
	read_lines(&r, envoi_buffer_span(&content));
	envoi_buffer_finish(&content);
	finish(&r);
	if (conversation->exit < 0) {
		form_fail(&r, "no exit");
	}
	return r.bad ? -1 : 0;
}

static void free_span(struct envoi_span span)
{
	free((char *)(uintptr_t)span.data);
}

static void free_strings(char **list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i]);
	}
	free(list);
}

void conversation_finish(struct conversation *c)
{
	free(c->helo);
	free(c->sender);
	free_strings(c->recipients, c->recipient_count);
	free_strings(c->args, c->arg_count);
	free_strings(c->sources, c->source_count);
	for (size_t i = 0; i < c->blob_count; i++) {
		free(c->blobs[i].name);
		free_span(c->blobs[i].data);
	}
	free(c->blobs);
	for (size_t i = 0; i < c->server_count; i++) {
		free(c->servers[i].url);
	}
	free(c->servers);
	for (size_t i = 0; i < c->connection_count; i++) {
		for (size_t j = 0; j < c->connections[i].step_count; j++) {
			free_span(c->connections[i].steps[j].data);
			free_span(c->connections[i].steps[j].more);
		}
		free(c->connections[i].steps);
	}
	free(c->connections);
	for (size_t i = 0; i < c->expectation_count; i++) {
		free(c->expectations[i].path);
		free(c->expectations[i].value);
	}
	free(c->expectations);
	*c = (struct conversation){0};
}
