/*
 * The monotonic clock.
 */
#include "base/clock.h"

#include <time.h>

int64_t envoi_clock_now(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
