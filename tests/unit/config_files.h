/*
 * Configuration files for tests: a folder of their own, thrown away at the
 * end, which is HOME as well.
 */
#ifndef TESTS_UNIT_CONFIG_FILES_H
#define TESTS_UNIT_CONFIG_FILES_H

/* nftw() */
#define _XOPEN_SOURCE 700

#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <envoi/config.h>

static char folder[64];

static inline void begin_folder(void)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/envoi-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(setenv("HOME", folder, 1), 0);
	ck_assert_int_eq(setenv("USER", "joe", 1), 0);
	ck_assert_int_eq(setenv("HOSTNAME", "host.example", 1), 0);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("ENVOI_CONFIG");
}

static inline int remove_one(
	const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline void end_folder(void)
{
	(void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path of a file in the folder; of the last four of them. */
static inline const char *path_of(const char *name)
{
	static char paths[4][256];
	static unsigned i;
	char *path = paths[++i % 4];
	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static inline const char *write_bytes(
	const char *name, const char *text, size_t n, mode_t mode)
{
	const char *path = path_of(name);
	char part[256];
	(void)snprintf(part, sizeof(part), "%s", path);
	for (char *slash = part + strlen(folder) + 1;
		(slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		(void)mkdir(part, 0755);
		*slash = '/';
	}
	(void)unlink(path);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, n, file), n);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
	return path;
}

static inline const char *write_file(const char *name, const char *text)
{
	return write_bytes(name, text, strlen(text), 0600);
}

/* A text with each "F" that stands for the folder: "/tmp/...-XXXXXX" is cut
 * out, so that expectations can be written down. */
static inline const char *without_folder(const char *text)
{
	static char out[1200];
	size_t n = 0, skip = strlen(folder) + 1;
	while (*text != '\0' && n + 1 < sizeof(out)) {
		if (strncmp(text, folder, skip - 1) == 0 && text[skip - 1] == '/') {
			text += skip;
			continue;
		}
		out[n++] = *text++;
	}
	out[n] = '\0';
	return out;
}

static inline void assert_same(const char *got, const char *expected)
{
	const char *text = without_folder(got);
	ck_assert_msg(
		strcmp(text, expected) == 0, "got\n  %s\nnot\n  %s", text, expected);
}

#endif
