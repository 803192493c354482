/*
 * Composing a message; see the header.
 *
 *   message   = fields mime text                      ; without attachments
 *             / fields mime *( delimiter part ) close ; multipart/mixed
 *   delimiter = LF "--" boundary LF
 *
 * The boundary has 128 random bits, so that no content can hold it but by
 * chance, and "=_", which neither base64 nor quoted-printable can hold.
 */
#include <envoi/compose.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/gnu.h"
#include "base/limits.h"
#include "message/compose_field.h"
#include "message/compose_part.h"
#include "message/private.h"

struct maker {
	const struct envoi_compose *compose;
	/** The text, then the attachments. */
	struct envoi_part *parts;
	size_t part_count;
	struct envoi_buffer header;
	/** Of the text, when it is given; else empty. */
	struct envoi_span text_type;
	char boundary[40];
	struct envoi_spool spool;
};

static int no_memory(struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

/* -- attachments as they are written ------------------------------------------ */

static const char *next_option(const char *text)
{
	static const char *const options[] = {";type=", ";name="};
	const char *found = text + strlen(text);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const char *at = strstr(text, options[i]);
		if (at != NULL && at < found) {
			found = at;
		}
	}
	return found;
}

static char *copy(const char *from, const char *to)
{
	return envoi_span_dup((struct envoi_span){from, (size_t)(to - from)});
}

int envoi_attachment_parse(
	const char *text, struct envoi_attachment *ret, struct envoi_error *err)
{
	const char *at = next_option(text);
	struct envoi_attachment made = {.path = copy(text, at)};
	bool full = made.path != NULL;
	while (full && *at != '\0') {
		char **member = at[1] == 't' ? &made.type : &made.name;
		const char *value = at + sizeof(";type=") - 1;
		at = next_option(value);
		free(*member);
		*member = copy(value, at);
		full = *member != NULL;
	}
	if (!full) {
		envoi_attachment_finish(&made);
		return no_memory(err);
	}
	int result = 0;
	if (made.path[0] == '\0') {
		result = envoi_error_set(err, ENVOI_STATUS_USAGE,
			"attachment \"%.200s\" names no file", text);
	} else if (made.type != NULL
		   && (!envoi_mime_type_is_valid(made.type)
			   || envoi_span_starts_nocase(
				   envoi_span_of(made.type), "multipart/"))) {
		result = envoi_error_set(err, ENVOI_STATUS_USAGE,
			"attachment \"%.200s\": \"%.100s\" is no type for a file", text,
			made.type);
		envoi_error_hint(err, "a type is two words: application/pdf");
	}
	if (result != 0) {
		envoi_attachment_finish(&made);
		return -1;
	}
	*ret = made;
	return 0;
}

void envoi_attachment_finish(struct envoi_attachment *attachment)
{
	free(attachment->path);
	free(attachment->type);
	free(attachment->name);
	*attachment = (struct envoi_attachment){0};
}

/* -- the header --------------------------------------------------------------- */

/* Whether a field of that name is among those that were given. */
static bool is_given(const struct envoi_compose *compose, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < compose->header_count; i++) {
		const char *text = compose->headers[i];
		if (envoi_span_starts_nocase(envoi_span_of(text), name)
			&& text[n] == ':') {
			return true;
		}
	}
	return false;
}

static int put_given(struct maker *maker, struct envoi_error *err)
{
	const struct envoi_compose *compose = maker->compose;
	for (size_t i = 0; i < compose->header_count; i++) {
		struct envoi_span name, value;
		if (envoi_compose_split(compose->headers[i], &name, &value, err) != 0) {
			return -1;
		}
		if (envoi_span_equal_nocase(name, "Content-Type")) {
			maker->text_type = value;
		} else if (envoi_compose_field(&maker->header, name, value, err) != 0) {
			return -1;
		}
	}
	return 0;
}

static int put_fields(struct maker *maker, struct envoi_error *err)
{
	const struct envoi_compose *compose = maker->compose;
	struct envoi_buffer *header = &maker->header;
	if (compose->subject != NULL && !is_given(compose, "Subject")
		&& envoi_compose_field(header, envoi_span_of("Subject"),
			   envoi_span_of(compose->subject), err)
			   != 0) {
		return -1;
	}
	if (compose->to_count > 0 && !is_given(compose, "To")
		&& envoi_compose_addresses(
			   header, "To", compose->to, compose->to_count, err)
			   != 0) {
		return -1;
	}
	if (compose->cc_count > 0 && !is_given(compose, "Cc")
		&& envoi_compose_addresses(
			   header, "Cc", compose->cc, compose->cc_count, err)
			   != 0) {
		return -1;
	}
	return put_given(maker, err);
}

/* -- the content -------------------------------------------------------------- */

static int check_stdin(const struct envoi_compose *compose, struct envoi_error *err)
{
	size_t n = compose->body_file != NULL && strcmp(compose->body_file, "-") == 0;
	for (size_t i = 0; i < compose->attachment_count; i++) {
		n += strcmp(compose->attachments[i].path, "-") == 0;
	}
	return n <= 1 ? 0
		      : envoi_error_set(
			      err, ENVOI_STATUS_USAGE, "- (standard input) given twice");
}

static int open_parts(struct maker *maker, struct envoi_error *err)
{
	const struct envoi_compose *compose = maker->compose;
	maker->parts = calloc(1 + compose->attachment_count, sizeof(*maker->parts));
	if (maker->parts == NULL) {
		return no_memory(err);
	}
	maker->part_count = 1 + compose->attachment_count;
	if (envoi_part_open_body(&maker->parts[0], compose, err) != 0) {
		return -1;
	}
	for (size_t i = 0; i < compose->attachment_count; i++) {
		if (envoi_part_open_file(
			    &maker->parts[i + 1], &compose->attachments[i], err)
			!= 0) {
			return -1;
		}
	}
	return 0;
}

static int make_boundary(struct maker *maker, struct envoi_error *err)
{
	unsigned char random[16];
	if (envoi_gnu_random(random, sizeof(random)) != 0) {
		return envoi_error_set(
			err, ENVOI_STATUS_SYSTEM, "the system gives no random octets");
	}
	size_t n = (size_t)snprintf(maker->boundary, sizeof(maker->boundary), "=_");
	for (size_t i = 0; i < sizeof(random); i++) {
		n += (size_t)snprintf(maker->boundary + n, sizeof(maker->boundary) - n,
			"%02x", random[i]);
	}
	return 0;
}

static int flush_header(struct maker *maker, struct envoi_error *err)
{
	struct envoi_span span = envoi_buffer_span(&maker->header);
	if (envoi_spool_put(&maker->spool, span.data, span.len, err) != 0) {
		return -1;
	}
	envoi_buffer_clear(&maker->header);
	return 0;
}

static int write_single(struct maker *maker, struct envoi_error *err)
{
	if (envoi_part_header(&maker->parts[0], maker->text_type, &maker->header) != 0
		|| envoi_buffer_puts(&maker->header, "\n") != 0) {
		return no_memory(err);
	}
	if (flush_header(maker, err) != 0) {
		return -1;
	}
	return envoi_part_write(&maker->parts[0], &maker->spool, err);
}

static int write_multipart(struct maker *maker, struct envoi_error *err)
{
	struct envoi_buffer *out = &maker->header;
	const char *widest = "7bit";
	for (size_t i = 0; i < maker->part_count; i++) {
		if (maker->parts[i].form == ENVOI_PART_8BIT) {
			widest = "8bit";
		}
	}
	if (make_boundary(maker, err) != 0) {
		return -1;
	}
	int result = envoi_buffer_printf(out,
		"Content-Type: multipart/mixed; boundary=\"%s\"\n"
		"Content-Transfer-Encoding: %s\n",
		maker->boundary, widest);
	for (size_t i = 0; i < maker->part_count; i++) {
		const struct envoi_part *part = &maker->parts[i];
		struct envoi_span type =
			i == 0 ? maker->text_type : (struct envoi_span){"", 0};
		if (result != 0
			|| envoi_buffer_printf(out, "\n--%s\n", maker->boundary) != 0
			|| envoi_part_header(part, type, out) != 0
			|| envoi_buffer_puts(out, "\n") != 0) {
			return no_memory(err);
		}
		if (flush_header(maker, err) != 0
			|| envoi_part_write(part, &maker->spool, err) != 0) {
			return -1;
		}
	}
	if (envoi_buffer_printf(out, "\n--%s--\n", maker->boundary) != 0) {
		return no_memory(err);
	}
	return flush_header(maker, err);
}

static int make(struct maker *maker, struct envoi_source *source, struct envoi_error *err)
{
	/* What is wrong with the arguments is told before stdin is waited for. */
	if (check_stdin(maker->compose, err) != 0 || put_fields(maker, err) != 0
		|| open_parts(maker, err) != 0
		|| envoi_spool_begin(&maker->spool, source, err) != 0) {
		return -1;
	}
	if (envoi_buffer_puts(&maker->header, "MIME-Version: 1.0\n") != 0) {
		return no_memory(err);
	}
	int result = maker->part_count == 1 ? write_single(maker, err)
					    : write_multipart(maker, err);
	return result == 0 ? envoi_spool_end(&maker->spool, err) : -1;
}

int envoi_compose_open(const struct envoi_compose *compose,
	struct envoi_input **ret_input, struct envoi_error *err)
{
	struct maker maker = {.compose = compose};
	struct envoi_source *source = NULL;
	if (envoi_source_new("composed", &source, err) != 0) {
		return -1;
	}
	envoi_buffer_init(&maker.header, ENVOI_LIMIT_COMPOSED_HEADER);
	int result = make(&maker, source, err);
	if (result == 0) {
		result = envoi_input_of(source, ret_input, err);
	}
	envoi_spool_drop(&maker.spool);
	envoi_buffer_finish(&maker.header);
	for (size_t i = 0; i < maker.part_count; i++) {
		envoi_part_finish(&maker.parts[i]);
	}
	free(maker.parts);
	envoi_source_unref(source);
	return result;
}
