/*
 * The reading of one file, shared by the files that do it.
 */
#ifndef ENVOI_CONFIG_READER_H
#define ENVOI_CONFIG_READER_H

#include "config/internal.h"

struct envoi_config_reader {
	struct envoi_config *config;
	struct config_file *file;
	/** Where settings go; NULL: no section has begun. */
	struct config_section *section;
	/** The block of defaults in force; NULL: none. */
	struct config_section *defaults;
	/** The reader of the file that includes this one; NULL. */
	const struct envoi_config_reader *parent;
	unsigned depth;
	bool system;
	bool msmtp;
};

/** The lines of text. -1: out of memory. */
int envoi_config_read_text(
	struct envoi_config_reader *reader, const char *text, size_t n);

/** The lines that begin a section. -1: out of memory. */
int envoi_config_read_account(struct envoi_config_reader *reader,
	struct envoi_span argument, const struct envoi_origin *at);
int envoi_config_read_defaults(struct envoi_config_reader *reader,
	struct envoi_span argument, const struct envoi_origin *at);

/** Begins an account; takes name and parents over, also on failure. -1: out
 * of memory. */
int envoi_config_begin_account(
	struct envoi_config_reader *reader, char *name, char **parents, unsigned line);

/** Reads path in place of the line at. -1: out of memory. */
int envoi_config_read_included(struct envoi_config_reader *reader, const char *path,
	const struct envoi_origin *at);

#endif
