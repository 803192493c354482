/*
 * Messages from files, stdin and mboxes, in constant memory.
 *
 * An input is one FILE argument; it yields one message, or many (mbox). A
 * message knows where its octets are and, once scanned, what they are like.
 * A body is one reading of a message in the form it has on the wire. (RFC
 * 5321 2.3.8, 4.5.2; RFC 3030.)
 *
 * On the wire: LF, CRLF and bare CR all become CRLF, a missing last line end
 * is added, an mbox "From " line at the head is dropped, a message that
 * begins with no header field gets an empty line first. Nothing else changes.
 */
#ifndef ENVOI_MESSAGE_H
#define ENVOI_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>

struct envoi_input;
struct envoi_message;
struct envoi_body;

/**
 * Opens path ("-": stdin). A regular file is not read yet, and stays open
 * only for an mbox. Anything else (stdin, FIFO, socket, device) is read to its
 * end now, into memory when small, else into an unlinked temporary file in
 * $TMPDIR.
 *
 * NOINPUT: missing, unreadable, a directory. IO: read error, or the temporary
 * file cannot be written. SYSTEM: no memory, no descriptors.
 */
int envoi_input_open(const char *path, bool mbox, struct envoi_input **ret_input,
	struct envoi_error *err);

/** Closes it. Messages taken from it stay usable. Accepts NULL. */
void envoi_input_free(struct envoi_input *input);

/**
 * The next message, or 0 with *ret_message NULL at the end. An input without
 * mbox yields exactly one, be it empty. DATA: the mbox does not begin with a
 * "From " line. IO: read error.
 */
int envoi_input_next(struct envoi_input *input, struct envoi_message **ret_message,
	struct envoi_error *err);

/** Accepts NULL. */
void envoi_message_free(struct envoi_message *message);

/** "bill.eml", "-", "series.mbox:3"; valid as long as the message. */
const char *envoi_message_name(const struct envoi_message *message);

/** What one reading of all octets showed. */
struct envoi_message_facts {
	/** Octets as on the wire, before dot-stuffing. */
	uint64_t size;
	/** Some octet is above 127. */
	bool eight_bit;
	/** Line (from 1, as in the file) of the first NUL; 0: none. */
	uint64_t nul_line;
	/** A CR that no LF follows was found. */
	bool bare_cr;
	/** The longest line without its end, and its number (from 1). */
	uint64_t longest;
	uint64_t longest_line;
	/** The Message-ID field's value, unfolded and trimmed, at most 998
	 * octets; "" when there is none. */
	char message_id[1000];
};

/** Reads the message once and fills its facts in; again: does nothing.
 * NOINPUT: cannot be opened. IO: read error. */
int envoi_message_scan(struct envoi_message *message, struct envoi_error *err);

/** Valid as long as the message, filled in by envoi_message_scan(). */
const struct envoi_message_facts *envoi_message_facts(const struct envoi_message *message);

/**
 * Begins to read a scanned message as it goes on the wire; stuff: dots
 * doubled at line starts. IO: cannot be opened, or the file is not the one
 * that was scanned (device, inode, size, time of change).
 */
int envoi_body_open(const struct envoi_message *message, bool stuff, struct envoi_body **ret_body,
	struct envoi_error *err);

/** Accepts NULL. */
void envoi_body_close(struct envoi_body *body);

/**
 * Puts at most room wire octets into out; *ret_n is how many. *ret_last is
 * set when these were the last ones (perhaps none). room is at least 4.
 * IO: read error, or it turned out other than the scan said (the file was
 * changed): then the message must not be finished on the wire.
 */
int envoi_body_read(struct envoi_body *body, char *out, size_t room, size_t *ret_n, bool *ret_last,
	struct envoi_error *err);

#endif
