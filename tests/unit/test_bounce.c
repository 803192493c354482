/*
 * Bounces: what is in them, for whom; what servers and originals cannot do to
 * them. That others can read them: tests/queue.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <envoi/bounce.h>

static struct envoi_error err;

static struct envoi_message *message_of(const char *text, size_t n)
{
	char path[] = "/tmp/envoi-bounce-XXXXXX";
	struct envoi_input *input = NULL;
	struct envoi_message *message = NULL;
	struct envoi_input_notes notes;
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, n), n);
	(void)lseek(fd, 0, SEEK_SET);
	ck_assert_int_eq(envoi_input_read(fd, false, &input, &notes, &err), 0);
	ck_assert_int_eq(envoi_input_next(input, &message, &err), 0);
	envoi_input_free(input);
	(void)close(fd);
	(void)unlink(path);
	return message;
}

/* As on the wire, CRs left out; what nobody may see fails here. */
static char *text_of(struct envoi_message *message)
{
	static char text[1 << 20];
	struct envoi_body *body = NULL;
	size_t length = 0, column = 0, kept = 0;
	bool last = false;
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), false, &body, &err), 0);
	while (!last) {
		size_t n = 0;
		ck_assert_int_eq(envoi_body_read(body, text + length,
					 sizeof(text) - length - 1, &n, &last, &err),
			0);
		length += n;
	}
	envoi_body_close(body);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\r') {
			continue;
		}
		column = c == '\n' ? 0 : column + 1;
		/* A check costs more than a look. */
		if (column > 998 || c > 126 || (c < 32 && c != '\n' && c != '\t')) {
			ck_abort_msg("octet %u in column %zu", c, column);
		}
		text[kept++] = (char)c;
	}
	text[kept] = '\0';
	return text;
}

static char *make(const struct envoi_bounce *bounce)
{
	struct envoi_message *message = NULL;
	ck_assert_msg(envoi_bounce_make(bounce, &message, &err) == 0, "%s", err.text);
	char *text = text_of(message);
	envoi_message_free(message);
	return text;
}

static void has(const char *text, const char *wanted)
{
	ck_assert_msg(strstr(text, wanted) != NULL, "no \"%s\" in:\n%s", wanted, text);
}

static void has_not(const char *text, const char *unwanted)
{
	ck_assert_msg(strstr(text, unwanted) == NULL, "\"%s\" in:\n%s", unwanted, text);
}

static const struct envoi_verdict refused = {
	.fate = ENVOI_FATE_FAILED,
	.status = ENVOI_STATUS_NOUSER,
	.code = 550,
	.enhanced = {5, 1, 1},
	.text = "No such user",
	.server = "mx.example.org",
	.at = 1800000000,
};

static const struct envoi_verdict later = {
	.status = ENVOI_STATUS_TEMPORARY,
	.code = 451,
	.text = "4.3.0 Later",
};

static const struct envoi_verdict unreached = {
	.status = ENVOI_STATUS_TEMPORARY,
	.text = "given up, last: connection refused",
};

static const struct envoi_bounce_recipient two[] = {
	{"bob@example.org", "rfc822;robert+2Bx@example.net", &refused},
	{"al@example.org", NULL, &unreached},
};

static const char original[] =
	"From: me@example.org\nMessage-ID: <a@b>\nSubject: hello\n\nThe text\n";

static struct envoi_bounce usual(void)
{
	return (struct envoi_bounce){
		.to = "me@example.org",
		.host = "here.example.org",
		.domain = "example.org",
		.recipients = two,
		.count = 2,
		.arrived = 1799990000,
		.now = 1800000100,
		.envelope_id = "QQ31",
		.id = "0123456789abcdef",
		.original = message_of(original, strlen(original)),
	};
}

START_TEST(test_failed)
{
	struct envoi_bounce bounce = usual();
	const char *text = make(&bounce);
	has(text, "From: Mail Delivery System <MAILER-DAEMON@example.org>\n");
	has(text, "To: <me@example.org>\n");
	has(text, "Auto-Submitted: auto-replied\n");
	has(text, "Message-ID: <0123456789abcdef.");
	has(text, "In-Reply-To: <a@b>\n");
	has(text, "multipart/report; report-type=delivery-status;\n\tboundary=\"=_");
	has(text, "\n<bob@example.org>\n    mx.example.org said:\n"
		  "    550 5.1.1 No such user\n");
	has(text, "\nReporting-MTA: dns; here.example.org\nOriginal-Envelope-Id: QQ31\n"
		  "Arrival-Date: ");
	has(text, "\n\nOriginal-Recipient: rfc822;robert+x@example.net\n"
		  "Final-Recipient: rfc822;bob@example.org\nAction: failed\n"
		  "Status: 5.1.1\nRemote-MTA: dns; mx.example.org\n"
		  "Diagnostic-Code: smtp; 550 5.1.1 No such user\n"
		  "Last-Attempt-Date: ");
	has(text, "\n\nFinal-Recipient: rfc822;al@example.org\nAction: failed\n"
		  "Status: 4.4.7\n"
		  "Diagnostic-Code: x-envoi; given up, last: connection refused\n");
	has(text, "\nContent-Type: message/rfc822\n\nFrom: me@example.org\n");
	has(text, "\n\nThe text\n\n--=_");
	/* The same facts are the same message. */
	char id[200];
	(void)snprintf(id, sizeof(id), "%.80s", strstr(text, "Message-ID: "));
	has(make(&bounce), id);
	bounce.count = 1;
	has_not(make(&bounce), id);
	envoi_message_free(bounce.original);
}
END_TEST

START_TEST(test_header_only)
{
	struct envoi_bounce bounce = usual();
	bounce.returned = "HDRS";
	const char *text = make(&bounce);
	has(text, "\nContent-Type: text/rfc822-headers; charset=us-ascii\n");
	has(text, "\nSubject: hello\n\n--=_");
	has_not(text, "The text");
	envoi_message_free(bounce.original);

	static char large[100000] = "Subject: x\n\n";
	memset(large + 12, '\n', sizeof(large) - 12);
	bounce.original = message_of(large, sizeof(large));
	bounce.returned = NULL;
	has(make(&bounce), "text/rfc822-headers");
	bounce.returned = "FULL";
	has(make(&bounce), "message/rfc822");
	bounce.kind = ENVOI_BOUNCE_DELAYED;
	has(make(&bounce), "text/rfc822-headers");
	bounce.kind = ENVOI_BOUNCE_REFUSED;
	bounce.returned = "HDRS";
	has(make(&bounce), "message/rfc822");
	envoi_message_free(bounce.original);
}
END_TEST

START_TEST(test_delayed)
{
	struct envoi_bounce bounce = usual();
	const struct envoi_bounce_recipient waiting = {"bob@example.org", NULL, &later};
	bounce.kind = ENVOI_BOUNCE_DELAYED;
	bounce.recipients = &waiting;
	bounce.count = 1;
	bounce.until = 1800400000;
	const char *text = make(&bounce);
	has(text, "Action: delayed\nStatus: 4.0.0\n"
		  "Diagnostic-Code: smtp; 451 4.3.0 Later\n");
	has(text, "\nWill-Retry-Until: ");
	has(text, "\nIt is given up after ");
	has_not(text, "could not be delivered to these");
	envoi_message_free(bounce.original);
}
END_TEST

START_TEST(test_refused_without_recipients)
{
	struct envoi_bounce bounce = usual();
	bounce.kind = ENVOI_BOUNCE_REFUSED;
	bounce.count = 0;
	bounce.id = NULL;
	bounce.reason = "the header names no recipient";
	const char *text = make(&bounce);
	has(text, "multipart/mixed");
	has(text, "\nThe reason: the header names no recipient\n");
	has(text, "The text");
	envoi_message_free(bounce.original);
	bounce.original = NULL;
	has_not(make(&bounce), "message/rfc822");
}
END_TEST

/* Nothing a server says becomes a line of ours, and no line is too long. */
START_TEST(test_hostile_words)
{
	struct envoi_bounce bounce = usual();
	static char longest[3000];
	memset(longest, 'x', sizeof(longest) - 1);
	memcpy(longest, "evil\nAction: delivered\r\x1b[2J\x80 ", 30);
	struct envoi_verdict verdict = refused;
	verdict.text = longest;
	verdict.server = "mx\nStatus: 2.0.0";
	const struct envoi_bounce_recipient one = {"bob@example.org", "x\ny", &verdict};
	bounce.recipients = &one;
	bounce.count = 1;
	bounce.envelope_id = "a\nb";
	bounce.reason = "c\nd";
	const char *text = make(&bounce);
	has_not(text, "\nAction: delivered");
	has_not(text, "\nStatus: 2");
	envoi_message_free(bounce.original);
}
END_TEST

START_TEST(test_other_octets)
{
	static const char text[] =
		"Subject: =?utf-8?Q?x?=\nFrom: J\xc3\xb6 <a@b.org>\n"
		"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
		"Content-Transfer-Encoding: 8bit\n\nGr\xc3\xbc\xc3\x9f"
		"e\n";
	static const char stubborn[] = "To: <j\xc3\xb6@b.org>\n\nGr\xc3\xbc\xc3\x9f"
				       "e\n";
	struct envoi_bounce bounce = usual();
	envoi_message_free(bounce.original);
	bounce.original = message_of(text, strlen(text));
	/* text_of() looks for octets above 127. */
	const char *made = make(&bounce);
	has(made, "message/rfc822\n\n");
	has(made, "R3LDvMOfZQ0K\n");
	bounce.returned = "HDRS";
	has(make(&bounce), "J=C3=B6 <a@b.org>");
	envoi_message_free(bounce.original);

	bounce.returned = NULL;
	bounce.original = message_of(stubborn, strlen(stubborn));
	has(make(&bounce),
		"Content-Type: message/global\nContent-Transfer-Encoding: base64\n");
	envoi_message_free(bounce.original);

	const struct envoi_bounce_recipient other = {"j\xc3\xb6@b.org", NULL, &refused};
	bounce.original = NULL;
	bounce.recipients = &other;
	bounce.count = 1;
	made = make(&bounce);
	has(made, "Final-Recipient: utf-8;j\\x{F6}@b.org\n");
	has(made, "<j=C3=B6@b.org>");
}
END_TEST

START_TEST(test_queue)
{
	char folder[] = "/tmp/envoi-test-XXXXXX", path[100], command[100];
	struct envoi_queue *queue = NULL;
	struct envoi_entry *entry = NULL;
	const struct envoi_queue_options options = {.create = true};
	const struct envoi_queue_envelope way = {
		.account = "work", .uid = 7, .sender = "me@example.org"};
	struct envoi_bounce bounce = usual();
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/q", folder);
	ck_assert_int_eq(envoi_queue_open(path, &options, &queue, &err), 0);
	ck_assert_int_eq(envoi_bounce_queue(queue, &bounce, &way, &entry, &err), 0);
	const struct envoi_queue_envelope *made = envoi_entry_envelope(entry);
	ck_assert_str_eq(made->sender, "");
	ck_assert_uint_eq(made->count, 1);
	ck_assert_str_eq(made->recipients[0].address, "me@example.org");
	ck_assert_str_eq(made->bounce_of, bounce.id);
	ck_assert_str_eq(made->account, "work");
	ck_assert_uint_eq(made->uid, 7);
	ck_assert_int_eq(made->created, bounce.now);
	envoi_entry_free(entry);
	envoi_queue_close(queue);
	envoi_message_free(bounce.original);
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bounce");
	TCase *tcase = tcase_create("bounce");
	tcase_add_test(tcase, test_failed);
	tcase_add_test(tcase, test_header_only);
	tcase_add_test(tcase, test_delayed);
	tcase_add_test(tcase, test_refused_without_recipients);
	tcase_add_test(tcase, test_hostile_words);
	tcase_add_test(tcase, test_other_octets);
	tcase_add_test(tcase, test_queue);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
