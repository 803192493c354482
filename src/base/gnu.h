/*
 * What strict POSIX 2008 does not declare, and is worth having: its .c is the
 * only file that looks beyond it. Each call has a plain way for systems
 * without.
 */
#ifndef ENVOI_BASE_GNU_H
#define ENVOI_BASE_GNU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** accept(2) without addresses; non-blocking and close-on-exec. -1 with errno. */
int envoi_gnu_accept(int listener);

/** A file in dir that never has a name: for reading and writing, mode 0600,
 * close-on-exec. -1 with errno; ENOSYS: not to be had on this system. */
int envoi_gnu_open_unnamed(const char *dir);

/** The same in an open directory; mode as open(2). Unlike the above, it can be
 * given a name. */
int envoi_gnu_openat_unnamed(int dir, unsigned mode);

/** Locks the open file for us alone, without waiting; the lock ends when it is
 * given back or no descriptor of this opening is left. 0; -1 with errno,
 * EWOULDBLOCK: somebody else has it. */
int envoi_gnu_lock(int fd);
int envoi_gnu_unlock(int fd);

/** A descriptor that becomes readable when something gets a name in the folder.
 * -1 with errno; ENOSYS: not to be had here. */
int envoi_gnu_watch(const char *folder);

/** A descriptor that becomes readable when addresses or routes come, or -1 as above;
 * and what it has to say: is one of them new? It is read empty. */
int envoi_gnu_watch_network(void);
bool envoi_gnu_network_changed(int fd);

/** sendfile(2) to a socket: at most n octets of a file, from offset on. -1 with errno;
 * ENOSYS: not to be had on this system. Raises SIGPIPE as write(2). */
ssize_t envoi_gnu_send_file(int fd, int file, uint64_t offset, size_t n);

/** n octets, at most 256, that nobody can guess. -1 with errno. */
int envoi_gnu_random(void *out, size_t n);

/** Nobody may trace this process, look into it or take descriptors out of it (but
 * root), and it leaves no core. A change of user or group may undo it. */
void envoi_gnu_hide(void);

/** Gives up, for good, what a set-id bit gave: all of the process's users and groups
 * are the real ones. -1: they are not. */
int envoi_gnu_drop_ids(void);

/** Root becomes this user, with this group alone, for good. -1 with errno: not all
 * of it, and the process is to end. */
int envoi_gnu_become(unsigned user, unsigned group);

/** mkstemp(3), close-on-exec. */
int envoi_gnu_mkstemp(char *path);

/** Closes first and all descriptors above it. */
void envoi_gnu_close_from(int first);

/** memrchr(3): the last octet c of p[0..n), or NULL. */
const char *envoi_gnu_find_last(const char *p, char c, size_t n);

/** Does the result of getaddrinfo(3) say that there is no such name, or no
 * address for it? */
bool envoi_gnu_is_nohost(int eai);

#endif
