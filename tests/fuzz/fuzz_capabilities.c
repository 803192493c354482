/*
 * Any octets as the text of a reply to EHLO: what is read of it is well
 * formed, the first line counts for nothing, and lines for nothing more than
 * they say alone.
 */
#include <string.h>

#include "protocol/capabilities.h"

#include "fuzz.h"

static void check_mechanisms(const char *auth)
{
	size_t n = strlen(auth);
	MUST(n < sizeof(((struct envoi_capabilities *)NULL)->auth));
	for (size_t i = 0; i < n; i++) {
		char c = auth[i];
		bool word = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
			    || c == '_';
		MUST(word || (c == ' ' && i > 0 && auth[i - 1] != ' ' && i + 1 < n));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envoi_capabilities all, alone;
	uint32_t extensions = 0;
	struct envoi_span text = {(const char *)data, size};
	memset(&all, 0xa5, sizeof(all));
	envoi_capabilities_parse(&all, text);
	check_mechanisms(all.auth);
	MUST((all.extensions & ENVOI_EXT_SIZE) != 0 || all.size == 0);
	MUST((all.extensions & ENVOI_EXT_AUTH) != 0 || all.auth[0] == '\0');
	MUST((all.extensions & ENVOI_EXT_LIMITS) != 0
		|| (all.mail_max | all.rcpt_max | all.rcpt_domain_max) == 0);
	/* Each line alone, behind a first one. */
	const char *at = memchr(text.data, '\n', size);
	while (at != NULL) {
		size_t left = size - (size_t)(at - text.data);
		const char *next = memchr(at + 1, '\n', left - 1);
		size_t n = next != NULL ? (size_t)(next - at) : left;
		envoi_capabilities_parse(&alone, (struct envoi_span){at, n});
		extensions |= alone.extensions;
		MUST(all.size <= alone.size || alone.size == 0);
		at = next;
	}
	MUST(extensions == all.extensions);
	return 0;
}
