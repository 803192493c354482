/*
 * The header reader: where a header ends, what its fields are. Each input is
 * read with the end of a block at each of its octets.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/message.h>

#include "base/limits.h"
#include "message/header.h"
#include "message/private.h"

/* Octets that the reader reads at once. */
#define BLOCK 4096

/* A source of all of text[0..n). */
static struct envoi_source *source_of(const char *text, size_t n)
{
	struct envoi_source *source = NULL;
	struct envoi_error err;
	ck_assert_int_eq(envoi_source_new("letter.eml", &source, &err), 0);
	source->memory = malloc(n + 1);
	ck_assert_ptr_nonnull(source->memory);
	memcpy(source->memory, text, n);
	source->size = n;
	return source;
}

static int read_header(
	const char *text, size_t n, struct envoi_header *header, struct envoi_error *err)
{
	struct envoi_source *source = source_of(text, n);
	struct envoi_view view;
	ck_assert_int_eq(envoi_view_open(&view, source, err), 0);
	int result = envoi_header_read(header, &view, 0, n, 1, err);
	envoi_view_close(&view);
	envoi_source_unref(source);
	return result;
}

/* Fields are "name|value;" with line ends as "/". */
static const struct {
	const char *in;
	size_t n;
	const char *fields;
	/** Rest of the input, and whether an empty line goes before it; after a
	 * repair, where a line is no field. */
	const char *body;
	bool empty_line;
} rows[] = {
#define ROW(in, fields, body, empty_line)                                                \
	{                                                                                \
		in, sizeof(in) - 1, fields, body, empty_line                             \
	}
	ROW("", "", "", false),
	ROW("\n", "", "", true),
	ROW("\nTo: a\n", "", "To: a\n", true),
	ROW("To: a\n\nbody\n", "To| a;", "body\n", true),
	ROW("To: a\r\n\r\nbody\n", "To| a;", "body\n", true),
	ROW("To: a\r\nCc: b\n\r\nbody", "To| a;Cc| b;", "body", true),
	ROW("To:a\n", "To|a;", "", false),
	ROW("To:a", "To|a;", "", false),
	ROW("To:a\r", "To|a;", "", false),
	ROW("To:a\n\n", "To|a;", "", true),
	ROW("To:a\n\r", "To|a;", "", true),
	/* Blanks before the colon, folds, empty fields. */
	ROW("To \t : a\n\n", "To| a;", "", true),
	ROW("To: a,\n b,\n\tc\n\n", "To| a,/ b,/\tc;", "", true),
	ROW("To:\n a\n\n", "To|/ a;", "", true),
	ROW("To: a\n \n b\n\n", "To| a/ / b;", "", true),
	ROW("From:\nTo: b\n\n", "From|;To| b;", "", true),
	ROW("To: a\n b", "To| a/ b;", "", false),
	ROW("a:b:c\n\n", "a|b:c;", "", true),
	/* No header at all. */
	ROW("hello\nTo: a\n", "", "hello\nTo: a\n", true),
	ROW("hello", "", "hello", true),
	ROW(" To: a\n", "", " To: a\n", true),
	ROW("\tx\n", "", "\tx\n", true),
	ROW(": a\n", "", ": a\n", true),
	ROW(" \n", "", " \n", true),
	ROW("T\xC3\xB6: a\n", "", "T\xC3\xB6: a\n", true),
	ROW("To a\n", "", "To a\n", true),
	/* A line within that is no field. */
	ROW("To: a\nhello\nCc: b\n", "To| a;", "hello\nCc: b\n", true),
	ROW("To: a\nno field, this: x\n\n", "To| a;", "no field, this: x\n\n", true),
	ROW("To: a\nFrom b\n", "To| a;", "From b\n", true),
	ROW("To: a\n>From b\n", "To| a;", ">From b\n", true),
	ROW("To: a\nhello", "To| a;", "hello", true),
	/* Lines of an mbox at the head. */
	ROW("From a Thu\nTo: a\n\n", "To| a;", "", true),
	ROW(">From a\n>>From b\r\nFrom c\nTo: a\n\n", "To| a;", "", true),
	ROW("From a: b\nTo: c\n\n", "To| c;", "", true),
	ROW("From : a\n\n", "From| a;", "", true),
	ROW("From\t: a\n\n", "From| a;", "", true),
	ROW("From a\nhello\n", "", "hello\n", true),
	ROW("From a\n\nhello\n", "", "hello\n", true),
	ROW("From a", "", "", false),
	ROW("From ", "", "", false),
	ROW("FromX\n", "", "FromX\n", true),
	ROW("From a\rTo: b\r", "", "From a\rTo: b\r", true),
	ROW("From a\rTo: b\n\n", "", "From a\rTo: b\n\n", true),
	/* CRs and NULs. */
	ROW("To: a\rb\n\n", "To| a b;", "", true),
	ROW("To: a\r\rBcc: b\n\n", "To| a  Bcc: b;", "", true),
	ROW("To: a\r\r\nCc: b\r\r\n\r\r\nbody", "To| a;Cc| b;", "body", true),
	ROW("To: a\n\rCc: b\n\n", "To| a/ Cc: b;", "", true),
	ROW("\rTo: a\n\n", "", "\rTo: a\n\n", true),
	ROW("T\0o: a\0\n\0\nbody", "To| a;", "body", true),
	ROW("To: a\n\0b\0: c\n\n", "To| a;b| c;", "", true),
};

static char *show(const struct envoi_header *header)
{
	struct envoi_buffer out;
	envoi_buffer_init(&out, 1 << 20);
	for (size_t i = 0; i < header->count; i++) {
		const struct envoi_field *field = &header->fields[i];
		ck_assert_ptr_eq(field->raw.data, field->name.data);
		ck_assert_int_eq(field->raw.data[field->raw.len - 1], '\n');
		ck_assert_ptr_eq(field->value.data + field->value.len + 1,
			field->raw.data + field->raw.len);
		(void)envoi_buffer_append(&out, field->name.data, field->name.len);
		(void)envoi_buffer_puts(&out, "|");
		for (size_t k = 0; k < field->value.len; k++) {
			char c = field->value.data[k];
			(void)envoi_buffer_append(&out, c == '\n' ? "/" : &c, 1);
		}
		(void)envoi_buffer_puts(&out, ";");
	}
	char *result = envoi_span_dup(envoi_buffer_span(&out));
	envoi_buffer_finish(&out);
	return result;
}

static void check_row(size_t row, size_t before)
{
	size_t n = rows[row].n;
	char *text = malloc(before + n + 1);
	ck_assert_ptr_nonnull(text);
	memset(text, 'x', before);
	if (before > 0) {
		memcpy(text, "From ", 5);
		text[before - 1] = '\n';
	}
	memcpy(text + before, rows[row].in, n);
	struct envoi_header header;
	struct envoi_error err;
	ck_assert_int_eq(read_header(text, before + n, &header, &err), 0);
	char *fields = show(&header);
	ck_assert_str_eq(fields, rows[row].fields);
	size_t body = n - strlen(rows[row].body);
	ck_assert_uint_eq(header.body, before + body);
	ck_assert_int_eq(header.empty_line || header.broken, rows[row].empty_line);
	ck_assert(!header.broken || (!header.empty_line && header.count > 0));
	ck_assert(header.count > 0 || header.start <= header.body);
	uint64_t line = before > 0 ? 2 : 1;
	for (size_t i = 0; i < body; i++) {
		line += rows[row].in[i] == '\n';
	}
	ck_assert(body == n || header.body_line == line);
	free(fields);
	free(text);
	envoi_header_finish(&header);
}

START_TEST(each_row)
{
	size_t row = (size_t)_i;
	check_row(row, 0);
	check_row(row, 6);
	for (size_t k = 0; k <= rows[row].n; k++) {
		check_row(row, BLOCK - k);
	}
}
END_TEST

START_TEST(lines_of_fields)
{
	static const char text[] = "From x\nTo: a,\n b\nCc: c\n\nbody";
	struct envoi_header header;
	struct envoi_error err;
	ck_assert_int_eq(read_header(text, sizeof(text) - 1, &header, &err), 0);
	ck_assert_uint_eq(header.count, 2);
	ck_assert_uint_eq(header.fields[0].line, 2);
	ck_assert_uint_eq(header.fields[1].line, 4);
	ck_assert_uint_eq(header.body_line, 6);
	ck_assert_ptr_eq(envoi_header_find(&header, ENVOI_FIELD_CC), &header.fields[1]);
	ck_assert_ptr_null(envoi_header_find(&header, ENVOI_FIELD_BCC));
	envoi_header_finish(&header);
}
END_TEST

START_TEST(nul_of_the_header_only)
{
	static const struct {
		const char *in;
		size_t n;
		uint64_t line;
	} nuls[] = {
		{"To: a\nCc: \0b\n\nx", 15, 2},
		{"To: a\n\0\nx", 9, 2},
		{"To: a\n\nx\0", 9, 0},
		{"To: a\nx\0y\n", 10, 0},
		{"\0x\n", 3, 0},
		{"From \0x\nTo: a\n", 14, 0},
	};
	for (size_t i = 0; i < sizeof(nuls) / sizeof(nuls[0]); i++) {
		struct envoi_header header;
		struct envoi_error err;
		ck_assert_int_eq(read_header(nuls[i].in, nuls[i].n, &header, &err), 0);
		ck_assert_uint_eq(header.nul_line, nuls[i].line);
		envoi_header_finish(&header);
	}
}
END_TEST

/* What is too long is refused; what is no header may have any length. */
START_TEST(limits)
{
	size_t n = ENVOI_LIMIT_HEADER + 100;
	char *text = malloc(n);
	ck_assert_ptr_nonnull(text);
	struct envoi_header header;
	struct envoi_error err;
	memset(text, 'x', n);
	ck_assert_int_eq(read_header(text, n, &header, &err), 0);
	ck_assert_uint_eq(header.body, 0);
	envoi_header_finish(&header);
	memcpy(text, "From x", 6);
	text[n - 10] = '\n';
	ck_assert_int_eq(read_header(text, n, &header, &err), 0);
	ck_assert_uint_eq(header.body, n - 9);
	envoi_header_finish(&header);
	memcpy(text, "To: xx", 6);
	ck_assert_int_eq(read_header(text, n, &header, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_DATA);
	ck_assert_str_eq(err.text, "'letter.eml' has a header of more than 1048576 "
				   "octets or 10000 fields");
	text[n / 2] = '\n';
	text[n / 2 + 1] = '\n';
	ck_assert_int_eq(read_header(text, n, &header, &err), 0);
	ck_assert_uint_eq(header.body, n / 2 + 2);
	envoi_header_finish(&header);
	for (size_t i = 0; i + 4 <= n; i += 4) {
		memcpy(text + i, "a:b\n", 4);
	}
	ck_assert_int_eq(read_header(text, n, &header, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_DATA);
	text[4 * ENVOI_LIMIT_HEADER_FIELDS] = '\n';
	ck_assert_int_eq(read_header(text, n, &header, &err), 0);
	ck_assert_uint_eq(header.count, ENVOI_LIMIT_HEADER_FIELDS);
	envoi_header_finish(&header);
	free(text);
}
END_TEST

/* -- the message's facts ------------------------------------------------------- */

static void message_id_of(const char *text, size_t n, char id[static 1000])
{
	struct envoi_source *source = source_of(text, n);
	struct envoi_message *message = NULL;
	struct envoi_error err;
	ck_assert_int_eq(envoi_message_new(source, 0, 0, 1, 0, &message, &err), 0);
	ck_assert_int_eq(envoi_message_scan(message, &err), 0);
	memcpy(id, envoi_message_facts(message)->message_id, 1000);
	envoi_message_free(message);
	envoi_source_unref(source);
}

static const struct {
	const char *in;
	const char *id;
} ids[] = {
	{"Message-ID: <a@b>\n", "<a@b>"},
	{"message-id:<a@b>", "<a@b>"},
	{"MESSAGE-ID \t : \t <a@b> \t \r\n\r\n", "<a@b>"},
	{"Message-ID                      : <a@b>\n", "<a@b>"},
	{"Subject: x\r\nMessage-Id: <a@b>\r\nTo: y\r\n\r\n", "<a@b>"},
	{"Message-ID:\r\n <a@b>\r\nTo: y\r\n", "<a@b>"},
	{"Message-ID:\n\t<a\n  @b> \n\nx", "<a  @b>"},
	{"Message-ID: <a@b>\rTo: y", "<a@b> To: y"},
	{"Message-ID: <a@b>\nMessage-ID: <c@d>\n", "<a@b>"},
	{"Message-ID:\nMessage-ID: <c@d>\n", ""},
	{"Subject: x\n Message-ID: <a@b>\n", ""},
	{"Subject: x\n\nMessage-ID: <a@b>\n", ""},
	{"Subject: x\r\n\r\nMessage-ID: <a@b>\n", ""},
	{"\nMessage-ID: <a@b>\n", ""},
	{" Message-ID: <a@b>\n", ""},
	{"X-Message-ID: <a@b>\n", ""},
	{"Message-IDs: <a@b>\n", ""},
	{"Message-ID-of-some-length-or-other: <a@b>\n", ""},
	{"Message-ID", ""},
	{"Message-ID <a@b>\n", ""},
	{"junk\nMessage-ID: <a@b>\n", ""},
};

START_TEST(message_ids)
{
	char id[1000];
	message_id_of(ids[_i].in, strlen(ids[_i].in), id);
	ck_assert_str_eq(id, ids[_i].id);
}
END_TEST

START_TEST(a_long_message_id_is_cut)
{
	char in[3000] = "Message-ID: ", id[1000];
	memset(in + 12, 'x', sizeof(in) - 12);
	message_id_of(in, sizeof(in), id);
	ck_assert_uint_eq(strlen(id), 998);
	/* A NUL within does not cut it. */
	static const char nul[] = "Message-ID: <a\0b>\n";
	message_id_of(nul, sizeof(nul) - 1, id);
	ck_assert_str_eq(id, "<ab>");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("header");
	TCase *tcase = tcase_create("header");
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, each_row, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, lines_of_fields);
	tcase_add_test(tcase, nul_of_the_header_only);
	tcase_add_test(tcase, limits);
	tcase_add_loop_test(tcase, message_ids, 0, sizeof(ids) / sizeof(ids[0]));
	tcase_add_test(tcase, a_long_message_id_is_cut);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
