/*
 * Bounces: the message around the parts, and its way into the queue; see
 * <envoi/bounce.h>.
 *
 *   multipart/report; report-type=delivery-status
 *     text/plain                what people read
 *     message/delivery-status   what programs read
 *     message/rfc822, message/global or text/rfc822-headers
 */
#include <envoi/bounce.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/gnu.h"
#include "base/limits.h"
#include "message/date.h"
#include "message/msgid.h"
#include "queue/bounce_internal.h"

int envoi_bounce_flush(
	struct envoi_bounce_writer *writer, int failed, struct envoi_error *err)
{
	struct envoi_span span = envoi_buffer_span(&writer->out);
	if (failed != 0) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	if (envoi_spool_put(&writer->spool, span.data, span.len, err) != 0) {
		return -1;
	}
	envoi_buffer_clear(&writer->out);
	return 0;
}

int envoi_bounce_part(struct envoi_bounce_writer *writer)
{
	return envoi_buffer_printf(&writer->out, "\n--%s\n", writer->boundary);
}

/* -- the header ------------------------------------------------------------------ */

static const char *host_of(const struct envoi_bounce *bounce)
{
	return bounce->host != NULL ? bounce->host : "localhost";
}

static const char *domain_of(const struct envoi_bounce *bounce)
{
	return bounce->domain != NULL ? bounce->domain : host_of(bounce);
}

static uint64_t add_text(uint64_t sum, const char *text)
{
	return envoi_checksum_of(text, strlen(text) + 1, sum);
}

static int make_message_id(const struct envoi_bounce *bounce,
	char out[static ENVOI_MSGID_SIZE], struct envoi_error *err)
{
	if (bounce->id == NULL) {
		return envoi_msgid_make(out, domain_of(bounce), err);
	}
	uint64_t sum = add_text(bounce->kind, bounce->to);
	for (size_t i = 0; i < bounce->count; i++) {
		sum = add_text(sum, bounce->recipients[i].address);
	}
	(void)snprintf(out, ENVOI_MSGID_SIZE, "<%.64s.%016jx@%.200s>", bounce->id,
		(uintmax_t)sum, domain_of(bounce));
	return 0;
}

static int make_boundary(struct envoi_bounce_writer *writer, struct envoi_error *err)
{
	unsigned char random[16];
	if (envoi_gnu_random(random, sizeof(random)) != 0) {
		return envoi_error_set(
			err, ENVOI_STATUS_SYSTEM, "the system gives no random octets");
	}
	size_t n = (size_t)snprintf(writer->boundary, sizeof(writer->boundary), "=_");
	for (size_t i = 0; i < sizeof(random); i++) {
		n += (size_t)snprintf(writer->boundary + n, sizeof(writer->boundary) - n,
			"%02x", random[i]);
	}
	return 0;
}

/* Fit for In-Reply-To. */
static bool is_message_id(const char *text)
{
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] > '~') {
			return false;
		}
	}
	return n > 2 && n < 900 && text[0] == '<' && text[n - 1] == '>';
}

static int put_header(struct envoi_bounce_writer *writer, struct envoi_error *err)
{
	static const char *const subjects[] = {
		[ENVOI_BOUNCE_FAILED] = "Undelivered mail returned to its sender",
		[ENVOI_BOUNCE_DELAYED] = "Mail is delayed and will be tried again",
		[ENVOI_BOUNCE_REFUSED] = "Mail was not accepted",
		[ENVOI_BOUNCE_RELAYED] = "Mail was passed on",
	};
	const struct envoi_bounce *bounce = writer->bounce;
	struct envoi_buffer *out = &writer->out;
	char id[ENVOI_MSGID_SIZE], date[ENVOI_DATE_SIZE];
	long offset = 0;
	if (make_message_id(bounce, id, err) != 0 || make_boundary(writer, err) != 0) {
		return -1;
	}
	int known = envoi_date_offset(bounce->now, &offset);
	envoi_date_format(date, bounce->now, offset, known == 0);
	int failed = envoi_buffer_printf(out,
		"From: Mail Delivery System <MAILER-DAEMON@%s>\n"
		"To: <%s>\n"
		"Subject: %s\n"
		"Date: %s\n"
		"Message-ID: %s\n"
		"Auto-Submitted: auto-replied\n",
		domain_of(bounce), bounce->to, subjects[bounce->kind], date, id);
	const char *original = bounce->original != NULL
				       ? envoi_message_facts(bounce->original)->message_id
				       : "";
	if (is_message_id(original)) {
		failed |= envoi_buffer_printf(
			out, "In-Reply-To: %s\nReferences: %s\n", original, original);
	}
	/* A report has to name a recipient. */
	failed |= envoi_buffer_printf(out,
		"MIME-Version: 1.0\n"
		"Content-Type: multipart/%s;\n"
		"\tboundary=\"%s\"\n"
		"\nThis is a delivery report in parts (RFC 3464).\n",
		bounce->count > 0 ? "report; report-type=delivery-status" : "mixed",
		writer->boundary);
	return envoi_bounce_flush(writer, failed, err);
}

/* -- all of it ------------------------------------------------------------------- */

static int write_all(struct envoi_bounce_writer *writer, struct envoi_error *err)
{
	if (put_header(writer, err) != 0 || envoi_bounce_put_text(writer, err) != 0
		|| envoi_bounce_put_status(writer, err) != 0
		|| envoi_bounce_put_original(writer, err) != 0) {
		return -1;
	}
	int failed = envoi_buffer_printf(&writer->out, "\n--%s--\n", writer->boundary);
	return envoi_bounce_flush(writer, failed, err);
}

static int make_source(const struct envoi_bounce *bounce, struct envoi_source *source,
	struct envoi_error *err)
{
	struct envoi_bounce_writer writer = {.bounce = bounce};
	envoi_buffer_init(&writer.out, (size_t)8 * ENVOI_LIMIT_HEADER);
	int result = envoi_spool_begin(&writer.spool, source, err);
	if (result == 0 && (result = write_all(&writer, err)) == 0) {
		result = envoi_spool_end(&writer.spool, err);
	}
	envoi_spool_drop(&writer.spool);
	envoi_buffer_finish(&writer.out);
	return result;
}

int envoi_bounce_make(const struct envoi_bounce *bounce,
	struct envoi_message **ret_message, struct envoi_error *err)
{
	struct envoi_source *source = NULL;
	struct envoi_input *input = NULL;
	struct envoi_message *message = NULL;
	if ((bounce->original != NULL && envoi_message_scan(bounce->original, err) != 0)
		|| envoi_source_new("bounce", &source, err) != 0) {
		return -1;
	}
	int result = make_source(bounce, source, err);
	if (result == 0) {
		result = envoi_input_of(source, &input, err);
	}
	if (result == 0) {
		result = envoi_input_next(input, &message, err);
	}
	if (result == 0 && (result = envoi_message_scan(message, err)) != 0) {
		envoi_message_free(message);
	}
	envoi_input_free(input);
	envoi_source_unref(source);
	if (result != 0) {
		return -1;
	}
	*ret_message = message;
	return 0;
}

int envoi_bounce_queue(struct envoi_queue *queue, const struct envoi_bounce *bounce,
	const struct envoi_queue_envelope *way, struct envoi_entry **ret_entry,
	struct envoi_error *err)
{
	const struct envoi_queue_recipient recipient = {.address = bounce->to};
	struct envoi_message *message = NULL;
	struct envoi_entry *entry = NULL;
	if (envoi_bounce_make(bounce, &message, err) != 0) {
		return -1;
	}
	const struct envoi_queue_envelope envelope = {
		.sender = "",
		.recipients = &recipient,
		.count = 1,
		.account = way->account,
		.config = way->config,
		.settings = way->settings,
		.setting_count = way->setting_count,
		.message_id = envoi_message_facts(message)->message_id,
		.uid = way->uid,
		.created = bounce->now,
		.bounce_of = bounce->id != NULL ? bounce->id : "-",
	};
	int result = envoi_queue_add(queue, &envelope, message, &entry, err);
	envoi_message_free(message);
	if (result == 0 && ret_entry != NULL) {
		*ret_entry = entry;
	} else if (result == 0) {
		envoi_entry_free(entry);
	}
	return result;
}
