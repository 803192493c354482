/*
 * Waiting for work; see the header. What a descriptor does not tell, time does: no
 * wait is longer than five minutes, whatever the clock says.
 */
#include "watch.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

/* Seconds: whatever happens; where mail is not told of; another one works on a message,
 * and may leave it; between runs because of the network, which comes and goes in
 * several steps. */
#define MOST 300
#define MOST_BLIND 10
#define MOST_BUSY 3
#define EAGER 10

static int64_t steady(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec;
}

int watch_init(
	struct watch *watch, const struct envoi_queue *queue, struct envoi_error *err)
{
	*watch = (struct watch){.ways = envoi_ways_new()};
	if (watch->ways == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	watch->mail = envoi_queue_watch(queue);
	watch->network = envoi_runner_watch_network();
	watch->eager_at = steady() - EAGER;
	return 0;
}

void watch_finish(struct watch *watch)
{
	if (watch->mail >= 0) {
		(void)close(watch->mail);
	}
	if (watch->network >= 0) {
		(void)close(watch->network);
	}
	envoi_ways_free(watch->ways);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t seconds_to_wait(
	const struct watch *watch, const struct envoi_runner_report *report)
{
	int64_t seconds =
		report->next == INT64_MAX ? MOST : report->next - (int64_t)time(NULL);
	seconds = seconds < 0 ? 0 : least(seconds, watch->mail >= 0 ? MOST : MOST_BLIND);
	if (report->busy > 0) {
		seconds = least(seconds, MOST_BUSY);
	}
	if (watch->changed) {
		int64_t left = watch->eager_at + EAGER - steady();
		seconds = least(seconds, left < 0 ? 0 : left);
	}
	return seconds;
}

bool watch_wait(
	struct watch *watch, int stop_fd, const struct envoi_runner_report *report)
{
	struct pollfd fds[] = {
		{.fd = stop_fd, .events = POLLIN},
		{.fd = watch->mail, .events = POLLIN},
		{.fd = watch->network, .events = POLLIN},
	};
	int64_t seconds = seconds_to_wait(watch, report);
	/* Never so soon that it only goes round. */
	(void)poll(fds, 3, seconds > 0 ? (int)seconds * 1000 : 20);
	if (fds[1].revents != 0) {
		envoi_queue_seen(watch->mail);
	}
	if (fds[2].revents != 0 && envoi_runner_network_changed(watch->network)) {
		watch->changed = true;
	}
	watch->eager = watch->changed && steady() - watch->eager_at >= EAGER;
	if (watch->eager) {
		watch->changed = false;
		watch->eager_at = steady();
		envoi_ways_forget(watch->ways);
	}
	return fds[0].revents == 0;
}
