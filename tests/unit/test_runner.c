/*
 * A run over the queue: where nobody can be reached, who is told that it takes
 * longer, and when; where somebody is, what is asked for each recipient.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
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

static struct envoi_entry *put(const struct envoi_queue_envelope *envelope)
{
	static const char text[] = "Subject: x\r\n\r\nbody\r\n";
	struct envoi_draft *draft = NULL;
	struct envoi_entry *entry = NULL;
	ck_assert_int_eq(envoi_draft_new(queue, &draft, &err), 0);
	ck_assert_int_eq(envoi_draft_address(draft, envelope, 0, &err), 0);
	ck_assert_int_eq(envoi_draft_put(draft, text, strlen(text), &err), 0);
	ck_assert_int_eq(envoi_draft_commit(draft, &entry, &err), 0);
	return entry;
}

/* A message that was tried some times in two hours. */
static void add(const char *sender, const char *notify, unsigned tries)
{
	const struct envoi_queue_recipient recipient = {
		.address = "bob@example.org", .notify = notify};
	const struct envoi_queue_envelope envelope = {
		.sender = sender,
		.recipients = &recipient,
		.count = 1,
		.created = now - 7200,
	};
	struct envoi_entry *entry = put(&envelope);
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

/* -- somebody is there --------------------------------------------------------------- */

static char socket_path[100];

/* A server of one session that offers DSN, in a process of its own: writes what
 * it was told to fd. */
static pid_t serve(int fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	(void)snprintf(socket_path, sizeof(socket_path), "%s/smtp", folder);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	pid_t child = fork();
	if (child != 0) {
		(void)close(listener);
		return child;
	}
	char line[1000];
	bool data = false;
	FILE *in = fdopen(accept(listener, NULL, NULL), "r+");
	FILE *log = fdopen(fd, "w");
	/* Nobody waits for one who does not come. */
	(void)alarm(30);
	(void)fputs("220 test\r\n", in);
	while (fflush(in) == 0 && fgets(line, sizeof(line), in) != NULL) {
		bool end = data && strcmp(line, ".\r\n") == 0;
		if (strncmp(line, "EHLO", 4) == 0) {
			(void)fputs("250-test\r\n250 DSN\r\n", in);
		} else if (strncmp(line, "DATA", 4) == 0) {
			data = true;
			(void)fputs("354 go\r\n", in);
		} else if (!data || end) {
			data = false;
			(void)fputs(line[0] == 'R' || line[0] == 'M' ? line : "", log);
			(void)fputs(line[0] == 'Q' ? "221 bye\r\n" : "250 ok\r\n", in);
		}
	}
	(void)fflush(log);
	_exit(0);
}

static int route(void *context, const struct envoi_queue_envelope *envelope,
	struct envoi_request *request, struct envoi_error *e)
{
	static struct envoi_server server;
	static struct envoi_relay relay;
	(void)context;
	(void)envelope;
	(void)e;
	server = (struct envoi_server){.path = socket_path, .label = socket_path};
	relay = (struct envoi_relay){
		.servers = &server, .server_count = 1, .session.helo = "test"};
	request->relays = &relay;
	request->relay_count = 1;
	request->sender = "";
	return 0;
}

START_TEST(test_wishes)
{
	static const struct envoi_queue_recipient recipients[] = {
		{"a@example.org", NULL, "NEVER"},
		{"b@example.org", "rfc822;old+2Bb@example.net", "SUCCESS,FAILURE"},
		{"c@example.org", "old@example.net", NULL},
	};
	static const char wanted[] =
		"MAIL FROM:<me@example.org> RET=HDRS ENVID=QQ\r\n"
		"RCPT TO:<a@example.org> NOTIFY=NEVER ORCPT=rfc822;a@example.org\r\n"
		"RCPT TO:<b@example.org> NOTIFY=SUCCESS,FAILURE "
		"ORCPT=rfc822;old+2Bb@example.net\r\n"
		"RCPT TO:<c@example.org> ORCPT=rfc822;old@example.net\r\n";
	const struct envoi_queue_envelope envelope = {
		.sender = "me@example.org",
		.recipients = recipients,
		.count = 3,
		.envelope_id = "QQ",
		.returned = "HDRS",
	};
	const struct envoi_runner runner = {.queue = queue, .route = route};
	struct envoi_runner_report report;
	char said[2000];
	int ends[2], status;
	envoi_entry_free(put(&envelope));
	ck_assert_int_eq(pipe(ends), 0);
	pid_t server = serve(ends[1]);
	(void)close(ends[1]);
	ck_assert_int_eq(envoi_runner_run(&runner, &report, &err), 0);
	ck_assert_uint_eq(report.delivered, 1);
	ck_assert_int_eq(waitpid(server, &status, 0), server);
	ssize_t n = read(ends[0], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	(void)close(ends[0]);
	ck_assert_str_eq(said, wanted);
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
	tcase = tcase_create("delivered");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_wishes);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
