/*
 * An account in words: what it comes to, and the line or option behind each
 * part.
 *
 *     keyword          value                                origin
 */
#include "submit/account_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum {
	VALUE_MAX = 4096,
};

struct printer {
	envoi_line_fn line;
	void *context;
	const struct account *account;
	struct envoi_buffer buffer;
	bool failed;
};

/* A value may hold anything a file can: nothing of it reaches a terminal. */
static void print(
	struct printer *p, const char *keyword, const char *value, const char *origin)
{
	struct envoi_span span = envoi_span_of(value);
	bool cut = span.len > VALUE_MAX;
	if (cut) {
		span.len = VALUE_MAX;
	}
	envoi_buffer_clear(&p->buffer);
	int result = envoi_buffer_printf(&p->buffer, "%-23s ", keyword);
	size_t begin = p->buffer.len;
	result |= envoi_span_escape(&p->buffer, span);
	result |= envoi_buffer_puts(&p->buffer, cut ? "..." : "");
	size_t used = p->buffer.len - begin;
	result |= envoi_buffer_printf(
		&p->buffer, "%*s  ", used < 40 ? (int)(40 - used) : 0, "");
	result |= envoi_span_escape(&p->buffer, envoi_span_of(origin));
	const char *text = result == 0 ? envoi_buffer_string(&p->buffer) : NULL;
	if (text == NULL) {
		p->failed = true;
	} else {
		p->line(p->context, text);
	}
}

static void print_from(struct printer *p, const char *keyword, const char *value,
	const struct envoi_origin *origin)
{
	char where[600];
	print(p, keyword, value,
		envoi_origin_describe(
			origin, p->account->face.name, where, sizeof(where)));
}

/* The origin of the first of the keys that was said; NULL: none was. */
static const struct envoi_origin *origin_of(
	const struct account *account, const enum envoi_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct envoi_setting *setting =
			envoi_settings_last(&account->settings, keys[i]);
		if (setting != NULL) {
			return setting->origin;
		}
	}
	return NULL;
}

#define ORIGIN_OF(account, ...)                                                          \
	origin_of(account, (const enum envoi_key[]){__VA_ARGS__},                        \
		sizeof((const enum envoi_key[]){__VA_ARGS__}) / sizeof(enum envoi_key))

/* -- what it comes to -------------------------------------------------------- */

static void explain_choice(struct printer *p)
{
	const struct envoi_chosen *chosen = &p->account->chosen;
	char why[600], where[400];
	if (chosen->section == NULL) {
		print(p, "account", "(none)",
			"no account fits, and none is called default");
		return;
	}
	if (p->account->fallback_origin != NULL) {
		(void)snprintf(why, sizeof(why), "fallback, %s",
			envoi_origin_describe(p->account->fallback_origin,
				chosen->section->name, where, sizeof(where)));
		print(p, "account", chosen->section->name, why);
		return;
	}
	switch (chosen->choice) {
	case ENVOI_CHOICE_SENDER:
		(void)snprintf(why, sizeof(why), "from %s fits the sender, %s",
			chosen->pattern,
			envoi_origin_describe(chosen->origin, chosen->section->name,
				where, sizeof(where)));
		break;
	case ENVOI_CHOICE_NAME:
		(void)snprintf(why, sizeof(why), "asked for, %s:%u",
			chosen->section->file->path, chosen->section->line);
		break;
	default:
		(void)snprintf(why, sizeof(why), "default, %s:%u",
			chosen->section->file->path, chosen->section->line);
		break;
	}
	print(p, "account", chosen->section->name, why);
}

static void explain_server(struct printer *p, size_t i)
{
	const struct account *account = p->account;
	const struct envoi_server *server = &account->face.servers[i];
	const struct envoi_origin *origin;
	size_t urls = account->settings.keys[ENVOI_KEY_SERVER].count;
	char value[400];
	if (urls > 0) {
		origin = account->settings.keys[ENVOI_KEY_SERVER].values[i].origin;
	} else {
		origin = ORIGIN_OF(account, ENVOI_KEY_SOCKET, ENVOI_KEY_HOST);
	}
	(void)snprintf(value, sizeof(value), "%s %s", server->lmtp ? "lmtp" : "smtp",
		server->label);
	print_from(p, "server", value, origin);
	const char *policy = envoi_account_tls_name(server->tls);
	if (account->said_tls[i] != NULL) {
		print_from(p, "  TLS", policy, account->said_tls[i]);
	} else {
		print(p, "  TLS", policy,
			server->tls == ENVOI_TLS_OFF ? "default" : "because of auth");
	}
}

static void explain_trust(struct printer *p)
{
	const struct account *account = p->account;
	const struct envoi_tls_options *tls = &account->face.tls;
	char value[400];
	bool used = false;
	for (size_t i = 0; i < account->face.server_count; i++) {
		used |= account->face.servers[i].tls != ENVOI_TLS_OFF;
	}
	if (!used) {
		return;
	}
	if (tls->insecure) {
		print_from(p, "certificate", "not checked",
			ORIGIN_OF(account, ENVOI_KEY_TLS_CERTCHECK));
	} else if (tls->pin_count > 0) {
		(void)snprintf(value, sizeof(value), "one of %zu pin%s", tls->pin_count,
			tls->pin_count > 1 ? "s" : "");
		print_from(p, "certificate", value,
			ORIGIN_OF(account, ENVOI_KEY_TLS_PIN, ENVOI_KEY_TLS_FINGERPRINT));
	} else {
		static const struct envoi_origin nothing = {0};
		const struct envoi_origin *origin =
			ORIGIN_OF(account, ENVOI_KEY_TLS_TRUST_FILE);
		(void)snprintf(value, sizeof(value), "checked by %.350s",
			tls->ca != NULL ? tls->ca : "the system's CAs");
		print_from(p, "certificate", value, origin != NULL ? origin : &nothing);
	}
	if (tls->fresh) {
		print_from(p, "  sessions", "of this run only",
			ORIGIN_OF(account, ENVOI_KEY_TLS_CACHE));
	}
	if (tls->name != NULL) {
		print_from(p, "  must name", tls->name,
			ORIGIN_OF(account, ENVOI_KEY_TLS_HOST_OVERRIDE, ENVOI_KEY_HOST));
	}
}

static void explain_auth(struct printer *p)
{
	const struct account *account = p->account;
	const struct envoi_account *face = &account->face;
	const struct envoi_origin *origin =
		ORIGIN_OF(account, ENVOI_KEY_AUTH, ENVOI_KEY_TOKEN_COMMAND);
	char value[400];
	if (!face->auth) {
		static const struct envoi_origin nothing = {0};
		print_from(
			p, "authentication", "none", origin != NULL ? origin : &nothing);
		return;
	}
	print_from(p, "authentication",
		face->mechanisms != NULL   ? face->mechanisms
		: account->secret.is_token ? "OAUTHBEARER or XOAUTH2"
					   : "the best one offered",
		origin);
	if (face->user != NULL) {
		print_from(p, "  user", face->user, ORIGIN_OF(account, ENVOI_KEY_USER));
	}
	print(p, account->secret.is_token ? "  token" : "  password",
		envoi_secret_source_describe(&account->secret, value, sizeof(value)),
		account->secret.origin != NULL ? account->secret.origin : "default");
}

static void explain_sender(struct printer *p)
{
	const struct account *account = p->account;
	const struct envoi_account *face = &account->face;
	char value[700];
	if (account->fallback_origin != NULL) {
		/* The envelope is made once, whoever takes it. */
		print(p, "sender", "that of the first account",
			account->first != NULL ? account->first : "");
		return;
	}
	if (face->sender_from_header) {
		(void)snprintf(value, sizeof(value), "that of the From field");
	} else if (face->sender == NULL) {
		(void)snprintf(value, sizeof(value), "(not set)");
	} else {
		(void)snprintf(value, sizeof(value), "<%s>%s", face->sender,
			face->sender_forced ? ", whatever is asked for" : "");
	}
	if (account->sender_login) {
		print(p, "sender", value, "the login");
	} else {
		print_from(p, "sender", value, &account->sender_origin);
	}
}

/* -- settings ---------------------------------------------------------------- */

static void explain_settings(struct printer *p)
{
	const struct account *account = p->account;
	for (size_t key = 0; key < ENVOI_KEY_COUNT; key++) {
		const struct envoi_keyword *keyword =
			envoi_keyword_of((enum envoi_key)key);
		for (size_t i = 0; i < account->settings.keys[key].count; i++) {
			const struct envoi_setting *setting =
				&account->settings.keys[key].values[i];
			bool secret = (keyword->flags & ENVOI_KEYWORD_SECRET) != 0
				      && setting->text[0] != '\0';
			print_from(p, keyword->name,
				secret			   ? "[hidden]"
				: setting->text[0] == '\0' ? "\"\""
							   : setting->text,
				setting->origin);
		}
	}
}

int envoi_account_explain(const struct envoi_account *face, envoi_line_fn line,
	void *context, struct envoi_error *err)
{
	const struct account *account = (const struct account *)face;
	struct printer p = {.line = line, .context = context, .account = account};
	envoi_buffer_init(&p.buffer, 65536);
	explain_choice(&p);
	if (face->server_count == 0) {
		print(&p, "server", "(none)", "default");
	}
	for (size_t i = 0; i < face->server_count; i++) {
		explain_server(&p, i);
	}
	explain_trust(&p);
	explain_auth(&p);
	explain_sender(&p);
	line(context, "");
	line(context, "Settings:");
	explain_settings(&p);
	if (account->settings.evals > 0) {
		print(&p, "eval", "commands that were not run", "");
	}
	envoi_buffer_finish(&p.buffer);
	return p.failed ? envoi_config_no_memory(err) : 0;
}
