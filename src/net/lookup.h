/*
 * Looking a name up without waiting: getaddrinfo(3) knows no deadline and does
 * not end for a signal, so a child process calls it, and sends what it found
 * through a pipe. The caller polls. No thread, and where no process can be had
 * the lookup is done here, and waits.
 */
#ifndef ENVOI_NET_LOOKUP_H
#define ENVOI_NET_LOOKUP_H

#include <poll.h>
#include <stdint.h>

#include "net/resolve.h"

struct envoi_lookup;

enum envoi_lookup_step {
	ENVOI_LOOKUP_MORE,
	ENVOI_LOOKUP_DONE,
	/** There is no such name, or no answer until the deadline. */
	ENVOI_LOOKUP_FAILED,
};

/** For a server that envoi_resolve() calls a name; it outlives the lookup.
 * deadline: absolute. NULL: no memory. */
struct envoi_lookup *envoi_lookup_new(const struct envoi_server *server, int family,
	int64_t now, int64_t deadline, struct envoi_error *err);

/** Ends the child, if it is still there, and reaps it. Accepts NULL. */
void envoi_lookup_free(struct envoi_lookup *lookup);

/** What to poll; fd is -1 when the answer is there. */
struct pollfd envoi_lookup_poll(const struct envoi_lookup *lookup);

/** When envoi_lookup_step() is due without an event. */
int64_t envoi_lookup_deadline(const struct envoi_lookup *lookup);

/**
 * Call at first, on events and at the deadline. DONE: *ret_list is a heap array
 * of *ret_count endpoints, one at least. FAILED: as envoi_resolve_name();
 * TEMPORARY as well for a deadline that passed. SYSTEM: no memory.
 */
enum envoi_lookup_step envoi_lookup_step(struct envoi_lookup *lookup, int64_t now,
	struct envoi_endpoint **ret_list, size_t *ret_count, struct envoi_error *err);

#endif
