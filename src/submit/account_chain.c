/*
 * An account and its fallbacks as relays, in the order they are tried.
 *
 * A walk down the fallback lines, depth first. What is already in the chain is
 * not followed again, so that accounts which name each other are no circle.
 */
#include "submit/account_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

struct walk {
	struct envoi_chain *chain;
	struct envoi_config *config;
	struct envoi_account_options options;
	void (*warn)(void *context, const struct envoi_error *err);
	void *context;
};

static bool is_in_chain(const struct envoi_chain *chain, const char *name)
{
	for (size_t i = 0; i < chain->count; i++) {
		const char *other = chain->accounts[i]->name;
		if (other != NULL && strcmp(other, name) == 0) {
			return true;
		}
	}
	return false;
}

/* Takes the account over, also on failure. */
static int append(
	struct envoi_chain *chain, struct envoi_account *account, struct envoi_error *err)
{
	struct envoi_account **accounts =
		realloc(chain->accounts, (chain->count + 1) * sizeof(*chain->accounts));
	chain->accounts = accounts != NULL ? accounts : chain->accounts;
	struct envoi_relay *relays =
		realloc(chain->relays, (chain->count + 1) * sizeof(*chain->relays));
	chain->relays = relays != NULL ? relays : chain->relays;
	if (accounts == NULL || relays == NULL) {
		envoi_account_free(account);
		return envoi_config_no_memory(err);
	}
	chain->accounts[chain->count] = account;
	chain->relays[chain->count] = envoi_account_relay(account);
	chain->count++;
	return 0;
}

static int refuse(const struct envoi_account *from, size_t i, struct envoi_error *err,
	const char *what)
{
	const struct account *account = (const struct account *)from;
	const struct envoi_setting *setting =
		&account->settings.keys[ENVOI_KEY_FALLBACK].values[i];
	return envoi_config_error(
		err, setting->origin, "fallback: %s %s", setting->text, what);
}

static int follow(struct walk *walk, const struct envoi_account *from, size_t i,
	struct envoi_error *err)
{
	struct envoi_chain *chain = walk->chain;
	struct envoi_account *account = NULL;
	const char *name = from->fallbacks[i];
	if (envoi_config_find(walk->config, name) == NULL) {
		return refuse(from, i, err, "is not defined");
	}
	if (chain->count > ENVOI_LIMIT_FALLBACKS) {
		return refuse(from, i, err, "is one too many");
	}
	walk->options.name = name;
	if (envoi_account_new(walk->config, &walk->options, &account, err) != 0) {
		if (err->status != ENVOI_STATUS_AUTH
			&& err->status != ENVOI_STATUS_TEMPORARY) {
			return -1;
		}
		if (walk->warn != NULL) {
			walk->warn(walk->context, err);
		}
		*err = ENVOI_ERROR_NONE;
		return 0;
	}
	if (account->server_count == 0) {
		envoi_account_free(account);
		return refuse(from, i, err, "names no server");
	}
	struct account *made = (struct account *)account;
	made->fallback_origin = ((const struct account *)from)
					->settings.keys[ENVOI_KEY_FALLBACK]
					.values[i]
					.origin;
	made->first = chain->accounts[0]->name;
	return append(chain, account, err);
}

/* The fallbacks of the account at place, and theirs. Depth is bounded by the
 * length of the chain. */
static int descend(struct walk *walk, size_t place, struct envoi_error *err)
{
	const struct envoi_account *account = walk->chain->accounts[place];
	for (size_t i = 0; i < account->fallback_count; i++) {
		size_t count = walk->chain->count;
		if (is_in_chain(walk->chain, account->fallbacks[i])) {
			continue;
		}
		if (follow(walk, account, i, err) != 0
			|| (walk->chain->count > count
				&& descend(walk, count, err) != 0)) {
			return -1;
		}
	}
	return 0;
}

/* Options that were said with one account in mind: another one's secret is not
 * to go in clear, or to anybody, because of them. */
static bool is_for_one(const struct envoi_config *config)
{
	static const enum envoi_key keys[] = {ENVOI_KEY_SERVER, ENVOI_KEY_PASSWORD,
		ENVOI_KEY_USER, ENVOI_KEY_AUTH, ENVOI_KEY_TLS, ENVOI_KEY_TLS_CERTCHECK,
		ENVOI_KEY_TLS_TRUST_FILE, ENVOI_KEY_TLS_PIN, ENVOI_KEY_TLS_HOST_OVERRIDE,
		ENVOI_KEY_TLS_CERT_FILE, ENVOI_KEY_TLS_KEY_FILE};
	unsigned long long bits = 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		bits |= envoi_key_group(keys[i]);
	}
	return envoi_account_has_option(config, bits);
}

int envoi_chain_init(struct envoi_chain *chain, struct envoi_config *config,
	const struct envoi_account_options *options,
	void (*warn)(void *context, const struct envoi_error *err), void *context,
	struct envoi_error *err)
{
	struct walk walk = {.chain = chain,
		.config = config,
		.options = *options,
		.warn = warn,
		.context = context};
	struct envoi_account *account = NULL;
	*chain = (struct envoi_chain){0};
	if (envoi_account_new(config, options, &account, err) != 0
		|| append(chain, account, err) != 0) {
		return -1;
	}
	if (!is_for_one(config) && descend(&walk, 0, err) != 0) {
		envoi_chain_finish(chain);
		return -1;
	}
	return 0;
}

void envoi_chain_finish(struct envoi_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		envoi_account_free(chain->accounts[i]);
	}
	free(chain->accounts);
	free(chain->relays);
	*chain = (struct envoi_chain){0};
}
