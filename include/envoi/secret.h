/*
 * Where a password or token comes from, and how it is had.
 *
 * A source is a plain description: whoever fills it in keeps the strings, and
 * they outlive it. Nothing is opened, run or asked before the
 * server wants it. Errors name the source and its origin, never what
 * came out of it.
 *
 * Whatever the source:
 * - one line end (LF or CRLF) at the end is taken off;
 * - nothing at all is an error of the configuration (78), of a person who only
 *   pressed return 77;
 * - NUL is refused (no mechanism can carry it), and a second line, which is a
 *   mistake nearly always. A token (is_token) has printable ASCII only (RFC
 *   6750 2.1). All other octets, 8-bit ones and control characters included,
 *   are a password's own business;
 * - more than ENVOI_LIMIT_SECRET octets are refused.
 */
#ifndef ENVOI_SECRET_H
#define ENVOI_SECRET_H

#include <stdbool.h>

enum envoi_secret_kind {
	/** Nothing was said: no secret. */
	ENVOI_SECRET_NONE,
	/** text is the secret itself (from a configuration file). */
	ENVOI_SECRET_LITERAL,
	/** text is a path; a leading "~/" is the home directory. The file and
	 * the way to it belong to the user or root, nobody else may read it. */
	ENVOI_SECRET_FILE,
	/** fd is a descriptor: its first line, read octet by octet, so that what
	 * follows is left in a pipe. Can be had once. */
	ENVOI_SECRET_FD,
	/** argv (NULL at its end) is run without a shell. */
	ENVOI_SECRET_COMMAND,
	/** text is given to sh -c; the first line counts, as msmtp's
	 * passwordeval has it. */
	ENVOI_SECRET_SHELL,
	/** text is the name of a systemd credential, a file in
	 * $CREDENTIALS_DIRECTORY. */
	ENVOI_SECRET_CREDENTIAL,
	/** ~/.netrc, then /etc/netrc, by host and user. */
	ENVOI_SECRET_NETRC,
	/** The desktop's keyring, by secret-tool(1): attributes host, user and
	 * service "smtp", as msmtp stores them. */
	ENVOI_SECRET_KEYRING,
	/** A person at the terminal. */
	ENVOI_SECRET_PROMPT,
	/** What msmtp does when no password is configured: netrc, keyring,
	 * prompt, the first that has one. */
	ENVOI_SECRET_SEARCH,
};

struct envoi_secret_source {
	enum envoi_secret_kind kind;
	/** LITERAL, FILE, SHELL, CREDENTIAL: see there; else not looked at. */
	const char *text;
	/** COMMAND: at least argv[0]. */
	const char *const *argv;
	/** FD. */
	int fd;
	/** For messages: "~/.config/envoi/config:12", "--password-file"; NULL
	 * when there is nothing to tell. */
	const char *origin;
	/** A bearer token, not a password. */
	bool is_token;
	/** FD, COMMAND, SHELL, KEYRING: milliseconds it may take; 0: 30
	 * seconds. */
	int time_limit_ms;
};

#endif
