/*
 * What the configuration says about one account: choosing it, and resolving
 * it to values with their origins.
 */
#ifndef ENVOI_CONFIG_SETTINGS_H
#define ENVOI_CONFIG_SETTINGS_H

#include "config/internal.h"

struct envoi_setting {
	/** Substitutions made, a path absolute. "" unsets what was inherited. */
	char *text;
	/** Lives as long as the configuration. */
	const struct envoi_origin *origin;
	/** From one of msmtp's own files. */
	bool msmtp;
};

struct envoi_settings {
	/** NULL: no account, only options. */
	const struct config_section *section;
	struct {
		struct envoi_setting *values;
		size_t count;
		/** Of the section that said it last, the nearest the highest. */
		unsigned level;
	} keys[ENVOI_KEY_COUNT];
	/** eval lines that were not run. */
	size_t evals;
};

/**
 * Resolves a section (NULL: none) and what was overridden. run: the commands
 * of eval lines are run, once for the configuration; else they are skipped.
 * stop_fd: see envoi_command_run(). -1: an eval failed or printed nonsense, a
 * path is relative, a substitution cannot be made (CONFIG or as the command's
 * error says); SYSTEM.
 */
int envoi_settings_resolve(struct envoi_config *config,
	const struct config_section *section, bool run, int stop_fd,
	struct envoi_settings *ret_settings, struct envoi_error *err);

/**
 * The first half of it: inheritance, but texts as they stand in the file. only:
 * this key alone, of the files alone; ENVOI_KEY_COUNT: all keys, and what was
 * overridden.
 */
int envoi_settings_collect(struct envoi_config *config,
	const struct config_section *section, enum envoi_key only, bool run, int stop_fd,
	struct envoi_settings *ret_settings, struct envoi_error *err);

/** Wipes and frees; zeroed ones are accepted. */
void envoi_settings_finish(struct envoi_settings *settings);

/** The value of a key that has one only: the last; NULL when nothing was said
 * or it is "". */
const struct envoi_setting *envoi_settings_get(
	const struct envoi_settings *settings, enum envoi_key key);

/** The same, but "" is returned as well. */
const struct envoi_setting *envoi_settings_last(
	const struct envoi_settings *settings, enum envoi_key key);

enum envoi_choice {
	/** There is no account; that may be fine. */
	ENVOI_CHOICE_NONE,
	ENVOI_CHOICE_NAME,
	ENVOI_CHOICE_SENDER,
	ENVOI_CHOICE_DEFAULT,
};

struct envoi_chosen {
	enum envoi_choice choice;
	struct config_section *section;
	/** SENDER: its from line that fits. */
	char pattern[200];
	const struct envoi_origin *origin;
};

/** In place of stop_fd: run no command. */
enum {
	ENVOI_CONFIG_NO_EVAL = -2,
};

/**
 * Chooses an account: by name, else the first whose from fits the sender
 * (NULL or "": none given), else the one called default. Accounts whose from
 * comes from a command are asked last. 0, with choice NONE when none fits; -1:
 * the name is not defined (CONFIG).
 */
int envoi_config_choose(struct envoi_config *config, const char *name, const char *sender,
	int stop_fd, struct envoi_chosen *ret_chosen, struct envoi_error *err);

/**
 * Does the address fit? pattern: "*" any octets, "?" any one, "[a-z]", "[!a]";
 * "\" takes the special meaning away. Without "*", "?" and "[" it is an
 * address: then "a+detail@b" fits "a@b" as well. ASCII case does not matter,
 * nor whether a domain is written with its letters or as A-labels.
 */
bool envoi_pattern_matches(const char *pattern, const char *address);

/** Has it one of the octets that make it a pattern? */
bool envoi_pattern_is_wild(const char *pattern);

/**
 * Replaces %U (user), %H (host name), %C (its canonical name), %M (the content
 * of /etc/mailname); everything else stays as it is. Heap string, or NULL with
 * err (CONFIG: one of them cannot be had).
 */
char *envoi_substitute(const char *text, struct envoi_error *err);

#endif
