/*
 * A command while it runs; shared by the files command*.c.
 */
#ifndef ENVOI_CONFIG_COMMAND_INTERNAL_H
#define ENVOI_CONFIG_COMMAND_INTERNAL_H

#include "config/command.h"

#include <signal.h>

#include <sys/types.h>

#include "base/buffer.h"

struct envoi_running {
	const struct envoi_command *command;
	pid_t pid;
	/** Reading ends; -1: its end was read. */
	int out;
	int errors;
	/** stdout, with room for one octet more than allowed. */
	char *output;
	size_t length;
	/** The end of stderr. */
	struct envoi_buffer said;
	bool said_cut;
	/** The terminal it was lent, -1: none. */
	int terminal;
	bool ended;
	siginfo_t how;
};

/** Starts it: run->pid, and what can be read of it in run->out and
 * run->errors. 0 or -1 (CONFIG, SYSTEM). */
int envoi_running_start(struct envoi_running *run, struct envoi_error *err);

/** An error: the command, why, and the end of its stderr; nothing of what is
 * in run->output. Returns -1. */
int envoi_running_fail(struct envoi_running *run, enum envoi_status status,
	const char *why, struct envoi_error *err);

/** The same for a system call, "WHY: no such file or directory". */
int envoi_running_fail_sys(struct envoi_running *run, enum envoi_status status, int sys,
	const char *why, struct envoi_error *err);

#endif
