/*
 * Running a command: for what it prints, a secret or settings that come from a
 * command (msmtp's eval), or because something happened.
 *
 * The command gets /dev/null as stdin, the environment as it is unless another
 * one is given, default signals, no descriptor above 2, and a process group of its own;
 * where envoi has the terminal, that group gets it meanwhile, so that a command may ask a
 * person. When its time is over, or the run is stopped, the whole group is
 * ended (TERM, a second later KILL).
 */
#ifndef ENVOI_CONFIG_COMMAND_H
#define ENVOI_CONFIG_COMMAND_H

#include <stdbool.h>

#include <envoi/error.h>

#include "base/secret.h"

struct envoi_command {
	/** Run without a shell, looked up in PATH; NULL at its end. */
	const char *const *argv;
	/** When argv is NULL: given to sh -c. */
	const char *shell;
	/** Its environment, "NAME=value", NULL at its end; NULL: ours. */
	const char *const *environment;
	/** Milliseconds it may take; 0: 30 seconds. */
	int time_limit_ms;
	/** Readable when it shall be stopped; -1: never. */
	int stop_fd;
};

/**
 * Runs it and waits for it to exit; grandchildren that live on are not waited
 * for. 0 with all of stdout in *ret_output (may be empty, at most
 * ENVOI_LIMIT_COMMAND_OUTPUT octets), or -1:
 * AUTH: exit status not 0, death by a signal, too much output, time over. The
 * text has the command, why, and the end of its stderr, escaped; whatever it
 * had put on stdout is hidden therein;
 * CONFIG: it cannot be started;
 * TEMPORARY: stopped; SYSTEM: out of memory, processes, descriptors.
 */
int envoi_command_run(const struct envoi_command *command,
	struct envoi_secret *ret_output, struct envoi_error *err);

#endif
