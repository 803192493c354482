/*
 * The log: lines from reports, when each is written, and the file they go to.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "submit/log_internal.h"
#include "submit/queue_id.h"

static char folder[] = "/tmp/envoi-log-XXXXXX";
static char file[100];
static struct envoi_error err;

static void setup(void)
{
	(void)snprintf(file, sizeof(file), "%s/log", folder);
	(void)unlink(file);
	err = ENVOI_ERROR_NONE;
}

static void teardown(void)
{
	(void)unlink(file);
}

static const char *content(void)
{
	static char text[1 << 21];
	FILE *stream = fopen(file, "rb");
	if (stream == NULL) {
		return "";
	}
	size_t n = fread(text, 1, sizeof(text) - 1, stream);
	text[n] = '\0';
	(void)fclose(stream);
	return text;
}

/* -- reports ----------------------------------------------------------------- */

static struct envoi_reply reply_of(
	int code, unsigned short subject, unsigned short detail, char *text)
{
	return (struct envoi_reply){.code = code,
		.enhanced = {(unsigned short)(subject > 0 ? code / 100 : 0), subject,
			detail},
		.text = text,
		.length = strlen(text)};
}

static struct envoi_recipient delivered_to(const char *address)
{
	static char ok[] = "Ok";
	return (struct envoi_recipient){.address = address,
		.result = {.outcome = ENVOI_OUTCOME_DELIVERED,
			.phase = ENVOI_PHASE_RCPT,
			.reply = reply_of(250, 1, 5, ok)}};
}

static struct envoi_recipient rejected(const char *address, char *text)
{
	return (struct envoi_recipient){.address = address,
		.result = {.outcome = ENVOI_OUTCOME_REJECTED,
			.phase = ENVOI_PHASE_RCPT,
			.status = ENVOI_STATUS_NOUSER,
			.reply = reply_of(550, 1, 1, text)}};
}

static struct envoi_recipient untried(const char *address, char *error)
{
	return (struct envoi_recipient){.address = address,
		.result = {.outcome = ENVOI_OUTCOME_UNTRIED,
			.phase = ENVOI_PHASE_CONNECT,
			.status = ENVOI_STATUS_TEMPORARY,
			.error = error}};
}

static struct envoi_message_report message_of(
	long session, const struct envoi_recipient *recipients, size_t count)
{
	static char ok[] = "Ok: queued as 4F2A";
	return (struct envoi_message_report){
		.source = "bill.eml",
		.session = session,
		.sender = "a@example.org",
		.message_id = "<1@example.org>",
		.bytes = 2113,
		.reply = reply_of(250, 0, 0, ok),
		.phase = ENVOI_PHASE_DOT,
		.recipients = recipients,
		.count = count,
	};
}

static struct envoi_session_facts facts_of(bool established)
{
	static char bye[] = "Bye";
	struct envoi_session_facts facts = {.established = established,
		.close = established ? ENVOI_CLOSE_REPLY : ENVOI_CLOSE_NOT_SENT};
	for (size_t i = 0; i < ENVOI_PHASE_COUNT; i++) {
		facts.took_us[i] = -1;
	}
	if (established) {
		facts.close_reply = reply_of(221, 0, 0, bye);
		facts.took_us[ENVOI_PHASE_CONNECT] = 3100;
		facts.took_us[ENVOI_PHASE_TOTAL] = 1031000;
	}
	return facts;
}

static struct envoi_session_report session_of(
	size_t index, const struct envoi_session_facts *facts)
{
	return (struct envoi_session_report){.index = index,
		.server = "mx.example.org",
		.label = "mx.example.org:587",
		.address = facts->established ? "192.0.2.1" : "",
		.port = 587,
		.account = "work",
		.facts = facts};
}

/* -- lines ------------------------------------------------------------------- */

static void expect_line(const struct envoi_message_report *report, const char *line)
{
	struct envoi_buffer out;
	envoi_buffer_init(&out, 1 << 20);
	ck_assert_int_eq(envoi_log_put_message(&out, report), 0);
	ck_assert_int_eq(envoi_log_put_status(&out, envoi_log_status(report)), 0);
	ck_assert_str_eq(envoi_buffer_string(&out), line);
	envoi_buffer_finish(&out);
}

START_TEST(a_message_delivered)
{
	struct envoi_recipient recipients[] = {
		delivered_to("b@example.org"), delivered_to("c@example.net")};
	struct envoi_message_report report = message_of(0, recipients, 2);
	expect_line(&report,
		"from=a@example.org recipients=b@example.org,c@example.net mailsize=2113 "
		"smtpstatus=250 smtpmsg='250 Ok: queued as 4F2A' outcome=delivered "
		"queueid=4F2A messageid=<1@example.org> source=bill.eml exitcode=EX_OK");
	report.sender = "";
	report.message_id = "";
	expect_line(&report,
		"from='' recipients=b@example.org,c@example.net mailsize=2113 "
		"smtpstatus=250 smtpmsg='250 Ok: queued as 4F2A' outcome=delivered "
		"queueid=4F2A source=bill.eml exitcode=EX_OK");
}
END_TEST

START_TEST(a_message_refused_in_part)
{
	char why[] = "No such\n'user'\033[1m\\";
	struct envoi_recipient recipients[] = {
		delivered_to("b@example.org"), rejected("\"c d'\"@example.net", why)};
	struct envoi_message_report report = message_of(0, recipients, 2);
	expect_line(&report,
		"from=a@example.org recipients='b@example.org,\"c d\\x27\"@example.net' "
		"mailsize=2113 smtpstatus=550 "
		"smtpmsg='550 5.1.1 No such / \\x27user\\x27\\x1B[1m\\\\' "
		"outcome=partial "
		"queueid=4F2A failed='\"c d\\x27\"@example.net 550 5.1.1 No such / "
		"\\x27user\\x27\\x1B[1m\\\\' messageid=<1@example.org> source=bill.eml "
		"exitcode=EX_NOUSER");
}
END_TEST

START_TEST(a_message_not_tried)
{
	char why[] = "connection refused";
	struct envoi_recipient recipients[] = {untried("b@example.org", why)};
	struct envoi_message_report report = message_of(-1, recipients, 1);
	report.reply = (struct envoi_reply){0};
	report.source = "a file\n.eml";
	expect_line(&report,
		"from=a@example.org recipients=b@example.org mailsize=2113 "
		"errormsg='connection refused' outcome=untried messageid=<1@example.org> "
		"source='a file\\x0A.eml' exitcode=EX_TEMPFAIL");
}
END_TEST

START_TEST(many_recipients)
{
	struct envoi_recipient recipients[250];
	char why[] = "No";
	for (size_t i = 0; i < 250; i++) {
		recipients[i] = i % 2 == 0 ? delivered_to("b@example.org")
					   : rejected("c@example.org", why);
	}
	struct envoi_message_report report = message_of(0, recipients, 250);
	struct envoi_buffer out;
	envoi_buffer_init(&out, 1 << 20);
	ck_assert_int_eq(envoi_log_put_message(&out, &report), 0);
	const char *line = envoi_buffer_string(&out);
	ck_assert_ptr_nonnull(strstr(line, " more=150 "));
	ck_assert_ptr_nonnull(strstr(line, "550 5.1.1 No; and 115 more'"));
	envoi_buffer_finish(&out);
}
END_TEST

START_TEST(a_server)
{
	struct envoi_session_facts facts = facts_of(true);
	struct envoi_session_report report = session_of(0, &facts);
	struct envoi_tls_facts tls = {.version = "TLSv1.3"};
	struct envoi_buffer out;
	envoi_buffer_init(&out, 10000);
	report.account = "my work";
	report.user = "joe";
	ck_assert_int_eq(envoi_log_put_server(&out, "other", &report), 0);
	ck_assert_int_eq(envoi_log_put_close(&out, &report), 0);
	ck_assert_str_eq(envoi_buffer_string(&out),
		"account='my work' host=mx.example.org port=587 tls=off auth=off "
		"close=221 "
		"seconds=connect:0.003,total:1.031");
	envoi_buffer_clear(&out);
	report.tls = &tls;
	facts.auth = "SCRAM-SHA-256";
	facts.close = ENVOI_CLOSE_EOF;
	report.account = NULL;
	ck_assert_int_eq(envoi_log_put_server(&out, NULL, &report), 0);
	ck_assert_int_eq(envoi_log_put_close(&out, &report), 0);
	ck_assert_str_eq(envoi_buffer_string(&out),
		"host=mx.example.org port=587 tls=on auth=on mechanism=SCRAM-SHA-256 "
		"user=joe tlsversion=TLSv1.3 close=eof "
		"seconds=connect:0.003,total:1.031");
	envoi_buffer_clear(&out);
	ck_assert_int_eq(envoi_log_put_server(&out, "w", NULL), 0);
	ck_assert_int_eq(envoi_log_put_close(&out, NULL), 0);
	ck_assert_str_eq(envoi_buffer_string(&out), "account=w host=-");
	envoi_buffer_finish(&out);
}
END_TEST

static const struct {
	const char *text;
	const char *id;
} ids[] = {
	{"Ok: queued as 4F2A", "4F2A"},
	{"Ok: queued as 4bC9xN2Yz7.", "4bC9xN2Yz7"},
	{"from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as AB12", "AB12"},
	{"OK id=1rXyZ-0001Ab-2C", "1rXyZ-0001Ab-2C"},
	{"3A8BxyZ012 Message accepted for delivery", "3A8BxyZ012"},
	{"ab12cd34 Message accepted for delivery", "ab12cd34"},
	{"Message accepted for delivery", ""},
	{"The Message accepted for delivery", ""},
	{"ok 1700000000 qp 5678", "5678"},
	{"<1@x> [InternalId=123456, Hostname=h.example] Queued mail for delivery",
		"123456"},
	{"OK  1700000000 ab12-cd34.15 - gsmtp", "ab12-cd34.15"},
	{"<b@example.org> ab12Cd34 Saved", "ab12Cd34"},
	{"Ok 0100018c-77aa-000000", "0100018c-77aa-000000"},
	{"Ok thanks", ""},
	{"Ok", ""},
	{"", ""},
	{"queued as ", ""},
	{"queued as \377x", ""},
	{"two lines\nOk: QUEUED AS 12 (3 recipients)", "12"},
};

START_TEST(queue_ids)
{
	struct envoi_span id = envoi_queue_id(envoi_span_of(ids[_i].text));
	ck_assert_uint_eq(id.len, strlen(ids[_i].id));
	ck_assert_mem_eq(id.data, ids[_i].id, id.len);
}
END_TEST

/* -- when -------------------------------------------------------------------- */

static struct envoi_log *new_log(void)
{
	struct envoi_log *log = NULL;
	struct envoi_log_options options = {
		.account = "work", .file = file, .time_format = "T"};
	ck_assert_int_eq(envoi_log_new(&options, &log, &err), 0);
	return log;
}

/* How often text is in the log, at the beginning of a line or elsewhere. */
static size_t count(const char *text)
{
	size_t n = 0;
	for (const char *p = content(); (p = strstr(p, text)) != NULL; p++) {
		n++;
	}
	return n;
}

START_TEST(a_line_waits_for_its_session)
{
	struct envoi_recipient recipient = delivered_to("b@example.org");
	struct envoi_session_facts facts = facts_of(true);
	struct envoi_session_report sessions[] = {
		session_of(0, &facts), session_of(1, &facts)};
	struct envoi_message_report messages[] = {message_of(0, &recipient, 1),
		message_of(1, &recipient, 1), message_of(0, &recipient, 1)};
	messages[1].source = "second.eml";
	messages[2].source = "third.eml";
	struct envoi_log *log = new_log();
	ck_assert_int_eq(envoi_log_message(log, &messages[0], &err), 0);
	ck_assert_int_eq(envoi_log_message(log, &messages[1], &err), 0);
	ck_assert_str_eq(content(), "");
	ck_assert_int_eq(envoi_log_session(log, &sessions[0], &err), 0);
	ck_assert_uint_eq(count("\n"), 1);
	/* One that is told late. */
	ck_assert_int_eq(envoi_log_message(log, &messages[2], &err), 0);
	ck_assert_uint_eq(count("\n"), 2);
	ck_assert_uint_eq(count("source=second.eml"), 0);
	ck_assert_int_eq(envoi_log_session(log, &sessions[1], &err), 0);
	ck_assert_int_eq(envoi_log_finish(log, &err), 0);
	envoi_log_free(log);
	ck_assert_uint_eq(count("\n"), 3);
	ck_assert_uint_eq(count("T account=work host=mx.example.org port=587 tls=off "
				"auth=off from=a@example.org"),
		3);
	ck_assert_uint_eq(
		count("close=221 seconds=connect:0.003,total:1.031 exitcode=EX_OK\n"), 3);
}
END_TEST

START_TEST(nobody_took_it)
{
	char why[] = "connection refused";
	struct envoi_recipient recipient = untried("b@example.org", why);
	struct envoi_session_facts facts = facts_of(false);
	struct envoi_session_report session = session_of(0, &facts);
	struct envoi_message_report message = message_of(-1, &recipient, 1);
	message.reply = (struct envoi_reply){0};
	struct envoi_log *log = new_log();
	ck_assert_int_eq(envoi_log_message(log, &message, &err), 0);
	ck_assert_int_eq(envoi_log_session(log, &session, &err), 0);
	ck_assert_str_eq(content(), "");
	ck_assert_int_eq(envoi_log_finish(log, &err), 0);
	ck_assert_uint_eq(count("host=mx.example.org"), 1);
	ck_assert_uint_eq(count("close=not-sent exitcode=EX_TEMPFAIL\n"), 1);
	envoi_log_free(log);
	(void)unlink(file);
	/* Without any session, and with one that is never told. */
	log = new_log();
	ck_assert_int_eq(envoi_log_message(log, &message, &err), 0);
	message.session = 7;
	ck_assert_int_eq(envoi_log_message(log, &message, &err), 0);
	ck_assert_int_eq(envoi_log_finish(log, &err), 0);
	ck_assert_uint_eq(count("host=- from="), 2);
	envoi_log_free(log);
}
END_TEST

START_TEST(what_waits_is_bounded)
{
	struct envoi_recipient recipients[100];
	char why[1500];
	memset(why, 'x', sizeof(why) - 1);
	why[sizeof(why) - 1] = '\0';
	for (size_t i = 0; i < 100; i++) {
		recipients[i] = i == 0 ? delivered_to("b@example.org")
				       : rejected("c@example.org", why);
	}
	struct envoi_message_report message = message_of(0, recipients, 100);
	struct envoi_log *log = new_log();
	for (size_t i = 0; i < 100; i++) {
		ck_assert_int_eq(envoi_log_message(log, &message, &err), 0);
	}
	size_t written = count("\n");
	ck_assert_uint_ge(written, 20);
	ck_assert_uint_le(written, 60);
	envoi_log_free(log);
	ck_assert_uint_eq(count("\n"), written);
}
END_TEST

/* -- where ------------------------------------------------------------------- */

static int append(const char *line)
{
	err = ENVOI_ERROR_NONE;
	return envoi_log_to_file(file, "", 0, line, &err);
}

START_TEST(files)
{
	struct stat st;
	struct envoi_log *log = new_log();
	ck_assert_int_eq(envoi_log_check(log, &err), 0);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(append("one"), 0);
	ck_assert_int_eq(append("two"), 0);
	ck_assert_str_eq(content(), "one\ntwo\n");
	ck_assert_int_eq(envoi_log_to_file(file, "%Y\n%Z%%", 0, "three", &err), 0);
	ck_assert_ptr_nonnull(strstr(content(), "two\n19"));
	ck_assert_ptr_nonnull(strstr(content(), "\\x0A"));
	(void)unlink(file);
	ck_assert_int_eq(symlink("/tmp/elsewhere", file), 0);
	ck_assert_int_eq(append("x"), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CANTCREATE);
	ck_assert_ptr_nonnull(strstr(err.text, "is a symbolic link"));
	ck_assert_int_eq(envoi_log_check(log, &err), -1);
	(void)unlink(file);
	ck_assert_int_eq(mkfifo(file, 0600), 0);
	ck_assert_int_eq(append("x"), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "is not a file"));
	(void)unlink(file);
	ck_assert_int_eq(mkdir(file, 0700), 0);
	ck_assert_int_eq(append("x"), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CANTCREATE);
	ck_assert_int_eq(rmdir(file), 0);
	ck_assert_int_eq(envoi_log_to_file("/nonexistent/log", "", 0, "x", &err), -1);
	ck_assert_str_eq(
		err.text, "log file /nonexistent/log: no such file or directory");
	ck_assert_int_eq(envoi_log_to_file("/dev/full", "", 0, "x", &err), -1);
	ck_assert_int_eq(err.sys, ENOSPC);
	ck_assert_int_eq(envoi_log_to_file("/dev/null", "", 0, "x", &err), 0);
	envoi_log_free(log);
}
END_TEST

START_TEST(standard_output)
{
	int saved = dup(1);
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL, 0600);
	(void)fflush(stdout);
	ck_assert_int_eq(dup2(fd, 1), 1);
	int result = envoi_log_to_file("-", "T", 0, "line", &err);
	(void)dup2(saved, 1);
	(void)close(saved);
	(void)close(fd);
	ck_assert_int_eq(result, 0);
	ck_assert_str_eq(content(), "T line\n");
}
END_TEST

START_TEST(many_writers)
{
	enum {
		WRITERS = 4,
		LINES = 100
	};
	static char line[3000];
	for (int w = 0; w < WRITERS; w++) {
		if (fork() == 0) {
			int failed = 0;
			memset(line, 'a' + w, sizeof(line) - 1);
			for (int i = 0; i < LINES; i++) {
				failed |= append(line);
			}
			_exit(failed != 0);
		}
	}
	for (int w = 0; w < WRITERS; w++) {
		int status = -1;
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	const char *p = content();
	size_t lines = 0;
	for (; *p != '\0'; lines++) {
		memset(line, *p, sizeof(line) - 1);
		ck_assert_mem_eq(p, line, sizeof(line) - 1);
		ck_assert_int_eq(p[sizeof(line) - 1], '\n');
		p += sizeof(line);
	}
	ck_assert_uint_eq(lines, WRITERS * LINES);
}
END_TEST

START_TEST(a_lock_is_waited_for)
{
	int ready[2], status = -1;
	char byte;
	ck_assert_int_eq(append("one"), 0);
	ck_assert_int_eq(pipe(ready), 0);
	pid_t holder = fork();
	if (holder == 0) {
		struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = open(file, O_RDWR | O_APPEND);
		int failed = fd < 0 || fcntl(fd, F_SETLK, &whole) != 0;
		failed |= write(ready[1], "x", 1) != 1;
		/* The writer has to wait meanwhile, else its line comes first. */
		struct timespec pause = {.tv_nsec = 200000000};
		(void)nanosleep(&pause, NULL);
		failed |= write(fd, "held\n", 5) != 5;
		_exit(failed);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(append("two"), 0);
	ck_assert_int_eq(waitpid(holder, &status, 0), holder);
	ck_assert_int_eq(status, 0);
	ck_assert_str_eq(content(), "one\nheld\ntwo\n");
	(void)close(ready[0]);
	(void)close(ready[1]);
}
END_TEST

START_TEST(no_half_line_is_left)
{
	int status = -1;
	ck_assert_int_eq(append("first"), 0);
	pid_t child = fork();
	if (child == 0) {
		struct rlimit limit = {.rlim_cur = 10, .rlim_max = 10};
		(void)signal(SIGXFSZ, SIG_IGN);
		(void)setrlimit(RLIMIT_FSIZE, &limit);
		int result = append("a line that has no room");
		_exit(result == -1 && err.status == ENVOI_STATUS_IO ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_str_eq(content(), "first\n");
}
END_TEST

START_TEST(facilities)
{
	struct envoi_log *log = NULL;
	struct envoi_log_options options = {.facility = "LOG_NEWS"};
	ck_assert_int_eq(envoi_log_facility("LOG_MAIL"), envoi_log_facility("mail"));
	ck_assert_int_ge(envoi_log_facility("LOG_LOCAL7"), 0);
	ck_assert_int_eq(envoi_log_facility("LOG_LOCAL8"), -1);
	ck_assert_int_eq(envoi_log_facility(""), -1);
	ck_assert_int_eq(envoi_log_new(&options, &log, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
	ck_assert_ptr_null(log);
	envoi_log_free(NULL);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, a_message_delivered);
	tcase_add_test(tests, a_message_refused_in_part);
	tcase_add_test(tests, a_message_not_tried);
	tcase_add_test(tests, many_recipients);
	tcase_add_test(tests, a_server);
	tcase_add_loop_test(tests, queue_ids, 0, (int)(sizeof(ids) / sizeof(ids[0])));
	tcase_add_test(tests, a_line_waits_for_its_session);
	tcase_add_test(tests, nobody_took_it);
	tcase_add_test(tests, what_waits_is_bounded);
	tcase_add_test(tests, files);
	tcase_add_test(tests, standard_output);
	tcase_add_test(tests, many_writers);
	tcase_add_test(tests, a_lock_is_waited_for);
	tcase_add_test(tests, no_half_line_is_left);
	tcase_add_test(tests, facilities);
}

int main(void)
{
	if (mkdtemp(folder) == NULL) {
		return 1;
	}
	Suite *suite = suite_create("log");
	TCase *tests = tcase_create("log");
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, setup, teardown);
	add_tests(tests);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	(void)rmdir(folder);
	return failed == 0 ? 0 : 1;
}
