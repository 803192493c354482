/*
 * Mailboxes of an envelope (RFC 5321 4.1.2 Mailbox), and lists of them as
 * they stand in arguments and in a header (RFC 5322 3.4).
 *
 * A mailbox has one canonical form, the one that goes between < and >: quoted
 * where it has to be and nowhere else. A local part of ASCII: then the domain
 * is ASCII as well, an internationalised one as A-labels (IDNA2008, RFC 5890),
 * and any server takes it. A local part with other letters: UTF-8 in NFC, and
 * the domain as U-labels; such a one needs SMTPUTF8 (RFC 6531). The case of
 * ASCII is kept.
 */
#ifndef ENVOI_ADDRESS_H
#define ENVOI_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/error.h>

/**
 * Reads one address as a person or script writes it, n octets long:
 * "a@b", "<a@b>", "Name <a@b>", quoted local parts, address literals, comments
 * and a source route (both dropped). *ret_mailbox is a heap string, canonical.
 * A local part of atext with dots at its ends or two in a row, which the
 * grammar forbids and some servers have, is taken and quoted. Labels of a
 * domain are letters, digits, "-" and "_". "" and "<>" give "" when
 * allow_null. The domain may be missing for "postmaster" only.
 *
 * USAGE, naming the address (escaped, cut) and the reason: CR, LF, NUL or
 * another control byte anywhere; no mailbox or several; a mailbox that is not
 * UTF-8; no domain that IDNA allows; and what is too long, counted in octets
 * of the canonical form: over ENVOI_LIMIT_ADDRESS (512), the domain over 255,
 * a label over 63.
 * SYSTEM: no memory.
 */
int envoi_address_parse(const char *text, size_t n, bool allow_null, char **ret_mailbox,
	struct envoi_error *err);

/** The same, but the domain may be missing, and there is no null: *ret_bare is
 * set for a local part alone that envoi_address_qualify() makes whole. */
int envoi_address_parse_bare(const char *text, size_t n, char **ret_mailbox,
	bool *ret_bare, struct envoi_error *err);

/** One element of a list. All of it is valid until take() returns. */
struct envoi_list_item {
	/** Canonical; NULL: the element is bad. */
	const char *mailbox;
	/** Of a bad one why, as of envoi_address_parse(); else NULL. */
	const struct envoi_error *why;
	/** It has no domain: mailbox is the local part alone, quoted where
	 * needed. See envoi_address_qualify(). */
	bool bare;
	/** The element in the text, without the comma and the blanks around. */
	size_t start, end;
	/** Of a good one, the words in front of "<", quotes and comments
	 * included, encoded words as they are; empty without "<". */
	size_t name_start, name_end;
	/** Of a good one, its addr-spec: "@domain" inserted at spec_end makes a
	 * whole one of a bare one. */
	size_t spec_start, spec_end;
};

/** Takes an item: 0 to go on, -1 with err to stop. */
typedef int envoi_list_take(
	void *context, const struct envoi_list_item *item, struct envoi_error *err);

/**
 * Reads a list of addresses, n octets, and gives each element to take(), in
 * order. Blanks are space, tab, CR, and a line end with a blank behind it or
 * at the end of the text: a field of a header may be given folded. (In an
 * argument a line end is refused by its reader, before this.)
 *
 * Members of a group are elements, its name is none; empty elements are
 * skipped; ";" outside of a group parts as a comma does. Comments, which
 * nest, and routes are dropped. Encoded words are not decoded; one in front of
 * "<" may hold a comma. Blanks and comments around the dots and the "@", as of
 * old, are dropped. A bad element is an item as well, and the reading goes on
 * behind the next comma outside of quotes and comments.
 *
 * 0, or -1: what take() said, or SYSTEM. The time is linear in n.
 */
int envoi_address_list_parse(const char *text, size_t n, envoi_list_take *take,
	void *context, struct envoi_error *err);

/** The mailbox of a bare one (canonical) at this domain: a heap string,
 * canonical; NULL: USAGE, SYSTEM. */
char *envoi_address_qualify(
	const char *mailbox, const char *domain, struct envoi_error *err);

/** This canonical mailbox can only be said with SMTPUTF8. */
bool envoi_address_needs_utf8(const char *mailbox);

/** The domain of a canonical mailbox: points behind its last "@"; "" when
 * there is none. */
const char *envoi_address_domain(const char *mailbox);

/** The same mailbox: local part exactly, domain but for ASCII case. */
bool envoi_address_equal(const char *a, const char *b);

/** Reads a name for EHLO: as it is when it is one, else with its letters outside
 * of ASCII as A-labels. 0: *ret_name is a heap string. 1: it is none. SYSTEM: no
 * memory. */
int envoi_address_helo(const char *text, char **ret_name, struct envoi_error *err);

/** May name be said in EHLO: a domain (letters, digits, "-", "_", ".") or an
 * address literal "[192.0.2.1]", "[IPv6:2001:db8::1]"; no blank, no control. */
bool envoi_address_is_helo(const char *name);

#endif
