/*
 * When to try again, when to give up, and which relay not to ask: pure
 * arithmetic on times that may be any number, as clocks may show anything.
 */
#include <envoi/queue.h>

/* Trials closer to each other than this are one. */
#define SPACING 45
#define BREAK_FIRST 30
#define BREAK_MOST 900

/* b - a without overflow. */
static int64_t since(int64_t a, int64_t b)
{
	int64_t result;
	if (__builtin_sub_overflow(b, a, &result)) {
		return b > a ? INT64_MAX : INT64_MIN;
	}
	return result;
}

static int64_t later(int64_t a, int64_t by)
{
	int64_t result;
	return __builtin_add_overflow(a, by, &result) ? INT64_MAX : result;
}

struct envoi_trials envoi_schedule_tried(
	const struct envoi_trials *trials, int64_t now, uint32_t chance, const char *why)
{
	struct envoi_trials result = *trials;
	int64_t passed = since(trials->last, now);
	if (trials->count == 0 || passed < 0 || passed >= SPACING) {
		result.count += result.count < UINT32_MAX;
	}
	int64_t delay = ENVOI_SCHEDULE_FIRST;
	for (uint32_t i = 1; i < result.count && delay < ENVOI_SCHEDULE_MOST; i++) {
		delay *= 2;
	}
	if (delay > ENVOI_SCHEDULE_MOST) {
		delay = ENVOI_SCHEDULE_MOST;
	}
	/* From 3/4 to 5/4. */
	delay = delay * (750 + chance % 501) / 1000;
	result.last = now;
	result.next = later(now, delay);
	result.why = why;
	return result;
}

int64_t envoi_schedule_due(
	const struct envoi_trials *trials, int64_t not_before, int64_t now)
{
	int64_t most = ENVOI_SCHEDULE_MOST + ENVOI_SCHEDULE_MOST / 4;
	int64_t due = now;
	if (trials->next > now && trials->count > 0 && since(now, trials->next) <= most) {
		due = trials->next;
	}
	return not_before > due ? not_before : due;
}

bool envoi_schedule_is_due(
	const struct envoi_trials *trials, int64_t not_before, int64_t now)
{
	return envoi_schedule_due(trials, not_before, now) <= now;
}

bool envoi_schedule_is_over(
	const struct envoi_trials *trials, int64_t expires, int64_t now)
{
	if (expires != 0 && now >= expires && trials->count > 0) {
		return true;
	}
	return trials->count >= ENVOI_SCHEDULE_TRIES
	       && since(trials->since, now) >= ENVOI_SCHEDULE_DAYS * INT64_C(86400);
}

bool envoi_schedule_is_late(const struct envoi_trials *trials, int64_t after, int64_t now)
{
	/* Several trials: it is not the clock alone that says so. */
	return !trials->warned && after > 0 && trials->count >= 3
	       && since(trials->since, now) >= after;
}

bool envoi_breaker_allows(const struct envoi_breaker *breaker, int64_t now)
{
	return breaker->failures == 0 || now >= breaker->until;
}

void envoi_breaker_succeed(struct envoi_breaker *breaker)
{
	*breaker = (struct envoi_breaker){0};
}

void envoi_breaker_fail(struct envoi_breaker *breaker, int64_t now)
{
	int64_t pause = BREAK_FIRST;
	for (unsigned i = 0; i < breaker->failures && pause < BREAK_MOST; i++) {
		pause *= 2;
	}
	breaker->failures += breaker->failures < 100;
	breaker->until = later(now, pause < BREAK_MOST ? pause : BREAK_MOST);
}
