/*
 * Starting a command with posix_spawn(3): nothing of ours is left to it but
 * the environment, the working directory and the terminal.
 */
#include "config/command_internal.h"

#include <errno.h>
#include <stdlib.h>

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

extern char **environ;

/* Descriptors tried one by one where /dev/fd is missing. */
#define DESCRIPTORS_MAX 65536

/* A pipe whose ends are close-on-exec and above 2 (the caller may have closed
 * its standard descriptors). The reading end does not block. */
static int open_pipe(int ret_ends[2])
{
	int ends[2];
	if (pipe(ends) != 0) {
		return -1;
	}
	int saved = 0;
	for (size_t i = 0; i < 2; i++) {
		ret_ends[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
		saved = ret_ends[i] < 0 ? errno : saved;
		(void)close(ends[i]);
	}
	if (saved == 0 && fcntl(ret_ends[0], F_SETFL, O_NONBLOCK) != 0) {
		saved = errno;
	}
	if (saved != 0) {
		for (size_t i = 0; i < 2; i++) {
			if (ret_ends[i] >= 0) {
				(void)close(ret_ends[i]);
			}
		}
		errno = saved;
		return -1;
	}
	return 0;
}

/* The number after *fd of an open descriptor the command would inherit. */
static bool would_inherit(int fd)
{
	int flags = fd > 2 ? fcntl(fd, F_GETFD) : -1;
	return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

/* Descriptors that envoi itself was given (a --password-fd among them). */
static int close_inherited(posix_spawn_file_actions_t *actions)
{
	int failed = 0;
	DIR *dir = opendir("/dev/fd");
	if (dir == NULL) {
		long max = sysconf(_SC_OPEN_MAX);
		max = max < 0 || max > DESCRIPTORS_MAX ? DESCRIPTORS_MAX : max;
		for (int fd = 3; fd < max && failed == 0; fd++) {
			if (would_inherit(fd)) {
				failed = posix_spawn_file_actions_addclose(actions, fd);
			}
		}
		return failed;
	}
	const struct dirent *entry;
	while (failed == 0 && (entry = readdir(dir)) != NULL) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);
		if (end != entry->d_name && *end == '\0' && would_inherit((int)fd)) {
			failed = posix_spawn_file_actions_addclose(actions, (int)fd);
		}
	}
	(void)closedir(dir);
	return failed;
}

static int set_actions(posix_spawn_file_actions_t *actions, int out, int errors)
{
	int failed =
		posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
	if (failed == 0) {
		failed = posix_spawn_file_actions_adddup2(actions, out, 1);
	}
	if (failed == 0) {
		failed = posix_spawn_file_actions_adddup2(actions, errors, 2);
	}
	return failed == 0 ? close_inherited(actions) : failed;
}

/* Signals as in a fresh login: what envoi ignores or blocks is its own. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	static const int usual[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM,
		SIGCHLD, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};
	sigset_t defaults, none;
	(void)sigemptyset(&defaults);
	(void)sigemptyset(&none);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		(void)sigaddset(&defaults, usual[i]);
	}
	int failed = posix_spawnattr_setflags(attributes,
		POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	if (failed == 0) {
		failed = posix_spawnattr_setpgroup(attributes, 0);
	}
	if (failed == 0) {
		failed = posix_spawnattr_setsigdefault(attributes, &defaults);
	}
	return failed == 0 ? posix_spawnattr_setsigmask(attributes, &none) : failed;
}

/* An errno, or 0. argv's strings are not changed by execve(2). */
static int spawn(struct envoi_running *run, int out, int errors)
{
	const char *const shell[] = {"sh", "-c", run->command->shell, NULL};
	const char *const *argv = run->command->argv;
	union {
		const char *const *ours;
		char *const *theirs;
	} words = {.ours = argv != NULL ? argv : shell},
	  environment = {.ours = run->command->environment};
	char *const *theirs = environment.ours != NULL ? environment.theirs : environ;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int failed = posix_spawn_file_actions_init(&actions);
	if (failed != 0) {
		return failed;
	}
	failed = posix_spawnattr_init(&attributes);
	if (failed == 0) {
		failed = set_actions(&actions, out, errors);
		if (failed == 0) {
			failed = set_attributes(&attributes);
		}
		if (failed == 0 && argv == NULL) {
			failed = posix_spawn(&run->pid, "/bin/sh", &actions, &attributes,
				words.theirs, theirs);
		} else if (failed == 0) {
			failed = posix_spawnp(&run->pid, argv[0], &actions, &attributes,
				words.theirs, theirs);
		}
		(void)posix_spawnattr_destroy(&attributes);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return failed;
}

int envoi_running_start(struct envoi_running *run, struct envoi_error *err)
{
	int out[2], errors[2];
	if (open_pipe(out) != 0) {
		return envoi_running_fail_sys(
			run, ENVOI_STATUS_SYSTEM, errno, "cannot be run", err);
	}
	if (open_pipe(errors) != 0) {
		int saved = errno;
		(void)close(out[0]);
		(void)close(out[1]);
		return envoi_running_fail_sys(
			run, ENVOI_STATUS_SYSTEM, saved, "cannot be run", err);
	}
	run->out = out[0];
	run->errors = errors[0];
	int failed = spawn(run, out[1], errors[1]);
	(void)close(out[1]);
	(void)close(errors[1]);
	if (failed != 0) {
		bool ours = failed == EAGAIN || failed == ENOMEM || failed == EMFILE
			    || failed == ENFILE;
		run->pid = 0;
		return envoi_running_fail_sys(run,
			ours ? ENVOI_STATUS_SYSTEM : ENVOI_STATUS_CONFIG, failed,
			"cannot be run", err);
	}
	return 0;
}
