/*
 * Any octets as a message, repaired or not, in its form for any server: its size is
 * what was promised, however it is read; lines end in CRLF, dots are stuffed; and
 * nothing is in it that the server does not take. The first two octets choose the
 * server and how it is read.
 */
#include <string.h>

#include <envoi/repair.h>

#include "fuzz.h"
#include "message/source.h"
#include "message/spool.h"

struct text {
	char *data;
	size_t n;
};

static struct envoi_message *make(const char *data, size_t n)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_source *source = NULL;
	struct envoi_spool spool;
	struct envoi_input *input = NULL;
	struct envoi_message *message = NULL;
	MUST(envoi_source_new("fuzz", &source, &err) == 0);
	MUST(envoi_spool_begin(&spool, source, &err) == 0);
	MUST(envoi_spool_put(&spool, data, n, &err) == 0);
	MUST(envoi_spool_end(&spool, &err) == 0);
	envoi_spool_drop(&spool);
	MUST(envoi_input_of(source, &input, &err) == 0);
	MUST(envoi_input_next(input, &message, &err) == 0 && message != NULL);
	envoi_input_free(input);
	envoi_source_unref(source);
	return message;
}

static struct text read_form(const struct envoi_form *form, bool stuff, size_t room)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_body *body = NULL;
	size_t size = (size_t)form->size * 2 + 10, n;
	struct text text = {malloc(size), 0};
	char *some = malloc(room);
	MUST(text.data != NULL && some != NULL);
	MUST(envoi_body_open(form, stuff, &body, &err) == 0);
	for (bool last = false; !last;) {
		MUST(envoi_body_read(body, some, room, &n, &last, &err) == 0);
		MUST(n > 0 || last);
		MUST(n <= room && text.n + n <= size);
		memcpy(text.data + text.n, some, n);
		text.n += n;
	}
	envoi_body_close(body);
	free(some);
	return text;
}

static void check_octets(const struct envoi_form *form, const struct text *text,
	const struct envoi_carrier *carrier)
{
	size_t column = 0, longest = 0;
	bool eight_bit = false, nul = false, bare = false;
	for (size_t i = 0; i < text->n; i++) {
		char c = text->data[i];
		bool last = i + 1 == text->n;
		eight_bit = eight_bit || (c & 0x80) != 0;
		nul = nul || c == '\0';
		bare = bare || (c == '\n' && (i == 0 || text->data[i - 1] != '\r'));
		bare = bare || (c == '\r' && (last || text->data[i + 1] != '\n'));
		bare = bare || (last && c != '\n');
		column = c == '\n' || c == '\r' ? 0 : column + 1;
		longest = column > longest ? column : longest;
	}
	MUST(!eight_bit || form->eight_bit || form->binary);
	MUST(!nul || carrier->binary);
	MUST(!bare || form->binary);
	MUST(longest <= ENVOI_LINE_MAX || form->binary || carrier->raw || !carrier->mend
		|| carrier->long_lines > ENVOI_LONG_LINES_ENCODE);
	MUST(longest <= ENVOI_LINE_MAX || carrier->long_lines != ENVOI_LONG_LINES_REFUSE
		|| form->binary || form->warnings[0].text[0] != '\0');
}

static void check_stuffed(const struct envoi_form *form, const struct text *text)
{
	struct text stuffed = read_form(form, true, 4096);
	size_t at = 0;
	for (size_t i = 0; i < text->n; i++) {
		if (text->data[i] == '.' && (i == 0 || text->data[i - 1] == '\n')) {
			MUST(at < stuffed.n && stuffed.data[at] == '.');
			at++;
		}
		MUST(at < stuffed.n && stuffed.data[at] == text->data[i]);
		at++;
	}
	MUST(at == stuffed.n);
	free(stuffed.data);
}

static void check_form(struct envoi_message *message, unsigned how, size_t room)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct envoi_form *form = NULL, *again = NULL;
	const struct envoi_carrier carrier = {
		.eight_bit = (how & 1) != 0,
		.binary = (how & 2) != 0,
		.utf8 = (how & 4) != 0,
		.mend = (how & 8) != 0,
		.long_lines = (enum envoi_long_lines)(how >> 4 & 3),
		.raw = (how & 64) != 0,
	};
	if (envoi_message_choose(message, &carrier, &form, &err) != 0) {
		MUST(err.status == ENVOI_STATUS_DATA && err.text[0] != '\0');
		return;
	}
	MUST(!form->eight_bit || carrier.eight_bit || carrier.utf8);
	MUST(!form->binary || carrier.binary);
	MUST(!form->utf8 || carrier.utf8);
	struct text text = read_form(form, false, 100000);
	struct text slow = read_form(form, false, room);
	MUST(text.n == form->size && slow.n == text.n);
	MUST(memcmp(text.data, slow.data, text.n) == 0);
	check_octets(form, &text, &carrier);
	if (!form->binary) {
		check_stuffed(form, &text);
	}
	MUST(envoi_message_choose(message, &carrier, &again, &err) == 0 && again == form);
	free(text.data);
	free(slow.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct envoi_repair rules = {.sender = "a@example.org",
		.full_name = "\xc3\x84, B",
		.domain = "host.example",
		.now = 1000000000};
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (size < 2) {
		return 0;
	}
	struct envoi_message *message = make((const char *)data + 2, size - 2);
	if (envoi_message_scan(message, &err) != 0
		|| ((data[0] & 128) != 0
			&& envoi_message_repair(message, &rules, &err) != 0)) {
		MUST(err.status == ENVOI_STATUS_DATA);
	} else {
		check_form(message, data[0], (size_t)4 + data[1]);
		check_form(message, data[0] ^ 9, (size_t)4 + data[1]);
	}
	envoi_message_free(message);
	return 0;
}
