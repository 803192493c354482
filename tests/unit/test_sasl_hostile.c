/*
 * Servers that are broken, or that are not who they should be (situations 94,
 * 95, 97-100, 102-105, 107).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sasl_play.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

#define PROOF                                                                            \
	"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"                           \
	"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
#define NONCE "fyko+d2lbbFgONRv9qkxdawL"
#define FIRST "r=" NONCE "3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
#define SIGNATURE "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="

/* The exchange of RFC 5802 5. */
static struct envoi_sasl *begin_scram(struct envoi_secret *password)
{
	*password = secret_of("pencil");
	const struct envoi_sasl_identity identity = {
		.user = "user",
		.secret = password,
		.nonce = NONCE,
	};
	return begin(ENVOI_SASL_SCRAM_SHA_1, &identity);
}

/* First challenges; words NULL: it is in order. */
static const struct {
	const char *challenge;
	const char *words;
} firsts[] = {
	{FIRST, NULL},
	{"r=" NONCE "x,s=QQ==,i=4096", NULL},
	{"r=" NONCE "x,s=QQ==,i=1000000", NULL},
	{FIRST ",x=1", NULL},
	{FIRST ",x=a=b,Y=2", NULL},
	/* The nonce. */
	{"r=" NONCE ",s=QQ==,i=4096", "does not extend ours"},
	{"r=fyko+d2lbbFgONRv9qkxdaw,s=QQ==,i=4096", "does not extend ours"},
	{"r=fyko+d2lbbFgONRv9qkxdawl3rf,s=QQ==,i=4096", "does not extend ours"},
	{"r=xfyko+d2lbbFgONRv9qkxdawLx,s=QQ==,i=4096", "does not extend ours"},
	{"r=x,s=QQ==,i=4096", "does not extend ours"},
	{"r=" NONCE " x,s=QQ==,i=4096", "does not extend ours"},
	{"r=" NONCE "\xc3\xa4,s=QQ==,i=4096", "does not extend ours"},
	{"r=" NONCE "\x7f,s=QQ==,i=4096", "does not extend ours"},
	{"r=,s=QQ==,i=4096", "no nonce"},
	{"s=QQ==,i=4096", "no nonce"},
	{"R=" NONCE "x,s=QQ==,i=4096", "no nonce"},
	{"x=1,r=" NONCE "x,s=QQ==,i=4096", "no nonce"},
	{"", "no nonce"},
	{"r", "no nonce"},
	{"r=", "no nonce"},
	{",", "no nonce"},
	{"hello", "no nonce"},
	/* The salt. */
	{"r=" NONCE "x", "no salt"},
	{"r=" NONCE "x,", "no nonce"},
	{"r=" NONCE "x,,s=QQ==,i=4096", "no salt"},
	{"r=" NONCE "x,s=,i=4096", "no salt"},
	{"r=" NONCE "x,i=4096,s=QQ==", "no salt"},
	{"r=" NONCE "x,s=Q,i=4096", "salt (s=) is not base64"},
	{"r=" NONCE "x,s=QQ=,i=4096", "salt (s=) is not base64"},
	{"r=" NONCE "x,s=Q Q=,i=4096", "salt (s=) is not base64"},
	{"r=" NONCE "x,s=QR==,i=4096", "salt (s=) is not base64"},
	{"r=" NONCE "x,s=====,i=4096", "salt (s=) is not base64"},
	/* The iterations. */
	{"r=" NONCE "x,s=QQ==", "no iteration count"},
	{"r=" NONCE "x,s=QQ==,i=", "no iteration count"},
	{"r=" NONCE "x,s=QQ==,I=4096", "no iteration count"},
	{"r=" NONCE "x,s=QQ==,i=0", "begins with 0"},
	{"r=" NONCE "x,s=QQ==,i=04096", "begins with 0"},
	{"r=" NONCE "x,s=QQ==,i=1", "fewer than 4096"},
	{"r=" NONCE "x,s=QQ==,i=4095", "fewer than 4096"},
	{"r=" NONCE "x,s=QQ==,i=1000001", "more than 1000000"},
	{"r=" NONCE "x,s=QQ==,i=2147483648", "more than 1000000"},
	{"r=" NONCE "x,s=QQ==,i=4294967295", "more than 1000000"},
	{"r=" NONCE "x,s=QQ==,i=4294971392", "more than 1000000"},
	{"r=" NONCE "x,s=QQ==,i=18446744073709555712", "more than 1000000"},
	{"r=" NONCE "x,s=QQ==,i=99999999999999999999999999999999999999999", "more than"},
	{"r=" NONCE "x,s=QQ==,i=99999999999999999999999999999999999999999x", "no number"},
	{"r=" NONCE "x,s=QQ==,i=-4096", "no number"},
	{"r=" NONCE "x,s=QQ==,i=+4096", "no number"},
	{"r=" NONCE "x,s=QQ==,i= 4096", "no number"},
	{"r=" NONCE "x,s=QQ==,i=4096 ", "no number"},
	{"r=" NONCE "x,s=QQ==,i=4096.0", "no number"},
	{"r=" NONCE "x,s=QQ==,i=0x1000", "no number"},
	{"r=" NONCE "x,s=QQ==,i=4e3", "no number"},
	/* Extensions. */
	{"m=ext,r=" NONCE "x,s=QQ==,i=4096", "extension (m=)"},
	{"m=,r=" NONCE "x,s=QQ==,i=4096", "extension (m=)"},
	{FIRST ",m=ext", "extension (m=)"},
	{FIRST ",x=1,m=ext", "extension (m=)"},
	{FIRST ",r=" NONCE "y", "twice"},
	{FIRST ",s=QQ==", "twice"},
	{FIRST ",i=5000", "twice"},
	{FIRST ",x=1,x=2", "twice"},
	{FIRST ",x", "malformed"},
	{FIRST ",x=", "malformed"},
	{FIRST ",1=2", "malformed"},
	{FIRST ",,", "malformed"},
	{FIRST ",xy=1", "malformed"},
	{FIRST ",", "no iteration count"},
	/* What comes later, or from the client. */
	{SIGNATURE, "no nonce"},
	{"n,,n=user,r=" NONCE, "no nonce"},
	{PROOF, "no nonce"},
	{"e=", "no nonce"},
};

START_TEST(the_first_challenge_is_looked_at)
{
	struct envoi_secret password;
	struct envoi_secret line = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_sasl *sasl = begin_scram(&password);
	expect_initial(sasl, "n,,n=user,r=" NONCE);
	if (firsts[_i].words == NULL) {
		ck_assert_msg(answer_octets(sasl, envoi_span_of(firsts[_i].challenge),
				      &line, &err)
				      == 0,
			"%s", err.text);
		envoi_secret_finish(&line);
	} else {
		expect_cancel(
			sasl, firsts[_i].challenge, ENVOI_STATUS_AUTH, firsts[_i].words);
		ck_assert(envoi_sasl_is_unproven(sasl));
	}
	envoi_sasl_free(sasl);
	envoi_secret_finish(&password);
}
END_TEST

/* Some servers refuse a user at once. */
START_TEST(the_server_may_refuse_at_once)
{
	struct envoi_secret password;
	struct envoi_sasl *sasl = begin_scram(&password);
	expect_initial(sasl, "n,,n=user,r=" NONCE);
	expect_cancel(sasl, "e=unknown-user", ENVOI_STATUS_AUTH,
		"the server refuses: unknown-user");
	ck_assert_str_eq(envoi_sasl_failure_text(sasl), "unknown-user");
	ck_assert(!envoi_sasl_is_unproven(sasl));
	envoi_sasl_free(sasl);
	envoi_secret_finish(&password);
}
END_TEST

/* Each beginning of a good challenge, and each with one octet changed: never
 * read past, never a proof for what is not whole. */
START_TEST(no_part_of_the_first_challenge_will_do)
{
	const size_t whole = strlen(FIRST);
	for (size_t n = 0; n < whole; n++) {
		struct envoi_secret password;
		struct envoi_secret line = {0};
		struct envoi_error err = ENVOI_ERROR_NONE;
		struct envoi_sasl *sasl = begin_scram(&password);
		expect_initial(sasl, "n,,n=user,r=" NONCE);
		int result =
			answer_octets(sasl, (struct envoi_span){FIRST, n}, &line, &err);
		ck_assert_int_eq(result, -1);
		ck_assert_int_eq(err.status, ENVOI_STATUS_AUTH);
		envoi_sasl_free(sasl);
		envoi_secret_finish(&password);
	}
}
END_TEST

START_TEST(a_nul_is_nowhere_in_order)
{
	char text[] = FIRST ",x=1";
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		struct envoi_secret password;
		struct envoi_secret line = {0};
		struct envoi_error err = ENVOI_ERROR_NONE;
		struct envoi_sasl *sasl = begin_scram(&password);
		char was = text[i];
		expect_initial(sasl, "n,,n=user,r=" NONCE);
		text[i] = '\0';
		ck_assert_int_eq(
			answer_octets(sasl, (struct envoi_span){text, sizeof(text) - 1},
				&line, &err),
			-1);
		text[i] = was;
		envoi_sasl_free(sasl);
		envoi_secret_finish(&password);
	}
}
END_TEST

/* Last challenges; words NULL: it is in order. */
static const struct {
	const char *challenge;
	const char *words;
	/** e=: what is kept. */
	const char *failure;
} lasts[] = {
	{SIGNATURE, NULL, ""},
	{SIGNATURE ",x=1", NULL, ""},
	{"v=rmF9pqV8S7suAoZWja4dJRkFsKA=", "wrong", ""},
	{"v=rmF9pqV8S7suAoZWja4dJRkFsA==", "wrong", ""},
	{"v=rmF9pqV8S7suAoZWja4dJRkFsKQA", "wrong", ""},
	{"v=rmF9pqV8S7suAoZWja4dJRkFsKQ", "wrong", ""},
	{"v=rmF9pqV8S7suAoZWja4dJRkFsKQ==", "wrong", ""},
	{"v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "wrong", ""},
	{"v= rmF9pqV8S7suAoZWja4dJRkFsKQ=", "wrong", ""},
	/* Our own proof. */
	{"v=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "wrong", ""},
	{"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "wrong", ""},
	{"v====", "wrong", ""},
	{"v=", "no signature", ""},
	{"v", "no signature", ""},
	{"", "no signature", ""},
	{"ok", "no signature", ""},
	{"V=rmF9pqV8S7suAoZWja4dJRkFsKQ=", "no signature", ""},
	{"x=1," SIGNATURE, "no signature", ""},
	{FIRST, "no signature", ""},
	{SIGNATURE "," SIGNATURE, "twice", ""},
	{SIGNATURE ",m=1", "extension (m=)", ""},
	{SIGNATURE ",x", "malformed", ""},
	{SIGNATURE ",", "no signature", ""},
	{"e=invalid-proof", "the server refuses: invalid-proof", "invalid-proof"},
	{"e=unknown-user", "the server refuses: unknown-user", "unknown-user"},
	{"e=other-error,x=1", "the server refuses: other-error", "other-error"},
	{"e=channel-bindings-dont-match", "refuses: channel-bindings-dont-match",
		"channel-bindings-dont-match"},
	{"e=unsupported-channel-binding-type", "refuses: unsupported",
		"unsupported-channel-binding-type"},
	{"e=\x1b[31m", "the server refuses: ", "\\x1B[31m"},
	{"e=", "no signature", ""},
};

START_TEST(the_last_challenge_is_looked_at)
{
	struct envoi_secret password;
	struct envoi_sasl *sasl = begin_scram(&password);
	const char *challenge = lasts[_i].challenge;
	expect_initial(sasl, "n,,n=user,r=" NONCE);
	expect_answer(sasl, FIRST, PROOF);
	if (lasts[_i].words == NULL) {
		expect_answer(sasl, challenge, "");
		expect_accepted(sasl, "");
		expect_cancel(sasl, challenge, ENVOI_STATUS_PROTOCOL, "asks for more");
	} else {
		expect_cancel(sasl, challenge, ENVOI_STATUS_AUTH, lasts[_i].words);
		/* A wrong password is no reason to think ill of the server. */
		bool refused = challenge[0] == 'e' && lasts[_i].failure[0] != '\0'
			       && strstr(challenge, "channel") == NULL;
		ck_assert(envoi_sasl_is_unproven(sasl) == !refused);
	}
	ck_assert_str_eq(envoi_sasl_failure_text(sasl), lasts[_i].failure);
	envoi_sasl_free(sasl);
	envoi_secret_finish(&password);
}
END_TEST

START_TEST(no_part_of_the_signature_will_do)
{
	const size_t whole = strlen(SIGNATURE);
	for (size_t n = 0; n < whole; n++) {
		struct envoi_secret password;
		struct envoi_secret line = {0};
		struct envoi_secret text = {0};
		struct envoi_error err = ENVOI_ERROR_NONE;
		struct envoi_sasl *sasl = begin_scram(&password);
		expect_initial(sasl, "n,,n=user,r=" NONCE);
		expect_answer(sasl, FIRST, PROOF);
		ck_assert_int_eq(
			envoi_base64_encode(&text, (struct envoi_span){SIGNATURE, n}), 0);
		expect_not_accepted(sasl, text.data, ENVOI_STATUS_AUTH);
		ck_assert_int_eq(answer_octets(sasl, (struct envoi_span){SIGNATURE, n},
					 &line, &err),
			-1);
		envoi_secret_finish(&text);
		envoi_sasl_free(sasl);
		envoi_secret_finish(&password);
	}
}
END_TEST

START_TEST(a_signature_that_was_wrong_cannot_be_mended)
{
	struct envoi_secret password;
	struct envoi_sasl *sasl = begin_scram(&password);
	expect_initial(sasl, "n,,n=user,r=" NONCE);
	expect_answer(sasl, FIRST, PROOF);
	expect_cancel(sasl, "v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", ENVOI_STATUS_AUTH, "wrong");
	expect_not_accepted(
		sasl, "dj1ybUY5cHFWOFM3c3VBb1pXamE0ZEpSa0ZzS1E9", ENVOI_STATUS_PROTOCOL);
	envoi_sasl_free(sasl);
	envoi_secret_finish(&password);
}
END_TEST

/* The texts of a 334 as they stand; which: 0 SCRAM before its first message,
 * 1 behind it, 2 CRAM-MD5. */
static const struct {
	int which;
	const char *text;
	const char *words;
} texts[] = {
	{0, "aGVsbG8=", "speaks first"},
	{0, "go on", "not base64"},
	{0, "=", "not base64"},
	{1, "=", "not base64"},
	{1, "cj1meWtv K2Qy", "not base64"},
	{1, "cj1meWtv\nK2Qy", "not base64"},
	{1, "cj1meWtvK2Q", "not base64"},
	{1, "r=" NONCE "x,s=QQ==,i=4096", "not base64"},
	{2, "", "challenge is empty"},
	{2, "not base64!", "not base64"},
	{2, "PDE4", NULL},
	/* Blanks around are not part of it. */
	{2, "  PDE4 ", NULL},
	{2, "PDE", "not base64"},
	{2, "=", "not base64"},
	{2, "\xff\xfe", "not base64"},
};

START_TEST(a_challenge_that_cannot_be_read_ends_it)
{
	struct envoi_secret password = secret_of("pencil");
	struct envoi_secret line = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct envoi_sasl_identity identity = {
		.user = "user", .secret = &password, .nonce = NONCE};
	struct envoi_sasl *sasl =
		begin(texts[_i].which == 2 ? ENVOI_SASL_CRAM_MD5 : ENVOI_SASL_SCRAM_SHA_1,
			&identity);
	if (texts[_i].which == 1) {
		expect_initial(sasl, "n,,n=user,r=" NONCE);
	}
	int result = answer_text(sasl, envoi_span_of(texts[_i].text), &line, &err);
	if (texts[_i].words == NULL) {
		ck_assert_int_eq(result, 0);
		envoi_secret_finish(&line);
	} else {
		ck_assert_int_eq(result, -1);
		ck_assert_int_eq(err.status, ENVOI_STATUS_AUTH);
		ck_assert_msg(
			strstr(err.text, texts[_i].words) != NULL, "\"%s\"", err.text);
		ck_assert(envoi_sasl_is_unproven(sasl) == (texts[_i].which != 2));
		expect_not_accepted(sasl, "Ok", ENVOI_STATUS_PROTOCOL);
	}
	envoi_sasl_free(sasl);
	envoi_secret_finish(&password);
}
END_TEST

/* 64 kB in one reply: no mechanism looks at it. */
START_TEST(a_huge_challenge_is_refused)
{
	const size_t n = 65536;
	char *text = malloc(n);
	ck_assert_ptr_nonnull(text);
	memset(text, 'A', n);
	for (unsigned bit = 1; bit < 1U << ENVOI_SASL_COUNT; bit <<= 1) {
		enum envoi_sasl_mechanism mechanism = (enum envoi_sasl_mechanism)bit;
		struct envoi_secret secret = secret_of("pencil");
		struct envoi_secret line = {0};
		struct envoi_error err = ENVOI_ERROR_NONE;
		struct envoi_sasl_binding binding = {"tls-exporter", "x", 1};
		const struct envoi_sasl_identity identity = {
			.user = "user", .secret = &secret, .binding = &binding};
		struct envoi_sasl *sasl = begin(mechanism, &identity);
		if (envoi_sasl_has_initial(sasl)) {
			ck_assert_int_eq(envoi_sasl_initial(sasl, &line, &err), 0);
		}
		int result = answer_text(sasl, (struct envoi_span){text, n}, &line, &err);
		bool blind = mechanism == ENVOI_SASL_LOGIN
			     || (mechanism & ENVOI_SASL_ALL_OAUTH) != 0;
		ck_assert_int_eq(result, blind ? 0 : -1);
		envoi_secret_finish(&line);
		envoi_sasl_free(sasl);
		envoi_secret_finish(&secret);
	}
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sasl_hostile");
	TCase *tests = tcase_create("sasl_hostile");
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, the_first_challenge_is_looked_at, 0, COUNT(firsts));
	tcase_add_test(tests, the_server_may_refuse_at_once);
	tcase_add_test(tests, no_part_of_the_first_challenge_will_do);
	tcase_add_test(tests, a_nul_is_nowhere_in_order);
	tcase_add_loop_test(tests, the_last_challenge_is_looked_at, 0, COUNT(lasts));
	tcase_add_test(tests, no_part_of_the_signature_will_do);
	tcase_add_test(tests, a_signature_that_was_wrong_cannot_be_mended);
	tcase_add_loop_test(
		tests, a_challenge_that_cannot_be_read_ends_it, 0, COUNT(texts));
	tcase_add_test(tests, a_huge_challenge_is_refused);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
