/*
 * What is said of a command that failed. Its stderr is in it; what it printed
 * on stdout is a secret, and is taken out of everything else, should it be
 * repeated there.
 */
#include "config/command_internal.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/span.h"

/* A part of a secret that is long enough to tell something. */
#define HIDDEN_PART 6

/* How a command is called in messages: its words, one blank between. */
static void name_command(const struct envoi_command *command, struct envoi_buffer *out)
{
	(void)envoi_buffer_puts(out, "command '");
	if (command->argv == NULL) {
		(void)envoi_buffer_puts(out, command->shell);
	}
	for (size_t i = 0; command->argv != NULL && command->argv[i] != NULL; i++) {
		(void)envoi_buffer_puts(out, i > 0 ? " " : "");
		(void)envoi_buffer_puts(out, command->argv[i]);
	}
	(void)envoi_buffer_puts(out, "'");
}

/* -- what must not be seen ------------------------------------------------- */

/* The longest beginning of text that stands anywhere in secret. */
static size_t longest_match(struct envoi_span text, struct envoi_span secret)
{
	size_t best = 0;
	for (size_t i = 0; i < secret.len; i++) {
		size_t n = 0;
		while (n < text.len && i + n < secret.len
			&& text.data[n] == secret.data[i + n]) {
			n++;
		}
		best = n > best ? n : best;
	}
	return best;
}

/* Hides the secret in text, and parts of it that are at least so long. */
static void hide(struct envoi_buffer *text, struct envoi_span secret, size_t least)
{
	static const char mark[] = "[hidden]";
	struct envoi_span rest = envoi_buffer_span(text);
	struct envoi_buffer shown;
	envoi_buffer_init(&shown, text->max + (size_t)8 * rest.len);
	least = secret.len < least ? secret.len : least;
	while (least > 0 && rest.len >= least) {
		size_t n = longest_match(rest, secret);
		if (n >= least) {
			(void)envoi_buffer_puts(&shown, mark);
		} else {
			n = 1;
			(void)envoi_buffer_append(&shown, rest.data, n);
		}
		rest.data += n;
		rest.len -= n;
	}
	(void)envoi_buffer_append(&shown, rest.data, rest.len);
	envoi_secret_wipe(text->data, text->capacity);
	envoi_buffer_finish(text);
	*text = shown;
}

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r' || c == '\0';
}

/* Hides each line of what stood on stdout. */
static void hide_output(
	const struct envoi_running *run, struct envoi_buffer *text, size_t least)
{
	size_t i = 0;
	while (i < run->length && text->len > 0) {
		size_t n = 0;
		while (i + n < run->length && !is_line_end(run->output[i + n])) {
			n++;
		}
		hide(text, envoi_span_trim((struct envoi_span){run->output + i, n}),
			least);
		i += n + 1;
	}
}

/* -- errors ---------------------------------------------------------------- */

/* Lines as one, fit for any terminal: "a / b". */
static void put_lines(struct envoi_buffer *out, struct envoi_span lines)
{
	while (lines.len > 0 && is_line_end(lines.data[lines.len - 1])) {
		lines.len--;
	}
	while (lines.len > 0) {
		const char *lf = memchr(lines.data, '\n', lines.len);
		size_t n = lf != NULL ? (size_t)(lf - lines.data) : lines.len;
		(void)envoi_span_escape(out, (struct envoi_span){lines.data, n});
		(void)envoi_buffer_puts(out, lf != NULL ? " / " : "");
		n += lf != NULL;
		lines.data += n;
		lines.len -= n;
	}
}

/* "command 'gpg -d x' WHY: gpg: no secret key" */
int envoi_running_fail(struct envoi_running *run, enum envoi_status status,
	const char *why, struct envoi_error *err)
{
	struct envoi_buffer name, text, said;
	envoi_buffer_init(&name, 65536);
	envoi_buffer_init(&text, 1 << 20);
	envoi_buffer_init(&said, 1 << 20);
	name_command(run->command, &name);
	hide_output(run, &name, SIZE_MAX);
	hide_output(run, &run->said, HIDDEN_PART);
	if (envoi_span_escape(&text, envoi_buffer_span(&name)) != 0) {
		(void)envoi_buffer_puts(&text, "command");
	}
	put_lines(&said, envoi_span_trim(envoi_buffer_span(&run->said)));
	/* Of a long command its beginning, of a long stderr its end. */
	size_t room = sizeof(err->text) - 1;
	size_t shown = said.len > room / 2 ? room / 2 : said.len;
	size_t named = text.len > room / 3 ? room / 3 : text.len;
	(void)envoi_error_set(err, status, "%.*s%s %s%s%s%.*s", (int)named,
		text.len > 0 ? envoi_buffer_span(&text).data : "",
		named < text.len ? "...'" : "", why, shown > 0 ? ": " : "",
		shown < said.len || run->said_cut ? "..." : "", (int)shown,
		said.len > 0 ? envoi_buffer_span(&said).data + said.len - shown : "");
	envoi_buffer_finish(&name);
	envoi_buffer_finish(&text);
	envoi_buffer_finish(&said);
	return -1;
}

int envoi_running_fail_sys(struct envoi_running *run, enum envoi_status status, int sys,
	const char *what, struct envoi_error *err)
{
	char why[200];
	struct envoi_error reason;
	(void)envoi_error_sys(&reason, status, sys, "%s", what);
	(void)snprintf(why, sizeof(why), "%.190s", reason.text);
	(void)envoi_running_fail(run, status, why, err);
	if (err != NULL) {
		err->sys = sys;
	}
	return -1;
}
