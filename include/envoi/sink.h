/*
 * A small honest receiver of mail: SMTP or LMTP on a loopback port or a unix
 * socket, into a Maildir, an mbox or nowhere. It never relays. One poll loop,
 * no threads; memory for each connection is bounded, messages are streamed.
 *
 *     envoi_sink_options_init(), fill in
 *     envoi_sink_open()
 *     envoi_sink_next() until ENVOI_SINK_ENDED
 *     envoi_sink_free()
 */
#ifndef ENVOI_SINK_H
#define ENVOI_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>

enum envoi_sink_tls {
	/** Offered; on a unix socket only with a certificate given or wanted:
	 * there is nobody in between. */
	ENVOI_SINK_TLS_STARTTLS,
	/** From the first byte. */
	ENVOI_SINK_TLS_IMPLICIT,
	ENVOI_SINK_TLS_OFF,
};

/** Strings are used only during envoi_sink_open(), unless said otherwise. */
struct envoi_sink_options {
	/** "HOST:PORT", "[IPV6]:PORT", "PORT" (on 127.0.0.1), "unix:PATH";
	 * port 0: a free one. */
	const char *listen;
	/** LMTP in place of SMTP. */
	bool lmtp;
	/** Where messages go: at most one of these; none: nowhere. */
	const char *maildir;
	const char *mbox;
	/** Maildir: CRLF is kept, else LF is stored. */
	bool crlf;
	/** Maildir: the octets received and nothing else: no Return-Path and
	 * Delivered-To in front, CRLF kept. */
	bool raw;
	enum envoi_sink_tls tls;
	/** PEM; both NULL: a certificate is made. */
	const char *certificate;
	const char *key;
	/** The certificate is written here as PEM; or NULL. */
	const char *certificate_out;
	/** ENVOI_EXT_ bits not to be offered. */
	uint32_t without;
	/** Octets of a message; 0: no limit. */
	uint64_t max_size;
	/** Connections at once; the next one gets 421. At least 1. */
	size_t max_connections;
	/** Recipients of a message. At least 1. */
	size_t max_recipients;
	/** In the greeting and the reply to EHLO. */
	const char *hostname;
	/** Ends after the first connection. */
	bool once;
	/** Ends after so many messages; 0: never. */
	uint64_t messages;
	/** ENVOI_SINK_LINE is wanted. */
	bool trace;
};

/** What "envoi sink" without options does. */
void envoi_sink_options_init(struct envoi_sink_options *options);

struct envoi_sink;

/**
 * Makes the store and the certificate ready, then listens. USAGE: listen
 * cannot be understood. NOHOST: its host has no address. CANTCREATE: store,
 * certificate_out or socket cannot be made. CONFIG: certificate or key is not
 * fit. SYSTEM: no memory, no descriptors. NULL then.
 */
struct envoi_sink *envoi_sink_open(
	const struct envoi_sink_options *options, struct envoi_error *err);

/** Closes connections without a word, removes the unix socket. Accepts NULL. */
void envoi_sink_free(struct envoi_sink *sink);

/** "127.0.0.1:2525", "[::1]:2525", "unix:/run/sink"; valid as long as it. */
const char *envoi_sink_label(const struct envoi_sink *sink);

/** 0 for a unix socket. */
unsigned short envoi_sink_port(const struct envoi_sink *sink);

/** Can only this machine reach it? */
bool envoi_sink_is_local(const struct envoi_sink *sink);

enum envoi_sink_event {
	/** A message was taken and its sender told so. */
	ENVOI_SINK_RECEIVED,
	/** A line for the transcript. */
	ENVOI_SINK_LINE,
	/** Something failed here, a client was told to try again later. */
	ENVOI_SINK_TROUBLE,
	/** It is over. */
	ENVOI_SINK_ENDED,
};

/** Strings and error are valid until the next envoi_sink_next(). */
struct envoi_sink_report {
	enum envoi_sink_event event;
	/** Of a message: from 1; of a line: that of its connection, from 1. */
	uint64_t number;
	/** RECEIVED: as it stood between < and >, "" for the null sender. */
	const char *sender;
	size_t recipients;
	/** As received, dots unstuffed. */
	uint64_t octets;
	/** RECEIVED: "new/NAME", the mbox, "discarded". LINE: printable ASCII. */
	const char *text;
	/** LINE: "<" from here to the client, ">" from the client, "=" what
	 * the sink does, "!" trouble. */
	char mark;
	/** LINE: since envoi_sink_open(). */
	int64_t time_us;
	/** TROUBLE, else NULL. */
	const struct envoi_error *error;
};

/**
 * Serves until there is something to report, and reports it. When stop_fd
 * (-1: none) becomes readable, connections get 421 and it ends soon.
 */
enum envoi_sink_event envoi_sink_next(
	struct envoi_sink *sink, int stop_fd, struct envoi_sink_report *ret_report);

#endif
