/*
 * Any text as an address: what is taken is safe in a command and is read
 * again as the same.
 */
#include <string.h>

#include <envoi/address.h>

#include "fuzz.h"

/* Fit to stand between < and > in a command line. */
static void check_mailbox(const char *mailbox)
{
	bool quoted = false;
	MUST(strlen(mailbox) <= 512);
	for (const char *p = mailbox; *p != '\0'; p++) {
		MUST(*p >= 32 && *p <= 126);
		if (quoted && *p == '\\') {
			p++;
			MUST(*p == '"' || *p == '\\');
		} else if (*p == '"') {
			quoted = !quoted;
		} else {
			MUST(quoted || strchr(" <>(),;\\", *p) == NULL);
		}
	}
	MUST(!quoted);
	const char *domain = envoi_address_domain(mailbox);
	MUST(*domain == '\0' || envoi_address_is_helo(domain));
	MUST(envoi_address_equal(mailbox, mailbox));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	char *mailbox = NULL;
	char *text = malloc(size + 1);
	MUST(text != NULL);
	if (size > 0) {
		memcpy(text, data, size);
	}
	text[size] = '\0';
	(void)envoi_address_is_helo(text);
	free(text);
	if (envoi_address_parse((const char *)data, size, true, &mailbox, &err) != 0) {
		MUST(mailbox == NULL && err.status == ENVOI_STATUS_USAGE
			&& err.text[0] != '\0');
		return 0;
	}
	MUST(err.status == ENVOI_STATUS_OK);
	check_mailbox(mailbox);
	char *again = NULL;
	MUST(envoi_address_parse(mailbox, strlen(mailbox), true, &again, &err) == 0);
	MUST(strcmp(mailbox, again) == 0);
	free(again);
	free(mailbox);
	return 0;
}
