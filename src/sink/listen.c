/*
 * From "HOST:PORT" or "unix:PATH" to a listening socket.
 *
 *     listen = PORT | HOST ":" PORT | "[" IPV6 "]" ":" PORT | "unix:" PATH
 */
#include "sink/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/socket.h"
#include "base/span.h"

/* Splits text into host and port; -1: it is no such thing. */
static int split(const char *text, char *host, size_t room, const char **ret_port)
{
	const char *colon = strrchr(text, ':');
	struct envoi_span name = {text, colon == NULL ? 0 : (size_t)(colon - text)};
	uint64_t number = 0;
	*ret_port = colon == NULL ? text : colon + 1;
	if (envoi_span_number(envoi_span_of(*ret_port), 65535, &number) != 0) {
		return -1;
	}
	if (colon == NULL) {
		name = envoi_span_of("127.0.0.1");
	} else if (name.len > 2 && name.data[0] == '['
		   && name.data[name.len - 1] == ']') {
		name = (struct envoi_span){name.data + 1, name.len - 2};
	} else if (memchr(name.data, ':', name.len) != NULL) {
		return -1;
	}
	if (name.len == 0 || name.len >= room) {
		return -1;
	}
	memcpy(host, name.data, name.len);
	host[name.len] = '\0';
	return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof(in));
		return ntohl(in.sin_addr.s_addr) >> 24 == 127;
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof(in6));
		return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
	}
	return address->sa_family == AF_UNIX;
}

static int start(struct envoi_listener *listener, const struct sockaddr *address,
	socklen_t n, const char *text, struct envoi_error *err)
{
	int on = 1;
	listener->fd = envoi_socket_open(address->sa_family);
	if (listener->fd < 0) {
		return envoi_error_sys(err, ENVOI_STATUS_SYSTEM, errno,
			"cannot make a socket for '%s'", text);
	}
	(void)setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener->fd, address, n) != 0 || listen(listener->fd, 128) != 0) {
		(void)envoi_error_sys(err, ENVOI_STATUS_CANTCREATE, errno,
			"cannot listen on '%s'", text);
		(void)close(listener->fd);
		listener->fd = -1;
		return -1;
	}
	listener->local = is_loopback(address);
	return 0;
}

/* The address the system chose, for the label and the port. */
static void read_back(struct envoi_listener *listener)
{
	struct sockaddr_storage address;
	socklen_t n = sizeof(address);
	char host[64] = "?";
	char port[8] = "0";
	uint64_t number = 0;
	if (getsockname(listener->fd, (struct sockaddr *)&address, &n) == 0) {
		(void)getnameinfo((struct sockaddr *)&address, n, host, sizeof(host),
			port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	}
	(void)envoi_span_number(envoi_span_of(port), 65535, &number);
	listener->port = (unsigned short)number;
	(void)snprintf(listener->label, sizeof(listener->label),
		strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
}

static int open_inet(
	struct envoi_listener *listener, const char *text, struct envoi_error *err)
{
	char host[ENVOI_LIMIT_HOST + 1];
	const char *port = NULL;
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	struct addrinfo *list = NULL;
	if (split(text, host, sizeof(host), &port) != 0) {
		(void)envoi_error_set(
			err, ENVOI_STATUS_USAGE, "cannot listen on '%s'", text);
		envoi_error_hint(err, "say HOST:PORT, [IPV6]:PORT, PORT or unix:PATH");
		return -1;
	}
	int eai = getaddrinfo(host, port, &hints, &list);
	if (eai != 0) {
		return envoi_error_set(err, ENVOI_STATUS_NOHOST,
			"cannot listen on '%s': %s", text, gai_strerror(eai));
	}
	int failed = start(listener, list->ai_addr, list->ai_addrlen, text, err);
	freeaddrinfo(list);
	if (failed == 0) {
		read_back(listener);
	}
	return failed;
}

/* A socket that a dead process left behind refuses; a living one, or anything
 * else of that name, stays. */
static void remove_stale(const struct sockaddr_un *address)
{
	struct stat st;
	if (lstat(address->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
		return;
	}
	int fd = envoi_socket_open(AF_UNIX);
	if (fd < 0) {
		return;
	}
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0
		&& errno == ECONNREFUSED) {
		(void)unlink(address->sun_path);
	}
	(void)close(fd);
}

static int open_unix(struct envoi_listener *listener, const char *text, const char *path,
	struct envoi_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof(address.sun_path) || n >= sizeof(listener->path)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"cannot listen on '%s': path is empty or too long", text);
	}
	memcpy(address.sun_path, path, n + 1);
	remove_stale(&address);
	if (start(listener, (const struct sockaddr *)&address, sizeof(address), text, err)
		!= 0) {
		return -1;
	}
	memcpy(listener->path, path, n + 1);
	(void)snprintf(listener->label, sizeof(listener->label), "unix:%s", path);
	return 0;
}

int envoi_listener_open(
	struct envoi_listener *listener, const char *text, struct envoi_error *err)
{
	*listener = (struct envoi_listener){.fd = -1};
	if (strncmp(text, "unix:", 5) == 0) {
		return open_unix(listener, text, text + 5, err);
	}
	return open_inet(listener, text, err);
}

void envoi_listener_close(struct envoi_listener *listener)
{
	if (listener->fd < 0) {
		return;
	}
	(void)close(listener->fd);
	listener->fd = -1;
	if (listener->path[0] != '\0') {
		(void)unlink(listener->path);
	}
}
