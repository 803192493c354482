/*
 * Base64 (RFC 4648 4), strict both ways: no line ends, no blanks, padding
 * always and only where it belongs, no bits lost in it.
 *
 *     base64 = *quantum [ last ]
 *     quantum = 4base64-char
 *     last = 2base64-char "==" / 3base64-char "="
 */
#ifndef ENVOI_PROTOCOL_BASE64_H
#define ENVOI_PROTOCOL_BASE64_H

#include <stddef.h>

#include "base/secret.h"
#include "base/span.h"

/** Makes *ret the text of the octets. 0, or -1 when out of memory. */
int envoi_base64_encode(struct envoi_secret *ret, struct envoi_span octets);

enum envoi_base64 {
	ENVOI_BASE64_OK = 0,
	/** The text is not base64; nothing was stored. */
	ENVOI_BASE64_BAD = 1,
};

/** Makes *ret the octets of the text. 0, ENVOI_BASE64_BAD, or -1 when out of
 * memory. */
int envoi_base64_decode(struct envoi_secret *ret, struct envoi_span text);

#endif
