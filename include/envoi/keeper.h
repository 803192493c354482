/*
 * A queue of several users: /var/spool/envoi, which belongs to a group.
 *
 * Who queues a message must not read those of others, nor the secret that the
 * runner logs in with. So the program is set-gid to the group, and parts in two as
 * its first act: a child, the keeper, keeps the group and nothing else; the process
 * itself, which reads the configuration, the command line and the message, gives
 * the group up for good and asks the keeper for what needs it:
 *
 *     keeper:  a file without a name     -> its descriptor
 *     itself:  writes, fsync
 *     keeper:  link to mail/ID, fsync of the folder, with the limits of a user
 *
 * The keeper makes names of well-formed ids only, in one spool whose path was
 * compiled in; of messages that are there it opens, moves and removes those whose
 * file belongs to the real user. It reads no message and no environment, takes no
 * path and no file, and ends with the process that started it.
 *
 * Whose a message is says the owner of its file: that is who ran the program,
 * which it cannot change, whatever it writes into the file.
 */
#ifndef ENVOI_KEEPER_H
#define ENVOI_KEEPER_H

#include <stdint.h>

#include <envoi/error.h>

struct envoi_keeper;

/** Messages and octets of one user in mail/ and failed/. */
#ifndef ENVOI_KEEPER_MESSAGES
#define ENVOI_KEEPER_MESSAGES 1000
#endif
#ifndef ENVOI_KEEPER_OCTETS
#define ENVOI_KEEPER_OCTETS (UINT64_C(1) << 30)
#endif

/**
 * To be called before anything else. When a set-id bit gave the process another
 * group, starts a keeper with it for the spool at path. In any case user and group
 * are the real ones on return, and with a set-id bit nobody may trace the process
 * any more. *ret_keeper NULL: there was no set-gid bit. -1: SYSTEM; there is none.
 * The process is aborted when it cannot give up what it was given.
 */
int envoi_keeper_start(
	const char *path, struct envoi_keeper **ret_keeper, struct envoi_error *err);

/** Is there a spool, in order? NOINPUT: there is none. Errors as of
 * envoi_queue_open(). */
int envoi_keeper_check(struct envoi_keeper *keeper, struct envoi_error *err);

/** Lets a runner that watches the queue look at it again. TEMPORARY. */
int envoi_keeper_wake(struct envoi_keeper *keeper, struct envoi_error *err);

/** Root becomes a user with one group, for good: who delivers the messages of others
 * has no use of more. SYSTEM. */
int envoi_keeper_become(uint32_t user, uint32_t group, struct envoi_error *err);

/** Ends it, and waits for that. Accepts NULL. */
void envoi_keeper_free(struct envoi_keeper *keeper);

#endif
