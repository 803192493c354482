/*
 * A message made from its parts: a header, a text, attached files (RFC 5322,
 * 2045-2047, 2183, 2231), so that a script needs no other program for it.
 *
 * What is made is an input like a file: it goes the ordinary way, where Date,
 * Message-ID and From are added.
 *
 * - The text is UTF-8, or refused: what is in another charset would arrive as
 *   garbage, and only who wrote it knows which. ASCII in lines of at most 78
 *   octets goes as it is, all else as quoted-printable or base64, whichever
 *   is shorter. A last line without an end gets one.
 * - Attachments arrive octet for octet, as base64; a text in short lines of
 *   ASCII that no gateway changes goes as it is. A message (message/...) is
 *   never encoded (RFC 2046 5.2.1).
 * - Octets above 127 in the header are encoded words, in file names the form
 *   of RFC 2231. Control octets reach neither.
 */
#ifndef ENVOI_COMPOSE_H
#define ENVOI_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/error.h>
#include <envoi/message.h>

struct envoi_attachment {
	/** "-" is stdin. */
	char *path;
	/** NULL: by the name, else by the path. */
	char *type;
	/** What it is called in the message; NULL: the last part of the path. */
	char *name;
};

/**
 * Reads "FILE[;type=T][;name=N]", in either order. FILE and N may hold other
 * semicolons. USAGE: no FILE, T is no type (RFC 2045 5.1) or that of a
 * multipart. SYSTEM.
 */
int envoi_attachment_parse(
	const char *text, struct envoi_attachment *ret, struct envoi_error *err);

/** Accepts a zeroed one. */
void envoi_attachment_finish(struct envoi_attachment *attachment);

struct envoi_compose {
	/** Addresses for the fields To and Cc, as typed; without any: no field. */
	const char *const *to;
	size_t to_count;
	const char *const *cc;
	size_t cc_count;
	/** NULL: none. */
	const char *subject;
	/** "Name: value". A field that is made here as well replaces that one;
	 * Content-Type is that of the text. */
	const char *const *headers;
	size_t header_count;
	/** The text, or the file that holds it ("-": stdin); both NULL: empty. */
	const char *body;
	const char *body_file;
	const struct envoi_attachment *attachments;
	size_t attachment_count;
};

/** Whether text is a field that may be given. USAGE: no name (RFC 5322 2.2)
 * and colon; CR, LF; Bcc, and the fields of MIME that are made here. */
int envoi_compose_check_header(const char *text, struct envoi_error *err);

/**
 * Makes the message: *ret_input yields this one. All files are read now; what
 * it takes is in memory when small, else in an unlinked temporary file.
 *
 * USAGE: a field as above, or addresses that are none; stdin twice. NOINPUT: a
 * file is missing or unreadable. DATA: the text is not UTF-8 or has a NUL; a
 * message to attach has a NUL or a line over 998 octets. IO, CANTCREATE, SYSTEM
 * as envoi_input_open().
 */
int envoi_compose_open(const struct envoi_compose *compose,
	struct envoi_input **ret_input, struct envoi_error *err);

#endif
