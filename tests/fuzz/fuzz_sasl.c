/*
 * Any server against each mechanism. The first octet chooses the mechanism,
 * the second what there is to authenticate with; then each line is the text of
 * a 334, but one that begins with "+" is that of a 235. A line that begins
 * with "~" is put into base64 first, so that it is easy to get that far.
 *
 * No exchange is longer than its mechanism; each line is base64 that fits;
 * SCRAM says yes only to who knows the password. All of the input is a name
 * to be prepared as well.
 */
#include <string.h>

#include "base/limits.h"
#include "fuzz.h"
#include "protocol/base64.h"
#include "protocol/sasl.h"
#include "protocol/saslprep.h"

/* The longest of all. */
#define ROUNDS 3

enum {
	WITH_AUTHZID = 1 << 0,
	WITH_BINDING = 1 << 1,
	OFFERS_PLUS = 1 << 2,
	WITH_INITIAL = 1 << 3,
};

static void check_line(const struct envoi_secret *line)
{
	struct envoi_secret octets = {0};
	MUST(line->data != NULL && line->length <= ENVOI_LIMIT_AUTH_LINE - 2);
	if (strcmp(line->data, "=") != 0) {
		struct envoi_span text = {line->data, line->length};
		MUST(envoi_base64_decode(&octets, text) == 0);
	}
	envoi_secret_finish(&octets);
}

static void check_error(const struct envoi_error *err)
{
	MUST(err->text[0] != '\0');
	MUST(err->status == ENVOI_STATUS_AUTH || err->status == ENVOI_STATUS_PROTOCOL
		|| err->status == ENVOI_STATUS_CONFIG);
}

/* The answer to a line of the input. */
static int answer(struct envoi_sasl *sasl, struct envoi_span text,
	struct envoi_secret *line, struct envoi_error *err)
{
	struct envoi_secret encoded = {0};
	if (text.len > 0 && text.data[0] == '~') {
		text.data++;
		text.len--;
		MUST(envoi_base64_encode(&encoded, text) == 0);
		text = (struct envoi_span){encoded.data, encoded.length};
	}
	int result = envoi_sasl_answer(sasl, text, line, err);
	envoi_secret_finish(&encoded);
	return result;
}

static void play(struct envoi_sasl *sasl, struct envoi_span input)
{
	unsigned rounds = 0;
	while (input.len > 0) {
		struct envoi_secret line = {0};
		struct envoi_error err = ENVOI_ERROR_NONE;
		const char *lf = memchr(input.data, '\n', input.len);
		size_t n = lf != NULL ? (size_t)(lf - input.data) : input.len;
		struct envoi_span text = {input.data, n};
		int result;
		if (n > 0 && text.data[0] == '+') {
			text.data++;
			text.len--;
			result = envoi_sasl_accept(sasl, text, &err);
		} else {
			result = answer(sasl, text, &line, &err);
			if (result == 0) {
				MUST(++rounds <= ROUNDS);
				check_line(&line);
			}
		}
		MUST((result == 0) == (err.status == ENVOI_STATUS_OK));
		if (result != 0) {
			MUST(line.data == NULL);
			check_error(&err);
		}
		envoi_secret_finish(&line);
		n += lf != NULL ? 1 : 0;
		input.data += n;
		input.len -= n;
	}
	for (const char *p = envoi_sasl_failure_text(sasl); *p != '\0'; p++) {
		MUST(*p >= 0x20 && *p <= 0x7e);
	}
}

static void prepare(struct envoi_span input)
{
	struct envoi_secret once = {0};
	struct envoi_secret twice = {0};
	int result = envoi_saslprep(&once, input);
	MUST(result >= 0);
	MUST((result == 0) == (once.data != NULL));
	if (result == 0) {
		struct envoi_span span = {once.data, once.length};
		MUST(once.length > 0 && memchr(once.data, '\0', once.length) == NULL);
		MUST(envoi_saslprep(&twice, span) == 0);
		MUST(once.length == twice.length
			&& memcmp(once.data, twice.data, once.length) == 0);
	}
	envoi_secret_finish(&once);
	envoi_secret_finish(&twice);
}

static void decode(struct envoi_span input)
{
	struct envoi_secret octets = {0};
	struct envoi_secret text = {0};
	if (envoi_base64_decode(&octets, input) == 0) {
		struct envoi_span span = {octets.data, octets.length};
		MUST(envoi_base64_encode(&text, span) == 0);
		MUST(text.length == input.len
			&& (input.len == 0
				|| memcmp(text.data, input.data, input.len) == 0));
	}
	envoi_secret_finish(&octets);
	envoi_secret_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envoi_span input = {(const char *)data, size};
	struct envoi_secret secret = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	prepare(input);
	decode(input);
	if (size < 2) {
		return 0;
	}
	unsigned bit = 1U << (data[0] % ENVOI_SASL_COUNT);
	bool has_authzid =
		(bit & (ENVOI_SASL_LOGIN | ENVOI_SASL_CRAM_MD5 | ENVOI_SASL_XOAUTH2)) == 0
		&& (data[1] & WITH_AUTHZID) != 0;
	bool has_binding =
		(bit & ENVOI_SASL_ALL_PLUS) != 0 || (data[1] & WITH_BINDING) != 0;
	struct envoi_sasl_binding binding = {"tls-exporter", "0123456789abcdef", 16};
	const struct envoi_sasl_identity identity = {
		.user = "user",
		.authzid = has_authzid ? "a,b=c" : NULL,
		.secret = &secret,
		.host = "mx.example.org",
		.port = 587,
		.binding = has_binding ? &binding : NULL,
		.server_offers_plus = (data[1] & OFFERS_PLUS) != 0,
		.nonce = "nonce",
	};
	MUST(envoi_secret_set(&secret, "pencil", 6) == 0);
	struct envoi_sasl *sasl =
		envoi_sasl_new((enum envoi_sasl_mechanism)bit, &identity, &err);
	MUST(sasl != NULL);
	if ((data[1] & WITH_INITIAL) != 0 && bit != ENVOI_SASL_CRAM_MD5) {
		struct envoi_secret line = {0};
		MUST(envoi_sasl_initial(sasl, &line, &err) == 0);
		check_line(&line);
		envoi_secret_finish(&line);
	}
	play(sasl, (struct envoi_span){input.data + 2, input.len - 2});
	envoi_sasl_free(sasl);
	envoi_secret_finish(&secret);
	return 0;
}
