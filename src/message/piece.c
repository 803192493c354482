/*
 * Lists of pieces; see the header.
 */
#include "message/piece.h"

#include <stdlib.h>

void envoi_pieces_finish(struct envoi_pieces *pieces)
{
	for (size_t i = 0; i < pieces->text_count; i++) {
		free(pieces->texts[i]);
	}
	free(pieces->texts);
	free(pieces->list);
	*pieces = (struct envoi_pieces){0};
}

int envoi_pieces_add(
	struct envoi_pieces *pieces, struct envoi_piece piece, struct envoi_error *err)
{
	if (piece.kind == ENVOI_PIECE_TEXT ? piece.text.len == 0
					   : piece.start == piece.end) {
		return 0;
	}
	if (pieces->count == pieces->capacity) {
		size_t capacity = pieces->capacity > 0 ? pieces->capacity * 2 : 4;
		struct envoi_piece *list =
			realloc(pieces->list, capacity * sizeof(*list));
		if (list == NULL) {
			return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		}
		pieces->list = list;
		pieces->capacity = capacity;
	}
	pieces->list[pieces->count++] = piece;
	return 0;
}

int envoi_pieces_add_text(
	struct envoi_pieces *pieces, struct envoi_span text, struct envoi_error *err)
{
	struct envoi_piece piece = {.kind = ENVOI_PIECE_TEXT, .text = text};
	return envoi_pieces_add(pieces, piece, err);
}

int envoi_pieces_take_text(
	struct envoi_pieces *pieces, char *text, size_t n, struct envoi_error *err)
{
	char **texts = realloc(pieces->texts, (pieces->text_count + 1) * sizeof(*texts));
	if (texts == NULL) {
		free(text);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	pieces->texts = texts;
	pieces->texts[pieces->text_count++] = text;
	return envoi_pieces_add_text(pieces, (struct envoi_span){text, n}, err);
}

int envoi_pieces_add_range(struct envoi_pieces *pieces, enum envoi_piece_kind kind,
	uint64_t start, uint64_t end, struct envoi_error *err)
{
	struct envoi_piece piece = {.kind = kind, .start = start, .end = end};
	return envoi_pieces_add(pieces, piece, err);
}

int envoi_pieces_add_copy(struct envoi_pieces *pieces, uint64_t start, uint64_t end,
	struct envoi_error *err)
{
	return envoi_pieces_add_range(pieces, ENVOI_PIECE_COPY, start, end, err);
}

int envoi_pieces_move(
	struct envoi_pieces *pieces, struct envoi_pieces *from, struct envoi_error *err)
{
	size_t count = pieces->text_count + from->text_count;
	char **texts = realloc(pieces->texts, (count + 1) * sizeof(*texts));
	if (texts == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	pieces->texts = texts;
	for (size_t i = 0; i < from->text_count; i++) {
		pieces->texts[pieces->text_count++] = from->texts[i];
	}
	from->text_count = 0;
	pieces->keep_lines = pieces->keep_lines || from->keep_lines;
	pieces->keep_nuls = pieces->keep_nuls || from->keep_nuls;
	for (size_t i = 0; i < from->count; i++) {
		if (envoi_pieces_add(pieces, from->list[i], err) != 0) {
			return -1;
		}
	}
	envoi_pieces_finish(from);
	return 0;
}
