/*
 * Shared by the files that make an account of settings.
 */
#ifndef ENVOI_SUBMIT_ACCOUNT_INTERNAL_H
#define ENVOI_SUBMIT_ACCOUNT_INTERNAL_H

#include <envoi/account.h>

#include "config/secret_source.h"
#include "config/settings.h"

/** The account with what backs it. face comes first: one is the other. */
struct account {
	struct envoi_account face;
	struct envoi_settings settings;
	struct envoi_chosen chosen;
	/** How the sender came about: its setting, or an option; DEFAULT. */
	struct envoi_origin sender_origin;
	/** It is the login's. */
	bool sender_login;
	/** It is a fallback: the line that led to it, and the name of the account
	 * at the head of the chain, which may be NULL. */
	const struct envoi_origin *fallback_origin;
	const char *first;
	struct envoi_secret_source secret;
	char secret_origin[300];
	char **argv;
	char **notify;
	char *postmaster;
	char *mechanisms;
	char *sender;
	/** Names as A-labels. */
	char *helo, *tls_name, *mail_domain;
	unsigned char (*pins)[32];
	/** One for each server: what its use of TLS comes from; NULL: from
	 * nothing that was said. */
	const struct envoi_origin **said_tls;
};

/** Each sets a part of account->face from account->settings. */
int envoi_account_servers(struct account *account, struct envoi_error *err);
int envoi_account_tls(struct account *account, struct envoi_error *err);
int envoi_account_auth(struct account *account, struct envoi_error *err);
int envoi_account_sender(
	struct account *account, const char *given, struct envoi_error *err);
int envoi_account_queue(struct account *account, struct envoi_error *err);
int envoi_account_rest(struct account *account, struct envoi_error *err);

/** A setting that is a command, as words; *ret_argv is to be freed with
 * envoi_words_free(), whatever the result. */
int envoi_account_argv(struct account *account, const char *text, enum envoi_key key,
	char ***ret_argv, struct envoi_error *err);

/** The text of a setting, NULL: unset. */
const char *envoi_account_text(const struct account *account, enum envoi_key key);

/** The same of a host or domain, as A-labels, on the heap; NULL: unset. CONFIG:
 * it has none. */
int envoi_account_ascii(const struct account *account, enum envoi_key key,
	char **ret_name, struct envoi_error *err);

/** Was it said, and is it this word? */
bool envoi_account_is(
	const struct account *account, enum envoi_key key, const char *word);

/** "FILE:LINE: keyword: text", with the keyword of the setting. Always -1. */
int envoi_account_error(struct envoi_error *err, const struct account *account,
	enum envoi_key key, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** Was one of these keys, as bits, set by an option? */
bool envoi_account_has_option(const struct envoi_config *config, unsigned long long keys);

/** Seconds with fractions, known to be good, as microseconds. */
int64_t envoi_account_seconds(const char *text);

/** Can nobody listen on the way to it? Loopback or a unix socket. */
bool envoi_account_is_local(const struct envoi_server *server);

/** Were the servers named by an option, and the key by a file? What that says of
 * its own servers is no reason to be careless with another one. */
bool envoi_account_is_elsewhere(const struct account *account, enum envoi_key key);

/** "off", "opportunistic", "starttls", "implicit". */
const char *envoi_account_tls_name(enum envoi_tls_policy policy);

#endif
