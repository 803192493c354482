/*
 * Names of hosts and domains with letters outside of ASCII: to the form that
 * DNS, TLS and SMTP have (A-labels, "xn--..."), and back (IDNA2008: RFC 5890
 * to 5892, with the mapping of UTS #46, non-transitional). By libidn2.
 */
#ifndef ENVOI_BASE_IDNA_H
#define ENVOI_BASE_IDNA_H

#include <stdbool.h>

#include "base/span.h"

/** Room for a converted name: 63 characters a label and 255 in all go on the
 * wire; as U-labels they may be longer, in octets. */
#define ENVOI_IDNA_ROOM 1024

/** No octet above 127. */
bool envoi_is_ascii(struct envoi_span text);

/** Well-formed UTF-8 (RFC 3629). */
bool envoi_is_utf8(struct envoi_span text);

/**
 * The name as A-labels, lower case: out, NUL-terminated. An ASCII name comes
 * out as it is. 0; 1: there is none, *ret_why says why in a few words; -1: no
 * memory. What libidn2 maps to ASCII (full-width letters) is not looked at:
 * the caller judges the outcome as it judges a name that was typed.
 */
int envoi_idna_to_ascii(
	struct envoi_span name, char out[ENVOI_IDNA_ROOM], const char **ret_why);

/** The name as U-labels: the form that every name with the same A-labels
 * has. As envoi_idna_to_ascii(). */
int envoi_idna_to_unicode(
	struct envoi_span name, char out[ENVOI_IDNA_ROOM], const char **ret_why);

#endif
