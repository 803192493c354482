/*
 * Which files are read, and whether they may be: envoi's own, else msmtp's;
 * includes. What is in them is the reader's business.
 */
#include "config/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/secret.h"
#include "config/path.h"

static void tell(struct envoi_config *config, const struct envoi_error *error)
{
	envoi_config_tell(config, ENVOI_SEVERITY_ERROR, error);
}

static struct config_file *add_file(struct envoi_config *config, const char *path)
{
	struct config_file *file = calloc(1, sizeof(*file));
	char *copy = strdup(path);
	if (file == NULL || copy == NULL
		|| envoi_config_grow(
			   &config->files, config->file_count, sizeof(*config->files))
			   != 0) {
		free(file);
		free(copy);
		return NULL;
	}
	file->path = copy;
	config->files[config->file_count++] = file;
	return file;
}

/* A password in a file that others can read. The system's file may be for a
 * group, of those who may send with it. */
static void check_secret(struct envoi_config *config, const struct config_file *file,
	const struct stat *st)
{
	struct envoi_error error;
	mode_t forbidden = file->system && st->st_uid == 0 ? S_IRWXO : S_IRWXG | S_IRWXO;
	if (file->secret_line == 0 || (st->st_mode & forbidden) == 0) {
		return;
	}
	(void)envoi_error_set(&error, ENVOI_STATUS_CONFIG,
		"%s:%u: a password in a file that other users may read (mode %04o)",
		file->path, file->secret_line, (unsigned)(st->st_mode & 07777));
	envoi_error_hint(&error, "chmod %s %s",
		(forbidden & S_IRWXG) != 0 ? "600" : "o=", file->path);
	tell(config, &error);
}

/* fd is closed. -1: out of memory. */
static int read_open_file(struct envoi_config_reader *reader, int fd, const char *path)
{
	struct envoi_secret content = {0};
	struct envoi_error error = ENVOI_ERROR_NONE;
	struct stat st;
	if (fstat(fd, &st) != 0) {
		(void)envoi_error_sys(
			&error, ENVOI_STATUS_CONFIG, errno, "%s: cannot be read", path);
		(void)close(fd);
		tell(reader->config, &error);
		return 0;
	}
	if (envoi_path_read(fd, path, ENVOI_LIMIT_CONFIG, &content, &error) != 0) {
		tell(reader->config, &error);
		return error.status == ENVOI_STATUS_SYSTEM ? -1 : 0;
	}
	reader->file = add_file(reader->config, path);
	if (reader->file == NULL) {
		envoi_secret_finish(&content);
		return -1;
	}
	reader->file->device = st.st_dev;
	reader->file->inode = st.st_ino;
	reader->file->mode = st.st_mode;
	reader->file->system = reader->system;
	reader->file->msmtp = reader->msmtp;
	for (const struct envoi_config_reader *r = reader->parent; r != NULL;
		r = r->parent) {
		if (r->file->device == st.st_dev && r->file->inode == st.st_ino) {
			envoi_secret_finish(&content);
			return 1;
		}
	}
	int result = envoi_config_read_text(reader, content.data, content.length);
	envoi_secret_finish(&content);
	check_secret(reader->config, reader->file, &st);
	return result;
}

int envoi_config_read_included(struct envoi_config_reader *reader, const char *path,
	const struct envoi_origin *at)
{
	struct envoi_error error = ENVOI_ERROR_NONE;
	struct envoi_config_reader inner = *reader;
	inner.parent = reader;
	inner.depth = reader->depth + 1;
	int result = 0;
	int fd = -1;
	if (inner.depth > ENVOI_LIMIT_CONFIG_DEPTH
		|| reader->config->file_count >= ENVOI_LIMIT_CONFIG_FILES) {
		(void)envoi_config_error(&error, at,
			"include: more than %d files, or one in the other more than %d "
			"deep",
			ENVOI_LIMIT_CONFIG_FILES, ENVOI_LIMIT_CONFIG_DEPTH);
	} else if ((fd = envoi_path_open(path, 0, &error)) < 0) {
		struct envoi_error cause = error;
		(void)envoi_config_error(&error, at, "include: %s", cause.text);
		envoi_error_hint(&error, "%s", cause.hint);
	} else if ((result = read_open_file(&inner, fd, path)) > 0) {
		(void)envoi_config_error(
			&error, at, "include: %s includes this file", path);
	}
	if (error.status != ENVOI_STATUS_OK) {
		tell(reader->config, &error);
	}
	/* Defaults it set go on, the section it was included in as well. */
	reader->defaults = inner.defaults;
	if (reader->section == NULL) {
		reader->section = inner.section;
	}
	return result < 0 ? -1 : 0;
}

int envoi_config_read_file(struct envoi_config *config, const char *path, bool system,
	bool msmtp, struct envoi_error *err)
{
	struct envoi_error error = ENVOI_ERROR_NONE;
	struct envoi_config_reader reader = {
		.config = config, .system = system, .msmtp = msmtp};
	int fd = envoi_path_open(path, 0, &error);
	if (fd < 0) {
		if (error.sys == ENOENT || error.sys == ENOTDIR) {
			*err = error;
			return 1;
		}
		if (error.sys == EACCES || error.sys == EPERM) {
			envoi_error_hint(&error,
				"where the permissions allow it, AppArmor "
				"or SELinux may forbid it");
		}
		if (system && (error.sys == EACCES || error.sys == EPERM)) {
			/* Not meant for this user, who may have a file of his own. */
			envoi_config_tell(config, ENVOI_SEVERITY_WARNING, &error);
			config->unreadable = error;
			return 1;
		}
		tell(config, &error);
		return 0;
	}
	return read_open_file(&reader, fd, path) < 0 ? envoi_config_no_memory(err) : 0;
}

/* -- which ------------------------------------------------------------------- */

/* "DIRECTORY/name" of $XDG_CONFIG_HOME or ~/.config. NULL: no home, or no
 * memory. */
static char *in_config_home(const char *name)
{
	const char *base = getenv("XDG_CONFIG_HOME");
	char path[4096];
	/* A relative one is to be ignored, says its specification. */
	if (base == NULL || base[0] != '/') {
		base = "~/.config";
	}
	int n = snprintf(path, sizeof(path), "%s/%s", base, name);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		return NULL;
	}
	return envoi_path_expand(path, NULL);
}

/* The path may be NULL: then there is no such file. */
static int read_usual(struct envoi_config *config, const char *path, bool system,
	bool msmtp, bool *found, struct envoi_error *err)
{
	struct envoi_error missing;
	int result = path == NULL ? 1
				  : envoi_config_read_file(
					  config, path, system, msmtp, &missing);
	if (result < 0) {
		*err = missing;
		return -1;
	}
	*found |= result == 0;
	return 0;
}

static int read_pair(struct envoi_config *config, const char *etc, bool msmtp,
	bool *found, struct envoi_error *err)
{
	char system[4096];
	(void)snprintf(
		system, sizeof(system), "%s/%s", etc, msmtp ? "msmtprc" : "envoi/config");
	if (read_usual(config, system, true, msmtp, found, err) != 0) {
		return -1;
	}
	bool user = false;
	char *path = msmtp ? envoi_path_expand("~/.msmtprc", NULL)
			   : in_config_home("envoi/config");
	int result = read_usual(config, path, false, msmtp, &user, err);
	free(path);
	if (result == 0 && msmtp && !user) {
		path = in_config_home("msmtp/config");
		result = read_usual(config, path, false, msmtp, &user, err);
		free(path);
	}
	*found |= user;
	return result;
}

static int read_named(struct envoi_config *config, const char *path, const char *by,
	struct envoi_error *err)
{
	if (strcmp(path, "/dev/null") == 0) {
		return add_file(config, path) != NULL ? 0 : envoi_config_no_memory(err);
	}
	char cwd[4096] = "";
	char *full = NULL;
	if (path[0] == '/' || path[0] == '\0') {
		full = strdup(path);
	} else if (getcwd(cwd, sizeof(cwd)) == NULL) {
		return envoi_error_sys(err, ENVOI_STATUS_CONFIG, errno,
			"%s: the current directory", path);
	} else {
		size_t n = strlen(cwd), m = strlen(path);
		full = malloc(n + m + 2);
		if (full != NULL) {
			memcpy(full, cwd, n);
			full[n] = '/';
			memcpy(full + n + 1, path, m + 1);
		}
	}
	if (full == NULL) {
		return envoi_config_no_memory(err);
	}
	struct envoi_error error = ENVOI_ERROR_NONE;
	int result = envoi_config_read_file(config, full, false, false, &error);
	free(full);
	if (result > 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_CONFIG, "%s: %s", by, error.text);
		tell(config, err);
		return -1;
	}
	if (result < 0) {
		*err = error;
	}
	return result;
}

static bool is_there(char *path)
{
	bool result = path != NULL && access(path, F_OK) == 0;
	free(path);
	return result;
}

bool envoi_config_is_own(void)
{
	const char *variable = getenv("ENVOI_CONFIG");
	if ((variable != NULL && variable[0] != '\0')
		|| is_there(in_config_home("envoi/config"))) {
		return true;
	}
	return access("/etc/envoi/config", F_OK) != 0
	       && (is_there(envoi_path_expand("~/.msmtprc", NULL))
		       || is_there(in_config_home("msmtp/config")));
}

static int read_all(struct envoi_config *config,
	const struct envoi_config_options *options, struct envoi_error *err)
{
	const char *variable = getenv("ENVOI_CONFIG");
	const char *etc = options->etc != NULL ? options->etc : "/etc";
	bool found = false;
	if (options->file != NULL) {
		return read_named(config, options->file, "--config", err);
	}
	if (variable != NULL && variable[0] != '\0') {
		if (variable[0] != '/') {
			(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
				"ENVOI_CONFIG: \"%s\" is no absolute path", variable);
			tell(config, err);
			return -1;
		}
		return read_named(config, variable, "ENVOI_CONFIG", err);
	}
	if (read_pair(config, etc, false, &found, err) != 0) {
		return -1;
	}
	if (found || config->unreadable.status != ENVOI_STATUS_OK
		|| config->diagnostic_count > 0) {
		return 0;
	}
	return read_pair(config, etc, true, &found, err);
}

int envoi_config_load(struct envoi_config *config,
	const struct envoi_config_options *options, struct envoi_error *err)
{
	if (read_all(config, options, err) != 0) {
		return -1;
	}
	if (config->first_error.status != ENVOI_STATUS_OK) {
		*err = config->first_error;
		return -1;
	}
	return 0;
}
