/*
 * The mbox format: separators, quoting, and what messages a file gives.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include <envoi/message.h>

#include "base/limits.h"
#include "message/mbox.h"

#define FROM "From ann@example.org Thu Jan  1 00:00:00 1970"

static const struct {
	const char *line;
	bool is;
} separators[] = {
	{FROM "\n", true},
	{FROM "\r\n", true},
	{"From - Tue Mar 03 09:05:59 2015\n", true},
	{"From MAILER-DAEMON Fri Jul  8 12:08 2011\n", true},
	{"From ann@example.org Fri Jul  8 9:08:34 CEST 2011\n", true},
	{"From ann@example.org Fri Jul  8 12:08:34 2011 +0200\n", true},
	{"From ann@example.org Fri Jul  8 12:08:34 2011 remote from host\n", true},
	{"From  Thu Jan  1 00:00:00 1970\n", true},
	{"From me to you, with love\n", false},
	{"From 12:30 on the road was closed in 2020\n", false},
	{"From here, at 12:30 in 2020, we walked\n", false},
	{"From ann@example.org\n", false},
	{"From ann@example.org 1970\n", false},
	{"From ann@example.org 00:00:00\n", false},
	{"From ann@example.org Thu Jan  1 00:0 1970\n", false},
	{"From ann@example.org Thu Jan  1 000:00 1970\n", false},
	{"From ann@example.org Thu Jan  1 00:000 1970\n", false},
	{"From ann@example.org Thu Jan  1 00:00:00 70\n", false},
	{"From ann@example.org Thu Jan  1 00:00:00 19700\n", false},
	{"From: ann@example.org Thu Jan  1 00:00:00 1970\n", false},
	{"from ann@example.org Thu Jan  1 00:00:00 1970\n", false},
	{">" FROM "\n", false},
	{"From\n", false},
	{"From \n", false},
	{"", false},
};

START_TEST(what_separates)
{
	size_t n = strlen(separators[_i].line);
	for (size_t i = 0; i <= n; i++) {
		char *exact = malloc(i > 0 ? i : 1);
		ck_assert_ptr_nonnull(exact);
		memcpy(exact, separators[_i].line, i);
		bool is = envoi_mbox_is_separator(exact, i, false);
		ck_assert_int_eq(is, i == n && separators[_i].is);
		(void)envoi_mbox_is_separator(exact, i, true);
		free(exact);
	}
}
END_TEST

START_TEST(the_last_line_needs_no_end)
{
	ck_assert(envoi_mbox_is_separator(FROM, strlen(FROM), true));
	ck_assert(!envoi_mbox_is_separator(FROM, strlen(FROM), false));
}
END_TEST

static const struct {
	const char *in;
	const char *out;
} quotes[] = {
	{"", ""},
	{">", ">"},
	{">>>", ">>>"},
	{">From", ">From"},
	{">From ", "From "},
	{">>From x\n>From y\n>Fro\n", ">From x\nFrom y\n>Fro\n"},
	{">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>From x",
		">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>"
		"From x"},
	{"From x\n x>From y\n", "From x\n x>From y\n"},
	{"a\n>\n>>\n>From\n>From\t\n> From x\n>>F>rom \n",
		"a\n>\n>>\n>From\n>From\t\n> From x\n>>F>rom \n"},
	{"a\r\n>From b\r\n\r\n>>From c\r\n", "a\r\nFrom b\r\n\r\n>From c\r\n"},
	{"a\r>From b", "a\r>From b"},
	{">From >From ", "From >From "},
};

static void check_unquoting(const char *in, const char *want, bool once)
{
	size_t n = strlen(in);
	for (size_t split = 0; split <= n; split++) {
		/* At split, and octet by octet on one side of it. */
		char out[200];
		size_t have = 0;
		struct envoi_unquote unquote;
		envoi_unquote_init(&unquote, once);
		for (size_t at = 0, next; at < n; at = next) {
			next = at < split ? split : at + 1;
			struct envoi_span rest = {in + at, next - at};
			struct envoi_span piece;
			while ((piece = envoi_unquote_next(&unquote, &rest)).len > 0) {
				memcpy(out + have, piece.data, piece.len);
				have += piece.len;
			}
			ck_assert_uint_eq(rest.len, 0);
		}
		envoi_unquote_finish(&unquote);
		struct envoi_span none = {"", 0};
		struct envoi_span piece;
		while ((piece = envoi_unquote_next(&unquote, &none)).len > 0) {
			memcpy(out + have, piece.data, piece.len);
			have += piece.len;
		}
		ck_assert_uint_eq(have, strlen(want));
		ck_assert_int_eq(memcmp(out, want, have), 0);
	}
}

START_TEST(unquoting)
{
	check_unquoting(quotes[_i].in, quotes[_i].out, false);
}
END_TEST

START_TEST(unquoting_mboxo)
{
	check_unquoting("a\n>From b\n", "a\nFrom b\n", true);
	check_unquoting(">From b\n>>From c\n", "From b\n>>From c\n", true);
	check_unquoting("a\n>>>From \r\n>From", "a\n>>>From \r\n>From", true);
}
END_TEST

/* An mbox, as it is and what is in it. */
static const struct {
	const char *in;
	/** Bodies, without dot-stuffing; NULL ends. */
	const char *out[4];
} files[] = {
	{"", {NULL}},
	{"\n\r\n\n", {NULL}},
	{FROM "\nA: b\n\nc\n", {"A: b\r\n\r\nc\r\n"}},
	{FROM "\nA: b\n\nc\n\n", {"A: b\r\n\r\nc\r\n"}},
	{FROM "\nA: b\n\nc\n\n\n", {"A: b\r\n\r\nc\r\n\r\n"}},
	{FROM "\nA: b\n\nc", {"A: b\r\n\r\nc\r\n"}},
	{FROM "\nA: b\n\n\nc\n\n" FROM "\nD: e\n\n",
		{"A: b\r\n\r\n\r\nc\r\n", "D: e\r\n"}},
	{"\n" FROM "\nA: b\n\n" FROM "\nD: e\n\n\n" FROM "\n\nbody\n\n",
		{"A: b\r\n", "D: e\r\n\r\n", "\r\nbody\r\n"}},
	{FROM "\r\nA: b\r\n\r\nc\r\n\r\n" FROM "\r\nD: e\r\n\r\n\r\n",
		{"A: b\r\n\r\nc\r\n", "D: e\r\n\r\n"}},
	/* No empty line before, or no date: no separator. */
	{FROM "\nA: b\n\nc\n" FROM "\nd\n", {"A: b\r\n\r\nc\r\n" FROM "\r\nd\r\n"}},
	{FROM "\nA: b\n\nFrom time to time\n\nF\n",
		{"A: b\r\n\r\nFrom time to time\r\n\r\nF\r\n"}},
	{FROM "\nA: b\n\nc\n\nFrom", {"A: b\r\n\r\nc\r\n\r\nFrom\r\n"}},
	/* Messages of nothing. */
	{FROM, {""}},
	{FROM "\n", {""}},
	{FROM "\n\n", {""}},
	{FROM "\n\n" FROM "\n\n" FROM "\n", {"", "", ""}},
	{FROM "\n\n\n" FROM "\nA: b", {"\r\n", "A: b\r\n"}},
	/* Quoting; a leftover at the head; no header. */
	{FROM "\nA: b\n\n>" FROM "\n>>From x\n>c\n",
		{"A: b\r\n\r\n" FROM "\r\n>From x\r\n>c\r\n"}},
	{FROM "\n>" FROM "\nA: b\n\n" FROM "\nhello\n", {"A: b\r\n", "\r\nhello\r\n"}},
	{FROM "\n" FROM "\nA: b\n", {"A: b\r\n"}},
	{FROM "\nA: b\n\n.\n", {"A: b\r\n\r\n.\r\n"}},
};

static char path[] = "/tmp/envoi-mbox-XXXXXX";

static void write_file(const char *data, size_t n)
{
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, n), (ssize_t)n);
	(void)close(fd);
}

static void check_message(struct envoi_message *message, const char *want, size_t number)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	char name[100];
	(void)snprintf(name, sizeof(name), "%s:%zu", path, number);
	ck_assert_str_eq(envoi_message_name(message), name);
	ck_assert_int_eq(envoi_message_scan(message, &err), 0);
	ck_assert_uint_eq(envoi_message_facts(message)->size, strlen(want));
	struct envoi_body *body;
	char out[500];
	size_t have = 0;
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), false, &body, &err), 0);
	for (bool last = false; !last;) {
		size_t n;
		ck_assert_int_eq(
			envoi_body_read(body, out + have, 5, &n, &last, &err), 0);
		have += n;
	}
	envoi_body_close(body);
	ck_assert_uint_eq(have, strlen(want));
	ck_assert_int_eq(memcmp(out, want, have), 0);
}

START_TEST(files_and_their_messages)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input;
	struct envoi_message *messages[4] = {NULL};
	size_t n = 0;
	write_file(files[_i].in, strlen(files[_i].in));
	ck_assert_int_eq(envoi_input_open(path, ENVOI_MBOX_RD, &input, &err), 0);
	do {
		ck_assert_uint_lt(n, 4);
		ck_assert_int_eq(envoi_input_next(input, &messages[n], &err), 0);
	} while (messages[n++] != NULL);
	ck_assert_int_eq(envoi_input_next(input, &messages[n - 1], &err), 0);
	ck_assert_ptr_null(messages[n - 1]);
	/* The messages outlive the input, in any order. */
	envoi_input_free(input);
	for (size_t i = n - 1; i-- > 0;) {
		ck_assert_ptr_nonnull(files[_i].out[i]);
		check_message(messages[i], files[_i].out[i], i + 1);
		envoi_message_free(messages[i]);
	}
	ck_assert_ptr_null(files[_i].out[n - 1]);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

static const char *const no_mboxes[] = {
	"Subject: x\n\nbody\n",
	"From ann@example.org\nSubject: x\n",
	"x",
	"F",
	"\nx\n\n" FROM "\nA: b\n",
	"\r" FROM "\n",
};

START_TEST(what_is_no_mbox)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input;
	struct envoi_message *message = NULL;
	write_file(no_mboxes[_i], strlen(no_mboxes[_i]));
	ck_assert_int_eq(envoi_input_open(path, ENVOI_MBOX_RD, &input, &err), 0);
	ck_assert_int_eq(envoi_input_next(input, &message, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_DATA);
	ck_assert_ptr_null(message);
	envoi_input_free(input);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* Messages whose separators come to stand at and around the ends of blocks,
 * with line numbers that count the whole file. */
START_TEST(separators_at_block_ends)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	static char data[3 * ENVOI_LIMIT_BLOCK];
	char head[200];
	size_t n = 0;
	size_t lines = 0;
	size_t fill = ENVOI_LIMIT_BLOCK - 60 + (size_t)_i;
	for (int i = 0; i < 2; i++) {
		n += (size_t)sprintf(data + n, "%s\nSubject: %d\n\n", FROM, i);
		while (n < fill) {
			data[n++] = 'x';
		}
		n += (size_t)sprintf(data + n, "\nFrom x\n>From y\n\n");
		fill = n + 5000;
	}
	write_file(data, n);
	struct envoi_input *input;
	struct envoi_message *message;
	ck_assert_int_eq(envoi_input_open(path, ENVOI_MBOX_RD, &input, &err), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(envoi_input_next(input, &message, &err), 0);
		ck_assert_ptr_nonnull(message);
		ck_assert_int_eq(envoi_message_scan(message, &err), 0);
		const struct envoi_message_facts *facts = envoi_message_facts(message);
		ck_assert_uint_eq(facts->longest_line, lines + 4);
		lines += 7;
		struct envoi_body *body;
		size_t got;
		bool last;
		ck_assert_int_eq(envoi_body_open(envoi_message_as_it_is(message), true,
					 &body, &err),
			0);
		ck_assert_int_eq(envoi_body_read(body, head, 50, &got, &last, &err), 0);
		char want[20];
		(void)sprintf(want, "Subject: %d\r\n\r\nxx", i);
		ck_assert_int_eq(memcmp(head, want, strlen(want)), 0);
		envoi_body_close(body);
		envoi_message_free(message);
	}
	ck_assert_int_eq(envoi_input_next(input, &message, &err), 0);
	ck_assert_ptr_null(message);
	envoi_input_free(input);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* A body of one message does not disturb the reading of another. */
START_TEST(bodies_side_by_side)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	static const char in[] = FROM "\nA: 1\n\n" FROM "\nA: 2\n\n";
	struct envoi_input *input;
	struct envoi_message *message[2];
	struct envoi_body *body[2];
	write_file(in, sizeof(in) - 1);
	ck_assert_int_eq(envoi_input_open(path, ENVOI_MBOX_RD, &input, &err), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(envoi_input_next(input, &message[i], &err), 0);
		ck_assert_int_eq(envoi_message_scan(message[i], &err), 0);
		ck_assert_int_eq(envoi_body_open(envoi_message_as_it_is(message[i]), true,
					 &body[i], &err),
			0);
	}
	envoi_input_free(input);
	char out[2][20];
	size_t have[2] = {0};
	bool last[2] = {false};
	while (!last[0] || !last[1]) {
		for (int i = 0; i < 2; i++) {
			size_t n;
			ck_assert_int_eq(envoi_body_read(body[i], out[i] + have[i], 4, &n,
						 &last[i], &err),
				0);
			have[i] += n;
		}
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(have[i], 6);
		ck_assert_int_eq(out[i][3], '1' + i);
		envoi_body_close(body[i]);
		envoi_message_free(message[i]);
	}
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(a_changed_mbox_is_noticed)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input;
	struct envoi_message *message;
	struct envoi_body *body;
	write_file(FROM "\nA: b\n", strlen(FROM "\nA: b\n"));
	ck_assert_int_eq(envoi_input_open(path, ENVOI_MBOX_RD, &input, &err), 0);
	ck_assert_int_eq(envoi_input_next(input, &message, &err), 0);
	ck_assert_int_eq(envoi_message_scan(message, &err), 0);
	ck_assert_int_eq(truncate(path, 3), 0);
	ck_assert_int_eq(
		envoi_body_open(envoi_message_as_it_is(message), true, &body, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_IO);
	envoi_message_free(message);
	ck_assert_int_eq(envoi_input_next(input, &message, &err), -1);
	ck_assert_int_eq(err.status, ENVOI_STATUS_IO);
	envoi_input_free(input);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("mbox");
	TCase *tc = tcase_create("mbox");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, what_separates, 0, COUNT(separators));
	tcase_add_test(tc, the_last_line_needs_no_end);
	tcase_add_loop_test(tc, unquoting, 0, COUNT(quotes));
	tcase_add_test(tc, unquoting_mboxo);
	tcase_add_loop_test(tc, files_and_their_messages, 0, COUNT(files));
	tcase_add_loop_test(tc, what_is_no_mbox, 0, COUNT(no_mboxes));
	tcase_add_loop_test(tc, separators_at_block_ends, 0, 140);
	tcase_add_test(tc, bodies_side_by_side);
	tcase_add_test(tc, a_changed_mbox_is_noticed);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
