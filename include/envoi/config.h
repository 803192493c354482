/*
 * Configuration files: reading them, and what they say about an account.
 *
 * The files are text in msmtp's syntax, see envoi-config(5). Reading them runs
 * no command and opens no further file (but for include). What a setting means
 * is the business of <envoi/account.h>; here it is a key and a text, with its
 * origin.
 *
 *     config = envoi_config_new()
 *     envoi_config_load()
 *     envoi_config_override() for what was said on the command line
 *     envoi_account_new()
 */
#ifndef ENVOI_CONFIG_H
#define ENVOI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/error.h>

/** What can be set. Several keywords may set the same key. */
enum envoi_key {
	ENVOI_KEY_SERVER,
	ENVOI_KEY_HOST,
	ENVOI_KEY_PORT,
	ENVOI_KEY_SOCKET,
	ENVOI_KEY_PROTOCOL,
	ENVOI_KEY_FALLBACK,
	ENVOI_KEY_SOURCE_IP,
	ENVOI_KEY_PROXY_HOST,
	ENVOI_KEY_PROXY_PORT,
	ENVOI_KEY_DOMAIN,
	ENVOI_KEY_TIMEOUT,
	ENVOI_KEY_TLS,
	ENVOI_KEY_TLS_STARTTLS,
	ENVOI_KEY_TLS_CERTCHECK,
	ENVOI_KEY_TLS_TRUST_FILE,
	ENVOI_KEY_TLS_CRL_FILE,
	ENVOI_KEY_TLS_FINGERPRINT,
	ENVOI_KEY_TLS_PIN,
	ENVOI_KEY_TLS_HOST_OVERRIDE,
	ENVOI_KEY_TLS_CERT_FILE,
	ENVOI_KEY_TLS_KEY_FILE,
	ENVOI_KEY_TLS_MIN,
	ENVOI_KEY_TLS_CACHE,
	ENVOI_KEY_TLS_PRIORITIES,
	ENVOI_KEY_TLS_MIN_DH_PRIME_BITS,
	ENVOI_KEY_TLS_FORCE_SSLV3,
	ENVOI_KEY_AUTH,
	ENVOI_KEY_USER,
	ENVOI_KEY_PASSWORD,
	ENVOI_KEY_PASSWORDEVAL,
	ENVOI_KEY_PASSWORD_COMMAND,
	ENVOI_KEY_PASSWORD_FILE,
	ENVOI_KEY_PASSWORD_CREDENTIAL,
	/** A descriptor; on the command line only. */
	ENVOI_KEY_PASSWORD_FD,
	ENVOI_KEY_TOKEN_COMMAND,
	ENVOI_KEY_NTLMDOMAIN,
	ENVOI_KEY_FROM,
	ENVOI_KEY_FROM_FULL_NAME,
	ENVOI_KEY_ALLOW_FROM_OVERRIDE,
	ENVOI_KEY_AUTO_FROM,
	ENVOI_KEY_MAILDOMAIN,
	ENVOI_KEY_ALIASES,
	ENVOI_KEY_SET_FROM_HEADER,
	ENVOI_KEY_SET_DATE_HEADER,
	ENVOI_KEY_SET_MSGID_HEADER,
	ENVOI_KEY_REMOVE_BCC_HEADERS,
	ENVOI_KEY_UNDISCLOSED_RECIPIENTS,
	ENVOI_KEY_LONG_LINES,
	ENVOI_KEY_IGNORE_DOTS,
	ENVOI_KEY_DSN_NOTIFY,
	ENVOI_KEY_DSN_RETURN,
	ENVOI_KEY_DELIVERY,
	ENVOI_KEY_FOREGROUND_TIMEOUT,
	ENVOI_KEY_BOUNCES,
	ENVOI_KEY_DELAY_WARNING,
	ENVOI_KEY_POSTMASTER,
	ENVOI_KEY_NOTIFY_COMMAND,
	ENVOI_KEY_LOGFILE,
	ENVOI_KEY_LOGFILE_TIME_FORMAT,
	ENVOI_KEY_SYSLOG,
	ENVOI_KEY_COUNT,
};

/** The keyword of a key ("tls_pin"); never NULL. */
const char *envoi_key_name(enum envoi_key key);

enum envoi_origin_kind {
	/** Nothing was said. */
	ENVOI_ORIGIN_DEFAULT,
	ENVOI_ORIGIN_FILE,
	/** name is the option ("--tls-ca"). */
	ENVOI_ORIGIN_OPTION,
	/** name is the variable. */
	ENVOI_ORIGIN_ENVIRONMENT,
};

/** Where something was said. Pointers live as long as the configuration. */
struct envoi_origin {
	enum envoi_origin_kind kind;
	/** FILE: its path. */
	const char *name;
	unsigned line;
	/** FILE: the account whose section it stands in; NULL: in defaults. */
	const char *account;
	/** It is the output of this command (eval); else NULL. */
	const char *command;
};

/** "config:12", "--tls-ca", "USER", "default"; with "(account work)" where
 * that is not the account named here, which may be NULL. Cut to size;
 * returns out. */
const char *envoi_origin_describe(
	const struct envoi_origin *origin, const char *account, char *out, size_t size);

struct envoi_config;

/** Nothing read yet. NULL: no memory. */
struct envoi_config *envoi_config_new(void);

/** Wipes passwords. Accepts NULL. */
void envoi_config_free(struct envoi_config *config);

struct envoi_config_options {
	/** Read this file and no other (-C); NULL: the usual ones. /dev/null
	 * is an empty one. */
	const char *file;
	/** In place of "/etc"; NULL outside of tests. */
	const char *etc;
};

/**
 * Reads the files: options->file, else $ENVOI_CONFIG, else /etc/envoi/config
 * and $XDG_CONFIG_HOME/envoi/config (without that variable ~/.config/...). If
 * none of these exists, /etc/msmtprc and ~/.msmtprc or
 * $XDG_CONFIG_HOME/msmtp/config. That there is none at all is no error.
 *
 * An account of the user's file takes the place of one of the same name in
 * the system's. A system file that may not be read is a warning, and the error
 * of envoi_account_new() when no account is found.
 *
 * -1 with CONFIG and the first thing that is wrong ("FILE:LINE: ..."). All
 * others are told by envoi_config_diagnostic(); reading goes on behind a bad
 * line. SYSTEM: no memory.
 */
int envoi_config_load(struct envoi_config *config,
	const struct envoi_config_options *options, struct envoi_error *err);

/** Has the user a file that envoi_config_load() with no options reads, other than
 * the system's? */
bool envoi_config_is_own(void);

/** The path of file i that was read, in this order; NULL: no more. */
const char *envoi_config_file(const struct envoi_config *config, size_t i);

/** The name of account i in the order of definition, those that another one
 * took the place of left out; NULL: no more. */
const char *envoi_config_account(const struct envoi_config *config, size_t i);

/** The account that name is only another name of ("account default : work" and
 * nothing more); NULL: it has something of its own. */
const char *envoi_config_alias(const struct envoi_config *config, const char *name);

enum envoi_severity {
	ENVOI_SEVERITY_NOTE,
	ENVOI_SEVERITY_WARNING,
	ENVOI_SEVERITY_ERROR,
};

struct envoi_diagnostic {
	enum envoi_severity severity;
	/** "FILE:LINE: ...", and a hint. */
	struct envoi_error error;
};

/** What was found while loading, in the order of the lines; NULL: no more.
 * Valid until the next call with this configuration that is not const. */
const struct envoi_diagnostic *envoi_config_diagnostic(
	const struct envoi_config *config, size_t i);

/**
 * Adds what was said on the command line or in the environment: it goes before
 * what the files say, in every account. keyword as in a file, or
 * "password_fd"; origin names the option or variable and outlives the
 * configuration. Repeated keywords add up where they do in a file, else the
 * last one counts. USAGE: no such keyword, or a value it does not take.
 */
int envoi_config_override(struct envoi_config *config, const char *keyword,
	const char *value, const struct envoi_origin *origin, struct envoi_error *err);

#endif
