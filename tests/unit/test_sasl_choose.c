/*
 * Mechanisms by name, and the choice among them (situations 88-90, 102, 108,
 * 111, 115).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/sasl.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

#define ALL                                                                              \
	"LOGIN PLAIN XOAUTH2 OAUTHBEARER CRAM-MD5 EXTERNAL SCRAM-SHA-1 "                 \
	"SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS GSSAPI NTLM DIGEST-MD5"

START_TEST(names_and_bits)
{
	unsigned all = 0;
	for (unsigned bit = 1; bit < 1U << ENVOI_SASL_COUNT; bit <<= 1) {
		const char *name = envoi_sasl_name((enum envoi_sasl_mechanism)bit);
		ck_assert_str_ne(name, "?");
		ck_assert_uint_eq(envoi_sasl_find(envoi_span_of(name)), bit);
		all |= bit;
	}
	ck_assert_str_eq(envoi_sasl_name((enum envoi_sasl_mechanism)0), "?");
	ck_assert_str_eq(envoi_sasl_name((enum envoi_sasl_mechanism)3), "?");
	ck_assert_uint_eq(envoi_sasl_find(envoi_span_of("scram-sha-256")),
		ENVOI_SASL_SCRAM_SHA_256);
	ck_assert_uint_eq(envoi_sasl_find(envoi_span_of("")), 0);
	ck_assert_uint_eq(envoi_sasl_find(envoi_span_of("PLAIN ")), 0);
	ck_assert_uint_eq(envoi_sasl_find(envoi_span_of("PLAI")), 0);
	ck_assert_uint_eq(envoi_sasl_find(envoi_span_of("SCRAM-SHA-512")), 0);
	ck_assert_uint_eq(envoi_sasl_find_all(envoi_span_of(ALL)), all);
	ck_assert_uint_eq(envoi_sasl_find_all(envoi_span_of(" ")), 0);
	ck_assert_uint_eq(envoi_sasl_find_all(envoi_span_of("PLAIN,LOGIN X")), 0);
}
END_TEST

enum {
	PASSWORD = 1 << 0,
	TOKEN = 1 << 1,
	CLEAR_OK = 1 << 2,
	BINDING = 1 << 3,
	/** As on most links. */
	USUAL = PASSWORD | CLEAR_OK | BINDING,
};

static const struct {
	const char *offered;
	enum envoi_sasl_mechanism wanted[4];
	unsigned refused;
	int have;
	unsigned chosen;
	/** Where nothing is chosen. */
	const char *words;
} choices[] = {
	/* Best first. */
	{ALL, {0}, 0, USUAL, ENVOI_SASL_SCRAM_SHA_256_PLUS, NULL},
	{ALL, {0}, ENVOI_SASL_SCRAM_SHA_256_PLUS, USUAL, ENVOI_SASL_SCRAM_SHA_1_PLUS,
		NULL},
	{ALL, {0}, ENVOI_SASL_ALL_PLUS, USUAL, ENVOI_SASL_SCRAM_SHA_256, NULL},
	{ALL, {0}, 0x7, USUAL, ENVOI_SASL_SCRAM_SHA_1, NULL},
	{ALL, {0}, 0xf, USUAL, ENVOI_SASL_PLAIN, NULL},
	{ALL, {0}, 0x4f, USUAL, ENVOI_SASL_LOGIN, NULL},
	{ALL, {0}, 0xcf, USUAL, 0, "no mechanism left"},
	{ALL, {0}, 0x3ff, USUAL, 0, "no mechanism left"},
	{ALL, {0}, 0, PASSWORD | CLEAR_OK, ENVOI_SASL_SCRAM_SHA_256, NULL},
	{"LOGIN PLAIN", {0}, 0, USUAL, ENVOI_SASL_PLAIN, NULL},
	{"LOGIN", {0}, 0, USUAL, ENVOI_SASL_LOGIN, NULL},
	{"login plain", {0}, 0, USUAL, ENVOI_SASL_PLAIN, NULL},
	/* The secret decides. */
	{ALL, {0}, 0, TOKEN | CLEAR_OK | BINDING, ENVOI_SASL_OAUTHBEARER, NULL},
	{"PLAIN XOAUTH2", {0}, 0, TOKEN | CLEAR_OK, ENVOI_SASL_XOAUTH2, NULL},
	{"PLAIN LOGIN", {0}, 0, TOKEN | CLEAR_OK, 0,
		"PLAIN needs a password, and there is a token"},
	{"XOAUTH2", {0}, 0, USUAL, 0, "XOAUTH2 needs a token, and there is a password"},
	{"PLAIN", {0}, 0, CLEAR_OK, 0, "PLAIN needs a password"},
	/* Without TLS nothing that shows it. */
	{ALL, {0}, 0, PASSWORD, ENVOI_SASL_SCRAM_SHA_256, NULL},
	{"PLAIN LOGIN", {0}, 0, PASSWORD, 0,
		"PLAIN would show the password to the network: there is no TLS here"},
	{"LOGIN CRAM-MD5", {0}, 0, PASSWORD, 0, "LOGIN would show the password"},
	{"XOAUTH2 OAUTHBEARER", {0}, 0, TOKEN, 0, "OAUTHBEARER would show the token"},
	{"PLAIN", {ENVOI_SASL_PLAIN}, 0, PASSWORD, 0, "PLAIN would show the password"},
	/* What the user asks for, in his order. */
	{ALL, {ENVOI_SASL_LOGIN, ENVOI_SASL_PLAIN}, 0, USUAL, ENVOI_SASL_LOGIN, NULL},
	{ALL, {ENVOI_SASL_LOGIN, ENVOI_SASL_PLAIN}, ENVOI_SASL_LOGIN, USUAL,
		ENVOI_SASL_PLAIN, NULL},
	{ALL, {ENVOI_SASL_CRAM_MD5}, 0, PASSWORD, ENVOI_SASL_CRAM_MD5, NULL},
	{ALL, {ENVOI_SASL_EXTERNAL}, 0, 0, ENVOI_SASL_EXTERNAL, NULL},
	{ALL, {ENVOI_SASL_SCRAM_SHA_256}, 0, USUAL, ENVOI_SASL_SCRAM_SHA_256, NULL},
	{"PLAIN", {ENVOI_SASL_SCRAM_SHA_256}, 0, USUAL, 0,
		"the server does not offer SCRAM-SHA-256; it offers PLAIN"},
	{"PLAIN LOGIN", {ENVOI_SASL_SCRAM_SHA_256, ENVOI_SASL_CRAM_MD5}, 0, USUAL, 0,
		"the server does not offer SCRAM-SHA-256 or another mechanism that was "
		"asked "
		"for; it offers PLAIN LOGIN"},
	{ALL, {ENVOI_SASL_SCRAM_SHA_256_PLUS}, 0, PASSWORD | CLEAR_OK, 0,
		"SCRAM-SHA-256-PLUS needs TLS"},
	{ALL, {ENVOI_SASL_PLAIN}, ENVOI_SASL_PLAIN, USUAL, 0, "no mechanism left"},
	/* Nothing that can be used. */
	{"", {0}, 0, USUAL, 0, "the server offers no mechanism"},
	{"", {ENVOI_SASL_PLAIN}, 0, USUAL, 0, "the server offers no mechanism"},
	{"GSSAPI NTLM DIGEST-MD5", {0}, 0, USUAL, 0,
		"can be used: GSSAPI NTLM DIGEST-MD5"},
	{"CRAM-MD5 NTLM", {0}, 0, USUAL, 0,
		"only CRAM-MD5 could be used, which has to be asked for"},
	{"EXTERNAL", {0}, 0, USUAL, 0, "only EXTERNAL could be used"},
	{"SCRAM-SHA-1-PLUS", {0}, 0, PASSWORD | CLEAR_OK, 0,
		"needs TLS that can be bound"},
};

START_TEST(the_best_that_can_be_used_is_chosen)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_sasl_choice choice = {
		.offered = envoi_span_of(choices[_i].offered),
		.wanted = choices[_i].wanted,
		.refused = choices[_i].refused,
		.has_password = (choices[_i].have & PASSWORD) != 0,
		.has_token = (choices[_i].have & TOKEN) != 0,
		.clear_ok = (choices[_i].have & CLEAR_OK) != 0,
		.has_binding = (choices[_i].have & BINDING) != 0,
	};
	while (choice.wanted_count < 4 && choice.wanted[choice.wanted_count] != 0) {
		choice.wanted_count++;
	}
	ck_assert_uint_eq(envoi_sasl_choose(&choice, &err), choices[_i].chosen);
	if (choices[_i].chosen != 0) {
		ck_assert_int_eq(err.status, ENVOI_STATUS_OK);
	} else {
		ck_assert_int_eq(err.status, ENVOI_STATUS_AUTH);
		ck_assert_msg(strstr(err.text, choices[_i].words) != NULL,
			"\"%s\" says nothing of \"%s\"", err.text, choices[_i].words);
	}
}
END_TEST

/* However it is asked: never a secret in clear, never what is not offered,
 * not wanted or refused already; and each time round there is one less. */
START_TEST(no_choice_breaks_the_rules)
{
	static const enum envoi_sasl_mechanism wanted[] = {ENVOI_SASL_EXTERNAL,
		ENVOI_SASL_CRAM_MD5, ENVOI_SASL_PLAIN, ENVOI_SASL_XOAUTH2,
		ENVOI_SASL_SCRAM_SHA_1_PLUS};
	for (unsigned set = 0; set < 1U << ENVOI_SASL_COUNT; set++) {
		char offered[300] = "";
		for (unsigned bit = 1; bit <= set; bit <<= 1) {
			if ((set & bit) != 0) {
				strcat(offered,
					envoi_sasl_name((enum envoi_sasl_mechanism)bit));
				strcat(offered, " ");
			}
		}
		for (unsigned have = 0; have < 32; have++) {
			struct envoi_sasl_choice choice = {
				.offered = envoi_span_of(offered),
				.wanted = wanted,
				.wanted_count = (have & 16) != 0 ? 5 : 0,
				.has_password = (have & PASSWORD) != 0,
				.has_token = (have & TOKEN) != 0,
				.clear_ok = (have & CLEAR_OK) != 0,
				.has_binding = (have & BINDING) != 0,
			};
			unsigned one;
			while ((one = envoi_sasl_choose(&choice, NULL)) != 0) {
				ck_assert_uint_ne(one & set, 0);
				ck_assert_uint_eq(one & choice.refused, 0);
				ck_assert(choice.clear_ok
					  || (one & ENVOI_SASL_ALL_CLEAR) == 0);
				ck_assert(choice.has_binding
					  || (one & ENVOI_SASL_ALL_PLUS) == 0);
				ck_assert(choice.wanted_count > 0
					  || (one
						     & (ENVOI_SASL_EXTERNAL
							     | ENVOI_SASL_CRAM_MD5))
						     == 0);
				ck_assert(choice.has_token
					  || (one & ENVOI_SASL_ALL_OAUTH) == 0);
				choice.refused |= one;
			}
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sasl_choose");
	TCase *tests = tcase_create("sasl_choose");
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, names_and_bits);
	tcase_add_loop_test(
		tests, the_best_that_can_be_used_is_chosen, 0, COUNT(choices));
	tcase_add_test(tests, no_choice_breaks_the_rules);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
