/*
 * Any octets as replies, whole and in pieces: the same replies, the same
 * words, nothing over its cap. The first octet says how they are cut.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "protocol/reply.h"

#include "fuzz.h"

static void note(struct envoi_buffer *log, const char *what, const void *bytes, size_t n)
{
	MUST(envoi_buffer_puts(log, what) == 0);
	MUST(envoi_buffer_append(log, bytes, n) == 0);
}

static void note_reply(struct envoi_buffer *log, struct envoi_reply *reply)
{
	MUST(reply->code >= 200 && reply->code <= 599);
	MUST(reply->length <= ENVOI_LIMIT_REPLY);
	MUST(reply->text[reply->length] == '\0' && reply->enhanced[0] == 0);
	note(log, "reply", &reply->code, sizeof(reply->code));
	note(log, "text", reply->text, reply->length);
	struct envoi_reply copy = {0};
	MUST(envoi_reply_copy(&copy, reply) == 0);
	envoi_reply_split_enhanced(&copy);
	MUST(copy.length <= reply->length && copy.text[copy.length] == '\0');
	MUST(copy.enhanced[0] == 0 || copy.enhanced[0] == copy.code / 100);
	MUST(copy.enhanced[1] <= 999 && copy.enhanced[2] <= 999);
	note(log, "enhanced", copy.enhanced, sizeof(copy.enhanced));
	note(log, "rest", copy.text, copy.length);
	envoi_reply_finish(&copy);
}

static void read_all(
	struct envoi_buffer *log, const uint8_t *data, size_t size, size_t piece)
{
	struct envoi_reply_parser parser;
	struct envoi_error err;
	bool bad = false;
	envoi_buffer_init(log, SIZE_MAX / 4);
	envoi_reply_parser_init(&parser);
	for (size_t at = 0; at < size && !bad;) {
		size_t n = size - at < piece ? size - at : piece;
		uint8_t *exact = malloc(n);
		MUST(exact != NULL);
		memcpy(exact, data + at, n);
		struct envoi_span rest = {(const char *)exact, n};
		at += n;
		while (rest.len > 0 && !bad) {
			struct envoi_reply reply = {0};
			size_t used = 0;
			enum envoi_reply_progress progress =
				envoi_reply_feed(&parser, rest, &used, &reply, &err);
			MUST(used > 0 && used <= rest.len);
			MUST(progress != ENVOI_REPLY_MORE || used == rest.len);
			MUST(parser.line.len <= ENVOI_LIMIT_REPLY_LINE);
			MUST(parser.text.len <= ENVOI_LIMIT_REPLY);
			rest.data += used;
			rest.len -= used;
			if (progress == ENVOI_REPLY_DONE) {
				note_reply(log, &reply);
			} else if (progress == ENVOI_REPLY_BAD) {
				bad = true;
				MUST(err.status == ENVOI_STATUS_PROTOCOL);
				note(log, "bad", err.text, strlen(err.text));
				note(log, "hint", err.hint, strlen(err.hint));
			}
		}
		free(exact);
	}
	envoi_reply_parser_finish(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envoi_buffer whole, pieces;
	if (size < 1) {
		return 0;
	}
	read_all(&whole, data + 1, size - 1, size);
	read_all(&pieces, data + 1, size - 1, 1 + data[0] % 16);
	MUST(envoi_span_equal(envoi_buffer_span(&whole), envoi_buffer_span(&pieces)));
	envoi_buffer_finish(&whole);
	envoi_buffer_finish(&pieces);
	return 0;
}
