/*
 * What is inherited; see the header.
 */
#include "hygiene.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <poll.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privilege.h"
#include "ui.h"

void hygiene_environment(void)
{
	const char *dir = getenv("TMPDIR");
	struct stat st;
	if (dir != NULL
		&& (dir[0] != '/' || stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)
			|| access(dir, W_OK | X_OK) != 0)) {
		(void)unsetenv("TMPDIR");
	}
	if (getenv("PATH") == NULL) {
		(void)setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 0);
	}
}

void hygiene_begin(void)
{
	sigset_t none;
	ui_secure_descriptors();
	privilege_begin();
	(void)alarm(0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Ignored, it would take the end of our own children away from us. */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGALRM, SIG_DFL);
}

void hygiene_drain(int fd)
{
	char block[4096];
	struct stat st;
	if (fstat(fd, &st) != 0 || (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))) {
		return;
	}
	for (;;) {
		ssize_t got = read(fd, block, sizeof(block));
		if (got < 0 && errno == EAGAIN) {
			struct pollfd wait = {.fd = fd, .events = POLLIN};
			(void)poll(&wait, 1, -1);
		} else if (got == 0 || (got < 0 && errno != EINTR)) {
			return;
		}
	}
}

void hygiene_login(char *out, size_t size)
{
	const struct passwd *user = getpwuid(getuid());
	if (user != NULL && user->pw_name != NULL && user->pw_name[0] != '\0') {
		(void)snprintf(out, size, "%s", user->pw_name);
	} else {
		(void)snprintf(out, size, "uid-%ju", (uintmax_t)getuid());
	}
}

void hygiene_home(char *out, size_t size)
{
	const char *home = getenv("HOME");
	const struct passwd *user;
	struct stat st;
	if (home != NULL && home[0] == '/' && home[strspn(home, "/")] != '\0'
		&& stat(home, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == getuid()) {
		(void)snprintf(out, size, "%s", home);
		return;
	}
	user = getpwuid(getuid());
	(void)snprintf(out, size, "%s",
		user != NULL && user->pw_dir != NULL && user->pw_dir[0] == '/'
			? user->pw_dir
			: "");
}
