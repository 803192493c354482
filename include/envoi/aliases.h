/*
 * Alias files: local names and what they stand for.
 *
 *     # a comment
 *     root: joe@example.org, jane
 *     joe: joe.doe@example.net,
 *         "J. Doe" <jd@example.com>
 *     postmaster@host.example: root
 *     default: root
 *
 * A line that begins with a blank goes on with the one before. A name is a bare
 * local part, or a whole address; case does not matter in it. A target is an
 * address or a bare name, which is looked up in turn; with a backslash before
 * it, or when it is the name itself, it is final. "default" stands for all bare
 * names that are not found.
 *
 * Commands ("|cmd"), files ("/path") and lists (":include:path") are faults:
 * mail goes to addresses only. So are loops. A line with a fault is told with
 * its number, and mail for that name is refused; the others are of use.
 */
#ifndef ENVOI_ALIASES_H
#define ENVOI_ALIASES_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/error.h>

struct envoi_aliases;

/**
 * Reads a file. "~/" at its front is the home directory. CONFIG: it is missing
 * (err->sys ENOENT), cannot be read, is more than 1 MiB, or another user could
 * change it. SYSTEM: no memory.
 */
int envoi_aliases_load(
	const char *path, struct envoi_aliases **ret_aliases, struct envoi_error *err);

/** The same of text, n octets; name is for errors. SYSTEM. */
int envoi_aliases_parse(const char *name, const char *text, size_t n,
	struct envoi_aliases **ret_aliases, struct envoi_error *err);

/** Accepts NULL. */
void envoi_aliases_free(struct envoi_aliases *aliases);

/** Names that are of use. */
size_t envoi_aliases_count(const struct envoi_aliases *aliases);

/** What is wrong, "FILE:LINE: ...", in the order of the lines; NULL: no more.
 * Valid as long as the aliases. */
const struct envoi_error *envoi_aliases_fault(
	const struct envoi_aliases *aliases, size_t i);

/** Takes a mailbox as made by envoi_address_parse(), or a bare name. */
typedef int envoi_aliases_take(
	void *context, const char *mailbox, bool bare, struct envoi_error *err);

/**
 * What mailbox (canonical; bare: without a domain) stands for, each target
 * once; itself when it is no alias. hosts (NULL at its end): the domains whose
 * addresses are looked up as bare names as well, "root@host" as "root".
 * -1: CONFIG, the name or one it leads to has a fault; SYSTEM; what take()
 * said.
 */
int envoi_aliases_expand(const struct envoi_aliases *aliases, const char *mailbox,
	bool bare, const char *const *hosts, envoi_aliases_take *take, void *context,
	struct envoi_error *err);

#endif
