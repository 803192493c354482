/*
 * Text for header fields: words that ASCII cannot carry become encoded words
 * (RFC 2047), in UTF-8; long lines are folded. Pure.
 */
#ifndef ENVOI_MESSAGE_ENCODED_WORD_H
#define ENVOI_MESSAGE_ENCODED_WORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/span.h"

/**
 * Appends text, which begins in that column of its line (from 0; a blank or
 * the field's colon is before it). A line end it puts in is LF and a blank.
 *
 * phrase: it is a display name. ASCII words are quoted as one string where
 * their octets need it, and are put as they are otherwise. Without it, it is
 * a Subject or the like.
 *
 * Encoded are octets above 127, control octets (a line end in text cannot end
 * the field), what would be taken for an encoded word, and words over 900
 * octets. Each encoded word is of at most 75 octets, the lines they are in of
 * 76, in the shorter one of the encodings Q and B, and holds whole characters.
 * Text that is not UTF-8 says so: its charset is "unknown-8bit".
 *
 * 0, or -1 as envoi_buffer_append(), with a part of it appended.
 */
int envoi_encoded_word_put(
	struct envoi_buffer *out, struct envoi_span text, size_t column, bool phrase);

#endif
