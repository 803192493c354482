/*
 * What is told of messages that cannot be delivered: as the account says that
 * they go by.
 */
#include "spool.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void spool_notices(struct spool_route *route, struct envoi_notices *ret)
{
	const struct envoi_chain *chain = &route->connection.chain;
	const struct envoi_account *account =
		route->filled && chain->count > 0 ? chain->accounts[0] : NULL;
	/* Who sends for others tells them; who sends their own mail sees it. */
	*ret = (struct envoi_notices){.bounces = route->shared,
		.delay = ENVOI_DELAY_WARNING,
		.host = route->host};
	if (gethostname(route->host, sizeof(route->host)) != 0) {
		route->host[0] = '\0';
	}
	route->host[sizeof(route->host) - 1] = '\0';
	if (route->host[0] == '\0') {
		ret->host = NULL;
	}
	if (account == NULL) {
		return;
	}
	if (account->bounces != ENVOI_BOUNCES_DEFAULT) {
		ret->bounces = account->bounces == ENVOI_BOUNCES_ON;
	}
	ret->bounces = ret->bounces || route->connection.bounces;
	if (account->helo != NULL) {
		ret->host = account->helo;
	}
	ret->delay = account->delay_warning;
	ret->postmaster = account->postmaster;
	ret->account = account->name;
	ret->domain = account->mail_domain;
	ret->command = account->notify_command;
}
