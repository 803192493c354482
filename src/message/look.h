/*
 * What many octets at once are like, in one pass over a block without a look
 * at its lines. Pure, without state.
 */
#ifndef ENVOI_MESSAGE_LOOK_H
#define ENVOI_MESSAGE_LOOK_H

#include <stdbool.h>
#include <stddef.h>

struct envoi_look {
	bool eight_bit;
	bool nul;
	/** A CR that no LF follows; one at the very end is such a one. */
	bool bare_cr;
	size_t lfs;
	size_t crs;
};

/** What is in p[0..n). */
struct envoi_look envoi_look_at(const char *p, size_t n);

/**
 * How many octets of p[0..n) certainly go on the wire as they are, at least: a
 * look of some hundred octets at a time, none of them where something is not
 * right. Up to there each CR has its LF and each LF its CR; with dots, no line
 * but perhaps the first begins with a dot. The first octet does not continue a
 * CRLF, and no CRLF is cut in two.
 */
size_t envoi_look_for_wire(const char *p, size_t n, bool dots);

/** How many LFs are in p[0..n). */
size_t envoi_look_count_lfs(const char *p, size_t n);

#endif
