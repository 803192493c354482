/*
 * What servers offer: situations 43 to 50, 60, 213 as a table.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/capabilities.h"

#define P ENVOI_EXT_PIPELINING
#define S ENVOI_EXT_SIZE

static const struct {
	/** Lines joined by LF, codes removed. */
	const char *text;
	uint32_t extensions;
	uint64_t size;
	const char *auth;
} offers[] = {
	{"", 0, 0, ""},
	{"mx.example.org", 0, 0, ""},
	/* The first line is never a keyword. */
	{"PIPELINING", 0, 0, ""},
	{"SIZE 100\nPIPELINING", P, 0, ""},
	{"pipelining is my name\nSIZE 5", S, 5, ""},
	/* Any case. */
	{"mx\npipelining\nPipeLining\nsize 7", P | S, 7, ""},
	/* Whole words only. */
	{"mx\nSTARTTLSX\nSIZEABLE\nDSN2\nXPIPELINING\nPIPELINING-2", 0, 0, ""},
	{"mx\nPIPELINING \nSIZE\t9", P | S, 9, ""},
	{"mx\n PIPELINING", 0, 0, ""},
	{"mx\nPIPELINING=1\nSIZE=100", 0, 0, ""},
	{"mx\nPIPELINING with words", P, 0, ""},
	/* All we know, and some we do not. */
	{"mx\nPIPELINING\nCHUNKING\nSIZE\n8BITMIME\nENHANCEDSTATUSCODES\nSTARTTLS\nLIMITS"
	 "\nAUTH\n"
	 "SMTPUTF8\nDSN\nBINARYMIME\nREQUIRETLS\nFUTURERELEASE 1 "
	 "2\nDELIVERBY\nMT-PRIORITY X\n"
	 "HELP\nVRFY\nETRN\nEXPN\nXCLIENT\nX-UNHEARD-OF a=b\nONEX",
		(1u << 19) - 1, 0, ""},
	/* AUTH=LOGIN, tabs, two lines: merged, each once. */
	{"mx\nAUTH PLAIN LOGIN", ENVOI_EXT_AUTH, 0, "PLAIN LOGIN"},
	{"mx\nAUTH=LOGIN PLAIN", ENVOI_EXT_AUTH, 0, "LOGIN PLAIN"},
	{"mx\nauth\tplain\t scram-sha-256 ", ENVOI_EXT_AUTH, 0, "PLAIN SCRAM-SHA-256"},
	{"mx\nAUTH PLAIN LOGIN\nAUTH=PLAIN CRAM-MD5", ENVOI_EXT_AUTH, 0,
		"PLAIN LOGIN CRAM-MD5"},
	{"mx\nAUTH PLAIN plain Plain", ENVOI_EXT_AUTH, 0, "PLAIN"},
	{"mx\nAUTH", ENVOI_EXT_AUTH, 0, ""},
	{"mx\nAUTH PL\xc4IN A=B X\x01Y OK_1", ENVOI_EXT_AUTH, 0, "OK_1"},
	{"mx\nAUTH A123456789012345678901234567890 A12345678901234567890123456789012",
		ENVOI_EXT_AUTH, 0, "A123456789012345678901234567890"},
	/* SIZE twice: the smaller one that is a limit. */
	{"mx\nSIZE 200\nSIZE 100", S, 100, ""},
	{"mx\nSIZE 100\nSIZE 200", S, 100, ""},
	{"mx\nSIZE 0\nSIZE 200", S, 200, ""},
	{"mx\nSIZE 200\nSIZE 0", S, 200, ""},
	{"mx\nSIZE 0", S, 0, ""},
	/* SIZE without sense: offered, and no limit known. */
	{"mx\nSIZE abc", S, 0, ""},
	{"mx\nSIZE -1", S, 0, ""},
	{"mx\nSIZE +1", S, 0, ""},
	{"mx\nSIZE 10k", S, 0, ""},
	{"mx\nSIZE 1234567890123456789012345", S, 0, ""},
	{"mx\nSIZE 18446744073709551615", S, UINT64_MAX, ""},
	{"mx\nSIZE 18446744073709551616", S, 0, ""},
	{"mx\nSIZE 100 200", S, 100, ""},
	{"mx\nSIZE ", S, 0, ""},
	/* A malformed line is passed over alone. */
	{"mx\n\xff\xfe\nPIPELINING\n\x01\n-X\n\nSIZE 3", P | S, 3, ""},
	{"mx\nPIPE\xffLINING\nSIZE 3", S, 3, ""},
	{"mx\n\n\n", 0, 0, ""},
	{"\n\nPIPELINING\n", P, 0, ""},
};

START_TEST(offers_are_read)
{
	size_t n = strlen(offers[_i].text);
	/* No NUL behind it: reading on is seen. */
	char *exact = malloc(n > 0 ? n : 1);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, offers[_i].text, n);
	struct envoi_capabilities capabilities;
	memset(&capabilities, 0xa5, sizeof(capabilities));
	envoi_capabilities_parse(&capabilities, (struct envoi_span){exact, n});
	free(exact);
	ck_assert_uint_eq(capabilities.extensions, offers[_i].extensions);
	ck_assert_uint_eq(capabilities.size, offers[_i].size);
	ck_assert_str_eq(capabilities.auth, offers[_i].auth);
	ck_assert_uint_eq(capabilities.mail_max, 0);
}
END_TEST

static const struct {
	const char *line;
	uint64_t mail, rcpt, domain;
} limits[] = {
	{"LIMITS MAILMAX=5 RCPTMAX=20 RCPTDOMAINMAX=2", 5, 20, 2},
	{"limits mailmax=1", 1, 0, 0},
	{"LIMITS\tRCPTMAX=3\tMAILMAX=4", 4, 3, 0},
	{"LIMITS", 0, 0, 0},
	{"LIMITS RCPTMAX=0 MAILMAX=1", 1, 0, 0},
	{"LIMITS RCPTMAX=abc MAILMAX=1", 1, 0, 0},
	{"LIMITS RCPTMAX= MAILMAX=1", 1, 0, 0},
	{"LIMITS RCPTMAX MAILMAX=1", 1, 0, 0},
	{"LIMITS RCPTMAX=-1 =5 == MAILMAX=1", 1, 0, 0},
	{"LIMITS RCPTMAX=99999999999999999999 MAILMAX=1", 1, 0, 0},
	{"LIMITS UNHEARDOF=7 RCPTMAX=2", 0, 2, 0},
	{"LIMITS RCPTMAXX=2 XRCPTMAX=2", 0, 0, 0},
	{"LIMITS RCPTMAX=4294967295", 0, 4294967295u, 0},
	{"LIMITS RCPTMAX=4294967296", 0, 0, 0},
	{"LIMITSX RCPTMAX=2", 0, 0, 0},
};

START_TEST(limits_are_read)
{
	char text[200];
	int n = snprintf(text, sizeof(text), "mx\nPIPELINING\n%s", limits[_i].line);
	struct envoi_capabilities capabilities;
	envoi_capabilities_parse(&capabilities, (struct envoi_span){text, (size_t)n});
	ck_assert_uint_eq(capabilities.mail_max, limits[_i].mail);
	ck_assert_uint_eq(capabilities.rcpt_max, limits[_i].rcpt);
	ck_assert_uint_eq(capabilities.rcpt_domain_max, limits[_i].domain);
	ck_assert((capabilities.extensions & P) != 0);
}
END_TEST

START_TEST(mechanisms_have_room_or_are_left_out)
{
	char text[4096] = "mx\nAUTH";
	size_t n = strlen(text);
	for (int i = 0; i < 200; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, " MECHANISM-%03d", i);
	}
	struct envoi_capabilities capabilities;
	envoi_capabilities_parse(&capabilities, (struct envoi_span){text, n});
	size_t length = strlen(capabilities.auth);
	ck_assert_uint_lt(length, sizeof(capabilities.auth));
	ck_assert_uint_gt(length, sizeof(capabilities.auth) - 20);
	ck_assert_int_eq(
		strncmp(capabilities.auth, "MECHANISM-000 MECHANISM-001 ", 28), 0);
	ck_assert_int_ne(capabilities.auth[length - 1], ' ');
}
END_TEST

START_TEST(three_hundred_lines_are_read)
{
	char text[8192] = "mx";
	size_t n = strlen(text);
	for (int i = 0; i < 300; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\nX-LINE-%d a b", i);
	}
	n += (size_t)snprintf(text + n, sizeof(text) - n, "\nPIPELINING");
	struct envoi_capabilities capabilities;
	envoi_capabilities_parse(&capabilities, (struct envoi_span){text, n});
	ck_assert_uint_eq(capabilities.extensions, P);
}
END_TEST

START_TEST(names_and_bits_belong_together)
{
	for (uint32_t bit = 1; bit < 1u << 19; bit <<= 1) {
		const char *name = envoi_extension_name(bit);
		ck_assert_ptr_nonnull(name);
		ck_assert_uint_eq(envoi_extension_find(name, strlen(name)), bit);
		ck_assert_uint_eq(envoi_extension_find(name, strlen(name) - 1), 0);
	}
	ck_assert_ptr_null(envoi_extension_name(0));
	ck_assert_ptr_null(envoi_extension_name(3));
	ck_assert_ptr_null(envoi_extension_name(1u << 31));
	ck_assert_uint_eq(envoi_extension_find("", 0), 0);
	ck_assert_uint_eq(envoi_extension_find("DSNX", 3), ENVOI_EXT_DSN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("capabilities");
	TCase *tcase = tcase_create("capabilities");
	tcase_add_loop_test(
		tcase, offers_are_read, 0, sizeof(offers) / sizeof(offers[0]));
	tcase_add_loop_test(
		tcase, limits_are_read, 0, sizeof(limits) / sizeof(limits[0]));
	tcase_add_test(tcase, mechanisms_have_room_or_are_left_out);
	tcase_add_test(tcase, three_hundred_lines_are_read);
	tcase_add_test(tcase, names_and_bits_belong_together);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
