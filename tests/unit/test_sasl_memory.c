/*
 * SASL without memory, and what it leaves in memory: each exchange with each
 * of its allocations failing, and no block given back with the password in it.
 *
 * malloc() and the others of what is linked in here are these
 * (-Wl,--wrap=malloc), also for Check: only what is had while watching counts.
 */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "protocol/base64.h"
#include "protocol/sasl.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

void *__real_malloc(size_t n);
void __real_free(void *block);
void *__real_realloc(void *block, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *block, size_t n);
void __wrap_free(void *block);

static struct {
	bool watching;
	/** Counts down; the allocation that makes it 0 fails. */
	long until_failure;
	/** What must not be left in a block. */
	const char *secrets[2];
	size_t leaks;
	struct {
		void *block;
		size_t size;
	} blocks[64];
} memory;

static bool holds(const char *block, size_t size, const char *secret)
{
	size_t n = secret != NULL ? strlen(secret) : 0;
	for (size_t i = 0; n > 0 && n <= size && i <= size - n; i++) {
		if (memcmp(block + i, secret, n) == 0) {
			return true;
		}
	}
	return false;
}

#define PLACES (sizeof(memory.blocks) / sizeof(memory.blocks[0]))

/* PLACES: nowhere. */
static size_t place_of(const void *block)
{
	size_t i = 0;
	while (i < PLACES && memory.blocks[i].block != block) {
		i++;
	}
	return i;
}

void *__wrap_malloc(size_t n)
{
	if (!memory.watching) {
		return __real_malloc(n);
	}
	if (memory.until_failure > 0 && --memory.until_failure == 0) {
		return NULL;
	}
	size_t place = place_of(NULL);
	void *block = place < PLACES ? __real_malloc(n) : NULL;
	if (block != NULL) {
		memory.blocks[place].block = block;
		memory.blocks[place].size = n;
	}
	return block;
}

void *__wrap_calloc(size_t count, size_t n)
{
	void *block = __wrap_malloc(count * n);
	if (block != NULL) {
		memset(block, 0, count * n);
	}
	return block;
}

void __wrap_free(void *block)
{
	size_t place = block != NULL ? place_of(block) : PLACES;
	if (place < PLACES) {
		for (size_t i = 0; i < 2; i++) {
			if (holds(block, memory.blocks[place].size, memory.secrets[i])) {
				memory.leaks++;
			}
		}
		memory.blocks[place].block = NULL;
	}
	__real_free(block);
}

/* What is watched always moves. */
void *__wrap_realloc(void *block, size_t n)
{
	size_t place = block != NULL ? place_of(block) : PLACES;
	if (block != NULL && place == PLACES) {
		return __real_realloc(block, n);
	}
	void *moved = __wrap_malloc(n);
	if (moved != NULL && block != NULL) {
		size_t size = memory.blocks[place].size;
		memcpy(moved, block, size < n ? size : n);
		__wrap_free(block);
	}
	return moved;
}

static bool is_all_given_back(void)
{
	for (size_t i = 0; i < PLACES; i++) {
		if (memory.blocks[i].block != NULL) {
			return false;
		}
	}
	return true;
}

#define FIRST                                                                            \
	"cj1meWtvK2QybGJiRmdPTlJ2OXFreGRhd0wzcmZjTkhZSlkxWlZ2V1ZzN2oscz1RU1hDUitRNnNl"   \
	"azhiZjkyLGk9NDA5Ng=="
#define SIGNATURE "dj1ybUY5cHFWOFM3c3VBb1pXamE0ZEpSa0ZzS1E9"

/* Texts of 334; NULL: 235. */
static const struct {
	enum envoi_sasl_mechanism mechanism;
	const char *texts[4];
	/** How the password looks in a line; NULL: it is in none. */
	const char *encoded;
} exchanges[] = {
	{ENVOI_SASL_SCRAM_SHA_1, {"", FIRST, SIGNATURE}, NULL},
	{ENVOI_SASL_SCRAM_SHA_1, {"", FIRST}, NULL},
	{ENVOI_SASL_PLAIN, {""}, "cGVuY2ls"},
	{ENVOI_SASL_LOGIN, {"", ""}, "cGVuY2ls"},
	{ENVOI_SASL_CRAM_MD5, {"PDE4OTY+"}, NULL},
	{ENVOI_SASL_XOAUTH2, {"", "e30="}, "IHBlbmNpb"},
	{ENVOI_SASL_OAUTHBEARER, {"", "e30="}, "BwZW5jaW"},
	{ENVOI_SASL_EXTERNAL, {""}, NULL},
};

/* 0, or -1 at the first failure. */
static int play(int i, const struct envoi_secret *secret, struct envoi_error *err)
{
	const struct envoi_sasl_identity identity = {
		.user = "user",
		.secret = secret,
		.host = "mx.example.org",
		.port = 25,
		.nonce = "fyko+d2lbbFgONRv9qkxdawL",
	};
	struct envoi_sasl *sasl = envoi_sasl_new(exchanges[i].mechanism, &identity, err);
	int result = sasl != NULL ? 0 : -1;
	for (size_t j = 0; result == 0 && exchanges[i].texts[j] != NULL; j++) {
		struct envoi_secret line = {0};
		result = envoi_sasl_answer(
			sasl, envoi_span_of(exchanges[i].texts[j]), &line, err);
		envoi_secret_finish(&line);
	}
	if (result == 0) {
		result = envoi_sasl_accept(sasl, envoi_span_of(SIGNATURE " ok"), err);
	}
	envoi_sasl_free(sasl);
	return result;
}

START_TEST(every_allocation_may_fail)
{
	long n = 1;
	int result;
	do {
		struct envoi_secret secret = {0};
		struct envoi_error err = ENVOI_ERROR_NONE;
		memset(&memory, 0, sizeof(memory));
		memory.secrets[0] = "pencil";
		memory.secrets[1] = exchanges[_i].encoded;
		ck_assert_int_eq(envoi_secret_set(&secret, "pencil", 6), 0);
		memory.watching = true;
		memory.until_failure = n++;
		result = play(_i, &secret, &err);
		memory.watching = false;
		bool has_failed = memory.until_failure == 0;
		memory.until_failure = 0;
		ck_assert_uint_eq(memory.leaks, 0);
		envoi_secret_finish(&secret);
		ck_assert(is_all_given_back());
		ck_assert_uint_eq(memory.leaks, 0);
		/* What was said about a failure can be left out. */
		if (result != 0) {
			ck_assert_int_eq(err.status, ENVOI_STATUS_SYSTEM);
		}
		result = has_failed ? -1 : result;
	} while (result != 0 && n < 1000);
	ck_assert_int_gt(n, 4);
	ck_assert_int_lt(n, 1000);
}
END_TEST

/* The check itself: it sees what is not wiped. */
START_TEST(what_is_left_is_seen)
{
	memset(&memory, 0, sizeof(memory));
	memory.secrets[0] = "pencil";
	memory.watching = true;
	char *block = __wrap_malloc(20);
	memset(block, 'x', 20);
	memcpy(block + 14, "pencil", 6);
	block = __wrap_realloc(block, 30);
	__wrap_free(block);
	memory.watching = false;
	ck_assert_uint_eq(memory.leaks, 2);
	ck_assert(is_all_given_back());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sasl_memory");
	TCase *tests = tcase_create("sasl_memory");
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, every_allocation_may_fail, 0, COUNT(exchanges));
	tcase_add_test(tests, what_is_left_is_seen);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
