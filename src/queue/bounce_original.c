/*
 * The part of a bounce that is the original, or its header; see <envoi/bounce.h>.
 */
#include "queue/bounce_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "message/transfer.h"

/* Octets, wire form, of what is returned whole unasked. */
#define SMALL 51200

static bool is_whole(const struct envoi_bounce *bounce)
{
	switch (bounce->kind) {
	case ENVOI_BOUNCE_REFUSED:
		return true;
	case ENVOI_BOUNCE_DELAYED:
	case ENVOI_BOUNCE_RELAYED:
		/* RFC 3461 4.3: RET is of failures. */
		return false;
	case ENVOI_BOUNCE_FAILED:
		break;
	}
	if (bounce->returned != NULL) {
		return strcmp(bounce->returned, "FULL") == 0;
	}
	return envoi_message_facts(bounce->original)->size <= SMALL;
}

typedef int (*take_fn)(
	void *context, const char *data, size_t n, bool last, struct envoi_error *err);

/* Gives the octets of a form to take, until it returns 1 or there are no more. */
static int read_form(const struct envoi_form *form, take_fn take, void *context,
	struct envoi_error *err)
{
	struct envoi_body *body = NULL;
	char *block = malloc(ENVOI_LIMIT_BLOCK);
	if (block == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	int result = envoi_body_open(form, false, &body, err);
	bool last = false;
	while (result == 0 && !last) {
		size_t n = 0;
		result = envoi_body_read(body, block, ENVOI_LIMIT_BLOCK, &n, &last, err);
		if (result == 0) {
			result = take(context, block, n, last, err);
		}
	}
	envoi_body_close(body);
	free(block);
	return result < 0 ? -1 : 0;
}

/* -- its header ------------------------------------------------------------------ */

/* Up to the empty line. */
static int take_header(
	void *context, const char *data, size_t n, bool last, struct envoi_error *err)
{
	struct envoi_buffer *header = context;
	(void)last;
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\r') {
			continue;
		}
		struct envoi_span span = envoi_buffer_span(header);
		bool begins = span.len == 0 || span.data[span.len - 1] == '\n';
		if (data[i] == '\n' && begins) {
			return 1;
		}
		if (envoi_buffer_append(header, &data[i], 1) != 0) {
			return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		}
	}
	return 0;
}

static int put_header(struct envoi_bounce_writer *writer, struct envoi_error *err)
{
	struct envoi_buffer header;
	envoi_buffer_init(&header, (size_t)2 * ENVOI_LIMIT_HEADER);
	int result = read_form(envoi_message_as_it_is(writer->bounce->original),
		take_header, &header, err);
	if (result == 0) {
		result = envoi_bounce_put_any(
			writer, "text/rfc822-headers", envoi_buffer_span(&header), err);
	}
	envoi_buffer_finish(&header);
	return result;
}

/* -- all of it ------------------------------------------------------------------- */

static int take_plain(
	void *context, const char *data, size_t n, bool last, struct envoi_error *err)
{
	struct envoi_bounce_writer *writer = context;
	(void)last;
	return envoi_spool_put(&writer->spool, data, n, err);
}

struct encoding {
	struct envoi_bounce_writer *writer;
	struct envoi_transfer transfer;
};

static int take_encoded(
	void *context, const char *data, size_t n, bool last, struct envoi_error *err)
{
	struct encoding *encoding = context;
	struct envoi_spool *spool = &encoding->writer->spool;
	char out[8192];
	while (n > 0) {
		size_t used = 0;
		size_t made = envoi_transfer_feed(
			&encoding->transfer, data, n, out, sizeof(out), &used);
		if (envoi_spool_put(spool, out, made, err) != 0) {
			return -1;
		}
		data += used;
		n -= used;
	}
	size_t rest = last ? envoi_transfer_finish(&encoding->transfer, out) : 0;
	return envoi_spool_put(spool, out, rest, err);
}

static int put_whole(struct envoi_bounce_writer *writer, struct envoi_error *err)
{
	static const struct envoi_carrier nothing = {
		.long_lines = ENVOI_LONG_LINES_ENCODE, .mend = true};
	struct envoi_message *original = writer->bounce->original;
	const struct envoi_form *form = NULL;
	struct envoi_error fault = ENVOI_ERROR_NONE;
	int result = envoi_message_choose(original, &nothing, &form, &fault);
	if (result == 0) {
		int failed = envoi_buffer_puts(
			&writer->out, "Content-Type: message/rfc822\n\n");
		result = envoi_bounce_flush(writer, failed, err);
		return result == 0 ? read_form(form, take_plain, writer, err) : -1;
	}
	if (fault.status != ENVOI_STATUS_DATA) {
		*err = fault;
		return -1;
	}
	struct encoding encoding = {.writer = writer};
	envoi_transfer_init(&encoding.transfer, ENVOI_TRANSFER_BASE64);
	int failed =
		envoi_buffer_puts(&writer->out, "Content-Type: message/global\n"
						"Content-Transfer-Encoding: base64\n\n");
	return envoi_bounce_flush(writer, failed, err) != 0
		       ? -1
		       : read_form(envoi_message_as_it_is(original), take_encoded,
			       &encoding, err);
}

int envoi_bounce_put_original(struct envoi_bounce_writer *writer, struct envoi_error *err)
{
	if (writer->bounce->original == NULL) {
		return 0;
	}
	if (envoi_bounce_flush(writer, envoi_bounce_part(writer), err) != 0) {
		return -1;
	}
	return is_whole(writer->bounce) ? put_whole(writer, err)
					: put_header(writer, err);
}
