/*
 * Making an account of what the configuration says: the order in which its
 * parts are worked out, and those that are simple.
 */
#include "submit/account_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/idna.h"
#include "config/words.h"

const char *envoi_account_text(const struct account *account, enum envoi_key key)
{
	const struct envoi_setting *setting = envoi_settings_get(&account->settings, key);
	return setting != NULL ? setting->text : NULL;
}

int envoi_account_ascii(const struct account *account, enum envoi_key key,
	char **ret_name, struct envoi_error *err)
{
	char ascii[ENVOI_IDNA_ROOM];
	const char *why = NULL;
	const char *text = envoi_account_text(account, key);
	if (text == NULL) {
		return 0;
	}
	if (!envoi_is_ascii(envoi_span_of(text))) {
		int result = envoi_idna_to_ascii(envoi_span_of(text), ascii, &why);
		if (result > 0) {
			return envoi_account_error(
				err, account, key, "\"%.100s\": %s", text, why);
		}
		text = result == 0 ? ascii : NULL;
	}
	*ret_name = text != NULL ? envoi_span_dup(envoi_span_of(text)) : NULL;
	return *ret_name != NULL ? 0 : envoi_config_no_memory(err);
}

bool envoi_account_is(const struct account *account, enum envoi_key key, const char *word)
{
	const char *text = envoi_account_text(account, key);
	return text != NULL && strcmp(text, word) == 0;
}

int envoi_account_error(struct envoi_error *err, const struct account *account,
	enum envoi_key key, const char *format, ...)
{
	char text[sizeof(err->text)];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	static const struct envoi_origin nowhere = {0};
	const struct envoi_setting *setting =
		envoi_settings_last(&account->settings, key);
	const struct envoi_origin *origin = setting != NULL ? setting->origin : &nowhere;
	if (origin->kind == ENVOI_ORIGIN_OPTION) {
		return envoi_config_error(err, origin, "%s", text);
	}
	return envoi_config_error(err, origin, "%s: %s", envoi_key_name(key), text);
}

int64_t envoi_account_seconds(const char *text)
{
	int64_t us = 0, scale = 1000000;
	for (; *text >= '0' && *text <= '9'; text++) {
		us = us * 10 + (*text - '0') * (int64_t)1000000;
	}
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9' && scale > 1; text++) {
			scale /= 10;
			us += (*text - '0') * scale;
		}
	}
	/* Less than can be told apart from none at all. */
	return us > 0 ? us : 1;
}

/* -- timeouts ---------------------------------------------------------------- */

static int set_timeout(struct account *account, const struct envoi_setting *setting,
	struct envoi_error *err)
{
	struct envoi_span rest = envoi_span_of(setting->text);
	struct envoi_span phase = envoi_span_word(&rest);
	rest = envoi_span_trim(rest);
	bool all = rest.len == 0;
	bool off = all && envoi_span_equal(phase, envoi_span_of("off"));
	int64_t us = off ? 0 : envoi_account_seconds(all ? phase.data : rest.data);
	bool found = false;
	for (int i = ENVOI_PHASE_CONNECT; i < ENVOI_PHASE_COUNT; i++) {
		const char *name = envoi_phase_name((enum envoi_phase)i);
		/* Alone it bounds every wait, and not the whole run. */
		if (all ? i != ENVOI_PHASE_TOTAL
			: envoi_span_equal(phase, envoi_span_of(name))) {
			account->face.timeout_us[i] = us;
			found = true;
		}
	}
	if (!found) {
		(void)envoi_config_error(err, setting->origin,
			"timeout: no such phase: \"%.*s\"", (int)phase.len, phase.data);
		envoi_error_hint(err,
			"phases are connect, greeting, ehlo, tls, auth, mail, rcpt, "
			"data, block, dot, quit, total");
		return -1;
	}
	return 0;
}

static int set_timeouts(struct account *account, struct envoi_error *err)
{
	size_t n = account->settings.keys[ENVOI_KEY_TIMEOUT].count;
	for (size_t i = 0; i < n; i++) {
		if (set_timeout(account,
			    &account->settings.keys[ENVOI_KEY_TIMEOUT].values[i], err)
			!= 0) {
			return -1;
		}
	}
	return 0;
}

/* -- the simple ones --------------------------------------------------------- */

static enum envoi_header_policy header_policy(
	const struct account *account, enum envoi_key key)
{
	return envoi_account_is(account, key, "on")    ? ENVOI_HEADER_ON
	       : envoi_account_is(account, key, "off") ? ENVOI_HEADER_OFF
						       : ENVOI_HEADER_AUTO;
}

static unsigned notify_bits(const char *text)
{
	static const struct {
		const char *word;
		unsigned bit;
	} words[] = {
		{"never", ENVOI_NOTIFY_NEVER},
		{"failure", ENVOI_NOTIFY_FAILURE},
		{"delay", ENVOI_NOTIFY_DELAY},
		{"success", ENVOI_NOTIFY_SUCCESS},
	};
	unsigned bits = 0;
	for (size_t i = 0; text != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		bits |= strstr(text, words[i].word) != NULL ? words[i].bit : 0;
	}
	return bits;
}

static void set_message(struct account *account)
{
	struct envoi_account *face = &account->face;
	face->from_header = header_policy(account, ENVOI_KEY_SET_FROM_HEADER);
	face->date_header = header_policy(account, ENVOI_KEY_SET_DATE_HEADER);
	face->msgid_header = header_policy(account, ENVOI_KEY_SET_MSGID_HEADER);
	face->keep_bcc = envoi_account_is(account, ENVOI_KEY_REMOVE_BCC_HEADERS, "off");
	face->undisclosed_recipients =
		envoi_account_is(account, ENVOI_KEY_UNDISCLOSED_RECIPIENTS, "on");
	face->ignore_dots = envoi_account_is(account, ENVOI_KEY_IGNORE_DOTS, "on");
	static const char *const lines[] = {
		[ENVOI_LONG_LINES_ENCODE] = "encode",
		[ENVOI_LONG_LINES_PASS] = "pass",
		[ENVOI_LONG_LINES_REFUSE] = "refuse",
	};
	for (int i = ENVOI_LONG_LINES_ENCODE; i <= ENVOI_LONG_LINES_REFUSE; i++) {
		if (envoi_account_is(account, ENVOI_KEY_LONG_LINES, lines[i])) {
			face->long_lines = (enum envoi_long_lines)i;
		}
	}
	face->dsn_notify = notify_bits(envoi_account_text(account, ENVOI_KEY_DSN_NOTIFY));
	face->dsn_return =
		envoi_account_is(account, ENVOI_KEY_DSN_RETURN, "headers")
				|| envoi_account_is(account, ENVOI_KEY_DSN_RETURN, "hdrs")
			? "HDRS"
		: envoi_account_is(account, ENVOI_KEY_DSN_RETURN, "full") ? "FULL"
									  : NULL;
}

static void set_delivery(struct account *account)
{
	struct envoi_account *face = &account->face;
	static const char *const words[] = {
		[ENVOI_DELIVERY_FOREGROUND] = "foreground",
		[ENVOI_DELIVERY_BACKGROUND] = "background",
		[ENVOI_DELIVERY_QUEUE] = "queue",
	};
	for (int i = ENVOI_DELIVERY_FOREGROUND; i <= ENVOI_DELIVERY_QUEUE; i++) {
		if (envoi_account_is(account, ENVOI_KEY_DELIVERY, words[i])) {
			face->delivery = (enum envoi_delivery)i;
		}
	}
	const char *seconds = envoi_account_text(account, ENVOI_KEY_FOREGROUND_TIMEOUT);
	if (seconds != NULL) {
		face->foreground_timeout_us = envoi_account_seconds(seconds);
	}
	face->aliases = envoi_account_text(account, ENVOI_KEY_ALIASES);
	face->logfile = envoi_account_text(account, ENVOI_KEY_LOGFILE);
	face->logfile_time_format =
		envoi_account_text(account, ENVOI_KEY_LOGFILE_TIME_FORMAT);
	const char *facility = envoi_account_text(account, ENVOI_KEY_SYSLOG);
	if (facility != NULL && strcmp(facility, "off") != 0) {
		face->syslog_facility =
			strcmp(facility, "on") == 0 ? "LOG_USER" : facility;
	}
}

static int set_fallbacks(struct account *account, struct envoi_error *err)
{
	size_t n = account->settings.keys[ENVOI_KEY_FALLBACK].count;
	const struct envoi_setting *values =
		account->settings.keys[ENVOI_KEY_FALLBACK].values;
	account->face.fallbacks = calloc(n + 1, sizeof(const char *));
	if (account->face.fallbacks == NULL) {
		return envoi_config_no_memory(err);
	}
	for (size_t i = 0; i < n; i++) {
		if (values[i].text[0] != '\0') {
			account->face.fallbacks[account->face.fallback_count++] =
				values[i].text;
		}
	}
	return 0;
}

int envoi_account_rest(struct account *account, struct envoi_error *err)
{
	set_message(account);
	set_delivery(account);
	if (set_timeouts(account, err) != 0 || set_fallbacks(account, err) != 0) {
		return -1;
	}
	return envoi_account_queue(account, err);
}

/* -- the whole --------------------------------------------------------------- */

static int set_mail_domain(struct account *account, struct envoi_error *err)
{
	int result = envoi_account_ascii(
		account, ENVOI_KEY_MAILDOMAIN, &account->mail_domain, err);
	account->face.mail_domain = account->mail_domain;
	return result;
}

static int work_out(struct account *account, const struct envoi_account_options *options,
	struct envoi_error *err)
{
	if (envoi_account_servers(account, err) != 0
		|| envoi_account_tls(account, err) != 0
		|| envoi_account_auth(account, err) != 0
		|| set_mail_domain(account, err) != 0
		|| envoi_account_sender(account, options->sender, err) != 0) {
		return -1;
	}
	return envoi_account_rest(account, err);
}

bool envoi_account_has_option(const struct envoi_config *config, unsigned long long keys)
{
	const struct config_section *section = config->sections[0];
	for (size_t i = 0; i < section->count; i++) {
		if ((keys >> section->entries[i]->keyword->key & 1) != 0) {
			return true;
		}
	}
	return false;
}

/* Was a server named on the command line? What the files say of another one,
 * a password above all, is not for it, unless an account was named as well. */
static bool is_elsewhere(const struct envoi_config *config)
{
	return envoi_account_has_option(config, envoi_key_group(ENVOI_KEY_SERVER));
}

int envoi_account_new(struct envoi_config *config,
	const struct envoi_account_options *options, struct envoi_account **ret_account,
	struct envoi_error *err)
{
	struct account *account = calloc(1, sizeof(*account));
	*ret_account = NULL;
	if (account == NULL) {
		return envoi_config_no_memory(err);
	}
	int result = 0;
	if (options->name != NULL || !is_elsewhere(config)) {
		result = envoi_config_choose(config, options->name, options->sender,
			options->no_eval ? ENVOI_CONFIG_NO_EVAL : options->stop_fd,
			&account->chosen, err);
	}
	if (result == 0) {
		const struct config_section *section = account->chosen.section;
		account->face.name = section != NULL ? section->name : NULL;
		account->face.secret = &account->secret;
		result = envoi_settings_resolve(config, section, !options->no_eval,
			options->stop_fd, &account->settings, err);
	}
	if (result == 0) {
		result = work_out(account, options, err);
	}
	if (result == 0 && account->chosen.section == NULL
		&& account->face.server_count == 0
		&& config->unreadable.status != ENVOI_STATUS_OK) {
		*err = config->unreadable;
		result = -1;
	}
	if (result != 0) {
		envoi_account_free(&account->face);
		return -1;
	}
	*ret_account = &account->face;
	return 0;
}

void envoi_account_free(struct envoi_account *face)
{
	struct account *account = (struct account *)face;
	if (account == NULL) {
		return;
	}
	for (size_t i = 0; i < face->server_count; i++) {
		envoi_server_finish(&face->servers[i]);
	}
	free(face->servers);
	free(face->fallbacks);
	envoi_words_free(account->argv);
	envoi_words_free(account->notify);
	free(account->postmaster);
	free(account->mechanisms);
	free(account->sender);
	free(account->helo);
	free(account->tls_name);
	free(account->mail_domain);
	free(account->pins);
	free(account->said_tls);
	envoi_settings_finish(&account->settings);
	free(account);
}

struct envoi_relay envoi_account_relay(const struct envoi_account *account)
{
	struct envoi_relay relay = {
		.account = account->name,
		.servers = account->servers,
		.server_count = account->server_count,
		.session.helo = account->helo,
		.tls = account->tls,
		.source_address = account->source_address,
	};
	for (int i = 0; i < ENVOI_PHASE_COUNT; i++) {
		relay.session.timeout_us[i] = account->timeout_us[i];
	}
	if (account->auth) {
		relay.session.auth.wanted = true;
		relay.session.auth.mechanisms = account->mechanisms;
		relay.session.auth.user = account->user;
		relay.session.auth.clear_ok = account->clear_allowed;
		relay.secret = account->secret;
	}
	return relay;
}

void envoi_account_repair(const struct envoi_account *account, struct envoi_repair *rules)
{
	rules->from = account->from_header;
	rules->date = account->date_header;
	rules->msgid = account->msgid_header;
	rules->keep_bcc = account->keep_bcc;
	if (account->undisclosed_recipients) {
		rules->undisclosed = ENVOI_UNDISCLOSED_ON;
	}
	if (rules->full_name == NULL) {
		rules->full_name = account->full_name;
	}
	rules->domain = account->mail_domain;
}
