/*
 * Bytes that are wiped before their memory is given back.
 *
 * Never realloc() here: it may leave a copy behind. Without OpenSSL, because
 * base knows none, and without explicit_bzero(), which POSIX has not.
 */
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

void envoi_secret_wipe(void *bytes, size_t n)
{
	/* A store through a volatile lvalue is a side effect: it stays, even
	 * when the memory is freed next. */
	volatile unsigned char *octet = bytes;

	while (n > 0) {
		*octet++ = 0;
		n--;
	}
}

int envoi_secret_set(struct envoi_secret *secret, const void *bytes, size_t n)
{
	char *copy = n + 1 > n ? malloc(n + 1) : NULL;

	if (copy == NULL) {
		return -1;
	}
	if (n > 0) {
		memcpy(copy, bytes, n);
	}
	copy[n] = '\0';
	envoi_secret_finish(secret);
	secret->data = copy;
	secret->length = n;
	return 0;
}

void envoi_secret_finish(struct envoi_secret *secret)
{
	if (secret == NULL || secret->data == NULL) {
		return;
	}
	envoi_secret_wipe(secret->data, secret->length);
	free(secret->data);
	secret->data = NULL;
	secret->length = 0;
}
