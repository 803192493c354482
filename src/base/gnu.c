/*
 * Calls beyond POSIX 2008; see the header. accept4(2), mkostemp(3) and some
 * codes of getaddrinfo(3), getentropy(3) are in POSIX 2024, or were in POSIX once, but
 * the C libraries declare them for _GNU_SOURCE only, as memrchr(3); O_TMPFILE,
 * close_range(2), prctl(2) and this sendfile(2) are Linux, flock(2) and setresgid(2) and
 * setgroups(2) are everywhere.
 */
#define _GNU_SOURCE
#include "base/gnu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
/* The kernel's, which another C library may be without. */
#if __has_include(<linux/rtnetlink.h>)
#define HAS_RTNETLINK
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#endif
#endif

#ifndef SOCK_CLOEXEC
#include "base/socket.h"
#endif

/* Descriptors closed one by one where that has to be done. */
#define DESCRIPTORS_MAX 65536

int envoi_gnu_accept(int listener)
{
#ifdef SOCK_CLOEXEC
	return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
	int fd = accept(listener, NULL, NULL);
	if (fd >= 0 && envoi_socket_prepare(fd) != 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
#endif
}

int envoi_gnu_open_unnamed(const char *dir)
{
#ifdef O_TMPFILE
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, S_IRUSR | S_IWUSR);
	/* EISDIR: a kernel before 3.11; ENOENT some of them, too. The others:
	 * a file system that cannot. */
	if (fd < 0
		&& (errno == EISDIR || errno == EOPNOTSUPP || errno == EINVAL
			|| errno == ENOENT)) {
		errno = ENOSYS;
	}
	return fd;
#else
	(void)dir;
	errno = ENOSYS;
	return -1;
#endif
}

int envoi_gnu_openat_unnamed(int dir, unsigned mode)
{
#ifdef O_TMPFILE
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, (mode_t)mode);
	if (fd < 0
		&& (errno == EISDIR || errno == EOPNOTSUPP || errno == EINVAL
			|| errno == ENOENT)) {
		errno = ENOSYS;
	}
	return fd;
#else
	(void)dir;
	(void)mode;
	errno = ENOSYS;
	return -1;
#endif
}

int envoi_gnu_lock(int fd)
{
	int result;
	do {
		result = flock(fd, LOCK_EX | LOCK_NB);
	} while (result != 0 && errno == EINTR);
	return result;
}

int envoi_gnu_unlock(int fd)
{
	return flock(fd, LOCK_UN);
}

int envoi_gnu_watch(const char *folder)
{
#ifdef __linux__
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd >= 0
		&& inotify_add_watch(fd, folder, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
			   < 0) {
		int saved = errno;
		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
#else
	(void)folder;
	errno = ENOSYS;
	return -1;
#endif
}

#ifdef HAS_RTNETLINK

int envoi_gnu_watch_network(void)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE
			     | RTMGRP_IPV6_ROUTE,
	};
	int fd = socket(
		AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd >= 0
		&& bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		int saved = errno;
		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

bool envoi_gnu_network_changed(int fd)
{
	union {
		char octets[8192];
		struct nlmsghdr head;
	} block;
	bool changed = false;
	for (;;) {
		ssize_t n = recv(fd, block.octets, sizeof(block.octets), 0);
		if (n < 0 && errno == ENOBUFS) {
			/* There were more than it could keep. */
			changed = true;
			continue;
		}
		if (n <= 0) {
			return changed;
		}
		unsigned left = (unsigned)n;
		for (const struct nlmsghdr *head = &block.head; NLMSG_OK(head, left);
			head = NLMSG_NEXT(head, left)) {
			changed = changed || head->nlmsg_type == RTM_NEWADDR
				  || head->nlmsg_type == RTM_NEWROUTE;
		}
	}
}

#else

int envoi_gnu_watch_network(void)
{
	errno = ENOSYS;
	return -1;
}

bool envoi_gnu_network_changed(int fd)
{
	(void)fd;
	return false;
}

#endif

int envoi_gnu_random(void *out, size_t n)
{
	return getentropy(out, n);
}

void envoi_gnu_hide(void)
{
#ifdef __linux__
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

int envoi_gnu_drop_ids(void)
{
	uid_t user = getuid(), r, e, s;
	gid_t group = getgid(), rg, eg, sg;
	/* The saved ones, too: setgid(2) would leave these to who is not root. */
	if (setresgid(group, group, group) != 0 || setresuid(user, user, user) != 0
		|| getresgid(&rg, &eg, &sg) != 0 || getresuid(&r, &e, &s) != 0) {
		return -1;
	}
	return rg == group && eg == group && sg == group && r == user && e == user
			       && s == user
		       ? 0
		       : -1;
}

int envoi_gnu_become(unsigned user, unsigned group)
{
	const gid_t only = group;
	return setgroups(1, &only) != 0 || setresgid(group, group, group) != 0
			       || setresuid(user, user, user) != 0
		       ? -1
		       : 0;
}

int envoi_gnu_mkstemp(char *path)
{
	return mkostemp(path, O_CLOEXEC);
}

void envoi_gnu_close_from(int first)
{
#ifdef CLOSE_RANGE_UNSHARE
	/* It fails before Linux 5.9, and in old containers. */
	if (close_range((unsigned)first, ~0U, 0) == 0) {
		return;
	}
#endif
	long max = sysconf(_SC_OPEN_MAX);
	max = max < 0 || max > DESCRIPTORS_MAX ? DESCRIPTORS_MAX : max;
	for (int fd = first; fd < max; fd++) {
		(void)close(fd);
	}
}

const char *envoi_gnu_find_last(const char *p, char c, size_t n)
{
#ifdef __linux__
	return memrchr(p, c, n);
#else
	while (n > 0) {
		if (p[--n] == c) {
			return p + n;
		}
	}
	return NULL;
#endif
}

bool envoi_gnu_is_nohost(int eai)
{
	switch (eai) {
	case EAI_NONAME:
#if defined(EAI_NODATA) && EAI_NODATA != EAI_NONAME
	case EAI_NODATA:
#endif
#ifdef EAI_ADDRFAMILY
	case EAI_ADDRFAMILY:
#endif
	case EAI_FAMILY:
		return true;
	default:
		return false;
	}
}

ssize_t envoi_gnu_send_file(int fd, int file, uint64_t offset, size_t n)
{
#ifdef __linux__
	off_t at = (off_t)offset;
	return sendfile(fd, file, &at, n);
#else
	(void)fd;
	(void)file;
	(void)offset;
	(void)n;
	errno = ENOSYS;
	return -1;
#endif
}
