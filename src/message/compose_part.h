/*
 * The parts of a composed message: a text or a file, what it is like, and in
 * which form it goes into the message.
 */
#ifndef ENVOI_MESSAGE_COMPOSE_PART_H
#define ENVOI_MESSAGE_COMPOSE_PART_H

#include <envoi/compose.h>

#include "base/buffer.h"
#include "message/compose_text.h"
#include "message/mime_type.h"
#include "message/source.h"
#include "message/spool.h"

/** Its Content-Transfer-Encoding. */
enum envoi_part_form {
	ENVOI_PART_7BIT,
	ENVOI_PART_8BIT,
	ENVOI_PART_QP,
	/** Of a text; of octets. */
	ENVOI_PART_BASE64_TEXT,
	ENVOI_PART_BASE64,
};

struct envoi_part {
	struct envoi_source *source;
	enum envoi_part_form form;
	/** An attachment; else the text. */
	bool attached;
	char type[ENVOI_MIME_TYPE_SIZE];
	/** The type is a guess. */
	bool guessed;
	/** The name it gets; borrowed; empty: none. */
	struct envoi_span name;
	/** Of a text or a message. */
	struct envoi_text text;
};

/** Opens the text of compose, looks at it and chooses its form. As
 * envoi_compose_open(). */
int envoi_part_open_body(struct envoi_part *part, const struct envoi_compose *compose,
	struct envoi_error *err);

/** The same of an attachment, which has to live as long. */
int envoi_part_open_file(struct envoi_part *part,
	const struct envoi_attachment *attachment, struct envoi_error *err);

/** Accepts a zeroed one. */
void envoi_part_finish(struct envoi_part *part);

/** Appends the part's header fields. type: of the text, empty for its own.
 * -1: no memory. */
int envoi_part_header(
	const struct envoi_part *part, struct envoi_span type, struct envoi_buffer *out);

/** Writes the content in its form. NOINPUT, IO, CANTCREATE, SYSTEM. */
int envoi_part_write(const struct envoi_part *part, struct envoi_spool *spool,
	struct envoi_error *err);

#endif
