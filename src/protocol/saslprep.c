/*
 * SASLprep; see the header. The tables are those of RFC 3454 that RFC 4013
 * names; normalisation and directions are libunistring's, of its version of
 * Unicode. Characters pass one by one, so that no copy of the text is left
 * in memory that nobody wipes.
 */
#include "protocol/saslprep.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <uninorm.h>

#include <unictype.h>
#include <unistr.h>

struct range {
	ucs4_t first;
	ucs4_t last;
};

/* RFC 3454 B.1: commonly mapped to nothing. */
static const struct range unseen[] = {
	{0x00AD, 0x00AD},
	{0x034F, 0x034F},
	{0x1806, 0x1806},
	{0x180B, 0x180D},
	{0x200B, 0x200D},
	{0x2060, 0x2060},
	{0xFE00, 0xFE0F},
	{0xFEFF, 0xFEFF},
};

/* RFC 3454 C.1.2: spaces outside of ASCII. U+200B is in B.1 too, whose
 * mapping comes first here, as in other implementations. */
static const struct range blanks[] = {
	{0x00A0, 0x00A0},
	{0x1680, 0x1680},
	{0x2000, 0x200B},
	{0x202F, 0x202F},
	{0x205F, 0x205F},
	{0x3000, 0x3000},
};

/* RFC 3454 C.1.2 to C.9, merged; surrogates are not UTF-8. */
static const struct range prohibited[] = {
	{0x0000, 0x001F},
	{0x007F, 0x00A0},
	{0x0340, 0x0341},
	{0x06DD, 0x06DD},
	{0x070F, 0x070F},
	{0x1680, 0x1680},
	{0x180E, 0x180E},
	{0x2000, 0x200F},
	{0x2028, 0x202F},
	{0x205F, 0x2063},
	{0x206A, 0x206F},
	{0x2FF0, 0x2FFB},
	{0x3000, 0x3000},
	{0xD800, 0xF8FF},
	{0xFDD0, 0xFDEF},
	{0xFEFF, 0xFEFF},
	{0xFFF9, 0xFFFF},
	{0x1D173, 0x1D17A},
	{0xE0001, 0xE0001},
	{0xE0020, 0xE007F},
	{0xF0000, 0x10FFFF},
};

#define IN(table, c) is_in(table, sizeof(table) / sizeof((table)[0]), c)

static bool is_in(const struct range *table, size_t count, ucs4_t c)
{
	for (size_t i = 0; i < count; i++) {
		if (c >= table[i].first && c <= table[i].last) {
			return true;
		}
	}
	return false;
}

static bool is_prohibited(ucs4_t c)
{
	return IN(prohibited, c) || (c & 0xFFFE) == 0xFFFE;
}

struct output {
	uint8_t *data;
	size_t length;
	size_t room;
};

static int put(void *data, ucs4_t c)
{
	struct output *out = data;
	int n = u8_uctomb(
		out->data + out->length, c, (ptrdiff_t)(out->room - out->length));
	if (n < 0) {
		return -1;
	}
	out->length += (size_t)n;
	return 0;
}

static int normalise(struct output *out, struct envoi_span text)
{
	struct uninorm_filter *filter = uninorm_filter_create(UNINORM_NFKC, put, out);
	if (filter == NULL) {
		return -1;
	}
	int result = 0;
	for (size_t i = 0; i < text.len && result == 0;) {
		ucs4_t c;
		int n = u8_mbtoucr(&c, (const uint8_t *)text.data + i, text.len - i);
		if (n <= 0) {
			result = ENVOI_SASLPREP_NOT_UTF8;
			break;
		}
		i += (size_t)n;
		if (!IN(unseen, c)) {
			result = uninorm_filter_write(filter, IN(blanks, c) ? ' ' : c);
		}
	}
	/* This writes what was held back. */
	return uninorm_filter_free(filter) != 0 && result == 0 ? -1 : result;
}

/* RFC 3454 6: with one right-to-left letter there is no left-to-right one,
 * and the text begins and ends with such a letter. */
static int check(const struct output *out)
{
	bool left = false;
	bool right = false;
	bool begins = false;
	bool ends = false;
	for (size_t i = 0; i < out->length;) {
		ucs4_t c;
		bool first = i == 0;
		i += (size_t)u8_mbtoucr(&c, out->data + i, out->length - i);
		if (is_prohibited(c)) {
			return ENVOI_SASLPREP_PROHIBITED;
		}
		int direction = uc_bidi_category(c);
		ends = direction == UC_BIDI_R || direction == UC_BIDI_AL;
		right = right || ends;
		left = left || direction == UC_BIDI_L;
		begins = begins || (first && ends);
	}
	if (right && (left || !begins || !ends)) {
		return ENVOI_SASLPREP_DIRECTIONS;
	}
	return out->length == 0 ? ENVOI_SASLPREP_EMPTY : ENVOI_SASLPREP_OK;
}

int envoi_saslprep(struct envoi_secret *ret, struct envoi_span text)
{
	/* U+FDFA grows most: from 3 octets to 33. */
	struct output out = {.room = text.len < SIZE_MAX / 16 ? text.len * 11 + 8 : 0};
	out.data = out.room > 0 ? malloc(out.room) : NULL;
	if (out.data == NULL) {
		return -1;
	}
	int result = normalise(&out, text);
	if (result == 0) {
		result = check(&out);
	}
	if (result == 0) {
		result = envoi_secret_set(ret, out.data, out.length);
	}
	envoi_secret_wipe(out.data, out.room);
	free(out.data);
	return result;
}

const char *envoi_saslprep_reason(enum envoi_saslprep result)
{
	switch (result) {
	case ENVOI_SASLPREP_NOT_UTF8:
		return "is not UTF-8";
	case ENVOI_SASLPREP_PROHIBITED:
		return "has a character that is not allowed there";
	case ENVOI_SASLPREP_DIRECTIONS:
		return "mixes letters of both directions";
	case ENVOI_SASLPREP_EMPTY:
		return "is empty";
	case ENVOI_SASLPREP_OK:
		break;
	}
	return "is in order";
}
