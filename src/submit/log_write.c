/*
 * Where lines of the log go. A file is appended to under a lock, a line with
 * one write(2); a line the disk had no room for is taken back. The file is
 * opened anew for each line: it may have been rotated.
 */
#include "submit/log_internal.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/socket.h"

/* A line of it all, with the time. */
#define LINE_MAX_OCTETS ((size_t)1 << 20)
/* Another process writes a line in no time; msmtp waits as long. */
#define LOCK_US 10000000
#define LOCK_LOOK_MS 20

int envoi_log_facility(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} facilities[] = {
		{"user", LOG_USER},
		{"mail", LOG_MAIL},
		{"daemon", LOG_DAEMON},
		{"local0", LOG_LOCAL0},
		{"local1", LOG_LOCAL1},
		{"local2", LOG_LOCAL2},
		{"local3", LOG_LOCAL3},
		{"local4", LOG_LOCAL4},
		{"local5", LOG_LOCAL5},
		{"local6", LOG_LOCAL6},
		{"local7", LOG_LOCAL7},
	};
	if (strncasecmp(name, "LOG_", 4) == 0) {
		name += 4;
	}
	for (size_t i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++) {
		if (strcasecmp(name, facilities[i].name) == 0) {
			return facilities[i].number;
		}
	}
	return -1;
}

void envoi_log_to_syslog(const char *ident, int facility, bool failed, const char *line)
{
	openlog(ident, LOG_PID, facility);
	syslog(failed ? LOG_ERR : LOG_INFO, "%s", line);
	closelog();
}

int envoi_log_open(const char *path, struct envoi_error *err)
{
	struct stat st;
	/* Not through a link at its end: the log of root in a directory of
	 * others shall not become any other file. Does not wait for a pipe. */
	int fd = open(path,
		O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY
			| O_NONBLOCK,
		S_IRUSR | S_IWUSR);
	if (fd < 0 && errno == EACCES) {
		/* A log that may be written only. */
		fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY
					| O_NONBLOCK);
	}
	if (fd < 0 && errno == ELOOP) {
		return envoi_error_set(err, ENVOI_STATUS_CANTCREATE,
			"log file %s: is a symbolic link", path);
	}
	if (fd < 0) {
		return envoi_error_sys(
			err, ENVOI_STATUS_CANTCREATE, errno, "log file %s", path);
	}
	if (fstat(fd, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode))) {
		(void)close(fd);
		return envoi_error_set(
			err, ENVOI_STATUS_CANTCREATE, "log file %s: is not a file", path);
	}
	return fd;
}

static int lock(int fd, const char *path, struct envoi_error *err)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int64_t deadline = envoi_clock_now() + LOCK_US;
	while (fcntl(fd, F_SETLK, &whole) != 0) {
		if (errno != EACCES && errno != EAGAIN && errno != EINTR) {
			return envoi_error_sys(err, ENVOI_STATUS_IO, errno,
				"log file %s: cannot be locked", path);
		}
		if (envoi_clock_now() >= deadline) {
			return envoi_error_set(err, ENVOI_STATUS_TEMPORARY,
				"log file %s: another process holds its lock", path);
		}
		(void)poll(NULL, 0, LOCK_LOOK_MS);
	}
	return 0;
}

/* Unlocks by closing. */
static int append(
	int fd, const char *path, struct envoi_span line, struct envoi_error *err)
{
	struct stat st;
	int result = -1;
	if (fstat(fd, &st) != 0) {
		(void)envoi_error_sys(err, ENVOI_STATUS_IO, errno, "log file %s", path);
		(void)close(fd);
		return -1;
	}
	bool is_file = S_ISREG(st.st_mode);
	if (is_file && lock(fd, path, err) != 0) {
		(void)close(fd);
		return -1;
	}
	/* The size under the lock. */
	bool sized = is_file && fstat(fd, &st) == 0;
	ssize_t n = envoi_socket_write(fd, line.data, line.len);
	if (n == (ssize_t)line.len) {
		result = 0;
	} else {
		(void)envoi_error_sys(err, ENVOI_STATUS_IO, n < 0 ? errno : ENOSPC,
			"log file %s: cannot be written", path);
		if (sized && n > 0) {
			(void)!ftruncate(fd, st.st_size);
		}
	}
	if (close(fd) != 0 && result == 0) {
		result = envoi_error_sys(err, ENVOI_STATUS_IO, errno,
			"log file %s: cannot be written", path);
	}
	return result;
}

static int write_all(int fd, struct envoi_span line, struct envoi_error *err)
{
	while (line.len > 0) {
		ssize_t n = envoi_socket_write(fd, line.data, line.len);
		if (n < 0) {
			return envoi_error_sys(
				err, ENVOI_STATUS_IO, errno, "log on standard output");
		}
		line.data += n;
		line.len -= (size_t)n;
	}
	return 0;
}

/* The format is the user's, from a configuration: strftime(3) reads nothing
 * but the time and writes no more than size. "" when it does not fit. */
static void put_time(char *out, size_t size, const char *format, time_t when)
{
	struct tm local;
	size_t n = 0;
	if (localtime_r(&when, &local) != NULL) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		n = strftime(out, size, format, &local);
#pragma GCC diagnostic pop
	}
	out[n] = '\0';
}

int envoi_log_to_file(const char *path, const char *time_format, time_t when,
	const char *line, struct envoi_error *err)
{
	struct envoi_buffer text;
	char stamp[256];
	int result = -1;
	put_time(stamp, sizeof(stamp), time_format, when);
	envoi_buffer_init(&text, LINE_MAX_OCTETS);
	/* The format may say anything. */
	int failed = envoi_span_escape(&text, envoi_span_of(stamp));
	failed |= envoi_buffer_puts(&text, stamp[0] != '\0' ? " " : "");
	failed |= envoi_buffer_puts(&text, line);
	failed |= envoi_buffer_puts(&text, "\n");
	int fd = failed != 0		  ? -1
		 : strcmp(path, "-") == 0 ? STDOUT_FILENO
					  : envoi_log_open(path, err);
	if (failed != 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	} else if (fd == STDOUT_FILENO) {
		result = write_all(fd, envoi_buffer_span(&text), err);
	} else if (fd >= 0) {
		result = append(fd, path, envoi_buffer_span(&text), err);
	}
	envoi_buffer_finish(&text);
	return result;
}
