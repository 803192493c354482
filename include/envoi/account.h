/*
 * An account: everything the configuration and the command line say about how
 * to send, as values to be used, and where each came from.
 */
#ifndef ENVOI_ACCOUNT_H
#define ENVOI_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/config.h>
#include <envoi/error.h>
#include <envoi/message.h>
#include <envoi/repair.h>
#include <envoi/secret.h>
#include <envoi/server.h>
#include <envoi/session.h>
#include <envoi/submit.h>
#include <envoi/tls.h>

enum envoi_delivery {
	/** Nothing was said. */
	ENVOI_DELIVERY_DEFAULT,
	ENVOI_DELIVERY_FOREGROUND,
	ENVOI_DELIVERY_BACKGROUND,
	ENVOI_DELIVERY_QUEUE,
};

/** Messages to the sender that tell what was not delivered. */
enum envoi_bounces {
	/** Nothing was said. */
	ENVOI_BOUNCES_DEFAULT,
	ENVOI_BOUNCES_ON,
	ENVOI_BOUNCES_OFF,
};

/** Seconds after which a sender is told that it takes longer. */
#define ENVOI_DELAY_WARNING 14400

/** Pointers are the account's, unless said otherwise. NULL: nothing was said. */
struct envoi_account {
	/** NULL: there is none, only options and defaults. */
	const char *name;
	/** Tried in order; each with its own TLS policy. None: say so. */
	struct envoi_server *servers;
	size_t server_count;
	/** Accounts to try when these servers take nothing; count of them. */
	const char **fallbacks;
	size_t fallback_count;
	const char *source_address;
	/** Name for EHLO. */
	const char *helo;
	/** As in struct envoi_session_options. */
	int64_t timeout_us[ENVOI_PHASE_COUNT];
	struct envoi_tls_options tls;

	/** Authenticate, or send nothing. */
	bool auth;
	/** Upper case, blanks between; NULL: the best one offered. */
	const char *mechanisms;
	const char *user;
	/** Never NULL; of kind NONE when no secret is needed. */
	const struct envoi_secret_source *secret;
	/** A password or token may be shown on a link without TLS: that was
	 * asked for in so many words. */
	bool clear_allowed;

	/** Envelope sender as made by envoi_address_parse(); "" is the null
	 * one. NULL: see envoi_account_use_login(). */
	const char *sender;
	/** It is what the account says, whatever was asked for. */
	bool sender_forced;
	/** It is to be taken from the message's From field ("from %F"). */
	bool sender_from_header;
	/** For a From field that is made. */
	const char *full_name;
	enum envoi_header_policy from_header;
	enum envoi_header_policy date_header;
	enum envoi_header_policy msgid_header;
	bool keep_bcc;
	bool undisclosed_recipients;
	enum envoi_long_lines long_lines;
	bool ignore_dots;
	/** As in struct envoi_dsn. */
	unsigned dsn_notify;
	const char *dsn_return;
	/** Path. */
	const char *aliases;
	/** Of bare names ("root"), from maildomain. */
	const char *mail_domain;

	enum envoi_delivery delivery;
	int64_t foreground_timeout_us;
	enum envoi_bounces bounces;
	/** Seconds; 0: never. */
	int64_t delay_warning;
	/** Who gets bounces that cannot be delivered: a mailbox. */
	const char *postmaster;
	/** Run for messages that were given up; NULL at its end. */
	const char *const *notify_command;
	/** Path, or "-" for stdout. */
	const char *logfile;
	/** strftime(3); NULL: the default. */
	const char *logfile_time_format;
	/** "LOG_MAIL". */
	const char *syslog_facility;
};

struct envoi_account_options {
	/** -a; NULL: chosen by sender, else the account called default; none
	 * when a server was named by envoi_config_override(): what the files
	 * say, a password above all, is not for that one. */
	const char *name;
	/** -f, as made by envoi_address_parse(); NULL: not given. */
	const char *sender;
	/** Do not run the commands of eval lines; what they would say is
	 * missing then. */
	bool no_eval;
	/** Readable when such a command shall be stopped; -1: never. */
	int stop_fd;
};

/**
 * Chooses an account and works out what it says. There may be none, without an
 * error: then it is made of overrides and defaults. config outlives it.
 *
 * CONFIG, or USAGE for what an option says, with the line or option: no such
 * account; values that do not fit or contradict each other; what envoi does
 * not do (with the reason). AUTH, TEMPORARY, SYSTEM: an eval's command failed.
 */
int envoi_account_new(struct envoi_config *config,
	const struct envoi_account_options *options, struct envoi_account **ret_account,
	struct envoi_error *err);

/** Accepts NULL. */
void envoi_account_free(struct envoi_account *account);

/**
 * Where neither the account nor an option said it, the sender is the login's
 * name ("uid-1000" when it has none) at maildomain, else at this host, if that
 * has a full name. USAGE: it has not.
 */
int envoi_account_use_login(struct envoi_account *account, struct envoi_error *err);

/** The account as a way out; it outlives the relay. */
struct envoi_relay envoi_account_relay(const struct envoi_account *account);

/** What the account says of the header; a full name that is there stays. The
 * account outlives the rules. */
void envoi_account_repair(
	const struct envoi_account *account, struct envoi_repair *rules);

/** An account and those that take over what its servers do not take. */
struct envoi_chain {
	/** The chosen one first. */
	struct envoi_account **accounts;
	/** One for each. */
	struct envoi_relay *relays;
	size_t count;
};

/**
 * The account chosen as by envoi_account_new(), and behind it its fallbacks,
 * each followed by its own, an account once only. An option that names a server,
 * or says how to use TLS or to log in, is for the chosen account: there are no
 * fallbacks then. The sender is that of the first account, whoever takes over.
 *
 * Errors as there, and CONFIG: a fallback that is not defined or leads nowhere,
 * more than ENVOI_LIMIT_FALLBACKS (8) of them. A fallback whose eval failed is
 * left out, and warn is told why; warn may be NULL.
 */
int envoi_chain_init(struct envoi_chain *chain, struct envoi_config *config,
	const struct envoi_account_options *options,
	void (*warn)(void *context, const struct envoi_error *err), void *context,
	struct envoi_error *err);

/** Accepts a zeroed one. */
void envoi_chain_finish(struct envoi_chain *chain);

/** Takes a line without its line end; the text is valid during the call. */
typedef void (*envoi_line_fn)(void *context, const char *text);

/**
 * The account as lines "keyword value origin", one a setting that counts, the
 * defaults of the most important ones included. Never a secret. -1: no memory.
 */
int envoi_account_explain(const struct envoi_account *account, envoi_line_fn line,
	void *context, struct envoi_error *err);

/**
 * Looks for faults in a configuration: what was found when it was loaded, and
 * what each account would make of it; files that cannot be read; accounts
 * nobody will ever use. Runs no command, opens no connection. Each goes to
 * line ("FILE:LINE: warning: ..."), hints in lines of their own. The status is
 * OK when there are warnings at most, else CONFIG (SYSTEM: no memory).
 */
enum envoi_status envoi_config_check(
	struct envoi_config *config, envoi_line_fn line, void *context);

#endif
