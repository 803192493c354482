/*
 * What the files of src/config share: the configuration as it was read.
 *
 * A configuration is a list of sections, each a list of entries in the order
 * of their lines. Nothing is resolved while reading: an entry is a key and the
 * text behind it, or a command (eval) whose output will be one.
 *
 * Section 0 is the one of the command line. The sections of a file, and of
 * those it includes, form a chain by "defaults": each points to the block of
 * defaults in force when it began.
 */
#ifndef ENVOI_CONFIG_INTERNAL_H
#define ENVOI_CONFIG_INTERNAL_H

#include <sys/types.h>

#include <envoi/config.h>

#include "config/keywords.h"

struct config_file {
	char *path;
	dev_t device;
	ino_t inode;
	mode_t mode;
	/** In /etc: for all users. */
	bool system;
	/** One of msmtp's own, read because envoi has none. */
	bool msmtp;
	/** First line with a password; 0: none. */
	unsigned secret_line;
};

struct config_entry {
	/** NULL: eval, text is the command. */
	const struct envoi_keyword *keyword;
	char *text;
	/** NULL: it is from the command line, see origin. */
	const struct config_file *file;
	struct envoi_origin origin;
	/** eval: what it printed, once it was run. */
	struct config_entry *output;
};

struct config_section {
	/** NULL: defaults. */
	char *name;
	const struct config_file *file;
	unsigned line;
	/** Began without a line of its own, by a setting before the first one. */
	bool implicit;
	/** The defaults it has, or for defaults: that they add to. */
	struct config_section *defaults;
	/** Heap array of heap strings with NULL at its end; or NULL. */
	char **parents;
	/** The account of this name that it takes the place of, if any. */
	struct config_section *replaced;
	/** Another one takes its place. */
	bool hidden;
	struct config_entry **entries;
	size_t count;
};

struct envoi_config {
	struct config_file **files;
	size_t file_count;
	struct config_section **sections;
	size_t section_count;
	struct envoi_diagnostic **diagnostics;
	size_t diagnostic_count;
	/** The first error among what was found, or that one was lost for want
	 * of memory; status OK: none. */
	struct envoi_error first_error;
	/** What kept a system file from being read; status OK: nothing. */
	struct envoi_error unreadable;
	/** Entries in all files: bounded. */
	size_t entry_count;
};

/** Makes room for one more element of size octets behind count in the heap
 * array at *array, which grows at powers of two. 0 or -1. */
int envoi_config_grow(void *array, size_t count, size_t size);

/** "FILE:LINE: text" with CONFIG; an option: "--option: text" with USAGE.
 * Always -1. */
int envoi_config_error(struct envoi_error *err, const struct envoi_origin *origin,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

/** "out of memory". Always -1. */
int envoi_config_no_memory(struct envoi_error *err);

/** Keeps what was found; when there are too many of them, not. */
void envoi_config_tell(struct envoi_config *config, enum envoi_severity severity,
	const struct envoi_error *error);

/** The account so called that is not hidden; NULL. */
struct config_section *envoi_config_find(
	const struct envoi_config *config, const char *name);

/** Appends an entry; it takes text over, also on failure. */
struct config_entry *envoi_config_add(struct envoi_config *config,
	struct config_section *section, const struct envoi_keyword *keyword, char *text,
	const struct envoi_origin *origin, const struct config_file *file);

/** Wipes and frees. */
void envoi_config_entry_free(struct config_entry *entry);

/** A new section at the end; it takes name over, also on failure. */
struct config_section *envoi_config_begin(struct envoi_config *config, char *name,
	const struct config_file *file, unsigned line);

/**
 * Reads one file and those it includes. 1: there is none, or a system file
 * that may not be read (told). -1 only when out of memory; all else is told
 * and goes on.
 */
int envoi_config_read_file(struct envoi_config *config, const char *path, bool system,
	bool msmtp, struct envoi_error *err);

/** One line split: keyword and argument, blanks around both taken off. Empty
 * keyword: the line says nothing. */
void envoi_config_split(struct envoi_span line, struct envoi_span *ret_keyword,
	struct envoi_span *ret_argument);

/** Makes an entry's keyword and text of a split line; -1 with what is wrong,
 * prefixed by origin. */
int envoi_config_understand(struct envoi_span name, struct envoi_span argument,
	const struct envoi_origin *origin, const struct envoi_keyword **ret_keyword,
	char **ret_text, struct envoi_error *err);

#endif
