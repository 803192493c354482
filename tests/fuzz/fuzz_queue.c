/*
 * The reader of spool files: any octets as an envelope, as a journal, as a head.
 * What is read can be written again, and is the same then.
 */
#include "fuzz.h"

#include <string.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "queue/format.h"

static void try_envelope(struct envoi_span octets)
{
	struct envoi_format_envelope first, second;
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (envoi_format_get_envelope(octets, &first, &err) != 0) {
		MUST(err.status == ENVOI_STATUS_DATA);
		return;
	}
	struct envoi_buffer out;
	envoi_buffer_init(&out, ENVOI_LIMIT_ENVELOPE);
	MUST(envoi_format_put_envelope(&out, &first.envelope, &err) == 0);
	MUST(envoi_format_get_envelope(envoi_buffer_span(&out), &second, &err) == 0);
	MUST(first.envelope.count == second.envelope.count);
	MUST(strcmp(first.envelope.sender, second.envelope.sender) == 0);
	for (size_t i = 0; i < first.envelope.count; i++) {
		MUST(strcmp(first.recipients[i].address, second.recipients[i].address)
			== 0);
	}
	envoi_format_finish_envelope(&second);
	envoi_format_finish_envelope(&first);
	envoi_buffer_finish(&out);
}

static void try_journal(struct envoi_span rest, uint64_t offset)
{
	for (;;) {
		struct envoi_record record;
		size_t size = 0;
		if (envoi_record_get(rest, offset, &record, &size) != ENVOI_RECORD_GOOD) {
			return;
		}
		MUST(size > 0 && size <= rest.len);
		for (size_t i = 0; i < record.count; i++) {
			(void)envoi_record_index(&record, i);
		}
		MUST(record.kind != ENVOI_RECORD_VERDICT
			|| envoi_format_is_text(record.verdict.text));
		rest.data += size;
		rest.len -= size;
		offset += size;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envoi_format_head head;
	struct envoi_error err;
	/* Exactly its size, so that reading behind it is noticed. */
	char *copy = malloc(size > 0 ? size : 1);
	MUST(copy != NULL);
	if (size > 0) {
		memcpy(copy, data, size);
	}
	try_envelope((struct envoi_span){copy, size});
	try_journal((struct envoi_span){copy, size}, 0);
	if (size >= ENVOI_FORMAT_HEAD) {
		(void)envoi_format_get_head((unsigned char *)copy, &head, &err);
	}
	free(copy);
	return 0;
}
