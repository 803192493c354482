/*
 * A conversation file being read: form.c has the file and its head,
 * form_wire.c the steps of its connections.
 */
#ifndef ENVOI_TESTS_FORM_INTERNAL_H
#define ENVOI_TESTS_FORM_INTERNAL_H

#include "form.h"

/* Where a keyword's line belongs to, and what is known of it so far. */
struct reader {
	struct conversation *c;
	struct connection *connection;
	/** The connection's last S line may be followed by another. */
	bool glue;
	struct blob *blob;
	bool no_message, no_recipients;
	unsigned line;
	unsigned round;
	/** The argument, as it stands and unescaped. */
	struct envoi_span raw;
	struct envoi_span text;
	/** A message has its identifier; a line of the client is a pattern. */
	bool named, matched;
	char *error;
	size_t error_size;
	bool bad;
};

/** The first failure is kept, with its line. */
void form_fail(struct reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** A copy; lengthens one, whose memory moves. */
struct envoi_span form_keep(struct envoi_span span);
void form_extend(struct envoi_span *span, struct envoi_span more);

/** A step of the current connection; NULL: there is none. */
struct step *form_add_step(struct reader *r, enum deed deed);

/** An S, C or M line, how is ':', '=' or '~'. */
void form_take_wire(struct reader *r, char who, char how);

/** False: it is no keyword of a connection. */
bool form_take_step(struct reader *r, const char *keyword);

#endif
