/*
 * A message before it is sent: who it is from and for, where that is read from
 * its header, and the repair of the header.
 */
#include <envoi/submit.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <envoi/address.h>

#include "base/limits.h"
#include "base/span.h"

struct reading {
	const struct envoi_request *request;
	const char *name;
	/** For bare names; NULL: none. */
	const char *domain;
	struct envoi_envelope *envelope;
	size_t capacity;
	/** The first element that cannot be sent to. */
	struct envoi_error *bad;
};

static int no_memory(struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

/* Takes mailbox over, NULL: no memory. */
static int add(struct reading *reading, char *mailbox, struct envoi_error *err)
{
	struct envoi_envelope *envelope = reading->envelope;
	if (mailbox != NULL && envelope->count == reading->capacity) {
		size_t capacity = reading->capacity > 0 ? reading->capacity * 2 : 16;
		char **grown = realloc(
			envelope->recipients, capacity * sizeof(*envelope->recipients));
		if (grown == NULL) {
			free(mailbox);
			mailbox = NULL;
		} else {
			envelope->recipients = grown;
			reading->capacity = capacity;
		}
	}
	if (mailbox == NULL) {
		return no_memory(err);
	}
	envelope->recipients[envelope->count++] = mailbox;
	return 0;
}

/* The mailbox of an element; NULL: it has none, and why. */
static char *mailbox_of(const struct reading *reading, const struct envoi_list_item *item,
	struct envoi_error *why)
{
	char *mailbox = NULL;
	if (item->mailbox == NULL) {
		*why = *item->why;
	} else if (!item->bare || strcmp(item->mailbox, "postmaster") == 0) {
		mailbox = envoi_span_dup(envoi_span_of(item->mailbox));
		if (mailbox == NULL) {
			(void)no_memory(why);
		}
	} else if (reading->domain != NULL) {
		mailbox = envoi_address_qualify(item->mailbox, reading->domain, why);
	} else {
		(void)envoi_error_set(why, ENVOI_STATUS_USAGE,
			"\"%s\" has no domain, and none is known for it", item->mailbox);
		envoi_error_hint(why, "maildomain in the configuration names one");
	}
	return mailbox;
}

static int take_recipient(void *context, const char *field, uint64_t line,
	const struct envoi_list_item *item, struct envoi_error *err)
{
	struct reading *reading = context;
	struct envoi_error why = ENVOI_ERROR_NONE;
	char *mailbox = mailbox_of(reading, item, &why);
	if (mailbox != NULL) {
		return add(reading, mailbox, err);
	}
	if (why.status == ENVOI_STATUS_SYSTEM) {
		*err = why;
		return -1;
	}
	struct envoi_error told = why;
	(void)envoi_error_set(&told, ENVOI_STATUS_DATA, "%s: line %ju, %s: %s",
		reading->name, (uintmax_t)line, field, why.text);
	if (why.hint[0] != '\0') {
		envoi_error_hint(&told, "%s", why.hint);
	}
	const struct envoi_observer *observer = &reading->request->observer;
	if (reading->request->skip_bad_recipients) {
		if (observer->warn != NULL) {
			observer->warn(observer->context, &told);
		}
	} else if (reading->bad->status == ENVOI_STATUS_OK) {
		*reading->bad = told;
	}
	return 0;
}

static int read_recipients(struct reading *reading, const struct envoi_message *message,
	struct envoi_error *err)
{
	const struct envoi_request *request = reading->request;
	for (size_t i = 0; i < request->recipient_count; i++) {
		char *copy = envoi_span_dup(envoi_span_of(request->recipients[i]));
		if (add(reading, copy, err) != 0) {
			return -1;
		}
	}
	if (!request->read_recipients) {
		return 0;
	}
	if (envoi_message_recipients(message, take_recipient, reading, err) != 0) {
		return -1;
	}
	if (envoi_envelope_deduplicate(reading->envelope) != 0) {
		return no_memory(err);
	}
	if (reading->bad->status != ENVOI_STATUS_OK) {
		*err = *reading->bad;
		return -1;
	}
	if (reading->envelope->count == 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_DATA,
			"%s: no recipients in To, Cc or Bcc", reading->name);
		envoi_error_hint(err, "--to ADDR names one beside them");
		return -1;
	}
	return 0;
}

static int take_sender(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct reading *reading = context;
	(void)err;
	if (reading->envelope->sender == NULL) {
		reading->envelope->sender = mailbox_of(reading, item, reading->bad);
	}
	return 0;
}

static int read_sender(struct reading *reading, const struct envoi_message *message,
	struct envoi_error *err)
{
	if (reading->request->sender != NULL) {
		return 0;
	}
	if (envoi_message_senders(message, take_sender, reading, err) != 0) {
		return -1;
	}
	if (reading->envelope->sender != NULL) {
		return 0;
	}
	(void)envoi_error_set(err, ENVOI_STATUS_DATA,
		"%s: no sender can be taken from the From field%s%s", reading->name,
		reading->bad->status != ENVOI_STATUS_OK ? ": " : "", reading->bad->text);
	return -1;
}

bool envoi_request_reads_envelopes(const struct envoi_request *request)
{
	return request->envelope != NULL || request->read_recipients
	       || (request->sender == NULL && request->source_count > 0);
}

static int read_envelope(const struct envoi_request *request,
	struct envoi_message *message, const char *domain,
	struct envoi_envelope *envelope, struct envoi_error *err)
{
	struct envoi_error bad = ENVOI_ERROR_NONE;
	struct reading reading = {
		.request = request,
		.name = envoi_message_name(message),
		.domain = domain,
		.envelope = envelope,
		.bad = &bad,
	};
	if (request->envelope != NULL) {
		return request->envelope(
			request->envelope_context, message, envelope, err);
	}
	if (!envoi_request_reads_envelopes(request)) {
		return 0;
	}
	/* Recipients first: what fails is told for each of them. */
	if (read_recipients(&reading, message, err) != 0) {
		return -1;
	}
	return read_sender(&reading, message, err);
}

static int repair(const struct envoi_request *request, struct envoi_message *message,
	const struct envoi_repair *rules, struct envoi_error *err)
{
	struct envoi_error cause = ENVOI_ERROR_NONE;
	if (request->repair == NULL
		|| envoi_message_repair(message, rules, &cause) == 0) {
		return 0;
	}
	return envoi_error_set(
		err, cause.status, "%s: %s", envoi_message_name(message), cause.text);
}

int envoi_request_prepare(const struct envoi_request *request,
	struct envoi_message *message, struct envoi_envelope *ret_envelope,
	struct envoi_error *err)
{
	char host[ENVOI_LIMIT_HOST + 1] = "";
	struct envoi_repair rules = {0};
	*ret_envelope = (struct envoi_envelope){0};
	if (request->repair != NULL) {
		rules = *request->repair;
	}
	if (rules.host == NULL && gethostname(host, sizeof(host) - 1) == 0
		&& envoi_address_is_helo(host)) {
		rules.host = host;
	}
	if (rules.domain == NULL && strchr(host, '.') != NULL) {
		rules.domain = rules.host;
	}
	if (envoi_message_scan(message, err) != 0
		|| read_envelope(request, message, rules.domain, ret_envelope, err)
			   != 0) {
		return -1;
	}
	rules.sender =
		ret_envelope->sender != NULL ? ret_envelope->sender : request->sender;
	if (rules.now == 0) {
		rules.now = (int64_t)time(NULL);
	}
	return repair(request, message, &rules, err);
}
