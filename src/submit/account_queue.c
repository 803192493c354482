/*
 * What is told of messages that were queued and not delivered, and to whom.
 */
#include "submit/account_internal.h"

#include <stdlib.h>
#include <string.h>

#include <envoi/address.h>

static int set_postmaster(struct account *account, struct envoi_error *err)
{
	const char *text = envoi_account_text(account, ENVOI_KEY_POSTMASTER);
	struct envoi_error cause = ENVOI_ERROR_NONE;
	if (text == NULL) {
		return 0;
	}
	if (envoi_address_parse(text, strlen(text), false, &account->postmaster, &cause)
		!= 0) {
		if (cause.status == ENVOI_STATUS_SYSTEM) {
			*err = cause;
			return -1;
		}
		return envoi_account_error(
			err, account, ENVOI_KEY_POSTMASTER, "%s", cause.text);
	}
	account->face.postmaster = account->postmaster;
	return 0;
}

int envoi_account_queue(struct account *account, struct envoi_error *err)
{
	struct envoi_account *face = &account->face;
	const char *delay = envoi_account_text(account, ENVOI_KEY_DELAY_WARNING);
	const char *command = envoi_account_text(account, ENVOI_KEY_NOTIFY_COMMAND);
	if (envoi_account_is(account, ENVOI_KEY_BOUNCES, "on")) {
		face->bounces = ENVOI_BOUNCES_ON;
	} else if (envoi_account_is(account, ENVOI_KEY_BOUNCES, "off")) {
		face->bounces = ENVOI_BOUNCES_OFF;
	}
	face->delay_warning =
		delay != NULL ? strtol(delay, NULL, 10) : ENVOI_DELAY_WARNING;
	if (command != NULL) {
		if (envoi_account_argv(account, command, ENVOI_KEY_NOTIFY_COMMAND,
			    &account->notify, err)
			!= 0) {
			return -1;
		}
		face->notify_command = (const char *const *)account->notify;
	}
	return set_postmaster(account, err);
}
