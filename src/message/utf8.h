/*
 * Whether octets are UTF-8 (RFC 3629 4), fed piece by piece or a character at a time.
 */
#ifndef ENVOI_MESSAGE_UTF8_H
#define ENVOI_MESSAGE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "message/octets.h"

struct envoi_utf8 {
	bool bad;
	/** Octets the current character still needs; the next is in [low, high]. */
	unsigned char need, low, high;
};

static inline void envoi_utf8_octet(struct envoi_utf8 *utf8, unsigned char c)
{
	if (utf8->need > 0) {
		utf8->bad = utf8->bad || c < utf8->low || c > utf8->high;
		utf8->need--;
		utf8->low = 0x80;
		utf8->high = 0xbf;
	} else if (c >= 0x80) {
		/* No overlong form, no surrogate, nothing over U+10FFFF. */
		utf8->bad = utf8->bad || c < 0xc2 || c > 0xf4;
		utf8->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		utf8->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
		utf8->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	}
}

static inline void envoi_utf8_feed(struct envoi_utf8 *utf8, const char *in, size_t n)
{
	size_t i = 0;
	while (i < n && !utf8->bad) {
		if ((in[i] & 0x80) == 0 && utf8->need == 0 && n - i >= ENVOI_OCTETS
			&& !envoi_octets_any(envoi_octets_load(in + i) & 0x80)) {
			i += ENVOI_OCTETS;
			continue;
		}
		envoi_utf8_octet(utf8, (unsigned char)in[i++]);
	}
}

/** Octets of the character text begins with, 0 when it is none (an overlong form,
 * a surrogate, a part of one, no text). */
static inline size_t envoi_utf8_length(struct envoi_span text)
{
	struct envoi_utf8 utf8 = {0};
	for (size_t i = 0; i < text.len && !utf8.bad; i++) {
		envoi_utf8_octet(&utf8, (unsigned char)text.data[i]);
		if (utf8.need == 0) {
			return utf8.bad ? 0 : i + 1;
		}
	}
	return 0;
}

/** After the last octet: is all of it UTF-8? */
static inline bool envoi_utf8_is_good(const struct envoi_utf8 *utf8)
{
	return !utf8->bad && utf8->need == 0;
}

#endif
