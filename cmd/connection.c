/*
 * Options about servers, TLS and output; see the header.
 */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <envoi/address.h>

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
	for (size_t i = 0; i < c->server_count; i++) {
		envoi_server_finish(&c->servers[i]);
	}
	free(c->servers);
	free(c->pins);
	login_finish(&c->login);
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

int connection_add_server(struct connection *c, const char *text, struct envoi_error *err)
{
	struct envoi_server *grown =
		realloc(c->servers, (c->server_count + 1) * sizeof(*c->servers));
	if (grown == NULL) {
		return no_memory(err);
	}
	c->servers = grown;
	if (envoi_server_parse(text, &c->servers[c->server_count], err) != 0) {
		return -1;
	}
	c->server_count++;
	return 0;
}

static int add_pin(struct connection *c, const char *text, struct envoi_error *err)
{
	struct envoi_tls_options *tls = &c->request.tls;
	unsigned char(*grown)[32] =
		realloc(c->pins, (tls->pin_count + 1) * sizeof(*c->pins));
	if (grown == NULL) {
		return no_memory(err);
	}
	c->pins = grown;
	if (envoi_tls_pin_parse(text, c->pins[tls->pin_count], err) != 0) {
		return -1;
	}
	tls->pin_count++;
	return 0;
}

static int set_tls(struct connection *c, const char *value, struct envoi_error *err)
{
	static const char *const names[] = {
		[ENVOI_TLS_OFF] = "off",
		[ENVOI_TLS_OPPORTUNISTIC] = "opportunistic",
		[ENVOI_TLS_STARTTLS] = "starttls",
		[ENVOI_TLS_IMPLICIT] = "implicit",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			c->request.session.tls = (enum envoi_tls_policy)i;
			c->request.tls_forced = true;
			return 0;
		}
	}
	return envoi_error_set(err, ENVOI_STATUS_USAGE,
		"--tls: \"%s\" is none of off, opportunistic, starttls, implicit", value);
}

static int set_tls_minimum(
	struct connection *c, const char *value, struct envoi_error *err)
{
	if (strcmp(value, "1.2") == 0) {
		c->request.tls.minimum = 0x0303;
	} else if (strcmp(value, "1.3") == 0) {
		c->request.tls.minimum = 0x0304;
	} else {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--tls-min: \"%s\" is neither 1.2 nor 1.3", value);
	}
	return 0;
}

/* Without a name nothing would be compared, and one that begins with a dot
 * would be any below it. */
static int set_tls_name(struct connection *c, const char *value, struct envoi_error *err)
{
	if (value[0] == '\0' || value[0] == '.' || strpbrk(value, "*%/ ") != NULL) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--tls-name: \"%s\" is no host name and no IP address", value);
	}
	c->request.tls.name = value;
	return 0;
}

static int set_helo(struct connection *c, const char *value, struct envoi_error *err)
{
	if (!envoi_address_is_helo(value)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--helo: \"%s\" is no domain and no address literal", value);
	}
	c->request.session.helo = value;
	return 0;
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
		c->request.session.without |= bit;
		if (value[n] == '\0') {
			return 0;
		}
		value += n + 1;
	}
}

static int set_timeout(struct connection *c, const char *value, struct envoi_error *err)
{
	const char *equals = strchr(value, '=');
	int64_t us;
	if (opt_seconds(equals != NULL ? equals + 1 : value, "--timeout", &us, err)
		!= 0) {
		return -1;
	}
	bool found = false;
	for (int i = ENVOI_PHASE_CONNECT; i < ENVOI_PHASE_COUNT; i++) {
		const char *name = envoi_phase_name((enum envoi_phase)i);
		bool named = equals != NULL && strlen(name) == (size_t)(equals - value)
			     && strncmp(name, value, (size_t)(equals - value)) == 0;
		/* Alone it bounds every wait, and not the whole run. */
		if (named || (equals == NULL && i != ENVOI_PHASE_TOTAL)) {
			c->request.session.timeout_us[i] = us;
			found = true;
		}
	}
	if (!found) {
		(void)envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--timeout: no such phase: \"%s\"", value);
		envoi_error_hint(err,
			"phases are connect, greeting, ehlo, tls, auth, mail, rcpt, "
			"data, block, dot, quit, total");
		return -1;
	}
	return 0;
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

static int login_option(
	struct login *login, int id, const char *value, struct envoi_error *err)
{
	switch (id) {
	case OPT_AUTH:
		return login_set_auth(login, value, err);
	case OPT_USER:
		return login_set_user(login, value, err);
	case OPT_PASSWORD_FD:
		return login_set_fd(login, value, err);
	case OPT_PASSWORD_FILE:
		return login_set_file(login, value, err);
	case OPT_PASSWORD_COMMAND:
		return login_set_command(login, value, err);
	default:
		return 1;
	}
}

int connection_option(
	struct connection *c, int id, const char *value, struct envoi_error *err)
{
	struct envoi_tls_options *tls = &c->request.tls;
	switch (id) {
	case OPT_TLS:
		return set_tls(c, value, err);
	case OPT_TLS_CA:
		tls->ca = value;
		return 0;
	case OPT_TLS_NAME:
		return set_tls_name(c, value, err);
	case OPT_TLS_PIN:
		return add_pin(c, value, err);
	case OPT_TLS_CERT:
		tls->certificate = value;
		return 0;
	case OPT_TLS_KEY:
		tls->key = value;
		return 0;
	case OPT_TLS_MIN:
		return set_tls_minimum(c, value, err);
	case OPT_TLS_INSECURE:
		tls->insecure = true;
		return 0;
	case OPT_HELO:
		return set_helo(c, value, err);
	case '4':
		return set_family(c, AF_INET, err);
	case '6':
		return set_family(c, AF_INET6, err);
	case OPT_SOURCE:
		c->request.source_address = value;
		return 0;
	case OPT_WITHOUT:
		return add_without(c, value, err);
	case OPT_TIMEOUT:
		return set_timeout(c, value, err);
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
		return login_option(&c->login, id, value, err);
	}
}

int connection_complete(struct connection *c, struct envoi_error *err)
{
	if (c->server_count == 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_USAGE, "no server given");
		envoi_error_hint(err, "name one: --server smtp://localhost, "
				      "submission://mx.example.org");
		return -1;
	}
	if (c->request.tls.key != NULL && c->request.tls.certificate == NULL) {
		return envoi_error_set(
			err, ENVOI_STATUS_USAGE, "--tls-key without --tls-cert");
	}
	if (login_complete(&c->login, &c->request, err) != 0) {
		return -1;
	}
	/* Last: what was there is not lost to a mistake in another option. */
	if (c->transcript != NULL && open_transcript(c, c->transcript, err) != 0) {
		return -1;
	}
	c->request.servers = c->servers;
	c->request.server_count = c->server_count;
	c->request.tls.pins = (const unsigned char(*)[32])c->pins;
	c->request.observer = ui_observer(&c->ui);
	return ui_check_output(&c->ui, err);
}
