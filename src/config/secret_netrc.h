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
 * The password of the first entry that fits: machine is host (ASCII case does
 * not matter) or the entry is "default", and its login is user; an entry
 * without login fits every user, and with user NULL or "" every entry of the
 * host does. Entries without a password are passed over.
 *
 * 1 with *ret_password set (the caller finishes it) and *ret_line the line it
 * stands in, from 1; 0: no entry; -1: the text is no netrc (CONFIG, names the
 * line, "line 3: ..."), or out of memory (SYSTEM). Lines behind the entry that
 * fits are not looked at.
 */
int envoi_netrc_find(const char *text, size_t n, const char *host, const char *user,
	struct envoi_secret *ret_password, unsigned long *ret_line,
	struct envoi_error *err);

#endif
