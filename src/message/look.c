/*
 * Blocks are looked at in vectors. Pairs are found by a second reading one octet
 * further on.
 */
#include "message/look.h"

#include "message/octets.h"

/* Looked at between two looks at the result; counts of a lane fit an octet. */
#define GROUP (32 * ENVOI_OCTETS)

static size_t sum(envoi_octets counts)
{
	size_t result = 0;
	for (unsigned i = 0; i < sizeof(counts); i++) {
		result += counts[i];
	}
	return result;
}

/* n octets are left, and n is not 0. */
static void look_at_rest(struct envoi_look *look, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		look->eight_bit = look->eight_bit || (p[i] & 0x80) != 0;
		look->nul = look->nul || p[i] == '\0';
		look->lfs += p[i] == '\n' ? 1 : 0;
		if (p[i] == '\r') {
			look->crs++;
			look->bare_cr = look->bare_cr || i + 1 == n || p[i + 1] != '\n';
		}
	}
}

struct envoi_look envoi_look_at(const char *p, size_t n)
{
	struct envoi_look look = {0};
	envoi_octets any = {0};
	envoi_octets nul = {0};
	envoi_octets bare = {0};
	while (n > ENVOI_OCTETS) {
		envoi_octets lfs = {0};
		envoi_octets crs = {0};
		size_t part = n > GROUP ? GROUP : (n - 1) / ENVOI_OCTETS * ENVOI_OCTETS;
		for (const char *stop = p + part; p < stop; p += ENVOI_OCTETS) {
			envoi_octets here = envoi_octets_load(p);
			envoi_octets cr = here == '\r';
			any |= here;
			nul |= here == 0;
			bare |= cr & (envoi_octets_load(p + 1) != '\n');
			/* True is all ones: one less. */
			lfs -= here == '\n';
			crs -= cr;
		}
		n -= part;
		look.lfs += sum(lfs);
		look.crs += sum(crs);
	}
	look.eight_bit = envoi_octets_any(any & 0x80);
	look.nul = envoi_octets_any(nul);
	look.bare_cr = envoi_octets_any(bare);
	look_at_rest(&look, p, n);
	return look;
}

/* Pairs that must not be on the wire, the last one goes over the group. */
static envoi_octets unfit(const char *p, bool dots)
{
	envoi_octets wrong = {0};
	const char *stop = p + GROUP;
	if (!dots) {
		for (; p < stop; p += ENVOI_OCTETS) {
			wrong |= (envoi_octets_load(p) == '\r')
				 ^ (envoi_octets_load(p + 1) == '\n');
		}
		return wrong;
	}
	for (; p < stop; p += ENVOI_OCTETS) {
		envoi_octets here = envoi_octets_load(p);
		envoi_octets next = envoi_octets_load(p + 1);
		wrong |= (here == '\r') ^ (next == '\n');
		wrong |= (here == '\n') & (next == '.');
	}
	return wrong;
}

size_t envoi_look_for_wire(const char *p, size_t n, bool dots)
{
	const char *at = p;
	const char *end = p + n;
	if (n == 0 || *p == '\n') {
		return 0;
	}
	while ((size_t)(end - at) > GROUP && !envoi_octets_any(unfit(at, dots))) {
		at += GROUP;
	}
	return (size_t)(at - p) - (at > p && at[-1] == '\r' ? 1 : 0);
}

size_t envoi_look_count_lfs(const char *p, size_t n)
{
	size_t result = 0;
	while (n >= ENVOI_OCTETS) {
		envoi_octets lfs = {0};
		for (unsigned i = 0; i < 32 && n >= ENVOI_OCTETS; i++) {
			lfs -= envoi_octets_load(p) == '\n';
			p += ENVOI_OCTETS;
			n -= ENVOI_OCTETS;
		}
		result += sum(lfs);
	}
	for (; n > 0; n--) {
		result += *p++ == '\n' ? 1 : 0;
	}
	return result;
}
