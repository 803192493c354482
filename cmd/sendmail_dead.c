/*
 * dead.letter: what could not be sent is appended to a file in the user's
 * directory, as an mbox, so that it can be looked at and sent again
 * (envoi send --mbox).
 *
 * The file is the user's own, has no other name, and is not reached through a
 * link: a directory that others may write to must not lead us astray. Under a
 * lock, synced, and taken back to its old length when it does not fit.
 */
#include "sendmail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hygiene.h"

#define FILE_NAME "dead.letter"
/* Another message is written in no time. */
#define LOCK_TRIES 100
#define LOCK_WAIT_MS 100

struct dead {
	int fd;
	char block[16384];
	size_t n;
	/** At the start of a line; it is ">"s so far. */
	bool line_start;
	bool after_cr;
	char last;
	/** Octets of the line that may be "From ", not written yet. */
	char held[5];
	size_t held_count;
};

static int flush(struct dead *dead, struct envoi_error *err)
{
	size_t at = 0;
	while (at < dead->n) {
		ssize_t put = write(dead->fd, dead->block + at, dead->n - at);
		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put <= 0) {
			return envoi_error_sys(err, ENVOI_STATUS_IO,
				put < 0 ? errno : ENOSPC, "cannot write " FILE_NAME);
		}
		at += (size_t)put;
	}
	dead->n = 0;
	return 0;
}

static int put(struct dead *dead, const char *data, size_t n, struct envoi_error *err)
{
	while (n > 0) {
		size_t room = sizeof(dead->block) - dead->n;
		size_t take = n < room ? n : room;
		memcpy(dead->block + dead->n, data, take);
		dead->n += take;
		data += take;
		n -= take;
		if (dead->n == sizeof(dead->block) && flush(dead, err) != 0) {
			return -1;
		}
	}
	return 0;
}

static int put_text(struct dead *dead, const char *text, struct envoi_error *err)
{
	return put(dead, text, strlen(text), err);
}

/* What was held is "From " or is not. */
static int release(struct dead *dead, struct envoi_error *err)
{
	static const char from[] = "From ";
	size_t n = dead->held_count;
	if (n == 0) {
		return 0;
	}
	bool quote = n == 5 && memcmp(dead->held, from, 5) == 0;
	dead->held_count = 0;
	dead->line_start = false;
	return (quote && put(dead, ">", 1, err) != 0)
			       || put(dead, dead->held, n, err) != 0
		       ? -1
		       : 0;
}

/* One octet of the message: CRLF to LF, "From " and ">From " quoted. */
static int put_octet(struct dead *dead, char c, struct envoi_error *err)
{
	static const char from[] = "From ";
	if (dead->after_cr) {
		dead->after_cr = false;
		if (c != '\n' && put(dead, "\r", 1, err) != 0) {
			return -1;
		}
	}
	if (dead->line_start && c == from[dead->held_count]) {
		dead->held[dead->held_count++] = c;
		return dead->held_count == 5 ? release(dead, err) : 0;
	}
	if (release(dead, err) != 0) {
		return -1;
	}
	if (c == '\r') {
		dead->after_cr = true;
		return 0;
	}
	dead->line_start = c == '\n' || (dead->line_start && c == '>');
	dead->last = c;
	return put(dead, &c, 1, err);
}

static int take(void *context, const char *data, size_t n, struct envoi_error *err)
{
	struct dead *dead = context;
	for (size_t i = 0; i < n; i++) {
		if (put_octet(dead, data[i], err) != 0) {
			return -1;
		}
	}
	return 0;
}

/* -- the file ---------------------------------------------------------------- */

static int lock(int fd, struct envoi_error *err)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (fcntl(fd, F_SETLK, &whole) == 0) {
			return 0;
		}
		if (errno != EACCES && errno != EAGAIN && errno != EINTR) {
			break;
		}
		(void)poll(NULL, 0, LOCK_WAIT_MS);
	}
	return envoi_error_sys(
		err, ENVOI_STATUS_TEMPORARY, errno, "cannot lock " FILE_NAME);
}

static int open_file(const char *home, struct envoi_error *err)
{
	struct stat st;
	int dir = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dir < 0 ? -1
			 : openat(dir, FILE_NAME,
				 O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK
					 | O_CLOEXEC,
				 S_IRUSR | S_IWUSR);
	int sys = errno;
	if (dir >= 0) {
		(void)close(dir);
	}
	if (fd < 0) {
		return envoi_error_sys(err, ENVOI_STATUS_CANTCREATE, sys,
			"cannot open %.200s/" FILE_NAME, home);
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()
		|| st.st_nlink != 1) {
		(void)close(fd);
		return envoi_error_set(err, ENVOI_STATUS_CANTCREATE,
			"%.200s/" FILE_NAME " is no file of the user's own", home);
	}
	if (lock(fd, err) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int put_failures(const struct sendmail_message *message, struct dead *dead,
	struct envoi_error *err)
{
	for (size_t i = 0; i < message->failure_count; i++) {
		/* The text of an address may be anything; an error's is clean. */
		struct envoi_error line;
		(void)envoi_error_set(&line, ENVOI_STATUS_OK, "%.200s (%.150s)",
			message->failures[i].address, message->failures[i].error.text);
		if (put_text(dead, "X-Failed-Recipient: ", err) != 0
			|| put_text(dead, line.text, err) != 0
			|| put_text(dead, "\n", err) != 0) {
			return -1;
		}
	}
	for (size_t i = 0; i < message->envelope.count; i++) {
		if (put_text(dead, "X-Failed-Recipient: ", err) != 0
			|| put_text(dead, message->envelope.recipients[i], err) != 0
			|| put_text(dead, "\n", err) != 0) {
			return -1;
		}
	}
	return 0;
}

static int put_separator(const struct sendmail_message *message, struct dead *dead,
	struct envoi_error *err)
{
	char text[700], stamp[64] = "Thu Jan  1 00:00:00 1970";
	time_t now = time(NULL);
	struct tm t;
	if (gmtime_r(&now, &t) != NULL) {
		(void)strftime(stamp, sizeof(stamp), "%a %b %e %H:%M:%S %Y", &t);
	}
	const char *sender = message->sender;
	(void)snprintf(text, sizeof(text), "From %s %s\n",
		sender == NULL || sender[0] == '\0' || strchr(sender, ' ') != NULL
			? "MAILER-DAEMON"
			: sender,
		stamp);
	return put_text(dead, text, err);
}

int sendmail_keep(struct sendmail_message *message, struct envoi_error *err)
{
	char home[400];
	struct dead dead = {.line_start = true, .last = '\n'};
	struct stat st;
	hygiene_home(home, sizeof(home));
	if (home[0] == '\0') {
		return envoi_error_set(
			err, ENVOI_STATUS_CANTCREATE, "there is no home directory");
	}
	dead.fd = open_file(home, err);
	if (dead.fd < 0) {
		return -1;
	}
	int result = fstat(dead.fd, &st);
	if (result == 0) {
		result =
			put_separator(message, &dead, err) != 0
					|| put_failures(message, &dead, err) != 0
					|| envoi_input_copy(
						   message->input, take, &dead, err)
						   != 0
					|| release(&dead, err) != 0
					|| put_text(&dead,
						   dead.last == '\n' ? "\n" : "\n\n", err)
						   != 0
					|| flush(&dead, err) != 0
				? -1
				: 0;
		if (result == 0 && fsync(dead.fd) != 0) {
			result = envoi_error_sys(
				err, ENVOI_STATUS_IO, errno, "cannot write " FILE_NAME);
		}
		if (result != 0 && ftruncate(dead.fd, st.st_size) != 0) {
			envoi_error_hint(err, "half of the message is at its end");
		}
	}
	(void)close(dead.fd);
	if (result == 0) {
		(void)snprintf(
			message->kept, sizeof(message->kept), "%s/" FILE_NAME, home);
	}
	return result;
}
