/*
 * When to try again: the plain course of days, and clocks that jump.
 */
#include <check.h>

#include <envoi/queue.h>

#define YEARS INT64_C(315360000)
#define NOW INT64_C(1700000000)

START_TEST(doubles_up_to_an_hour)
{
	static const int64_t delays[] = {60, 120, 240, 480, 960, 1920, 3600, 3600};
	struct envoi_trials trials = {.since = NOW};
	int64_t now = NOW;
	for (unsigned i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		for (uint32_t chance = 0; chance < 2000; chance += 7) {
			struct envoi_trials t =
				envoi_schedule_tried(&trials, now, chance, "why");
			ck_assert_int_ge(t.next - now, delays[i] * 3 / 4);
			ck_assert_int_le(t.next - now, delays[i] * 5 / 4);
			ck_assert_uint_eq(t.count, i + 1);
			ck_assert(!envoi_schedule_is_due(&t, 0, now));
			ck_assert(!envoi_schedule_is_due(&t, 0, t.next - 1));
			ck_assert(envoi_schedule_is_due(&t, 0, t.next));
		}
		trials = envoi_schedule_tried(&trials, now, 250, "why");
		ck_assert_int_eq(trials.next - now, delays[i]);
		ck_assert_str_eq(trials.why, "why");
		now = trials.next;
	}
}
END_TEST

START_TEST(at_once_at_first)
{
	const struct envoi_trials none = {.since = NOW};
	ck_assert(envoi_schedule_is_due(&none, 0, NOW));
	ck_assert(envoi_schedule_is_due(&none, 0, 0));
	ck_assert(!envoi_schedule_is_due(&none, NOW + 1, NOW));
	ck_assert(envoi_schedule_is_due(&none, NOW + 1, NOW + 1));
	ck_assert_int_eq(envoi_schedule_due(&none, NOW + 9, NOW), NOW + 9);
}
END_TEST

START_TEST(in_a_row_counts_once)
{
	struct envoi_trials trials = {.since = NOW};
	for (int64_t i = 0; i < 40; i++) {
		trials = envoi_schedule_tried(&trials, NOW + i / 4, 0, "");
	}
	ck_assert_uint_eq(trials.count, 1);
}
END_TEST

/* Days of trials, and where the clock jumps to in the middle of them. */
static const int64_t jumps[] = {
	0, YEARS, -YEARS, -NOW, 3600, -3600, -60, 86400, -86400, INT64_MAX / 2};

START_TEST(clock_jumps)
{
	struct envoi_trials trials = {.since = NOW};
	int64_t offset = 0, waited = 0;
	unsigned tries = 0;
	/* Real time passes by the minute. */
	for (int64_t real = 0; real < 10 * 86400; real += 60) {
		if (real == 7200) {
			offset = jumps[_i];
			waited = 0;
		}
		int64_t now = NOW + real + offset;
		waited += 60;
		if (!envoi_schedule_is_due(&trials, 0, now)) {
			/* Never longer than the most, whatever was written. */
			ck_assert_int_le(waited, 3600 * 5 / 4 + 60);
			continue;
		}
		waited = 0;
		tries++;
		trials = envoi_schedule_tried(&trials, now, (uint32_t)real, "");
		if (tries < ENVOI_SCHEDULE_TRIES) {
			ck_assert(!envoi_schedule_is_over(&trials, 0, now));
		}
	}
	ck_assert_uint_gt(tries, 200);
	if (jumps[_i] >= 0) {
		ck_assert(envoi_schedule_is_over(&trials, 0, NOW + offset + 10 * 86400));
	}
}
END_TEST

START_TEST(gives_up_after_days_and_trials)
{
	struct envoi_trials trials = {.since = NOW, .count = 19};
	const int64_t days = 5 * 86400;
	ck_assert(!envoi_schedule_is_over(&trials, 0, NOW + days));
	trials.count = 20;
	ck_assert(!envoi_schedule_is_over(&trials, 0, NOW + days - 1));
	ck_assert(envoi_schedule_is_over(&trials, 0, NOW + days));
	ck_assert(envoi_schedule_is_over(&trials, NOW + 5, NOW + 5));
	ck_assert(!envoi_schedule_is_over(&trials, NOW + 5, NOW + 4));
	trials.count = 0;
	ck_assert(!envoi_schedule_is_over(&trials, NOW + 5, NOW + YEARS));
	trials.since = INT64_MIN;
	trials.count = 20;
	ck_assert(envoi_schedule_is_over(&trials, 0, INT64_MAX));
	trials.since = INT64_MAX;
	ck_assert(!envoi_schedule_is_over(&trials, 0, INT64_MIN));
}
END_TEST

START_TEST(is_late_once)
{
	struct envoi_trials trials = {.since = NOW, .count = 2};
	ck_assert(!envoi_schedule_is_late(&trials, 14400, NOW + YEARS));
	trials.count = 3;
	ck_assert(envoi_schedule_is_late(&trials, 14400, NOW + 14400));
	ck_assert(!envoi_schedule_is_late(&trials, 14400, NOW + 14399));
	ck_assert(!envoi_schedule_is_late(&trials, 0, NOW + YEARS));
	trials.warned = true;
	ck_assert(!envoi_schedule_is_late(&trials, 14400, NOW + YEARS));
}
END_TEST

START_TEST(a_relay_that_is_down)
{
	struct envoi_breaker breaker = {0};
	static const int64_t pauses[] = {30, 60, 120, 240, 480, 900, 900};
	int64_t now = 5;
	ck_assert(envoi_breaker_allows(&breaker, now));
	for (unsigned i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		envoi_breaker_fail(&breaker, now);
		ck_assert(!envoi_breaker_allows(&breaker, now));
		ck_assert(!envoi_breaker_allows(&breaker, now + pauses[i] - 1));
		now += pauses[i];
		ck_assert(envoi_breaker_allows(&breaker, now));
	}
	envoi_breaker_succeed(&breaker);
	ck_assert(envoi_breaker_allows(&breaker, 0));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("schedule");
	TCase *tc = tcase_create("schedule");
	tcase_add_test(tc, doubles_up_to_an_hour);
	tcase_add_test(tc, at_once_at_first);
	tcase_add_test(tc, in_a_row_counts_once);
	tcase_add_loop_test(tc, clock_jumps, 0, sizeof(jumps) / sizeof(jumps[0]));
	tcase_add_test(tc, gives_up_after_days_and_trials);
	tcase_add_test(tc, is_late_once);
	tcase_add_test(tc, a_relay_that_is_down);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
