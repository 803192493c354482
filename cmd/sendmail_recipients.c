/*
 * Who a message is for: addresses of arguments and headers, through the
 * aliases, with a domain.
 */
#include "sendmail.h"

#include <stdlib.h>
#include <string.h>

#include <envoi/address.h>

static int no_memory(struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

/* Room for one more element in a list of n. */
static int grow(void *list, size_t n, size_t size)
{
	void **p = list;
	if ((n & (n - 1)) == 0) {
		void *grown = realloc(*p, (n == 0 ? 1 : n * 2) * size);
		if (grown == NULL) {
			return -1;
		}
		*p = grown;
	}
	return 0;
}

int sendmail_fail(struct sendmail_message *message, const char *address, size_t n,
	const struct envoi_error *why, bool permanent, struct envoi_error *err)
{
	char *copy = malloc(n + 1);
	if (copy == NULL
		|| grow(&message->failures, message->failure_count,
			   sizeof(*message->failures))
			   != 0) {
		free(copy);
		return no_memory(err);
	}
	memcpy(copy, address, n);
	copy[n] = '\0';
	message->failures[message->failure_count++] = (struct sendmail_failure){
		.address = copy, .error = *why, .permanent = permanent};
	return 0;
}

static int add_mailbox(
	struct sendmail_message *message, char *mailbox, struct envoi_error *err)
{
	struct envoi_envelope *envelope = &message->envelope;
	if (grow(&envelope->recipients, envelope->count, sizeof(*envelope->recipients))
		!= 0) {
		free(mailbox);
		return no_memory(err);
	}
	envelope->recipients[envelope->count++] = mailbox;
	return 0;
}

static int take_target(
	void *context, const char *mailbox, bool bare, struct envoi_error *err)
{
	struct sendmail_message *message = context;
	char *whole =
		bare ? envoi_address_qualify(mailbox, message->sendmail->domain, err)
		     : strdup(mailbox);
	if (whole == NULL) {
		return bare ? -1 : no_memory(err);
	}
	return add_mailbox(message, whole, err);
}

int sendmail_add_item(struct sendmail_message *message, const char *text,
	const struct envoi_list_item *item, struct envoi_error *err)
{
	const struct sendmail *sendmail = message->sendmail;
	struct envoi_error cause = ENVOI_ERROR_NONE;
	size_t n = item->end - item->start;
	const char *address = item->mailbox != NULL ? item->mailbox : text + item->start;
	if (item->mailbox != NULL) {
		n = strlen(address);
	}
	if (item->mailbox == NULL) {
		cause = *item->why;
		cause.status = ENVOI_STATUS_DATA;
	} else if (sendmail->aliases != NULL
			   ? envoi_aliases_expand(sendmail->aliases, item->mailbox,
				     item->bare, sendmail->hosts, take_target, message,
				     &cause)
				     == 0
			   : take_target(message, item->mailbox, item->bare, &cause)
				     == 0) {
		return 0;
	}
	if (cause.status == ENVOI_STATUS_SYSTEM) {
		*err = cause;
		return -1;
	}
	if (cause.status == ENVOI_STATUS_USAGE) {
		cause.status = ENVOI_STATUS_DATA;
	}
	return sendmail_fail(message, address, n, &cause, true, err);
}

struct reading {
	struct sendmail_message *message;
	const char *text;
};

static int take_item(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct reading *reading = context;
	return sendmail_add_item(reading->message, reading->text, item, err);
}

int sendmail_add_text(
	struct sendmail_message *message, const char *text, struct envoi_error *err)
{
	struct reading reading = {message, text};
	return envoi_address_list_parse(text, strlen(text), take_item, &reading, err);
}
