/*
 * A checksum that notices what disks do to files: XXH64. It keeps nobody from
 * forging: that is what permissions are for. Pure.
 */
#ifndef ENVOI_BASE_CHECKSUM_H
#define ENVOI_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

struct envoi_checksum {
	uint64_t lanes[4];
	uint64_t seed;
	uint64_t total;
	unsigned char block[32];
	size_t n;
};

void envoi_checksum_init(struct envoi_checksum *sum, uint64_t seed);
void envoi_checksum_add(struct envoi_checksum *sum, const void *data, size_t n);
/** Of what was added so far; more may follow. */
uint64_t envoi_checksum_value(const struct envoi_checksum *sum);

/** Of octets that stand together. */
uint64_t envoi_checksum_of(const void *data, size_t n, uint64_t seed);

#endif
