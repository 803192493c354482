/*
 * What `envoi queue run --watch` waits for.
 */
#ifndef ENVOI_CMD_WATCH_H
#define ENVOI_CMD_WATCH_H

#include <envoi/queue.h>
#include <envoi/runner.h>

struct watch {
	/** -1: not to be had here. */
	int mail, network;
	struct envoi_ways *ways;
	/** What only waits for its next try is due, because the network changed. */
	bool eager;
	/** When that was the last time, on a clock that does not jump; and whether the
	 * network changed since, too early to do that again. */
	int64_t eager_at;
	bool changed;
};

/** -1: no memory. */
int watch_init(
	struct watch *watch, const struct envoi_queue *queue, struct envoi_error *err);
void watch_finish(struct watch *watch);

/** Waits for mail, for the network, or for the next that is due. False: stop_fd is
 * readable. */
bool watch_wait(
	struct watch *watch, int stop_fd, const struct envoi_runner_report *report);

#endif
