/*
 * Who we are, where mail goes, and the aliases.
 */
#include "sendmail.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <syslog.h>
#include <unistd.h>

#include <envoi/address.h>

#include "hygiene.h"

#define SYSTEM_ALIASES "/etc/aliases"

void sendmail_syslog(const struct sendmail *sendmail, bool failed, const char *text)
{
	openlog(sendmail->flags.tag != NULL ? sendmail->flags.tag : "envoi", LOG_PID,
		LOG_MAIL);
	syslog(failed ? LOG_ERR : LOG_WARNING, "%s", text);
	closelog();
}

/* -- names ------------------------------------------------------------------- */

/* Could the mailbox x@name be written? */
static bool is_domain(const char *name)
{
	struct envoi_error err;
	char *mailbox = name[0] != '\0' ? envoi_address_qualify("x", name, &err) : NULL;
	free(mailbox);
	return mailbox != NULL;
}

/* What Debian's programs take for the domain of local users. */
static void read_mailname(char *out, size_t size)
{
	char line[256];
	FILE *file = fopen("/etc/mailname", "re");
	out[0] = '\0';
	if (file == NULL) {
		return;
	}
	if (fgets(line, sizeof(line), file) != NULL) {
		size_t n = strcspn(line, " \t\r\n");
		line[n] = '\0';
		if (n < size && is_domain(line)) {
			memcpy(out, line, n + 1);
		}
	}
	(void)fclose(file);
}

void sendmail_find_names(struct sendmail *sendmail)
{
	if (gethostname(sendmail->host, sizeof(sendmail->host) - 1) != 0
		|| !is_domain(sendmail->host)) {
		(void)snprintf(sendmail->host, sizeof(sendmail->host), "localhost");
	}
	sendmail->hosts[0] = sendmail->host;
	sendmail->hosts[1] = "localhost";
	read_mailname(sendmail->domain, sizeof(sendmail->domain));
	if (sendmail->domain[0] == '\0') {
		memcpy(sendmail->domain, sendmail->host, sizeof(sendmail->domain));
	}
}

static void take_domain(struct sendmail *sendmail, const struct envoi_account *account)
{
	const char *domain = account->mail_domain;
	if (domain != NULL && is_domain(domain)) {
		(void)snprintf(sendmail->domain, sizeof(sendmail->domain), "%s", domain);
	}
}

/* -- the sender -------------------------------------------------------------- */

struct one {
	const struct sendmail *sendmail;
	char *mailbox;
	size_t count;
};

static int take_one(
	void *context, const struct envoi_list_item *item, struct envoi_error *err)
{
	struct one *one = context;
	if (one->count++ > 0) {
		return envoi_error_set(
			err, ENVOI_STATUS_USAGE, "more than one address as sender");
	}
	if (item->mailbox == NULL) {
		*err = *item->why;
		return -1;
	}
	one->mailbox = item->bare ? envoi_address_qualify(
			       item->mailbox, one->sendmail->domain, err)
				  : strdup(item->mailbox);
	if (one->mailbox == NULL && !item->bare) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	return one->mailbox != NULL ? 0 : -1;
}

int sendmail_parse_sender(const struct sendmail *sendmail, const char *text,
	char **ret_sender, struct envoi_error *err)
{
	struct one one = {.sendmail = sendmail};
	if (text[strspn(text, " \t")] == '\0' || strcmp(text, "<>") == 0) {
		return envoi_address_parse("", 0, true, ret_sender, err);
	}
	if (envoi_address_list_parse(text, strlen(text), take_one, &one, err) != 0) {
		free(one.mailbox);
		return -1;
	}
	if (one.mailbox == NULL) {
		return envoi_error_set(
			err, ENVOI_STATUS_USAGE, "no sender in \"%s\"", text);
	}
	*ret_sender = one.mailbox;
	return 0;
}

/* The name of the login at the domain of bare names. */
static int make_sender(struct sendmail *sendmail, struct envoi_error *err)
{
	char login[256], text[600];
	hygiene_login(login, sizeof(login));
	(void)snprintf(text, sizeof(text), "%s@%s", login, sendmail->domain);
	return envoi_address_parse(text, strlen(text), false, &sendmail->sender, err);
}

static int choose_sender(struct sendmail *sendmail, struct envoi_error *err)
{
	const struct envoi_account *account = sendmail->connection.chain.accounts[0];
	if (account->sender != NULL) {
		free(sendmail->sender);
		sendmail->sender = strdup(account->sender);
		return sendmail->sender != NULL
			       ? 0
			       : envoi_error_set(
				       err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	sendmail->sender_from_header = account->sender_from_header;
	return sendmail->sender != NULL ? 0 : make_sender(sendmail, err);
}

/* -- the configuration ------------------------------------------------------- */

static int load(struct sendmail *sendmail, struct envoi_error *err)
{
	struct connection *c = &sendmail->connection;
	c->files.file = sendmail->flags.config;
	c->config = envoi_config_new();
	if (c->config == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	return envoi_config_load(c->config, &c->files, err);
}

/* What the account that nobody's sender chose says about names. */
static void look_ahead(struct sendmail *sendmail)
{
	struct envoi_account_options options = {.no_eval = true, .stop_fd = -1};
	struct envoi_account *account = NULL;
	struct envoi_error err;
	if (envoi_account_new(sendmail->connection.config, &options, &account, &err)
		== 0) {
		take_domain(sendmail, account);
		envoi_account_free(account);
	}
}

static void open_log(struct sendmail *sendmail)
{
	struct connection *c = &sendmail->connection;
	const struct envoi_account *account = c->chain.accounts[0];
	const struct envoi_log_options options = {
		.account = account->name,
		.file = sendmail->flags.log != NULL ? sendmail->flags.log
						    : account->logfile,
		.time_format = account->logfile_time_format,
		.facility = account->syslog_facility != NULL ? account->syslog_facility
							     : "LOG_MAIL",
		.ident = sendmail->flags.tag,
	};
	struct envoi_error err;
	if (envoi_log_new(&options, &c->ui.log, &err) != 0
		|| envoi_log_check(c->ui.log, &err) != 0) {
		sendmail_syslog(sendmail, true, err.text);
		c->ui.log_failed = true;
	}
}

static int choose_account(struct sendmail *sendmail, struct envoi_error *err)
{
	struct connection *c = &sendmail->connection;
	struct envoi_account_options options = {.sender = sendmail->sender};
	if (connection_chain(c, &options, err) != 0) {
		return -1;
	}
	const struct envoi_account *account = c->chain.accounts[0];
	if (account->server_count == 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_CONFIG,
			account->name != NULL ? "account %s names no server"
					      : "no account says where to send",
			account->name);
		envoi_error_hint(err, "envoi config explain tells what is configured");
		return -1;
	}
	for (size_t i = 0; i < c->chain.count; i++) {
		if (c->chain.accounts[i]->auth) {
			connection_keep_secrets();
		}
	}
	c->request.relays = c->chain.relays;
	c->request.relay_count = c->chain.count;
	c->request.total_us = account->foreground_timeout_us;
	take_domain(sendmail, account);
	return 0;
}

/* -- aliases ----------------------------------------------------------------- */

const char *sendmail_alias_file(const struct sendmail *sendmail)
{
	const struct envoi_chain *chain = &sendmail->connection.chain;
	if (chain->count > 0 && chain->accounts[0]->aliases != NULL) {
		return chain->accounts[0]->aliases;
	}
	return access(SYSTEM_ALIASES, F_OK) == 0 ? SYSTEM_ALIASES : NULL;
}

static int load_aliases(struct sendmail *sendmail, struct envoi_error *err)
{
	const char *path = sendmail_alias_file(sendmail);
	if (path == NULL || sendmail->flags.no_aliases) {
		return 0;
	}
	if (envoi_aliases_load(path, &sendmail->aliases, err) == 0) {
		return 0;
	}
	if (err->status == ENVOI_STATUS_SYSTEM || strcmp(path, SYSTEM_ALIASES) != 0) {
		return -1;
	}
	/* Nobody said it should be used. */
	sendmail_syslog(sendmail, false, err->text);
	return 0;
}

int sendmail_open_aliases(struct sendmail *sendmail, struct envoi_error *err)
{
	struct envoi_account_options options = {.no_eval = true, .stop_fd = -1};
	struct connection *c = &sendmail->connection;
	sendmail_find_names(sendmail);
	if (load(sendmail, err) != 0
		|| envoi_chain_init(&c->chain, c->config, &options, NULL, NULL, err)
			   != 0) {
		return -1;
	}
	take_domain(sendmail, c->chain.accounts[0]);
	const char *path = sendmail_alias_file(sendmail);
	return path == NULL ? 0 : envoi_aliases_load(path, &sendmail->aliases, err);
}

int sendmail_open(struct sendmail *sendmail, struct envoi_error *err)
{
	struct envoi_error cause = ENVOI_ERROR_NONE;
	const char *said = sendmail->flags.sender;
	sendmail_find_names(sendmail);
	int loaded = load(sendmail, &cause);
	if (loaded == 0) {
		look_ahead(sendmail);
	}
	if (said != NULL
		&& sendmail_parse_sender(sendmail, said, &sendmail->sender, err) != 0) {
		return -1;
	}
	if (loaded != 0 || choose_account(sendmail, &cause) != 0
		|| load_aliases(sendmail, &cause) != 0
		|| choose_sender(sendmail, &cause) != 0) {
		*err = cause;
		if (err->status == ENVOI_STATUS_USAGE) {
			/* No option named it. */
			err->status = ENVOI_STATUS_CONFIG;
		}
		/* It may be kept all the same, and is somebody's then. */
		if (sendmail->sender == NULL) {
			(void)make_sender(sendmail, &cause);
		}
		return -1;
	}
	open_log(sendmail);
	sendmail->connection.request.observer = ui_observer(&sendmail->connection.ui);
	sendmail->account_ready = true;
	return 0;
}
