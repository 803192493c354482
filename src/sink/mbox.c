/*
 * An mbox in mboxrd form: each message is spooled to an unlinked file, then
 * appended under a lock (fcntl), so that connections do not mix and a message
 * that is given up leaves no trace. A failed append is cut off again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/tmpfile.h"
#include "sink/store_internal.h"

static int open_mbox(const struct envoi_store *store)
{
	return open(store->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

int envoi_mbox_open(struct envoi_store *store, struct envoi_error *err)
{
	struct stat st;
	int fd = open_mbox(store);
	if (fd < 0) {
		return envoi_error_sys(err, ENVOI_STATUS_CANTCREATE, errno,
			"cannot open mbox '%s'", store->path);
	}
	int failed = fstat(fd, &st);
	(void)close(fd);
	if (failed != 0 || !S_ISREG(st.st_mode)) {
		return envoi_error_set(err, ENVOI_STATUS_CANTCREATE,
			"mbox '%s' is not a regular file", store->path);
	}
	return 0;
}

int envoi_mbox_begin(struct envoi_delivery *delivery, struct envoi_error *err)
{
	const char *dir = getenv("TMPDIR");
	if (dir == NULL || dir[0] != '/') {
		dir = "/tmp";
	}
	int fd = envoi_tmpfile_open(dir);
	delivery->file = fd < 0 ? NULL : fdopen(fd, "w+");
	if (delivery->file == NULL) {
		(void)envoi_error_sys(err, ENVOI_STATUS_IO, errno,
			"cannot create a temporary file in '%s'", dir);
		if (fd >= 0) {
			(void)close(fd);
		}
		return -1;
	}
	return 0;
}

static int write_all(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, data, n);
		if (written < 0 && errno == EINTR) {
			continue;
		}
		if (written < 0) {
			return -1;
		}
		data += written;
		n -= (size_t)written;
	}
	return 0;
}

/* "From SENDER DATE", the date in UTC as asctime(3) has it. A blank in the
 * sender's quoted local part would end it: it is left out of the line. */
static int write_from(int fd, const char *sender)
{
	char date[64] = "Thu Jan  1 00:00:00 1970\n";
	struct tm tm;
	time_t now = time(NULL);
	if (gmtime_r(&now, &tm) != NULL) {
		/* asctime_r(3) wants 26 octets and is marked obsolescent, but
		 * strftime(3) would follow the locale. */
		static const char days[] = "SunMonTueWedThuFriSat";
		static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
		(void)snprintf(date, sizeof(date), "%.3s %.3s %2d %02d:%02d:%02d %d\n",
			days + 3 * tm.tm_wday, months + 3 * tm.tm_mon, tm.tm_mday,
			tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_year + 1900);
	}
	if (sender[0] == '\0' || strchr(sender, ' ') != NULL) {
		sender = "MAILER-DAEMON";
	}
	if (write_all(fd, "From ", 5) != 0
		|| write_all(fd, sender, strlen(sender)) != 0) {
		return -1;
	}
	return write_all(fd, " ", 1) != 0 ? -1 : write_all(fd, date, strlen(date));
}

static int copy(int from, int to)
{
	char block[16384];
	off_t at = 0;
	for (;;) {
		ssize_t n = pread(from, block, sizeof(block), at);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return n < 0 ? -1 : 0;
		}
		if (write_all(to, block, (size_t)n) != 0) {
			return -1;
		}
		at += n;
	}
}

/* Appends to the locked file, or leaves it as it was. */
static int append(struct envoi_delivery *delivery, int fd, struct envoi_error *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_IO, errno,
			"cannot append to mbox '%s'", delivery->store->path);
	}
	if (write_from(fd, delivery->sender) != 0 || copy(fileno(delivery->file), fd) != 0
		|| fsync(fd) != 0) {
		(void)envoi_error_sys(err, ENVOI_STATUS_IO, errno,
			"cannot append to mbox '%s'", delivery->store->path);
		if (ftruncate(fd, st.st_size) != 0) {
			envoi_error_hint(err, "its last message is cut short");
		}
		return -1;
	}
	return 0;
}

int envoi_mbox_commit(struct envoi_delivery *delivery, struct envoi_error *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const char *path = delivery->store->path;
	envoi_lines_end(&delivery->lines);
	if (fflush(delivery->file) != 0 || ferror(delivery->file)) {
		return envoi_error_sys(err, ENVOI_STATUS_IO, errno,
			"cannot write a temporary file for mbox '%s'", path);
	}
	int fd = open_mbox(delivery->store);
	if (fd < 0) {
		return envoi_error_sys(
			err, ENVOI_STATUS_IO, errno, "cannot open mbox '%s'", path);
	}
	int failed = 0;
	/* Not waited for: everybody else would wait as well, and the client
	 * can try again. */
	if (fcntl(fd, F_SETLK, &lock) != 0) {
		failed = envoi_error_sys(
			err, ENVOI_STATUS_IO, errno, "cannot lock mbox '%s'", path);
	} else {
		failed = append(delivery, fd, err);
	}
	(void)close(fd);
	return failed;
}
