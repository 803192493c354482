/*
 * The date-time of a Date field (RFC 5322 3.3).
 */
#ifndef ENVOI_MESSAGE_DATE_H
#define ENVOI_MESSAGE_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** "Mon, 23 Nov 2026 20:13:06 +0530" and its NUL, with room for any year. */
#define ENVOI_DATE_SIZE 64

/** Seconds by which local time is ahead of UTC at that time. 0, or 1: there
 * is no telling, or it is not whole minutes below a day. */
int envoi_date_offset(int64_t now, long *ret_offset);

/** The time in the zone that is offset seconds ahead of UTC; known: false
 * says "-0000", UTC and nothing about the zone. */
void envoi_date_format(
	char out[static ENVOI_DATE_SIZE], int64_t now, long offset, bool known);

#endif
