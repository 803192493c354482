/*
 * Monotonic time in microseconds. The only place that reads the clock; pure
 * modules get the time as an argument.
 */
#ifndef ENVOI_BASE_CLOCK_H
#define ENVOI_BASE_CLOCK_H

#include <stdint.h>

/** Microseconds since some fixed point; never goes back. */
int64_t envoi_clock_now(void);

/** A deadline that never comes. */
#define ENVOI_CLOCK_NEVER INT64_MAX

#endif
