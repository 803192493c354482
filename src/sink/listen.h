/*
 * The socket a sink listens on.
 */
#ifndef ENVOI_SINK_LISTEN_H
#define ENVOI_SINK_LISTEN_H

#include <stdbool.h>

#include <envoi/error.h>

struct envoi_listener {
	/** -1: none, or no longer. */
	int fd;
	/** For people: "127.0.0.1:2525", "[::1]:2525", "unix:/run/sink". */
	char label[160];
	/** 0 for a unix socket. */
	unsigned short port;
	/** Of a unix socket, to be removed; else "". */
	char path[128];
	/** Only this machine reaches it. */
	bool local;
};

/** text as in envoi_sink_options.listen; errors as envoi_sink_open(). */
int envoi_listener_open(
	struct envoi_listener *listener, const char *text, struct envoi_error *err);

/** Closes it and removes the unix socket. A zeroed one is not accepted, one
 * with fd -1 is. */
void envoi_listener_close(struct envoi_listener *listener);

#endif
