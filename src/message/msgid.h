/*
 * Message identifiers (RFC 5322 3.6.4).
 */
#ifndef ENVOI_MESSAGE_MSGID_H
#define ENVOI_MESSAGE_MSGID_H

#include <stddef.h>

#include <envoi/error.h>

/** "<26 characters @domain>": room for a domain of ENVOI_LIMIT_HOST octets. */
#define ENVOI_MSGID_SIZE 320

/** An identifier that no other message has and nobody can guess: 128 random
 * bits at this domain. SYSTEM: there are no random octets. */
int envoi_msgid_make(
	char out[static ENVOI_MSGID_SIZE], const char *domain, struct envoi_error *err);

#endif
