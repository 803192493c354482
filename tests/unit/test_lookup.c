/*
 * Lookups in a child process, with a resolver of our own: getaddrinfo(3),
 * fork(2) and pipe(2) are those below (ld --wrap).
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "net/lookup.h"

#define SECOND ((int64_t)1000000)

/* How the resolver behaves. */
static struct {
	/** Addresses it knows, NULL behind the last. */
	const char *const *addresses;
	int eai;
	int sys;
	/** Dies of this signal; waits for ever; waits for the FIFO's writer. */
	int death;
	bool hangs;
	const char *fifo;
} resolver;

/* Calls that fail from here on. */
static bool no_fork, no_pipe;
static pid_t parent, last_child;

pid_t __real_fork(void);
int __real_pipe(int ends[2]);
pid_t __wrap_fork(void);
int __wrap_pipe(int ends[2]);
int __wrap_getaddrinfo(const char *name, const char *service,
	const struct addrinfo *hints, struct addrinfo **ret);
void __wrap_freeaddrinfo(struct addrinfo *list);

pid_t __wrap_fork(void)
{
	if (no_fork) {
		errno = EAGAIN;
		return -1;
	}
	last_child = __real_fork();
	return last_child;
}

int __wrap_pipe(int ends[2])
{
	if (no_pipe) {
		errno = EMFILE;
		return -1;
	}
	return __real_pipe(ends);
}

/* In the child nothing is open but the pipe, and the standard three lead
 * nowhere. */
static bool descriptors_are_few(void)
{
	struct stat null, it;
	if (getpid() == parent) {
		return true;
	}
	if (stat("/dev/null", &null) != 0) {
		return false;
	}
	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &it) != 0 || it.st_rdev != null.st_rdev) {
			return false;
		}
	}
	for (int fd = 4; fd < 256; fd++) {
		if (fcntl(fd, F_GETFD) >= 0) {
			return false;
		}
	}
	return fstat(3, &it) == 0 && S_ISFIFO(it.st_mode);
}

static struct addrinfo *info_of(const char *text)
{
	struct envoi_endpoint endpoint;
	struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(endpoint.address));
	if (info == NULL || !envoi_resolve_literal(text, 0, &endpoint)) {
		abort();
	}
	info->ai_family = endpoint.address.sa.sa_family;
	info->ai_addrlen = endpoint.length;
	info->ai_addr = (struct sockaddr *)(void *)(info + 1);
	memcpy(info->ai_addr, &endpoint.address, endpoint.length);
	return info;
}

int __wrap_getaddrinfo(const char *name, const char *service,
	const struct addrinfo *hints, struct addrinfo **ret)
{
	struct addrinfo **tail = ret;
	(void)name;
	(void)service;
	if (resolver.fifo != NULL) {
		(void)close(open(resolver.fifo, O_RDONLY));
	}
	while (resolver.hangs) {
		(void)pause();
	}
	if (resolver.death != 0) {
		(void)raise(resolver.death);
	}
	if (!descriptors_are_few()) {
		return EAI_FAIL;
	}
	*ret = NULL;
	for (const char *const *text = resolver.addresses; text != NULL && *text != NULL;
		text++) {
		*tail = info_of(*text);
		if (hints->ai_family == AF_UNSPEC
			|| hints->ai_family == (*tail)->ai_family) {
			tail = &(*tail)->ai_next;
		} else {
			free(*tail);
			*tail = NULL;
		}
	}
	errno = resolver.sys;
	return resolver.eai != 0 ? resolver.eai : *ret == NULL ? EAI_NONAME : 0;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
	while (list != NULL) {
		struct addrinfo *next = list->ai_next;
		free(list);
		list = next;
	}
}

/* -- helpers ---------------------------------------------------------------- */

static const struct envoi_server server = {.host = (char *)(uintptr_t) "mx", .port = 25};
static const char *const two[] = {"192.0.2.1", "2001:db8::1", NULL};

static void set_up(void)
{
	memset(&resolver, 0, sizeof(resolver));
	resolver.addresses = two;
	no_fork = no_pipe = false;
	parent = getpid();
	last_child = 0;
}

static size_t open_descriptors(void)
{
	size_t n = 0;
	for (int fd = 0; fd < 256; fd++) {
		n += fcntl(fd, F_GETFD) >= 0;
	}
	return n;
}

static void check_no_child(void)
{
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}

static enum envoi_lookup_step wait_for(struct envoi_lookup *lookup,
	struct envoi_endpoint **list, size_t *count, struct envoi_error *err)
{
	enum envoi_lookup_step step;
	while ((step = envoi_lookup_step(lookup, envoi_clock_now(), list, count, err))
		== ENVOI_LOOKUP_MORE) {
		struct pollfd pfd = envoi_lookup_poll(lookup);
		int64_t left = envoi_lookup_deadline(lookup) - envoi_clock_now();
		ck_assert_int_ge(pfd.fd, 0);
		(void)poll(&pfd, 1, left < 0 ? 0 : (int)(left / 1000) + 1);
	}
	return step;
}

/* One lookup, to its end: the addresses, a blank between; and the error. */
static const char *look_up(int family, int64_t patience, struct envoi_error *err)
{
	static char text[4096];
	struct envoi_endpoint *list = NULL;
	size_t count = 0;
	size_t before = open_descriptors();
	int64_t now = envoi_clock_now();
	*err = ENVOI_ERROR_NONE;
	text[0] = '\0';
	struct envoi_lookup *lookup =
		envoi_lookup_new(&server, family, now, now + patience, err);
	ck_assert_ptr_nonnull(lookup);
	enum envoi_lookup_step step = wait_for(lookup, &list, &count, err);
	ck_assert_int_eq(step == ENVOI_LOOKUP_DONE, err->status == ENVOI_STATUS_OK);
	for (size_t i = 0; i < count; i++) {
		strcat(text, i > 0 ? " " : "");
		strcat(text, list[i].text);
		ck_assert_uint_eq(list[i].address.in.sin_port, htons(25));
	}
	free(list);
	envoi_lookup_free(lookup);
	check_no_child();
	ck_assert_uint_eq(open_descriptors(), before);
	return text;
}

/* -- tests ------------------------------------------------------------------ */

START_TEST(addresses_come_from_a_child)
{
	struct envoi_error err;
	ck_assert_str_eq(look_up(AF_UNSPEC, 10 * SECOND, &err), "192.0.2.1 2001:db8::1");
	ck_assert_int_ne(last_child, 0);
	ck_assert_str_eq(look_up(AF_INET6, 10 * SECOND, &err), "2001:db8::1");
	ck_assert_str_eq(look_up(AF_INET, 10 * SECOND, &err), "192.0.2.1");
}
END_TEST

START_TEST(families_are_interleaved_and_the_number_is_bounded)
{
	static const char *const some[] = {"192.0.2.1", "192.0.2.2", "192.0.2.1",
		"192.0.2.3", "2001:db8::1", "2001:db8::2", NULL};
	static char texts[ENVOI_LIMIT_HOST_ADDRESSES * 2][32];
	static const char *many[ENVOI_LIMIT_HOST_ADDRESSES * 2 + 1];
	struct envoi_error err;
	resolver.addresses = some;
	ck_assert_str_eq(look_up(AF_UNSPEC, 10 * SECOND, &err),
		"192.0.2.1 2001:db8::1 192.0.2.2 2001:db8::2 192.0.2.3");
	for (size_t i = 0; i < ENVOI_LIMIT_HOST_ADDRESSES * 2; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "192.0.2.%zu", i);
		many[i] = texts[i];
	}
	resolver.addresses = many;
	const char *all = look_up(AF_UNSPEC, 10 * SECOND, &err);
	size_t blanks = 0;
	for (const char *p = all; *p != '\0'; p++) {
		blanks += *p == ' ';
	}
	ck_assert_uint_eq(blanks + 1, ENVOI_LIMIT_HOST_ADDRESSES);
}
END_TEST

/* With a child, and where none can be had. */
START_TEST(failures_are_those_of_the_resolver)
{
	static const struct {
		int eai, sys;
		enum envoi_status status;
		const char *words;
	} cases[] = {
		{EAI_NONAME, 0, ENVOI_STATUS_NOHOST, "host 'mx' does not exist"},
		{EAI_AGAIN, 0, ENVOI_STATUS_TEMPORARY, "cannot be looked up now"},
		{EAI_FAIL, 0, ENVOI_STATUS_TEMPORARY, "cannot be looked up now"},
		{EAI_MEMORY, 0, ENVOI_STATUS_SYSTEM, "out of memory"},
		{EAI_SYSTEM, EMFILE, ENVOI_STATUS_SYSTEM, "cannot be looked up"},
		{EAI_SYSTEM, EIO, ENVOI_STATUS_TEMPORARY, "cannot be looked up"},
	};
	resolver.addresses = NULL;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int alone = 0; alone < 3; alone++) {
			struct envoi_error err;
			resolver.eai = cases[i].eai;
			resolver.sys = cases[i].sys;
			no_fork = alone == 1;
			no_pipe = alone == 2;
			ck_assert_str_eq(look_up(AF_UNSPEC, 10 * SECOND, &err), "");
			ck_assert_int_eq(err.status, cases[i].status);
			ck_assert_int_eq(err.sys, cases[i].sys);
			ck_assert_ptr_nonnull(strstr(err.text, cases[i].words));
		}
	}
}
END_TEST

START_TEST(without_a_child_it_is_done_here)
{
	for (int i = 0; i < 2; i++) {
		struct envoi_error err;
		no_fork = i == 0;
		no_pipe = i == 1;
		ck_assert_str_eq(
			look_up(AF_UNSPEC, 10 * SECOND, &err), "192.0.2.1 2001:db8::1");
		ck_assert_int_eq(last_child, 0);
	}
}
END_TEST

START_TEST(no_answer_until_the_deadline)
{
	struct envoi_error err;
	resolver.hangs = true;
	ck_assert_str_eq(look_up(AF_UNSPEC, SECOND / 50, &err), "");
	ck_assert_int_eq(err.status, ENVOI_STATUS_TEMPORARY);
	ck_assert_str_eq(err.text,
		"host 'mx' cannot be looked up now: no answer for 0.02 s (connect)");
}
END_TEST

START_TEST(a_resolver_that_dies)
{
	static const int deaths[] = {SIGKILL, SIGTERM, SIGABRT, SIGPIPE, SIGALRM};
	for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
		struct envoi_error err;
		resolver.death = deaths[i];
		const char *found = look_up(AF_UNSPEC, 10 * SECOND, &err);
		if (deaths[i] == SIGTERM) {
			/* Ignored, see below. */
			ck_assert_str_eq(found, "192.0.2.1 2001:db8::1");
			continue;
		}
		ck_assert_str_eq(found, "");
		ck_assert_int_eq(err.status, ENVOI_STATUS_TEMPORARY);
		ck_assert_str_eq(
			err.text, "host 'mx' cannot be looked up now: the resolver died");
	}
}
END_TEST

START_TEST(freed_at_any_time)
{
	for (int hangs = 0; hangs < 2; hangs++) {
		struct envoi_error err;
		size_t before = open_descriptors();
		resolver.hangs = hangs == 1;
		struct envoi_lookup *lookup =
			envoi_lookup_new(&server, AF_UNSPEC, 0, SECOND, &err);
		ck_assert_ptr_nonnull(lookup);
		if (hangs == 0) {
			/* The answer is there, and nobody has read it. */
			struct pollfd pfd = envoi_lookup_poll(lookup);
			ck_assert_int_eq(poll(&pfd, 1, 10000), 1);
		}
		envoi_lookup_free(lookup);
		check_no_child();
		ck_assert_uint_eq(open_descriptors(), before);
	}
	envoi_lookup_free(NULL);
}
END_TEST

/* The system reaps the child itself, and it is not waited for in vain. */
START_TEST(where_sigchld_is_ignored)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	struct envoi_error err;
	ck_assert_int_eq(sigaction(SIGCHLD, &ignore, &before), 0);
	ck_assert_str_eq(look_up(AF_UNSPEC, 10 * SECOND, &err), "192.0.2.1 2001:db8::1");
	resolver.hangs = true;
	ck_assert_str_eq(look_up(AF_UNSPEC, SECOND / 50, &err), "");
	ck_assert_int_eq(sigaction(SIGCHLD, &before, NULL), 0);
}
END_TEST

static void note_signal(int number)
{
	(void)number;
}

/* A signal for the whole group: it is the parent that decides. */
START_TEST(a_signal_for_the_group_leaves_the_child_alone)
{
	struct sigaction handled = {.sa_handler = note_signal}, before[2];
	char folder[] = "/tmp/lookup-XXXXXX", fifo[64];
	struct envoi_endpoint *list = NULL;
	size_t count = 0;
	struct envoi_error err;
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	(void)setpgid(0, 0);
	ck_assert_int_eq(getpgrp(), getpid());
	(void)sigaction(SIGINT, &handled, &before[0]);
	(void)sigaction(SIGTERM, &handled, &before[1]);
	resolver.fifo = fifo;
	struct envoi_lookup *lookup = envoi_lookup_new(
		&server, AF_UNSPEC, 0, envoi_clock_now() + 10 * SECOND, &err);
	ck_assert_ptr_nonnull(lookup);
	ck_assert_int_eq(kill(0, SIGINT), 0);
	ck_assert_int_eq(kill(0, SIGTERM), 0);
	/* Waits until the child is there, and lets it go on. */
	int fd = open(fifo, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_eq(wait_for(lookup, &list, &count, &err), ENVOI_LOOKUP_DONE);
	ck_assert_uint_eq(count, 2);
	free(list);
	envoi_lookup_free(lookup);
	(void)sigaction(SIGINT, &before[0], NULL);
	(void)sigaction(SIGTERM, &before[1], NULL);
	ck_assert_int_eq(unlink(fifo), 0);
	ck_assert_int_eq(rmdir(folder), 0);
	check_no_child();
}
END_TEST

/* Where the standard descriptors are closed the pipe is among them. */
START_TEST(with_the_standard_descriptors_closed)
{
	int kept[3];
	struct envoi_error err;
	char found[100];
	for (int fd = 0; fd < 3; fd++) {
		kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
		ck_assert_int_ge(kept[fd], 10);
		(void)close(fd);
	}
	(void)snprintf(found, sizeof(found), "%s", look_up(AF_UNSPEC, SECOND * 10, &err));
	for (int fd = 0; fd < 3; fd++) {
		ck_assert_int_eq(dup2(kept[fd], fd), fd);
		(void)close(kept[fd]);
	}
	ck_assert_str_eq(found, "192.0.2.1 2001:db8::1");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lookup");
	TCase *tcase = tcase_create("lookup");
	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, addresses_come_from_a_child);
	tcase_add_test(tcase, families_are_interleaved_and_the_number_is_bounded);
	tcase_add_test(tcase, failures_are_those_of_the_resolver);
	tcase_add_test(tcase, without_a_child_it_is_done_here);
	tcase_add_test(tcase, no_answer_until_the_deadline);
	tcase_add_test(tcase, a_resolver_that_dies);
	tcase_add_test(tcase, freed_at_any_time);
	tcase_add_test(tcase, where_sigchld_is_ignored);
	tcase_add_test(tcase, a_signal_for_the_group_leaves_the_child_alone);
	tcase_add_test(tcase, with_the_standard_descriptors_closed);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
