/*
 * Dates in zones of every kind, and identifiers.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "message/date.h"
#include "message/msgid.h"

static const struct {
	const char *zone;
	int64_t time;
	const char *date;
} rows[] = {
	{"UTC0", 0, "Thu, 1 Jan 1970 00:00:00 +0000"},
	{"UTC0", 1795464786, "Mon, 23 Nov 2026 20:13:06 +0000"},
	{"UTC0", 4102444799, "Thu, 31 Dec 2099 23:59:59 +0000"},
	{"UTC0", 951782400, "Tue, 29 Feb 2000 00:00:00 +0000"},
	{"UTC0", 253402300800, "Sat, 1 Jan 10000 00:00:00 +0000"},
	/* Half and quarter hours. */
	{"IST-5:30", 1795464786, "Tue, 24 Nov 2026 01:43:06 +0530"},
	{"NPT-5:45", 1795464786, "Tue, 24 Nov 2026 01:58:06 +0545"},
	{"NST3:30", 1795464786, "Mon, 23 Nov 2026 16:43:06 -0330"},
	{"LINT-14", 1795464786, "Tue, 24 Nov 2026 10:13:06 +1400"},
	{"BIT12", 1795464786, "Mon, 23 Nov 2026 08:13:06 -1200"},
	/* The turn of the year, both ways. */
	{"CET-1", 1798758000, "Fri, 1 Jan 2027 00:00:00 +0100"},
	{"CET-1", 1798757999, "Thu, 31 Dec 2026 23:59:59 +0100"},
	{"EST5", 1798779600, "Fri, 1 Jan 2027 00:00:00 -0500"},
	{"EST5", 1798761600, "Thu, 31 Dec 2026 19:00:00 -0500"},
	{"LINT-14", 1798711200, "Fri, 1 Jan 2027 00:00:00 +1400"},
	/* The turns of daylight saving. */
	{"CET-1CEST,M3.5.0,M10.5.0/3", 1774745999, "Sun, 29 Mar 2026 01:59:59 +0100"},
	{"CET-1CEST,M3.5.0,M10.5.0/3", 1774746000, "Sun, 29 Mar 2026 03:00:00 +0200"},
	{"CET-1CEST,M3.5.0,M10.5.0/3", 1792889999, "Sun, 25 Oct 2026 02:59:59 +0200"},
	{"CET-1CEST,M3.5.0,M10.5.0/3", 1792890000, "Sun, 25 Oct 2026 02:00:00 +0100"},
	{"LHST-10:30LHDT-11,M10.1.0,M4.1.0", 1795464786,
		"Tue, 24 Nov 2026 07:13:06 +1100"},
	/* No whole minutes: a zone that cannot be said. */
	{"LMT-0:19:32", 1795464786, "Mon, 23 Nov 2026 20:13:06 -0000"},
};

START_TEST(each_zone)
{
	char out[ENVOI_DATE_SIZE];
	long offset = 0;
	ck_assert_int_eq(setenv("TZ", rows[_i].zone, 1), 0);
	tzset();
	bool known = envoi_date_offset(rows[_i].time, &offset) == 0;
	envoi_date_format(out, rows[_i].time, offset, known);
	ck_assert_str_eq(out, rows[_i].date);
}
END_TEST

START_TEST(identifiers_differ)
{
	char all[200][ENVOI_MSGID_SIZE];
	struct envoi_error err;
	char domain[400];
	for (size_t i = 0; i < 200; i++) {
		ck_assert_int_eq(envoi_msgid_make(all[i], "example.org", &err), 0);
		ck_assert_uint_eq(strlen(all[i]), 1 + 26 + strlen("@example.org>"));
		ck_assert_uint_eq(
			strspn(all[i] + 1, "abcdefghijklmnopqrstuvwxyz234567"), 26);
		ck_assert_str_eq(all[i] + 27, "@example.org>");
		for (size_t k = 0; k < i; k++) {
			ck_assert_int_ne(strncmp(all[i], all[k], 14), 0);
		}
	}
	memset(domain, 'x', sizeof(domain));
	domain[sizeof(domain) - 1] = '\0';
	ck_assert_int_eq(envoi_msgid_make(all[0], domain, &err), 0);
	ck_assert_int_eq(all[0][strlen(all[0]) - 1], '>');
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("date");
	TCase *tcase = tcase_create("date");
	tcase_add_loop_test(tcase, each_zone, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, identifiers_differ);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
