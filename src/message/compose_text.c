/*
 * Facts of a text; see the header.
 */
#include "message/compose_text.h"

#include <string.h>

#include "base/span.h"
#include "message/encoded_word.h"
#include "message/utf8.h"

static const char from[] = "From ";

void envoi_text_init(struct envoi_text *text)
{
	*text = (struct envoi_text){.line = 1};
	envoi_transfer_init(&text->qp, ENVOI_TRANSFER_QP);
	envoi_transfer_init(&text->base64, ENVOI_TRANSFER_BASE64_TEXT);
}

static void note_bad(struct envoi_text *text)
{
	if (text->bad_line == 0) {
		text->bad_line = text->line;
	}
}

/* Octets of the character that begins with c, 0: none does. */
static size_t announced(unsigned char c)
{
	return c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
}

static void check_held(struct envoi_text *text, bool at_end)
{
	size_t want = announced((unsigned char)text->held[0]);
	if (text->held_len == 0 || (text->held_len < want && !at_end)) {
		return;
	}
	if (envoi_utf8_length((struct envoi_span){text->held, text->held_len})
		!= text->held_len) {
		note_bad(text);
	}
	text->held_len = 0;
}

static void see_octet(struct envoi_text *text, char c)
{
	bool continues = ((unsigned char)c & 0xc0) == 0x80;
	if (text->held_len > 0 && !continues) {
		check_held(text, true);
	}
	if ((unsigned char)c > 127) {
		text->eight_bit = true;
		text->held[text->held_len++] = c;
		check_held(text, false);
	}
	if (c == '\n') {
		text->line++;
		text->column = 0;
		text->matched = 0;
		return;
	}
	if (text->matched < sizeof(from) - 1) {
		bool same = text->matched == text->column && c == from[text->matched];
		text->matched = same ? text->matched + 1 : sizeof(from);
		text->from = text->from || text->matched == sizeof(from) - 1;
	}
	text->column++;
	if (text->column > text->longest) {
		text->longest = text->column;
	}
	if (c == '\r') {
		text->cr = true;
	} else if (((unsigned char)c < ' ' && c != '\t') || c == 127) {
		text->control = true;
		if (c == '\0' && text->nul_line == 0) {
			text->nul_line = text->line;
		}
	}
}

void envoi_text_feed(struct envoi_text *text, const char *in, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		see_octet(text, in[i]);
	}
	if (n > 0) {
		text->octets += n;
		text->ended = in[n - 1] == '\n';
		envoi_transfer_count(&text->qp, in, n);
		envoi_transfer_count(&text->base64, in, n);
	}
}

void envoi_text_finish(struct envoi_text *text)
{
	char out[ENVOI_TRANSFER_ROOM];
	check_held(text, true);
	(void)envoi_transfer_finish(&text->qp, out);
	(void)envoi_transfer_finish(&text->base64, out);
}

bool envoi_text_is_plain(const struct envoi_text *text)
{
	return !text->eight_bit && text->nul_line == 0 && text->longest <= 78;
}

bool envoi_text_is_safe(const struct envoi_text *text)
{
	return envoi_text_is_plain(text) && !text->cr && !text->control && !text->from;
}

enum envoi_transfer_kind envoi_text_encoding(const struct envoi_text *text)
{
	return text->qp.octets <= text->base64.octets ? ENVOI_TRANSFER_QP
						      : ENVOI_TRANSFER_BASE64_TEXT;
}
