/*
 * Holds the conversations of a folder in memory: whole segments, octet by
 * octet, split at every offset, and in pieces of any size. All of them must
 * send the same octets, give the same events and come to the same report, and
 * these must be what the conversation expects.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <regex.h>
#include <unistd.h>

#include "folder.h"
#include "json.h"
#include "play.h"
#include "text.h"

/* Longer segments are split at the first offsets, the last, and some between. */
#define SPLITS 400
/* Octets on the wire above which a conversation is not held so often. */
#define MUCH (1u << 18)
/* And recipients. */
#define MANY 500

static const char *describe(const struct manner *manner, char *text, size_t n)
{
	static const char *const names[] = {
		"whole", "octet by octet", "split at", "random"};
	(void)snprintf(text, n, "%s %zu", names[manner->cutting], manner->at);
	return text;
}

static bool same(struct envoi_span a, struct envoi_span b, const char *what,
	const char *path, const char *manner)
{
	if (envoi_span_equal(a, b)) {
		return true;
	}
	size_t at = 0;
	while (at < a.len && at < b.len && a.data[at] == b.data[at]) {
		at++;
	}
	struct envoi_buffer text;
	text_init(&text);
	text_show(&text, a, at > 30 ? at - 30 : 0);
	text_printf(&text, " and ");
	text_show(&text, b, at > 30 ? at - 30 : 0);
	(void)printf("%s: %s differ (%s): %s\n", path, what, manner,
		envoi_buffer_string(&text));
	envoi_buffer_finish(&text);
	return false;
}

/* The one escape of patterns that is no POSIX is "\n". */
static bool matches(const char *pattern, const char *value)
{
	regex_t regex;
	char *posix = text_copy(pattern, strlen(pattern));
	char *at;
	while ((at = strstr(posix, "\\n")) != NULL) {
		*at = '\n';
		memmove(at + 1, at + 2, strlen(at + 2) + 1);
	}
	bool found = false;
	if (regcomp(&regex, posix, REG_EXTENDED | REG_NOSUB) == 0) {
		found = regexec(&regex, value, 0, NULL, 0) == 0;
		regfree(&regex);
	}
	free(posix);
	return found;
}

/* What only a network has: certificates, addresses, its words; and the name of
 * standard input, which is a file here. */
static bool is_told_elsewhere(const char *path)
{
	const char *dot = strrchr(path, '.');
	return strstr(path, "].tls") != NULL || strcmp(path, "message[0].source") == 0
	       || (dot != NULL
		       && (strcmp(dot, ".error") == 0 || strcmp(dot, ".server") == 0))
	       || (strncmp(path, "session", 7) == 0 && dot != NULL
		       && strcmp(dot, ".address") == 0);
}

static bool expectations_hold(const struct conversation *c, const struct play *play)
{
	for (size_t i = 0; i < c->expectation_count; i++) {
		const struct expectation *e = &c->expectations[i];
		if (is_told_elsewhere(e->path)) {
			continue;
		}
		struct envoi_buffer value;
		text_init(&value);
		if (!json_look(envoi_buffer_span(&play->report), e->path, &value)) {
			text_printf(&value, "absent");
		}
		const char *got = envoi_buffer_string(&value);
		bool good =
			e->pattern ? matches(e->value, got) : strcmp(e->value, got) == 0;
		if (!good) {
			(void)printf("%s:%u: %s: expected %s, got %s\n", c->path, e->line,
				e->path, e->value, got);
		}
		envoi_buffer_finish(&value);
		if (!good) {
			return false;
		}
	}
	return true;
}

/* Once more in another manner; must come to the same. */
static bool hold_again(const struct conversation *c, const struct play *plain,
	const struct manner *manner)
{
	struct play other;
	char text[64];
	bool good = play(&other, c, manner);
	const char *name = describe(manner, text, sizeof(text));
	if (!good) {
		(void)printf("%s:%u: %s (%s)\n", c->path, other.line, other.words, name);
	}
	good = good
	       && same(envoi_buffer_span(&plain->client),
		       envoi_buffer_span(&other.client), "octets", c->path, name)
	       && same(envoi_buffer_span(&plain->events),
		       envoi_buffer_span(&other.events), "events", c->path, name)
	       && same(envoi_buffer_span(&plain->report),
		       envoi_buffer_span(&other.report), "reports", c->path, name);
	play_finish(&other);
	return good;
}

static bool hold(const struct conversation *c, size_t *times)
{
	struct manner manner = MANNER_PLAIN;
	struct play plain;
	bool good = play(&plain, c, &manner);

	if (!good) {
		(void)printf("%s:%u: %s\n", c->path, plain.line, plain.words);
	}
	good = good && expectations_hold(c, &plain);
	bool much = plain.client.len + plain.server_octets > MUCH
		    || c->recipient_count > MANY;
	size_t most = much ? 4 : SPLITS;
	size_t step = plain.longest / most + 1;
	*times += 1;
	manner.cutting = CUTTING_EACH;
	good = good && hold_again(c, &plain, &manner);
	manner.cutting = CUTTING_SPLIT;
	for (manner.at = 1; good && manner.at < plain.longest; manner.at += step) {
		good = hold_again(c, &plain, &manner);
		*times += 1;
	}
	manner.cutting = CUTTING_RANDOM;
	for (manner.at = 1; good && manner.at <= (much ? 1 : 5); manner.at++) {
		good = hold_again(c, &plain, &manner);
		*times += 1;
	}
	play_finish(&plain);
	return good;
}

int main(int argc, char **argv)
{
	return folder_main(argc, argv, hold);
}
