/*
 * The part of a bounce that programs read (RFC 3464 2); see bounce_internal.h.
 */
#include "queue/bounce_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "message/date.h"

/* Octets that are collected before they go to the spool. */
#define BLOCK 65536

static int put_date(struct envoi_buffer *out, const char *name, int64_t when)
{
	char date[ENVOI_DATE_SIZE];
	long offset = 0;
	if (when <= 0) {
		return 0;
	}
	int known = envoi_date_offset(when, &offset);
	envoi_date_format(date, when, offset, known == 0);
	return envoi_buffer_printf(out, "%s: %s\n", name, date);
}

/* The character at the front of text, of an address that was checked. */
static unsigned long take_character(const char **text)
{
	const unsigned char *p = (const unsigned char *)*text;
	size_t more = p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
	unsigned long c = more == 0 ? p[0] : p[0] & (0x3fU >> more);
	*text += 1;
	for (; more > 0 && ((unsigned char)**text & 0xc0) == 0x80; more--) {
		c = c << 6 | ((unsigned char)**text & 0x3f);
		*text += 1;
	}
	return c;
}

static bool is_ascii(const char *text)
{
	while (*text != '\0' && (unsigned char)*text < 0x80) {
		text++;
	}
	return *text == '\0';
}

/* RFC 6533 3: "utf-8" with escapes for what is not ASCII. */
static int put_address(struct envoi_buffer *out, const char *name, const char *address)
{
	bool ascii = is_ascii(address);
	int failed =
		envoi_buffer_printf(out, "%s: %s;", name, ascii ? "rfc822" : "utf-8");
	if (ascii) {
		failed |= envoi_bounce_plain(out, address);
	}
	while (!ascii && *address != '\0') {
		unsigned long c = take_character(&address);
		bool plain = c > 0x20 && c < 0x7f && c != '\\' && c != '+' && c != '=';
		failed |= plain ? envoi_buffer_printf(out, "%c", (char)c)
				: envoi_buffer_printf(out, "\\x{%02lX}", c);
	}
	return failed | envoi_buffer_puts(out, "\n");
}

/* Value of xtext. */
static int hex_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A mailbox, or "type;xtext"; RFC 3464 2.3.1 wants it without the xtext. */
static int put_original(struct envoi_buffer *out, const char *original)
{
	char text[ENVOI_LIMIT_ADDRESS + 100];
	size_t n = 0;
	if (strncasecmp(original, "rfc822;", 7) != 0
		&& strncasecmp(original, "utf-8;", 6) != 0) {
		return put_address(out, "Original-Recipient", original);
	}
	for (; *original != '\0' && n + 1 < sizeof(text); original++) {
		int high = original[0] == '+' ? hex_of(original[1]) : -1;
		int low = high >= 0 ? hex_of(original[2]) : -1;
		text[n++] = *original;
		if (low >= 0) {
			text[n - 1] = (char)(high * 16 + low);
			original += 2;
		}
	}
	text[n] = '\0';
	int failed = envoi_buffer_puts(out, "Original-Recipient: ");
	failed |= envoi_bounce_plain(out, text);
	return failed | envoi_buffer_puts(out, "\n");
}

static int put_code(struct envoi_buffer *out, const struct envoi_bounce *bounce,
	const struct envoi_verdict *verdict)
{
	if (bounce->kind == ENVOI_BOUNCE_RELAYED) {
		return envoi_buffer_puts(out, "Status: 2.0.0\n");
	}
	bool delayed = bounce->kind == ENVOI_BOUNCE_DELAYED;
	unsigned class = delayed ? 4 : 5, subject = 0, detail = 0;
	if (verdict != NULL && verdict->enhanced[0] >= 4) {
		class = delayed ? 4 : verdict->enhanced[0];
		subject = verdict->enhanced[1] % 1000;
		detail = verdict->enhanced[2] % 1000;
	} else if (verdict != NULL && verdict->code != 0) {
		class = verdict->code / 100 == 4 ? 4 : class;
	} else if (verdict != NULL && verdict->status == ENVOI_STATUS_DATA) {
		/* Nobody was asked: of the content, of time that ran out. */
		subject = 6;
	} else if (verdict != NULL && verdict->status != ENVOI_STATUS_OK) {
		class = 4;
		subject = 4;
		detail = delayed ? 0 : 7;
	}
	return envoi_buffer_printf(out, "Status: %u.%u.%u\n", class, subject, detail);
}

static int put_diagnostic(
	struct envoi_buffer *out, const struct envoi_verdict *verdict, const char *reason)
{
	char words[ENVOI_LIMIT_VERDICT_TEXT + 100] = "";
	bool remote = verdict != NULL && verdict->code != 0;
	if (verdict != NULL) {
		envoi_bounce_words(verdict, words, sizeof(words));
	} else if (reason != NULL) {
		(void)snprintf(words, sizeof(words), "%s", reason);
	}
	return words[0] == '\0' ? 0
				: envoi_bounce_fold(out,
					remote ? "Diagnostic-Code: smtp; "
					       : "Diagnostic-Code: x-envoi; ",
					"    ", words);
}

static int put_recipient(struct envoi_buffer *out, const struct envoi_bounce *bounce,
	const struct envoi_bounce_recipient *recipient)
{
	static const char *const actions[] = {
		[ENVOI_BOUNCE_FAILED] = "failed",
		[ENVOI_BOUNCE_DELAYED] = "delayed",
		[ENVOI_BOUNCE_REFUSED] = "failed",
		[ENVOI_BOUNCE_RELAYED] = "relayed",
	};
	const struct envoi_verdict *verdict = recipient->verdict;
	const char *server = verdict != NULL ? verdict->server : NULL;
	int failed = envoi_buffer_puts(out, "\n");
	if (recipient->original != NULL && recipient->original[0] != '\0') {
		failed |= put_original(out, recipient->original);
	}
	failed |= put_address(out, "Final-Recipient", recipient->address);
	failed |= envoi_buffer_printf(out, "Action: %s\n", actions[bounce->kind]);
	failed |= put_code(out, bounce, verdict);
	/* The path of a socket is no name others know. */
	if (server != NULL && server[0] != '\0' && strchr(server, '/') == NULL) {
		failed |= envoi_bounce_fold(out, "Remote-MTA: dns; ", "    ", server);
	}
	failed |= put_diagnostic(out, verdict, bounce->reason);
	failed |= put_date(out, "Last-Attempt-Date", verdict != NULL ? verdict->at : 0);
	if (bounce->kind == ENVOI_BOUNCE_DELAYED) {
		failed |= put_date(out, "Will-Retry-Until", bounce->until);
	}
	return failed;
}

int envoi_bounce_put_status(struct envoi_bounce_writer *writer, struct envoi_error *err)
{
	const struct envoi_bounce *bounce = writer->bounce;
	struct envoi_buffer *out = &writer->out;
	if (bounce->count == 0) {
		/* It must name a recipient (2.3). */
		return 0;
	}
	int failed = envoi_bounce_part(writer);
	failed |= envoi_buffer_puts(out, "Content-Type: message/delivery-status\n\n");
	failed |= envoi_bounce_fold(out, "Reporting-MTA: dns; ", "    ",
		bounce->host != NULL ? bounce->host : "localhost");
	if (bounce->envelope_id != NULL) {
		failed |= envoi_buffer_puts(out, "Original-Envelope-Id: ");
		failed |= envoi_bounce_plain(out, bounce->envelope_id);
		failed |= envoi_buffer_puts(out, "\n");
	}
	failed |= put_date(out, "Arrival-Date", bounce->arrived);
	for (size_t i = 0; i < bounce->count; i++) {
		failed |= put_recipient(out, bounce, &bounce->recipients[i]);
		if (out->len > BLOCK && envoi_bounce_flush(writer, failed, err) != 0) {
			return -1;
		}
	}
	return envoi_bounce_flush(writer, failed, err);
}
