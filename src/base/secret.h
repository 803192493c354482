/*
 * Bytes that nobody may see: passwords, tokens, keys.
 *
 * A secret owns its bytes and wipes them before it gives the memory back.
 * There is no function that prints one, and none should be written. The
 * bytes may hold anything, NUL included; a NUL stands behind them as well,
 * for callers that have made sure that there is none inside.
 */
#ifndef ENVOI_BASE_SECRET_H
#define ENVOI_BASE_SECRET_H

#include <stddef.h>

struct envoi_secret {
	/** The bytes; NULL means that there is no secret. An empty secret has
	 * data and a length of 0. */
	char *data;
	size_t length;
};

/**
 * Makes *secret a copy of the n octets at bytes (NULL is fine when n is 0)
 * and wipes what it held. bytes may point into the secret itself. 0, or -1
 * when out of memory: then the secret stays as it was.
 */
int envoi_secret_set(struct envoi_secret *secret, const void *bytes, size_t n);

/** Wipes and frees. NULL, a zeroed and a finished secret are accepted. */
void envoi_secret_finish(struct envoi_secret *secret);

/**
 * Overwrites n octets in a way that no compiler leaves out. bytes may be NULL
 * when n is 0.
 */
void envoi_secret_wipe(void *bytes, size_t n);

#endif
