/*
 * The spool: a stream that can be read only once (stdin, FIFO, socket) is
 * read to its end, into memory when small, else into an unlinked file.
 */
#ifndef ENVOI_MESSAGE_SPOOL_H
#define ENVOI_MESSAGE_SPOOL_H

#include "message/source.h"

/**
 * Reads fd to its end into source, which becomes MEMORY or SPOOL. Waits as
 * long as it takes; fd stays open. IO: read error, or the temporary file
 * cannot be written. CANTCREATE: it cannot be made. SYSTEM.
 */
int envoi_spool_read(struct envoi_source *source, int fd, struct envoi_error *err);

#endif
