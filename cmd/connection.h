/*
 * The options about servers, TLS and output that every command which connects
 * has, and the request they make.
 */
#ifndef CMD_CONNECTION_H
#define CMD_CONNECTION_H

#include <envoi/account.h>
#include <envoi/queue.h>
#include <envoi/submit.h>

#include "options.h"
#include "ui.h"

enum {
	OPT_TLS = OPT_FIRST,
	OPT_TLS_CA,
	OPT_TLS_NAME,
	OPT_TLS_PIN,
	OPT_TLS_CERT,
	OPT_TLS_KEY,
	OPT_TLS_MIN,
	OPT_TLS_INSECURE,
	OPT_NO_TLS_CACHE,
	OPT_AUTH,
	OPT_USER,
	OPT_PASSWORD_FD,
	OPT_PASSWORD_FILE,
	OPT_PASSWORD_COMMAND,
	OPT_HELO,
	OPT_SOURCE,
	OPT_WITHOUT,
	OPT_TIMEOUT,
	OPT_TRANSCRIPT,
	OPT_REPORT,
	/** Settings that only send has. */
	OPT_DSN_NOTIFY,
	OPT_DSN_RET,
	OPT_LONG_LINES,
	OPT_COMMAND_FIRST,
};

/** Table rows for the options above, to be put into a command's table. */
#define CONNECTION_OPTIONS                                                               \
	{'a', "account", "NAME", "account of the configuration"},                        \
		{'C', "config", "FILE", "this file in place of the usual ones"},         \
		{OPT_TLS, "tls", "WHEN", "off, opportunistic, starttls, implicit"},      \
		{OPT_TLS_CA, "tls-ca", "PATH",                                           \
			"file or folder of trusted certificates"},                       \
		{OPT_TLS_NAME, "tls-name", "NAME", "name the certificate must have"},    \
		{OPT_TLS_PIN, "tls-pin", "PIN",                                          \
			"sha256:HEX of certificate or key; repeatable"},                 \
		{OPT_TLS_CERT, "tls-cert", "FILE", "client certificate, PEM"},           \
		{OPT_TLS_KEY, "tls-key", "FILE", "its key, when not in the same file"},  \
		{OPT_TLS_MIN, "tls-min", "VERSION", "1.2 (default) or 1.3"},             \
		{OPT_TLS_INSECURE, "tls-insecure", NULL,                                 \
			"do not check the certificate"},                                 \
		{OPT_NO_TLS_CACHE, "no-tls-cache", NULL,                                 \
			"continue no TLS session of another run"},                       \
		{OPT_AUTH, "auth", "MECH[,MECH]",                                        \
			"mechanisms to log in with, in order; off"},                     \
		{OPT_USER, "user", "USER", "log in as"},                                 \
		{OPT_PASSWORD_FD, "password-fd", "N", "secret from a descriptor"},       \
		{OPT_PASSWORD_FILE, "password-file", "FILE", "secret from a file"},      \
		{OPT_PASSWORD_COMMAND, "password-command", "CMD",                        \
			"secret from a command, run without a shell"},                   \
		{OPT_HELO, "helo", "NAME", "name for EHLO, HELO, LHLO"},                 \
		{'4', "ipv4", NULL, "IPv4 only"}, {'6', "ipv6", NULL, "IPv6 only"},      \
		{OPT_SOURCE, "source", "ADDR", "local address"},                         \
		{OPT_WITHOUT, "without", "EXT[,EXT]", "never use these extensions"},     \
		{OPT_TIMEOUT, "timeout", "[PHASE=]SECONDS",                              \
			"wait so long at most; repeatable"},                             \
		{'v', "verbose", NULL,                                                   \
			"transcript on stderr; twice: with message data"},               \
		{OPT_TRANSCRIPT, "transcript", "FILE", "transcript to a file"},          \
		{OPT_REPORT, "report", "FORMAT", "text (default), json, none"},          \
		{'q', "quiet", NULL, "no report, same as --report none"},                \
	{                                                                                \
		OPT_HELP, "help", NULL, "this text"                                      \
	}

/** What the options say. Zeroed, then connection_init(). */
struct connection {
	struct envoi_request request;
	struct cmd_ui ui;
	/** -C, -a. */
	struct envoi_config_options files;
	const char *account;
	/** The options that are settings, and the files; NULL: none yet. */
	struct envoi_config *config;
	/** Where to send, and what the request's relays are made of. */
	struct envoi_chain chain;
	/** --transcript, not opened before all options are read. */
	const char *transcript;
	/** The option that says where the secret is. */
	const char *secret;
	bool has_server;
	/** All that was said, for a message that is kept; owned. */
	struct envoi_queue_setting *said;
	size_t said_count;
	/** Absolute path of files.file, when it is kept; owned. */
	char *kept_file;
	/** The sender is to be told of failures, whatever the account says. */
	bool bounces;
	/** The folder of TLS sessions; owned; NULL: none. */
	char *tls_cache;
	/** Nobody will be connected to: there is nothing to log. */
	bool offline;
	/** Not even a server is needed, and stdout is not for a report. */
	bool serverless;
};

/** A setting of messages whose sender asked for bounces; its value does not matter. */
#define CONNECTION_KEPT_BOUNCES ".bounces"
/** Of messages that are not refused for their octets (request.mend), as well. */
#define CONNECTION_KEPT_MEND ".mend"

void connection_init(struct connection *c);
void connection_finish(struct connection *c);

/** Acts on an option of the table above or 's': 0, -1 with err; 1: it is none. */
int connection_option(
	struct connection *c, int id, const char *value, struct envoi_error *err);

/**
 * All options are read: chooses the account, opens the transcript, fills the
 * request in. sender: as made by envoi_address_parse(), NULL: none was given.
 */
int connection_complete(
	struct connection *c, const char *sender, struct envoi_error *err);

/**
 * Fills in what an envelope says of the way, so that connection_restore() of each
 * setting, the account and the file lead to the same later, from another folder.
 * Valid as long as c. USAGE: a secret from a descriptor, which is gone then.
 */
int connection_keep(struct connection *c, struct envoi_queue_envelope *envelope,
	struct envoi_error *err);
int connection_restore(struct connection *c, const char *keyword, const char *value,
	struct envoi_error *err);

/**
 * Makes c->chain of what was loaded, running eval commands, which a signal
 * stops. options->stop_fd is set.
 */
int connection_chain(struct connection *c, struct envoi_account_options *options,
	struct envoi_error *err);

/** No core file from now on: it would hold the secrets. */
void connection_keep_secrets(void);

/** Adds p to a heap array of strings of n elements. */
int add_string(const char ***list, size_t *n, const char *p, struct envoi_error *err);

#endif
