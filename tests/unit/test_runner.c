/*
 * A run over the queue where nobody can be reached: who is told that it takes
 * longer, and when.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/stat.h>
#include <unistd.h>

#include <envoi/queue.h>
#include <envoi/runner.h>

static char folder[64];
static struct envoi_queue *queue;
static struct envoi_error err;
static struct envoi_notices notices;
static int64_t now;

static void setup(void)
{
	char path[80];
	const struct envoi_queue_options options = {.create = true};
	strcpy(folder, "/tmp/envoi-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/queue", folder);
	ck_assert_int_eq(envoi_queue_open(path, &options, &queue, &err), 0);
	notices = (struct envoi_notices){.bounces = true, .delay = 3600, .host = "h"};
	now = (int64_t)time(NULL);
}

static void teardown(void)
{
	char command[100];
	envoi_queue_close(queue);
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}

/* A message that was tried some times in two hours. */
static void add(const char *sender, const char *notify, unsigned tries)
{
	static const char text[] = "Subject: x\r\n\r\nbody\r\n";
	const struct envoi_queue_recipient recipient = {
		.address = "bob@example.org", .notify = notify};
	const struct envoi_queue_envelope envelope = {
		.sender = sender,
		.recipients = &recipient,
		.count = 1,
		.created = now - 7200,
	};
	struct envoi_draft *draft = NULL;
	struct envoi_entry *entry = NULL;
	ck_assert_int_eq(envoi_draft_new(queue, &draft, &err), 0);
	ck_assert_int_eq(envoi_draft_address(draft, &envelope, 0, &err), 0);
	ck_assert_int_eq(envoi_draft_put(draft, text, strlen(text), &err), 0);
	ck_assert_int_eq(envoi_draft_commit(draft, &entry, &err), 0);
	const struct envoi_trials trials = {
		.count = tries, .last = now - 3600, .next = now - 1, .why = "no"};
	ck_assert_int_eq(envoi_entry_defer(entry, &trials, &err), 0);
	envoi_entry_free(entry);
}

static int no_route(void *context, const struct envoi_queue_envelope *envelope,
	struct envoi_request *request, struct envoi_error *e)
{
	(void)context;
	(void)envelope;
	(void)request;
	return envoi_error_set(e, ENVOI_STATUS_CONFIG, "no way");
}

static void tell_notices(void *context, struct envoi_notices *ret)
{
	(void)context;
	*ret = notices;
}

static int count_one(void *context, const char *id, struct envoi_error *e)
{
	size_t *n = context;
	struct envoi_entry *entry = NULL;
	ck_assert_int_eq(envoi_queue_look(queue, ENVOI_QUEUE_MAIL, id, &entry, e), 0);
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	if (envelope->bounce_of != NULL) {
		n[0]++;
		ck_assert_str_eq(envelope->sender, "");
		ck_assert_str_eq(envelope->recipients[0].address, "me@example.org");
	} else {
		n[1] += envoi_entry_trials(entry)->warned;
	}
	envoi_entry_free(entry);
	return 0;
}

/* Runs twice; the bounces that are in the queue then. */
static size_t run(bool warned)
{
	const struct envoi_runner runner = {
		.queue = queue,
		.route = no_route,
		.notices = tell_notices,
		.force = true,
	};
	struct envoi_runner_report report;
	size_t n[2] = {0};
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(envoi_runner_run(&runner, &report, &err), 0);
	}
	ck_assert_int_eq(
		envoi_queue_scan(queue, ENVOI_QUEUE_MAIL, count_one, n, &err), 0);
	ck_assert_uint_eq(n[1], warned);
	return n[0];
}

START_TEST(test_late)
{
	add("me@example.org", NULL, 5);
	ck_assert_uint_eq(run(true), 1);
}
END_TEST

START_TEST(test_asked_for)
{
	add("me@example.org", "FAILURE,DELAY", 5);
	ck_assert_uint_eq(run(true), 1);
}
END_TEST

START_TEST(test_not_asked_for)
{
	add("me@example.org", "FAILURE", 5);
	ck_assert_uint_eq(run(false), 0);
}
END_TEST

START_TEST(test_null_sender)
{
	add("", NULL, 5);
	ck_assert_uint_eq(run(false), 0);
}
END_TEST

START_TEST(test_too_early)
{
	notices.delay = 10000;
	add("me@example.org", NULL, 5);
	ck_assert_uint_eq(run(false), 0);
}
END_TEST

START_TEST(test_never)
{
	notices.delay = 0;
	add("me@example.org", NULL, 5);
	ck_assert_uint_eq(run(false), 0);
}
END_TEST

START_TEST(test_no_bounces)
{
	notices.bounces = false;
	add("me@example.org", NULL, 5);
	ck_assert_uint_eq(run(false), 0);
}
END_TEST

/* A clock that jumped is no reason alone. */
START_TEST(test_hardly_tried)
{
	add("me@example.org", NULL, 1);
	ck_assert_uint_eq(run(false), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runner");
	TCase *tcase = tcase_create("late");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_late);
	tcase_add_test(tcase, test_asked_for);
	tcase_add_test(tcase, test_not_asked_for);
	tcase_add_test(tcase, test_null_sender);
	tcase_add_test(tcase, test_too_early);
	tcase_add_test(tcase, test_never);
	tcase_add_test(tcase, test_no_bounces);
	tcase_add_test(tcase, test_hardly_tried);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
