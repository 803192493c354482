/*
 * Set-id bits; see the header.
 */
#include "privilege.h"

#include <errno.h>
#include <stdlib.h>

#include <pwd.h>
#include <unistd.h>

static struct envoi_keeper *keeper;
static struct envoi_error failure;
static bool was_set, is_runner;
static pid_t owner;

#if defined(__SANITIZE_ADDRESS__)
#define WITH_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_SANITIZER
#endif
#endif

#ifdef WITH_SANITIZER
/* It looks for leaks by tracing the process, and set-gid it cannot be told not to. */
int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return was_set;
}
#endif

void privilege_begin(void)
{
	owner = getpid();
	was_set = getegid() != getgid() || geteuid() != getuid();
	(void)envoi_keeper_start(PRIVILEGE_SPOOL, &keeper, &failure);
}

bool privilege_was_set(void)
{
	return was_set;
}

bool privilege_is_personal(void)
{
	return !was_set && !is_runner;
}

int privilege_keeper(struct envoi_keeper **ret_keeper, struct envoi_error *err)
{
	*ret_keeper = NULL;
	if (getpid() != owner) {
		/* It answers, and ends with, the one that started it. */
		return 0;
	}
	*ret_keeper = keeper;
	if (failure.status != ENVOI_STATUS_OK) {
		*err = failure;
		return -1;
	}
	return 0;
}

int privilege_become_runner(struct envoi_error *err)
{
	const struct passwd *user = geteuid() == 0 ? getpwnam(PRIVILEGE_RUNNER) : NULL;
	is_runner = true;
	if (user == NULL) {
		return 0;
	}
	if (envoi_keeper_become(user->pw_uid, user->pw_gid, err) != 0) {
		return -1;
	}
	(void)unsetenv("XDG_CONFIG_HOME");
	(void)unsetenv("XDG_STATE_HOME");
	if (setenv("HOME", user->pw_dir, 1) != 0) {
		return envoi_error_sys(
			err, ENVOI_STATUS_SYSTEM, errno, "cannot set HOME");
	}
	return 0;
}

void privilege_end(void)
{
	if (getpid() == owner) {
		envoi_keeper_free(keeper);
	}
	keeper = NULL;
}
