/*
 * The scan: one reading of all octets of a message that finds out what they
 * are like. Pure; fed with blocks, split anywhere with the same result.
 */
#ifndef ENVOI_MESSAGE_SCAN_H
#define ENVOI_MESSAGE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/message.h>

enum envoi_scan_header {
	/** The header's end was seen, or all that it is read for. */
	ENVOI_SCAN_HEADER_DONE,
	/** In a field's name, or in the blanks behind it. */
	ENVOI_SCAN_HEADER_NAME,
	/** In the Message-ID's value. */
	ENVOI_SCAN_HEADER_VALUE,
	/** In a field of no interest. */
	ENVOI_SCAN_HEADER_SKIP,
};

struct envoi_scan {
	struct envoi_message_facts *facts;
	/** Number of the line (ended by LF) the next octet is in, from 1. */
	uint64_t line;
	/** Octets of the line (as on the wire) so far. */
	uint64_t column;
	bool after_cr;
	enum envoi_scan_header header;
	char name[16];
	size_t name_len;
	size_t id_len;
};

/**
 * Begins a scan into facts, which it clears. The first octet is in line
 * first_line; has_header: it begins with a header, else it is all body.
 */
void envoi_scan_init(struct envoi_scan *scan, struct envoi_message_facts *facts,
	uint64_t first_line, bool has_header);

void envoi_scan_feed(struct envoi_scan *scan, const char *in, size_t n);

/** After the last octet: completes the facts. */
void envoi_scan_finish(struct envoi_scan *scan);

#endif
