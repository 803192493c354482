/*
 * Replies of the receiver, written in one place (RFC 5321 4.2, RFC 2034).
 *
 * An enhanced code stands in 2yz, 4yz and 5yz replies but those to the
 * greeting and to EHLO, HELO, LHLO. A text never ends or splits a line,
 * whatever it quotes.
 */
#include "protocol/receiver_internal.h"

#include <inttypes.h>

#include "base/limits.h"

/* Appends text with whatever is not printable ASCII replaced. */
static int add_text(struct envoi_buffer *out, const char *text)
{
	size_t n = 0;
	for (; text[n] != '\0' && n < ENVOI_LIMIT_REPLY_TEXT_SENT; n++) {
		char c = text[n] >= 0x20 && text[n] <= 0x7e ? text[n] : '?';
		if (envoi_buffer_append(out, &c, 1) != 0) {
			return -1;
		}
	}
	return envoi_buffer_append(out, "\r\n", 2);
}

static int add_line(struct envoi_receiver *receiver, int code, char mark,
	const char *enhanced, const char *text)
{
	int failed = envoi_buffer_printf(&receiver->out, "%03d%c", code, mark);
	if (failed == 0 && enhanced != NULL
		&& (receiver->options.extensions & ENVOI_EXT_ENHANCEDSTATUSCODES) != 0) {
		failed = envoi_buffer_printf(&receiver->out, "%s ", enhanced);
	}
	return failed != 0 ? -1 : add_text(&receiver->out, text);
}

/* A client that cannot be answered has no session. */
static void settle(struct envoi_receiver *receiver, int failed)
{
	if (failed != 0) {
		envoi_receiver_close(receiver);
	}
}

void envoi_receiver_say(
	struct envoi_receiver *receiver, int code, const char *enhanced, const char *text)
{
	settle(receiver, add_line(receiver, code, ' ', enhanced, text));
}

void envoi_receiver_complain(
	struct envoi_receiver *receiver, int code, const char *enhanced, const char *text)
{
	if (++receiver->errors > ENVOI_LIMIT_BAD_COMMANDS) {
		envoi_receiver_say(
			receiver, 421, "4.7.0", "too many bad commands, closing");
		envoi_receiver_close(receiver);
		return;
	}
	envoi_receiver_say(receiver, code, enhanced, text);
}

/* "hostname text": the host's name comes first (RFC 5321 4.2). */
static int add_named(
	struct envoi_receiver *receiver, int code, char mark, const char *text)
{
	int failed = envoi_buffer_printf(&receiver->out, "%03d%c%s%s", code, mark,
		receiver->hostname, text[0] == '\0' ? "" : " ");
	return failed != 0 ? -1 : add_text(&receiver->out, text);
}

void envoi_receiver_say_greeting(struct envoi_receiver *receiver)
{
	settle(receiver, add_named(receiver, 220, ' ',
				 receiver->options.lmtp ? "LMTP envoi" : "ESMTP envoi"));
}

void envoi_receiver_say_extensions(struct envoi_receiver *receiver)
{
	static const uint32_t bits[] = {
		ENVOI_EXT_PIPELINING,
		ENVOI_EXT_8BITMIME,
		ENVOI_EXT_CHUNKING,
		ENVOI_EXT_ENHANCEDSTATUSCODES,
		ENVOI_EXT_STARTTLS,
		ENVOI_EXT_SMTPUTF8,
		ENVOI_EXT_DSN,
		ENVOI_EXT_SIZE,
	};
	size_t left = 0;
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		left += envoi_receiver_offers(receiver, bits[i]);
	}
	int failed = add_named(receiver, 250, left == 0 ? ' ' : '-', "");
	for (size_t i = 0; failed == 0 && i < sizeof(bits) / sizeof(bits[0]); i++) {
		if (!envoi_receiver_offers(receiver, bits[i])) {
			continue;
		}
		char mark = --left == 0 ? ' ' : '-';
		if (bits[i] == ENVOI_EXT_SIZE && receiver->options.max_size > 0) {
			failed = envoi_buffer_printf(&receiver->out,
				"250%cSIZE %" PRIu64 "\r\n", mark,
				receiver->options.max_size);
		} else {
			failed = add_line(
				receiver, 250, mark, NULL, envoi_extension_name(bits[i]));
		}
	}
	settle(receiver, failed);
}

void envoi_receiver_say_help(struct envoi_receiver *receiver)
{
	const char *commands =
		receiver->options.lmtp
			? "LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT STARTTLS"
			: "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT "
			  "STARTTLS";
	envoi_receiver_say(receiver, 214, "2.0.0", commands);
}
