/*
 * The MIME type of a file by its name, from the system's databases:
 * shared-mime-info's globs, /etc/mime.types, and a short list of the commonest
 * for systems that have neither. Contents are not looked at.
 */
#ifndef ENVOI_MESSAGE_MIME_TYPE_H
#define ENVOI_MESSAGE_MIME_TYPE_H

#include <stdbool.h>

/** Room for any type: names are of at most 127 octets (RFC 6838 4.2). */
#define ENVOI_MIME_TYPE_SIZE 256

#define ENVOI_MIME_TYPE_UNKNOWN "application/octet-stream"

/** Where the databases are. A member that is NULL or cannot be read: none. */
struct envoi_mime_files {
	/** Lines of WEIGHT:TYPE:GLOB[:FLAGS]. */
	const char *globs;
	/** Lines of TYPE EXTENSION... */
	const char *types;
};

/** Those of the system. */
extern const struct envoi_mime_files envoi_mime_system;

/**
 * The type of a file of that name (its last part counts), or
 * ENVOI_MIME_TYPE_UNKNOWN. Always a valid one.
 */
void envoi_mime_type_find(const struct envoi_mime_files *files, const char *name,
	char type[static ENVOI_MIME_TYPE_SIZE]);

/** Whether text is token "/" token (RFC 2045 5.1), without parameters. */
bool envoi_mime_type_is_valid(const char *text);

/** Whether a name matches a glob of *, ? and [...]; fold: without regard to
 * ASCII case. A glob without end of its set matches nothing. */
bool envoi_mime_glob_matches(const char *glob, const char *name, bool fold);

#endif
