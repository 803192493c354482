/*
 * A command and its arguments as one writes them in a configuration file,
 * for a program that is run without a shell:
 *
 *     words = word { blank word }
 *     word  = 1*( "'" *( not "'" ) "'"
 *               | '"' *( "\" octet | not '"' ) '"'
 *               | "\" octet
 *               | octet )
 *
 * Nothing else is special: no variables, no patterns, no "~" (see
 * envoi_path_expand() for that).
 */
#ifndef ENVOI_CONFIG_WORDS_H
#define ENVOI_CONFIG_WORDS_H

#include "base/span.h"

enum {
	ENVOI_WORDS_OK,
	ENVOI_WORDS_EMPTY,
	/** A quote is open at the end, or nothing stands behind a "\". */
	ENVOI_WORDS_OPEN,
	ENVOI_WORDS_NO_MEMORY,
};

/** *ret_argv is a heap array of heap strings with NULL at its end; NULL unless
 * OK. The text holds no NUL. */
int envoi_words_split(struct envoi_span text, char ***ret_argv);

/** Accepts NULL. */
void envoi_words_free(char **argv);

#endif
