/*
 * The one function that writes a command line.
 */
#ifndef ENVOI_PROTOCOL_COMMAND_H
#define ENVOI_PROTOCOL_COMMAND_H

#include "base/buffer.h"

#include <envoi/error.h>

/**
 * Appends one command and its CRLF, printf-like. Whatever the arguments hold:
 * a CR, LF or other control byte, or a line over ENVOI_LIMIT_COMMAND, is
 * refused (USAGE) and out is left as it was. SYSTEM: out is full.
 */
int envoi_command_add(struct envoi_buffer *out, struct envoi_error *err,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
