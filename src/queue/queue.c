/*
 * The folders of a spool, ids, scanning and sweeping; see internal.h.
 */
#include <envoi/queue.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/gnu.h"
#include "base/limits.h"
#include "base/octets.h"
#include "queue/internal.h"
#include "queue/keeper.h"

#define RESERVE (4u << 20)

static const char *const place_names[ENVOI_QUEUE_PLACES] = {"mail", "failed", "corrupt"};

const char *envoi_queue_place_name(enum envoi_queue_place place)
{
	return place_names[place];
}

const char *envoi_queue_path(const struct envoi_queue *queue)
{
	return queue->path;
}

bool envoi_queue_is_shared(const struct envoi_queue *queue)
{
	return queue->shared;
}

bool envoi_queue_is_ours(const struct envoi_queue *queue)
{
	return queue->keeper == NULL;
}

int envoi_queue_guard(struct envoi_queue *queue, struct envoi_error *err)
{
	/* Where folders cannot be locked, two watch: each message has its own lock. */
	if (envoi_gnu_lock(queue->tmp) != 0 && errno == EWOULDBLOCK) {
		return envoi_error_set(err, ENVOI_STATUS_TEMPORARY,
			"queue '%s' is watched by another process", queue->path);
	}
	return 0;
}

/* -- opening ------------------------------------------------------------------- */

/* Others could put in or take out what they like. */
static int check_folder(const struct envoi_queue *queue, int fd, const char *name,
	struct envoi_error *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_TEMPORARY, errno,
			"cannot read queue '%s'", queue->path);
	}
	mode_t closed = queue->shared ? S_IRWXO : S_IWOTH | S_IWGRP;
	/* What is made in it is the group's, whoever made it. */
	mode_t open = queue->shared ? S_IRWXG | S_ISGID : 0;
	const char *fault = NULL;
	if (st.st_uid != (queue->shared ? 0 : geteuid())) {
		fault = queue->shared ? "does not belong to root"
				      : "belongs to another user";
	} else if ((st.st_mode & closed) != 0) {
		fault = queue->shared ? "is open to others" : "can be written by others";
	} else if ((st.st_mode & open) != open) {
		fault = "is not for its group";
	}
	if (fault == NULL) {
		return 0;
	}
	(void)envoi_error_set(err, ENVOI_STATUS_CONFIG, "queue '%s%s%s' %s", queue->path,
		*name != '\0' ? "/" : "", name, fault);
	envoi_error_hint(
		err, queue->shared ? "a queue of several users is a folder of root and a "
				     "group, mode 2770"
				   : "a queue is a folder of mode 0700");
	return -1;
}

static mode_t folder_mode(const struct envoi_queue *queue)
{
	return queue->shared ? S_IRWXU | S_IRWXG | S_ISGID : S_IRWXU;
}

/* A folder of the spool, made when it is missing. -1 with err. */
static int open_folder(const struct envoi_queue *queue, int root, const char *name,
	bool *made, struct envoi_error *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(root, name, flags);
	/* A user would have a folder of others. */
	bool may_make = !queue->shared || geteuid() == 0;
	if (fd < 0 && errno == ENOENT && may_make
		&& (mkdirat(root, name, folder_mode(queue)) == 0 || errno == EEXIST)) {
		fd = openat(root, name, flags);
		if (fd >= 0 && queue->shared) {
			(void)fchmod(fd, folder_mode(queue));
		}
		*made = true;
	}
	if (fd < 0) {
		return envoi_error_sys(err,
			errno == EMFILE || errno == ENFILE ? ENVOI_STATUS_SYSTEM
							   : ENVOI_STATUS_CANTCREATE,
			errno, "cannot open queue '%s/%s'", queue->path, name);
	}
	if (check_folder(queue, fd, name, err) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Makes the folder and what is missing above it. -1 with errno. */
static int make_path(const char *path, mode_t mode)
{
	char *copy = strdup(path);
	int result = copy != NULL ? 0 : -1;
	for (char *p = copy; result == 0 && p != NULL;) {
		p = strchr(p + 1, '/');
		if (p != NULL) {
			*p = '\0';
		}
		if (mkdir(copy, p != NULL ? S_IRWXU : mode) != 0 && errno != EEXIST) {
			result = -1;
		}
		if (p != NULL) {
			*p = '/';
		}
	}
	int sys = errno;
	free(copy);
	errno = sys;
	return result;
}

/* Syncs a folder and those above it, as far as they can be opened. -1 with errno. */
static int sync_upwards(int folder)
{
	struct stat here = {0}, above = {0};
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = fd >= 0 ? fstat(fd, &here) : -1;
	while (result == 0 && fd >= 0) {
		result = envoi_queue_sync_folder(fd);
		int up = result == 0
				 ? openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
				 : -1;
		int sys = errno;
		(void)close(fd);
		errno = sys;
		fd = up;
		if (up < 0) {
			return result == 0 && errno == EACCES ? 0 : -1;
		}
		if (fstat(fd, &above) != 0
			|| (above.st_dev == here.st_dev && above.st_ino == here.st_ino)) {
			break;
		}
		here = above;
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	return result;
}

static int open_root(
	const struct envoi_queue *queue, bool create, struct envoi_error *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int root = open(queue->path, flags);
	if (root < 0 && errno == ENOENT && create
		&& make_path(queue->path, folder_mode(queue)) == 0) {
		root = open(queue->path, flags);
	}
	if (root < 0) {
		enum envoi_status status =
			create ? ENVOI_STATUS_CANTCREATE : ENVOI_STATUS_NOINPUT;
		return envoi_error_sys(
			err, status, errno, "cannot open queue '%s'", queue->path);
	}
	if (check_folder(queue, root, "", err) != 0) {
		(void)close(root);
		return -1;
	}
	return root;
}

/* tmp/ is made last: where it is, the others and the path to them are on disk, also
 * when they were made by somebody who was killed over it. */
static int open_last(
	struct envoi_queue *queue, int root, bool made, struct envoi_error *err)
{
	struct stat st;
	bool is_new = fstatat(root, "tmp", &st, AT_SYMLINK_NOFOLLOW) != 0;
	if ((is_new || made) && sync_upwards(root) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_CANTCREATE, errno,
			"cannot sync queue '%s'", queue->path);
	}
	queue->tmp = open_folder(queue, root, "tmp", &made, err);
	return queue->tmp >= 0 ? 0 : -1;
}

int envoi_queue_open(const char *path, const struct envoi_queue_options *options,
	struct envoi_queue **ret_queue, struct envoi_error *err)
{
	struct envoi_queue *queue = calloc(1, sizeof(*queue));
	if (queue == NULL || (queue->path = strdup(path)) == NULL) {
		free(queue);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	queue->shared = options->shared;
	queue->keeper = options->keeper;
	queue->reserve = options->reserve > 0 ? options->reserve : RESERVE;
	queue->tmp = -1;
	for (size_t i = 0; i < ENVOI_QUEUE_PLACES; i++) {
		queue->places[i] = -1;
	}
	if (queue->keeper != NULL) {
		if (envoi_keeper_check(queue->keeper, err) != 0) {
			envoi_queue_close(queue);
			return -1;
		}
		*ret_queue = queue;
		return 0;
	}
	bool made = false;
	/* That of several users is made by who says which group it is for. */
	int root = open_root(queue, options->create && !queue->shared, err);
	int result = root >= 0 ? 0 : -1;
	for (size_t i = 0; result == 0 && i < ENVOI_QUEUE_PLACES; i++) {
		queue->places[i] = open_folder(queue, root, place_names[i], &made, err);
		result = queue->places[i] >= 0 ? 0 : -1;
	}
	if (result == 0) {
		result = open_last(queue, root, made, err);
	}
	if (root >= 0) {
		(void)close(root);
	}
	if (result != 0) {
		envoi_queue_close(queue);
		return -1;
	}
	*ret_queue = queue;
	return 0;
}

void envoi_queue_close(struct envoi_queue *queue)
{
	if (queue == NULL) {
		return;
	}
	for (size_t i = 0; i < ENVOI_QUEUE_PLACES; i++) {
		if (queue->places[i] >= 0) {
			(void)close(queue->places[i]);
		}
	}
	if (queue->tmp >= 0) {
		(void)close(queue->tmp);
	}
	free(queue->path);
	free(queue);
}

int envoi_queue_sync_folder(int fd)
{
	/* Some file systems have nothing to sync in a folder, and say so. */
	return fsync(fd) != 0 && errno != EINVAL ? -1 : 0;
}

/* See internal.h. */
#define SYNC_COUNT 64
#define SYNC_US 100000

int64_t envoi_queue_sync_due(const struct envoi_queue *queue)
{
	if (queue->removed == 0) {
		return -1;
	}
	int64_t left = queue->removed_at + SYNC_US - envoi_clock_now();
	return queue->removed >= SYNC_COUNT || left < 0 ? 0 : left;
}

int envoi_queue_sync(struct envoi_queue *queue, struct envoi_error *err)
{
	if (queue->removed == 0) {
		return 0;
	}
	queue->removed = 0;
	if (envoi_queue_sync_folder(queue->places[ENVOI_QUEUE_MAIL]) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_TEMPORARY, errno,
			"cannot sync queue '%s'", queue->path);
	}
	return 0;
}

/* -- ids ----------------------------------------------------------------------- */

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

/* 13 digits of 5 bits, the most significant one first. */
static void put_digits(char *out, uint64_t value)
{
	for (unsigned i = 0; i < 13; i++) {
		out[i] = digits[value >> (60 - 5 * i) & 31];
	}
}

/* Nanoseconds of the wall clock, then 64 bits by chance. */
int envoi_queue_make_id(char id[ENVOI_QUEUE_ID_SIZE], struct envoi_error *err)
{
	struct timespec now = {0};
	unsigned char chance[8];
	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (envoi_gnu_random(chance, sizeof(chance)) != 0) {
		return envoi_error_sys(
			err, ENVOI_STATUS_SYSTEM, errno, "cannot make an id");
	}
	put_digits(id, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	put_digits(id + 13, envoi_octets_get64(chance));
	id[26] = '\0';
	return 0;
}

bool envoi_queue_is_id(const char *name)
{
	return strspn(name, digits) == ENVOI_QUEUE_ID_SIZE - 1
	       && name[ENVOI_QUEUE_ID_SIZE - 1] == '\0';
}

/* -- scanning ------------------------------------------------------------------ */

int envoi_names_add(struct envoi_names *names, const char *name, struct envoi_error *err)
{
	if (names->count == names->capacity) {
		size_t capacity = names->capacity > 0 ? 2 * names->capacity : 64;
		void *list = NULL;
		if (capacity <= ENVOI_LIMIT_QUEUE) {
			list = realloc(names->list, capacity * sizeof(*names->list));
		}
		if (list == NULL) {
			return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		}
		names->list = list;
		names->capacity = capacity;
	}
	memcpy(names->list[names->count++], name, ENVOI_QUEUE_ID_SIZE);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return memcmp(a, b, ENVOI_QUEUE_ID_SIZE);
}

/* The ids in a folder; other names are not ours. */
static int read_names(int folder, struct envoi_names *names, struct envoi_error *err)
{
	/* A reading of its own: closedir(3) closes it. */
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		int sys = errno;
		if (fd >= 0) {
			(void)close(fd);
		}
		return envoi_error_sys(
			err, ENVOI_STATUS_TEMPORARY, sys, "cannot read the queue");
	}
	int result = 0;
	const struct dirent *entry;
	while (result == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
		if (envoi_queue_is_id(entry->d_name)) {
			result = envoi_names_add(names, entry->d_name, err);
		}
	}
	if (result == 0 && errno != 0) {
		result = envoi_error_sys(
			err, ENVOI_STATUS_TEMPORARY, errno, "cannot read the queue");
	}
	(void)closedir(dir);
	if (names->count > 1) {
		qsort(names->list, names->count, sizeof(*names->list), compare_names);
	}
	return result;
}

int envoi_folder_names(const struct envoi_queue *queue, enum envoi_queue_place place,
	struct envoi_names *names, struct envoi_error *err)
{
	if (queue->keeper != NULL) {
		return envoi_keeper_names(queue->keeper, place, names, err);
	}
	return read_names(queue->places[place], names, err);
}

int envoi_queue_scan(struct envoi_queue *queue, enum envoi_queue_place place,
	int (*take)(void *context, const char *id, struct envoi_error *err),
	void *context, struct envoi_error *err)
{
	struct envoi_names names = {0};
	int result = envoi_folder_names(queue, place, &names, err);
	for (size_t i = 0; result == 0 && i < names.count; i++) {
		result = take(context, names.list[i], err);
	}
	free(names.list);
	return result;
}

int envoi_queue_watch(const struct envoi_queue *queue)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/%s", queue->path, place_names[0]);
	return n > 0 && (size_t)n < sizeof(path) ? envoi_gnu_watch(path) : -1;
}

void envoi_queue_seen(int fd)
{
	char events[4096];
	while (read(fd, events, sizeof(events)) > 0) {
		/* Which ones does not matter. */
	}
}

/* A draft whose lock can be had is a dead one's. */
static void sweep_draft(const struct envoi_queue *queue, const char *id)
{
	struct stat st;
	if (fstatat(queue->tmp, id, &st, AT_SYMLINK_NOFOLLOW) != 0
		|| !S_ISREG(st.st_mode)) {
		return;
	}
	int fd = openat(
		queue->tmp, id, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	if (envoi_gnu_lock(fd) == 0) {
		(void)unlinkat(queue->tmp, id, 0);
		(void)envoi_gnu_unlock(fd);
	}
	(void)close(fd);
}

void envoi_queue_sweep(struct envoi_queue *queue)
{
	struct envoi_names names = {0};
	struct envoi_error err;
	if (queue->keeper != NULL) {
		return;
	}
	(void)read_names(queue->tmp, &names, &err);
	for (size_t i = 0; i < names.count; i++) {
		sweep_draft(queue, names.list[i]);
	}
	free(names.list);
}
