/*
 * One mailbox of an envelope (RFC 5321 4.1.2 Mailbox).
 */
#ifndef ENVOI_ADDRESS_H
#define ENVOI_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/error.h>

/**
 * Reads one address as a person or script writes it, n octets long:
 * "a@b", "<a@b>", "Name <a@b>", quoted local parts, address literals, comments
 * and a source route (both dropped). *ret_mailbox is a heap string as it goes
 * between < and >: quoted where it has to be and nowhere else, the case kept.
 * A local part of atext with dots at its ends or two in a row, which the
 * grammar forbids and some servers have, is taken and quoted. Labels of a
 * domain are letters, digits, "-" and "_". "" and "<>" give "" when
 * allow_null. The domain may be missing for "postmaster" only.
 *
 * USAGE, naming the address (escaped, cut) and the reason: CR, LF, NUL or
 * another control byte anywhere; no mailbox or several; not ASCII; over
 * ENVOI_LIMIT_ADDRESS (512), the domain over 255 octets, a label over 63.
 * SYSTEM: no memory.
 */
int envoi_address_parse(const char *text, size_t n, bool allow_null, char **ret_mailbox,
	struct envoi_error *err);

/** The domain of a mailbox made by envoi_address_parse(): points behind its
 * last "@"; "" when there is none. */
const char *envoi_address_domain(const char *mailbox);

/** The same mailbox: local part exactly, domain but for ASCII case. */
bool envoi_address_equal(const char *a, const char *b);

/** May name be said in EHLO: a domain (letters, digits, "-", "_", ".") or an
 * address literal "[192.0.2.1]", "[IPv6:2001:db8::1]"; no blank, no control. */
bool envoi_address_is_helo(const char *name);

#endif
