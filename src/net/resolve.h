/*
 * From a server to socket addresses: literals, localhost and unix paths without
 * the resolver, other names by getaddrinfo(3). In the order RFC 8305 section 4
 * asks for: families interleaved, the resolver's first family first.
 */
#ifndef ENVOI_NET_RESOLVE_H
#define ENVOI_NET_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <envoi/server.h>

struct envoi_endpoint {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} address;
	socklen_t length;
	/** "192.0.2.1", "2001:db8::1", or the path; for people. */
	char text[128];
};

/** envoi_resolve(): a name, that only the resolver knows. */
#define ENVOI_RESOLVE_NAME 1

/**
 * *ret_list is a heap array of *ret_count endpoints (at most
 * ENVOI_LIMIT_HOST_ADDRESSES), one at least. family: AF_UNSPEC, AF_INET,
 * AF_INET6. Never waits: ENVOI_RESOLVE_NAME is left to envoi_lookup_new().
 * NOHOST: no address of that family. USAGE: unix path too long.
 */
int envoi_resolve(const struct envoi_server *server, int family,
	struct envoi_endpoint **ret_list, size_t *ret_count, struct envoi_error *err);

/**
 * Asks the resolver, and waits for it. list has room for
 * ENVOI_LIMIT_HOST_ADDRESSES, *ret_count is one at least. NOHOST: the name does
 * not exist or has no address (of that family). TEMPORARY: the resolver cannot
 * say now. SYSTEM: no memory, no descriptors.
 */
int envoi_resolve_name(const struct envoi_server *server, int family,
	struct envoi_endpoint *list, size_t *ret_count, struct envoi_error *err);

/** Is text an IP address ("192.0.2.1", "2001:db8::1", "fe80::1%eth0")? Then it
 * is filled in. Never asks a resolver. */
bool envoi_resolve_literal(
	const char *text, unsigned short port, struct envoi_endpoint *ret_endpoint);

/** A literal local address for --source; USAGE when it is none. */
int envoi_resolve_source(
	const char *text, struct envoi_endpoint *ret_endpoint, struct envoi_error *err);

/** The local address of a connected socket as an EHLO literal:
 * "[192.0.2.1]", "[IPv6:2001:db8::1]"; an IPv4-mapped one as IPv4, a unix
 * socket "[127.0.0.1]" (RFC 5321 4.1.3). out has at least 64 octets. */
void envoi_resolve_local_literal(int fd, char *out, size_t n);

#endif
