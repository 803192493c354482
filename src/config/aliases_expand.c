/*
 * What a name stands for in the end. Loops are found when a file is read:
 * expanding then needs no more than to pass each name once.
 */
#include "config/aliases_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <envoi/address.h>

#include "base/limits.h"

static struct alias *find(const struct envoi_aliases *aliases, const char *name)
{
	size_t low = 0, high = aliases->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = envoi_aliases_compare(name, aliases->list[middle].name);
		if (order == 0) {
			return &aliases->list[middle];
		}
		if (order < 0) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return NULL;
}

static struct alias *find_default(const struct envoi_aliases *aliases, bool bare)
{
	return bare ? find(aliases, "default") : NULL;
}

/* -- loops ------------------------------------------------------------------- */

/* 1: the alias is of no use, and that was told; -1: no memory. */
static int walk(struct envoi_aliases *aliases, struct alias *alias, unsigned depth)
{
	if (alias->state == ALIAS_DONE) {
		return alias->faulty;
	}
	const char *what = NULL;
	if (alias->state == ALIAS_WALKED) {
		what = "leads back to itself";
	} else if (depth > ENVOI_LIMIT_ALIAS_DEPTH) {
		what = "stands at the end of too long a chain of names";
	}
	if (what != NULL) {
		alias->faulty = true;
		return envoi_aliases_tell(aliases, alias->line, "%.100s %s", alias->name,
			       what) == 0
			       ? 1
			       : -1;
	}
	alias->state = ALIAS_WALKED;
	for (size_t i = 0; i < alias->count; i++) {
		const struct alias_target *target = &alias->targets[i];
		struct alias *next =
			target->final ? NULL : find(aliases, target->mailbox);
		int result = next != NULL ? walk(aliases, next, depth + 1) : 0;
		if (result < 0) {
			return -1;
		}
		if (result > 0) {
			alias->faulty = true;
		}
	}
	alias->state = ALIAS_DONE;
	return alias->faulty;
}

int envoi_aliases_check_loops(struct envoi_aliases *aliases)
{
	for (size_t i = 0; i < aliases->count; i++) {
		if (walk(aliases, &aliases->list[i], 0) < 0) {
			return -1;
		}
	}
	return 0;
}

/* -- expanding --------------------------------------------------------------- */

struct expansion {
	const struct envoi_aliases *aliases;
	envoi_aliases_take *take;
	void *context;
	/** One for each alias: it was passed. */
	unsigned char *passed;
};

static int pass(struct expansion *expansion, const struct alias *alias, unsigned depth,
	struct envoi_error *err)
{
	const struct envoi_aliases *aliases = expansion->aliases;
	unsigned char *passed = &expansion->passed[alias - aliases->list];
	if (alias->faulty || depth > 2 * ENVOI_LIMIT_ALIAS_DEPTH) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"%.200s:%u: the alias %.100s cannot be used", aliases->name,
			alias->line, alias->name);
	}
	if (*passed != 0) {
		return 0;
	}
	*passed = 1;
	for (size_t i = 0; i < alias->count; i++) {
		const struct alias_target *target = &alias->targets[i];
		const struct alias *next =
			target->final ? NULL : find(aliases, target->mailbox);
		int result = next != NULL ? pass(expansion, next, depth + 1, err)
					  : expansion->take(expansion->context,
						  target->mailbox, target->bare, err);
		if (result != 0) {
			return -1;
		}
	}
	return 0;
}

/* The alias of a mailbox; NULL: it is none. */
static const struct alias *look_up(const struct envoi_aliases *aliases,
	const char *mailbox, bool bare, const char *const *hosts)
{
	const struct alias *alias = find(aliases, mailbox);
	if (alias != NULL || bare) {
		return alias != NULL ? alias : find_default(aliases, bare);
	}
	const char *domain = envoi_address_domain(mailbox);
	for (; hosts != NULL && *hosts != NULL && domain[0] != '\0'; hosts++) {
		if (strcasecmp(domain, *hosts) != 0) {
			continue;
		}
		size_t n = (size_t)(domain - mailbox) - 1;
		char *local = malloc(n + 1);
		if (local != NULL) {
			memcpy(local, mailbox, n);
			local[n] = '\0';
			alias = find(aliases, local);
		}
		free(local);
		return alias;
	}
	return NULL;
}

int envoi_aliases_expand(const struct envoi_aliases *aliases, const char *mailbox,
	bool bare, const char *const *hosts, envoi_aliases_take *take, void *context,
	struct envoi_error *err)
{
	const struct alias *alias = look_up(aliases, mailbox, bare, hosts);
	if (alias == NULL) {
		return take(context, mailbox, bare, err);
	}
	struct expansion expansion = {
		.aliases = aliases, .take = take, .context = context};
	expansion.passed = calloc(aliases->count, 1);
	if (expansion.passed == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	int result = pass(&expansion, alias, 0, err);
	free(expansion.passed);
	return result;
}
