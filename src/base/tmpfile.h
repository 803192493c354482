/*
 * A temporary file without a name: no other process can open it, and it is
 * gone when its descriptor is closed, however the process ends.
 */
#ifndef ENVOI_BASE_TMPFILE_H
#define ENVOI_BASE_TMPFILE_H

/**
 * A new empty file in the directory dir, for reading and writing, mode 0600,
 * close-on-exec, without a name. Its descriptor, or -1 with errno set.
 */
int envoi_tmpfile_open(const char *dir);

#endif
