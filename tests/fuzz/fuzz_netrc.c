/*
 * Any octets as a .netrc: what is found lies in the text, and an error names
 * a line of it and no word.
 */
#include <string.h>

#include "config/secret_netrc.h"
#include "fuzz.h"

static unsigned long lines_of(const uint8_t *data, size_t size)
{
	unsigned long lines = 1;
	for (size_t i = 0; i < size; i++) {
		lines += data[i] == '\n';
	}
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const users[] = {"joe", "", NULL};
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		struct envoi_secret secret = {0};
		struct envoi_error err = ENVOI_ERROR_NONE;
		unsigned long line = 0;
		int found = envoi_netrc_find((const char *)data, size, "mx.example.org",
			users[i], &secret, &line, &err);
		MUST(found >= -1 && found <= 1);
		MUST((found == 1) == (secret.data != NULL));
		MUST((found == -1) == (err.status == ENVOI_STATUS_CONFIG));
		if (found == 1) {
			MUST(line >= 1 && line <= lines_of(data, size));
			MUST(secret.length <= size);
		} else if (found == -1) {
			MUST(strncmp(err.text, "line ", 5) == 0);
			MUST(strlen(err.text) < 60);
		}
		envoi_secret_finish(&secret);
	}
	return 0;
}
