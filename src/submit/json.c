/*
 * A JSON writer; see the header.
 */
#include "submit/json.h"

#include <string.h>

void envoi_json_begin(struct envoi_json *json, struct envoi_buffer *out)
{
	*json = (struct envoi_json){.out = out};
}

int envoi_json_end(struct envoi_json *json)
{
	return json->failed ? -1 : 0;
}

static void put(struct envoi_json *json, const char *bytes, size_t n)
{
	if (envoi_buffer_append(json->out, bytes, n) != 0) {
		json->failed = true;
	}
}

/*
 * The octets of the well-formed UTF-8 sequence at the front (RFC 3629 4), or 0.
 */
static size_t utf8_length(struct envoi_span s)
{
	const unsigned char *p = (const unsigned char *)s.data;
	unsigned char low = 0x80, high = 0xbf;
	size_t n;
	if (p[0] < 0x80) {
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		n = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		n = 3;
		low = p[0] == 0xe0 ? 0xa0 : 0x80;
		high = p[0] == 0xed ? 0x9f : 0xbf;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		n = 4;
		low = p[0] == 0xf0 ? 0x90 : 0x80;
		high = p[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (s.len < n || p[1] < low || p[1] > high) {
		return 0;
	}
	for (size_t i = 2; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return n;
}

static void put_escaped(struct envoi_json *json, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char code[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
	switch (c) {
	case '"':
		put(json, "\\\"", 2);
		break;
	case '\\':
		put(json, "\\\\", 2);
		break;
	case '\n':
		put(json, "\\n", 2);
		break;
	case '\r':
		put(json, "\\r", 2);
		break;
	case '\t':
		put(json, "\\t", 2);
		break;
	default:
		put(json, code, sizeof(code));
		break;
	}
}

static void put_string(struct envoi_json *json, struct envoi_span value)
{
	put(json, "\"", 1);
	while (value.len > 0) {
		unsigned char c = (unsigned char)value.data[0];
		size_t n = utf8_length(value);
		if (n == 0) {
			put(json, "\xef\xbf\xbd", 3);
			n = 1;
		} else if (c < 0x20 || c == 0x7f || c == '"' || c == '\\') {
			put_escaped(json, c);
		} else if (c == 0xc2 && (unsigned char)value.data[1] < 0xa0) {
			/* C1 controls: U+009B does to a terminal what ESC [ does. */
			put_escaped(json, (unsigned char)value.data[1]);
		} else {
			put(json, value.data, n);
		}
		value.data += n;
		value.len -= n;
	}
	put(json, "\"", 1);
}

static void put_key(struct envoi_json *json, const char *key)
{
	if (json->comma) {
		put(json, ",", 1);
	}
	if (key != NULL) {
		put_string(json, envoi_span_of(key));
		put(json, ":", 1);
	}
	json->comma = true;
}

void envoi_json_open(struct envoi_json *json, const char *key, char open)
{
	put_key(json, key);
	put(json, &open, 1);
	json->comma = false;
}

void envoi_json_close(struct envoi_json *json, char close)
{
	put(json, &close, 1);
	json->comma = true;
}

void envoi_json_string(struct envoi_json *json, const char *key, struct envoi_span value)
{
	put_key(json, key);
	put_string(json, value);
}

void envoi_json_text(struct envoi_json *json, const char *key, const char *value)
{
	if (value == NULL) {
		envoi_json_null(json, key);
	} else {
		envoi_json_string(json, key, envoi_span_of(value));
	}
}

void envoi_json_number(struct envoi_json *json, const char *key, uint64_t value)
{
	put_key(json, key);
	if (envoi_buffer_printf(json->out, "%ju", (uintmax_t)value) != 0) {
		json->failed = true;
	}
}

void envoi_json_ms(struct envoi_json *json, const char *key, int64_t us)
{
	put_key(json, key);
	int64_t tenths = (us + 50) / 100;
	if (envoi_buffer_printf(
		    json->out, "%jd.%d", (intmax_t)(tenths / 10), (int)(tenths % 10))
		!= 0) {
		json->failed = true;
	}
}

void envoi_json_bool(struct envoi_json *json, const char *key, bool value)
{
	put_key(json, key);
	put(json, value ? "true" : "false", value ? 4 : 5);
}

void envoi_json_null(struct envoi_json *json, const char *key)
{
	put_key(json, key);
	put(json, "null", 4);
}
