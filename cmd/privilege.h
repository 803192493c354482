/*
 * What a set-id bit gives, and giving it up: see <envoi/keeper.h>, which does it.
 */
#ifndef CMD_PRIVILEGE_H
#define CMD_PRIVILEGE_H

#include <stdbool.h>

#include <envoi/keeper.h>

/** Where the queue of several users is. */
#define PRIVILEGE_SPOOL "/var/spool/envoi"
/** Who runs it. */
#define PRIVILEGE_RUNNER "envoi"

/** To be called when descriptors 0 to 2 are valid and nothing else was looked at.
 * From now on the process has the rights of the real user and group only. */
void privilege_begin(void);

/** Was there a set-id bit? Then the environment is not ours, it is the caller's, and
 * is not to say where mail goes. */
bool privilege_was_set(void);

/** Nobody lent us rights, and we do not run the queue of several users: files are
 * kept from run to run where the environment says. */
bool privilege_is_personal(void);

/** What has access to the queue of several users; NULL: there is none, as in every
 * child that is forked later. -1: it could not be started. */
int privilege_keeper(struct envoi_keeper **ret_keeper, struct envoi_error *err);

/** Root becomes the user that runs the queue, for good, with his home directory. No
 * such user, or not root: nothing is changed, but that the process runs the queue of
 * several users. -1: SYSTEM. */
int privilege_become_runner(struct envoi_error *err);

void privilege_end(void);

#endif
