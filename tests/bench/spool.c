/*
 * What a spool costs at the least: the same writes and syncs, with nothing known or
 * checked.
 *
 *   spool store FOLDER COUNT OCTETS   files without a name that are written, synced,
 *                                     linked, and their folder synced
 *   spool take FOLDER                 reads each file of the folder and removes it;
 *                                     the folder is synced once for 64
 *   spool each COUNT FILE COMMAND...  runs the command so often, with FILE as stdin
 */
#define _GNU_SOURCE /* O_TMPFILE */
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int broken(const char *what)
{
	perror(what);
	return 74;
}

static int store(const char *path, long count, size_t octets)
{
	int folder = open(path, O_RDONLY | O_DIRECTORY);
	char *data = malloc(octets + 1);
	if (folder < 0 || data == NULL) {
		return broken(path);
	}
	memset(data, 'x', octets);
	for (long i = 0; i < count; i++) {
		char from[40], to[80];
		struct timespec now;
		(void)clock_gettime(CLOCK_REALTIME, &now);
		int fd = openat(folder, ".", O_TMPFILE | O_RDWR, 0600);
		(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
		(void)snprintf(to, sizeof(to), "%lld.%09ld.%ld", (long long)now.tv_sec,
			now.tv_nsec, (long)getpid());
		if (fd < 0 || write(fd, data, octets) != (ssize_t)octets || fsync(fd) != 0
			|| linkat(AT_FDCWD, from, folder, to, AT_SYMLINK_FOLLOW) != 0
			|| fsync(folder) != 0 || close(fd) != 0) {
			return broken(path);
		}
	}
	free(data);
	(void)close(folder);
	return 0;
}

static int take(const char *path)
{
	static char data[1 << 20];
	DIR *dir = opendir(path);
	const struct dirent *entry;
	unsigned n = 0;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.') {
			continue;
		}
		int fd = openat(dirfd(dir), entry->d_name, O_RDWR);
		if (fd < 0 || read(fd, data, sizeof(data)) < 0
			|| unlinkat(dirfd(dir), entry->d_name, 0) != 0 || close(fd) != 0
			|| (++n % 64 == 0 && fsync(dirfd(dir)) != 0)) {
			return broken(entry->d_name);
		}
	}
	return dir != NULL && fsync(dirfd(dir)) == 0 ? closedir(dir) : broken(path);
}

static int each(long count, const char *file, char **command)
{
	for (long i = 0; i < count; i++) {
		pid_t child;
		int status;
		int fd = open(file, O_RDONLY);
		if (fd < 0 || dup2(fd, 0) != 0
			|| posix_spawn(&child, command[0], NULL, NULL, command, environ)
				   != 0
			|| waitpid(child, &status, 0) != child || status != 0) {
			return broken(command[0]);
		}
		if (fd > 0) {
			(void)close(fd);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "store") == 0) {
		return store(argv[2], atol(argv[3]), (size_t)atol(argv[4]));
	}
	if (argc == 3 && strcmp(argv[1], "take") == 0) {
		return take(argv[2]);
	}
	if (argc > 4 && strcmp(argv[1], "each") == 0) {
		return each(atol(argv[2]), argv[3], argv + 4);
	}
	(void)fputs(
		"usage: spool store FOLDER COUNT OCTETS | take FOLDER | each COUNT FILE "
		"COMMAND...\n",
		stderr);
	return 64;
}
