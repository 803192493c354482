/*
 * Sixteen octets at once, in a vector of the compiler's (gcc, clang): each
 * processor does that in some way, if need be octet by octet. What a comparison
 * yields has all bits of an octet set where it is true.
 */
#ifndef ENVOI_MESSAGE_OCTETS_H
#define ENVOI_MESSAGE_OCTETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t envoi_octets __attribute__((vector_size(16)));

#define ENVOI_OCTETS sizeof(envoi_octets)

static inline envoi_octets envoi_octets_load(const char *p)
{
	envoi_octets result;
	memcpy(&result, p, sizeof(result));
	return result;
}

static inline void envoi_octets_store(char *p, envoi_octets octets)
{
	memcpy(p, &octets, sizeof(octets));
}

static inline bool envoi_octets_any(envoi_octets bits)
{
	uint64_t halves[2];
	memcpy(halves, &bits, sizeof(halves));
	return (halves[0] | halves[1]) != 0;
}

/** Which octet of the result of a comparison is the first one set; one is. */
static inline size_t envoi_octets_first(envoi_octets bits)
{
	uint64_t halves[2];
	memcpy(halves, &bits, sizeof(halves));
	size_t half = halves[0] != 0 ? 0 : 1;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return 8 * half + (size_t)__builtin_ctzll(halves[half]) / 8;
#else
	return 8 * half + (size_t)__builtin_clzll(halves[half]) / 8;
#endif
}

#endif
