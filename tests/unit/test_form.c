/*
 * The form in which a message goes to a server: what comes of header, parts and
 * lines with each kind of server, row by row; and what is refused, in words. RFC
 * 2045, 2047, 2231, 5321 2.3.8, 6152, 6531.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forms.h"

/* Servers: what they take. */
enum server {
	/** Nothing but ASCII. */
	PLAIN,
	EIGHT,
	UTF8,
	BINARY,
	SERVERS,
};

static const struct envoi_carrier carriers[SERVERS] = {
	[PLAIN] = {.eight_bit = false},
	[EIGHT] = {.eight_bit = true},
	[UTF8] = {.eight_bit = true, .utf8 = true},
	[BINARY] = {.eight_bit = true, .binary = true},
};

#define TOP "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
#define WIRE_TOP                                                                         \
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"

struct row {
	const char *title;
	const char *in;
	/** Servers with the result below, each with 1 << server. */
	unsigned servers;
	/** On the wire; or, with refused, a part of the error. */
	const char *out;
	bool refused;
	/** "8", "U", "B": what is asked for. */
	const char *asks;
	const char *encoding;
};

#define AT(server) (1u << (server))
#define ALL 15u

static const struct row rows[] = {
	/* -- header: fields for people -- */
	{"an unstructured field", "Subject: Gr\u00fc\u00dfe\n\nx\n", ALL,
		"Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n\r\nx\r\n", false, "", "7bit"},
	{"a field nobody knows", "X-Note: Gr\u00fc\u00dfe\n\nx\n", ALL,
		"X-Note: =?UTF-8?B?R3LDvMOfZQ==?=\r\n\r\nx\r\n", false, "", "7bit"},
	{"a display name", "From: M\u00fcller <m@example.org>\n\nx\n", ALL,
		"From: =?UTF-8?Q?M=C3=BCller?= <m@example.org>\r\n\r\nx\r\n", false, "",
		"7bit"},
	{"the name of a group",
		"To: Gr\u00fc\u00dfe: a@example.org, b@example.org;\n\nx\n", ALL,
		"To: =?UTF-8?B?R3LDvMOfZQ==?= : a@example.org, b@example.org;\r\n\r\n"
		"x\r\n",
		false, "", "7bit"},
	{"a comment in Date",
		"Date: Thu, 1 Jan 2026 00:00:00 +0100 (Mitteleurop\u00e4isch)\n\n", ALL,
		"Date: Thu, 1 Jan 2026 00:00:00 +0100 (=?UTF-8?Q?Mitteleurop=C3=A4isch?=)"
		"\r\n\r\n",
		false, "", "7bit"},
	{"a comment in Received",
		"Received: from a (\u00fc) by b; Thu, 1 Jan 2026 00:00:00 +0000\n\n", ALL,
		"Received: from a (=?UTF-8?B?w7w=?=) by b; Thu, 1 Jan 2026 00:00:00 +0000"
		"\r\n\r\n",
		false, "", "7bit"},
	{"the name of a list", "List-Id: B\u00fccher <books.example.org>\n\n", ALL,
		"List-Id: =?UTF-8?Q?B=C3=BCcher?= <books.example.org>\r\n\r\n", false, "",
		"7bit"},
	{"keywords", "Keywords: B\u00fccher, mehr, \u00e4lter\n\n", ALL,
		"Keywords: =?UTF-8?Q?B=C3=BCcher?=, mehr, =?UTF-8?B?w6RsdGVy?=\r\n\r\n",
		false, "", "7bit"},
	/* -- header: domains -- */
	{"a domain", "From: a@b\u00fccher.example\n\nx\n", ALL,
		"From: a@xn--bcher-kva.example\r\n\r\nx\r\n", false, "", "7bit"},
	{"a domain and a name",
		"To: M\u00fcller <a@b\u00fccher.example>,\n \"x, y\" "
		"<c@example.org>\n\nx\n",
		ALL,
		"To: =?UTF-8?Q?M=C3=BCller?= <a@xn--bcher-kva.example>, \"x, y\" "
		"<c@example.org>\r\n\r\nx\r\n",
		false, "", "7bit"},
	{"a domain in a group", "Cc: g: a@b\u00fccher.example;\n\nx\n", ALL,
		"Cc: g: a@xn--bcher-kva.example;\r\n\r\nx\r\n", false, "", "7bit"},
	{"a quoted local part and a domain", "Sender: \"a b\"@b\u00fccher.example\n\n",
		ALL, "Sender: \"a b\"@xn--bcher-kva.example\r\n\r\n", false, "", "7bit"},
	{"a domain of Resent-To", "Resent-To: <a@b\u00fccher.example>\n\n", ALL,
		"Resent-To: <a@xn--bcher-kva.example>\r\n\r\n", false, "", "7bit"},
	{"a domain that is none", "To: a@b\u00fc cher.example, c@d.example\n\n",
		AT(PLAIN), "field To", true, "", ""},
	/* -- header: what ASCII cannot say -- */
	{"a local part", "To: m\u00fcller@b\u00fccher.example\n\nx\n", AT(UTF8),
		"To: m\u00fcller@b\u00fccher.example\r\n\r\nx\r\n", false, "8U", "8bit"},
	{"a local part elsewhere", "To: m\u00fcller@b\u00fccher.example\n\nx\n",
		AT(PLAIN) | AT(EIGHT) | AT(BINARY),
		"the field To is not ASCII, and the server does not offer SMTPUTF8", true,
		"", ""},
	{"a Message-ID", "Message-ID: <\u00fc@example.org>\n\n", AT(PLAIN) | AT(EIGHT),
		"field Message-ID", true, "", ""},
	{"a boundary",
		"Content-Type: multipart/mixed; "
		"boundary=\"\u00fc\"\n\n--\u00fc\n\nx\n--\u00fc--\n",
		AT(PLAIN) | AT(EIGHT), "field Content-Type", true, "", ""},
	/* -- header: parameters -- */
	{"a file name", "Content-Type: text/plain; name=\"Gr\u00fc\u00dfe.txt\"\n\nx\n",
		ALL,
		"Content-Type: text/plain;\r\n "
		"name*=UTF-8''Gr%C3%BC%C3%9Fe.txt\r\n\r\nx\r\n",
		false, "", "7bit"},
	/* -- header: not UTF-8 -- */
	{"Latin-1", "Subject: Gr\xfc\xdf\n\nx\n", AT(PLAIN),
		"Subject: =?unknown-8bit?Q?Gr=FC=DF?=\r\n\r\nx\r\n", false, "", "7bit"},
	{"Latin-1 with 8BITMIME", "Subject: Gr\xfc\xdf\n\nx\n", AT(EIGHT) | AT(UTF8),
		"Subject: Gr\xfc\xdf\r\n\r\nx\r\n", false, "8", "8bit"},
	/* -- headers of parts -- */
	{"a part's file names",
		TOP "Content-Type: image/png; name=\"\u00e4.png\"\n"
		    "Content-Transfer-Encoding: base64\n"
		    "Content-Disposition: attachment;\n\tfilename=\"\u00e4.png\"\n\n"
		    "aGk=\n--b--\n",
		AT(PLAIN),
		WIRE_TOP
		"Content-Type: image/png;\r\n name*=UTF-8''%C3%A4.png\r\n"
		"Content-Transfer-Encoding: base64\r\n"
		"Content-Disposition: attachment;\r\n filename*=UTF-8''%C3%A4.png\r\n"
		"\r\naGk=\r\n--b--\r\n",
		false, "", "7bit"},
	{"the same with 8BITMIME",
		TOP
		"Content-Disposition: attachment; filename=\"\u00e4.png\"\n\nhi\n--b--\n",
		AT(EIGHT) | AT(UTF8) | AT(BINARY),
		WIRE_TOP
		"Content-Disposition: attachment; filename=\"\u00e4.png\"\r\n\r\nhi\r\n"
		"--b--\r\n",
		false, "8", "8bit"},
	{"a part's description, and its text",
		TOP "Content-Description: \u00fcber\nContent-Type: text/plain; "
		    "charset=utf-8\n"
		    "Content-Transfer-Encoding: 8bit\n\n\u00fc\n--b--\n",
		AT(PLAIN),
		WIRE_TOP "Content-Description: =?UTF-8?B?w7xiZXI=?=\r\n"
			 "Content-Type: text/plain; charset=utf-8\r\n"
			 "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC\r\n"
			 "--b--\r\n",
		false, "", "quoted-printable"},
	{"the same without an encoding",
		TOP "Content-Description: \u00fcber\n\n\u00fc\n--b--\n", AT(PLAIN),
		WIRE_TOP "Content-Description: =?UTF-8?B?w7xiZXI=?=\r\n"
			 "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC\r\n"
			 "--b--\r\n",
		false, "", "quoted-printable"},
	{"a header that no empty line ends",
		TOP "Content-Description: \u00fcber\n\u00fc\n--b--\n", AT(PLAIN),
		WIRE_TOP "Content-Description: =?UTF-8?B?w7xiZXI=?=\r\n"
			 "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC\r\n"
			 "--b--\r\n",
		false, "", "quoted-printable"},
	{"a part of header only", TOP "Content-Description: \u00fcber\n--b--\n",
		AT(PLAIN),
		WIRE_TOP "Content-Description: =?UTF-8?B?w7xiZXI=?=\r\n--b--\r\n", false,
		"", "7bit"},
	{"an inner multipart",
		TOP "Content-Type: multipart/mixed; boundary=c; "
		    "x=\"\u00fc\"\n\n--c\n\nhi\n--c--\n"
		    "--b--\n",
		AT(PLAIN),
		WIRE_TOP
		"Content-Type: multipart/mixed; boundary=c;\r\n x*=UTF-8''%C3%BC\r\n\r\n"
		"--c\r\n\r\nhi\r\n--c--\r\n--b--\r\n",
		false, "", "7bit"},
	{"a message as a part: its own header is not looked into",
		TOP "Content-Type: message/rfc822\nContent-Disposition: attachment; "
		    "filename=\u00fc.eml\n\nSubject: a\n\nx\n--b--\n",
		AT(PLAIN),
		WIRE_TOP
		"Content-Type: message/rfc822\r\nContent-Disposition: attachment;\r\n"
		" filename*=UTF-8''%C3%BC.eml\r\n\r\nSubject: a\r\n\r\nx\r\n--b--\r\n",
		false, "", "7bit"},
	{"a message in the message",
		TOP "Content-Type: message/rfc822\n\nSubject: \u00fc\n\nx\n--b--\n",
		AT(PLAIN), "line 7 has 8-bit octets in a message/rfc822 part", true, "",
		""},
	{"a signed part's file name",
		"Content-Type: multipart/signed; boundary=b\n\n--b\n"
		"Content-Disposition: attachment; filename=\u00fc\n\nx\n--b--\n",
		AT(PLAIN), "line 4 has 8-bit octets in a multipart/signed part", true, "",
		""},
	{"a Content-ID", TOP "Content-ID: <\u00fc@x>\n\nx\n--b--\n", AT(PLAIN),
		"line 5 has 8-bit octets in the header of a text/plain part", true, "",
		""},
	{"lines of the header that end in CR",
		TOP "Content-Description: \u00fc\rX-A: b\r\nX-C: d\n\nx\n--b--\n",
		AT(PLAIN),
		WIRE_TOP
		"Content-Description: =?UTF-8?B?w7w=?=\r\nX-A: b\r\nX-C: d\r\n\r\n"
		"x\r\n--b--\r\n",
		false, "", "7bit"},
	/* -- body: what the servers take -- */
	{"text", "Subject: a\n\n\u00fc\n", AT(EIGHT) | AT(UTF8) | AT(BINARY),
		"Subject: a\r\n\r\n\u00fc\r\n", false, "8", "8bit"},
	{"text where 8BITMIME is not offered", "Subject: a\n\n\u00fc\n", AT(PLAIN),
		"Subject: a\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
		"charset=utf-8\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC\r\n",
		false, "", "quoted-printable"},
	{"Latin-1 text where 8BITMIME is not offered", "Subject: a\n\n\xfc\n", AT(PLAIN),
		"Subject: a\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
		"charset=unknown-8bit\r\nContent-Transfer-Encoding: "
		"quoted-printable\r\n\r\n"
		"=FC\r\n",
		false, "", "quoted-printable"},
	/* -- body: lines -- */
	{"LF", "A: b\n\nc\nd\n", ALL, "A: b\r\n\r\nc\r\nd\r\n", false, "", "7bit"},
	{"CRLF", "A: b\r\n\r\nc\r\nd\r\n", ALL, "A: b\r\n\r\nc\r\nd\r\n", false, "",
		"7bit"},
	{"both", "A: b\r\n\nc\nd\r\n", ALL, "A: b\r\n\r\nc\r\nd\r\n", false, "", "7bit"},
	{"no line end at the end", "A: b\n\nc", ALL, "A: b\r\n\r\nc\r\n", false, "",
		"7bit"},
	{"bare CR in the body", "A: b\n\nc\rd\r\r\ne\r", ALL,
		"A: b\r\n\r\nc\r\nd\r\n\r\ne\r\n", false, "", "7bit"},
	{"bare CR in the header", "A: b\rX: c\n\nd\n", ALL, "A: b X: c\r\n\r\nd\r\n",
		false, "", "7bit"},
	{"a CR before the end of a field", "A: b\r\r\n\nd\n", ALL, "A: b\r\n\r\nd\r\n",
		false, "", "7bit"},
	{"nothing", "", ALL, "", false, "", "7bit"},
	{"a header only", "A: b", ALL, "A: b\r\n", false, "", "7bit"},
	{"dots are those of the message", "A: b\n\n.\n..\n.c\n.", ALL,
		"A: b\r\n\r\n.\r\n..\r\n.c\r\n.\r\n", false, "", "7bit"},
};

static void check_form(
	const struct row *row, struct envoi_message *message, enum server server)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct envoi_form *form = NULL;
	int result = envoi_message_choose(message, &carriers[server], &form, &err);
	if (row->refused) {
		ck_assert_msg(result == -1 && err.status == ENVOI_STATUS_DATA
				      && strstr(err.text, row->out) != NULL,
			"%s, server %d: %d '%s'", row->title, server, result, err.text);
		return;
	}
	ck_assert_msg(result == 0, "%s, server %d: %s", row->title, server, err.text);
	size_t n;
	char *out = read_form(form, false, &n);
	ck_assert_msg(strcmp(out, row->out) == 0, "%s, server %d: '%s'", row->title,
		server, out);
	ck_assert_uint_eq(n, form->size);
	ck_assert_msg(
		form->eight_bit == (strchr(row->asks, '8') != NULL), "%s", row->title);
	ck_assert_msg(form->utf8 == (strchr(row->asks, 'U') != NULL), "%s", row->title);
	ck_assert_msg(form->binary == (strchr(row->asks, 'B') != NULL), "%s", row->title);
	ck_assert_msg(strcmp(form->encoding, row->encoding) == 0, "%s: %s", row->title,
		form->encoding);
	free(out);
}

START_TEST(each_row_at_each_server)
{
	const struct row *row = &rows[_i];
	struct envoi_message *message = take_message(row->in, strlen(row->in));
	for (int server = 0; server < SERVERS; server++) {
		if ((row->servers & AT(server)) != 0) {
			check_form(row, message, (enum server)server);
		}
	}
	envoi_message_free(message);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("form");
	TCase *all = tcase_create("all");
	tcase_add_loop_test(
		all, each_row_at_each_server, 0, sizeof(rows) / sizeof(rows[0]));
	suite_add_tcase(suite, all);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
