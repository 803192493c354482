/*
 * What the kinds of store share; only src/sink/store.c, maildir.c and mbox.c
 * include this.
 */
#ifndef ENVOI_SINK_STORE_INTERNAL_H
#define ENVOI_SINK_STORE_INTERNAL_H

#include "sink/lines.h"
#include "sink/store.h"

enum store_kind {
	STORE_DISCARD,
	STORE_MAILDIR,
	STORE_MBOX,
};

struct envoi_store {
	enum store_kind kind;
	/** Of the Maildir or mbox, as the user wrote it. */
	char *path;
	bool crlf;
	bool raw;
	/** Maildir: the directory and its new/; -1 otherwise. */
	int dir;
	int dir_new;
	/** Maildir: part of every name, fit for a file name. */
	char host[256];
	/** Deliveries begun, for unique names. */
	uint64_t begun;
};

struct envoi_delivery {
	struct envoi_store *store;
	/** NULL: discarded. */
	FILE *file;
	struct envoi_lines lines;
	uint64_t octets;
	char *sender;
	/** Maildir: without its directory. */
	char name[400];
	char place[410];
	bool committed;
};

int envoi_maildir_open(struct envoi_store *store, struct envoi_error *err);
int envoi_maildir_begin(struct envoi_delivery *delivery, struct envoi_error *err);
int envoi_maildir_commit(struct envoi_delivery *delivery, struct envoi_error *err);
void envoi_maildir_abort(struct envoi_delivery *delivery);

int envoi_mbox_open(struct envoi_store *store, struct envoi_error *err);
int envoi_mbox_begin(struct envoi_delivery *delivery, struct envoi_error *err);
int envoi_mbox_commit(struct envoi_delivery *delivery, struct envoi_error *err);

#endif
