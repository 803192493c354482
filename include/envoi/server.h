/*
 * What a person types to name a server.
 *
 *     server = host | host ":" port | "[" ip "]" [ ":" port ] | ipv6 | url
 *     url    = scheme "://" ( host | ipv4 | "[" ipv6 "]" ) [ ":" port ] [ "/" ]
 *            | "lmtp+unix:" path
 *     scheme = "smtp" (25) | "submission" (587, STARTTLS required)
 *            | "submissions" | "smtps" (465, TLS from the start) | "lmtp" (24)
 */
#ifndef ENVOI_SERVER_H
#define ENVOI_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/error.h>
#include <envoi/session.h>

struct envoi_server {
	/** Host name or IP address without brackets; NULL for a unix socket. A
	 * name outside of ASCII as A-labels: for DNS, TLS and its SNI. */
	char *host;
	/** Path of a unix socket, else NULL. */
	char *path;
	unsigned short port;
	bool lmtp;
	/** What the URL asks for; a bare host: OPPORTUNISTIC on 25 and others,
	 * STARTTLS on 587, IMPLICIT on 465; unix and lmtp: OPPORTUNISTIC. */
	enum envoi_tls_policy tls;
	/** "mx.example.org:587", "[2001:db8::1]:25", "/run/lmtp": for reports. A
	 * name as it was typed. */
	char *label;
};

/**
 * Parses text. USAGE, naming the text and the reason: unknown scheme, empty
 * or malformed host, or one that IDNA does not allow, port not 1 to 65535,
 * control byte or blank, user or password in the URL, a path behind host, LMTP
 * on port 25 (RFC 2033 5).
 */
int envoi_server_parse(
	const char *text, struct envoi_server *ret_server, struct envoi_error *err);

/** Frees what the server owns and zeroes it. */
void envoi_server_finish(struct envoi_server *server);

#endif
