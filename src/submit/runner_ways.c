/*
 * Ways out that led nowhere, remembered from one run over the queue to the next; see
 * <envoi/runner.h>.
 */
#include "submit/runner_internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/gnu.h"
#include "base/limits.h"

enum way_news {
	WAY_DOWN,
	/** It led somewhere in this run: in the next one, all that waits for it is due.
	 */
	WAY_UP,
	WAY_BACK,
};

struct way_state {
	uint64_t way;
	struct envoi_breaker breaker;
	enum way_news news;
};

struct envoi_ways {
	struct way_state list[ENVOI_LIMIT_WAYS];
	size_t count;
};

static int64_t seconds(void)
{
	return envoi_clock_now() / 1000000;
}

struct envoi_ways *envoi_ways_new(void)
{
	return calloc(1, sizeof(struct envoi_ways));
}

void envoi_ways_free(struct envoi_ways *ways)
{
	free(ways);
}

void envoi_ways_forget(struct envoi_ways *ways)
{
	ways->count = 0;
}

static struct way_state *find(struct envoi_ways *ways, uint64_t way)
{
	for (size_t i = 0; ways != NULL && i < ways->count; i++) {
		if (ways->list[i].way == way) {
			return &ways->list[i];
		}
	}
	return NULL;
}

int64_t envoi_ways_pause(struct envoi_ways *ways, uint64_t way)
{
	const struct way_state *state = find(ways, way);
	int64_t now = seconds();
	return state != NULL && !envoi_breaker_allows(&state->breaker, now)
		       ? state->breaker.until - now
		       : 0;
}

bool envoi_ways_is_back(struct envoi_ways *ways, uint64_t way)
{
	const struct way_state *state = find(ways, way);
	return state != NULL && state->news == WAY_BACK;
}

static void drop(struct envoi_ways *ways, size_t i)
{
	ways->list[i] = ways->list[--ways->count];
}

void envoi_ways_begin_run(struct envoi_ways *ways)
{
	for (size_t i = ways != NULL ? ways->count : 0; i-- > 0;) {
		if (ways->list[i].news == WAY_BACK) {
			drop(ways, i);
		} else if (ways->list[i].news == WAY_UP) {
			ways->list[i].news = WAY_BACK;
		}
	}
}

void envoi_ways_failed(struct envoi_ways *ways, uint64_t way)
{
	struct way_state *state = find(ways, way);
	if (ways == NULL) {
		return;
	}
	if (state == NULL) {
		if (ways->count == ENVOI_LIMIT_WAYS) {
			drop(ways, 0);
		}
		state = &ways->list[ways->count++];
		*state = (struct way_state){.way = way};
	}
	state->news = WAY_DOWN;
	envoi_breaker_fail(&state->breaker, seconds());
}

bool envoi_ways_reached(struct envoi_ways *ways, uint64_t way)
{
	struct way_state *state = find(ways, way);
	if (state == NULL || state->news != WAY_DOWN) {
		return false;
	}
	state->news = WAY_UP;
	envoi_breaker_succeed(&state->breaker);
	return true;
}

int envoi_runner_watch_network(void)
{
	return envoi_gnu_watch_network();
}

bool envoi_runner_network_changed(int fd)
{
	return envoi_gnu_network_changed(fd);
}
