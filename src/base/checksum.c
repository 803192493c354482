/*
 * XXH64, as its specification (xxHash fast digest algorithm, version 0.1.1)
 * says: four lanes of 64 bits, blocks of 32 octets, little-endian.
 */
#include "base/checksum.h"

#include <string.h>

#include "base/octets.h"

static const uint64_t P1 = 0x9E3779B185EBCA87u;
static const uint64_t P2 = 0xC2B2AE3D27D4EB4Fu;
static const uint64_t P3 = 0x165667B19E3779F9u;
static const uint64_t P4 = 0x85EBCA77C2B2AE63u;
static const uint64_t P5 = 0x27D4EB2F165667C5u;

static uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static uint64_t mix(uint64_t lane, uint64_t input)
{
	return rotate(lane + input * P2, 31) * P1;
}

static uint64_t merge(uint64_t hash, uint64_t lane)
{
	return (hash ^ mix(0, lane)) * P1 + P4;
}

void envoi_checksum_init(struct envoi_checksum *sum, uint64_t seed)
{
	*sum = (struct envoi_checksum){
		.lanes = {seed + P1 + P2, seed + P2, seed, seed - P1},
		.seed = seed,
	};
}

static void take_block(struct envoi_checksum *sum, const unsigned char *block)
{
	for (size_t i = 0; i < 4; i++) {
		sum->lanes[i] = mix(sum->lanes[i], envoi_octets_get64(block + 8 * i));
	}
}

void envoi_checksum_add(struct envoi_checksum *sum, const void *data, size_t n)
{
	const unsigned char *p = data;
	sum->total += n;
	if (sum->n > 0) {
		size_t room = sizeof(sum->block) - sum->n;
		size_t take = n < room ? n : room;
		memcpy(sum->block + sum->n, p, take);
		sum->n += take;
		p += take;
		n -= take;
		if (sum->n < sizeof(sum->block)) {
			return;
		}
		take_block(sum, sum->block);
		sum->n = 0;
	}
	for (; n >= sizeof(sum->block); n -= sizeof(sum->block)) {
		take_block(sum, p);
		p += sizeof(sum->block);
	}
	if (n > 0) {
		memcpy(sum->block, p, n);
	}
	sum->n = n;
}

uint64_t envoi_checksum_value(const struct envoi_checksum *sum)
{
	const uint64_t *v = sum->lanes;
	const unsigned char *p = sum->block, *end = p + sum->n;
	uint64_t hash = sum->seed + P5;
	if (sum->total >= sizeof(sum->block)) {
		hash = rotate(v[0], 1) + rotate(v[1], 7) + rotate(v[2], 12)
		       + rotate(v[3], 18);
		for (size_t i = 0; i < 4; i++) {
			hash = merge(hash, v[i]);
		}
	}
	hash += sum->total;
	for (; end - p >= 8; p += 8) {
		hash = rotate(hash ^ mix(0, envoi_octets_get64(p)), 27) * P1 + P4;
	}
	if (end - p >= 4) {
		hash = rotate(hash ^ (envoi_octets_get32(p) * P1), 23) * P2 + P3;
		p += 4;
	}
	for (; p < end; p++) {
		hash = rotate(hash ^ (*p * P5), 11) * P1;
	}
	hash = (hash ^ hash >> 33) * P2;
	hash = (hash ^ hash >> 29) * P3;
	return hash ^ hash >> 32;
}

uint64_t envoi_checksum_of(const void *data, size_t n, uint64_t seed)
{
	struct envoi_checksum sum;
	envoi_checksum_init(&sum, seed);
	envoi_checksum_add(&sum, data, n);
	return envoi_checksum_value(&sum);
}
