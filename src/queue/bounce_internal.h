/*
 * The inside of bounce*.c.
 *
 * bounce.c           the frame: header, parts, into the queue
 * bounce_text.c      what people read
 * bounce_status.c    what programs read
 * bounce_original.c  what is returned
 */
#ifndef ENVOI_QUEUE_BOUNCE_INTERNAL_H
#define ENVOI_QUEUE_BOUNCE_INTERNAL_H

#include <envoi/bounce.h>

#include "base/buffer.h"
#include "message/spool.h"

/** A bounce that is being written. Lines end with LF. */
struct envoi_bounce_writer {
	const struct envoi_bounce *bounce;
	struct envoi_spool spool;
	/** What is not in the spool yet. */
	struct envoi_buffer out;
	char boundary[40];
};

/** Moves what is in out to the spool; failed: some of it is missing for lack of
 * memory. */
int envoi_bounce_flush(
	struct envoi_bounce_writer *writer, int failed, struct envoi_error *err);

/** Begins the next part: its delimiter. */
int envoi_bounce_part(struct envoi_bounce_writer *writer);

/** Appends text as printable ASCII, other octets as "?". */
int envoi_bounce_plain(struct envoi_buffer *out, const char *text);

/** Appends a line that begins with first (printable ASCII) and text behind it;
 * folded, further lines begin with indent. */
int envoi_bounce_fold(struct envoi_buffer *out, const char *first, const char *indent,
	const char *text);

/** "550 5.1.1 No such user", or words; cut to size. */
void envoi_bounce_words(const struct envoi_verdict *verdict, char *out, size_t size);

int envoi_bounce_put_text(struct envoi_bounce_writer *writer, struct envoi_error *err);
int envoi_bounce_put_status(struct envoi_bounce_writer *writer, struct envoi_error *err);
int envoi_bounce_put_original(
	struct envoi_bounce_writer *writer, struct envoi_error *err);

/** Writes a part of text that may have any octets, as quoted-printable when
 * something in it is not ASCII or a line is long: its field (name: type) with the
 * charset, and the text. */
int envoi_bounce_put_any(struct envoi_bounce_writer *writer, const char *type,
	struct envoi_span text, struct envoi_error *err);

#endif
