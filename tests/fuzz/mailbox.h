/*
 * What must hold of a canonical mailbox, for the targets that make some.
 */
#ifndef ENVOI_TESTS_MAILBOX_H
#define ENVOI_TESTS_MAILBOX_H

#include <stdbool.h>
#include <string.h>

#include <envoi/address.h>

#include "fuzz.h"

/* Fit to stand between < and > in a command line; with letters outside of
 * ASCII only where it says so. */
static void check_mailbox(const char *mailbox)
{
	bool quoted = false;
	bool utf8 = false;
	const char *domain = envoi_address_domain(mailbox);
	MUST(strlen(mailbox) <= 512);
	for (const char *p = mailbox; *p != '\0'; p++) {
		if ((unsigned char)*p > 127) {
			utf8 = utf8 || p < domain || *domain == '\0';
			MUST(utf8);
			continue;
		}
		MUST(*p >= 32 && *p <= 126);
		if (quoted && *p == '\\') {
			p++;
			MUST(*p == '"' || *p == '\\');
		} else if (*p == '"') {
			quoted = !quoted;
		} else {
			MUST(quoted || strchr(" <>(),;\\", *p) == NULL);
		}
	}
	MUST(!quoted && utf8 == envoi_address_needs_utf8(mailbox));
	MUST(*domain == '\0' || utf8 || envoi_address_is_helo(domain));
	MUST(envoi_address_equal(mailbox, mailbox));
}

#endif
