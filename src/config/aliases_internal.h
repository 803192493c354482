/*
 * The inside of an alias file, shared by the files aliases*.c only.
 *
 * aliases.c         reading: lines to names and targets
 * aliases_expand.c  loops, and what a name stands for
 */
#ifndef ENVOI_CONFIG_ALIASES_INTERNAL_H
#define ENVOI_CONFIG_ALIASES_INTERNAL_H

#include <envoi/aliases.h>

struct alias_target {
	char *mailbox;
	bool bare;
	/** Is not looked up. */
	bool final;
};

enum alias_state {
	ALIAS_NEW,
	/** On the way that is being walked. */
	ALIAS_WALKED,
	ALIAS_DONE,
};

struct alias {
	/** Canonical, with or without a domain. */
	char *name;
	unsigned line;
	struct alias_target *targets;
	size_t count;
	bool faulty;
	enum alias_state state;
};

struct alias_fault {
	unsigned line;
	struct envoi_error error;
};

struct envoi_aliases {
	char *name;
	/** Sorted by name, each name once. */
	struct alias *list;
	size_t count;
	struct alias_fault *faults;
	size_t fault_count;
};

/** Tells a fault of a line; more than ENVOI_LIMIT_DIAGNOSTICS are dropped. -1:
 * no memory. */
int envoi_aliases_tell(struct envoi_aliases *aliases, unsigned line, const char *format,
	...) __attribute__((format(printf, 3, 4)));

/** By this order the list is sorted: ASCII case does not count. */
int envoi_aliases_compare(const char *a, const char *b);

/** Marks what leads to itself, or on too long a way, as faulty. -1: no memory. */
int envoi_aliases_check_loops(struct envoi_aliases *aliases);

#endif
