/*
 * Parts of composing: facts of a text at every split, file names, fields,
 * attachments as they are written.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/compose.h>

#include "message/compose_field.h"
#include "message/compose_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *in;
	size_t n;
	uint64_t longest, nul_line, bad_line;
	bool eight_bit, plain, safe;
} texts[] = {
	{"", 0, 0, 0, 0, false, true, true},
	{"a\nbcd\n", 6, 3, 0, 0, false, true, true},
	{"a\r\nb", 4, 2, 0, 0, false, true, false},
	{"\tx\n\x1b", 4, 2, 0, 0, false, true, false},
	{"a\0b\n", 4, 3, 1, 0, false, false, false},
	{"a\n\0", 3, 1, 2, 0, false, false, false},
	{"From x\n", 7, 6, 0, 0, false, true, false},
	{"\nFrom \n", 7, 5, 0, 0, false, true, false},
	{"aFrom \nFrom\n", 12, 6, 0, 0, false, true, true},
	{"FFrom \nFrFrom ", 14, 7, 0, 0, false, true, true},
	{"\xc3\xa9\n", 3, 2, 0, 0, true, false, false},
	{"\xf0\x9f\x98\x80", 4, 4, 0, 0, true, false, false},
	{"a\n\xe9\n", 4, 1, 0, 2, true, false, false},
	{"\xc3", 1, 1, 0, 1, true, false, false},
	{"\xc3\n\xa9", 3, 1, 0, 1, true, false, false},
	{"\n\x80", 2, 1, 0, 2, true, false, false},
	{"\xed\xa0\x80", 3, 3, 0, 1, true, false, false},
	{"\xe2\x82\xac\xe2\x82", 5, 5, 0, 1, true, false, false},
	{"\xff\xff", 2, 2, 0, 1, true, false, false},
	{"\xf5\x80\x80\x80", 4, 4, 0, 1, true, false, false},
};

START_TEST(facts_of_texts)
{
	const char *in = texts[_i].in;
	size_t n = texts[_i].n;
	for (size_t split = 0; split <= n; split++) {
		struct envoi_text text;
		envoi_text_init(&text);
		envoi_text_feed(&text, in, split);
		for (size_t i = split; i < n; i++) {
			envoi_text_feed(&text, in + i, 1);
		}
		envoi_text_finish(&text);
		ck_assert_uint_eq(text.octets, n);
		ck_assert_uint_eq(text.longest, texts[_i].longest);
		ck_assert_uint_eq(text.nul_line, texts[_i].nul_line);
		ck_assert_uint_eq(text.bad_line, texts[_i].bad_line);
		ck_assert_int_eq(text.eight_bit, texts[_i].eight_bit);
		ck_assert_int_eq(text.ended, n > 0 && in[n - 1] == '\n');
		ck_assert_int_eq(envoi_text_is_plain(&text), texts[_i].plain);
		ck_assert_int_eq(envoi_text_is_safe(&text), texts[_i].safe);
	}
}
END_TEST

static const struct {
	const char *name;
	const char *want;
} file_names[] = {
	{"a.pdf", ";\n filename=\"a.pdf\""},
	{"a \"b\\.pdf", ";\n filename=\"a \\\"b\\\\.pdf\""},
	{"a\r\nb\x7f\x1b", ";\n filename=\"a__b__\""},
	{"\xc3\xa4 b.pdf", ";\n filename*=utf-8''%C3%A4%20b.pdf"},
	{"\xe4.pdf", ";\n filename*=unknown-8bit''%E4.pdf"},
	{"\xc3\xa4\n", ";\n filename*=utf-8''%C3%A4_"},
	{"=?x", ";\n filename*=utf-8''%3D%3Fx"},
	{"0123456789012345678901234567890123456789012345678901234567890",
		";\n "
		"filename*0=\"01234567890123456789012345678901234567890123456789012345"
		"\";\n filename*1=\"67890\""},
	{"012345678901234567890123456789012345678901234567890\xc3\xa4x",
		";\n "
		"filename*0*=utf-8''012345678901234567890123456789012345678901234567890"
		";\n filename*1*=%C3%A4x"},
};

START_TEST(names_of_files)
{
	struct envoi_buffer out;
	envoi_buffer_init(&out, 1000);
	ck_assert_int_eq(
		envoi_compose_filename(&out, envoi_span_of(file_names[_i].name)), 0);
	ck_assert_str_eq(envoi_buffer_string(&out), file_names[_i].want);
	envoi_buffer_finish(&out);
}
END_TEST

static const struct {
	const char *text;
	/** NULL: refused. */
	const char *want;
} fields[] = {
	{"X-A: b", "X-A: b\n"},
	{"X-A:b ", "X-A: b\n"},
	{"X-A:", "X-A: \n"},
	{"Subject: \xc3\xbc", "Subject: =?UTF-8?B?w7w=?=\n"},
	{"To: a@b.org,c@d.org", "To: a@b.org, c@d.org\n"},
	{"to: \xc3\xbc <a@b.org>, \"x, y\" <c@d.org>",
		"to: =?UTF-8?B?w7w=?= <a@b.org>, \"x, y\" <c@d.org>\n"},
	{"To: \"\xc3\xbc, (x\" <a@b.org>", "To: =?UTF-8?B?w7wsICh4?= <a@b.org>\n"},
	{"Cc: team: a@b.org, c@d.org;", "Cc: team: a@b.org, c@d.org;\n"},
	{"Cc: t\xc3\xa9"
	 "am: a@b.org;",
		NULL},
	{"To: \xc3\xbc", "To: \xc3\xbc\n"},
	{"To: \xc3\xbc <bob>", "To: =?UTF-8?B?w7w=?= <bob>\n"},
	{"To: \xc3\xbc b", NULL},
	/* By the rules of all lists. */
	{"Reply-To: =?utf-8?Q?a,b?= <a@b.org>,,c",
		"Reply-To: =?utf-8?Q?a,b?= <a@b.org>, c\n"},
	{"Reply-To: i@[IPv6:::1] , \xc3\xbc <a@b.org>;(a,b: c)d",
		"Reply-To: i@[IPv6:::1], =?UTF-8?B?w7w=?= <a@b.org>, (a,b: c)d\n"},
	{"Cc: undisclosed-recipients:;", "Cc: undisclosed-recipients:;\n"},
	{"Cc: a@b.org, t:c@d.org, \xc3\xbc <e@f.org>;g",
		"Cc: a@b.org, t: c@d.org, =?UTF-8?B?w7w=?= <e@f.org>; g\n"},
	{"Cc: t: a@b.org", "Cc: t: a@b.org;\n"},
	{"Reply-To: nobody at all", NULL},
	{"From: a@exam#ple.org", NULL},
	{"Cc: a@b.org, c@d..org", NULL},
	{"X A: b", NULL},
	{": b", NULL},
	{"", NULL},
	{"X-A", NULL},
	{"X-\xc3\xbc: b", NULL},
	{"X-A: b\nBcc: c", NULL},
	{"X-A: b\rc", NULL},
	{"Bcc: a@b.org", NULL},
	{"resent-bcc: a@b.org", NULL},
	{"mime-version: 1.0", NULL},
	{"Content-Transfer-Encoding: 8bit", NULL},
	{"Content-Type: application/pdf", NULL},
	{"Content-Type: text", NULL},
	{"Content-Type: text/html; x=\xc3\xbc", NULL},
	{"Content-Type: text/html; charset=utf-8",
		"Content-Type: text/html; charset=utf-8\n"},
};

START_TEST(given_fields)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_buffer out;
	struct envoi_span name, value;
	envoi_buffer_init(&out, 1000);
	int result = envoi_compose_split(fields[_i].text, &name, &value, &err);
	ck_assert_int_eq(envoi_compose_check_header(fields[_i].text, NULL), result);
	if (result == 0) {
		result = envoi_compose_field(&out, name, value, &err);
	}
	if (fields[_i].want == NULL) {
		ck_assert_int_eq(result, -1);
		ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	} else {
		ck_assert_int_eq(result, 0);
		ck_assert_str_eq(envoi_buffer_string(&out), fields[_i].want);
	}
	envoi_buffer_finish(&out);
}
END_TEST

static const struct {
	const char *text;
	/** NULL: refused. */
	const char *path;
	const char *type;
	const char *name;
} attachments[] = {
	{"a.pdf", "a.pdf", NULL, NULL},
	{"-", "-", NULL, NULL},
	{"a;b.pdf", "a;b.pdf", NULL, NULL},
	{"a;type=text/plain", "a", "text/plain", NULL},
	{"a;name=b;c.pdf;type=text/plain", "a", "text/plain", "b;c.pdf"},
	{"a;type=text/plain;name=b", "a", "text/plain", "b"},
	{"a;name=", "a", NULL, ""},
	{"a;type=text/plain;type=text/html", "a", "text/html", NULL},
	{"", NULL, NULL, NULL},
	{";type=text/plain", NULL, NULL, NULL},
	{"a;type=", NULL, NULL, NULL},
	{"a;type=text", NULL, NULL, NULL},
	{"a;type=text/plain; charset=x", NULL, NULL, NULL},
	{"a;type=multipart/mixed", NULL, NULL, NULL},
};

START_TEST(attachments_as_written)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_attachment made = {0};
	int result = envoi_attachment_parse(attachments[_i].text, &made, &err);
	if (attachments[_i].path == NULL) {
		ck_assert_int_eq(result, -1);
		ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
		ck_assert_ptr_null(made.path);
		return;
	}
	ck_assert_int_eq(result, 0);
	ck_assert_str_eq(made.path, attachments[_i].path);
	ck_assert_pstr_eq(made.type, attachments[_i].type);
	ck_assert_pstr_eq(made.name, attachments[_i].name);
	envoi_attachment_finish(&made);
}
END_TEST

START_TEST(stdin_once)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input = NULL;
	char dash[] = "-";
	struct envoi_attachment one = {.path = dash};
	struct envoi_compose compose = {
		.body_file = "-", .attachments = &one, .attachment_count = 1};
	ck_assert_int_eq(envoi_compose_open(&compose, &input, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	ck_assert_ptr_null(input);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compose");
	TCase *tc = tcase_create("compose");
	tcase_add_loop_test(tc, facts_of_texts, 0, COUNT(texts));
	tcase_add_loop_test(tc, names_of_files, 0, COUNT(file_names));
	tcase_add_loop_test(tc, given_fields, 0, COUNT(fields));
	tcase_add_loop_test(tc, attachments_as_written, 0, COUNT(attachments));
	tcase_add_test(tc, stdin_once);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
