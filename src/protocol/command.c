/*
 * Command lines; see the header.
 */
#include "protocol/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

int envoi_command_add(
	struct envoi_buffer *out, struct envoi_error *err, const char *format, ...)
{
	char line[ENVOI_LIMIT_COMMAND + 1];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n < 0 || n > ENVOI_LIMIT_COMMAND - 2) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"command line of %d octets is too long", n);
	}
	for (int i = 0; i < n; i++) {
		unsigned char c = (unsigned char)line[i];
		if (c < 0x20 || c == 0x7f) {
			return envoi_error_set(err, ENVOI_STATUS_USAGE,
				"control byte %02X in a command", c);
		}
	}
	line[n] = '\r';
	line[n + 1] = '\n';
	if (envoi_buffer_append(out, line, (size_t)n + 2) != 0) {
		return envoi_error_set(
			err, ENVOI_STATUS_SYSTEM, "out of memory for a command");
	}
	return 0;
}
