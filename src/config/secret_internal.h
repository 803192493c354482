/*
 * Shared by the files secret_*.c. Each function has the raw octets of one
 * kind of source; envoi_secret_obtain() checks them. Errors do not name the
 * origin yet. 0, or -1 with err.
 */
#ifndef ENVOI_CONFIG_SECRET_INTERNAL_H
#define ENVOI_CONFIG_SECRET_INTERNAL_H

#include "config/secret_source.h"

int envoi_secret_from_file(
	const char *path, struct envoi_secret *ret_secret, struct envoi_error *err);
int envoi_secret_from_credential(
	const char *name, struct envoi_secret *ret_secret, struct envoi_error *err);
/** One line, with its end if it has one. */
int envoi_secret_from_fd(int fd, int time_limit_ms, int stop_fd,
	struct envoi_secret *ret_secret, struct envoi_error *err);
/** 1: found; 0: there is no file, or no entry for the user at the host. */
int envoi_secret_from_netrc(const struct envoi_secret_need *need,
	struct envoi_secret *ret_secret, struct envoi_error *err);
/** 1: a line was typed; 0: there is nobody to ask, with why in err. */
int envoi_secret_from_terminal(const struct envoi_secret_source *source,
	const struct envoi_secret_need *need, struct envoi_secret *ret_secret,
	struct envoi_error *err);

#endif
