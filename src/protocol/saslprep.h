/*
 * SASLprep (RFC 4013): names and passwords in one form, however they were
 * typed.
 *
 * Mapped (other blanks to a space, what is not seen to nothing), normalised
 * (NFKC), checked for what is prohibited and for mixed directions. Code
 * points newer than Unicode 3.2 are let through, as RFC 4013 2.5 has it for
 * queries: there are passwords with them, and RFC 8265 allows them.
 */
#ifndef ENVOI_PROTOCOL_SASLPREP_H
#define ENVOI_PROTOCOL_SASLPREP_H

#include "base/secret.h"
#include "base/span.h"

enum envoi_saslprep {
	ENVOI_SASLPREP_OK = 0,
	/** Not UTF-8. */
	ENVOI_SASLPREP_NOT_UTF8 = 1,
	/** A control character, a private one or another of RFC 4013 2.3. */
	ENVOI_SASLPREP_PROHIBITED = 2,
	/** Right-to-left and left-to-right letters mixed (RFC 3454 6). */
	ENVOI_SASLPREP_DIRECTIONS = 3,
	/** Nothing is left of it. */
	ENVOI_SASLPREP_EMPTY = 4,
};

/** Makes *ret the prepared text. 0, one of the above and *ret untouched, or
 * -1 when out of memory. */
int envoi_saslprep(struct envoi_secret *ret, struct envoi_span text);

/** Words for what is wrong: "is not UTF-8". */
const char *envoi_saslprep_reason(enum envoi_saslprep result);

#endif
