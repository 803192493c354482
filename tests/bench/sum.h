/*
 * The checksum of a message: which octets, in which order. Not a secure one,
 * but faster than any connection, so that summing does not slow what is
 * measured. Fed in pieces of any size with the same result.
 */
#ifndef ENVOI_BENCH_SUM_H
#define ENVOI_BENCH_SUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SUM_BLOCK 32

struct sum {
	uint64_t lanes[4];
	uint64_t octets;
	unsigned char rest[SUM_BLOCK];
	size_t rest_length;
};

static inline void sum_init(struct sum *sum)
{
	*sum = (struct sum){.lanes = {1, 2, 3, 4}};
}

/* Each lane is one of the four of xxHash64. */
static inline uint64_t sum_round(uint64_t lane, uint64_t word)
{
	lane += word * UINT64_C(0xC2B2AE3D27D4EB4F);
	lane = lane << 31 | lane >> 33;
	return lane * UINT64_C(0x9E3779B185EBCA87);
}

static inline void sum_blocks(struct sum *sum, const unsigned char *p, size_t blocks)
{
	uint64_t a = sum->lanes[0], b = sum->lanes[1];
	uint64_t c = sum->lanes[2], d = sum->lanes[3];
	for (; blocks > 0; blocks--, p += SUM_BLOCK) {
		uint64_t words[4];
		memcpy(words, p, SUM_BLOCK);
		a = sum_round(a, words[0]);
		b = sum_round(b, words[1]);
		c = sum_round(c, words[2]);
		d = sum_round(d, words[3]);
	}
	sum->lanes[0] = a;
	sum->lanes[1] = b;
	sum->lanes[2] = c;
	sum->lanes[3] = d;
}

static inline void sum_feed(struct sum *sum, const void *octets, size_t n)
{
	const unsigned char *p = octets;
	sum->octets += n;
	if (sum->rest_length > 0) {
		size_t part = SUM_BLOCK - sum->rest_length;
		part = part < n ? part : n;
		memcpy(sum->rest + sum->rest_length, p, part);
		sum->rest_length += part;
		p += part;
		n -= part;
		if (sum->rest_length < SUM_BLOCK) {
			return;
		}
		sum_blocks(sum, sum->rest, 1);
	}
	sum_blocks(sum, p, n / SUM_BLOCK);
	sum->rest_length = n % SUM_BLOCK;
	memcpy(sum->rest, p + n - sum->rest_length, sum->rest_length);
}

static inline uint64_t sum_finish(struct sum *sum)
{
	uint64_t result = sum->octets;
	memset(sum->rest + sum->rest_length, 0, SUM_BLOCK - sum->rest_length);
	sum_blocks(sum, sum->rest, 1);
	for (size_t i = 0; i < 4; i++) {
		result = sum_round(result, sum->lanes[i]);
	}
	return result;
}

#endif
