/*
 * Starting a keeper, and asking it; see <envoi/keeper.h> and keeper.h.
 *
 * When it is gone, nothing of what was asked for is known to have been done: a
 * message it may have given a name to is made void, so that what is told to be not
 * in the queue is not.
 */
#include "queue/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/gnu.h"

struct envoi_keeper {
	int socket;
	pid_t child;
	/** Whose files it may make. */
	uid_t user;
};

/* -- packets ----------------------------------------------------------------------- */

int envoi_keeper_send(int socket, const void *data, size_t n, int fd)
{
	union {
		struct cmsghdr head;
		char octets[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = n};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd >= 0) {
		message.msg_control = control.octets;
		message.msg_controllen = sizeof(control.octets);
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	}
	ssize_t sent;
	do {
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)n ? 0 : -1;
}

/* -1: none came. */
static int take_descriptor(struct msghdr *message)
{
	int fd = -1;
	struct cmsghdr *head = CMSG_FIRSTHDR(message);
	if (head != NULL && head->cmsg_level == SOL_SOCKET
		&& head->cmsg_type == SCM_RIGHTS
		&& head->cmsg_len == CMSG_LEN(sizeof(int))) {
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	return fd;
}

/* -1 with errno: EPIPE, it is gone. */
static int receive(const struct envoi_keeper *keeper, struct keeper_reply *reply, int *fd)
{
	union {
		struct cmsghdr head;
		char octets[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = reply, .iov_len = sizeof(*reply)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.octets,
		.msg_controllen = sizeof(control.octets),
	};
	ssize_t got;
	memset(reply, 0, sizeof(*reply));
	do {
		got = recvmsg(keeper->socket, &message, 0);
	} while (got < 0 && errno == EINTR);
	*fd = got > 0 ? take_descriptor(&message) : -1;
	if (got < (ssize_t)offsetof(struct keeper_reply, names)) {
		errno = EPIPE;
		return -1;
	}
	if (*fd < 0 && (message.msg_flags & MSG_CTRUNC) != 0) {
		/* It came, and there is no room for it. */
		errno = EMFILE;
		return -1;
	}
	return 0;
}

/* An order and its answer; *fd may come with it. -1 with errno, EPIPE as above. */
static int ask(const struct envoi_keeper *keeper, const struct keeper_request *request,
	struct keeper_reply *reply, int *fd)
{
	*fd = -1;
	memset(reply, 0, sizeof(*reply));
	if (envoi_keeper_send(keeper->socket, request, sizeof(*request), -1) != 0) {
		errno = EPIPE;
		return -1;
	}
	if (receive(keeper, reply, fd) != 0) {
		return -1;
	}
	errno = reply->sys;
	return reply->sys == 0 && reply->error.status == ENVOI_STATUS_OK ? 0 : -1;
}

/* Of an order that -1 came of. */
static int tell(const struct keeper_reply *reply, struct envoi_error *err)
{
	int sys = errno;
	if (reply->error.status != ENVOI_STATUS_OK) {
		*err = reply->error;
		return -1;
	}
	return envoi_error_sys(err,
		sys == EMFILE || sys == ENFILE ? ENVOI_STATUS_SYSTEM
					       : ENVOI_STATUS_TEMPORARY,
		sys, "the process that has access to the queue");
}

static struct keeper_request order_for(
	enum keeper_order order, enum envoi_queue_place place, const char *id)
{
	struct keeper_request request = {.order = order, .place = place};
	if (envoi_queue_is_id(id)) {
		memcpy(request.id, id, sizeof(request.id));
	}
	return request;
}

static int ask_plainly(struct envoi_keeper *keeper, const struct keeper_request *request,
	struct keeper_reply *reply)
{
	int fd = -1;
	int result = ask(keeper, request, reply, &fd);
	if (fd >= 0) {
		(void)close(fd);
	}
	return result;
}

/* -- orders ------------------------------------------------------------------------ */

int envoi_keeper_check(struct envoi_keeper *keeper, struct envoi_error *err)
{
	const struct keeper_request request = {.order = KEEPER_OPEN_SPOOL};
	struct keeper_reply reply;
	return ask_plainly(keeper, &request, &reply) == 0 ? 0 : tell(&reply, err);
}

int envoi_keeper_wake(struct envoi_keeper *keeper, struct envoi_error *err)
{
	const struct keeper_request request = {.order = KEEPER_WAKE};
	struct keeper_reply reply;
	return ask_plainly(keeper, &request, &reply) == 0 ? 0 : tell(&reply, err);
}

int envoi_keeper_make(struct envoi_keeper *keeper, const char *id, bool *ret_named,
	struct envoi_error *err)
{
	const struct keeper_request request =
		order_for(KEEPER_MAKE, ENVOI_QUEUE_MAIL, id);
	struct keeper_reply reply;
	int fd = -1;
	if (ask(keeper, &request, &reply, &fd) != 0 || fd < 0) {
		errno = errno != 0 ? errno : EPROTO;
		(void)tell(&reply, err);
		return -1;
	}
	*ret_named = reply.named;
	return fd;
}

void envoi_keeper_drop(struct envoi_keeper *keeper)
{
	const struct keeper_request request = {.order = KEEPER_DROP};
	struct keeper_reply reply;
	(void)ask_plainly(keeper, &request, &reply);
}

int envoi_keeper_publish(
	struct envoi_keeper *keeper, const char *id, int fd, struct envoi_error *err)
{
	const struct keeper_request request =
		order_for(KEEPER_PUBLISH, ENVOI_QUEUE_MAIL, id);
	struct keeper_reply reply;
	if (ask_plainly(keeper, &request, &reply) == 0) {
		return 0;
	}
	(void)tell(&reply, err);
	if (reply.error.status == ENVOI_STATUS_OK) {
		/* Without an answer it may have its name. It is ours, and locked. */
		(void)ftruncate(fd, 0);
		(void)fsync(fd);
	}
	return -1;
}

int envoi_keeper_open(
	struct envoi_keeper *keeper, enum envoi_queue_place place, const char *id)
{
	const struct keeper_request request = order_for(KEEPER_OPEN, place, id);
	struct keeper_reply reply;
	int fd = -1;
	if (ask(keeper, &request, &reply, &fd) == 0 && fd < 0) {
		errno = EPROTO;
	}
	return fd;
}

int envoi_keeper_stat(struct envoi_keeper *keeper, enum envoi_queue_place place,
	const char *id, struct stat *ret_stat)
{
	const struct keeper_request request = order_for(KEEPER_STAT, place, id);
	struct keeper_reply reply;
	if (ask_plainly(keeper, &request, &reply) != 0) {
		return -1;
	}
	/* What is not a user's own regular file is not there for him. */
	*ret_stat = (struct stat){
		.st_mode = S_IFREG,
		.st_nlink = 1,
		.st_uid = keeper->user,
		.st_dev = (dev_t)reply.device,
		.st_ino = (ino_t)reply.inode,
	};
	return 0;
}

int envoi_keeper_move(struct envoi_keeper *keeper, enum envoi_queue_place from,
	enum envoi_queue_place to, const char *id)
{
	struct keeper_request request = order_for(KEEPER_MOVE, from, id);
	struct keeper_reply reply;
	request.to = to;
	return ask_plainly(keeper, &request, &reply);
}

int envoi_keeper_remove(
	struct envoi_keeper *keeper, enum envoi_queue_place place, const char *id)
{
	const struct keeper_request request = order_for(KEEPER_REMOVE, place, id);
	struct keeper_reply reply;
	return ask_plainly(keeper, &request, &reply);
}

int envoi_keeper_names(struct envoi_keeper *keeper, enum envoi_queue_place place,
	struct envoi_names *names, struct envoi_error *err)
{
	const struct keeper_request request = {.order = KEEPER_NAMES, .place = place};
	struct keeper_reply reply;
	int fd = -1;
	int result = ask(keeper, &request, &reply, &fd);
	while (result == 0 && reply.count > 0) {
		for (size_t i = 0; i < reply.count && i < KEEPER_NAMES_AT_ONCE; i++) {
			if (envoi_names_add(names, reply.names[i], err) != 0) {
				return -1;
			}
		}
		result = receive(keeper, &reply, &fd);
	}
	return result == 0 ? 0 : tell(&reply, err);
}

/* -- starting and ending ----------------------------------------------------------- */

/* In the child: nothing of what was inherited stays, but for the socket. */
static _Noreturn void be_keeper(int socket, const char *path)
{
	/* Who ends the group of processes, as a terminal does, does not mean us: we
	 * end with the process that asks, and not inside of an order. */
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM,
		SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ};
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		(void)signal(ignored[i], SIG_IGN);
	}
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (socket != 3 && dup2(socket, 3) != 3) {
		_exit(1);
	}
	envoi_gnu_close_from(4);
	for (int fd = 0; fd < 3; fd++) {
		(void)close(fd);
		(void)open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
	}
	if (chdir("/") != 0) {
		_exit(1);
	}
	(void)umask(S_IWOTH | S_IROTH | S_IXOTH);
	envoi_keeper_serve(3, path);
	_exit(0);
}

static int start(
	const char *path, struct envoi_keeper **ret_keeper, struct envoi_error *err)
{
	int ends[2] = {-1, -1};
	sigset_t all, before;
	struct envoi_keeper *keeper = calloc(1, sizeof(*keeper));
	if (keeper == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) {
		free(keeper);
		return envoi_error_sys(err, ENVOI_STATUS_SYSTEM, errno,
			"cannot start what has access to the queue");
	}
	keeper->socket = ends[0];
	keeper->user = getuid();
	(void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	/* None ends the child before it has said which it ignores. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	keeper->child = fork();
	if (keeper->child == 0) {
		be_keeper(ends[1], path);
	}
	int sys = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)close(ends[1]);
	if (keeper->child < 0) {
		(void)close(ends[0]);
		free(keeper);
		return envoi_error_sys(err, ENVOI_STATUS_SYSTEM, sys,
			"cannot start what has access to the queue");
	}
	*ret_keeper = keeper;
	return 0;
}

int envoi_keeper_start(
	const char *path, struct envoi_keeper **ret_keeper, struct envoi_error *err)
{
	bool group = getegid() != getgid();
	bool user = geteuid() != getuid();
	int result = 0;
	*ret_keeper = NULL;
	if (group || user) {
		envoi_gnu_hide();
	}
	/* Not with two rights at once: nobody has thought of that. */
	if (group && !user) {
		result = start(path, ret_keeper, err);
	}
	if (envoi_gnu_drop_ids() != 0) {
		abort();
	}
	if (group || user) {
		envoi_gnu_hide();
	}
	return result;
}

int envoi_keeper_become(uint32_t user, uint32_t group, struct envoi_error *err)
{
	if (envoi_gnu_become(user, group) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_SYSTEM, errno,
			"cannot become user %lu", (unsigned long)user);
	}
	return 0;
}

void envoi_keeper_free(struct envoi_keeper *keeper)
{
	if (keeper == NULL) {
		return;
	}
	/* A child may have a copy of the descriptor: closing is not enough. */
	(void)shutdown(keeper->socket, SHUT_RDWR);
	(void)close(keeper->socket);
	while (waitpid(keeper->child, NULL, 0) < 0 && errno == EINTR) {
		continue;
	}
	free(keeper);
}
