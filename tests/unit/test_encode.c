/*
 * The wire encoder against a second implementation that is as plain as can
 * be, for each split of the input and each room; and the scan's size against
 * the encoder's. Situations 156-163.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/message.h>

#include "message/encode.h"
#include "message/scan.h"

/* The reference: one octet after the other, all in memory. */
static size_t reference(const char *in, size_t n, bool stuff, char *out)
{
	size_t o = 0;
	bool line_start = true;
	for (size_t i = 0; i < n; i++) {
		if (in[i] == '\n' || in[i] == '\r') {
			out[o++] = '\r';
			out[o++] = '\n';
			line_start = true;
			if (in[i] == '\r' && i + 1 < n && in[i + 1] == '\n') {
				i++;
			}
			continue;
		}
		if (stuff && line_start && in[i] == '.') {
			out[o++] = '.';
		}
		out[o++] = in[i];
		line_start = false;
	}
	if (!line_start) {
		out[o++] = '\r';
		out[o++] = '\n';
	}
	return o;
}

/* What a reader of the wire relies on. */
static void check_wire(const char *out, size_t n, bool stuff)
{
	for (size_t i = 0; i < n; i++) {
		if (out[i] == '\r') {
			ck_assert(i + 1 < n && out[i + 1] == '\n');
		}
		if (out[i] == '\n') {
			ck_assert(i > 0 && out[i - 1] == '\r');
		}
		if (stuff && out[i] == '.' && (i == 0 || out[i - 1] == '\n')) {
			ck_assert(i + 1 < n && out[i + 1] == '.');
		}
	}
	ck_assert(n == 0 || (n >= 2 && out[n - 1] == '\n'));
}

/* Feeds one piece, at most room octets of output at a time. Each buffer has
 * its exact size, so that a sanitizer sees any octet out of bounds. */
static void feed(struct envoi_encoder *encoder, const char *in, size_t n, size_t room,
	char *out, size_t *o)
{
	char *space = malloc(room);
	ck_assert(space != NULL);
	size_t done = 0;
	while (done < n) {
		size_t used;
		char *exact = malloc(n - done);
		ck_assert(exact != NULL);
		memcpy(exact, in + done, n - done);
		size_t put =
			envoi_encoder_feed(encoder, exact, n - done, space, room, &used);
		free(exact);
		ck_assert_uint_le(put, room);
		ck_assert_uint_le(used, n - done);
		ck_assert_uint_gt(used, 0);
		memcpy(out + *o, space, put);
		*o += put;
		done += used;
	}
	free(space);
}

static void check_pieces(const char *in, const size_t *cuts, size_t count, size_t room,
	bool stuff, const char *want, size_t want_len, size_t plain_len)
{
	struct envoi_encoder encoder;
	char *out = malloc(want_len + 2 * room + 16);
	size_t o = 0;
	ck_assert(out != NULL);
	envoi_encoder_init(&encoder, stuff);
	for (size_t i = 0; i + 1 < count; i++) {
		feed(&encoder, in + cuts[i], cuts[i + 1] - cuts[i], room, out, &o);
	}
	o += envoi_encoder_finish(&encoder, out + o);
	ck_assert_uint_eq(o, want_len);
	ck_assert_int_eq(memcmp(out, want, o), 0);
	ck_assert_uint_eq(encoder.octets, plain_len);
	free(out);
}

static void check_facts(
	const char *in, size_t n, size_t split, const char *plain, size_t plain_len)
{
	struct envoi_message_facts facts;
	struct envoi_scan scan;
	uint64_t longest = 0;
	size_t column = 0;
	envoi_scan_init(&scan, &facts, 1);
	envoi_scan_feed(&scan, in, split);
	envoi_scan_feed(&scan, in + split, n - split);
	envoi_scan_finish(&scan);
	ck_assert_uint_eq(facts.size, plain_len);
	for (size_t i = 0; i < plain_len; i++) {
		column = plain[i] == '\r' || plain[i] == '\n' ? 0 : column + 1;
		longest = column > longest ? column : longest;
	}
	ck_assert_uint_eq(facts.longest, longest);
	bool bare = false;
	bool bare_lf = false;
	for (size_t i = 0; i < n; i++) {
		bare_lf = bare_lf || (in[i] == '\n' && (i == 0 || in[i - 1] != '\r'));
		bare = bare || (in[i] == '\r' && (i + 1 == n || in[i + 1] != '\n'));
	}
	ck_assert_int_eq(facts.bare_cr, bare);
	ck_assert_int_eq(facts.bare_lf, bare_lf);
}

/* All ways to feed one input. */
static void check_all(const char *in, size_t n)
{
	char *plain = malloc(2 * n + 2);
	char *want = malloc(3 * n + 2);
	size_t *cuts = malloc((n + 2) * sizeof(*cuts));
	ck_assert(plain != NULL && want != NULL && cuts != NULL);
	size_t plain_len = reference(in, n, false, plain);
	for (int stuff = 0; stuff < 2; stuff++) {
		size_t want_len = reference(in, n, stuff != 0, want);
		check_wire(want, want_len, stuff != 0);
		for (size_t room = ENVOI_ENCODER_ROOM; room < 3 * n + 8;
			room += 1 + room / 8) {
			for (size_t i = 0; i <= n; i++) {
				cuts[i] = i;
			}
			check_pieces(in, cuts, n + 1, room, stuff != 0, want, want_len,
				plain_len);
			for (size_t split = 0; split <= n; split++) {
				size_t two[3] = {0, split, n};
				check_pieces(in, two, 3, room, stuff != 0, want, want_len,
					plain_len);
			}
		}
	}
	for (size_t split = 0; split <= n; split++) {
		check_facts(in, n, split, plain, plain_len);
	}
	free(plain);
	free(want);
	free(cuts);
}

static const char *const inputs[] = {
	"",
	".",
	"\n",
	"\r",
	"\r\n",
	".\n",
	".\r\n",
	".\r",
	"a",
	"a\nb",
	"a\r\nb\r\n",
	"a\rb",
	"a\r",
	"a\r\r\nb",
	"a\r\r\r\nb",
	"\r\r\n",
	"\n\r",
	"\n\n\n",
	"\r\r\r",
	"x\n.\ny",
	"x\n.\r\ny",
	"x\r.\r\ny",
	"x\r.\ry",
	"x\r\n.\ry",
	"x\r\n.\r\ny",
	"x\r\n..\r\n...\r\n.a\r\ny",
	"x\n..\n...\n.a\ny",
	"x\r\n.\r",
	"x\n.\r",
	"x\n.",
	"x\r\n.",
	"..\r\n\r\n.",
	"x.\n.x.\n x.\r",
	"Subject: a\r\n\r\nline one\r\nline two\r\n",
	"Subject: a\n\nline one\nline two\n",
	"mixed\r\nline\nends\rhere\n\r\n\r.\n",
};

START_TEST(each_split_and_room_gives_the_same)
{
	check_all(inputs[_i], strlen(inputs[_i]));
}
END_TEST

/* All words of up to seven octets over the alphabet that matters. */
START_TEST(all_short_inputs)
{
	static const char alphabet[] = {'\r', '\n', '.', 'a'};
	char word[7];
	for (size_t n = 0; n <= (_i == 0 ? 3 : 6); n++) {
		for (unsigned long code = 0; code < 1ul << (2 * n); code++) {
			for (size_t i = 0; i < n; i++) {
				word[i] = alphabet[code >> (2 * i) & 3];
			}
			if (_i == 0) {
				check_all(word, n);
				continue;
			}
			char want[32];
			size_t whole[2] = {0, n};
			char plain[32];
			size_t plain_len = reference(word, n, false, plain);
			size_t want_len = reference(word, n, true, want);
			check_pieces(word, whole, 2, ENVOI_ENCODER_ROOM, true, want,
				want_len, plain_len);
		}
	}
}
END_TEST

static unsigned next_random(unsigned *state)
{
	*state = *state * 1103515245u + 12345u;
	return *state >> 16 & 0x7fff;
}

/* Longer ones, any octets, the interesting ones often. */
START_TEST(random_inputs)
{
	static const char often[] = "\r\n\n..\ra b";
	unsigned state = 7u + (unsigned)_i;
	size_t n = 40 + next_random(&state) % 40;
	char in[80];
	for (size_t i = 0; i < n; i++) {
		unsigned r = next_random(&state);
		in[i] = r % 3 != 0 ? often[r / 3 % (sizeof(often) - 1)] : (char)(r / 3);
	}
	check_all(in, n);
}
END_TEST

/* As a body does it: what passes stays where it is, in a block of its exact size. */
static size_t pass_or_feed(
	struct envoi_encoder *encoder, const char *in, size_t n, char *out)
{
	size_t o = 0;
	while (n > 0) {
		char *exact = malloc(n);
		ck_assert(exact != NULL);
		memcpy(exact, in, n);
		size_t used = envoi_encoder_pass(encoder, exact, n);
		ck_assert_uint_le(used, n);
		memcpy(out + o, in, used);
		o += used;
		if (used < n) {
			size_t more;
			o += envoi_encoder_feed(
				encoder, exact + used, n - used, out + o, 300, &more);
			used += more;
		}
		free(exact);
		ck_assert_uint_gt(used, 0);
		in += used;
		n -= used;
	}
	return o;
}

static void check_large(const char *in, size_t n, size_t split, bool stuff)
{
	struct envoi_encoder encoder;
	char *want = malloc(3 * n + 2);
	char *out = malloc(3 * n + 400);
	size_t whole[3] = {0, split, n};
	ck_assert(want != NULL && out != NULL);
	size_t plain_len = reference(in, n, false, want);
	size_t want_len = reference(in, n, stuff, want);
	check_wire(want, want_len, stuff);
	check_pieces(in, whole, 3, 3 * n + 8, stuff, want, want_len, plain_len);
	check_pieces(in, whole, 3, 97, stuff, want, want_len, plain_len);
	envoi_encoder_init(&encoder, stuff);
	size_t o = pass_or_feed(&encoder, in, split, out);
	o += pass_or_feed(&encoder, in + split, n - split, out + o);
	o += envoi_encoder_finish(&encoder, out + o);
	ck_assert_uint_eq(o, want_len);
	ck_assert_int_eq(memcmp(out, want, o), 0);
	ck_assert_uint_eq(encoder.octets, plain_len);
	free(want);
	free(out);
}

/* More than is looked at at once: line ends of one kind or both, and one thing
 * that is not right at any place of it. */
START_TEST(large_inputs)
{
	static const char *const wrong[] = {
		"", "\r", "\n", ".", "\r\n.", "\n.", "\r.", "\r\r\n"};
	static char in[4000];
	unsigned state = 3u + (unsigned)_i;
	for (unsigned round = 0; round < 60; round++) {
		size_t n = 0, at = next_random(&state) % 1500;
		bool put = false;
		while (n < 1600 + round) {
			for (unsigned k = next_random(&state) % 40; k > 0; k--) {
				in[n++] = (char)('a' + k % 26);
			}
			if (n >= at && !put) {
				const char *word = wrong[round % 8];
				memcpy(in + n, word, strlen(word));
				n += strlen(word);
				put = true;
			}
			if (_i == 0 || (_i == 2 && next_random(&state) % 2 == 0)) {
				in[n++] = '\r';
			}
			in[n++] = '\n';
		}
		for (int stuff = 0; stuff < 2; stuff++) {
			check_large(in, n, 0, stuff != 0);
			check_large(in, n, next_random(&state) % n, stuff != 0);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("encode");
	TCase *tc = tcase_create("encode");
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, each_split_and_room_gives_the_same, 0,
		(int)(sizeof(inputs) / sizeof(inputs[0])));
	tcase_add_loop_test(tc, all_short_inputs, 0, 2);
	tcase_add_loop_test(tc, random_inputs, 0, 6);
	tcase_add_loop_test(tc, large_inputs, 0, 3);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
