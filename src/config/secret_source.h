/*
 * Having the secret a source describes (<envoi/secret.h>).
 */
#ifndef ENVOI_CONFIG_SECRET_SOURCE_H
#define ENVOI_CONFIG_SECRET_SOURCE_H

#include <stddef.h>

#include <envoi/error.h>
#include <envoi/secret.h>

#include "base/secret.h"

/** For whom. */
struct envoi_secret_need {
	/** NULL or "": not known; only what does not ask for it can be had. */
	const char *user;
	const char *host;
	/** Readable when the run shall be stopped (a signal); -1: never. */
	int stop_fd;
};

/**
 * Has the secret. 0 with *ret_secret, which is zeroed or holds a secret
 * before, replaced (the caller finishes it), or -1 with it untouched:
 * CONFIG: file, permissions, credential, or nothing in it;
 * AUTH: command failed, timed out or said nonsense, no entry, nobody to ask;
 * TEMPORARY: stopped by stop_fd or a signal;
 * SYSTEM: memory, descriptors, processes.
 * The text of an error names the source as envoi_secret_source_describe()
 * does, behind its origin.
 */
int envoi_secret_obtain(const struct envoi_secret_source *source,
	const struct envoi_secret_need *need, struct envoi_secret *ret_secret,
	struct envoi_error *err);

/**
 * What a person calls the source: "password_file ~/secret", "command pass
 * mail", "passwordeval ...", "netrc, keyring or prompt", "none". A literal is
 * "password" only. Cut to size, printable ASCII. Returns out.
 */
const char *envoi_secret_source_describe(
	const struct envoi_secret_source *source, char *out, size_t size);

#endif
