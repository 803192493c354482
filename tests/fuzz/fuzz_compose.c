/*
 * A message made of any words: what is refused is refused with a reason; what is made
 * has the fields that were asked for and no others, the addresses that were given, and
 * nothing in its header that is no text.
 *
 * Words end in NUL; the first octet of each says what it is: t, c (To, Cc), s (Subject),
 * h (a field), b (the text), a (FILE;type=T;name=N of an attachment), f (its content).
 */
#include <string.h>
#include <strings.h>

#include <unistd.h>

#include <envoi/address.h>
#include <envoi/compose.h>

#include "fuzz.h"
#include "message/header.h"
#include "message/private.h"

#define MOST 8

struct words {
	char *to[MOST], *cc[MOST], *header[MOST];
	struct envoi_attachment attachments[MOST];
	FILE *files[MOST];
	size_t to_count, cc_count, header_count, attachment_count;
	char *subject, *body;
};

static void keep(char **list, size_t *count, const char *text)
{
	if (*count < MOST) {
		list[*count] = strdup(text);
		MUST(list[(*count)++] != NULL);
	}
}

static void keep_one(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
	MUST(*to != NULL);
}

/* The name is that of the words, the file is one of our own. */
static void keep_attachment(struct words *words, const char *text)
{
	struct envoi_attachment *attachment =
		&words->attachments[words->attachment_count];
	struct envoi_error err = ENVOI_ERROR_NONE;
	char path[40];
	if (words->attachment_count == MOST) {
		return;
	}
	if (envoi_attachment_parse(text, attachment, &err) != 0) {
		MUST(err.status == ENVOI_STATUS_USAGE && err.text[0] != '\0');
		envoi_attachment_finish(attachment);
		*attachment = (struct envoi_attachment){0};
		return;
	}
	FILE *file = tmpfile();
	MUST(file != NULL && attachment->path != NULL);
	if (attachment->name == NULL) {
		attachment->name = attachment->path;
	} else {
		free(attachment->path);
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(file));
	attachment->path = strdup(path);
	words->files[words->attachment_count++] = file;
}

static void take(struct words *words, const char *text)
{
	switch (text[0]) {
	case 't':
		keep(words->to, &words->to_count, text + 1);
		break;
	case 'c':
		keep(words->cc, &words->cc_count, text + 1);
		break;
	case 'h':
		keep(words->header, &words->header_count, text + 1);
		break;
	case 's':
		keep_one(&words->subject, text + 1);
		break;
	case 'b':
		keep_one(&words->body, text + 1);
		break;
	case 'a':
		keep_attachment(words, text + 1);
		break;
	case 'f':
		if (words->attachment_count > 0) {
			FILE *file = words->files[words->attachment_count - 1];
			(void)fputs(text + 1, file);
			(void)fflush(file);
		}
		break;
	default:
		break;
	}
}

static void finish(struct words *words)
{
	for (size_t i = 0; i < MOST; i++) {
		free(words->to[i]);
		free(words->cc[i]);
		free(words->header[i]);
		envoi_attachment_finish(&words->attachments[i]);
		if (words->files[i] != NULL) {
			(void)fclose(words->files[i]);
		}
	}
	free(words->subject);
	free(words->body);
}

/* -- what must hold ----------------------------------------------------------------- */

struct counted {
	size_t n;
};

static int count(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	(void)err;
	MUST(item->mailbox != NULL);
	((struct counted *)context)->n++;
	return 0;
}

static size_t addresses_of(char *const *list, size_t n)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct counted counted = {0};
	for (size_t i = 0; i < n; i++) {
		MUST(envoi_address_list_parse(
			     list[i], strlen(list[i]), count, &counted, &err)
			== 0);
	}
	return counted.n;
}

static bool is_made(struct envoi_span name)
{
	static const char *const names[] = {"to", "cc", "subject", "mime-version",
		"content-type", "content-transfer-encoding", "content-disposition"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (envoi_span_equal_nocase(name, names[i])) {
			return true;
		}
	}
	return false;
}

static bool is_asked_for(const struct words *words, struct envoi_span name)
{
	for (size_t i = 0; i < words->header_count; i++) {
		const char *text = words->header[i];
		struct envoi_span own = {text, strcspn(text, ":")};
		own = envoi_span_trim(own);
		if (own.len == name.len
			&& strncasecmp(own.data, name.data, own.len) == 0) {
			return true;
		}
	}
	return false;
}

static void check_fields(const struct words *words, const struct envoi_message *message)
{
	const struct envoi_header *header = &message->header;
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct counted to = {0}, cc = {0};
	size_t others = 0;
	MUST(!header->broken && header->nul_line == 0 && !header->bare_cr);
	for (size_t i = 0; i < header->count; i++) {
		const struct envoi_field *field = &header->fields[i];
		bool asked_for = is_asked_for(words, field->name);
		MUST(is_made(field->name) || asked_for);
		MUST(!envoi_span_equal_nocase(field->name, "bcc"));
		others += asked_for;
		for (size_t j = 0; j < field->raw.len; j++) {
			char c = field->raw.data[j];
			MUST((c & 0x80) != 0 || c >= ' ' || c == '\n' || c == '\t');
			MUST(c != 127);
		}
		if (field->kind == ENVOI_FIELD_TO || field->kind == ENVOI_FIELD_CC) {
			MUST(envoi_address_list_parse(field->value.data, field->value.len,
				     count, field->kind == ENVOI_FIELD_TO ? &to : &cc,
				     &err)
				== 0);
		}
	}
	MUST(others <= words->header_count + 1);
	char to_name[] = "to", cc_name[] = "cc";
	if (!is_asked_for(words, envoi_span_of(to_name))) {
		MUST(to.n == addresses_of(words->to, words->to_count));
	}
	if (!is_asked_for(words, envoi_span_of(cc_name))) {
		MUST(cc.n == addresses_of(words->cc, words->cc_count));
	}
}

static void check_message(const struct words *words, struct envoi_input *input)
{
	const struct envoi_carrier plain = {.eight_bit = false, .utf8 = true};
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_message *message = NULL;
	const struct envoi_form *form = NULL;
	MUST(envoi_input_next(input, &message, &err) == 0 && message != NULL);
	MUST(envoi_message_scan(message, &err) == 0);
	MUST(envoi_message_facts(message)->nul_line == 0);
	check_fields(words, message);
	MUST(envoi_message_choose(message, &plain, &form, &err) == 0
		|| err.status == ENVOI_STATUS_DATA);
	envoi_message_free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct words words = {.to_count = 0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input = NULL;
	bool good = true;
	for (size_t i = 0; i < size;) {
		char text[4096];
		size_t n = strnlen((const char *)data + i, size - i);
		size_t part = n < sizeof(text) - 1 ? n : sizeof(text) - 1;
		memcpy(text, data + i, part);
		text[part] = '\0';
		take(&words, text);
		i += n + 1;
	}
	for (size_t i = 0; i < words.header_count; i++) {
		good = envoi_compose_check_header(words.header[i], &err) == 0 && good;
	}
	const struct envoi_compose compose = {
		.to = (const char *const *)words.to,
		.to_count = words.to_count,
		.cc = (const char *const *)words.cc,
		.cc_count = words.cc_count,
		.subject = words.subject,
		.headers = (const char *const *)words.header,
		.header_count = words.header_count,
		.body = words.body,
		.attachments = words.attachments,
		.attachment_count = words.attachment_count,
	};
	if (envoi_compose_open(&compose, &input, &err) == 0) {
		MUST(good);
		check_message(&words, input);
		envoi_input_free(input);
	} else {
		MUST(input == NULL && err.text[0] != '\0');
		MUST(err.status == ENVOI_STATUS_USAGE || err.status == ENVOI_STATUS_DATA);
	}
	finish(&words);
	return 0;
}
