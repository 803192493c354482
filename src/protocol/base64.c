/*
 * Base64; see the header. Both ways into secrets, because that is what goes
 * to and fro in AUTH. Without OpenSSL, whose decoder takes blanks and leaves
 * the padding's octets in.
 */
#include "protocol/base64.h"

#include <stdint.h>
#include <stdlib.h>

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int envoi_base64_encode(struct envoi_secret *ret, struct envoi_span octets)
{
	if (octets.len > SIZE_MAX / 2) {
		return -1;
	}
	size_t length = (octets.len + 2) / 3 * 4;
	char *out = malloc(length + 1);
	if (out == NULL) {
		return -1;
	}
	char *to = out;
	for (size_t i = 0; i < octets.len; i += 3) {
		size_t n = octets.len - i < 3 ? octets.len - i : 3;
		uint32_t bits = 0;
		for (size_t j = 0; j < 3; j++) {
			bits = bits << 8
			       | (j < n ? (unsigned char)octets.data[i + j] : 0);
		}
		for (size_t j = 0; j < 4; j++) {
			*to++ = j <= n ? digits[bits >> (18 - 6 * j) & 63] : '=';
		}
	}
	*to = '\0';
	envoi_secret_finish(ret);
	*ret = (struct envoi_secret){out, length};
	return 0;
}

/* 0 to 63, or -1. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The octets of 2 to 4 characters; how many, or -1. */
static int decode_quantum(const char *from, size_t n, char *out)
{
	uint32_t bits = 0;
	for (size_t i = 0; i < 4; i++) {
		int value = i < n ? value_of(from[i]) : 0;
		if (value < 0) {
			return -1;
		}
		bits = bits << 6 | (uint32_t)value;
	}
	for (size_t i = 0; i < 3; i++) {
		char octet = (char)(bits >> (16 - 8 * i) & 0xff);
		if (i + 1 < n) {
			out[i] = octet;
		} else if (octet != 0) {
			return -1;
		}
	}
	return (int)n - 1;
}

static int decode(char *out, struct envoi_span text)
{
	int length = 0;
	for (size_t i = 0; i < text.len; i += 4) {
		const char *from = text.data + i;
		size_t n = 4;
		if (i + 4 == text.len && from[3] == '=') {
			n = from[2] == '=' ? 2 : 3;
		}
		int got = decode_quantum(from, n, out + length);
		if (got < 0) {
			return -1;
		}
		length += got;
	}
	return length;
}

int envoi_base64_decode(struct envoi_secret *ret, struct envoi_span text)
{
	if (text.len % 4 != 0 || text.len > INT32_MAX) {
		return ENVOI_BASE64_BAD;
	}
	size_t room = text.len / 4 * 3 + 1;
	char *out = malloc(room);
	if (out == NULL) {
		return -1;
	}
	int length = decode(out, text);
	if (length < 0) {
		envoi_secret_wipe(out, room);
		free(out);
		return ENVOI_BASE64_BAD;
	}
	out[length] = '\0';
	envoi_secret_finish(ret);
	*ret = (struct envoi_secret){out, (size_t)length};
	return 0;
}
