/*
 * Any text as an address: what is taken is safe in a command and is read
 * again as the same.
 */
#include <string.h>

#include <envoi/address.h>

#include "mailbox.h"

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
