/*
 * Fields of a composed header: what a user gave as text becomes lines that are
 * ASCII, folded, and of one field only. Line ends are LF.
 */
#ifndef ENVOI_MESSAGE_COMPOSE_FIELD_H
#define ENVOI_MESSAGE_COMPOSE_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/error.h>

#include "base/buffer.h"
#include "base/span.h"

/** Splits "Name: value"; the value without blanks around it. USAGE as
 * envoi_compose_check_header(). */
int envoi_compose_split(const char *text, struct envoi_span *ret_name,
	struct envoi_span *ret_value, struct envoi_error *err);

/** Appends a field: its text, or, when the name is that of a field of
 * addresses, these with display names encoded. USAGE: addresses that are not
 * understood; a line end. SYSTEM. */
int envoi_compose_field(struct envoi_buffer *out, struct envoi_span name,
	struct envoi_span value, struct envoi_error *err);

/** Appends a field of addresses, one a text. USAGE, SYSTEM. */
int envoi_compose_addresses(struct envoi_buffer *out, const char *name,
	const char *const *texts, size_t n, struct envoi_error *err);

/** Appends the parameter filename (RFC 2183, 2231), each part of it on a line
 * of its own. Control octets of name are "_". -1: no memory. */
int envoi_compose_filename(struct envoi_buffer *out, struct envoi_span name);

#endif
