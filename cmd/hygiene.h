/*
 * What a program that others start has to put right before anything else: it
 * inherits descriptors, signals, timers, limits and an environment from whoever
 * that is.
 */
#ifndef CMD_HYGIENE_H
#define CMD_HYGIENE_H

#include <stddef.h>

/**
 * Descriptors 0 to 2 are valid, SIGPIPE and SIGXFSZ ignored (a failed write is
 * told instead), SIGCHLD and the signal mask as at birth, no alarm is pending;
 * a set-id bit is given up for good, see privilege.h. An inherited "ignore" of SIGHUP,
 * SIGINT and the like stays. To be called first.
 */
void hygiene_begin(void);

/** A TMPDIR that is no use is forgotten, PATH is set where it is missing: the
 * callers of sendmail have any environment or none. */
void hygiene_environment(void);

/** Reads what is left in fd when somebody may be writing to it (a pipe, a
 * socket): who does not expect SIGPIPE would die of it. */
void hygiene_drain(int fd);

/** The login's name, "uid-1000" when it has none. The environment is not
 * asked: sudo, cron and containers say anything there. */
void hygiene_login(char *out, size_t size);

/** The user's directory: HOME when it is one of the user's own and not the
 * root directory, else that of the user database. "": there is none. */
void hygiene_home(char *out, size_t size);

#endif
