/*
 * Under SASL: secrets, base64 (RFC 4648 10), SASLprep (RFC 4013 3).
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "protocol/base64.h"
#include "protocol/saslprep.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

/* The octets in memory that ends where they end. */
static struct envoi_span exact(const void *octets, size_t n)
{
	char *copy = malloc(n > 0 ? n : 1);
	ck_assert_ptr_nonnull(copy);
	if (n > 0) {
		memcpy(copy, octets, n);
	}
	return (struct envoi_span){copy, n};
}

static void drop(struct envoi_span span)
{
	free((void *)(uintptr_t)span.data);
}

START_TEST(a_secret_owns_its_bytes)
{
	struct envoi_secret secret = {0};
	envoi_secret_finish(NULL);
	envoi_secret_finish(&secret);
	ck_assert_int_eq(envoi_secret_set(&secret, "a\0b", 3), 0);
	ck_assert_uint_eq(secret.length, 3);
	ck_assert_mem_eq(secret.data, "a\0b", 4);
	/* From itself. */
	ck_assert_int_eq(envoi_secret_set(&secret, secret.data + 1, 2), 0);
	ck_assert_uint_eq(secret.length, 2);
	ck_assert_mem_eq(secret.data, "\0b", 3);
	ck_assert_int_eq(envoi_secret_set(&secret, NULL, 0), 0);
	ck_assert_ptr_nonnull(secret.data);
	ck_assert_str_eq(secret.data, "");
	ck_assert_int_eq(envoi_secret_set(&secret, "x", SIZE_MAX), -1);
	ck_assert_ptr_nonnull(secret.data);
	envoi_secret_finish(&secret);
	ck_assert_ptr_null(secret.data);
	envoi_secret_finish(&secret);
}
END_TEST

START_TEST(wiping_wipes)
{
	char text[] = "secret";
	envoi_secret_wipe(text + 1, 4);
	ck_assert_mem_eq(text, "s\0\0\0\0t", 7);
	envoi_secret_wipe(NULL, 0);
}
END_TEST

/* RFC 4648 10, and all the digits. */
static const struct {
	const char *octets;
	size_t length;
	const char *text;
} pairs[] = {
	{"", 0, ""},
	{"f", 1, "Zg=="},
	{"fo", 2, "Zm8="},
	{"foo", 3, "Zm9v"},
	{"foob", 4, "Zm9vYg=="},
	{"fooba", 5, "Zm9vYmE="},
	{"foobar", 6, "Zm9vYmFy"},
	{"\0", 1, "AA=="},
	{"\xff\xff\xff\xff", 4, "/////w=="},
	{"\x00\x10\x83\x10\x51\x87\x20\x92\x8b\x30\xd3\x8f\x41\x14\x93\x51\x55\x97\x61"
	 "\x96\x9b"
	 "\x71\xd7\x9f\x82\x18\xa3\x92\x59\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c\xb3\xd3"
	 "\x5d"
	 "\xb7\xe3\x9e\xbb\xf3\xdf\xbf",
		48, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"},
};

START_TEST(base64_there_and_back)
{
	struct envoi_secret out = {0};
	struct envoi_span octets = exact(pairs[_i].octets, pairs[_i].length);
	struct envoi_span text = exact(pairs[_i].text, strlen(pairs[_i].text));
	ck_assert_int_eq(envoi_base64_encode(&out, octets), 0);
	ck_assert_str_eq(out.data, pairs[_i].text);
	ck_assert_uint_eq(out.length, strlen(pairs[_i].text));
	ck_assert_int_eq(envoi_base64_decode(&out, text), 0);
	ck_assert_uint_eq(out.length, pairs[_i].length);
	ck_assert_mem_eq(out.data, pairs[_i].octets, pairs[_i].length);
	ck_assert_int_eq(out.data[out.length], '\0');
	envoi_secret_finish(&out);
	drop(octets);
	drop(text);
}
END_TEST

static const char *const not_base64[] = {
	"=",
	"==",
	"===",
	"====",
	"A",
	"AA",
	"AAA",
	"AA=",
	"A===",
	"AAA=AAAA",
	"AA==AAAA",
	"=AAA",
	"A=AA",
	"AA=A",
	"AAAA====",
	"AAAAA",
	" AAA",
	"AAA ",
	"AA A",
	"AA\nA",
	"AAA\n",
	"AAAA\r\n",
	"AAAA\r\n\r\n",
	"A-_A",
	"AA*A",
	"AA\xff\x41",
	"AAAA\xc3\xa4==",
	/* Bits that nobody sees. */
	"AB==",
	"AAB=",
	"Zh==",
	"Zm9=",
};

START_TEST(what_is_not_base64_is_refused)
{
	struct envoi_secret out = {0};
	struct envoi_span text = exact(not_base64[_i], strlen(not_base64[_i]));
	ck_assert_int_eq(envoi_base64_decode(&out, text), ENVOI_BASE64_BAD);
	ck_assert_ptr_null(out.data);
	drop(text);
}
END_TEST

/* Every octet in every place of a quantum; NUL is no digit either. */
START_TEST(no_octet_but_the_digits_is_taken)
{
	for (int c = 0; c < 256; c++) {
		for (size_t place = 0; place < 4; place++) {
			struct envoi_secret out = {0};
			char text[4] = {'A', 'A', 'A', 'A'};
			text[place] = (char)c;
			bool digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
				     || (c >= '0' && c <= '9') || c == '+' || c == '/'
				     || (c == '=' && place == 3);
			struct envoi_span span = exact(text, 4);
			int result = envoi_base64_decode(&out, span);
			ck_assert_int_eq(result, digit ? 0 : ENVOI_BASE64_BAD);
			envoi_secret_finish(&out);
			drop(span);
		}
	}
}
END_TEST

#define S(text) text, sizeof(text) - 1

static const struct {
	const char *text;
	size_t length;
	enum envoi_saslprep result;
	const char *prepared;
} preps[] = {
	/* RFC 4013 3 */
	{S("I\xc2\xadX"), ENVOI_SASLPREP_OK, "IX"},
	{S("user"), ENVOI_SASLPREP_OK, "user"},
	{S("USER"), ENVOI_SASLPREP_OK, "USER"},
	{S("\xc2\xaa"), ENVOI_SASLPREP_OK, "a"},
	{S("\xe2\x85\xa8"), ENVOI_SASLPREP_OK, "IX"},
	{S("\x07"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xd8\xa7\x31"), ENVOI_SASLPREP_DIRECTIONS, NULL},
	/* Blanks: no-break, Ogham, ideographic, zero width (to nothing). */
	{S("a\xc2\xa0\x62\xe1\x9a\x80\x63\xe3\x80\x80\x64\xe2\x80\x8b\x65"),
		ENVOI_SASLPREP_OK, "a b c de"},
	/* The same letter in two forms; their order; Hangul. */
	{S("\xc3\xa4"), ENVOI_SASLPREP_OK, "\xc3\xa4"},
	{S("a\xcc\x88"), ENVOI_SASLPREP_OK, "\xc3\xa4"},
	{S("q\xcc\x87\xcc\xa3"), ENVOI_SASLPREP_OK, "q\xcc\xa3\xcc\x87"},
	{S("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"), ENVOI_SASLPREP_OK, "\xed\x95\x9c"},
	/* Combined only because what stood between is mapped to nothing. */
	{S("a\xc2\xad\xcc\x88"), ENVOI_SASLPREP_OK, "\xc3\xa4"},
	/* Wide and joined letters. */
	{S("\xef\xbc\xa1\xef\xac\x81"), ENVOI_SASLPREP_OK, "Afi"},
	/* The one that grows most. */
	{S("\xef\xb7\xba"), ENVOI_SASLPREP_OK,
		"\xd8\xb5\xd9\x84\xd9\x89 \xd8\xa7\xd9\x84\xd9\x84\xd9\x87 "
		"\xd8\xb9\xd9\x84\xd9\x8a\xd9\x87 \xd9\x88\xd8\xb3\xd9\x84\xd9\x85"},
	/* Newer than Unicode 3.2; a face in a password. */
	{S("\xf0\x9f\x98\x80"), ENVOI_SASLPREP_OK, "\xf0\x9f\x98\x80"},
	/* All of printable ASCII. */
	{S(" !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~"), ENVOI_SASLPREP_OK,
		" !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~"},
	/* Right to left. */
	{S("\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"), ENVOI_SASLPREP_OK,
		"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"},
	{S("\xd7\xa9\x31\x32\xd7\x9d"), ENVOI_SASLPREP_OK, "\xd7\xa9\x31\x32\xd7\x9d"},
	{S("\xd7\xa9\x61\xd7\x9d"), ENVOI_SASLPREP_DIRECTIONS, NULL},
	{S("1\xd7\xa9"), ENVOI_SASLPREP_DIRECTIONS, NULL},
	{S("\xd7\xa9\x31"), ENVOI_SASLPREP_DIRECTIONS, NULL},
	{S("\xd7\xa9 a"), ENVOI_SASLPREP_DIRECTIONS, NULL},
	/* Nothing left. */
	{S(""), ENVOI_SASLPREP_EMPTY, NULL},
	{S("\xc2\xad\xe2\x80\x8d\xef\xb8\x8f\xef\xbb\xbf"), ENVOI_SASLPREP_EMPTY, NULL},
	/* Prohibited: C.2.1, C.2.2, C.3 to C.9. */
	{S("a\0b"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\n"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\x7f"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xc2\x85"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xdb\x9d"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xdc\x8f"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xe1\xa0\x8e"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xe2\x80\x8e"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xe2\x80\xaa"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xe2\x81\xa1"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xe2\xbf\xb0"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xee\x80\x80"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xef\xb7\x90"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xef\xbf\xbd"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xef\xbf\xbf"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xf0\x9d\x85\xb3"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xf0\x9f\xbf\xbe"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xf3\xa0\x80\x81"), ENVOI_SASLPREP_PROHIBITED, NULL},
	{S("\xf4\x8f\xbf\xbd"), ENVOI_SASLPREP_PROHIBITED, NULL},
	/* Not UTF-8: cut, overlong, surrogate, too high, Latin-1. */
	{S("\xc3"), ENVOI_SASLPREP_NOT_UTF8, NULL},
	{S("\xe2\x85"), ENVOI_SASLPREP_NOT_UTF8, NULL},
	{S("\xf0\x9f\x98"), ENVOI_SASLPREP_NOT_UTF8, NULL},
	{S("\xc0\xaf"), ENVOI_SASLPREP_NOT_UTF8, NULL},
	{S("\xc0\x80"), ENVOI_SASLPREP_NOT_UTF8, NULL},
	{S("\xed\xa0\x80"), ENVOI_SASLPREP_NOT_UTF8, NULL},
	{S("\xf4\x90\x80\x80"), ENVOI_SASLPREP_NOT_UTF8, NULL},
	{S("b\xfc\x63her"), ENVOI_SASLPREP_NOT_UTF8, NULL},
	{S("\x80"), ENVOI_SASLPREP_NOT_UTF8, NULL},
};

START_TEST(names_are_prepared)
{
	struct envoi_secret out = {0};
	struct envoi_span text = exact(preps[_i].text, preps[_i].length);
	ck_assert_int_eq(envoi_saslprep(&out, text), preps[_i].result);
	ck_assert_str_ne(envoi_saslprep_reason(preps[_i].result), "");
	drop(text);
	if (preps[_i].result != ENVOI_SASLPREP_OK) {
		ck_assert_ptr_null(out.data);
		return;
	}
	ck_assert_str_eq(out.data, preps[_i].prepared);
	ck_assert_uint_eq(out.length, strlen(preps[_i].prepared));
	/* Once more changes nothing. */
	struct envoi_secret again = {0};
	ck_assert_int_eq(
		envoi_saslprep(&again, (struct envoi_span){out.data, out.length}), 0);
	ck_assert_str_eq(again.data, out.data);
	envoi_secret_finish(&again);
	envoi_secret_finish(&out);
}
END_TEST

START_TEST(every_beginning_of_a_name_is_bounded)
{
	for (size_t n = 0; n <= preps[_i].length; n++) {
		struct envoi_secret out = {0};
		struct envoi_span text = exact(preps[_i].text, n);
		ck_assert_int_ge(envoi_saslprep(&out, text), 0);
		envoi_secret_finish(&out);
		drop(text);
	}
}
END_TEST

/* A thousand marks on one letter, and a thousand of what grows most. */
START_TEST(long_names_are_prepared)
{
	char text[3003];
	struct envoi_secret out = {0};
	text[0] = 'a';
	for (size_t i = 0; i < 1000; i++) {
		memcpy(text + 1 + 2 * i, i % 2 == 0 ? "\xcc\xa3" : "\xcc\x88", 2);
	}
	struct envoi_span span = exact(text, 2001);
	ck_assert_int_eq(envoi_saslprep(&out, span), 0);
	drop(span);
	for (size_t i = 0; i < 1000; i++) {
		memcpy(text + 3 * i, "\xef\xb7\xba", 3);
	}
	span = exact(text, 3000);
	ck_assert_int_eq(envoi_saslprep(&out, span), 0);
	ck_assert_uint_eq(out.length, 33000);
	drop(span);
	envoi_secret_finish(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sasl_text");
	TCase *tests = tcase_create("sasl_text");
	tcase_add_test(tests, a_secret_owns_its_bytes);
	tcase_add_test(tests, wiping_wipes);
	tcase_add_loop_test(tests, base64_there_and_back, 0, COUNT(pairs));
	tcase_add_loop_test(tests, what_is_not_base64_is_refused, 0, COUNT(not_base64));
	tcase_add_test(tests, no_octet_but_the_digits_is_taken);
	tcase_add_loop_test(tests, names_are_prepared, 0, COUNT(preps));
	tcase_add_loop_test(tests, every_beginning_of_a_name_is_bounded, 0, COUNT(preps));
	tcase_add_test(tests, long_names_are_prepared);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
