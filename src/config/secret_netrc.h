/*
 * The .netrc format, as ftp(1), curl and msmtp read it. Pure: text in, the
 * place of a password out.
 */
#ifndef ENVOI_CONFIG_SECRET_NETRC_H
#define ENVOI_CONFIG_SECRET_NETRC_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/error.h>

#include "base/secret.h"

/**
 * The password for user at host. Entries that fit are those of the machine
 * (ASCII case does not matter) with this login; if there is none, those of the
 * machine without a login; if there is none, "default" with this login or
 * without one. The first of the best kind is taken. An entry without password
 * fits nobody. user NULL or "": every login fits.
 *
 * 1 with *ret_password set (the caller finishes it; it may be empty) and
 * *ret_line the line it stands in, from 1; 0: no entry; -1: the text is no
 * netrc (CONFIG, "line 3: ..."; never with a word of the text), or out of
 * memory (SYSTEM).
 */
int envoi_netrc_find(const char *text, size_t n, const char *host, const char *user,
	struct envoi_secret *ret_password, unsigned long *ret_line,
	struct envoi_error *err);

#endif
