/*
 * Numbers in files: little-endian, at any address.
 */
#ifndef ENVOI_BASE_OCTETS_H
#define ENVOI_BASE_OCTETS_H

#include <stdint.h>

static inline uint32_t envoi_octets_get32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t envoi_octets_get64(const unsigned char *p)
{
	return envoi_octets_get32(p) | (uint64_t)envoi_octets_get32(p + 4) << 32;
}

static inline void envoi_octets_put32(unsigned char *p, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++) {
		p[i] = (unsigned char)(value >> 8 * i);
	}
}

static inline void envoi_octets_put64(unsigned char *p, uint64_t value)
{
	envoi_octets_put32(p, (uint32_t)value);
	envoi_octets_put32(p + 4, (uint32_t)(value >> 32));
}

#endif
