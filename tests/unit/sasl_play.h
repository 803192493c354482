/*
 * Plays a server against one exchange. Challenges and answers are written as
 * they are before base64; every challenge is handed over in memory that ends
 * where it ends.
 */
#ifndef ENVOI_TESTS_SASL_PLAY_H
#define ENVOI_TESTS_SASL_PLAY_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "protocol/base64.h"
#include "protocol/sasl.h"

static inline struct envoi_secret secret_of(const char *text)
{
	struct envoi_secret secret = {0};
	ck_assert_int_eq(envoi_secret_set(&secret, text, strlen(text)), 0);
	return secret;
}

/* A new exchange that must come to be. */
static inline struct envoi_sasl *begin(
	enum envoi_sasl_mechanism mechanism, const struct envoi_sasl_identity *identity)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_sasl *sasl = envoi_sasl_new(mechanism, identity, &err);
	ck_assert_msg(sasl != NULL, "%s", err.text);
	return sasl;
}

/* envoi_sasl_answer() with text as it stands. */
static inline int answer_text(struct envoi_sasl *sasl, struct envoi_span text,
	struct envoi_secret *line, struct envoi_error *err)
{
	char *exact = malloc(text.len > 0 ? text.len : 1);
	ck_assert_ptr_nonnull(exact);
	if (text.len > 0) {
		memcpy(exact, text.data, text.len);
	}
	int result =
		envoi_sasl_answer(sasl, (struct envoi_span){exact, text.len}, line, err);
	free(exact);
	return result;
}

/* The same with a challenge that is yet to be encoded. */
static inline int answer_octets(struct envoi_sasl *sasl, struct envoi_span octets,
	struct envoi_secret *line, struct envoi_error *err)
{
	struct envoi_secret text = {0};
	ck_assert_int_eq(envoi_base64_encode(&text, octets), 0);
	int result =
		answer_text(sasl, (struct envoi_span){text.data, text.length}, line, err);
	envoi_secret_finish(&text);
	return result;
}

/* The line is what was expected, in base64; "=" is an empty initial one. */
static inline void expect_line(
	const struct envoi_secret *line, struct envoi_span expected)
{
	struct envoi_secret octets = {0};
	ck_assert_uint_le(line->length, ENVOI_LIMIT_AUTH_LINE - 2);
	ck_assert_int_eq(line->data[line->length], '\0');
	if (strcmp(line->data, "=") == 0) {
		ck_assert_uint_eq(expected.len, 0);
		return;
	}
	ck_assert_int_eq(envoi_base64_decode(
				 &octets, (struct envoi_span){line->data, line->length}),
		0);
	ck_assert_uint_eq(octets.length, expected.len);
	ck_assert_msg(memcmp(octets.data, expected.data, expected.len) == 0,
		"\"%s\" is not \"%.*s\"", octets.data, (int)expected.len, expected.data);
	envoi_secret_finish(&octets);
}

static inline void expect_initial(struct envoi_sasl *sasl, const char *expected)
{
	struct envoi_secret line = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_int_eq(envoi_sasl_initial(sasl, &line, &err), 0);
	expect_line(&line, envoi_span_of(expected));
	envoi_secret_finish(&line);
}

static inline void expect_answer(
	struct envoi_sasl *sasl, const char *challenge, const char *expected)
{
	struct envoi_secret line = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_msg(answer_octets(sasl, envoi_span_of(challenge), &line, &err) == 0,
		"%s", err.text);
	expect_line(&line, envoi_span_of(expected));
	envoi_secret_finish(&line);
}

/* The answer is "*", with this status and these words in the error. */
static inline void expect_cancel(struct envoi_sasl *sasl, const char *challenge,
	enum envoi_status status, const char *words)
{
	struct envoi_secret line = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_msg(answer_octets(sasl, envoi_span_of(challenge), &line, &err) == -1,
		"\"%s\" was answered", challenge);
	ck_assert_ptr_null(line.data);
	ck_assert_int_eq(err.status, status);
	ck_assert_msg(strstr(err.text, words) != NULL, "\"%s\" says nothing of \"%s\"",
		err.text, words);
	/* And there is no way back. */
	err = ENVOI_ERROR_NONE;
	ck_assert_int_eq(answer_octets(sasl, envoi_span_of(challenge), &line, &err), -1);
	ck_assert_int_eq(envoi_sasl_accept(sasl, envoi_span_of("ok"), &err), -1);
}

static inline void expect_accepted(struct envoi_sasl *sasl, const char *text)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_msg(
		envoi_sasl_accept(sasl, envoi_span_of(text), &err) == 0, "%s", err.text);
}

static inline void expect_not_accepted(
	struct envoi_sasl *sasl, const char *text, enum envoi_status status)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	ck_assert_int_eq(envoi_sasl_accept(sasl, envoi_span_of(text), &err), -1);
	ck_assert_int_eq(err.status, status);
	ck_assert_str_ne(err.text, "");
}

#endif
