/*
 * Server names and URLs, as a person types them. Owns the grammar (see the
 * header) and what the schemes stand for. Asks no resolver: a host is judged
 * by its spelling only (RFC 1035 2.3.1, RFC 1123 2.1, RFC 3986 3.2.2, RFC
 * 6874 for scope ids, RFC 5321 4.1.3 for "IPv6:", RFC 5890 for letters outside
 * of ASCII).
 */
#include <envoi/server.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "base/idna.h"
#include "base/limits.h"
#include "base/span.h"

enum {
	PORT_LMTP = 24,
	PORT_SMTP = 25,
	PORT_SUBMISSIONS = 465,
	PORT_SUBMISSION = 587,
};

static const struct scheme {
	const char *name;
	unsigned short port;
	bool lmtp;
	enum envoi_tls_policy tls;
} schemes[] = {
	{"smtp", PORT_SMTP, false, ENVOI_TLS_OPPORTUNISTIC},
	{"submission", PORT_SUBMISSION, false, ENVOI_TLS_STARTTLS},
	{"submissions", PORT_SUBMISSIONS, false, ENVOI_TLS_IMPLICIT},
	{"smtps", PORT_SUBMISSIONS, false, ENVOI_TLS_IMPLICIT},
	{"lmtp", PORT_LMTP, true, ENVOI_TLS_OPPORTUNISTIC},
};

static const char unix_scheme[] = "lmtp+unix:";

static const struct scheme *find_scheme(struct envoi_span name)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (envoi_span_equal_nocase(name, schemes[i].name)) {
			return &schemes[i];
		}
	}
	return NULL;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Digits, or 0x and hexadecimal ones: such a last label makes the C library
 * read the whole as an IPv4 address in one of its old forms ("127.1"). */
static bool is_numeric_label(struct envoi_span label)
{
	bool hex = label.len > 2 && envoi_span_starts_nocase(label, "0x");
	for (size_t i = hex ? 2 : 0; i < label.len; i++) {
		if (strchr(hex ? "0123456789abcdefABCDEF" : "0123456789", label.data[i])
			== NULL) {
			return false;
		}
	}
	return label.len > 0;
}

static const char *judge_label(struct envoi_span label)
{
	if (label.len == 0) {
		return "empty label in the host name";
	}
	if (label.len > 63) {
		return "label of more than 63 characters in the host name";
	}
	for (size_t i = 0; i < label.len; i++) {
		/* The underscore is no host name's, but real ones have it. */
		if (!is_alnum(label.data[i]) && label.data[i] != '-'
			&& label.data[i] != '_') {
			return "host name has a character that cannot be in one";
		}
	}
	if (label.data[0] == '-' || label.data[label.len - 1] == '-') {
		return "label of the host name begins or ends with a hyphen";
	}
	return NULL;
}

/* NULL when it is fit, else the reason. One dot at the end is allowed. */
static const char *judge_name(struct envoi_span host)
{
	if (host.len > 0 && host.data[host.len - 1] == '.') {
		host.len--;
	}
	if (host.len == 0) {
		return "no host name";
	}
	if (host.len > ENVOI_LIMIT_HOST - 2) {
		return "host name is too long";
	}
	struct envoi_span label = {host.data, 0};
	for (size_t i = 0; i <= host.len; i++) {
		if (i < host.len && host.data[i] != '.') {
			label.len++;
			continue;
		}
		const char *reason = judge_label(label);
		if (reason != NULL) {
			return reason;
		}
		if (i < host.len) {
			label = (struct envoi_span){host.data + i + 1, 0};
		}
	}
	return is_numeric_label(label) ? "malformed IPv4 address" : NULL;
}

/* Copies an IP literal into out when it is one: with "IPv6:" in front in an
 * SMTP literal, "%25" before the scope in a URL. */
static bool take_ip(struct envoi_span text, bool bracketed, char *out, size_t room)
{
	if (bracketed && envoi_span_starts_nocase(text, "IPv6:")) {
		text.data += 5;
		text.len -= 5;
		if (memchr(text.data, ':', text.len) == NULL) {
			return false;
		}
	}
	if (text.len >= room) {
		return false;
	}
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	unsigned char address[sizeof(struct in6_addr)];
	if (inet_pton(AF_INET, out, address) == 1) {
		return true;
	}
	char *scope = strchr(out, '%');
	if (scope == NULL) {
		return inet_pton(AF_INET6, out, address) == 1;
	}
	if (bracketed && strncmp(scope, "%25", 3) == 0 && scope[3] != '\0') {
		memmove(scope + 1, scope + 3, strlen(scope + 3) + 1);
	}
	*scope = '\0';
	bool is_ip = inet_pton(AF_INET6, out, address) == 1 && scope[1] != '\0';
	*scope = '%';
	return is_ip;
}

/* Splits "host:port", "[ip]:port" and bare IPv6; NULL, or the reason. */
static const char *split(struct envoi_span text, bool url, struct envoi_span *ret_host,
	struct envoi_span *ret_port, bool *ret_bracketed)
{
	*ret_port = (struct envoi_span){NULL, 0};
	*ret_bracketed = text.len > 0 && text.data[0] == '[';
	const char *colon;
	const char *end = text.data + text.len;
	if (*ret_bracketed) {
		const char *close = memchr(text.data, ']', text.len);
		if (close == NULL) {
			return "'[' without ']'";
		}
		*ret_host = (struct envoi_span){
			text.data + 1, (size_t)(close - text.data) - 1};
		colon = close + 1;
		if (colon == end) {
			return NULL;
		}
		if (*colon != ':') {
			return "something other than a port behind ']'";
		}
	} else {
		*ret_host = text;
		colon = memchr(text.data, ':', text.len);
		if (colon == NULL) {
			return NULL;
		}
		if (memchr(colon + 1, ':', (size_t)(end - colon) - 1) != NULL) {
			return url ? "an IPv6 address goes between '[' and ']'" : NULL;
		}
		ret_host->len = (size_t)(colon - text.data);
	}
	*ret_port = (struct envoi_span){colon + 1, (size_t)(end - colon) - 1};
	return NULL;
}

static char *make_label(struct envoi_span host, unsigned port)
{
	char label[ENVOI_IDNA_ROOM + 16];
	bool v6 = memchr(host.data, ':', host.len) != NULL;
	(void)snprintf(label, sizeof(label), v6 ? "[%.*s]:%u" : "%.*s:%u", (int)host.len,
		host.data, port);
	return envoi_span_dup(envoi_span_of(label));
}

/* host and port of text into the server; NULL, or the reason. Without memory
 * there is no label. */
static const char *parse_authority(
	struct envoi_span text, bool url, struct envoi_server *server)
{
	struct envoi_span host;
	struct envoi_span port;
	bool bracketed;
	char ip[ENVOI_LIMIT_HOST];
	char ascii[ENVOI_IDNA_ROOM];
	struct envoi_span typed = {NULL, 0};
	if (memchr(text.data, '@', text.len) != NULL) {
		return "a user name does not belong here";
	}
	const char *reason = split(text, url, &host, &port, &bracketed);
	if (reason != NULL) {
		return reason;
	}
	if (port.data != NULL) {
		uint64_t number;
		if (envoi_span_number(port, 65535, &number) != 0 || number == 0) {
			return "the port is not a number from 1 to 65535";
		}
		server->port = (unsigned short)number;
	}
	if (take_ip(host, bracketed, ip, sizeof(ip))) {
		host = envoi_span_of(ip);
	} else if (bracketed) {
		return "malformed IP address between '[' and ']'";
	} else if (memchr(host.data, ':', host.len) != NULL) {
		return "malformed IPv6 address";
	} else {
		int result = envoi_idna_to_ascii(host, ascii, &reason);
		if (result < 0) {
			return NULL;
		}
		if (result == 0) {
			reason = judge_name(envoi_span_of(ascii));
		}
		if (reason != NULL) {
			return reason;
		}
		typed = host;
		host = envoi_span_of(ascii);
	}
	if (typed.data == NULL) {
		typed = host;
	}
	server->host = envoi_span_dup(host);
	if (server->host != NULL) {
		server->label = make_label(typed, server->port);
	}
	return NULL;
}

static const char *parse_unix(const char *path, struct envoi_server *server)
{
	/* An empty authority, as in file:///path. */
	if (strncmp(path, "///", 3) == 0) {
		while (path[1] == '/') {
			path++;
		}
	} else if (strncmp(path, "//", 2) == 0) {
		return "a unix socket has no host";
	}
	if (path[0] == '\0') {
		return "no path";
	}
	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		return "the path is too long for a unix socket";
	}
	server->lmtp = true;
	server->tls = ENVOI_TLS_OPPORTUNISTIC;
	server->path = envoi_span_dup(envoi_span_of(path));
	if (server->path != NULL) {
		server->label = envoi_span_dup(envoi_span_of(path));
	}
	return NULL;
}

static const char *parse_url(
	const char *text, const char *rest, struct envoi_server *server)
{
	struct envoi_span name = {text, (size_t)(rest - text)};
	const struct scheme *scheme = find_scheme(name);
	if (scheme == NULL) {
		return "unknown scheme";
	}
	server->port = scheme->port;
	server->lmtp = scheme->lmtp;
	server->tls = scheme->tls;
	struct envoi_span authority = envoi_span_of(rest + 3);
	const char *slash = strchr(authority.data, '/');
	if (slash != NULL) {
		if (slash[1] != '\0') {
			return "nothing goes behind the host and port";
		}
		authority.len = (size_t)(slash - authority.data);
	}
	const char *reason = parse_authority(authority, true, server);
	if (reason == NULL && scheme->lmtp && server->port == PORT_SMTP) {
		return "LMTP is not spoken on port 25 (RFC 2033 section 5)";
	}
	return reason;
}

static const char *parse_plain(const char *text, struct envoi_server *server)
{
	server->port = PORT_SMTP;
	const char *reason = parse_authority(envoi_span_of(text), false, server);
	if (server->port == PORT_SUBMISSION) {
		server->tls = ENVOI_TLS_STARTTLS;
	} else if (server->port == PORT_SUBMISSIONS) {
		server->tls = ENVOI_TLS_IMPLICIT;
	} else {
		server->tls = ENVOI_TLS_OPPORTUNISTIC;
	}
	return reason;
}

/* Bytes that are in no server: a path may have blanks and 8-bit ones. */
static bool has_bad_byte(const char *text, bool path)
{
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		if (c < 0x20 || c == 0x7f || (c == ' ' && !path)) {
			return true;
		}
	}
	return false;
}

/* What stands in front of an "@" may be a password. */
static int refuse(const char *text, const char *reason, struct envoi_error *err)
{
	const char *at = strrchr(text, '@');
	const char *url = strstr(text, "://");
	int n = url != NULL && url < at ? (int)(url + 3 - text) : 0;
	return envoi_error_set(err, ENVOI_STATUS_USAGE, "server '%.*s%s%.250s': %s",
		at != NULL && n < 50 ? n : 0, text, at != NULL ? "[hidden]" : "",
		at != NULL ? at : text, reason);
}

int envoi_server_parse(
	const char *text, struct envoi_server *ret_server, struct envoi_error *err)
{
	struct envoi_server server = {0};
	bool path = envoi_span_starts_nocase(envoi_span_of(text), unix_scheme);
	const char *url = strstr(text, "://");
	const char *reason;
	if (has_bad_byte(text, path)) {
		reason = "blank or control character";
	} else if (path) {
		reason = parse_unix(text + sizeof(unix_scheme) - 1, &server);
	} else if (url != NULL) {
		reason = parse_url(text, url, &server);
	} else {
		reason = parse_plain(text, &server);
	}
	if (reason != NULL) {
		envoi_server_finish(&server);
		return refuse(text, reason, err);
	}
	if (server.label == NULL) {
		envoi_server_finish(&server);
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	*ret_server = server;
	return 0;
}

void envoi_server_finish(struct envoi_server *server)
{
	if (server == NULL) {
		return;
	}
	free(server->host);
	free(server->path);
	free(server->label);
	*server = (struct envoi_server){0};
}
