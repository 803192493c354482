/*
 * Repair of the header; see <envoi/repair.h>. The fields that go out are listed
 * anew: those of the message that stay, copies of those that are changed, and
 * what is added in front.
 */
#include <envoi/repair.h>

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/msgid.h"
#include "message/private.h"

/* Of a line that is made (RFC 5322 2.1.1). */
#define COLUMNS_MAX 78
/* Received, Date, From, To, Message-ID. */
#define ADDED_MAX 5

struct repair {
	const struct envoi_header *header;
	const struct envoi_repair *rules;
	/** A field Resent-* is there. */
	bool resent;
	/** What goes out; room for all fields and ADDED_MAX. */
	struct envoi_field *fields;
	size_t count;
	/** Texts made here. */
	char **texts;
	size_t text_count;
	/** Octets made here. */
	size_t made;
	uint64_t line;
};

static int no_memory(struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

/* Appends a field whose text out holds; finishes out. */
static int add_text(struct repair *r, struct envoi_buffer *out,
	enum envoi_field_kind kind, uint64_t line, struct envoi_error *err)
{
	struct envoi_span raw = envoi_buffer_span(out);
	char *text = envoi_span_dup(raw);
	size_t n = raw.len;
	envoi_buffer_finish(out);
	if (text == NULL) {
		return no_memory(err);
	}
	r->texts[r->text_count++] = text;
	r->made += n;
	size_t name = strcspn(text, ": \t");
	const char *colon = strchr(text, ':');
	r->fields[r->count++] = (struct envoi_field){
		.kind = kind,
		.name = {text, name},
		.value = {colon + 1, (size_t)(text + n - colon) - 2},
		.raw = {text, n},
		.line = line,
	};
	return 0;
}

static bool has(const struct repair *r, enum envoi_field_kind kind)
{
	return envoi_header_find(r->header, kind) != NULL;
}

/* The kind that counts: of this sending, or of the first one. */
static enum envoi_field_kind which(const struct repair *r, enum envoi_field_kind original,
	enum envoi_field_kind resent)
{
	return r->resent ? resent : original;
}

static bool is_wanted(const struct repair *r, enum envoi_field_kind kind,
	enum envoi_header_policy policy)
{
	return policy == ENVOI_HEADER_ON
	       || (policy == ENVOI_HEADER_AUTO && !has(r, kind));
}

/* -- what is added ------------------------------------------------------------- */

static int begin(struct envoi_buffer *out, enum envoi_field_kind kind)
{
	envoi_buffer_init(out, ENVOI_LIMIT_HEADER);
	return envoi_buffer_printf(out, "%s: ", envoi_field_name(kind));
}

static int end(struct repair *r, struct envoi_buffer *out, enum envoi_field_kind kind,
	int failed, struct envoi_error *err)
{
	if (failed != 0 || envoi_buffer_puts(out, "\n") != 0) {
		envoi_buffer_finish(out);
		return no_memory(err);
	}
	return add_text(r, out, kind, r->line, err);
}

static int add_received(struct repair *r, struct envoi_error *err)
{
	struct envoi_buffer out;
	size_t count = 0;
	if (r->rules->received == NULL) {
		return 0;
	}
	for (size_t i = 0; i < r->header->count; i++) {
		count += r->header->fields[i].kind == ENVOI_FIELD_RECEIVED;
	}
	if (count > ENVOI_LIMIT_TRACE) {
		return envoi_error_set(err, ENVOI_STATUS_REFUSED,
			"it came through %zu servers already, which is a loop", count);
	}
	int failed = begin(&out, ENVOI_FIELD_RECEIVED);
	failed |= envoi_buffer_puts(&out, r->rules->received);
	return end(r, &out, ENVOI_FIELD_RECEIVED, failed, err);
}

static int add_date(struct repair *r, struct envoi_error *err)
{
	enum envoi_field_kind kind = which(r, ENVOI_FIELD_DATE, ENVOI_FIELD_RESENT_DATE);
	if (!is_wanted(r, kind, r->rules->date)) {
		return 0;
	}
	struct envoi_buffer out;
	char date[ENVOI_DATE_SIZE];
	long offset = 0;
	bool known = envoi_date_offset(r->rules->now, &offset) == 0;
	envoi_date_format(date, r->rules->now, offset, known);
	int failed = begin(&out, kind);
	failed |= envoi_buffer_puts(&out, date);
	return end(r, &out, kind, failed, err);
}

static bool is_ascii(const char *text)
{
	while (*text != '\0' && (unsigned char)*text < 0x80) {
		text++;
	}
	return *text == '\0';
}

/* The domain of the sender, or of where this is. */
static const char *own_domain(const struct repair *r, bool of_sender)
{
	const char *domains[] = {
		of_sender ? envoi_address_domain(r->rules->sender) : "",
		r->rules->domain,
		r->rules->host,
	};
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		if (domains[i] != NULL && domains[i][0] != '\0' && is_ascii(domains[i])) {
			return domains[i];
		}
	}
	return "localhost";
}

static int put_sender(const struct repair *r, struct envoi_buffer *out)
{
	const char *sender = r->rules->sender;
	if (sender[0] == '\0') {
		return envoi_buffer_printf(out, "MAILER-DAEMON@%s", own_domain(r, false));
	}
	int failed = envoi_buffer_puts(out, sender);
	if (envoi_address_domain(sender)[0] == '\0' && r->rules->domain != NULL) {
		failed |= envoi_buffer_printf(out, "@%s", r->rules->domain);
	}
	return failed;
}

static size_t column(const struct envoi_buffer *out)
{
	struct envoi_span text = envoi_buffer_span(out);
	size_t n = 0;
	while (n < text.len && text.data[text.len - n - 1] != '\n') {
		n++;
	}
	return n;
}

static int add_from(struct repair *r, struct envoi_error *err)
{
	enum envoi_field_kind kind = which(r, ENVOI_FIELD_FROM, ENVOI_FIELD_RESENT_FROM);
	const char *name = r->rules->full_name;
	if (!is_wanted(r, kind, r->rules->from)) {
		return 0;
	}
	struct envoi_buffer out;
	int failed = begin(&out, kind);
	if (name == NULL || name[0] == '\0') {
		failed |= put_sender(r, &out);
		return end(r, &out, kind, failed, err);
	}
	failed |= envoi_encoded_word_put(&out, envoi_span_of(name), column(&out), true);
	bool folds =
		column(&out) + strlen(" <>") + strlen(r->rules->sender) > COLUMNS_MAX;
	failed |= envoi_buffer_puts(&out, folds ? "\n <" : " <");
	failed |= put_sender(r, &out);
	failed |= envoi_buffer_puts(&out, ">");
	return end(r, &out, kind, failed, err);
}

static int add_to(struct repair *r, struct envoi_error *err)
{
	bool named = has(r, ENVOI_FIELD_TO) || has(r, ENVOI_FIELD_CC)
		     || has(r, ENVOI_FIELD_RESENT_TO) || has(r, ENVOI_FIELD_RESENT_CC);
	if (r->rules->undisclosed == ENVOI_UNDISCLOSED_OFF
		|| (r->rules->undisclosed == ENVOI_UNDISCLOSED_AUTO && named)) {
		return 0;
	}
	struct envoi_buffer out;
	int failed = begin(&out, ENVOI_FIELD_TO);
	failed |= envoi_buffer_puts(&out, "undisclosed-recipients:;");
	return end(r, &out, ENVOI_FIELD_TO, failed, err);
}

static int add_message_id(struct repair *r, struct envoi_error *err)
{
	enum envoi_field_kind kind =
		which(r, ENVOI_FIELD_MESSAGE_ID, ENVOI_FIELD_RESENT_MESSAGE_ID);
	if (!is_wanted(r, kind, r->rules->msgid)) {
		return 0;
	}
	struct envoi_buffer out;
	char id[ENVOI_MSGID_SIZE];
	if (envoi_msgid_make(id, own_domain(r, true), err) != 0) {
		return -1;
	}
	int failed = begin(&out, kind);
	failed |= envoi_buffer_puts(&out, id);
	return end(r, &out, kind, failed, err);
}

/* -- what stays ---------------------------------------------------------------- */

static bool is_removed(const struct repair *r, enum envoi_field_kind kind)
{
	const struct envoi_repair *rules = r->rules;
	bool hidden = rules->undisclosed == ENVOI_UNDISCLOSED_ON;
	switch (kind) {
	case ENVOI_FIELD_BCC:
		return !rules->keep_bcc || (hidden && !rules->raw);
	case ENVOI_FIELD_RESENT_BCC:
		return !rules->keep_bcc;
	case ENVOI_FIELD_RETURN_PATH:
	case ENVOI_FIELD_CONTENT_LENGTH:
		return !rules->raw;
	case ENVOI_FIELD_TO:
	case ENVOI_FIELD_CC:
		return !rules->raw && hidden;
	case ENVOI_FIELD_DATE:
	case ENVOI_FIELD_RESENT_DATE:
		return !rules->raw && rules->date == ENVOI_HEADER_ON
		       && kind == which(r, ENVOI_FIELD_DATE, ENVOI_FIELD_RESENT_DATE);
	case ENVOI_FIELD_FROM:
	case ENVOI_FIELD_RESENT_FROM:
		return !rules->raw && rules->from == ENVOI_HEADER_ON
		       && kind == which(r, ENVOI_FIELD_FROM, ENVOI_FIELD_RESENT_FROM);
	case ENVOI_FIELD_MESSAGE_ID:
	case ENVOI_FIELD_RESENT_MESSAGE_ID:
		return !rules->raw && rules->msgid == ENVOI_HEADER_ON
		       && kind
				  == which(r, ENVOI_FIELD_MESSAGE_ID,
					  ENVOI_FIELD_RESENT_MESSAGE_ID);
	default:
		return false;
	}
}

static bool has_addresses(enum envoi_field_kind kind)
{
	switch (kind) {
	case ENVOI_FIELD_FROM:
	case ENVOI_FIELD_SENDER:
	case ENVOI_FIELD_REPLY_TO:
	case ENVOI_FIELD_TO:
	case ENVOI_FIELD_CC:
	case ENVOI_FIELD_RESENT_FROM:
	case ENVOI_FIELD_RESENT_SENDER:
	case ENVOI_FIELD_RESENT_REPLY_TO:
	case ENVOI_FIELD_RESENT_TO:
	case ENVOI_FIELD_RESENT_CC:
		return true;
	default:
		return false;
	}
}

/* A value that is copied with a domain for each bare name. */
struct qualifier {
	const struct repair *repair;
	const struct envoi_field *field;
	struct envoi_buffer out;
	/** So much of the field is copied. */
	size_t copied;
};

static int too_long(struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_DATA,
		"its header has more than %u octets once names have a domain",
		ENVOI_LIMIT_HEADER);
}

static int qualify_item(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct qualifier *q = context;
	if (item->mailbox == NULL || !item->bare) {
		return 0;
	}
	const char *raw = q->field->raw.data;
	size_t at = (size_t)(q->field->value.data - raw) + item->spec_end;
	if (envoi_buffer_append(&q->out, raw + q->copied, at - q->copied) != 0
		|| envoi_buffer_puts(&q->out, "@") != 0
		|| envoi_buffer_puts(&q->out, q->repair->rules->domain) != 0) {
		return too_long(err);
	}
	q->copied = at;
	return 0;
}

static int keep_field(
	struct repair *r, const struct envoi_field *field, struct envoi_error *err)
{
	struct qualifier q = {.repair = r, .field = field};
	if (r->rules->raw || r->rules->domain == NULL || !has_addresses(field->kind)) {
		r->fields[r->count++] = *field;
		return 0;
	}
	envoi_buffer_init(&q.out, ENVOI_LIMIT_HEADER);
	int result = envoi_address_list_parse(
		field->value.data, field->value.len, qualify_item, &q, err);
	if (result == 0 && q.copied == 0) {
		r->fields[r->count++] = *field;
	} else if (result == 0) {
		if (envoi_buffer_append(
			    &q.out, field->raw.data + q.copied, field->raw.len - q.copied)
				!= 0
			|| r->made + q.out.len > ENVOI_LIMIT_HEADER) {
			result = too_long(err);
		} else {
			return add_text(r, &q.out, field->kind, field->line, err);
		}
	}
	envoi_buffer_finish(&q.out);
	return result;
}

static int list_fields(struct repair *r, struct envoi_error *err)
{
	if (!r->rules->raw
		&& (add_received(r, err) != 0 || add_date(r, err) != 0
			|| add_from(r, err) != 0 || add_to(r, err) != 0
			|| add_message_id(r, err) != 0)) {
		return -1;
	}
	for (size_t i = 0; i < r->header->count; i++) {
		const struct envoi_field *field = &r->header->fields[i];
		if (!is_removed(r, field->kind) && keep_field(r, field, err) != 0) {
			return -1;
		}
	}
	return 0;
}

int envoi_message_repair(struct envoi_message *message, const struct envoi_repair *rules,
	struct envoi_error *err)
{
	if (!message->scanned) {
		return envoi_error_set(err, ENVOI_STATUS_BUG,
			"a message is repaired before it is scanned");
	}
	struct envoi_header *header = &message->header;
	size_t most = header->count + ADDED_MAX;
	struct repair r = {
		.header = header,
		.rules = rules,
		.line = message->first_line,
		.fields = calloc(most, sizeof(*r.fields)),
		.texts = calloc(most, sizeof(*r.texts)),
	};
	for (size_t i = 0; i < header->count; i++) {
		r.resent = r.resent || envoi_field_is_resent(header->fields[i].kind);
	}
	int result = r.fields == NULL || r.texts == NULL ? no_memory(err)
							 : list_fields(&r, err);
	if (result == 0) {
		if (!rules->raw) {
			header->nul_line = 0;
			header->empty_line = header->empty_line || header->broken;
		}
		result = envoi_message_set_header(message, r.fields, r.count, err);
	}
	for (size_t i = 0; i < r.text_count; i++) {
		free(r.texts[i]);
	}
	free(r.texts);
	free(r.fields);
	return result;
}
