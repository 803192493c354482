/*
 * Any text as an alias file: what comes out of a name is safe in a command, and
 * a fault names its line.
 */
#include <string.h>

#include <envoi/aliases.h>

#include "mailbox.h"

static int take(void *context, const char *mailbox, bool bare, struct envoi_error *err)
{
	(void)err;
	MUST(mailbox[0] != '\0');
	if (!bare) {
		check_mailbox(mailbox);
	}
	MUST(++*(size_t *)context < 1000000);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"root", "a", "default", "joe"};
	static const char *const hosts[] = {"here", NULL};
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_aliases *aliases = NULL;
	const struct envoi_error *fault;
	size_t found = 0;
	MUST(envoi_aliases_parse("list", (const char *)data, size, &aliases, &err) == 0);
	for (size_t i = 0; (fault = envoi_aliases_fault(aliases, i)) != NULL; i++) {
		MUST(fault->status == ENVOI_STATUS_CONFIG);
		MUST(strncmp(fault->text, "list:", 5) == 0);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (envoi_aliases_expand(
			    aliases, names[i], true, hosts, take, &found, &err)
			!= 0) {
			MUST(err.status == ENVOI_STATUS_CONFIG);
		}
	}
	(void)envoi_aliases_expand(
		aliases, "root@here", false, hosts, take, &found, &err);
	envoi_aliases_free(aliases);
	return 0;
}
