/*
 * Errors and exit statuses.
 *
 * A function that can fail returns 0, or -1 with a struct envoi_error filled
 * in. The error is plain storage of fixed size: nothing to free. The first
 * cause wins: a caller that already has an error does not overwrite it.
 *
 * The status is the vocabulary of the whole program: it is what sysexits(3)
 * calls the condition, and what the process ends with.
 */
#ifndef ENVOI_ERROR_H
#define ENVOI_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/** The exit statuses of envoi(1), as in sysexits(3). */
enum envoi_status {
	ENVOI_STATUS_OK = 0,
	/** Bad option, address or argument. */
	ENVOI_STATUS_USAGE = 64,
	/** The message cannot be sent as it is. */
	ENVOI_STATUS_DATA = 65,
	/** An input file is missing or unreadable. */
	ENVOI_STATUS_NOINPUT = 66,
	/** A recipient was refused at RCPT. */
	ENVOI_STATUS_NOUSER = 67,
	/** Host or domain does not exist, or takes no mail. */
	ENVOI_STATUS_NOHOST = 68,
	/** Permanent refusal of session, sender or content; TLS policy. */
	ENVOI_STATUS_REFUSED = 69,
	/** A defect of this program. */
	ENVOI_STATUS_BUG = 70,
	/** Out of memory, descriptors, processes. */
	ENVOI_STATUS_SYSTEM = 71,
	/** A file cannot be created. */
	ENVOI_STATUS_CANTCREATE = 73,
	/** Read or write error of a file, the spool, stdin or stdout. */
	ENVOI_STATUS_IO = 74,
	/** Trying again is safe and may help. */
	ENVOI_STATUS_TEMPORARY = 75,
	/** An outcome is unknown or the server broke the protocol. */
	ENVOI_STATUS_PROTOCOL = 76,
	/** Authentication refused or impossible. */
	ENVOI_STATUS_AUTH = 77,
	/** Configuration: file, key, certificate, permissions. */
	ENVOI_STATUS_CONFIG = 78,
};

/** One failure in words. */
struct envoi_error {
	enum envoi_status status;
	/** errno of the failed call, 0 where there was none. */
	int sys;
	/** Lower case, no full stop, what failed first; printable, ASCII or UTF-8. */
	char text[400];
	/** One sentence that helps, or "". */
	char hint[200];
};

/** An error that says nothing went wrong. */
#define ENVOI_ERROR_NONE ((struct envoi_error){.status = ENVOI_STATUS_OK})

/**
 * Fills err in, printf-like; the text is cut to fit, and octets that are no
 * printable character of ASCII or UTF-8 become "?". Keeps errno. err may be NULL. Always
 * returns -1, so that "return envoi_error_set(...)" is one statement.
 */
int envoi_error_set(struct envoi_error *err, enum envoi_status status, const char *format,
	...) __attribute__((format(printf, 3, 4)));

/** strerror() for the middle of a line: "connection refused". out has at least
 * 64 octets; returns it. */
const char *envoi_error_reason(int sys, char *out, size_t n);

/** As envoi_error_set(), with ": " and the reason behind the text. */
int envoi_error_sys(struct envoi_error *err, enum envoi_status status, int sys,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/** Adds a hint, a sentence that tells what to do. err may be NULL. */
void envoi_error_hint(struct envoi_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * Of two statuses the one the process ends with: local trouble (64, 65, 66,
 * 70, 71, 73, 74, 78) before 76 before 75 before 77 before 69, 68 and 67.
 * Among local ones the first argument stays.
 */
enum envoi_status envoi_status_worse(enum envoi_status first, enum envoi_status second);

#endif
