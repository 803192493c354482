/*
 * What is done to the header of a message before it goes out, and who it is
 * for by its header.
 */
#ifndef ENVOI_REPAIR_H
#define ENVOI_REPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/address.h>
#include <envoi/error.h>
#include <envoi/message.h>

/** What to do with a header field. */
enum envoi_header_policy {
	/** Add it when it is missing. */
	ENVOI_HEADER_AUTO,
	/** Replace it. */
	ENVOI_HEADER_ON,
	ENVOI_HEADER_OFF,
};

/** What to do with the fields that name recipients. */
enum envoi_undisclosed {
	/** "To: undisclosed-recipients:;" where there is neither To nor Cc. */
	ENVOI_UNDISCLOSED_AUTO,
	/** The same in place of To, Cc and Bcc. */
	ENVOI_UNDISCLOSED_ON,
	ENVOI_UNDISCLOSED_OFF,
};

/** Zeroed but for sender and now: the defaults. */
struct envoi_repair {
	/** The header stays as it is, but for Bcc. */
	bool raw;
	/** Bcc and Resent-Bcc stay. */
	bool keep_bcc;
	enum envoi_header_policy from;
	enum envoi_header_policy date;
	enum envoi_header_policy msgid;
	enum envoi_undisclosed undisclosed;
	/** The envelope's, as made by envoi_address_parse(); "": the null one. */
	const char *sender;
	/** For a From field that is made; UTF-8. NULL: none. */
	const char *full_name;
	/** Bare names in the header get it; ASCII. NULL: they stay. */
	const char *domain;
	/** This host, for a Message-ID when there is no better domain. NULL: it
	 * is not known. */
	const char *host;
	/** Seconds since 1970. */
	int64_t now;
	/** Value of a Received field to be added; lines end with LF and a
	 * blank. NULL: none. */
	const char *received;
};

/**
 * Repairs the header of a scanned message; its facts are those of what goes
 * out from then on. Fields nothing is done to stay octet for octet (but for
 * CRs and NULs), in their order; what is added stands in front of them.
 *
 * Added when missing are Date, From (of sender, for the null one
 * MAILER-DAEMON) and Message-ID, or their Resent- variants where a field
 * Resent-* is; and a To field when nobody is named. Removed are Bcc,
 * Resent-Bcc, Return-Path and Content-Length. Addresses in From, Sender,
 * Reply-To, To, Cc and their Resent- variants that are a name only get
 * "@domain". A NUL in the header is dropped. A line in it that is no field is the
 * body's first, and an empty line goes in front of it.
 *
 * REFUSED: received is given, and there are over ENVOI_LIMIT_TRACE (50)
 * such fields already: a loop. DATA: the header becomes too long. SYSTEM: no
 * memory, no random octets. BUG: it was not scanned.
 */
int envoi_message_repair(struct envoi_message *message, const struct envoi_repair *rules,
	struct envoi_error *err);

/** Takes an element of a field in that line: 0, or -1 with err to stop. */
typedef int envoi_recipient_take(void *context, const char *field, uint64_t line,
	const struct envoi_list_item *item, struct envoi_error *err);

/**
 * Gives each recipient the header of a scanned message names to take(): those
 * of all fields Resent-To, Resent-Cc and Resent-Bcc where there is one, else
 * of all fields To, Cc, Bcc and Apparently-To. It is the header as it was read
 * that counts. -1: what take() said, or SYSTEM.
 */
int envoi_message_recipients(const struct envoi_message *message,
	envoi_recipient_take *take, void *context, struct envoi_error *err);

/** Gives each address of the first field From (Resent-From where there is one)
 * to take(). */
int envoi_message_senders(const struct envoi_message *message, envoi_list_take *take,
	void *context, struct envoi_error *err);

#endif
