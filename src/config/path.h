/*
 * Files that decide where mail goes and with which secret: opened only when
 * no other user could have put them there.
 */
#ifndef ENVOI_CONFIG_PATH_H
#define ENVOI_CONFIG_PATH_H

#include <stddef.h>

#include <sys/types.h>

#include <envoi/error.h>

#include "base/secret.h"

/**
 * A heap copy of path, with a "~" or "~/" at its front replaced by $HOME (the
 * user database's home directory when that is not set). NULL: no memory
 * (SYSTEM), or no home directory (CONFIG).
 */
char *envoi_path_expand(const char *path, struct envoi_error *err);

/**
 * Opens a regular file for reading. Each directory and each symbolic link on
 * the way, and the file itself, must belong to the user or to root; and no
 * directory may be writable by others, unless it is sticky, nor the file.
 * forbidden: further mode bits the file must not have (077: only its owner
 * reads it); the hint then is the chmod to run. A group that is the user's
 * own (its name and no other member) does not count as others.
 *
 * A descriptor (non-blocking does not matter for files), or -1 with CONFIG;
 * err->sys is ENOENT when there is no such file, and the errno of any other
 * failed call.
 */
int envoi_path_open(const char *path, mode_t forbidden, struct envoi_error *err);

/**
 * All of a file, at most max octets (CONFIG when it is longer). name is for
 * errors. Closes fd in any case. 0 or -1.
 */
int envoi_path_read(int fd, const char *name, size_t max,
	struct envoi_secret *ret_content, struct envoi_error *err);

#endif
