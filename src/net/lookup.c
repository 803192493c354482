/*
 * Looking a name up in a child process; see the header. Owns the child and the
 * reading end of its pipe. The child is this program's own image, so what it
 * sends is believed; but it may die (a module of the resolver is not ours), and
 * then the pipe ends early.
 */
#include "net/lookup.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/gnu.h"
#include "base/limits.h"
#include "base/socket.h"

/* Where the child has its end of the pipe; above there is nothing open. */
#define CHILD_FD 3

/* What comes through the pipe, as it is in memory. */
struct answer {
	int result;
	struct envoi_error err;
	size_t count;
	struct envoi_endpoint list[ENVOI_LIMIT_HOST_ADDRESSES];
};

struct envoi_lookup {
	const struct envoi_server *server;
	int family;
	int64_t began;
	int64_t deadline;
	/** 0: none. */
	pid_t child;
	/** -1: the answer is whole, or will not come. */
	int fd;
	/** Octets of the answer that are there. */
	size_t length;
	struct answer answer;
};

static void ask(struct envoi_lookup *lookup)
{
	struct answer *answer = &lookup->answer;
	answer->result = envoi_resolve_name(lookup->server, lookup->family, answer->list,
		&answer->count, &answer->err);
}

/* A signal to the group is the parent's, who ends this process. The alarm is
 * for when that one is killed. */
static void set_signals(int64_t wait_us)
{
	static const struct {
		int number;
		void (*handler)(int);
	} signals[] = {{SIGINT, SIG_IGN}, {SIGTERM, SIG_IGN}, {SIGPIPE, SIG_DFL},
		{SIGALRM, SIG_DFL}, {SIGCHLD, SIG_DFL}};
	sigset_t none;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction action = {.sa_handler = signals[i].handler};
		(void)sigemptyset(&action.sa_mask);
		(void)sigaction(signals[i].number, &action, NULL);
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)alarm(wait_us < 3600000000 ? (unsigned)(wait_us / 1000000) + 2 : 3600);
}

/* Keeps the pipe only: a connection that its owner closes must be closed, and
 * nobody is to wait for the end of an output that this process holds. */
static void set_descriptors(int out)
{
	if (out != CHILD_FD && dup2(out, CHILD_FD) != CHILD_FD) {
		_exit(1);
	}
	envoi_gnu_close_from(CHILD_FD + 1);
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; null >= 0 && fd < CHILD_FD; fd++) {
		if (fd != null) {
			(void)dup2(null, fd);
		}
	}
	if (null > CHILD_FD) {
		(void)close(null);
	}
}

static _Noreturn void be_child(struct envoi_lookup *lookup, int out)
{
	set_signals(lookup->deadline - lookup->began);
	set_descriptors(out);
	ask(lookup);
	const char *bytes = (const char *)&lookup->answer;
	size_t left = sizeof(lookup->answer);
	while (left > 0) {
		ssize_t n = write(CHILD_FD, bytes, left);
		if (n < 0 && errno != EINTR) {
			_exit(1);
		}
		bytes += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	/* Not exit(): buffers and handlers are the parent's. */
	_exit(0);
}

/* 0, or -1: no pipe, no process. */
static int start_child(struct envoi_lookup *lookup)
{
	int ends[2];
	if (pipe(ends) != 0) {
		return -1;
	}
	pid_t child = envoi_socket_prepare(ends[0]) == 0 ? fork() : -1;
	if (child == 0) {
		be_child(lookup, ends[1]);
	}
	(void)close(ends[1]);
	if (child < 0) {
		(void)close(ends[0]);
		return -1;
	}
	lookup->child = child;
	lookup->fd = ends[0];
	return 0;
}

struct envoi_lookup *envoi_lookup_new(const struct envoi_server *server, int family,
	int64_t now, int64_t deadline, struct envoi_error *err)
{
	struct envoi_lookup *lookup = calloc(1, sizeof(*lookup));
	if (lookup == NULL) {
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		return NULL;
	}
	lookup->server = server;
	lookup->family = family;
	lookup->began = now;
	lookup->deadline = deadline;
	lookup->fd = -1;
	if (start_child(lookup) != 0) {
		ask(lookup);
		lookup->length = sizeof(lookup->answer);
	}
	return lookup;
}

/* The pipe ends when the child does. Behind that its number may be another's,
 * where the caller has SIGCHLD ignored and the system reaps. */
static void end_child(struct envoi_lookup *lookup)
{
	struct pollfd pfd = {.fd = lookup->fd, .events = POLLIN};
	if (lookup->child == 0) {
		return;
	}
	if (poll(&pfd, 1, 0) != 1 || (pfd.revents & POLLHUP) == 0) {
		(void)kill(lookup->child, SIGKILL);
	}
	while (waitpid(lookup->child, NULL, 0) < 0 && errno == EINTR) {
	}
	lookup->child = 0;
	(void)close(lookup->fd);
	lookup->fd = -1;
}

void envoi_lookup_free(struct envoi_lookup *lookup)
{
	if (lookup != NULL) {
		end_child(lookup);
		free(lookup);
	}
}

struct pollfd envoi_lookup_poll(const struct envoi_lookup *lookup)
{
	return (struct pollfd){.fd = lookup->fd, .events = POLLIN};
}

int64_t envoi_lookup_deadline(const struct envoi_lookup *lookup)
{
	return lookup->deadline;
}

/* Reads what there is; true when there will be no more. */
static bool read_answer(struct envoi_lookup *lookup)
{
	while (lookup->length < sizeof(lookup->answer)) {
		ssize_t n = read(lookup->fd, (char *)&lookup->answer + lookup->length,
			sizeof(lookup->answer) - lookup->length);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			return false;
		}
		if (n <= 0) {
			break;
		}
		lookup->length += (size_t)n;
	}
	return true;
}

static enum envoi_lookup_step give(const struct answer *answer,
	struct envoi_endpoint **ret_list, size_t *ret_count, struct envoi_error *err)
{
	if (answer->result != 0) {
		*err = answer->err;
		return ENVOI_LOOKUP_FAILED;
	}
	*ret_list = calloc(answer->count, sizeof(**ret_list));
	if (*ret_list == NULL) {
		(void)envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
		return ENVOI_LOOKUP_FAILED;
	}
	memcpy(*ret_list, answer->list, answer->count * sizeof(**ret_list));
	*ret_count = answer->count;
	return ENVOI_LOOKUP_DONE;
}

enum envoi_lookup_step envoi_lookup_step(struct envoi_lookup *lookup, int64_t now,
	struct envoi_endpoint **ret_list, size_t *ret_count, struct envoi_error *err)
{
	const char *host = lookup->server->host;
	if (lookup->child != 0 && !read_answer(lookup)) {
		if (now < lookup->deadline) {
			return ENVOI_LOOKUP_MORE;
		}
		(void)envoi_error_set(err, ENVOI_STATUS_TEMPORARY,
			"host '%s' cannot be looked up now: no answer for %g s (connect)",
			host, (double)(lookup->deadline - lookup->began) / 1e6);
		return ENVOI_LOOKUP_FAILED;
	}
	end_child(lookup);
	if (lookup->length < sizeof(lookup->answer)) {
		(void)envoi_error_set(err, ENVOI_STATUS_TEMPORARY,
			"host '%s' cannot be looked up now: the resolver died", host);
		return ENVOI_LOOKUP_FAILED;
	}
	return give(&lookup->answer, ret_list, ret_count, err);
}
