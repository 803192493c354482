/*
 * The servers of an account, and how TLS is used with each: msmtp's host, port,
 * socket, protocol, tls and tls_starttls, and envoi's server URLs.
 */
#include "submit/account_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/address.h>

#include "base/limits.h"

const char *envoi_account_tls_name(enum envoi_tls_policy policy)
{
	static const char *const names[] = {
		[ENVOI_TLS_OFF] = "off",
		[ENVOI_TLS_OPPORTUNISTIC] = "opportunistic",
		[ENVOI_TLS_STARTTLS] = "starttls",
		[ENVOI_TLS_IMPLICIT] = "implicit",
	};
	return names[policy];
}

bool envoi_account_is_local(const struct envoi_server *server)
{
	const char *host = server->host;
	return server->path != NULL || strcmp(host, "localhost") == 0
	       || strcmp(host, "localhost.") == 0 || strcmp(host, "::1") == 0
	       || (strncmp(host, "127.", 4) == 0
		       && host[strspn(host, "0123456789.")] == '\0');
}

static int add_server(struct account *account, enum envoi_key key,
	const struct envoi_setting *setting, const char *text, struct envoi_error *err)
{
	struct envoi_account *face = &account->face;
	struct envoi_error cause = ENVOI_ERROR_NONE;
	if (envoi_config_grow(&face->servers, face->server_count, sizeof(*face->servers))
			!= 0
		|| envoi_config_grow(&account->said_tls, face->server_count,
			   sizeof(*account->said_tls))
			   != 0) {
		return envoi_config_no_memory(err);
	}
	if (envoi_server_parse(text, &face->servers[face->server_count], &cause) != 0) {
		if (cause.status == ENVOI_STATUS_SYSTEM) {
			*err = cause;
			return -1;
		}
		return setting->origin->kind == ENVOI_ORIGIN_OPTION
			       ? envoi_config_error(
				       err, setting->origin, "%s", cause.text)
			       : envoi_config_error(err, setting->origin, "%s: %s",
				       envoi_key_name(key), cause.text);
	}
	/* Until something else is said: a URL says it, a host does not. */
	account->said_tls[face->server_count++] =
		key == ENVOI_KEY_SERVER ? setting->origin : NULL;
	return 0;
}

/* -- servers ----------------------------------------------------------------- */

static int add_urls(struct account *account, struct envoi_error *err)
{
	size_t n = account->settings.keys[ENVOI_KEY_SERVER].count;
	for (size_t i = 0; i < n; i++) {
		const struct envoi_setting *setting =
			&account->settings.keys[ENVOI_KEY_SERVER].values[i];
		if (add_server(account, ENVOI_KEY_SERVER, setting, setting->text, err)
			!= 0) {
			return -1;
		}
	}
	if (n == 0) {
		return 0;
	}
	const struct envoi_setting *port =
		envoi_settings_get(&account->settings, ENVOI_KEY_PORT);
	const struct envoi_setting *protocol =
		envoi_settings_get(&account->settings, ENVOI_KEY_PROTOCOL);
	const struct envoi_setting *server =
		&account->settings.keys[ENVOI_KEY_SERVER].values[n - 1];
	char where[200];
	/* With a server by option, they belong to the one of the files. */
	if (server->origin->kind == ENVOI_ORIGIN_OPTION) {
		return 0;
	}
	(void)envoi_origin_describe(
		server->origin, account->face.name, where, sizeof(where));
	/* What comes from defaults is for accounts with a host. */
	if (port != NULL && port->origin->account != NULL) {
		return envoi_account_error(err, account, ENVOI_KEY_PORT,
			"belongs to a host; the port of server (%s) stands in it", where);
	}
	if (protocol != NULL && protocol->origin->account != NULL) {
		return envoi_account_error(err, account, ENVOI_KEY_PROTOCOL,
			"belongs to a host; server (%s) says it by its scheme", where);
	}
	return 0;
}

static bool wants_implicit(const struct account *account)
{
	if (envoi_account_is(account, ENVOI_KEY_TLS, "implicit")) {
		return true;
	}
	return envoi_account_is(account, ENVOI_KEY_TLS, "on")
	       && envoi_account_is(account, ENVOI_KEY_TLS_STARTTLS, "off");
}

static int add_host(struct account *account, struct envoi_error *err)
{
	const struct envoi_setting *host =
		envoi_settings_get(&account->settings, ENVOI_KEY_HOST);
	const char *port = envoi_account_text(account, ENVOI_KEY_PORT);
	bool lmtp = envoi_account_is(account, ENVOI_KEY_PROTOCOL, "lmtp");
	char text[ENVOI_LIMIT_HOST + 300];
	if (host == NULL) {
		return 0;
	}
	if (strlen(host->text) > ENVOI_LIMIT_HOST) {
		return envoi_account_error(err, account, ENVOI_KEY_HOST,
			"a name of more than %d octets", ENVOI_LIMIT_HOST);
	}
	if (strpbrk(host->text, "/@") != NULL) {
		/* What stands in front of an "@" may be a password. */
		const char *at = strrchr(host->text, '@');
		(void)envoi_account_error(err, account, ENVOI_KEY_HOST,
			"\"%s%.100s\" is no host name", at != NULL ? "[hidden]" : "",
			at != NULL ? at : host->text);
		envoi_error_hint(err, "for a URL the keyword is server");
		return -1;
	}
	bool v6 = strchr(host->text, ':') != NULL && host->text[0] != '[';
	if (port == NULL) {
		port = lmtp ? "24" : wants_implicit(account) ? "465" : "25";
	}
	(void)snprintf(text, sizeof(text), "%s%s%s:%s", v6 ? "[" : "", host->text,
		v6 ? "]" : "", port);
	if (add_server(account, ENVOI_KEY_HOST, host, text, err) != 0) {
		return -1;
	}
	if (lmtp && account->face.servers[0].port == 25) {
		return envoi_account_error(err, account, ENVOI_KEY_PORT,
			"LMTP is not spoken on port 25 (RFC 2033 section 5)");
	}
	account->face.servers[0].lmtp = lmtp;
	/* A port alone asks for nothing here: tls does. */
	account->face.servers[0].tls = ENVOI_TLS_OFF;
	return 0;
}

static int add_socket(struct account *account, struct envoi_error *err)
{
	const struct envoi_setting *socket =
		envoi_settings_get(&account->settings, ENVOI_KEY_SOCKET);
	char text[300];
	if (socket == NULL) {
		return 1;
	}
	if (socket->text[0] != '/') {
		return envoi_account_error(err, account, ENVOI_KEY_SOCKET,
			"\"%.100s\" is no absolute path", socket->text);
	}
	(void)snprintf(text, sizeof(text), "lmtp+unix:%s", socket->text);
	if (add_server(account, ENVOI_KEY_SOCKET, socket, text, err) != 0) {
		return -1;
	}
	account->face.servers[0].lmtp =
		envoi_account_is(account, ENVOI_KEY_PROTOCOL, "lmtp");
	account->face.servers[0].tls = ENVOI_TLS_OFF;
	/* What a certificate must be for. */
	account->face.tls.name = envoi_account_text(account, ENVOI_KEY_HOST);
	return 0;
}

/* -- TLS --------------------------------------------------------------------- */

/* What tls and tls_starttls say; *ret_said: whether they do. */
static enum envoi_tls_policy said_policy(const struct account *account, bool *ret_said)
{
	const char *tls = envoi_account_text(account, ENVOI_KEY_TLS);
	*ret_said = tls != NULL;
	if (tls == NULL || strcmp(tls, "off") == 0) {
		return ENVOI_TLS_OFF;
	}
	if (strcmp(tls, "opportunistic") == 0) {
		return ENVOI_TLS_OPPORTUNISTIC;
	}
	return wants_implicit(account) ? ENVOI_TLS_IMPLICIT : ENVOI_TLS_STARTTLS;
}

bool envoi_account_is_elsewhere(const struct account *account, enum envoi_key key)
{
	const struct envoi_setting *server =
		envoi_settings_last(&account->settings, ENVOI_KEY_SERVER);
	const struct envoi_setting *setting =
		envoi_settings_last(&account->settings, key);
	return server != NULL && server->origin->kind == ENVOI_ORIGIN_OPTION
	       && setting != NULL && setting->origin->kind == ENVOI_ORIGIN_FILE;
}

static int set_policy(struct account *account, size_t i, struct envoi_error *err)
{
	struct envoi_server *server = &account->face.servers[i];
	bool said;
	enum envoi_tls_policy policy = said_policy(account, &said);
	bool url = account->settings.keys[ENVOI_KEY_SERVER].count > 0;
	const struct envoi_setting *tls =
		envoi_settings_last(&account->settings, ENVOI_KEY_TLS);
	if (!said) {
		return 0;
	}
	if (envoi_account_is_elsewhere(account, ENVOI_KEY_TLS)
		&& (server->tls > ENVOI_TLS_OPPORTUNISTIC || policy <= server->tls)) {
		return 0;
	}
	/* Defaults are for what says nothing itself; a URL says it. */
	if (url && server->tls > ENVOI_TLS_OPPORTUNISTIC) {
		bool near = tls->origin->kind == ENVOI_ORIGIN_OPTION
			    || tls->origin->account != NULL;
		bool agrees = policy == server->tls || strcmp(tls->text, "on") == 0;
		if (agrees || !near) {
			return 0;
		}
		if (tls->origin->kind != ENVOI_ORIGIN_OPTION) {
			char where[200];
			return envoi_account_error(err, account, ENVOI_KEY_TLS,
				"\"%s\", and server %s (%s) says %s", tls->text,
				server->label,
				envoi_origin_describe(
					envoi_settings_last(
						&account->settings, ENVOI_KEY_SERVER)
						->origin,
					account->face.name, where, sizeof(where)),
				envoi_account_tls_name(server->tls));
		}
	}
	server->tls = policy;
	account->said_tls[i] = tls->origin;
	return 0;
}

int envoi_account_servers(struct account *account, struct envoi_error *err)
{
	const char *proxy = envoi_account_text(account, ENVOI_KEY_PROXY_HOST);
	if (proxy != NULL) {
		return envoi_account_error(err, account, ENVOI_KEY_PROXY_HOST,
			"envoi does not speak to SOCKS proxies, and going past %.100s "
			"may "
			"not be what you want",
			proxy);
	}
	int result = add_urls(account, err);
	if (result == 0 && account->face.server_count == 0) {
		result = add_socket(account, err);
		if (result > 0) {
			result = add_host(account, err);
		}
	}
	for (size_t i = 0; result == 0 && i < account->face.server_count; i++) {
		result = set_policy(account, i, err);
	}
	if (result != 0) {
		return -1;
	}
	account->face.source_address = envoi_account_text(account, ENVOI_KEY_SOURCE_IP);
	const char *helo = envoi_account_text(account, ENVOI_KEY_DOMAIN);
	if (helo != NULL) {
		result = envoi_address_helo(helo, &account->helo, err);
		account->face.helo = account->helo;
	}
	return result <= 0
		       ? result
		       : envoi_account_error(err, account, ENVOI_KEY_DOMAIN,
			       "\"%.100s\" is no domain and no address literal", helo);
}
