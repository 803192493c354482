/*
 * Looks a value up in the report, which is JSON of our own making.
 */
#ifndef ENVOI_TESTS_JSON_H
#define ENVOI_TESTS_JSON_H

#include "base/buffer.h"

/**
 * The value at a path of the conversation files, "message[0].reply.code", as
 * they write it: "null", "true", a number, the text of a string; "messages",
 * "sessions": how many. False: there is none.
 */
bool json_look(
	struct envoi_span report, const char *path, struct envoi_buffer *ret_value);

#endif
