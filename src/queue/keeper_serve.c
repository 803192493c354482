/*
 * What a keeper does: the only code that has the group of the spool; see
 * <envoi/keeper.h>. Who asks is the program itself, and is not trusted: it has read
 * what the user gave it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/gnu.h"
#include "queue/keeper.h"

struct keeping {
	int socket;
	const char *path;
	/** NULL: not asked for yet. */
	struct envoi_queue *queue;
	/** The draft, and its name in tmp/ if it has one; fd -1: there is none. */
	char id[ENVOI_QUEUE_ID_SIZE];
	int fd;
	bool named;
};

static void answer(
	const struct keeping *keeping, const struct keeper_reply *reply, int fd)
{
	size_t n = offsetof(struct keeper_reply, names)
		   + reply->count * sizeof(reply->names[0]);
	(void)envoi_keeper_send(keeping->socket, reply, n, fd);
}

static void answer_errno(const struct keeping *keeping, int result)
{
	const struct keeper_reply reply = {.sys = result == 0 ? 0 : errno};
	answer(keeping, &reply, -1);
}

static void answer_error(const struct keeping *keeping, const struct envoi_error *err)
{
	struct keeper_reply reply = {0};
	reply.error = *err;
	answer(keeping, &reply, -1);
}

/* -- drafts ------------------------------------------------------------------------ */

static void drop(struct keeping *keeping)
{
	if (keeping->fd >= 0) {
		envoi_folder_drop(keeping->queue, keeping->named ? keeping->id : NULL);
		(void)close(keeping->fd);
	}
	keeping->fd = -1;
}

static void make(struct keeping *keeping, const char *id)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct keeper_reply reply = {0};
	drop(keeping);
	memcpy(keeping->id, id, sizeof(keeping->id));
	keeping->fd = envoi_folder_make(keeping->queue, id, &keeping->named, &err);
	if (keeping->fd < 0) {
		answer_error(keeping, &err);
		return;
	}
	reply.named = keeping->named;
	answer(keeping, &reply, keeping->fd);
}

/* What the user has in a folder. */
static int count_own(struct keeping *keeping, enum envoi_queue_place place,
	size_t *messages, uint64_t *octets, struct envoi_error *err)
{
	struct envoi_names names = {0};
	struct stat st;
	int result = envoi_folder_names(keeping->queue, place, &names, err);
	for (size_t i = 0; result == 0 && i < names.count; i++) {
		if (envoi_folder_stat(keeping->queue, place, names.list[i], &st) == 0
			&& st.st_uid == getuid()) {
			(*messages)++;
			*octets += (uint64_t)st.st_size;
		}
	}
	free(names.list);
	return result;
}

/* Two that come in at once may both be the last one: it is no exact limit. */
static int check_limits(struct keeping *keeping, struct envoi_error *err)
{
	struct stat st;
	size_t messages = 1;
	if (fstat(keeping->fd, &st) != 0) {
		return envoi_folder_trouble(keeping->queue, err);
	}
	uint64_t octets = (uint64_t)st.st_size;
	if (count_own(keeping, ENVOI_QUEUE_MAIL, &messages, &octets, err) != 0
		|| count_own(keeping, ENVOI_QUEUE_FAILED, &messages, &octets, err) != 0) {
		return -1;
	}
	if (messages <= ENVOI_KEEPER_MESSAGES && octets <= ENVOI_KEEPER_OCTETS) {
		return 0;
	}
	(void)envoi_error_set(err, ENVOI_STATUS_AUTH,
		"you have too many messages in queue '%s': %zu of %zu, %ju of %ju octets",
		keeping->path, messages, (size_t)ENVOI_KEEPER_MESSAGES, (uintmax_t)octets,
		(uintmax_t)ENVOI_KEEPER_OCTETS);
	envoi_error_hint(err, "mailq lists them");
	return -1;
}

static void publish(struct keeping *keeping, const char *id)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (keeping->fd < 0) {
		errno = ESRCH;
		answer_errno(keeping, -1);
		return;
	}
	int result = check_limits(keeping, &err);
	if (result == 0) {
		result = envoi_folder_publish(keeping->queue, keeping->id, id,
			keeping->fd, &keeping->named, &err);
	}
	if (result == 0) {
		/* Its lock is the other one's, who has the file open, too. */
		(void)close(keeping->fd);
		keeping->fd = -1;
	}
	drop(keeping);
	answer_error(keeping, &err);
}

/* -- messages ---------------------------------------------------------------------- */

/* Another one's is not there. */
static bool is_own(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_nlink == 1 && st->st_uid == getuid();
}

static int find(const struct keeping *keeping, const struct keeper_request *request,
	struct stat *st)
{
	int result = envoi_folder_stat(keeping->queue, request->place, request->id, st);
	if (result == 0 && !is_own(st)) {
		errno = ENOENT;
		return -1;
	}
	return result;
}

static void open_own(const struct keeping *keeping, const struct keeper_request *request)
{
	struct keeper_reply reply = {0};
	struct stat st;
	int fd = find(keeping, request, &st) == 0 ? envoi_folder_open(
			 keeping->queue, request->place, request->id, true)
						  : -1;
	if (fd >= 0 && (fstat(fd, &st) != 0 || !is_own(&st))) {
		(void)close(fd);
		errno = ENOENT;
		fd = -1;
	}
	reply.sys = fd < 0 ? errno : 0;
	answer(keeping, &reply, fd);
	if (fd >= 0) {
		(void)close(fd);
	}
}

static void stat_own(const struct keeping *keeping, const struct keeper_request *request)
{
	struct keeper_reply reply = {0};
	struct stat st;
	if (find(keeping, request, &st) != 0) {
		reply.sys = errno;
	} else {
		reply.device = (uint64_t)st.st_dev;
		reply.inode = (uint64_t)st.st_ino;
	}
	answer(keeping, &reply, -1);
}

static void move_own(const struct keeping *keeping, const struct keeper_request *request)
{
	struct stat st;
	bool moved = false;
	int result = find(keeping, request, &st);
	if (result == 0
		&& (request->place != ENVOI_QUEUE_FAILED
			|| request->to != ENVOI_QUEUE_MAIL)) {
		/* To be tried again. The other way is the runner's. */
		errno = EPERM;
		result = -1;
	}
	if (result == 0) {
		result = envoi_folder_move(
			keeping->queue, request->place, request->to, request->id, &moved);
	}
	answer_errno(keeping, result);
}

static void remove_own(
	const struct keeping *keeping, const struct keeper_request *request)
{
	struct stat st;
	int result = find(keeping, request, &st);
	if (result == 0) {
		result = envoi_folder_remove(
			keeping->queue, request->place, request->id, true);
	}
	answer_errno(keeping, result);
}

static void tell_names(const struct keeping *keeping, enum envoi_queue_place place)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_names names = {0};
	struct keeper_reply reply = {0};
	struct stat st;
	if (envoi_folder_names(keeping->queue, place, &names, &err) != 0) {
		answer_error(keeping, &err);
		free(names.list);
		return;
	}
	for (size_t i = 0; i < names.count; i++) {
		if (envoi_folder_stat(keeping->queue, place, names.list[i], &st) != 0
			|| !is_own(&st)) {
			continue;
		}
		memcpy(reply.names[reply.count++], names.list[i], sizeof(reply.names[0]));
		if (reply.count == KEEPER_NAMES_AT_ONCE) {
			answer(keeping, &reply, -1);
			reply.count = 0;
		}
	}
	free(names.list);
	if (reply.count > 0) {
		answer(keeping, &reply, -1);
		reply.count = 0;
	}
	answer(keeping, &reply, -1);
}

/* A name that is no message's comes and goes. */
static void wake(const struct keeping *keeping)
{
	static const char name[] = "wake";
	int mail = keeping->queue->places[ENVOI_QUEUE_MAIL];
	(void)unlinkat(mail, name, 0);
	int fd = openat(mail, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		S_IRUSR | S_IWUSR);
	int result = fd >= 0 || errno == EEXIST ? 0 : -1;
	answer_errno(keeping, result);
	if (fd >= 0) {
		(void)unlinkat(mail, name, 0);
		(void)close(fd);
	}
}

/* -- orders ------------------------------------------------------------------------ */

static int open_spool(struct keeping *keeping, struct envoi_error *err)
{
	const struct envoi_queue_options options = {.shared = true};
	if (keeping->queue != NULL) {
		return 0;
	}
	return envoi_queue_open(keeping->path, &options, &keeping->queue, err);
}

static bool is_in_order(const struct keeper_request *request)
{
	bool id = request->order == KEEPER_MAKE || request->order == KEEPER_PUBLISH
		  || request->order == KEEPER_OPEN || request->order == KEEPER_STAT
		  || request->order == KEEPER_MOVE || request->order == KEEPER_REMOVE;
	return (unsigned)request->order < KEEPER_ORDERS
	       && (request->place == ENVOI_QUEUE_MAIL
		       || request->place == ENVOI_QUEUE_FAILED)
	       && memchr(request->id, '\0', sizeof(request->id)) != NULL
	       && (!id || envoi_queue_is_id(request->id));
}

static void act(struct keeping *keeping, const struct keeper_request *request)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	if (open_spool(keeping, &err) != 0) {
		answer_error(keeping, &err);
		return;
	}
	switch (request->order) {
	case KEEPER_MAKE:
		make(keeping, request->id);
		return;
	case KEEPER_DROP:
		drop(keeping);
		answer_error(keeping, &err);
		return;
	case KEEPER_PUBLISH:
		publish(keeping, request->id);
		return;
	case KEEPER_NAMES:
		tell_names(keeping, request->place);
		return;
	case KEEPER_OPEN:
		open_own(keeping, request);
		return;
	case KEEPER_STAT:
		stat_own(keeping, request);
		return;
	case KEEPER_MOVE:
		move_own(keeping, request);
		return;
	case KEEPER_REMOVE:
		remove_own(keeping, request);
		return;
	case KEEPER_WAKE:
		wake(keeping);
		return;
	case KEEPER_OPEN_SPOOL:
	case KEEPER_ORDERS:
		break;
	}
	answer_error(keeping, &err);
}

void envoi_keeper_serve(int socket, const char *path)
{
	struct keeping keeping = {.socket = socket, .path = path, .fd = -1};
	struct keeper_request request;
	for (;;) {
		ssize_t got = recv(socket, &request, sizeof(request), 0);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got != (ssize_t)sizeof(request)) {
			break;
		}
		if (is_in_order(&request)) {
			act(&keeping, &request);
		} else {
			errno = ENOENT;
			answer_errno(&keeping, -1);
		}
	}
	drop(&keeping);
	envoi_queue_close(keeping.queue);
}
