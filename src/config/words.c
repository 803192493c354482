/*
 * Splitting a command into its arguments; see the header.
 */
#include "config/words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void envoi_words_free(char **argv)
{
	for (size_t i = 0; argv != NULL && argv[i] != NULL; i++) {
		free(argv[i]);
	}
	free(argv);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes a word off *rest into out, which has room for all of it. */
static int take_word(struct envoi_span *rest, char *out)
{
	char quote = '\0';
	size_t i = 0, n = 0;
	for (; i < rest->len && (quote != '\0' || !is_blank(rest->data[i])); i++) {
		char c = rest->data[i];
		if (c == '\\' && quote != '\'') {
			if (++i == rest->len) {
				quote = c;
				break;
			}
			out[n++] = rest->data[i];
		} else if (c == quote) {
			quote = '\0';
		} else if (quote == '\0' && (c == '\'' || c == '"')) {
			quote = c;
		} else {
			out[n++] = c;
		}
	}
	out[n] = '\0';
	rest->data += i;
	rest->len -= i;
	return quote != '\0' ? ENVOI_WORDS_OPEN : ENVOI_WORDS_OK;
}

static int add_word(char ***argv, size_t count, struct envoi_span *rest)
{
	char **grown = realloc(*argv, (count + 2) * sizeof(*grown));
	if (grown == NULL) {
		return ENVOI_WORDS_NO_MEMORY;
	}
	*argv = grown;
	grown[count] = malloc(rest->len + 1);
	grown[count + 1] = NULL;
	if (grown[count] == NULL) {
		return ENVOI_WORDS_NO_MEMORY;
	}
	int result = take_word(rest, grown[count]);
	/* Many short words in a long line: no room of the line for each. */
	char *fit = realloc(grown[count], strlen(grown[count]) + 1);
	if (fit != NULL) {
		grown[count] = fit;
	}
	return result;
}

int envoi_words_split(struct envoi_span text, char ***ret_argv)
{
	char **argv = NULL;
	size_t count = 0;
	int result = ENVOI_WORDS_OK;
	struct envoi_span rest = envoi_span_trim(text);
	*ret_argv = NULL;
	while (result == ENVOI_WORDS_OK && rest.len > 0) {
		result = add_word(&argv, count++, &rest);
		while (rest.len > 0 && is_blank(rest.data[0])) {
			rest.data++;
			rest.len--;
		}
	}
	if (result == ENVOI_WORDS_OK && count == 0) {
		result = ENVOI_WORDS_EMPTY;
	}
	if (result != ENVOI_WORDS_OK) {
		envoi_words_free(argv);
		return result;
	}
	*ret_argv = argv;
	return ENVOI_WORDS_OK;
}
