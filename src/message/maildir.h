/*
 * Maildir folders (https://cr.yp.to/proto/maildir.html) as sources of many
 * messages: who is in them, in which order, and where a message is that
 * another program has moved meanwhile. Reads names only, changes nothing.
 */
#ifndef ENVOI_MESSAGE_MAILDIR_H
#define ENVOI_MESSAGE_MAILDIR_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/error.h>

/** A list of the paths of the messages. */
struct envoi_maildir_list;

/** Whether path is a directory with the directories cur and new in it. */
bool envoi_maildir_is(const char *path);

/**
 * Lists the folder. Messages are the files of cur/ and new/ whose names do not
 * begin with a dot, by the time their names begin with (numbers compare as
 * numbers), then by the rest of the name; names without a time come last.
 * NOINPUT: cannot be read. SYSTEM.
 */
int envoi_maildir_list_open(const char *path, struct envoi_maildir_list **ret_maildir,
	struct envoi_error *err);

/** The next path, valid as long as the list; NULL at the end. */
const char *envoi_maildir_list_next(struct envoi_maildir_list *maildir);

/** Accepts NULL. */
void envoi_maildir_list_free(struct envoi_maildir_list *maildir);

/**
 * Where the message that was at path, as envoi_maildir_list_next() said it, is now:
 * the file in cur/ or new/ of the same unique name (all up to the colon; flags
 * stand behind it). On the heap; NULL: nowhere, or no memory.
 */
char *envoi_maildir_find(const char *path);

#endif
