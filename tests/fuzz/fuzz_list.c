/*
 * Any text as a list of addresses: its elements are in order and apart, what
 * is taken is safe in a command, is read again as the same, and a bare name
 * can be made whole where it stands.
 */
#include <string.h>

#include <envoi/address.h>

#include "mailbox.h"

struct progress {
	size_t size;
	size_t last;
};

static void check_again(const struct envoi_list_item *item)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	char *again = NULL;
	if (!item->bare) {
		MUST(envoi_address_parse(
			     item->mailbox, strlen(item->mailbox), false, &again, &err)
			== 0);
		MUST(strcmp(again, item->mailbox) == 0);
	} else {
		/* A long one may have no room for a domain. */
		again = envoi_address_qualify(item->mailbox, "example.org", &err);
		MUST(again != NULL || strlen(item->mailbox) > 500);
		if (again != NULL) {
			check_mailbox(again);
		}
	}
	free(again);
}

static int take(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct progress *progress = context;
	(void)err;
	MUST(item->start >= progress->last && item->start < item->end);
	MUST(item->end <= progress->size);
	progress->last = item->end;
	MUST((item->mailbox == NULL) == (item->why != NULL));
	if (item->mailbox == NULL) {
		MUST(item->why->status == ENVOI_STATUS_USAGE);
		return 0;
	}
	MUST(item->mailbox[0] != '\0');
	MUST(item->start == item->name_start && item->name_start <= item->name_end);
	MUST(item->name_end <= item->spec_start && item->spec_start < item->spec_end);
	MUST(item->spec_end <= item->end);
	check_mailbox(item->mailbox);
	check_again(item);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct progress progress = {size, 0};
	MUST(envoi_address_list_parse((const char *)data, size, take, &progress, &err)
		== 0);
	return 0;
}
