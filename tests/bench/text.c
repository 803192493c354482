/*
 * text FILE ROUNDS: how fast the octets of a message are looked at and made
 * fit for the wire, beside copying them. One line a case: its name and the
 * octets a second, the median of the rounds, which take turns.
 *
 * "memory": blocks of a file that is in memory, without any system call. "file": with
 * what it takes to read it, as a message is read to be sent with DATA.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <envoi/message.h>

#include "base/limits.h"
#include "message/encode.h"
#include "message/scan.h"

#define BLOCK ENVOI_LIMIT_BLOCK
#define ROUNDS_MAX 99

static struct {
	const char *path;
	char *data;
	size_t n;
	char *out;
	/* What comes out is put here, so that nothing is left out. */
	uint64_t result;
} text;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void load(const char *path)
{
	struct stat st;
	size_t have = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		fail(path);
	}
	text.path = path;
	text.n = (size_t)st.st_size;
	text.data = malloc(text.n);
	text.out = malloc(BLOCK);
	if (text.data == NULL || text.out == NULL) {
		fail("malloc");
	}
	while (have < text.n) {
		ssize_t got = read(fd, text.data + have, text.n - have);
		if (got <= 0) {
			fail(path);
		}
		have += (size_t)got;
	}
	close(fd);
}

static size_t block_at(size_t at)
{
	return text.n - at < BLOCK ? text.n - at : BLOCK;
}

static void copy(void)
{
	for (size_t at = 0; at < text.n; at += BLOCK) {
		memcpy(text.out, text.data + at, block_at(at));
		text.result += (unsigned char)text.out[at % BLOCK];
	}
}

static void scan(void)
{
	struct envoi_message_facts facts;
	struct envoi_scan s;
	envoi_scan_init(&s, &facts, 1);
	for (size_t at = 0; at < text.n; at += BLOCK) {
		envoi_scan_feed(&s, text.data + at, block_at(at));
	}
	envoi_scan_finish(&s);
	text.result += facts.size;
}

/* As a body does: what can go out from where it is is not copied. */
static void encode_block(struct envoi_encoder *encoder, const char *in, size_t n)
{
	while (n > 0) {
		size_t used = envoi_encoder_pass(encoder, in, n);
		if (used < n) {
			size_t more;
			(void)envoi_encoder_feed(
				encoder, in + used, n - used, text.out, BLOCK, &more);
			used += more;
		}
		in += used;
		n -= used;
	}
}

static void encode(void)
{
	struct envoi_encoder encoder;
	envoi_encoder_init(&encoder, true);
	for (size_t at = 0; at < text.n; at += BLOCK) {
		encode_block(&encoder, text.data + at, block_at(at));
	}
	text.result += encoder.octets;
}

static void both(void)
{
	scan();
	encode();
}

static void read_file(void)
{
	int fd = open(text.path, O_RDONLY | O_CLOEXEC);
	ssize_t got;
	while ((got = read(fd, text.out, BLOCK)) > 0) {
		text.result += (unsigned char)text.out[0];
	}
	close(fd);
}

static void message(void)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input = NULL;
	struct envoi_message *letter = NULL;
	struct envoi_body *body = NULL;
	bool last = false;
	if (envoi_input_open(text.path, ENVOI_MBOX_NONE, &input, &err) != 0
		|| envoi_input_next(input, &letter, &err) != 0
		|| envoi_message_scan(letter, &err) != 0
		|| envoi_body_open(envoi_message_as_it_is(letter), true, &body, &err)
			   != 0) {
		fail(err.text);
	}
	while (!last) {
		size_t n;
		if (envoi_body_read(body, text.out, BLOCK, &n, &last, &err) != 0) {
			fail(err.text);
		}
		text.result += n;
	}
	envoi_body_close(body);
	envoi_message_free(letter);
	envoi_input_free(input);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"memory memcpy", copy},
	{"memory scan", scan},
	{"memory encoder", encode},
	{"memory both", both},
	{"file read", read_file},
	{"file message", message},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y ? 1 : 0;
}

static double seconds(void (*run)(void))
{
	struct timespec begin, end;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	run();
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (double)(end.tv_sec - begin.tv_sec)
	       + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

int main(int argc, char **argv)
{
	static double times[CASES][ROUNDS_MAX];
	long rounds = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	if (rounds < 1 || rounds > ROUNDS_MAX) {
		return 64;
	}
	load(argv[1]);
	for (long round = 0; round < rounds; round++) {
		for (size_t i = 0; i < CASES; i++) {
			times[i][round] = seconds(cases[i].run);
		}
	}
	for (size_t i = 0; i < CASES; i++) {
		qsort(times[i], (size_t)rounds, sizeof(times[i][0]), compare);
		printf("%s %.0f\n", cases[i].name, (double)text.n / times[i][rounds / 2]);
	}
	free(text.data);
	free(text.out);
	return text.result != 0 ? 0 : 1;
}
