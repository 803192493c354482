/*
 * The keywords of a configuration file: which key each sets, and what its
 * argument may be.
 */
#ifndef ENVOI_CONFIG_KEYWORDS_H
#define ENVOI_CONFIG_KEYWORDS_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/config.h>

#include "base/span.h"

enum envoi_value_type {
	/** Any text; a path, name or command. */
	ENVOI_VALUE_TEXT,
	/** on, off; nothing is on. */
	ENVOI_VALUE_SWITCH,
	/** One of words, "auto|on|off". */
	ENVOI_VALUE_WORD,
	ENVOI_VALUE_PORT,
	/** A number of seconds, fractions allowed. */
	ENVOI_VALUE_SECONDS,
	/** "off", seconds, or a phase and seconds. */
	ENVOI_VALUE_TIMEOUT,
	/** A decimal number. */
	ENVOI_VALUE_NUMBER,
	/** on, off, or names of mechanisms with commas between. */
	ENVOI_VALUE_AUTH,
	ENVOI_VALUE_SYSLOG,
	/** off, never, or a list of failure, delay, success. */
	ENVOI_VALUE_NOTIFY,
	/** A command and its arguments, envoi_words_split(). */
	ENVOI_VALUE_ARGV,
};

enum {
	/** Without an argument it unsets what was inherited (a word or switch:
	 * it is "auto" or "on"). Without this flag an argument is needed. */
	ENVOI_KEYWORD_EMPTY = 1 << 0,
	/** Several in one section add up. */
	ENVOI_KEYWORD_REPEAT = 1 << 1,
	/** What is inherited stays, too. */
	ENVOI_KEYWORD_MERGE = 1 << 2,
	/** The argument is a secret: never shown, and the file must be private. */
	ENVOI_KEYWORD_SECRET = 1 << 3,
	/** A path: "~" and "~/" are the home directory. */
	ENVOI_KEYWORD_PATH = 1 << 4,
	/** %U, %H, %C and %M are replaced; OWN: not in msmtp's own files,
	 * because msmtp does not do it. */
	ENVOI_KEYWORD_PERCENT = 1 << 5,
	ENVOI_KEYWORD_PERCENT_OWN = 1 << 6,
	/** Two that differ in one section are an error, not a warning: mail or
	 * a secret could go where it must not. */
	ENVOI_KEYWORD_DANGER = 1 << 7,
	/** The old name of another one: on and off change places. */
	ENVOI_KEYWORD_INVERTED = 1 << 8,
	/** The old name of another one: on means auto. */
	ENVOI_KEYWORD_AUTO = 1 << 9,
	/** On the command line only. */
	ENVOI_KEYWORD_OPTION = 1 << 10,
};

struct envoi_keyword {
	const char *name;
	enum envoi_key key;
	enum envoi_value_type type;
	unsigned flags;
	/** ENVOI_VALUE_WORD. */
	const char *words;
};

/** The keyword so called, NULL: none is. */
const struct envoi_keyword *envoi_keyword_find(struct envoi_span name);

/** The keyword proper of a key. */
const struct envoi_keyword *envoi_keyword_of(enum envoi_key key);

/** A keyword (or "account", "defaults", "eval", "include") that name may be a
 * misspelling of; NULL: nothing is near. */
const char *envoi_keyword_guess(struct envoi_span name);

/** Keys that a value of this one takes the place of, as bits: several ways to
 * say the same thing. The key itself is among them. */
unsigned long long envoi_key_group(enum envoi_key key);

/**
 * The argument as it is kept: quotes taken off, switches spelled out. NULL
 * with a reason in why: it does not fit the keyword; with why "": no memory.
 */
char *envoi_keyword_value(const struct envoi_keyword *keyword, struct envoi_span argument,
	char *why, size_t why_size);

#endif
