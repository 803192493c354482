/*
 * The mechanisms as they should go: the examples of the RFCs (2195, 4616,
 * 4954, 5802, 7628, 7677), of XOAUTH2's description, and some more that were
 * computed with another implementation. What identity can be sent how.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sasl_play.h"

#define XYZ "r=nonceXYZ,s=c2FsdA==,i=4096"

/* SCRAM: initial response, first challenge, answer, last challenge. */
static const struct {
	enum envoi_sasl_mechanism mechanism;
	const char *user;
	const char *authzid;
	const char *password;
	const char *nonce;
	const char *binding;
	bool server_offers_plus;
	const char *first;
	const char *challenge;
	const char *proof;
	const char *signature;
} scrams[] = {
	/* RFC 5802 5 */
	{ENVOI_SASL_SCRAM_SHA_1, "user", NULL, "pencil", "fyko+d2lbbFgONRv9qkxdawL", NULL,
		false, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
		"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
		"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
		"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
	/* RFC 7677 3 */
	{ENVOI_SASL_SCRAM_SHA_256, "user", "", "pencil", "rOprNGfwEbeRWgbNEkqO", NULL,
		true, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
		"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
	/* Bound to the channel. */
	{ENVOI_SASL_SCRAM_SHA_256_PLUS, "user", NULL, "pencil", "nonce", "tls-exporter",
		true, "p=tls-exporter,,n=user,r=nonce", XYZ,
		"c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,"
		"r=nonceXYZ,p=xSzm20mBPxDW9OdxSi8U3ILE8cURuIheRAsi7WKddfE=",
		"v=vMxCfr6giRuX21N5QPkQzs3znM/ZbO4G2Lpzr6goJmU="},
	{ENVOI_SASL_SCRAM_SHA_1_PLUS, "user", "bob,alice", "pencil", "nonce",
		"tls-server-end-point", true,
		"p=tls-server-end-point,a=bob=2Calice,n=user,r=nonce", XYZ,
		"c="
		"cD10bHMtc2VydmVyLWVuZC1wb2ludCxhPWJvYj0yQ2FsaWNlLAABAgMEBQYHCAkKCwwNDg8"
		"QERITFBUWFxgZGhscHR4f,r=nonceXYZ,p=4yrpsII+00NZJHc2On/yglacPWw=",
		"v=94h0c7vfmlH00Qr44CJAYziPvHU="},
	/* Could be bound, but the server cannot. */
	{ENVOI_SASL_SCRAM_SHA_256, "user", NULL, "pencil", "nonce", "tls-exporter", false,
		"y,,n=user,r=nonce", XYZ,
		"c=eSws,r=nonceXYZ,p=CfAayyFCKruXCCS+h/QqRgL8PM2ZWUbeXSzQuK8gHBw=",
		"v=WTqPN6AUaeAVf4fUznWBuH6FmDaDzMQPkxx1SPPGDKA="},
	/* Name and password in another form: soft hyphen, Roman numeral, an
	 * Ogham blank, a and combining dieresis. An extension to pass over. */
	{ENVOI_SASL_SCRAM_SHA_256, "a,b=c", NULL,
		"\xc2\xad\xe2\x85\xa8\xe1\x9a\x80"
		"a\xcc\x88",
		"nonce", NULL, false, "n,,n=a=2Cb=3Dc,r=nonce", XYZ,
		"c=biws,r=nonceXYZ,p=Fwivu6NUXY5+vJvpBzdR0eJP1gkrXFmjse0In4egrnY=",
		"v=eEBtIbnEJAUoFtIxUK6mirxBIbUcZo/eEAsq9iu+0T4=,x=passed over"},
	/* A password that SASLprep prohibits. */
	{ENVOI_SASL_SCRAM_SHA_256, "user", NULL, "\abell", "nonce", NULL, false,
		"n,,n=user,r=nonce", "r=nonceXYZ,s=c2FsdA==,i=5000",
		"c=biws,r=nonceXYZ,p=znb+sl9xAojdpgF0wny+TXAnAnuER05ncbHoqLNHxLA=",
		"v=1M1DPndppqOsovx/sA0vBijPFpcq7Pcneql8ZkfEhzE="},
};

#define SCRAMS (int)(sizeof(scrams) / sizeof(scrams[0]))

static struct envoi_sasl *begin_scram(
	int i, struct envoi_secret *password, struct envoi_sasl_binding *binding)
{
	*password = secret_of(scrams[i].password);
	*binding = (struct envoi_sasl_binding){.length = 32};
	for (size_t j = 0; j < 32; j++) {
		binding->data[j] = (unsigned char)j;
	}
	if (scrams[i].binding != NULL) {
		memcpy(binding->type, scrams[i].binding, strlen(scrams[i].binding));
	}
	const struct envoi_sasl_identity identity = {
		.user = scrams[i].user,
		.authzid = scrams[i].authzid,
		.secret = password,
		.binding = binding,
		.server_offers_plus = scrams[i].server_offers_plus,
		.nonce = scrams[i].nonce,
	};
	return begin(scrams[i].mechanism, &identity);
}

/* The signature in a 334 or in the text of the 235; the first message with
 * the command or behind an empty 334. */
START_TEST(scram_goes_as_in_the_examples)
{
	for (int way = 0; way < 4; way++) {
		struct envoi_secret password;
		struct envoi_sasl_binding binding;
		struct envoi_sasl *sasl = begin_scram(_i, &password, &binding);
		ck_assert(envoi_sasl_has_initial(sasl));
		if ((way & 1) != 0) {
			expect_initial(sasl, scrams[_i].first);
		} else {
			expect_answer(sasl, "", scrams[_i].first);
		}
		expect_answer(sasl, scrams[_i].challenge, scrams[_i].proof);
		if ((way & 2) != 0) {
			expect_answer(sasl, scrams[_i].signature, "");
			expect_accepted(sasl, "2.7.0 Ok");
		} else {
			struct envoi_secret text = {0};
			char reply[200];
			ck_assert_int_eq(envoi_base64_encode(&text,
						 envoi_span_of(scrams[_i].signature)),
				0);
			(void)snprintf(reply, sizeof(reply), "%s Welcome", text.data);
			expect_accepted(sasl, reply);
			envoi_secret_finish(&text);
		}
		ck_assert(!envoi_sasl_is_unproven(sasl));
		ck_assert_str_eq(envoi_sasl_failure_text(sasl), "");
		envoi_sasl_free(sasl);
		envoi_secret_finish(&password);
	}
}
END_TEST

START_TEST(scram_says_yes_only_with_proof)
{
	struct envoi_secret password;
	struct envoi_sasl_binding binding;
	struct envoi_sasl *sasl = begin_scram(_i, &password, &binding);
	expect_initial(sasl, scrams[_i].first);
	expect_not_accepted(sasl, "2.7.0 Ok", ENVOI_STATUS_PROTOCOL);
	expect_answer(sasl, scrams[_i].challenge, scrams[_i].proof);
	expect_not_accepted(sasl, "2.7.0 Ok", ENVOI_STATUS_AUTH);
	ck_assert(envoi_sasl_is_unproven(sasl));
	expect_not_accepted(sasl, "", ENVOI_STATUS_AUTH);
	expect_not_accepted(sasl, "dj0= e=", ENVOI_STATUS_AUTH);
	/* Of somebody else. */
	expect_not_accepted(
		sasl, "dj1ybUY5cHFWOFM3c3VBb1pXamE0ZEpSa0ZzS0U9 Ok", ENVOI_STATUS_AUTH);
	envoi_sasl_free(sasl);
	envoi_secret_finish(&password);
}
END_TEST

START_TEST(scram_has_another_nonce_each_time)
{
	char seen[8][100];
	struct envoi_secret password = secret_of("pencil");
	const struct envoi_sasl_identity identity = {.user = "user", .secret = &password};
	for (size_t i = 0; i < 8; i++) {
		struct envoi_secret line = {0};
		struct envoi_secret first = {0};
		struct envoi_sasl *sasl = begin(ENVOI_SASL_SCRAM_SHA_256, &identity);
		ck_assert_int_eq(envoi_sasl_initial(sasl, &line, NULL), 0);
		ck_assert_int_eq(envoi_base64_decode(&first,
					 (struct envoi_span){line.data, line.length}),
			0);
		ck_assert_int_eq(strncmp(first.data, "n,,n=user,r=", 12), 0);
		ck_assert_uint_eq(first.length, 12 + 24);
		ck_assert_ptr_null(strchr(first.data + 12, ','));
		memcpy(seen[i], first.data, first.length + 1);
		for (size_t j = 0; j < i; j++) {
			ck_assert_str_ne(seen[i], seen[j]);
		}
		envoi_secret_finish(&line);
		envoi_secret_finish(&first);
		envoi_sasl_free(sasl);
	}
	envoi_secret_finish(&password);
}
END_TEST

/* The others: lines in base64 as the RFCs print them. */
static const struct {
	enum envoi_sasl_mechanism mechanism;
	struct {
		const char *user;
		const char *authzid;
		const char *secret;
		const char *host;
		unsigned port;
	} who;
	bool client_first;
	/** NULL: there is none in a row. Each text is followed by its line. */
	const char *exchange[7];
} others[] = {
	/* RFC 4954 4.1 */
	{ENVOI_SASL_PLAIN, {.user = "test", .authzid = "test", .secret = "1234"}, true,
		{"", "dGVzdAB0ZXN0ADEyMzQ="}},
	/* RFC 4616 4 */
	{ENVOI_SASL_PLAIN, {.user = "tim", .secret = "tanstaaftanstaaf"}, true,
		{"", "AHRpbQB0YW5zdGFhZnRhbnN0YWFm"}},
	{ENVOI_SASL_PLAIN, {.user = "Kurt", .authzid = "Ursel", .secret = "xipj3plmq"},
		true, {"", "VXJzZWwAS3VydAB4aXBqM3BsbXE="}},
	/* Whatever stands behind the first 334, base64 or not. */
	{ENVOI_SASL_PLAIN, {.user = "tim", .secret = "tanstaaftanstaaf"}, true,
		{"ok. go on", "AHRpbQB0YW5zdGFhZnRhbnN0YWFm"}},
	/* 8-bit, colon, control characters: as they are. */
	{ENVOI_SASL_PLAIN, {.user = "t", .secret = "\x01:\xff"}, true, {"", "AHQAATr/"}},
	{ENVOI_SASL_LOGIN, {.user = "test", .secret = "1234"}, false,
		{"VXNlcm5hbWU6", "dGVzdA==", "UGFzc3dvcmQ6", "MTIzNA=="}},
	{ENVOI_SASL_LOGIN, {.user = "test", .secret = "1234"}, false,
		{"VXNlciBOYW1lAA==", "dGVzdA==", "UGFzc3dvcmQA", "MTIzNA=="}},
	{ENVOI_SASL_LOGIN, {.user = "test", .secret = "1234"}, false,
		{"", "dGVzdA==", "", "MTIzNA=="}},
	/* The order decides, and the prompts may be in clear. */
	{ENVOI_SASL_LOGIN, {.user = "test", .secret = "1234"}, false,
		{"UGFzc3dvcmQ6", "dGVzdA==", "VXNlcm5hbWU6", "MTIzNA=="}},
	{ENVOI_SASL_LOGIN, {.user = "test", .secret = "1234"}, false,
		{"Username:", "dGVzdA==", "\xff\xff\xff", "MTIzNA=="}},
	/* RFC 2195 2 */
	{ENVOI_SASL_CRAM_MD5, {.user = "tim", .secret = "tanstaaftanstaaf"}, false,
		{"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
			"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"}},
	{ENVOI_SASL_EXTERNAL, {.user = NULL}, true, {"", ""}},
	{ENVOI_SASL_EXTERNAL, {.authzid = "fred@example.com"}, true,
		{"", "ZnJlZEBleGFtcGxlLmNvbQ=="}},
	/* Google's description of XOAUTH2, success and failure. */
	{ENVOI_SASL_XOAUTH2,
		{.user = "someuser@example.com",
			.secret = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"},
		true,
		{"",
			"dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRm"
			"dDRxbV"
			"RjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==",
			"eyJzdGF0dXMiOiI0MDEifQo=", ""}},
	/* RFC 7628 4.1 and 4.3, as SMTP. */
	{ENVOI_SASL_OAUTHBEARER,
		{.user = "user@example.com",
			.secret = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==",
			.host = "server.example.com",
			.port = 587},
		true,
		{"",
			"bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBv"
			"cnQ9NT"
			"g3AWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRX"
			"VZMjl0"
			"Q2c9PQEB",
			"eyJzdGF0dXMiOiI0MDEifQ==", "AQ=="}},
	/* n,,^Aauth=Bearer t^A^A */
	{ENVOI_SASL_OAUTHBEARER, {.secret = "t"}, true,
		{"", "biwsAWF1dGg9QmVhcmVyIHQBAQ=="}},
	/* n,a==2C=3D,^Aauth=Bearer t^A^A */
	{ENVOI_SASL_OAUTHBEARER, {.user = "x", .authzid = ",=", .secret = "t"}, true,
		{"", "bixhPT0yQz0zRCwBYXV0aD1CZWFyZXIgdAEB"}},
};

#define OTHERS (int)(sizeof(others) / sizeof(others[0]))

static struct envoi_sasl *begin_other(int i, struct envoi_secret *secret)
{
	*secret = secret_of(others[i].who.secret != NULL ? others[i].who.secret : "");
	const struct envoi_sasl_identity identity = {
		.user = others[i].who.user,
		.authzid = others[i].who.authzid,
		.secret = others[i].who.secret != NULL ? secret : NULL,
		.host = others[i].who.host,
		.port = others[i].who.port,
	};
	return begin(others[i].mechanism, &identity);
}

START_TEST(the_others_go_as_in_the_examples)
{
	struct envoi_secret secret;
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_sasl *sasl = begin_other(_i, &secret);
	ck_assert(envoi_sasl_has_initial(sasl) == others[_i].client_first);
	expect_not_accepted(sasl, "2.7.0 Ok", ENVOI_STATUS_PROTOCOL);
	for (size_t i = 0; others[_i].exchange[i] != NULL; i += 2) {
		struct envoi_secret line = {0};
		ck_assert_int_eq(answer_text(sasl, envoi_span_of(others[_i].exchange[i]),
					 &line, &err),
			0);
		ck_assert_str_eq(line.data, others[_i].exchange[i + 1]);
		ck_assert_uint_eq(line.length, strlen(line.data));
		envoi_secret_finish(&line);
	}
	expect_accepted(sasl, "");
	envoi_sasl_free(sasl);
	envoi_secret_finish(&secret);
}
END_TEST

START_TEST(the_first_line_goes_with_the_command)
{
	struct envoi_secret secret;
	struct envoi_secret line = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_sasl *sasl = begin_other(_i, &secret);
	if (others[_i].mechanism == ENVOI_SASL_CRAM_MD5) {
		ck_assert_int_eq(envoi_sasl_initial(sasl, &line, &err), -1);
		ck_assert_int_eq(err.status, ENVOI_STATUS_BUG);
	} else {
		const char *expected = others[_i].exchange[1];
		ck_assert_int_eq(envoi_sasl_initial(sasl, &line, &err), 0);
		ck_assert_str_eq(line.data, expected[0] == '\0' ? "=" : expected);
		ck_assert_int_eq(envoi_sasl_initial(sasl, &line, &err), -1);
	}
	envoi_secret_finish(&line);
	envoi_sasl_free(sasl);
	envoi_secret_finish(&secret);
}
END_TEST

/* Every mechanism ends: the server asks once more, and once more. */
START_TEST(no_server_can_ask_for_ever)
{
	struct envoi_secret secret;
	struct envoi_sasl *sasl = begin_other(_i, &secret);
	for (int round = 0; round < 4; round++) {
		struct envoi_secret line = {0};
		struct envoi_error err = ENVOI_ERROR_NONE;
		if (answer_text(sasl, envoi_span_of("YQ=="), &line, &err) != 0) {
			ck_assert_int_eq(err.status, ENVOI_STATUS_PROTOCOL);
			ck_assert_ptr_nonnull(strstr(err.text, "asks for more"));
			break;
		}
		ck_assert_int_lt(round, 2);
		envoi_secret_finish(&line);
	}
	expect_not_accepted(sasl, "", ENVOI_STATUS_PROTOCOL);
	ck_assert(!envoi_sasl_is_unproven(sasl));
	envoi_sasl_free(sasl);
	envoi_secret_finish(&secret);
}
END_TEST

/* What the server says about a token is kept for people. */
static const struct {
	const char *text;
	const char *kept;
} failures[] = {
	{"eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NoZW1lcyI6ImJlYXJlciBtYWMiLCJzY29wZSI6Imh"
	 "0"
	 "dHBzOi8vbWFpbC5leGFtcGxlLmNvbS8ifQ==",
		"{\"status\":\"invalid_token\",\"schemes\":\"bearer mac\","
		"\"scope\":\"https://mail.example.com/\"}"},
	{"eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWl"
	 "s"
	 "Lmdvb2dsZS5jb20vIn0K",
		"{\"status\":\"401\",\"schemes\":\"bearer mac\","
		"\"scope\":\"https://mail.google.com/\"}"},
	{"", ""},
	{"not base64", "not base64"},
	{"G1szMW1yZWQA", "\\x1B[31mred\\x00"},
	{"w6QNCiAN", "\\xC3\\xA4"},
};

START_TEST(the_json_of_a_refused_token_is_kept)
{
	const enum envoi_sasl_mechanism which[] = {
		ENVOI_SASL_XOAUTH2, ENVOI_SASL_OAUTHBEARER};
	for (size_t i = 0; i < 2; i++) {
		struct envoi_secret token = secret_of("t");
		struct envoi_secret line = {0};
		struct envoi_error err = ENVOI_ERROR_NONE;
		const struct envoi_sasl_identity identity = {
			.user = "u", .secret = &token};
		struct envoi_sasl *sasl = begin(which[i], &identity);
		ck_assert_int_eq(envoi_sasl_initial(sasl, &line, &err), 0);
		ck_assert_int_eq(
			answer_text(sasl, envoi_span_of(failures[_i].text), &line, &err),
			0);
		ck_assert_str_eq(line.data, i == 0 ? "" : "AQ==");
		ck_assert_str_eq(envoi_sasl_failure_text(sasl), failures[_i].kept);
		envoi_secret_finish(&line);
		envoi_sasl_free(sasl);
		envoi_secret_finish(&token);
	}
}
END_TEST

START_TEST(a_long_failure_is_cut)
{
	struct envoi_secret token = secret_of("t");
	struct envoi_secret line = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	char junk[3000];
	memset(junk, 0xff, sizeof(junk));
	const struct envoi_sasl_identity identity = {.user = "u", .secret = &token};
	struct envoi_sasl *sasl = begin(ENVOI_SASL_XOAUTH2, &identity);
	ck_assert_int_eq(envoi_sasl_initial(sasl, &line, &err), 0);
	ck_assert_int_eq(
		answer_octets(sasl, (struct envoi_span){junk, sizeof(junk)}, &line, &err),
		0);
	ck_assert_uint_eq(strlen(envoi_sasl_failure_text(sasl)), ENVOI_LIMIT_REPLY_TEXT);
	envoi_secret_finish(&line);
	envoi_sasl_free(sasl);
	envoi_secret_finish(&token);
}
END_TEST

/* What cannot be sent is known before anything is. */
static const struct {
	unsigned mechanisms;
	struct envoi_sasl_identity identity;
	const char *secret;
	size_t length;
	const char *words;
} unfit[] = {
	{0x3ff & ~(ENVOI_SASL_OAUTHBEARER | ENVOI_SASL_EXTERNAL), {.user = NULL}, "s", 1,
		"needs a user name"},
	{0x3ff & ~(ENVOI_SASL_OAUTHBEARER | ENVOI_SASL_EXTERNAL), {.user = ""}, "s", 1,
		"needs a user name"},
	{0x3ff & ~ENVOI_SASL_EXTERNAL, {.user = "u"}, NULL, 0, "needs a "},
	{0x3ff & ~ENVOI_SASL_EXTERNAL, {.user = "u"}, "", 0, " is empty"},
	{0x3ff & ~ENVOI_SASL_EXTERNAL, {.user = "u"}, "a\0b", 3, "has a NUL"},
	{ENVOI_SASL_LOGIN | ENVOI_SASL_CRAM_MD5 | ENVOI_SASL_XOAUTH2,
		{.user = "u", .authzid = "v"}, "s", 1, "cannot say whom to act as"},
	{0x3ff, {.user = "u", .authzid = "\xff"}, "s", 1,
		"the name to act as is not UTF-8"},
	{0x3ff, {.user = "u", .authzid = "a\nb"}, "s", 1,
		"the name to act as has a char"},
	{0x0f, {.user = "\xff"}, "s", 1, "the user name is not UTF-8"},
	{0x0f, {.user = "u\x7f"}, "s", 1, "the user name has a character"},
	{0x0f, {.user = "\xc2\xad"}, "s", 1, "the user name is empty"},
	{ENVOI_SASL_ALL_OAUTH, {.user = "u"}, "a b", 3, "(octet 2)"},
	{ENVOI_SASL_ALL_OAUTH, {.user = "u"}, "a\x01", 2, "(octet 2)"},
	{ENVOI_SASL_ALL_OAUTH, {.user = "u"}, "\xc3\xa4", 2, "(octet 1)"},
	{ENVOI_SASL_ALL_OAUTH, {.user = "u"}, "token\n", 6, "(octet 6)"},
	{ENVOI_SASL_ALL_OAUTH, {.user = "u\x01"}, "t", 1, "user name has a control"},
	{ENVOI_SASL_OAUTHBEARER, {.user = "u", .host = "a\x01"}, "t", 1,
		"host has a control"},
};

START_TEST(an_identity_that_does_not_fit_is_refused)
{
	struct envoi_secret secret = {0};
	struct envoi_sasl_binding binding = {"tls-exporter", "x", 1};
	struct envoi_sasl_identity identity = unfit[_i].identity;
	if (unfit[_i].secret != NULL) {
		ck_assert_int_eq(
			envoi_secret_set(&secret, unfit[_i].secret, unfit[_i].length), 0);
	}
	identity.secret = &secret;
	identity.binding = &binding;
	for (unsigned bit = 1; bit < 1U << ENVOI_SASL_COUNT; bit <<= 1) {
		struct envoi_error err = ENVOI_ERROR_NONE;
		if ((unfit[_i].mechanisms & bit) == 0) {
			continue;
		}
		ck_assert_ptr_null(
			envoi_sasl_new((enum envoi_sasl_mechanism)bit, &identity, &err));
		ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
		ck_assert_msg(strstr(err.text, unfit[_i].words) != NULL, "%s: \"%s\"",
			envoi_sasl_name((enum envoi_sasl_mechanism)bit), err.text);
	}
	envoi_secret_finish(&secret);
}
END_TEST

START_TEST(what_is_no_mechanism_is_a_bug)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_secret secret = secret_of("s");
	const struct envoi_sasl_identity identity = {.user = "u", .secret = &secret};
	ck_assert_ptr_null(envoi_sasl_new(ENVOI_SASL_SCRAM_SHA_1_PLUS, &identity, &err));
	ck_assert_int_eq(err.status, ENVOI_STATUS_BUG);
	err = ENVOI_ERROR_NONE;
	ck_assert_ptr_null(
		envoi_sasl_new((enum envoi_sasl_mechanism)0x1000, &identity, &err));
	ck_assert_int_eq(err.status, ENVOI_STATUS_BUG);
	envoi_sasl_free(NULL);
	envoi_secret_finish(&secret);
}
END_TEST

/* A token of 4 kB goes; what is over the line of RFC 4954 does not. */
START_TEST(long_secrets_go_or_say_why)
{
	static const size_t lengths[] = {4096, 9000, 9212, 9213, 12288, 12289, 100000};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct envoi_secret token = {0};
		struct envoi_secret line = {0};
		struct envoi_error err = ENVOI_ERROR_NONE;
		char *text = malloc(lengths[i]);
		ck_assert_ptr_nonnull(text);
		memset(text, 'x', lengths[i]);
		ck_assert_int_eq(envoi_secret_set(&token, text, lengths[i]), 0);
		free(text);
		const struct envoi_sasl_identity identity = {
			.user = "u", .secret = &token};
		struct envoi_sasl *sasl =
			envoi_sasl_new(ENVOI_SASL_PLAIN, &identity, &err);
		int result = sasl != NULL ? envoi_sasl_initial(sasl, &line, &err) : -1;
		if (lengths[i] <= 9211) {
			ck_assert_int_eq(result, 0);
			ck_assert_uint_eq(line.length, (lengths[i] + 3 + 2) / 3 * 4);
		} else {
			ck_assert_int_eq(result, -1);
			ck_assert_ptr_null(line.data);
			ck_assert_int_eq(err.status, ENVOI_STATUS_CONFIG);
			ck_assert_ptr_nonnull(strstr(err.text, "line of AUTH"));
		}
		envoi_secret_finish(&line);
		envoi_sasl_free(sasl);
		envoi_secret_finish(&token);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sasl");
	TCase *tests = tcase_create("sasl");
	tcase_add_loop_test(tests, scram_goes_as_in_the_examples, 0, SCRAMS);
	tcase_add_loop_test(tests, scram_says_yes_only_with_proof, 0, SCRAMS);
	tcase_add_test(tests, scram_has_another_nonce_each_time);
	tcase_add_loop_test(tests, the_others_go_as_in_the_examples, 0, OTHERS);
	tcase_add_loop_test(tests, the_first_line_goes_with_the_command, 0, OTHERS);
	tcase_add_loop_test(tests, no_server_can_ask_for_ever, 0, OTHERS);
	tcase_add_loop_test(tests, the_json_of_a_refused_token_is_kept, 0,
		(int)(sizeof(failures) / sizeof(failures[0])));
	tcase_add_test(tests, a_long_failure_is_cut);
	tcase_add_loop_test(tests, an_identity_that_does_not_fit_is_refused, 0,
		(int)(sizeof(unfit) / sizeof(unfit[0])));
	tcase_add_test(tests, what_is_no_mechanism_is_a_bug);
	tcase_add_test(tests, long_secrets_go_or_say_why);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
