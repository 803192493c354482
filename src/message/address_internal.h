/*
 * The parser of addresses, shared by address*.c only.
 *
 * address_token.c  blanks, comments, what is skipped as a whole
 * address_spec.c   one element: [phrase] <route: addr-spec>, or addr-spec
 * address_form.c   the canonical form, and what is refused in it
 * address.c        one mailbox from a text
 * address_list.c   many
 */
#ifndef ENVOI_MESSAGE_ADDRESS_INTERNAL_H
#define ENVOI_MESSAGE_ADDRESS_INTERNAL_H

#include <envoi/address.h>

#include "base/idna.h"
#include "base/limits.h"
#include "base/span.h"

/* RFC 5321 4.5.3.1.2; RFC 1035 2.3.4. */
#define ENVOI_DOMAIN_MAX 255
#define ENVOI_LABEL_MAX 63

/* A local part as it is read: NFC may make it shorter, never by so much. */
#define ENVOI_LOCAL_ROOM (4 * ENVOI_LIMIT_ADDRESS)

/* A canonical mailbox as a string. */
#define ENVOI_MAILBOX_ROOM (ENVOI_LIMIT_ADDRESS + 1)

/** What is left to read, and what was. */
struct envoi_address_parser {
	const char *p;
	const char *end;
	/** Of a list: line ends are blanks, blanks go between the parts of an
	 * addr-spec, the domain may be missing, "," and ";" end the element. */
	bool list;
	/** Not of a list: the domain may be missing, as it may there. */
	bool bare;
	/** What is wrong; NULL as long as all is well. */
	const char *why;
	bool no_memory;
	/** There is a "<". */
	bool angle;
	/** The local part without its quoting; then the domain, "" if none. */
	char local[ENVOI_LOCAL_ROOM];
	size_t local_len;
	char domain[ENVOI_IDNA_ROOM];
	size_t domain_len;
	/** The phrase, up to the "<"; the addr-spec. */
	const char *name_end;
	const char *spec_start;
	const char *spec_end;
};

/** Notes the first reason; false. */
bool envoi_address_fail(struct envoi_address_parser *parser, const char *why);

/* address_token.c */

/** The next octet, NUL at the end: a NUL of the text is refused elsewhere. */
char envoi_address_peek(const struct envoi_address_parser *parser);

/** The parser is at a blank. */
bool envoi_address_at_blank(const struct envoi_address_parser *parser);

/** Skips comments, which nest, and blanks as well. */
bool envoi_address_skip_comments(struct envoi_address_parser *parser, bool blanks);

/** Reads a quoted string; keep: into the local part. */
bool envoi_address_read_quoted(struct envoi_address_parser *parser, bool keep);

/** Goes on by one character, or by what has to be taken as a whole, so that
 * no separator is seen in it: a quoted string, a comment, an address literal,
 * an encoded word. */
bool envoi_address_skip_token(struct envoi_address_parser *parser);

/** Puts an octet behind the local part. */
bool envoi_address_put_local(struct envoi_address_parser *parser, char c);

/** Can be in an atom: what is not ASCII as well (RFC 6532 3.2). */
bool envoi_address_is_atext(char c);
bool envoi_address_is_alnum(char c);

/* address_spec.c */

/** Reads one element and the blanks behind it; in a list up to its end, else
 * to the end of the text. */
bool envoi_address_read(struct envoi_address_parser *parser);

/* address_form.c */

/** The mailbox that was read in its canonical form. "": there was none. */
bool envoi_address_form(
	struct envoi_address_parser *parser, char out[ENVOI_MAILBOX_ROOM]);

/** Labels of letters, digits, "-", "_"; "[192.0.2.1]". */
bool envoi_address_is_domain(const char *text, size_t n);
bool envoi_address_is_literal(const char *text, size_t n);

/** A control character among n octets; folds: but for those of a blank in a
 * list. */
bool envoi_address_has_control(const char *text, size_t n, bool folds);

/** Says what is bad with an address: USAGE, -1. */
int envoi_address_refuse(
	struct envoi_error *err, const char *text, size_t n, const char *why);

#endif
