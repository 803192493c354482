/*
 * The spool: a stream that can be read only once (stdin, FIFO, socket) is
 * read to its end, and a message that is made is written, into memory when
 * small, else into an unlinked file.
 */
#ifndef ENVOI_MESSAGE_SPOOL_H
#define ENVOI_MESSAGE_SPOOL_H

#include <stddef.h>

#include "message/source.h"

/**
 * Reads fd to its end into source, which becomes MEMORY or SPOOL. Waits as
 * long as it takes; fd stays open. IO: read error, or the temporary file
 * cannot be written. CANTCREATE: it cannot be made. SYSTEM.
 */
int envoi_spool_read(struct envoi_source *source, int fd, struct envoi_error *err);

/** A source that is being written. Zeroed: nothing to drop. */
struct envoi_spool {
	struct envoi_source *source;
	/** What is not in the file yet; without a file all. */
	char *block;
	size_t n;
};

/** Begins to write source, which has no content. SYSTEM. */
int envoi_spool_begin(
	struct envoi_spool *spool, struct envoi_source *source, struct envoi_error *err);

/** Appends. IO, CANTCREATE as envoi_spool_read(). */
int envoi_spool_put(
	struct envoi_spool *spool, const char *data, size_t n, struct envoi_error *err);

/** No more: the source can be read. IO. */
int envoi_spool_end(struct envoi_spool *spool, struct envoi_error *err);

/** An input of one message, all of source, of which it takes a new reference.
 * SYSTEM. */
int envoi_input_of(struct envoi_source *source, struct envoi_input **ret_input,
	struct envoi_error *err);

/** Frees what is needed for writing; the source stays. Also after the end. */
void envoi_spool_drop(struct envoi_spool *spool);

#endif
