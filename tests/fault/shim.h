/*
 * System calls that fail when the test wants it. The program is linked with
 * --wrap for each of them, see meson.build; the calls of the test itself are
 * made while the shim is off.
 *
 * It also follows what would survive a loss of power: what of a file is synced,
 * and which names of a folder are.
 */
#ifndef ENVOI_TESTS_FAULT_SHIM_H
#define ENVOI_TESTS_FAULT_SHIM_H

#include <stdbool.h>

enum fault {
	FAULT_NONE,
	FAULT_KILL_BEFORE,
	FAULT_KILL_AFTER,
	FAULT_EIO,
	FAULT_ENOSPC,
	FAULT_EINTR,
	FAULT_EMFILE,
	/** Half of what was to be read or written. */
	FAULT_SHORT,
	FAULT_COUNT,
};

extern const char *const fault_names[FAULT_COUNT];

/** From now on calls are counted from 1, and the n-th has this fault. */
void shim_on(enum fault fault, long n);
/** Returns how many calls there were. */
long shim_off(void);
/** The fault was met. */
bool shim_fired(void);
/** The call that had it, "" none. */
const char *shim_where(void);

/** As if /proc was not there: no file without a name can be given one. */
void shim_hide_proc(bool hide);

/** Others come in between: before a lock is taken and before a write it waits for
 * a moment. */
void shim_slow(bool yes);

/** Would the file at this path survive a loss of power: all of its octets, and
 * its name? One that is not there: will it stay away? */
bool shim_is_synced(const char *path);
bool shim_is_durable(const char *path);

#endif
