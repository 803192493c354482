/*
 * hostile SPOOL ID: a program whose side without rights was taken over, and asks the
 * keeper for all it can think of. ID is another user's message. Set-gid, run by a
 * user who is nobody.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/gnu.h"
#include "queue/keeper.h"

static int end;

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
	return 1;
}
#endif

static _Noreturn void fail(const char *what, int order)
{
	printf("%s (order %d)\n", what, order);
	exit(1);
}

/* The answer, and whether a file came with it. */
static int receive(struct keeper_reply *reply, bool *file)
{
	union {
		struct cmsghdr head;
		char octets[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {.iov_base = reply, .iov_len = sizeof(*reply)};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.octets,
		.msg_controllen = sizeof(control.octets),
	};
	memset(reply, 0, sizeof(*reply));
	ssize_t got = recvmsg(end, &message, 0);
	*file = got > 0 && CMSG_FIRSTHDR(&message) != NULL;
	return got > 0 ? 0 : -1;
}

static bool is_refused(const struct keeper_reply *reply)
{
	return reply->sys != 0 || reply->error.status != ENVOI_STATUS_OK;
}

static void refused(int order, int place, int to, const char *id)
{
	struct keeper_request request = {
		.order = (enum keeper_order)order,
		.place = (enum envoi_queue_place)place,
		.to = (enum envoi_queue_place)to,
	};
	struct keeper_reply reply;
	bool file;
	memcpy(request.id, id, strnlen(id, sizeof(request.id)));
	if (envoi_keeper_send(end, &request, sizeof(request), open("/dev/null", O_RDONLY))
			!= 0
		|| receive(&reply, &file) != 0) {
		fail("no answer", order);
	}
	if (!is_refused(&reply)) {
		fail("done", order);
	}
	if (file) {
		fail("a file was given away", order);
	}
}

static void done(int order, const char *id, bool wants_file)
{
	struct keeper_request request = {.order = (enum keeper_order)order};
	struct keeper_reply reply;
	bool file;
	memcpy(request.id, id, strlen(id));
	if (envoi_keeper_send(end, &request, sizeof(request), -1) != 0
		|| receive(&reply, &file) != 0 || is_refused(&reply)
		|| file != wants_file) {
		fail("not done", order);
	}
}

static void check_names(int place)
{
	const struct keeper_request request = {
		.order = KEEPER_NAMES, .place = (enum envoi_queue_place)place};
	struct keeper_reply reply;
	bool file;
	(void)envoi_keeper_send(end, &request, sizeof(request), -1);
	if (receive(&reply, &file) != 0 || reply.count != 0) {
		fail("a name was told", KEEPER_NAMES);
	}
}

static void ask_all(const char *id)
{
	static const char mine[] = "0123456789abcdefghijklmno0";
	static const char *const bad[] = {"", "../mail/x", "..", "/etc/passwd", "wake",
		"0123456789abcdefghijklmno", "0123456789ABCDEFGHIJKLMNOP",
		"0123456789abcdefghijklmno0x", "../../../../../../etc/group"};
	static const int with_id[] = {KEEPER_MAKE, KEEPER_PUBLISH, KEEPER_OPEN,
		KEEPER_STAT, KEEPER_MOVE, KEEPER_REMOVE};
	for (size_t i = 0; i < sizeof(with_id) / sizeof(with_id[0]); i++) {
		for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
			refused(with_id[i], 0, 0, bad[j]);
		}
		refused(with_id[i], ENVOI_QUEUE_CORRUPT, 0, id);
		refused(with_id[i], 77, 0, id);
		refused(with_id[i], -1, 0, id);
	}
	for (int order = KEEPER_OPEN; order <= KEEPER_REMOVE; order++) {
		refused(order, ENVOI_QUEUE_MAIL, ENVOI_QUEUE_FAILED, id);
		refused(order, ENVOI_QUEUE_FAILED, ENVOI_QUEUE_MAIL, id);
		refused(order, ENVOI_QUEUE_MAIL, ENVOI_QUEUE_CORRUPT, id);
	}
	refused(KEEPER_ORDERS, 0, 0, id);
	refused(-1, 0, 0, id);
	refused(KEEPER_PUBLISH, 0, 0, mine);
	done(KEEPER_MAKE, mine, true);
	/* Over another one's: the name is taken, and the draft gone. */
	refused(KEEPER_PUBLISH, 0, 0, id);
	refused(KEEPER_PUBLISH, 0, 0, mine);
	done(KEEPER_MAKE, id, true);
	refused(KEEPER_PUBLISH, 0, 0, id);
	check_names(ENVOI_QUEUE_MAIL);
	check_names(ENVOI_QUEUE_FAILED);
	done(KEEPER_MAKE, mine, true);
	done(KEEPER_DROP, mine, false);
	refused(KEEPER_PUBLISH, 0, 0, mine);
	done(KEEPER_WAKE, mine, false);
}

int main(int argc, char **argv)
{
	int ends[2];
	if (argc != 3 || getegid() == getgid()
		|| socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) {
		fail("not as it is to be started", -1);
	}
	pid_t child = fork();
	if (child == 0) {
		(void)close(ends[0]);
		envoi_keeper_serve(ends[1], argv[1]);
		_exit(0);
	}
	(void)close(ends[1]);
	end = ends[0];
	if (envoi_gnu_drop_ids() != 0 || setegid(getgid()) != 0) {
		fail("still with the group", -1);
	}
	ask_all(argv[2]);
	/* What is no request at all ends it. */
	struct keeper_reply reply;
	bool file;
	if (send(end, "x", 1, MSG_NOSIGNAL) != 1 || receive(&reply, &file) == 0) {
		fail("an answer to nothing", -1);
	}
	int status = 1;
	if (waitpid(child, &status, 0) != child || status != 0) {
		fail("the keeper died", -1);
	}
	puts("nothing given away");
	return 0;
}
