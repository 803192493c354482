/*
 * From names and literals to socket addresses, in the order they are to be
 * tried. Literals and localhost never reach the resolver.
 */
#include "net/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>

#include "base/gnu.h"
#include "base/limits.h"
#include "base/span.h"

static void set_port(struct envoi_endpoint *endpoint, unsigned short port)
{
	if (endpoint->address.sa.sa_family == AF_INET6) {
		endpoint->address.in6.sin6_port = htons(port);
	} else {
		endpoint->address.in.sin_port = htons(port);
	}
}

/* The address in words, scope by name where the interface has one. */
static void set_text(struct envoi_endpoint *endpoint)
{
	char *text = endpoint->text;
	size_t room = sizeof(endpoint->text);
	if (endpoint->address.sa.sa_family == AF_INET) {
		(void)inet_ntop(
			AF_INET, &endpoint->address.in.sin_addr, text, (socklen_t)room);
		return;
	}
	const struct sockaddr_in6 *in6 = &endpoint->address.in6;
	(void)inet_ntop(AF_INET6, &in6->sin6_addr, text, (socklen_t)room);
	if (in6->sin6_scope_id != 0) {
		char name[IF_NAMESIZE];
		size_t used = strlen(text);
		if (if_indextoname(in6->sin6_scope_id, name) != NULL) {
			(void)snprintf(text + used, room - used, "%%%s", name);
		} else {
			(void)snprintf(text + used, room - used, "%%%u",
				(unsigned)in6->sin6_scope_id);
		}
	}
}

/* The scope of an IPv6 address: an interface's name or number; 0: neither. */
static unsigned scope_of(const char *text)
{
	uint64_t number;
	if (envoi_span_number(envoi_span_of(text), UINT32_MAX, &number) == 0) {
		return (unsigned)number;
	}
	return if_nametoindex(text);
}

bool envoi_resolve_literal(
	const char *text, unsigned short port, struct envoi_endpoint *ret_endpoint)
{
	struct envoi_endpoint endpoint = {0};
	char address[INET6_ADDRSTRLEN];
	if (inet_pton(AF_INET, text, &endpoint.address.in.sin_addr) == 1) {
		endpoint.address.in.sin_family = AF_INET;
		endpoint.length = sizeof(endpoint.address.in);
	} else {
		const char *percent = strchr(text, '%');
		size_t n = percent != NULL ? (size_t)(percent - text) : strlen(text);
		if (n >= sizeof(address)) {
			return false;
		}
		memcpy(address, text, n);
		address[n] = '\0';
		if (inet_pton(AF_INET6, address, &endpoint.address.in6.sin6_addr) != 1) {
			return false;
		}
		if (percent != NULL) {
			endpoint.address.in6.sin6_scope_id = scope_of(percent + 1);
			if (endpoint.address.in6.sin6_scope_id == 0) {
				return false;
			}
		}
		endpoint.address.in6.sin6_family = AF_INET6;
		endpoint.length = sizeof(endpoint.address.in6);
	}
	set_port(&endpoint, port);
	set_text(&endpoint);
	*ret_endpoint = endpoint;
	return true;
}

/* One address list, and what of it was found. */
struct found {
	struct envoi_endpoint *list;
	size_t count;
	size_t max;
};

static void add(struct found *found, const struct envoi_endpoint *endpoint)
{
	for (size_t i = 0; i < found->count; i++) {
		if (strcmp(found->list[i].text, endpoint->text) == 0) {
			return;
		}
	}
	if (found->count < found->max) {
		found->list[found->count++] = *endpoint;
	}
}

/* RFC 6761 6.3: both loopbacks, whatever the hosts file says or lacks. */
static void add_localhost(struct found *found, int family, unsigned short port)
{
	struct envoi_endpoint endpoint;
	if (family != AF_INET && envoi_resolve_literal("::1", port, &endpoint)) {
		add(found, &endpoint);
	}
	if (family != AF_INET6 && envoi_resolve_literal("127.0.0.1", port, &endpoint)) {
		add(found, &endpoint);
	}
}

static bool is_localhost(const char *host)
{
	struct envoi_span name = envoi_span_of(host);
	if (name.len > 0 && name.data[name.len - 1] == '.') {
		name.len--;
	}
	struct envoi_span tail = name;
	if (tail.len > 10) {
		tail.data += tail.len - 10;
		tail.len = 10;
	}
	return envoi_span_equal_nocase(name, "localhost")
	       || envoi_span_equal_nocase(tail, ".localhost");
}

static int resolver_error(
	const char *host, int family, int eai, int sys, struct envoi_error *err)
{
	const char *kind = family == AF_INET	? "IPv4 "
			   : family == AF_INET6 ? "IPv6 "
						: "";
	if (envoi_gnu_is_nohost(eai)) {
		return envoi_error_set(err, ENVOI_STATUS_NOHOST,
			"host '%s' does not exist or has no %saddress", host, kind);
	}
	if (eai == EAI_MEMORY) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	if (eai == EAI_SYSTEM) {
		enum envoi_status status = ENVOI_STATUS_TEMPORARY;
		if (sys == EMFILE || sys == ENFILE || sys == ENOMEM) {
			status = ENVOI_STATUS_SYSTEM;
		}
		return envoi_error_sys(
			err, status, sys, "host '%s' cannot be looked up", host);
	}
	return envoi_error_set(err, ENVOI_STATUS_TEMPORARY,
		"host '%s' cannot be looked up now: %s", host, gai_strerror(eai));
}

static void add_info(
	struct found *found, const struct addrinfo *info, unsigned short port)
{
	struct envoi_endpoint endpoint = {0};
	if (info->ai_addrlen <= sizeof(endpoint.address)) {
		memcpy(&endpoint.address, info->ai_addr, info->ai_addrlen);
		endpoint.length = info->ai_addrlen;
		set_port(&endpoint, port);
		set_text(&endpoint);
		add(found, &endpoint);
	}
}

static const struct addrinfo *next_of(const struct addrinfo *info, int family)
{
	while (info != NULL && info->ai_family != family) {
		info = info->ai_next;
	}
	return info;
}

/* One family, the other, the first again (RFC 8305 section 4 with a First
 * Address Family Count of 1), beginning with the resolver's choice. */
static void interleave(
	const struct addrinfo *info, unsigned short port, struct found *found)
{
	int first = info->ai_family == AF_INET ? AF_INET : AF_INET6;
	int second = first == AF_INET ? AF_INET6 : AF_INET;
	const struct addrinfo *a = next_of(info, first);
	const struct addrinfo *b = next_of(info, second);
	while (a != NULL || b != NULL) {
		if (a != NULL) {
			add_info(found, a, port);
			a = next_of(a->ai_next, first);
		}
		if (b != NULL) {
			add_info(found, b, port);
			b = next_of(b->ai_next, second);
		}
	}
}

int envoi_resolve_name(const struct envoi_server *server, int family,
	struct envoi_endpoint *list, size_t *ret_count, struct envoi_error *err)
{
	struct found found = {.list = list, .max = ENVOI_LIMIT_HOST_ADDRESSES};
	/* Not AI_ADDRCONFIG: it hides addresses on machines that have only a
	 * loopback interface, and an unreachable one costs nothing to try. */
	struct addrinfo hints = {
		.ai_family = family,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *info = NULL;
	int eai = getaddrinfo(server->host, NULL, &hints, &info);
	if (eai != 0) {
		return resolver_error(server->host, family, eai, errno, err);
	}
	interleave(info, server->port, &found);
	freeaddrinfo(info);
	if (found.count == 0) {
		return resolver_error(server->host, family, EAI_NONAME, 0, err);
	}
	*ret_count = found.count;
	return 0;
}

static int resolve_path(const char *path, struct found *found, struct envoi_error *err)
{
	struct envoi_endpoint endpoint = {0};
	size_t n = strlen(path);
	if (n >= sizeof(endpoint.address.un.sun_path)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"unix socket '%s': the path is too long", path);
	}
	endpoint.address.un.sun_family = AF_UNIX;
	memcpy(endpoint.address.un.sun_path, path, n + 1);
	endpoint.length = sizeof(endpoint.address.un);
	(void)snprintf(endpoint.text, sizeof(endpoint.text), "%s", path);
	add(found, &endpoint);
	return 0;
}

static int resolve_host(const struct envoi_server *server, int family,
	struct found *found, struct envoi_error *err)
{
	struct envoi_endpoint endpoint;
	if (envoi_resolve_literal(server->host, server->port, &endpoint)) {
		if (family != AF_UNSPEC && endpoint.address.sa.sa_family != family) {
			return envoi_error_set(err, ENVOI_STATUS_NOHOST,
				"%s is no %s address", server->host,
				family == AF_INET ? "IPv4" : "IPv6");
		}
		add(found, &endpoint);
		return 0;
	}
	if (strchr(server->host, ':') != NULL) {
		return envoi_error_set(err, ENVOI_STATUS_NOHOST,
			"%s: no such network interface here", server->host);
	}
	if (is_localhost(server->host)) {
		add_localhost(found, family, server->port);
		return 0;
	}
	return ENVOI_RESOLVE_NAME;
}

int envoi_resolve(const struct envoi_server *server, int family,
	struct envoi_endpoint **ret_list, size_t *ret_count, struct envoi_error *err)
{
	struct found found = {.max = ENVOI_LIMIT_HOST_ADDRESSES};
	found.list = calloc(found.max, sizeof(*found.list));
	if (found.list == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	int result = server->path != NULL ? resolve_path(server->path, &found, err)
					  : resolve_host(server, family, &found, err);
	if (result != 0) {
		free(found.list);
		return result;
	}
	*ret_list = found.list;
	*ret_count = found.count;
	return 0;
}

int envoi_resolve_source(
	const char *text, struct envoi_endpoint *ret_endpoint, struct envoi_error *err)
{
	char bare[ENVOI_LIMIT_HOST];
	size_t n = strlen(text);
	if (n > 2 && n < sizeof(bare) && text[0] == '[' && text[n - 1] == ']') {
		memcpy(bare, text + 1, n - 2);
		bare[n - 2] = '\0';
		if (envoi_resolve_literal(bare, 0, ret_endpoint)) {
			return 0;
		}
	} else if (envoi_resolve_literal(text, 0, ret_endpoint)) {
		return 0;
	}
	return envoi_error_set(err, ENVOI_STATUS_USAGE,
		"source address '%.250s' is no IP address", text);
}

void envoi_resolve_local_literal(int fd, char *out, size_t n)
{
	struct envoi_endpoint local = {0};
	local.length = sizeof(local.address);
	char text[INET6_ADDRSTRLEN];
	if (getsockname(fd, &local.address.sa, &local.length) == 0) {
		const struct in6_addr *in6 = &local.address.in6.sin6_addr;
		if (local.address.sa.sa_family == AF_INET
			&& inet_ntop(AF_INET, &local.address.in.sin_addr, text,
				   sizeof(text))
				   != NULL) {
			(void)snprintf(out, n, "[%s]", text);
			return;
		}
		if (local.address.sa.sa_family == AF_INET6) {
			if (IN6_IS_ADDR_V4MAPPED(in6)
				&& inet_ntop(
					   AF_INET, &in6->s6_addr[12], text, sizeof(text))
					   != NULL) {
				(void)snprintf(out, n, "[%s]", text);
				return;
			}
			if (inet_ntop(AF_INET6, in6, text, sizeof(text)) != NULL) {
				(void)snprintf(out, n, "[IPv6:%s]", text);
				return;
			}
		}
	}
	(void)snprintf(out, n, "[127.0.0.1]");
}
