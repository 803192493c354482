/*
 * Where messages go: a Maildir, an mbox, or nowhere. A message is a delivery:
 * begun, written in pieces, then committed or given up. What was committed is
 * on the disk (fsync); what was not leaves nothing behind.
 */
#ifndef ENVOI_SINK_STORE_H
#define ENVOI_SINK_STORE_H

#include <envoi/sink.h>

#include "base/span.h"

struct envoi_store;
struct envoi_delivery;

/** Makes the Maildir or mbox when it is not there. CANTCREATE; SYSTEM: no
 * memory. options is not used after the call. */
struct envoi_store *envoi_store_open(
	const struct envoi_sink_options *options, struct envoi_error *err);

/** After all its deliveries. Accepts NULL. */
void envoi_store_free(struct envoi_store *store);

/** Begins a message from sender. IO: the file cannot be made; SYSTEM. */
struct envoi_delivery *envoi_delivery_new(
	struct envoi_store *store, const char *sender, struct envoi_error *err);

/** Names a recipient, before any octet of the message. */
void envoi_delivery_add_recipient(struct envoi_delivery *delivery, const char *recipient);

/** Octets of the message as they came. A file that does not take them is
 * noted and shows at the end. */
void envoi_delivery_write(struct envoi_delivery *delivery, struct envoi_span bytes);

/** Puts the message where it belongs. IO. */
int envoi_delivery_commit(struct envoi_delivery *delivery, struct envoi_error *err);

/** Octets written with envoi_delivery_write(). */
uint64_t envoi_delivery_octets(const struct envoi_delivery *delivery);

/** Committed: "new/NAME", the mbox, or "discarded". */
const char *envoi_delivery_place(const struct envoi_delivery *delivery);

/** Gives the message up unless it was committed. Accepts NULL. */
void envoi_delivery_free(struct envoi_delivery *delivery);

#endif
