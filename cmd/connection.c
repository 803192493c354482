/*
 * Options about servers, TLS and output; see the header.
 */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <envoi/log.h>

#include "privilege.h"

/* Options that say what a keyword of the configuration says. */
static const struct setting_option {
	int id;
	const char *keyword;
	struct envoi_origin origin;
} settings[] = {
#define ROW(id, keyword, option)                                                         \
	{                                                                                \
		id, keyword,                                                             \
		{                                                                        \
			.kind = ENVOI_ORIGIN_OPTION, .name = option                      \
		}                                                                        \
	}
	ROW('s', "server", "--server"),
	ROW(OPT_TLS, "tls", "--tls"),
	ROW(OPT_TLS_CA, "tls_trust_file", "--tls-ca"),
	ROW(OPT_TLS_NAME, "tls_host_override", "--tls-name"),
	ROW(OPT_TLS_PIN, "tls_pin", "--tls-pin"),
	ROW(OPT_TLS_CERT, "tls_cert_file", "--tls-cert"),
	ROW(OPT_TLS_KEY, "tls_key_file", "--tls-key"),
	ROW(OPT_TLS_MIN, "tls_min", "--tls-min"),
	ROW(OPT_TLS_INSECURE, "tls_certcheck", "--tls-insecure"),
	ROW(OPT_NO_TLS_CACHE, "tls_cache", "--no-tls-cache"),
	ROW(OPT_AUTH, "auth", "--auth"),
	ROW(OPT_USER, "user", "--user"),
	ROW(OPT_PASSWORD_FD, "password_fd", "--password-fd"),
	ROW(OPT_PASSWORD_FILE, "password_file", "--password-file"),
	ROW(OPT_PASSWORD_COMMAND, "password_command", "--password-command"),
	ROW(OPT_HELO, "domain", "--helo"),
	ROW(OPT_SOURCE, "source_ip", "--source"),
	ROW(OPT_TIMEOUT, "timeout", "--timeout"),
	ROW(OPT_DSN_NOTIFY, "dsn_notify", "--dsn-notify"),
	ROW(OPT_DSN_RET, "dsn_return", "--dsn-ret"),
	ROW(OPT_LONG_LINES, "long_lines", "--long-lines"),
#undef ROW
};

void connection_init(struct connection *c)
{
	*c = (struct connection){0};
	ui_init(&c->ui);
	c->request.family = AF_UNSPEC;
	c->request.sessions = 1;
	c->request.stop_fd = c->ui.stop_pipe[0];
}

void connection_finish(struct connection *c)
{
	for (size_t i = 0; i < c->said_count; i++) {
		free((void *)(uintptr_t)c->said[i].keyword);
		free((void *)(uintptr_t)c->said[i].value);
	}
	free(c->said);
	free(c->kept_file);
	free(c->tls_cache);
	envoi_chain_finish(&c->chain);
	envoi_config_free(c->config);
	ui_finish(&c->ui);
}

static int no_memory(struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

int add_string(const char ***list, size_t *n, const char *p, struct envoi_error *err)
{
	/* Grown at powers of two: many recipients stay linear. */
	if ((*n & (*n - 1)) == 0) {
		size_t room = *n == 0 ? 1 : *n * 2;
		const char **grown = realloc(*list, room * sizeof(**list));
		if (grown == NULL) {
			return no_memory(err);
		}
		*list = grown;
	}
	(*list)[(*n)++] = p;
	return 0;
}

/* -- settings ---------------------------------------------------------------- */

static bool is_secret(int id)
{
	return id == OPT_PASSWORD_FD || id == OPT_PASSWORD_FILE
	       || id == OPT_PASSWORD_COMMAND;
}

/* What goes into the envelope of a message, and says nothing of its way; but for a
 * word that takes back what the account asks for. */
static bool is_of_envelope(int id, const char *value)
{
	return (id == OPT_DSN_NOTIFY || id == OPT_DSN_RET) && strcmp(value, "off") != 0;
}

/* Words of our own, for what is no setting of the configuration. */
#define KEPT_FAMILY ".family"
#define KEPT_WITHOUT ".without"

static int note_said(struct connection *c, const char *keyword, const char *value,
	struct envoi_error *err)
{
	struct envoi_queue_setting *said =
		realloc(c->said, (c->said_count + 1) * sizeof(*said));
	char *a = strdup(keyword), *b = strdup(value);
	c->said = said != NULL ? said : c->said;
	if (said == NULL || a == NULL || b == NULL) {
		free(a);
		free(b);
		return no_memory(err);
	}
	said[c->said_count++] = (struct envoi_queue_setting){a, b};
	return 0;
}

/* One place for a secret: a second one would be a guess. */
static int note_secret(struct connection *c, const struct setting_option *option,
	struct envoi_error *err)
{
	if (c->secret != NULL) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"%s: the secret is already to come from %s", option->origin.name,
			c->secret);
	}
	c->secret = option->origin.name;
	return 0;
}

static int set_value(struct connection *c, const struct setting_option *option,
	const char *value, struct envoi_error *err)
{
	if (c->config == NULL && (c->config = envoi_config_new()) == NULL) {
		return no_memory(err);
	}
	if (value[0] == '\0') {
		return envoi_error_set(
			err, ENVOI_STATUS_USAGE, "%s: says nothing", option->origin.name);
	}
	c->has_server = c->has_server || option->id == 's';
	if (is_secret(option->id) && note_secret(c, option, err) != 0) {
		return -1;
	}
	if (!is_of_envelope(option->id, value)
		&& note_said(c, option->keyword, value, err) != 0) {
		return -1;
	}
	return envoi_config_override(
		c->config, option->keyword, value, &option->origin, err);
}

/* "PHASE=SECONDS" as the keyword has it, "PHASE SECONDS". */
static int set_timeout(struct connection *c, const struct setting_option *option,
	const char *value, struct envoi_error *err)
{
	char *text = strdup(value);
	if (text == NULL) {
		return no_memory(err);
	}
	char *equals = strchr(text, '=');
	if (equals != NULL) {
		*equals = ' ';
	}
	int result = set_value(c, option, text, err);
	free(text);
	return result;
}

/* The option has no value; it turns the setting off. */
static bool is_switch(int id)
{
	return id == OPT_TLS_INSECURE || id == OPT_NO_TLS_CACHE;
}

static int set_setting(
	struct connection *c, int id, const char *value, struct envoi_error *err)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (settings[i].id != id) {
			continue;
		}
		if (id == OPT_TIMEOUT) {
			return set_timeout(c, &settings[i], value, err);
		}
		return set_value(c, &settings[i], is_switch(id) ? "off" : value, err);
	}
	return 1;
}

static int add_without(struct connection *c, const char *value, struct envoi_error *err)
{
	for (;;) {
		size_t n = strcspn(value, ",");
		uint32_t bit = envoi_extension_find(value, n);
		if (bit == 0) {
			return envoi_error_set(err, ENVOI_STATUS_USAGE,
				"--without: no extension \"%.*s\" is known", (int)n,
				value);
		}
		c->request.without |= bit;
		if (value[n] == '\0') {
			return 0;
		}
		value += n + 1;
	}
}

static int open_transcript(
	struct connection *c, const char *path, struct envoi_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (file == NULL) {
		(void)envoi_error_sys(
			err, ENVOI_STATUS_CANTCREATE, errno, "transcript '%s'", path);
		if (fd >= 0) {
			close(fd);
		}
		return -1;
	}
	c->ui.transcript = file;
	return 0;
}

static int set_report(struct connection *c, const char *value, struct envoi_error *err)
{
	if (strcmp(value, "none") == 0) {
		c->ui.report = false;
	} else if (strcmp(value, "text") == 0 || strcmp(value, "json") == 0) {
		c->ui.report = true;
		c->ui.format = value[0] == 'j' ? ENVOI_REPORT_JSON : ENVOI_REPORT_TEXT;
	} else {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--report: \"%s\" is none of text, json, none", value);
	}
	return 0;
}

static int set_family(struct connection *c, int family, struct envoi_error *err)
{
	if (c->request.family != AF_UNSPEC && c->request.family != family) {
		return envoi_error_set(
			err, ENVOI_STATUS_USAGE, "-4 and -6 exclude each other");
	}
	c->request.family = family;
	return 0;
}

int connection_option(
	struct connection *c, int id, const char *value, struct envoi_error *err)
{
	switch (id) {
	case 'a':
		c->account = value;
		return 0;
	case 'C':
		c->files.file = value;
		return 0;
	case '4':
		return set_family(c, AF_INET, err);
	case '6':
		return set_family(c, AF_INET6, err);
	case OPT_WITHOUT:
		return add_without(c, value, err);
	case 'v':
		c->ui.transcript_data = c->ui.verbose;
		c->ui.verbose = true;
		return 0;
	case OPT_TRANSCRIPT:
		c->transcript = value;
		return 0;
	case OPT_REPORT:
		return set_report(c, value, err);
	case 'q':
		c->ui.report = false;
		return 0;
	default:
		return set_setting(c, id, value, err);
	}
}

/* -- kept for later ---------------------------------------------------------- */

static bool is_path(const char *keyword)
{
	static const char *const paths[] = {
		"tls_trust_file", "tls_cert_file", "tls_key_file", "password_file"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strcmp(paths[i], keyword) == 0) {
			return true;
		}
	}
	return false;
}

/* As seen from anywhere. NULL: no memory, or it is not there. */
static char *absolute(const char *path, struct envoi_error *err)
{
	char folder[4096];
	if (path[0] == '/' || path[0] == '~') {
		return strdup(path);
	}
	size_t size = sizeof(folder) + strlen(path) + 2;
	char *result = malloc(size);
	if (result == NULL || access(path, F_OK) != 0
		|| getcwd(folder, sizeof(folder)) == NULL) {
		(void)envoi_error_sys(
			err, ENVOI_STATUS_CONFIG, errno, "cannot find '%s'", path);
		free(result);
		return NULL;
	}
	(void)snprintf(result, size, "%s/%s", folder, path);
	return result;
}

static int keep_options(struct connection *c, struct envoi_error *err)
{
	char number[20];
	if (c->request.family != AF_UNSPEC
		&& note_said(
			   c, KEPT_FAMILY, c->request.family == AF_INET ? "4" : "6", err)
			   != 0) {
		return -1;
	}
	(void)snprintf(number, sizeof(number), "%lu", (unsigned long)c->request.without);
	return c->request.without != 0 ? note_said(c, KEPT_WITHOUT, number, err) : 0;
}

int connection_keep(struct connection *c, struct envoi_queue_envelope *envelope,
	struct envoi_error *err)
{
	for (size_t i = 0; i < c->said_count; i++) {
		struct envoi_queue_setting *said = &c->said[i];
		if (strcmp(said->keyword, "password_fd") == 0) {
			(void)envoi_error_set(err, ENVOI_STATUS_USAGE,
				"--password-fd: the secret is not kept with the message, "
				"and a descriptor is gone when it is sent");
			envoi_error_hint(err, "--password-command or --password-file");
			return -1;
		}
		if (is_path(said->keyword)) {
			char *path = absolute(said->value, err);
			if (path == NULL) {
				return -1;
			}
			free((void *)(uintptr_t)said->value);
			said->value = path;
		}
	}
	if (keep_options(c, err) != 0) {
		return -1;
	}
	const char *named = getenv("ENVOI_CONFIG");
	const char *file = c->files.file != NULL ? c->files.file : named;
	if (file != NULL && file[0] != '\0' && c->kept_file == NULL
		&& (c->kept_file = absolute(file, err)) == NULL) {
		return -1;
	}
	const char *name = c->chain.count > 0 ? c->chain.accounts[0]->name : NULL;
	envelope->account = c->account != NULL ? c->account : name;
	envelope->config = c->kept_file;
	envelope->settings = c->said;
	envelope->setting_count = c->said_count;
	return 0;
}

int connection_restore(struct connection *c, const char *keyword, const char *value,
	struct envoi_error *err)
{
	if (strcmp(keyword, KEPT_FAMILY) == 0) {
		c->request.family = value[0] == '4' ? AF_INET : AF_INET6;
		return 0;
	}
	if (strcmp(keyword, KEPT_WITHOUT) == 0) {
		c->request.without = (uint32_t)strtoul(value, NULL, 10);
		return 0;
	}
	if (strcmp(keyword, CONNECTION_KEPT_BOUNCES) == 0) {
		c->bounces = true;
		return 0;
	}
	if (strcmp(keyword, CONNECTION_KEPT_MEND) == 0) {
		c->request.mend = true;
		return 0;
	}
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (strcmp(settings[i].keyword, keyword) == 0) {
			return set_value(c, &settings[i], value, err);
		}
	}
	return envoi_error_set(err, ENVOI_STATUS_CONFIG,
		"the message was queued with a setting \"%s\", which is not known",
		keyword);
}

/* -- the account ------------------------------------------------------------- */

/* The files are for who names no server; with an account they are for all. */
static int load_files(struct connection *c, struct envoi_error *err)
{
	if (c->config == NULL && (c->config = envoi_config_new()) == NULL) {
		return no_memory(err);
	}
	if (!c->has_server || c->account != NULL) {
		return envoi_config_load(c->config, &c->files, err);
	}
	if (c->files.file != NULL) {
		(void)envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--config says nothing when --server names where to send");
		envoi_error_hint(err, "--account NAME takes that account's login there");
		return -1;
	}
	return 0;
}

static void warn(void *context, const struct envoi_error *err)
{
	(void)context;
	ui_error(err);
}

static int no_server(const struct connection *c, struct envoi_error *err)
{
	const char *name = c->chain.accounts[0]->name;
	if (name != NULL) {
		return envoi_error_set(
			err, ENVOI_STATUS_CONFIG, "account %s names no server", name);
	}
	(void)envoi_error_set(err, ENVOI_STATUS_USAGE, "no server given");
	envoi_error_hint(err, envoi_config_file(c->config, 0) == NULL
				      ? "name one: --server smtp://localhost, "
					"submission://mx.example.org"
				      : "no account fits, and none is called default: "
					"--account NAME, --server SERVER");
	return -1;
}

int connection_chain(struct connection *c, struct envoi_account_options *options,
	struct envoi_error *err)
{
	if (envoi_config_file(c->config, 0) == NULL) {
		return envoi_chain_init(&c->chain, c->config, options, warn, NULL, err);
	}
	/* A file's command must not be left behind by one who was ended. */
	ui_watch_signals(&c->ui);
	options->stop_fd = c->ui.stop_pipe[0];
	int result = envoi_chain_init(&c->chain, c->config, options, warn, NULL, err);
	if (ui_unwatch_signals(&c->ui) && result == 0) {
		result = envoi_error_set(
			err, ENVOI_STATUS_TEMPORARY, "interrupted by a signal");
	}
	return result;
}

void connection_keep_secrets(void)
{
	const struct rlimit none = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &none);
}

/* The folder of TLS sessions, for the relays that want it. It is only named here:
 * it is looked at when there is a session to look for. */
static int name_tls_cache(struct connection *c, struct envoi_error *err)
{
	const char *base = getenv("XDG_CACHE_HOME");
	const char *below = "";
	if (base == NULL || base[0] != '/') {
		base = getenv("HOME");
		below = "/.cache";
	}
	/* A certificate is shown by a whole handshake only. */
	if (c->ui.probe || !privilege_is_personal() || base == NULL || base[0] != '/') {
		return 0;
	}
	size_t size = strlen(base) + sizeof("/.cache/envoi");
	free(c->tls_cache);
	c->tls_cache = malloc(size);
	if (c->tls_cache == NULL) {
		return no_memory(err);
	}
	(void)snprintf(c->tls_cache, size, "%s%s/envoi", base, below);
	for (size_t i = 0; i < c->chain.count; i++) {
		struct envoi_tls_options *tls = &c->chain.relays[i].tls;
		tls->cache = tls->fresh ? NULL : c->tls_cache;
	}
	return 0;
}

static int choose_account(
	struct connection *c, const char *sender, struct envoi_error *err)
{
	struct envoi_account_options options = {.name = c->account, .sender = sender};
	if (load_files(c, err) != 0 || connection_chain(c, &options, err) != 0) {
		return -1;
	}
	if (c->chain.accounts[0]->server_count == 0 && !c->serverless) {
		return no_server(c, err);
	}
	bool secrets = false;
	for (size_t i = 0; i < c->chain.count; i++) {
		secrets = secrets || c->chain.accounts[i]->auth;
	}
	if (secrets) {
		connection_keep_secrets();
	}
	if (name_tls_cache(c, err) != 0) {
		return -1;
	}
	c->request.relays = c->chain.relays;
	c->request.relay_count = c->chain.count;
	c->request.total_us = c->chain.accounts[0]->timeout_us[ENVOI_PHASE_TOTAL];
	return 0;
}

/* Mail is not kept back for a log: what is wrong with it is told. */
static void open_log(struct connection *c)
{
	const struct envoi_account *account = c->chain.accounts[0];
	const struct envoi_log_options options = {
		.account = account->name,
		.file = account->logfile,
		.time_format = account->logfile_time_format,
		.facility = account->syslog_facility,
	};
	struct envoi_error err;
	if (options.file == NULL && options.facility == NULL) {
		return;
	}
	if (envoi_log_new(&options, &c->ui.log, &err) != 0
		|| envoi_log_check(c->ui.log, &err) != 0) {
		ui_error(&err);
		c->ui.log_failed = true;
	}
}

int connection_complete(struct connection *c, const char *sender, struct envoi_error *err)
{
	if (choose_account(c, sender, err) != 0) {
		return -1;
	}
	/* Last: what was there is not lost to a mistake in another option. */
	if (c->transcript != NULL && open_transcript(c, c->transcript, err) != 0) {
		return -1;
	}
	if (!c->ui.probe && !c->offline) {
		open_log(c);
	}
	c->request.observer = ui_observer(&c->ui);
	return c->serverless ? 0 : ui_check_output(&c->ui, err);
}
