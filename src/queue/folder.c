/*
 * What is done to the folders of a spool and the names in them; see internal.h.
 * Where we have no right to, the keeper does it: see <envoi/keeper.h>.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/gnu.h"
#include "queue/internal.h"
#include "queue/keeper.h"

/* -- messages that come in --------------------------------------------------------- */

static mode_t file_mode(const struct envoi_queue *queue)
{
	mode_t mode = S_IRUSR | S_IWUSR;
	return queue->shared ? mode | S_IRGRP | S_IWGRP : mode;
}

static bool can_link_unnamed(void)
{
	return access("/proc/self/fd", X_OK) == 0;
}

/* Makes a file in tmp/ and locks it. Between both a sweep may take it for one
 * that was left: then it has no name any more, and another is made. */
static int make_named(const struct envoi_queue *queue, const char *id)
{
	for (unsigned tries = 0; tries < 100; tries++) {
		struct stat st;
		int fd = openat(queue->tmp, id,
			O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			file_mode(queue));
		if (fd < 0) {
			return -1;
		}
		if (envoi_gnu_lock(fd) == 0 && fstat(fd, &st) == 0 && st.st_nlink == 1) {
			return fd;
		}
		(void)close(fd);
	}
	errno = EAGAIN;
	return -1;
}

static int make_unnamed(const struct envoi_queue *queue)
{
	if (!can_link_unnamed()) {
		errno = ENOSYS;
		return -1;
	}
	int fd = envoi_gnu_openat_unnamed(
		queue->places[ENVOI_QUEUE_MAIL], file_mode(queue));
	if (fd >= 0 && envoi_gnu_lock(fd) != 0) {
		int sys = errno;
		(void)close(fd);
		errno = sys;
		return -1;
	}
	return fd;
}

int envoi_folder_make(const struct envoi_queue *queue, const char *id, bool *ret_named,
	struct envoi_error *err)
{
	if (queue->keeper != NULL) {
		return envoi_keeper_make(queue->keeper, id, ret_named, err);
	}
	*ret_named = false;
	int fd = make_unnamed(queue);
	if (fd < 0 && errno == ENOSYS) {
		fd = make_named(queue, id);
		*ret_named = fd >= 0;
	}
	/* Whatever the umask is, the runner is to read it. */
	if (fd >= 0 && queue->shared && fchmod(fd, file_mode(queue)) != 0) {
		int sys = errno;
		(void)close(fd);
		envoi_folder_drop(queue, *ret_named ? id : NULL);
		errno = sys;
		fd = -1;
	}
	return fd >= 0 ? fd : envoi_folder_trouble(queue, err);
}

void envoi_folder_drop(const struct envoi_queue *queue, const char *id)
{
	if (queue->keeper != NULL) {
		envoi_keeper_drop(queue->keeper);
	} else if (id != NULL) {
		(void)unlinkat(queue->tmp, id, 0);
	}
}

int envoi_folder_trouble(const struct envoi_queue *queue, struct envoi_error *err)
{
	int sys = errno;
	enum envoi_status status = sys == EMFILE || sys == ENFILE || sys == ENOMEM
					   ? ENVOI_STATUS_SYSTEM
					   : ENVOI_STATUS_TEMPORARY;
	return envoi_error_sys(
		err, status, sys, "cannot write to queue '%s'", queue->path);
}

/* The step that makes it a message of the queue. */
static int give_name(const struct envoi_queue *queue, const char *name, const char *id,
	int fd, bool named)
{
	int mail = queue->places[ENVOI_QUEUE_MAIL];
	struct stat st;
	char path[40];
	if (named) {
		/* Never over another one: who chose the id may not be trusted. One that
		 * comes in now by chance is not of the same 64 random bits. */
		if (fstatat(mail, id, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			errno = EEXIST;
			return -1;
		}
		return renameat(queue->tmp, name, mail, id);
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, mail, id, AT_SYMLINK_FOLLOW);
}

/* It got its name, and that may not last: nobody may ever see it. Nobody has: we
 * have the lock. Should the name come back after a crash, it names no message. */
static void take_name(const struct envoi_queue *queue, const char *id, int fd)
{
	int mail = queue->places[ENVOI_QUEUE_MAIL];
	(void)unlinkat(mail, id, 0);
	(void)ftruncate(fd, 0);
	(void)envoi_queue_sync_folder(mail);
}

int envoi_folder_publish(const struct envoi_queue *queue, const char *name,
	const char *id, int fd, bool *named, struct envoi_error *err)
{
	if (queue->keeper != NULL) {
		return envoi_keeper_publish(queue->keeper, id, fd, err);
	}
	if (give_name(queue, name, id, fd, *named) != 0) {
		return envoi_folder_trouble(queue, err);
	}
	*named = false;
	if (envoi_queue_sync_folder(queue->places[ENVOI_QUEUE_MAIL]) != 0) {
		(void)envoi_folder_trouble(queue, err);
		take_name(queue, id, fd);
		return -1;
	}
	return 0;
}

/* -- messages that are there ------------------------------------------------------- */

int envoi_folder_open(const struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, bool write)
{
	if (queue->keeper != NULL) {
		return envoi_keeper_open(queue->keeper, place, id);
	}
	/* What it is shows when it is open: that neither waits nor follows. */
	return openat(queue->places[place], id,
		(write ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
			| O_CLOEXEC);
}

int envoi_folder_stat(const struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, struct stat *ret_stat)
{
	if (queue->keeper != NULL) {
		return envoi_keeper_stat(queue->keeper, place, id, ret_stat);
	}
	return fstatat(queue->places[place], id, ret_stat, AT_SYMLINK_NOFOLLOW);
}

int envoi_folder_move(const struct envoi_queue *queue, enum envoi_queue_place from,
	enum envoi_queue_place to, const char *id, bool *ret_moved)
{
	struct stat st;
	*ret_moved = false;
	if (queue->keeper != NULL) {
		int result = envoi_keeper_move(queue->keeper, from, to, id);
		*ret_moved = result == 0;
		return result;
	}
	if (fstatat(queue->places[to], id, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		/* Never over another one. */
		errno = EEXIST;
		return -1;
	}
	if (renameat(queue->places[from], id, queue->places[to], id) != 0) {
		return -1;
	}
	*ret_moved = true;
	return envoi_queue_sync_folder(queue->places[to]) != 0
			       || envoi_queue_sync_folder(queue->places[from]) != 0
		       ? -1
		       : 0;
}

int envoi_folder_remove(const struct envoi_queue *queue, enum envoi_queue_place place,
	const char *id, bool sync)
{
	if (queue->keeper != NULL) {
		return envoi_keeper_remove(queue->keeper, place, id);
	}
	if (unlinkat(queue->places[place], id, 0) != 0 && errno != ENOENT) {
		return -1;
	}
	return sync ? envoi_queue_sync_folder(queue->places[place]) : 0;
}
