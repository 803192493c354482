/*
 * Writing JSON (RFC 8259) into a buffer. Keys are ours, values may be
 * anything: octets that are not UTF-8 become U+FFFD. Failure is remembered by
 * the buffer's owner through the return of envoi_json_end().
 */
#ifndef ENVOI_SUBMIT_JSON_H
#define ENVOI_SUBMIT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct envoi_json {
	struct envoi_buffer *out;
	/** The next value needs a comma before it. */
	bool comma;
	bool failed;
};

void envoi_json_begin(struct envoi_json *json, struct envoi_buffer *out);
/** 0, or -1 when something could not be appended. */
int envoi_json_end(struct envoi_json *json);

/** key NULL: inside an array. open is '{' or '[', close its counterpart. */
void envoi_json_open(struct envoi_json *json, const char *key, char open);
void envoi_json_close(struct envoi_json *json, char close);
void envoi_json_string(struct envoi_json *json, const char *key, struct envoi_span value);
void envoi_json_text(struct envoi_json *json, const char *key, const char *value);
void envoi_json_number(struct envoi_json *json, const char *key, uint64_t value);
/** Microseconds as milliseconds with one decimal. */
void envoi_json_ms(struct envoi_json *json, const char *key, int64_t us);
void envoi_json_bool(struct envoi_json *json, const char *key, bool value);
void envoi_json_null(struct envoi_json *json, const char *key);

#endif
