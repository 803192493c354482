/*
 * Sockets, close-on-exec and non-blocking at birth; where the flags for that
 * are missing, fcntl(2) does it in a second step.
 */
#include "base/socket.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/gnu.h"

int envoi_socket_prepare(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	int closing = fcntl(fd, F_GETFD);
	if (flags < 0 || closing < 0) {
		return -1;
	}
	if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		return -1;
	}
	if (!(closing & FD_CLOEXEC) && fcntl(fd, F_SETFD, closing | FD_CLOEXEC) != 0) {
		return -1;
	}
	return 0;
}

#ifndef SOCK_CLOEXEC
/* Closes fd when it cannot be prepared. */
static int prepared(int fd)
{
	if (fd >= 0 && envoi_socket_prepare(fd) != 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}
#endif

int envoi_socket_open(int family)
{
#ifdef SOCK_CLOEXEC
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
	return prepared(socket(family, SOCK_STREAM, 0));
#endif
}

int envoi_socket_accept(int listener)
{
	int fd;
	do {
		fd = envoi_gnu_accept(listener);
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	return fd;
}

int envoi_socket_pair(int ret_fds[2])
{
#ifdef SOCK_CLOEXEC
	return socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds);
#else
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) {
		return -1;
	}
	if (prepared(fds[0]) < 0) {
		close(fds[1]);
		return -1;
	}
	if (prepared(fds[1]) < 0) {
		close(fds[0]);
		return -1;
	}
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
#endif
}

void envoi_socket_set_nodelay(int fd)
{
	int saved = errno;
	int on = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	errno = saved;
}

ssize_t envoi_socket_send(int fd, const void *bytes, size_t n)
{
	ssize_t sent;
	do {
		sent = send(fd, bytes, n, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent;
}

ssize_t envoi_socket_recv(int fd, void *out, size_t n)
{
	ssize_t got;
	do {
		got = recv(fd, out, n, 0);
	} while (got < 0 && errno == EINTR);
	return got;
}

/* Where no flag keeps a call from raising SIGPIPE: it is blocked meanwhile, and
 * taken off the pending ones if it was this call that raised it. */
struct quiet {
	sigset_t before;
	bool was_pending;
};

static int begin_quiet(struct quiet *quiet)
{
	sigset_t pipe_only;
	sigset_t pending;
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigemptyset(&pending);
	(void)sigpending(&pending);
	quiet->was_pending = sigismember(&pending, SIGPIPE) == 1;
	return sigprocmask(SIG_BLOCK, &pipe_only, &quiet->before);
}

/* errno is that of the call. */
static void end_quiet(const struct quiet *quiet, ssize_t result)
{
	int saved = errno;
	if (result < 0 && saved == EPIPE && !quiet->was_pending) {
		sigset_t pipe_only;
		struct timespec none = {0};
		sigemptyset(&pipe_only);
		sigaddset(&pipe_only, SIGPIPE);
		while (sigtimedwait(&pipe_only, NULL, &none) < 0 && errno == EINTR) {
			continue;
		}
	}
	(void)sigprocmask(SIG_SETMASK, &quiet->before, NULL);
	errno = saved;
}

ssize_t envoi_socket_write(int fd, const void *bytes, size_t n)
{
	struct quiet quiet;
	if (begin_quiet(&quiet) != 0) {
		return -1;
	}
	ssize_t written;
	do {
		written = write(fd, bytes, n);
	} while (written < 0 && errno == EINTR);
	end_quiet(&quiet, written);
	return written;
}

ssize_t envoi_socket_send_file(int fd, int file, uint64_t offset, size_t n)
{
	struct quiet quiet;
	if (begin_quiet(&quiet) != 0) {
		return -1;
	}
	ssize_t sent;
	do {
		sent = envoi_gnu_send_file(fd, file, offset, n);
	} while (sent < 0 && errno == EINTR);
	end_quiet(&quiet, sent);
	return sent;
}
