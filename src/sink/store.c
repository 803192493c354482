/*
 * What all stores have in common: the envelope's header lines, counting,
 * errors of the file, giving up.
 */
#include "sink/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "sink/store_internal.h"

struct envoi_store *envoi_store_open(
	const struct envoi_sink_options *options, struct envoi_error *err)
{
	struct envoi_store *store = calloc(1, sizeof(*store));
	if (store == NULL) {
		(void)envoi_error_sys(err, ENVOI_STATUS_SYSTEM, errno, "cannot start");
		return NULL;
	}
	store->dir = -1;
	store->dir_new = -1;
	store->crlf = options->crlf || options->raw;
	store->raw = options->raw;
	const char *path = options->maildir != NULL ? options->maildir : options->mbox;
	if (path == NULL) {
		return store;
	}
	store->kind = options->maildir != NULL ? STORE_MAILDIR : STORE_MBOX;
	store->path = envoi_span_dup(envoi_span_of(path));
	int failed = -1;
	if (store->path == NULL) {
		(void)envoi_error_sys(err, ENVOI_STATUS_SYSTEM, ENOMEM, "cannot start");
	} else if (store->kind == STORE_MAILDIR) {
		failed = envoi_maildir_open(store, err);
	} else {
		failed = envoi_mbox_open(store, err);
	}
	if (failed != 0) {
		envoi_store_free(store);
		return NULL;
	}
	return store;
}

void envoi_store_free(struct envoi_store *store)
{
	if (store == NULL) {
		return;
	}
	if (store->dir >= 0) {
		(void)close(store->dir);
	}
	if (store->dir_new >= 0) {
		(void)close(store->dir_new);
	}
	free(store->path);
	free(store);
}

static const char *line_end(const struct envoi_delivery *delivery)
{
	return delivery->store->crlf ? "\r\n" : "\n";
}

struct envoi_delivery *envoi_delivery_new(
	struct envoi_store *store, const char *sender, struct envoi_error *err)
{
	struct envoi_delivery *delivery = calloc(1, sizeof(*delivery));
	if (delivery == NULL) {
		(void)envoi_error_sys(
			err, ENVOI_STATUS_SYSTEM, errno, "cannot begin a message");
		return NULL;
	}
	delivery->store = store;
	store->begun++;
	delivery->sender = envoi_span_dup(envoi_span_of(sender));
	int failed = 0;
	if (delivery->sender == NULL) {
		failed = envoi_error_sys(
			err, ENVOI_STATUS_SYSTEM, ENOMEM, "cannot begin a message");
	} else if (store->kind == STORE_MAILDIR) {
		failed = envoi_maildir_begin(delivery, err);
	} else if (store->kind == STORE_MBOX) {
		failed = envoi_mbox_begin(delivery, err);
	}
	if (failed != 0) {
		envoi_delivery_free(delivery);
		return NULL;
	}
	if (delivery->file != NULL) {
		(void)setvbuf(delivery->file, NULL, _IOFBF, ENVOI_LIMIT_RECEIVED);
		envoi_lines_init(&delivery->lines, delivery->file, store->crlf,
			store->kind == STORE_MBOX);
		if (!store->raw) {
			(void)fprintf(delivery->file, "Return-Path: <%s>%s", sender,
				line_end(delivery));
		}
	}
	return delivery;
}

void envoi_delivery_add_recipient(struct envoi_delivery *delivery, const char *recipient)
{
	if (delivery->file != NULL && !delivery->store->raw) {
		(void)fprintf(delivery->file, "Delivered-To: %s%s", recipient,
			line_end(delivery));
	}
}

void envoi_delivery_write(struct envoi_delivery *delivery, struct envoi_span bytes)
{
	delivery->octets += bytes.len;
	if (delivery->file != NULL && !ferror(delivery->file)) {
		envoi_lines_write(&delivery->lines, bytes);
	}
}

int envoi_delivery_commit(struct envoi_delivery *delivery, struct envoi_error *err)
{
	int failed = 0;
	switch (delivery->store->kind) {
	case STORE_MAILDIR:
		failed = envoi_maildir_commit(delivery, err);
		break;
	case STORE_MBOX:
		failed = envoi_mbox_commit(delivery, err);
		break;
	case STORE_DISCARD:
		break;
	}
	delivery->committed = failed == 0;
	return failed;
}

uint64_t envoi_delivery_octets(const struct envoi_delivery *delivery)
{
	return delivery->octets;
}

const char *envoi_delivery_place(const struct envoi_delivery *delivery)
{
	switch (delivery->store->kind) {
	case STORE_MAILDIR:
		return delivery->place;
	case STORE_MBOX:
		return delivery->store->path;
	case STORE_DISCARD:
		break;
	}
	return "discarded";
}

void envoi_delivery_free(struct envoi_delivery *delivery)
{
	if (delivery == NULL) {
		return;
	}
	if (delivery->file != NULL) {
		(void)fclose(delivery->file);
	}
	if (!delivery->committed && delivery->store->kind == STORE_MAILDIR) {
		envoi_maildir_abort(delivery);
	}
	free(delivery->sender);
	free(delivery);
}
