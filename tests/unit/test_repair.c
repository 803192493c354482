/*
 * Repair of the header, and the recipients it names. What is made comes out
 * with <ID> for the random part of an identifier.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <envoi/repair.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "message/private.h"

#define NOW 1795464786
#define DATE "Date: Mon, 23 Nov 2026 20:13:06 +0000\n"
#define FROM "From: ann@example.org\n"
#define ID "Message-ID: <ID@example.org>\n"
#define TO_NOBODY "To: undisclosed-recipients:;\n"
#define ALL DATE FROM TO_NOBODY ID
/* Nothing is missing. */
#define WHOLE "Date: today\nFrom: ann\nTo: bob\nMessage-ID: <1@x>\n"

static const struct envoi_repair usual = {.sender = "ann@example.org", .now = NOW};
static const struct envoi_repair null_sender = {.sender = "", .now = NOW};
static const struct envoi_repair null_sender_domain = {
	.sender = "", .domain = "example.net", .host = "host.example.com", .now = NOW};
static const struct envoi_repair null_sender_host = {
	.sender = "", .host = "host.example.com", .now = NOW};
static const struct envoi_repair named = {
	.sender = "ann@example.org", .full_name = "Full Name, Jr.", .now = NOW};
static const struct envoi_repair plain_name = {
	.sender = "ann@example.org", .full_name = "Ann Smith", .now = NOW};
static const struct envoi_repair foreign_name = {
	.sender = "ann@example.org", .full_name = "J\xC3\xB6rg, Jr.", .now = NOW};
static const struct envoi_repair long_name = {.sender = "ann@example.org",
	.full_name =
		"A Name that is as long as the names of princes and of companies are",
	.now = NOW};
static const struct envoi_repair foreign_sender = {.sender = "ann@b\xC3\xBC"
							     "cher.example",
	.host = "h.example",
	.now = NOW};
static const struct envoi_repair domain = {
	.sender = "ann@example.org", .domain = "example.net", .now = NOW};
static const struct envoi_repair raw = {
	.raw = true, .keep_bcc = true, .sender = "ann@example.org", .now = NOW};
static const struct envoi_repair raw_t = {
	.raw = true, .sender = "ann@example.org", .domain = "x.example", .now = NOW};
static const struct envoi_repair keeping = {
	.keep_bcc = true, .sender = "ann@example.org", .now = NOW};
static const struct envoi_repair off = {.from = ENVOI_HEADER_OFF,
	.date = ENVOI_HEADER_OFF,
	.msgid = ENVOI_HEADER_OFF,
	.undisclosed = ENVOI_UNDISCLOSED_OFF,
	.sender = "ann@example.org",
	.now = NOW};
static const struct envoi_repair on = {.from = ENVOI_HEADER_ON,
	.date = ENVOI_HEADER_ON,
	.msgid = ENVOI_HEADER_ON,
	.undisclosed = ENVOI_UNDISCLOSED_ON,
	.sender = "ann@example.org",
	.now = NOW};
static const struct envoi_repair taken_on = {.sender = "ann@example.org",
	.received = "by host.example with local\n\tid 1; today",
	.now = NOW};

static const struct {
	const struct envoi_repair *rules;
	const char *in;
	const char *out;
} rows[] = {
	/* What is missing. */
	{&usual, "", ALL},
	{&usual, "\nbody\n", ALL "\nbody\n"},
	{&usual, "body\n", ALL "\nbody\n"},
	{&usual, " body\n", ALL "\n body\n"},
	{&usual, "From x\nbody\n", ALL "\nbody\n"},
	{&usual, WHOLE "\nbody\n", WHOLE "\nbody\n"},
	{&usual, "To: b", DATE FROM ID "To: b\n"},
	{&usual, "to : b\nFROM\t: a\ndate: x\nmessage-id: y\n\n",
		"to : b\nFROM\t: a\ndate: x\nmessage-id: y\n\n"},
	{&usual, "To: b\n\nbody", DATE FROM ID "To: b\n\nbody\n"},
	{&usual, "Cc: b\nFrom: c\n\n", DATE ID "Cc: b\nFrom: c\n\n"},
	{&usual, "To: b\r\n\r\nTo: c\r\n", DATE FROM ID "To: b\n\nTo: c\n"},
	{&usual, "To: b\nno field\nDate: x\n",
		DATE FROM ID "To: b\n\nno field\nDate: x\n"},
	{&off, "Subject: x\n\n", "Subject: x\n\n"},
	{&off, "\nx\n", "\nx\n"},
	{&on, WHOLE "Cc: c\nBcc: d\nX: y\n\n", ALL "X: y\n\n"},
	/* The sender. */
	{&null_sender, "To: b\n\n",
		DATE
		"From: MAILER-DAEMON@localhost\nMessage-ID: <ID@localhost>\nTo: b\n\n"},
	{&null_sender_domain, "To: b@c\n\n",
		DATE "From: MAILER-DAEMON@example.net\nMessage-ID: <ID@example.net>\n"
		     "To: b@c\n\n"},
	{&null_sender_host, "To: b\n\n",
		DATE "From: MAILER-DAEMON@host.example.com\n"
		     "Message-ID: <ID@host.example.com>\nTo: b\n\n"},
	{&named, "To: b\n\n",
		DATE "From: \"Full Name, Jr.\" <ann@example.org>\n" ID "To: b\n\n"},
	{&plain_name, "To: b\n\n",
		DATE "From: Ann Smith <ann@example.org>\n" ID "To: b\n\n"},
	{&foreign_name, "To: b\n\n",
		DATE "From: =?UTF-8?B?SsO2cmcsIEpyLg==?= <ann@example.org>\n" ID
		     "To: b\n\n"},
	{&long_name, "To: b\n\n",
		DATE
		"From: A Name that is as long as the names of princes and of companies"
		" are\n <ann@example.org>\n" ID "To: b\n\n"},
	{&foreign_sender, "To: b\n\n",
		DATE "From: ann@b\xC3\xBC"
		     "cher.example\nMessage-ID: <ID@h.example>\n"
		     "To: b\n\n"},
	/* Sent again. */
	{&usual, "Resent-To: c\n" WHOLE "\n",
		"Resent-Date: Mon, 23 Nov 2026 20:13:06 +0000\n"
		"Resent-From: ann@example.org\nResent-Message-ID: <ID@example.org>\n"
		"Resent-To: c\n" WHOLE "\n"},
	{&usual, "Resent-From: d\nResent-Bcc: c\nTo: b\n\n",
		"Resent-Date: Mon, 23 Nov 2026 20:13:06 +0000\n"
		"Resent-Message-ID: <ID@example.org>\nResent-From: d\nTo: b\n\n"},
	/* What is removed. */
	{&usual, WHOLE "Bcc: c,\n d,\n\te\nX: y\n\n", WHOLE "X: y\n\n"},
	{&usual, WHOLE "BCC : c\nbcc: d\n\n", WHOLE "\n"},
	{&usual, "Return-Path: <x>\n" WHOLE "Content-Length: 9\n\n", WHOLE "\n"},
	{&usual, "Bcc: c\nFrom: a\nDate: b\nMessage-ID: d\n\n",
		TO_NOBODY "From: a\nDate: b\nMessage-ID: d\n\n"},
	{&keeping, WHOLE "Bcc: c\n\n", WHOLE "Bcc: c\n\n"},
	{&raw, "Bcc: c\nReturn-Path: <x>\nTo: b\n\n",
		"Bcc: c\nReturn-Path: <x>\nTo: b\n\n"},
	{&raw_t, "Bcc: c\nResent-Bcc: d,\n e\nReturn-Path: <x>\nTo: b\n\n",
		"Return-Path: <x>\nTo: b\n\n"},
	{&raw_t, "Bcc: c\n", ""},
	/* Bare names. */
	{&domain, WHOLE "\n",
		"Date: today\nFrom: ann@example.net\nTo: bob@example.net\n"
		"Message-ID: <1@x>\n\n"},
	{&domain, "From: root (Cron Daemon)\nTo: a, \"B, C\" <b>,\n c@d , e\n\n",
		DATE ID
		"From: root@example.net (Cron Daemon)\n"
		"To: a@example.net, \"B, C\" <b@example.net>,\n c@d , e@example.net\n\n"},
	{&domain, "To: g: a, b@c;, undisclosed-recipients:;\nFrom: a@b\n\n",
		DATE ID
		"To: g: a@example.net, b@c;, undisclosed-recipients:;\nFrom: a@b\n\n"},
	{&domain,
		"Reply-To: a\nSender: b\nCc: c\nResent-To: d\nResent-Cc: e\n"
		"Resent-From: f\nResent-Sender: g\nResent-Reply-To: h\n"
		"Resent-Date: i\nResent-Message-ID: j\nErrors-To: k\n\n",
		"Reply-To: a@example.net\nSender: b@example.net\nCc: c@example.net\n"
		"Resent-To: d@example.net\nResent-Cc: e@example.net\n"
		"Resent-From: f@example.net\nResent-Sender: g@example.net\n"
		"Resent-Reply-To: h@example.net\n"
		"Resent-Date: i\nResent-Message-ID: j\nErrors-To: k\n\n"},
	{&domain, WHOLE "Cc: a b, ,, <>, c\n\n",
		"Date: today\nFrom: ann@example.net\nTo: bob@example.net\n"
		"Message-ID: <1@x>\nCc: a b, ,, <>, c@example.net\n\n"},
	{&domain, "From:\nTo: b@c\n\n", DATE ID "From:\nTo: b@c\n\n"},
	/* A trace. */
	{&taken_on, WHOLE "\n",
		"Received: by host.example with local\n\tid 1; today\n" WHOLE "\n"},
	/* Octets. */
	{&usual, WHOLE "X-Odd :  a \t\n  b\n \nx-Odd:\xE9\n\n\xE9\n",
		WHOLE "X-Odd :  a \t\n  b\n \nx-Odd:\xE9\n\n\xE9\n"},
	{&usual, WHOLE "X: a\rBcc: b\n\n", WHOLE "X: a Bcc: b\n\n"},
};

static struct envoi_message *message_of(const char *text, size_t n)
{
	struct envoi_source *source = NULL;
	struct envoi_message *message = NULL;
	struct envoi_error err;
	ck_assert_int_eq(envoi_source_new("letter.eml", &source, &err), 0);
	source->memory = malloc(n + 1);
	ck_assert_ptr_nonnull(source->memory);
	memcpy(source->memory, text, n);
	source->size = n;
	ck_assert_int_eq(envoi_message_new(source, 0, 0, 1, 0, &message, &err), 0);
	envoi_source_unref(source);
	ck_assert_int_eq(envoi_message_scan(message, &err), 0);
	return message;
}

/* What goes out, with LF for CRLF; each random part is "ID". */
static char *wire(struct envoi_message *message)
{
	struct envoi_error err;
	struct envoi_body *body = NULL;
	size_t size = (size_t)envoi_message_facts(message)->size, have = 0, kept = 0, n;
	char *out = malloc(size + 8);
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), false, &body, &err), 0);
	for (bool last = false; !last; have += n) {
		ck_assert_int_eq(envoi_body_read(body, out + have, size + 8 - have, &n,
					 &last, &err),
			0);
	}
	ck_assert_uint_eq(have, size);
	envoi_body_close(body);
	for (size_t i = 0; i < have; i++) {
		if (out[i] != '\r') {
			out[kept++] = out[i];
		}
	}
	out[kept] = '\0';
	char *id = strstr(out, "Message-ID: <");
	if (id != NULL && strcspn(id + 13, "@") == 26) {
		memmove(id + 15, id + 39, strlen(id + 39) + 1);
		memcpy(id + 13, "ID", 2);
	}
	return out;
}

START_TEST(each_row)
{
	struct envoi_error err;
	struct envoi_message *message = message_of(rows[_i].in, strlen(rows[_i].in));
	ck_assert_int_eq(envoi_message_repair(message, rows[_i].rules, &err), 0);
	char *out = wire(message);
	ck_assert_str_eq(out, rows[_i].out);
	/* The identifier of the report is the one that goes out. */
	const char *id = strstr(rows[_i].out, "\nMessage-ID: <ID@");
	const char *told = envoi_message_facts(message)->message_id;
	ck_assert(id == NULL || strlen(told) == strcspn(id + 13, "\n") + 24);
	free(out);
	/* What is repaired needs no repair; a Received is added each time. */
	if (rows[_i].rules->received == NULL) {
		struct envoi_repair again = *rows[_i].rules;
		again.from = again.date = again.msgid = ENVOI_HEADER_AUTO;
		again.from = rows[_i].rules == &off ? ENVOI_HEADER_OFF : again.from;
		again.date = again.msgid = again.from;
		again.undisclosed = rows[_i].rules == &off ? ENVOI_UNDISCLOSED_OFF
							   : ENVOI_UNDISCLOSED_AUTO;
		struct envoi_message *twice =
			message_of(rows[_i].out, strlen(rows[_i].out));
		ck_assert_int_eq(envoi_message_repair(twice, &again, &err), 0);
		out = wire(twice);
		ck_assert_str_eq(out, rows[_i].out);
		free(out);
		envoi_message_free(twice);
	}
	envoi_message_free(message);
}
END_TEST

START_TEST(facts_are_of_what_goes_out)
{
	static const char in[] = "Bcc: \xE9\0\nX: abc\0def\nTo: b\n\nbody\n";
	struct envoi_error err;
	struct envoi_message *message = message_of(in, sizeof(in) - 1);
	const struct envoi_message_facts *facts = envoi_message_facts(message);
	ck_assert(facts->eight_bit && facts->eight_bit_header);
	ck_assert_uint_eq(facts->nul_line, 1);
	ck_assert_int_eq(envoi_message_repair(message, &off, &err), 0);
	ck_assert(!facts->eight_bit && !facts->eight_bit_header);
	ck_assert_uint_eq(facts->nul_line, 0);
	ck_assert_uint_eq(facts->size, strlen("X: abcdef\r\nTo: b\r\n\r\nbody\r\n"));
	ck_assert_uint_eq(facts->longest, strlen("X: abcdef"));
	ck_assert_uint_eq(facts->longest_line, 2);
	envoi_message_free(message);
	/* With --raw it is still a message with a NUL. */
	message = message_of(in, sizeof(in) - 1);
	ck_assert_int_eq(envoi_message_repair(message, &raw_t, &err), 0);
	ck_assert_uint_eq(envoi_message_facts(message)->nul_line, 1);
	envoi_message_free(message);
}
END_TEST

START_TEST(a_loop_is_refused)
{
	struct envoi_error err;
	struct envoi_buffer text;
	envoi_buffer_init(&text, 1 << 20);
	for (int i = 1; i <= 51; i++) {
		(void)envoi_buffer_puts(&text, "Received: x\n");
		struct envoi_span span = envoi_buffer_span(&text);
		struct envoi_message *message = message_of(span.data, span.len);
		int result = envoi_message_repair(message, &taken_on, &err);
		ck_assert_int_eq(result, i <= 50 ? 0 : -1);
		ck_assert_int_eq(envoi_message_repair(message, &usual, &err), 0);
		envoi_message_free(message);
	}
	struct envoi_message *message = message_of(text.data, text.len);
	ck_assert_int_eq(envoi_message_repair(message, &taken_on, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_REFUSED);
	envoi_message_free(message);
	envoi_buffer_finish(&text);
}
END_TEST

START_TEST(a_header_cannot_grow_without_end)
{
	struct envoi_error err;
	struct envoi_buffer text;
	envoi_buffer_init(&text, ENVOI_LIMIT_HEADER);
	(void)envoi_buffer_puts(&text, "To: a");
	while (text.len < ENVOI_LIMIT_HEADER / 2) {
		(void)envoi_buffer_puts(&text, ",\n a");
	}
	struct envoi_message *message = message_of(text.data, text.len);
	ck_assert_int_eq(envoi_message_repair(message, &domain, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_DATA);
	ck_assert_int_eq(envoi_message_repair(message, &usual, &err), 0);
	envoi_message_free(message);
	envoi_buffer_finish(&text);
}
END_TEST

/* -- recipients ---------------------------------------------------------------- */

static const struct {
	const char *in;
	/** "Field:line:mailbox ", a "*" behind a bare one, "!" for a bad one. */
	const char *out;
} lists[] = {
	{"", ""},
	{"From: a@b\nSubject: x\n\nTo: c@d\n", ""},
	{"To: a@b\n\n", "To:1:a@b "},
	{"To: a@b\nTo: c@d\nCC : e@f\nbcc: g@h\n\n",
		"To:1:a@b To:2:c@d Cc:3:e@f Bcc:4:g@h "},
	{"Apparently-To: a@b\nTo: c@d\n\n", "Apparently-To:1:a@b To:2:c@d "},
	{"To: a@b,\n c@d,\n\te@f\n\n", "To:1:a@b To:2:c@d To:3:e@f "},
	{"To:\n a@b\n\n", "To:2:a@b "},
	{"From:\nTo: a@b\n\n", "To:2:a@b "},
	{"Cc:\nTo: a@b\n\n", "To:2:a@b "},
	{"From x\nTo: a@b", "To:2:a@b "},
	{"To: a@b\r\n\r\nCc: c@d\r\n", "To:1:a@b "},
	{"To: a@b\nno field\nCc: c@d\n", "To:1:a@b "},
	{"hello\nTo: a@b\n", ""},
	{"To: a@b\rBcc: c@d\n\n", "To:1:! "},
	/* Sent again. */
	{"To: a@b\nResent-To: c@d\nCc: e@f\nResent-Bcc: g@h\nResent-Cc: i@j\n"
	 "Resent-To: k@l\n\n",
		"Resent-To:2:c@d Resent-Bcc:4:g@h Resent-Cc:5:i@j Resent-To:6:k@l "},
	{"To: a@b\nResent-From: c@d\n\n", "To:1:a@b "},
	{"To: a@b\nResent-Bcc:\n\n", ""},
	/* Elements. */
	{"To: g: a@b, \"c d\"@e;, undisclosed-recipients:;\n\n",
		"To:1:a@b To:1:\"c d\"@e "},
	{"To: a@b (x, (y) \"), c@d,,\n , <@r:e@f>, i@[IPv6:::1]\n\n",
		"To:1:a@b To:1:c@d To:2:e@f To:2:i@[IPv6:::1] "},
	{"To: =?utf-8?q?x=40y=2C?= <a@b>\n\n", "To:1:a@b "},
	{"To: bob, ann@\n\n", "To:1:bob* To:1:! "},
};

static int show(void *context, const char *field, uint64_t line,
	const struct envoi_list_item *item, struct envoi_error *err)
{
	(void)err;
	return envoi_buffer_printf(context, "%s:%d:%s%s ", field, (int)line,
		item->mailbox != NULL ? item->mailbox : "!",
		item->mailbox != NULL && item->bare ? "*" : "");
}

START_TEST(recipients)
{
	struct envoi_buffer out;
	struct envoi_error err;
	struct envoi_message *message = message_of(lists[_i].in, strlen(lists[_i].in));
	envoi_buffer_init(&out, 1 << 16);
	ck_assert_int_eq(envoi_message_recipients(message, show, &out, &err), 0);
	/* They are the same when Bcc is gone. */
	ck_assert_int_eq(envoi_message_repair(message, &usual, &err), 0);
	ck_assert_str_eq(envoi_buffer_string(&out), lists[_i].out);
	envoi_buffer_clear(&out);
	ck_assert_int_eq(envoi_message_recipients(message, show, &out, &err), 0);
	ck_assert_str_eq(envoi_buffer_string(&out), lists[_i].out);
	envoi_buffer_finish(&out);
	envoi_message_free(message);
}
END_TEST

int main(void)
{
	(void)setenv("TZ", "UTC0", 1);
	tzset();
	Suite *suite = suite_create("repair");
	TCase *tcase = tcase_create("repair");
	tcase_add_loop_test(tcase, each_row, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, facts_are_of_what_goes_out);
	tcase_add_test(tcase, a_loop_is_refused);
	tcase_add_test(tcase, a_header_cannot_grow_without_end);
	tcase_add_loop_test(tcase, recipients, 0, sizeof(lists) / sizeof(lists[0]));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
