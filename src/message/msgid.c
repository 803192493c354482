/*
 * Identifiers; see the header. Letters and digits of base32 (RFC 4648 6) in
 * lower case: right in any atom, and told apart whatever is done to case.
 */
#include "message/msgid.h"

#include <errno.h>
#include <stdio.h>

#include "base/gnu.h"
#include "base/limits.h"

#define RANDOM_OCTETS 16
/* Five bits a letter. */
#define LETTERS ((RANDOM_OCTETS * 8 + 4) / 5)

_Static_assert(LETTERS + ENVOI_LIMIT_HOST + 4 <= ENVOI_MSGID_SIZE, "a domain has room");

int envoi_msgid_make(
	char out[static ENVOI_MSGID_SIZE], const char *domain, struct envoi_error *err)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char octets[RANDOM_OCTETS];
	char letters[LETTERS + 1];
	unsigned bits = 0, count = 0;
	size_t have = 0;
	if (envoi_gnu_random(octets, sizeof(octets)) != 0) {
		return envoi_error_sys(
			err, ENVOI_STATUS_SYSTEM, errno, "no random octets to be had");
	}
	for (size_t i = 0; i < sizeof(octets); i++) {
		bits = (bits << 8 | octets[i]) & 0xFFF;
		for (count += 8; count >= 5; count -= 5) {
			letters[have++] = digits[bits >> (count - 5) & 31];
		}
	}
	letters[have++] = digits[bits << (5 - count) & 31];
	letters[have] = '\0';
	(void)snprintf(
		out, ENVOI_MSGID_SIZE, "<%s@%.*s>", letters, ENVOI_LIMIT_HOST, domain);
	return 0;
}
