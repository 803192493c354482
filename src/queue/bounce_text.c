/*
 * The part of a bounce that people read, and how remote text is put on lines;
 * see bounce_internal.h.
 */
#include "queue/bounce_internal.h"

#include <stdio.h>
#include <string.h>

#include "message/date.h"
#include "message/transfer.h"

/* Columns of a line; and what is broken without a blank. */
#define WIDTH 76
#define WIDTH_MOST 900
/* Recipients that are told one by one to people: programs get all. */
#define LISTED 100

/* -- lines ----------------------------------------------------------------------- */

static char plain_of(char c)
{
	unsigned char octet = (unsigned char)c;
	return octet >= 0x20 && octet < 0x7f ? c : c == '\n' || c == '\t' ? ' ' : '?';
}

int envoi_bounce_plain(struct envoi_buffer *out, const char *text)
{
	int failed = 0;
	for (; *text != '\0'; text++) {
		char c = plain_of(*text);
		failed |= envoi_buffer_append(out, &c, 1);
	}
	return failed;
}

/* Octets of text that go on a line of so many columns. */
static size_t line_of(const char *text, size_t room)
{
	size_t n = strlen(text), end = 0;
	if (n <= room) {
		return n;
	}
	for (size_t i = 1; i < n && i < WIDTH_MOST; i++) {
		if (plain_of(text[i]) == ' ' && plain_of(text[i - 1]) != ' ') {
			if (i > room && end > 0) {
				return end;
			}
			end = i;
			if (i >= room) {
				return end;
			}
		}
	}
	return end > 0 ? end : n < WIDTH_MOST ? n : WIDTH_MOST;
}

int envoi_bounce_fold(
	struct envoi_buffer *out, const char *first, const char *indent, const char *text)
{
	const char *front = first;
	int failed = 0;
	do {
		size_t used = strlen(front);
		size_t n = line_of(text, used < WIDTH ? WIDTH - used : 1);
		failed |= envoi_buffer_puts(out, front);
		for (size_t i = 0; i < n; i++) {
			char c = plain_of(text[i]);
			failed |= envoi_buffer_append(out, &c, 1);
		}
		failed |= envoi_buffer_puts(out, "\n");
		text += n;
		while (*text != '\0' && plain_of(*text) == ' ') {
			text++;
		}
		front = indent;
	} while (*text != '\0');
	return failed;
}

void envoi_bounce_words(const struct envoi_verdict *verdict, char *out, size_t size)
{
	const unsigned short *e = verdict->enhanced;
	const char *text = verdict->text != NULL ? verdict->text : "";
	char code[8] = "", enhanced[24] = "";
	if (verdict->code != 0) {
		(void)snprintf(code, sizeof(code), "%d ", verdict->code % 1000);
	}
	if (verdict->code != 0 && e[0] != 0) {
		(void)snprintf(enhanced, sizeof(enhanced), "%u.%u.%u ", e[0], e[1], e[2]);
	}
	(void)snprintf(out, size, "%s%s%s", code,
		strncmp(text, enhanced, strlen(enhanced)) == 0 ? "" : enhanced, text);
}

/* -- octets above 127 ------------------------------------------------------------ */

static bool is_plain(struct envoi_span text)
{
	size_t column = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		column = c == '\n' ? 0 : column + 1;
		if (c > 126 || (c < 32 && c != '\n' && c != '\t' && c != '\r')
			|| column > ENVOI_LINE_MAX) {
			return false;
		}
	}
	return true;
}

static int put_encoded(struct envoi_buffer *out, struct envoi_span text)
{
	struct envoi_transfer transfer;
	char block[4096];
	int failed = 0;
	envoi_transfer_init(&transfer, ENVOI_TRANSFER_QP);
	while (text.len > 0) {
		size_t used = 0;
		size_t n = envoi_transfer_feed(
			&transfer, text.data, text.len, block, sizeof(block), &used);
		failed |= envoi_buffer_append(out, block, n);
		text = (struct envoi_span){text.data + used, text.len - used};
	}
	size_t n = envoi_transfer_finish(&transfer, block);
	return failed | envoi_buffer_append(out, block, n);
}

int envoi_bounce_put_any(struct envoi_bounce_writer *writer, const char *type,
	struct envoi_span text, struct envoi_error *err)
{
	struct envoi_buffer *out = &writer->out;
	bool plain = is_plain(text);
	int failed = envoi_buffer_printf(out,
		"Content-Type: %s; charset=%s\n"
		"Content-Transfer-Encoding: %s\n\n",
		type, plain ? "us-ascii" : "utf-8", plain ? "7bit" : "quoted-printable");
	failed |= plain ? envoi_buffer_append(out, text.data, text.len)
			: put_encoded(out, text);
	return envoi_bounce_flush(writer, failed, err);
}

/* -- the text -------------------------------------------------------------------- */

static const char *introduction(const struct envoi_bounce *bounce)
{
	bool one = bounce->count == 1;
	switch (bounce->kind) {
	case ENVOI_BOUNCE_FAILED:
		return one ? "Your message could not be delivered to this recipient, "
			     "and is not tried again:"
			   : "Your message could not be delivered to these recipients, "
			     "and is not tried again:";
	case ENVOI_BOUNCE_DELAYED:
		return one ? "Your message could not be delivered to this recipient "
			     "yet. It is tried on, you need not send it again:"
			   : "Your message could not be delivered to these recipients "
			     "yet. It is tried on, you need not send it again:";
	case ENVOI_BOUNCE_RELAYED:
		return one ? "Your message was passed on for this recipient, to a "
			     "server that will not report what becomes of it:"
			   : "Your message was passed on for these recipients, to a "
			     "server that will not report what becomes of it:";
	case ENVOI_BOUNCE_REFUSED:
		break;
	}
	return bounce->count == 0 ? "A message that was to be sent was not accepted. "
				    "Nobody gets it."
				  : "A message that was to be sent was not accepted for "
				    "these recipients. They do not get it:";
}

static int put_recipient(
	struct envoi_buffer *out, const struct envoi_bounce_recipient *recipient)
{
	const struct envoi_verdict *verdict = recipient->verdict;
	char words[1200];
	int failed = envoi_buffer_printf(out, "\n<%s>\n", recipient->address);
	if (verdict == NULL) {
		return failed;
	}
	envoi_bounce_words(verdict, words, sizeof(words));
	if (verdict->code != 0) {
		const char *server = verdict->server != NULL ? verdict->server : "";
		failed |= envoi_buffer_puts(out, "    ");
		failed |= envoi_bounce_plain(out, server[0] != '\0' ? server : "server");
		failed |= envoi_buffer_puts(out, " said:\n");
	}
	if (words[0] != '\0') {
		failed |= envoi_bounce_fold(out, "    ", "    ", words);
	}
	return failed;
}

static int put_until(struct envoi_buffer *out, int64_t until)
{
	char date[ENVOI_DATE_SIZE];
	long offset = 0;
	int known = envoi_date_offset(until, &offset);
	envoi_date_format(date, until, offset, known == 0);
	return envoi_buffer_printf(out, "\nIt is given up after %s.\n", date);
}

static int put_text(const struct envoi_bounce *bounce, struct envoi_buffer *out)
{
	int failed = envoi_bounce_fold(out, "This is the mail system at ", "",
		bounce->host != NULL ? bounce->host : "localhost");
	failed |= envoi_buffer_puts(out, "\n");
	failed |= envoi_bounce_fold(out, "", "", introduction(bounce));
	for (size_t i = 0; i < bounce->count && i < LISTED; i++) {
		failed |= put_recipient(out, &bounce->recipients[i]);
	}
	if (bounce->count > LISTED) {
		failed |= envoi_buffer_printf(out,
			"\nand %zu more, named in the next part of this message.\n",
			bounce->count - LISTED);
	}
	if (bounce->reason != NULL && bounce->reason[0] != '\0') {
		failed |= envoi_buffer_puts(out, "\n");
		failed |= envoi_bounce_fold(out, "The reason: ", "    ", bounce->reason);
	}
	if (bounce->kind == ENVOI_BOUNCE_DELAYED && bounce->until != 0) {
		failed |= put_until(out, bounce->until);
	}
	return failed;
}

int envoi_bounce_put_text(struct envoi_bounce_writer *writer, struct envoi_error *err)
{
	struct envoi_buffer text;
	envoi_buffer_init(&text, writer->out.max / 8);
	int failed = put_text(writer->bounce, &text);
	failed |= envoi_bounce_part(writer);
	int result = failed != 0 ? envoi_bounce_flush(writer, failed, err)
				 : envoi_bounce_put_any(writer, "text/plain",
					 envoi_buffer_span(&text), err);
	envoi_buffer_finish(&text);
	return result;
}
