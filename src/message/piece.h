/*
 * Pieces: a message as it goes on the wire is a list of them, over its source.
 * All octets of all pieces but RAW ones go through one wire encoder, so a line
 * may begin in one piece and end in the next one. Pure.
 */
#ifndef ENVOI_MESSAGE_PIECE_H
#define ENVOI_MESSAGE_PIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>

#include "base/span.h"

enum envoi_piece_kind {
	/** Octets that belong to the list, or are constant. */
	ENVOI_PIECE_TEXT,
	/** Octets of the source; it begins where a line does, or ends. */
	ENVOI_PIECE_COPY,
	/** The same, encoded: envoi_transfer_kind. */
	ENVOI_PIECE_QP,
	ENVOI_PIECE_BASE64_TEXT,
	ENVOI_PIECE_BASE64,
	/** The same, mended: envoi_mend_kind. */
	ENVOI_PIECE_MEND_TEXT,
	ENVOI_PIECE_MEND_QP,
	ENVOI_PIECE_MEND_BASE64,
	/** The same, but not through the wire encoder: for BINARYMIME. */
	ENVOI_PIECE_RAW,
};

struct envoi_piece {
	enum envoi_piece_kind kind;
	/** TEXT. */
	struct envoi_span text;
	/** Else octets [start, end) of the source. */
	uint64_t start;
	uint64_t end;
};

/** Zeroed: no pieces. */
struct envoi_pieces {
	struct envoi_piece *list;
	size_t count;
	size_t capacity;
	/** Texts the list owns. */
	char **texts;
	size_t text_count;
	/** Of MEND: long lines stay; NULs do in MEND_TEXT. */
	bool keep_lines, keep_nuls;
};

/** Frees the list; accepts a zeroed one, and leaves one. */
void envoi_pieces_finish(struct envoi_pieces *pieces);

/** Appends a piece; a TEXT of no octets, or an empty range, is left out.
 * SYSTEM: no memory. */
int envoi_pieces_add(
	struct envoi_pieces *pieces, struct envoi_piece piece, struct envoi_error *err);

/** Appends text, which the list does not own. SYSTEM: no memory. */
int envoi_pieces_add_text(
	struct envoi_pieces *pieces, struct envoi_span text, struct envoi_error *err);

/** Appends text[0..n), a heap block that the list owns from now on, whatever
 * the result. SYSTEM: no memory. */
int envoi_pieces_take_text(
	struct envoi_pieces *pieces, char *text, size_t n, struct envoi_error *err);

/** Appends octets [start, end) of the source. SYSTEM: no memory. */
int envoi_pieces_add_copy(struct envoi_pieces *pieces, uint64_t start, uint64_t end,
	struct envoi_error *err);

/** The same in any form but TEXT. SYSTEM: no memory. */
int envoi_pieces_add_range(struct envoi_pieces *pieces, enum envoi_piece_kind kind,
	uint64_t start, uint64_t end, struct envoi_error *err);

/** Appends all pieces of from, which has none then. SYSTEM: no memory. */
int envoi_pieces_move(
	struct envoi_pieces *pieces, struct envoi_pieces *from, struct envoi_error *err);

#endif
