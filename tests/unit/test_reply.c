/*
 * Replies of a server: tables of what comes in and what is read, each whole,
 * octet by octet and split at every offset, from memory that ends where the
 * octets end.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "protocol/reply.h"

/* "code text" of each reply, or why there is none: as one string. */
struct reading {
	struct envoi_reply_parser parser;
	struct envoi_buffer log;
	bool bad;
};

static void note_reply(struct reading *reading, const struct envoi_reply *reply)
{
	/* The NUL behind the text is part of the promise. */
	ck_assert_int_eq(reply->text[reply->length], '\0');
	ck_assert_int_eq(reply->enhanced[0], 0);
	ck_assert_int_eq(envoi_buffer_printf(&reading->log, "%d \"", reply->code), 0);
	struct envoi_span text = {reply->text, reply->length};
	ck_assert_int_eq(envoi_span_escape(&reading->log, text), 0);
	ck_assert_int_eq(envoi_buffer_puts(&reading->log, "\"; "), 0);
}

static void feed(struct reading *reading, const char *bytes, size_t n)
{
	struct envoi_error err;
	char *exact = malloc(n > 0 ? n : 1);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, bytes, n);
	struct envoi_span rest = {exact, n};
	while (rest.len > 0 && !reading->bad) {
		struct envoi_reply reply = {0};
		size_t used = 0;
		switch (envoi_reply_feed(&reading->parser, rest, &used, &reply, &err)) {
		case ENVOI_REPLY_DONE:
			note_reply(reading, &reply);
			ck_assert(envoi_reply_parser_is_empty(&reading->parser));
			break;
		case ENVOI_REPLY_BAD:
			reading->bad = true;
			ck_assert_int_eq(err.status, ENVOI_STATUS_PROTOCOL);
			ck_assert_int_eq(
				envoi_buffer_printf(&reading->log, "! %s%s%s", err.text,
					err.hint[0] != '\0' ? " / " : "", err.hint),
				0);
			break;
		case ENVOI_REPLY_MORE:
			ck_assert_uint_eq(used, rest.len);
			break;
		}
		ck_assert_uint_gt(used, 0);
		rest.data += used;
		rest.len -= used;
	}
	free(exact);
}

static void reading_init(struct reading *reading)
{
	*reading = (struct reading){0};
	envoi_reply_parser_init(&reading->parser);
	envoi_buffer_init(&reading->log, 1 << 20);
}

static void reading_finish(struct reading *reading)
{
	envoi_reply_parser_finish(&reading->parser);
	envoi_buffer_finish(&reading->log);
}

/* Pieces of these lengths, and what is left. */
static void check_pieces(
	const char *in, size_t n, size_t first, size_t each, const char *want)
{
	struct reading reading;
	reading_init(&reading);
	feed(&reading, in, first);
	for (size_t at = first; at < n;) {
		size_t piece = n - at < each ? n - at : each;
		feed(&reading, in + at, piece);
		at += piece;
	}
	ck_assert_str_eq(envoi_buffer_string(&reading.log), want);
	reading_finish(&reading);
}

static void check_reading(const char *in, size_t n, const char *want)
{
	check_pieces(in, n, n, n, want);
	check_pieces(in, n, 0, 1, want);
	for (size_t cut = 1; cut < n; cut++) {
		check_pieces(in, n, cut, n, want);
	}
}

#define OCTETS(text) text, sizeof(text) - 1

static const struct {
	const char *in;
	size_t n;
	const char *want;
} readings[] = {
	/* Any text, and none: situations 19, 42. */
	{OCTETS("220\r\n"), "220 \"\"; "},
	{OCTETS("220 \r\n"), "220 \"\"; "},
	{OCTETS("250\r\n250 \r\n250 x\r\n"), "250 \"\"; 250 \"\"; 250 \"x\"; "},
	{OCTETS("220 mx.example.org ESMTP\r\n"), "220 \"mx.example.org ESMTP\"; "},
	{OCTETS("220  two  blanks \r\n"), "220 \" two  blanks \"; "},
	{OCTETS("220 ***\xff*\r\n"), "220 \"***\\xFF*\"; "},
	/* Several lines: 20. */
	{OCTETS("220-a\r\n220-b\r\n220 c\r\n"), "220 \"a\\x0Ab\\x0Ac\"; "},
	{OCTETS("250-\r\n250-\r\n250\r\n"), "250 \"\\x0A\\x0A\"; "},
	{OCTETS("250-a\r\n250 b\r\n221 c\r\n"), "250 \"a\\x0Ab\"; 221 \"c\"; "},
	/* The codes differ: 21, 52. */
	{OCTETS("220-a\r\n250 c\r\n"), "! codes differ within one reply: 220 and 250"},
	{OCTETS("250-a\r\n550 b\r\n"), "! codes differ within one reply: 250 and 550"},
	{OCTETS("250-a\r\n251-b\r\n"), "! codes differ within one reply: 250 and 251"},
	/* Control octets: 27. */
	{OCTETS("220 a\0b\033[1m\tc\r\n"), "220 \"a\\x00b\\x1B[1m\\x09c\"; "},
	{OCTETS("220 a\rb\r\r\n"), "220 \"a\\x0Db\\x0D\"; "},
	/* Bare LF: 30. */
	{OCTETS("220 a\n"), "220 \"a\"; "},
	{OCTETS("250-a\n250 b\r\n"), "250 \"a\\x0Ab\"; "},
	/* Blank lines, other services: 31, 32. */
	{OCTETS("\r\n220 a\r\n"), "! not an SMTP reply: \"\""},
	{OCTETS("\n"), "! not an SMTP reply: \"\""},
	{OCTETS("SSH-2.0-OpenSSH_9.2\r\n"),
		"! not an SMTP reply: \"SSH-2.0-OpenSSH_9.2\" / an SSH server answers on "
		"this port"},
	{OCTETS("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"! not an SMTP reply: \"HTTP/1.1 400 Bad Request\" / an HTTP server "
		"answers "
		"on this port"},
	{OCTETS("+OK ready\r\n"), "! not an SMTP reply: \"+OK ready\" / a POP3 server "
				  "answers on this port"},
	{OCTETS("* OK IMAP4rev1\r\n"), "! not an SMTP reply: \"* OK IMAP4rev1\" / an "
				       "IMAP server answers on this "
				       "port"},
	{OCTETS("\x15\x03\x01\x00\x02\x02\x50"), "! not an SMTP reply: \"\\x15\" / the "
						 "server speaks TLS from the start here: "
						 "use submissions:// or --tls implicit"},
	{OCTETS("220-a\r\n\x16\x03\x01\n"), "! not an SMTP reply: \"\\x16\" / the server "
					    "speaks TLS from the start here: "
					    "use submissions:// or --tls implicit"},
	/* Shapes: 53. */
	{OCTETS("250ok\r\n"), "! not an SMTP reply: \"250ok\""},
	{OCTETS("25 ok\r\n"), "! not an SMTP reply: \"25 ok\""},
	{OCTETS("2500 ok\r\n"), "! not an SMTP reply: \"2500 ok\""},
	{OCTETS("22X ok\r\n"), "! not an SMTP reply: \"22X ok\""},
	{OCTETS("2 2 ok\r\n"), "! not an SMTP reply: \"2 2 ok\""},
	{OCTETS(" 250 ok\r\n"), "! not an SMTP reply: \" 250 ok\""},
	{OCTETS("+250 ok\r\n"), "! not an SMTP reply: \"+250 ok\""},
	{OCTETS("250\tok\r\n"), "! not an SMTP reply: \"250\\x09ok\""},
	{OCTETS("250_ok\r\n"), "! not an SMTP reply: \"250_ok\""},
	{OCTETS("25\r\n"), "! not an SMTP reply: \"25\""},
	{OCTETS("2\r\n"), "! not an SMTP reply: \"2\""},
	{OCTETS("250-a\r\nb\r\n"), "! not an SMTP reply: \"b\""},
	{OCTETS("250-a\r\n\r\n"), "! not an SMTP reply: \"\""},
	{OCTETS("250\r\r\n"), "! not an SMTP reply: \"250\\x0D\""},
	{OCTETS("2\xb2\xb3 ok\r\n"), "! not an SMTP reply: \"2\\xB2\\xB3 ok\""},
	/* Codes out of range: 54. */
	{OCTETS("150 a\r\n"), "! not an SMTP reply: \"150 a\""},
	{OCTETS("650 a\r\n"), "! not an SMTP reply: \"650 a\""},
	{OCTETS("850 NONSENSE\r\n"), "! not an SMTP reply: \"850 NONSENSE\""},
	{OCTETS("000 a\r\n"), "! not an SMTP reply: \"000 a\""},
	{OCTETS("200 a\r\n299 b\r\n300\r\n499\r\n599\r\n"),
		"200 \"a\"; 299 \"b\"; 300 \"\"; 499 \"\"; 599 \"\"; "},
	/* Not yet a reply: 55. */
	{OCTETS(""), ""},
	{OCTETS("250 o"), ""},
	{OCTETS("250 ok\r"), ""},
	{OCTETS("250-ok\r\n"), ""},
	{OCTETS("250 ok\r\n25"), "250 \"ok\"; "},
	/* Several at once: 56, 57. */
	{OCTETS("250 a\r\n250-b\r\n250 c\r\n354 d\r\n421 e\r\n"),
		"250 \"a\"; 250 \"b\\x0Ac\"; 354 \"d\"; 421 \"e\"; "},
	/* A line that is shown is cut. */
	{OCTETS("0123456789012345678901234567890123456789012345678901234567890123456789"
		"01234567890123456789\r\n"),
		"! not an SMTP reply: "
		"\"01234567890123456789012345678901234567890123456789"
		"012345678901234567890123456789\"..."},
};

START_TEST(readings_are_the_same_however_they_are_cut)
{
	check_reading(readings[_i].in, readings[_i].n, readings[_i].want);
}
END_TEST

START_TEST(a_bare_lf_is_noted)
{
	struct reading reading;
	reading_init(&reading);
	feed(&reading, "220-a\r\n220 b\r\n", 14);
	ck_assert(!reading.parser.bare_lf);
	feed(&reading, "250-a\r\n250 b\n250 c\r\n", 20);
	ck_assert(reading.parser.bare_lf);
	reading_finish(&reading);
}
END_TEST

/* -- caps -------------------------------------------------------------------- */

/* n octets of text in one line. */
static void feed_long_line(struct reading *reading, size_t n, size_t each)
{
	char *line = malloc(n + 6);
	ck_assert_ptr_nonnull(line);
	memcpy(line, "250 ", 4);
	memset(line + 4, 'x', n);
	memcpy(line + 4 + n, "\r\n", 2);
	for (size_t at = 0; at < n + 6; at += each) {
		feed(reading, line + at, n + 6 - at < each ? n + 6 - at : each);
	}
	free(line);
}

START_TEST(long_lines_have_a_cap)
{
	static const size_t pieces[] = {1, 7, 4096, 1 << 20};
	const size_t most = ENVOI_LIMIT_REPLY_LINE - 6;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct reading reading;
		reading_init(&reading);
		feed_long_line(&reading, most, pieces[i]);
		ck_assert(!reading.bad);
		ck_assert_uint_eq(reading.log.len, most + strlen("250 \"\"; "));
		feed_long_line(&reading, most + 1, pieces[i]);
		ck_assert(reading.bad);
		ck_assert_uint_le(
			reading.parser.line.capacity, 2 * ENVOI_LIMIT_REPLY_LINE);
		ck_assert_ptr_nonnull(strstr(envoi_buffer_string(&reading.log),
			"! reply line of more than 16384 octets"));
		reading_finish(&reading);
	}
}
END_TEST

START_TEST(an_endless_line_is_given_up)
{
	struct reading reading;
	reading_init(&reading);
	size_t fed = 0;
	for (; !reading.bad && fed < 1 << 20; fed += 10) {
		feed(&reading, "xxxxxxxxxx", 10);
	}
	ck_assert(reading.bad);
	ck_assert_uint_le(fed, ENVOI_LIMIT_REPLY_LINE + 10);
	reading_finish(&reading);
}
END_TEST

START_TEST(many_lines_have_a_cap)
{
	struct reading reading;
	reading_init(&reading);
	for (int i = 0; i < 300; i++) {
		feed(&reading, "250-AN-EXTENSION\r\n", 18);
	}
	feed(&reading, "250 LAST\r\n", 10);
	ck_assert(!reading.bad);
	size_t lines = 0;
	for (; !reading.bad && lines < 10 * ENVOI_LIMIT_REPLY_LINES; lines++) {
		feed(&reading, "250-\r\n", 6);
	}
	ck_assert(reading.bad);
	ck_assert_uint_eq(lines, ENVOI_LIMIT_REPLY_LINES + 1);
	reading_finish(&reading);

	/* And so has all of it. */
	char line[1006];
	memset(line, 'y', sizeof(line));
	memcpy(line, "250-", 4);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	reading_init(&reading);
	for (lines = 0; !reading.bad && lines < ENVOI_LIMIT_REPLY_LINES; lines++) {
		feed(&reading, line, sizeof(line));
	}
	ck_assert(reading.bad);
	ck_assert_uint_le(lines, ENVOI_LIMIT_REPLY / 1000 + 1);
	reading_finish(&reading);
}
END_TEST

/* -- enhanced codes --------------------------------------------------------------- */

/* Situations 214, 215; RFC 3463. */
static const struct {
	int code;
	const char *text;
	/** "" for none, and the text that is left. */
	const char *enhanced, *left;
} statuses[] = {
	{250, "2.1.0 Ok", "2.1.0", "Ok"},
	{250, "2.1.0", "2.1.0", ""},
	{250, "2.1.0 ", "2.1.0", ""},
	{250, "2.1.0  two", "2.1.0", " two"},
	{550, "5.1.1 No such user", "5.1.1", "No such user"},
	{550, "5.123.456 x", "5.123.456", "x"},
	{452, "4.0.0 x", "4.0.0", "x"},
	{550, "5.999.999", "5.999.999", ""},
	{550, "5.001.01 x", "5.1.1", "x"},
	/* Another class than the code's. */
	{250, "5.1.0 Ok", "", "5.1.0 Ok"},
	{550, "2.1.0 x", "", "2.1.0 x"},
	{451, "5.1.0 x", "", "5.1.0 x"},
	/* Not of the shape. */
	{550, "5.7", "", "5.7"},
	{550, "5.7.", "", "5.7."},
	{550, "5.7. x", "", "5.7. x"},
	{550, "5..1 x", "", "5..1 x"},
	{550, "5.1.1000 x", "", "5.1.1000 x"},
	{550, "5.1000.1 x", "", "5.1000.1 x"},
	{550, "5.1.1x", "", "5.1.1x"},
	{550, "5.1.1\tx", "", "5.1.1\tx"},
	{550, "5.1.1.1 x", "", "5.1.1.1 x"},
	{550, "5.1.-1 x", "", "5.1.-1 x"},
	{550, "55.1.1 x", "", "55.1.1 x"},
	{550, " 5.1.1 x", "", " 5.1.1 x"},
	{550, "5,1,1 x", "", "5,1,1 x"},
	{550, "5", "", "5"},
	{550, "", "", ""},
	/* Each line carries it. */
	{550, "5.1.1 a\n5.1.1 b", "5.1.1", "a\nb"},
	{550, "5.1.1 a\nb", "5.1.1", "a\nb"},
	{550, "a\n5.1.1 b", "5.1.1", "a\nb"},
	{550, "5.1.1 a\n5.1.2 b", "5.1.1", "a\nb"},
	{550, "5.1.1\n5.1.1\n5.1.1", "5.1.1", "\n\n"},
	{550, "5.1.1\n\n5.1.1", "5.1.1", "\n\n"},
	{550, "5.1.1 a\n2.1.1 b", "5.1.1", "a\n2.1.1 b"},
	{550, "\n5.7.1 x\n", "5.7.1", "\nx\n"},
};

START_TEST(enhanced_codes_are_taken_off_each_line)
{
	size_t n = strlen(statuses[_i].text);
	char *exact = malloc(n + 1);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, statuses[_i].text, n + 1);
	struct envoi_reply reply = {
		.code = statuses[_i].code, .text = exact, .length = n};
	envoi_reply_split_enhanced(&reply);
	char text[32] = "";
	if (reply.enhanced[0] != 0) {
		(void)snprintf(text, sizeof(text), "%u.%u.%u", reply.enhanced[0],
			reply.enhanced[1], reply.enhanced[2]);
	}
	ck_assert_str_eq(text, statuses[_i].enhanced);
	ck_assert_str_eq(reply.text, statuses[_i].left);
	ck_assert_uint_eq(reply.length, strlen(statuses[_i].left));
	envoi_reply_finish(&reply);
}
END_TEST

START_TEST(stale_octets_are_no_enhanced_code)
{
	/* What follows the reply in memory is not looked at. */
	char text[] = "5.1.1 x";
	for (size_t n = 0; n < 5; n++) {
		struct envoi_reply reply = {.code = 550, .text = text, .length = n};
		char kept = text[n];
		envoi_reply_split_enhanced(&reply);
		ck_assert_int_eq(reply.enhanced[0], 0);
		ck_assert_uint_eq(reply.length, n);
		text[n] = kept;
	}
	struct envoi_reply none = {0};
	envoi_reply_split_enhanced(&none);
	ck_assert_ptr_null(none.text);
}
END_TEST

START_TEST(copies_are_their_own)
{
	char text[] = "a\0b";
	struct envoi_reply from = {
		.code = 250, .enhanced = {2, 1, 5}, .text = text, .length = 3};
	struct envoi_reply to = {0};
	ck_assert_int_eq(envoi_reply_copy(&to, &from), 0);
	text[0] = 'x';
	ck_assert_uint_eq(to.length, 3);
	ck_assert_int_eq(memcmp(to.text, "a\0b", 4), 0);
	ck_assert_int_eq(to.enhanced[2], 5);
	/* Over an older one, and of none. */
	ck_assert_int_eq(envoi_reply_copy(&to, &(struct envoi_reply){0}), 0);
	ck_assert_int_eq(to.code, 0);
	ck_assert_ptr_null(to.text);
	envoi_reply_finish(&to);
	envoi_reply_finish(&to);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reply");
	TCase *tcase = tcase_create("reply");
	tcase_add_loop_test(tcase, readings_are_the_same_however_they_are_cut, 0,
		sizeof(readings) / sizeof(readings[0]));
	tcase_add_test(tcase, a_bare_lf_is_noted);
	tcase_add_test(tcase, long_lines_have_a_cap);
	tcase_add_test(tcase, an_endless_line_is_given_up);
	tcase_add_test(tcase, many_lines_have_a_cap);
	tcase_add_loop_test(tcase, enhanced_codes_are_taken_off_each_line, 0,
		sizeof(statuses) / sizeof(statuses[0]));
	tcase_add_test(tcase, stale_octets_are_no_enhanced_code);
	tcase_add_test(tcase, copies_are_their_own);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
