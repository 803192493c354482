/*
 * For LD_PRELOAD: the clocks go wrong by as many seconds as the file named by
 * FAULT_CLOCK says, which may change meanwhile: the wall clock by the first number, the
 * one that does not jump by the second.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long offset(int wanted)
{
	char text[64] = "";
	const char *path = getenv("FAULT_CLOCK");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0) {
		return 0;
	}
	ssize_t n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	char *end = text;
	long long result = n > 0 ? strtoll(text, &end, 10) : 0;
	return wanted == 0 ? result : strtoll(end, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int result = (int)syscall(SYS_clock_gettime, clock, ts);
	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC)) {
		ts->tv_sec += (time_t)offset(clock == CLOCK_MONOTONIC);
	}
	return result;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;
	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	*tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *ret_time)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (ret_time != NULL) {
		*ret_time = ts.tv_sec;
	}
	return ts.tv_sec;
}
