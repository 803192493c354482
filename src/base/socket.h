/*
 * Sockets that are non-blocking and close-on-exec from birth.
 */
#ifndef ENVOI_BASE_SOCKET_H
#define ENVOI_BASE_SOCKET_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/** A stream socket of the family. -1 with errno. */
int envoi_socket_open(int family);

/** The next connection of a listening socket, non-blocking, close-on-exec.
 * -1 with errno (EAGAIN: none now). */
int envoi_socket_accept(int listener);

/** A connected pair of local stream sockets. 0, or -1 with errno. */
int envoi_socket_pair(int ret_fds[2]);

/** Sets non-blocking and close-on-exec on a descriptor got from elsewhere.
 * 0, or -1 with errno. */
int envoi_socket_prepare(int fd);

/** Turns Nagle's algorithm off; does nothing on other than TCP sockets. */
void envoi_socket_set_nodelay(int fd);

/** send(2) and recv(2) that neither EINTR nor SIGPIPE disturbs. */
ssize_t envoi_socket_send(int fd, const void *bytes, size_t n);
ssize_t envoi_socket_recv(int fd, void *out, size_t n);

/** write(2) to what may be a pipe: neither EINTR nor SIGPIPE disturbs. */
ssize_t envoi_socket_write(int fd, const void *bytes, size_t n);

/** At most n octets of a file, from offset on, by sendfile(2); the file's position
 * stays. 0: the file ends there. EINVAL or ENOSYS: not by this system, or not from this
 * file. Neither EINTR nor SIGPIPE disturbs. */
ssize_t envoi_socket_send_file(int fd, int file, uint64_t offset, size_t n);

#endif
