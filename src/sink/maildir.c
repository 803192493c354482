/*
 * A Maildir: written in tmp/, synced, renamed into new/, new/ synced. Names
 * are those of the Maildir description: time, unique part, host.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sink/store_internal.h"

/* The host's name, with what may not stand in a file name of a Maildir as the
 * description says: "/" as \057, ":" as \072. */
static void set_host(struct envoi_store *store)
{
	char name[64] = "";
	if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') {
		(void)snprintf(name, sizeof(name), "localhost");
	}
	size_t used = 0;
	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '/' || *p == ':' || *p <= 0x20 || *p > 0x7e) {
			used += (size_t)snprintf(store->host + used,
				sizeof(store->host) - used, "\\%03o",
				(unsigned)(unsigned char)*p);
		} else {
			store->host[used++] = *p;
		}
	}
	store->host[used] = '\0';
}

static int make_directory(int at, const char *path)
{
	return mkdirat(at, path, 0700) != 0 && errno != EEXIST ? -1 : 0;
}

int envoi_maildir_open(struct envoi_store *store, struct envoi_error *err)
{
	static const char *const parts[] = {"tmp", "new", "cur"};
	set_host(store);
	if (make_directory(AT_FDCWD, store->path) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_CANTCREATE, errno,
			"cannot create maildir '%s'", store->path);
	}
	store->dir = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir < 0) {
		return envoi_error_sys(err, ENVOI_STATUS_CANTCREATE, errno,
			"cannot open maildir '%s'", store->path);
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (make_directory(store->dir, parts[i]) != 0) {
			return envoi_error_sys(err, ENVOI_STATUS_CANTCREATE, errno,
				"cannot create '%s/%s'", store->path, parts[i]);
		}
	}
	store->dir_new = openat(store->dir, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir_new < 0 || faccessat(store->dir, "tmp", W_OK | X_OK, 0) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_CANTCREATE, errno,
			"cannot write to maildir '%s'", store->path);
	}
	return 0;
}

/* place is "tmp/NAME" until it is "new/NAME". */
static void set_place(struct envoi_delivery *delivery, const char *directory)
{
	(void)snprintf(delivery->place, sizeof(delivery->place), "%s/%s", directory,
		delivery->name);
}

int envoi_maildir_begin(struct envoi_delivery *delivery, struct envoi_error *err)
{
	struct envoi_store *store = delivery->store;
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(delivery->name, sizeof(delivery->name), "%lld.M%06ldP%ldQ%llu.%s",
		(long long)now.tv_sec, now.tv_nsec / 1000, (long)getpid(),
		(unsigned long long)store->begun, store->host);
	set_place(delivery, "tmp");
	int fd = openat(store->dir, delivery->place,
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		/* Nothing of ours is there to be removed. */
		delivery->name[0] = '\0';
		return envoi_error_sys(err, ENVOI_STATUS_IO, errno,
			"cannot create '%s/%s'", store->path, delivery->place);
	}
	delivery->file = fdopen(fd, "w");
	if (delivery->file == NULL) {
		(void)envoi_error_sys(err, ENVOI_STATUS_SYSTEM, errno,
			"cannot open '%s/%s'", store->path, delivery->place);
		(void)close(fd);
		return -1;
	}
	return 0;
}

/* A file system that knows no fsync for directories says EINVAL. */
static int sync_directory(int fd)
{
	return fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP ? -1 : 0;
}

static int sync_file(struct envoi_delivery *delivery, struct envoi_error *err)
{
	envoi_lines_end(&delivery->lines);
	errno = 0;
	/* Of an earlier error only ferror(3) knows, not which it was. */
	if (fflush(delivery->file) != 0 || ferror(delivery->file)
		|| fsync(fileno(delivery->file)) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_IO, errno != 0 ? errno : EIO,
			"cannot write '%s/%s'", delivery->store->path, delivery->place);
	}
	return 0;
}

int envoi_maildir_commit(struct envoi_delivery *delivery, struct envoi_error *err)
{
	struct envoi_store *store = delivery->store;
	char from[sizeof(delivery->place)];
	if (sync_file(delivery, err) != 0) {
		return -1;
	}
	memcpy(from, delivery->place, sizeof(from));
	set_place(delivery, "new");
	if (renameat(store->dir, from, store->dir, delivery->place) != 0) {
		(void)envoi_error_sys(err, ENVOI_STATUS_IO, errno,
			"cannot rename '%s' to '%s'", from, delivery->place);
		set_place(delivery, "tmp");
		return -1;
	}
	if (sync_directory(store->dir_new) != 0) {
		/* The client will hear that it is not stored: then it is not. */
		return envoi_error_sys(
			err, ENVOI_STATUS_IO, errno, "cannot sync '%s/new'", store->path);
	}
	return 0;
}

void envoi_maildir_abort(struct envoi_delivery *delivery)
{
	if (delivery->name[0] != '\0') {
		(void)unlinkat(delivery->store->dir, delivery->place, 0);
	}
}
