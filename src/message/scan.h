/*
 * The scan: one reading of octets of a message that finds out what they are
 * like. Pure; fed with blocks, split anywhere with the same result.
 */
#ifndef ENVOI_MESSAGE_SCAN_H
#define ENVOI_MESSAGE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/message.h>

struct envoi_scan {
	struct envoi_message_facts *facts;
	/** Number of the line (ended by LF) the next octet is in, from 1. */
	uint64_t line;
	/** Octets of the line (as on the wire) so far. */
	uint64_t column;
	bool after_cr;
};

/** Begins a scan into facts, which it clears; the first octet is in line
 * first_line. */
void envoi_scan_init(
	struct envoi_scan *scan, struct envoi_message_facts *facts, uint64_t first_line);

void envoi_scan_feed(struct envoi_scan *scan, const char *in, size_t n);

/** After the last octet: completes the facts. */
void envoi_scan_finish(struct envoi_scan *scan);

/** Adds the facts of octets that follow, of which the first began a line. What
 * is known of the header stays. */
void envoi_scan_join(
	struct envoi_message_facts *facts, const struct envoi_message_facts *behind);

#endif
