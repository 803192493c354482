/*
 * The words of a sendmail command line: every flag in every spelling, and what
 * real callers pass. A row is the words, split at blanks (% is an empty word, _
 * a blank in a word), and what comes out: the mode, what is set, "|" and the
 * recipients; or "x" and a part of the error.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sendmail_flags.h"

struct row {
	const char *words;
	const char *expected;
};

static const struct row sendmail_rows[] = {
	/* modes */
	{"", "deliver |"},
	{"-bm a@y", "deliver | a@y"},
	{"-b m a@y", "deliver | a@y"},
	{"-bs", "dialogue |"},
	{"-bs -i", "dialogue i |"},
	{"-bs -odb -oem -om", "dialogue od=b oe=m |"},
	{"-bs -f a@y", "dialogue f=a@y |"},
	{"-bs -t", "x exclude"},
	{"-t -bs", "x exclude"},
	{"-bs a@y", "x no sense"},
	{"-bp", "list |"},
	{"-b p", "list |"},
	{"-bp -v -Ac", "list v |"},
	{"-bp a@y", "x no sense"},
	{"-bi", "aliases |"},
	{"-I", "aliases |"},
	{"-bi a@y", "x no sense"},
	{"-bv a@y b@y", "verify | a@y b@y"},
	{"-bv", "verify |"},
	{"-bt", "x no such mode"},
	{"-bt a@y", "x no such mode"},
	{"-bd", "x no listener"},
	{"-bD", "x no listener"},
	{"-bl", "x no listener"},
	{"-bd a@y", "x no listener"},
	{"-bd -q", "x no listener"},
	{"-bd -q15m", "loop q=900 |"},
	{"-q15m -bd", "loop q=900 |"},
	{"-bd -bm a@y", "deliver | a@y"},
	{"-bh", "statistics |"},
	{"-bH", "statistics |"},
	{"-bP", "count |"},
	{"-bC", "check |"},
	{"-ba", "x no such mode"},
	{"-bS", "x no such mode"},
	{"-bz", "x no such mode"},
	{"-bX", "x no such mode"},
	{"-bx a@y", "x no such mode"},
	{"-b", "x needs a value"},
	{"-bmm a@y", "x no such mode"},
	{"-b % a@y", "x no such mode"},
	{"-bp -bm a@y", "deliver | a@y"},
	/* what is accepted, and means nothing here */
	{"-Ac a@y", "deliver | a@y"},
	{"-Am a@y", "deliver | a@y"},
	{"-A c a@y", "deliver | a@y"},
	{"-G a@y", "deliver | a@y"},
	{"-h 3 a@y", "deliver | a@y"},
	{"-h3 a@y", "deliver | a@y"},
	{"-h % a@y", "deliver | a@y"},
	{"-m a@y", "deliver | a@y"},
	{"-om a@y", "deliver | a@y"},
	{"-o m a@y", "deliver | a@y"},
	{"-p smtp:host a@y", "deliver | a@y"},
	{"-psmtp a@y", "deliver | a@y"},
	{"-s a@y", "deliver | a@y"},
	{"-T a@y", "deliver | a@y"},
	{"-c a@y", "deliver | a@y"},
	{"-U a@y", "deliver | a@y"},
	{"-x a@y", "deliver | a@y"},
	{"-E a@y", "deliver | a@y"},
	{"-Efoo a@y", "deliver | a@y"},
	{"-J a@y", "deliver | a@y"},
	{"-Jfoo a@y", "deliver | a@y"},
	{"-scxmGU a@y", "deliver | a@y"},
	/* -B */
	{"-B8BITMIME a@y", "deliver B=8 | a@y"},
	{"-B 8BITMIME a@y", "deliver B=8 | a@y"},
	{"-B 7bit a@y", "deliver B=7 | a@y"},
	{"-B7BIT a@y", "deliver B=7 | a@y"},
	{"-B BINARYMIME a@y", "deliver note | a@y"},
	{"-B % a@y", "deliver note | a@y"},
	/* -C */
	{"-C /etc/x a@y", "deliver C=/etc/x | a@y"},
	{"-C/etc/x a@y", "deliver C=/etc/x | a@y"},
	{"-C", "x needs a value"},
	/* -D, -M */
	{"-D file a@y", "x different things"},
	{"-D a@y", "x different things"},
	{"-Mxyz a@y", "x different things"},
	{"-M x a@y", "x different things"},
	/* -d */
	{"-d a@y", "deliver | a@y"},
	{"-d7 a@y", "deliver | a@y"},
	{"-d0.1 a@y", "deliver version | a@y"},
	{"-d0.1", "version version |"},
	{"-d0", "version version |"},
	{"-d0.1 -bt", "version version |"},
	{"-d0.1 -bv root", "verify version | root"},
	{"-d0.1 -t", "deliver t version |"},
	{"-d0.1 -bp", "list version |"},
	/* -F */
	{"-FCronDaemon root", "deliver F=CronDaemon | root"},
	{"-F Cron_Daemon root", "deliver F=Cron Daemon | root"},
	{"-F % root", "deliver F= | root"},
	{"-F a\001b root", "x control"},
	{"-F", "x needs a value"},
	/* -f, -r */
	{"-f a@b c@y", "deliver f=a@b | c@y"},
	{"-fa@b c@y", "deliver f=a@b | c@y"},
	{"-r a@b c@y", "deliver f=a@b | c@y"},
	{"-ra@b c@y", "deliver f=a@b | c@y"},
	{"-f % c@y", "deliver f= | c@y"},
	{"-f <> c@y", "deliver f=<> | c@y"},
	{"-f<> c@y", "deliver f=<> | c@y"},
	{"-f a@b -f d@e c@y", "deliver f=d@e | c@y"},
	{"-f a@b -r d@e c@y", "deliver f=d@e | c@y"},
	{"-f N_<u@x> c@y", "deliver f=N <u@x> | c@y"},
	{"-f -t c@y", "deliver f=-t | c@y"},
	{"-f a\001@b c@y", "x control"},
	{"-f a\177@b c@y", "x control"},
	{"-f a\r@b c@y", "x line end"},
	{"-f a\nRCPT c@y", "x line end"},
	{"-f", "x needs a value"},
	/* -i */
	{"-i a@y", "deliver i | a@y"},
	{"-oi a@y", "deliver i | a@y"},
	{"-o i a@y", "deliver i | a@y"},
	{"-oitrue a@y", "deliver i | a@y"},
	{"-oiTrue a@y", "deliver i | a@y"},
	{"-oifalse a@y", "deliver dots | a@y"},
	{"-OIgnoreDots a@y", "deliver i | a@y"},
	{"-O IgnoreDots=true a@y", "deliver i | a@y"},
	{"-Oignoredots=false a@y", "deliver dots | a@y"},
	/* -L */
	{"-L tag a@y", "deliver L=tag | a@y"},
	{"-Ltag a@y", "deliver L=tag | a@y"},
	{"-L 12345678901234567890123456789012 a@y",
		"deliver L=12345678901234567890123456789012 | a@y"},
	{"-L 123456789012345678901234567890123 a@y", "deliver note | a@y"},
	{"-L % a@y", "deliver note | a@y"},
	{"-L t\001g a@y", "deliver note | a@y"},
	{"-L t\303\244g a@y", "deliver note | a@y"},
	/* -N */
	{"-N never a@y", "deliver N=1 | a@y"},
	{"-Nnever a@y", "deliver N=1 | a@y"},
	{"-N success,delay,failure a@y", "deliver N=14 | a@y"},
	{"-NFAILURE a@y", "deliver N=2 | a@y"},
	{"-N never,success a@y", "deliver note | a@y"},
	{"-N sometimes a@y", "deliver note | a@y"},
	{"-N failure, a@y", "deliver note | a@y"},
	{"-N % a@y", "deliver note | a@y"},
	{"-N", "x needs a value"},
	/* -n */
	{"-n a@y", "deliver n | a@y"},
	/* -O, -o */
	{"-ODeliveryMode=b a@y", "deliver od=b | a@y"},
	{"-O deliverymode=q a@y", "deliver od=q | a@y"},
	{"-O DeliveryMode=x a@y", "deliver note | a@y"},
	{"-OErrorMode=m a@y", "deliver oe=m | a@y"},
	{"-OQueueDirectory=/q a@y", "deliver Q=/q | a@y"},
	{"-O Timeout.queuereturn=5d a@y", "deliver | a@y"},
	{"-O % a@y", "deliver | a@y"},
	{"-oQ/q a@y", "deliver Q=/q | a@y"},
	{"-oA/etc/aliases a@y", "deliver | a@y"},
	{"-o7 a@y", "deliver | a@y"},
	{"-o % a@y", "deliver | a@y"},
	{"-odb a@y", "deliver od=b | a@y"},
	{"-odi a@y", "deliver od=i | a@y"},
	{"-odf a@y", "deliver od=i | a@y"},
	{"-odq a@y", "deliver od=q | a@y"},
	{"-odd a@y", "deliver od=q | a@y"},
	{"-o dq a@y", "deliver od=q | a@y"},
	{"-odx a@y", "deliver note | a@y"},
	{"-od a@y", "deliver note | a@y"},
	{"-o", "x needs a value"},
	/* -oe, -e */
	{"-oem a@y", "deliver oe=m | a@y"},
	{"-oep a@y", "deliver | a@y"},
	{"-oew a@y", "deliver oe=m | a@y"},
	{"-oeq a@y", "deliver oe=q | a@y"},
	{"-oee a@y", "deliver oe=e | a@y"},
	{"-oez a@y", "deliver note | a@y"},
	{"-em a@y", "deliver oe=m | a@y"},
	{"-e m a@y", "deliver oe=m | a@y"},
	{"-eq a@y", "deliver oe=q | a@y"},
	{"-ee a@y", "deliver oe=e | a@y"},
	{"-ep a@y", "deliver | a@y"},
	{"-ex a@y", "deliver note | a@y"},
	/* -q */
	{"-q", "run |"},
	{"-qf", "run |"},
	{"-q15m", "loop q=900 |"},
	{"-q1h30m", "loop q=5400 |"},
	{"-q90", "loop q=5400 |"},
	{"-q30s", "loop q=30 |"},
	{"-q1d", "loop q=86400 |"},
	{"-q1w", "loop q=604800 |"},
	{"-qp15m", "loop q=900 |"},
	{"-qp", "x time"},
	{"-q0", "x time"},
	{"-q15x", "x time"},
	{"-q99999999999999999999m", "x time"},
	{"-qIabc", "run I=abc |"},
	{"-qRexample.org -qSjoe", "run R=example.org S=joe |"},
	{"-q!Rexample.org", "run !R=example.org |"},
	{"-q!", "x no such part"},
	{"-qGgroup", "x no such part"},
	{"-qQ", "x no such part"},
	{"-qL", "x no such part"},
	{"-Q", "x quarantine"},
	{"-Qreason", "x quarantine"},
	{"-q a@y", "x no sense"},
	{"-q 15m", "x no sense"},
	{"-bp -qRx", "list R=x |"},
	{"-qv", "x no such part"},
	{"-v -q", "run v |"},
	/* -R */
	{"-R hdrs a@y", "deliver R=HDRS | a@y"},
	{"-Rfull a@y", "deliver R=FULL | a@y"},
	{"-R HDRS a@y", "deliver R=HDRS | a@y"},
	{"-R none a@y", "deliver note | a@y"},
	/* -t */
	{"-t", "deliver t |"},
	{"-ti", "deliver t i |"},
	{"-it", "deliver t i |"},
	{"-t -i", "deliver t i |"},
	{"-t a@y", "deliver t | a@y"},
	{"-vti a@y", "deliver t i v | a@y"},
	{"-ti -fa@b", "deliver t i f=a@b |"},
	{"-tifa@b", "deliver t i f=a@b |"},
	/* -V */
	{"-V id a@y", "deliver V=id | a@y"},
	{"-Vid a@y", "deliver V=id | a@y"},
	{"-V00000id a@y", "deliver V=00000id | a@y"},
	{"-V a+2Bb a@y", "deliver V=a+2Bb | a@y"},
	{"-V a+2b a@y", "deliver note | a@y"},
	{"-V a+2 a@y", "deliver note | a@y"},
	{"-V a+ a@y", "deliver note | a@y"},
	{"-V a=b a@y", "deliver note | a@y"},
	{"-V a_b a@y", "deliver note | a@y"},
	{"-V % a@y", "deliver note | a@y"},
	/* -v */
	{"-v a@y", "deliver v | a@y"},
	/* -X */
	{"-X /log a@y", "deliver X=/log | a@y"},
	{"-X/log a@y", "deliver X=/log | a@y"},
	/* unknown */
	{"-Z a@y", "x -Z"},
	{"-1 a@y", "x -1"},
	{"-iZ a@y", "x -Z"},
	{"--help", "x long options"},
	{"--to=x", "x long options"},
	{"-t --to=x", "x long options"},
	{"-i- a@y", "x no such option: --"},
	/* "--", and no permutation */
	{"-- a@y", "deliver | a@y"},
	{"-i -- -a@y", "deliver i | -a@y"},
	{"-i -- a@y -- -t", "deliver i | a@y -- -t"},
	{"a@y -i", "x behind a recipient"},
	{"a@y --", "x behind a recipient"},
	{"a@y -- b@y", "x behind a recipient"},
	{"a@y -t b@y", "x behind a recipient"},
	{"- a@y", "x behind a recipient"},
	{"-f --  a@y", "deliver f=-- | a@y"},
	{"% a@y", "deliver |  a@y"},
	{"a@y b@y", "deliver | a@y b@y"},
	{"a@y,\nb@y", "x line end"},
	/* as the callers have it */
	{"-FCronDaemon -i -B8BITMIME -oem root",
		"deliver i F=CronDaemon B=8 oe=m | root"},
	{"-FCronDaemon -i -odi -oem -oi -t -f root",
		"deliver t i f=root F=CronDaemon od=i oe=m |"},
	{"-FAnacron -odi root", "deliver F=Anacron od=i | root"},
	{"-i -B8BITMIME joe", "deliver i B=8 | joe"},
	{"-f fail2ban root", "deliver f=fail2ban | root"},
	{"-oi -f a@b -oem c@y", "deliver i f=a@b oe=m | c@y"},
	{"-i -m -v -F full -f a@b -- c@y", "deliver i v f=a@b F=full | c@y"},
	{"-oi -f a@b -t", "deliver t i f=a@b |"},
	{"-oem -oi -B8BITMIME -f a@b -N failure -R hdrs -- c@y",
		"deliver i f=a@b B=8 oe=m N=2 R=HDRS | c@y"},
	{"-oi -f a@b -oA/file -oem -odb -t", "deliver t i f=a@b od=b oe=m |"},
	{"-t -i -fa@b", "deliver t i f=a@b |"},
	{"-i -f a@b -- c@y", "deliver i f=a@b | c@y"},
	{"-t -oi -oem -fa@b", "deliver t i f=a@b oe=m |"},
	{"-oi -ODeliveryMode=b -OErrorMode=m -t", "deliver t i od=b oe=m |"},
	{"-N success,delay,failure -V00000id -f % -- c@y",
		"deliver f= N=14 V=00000id | c@y"},
	{"-f USER -- c@y", "deliver f=USER | c@y"},
};

static const struct row mailq_rows[] = {
	{"", "list |"},
	{"-v", "list v |"},
	{"-Ac", "list |"},
	{"-qRx", "list R=x |"},
	{"-bp", "list |"},
	{"a@y", "x no sense"},
};

static const struct row newaliases_rows[] = {
	{"", "aliases |"},
	{"-v", "aliases v |"},
	{"a@y", "x no sense"},
	{"-oA/etc/aliases", "aliases |"},
};

static const char *const modes[] = {
	[SENDMAIL_DELIVER] = "deliver",
	[SENDMAIL_DIALOGUE] = "dialogue",
	[SENDMAIL_LIST] = "list",
	[SENDMAIL_ALIASES] = "aliases",
	[SENDMAIL_VERIFY] = "verify",
	[SENDMAIL_COUNT] = "count",
	[SENDMAIL_CHECK] = "check",
	[SENDMAIL_STATISTICS] = "statistics",
	[SENDMAIL_RUN] = "run",
	[SENDMAIL_LOOP] = "loop",
	[SENDMAIL_VERSION] = "version",
};

#define OUT_SIZE 1024

__attribute__((format(printf, 2, 3))) static void add(char *out, const char *format, ...)
{
	size_t n = strlen(out);
	va_list args;
	va_start(args, format);
	(void)vsnprintf(out + n, OUT_SIZE - n, format, args);
	va_end(args);
}

static void add_text(char *out, const char *name, const char *value)
{
	if (value != NULL) {
		add(out, " %s=%s", name, value);
	}
}

static void describe(const struct sendmail_flags *flags, char *out)
{
	add(out, "%s", modes[flags->mode]);
	add(out, "%s%s%s%s%s", flags->read_recipients ? " t" : "",
		flags->ignore_dots ? " i" : "",
		flags->ignore_dots_said && !flags->ignore_dots ? " dots" : "",
		flags->verbose ? " v" : "", flags->no_aliases ? " n" : "");
	add_text(out, "f", flags->sender);
	add_text(out, "F", flags->full_name);
	add_text(out, "C", flags->config);
	if (flags->body_bits > 0) {
		add(out, " B=%d", flags->body_bits);
	}
	if (flags->delivery != SENDMAIL_DELIVERY_DEFAULT) {
		add(out, " od=%c", "-biq"[flags->delivery]);
	}
	if (flags->errors != SENDMAIL_ERRORS_PRINT) {
		add(out, " oe=%c", "pmqe"[flags->errors]);
	}
	if (flags->notify != 0) {
		add(out, " N=%u", flags->notify);
	}
	add_text(out, "R", flags->dsn_return);
	add_text(out, "V", flags->envid);
	add_text(out, "L", flags->tag);
	add_text(out, "X", flags->log);
	add_text(out, "Q", flags->queue);
	if (flags->interval > 0) {
		add(out, " q=%lu", flags->interval);
	}
	for (size_t i = 0; i < flags->selection_count; i++) {
		const struct sendmail_selection *s = &flags->selections[i];
		add(out, " %s%c=%s", s->without ? "!" : "", s->what, s->text);
	}
	add(out, "%s", flags->version ? " version" : "");
}

static void note(void *context, const struct envoi_error *err)
{
	ck_assert_str_ne(err->text, "");
	++*(int *)context;
}

static void check(enum sendmail_name name, const struct row *row)
{
	char text[512], out[OUT_SIZE] = "";
	char *argv[64] = {NULL};
	char self[] = "sendmail", empty[] = "";
	int argc = 1, notes = 0;
	struct sendmail_flags flags;
	struct envoi_error err = ENVOI_ERROR_NONE;
	(void)snprintf(text, sizeof(text), "%s", row->words);
	argv[0] = self;
	for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
		for (char *p = word; (p = strchr(p, '_')) != NULL;) {
			*p = ' ';
		}
		argv[argc++] = strcmp(word, "%") == 0 ? empty : word;
	}
	int result = sendmail_flags_read(&flags, name, argc, argv, note, &notes, &err);
	if (row->expected[0] == 'x') {
		ck_assert_msg(result != 0, "taken: %s", row->words);
		ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
		ck_assert_msg(strstr(err.text, row->expected + 2) != NULL
				      || strstr(err.hint, row->expected + 2) != NULL,
			"%s: %s", row->words, err.text);
		return;
	}
	ck_assert_msg(result == 0, "%s: %s", row->words, err.text);
	describe(&flags, out);
	add(out, "%s |", notes > 0 ? " note" : "");
	for (int i = flags.operand; i < argc; i++) {
		add(out, " %s", argv[i]);
	}
	ck_assert_msg(strcmp(out, row->expected) == 0, "%s: %s", row->words, out);
}

START_TEST(words_of_sendmail)
{
	check(SENDMAIL_NAME_SENDMAIL, &sendmail_rows[_i]);
}
END_TEST

START_TEST(words_of_mailq)
{
	check(SENDMAIL_NAME_MAILQ, &mailq_rows[_i]);
}
END_TEST

START_TEST(words_of_newaliases)
{
	check(SENDMAIL_NAME_NEWALIASES, &newaliases_rows[_i]);
}
END_TEST

/* Every letter there is, alone and as the first word: nothing but a usage error
 * or a mode that was understood. */
START_TEST(every_letter)
{
	for (int c = 1; c < 256; c++) {
		char flag[] = {'-', (char)c, '\0'}, self[] = "sendmail", to[] = "a@y";
		char *argv[] = {self, flag, to, to, NULL};
		struct sendmail_flags flags;
		struct envoi_error err = ENVOI_ERROR_NONE;
		bool known =
			(c < 128 && strchr("ABbCcDdEeFfGhIiJLMmNnOopQqRrsTtUVvXx", c))
			|| c == '-';
		int result = sendmail_flags_read(
			&flags, SENDMAIL_NAME_SENDMAIL, 4, argv, NULL, NULL, &err);
		ck_assert_msg(known || result != 0, "-%c is taken", c);
		ck_assert(result != 0 || flags.mode == SENDMAIL_DELIVER);
	}
}
END_TEST

START_TEST(many_selections)
{
	char self[] = "sendmail", part[] = "-qRx";
	char *argv[20] = {self};
	struct sendmail_flags flags;
	struct envoi_error err = ENVOI_ERROR_NONE;
	for (int i = 1; i < 20; i++) {
		argv[i] = part;
	}
	ck_assert_int_eq(sendmail_flags_read(&flags, SENDMAIL_NAME_SENDMAIL, 9, argv,
				 NULL, NULL, &err),
		0);
	ck_assert_uint_eq(flags.selection_count, 8);
	ck_assert_int_eq(sendmail_flags_read(&flags, SENDMAIL_NAME_SENDMAIL, 10, argv,
				 NULL, NULL, &err),
		-1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sendmail_flags");
	TCase *tc = tcase_create("words");
	tcase_add_loop_test(tc, words_of_sendmail, 0,
		(int)(sizeof(sendmail_rows) / sizeof(sendmail_rows[0])));
	tcase_add_loop_test(
		tc, words_of_mailq, 0, (int)(sizeof(mailq_rows) / sizeof(mailq_rows[0])));
	tcase_add_loop_test(tc, words_of_newaliases, 0,
		(int)(sizeof(newaliases_rows) / sizeof(newaliases_rows[0])));
	tcase_add_test(tc, every_letter);
	tcase_add_test(tc, many_selections);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
