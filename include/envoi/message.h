/*
 * Messages from files, stdin, mboxes and Maildirs, in constant memory.
 *
 * An input is one FILE argument; it yields one message, or many (mbox,
 * Maildir). A
 * message knows where its octets are and, once scanned, what they are like.
 * A body is one reading of a message in the form it has on the wire. (RFC
 * 5321 2.3.8, 4.5.2; RFC 3030.)
 *
 * On the wire: LF and CRLF become CRLF, and a missing last line end is added.
 * A CR that no LF follows becomes a line end as well in the body; in the
 * header, where it could make a field of a part of another one, a space, but
 * for CRs before a CRLF, which are dropped. "From " and ">From " lines at the
 * very head, which an mbox or a delivery agent left there, are dropped. A
 * message that then begins with no header field gets an empty line first; a
 * field begins with a name of octets 33 to 126, perhaps blanks, and a colon
 * (RFC 5322 3.6.8, 4.5.8). The header ends before a line that is no field and
 * continues none. A message that begins with an empty line has an empty header,
 * and one without any octet stays so. Nothing else changes, unless it is repaired.
 *
 * An mbox is read by these rules:
 * - A line separates messages when it stands at the start of the file or
 *   behind an empty line, begins with "From " and, behind the sender, has a
 *   time (HH:MM...) and a year (four digits) among its words: so a paragraph
 *   that begins with "From " does not.
 * - The separator belongs to no message; neither does the one empty line that
 *   stands before the next separator or at the end of the file.
 * - A line of one or more ">" and "From " loses one ">" ("mboxrd"). Of mboxo,
 *   which quotes "From " only, a line of one ">" and "From " loses it, and
 *   other lines are as they were.
 * - LF and CRLF files are read alike. Empty lines before the first separator
 *   are skipped; a file of no others has no messages.
 *
 * A directory that has the directories cur and new is a Maildir: its messages
 * are the files in these whose names do not begin with a dot, in the order of
 * the time the names begin with, then of the names. The names are read when it
 * is opened, a message only when it is scanned. One that gets other flags or
 * is moved from new to cur meanwhile is found by its unique name. Nothing in
 * the folder is changed.
 */
#ifndef ENVOI_MESSAGE_H
#define ENVOI_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>

/** What a FILE is read as. */
enum envoi_mbox {
	/** One message, or a Maildir. */
	ENVOI_MBOX_NONE,
	ENVOI_MBOX_RD,
	ENVOI_MBOX_O,
};

struct envoi_input;
struct envoi_message;
struct envoi_body;

/**
 * Opens path ("-": stdin). A regular file is not read yet, and does not stay
 * open. Anything else (stdin, FIFO, socket, device) is read to its
 * end now, into memory when small, else into an unlinked temporary file in
 * $TMPDIR (else /tmp). Waits for its end as long as it takes; signals are not
 * blocked.
 *
 * A Maildir is one with every mbox.
 *
 * NOINPUT: missing, unreadable, a directory that is no Maildir, stdin closed. IO: read
 * error, or the temporary file cannot be written. CANTCREATE: the temporary file cannot
 * be made. SYSTEM: no memory, no descriptors.
 */
int envoi_input_open(const char *path, enum envoi_mbox mbox,
	struct envoi_input **ret_input, struct envoi_error *err);

/** What is to be known of a message that was read. */
struct envoi_input_notes {
	/** Something stood behind the line of one dot, and is not in it. */
	bool rest;
	/** There are NULs in it, which hardly a server takes. */
	bool nul;
};

/**
 * Reads fd to its end as one message, as a sendmail program does. until_dot: a
 * line of one dot ends it, what comes behind is dropped. Waits as long as it
 * takes; a writer never gets stuck, whatever fails here.
 *
 * NOINPUT: closed, a directory. IO: read error. TEMPORARY: the temporary file
 * cannot be made or written. SYSTEM as envoi_input_open(). err is not NULL.
 */
int envoi_input_read(int fd, bool until_dot, struct envoi_input **ret_input,
	struct envoi_input_notes *ret_notes, struct envoi_error *err);

/** Gives the octets of an input of one message to take(), as they were read.
 * -1: what take() said, IO, SYSTEM; BUG: it is an mbox or a Maildir. */
int envoi_input_copy(struct envoi_input *input,
	int (*take)(void *context, const char *data, size_t n, struct envoi_error *err),
	void *context, struct envoi_error *err);

/** Closes it. Messages taken from it stay usable. Accepts NULL. */
void envoi_input_free(struct envoi_input *input);

/**
 * The next message, or 0 with *ret_message NULL at the end. A file that is no
 * mbox yields exactly one, be it empty. Free it with envoi_message_free().
 * DATA: the mbox does not begin with a separator. IO: read error, or the mbox
 * was changed since it was opened. SYSTEM: no memory.
 */
int envoi_input_next(struct envoi_input *input, struct envoi_message **ret_message,
	struct envoi_error *err);

/** Its bodies must be closed before. Accepts NULL. */
void envoi_message_free(struct envoi_message *message);

/** "bill.eml", "-", "series.mbox:3", "Mail/cur/1700000000.1.host:2,S"; valid as long as
 * the message. */
const char *envoi_message_name(const struct envoi_message *message);

/** What one reading of all octets showed. */
struct envoi_message_facts {
	/** Octets as on the wire, before dot-stuffing. */
	uint64_t size;
	/** Some octet is above 127; one of the header is. */
	bool eight_bit;
	bool eight_bit_header;
	/** Line of the first NUL; 0: none. Lines are numbered as an editor
	 * does it: from 1, in the whole file, each ended by LF. */
	uint64_t nul_line;
	/** A CR that no LF follows was found; an LF behind no CR. */
	bool bare_cr;
	bool bare_lf;
	/** Octets of the longest line as on the wire, without its end, and the
	 * number of the line of the file it is in; both 0 when all are empty. */
	uint64_t longest;
	uint64_t longest_line;
	/** The value of the header's first Message-ID field, unfolded, trimmed,
	 * cut to 998 octets; "" when there is none. It may hold any octet but
	 * NUL, CR and LF. */
	char message_id[1000];
};

/** Reads the message once and fills its facts in; again: does nothing.
 * DATA: the header is longer than ENVOI_LIMIT_HEADER (1 MiB). NOINPUT: cannot
 * be opened, or is gone from its Maildir. IO: read error, or changed while it
 * was read. SYSTEM: no memory, no descriptors. */
int envoi_message_scan(struct envoi_message *message, struct envoi_error *err);

/** The same, but ends when stop_fd (-1: none) is readable, which is looked at
 * between blocks: 1, and the message is not scanned. */
int envoi_message_scan_or_stop(
	struct envoi_message *message, int stop_fd, struct envoi_error *err);

/** Valid as long as the message, filled in by envoi_message_scan(). */
const struct envoi_message_facts *envoi_message_facts(
	const struct envoi_message *message);

/** What to do with lines of more than ENVOI_LINE_MAX octets. */
enum envoi_long_lines {
	/** As ENCODE. */
	ENVOI_LONG_LINES_DEFAULT,
	/** The parts they are in are encoded; header fields are folded. */
	ENVOI_LONG_LINES_ENCODE,
	ENVOI_LONG_LINES_PASS,
	ENVOI_LONG_LINES_REFUSE,
};

/** RFC 5321 4.5.3.1.6, without the line end. */
#define ENVOI_LINE_MAX 998

/** What a server takes, and what the user wants. */
struct envoi_carrier {
	/** 8BITMIME (RFC 6152); SMTPUTF8 implies it. */
	bool eight_bit;
	/** BINARYMIME and CHUNKING (RFC 3030). */
	bool binary;
	/** SMTPUTF8 (RFC 6531). */
	bool utf8;
	enum envoi_long_lines long_lines;
	/** The header goes out as it is: nothing can be encoded. */
	bool raw;
	/** NULs, and with ENCODE long lines, do not stop the message, and do not go
	 * out: what cannot be encoded is changed. Of no effect with raw. */
	bool mend;
};

/** A field that is not UTF-8, long lines, NULs. */
#define ENVOI_FORM_WARNINGS 3

/** The form in which a message goes to a server. */
struct envoi_form {
	const struct envoi_message *message;
	/** Exact octets as on the wire, before dot-stuffing. */
	uint64_t size;
	/** It needs 8BITMIME, BINARYMIME (which BDAT alone can carry), SMTPUTF8. */
	bool eight_bit, binary, utf8;
	/** For reports: "7bit", "8bit" or "binary", when no part is encoded anew;
	 * else "quoted-printable" or "base64", "mixed" for both, or when octets
	 * above 127 are left. */
	const char *encoding;
	/** For people, name of the message in front; "" for none, and behind the
	 * last one. */
	struct envoi_error warnings[ENVOI_FORM_WARNINGS];
};

/**
 * Chooses the form in which a scanned message goes to a server. As it is, when
 * the server takes that; else its text parts, and other parts with octets above
 * 127, are encoded as quoted-printable or base64, whichever is shorter. Signed,
 * encrypted and message parts, and those already encoded, are never touched.
 * Header text in UTF-8 becomes encoded words (RFC 2047), domains A-labels; so it
 * is in headers of parts, where octets above 127 cannot go. Valid as long as the
 * message; the same carrier gets the same form. Only a message that has to be
 * encoded is read again.
 *
 * With mend, a part with NULs is encoded like one with octets above 127. Lines of
 * parts that are quoted-printable or base64 already are broken so that they say the
 * same. Of all others, and outside of parts, long lines are folded as header
 * fields are, and NULs left out, with a warning.
 *
 * DATA: the message cannot go to this server; says why, with the name of the
 * message. NOINPUT, IO, SYSTEM as envoi_message_scan().
 */
int envoi_message_choose(struct envoi_message *message,
	const struct envoi_carrier *carrier, const struct envoi_form **ret_form,
	struct envoi_error *err);

/** The form without any choice: as a server gets it that takes everything, in
 * lines with CRLF. Valid as long as the message, filled in by the scan. */
const struct envoi_form *envoi_message_as_it_is(const struct envoi_message *message);

/**
 * Begins to read a message as it goes on the wire; stuff: dots doubled at line
 * starts (not for a binary form). Any number of bodies may be open at once; each
 * has one block of at most ENVOI_LIMIT_BLOCK, a smaller one when it encodes,
 * and, unless stdin, mbox or a FILE of at most 4096 octets (which the scan keeps
 * in memory), one descriptor. The message must outlive it.
 *
 * NOINPUT: it is gone from its Maildir. IO: cannot be opened, or the file is
 * not the one that was scanned (device, inode, size, time of change). SYSTEM: no
 * memory, no descriptors. BUG: the message was not scanned, or a binary form has
 * to be stuffed.
 */
int envoi_body_open(const struct envoi_form *form, bool stuff,
	struct envoi_body **ret_body, struct envoi_error *err);

/** Accepts NULL. */
void envoi_body_close(struct envoi_body *body);

/**
 * Puts at most room wire octets into out; *ret_n is how many. *ret_last is
 * set when these were the last ones (perhaps none), else *ret_n is not 0.
 * room is at least 4; a CRLF is never cut in two, so an octet or a few of it
 * may stay unused. Without stuffing all octets together are as many as the
 * form's size, never more.
 *
 * IO: read error, or it turned out other than the scan said (the file was
 * changed): then the message must not be finished on the wire. What out holds
 * is void then; close the body.
 */
int envoi_body_read(struct envoi_body *body, char *out, size_t room, size_t *ret_n,
	bool *ret_last, struct envoi_error *err);

/** Octets of an open file that leave as they stand there. */
struct envoi_body_run {
	/** Belongs to the body; its position means nothing. */
	int fd;
	uint64_t offset;
	/** 0: there are none, they have to be read. */
	uint64_t length;
};

/**
 * The next octets of the body, when the scan has shown that they need not be
 * looked at again: lines end with CRLF and dots are not stuffed. Only of a long
 * file, and never its end: that is read, and what was promised is checked there.
 * envoi_body_skip() says how many of them left. Where envoi_body_read() goes on
 * before all have left, it yields an error or the rest, never other octets.
 */
struct envoi_body_run envoi_body_run(struct envoi_body *body);
void envoi_body_skip(struct envoi_body *body, uint64_t n);

#endif
