/*
 * What MAIL and RCPT say about delivery status notifications (RFC 3461 4,
 * RFC 6533 3).
 */
#ifndef ENVOI_PROTOCOL_DSN_H
#define ENVOI_PROTOCOL_DSN_H

#include <envoi/session.h>

/* RFC 3461 4.2: at most 500 octets behind "ORCPT="; and the keywords. */
#define ENVOI_DSN_ROOM 600

/** " RET=HDRS ENVID=...", "" when nothing was asked for. */
void envoi_dsn_mail(
	const struct envoi_transaction *transaction, char out[ENVOI_DSN_ROOM]);

/** " NOTIFY=... ORCPT=...". An original address that has no room is left out:
 * it is a help only. */
void envoi_dsn_rcpt(const struct envoi_recipient *recipient, char out[ENVOI_DSN_ROOM]);

#endif
