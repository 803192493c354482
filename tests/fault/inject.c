/*
 * inject SPOOL FAULT N NOTE COMMAND...: runs COMMAND, and its N-th system call
 * from the first one that names SPOOL on fails, or is the last thing it does.
 * Calls that only ask for memory, time or identity are not counted, so that the
 * start of the C library and its allocator do not matter. Under ptrace(2): what is
 * tested is the program as it is built.
 *
 * FAULT: none, killed-before, killed-after, short, or the name of an error. N 0:
 * none. NOTE, a file, gets one line: how many calls were counted, the name of the
 * one with the fault, and what its first argument was open on. Ends as the command
 * does, with 137 when it was killed; with 77 where the kernel cannot do this.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))

#include <linux/ptrace.h>

/* What is transferred, for "short": the argument with the number of octets. */
struct call {
	long number;
	const char *name;
	int path;
	int size;
};

#define CALL(name, path, size)                                                           \
	{                                                                                \
		SYS_##name, #name, path, size                                            \
	}

static const struct call calls[] = {
#ifdef __x86_64__
	CALL(open, 0, -1),
	CALL(access, 0, -1),
	CALL(mkdir, 0, -1),
	CALL(link, 0, -1),
	CALL(rename, 0, -1),
	CALL(unlink, 0, -1),
	CALL(newfstatat, 1, -1),
	CALL(poll, -1, -1),
	CALL(renameat, 1, -1),
	CALL(inotify_init1, -1, -1),
#else
	CALL(ppoll, -1, -1),
#endif
	CALL(openat, 1, -1),
	CALL(faccessat, 1, -1),
	CALL(mkdirat, 1, -1),
	CALL(linkat, 1, -1),
	CALL(renameat2, 1, -1),
	CALL(unlinkat, 1, -1),
	CALL(statx, 1, -1),
	CALL(fstat, -1, -1),
	CALL(fstatfs, -1, -1),
	CALL(getdents64, -1, -1),
	CALL(read, -1, 2),
	CALL(write, -1, 2),
	CALL(readv, -1, -1),
	CALL(writev, -1, -1),
	CALL(pread64, -1, 2),
	CALL(pwrite64, -1, 2),
	CALL(fsync, -1, -1),
	CALL(fdatasync, -1, -1),
	CALL(flock, -1, -1),
	CALL(fcntl, -1, -1),
	CALL(ftruncate, -1, -1),
	CALL(fallocate, -1, -1),
	CALL(fchmod, -1, -1),
	CALL(close, -1, -1),
	CALL(socket, -1, -1),
	CALL(connect, -1, -1),
	CALL(setsockopt, -1, -1),
	CALL(getsockopt, -1, -1),
	CALL(getsockname, -1, -1),
	CALL(sendto, -1, 2),
	CALL(sendmsg, -1, -1),
	CALL(recvfrom, -1, 2),
	CALL(recvmsg, -1, -1),
	CALL(shutdown, -1, -1),
	CALL(getrandom, -1, -1),
	CALL(pipe2, -1, -1),
	CALL(inotify_add_watch, 1, -1),
};

enum kind {
	KIND_NONE,
	KIND_KILL_BEFORE,
	KIND_KILL_AFTER,
	KIND_SHORT,
	KIND_ERROR,
};

static const struct {
	const char *name;
	int code;
} errors[] = {
	{"EIO", EIO},
	{"ENOSPC", ENOSPC},
	{"EINTR", EINTR},
	{"EMFILE", EMFILE},
	{"EDQUOT", EDQUOT},
	{"EROFS", EROFS},
};

static struct {
	const char *spool;
	enum kind kind;
	int code;
	long target;
	long count;
	bool began;
	/** Of the call with the fault. */
	const struct call *met;
	char file[256];
} plan;

static void fail(const char *what)
{
	perror(what);
	exit(77);
}

/* -- registers ------------------------------------------------------------------- */

#ifdef __x86_64__

static void set_number(pid_t pid, long number)
{
	(void)ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), number);
}

static void set_result(pid_t pid, long result)
{
	(void)ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rax), result);
}

static void set_size(pid_t pid, unsigned long size)
{
	(void)ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.rdx), size);
}

#else

static void set_register(pid_t pid, unsigned i, unsigned long value)
{
	struct user_regs_struct regs;
	struct iovec part = {&regs, sizeof(regs)};
	(void)ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part);
	regs.regs[i] = value;
	(void)ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &part);
}

static void set_number(pid_t pid, long number)
{
	int value = (int)number;
	struct iovec part = {&value, sizeof(value)};
	(void)ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &part);
}

static void set_result(pid_t pid, long result)
{
	set_register(pid, 0, (unsigned long)result);
}

static void set_size(pid_t pid, unsigned long size)
{
	set_register(pid, 2, size);
}

#endif

/* -- one call -------------------------------------------------------------------- */

static bool names_spool(pid_t pid, unsigned long at)
{
	char text[512] = "";
	struct iovec here = {text, sizeof(text) - 1}, there = {(void *)at, here.iov_len};
	/* As much as there is up to the end of the page. */
	if (process_vm_readv(pid, &here, 1, &there, 1, 0) < 0) {
		there.iov_len = here.iov_len =
			4096 - at % 4096 < here.iov_len ? 4096 - at % 4096 : here.iov_len;
		(void)process_vm_readv(pid, &here, 1, &there, 1, 0);
	}
	return strncmp(text, plan.spool, strlen(plan.spool)) == 0;
}

static void note_file(pid_t pid, unsigned long fd)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, (int)fd);
	ssize_t n = readlink(path, plan.file, sizeof(plan.file) - 1);
	plan.file[n > 0 ? n : 0] = '\0';
}

/* At the entry of a call. True: it is the one. */
static bool is_target(pid_t pid, const struct ptrace_syscall_info *info)
{
	const struct call *call = NULL;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && call == NULL; i++) {
		call = calls[i].number == (long)info->entry.nr ? &calls[i] : NULL;
	}
	if (call == NULL) {
		return false;
	}
	plan.began =
		plan.began
		|| (call->path >= 0 && names_spool(pid, info->entry.args[call->path]));
	if (!plan.began || ++plan.count != plan.target) {
		return false;
	}
	plan.met = call;
	note_file(pid, info->entry.args[0]);
	return true;
}

/* True: it is dead. */
static bool begin_fault(pid_t pid, const struct ptrace_syscall_info *info)
{
	unsigned long size = info->entry.args[2];
	switch (plan.kind) {
	case KIND_KILL_BEFORE:
		(void)kill(pid, SIGKILL);
		return true;
	case KIND_SHORT:
		if (plan.met->size >= 0 && size > 1) {
			set_size(pid, size / 2);
		}
		return false;
	case KIND_ERROR:
		/* A descriptor is closed in any case. */
		if (plan.met->number != SYS_close) {
			set_number(pid, -1);
		}
		return false;
	default:
		return false;
	}
}

static bool end_fault(pid_t pid)
{
	if (plan.kind == KIND_KILL_AFTER) {
		(void)kill(pid, SIGKILL);
		return true;
	}
	if (plan.kind == KIND_ERROR) {
		set_result(pid, -plan.code);
	}
	return false;
}

/* -- the command ----------------------------------------------------------------- */

/* From one stop to the next until it ends; its wait status. */
static int follow(pid_t pid)
{
	bool faulty = false;
	int status = 0, pass = 0;
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, 0, pass) != 0
			|| waitpid(pid, &status, 0) < 0) {
			return status;
		}
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			return status;
		}
		pass = WSTOPSIG(status);
		if (pass != (SIGTRAP | 0x80)) {
			pass = pass == SIGTRAP ? 0 : pass;
			continue;
		}
		pass = 0;
		struct ptrace_syscall_info info;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0) {
			fail("ptrace");
		}
		bool dead = false;
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY && is_target(pid, &info)) {
			faulty = true;
			dead = begin_fault(pid, &info);
		} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && faulty) {
			faulty = false;
			dead = end_fault(pid);
		}
		if (dead) {
			(void)waitpid(pid, &status, 0);
			return status;
		}
	}
}

static pid_t start(char **command)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) {
			_exit(77);
		}
		(void)raise(SIGSTOP);
		(void)execv(command[0], command);
		_exit(77);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status)
		|| ptrace(PTRACE_SETOPTIONS, pid, 0,
			   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)
			   != 0) {
		fail("ptrace");
	}
	return pid;
}

static void choose(const char *fault)
{
	static const char *const kinds[] = {
		"none", "killed-before", "killed-after", "short"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i], fault) == 0) {
			plan.kind = (enum kind)i;
			return;
		}
	}
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strcmp(errors[i].name, fault) == 0) {
			plan.kind = KIND_ERROR;
			plan.code = errors[i].code;
			return;
		}
	}
	(void)fprintf(stderr, "no such fault: %s\n", fault);
	exit(2);
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		(void)fputs("usage: inject SPOOL FAULT N NOTE COMMAND...\n", stderr);
		return 2;
	}
	plan.spool = argv[1];
	choose(argv[2]);
	plan.target = atol(argv[3]);
	int status = follow(start(argv + 5));
	FILE *note = fopen(argv[4], "w");
	if (note == NULL
		|| fprintf(note, "%ld %s %s\n", plan.count,
			   plan.met != NULL ? plan.met->name : "-",
			   plan.file[0] != '\0' ? plan.file : "-")
			   < 0
		|| fclose(note) != 0) {
		fail(argv[4]);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#else

int main(void)
{
	return 77;
}

#endif
