/*
 * The session, by hand: what conversation files cannot say. Most of it is in
 * tests/dialogue/cases.
 */
#include <stdio.h>

#include "base/limits.h"
#include "talk.h"

#define OPTIONS(...) ((struct envoi_session_options){__VA_ARGS__})
#define FACTS(talk) envoi_session_facts((talk)->session)
#define BODY "Subject: x\r\n\r\nx\r\n"

static void check_outcome(const struct talk *talk, size_t mail, size_t person,
	enum envoi_outcome outcome, enum envoi_status status)
{
	const struct envoi_result *result = &talk->mails[mail].people[person].result;
	ck_assert_str_eq(
		envoi_outcome_name(result->outcome), envoi_outcome_name(outcome));
	ck_assert_int_eq(result->status, status);
	ck_assert(result->reply.code != 0 || result->error != NULL);
}

static void check_closed(const struct talk *talk, enum envoi_close how)
{
	ck_assert(talk->closed);
	ck_assert_int_eq(FACTS(talk)->close, how);
	for (size_t i = 0; i < talk->count; i++) {
		ck_assert_int_eq(talk->mails[i].submitted, talk->mails[i].finished);
	}
	ck_assert_int_eq(envoi_session_deadline(talk->session), ENVOI_CLOCK_NEVER);
}

/* -- output ------------------------------------------------------------------- */

START_TEST(segments_stay_until_taken)
{
	struct talk talk;
	struct envoi_segment first, again;
	talk_begin(&talk, OPTIONS(.helo = "client.example.org"));
	ck_assert(!envoi_session_next_segment(talk.session, &first, 0));
	envoi_session_receive(talk.session, "220 mx\r\n", 8, 0);
	ck_assert(envoi_session_next_segment(talk.session, &first, 0));
	ck_assert(envoi_session_next_segment(talk.session, &again, 0));
	ck_assert_uint_eq(first.length, strlen("EHLO client.example.org\r\n"));
	ck_assert_uint_eq(first.length, again.length);
	/* Octet by octet. */
	struct envoi_buffer said;
	envoi_buffer_init(&said, 1000);
	while (envoi_session_next_segment(talk.session, &again, 0)) {
		ck_assert_int_eq(envoi_buffer_append(&said, again.data, 1), 0);
		ck_assert(!envoi_session_is_flushed(talk.session));
		envoi_session_take(talk.session, 1, false);
	}
	ck_assert_str_eq(envoi_buffer_string(&said), "EHLO client.example.org\r\n");
	envoi_session_sent(talk.session, said.len - 1, 0);
	ck_assert(!envoi_session_is_flushed(talk.session));
	envoi_session_sent(talk.session, 1, 0);
	ck_assert(envoi_session_is_flushed(talk.session));
	envoi_buffer_finish(&said);
	talk_end(&talk);
}
END_TEST

START_TEST(a_reply_to_what_was_not_sent_is_none)
{
	/* Taken is not sent: the last octet of the command is missing. */
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	talk_mail(&talk, BODY, 1);
	talk.stuck = true;
	talk_server(&talk, "220 mx\r\n");
	talk_heard(&talk, "EHLO c\r\n");
	envoi_session_sent(talk.session, 7, 0);
	talk_server(&talk, "250 mx\r\n");
	check_closed(&talk, ENVOI_CLOSE_NOT_SENT);
	ck_assert_int_eq(FACTS(&talk)->error.status, ENVOI_STATUS_PROTOCOL);
	talk_end(&talk);
}
END_TEST

START_TEST(an_end_of_data_not_sent_is_no_doubt)
{
	/* All is taken, the last octet of the dot line is not sent. */
	struct talk talk;
	for (size_t short_by = 0; short_by < 2; short_by++) {
		talk_begin(&talk, OPTIONS(0));
		talk_mail(&talk, BODY, 1);
		talk_greet(&talk, "250 mx\r\n");
		talk_server(&talk, "250 ok\r\n");
		talk_server(&talk, "250 ok\r\n");
		talk.stuck = true;
		talk_server(&talk, "354 go\r\n");
		talk_heard(&talk,
			"MAIL FROM:<s@x>\r\nRCPT TO:<a@x>\r\nDATA\r\n" BODY ".\r\n");
		envoi_session_sent(talk.session, talk.unsent - short_by, 0);
		envoi_session_eof(talk.session, false, 0);
		talk_events(&talk);
		check_closed(&talk, ENVOI_CLOSE_EOF);
		if (short_by == 0) {
			check_outcome(&talk, 0, 0, ENVOI_OUTCOME_UNKNOWN,
				ENVOI_STATUS_PROTOCOL);
		} else {
			check_outcome(&talk, 0, 0, ENVOI_OUTCOME_DEFERRED,
				ENVOI_STATUS_TEMPORARY);
			ck_assert(talk.mails[0].people[0].result.again);
		}
		talk_end(&talk);
	}
}
END_TEST

START_TEST(an_unfit_name_is_refused)
{
	static char name[2 * ENVOI_LIMIT_COMMAND];
	static const char *const names[] = {"a\r\nQUIT", "a\nb", "a\tb", "a b", "", name};
	memset(name, 'x', sizeof(name) - 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct envoi_error err = ENVOI_ERROR_NONE;
		struct envoi_session_options options = {.helo = names[i]};
		ck_assert_ptr_null(envoi_session_new(&options, 0, &err));
		ck_assert_int_eq(err.status, ENVOI_STATUS_USAGE);
	}
}
END_TEST

/* -- the window ------------------------------------------------------------------- */

static size_t submitted(const struct talk *talk)
{
	size_t n = 0;
	for (size_t i = 0; i < talk->count; i++) {
		n += talk->mails[i].submitted;
	}
	return n;
}

START_TEST(windows_are_bounded)
{
	static const struct {
		const char *offer;
		unsigned window;
		size_t first;
	} cases[] = {
		{"250 mx\r\n", 0, 1},
		{"250-mx\r\n250 CHUNKING\r\n", 0, 1},
		{"250-mx\r\n250 PIPELINING\r\n", 0, 2},
		{"250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n", 0,
			ENVOI_LIMIT_WINDOW_FIRST},
		{"250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n", 3, 3},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talk talk;
		talk_begin(&talk, OPTIONS(.window = cases[i].window));
		for (size_t j = 0; j < TALK_MAILS; j++) {
			talk_mail(&talk, BODY, 1);
		}
		ck_assert(!envoi_session_can_submit(talk.session, 1));
		talk_greet(&talk, cases[i].offer);
		ck_assert_uint_eq(submitted(&talk), cases[i].first);
		if (cases[i].first > 2) {
			/* Each accepted message widens it by one. */
			talk_server(&talk, "250 ok\r\n250 ok\r\n250 ok\r\n");
			ck_assert(talk.mails[0].finished);
			ck_assert_uint_eq(submitted(&talk), cases[i].first + 2);
			/* A refused one does not. */
			talk_server(&talk, "250 r\r\n250 ok\r\n250 ok\r\n451 no\r\n");
			ck_assert(talk.mails[1].finished);
			ck_assert_uint_eq(submitted(&talk), cases[i].first + 3);
		}
		envoi_session_eof(talk.session, false, 0);
		talk_events(&talk);
		check_closed(&talk, ENVOI_CLOSE_EOF);
		talk_end(&talk);
	}
}
END_TEST

/* Behind a loss: slowly from where it is told to be careful, by one a window. */
START_TEST(careful_window_grows_slowly)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(.window = 2, .window_careful = 2));
	for (size_t j = 0; j < TALK_MAILS; j++) {
		talk_mail(&talk, BODY, 1);
	}
	talk_greet(&talk, "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n");
	ck_assert_uint_eq(submitted(&talk), 2);
	talk_server(&talk, "250 m\r\n250 r\r\n250 ok\r\n");
	ck_assert_uint_eq(submitted(&talk), 3);
	talk_server(&talk, "250 R\r\n250 m\r\n250 r\r\n250 ok\r\n");
	ck_assert_uint_eq(submitted(&talk), 5);
	envoi_session_eof(talk.session, false, 0);
	talk_events(&talk);
	talk_end(&talk);
}
END_TEST

/* RFC 9422: each MAIL counts, that of a second try as well. */
START_TEST(a_second_try_counts_for_mailmax)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	talk_mail(&talk, BODY, 1);
	talk_mail(&talk, BODY, 1);
	talk_greet(&talk, "250-mx\r\n250-CHUNKING\r\n250 LIMITS MAILMAX=2\r\n");
	talk_server(&talk, "250 m\r\n");
	talk_server(&talk, "250 r\r\n");
	talk_server(&talk, "503 no\r\n");
	talk_server(&talk, "250 R\r\n");
	talk_server(&talk, "250 m\r\n");
	talk_server(&talk, "250 r\r\n");
	talk_server(&talk, "354 go\r\n");
	talk_server(&talk, "250 e\r\n");
	ck_assert_int_eq(talk_outcome(&talk, 0, 0), ENVOI_OUTCOME_DELIVERED);
	ck_assert(!talk.mails[1].submitted);
	talk_end(&talk);
}
END_TEST

START_TEST(large_messages_narrow_the_window)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	talk_greet(&talk, "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n");
	/* Any message may be the only one. */
	ck_assert(envoi_session_can_submit(talk.session, UINT64_MAX / 2));
	struct talk_mail *mail = talk_mail(&talk, BODY, 1);
	mail->transaction.size = ENVOI_LIMIT_WINDOW_BYTES - 10;
	struct envoi_error err;
	mail->submitted = true;
	ck_assert_int_eq(envoi_session_submit(talk.session, &mail->transaction, &err), 0);
	ck_assert(envoi_session_can_submit(talk.session, 10));
	ck_assert(!envoi_session_can_submit(talk.session, 11));
	envoi_session_close(talk.session, 0);
	ck_assert(!envoi_session_can_submit(talk.session, 10));
	envoi_session_eof(talk.session, true, 0);
	talk_events(&talk);
	check_closed(&talk, ENVOI_CLOSE_RESET);
	talk_end(&talk);
}
END_TEST

/* -- time ---------------------------------------------------------------------------- */

/* Goes to the state in which the session waits for this phase. */
static void wait_in(struct talk *talk, enum envoi_phase phase)
{
	static const struct {
		enum envoi_phase phase;
		const char *say;
	} way[] = {
		{ENVOI_PHASE_GREETING, "220 mx\r\n"},
		{ENVOI_PHASE_EHLO, "250 mx\r\n"},
		{ENVOI_PHASE_MAIL, "250 ok\r\n"},
		{ENVOI_PHASE_RCPT, "250 ok\r\n"},
		{ENVOI_PHASE_DATA, "354 go\r\n"},
		{ENVOI_PHASE_DOT, "250 ok\r\n"},
	};
	talk_mail(talk, BODY, 1);
	for (size_t i = 0; way[i].phase != phase; i++) {
		talk_server(talk, way[i].say);
	}
}

START_TEST(deadlines_are_those_of_the_rfc)
{
	static const struct {
		enum envoi_phase phase;
		int64_t seconds;
		enum envoi_outcome outcome;
	} phases[] = {
		{ENVOI_PHASE_GREETING, 300, ENVOI_OUTCOME_PENDING},
		{ENVOI_PHASE_EHLO, 300, ENVOI_OUTCOME_PENDING},
		{ENVOI_PHASE_MAIL, 300, ENVOI_OUTCOME_DEFERRED},
		{ENVOI_PHASE_RCPT, 300, ENVOI_OUTCOME_DEFERRED},
		{ENVOI_PHASE_DATA, 120, ENVOI_OUTCOME_DEFERRED},
		{ENVOI_PHASE_DOT, 600, ENVOI_OUTCOME_UNKNOWN},
	};
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		for (int own = 0; own < 2; own++) {
			struct talk talk;
			struct envoi_session_options options = {0};
			int64_t limit = phases[i].seconds * TALK_SECOND;
			if (own) {
				limit = options.timeout_us[phases[i].phase] = 12345;
			}
			talk_begin(&talk, options);
			wait_in(&talk, phases[i].phase);
			ck_assert_int_eq(envoi_session_deadline(talk.session), limit);
			/* Half a reply does not prolong it. */
			talk.now = limit - 1;
			talk_server(&talk, "250-");
			ck_assert_int_eq(envoi_session_deadline(talk.session), limit);
			envoi_session_tick(talk.session, limit - 1);
			talk_events(&talk);
			ck_assert(!talk.closed);
			envoi_session_tick(talk.session, limit);
			talk_events(&talk);
			check_closed(&talk, ENVOI_CLOSE_TIMEOUT);
			ck_assert_int_eq(FACTS(&talk)->error_phase, phases[i].phase);
			ck_assert_ptr_nonnull(strstr(FACTS(&talk)->error.text,
				envoi_phase_name(phases[i].phase)));
			ck_assert_int_eq(talk_outcome(&talk, 0, 0), phases[i].outcome);
			talk_end(&talk);
		}
	}
}
END_TEST

START_TEST(progress_in_sending_is_progress)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	wait_in(&talk, ENVOI_PHASE_DATA);
	talk.stuck = true;
	talk_server(&talk, "354 go\r\n");
	ck_assert_int_eq(envoi_session_deadline(talk.session), 180 * TALK_SECOND);
	talk.now = 170 * TALK_SECOND;
	envoi_session_sent(talk.session, 1, talk.now);
	ck_assert_int_eq(envoi_session_deadline(talk.session), 350 * TALK_SECOND);
	envoi_session_tick(talk.session, 350 * TALK_SECOND);
	talk_events(&talk);
	check_closed(&talk, ENVOI_CLOSE_TIMEOUT);
	check_outcome(&talk, 0, 0, ENVOI_OUTCOME_DEFERRED, ENVOI_STATUS_TEMPORARY);
	talk_end(&talk);
}
END_TEST

START_TEST(quit_has_one_short_deadline)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	talk_greet(&talk, "250 mx\r\n");
	envoi_session_close(talk.session, 0);
	talk_turn(&talk);
	talk_heard(&talk, "QUIT\r\n");
	for (talk.now = TALK_SECOND; talk.now < 10 * TALK_SECOND;
		talk.now += TALK_SECOND) {
		talk_server(&talk, "221-so long\r\n");
		ck_assert_int_eq(envoi_session_deadline(talk.session), 10 * TALK_SECOND);
	}
	envoi_session_tick(talk.session, talk.now);
	talk_events(&talk);
	check_closed(&talk, ENVOI_CLOSE_TIMEOUT);
	/* A bad end is no error. */
	ck_assert_int_eq(FACTS(&talk)->error.status, ENVOI_STATUS_OK);
	talk_end(&talk);
}
END_TEST

START_TEST(the_handshake_has_its_deadline)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(.tls = ENVOI_TLS_IMPLICIT));
	talk_turn(&talk);
	ck_assert(talk.tls);
	ck_assert_int_eq(envoi_session_deadline(talk.session), 120 * TALK_SECOND);
	envoi_session_tick(talk.session, 120 * TALK_SECOND);
	talk_events(&talk);
	check_closed(&talk, ENVOI_CLOSE_TIMEOUT);
	ck_assert_int_eq(FACTS(&talk)->error_phase, ENVOI_PHASE_TLS);
	talk_end(&talk);
}
END_TEST

START_TEST(phases_are_timed)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	talk_turn(&talk);
	talk.now = 1000;
	talk_server(&talk, "220 mx\r\n");
	talk.now = 3000;
	talk_server(&talk, "250 mx\r\n");
	envoi_session_close(talk.session, talk.now);
	talk_turn(&talk);
	talk.now = 7000;
	talk_server(&talk, "221 bye\r\n");
	check_closed(&talk, ENVOI_CLOSE_REPLY);
	ck_assert_int_eq(FACTS(&talk)->took_us[ENVOI_PHASE_GREETING], 1000);
	ck_assert_int_eq(FACTS(&talk)->took_us[ENVOI_PHASE_EHLO], 2000);
	ck_assert_int_eq(FACTS(&talk)->took_us[ENVOI_PHASE_QUIT], 4000);
	ck_assert_int_eq(FACTS(&talk)->took_us[ENVOI_PHASE_TLS], -1);
	talk_end(&talk);
}
END_TEST

/* -- TLS -------------------------------------------------------------------------------
 */

START_TEST(nothing_is_read_in_clear_before_a_handshake)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(.tls = ENVOI_TLS_IMPLICIT));
	talk_turn(&talk);
	ck_assert(talk.tls);
	talk_server(&talk, "220 mx\r\n");
	check_closed(&talk, ENVOI_CLOSE_NOT_SENT);
	ck_assert_int_eq(FACTS(&talk)->error.status, ENVOI_STATUS_PROTOCOL);
	talk_end(&talk);
}
END_TEST

START_TEST(a_handshake_nobody_asked_for_means_nothing)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	envoi_session_tls_established(talk.session, 0);
	talk_greet(&talk, "250 mx\r\n");
	envoi_session_tls_established(talk.session, 0);
	ck_assert(!FACTS(&talk)->tls);
	talk_turn(&talk);
	talk_heard(&talk, "");
	talk_end(&talk);
}
END_TEST

START_TEST(a_failed_handshake_is_ours)
{
	struct talk talk;
	struct envoi_error why;
	talk_begin(&talk, OPTIONS(.tls = ENVOI_TLS_STARTTLS));
	talk_greet(&talk, "250-mx\r\n250 STARTTLS\r\n");
	talk_heard(&talk, "STARTTLS\r\n");
	talk_server(&talk, "220 go\r\n");
	ck_assert(talk.tls);
	(void)envoi_error_set(&why, ENVOI_STATUS_REFUSED, "not trusted");
	envoi_session_abort(talk.session, &why, ENVOI_PHASE_TLS, false, 0);
	talk_turn(&talk);
	talk_heard(&talk, "");
	check_closed(&talk, ENVOI_CLOSE_NOT_SENT);
	ck_assert_str_eq(FACTS(&talk)->error.text, "not trusted");
	/* Nothing moves it any more. */
	envoi_session_tls_established(talk.session, 0);
	talk_server(&talk, "250 mx\r\n");
	envoi_session_eof(talk.session, true, 0);
	envoi_session_stop(talk.session, 0);
	envoi_session_close(talk.session, 0);
	envoi_session_tick(talk.session, INT64_MAX);
	talk_turn(&talk);
	talk_heard(&talk, "");
	ck_assert_int_eq(FACTS(&talk)->close, ENVOI_CLOSE_NOT_SENT);
	talk_end(&talk);
}
END_TEST

/* -- a signal
 * ----------------------------------------------------------------------------- */

#define PIPE "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n"

START_TEST(stopped_before_anything_was_sent)
{
	struct talk talk;
	for (int greeted = 0; greeted < 2; greeted++) {
		talk_begin(&talk, OPTIONS(0));
		talk_mail(&talk, BODY, 1);
		if (greeted) {
			talk.segments = 1;
			talk_greet(&talk, "250 mx\r\n");
		}
		envoi_session_stop(talk.session, 0);
		talk.segments = SIZE_MAX;
		talk_turn(&talk);
		talk_heard(&talk, greeted ? "QUIT\r\n" : "");
		if (greeted) {
			talk_server(&talk, "221 bye\r\n");
			check_outcome(&talk, 0, 0, ENVOI_OUTCOME_UNTRIED,
				ENVOI_STATUS_TEMPORARY);
		}
		check_closed(&talk, greeted ? ENVOI_CLOSE_REPLY : ENVOI_CLOSE_NOT_SENT);
		talk_end(&talk);
	}
}
END_TEST

/* Behind each segment of two messages in a window: what was not taken does not
 * go, what was sent is awaited, and nobody ends as if nothing had happened. */
START_TEST(stopped_behind_each_segment)
{
	static const char *const replies[] = {"250 mail\r\n", "250 rcpt\r\n",
		"250 end\r\n", "250 rset\r\n", "250 mail\r\n", "250 rcpt\r\n",
		"250 end\r\n"};
	/* Of each segment: whether it asks for a reply. */
	static const bool asks[] = {
		true, true, false, true, true, true, true, false, true};
	for (size_t segments = 0; segments <= 9; segments++) {
		struct talk talk;
		talk_begin(&talk, OPTIONS(0));
		talk_mail(&talk, BODY, 1);
		talk_mail(&talk, BODY, 1);
		talk.segments = 1;
		talk_greet(&talk, PIPE);
		talk.segments = segments;
		talk_turn(&talk);
		envoi_session_stop(talk.session, 0);
		talk.segments = SIZE_MAX;
		envoi_buffer_clear(&talk.said);
		talk_turn(&talk);
		/* The rest of a chunk may follow, no command but QUIT. */
		const char *rest = envoi_buffer_string(&talk.said);
		ck_assert_ptr_null(strstr(rest, "MAIL"));
		ck_assert_ptr_null(strstr(rest, "RCPT"));
		ck_assert_ptr_null(strstr(rest, "BDAT"));
		size_t due = 0;
		for (size_t i = 0; i < segments; i++) {
			due += asks[i];
		}
		/* A chunk that was begun is ended. */
		due += segments == 3 || segments == 8;
		for (size_t i = 0; i < due; i++) {
			ck_assert(!talk.closed);
			talk_server(&talk, replies[i]);
		}
		ck_assert_ptr_nonnull(
			strstr(envoi_buffer_string(&talk.said), "QUIT\r\n"));
		talk_server(&talk, "221 bye\r\n");
		check_closed(&talk, ENVOI_CLOSE_REPLY);
		for (size_t i = 0; i < 2; i++) {
			size_t first = i * 5;
			enum envoi_outcome want =
				due >= 3 + i * 4   ? ENVOI_OUTCOME_DELIVERED
				: segments > first ? ENVOI_OUTCOME_DEFERRED
						   : ENVOI_OUTCOME_UNTRIED;
			if (i == 1 && segments == 4) {
				/* RSET alone begins nothing. */
				want = ENVOI_OUTCOME_UNTRIED;
			}
			check_outcome(&talk, i, 0, want,
				want == ENVOI_OUTCOME_DELIVERED ? ENVOI_STATUS_OK
								: ENVOI_STATUS_TEMPORARY);
		}
		talk_end(&talk);
	}
}
END_TEST

START_TEST(stopped_in_a_body)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	talk_mail(&talk, BODY, 1);
	talk_greet(&talk, "250 mx\r\n");
	talk_server(&talk, "250 ok\r\n");
	talk_server(&talk, "250 ok\r\n");
	talk.octets = 5;
	talk_server(&talk, "354 go\r\n");
	envoi_session_stop(talk.session, 0);
	talk.octets = SIZE_MAX;
	envoi_buffer_clear(&talk.said);
	talk_turn(&talk);
	talk_heard(&talk, "");
	check_closed(&talk, ENVOI_CLOSE_NOT_SENT);
	check_outcome(&talk, 0, 0, ENVOI_OUTCOME_DEFERRED, ENVOI_STATUS_TEMPORARY);
	talk_end(&talk);
}
END_TEST

START_TEST(stopped_twice_and_late)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	wait_in(&talk, ENVOI_PHASE_DOT);
	envoi_session_stop(talk.session, 0);
	envoi_session_stop(talk.session, 0);
	talk_turn(&talk);
	ck_assert(!talk.closed);
	talk_server(&talk, "250 queued\r\n");
	envoi_session_stop(talk.session, 0);
	talk_server(&talk, "221 bye\r\n");
	check_closed(&talk, ENVOI_CLOSE_REPLY);
	check_outcome(&talk, 0, 0, ENVOI_OUTCOME_DELIVERED, ENVOI_STATUS_OK);
	talk_end(&talk);
}
END_TEST

/* -- replies in odd places
 * --------------------------------------------------------------- */

START_TEST(nothing_follows_the_dot_for_nobody_in_lmtp)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(.lmtp = true));
	talk_mail(&talk, BODY, 1);
	talk_mail(&talk, BODY, 1);
	talk_greet(&talk, "250-mx\r\n250 PIPELINING\r\n");
	talk_heard(&talk, "MAIL FROM:<s@x>\r\nRCPT TO:<a@x>\r\nDATA\r\n");
	talk_server(&talk, "250 ok\r\n550 no\r\n354 go\r\n");
	talk_heard(&talk, ".\r\nQUIT\r\n");
	ck_assert(talk.mails[1].finished);
	check_outcome(&talk, 0, 0, ENVOI_OUTCOME_REJECTED, ENVOI_STATUS_NOUSER);
	check_outcome(&talk, 1, 0, ENVOI_OUTCOME_UNTRIED, ENVOI_STATUS_TEMPORARY);
	ck_assert(talk.mails[1].people[0].result.again);
	talk_server(&talk, "503 nobody\r\n");
	ck_assert(!talk.closed);
	talk_server(&talk, "221 bye\r\n");
	check_closed(&talk, ENVOI_CLOSE_REPLY);
	ck_assert_int_eq(FACTS(&talk)->close_reply.code, 221);
	talk_end(&talk);
}
END_TEST

START_TEST(no_chunk_behind_a_refused_mail)
{
	/* The recipients may be those of another, older transaction. */
	struct talk talk;
	for (int lmtp = 0; lmtp < 2; lmtp++) {
		talk_begin(&talk, OPTIONS(.lmtp = lmtp == 1));
		talk_mail(&talk, BODY, 1)->transaction.all_or_nothing = true;
		talk_greet(&talk, PIPE);
		talk_heard(&talk, "MAIL FROM:<s@x>\r\nRCPT TO:<a@x>\r\n");
		talk_server(&talk, "550 no\r\n250 yes\r\n");
		envoi_session_close(talk.session, 0);
		talk_turn(&talk);
		talk_heard(&talk, "QUIT\r\n");
		check_outcome(&talk, 0, 0, ENVOI_OUTCOME_REJECTED, ENVOI_STATUS_REFUSED);
		talk_end(&talk);
	}
}
END_TEST

START_TEST(a_refused_mail_is_no_trouble_of_chunking)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	talk_mail(&talk, BODY, 1);
	talk_greet(&talk, PIPE);
	talk_server(&talk, "550 no\r\n250 yes\r\n503 no mail\r\n");
	check_outcome(&talk, 0, 0, ENVOI_OUTCOME_REJECTED, ENVOI_STATUS_REFUSED);
	ck_assert_int_eq(talk.mails[0].people[0].result.reply.code, 550);
	talk_end(&talk);
}
END_TEST

/* In LMTP a 503 may be the answer for one recipient, with others to come that
 * take the message: it must not be begun anew for all. */
START_TEST(a_chunk_refused_for_one_in_lmtp)
{
	static const struct {
		/** The final replies; then the connection is lost. */
		const char *say;
		enum envoi_outcome first, second;
	} cases[] = {
		{"503 no\r\n", ENVOI_OUTCOME_REJECTED, ENVOI_OUTCOME_UNKNOWN},
		{"503 no\r\n250 ok\r\n", ENVOI_OUTCOME_REJECTED, ENVOI_OUTCOME_DELIVERED},
		{"250 ok\r\n500 no\r\n", ENVOI_OUTCOME_DELIVERED, ENVOI_OUTCOME_REJECTED},
		{"503 no\r\n451 no\r\n", ENVOI_OUTCOME_REJECTED, ENVOI_OUTCOME_DEFERRED},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talk talk;
		talk_begin(&talk, OPTIONS(.lmtp = true));
		talk_mail(&talk, BODY, 2);
		talk_greet(&talk, PIPE);
		talk_server(&talk, "250 ok\r\n250 ok\r\n250 ok\r\n");
		envoi_buffer_clear(&talk.said);
		talk_server(&talk, cases[i].say);
		talk_heard(&talk, "");
		envoi_session_eof(talk.session, false, 0);
		talk_events(&talk);
		check_closed(&talk, ENVOI_CLOSE_EOF);
		ck_assert_int_eq(talk_outcome(&talk, 0, 0), cases[i].first);
		ck_assert_int_eq(talk_outcome(&talk, 0, 1), cases[i].second);
		talk_end(&talk);
	}
}
END_TEST

START_TEST(a_chunk_refused_for_the_only_one_in_lmtp)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(.lmtp = true));
	talk_mail(&talk, BODY, 2);
	talk_greet(&talk, PIPE);
	talk_server(&talk, "250 ok\r\n550 no\r\n250 ok\r\n");
	envoi_buffer_clear(&talk.said);
	talk_server(&talk, "503 no\r\n");
	talk_heard(&talk, "RSET\r\n");
	talk_server(&talk, "250 ok\r\n");
	talk_heard(
		&talk, "MAIL FROM:<s@x>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n");
	talk_end(&talk);
}
END_TEST

START_TEST(a_chunk_refused_early_is_ended)
{
	/* Small: the session goes on in step. */
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	talk_mail(&talk, BODY, 1);
	talk_mail(&talk, BODY, 1);
	talk_greet(&talk, "250-mx\r\n250 CHUNKING\r\n");
	talk_server(&talk, "250 ok\r\n");
	talk.octets = 3;
	talk_server(&talk, "250 ok\r\n");
	talk_heard(&talk, "MAIL FROM:<s@x>\r\nRCPT TO:<a@x>\r\nBDAT 17 LAST\r\nSub");
	talk_server(&talk, "552 5.3.4 too big\r\n");
	talk_heard(&talk, "");
	ck_assert(!talk.mails[0].finished);
	talk.octets = SIZE_MAX;
	talk_turn(&talk);
	talk_heard(&talk, "ject: x\r\n\r\nx\r\nRSET\r\n");
	check_outcome(&talk, 0, 0, ENVOI_OUTCOME_REJECTED, ENVOI_STATUS_REFUSED);
	talk_server(&talk, "250 ok\r\n");
	talk_heard(&talk, "MAIL FROM:<s@x>\r\n");
	talk_end(&talk);
}
END_TEST

/* A refusal answers a BDAT once its command line has left, and not before. */
START_TEST(a_chunk_refused_behind_its_command_line)
{
	static const char line[] = "BDAT 17 LAST\r\n";
	for (size_t sent = 0; sent <= strlen(line) + 1; sent++) {
		struct talk talk;
		talk_begin(&talk, OPTIONS(0));
		talk_mail(&talk, BODY, 1);
		talk_greet(&talk, "250-mx\r\n250 CHUNKING\r\n");
		talk_server(&talk, "250 ok\r\n");
		envoi_buffer_clear(&talk.said);
		talk.stuck = true;
		talk_server(&talk, "250 ok\r\n");
		talk_heard(&talk, "BDAT 17 LAST\r\n" BODY);
		envoi_session_sent(talk.session, sent, 0);
		talk_server(&talk, "552 5.3.4 too big\r\n");
		if (sent < strlen(line)) {
			check_closed(&talk, ENVOI_CLOSE_NOT_SENT);
			check_outcome(&talk, 0, 0, ENVOI_OUTCOME_DEFERRED,
				ENVOI_STATUS_PROTOCOL);
		} else {
			ck_assert(!talk.closed);
			check_outcome(&talk, 0, 0, ENVOI_OUTCOME_REJECTED,
				ENVOI_STATUS_REFUSED);
		}
		talk_end(&talk);
	}
}
END_TEST

/* "No further transactions" is not "the server refused RSET": what is queued
 * goes, and must not be given back as well. */
START_TEST(a_reply_to_rset_in_a_session_that_is_to_end)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	for (size_t i = 0; i < 3; i++) {
		talk_mail(&talk, BODY, 1);
	}
	talk.octets = strlen(BODY) + 3;
	talk_greet(&talk, PIPE);
	envoi_session_close(talk.session, 0);
	/* The second chunk is on its way, the third message not begun. */
	talk_server(&talk, "250 m\r\n250 r\r\n250 e\r\n250 R\r\n");
	ck_assert(talk.mails[0].finished);
	ck_assert(!talk.mails[2].finished);
	talk.octets = SIZE_MAX;
	talk_turn(&talk);
	talk_server(&talk, "250 m\r\n250 r\r\n250 e\r\n250 R\r\n");
	talk_server(&talk, "250 m\r\n250 r\r\n250 e\r\n");
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(talk_outcome(&talk, i, 0), ENVOI_OUTCOME_DELIVERED);
	}
	talk_server(&talk, "221 bye\r\n");
	check_closed(&talk, ENVOI_CLOSE_REPLY);
	talk_end(&talk);
}
END_TEST

START_TEST(a_421_at_every_place)
{
	/* Two messages in a window, all sent: behind each reply. */
	static const char *const replies[] = {"250 mail\r\n", "250 rcpt\r\n",
		"250 end\r\n", "250 rset\r\n", "250 mail\r\n", "250 rcpt\r\n",
		"250 end\r\n"};
	for (size_t n = 0; n <= 7; n++) {
		struct talk talk;
		talk_begin(&talk, OPTIONS(0));
		talk_mail(&talk, BODY, 1);
		talk_mail(&talk, BODY, 1);
		talk_greet(&talk, PIPE);
		for (size_t i = 0; i < n; i++) {
			talk_server(&talk, replies[i]);
		}
		envoi_buffer_clear(&talk.said);
		talk_server(&talk, "421 4.3.2 going\r\n");
		talk_heard(&talk, "QUIT\r\n");
		talk_server(&talk, "221 bye\r\n");
		check_closed(&talk, ENVOI_CLOSE_REPLY);
		ck_assert_int_eq(FACTS(&talk)->close_reply.code, 421);
		for (size_t i = 0; i < 2; i++) {
			bool done = n >= 3 + 4 * i;
			check_outcome(&talk, i, 0,
				done ? ENVOI_OUTCOME_DELIVERED : ENVOI_OUTCOME_DEFERRED,
				done ? ENVOI_STATUS_OK : ENVOI_STATUS_TEMPORARY);
			ck_assert_int_eq(talk.mails[i].people[0].result.again, !done);
		}
		talk_end(&talk);
	}
}
END_TEST

/* A server that says 421 and works on: what it refuses is the echo, what it
 * takes is taken. */
START_TEST(replies_behind_a_421)
{
	static const struct {
		const char *say;
		enum envoi_outcome first, second;
		/** The reply that decided the second; 0: none. */
		int code;
	} cases[] = {
		/* All refused behind it. */
		{"421 m\r\n503 r\r\n503 e\r\n503 R\r\n503 M\r\n503 r\r\n503 e\r\n",
			ENVOI_OUTCOME_DEFERRED, ENVOI_OUTCOME_DEFERRED, 421},
		{"250 m\r\n250 r\r\n421 e\r\n250 R\r\n250 M\r\n550 r\r\n503 e\r\n",
			ENVOI_OUTCOME_DEFERRED, ENVOI_OUTCOME_DEFERRED, 421},
		{"250 m\r\n250 r\r\n250 e\r\n421 R\r\n550 M\r\n550 r\r\n554 e\r\n",
			ENVOI_OUTCOME_DELIVERED, ENVOI_OUTCOME_DEFERRED, 421},
		/* The first or the second is taken nevertheless. */
		{"250 m\r\n250 r\r\n421 e\r\n250 R\r\n250 M\r\n250 r\r\n250 e\r\n",
			ENVOI_OUTCOME_DEFERRED, ENVOI_OUTCOME_DELIVERED, 250},
		{"250 m\r\n250 r\r\n250 e\r\n421 R\r\n250 M\r\n250 r\r\n250 e\r\n",
			ENVOI_OUTCOME_DELIVERED, ENVOI_OUTCOME_DELIVERED, 250},
		/* Taken, though its MAIL was answered 421: as whose, for whom? */
		{"250 m\r\n250 r\r\n250 e\r\n250 R\r\n421 M\r\n250 r\r\n250 e\r\n",
			ENVOI_OUTCOME_DELIVERED, ENVOI_OUTCOME_UNKNOWN, 0},
		/* Taken, behind a refused RSET: perhaps the replies are out of step. */
		{"250 m\r\n250 r\r\n421 e\r\n500 R\r\n250 M\r\n250 r\r\n250 e\r\n",
			ENVOI_OUTCOME_DEFERRED, ENVOI_OUTCOME_UNKNOWN, 0},
		/* Taken, and for nobody. */
		{"421 m\r\n500 r\r\n502 e\r\n250 R\r\n500 m\r\n505 r\r\n250 e\r\n",
			ENVOI_OUTCOME_DEFERRED, ENVOI_OUTCOME_DEFERRED, 421},
		/* Taken, and not for this one. */
		{"250 m\r\n250 r\r\n250 e\r\n421 R\r\n250 M\r\n550 r\r\n250 e\r\n",
			ENVOI_OUTCOME_DELIVERED, ENVOI_OUTCOME_DEFERRED, 421},
		{"250 m\r\n250 r\r\n250 e\r\n250 R\r\n250 M\r\n421 r\r\n250 e\r\n",
			ENVOI_OUTCOME_DELIVERED, ENVOI_OUTCOME_DEFERRED, 421},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talk talk;
		talk_begin(&talk, OPTIONS(0));
		talk_mail(&talk, BODY, 1);
		talk_mail(&talk, BODY, 1);
		talk_greet(&talk, PIPE);
		talk_server(&talk, cases[i].say);
		talk_server(&talk, "221 bye\r\n");
		check_closed(&talk, ENVOI_CLOSE_REPLY);
		ck_assert_int_eq(talk_outcome(&talk, 0, 0), cases[i].first);
		ck_assert_int_eq(talk_outcome(&talk, 1, 0), cases[i].second);
		ck_assert_int_eq(
			talk.mails[1].people[0].result.reply.code, cases[i].code);
		talk_end(&talk);
	}
}
END_TEST

/* A small chunk that is on its way goes out to its end: the replies to those
 * before it are still to come, and may be yes. */
START_TEST(a_421_in_the_midst_of_a_chunk)
{
	static const struct {
		/** Before the chunk's end, and behind it. */
		const char *say, *more;
		enum envoi_outcome first, second;
	} cases[] = {
		{"421 m\r\n503 r\r\n503 e\r\n250 R\r\n250 m\r\n250 r\r\n", "250 e\r\n",
			ENVOI_OUTCOME_DEFERRED, ENVOI_OUTCOME_DELIVERED},
		{"250 m\r\n421 r\r\n503 e\r\n250 R\r\n503 m\r\n503 r\r\n", "503 e\r\n",
			ENVOI_OUTCOME_DEFERRED, ENVOI_OUTCOME_DEFERRED},
		/* The echo comes before the chunk is whole. */
		{"250 m\r\n250 r\r\n250 e\r\n421 R\r\n503 m\r\n503 r\r\n503 e\r\n", "",
			ENVOI_OUTCOME_DELIVERED, ENVOI_OUTCOME_DEFERRED},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talk talk;
		talk_begin(&talk, OPTIONS(0));
		talk_mail(&talk, BODY, 1);
		talk_mail(&talk, BODY, 1);
		talk.octets = strlen(BODY) + 3;
		talk_greet(&talk, PIPE);
		envoi_buffer_clear(&talk.said);
		talk_server(&talk, cases[i].say);
		talk_heard(&talk, "");
		ck_assert(!talk.closed);
		talk.octets = SIZE_MAX;
		talk_turn(&talk);
		talk_heard(&talk, "ject: x\r\n\r\nx\r\nQUIT\r\n");
		talk_server(&talk, cases[i].more);
		talk_server(&talk, "221 bye\r\n");
		check_closed(&talk, ENVOI_CLOSE_REPLY);
		ck_assert_int_eq(FACTS(&talk)->close_reply.code, 421);
		ck_assert_int_eq(talk_outcome(&talk, 0, 0), cases[i].first);
		ck_assert_int_eq(talk_outcome(&talk, 1, 0), cases[i].second);
		talk_end(&talk);
	}
}
END_TEST

START_TEST(a_354_behind_a_421_gets_no_quit_as_a_message)
{
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	talk_mail(&talk, BODY, 1);
	talk_greet(&talk, "250-mx\r\n250 PIPELINING\r\n");
	talk_server(&talk, "421 m\r\n250 r\r\n354 go\r\n");
	check_closed(&talk, ENVOI_CLOSE_REPLY);
	ck_assert_int_eq(FACTS(&talk)->close_reply.code, 421);
	check_outcome(&talk, 0, 0, ENVOI_OUTCOME_DEFERRED, ENVOI_STATUS_TEMPORARY);
	talk_end(&talk);
}
END_TEST

START_TEST(a_421_with_the_reply_to_ehlo)
{
	/* READY and the end are in one read: nothing may be submitted. */
	struct talk talk;
	talk_begin(&talk, OPTIONS(0));
	talk_mail(&talk, BODY, 1);
	talk_greet(&talk, "250 mx\r\n421 not now\r\n");
	ck_assert(talk.ready);
	ck_assert(!talk.mails[0].submitted);
	talk_heard(&talk, "QUIT\r\n");
	talk_server(&talk, "421 not now\r\n");
	check_closed(&talk, ENVOI_CLOSE_REPLY);
	talk_end(&talk);
}
END_TEST

/* -- ends
 * ------------------------------------------------------------------------------------ */

START_TEST(sessions_are_freed_in_any_state)
{
	static const char *const says[] = {"220 mx\r\n", "250 mx\r\n", "250 ok\r\n",
		"250 ok\r\n", "354 go\r\n", "250 ok\r\n", "221 bye\r\n"};
	for (size_t n = 0; n <= 7; n++) {
		struct talk talk;
		talk_begin(&talk, OPTIONS(0));
		talk_mail(&talk, BODY, 2);
		for (size_t i = 0; i < n; i++) {
			talk_server(&talk, says[i]);
		}
		talk_server(&talk, "25");
		talk_end(&talk);
	}
	envoi_session_free(NULL);
}
END_TEST

START_TEST(aborted_in_any_state)
{
	static const char *const says[] = {"220 mx\r\n", "250 mx\r\n", "250 ok\r\n",
		"250 ok\r\n", "354 go\r\n", "250 ok\r\n"};
	for (size_t n = 0; n <= 6; n++) {
		struct talk talk;
		struct envoi_error why;
		talk_begin(&talk, OPTIONS(0));
		talk_mail(&talk, BODY, 1);
		for (size_t i = 0; i < n; i++) {
			talk_server(&talk, says[i]);
		}
		(void)envoi_error_set(&why, ENVOI_STATUS_IO, "the file is gone");
		envoi_session_abort(talk.session, &why, ENVOI_PHASE_INPUT, n % 2 == 1, 0);
		talk_events(&talk);
		check_closed(
			&talk, n % 2 == 1 ? ENVOI_CLOSE_TIMEOUT : ENVOI_CLOSE_NOT_SENT);
		if (n >= 2) {
			check_outcome(&talk, 0, 0,
				n == 6	 ? ENVOI_OUTCOME_DELIVERED
				: n == 5 ? ENVOI_OUTCOME_UNKNOWN
					 : ENVOI_OUTCOME_DEFERRED,
				n == 6	 ? ENVOI_STATUS_OK
				: n == 5 ? ENVOI_STATUS_PROTOCOL
					 : ENVOI_STATUS_IO);
		}
		talk_end(&talk);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tcase = tcase_create("session");
	tcase_add_test(tcase, segments_stay_until_taken);
	tcase_add_test(tcase, a_reply_to_what_was_not_sent_is_none);
	tcase_add_test(tcase, an_end_of_data_not_sent_is_no_doubt);
	tcase_add_test(tcase, an_unfit_name_is_refused);
	tcase_add_test(tcase, windows_are_bounded);
	tcase_add_test(tcase, careful_window_grows_slowly);
	tcase_add_test(tcase, a_second_try_counts_for_mailmax);
	tcase_add_test(tcase, large_messages_narrow_the_window);
	tcase_add_test(tcase, deadlines_are_those_of_the_rfc);
	tcase_add_test(tcase, progress_in_sending_is_progress);
	tcase_add_test(tcase, quit_has_one_short_deadline);
	tcase_add_test(tcase, the_handshake_has_its_deadline);
	tcase_add_test(tcase, phases_are_timed);
	tcase_add_test(tcase, nothing_is_read_in_clear_before_a_handshake);
	tcase_add_test(tcase, a_handshake_nobody_asked_for_means_nothing);
	tcase_add_test(tcase, a_failed_handshake_is_ours);
	tcase_add_test(tcase, stopped_before_anything_was_sent);
	tcase_add_test(tcase, stopped_behind_each_segment);
	tcase_add_test(tcase, stopped_in_a_body);
	tcase_add_test(tcase, stopped_twice_and_late);
	tcase_add_test(tcase, nothing_follows_the_dot_for_nobody_in_lmtp);
	tcase_add_test(tcase, no_chunk_behind_a_refused_mail);
	tcase_add_test(tcase, a_refused_mail_is_no_trouble_of_chunking);
	tcase_add_test(tcase, a_chunk_refused_for_one_in_lmtp);
	tcase_add_test(tcase, a_chunk_refused_for_the_only_one_in_lmtp);
	tcase_add_test(tcase, a_chunk_refused_early_is_ended);
	tcase_add_test(tcase, a_chunk_refused_behind_its_command_line);
	tcase_add_test(tcase, a_reply_to_rset_in_a_session_that_is_to_end);
	tcase_add_test(tcase, a_421_at_every_place);
	tcase_add_test(tcase, replies_behind_a_421);
	tcase_add_test(tcase, a_421_in_the_midst_of_a_chunk);
	tcase_add_test(tcase, a_354_behind_a_421_gets_no_quit_as_a_message);
	tcase_add_test(tcase, a_421_with_the_reply_to_ehlo);
	tcase_add_test(tcase, sessions_are_freed_in_any_state);
	tcase_add_test(tcase, aborted_in_any_state);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
