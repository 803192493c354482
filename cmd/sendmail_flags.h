/*
 * The words that callers give to a sendmail program, and what they ask for.
 *
 * The table is that of the big sendmails together: what one of them takes and
 * means differently from another is refused, what only tunes is taken. Words
 * are read in order and never permuted; behind the first recipient a word that
 * begins with "-" is refused unless "--" stood before. Values that may be
 * missing (-q, -d, -E, -J) are taken only when glued to their letter.
 *
 * Pure: opens nothing, prints nothing, looks at no environment.
 */
#ifndef CMD_SENDMAIL_FLAGS_H
#define CMD_SENDMAIL_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/error.h>
#include <envoi/session.h>

/** By which name the program was called. */
enum sendmail_name {
	SENDMAIL_NAME_SENDMAIL,
	SENDMAIL_NAME_MAILQ,
	SENDMAIL_NAME_NEWALIASES,
};

enum sendmail_mode {
	/** -bm, and without a word about it. */
	SENDMAIL_DELIVER,
	/** -bs */
	SENDMAIL_DIALOGUE,
	/** -bp, mailq */
	SENDMAIL_LIST,
	/** -bi, -I, newaliases */
	SENDMAIL_ALIASES,
	/** -bv */
	SENDMAIL_VERIFY,
	/** -bP */
	SENDMAIL_COUNT,
	/** -bC */
	SENDMAIL_CHECK,
	/** -bh, -bH */
	SENDMAIL_STATISTICS,
	/** -q: run the queue once. */
	SENDMAIL_RUN,
	/** -q15m, -bd -q15m: run it again and again. */
	SENDMAIL_LOOP,
	/** -d0.1 and nothing to send: the version only. */
	SENDMAIL_VERSION,
};

/** -odb, -odi, -odq. */
enum sendmail_delivery {
	SENDMAIL_DELIVERY_DEFAULT,
	SENDMAIL_DELIVERY_BACKGROUND,
	SENDMAIL_DELIVERY_FOREGROUND,
	SENDMAIL_DELIVERY_QUEUE,
};

/** -oe?, -e? */
enum sendmail_errors {
	/** p: to stderr. */
	SENDMAIL_ERRORS_PRINT,
	/** m, w: by mail, and the exit status stays. */
	SENDMAIL_ERRORS_MAIL,
	/** q: the exit status only. */
	SENDMAIL_ERRORS_QUIET,
	/** e: by mail, and 0 when that is on its way. */
	SENDMAIL_ERRORS_MAIL_ONLY,
};

/** Which part of the queue, -qI, -qR, -qS: what it has to have in it. */
struct sendmail_selection {
	/** 'I', 'R', 'S'. */
	char what;
	/** "!": what it must not have. */
	bool without;
	const char *text;
};

enum {
	/** Longest envelope identifier (RFC 3461 4.4), longest tag of -L. */
	SENDMAIL_MAX_ENVID = 100,
	SENDMAIL_MAX_TAG = 32,
	SENDMAIL_MAX_SELECTIONS = 8,
};

/** What was asked for. Strings are those of argv. */
struct sendmail_flags {
	enum sendmail_mode mode;
	/** -C; NULL. */
	const char *config;
	/** -f, -r, the last one; NULL: none. "" and "<>" are the null sender. */
	const char *sender;
	/** -F; NULL. */
	const char *full_name;
	/** -i, -oi: a line of one dot does not end the message. */
	bool ignore_dots;
	/** That was said, either way. */
	bool ignore_dots_said;
	/** -t */
	bool read_recipients;
	/** -v */
	bool verbose;
	/** -n */
	bool no_aliases;
	/** -d0: print the version. */
	bool version;
	enum sendmail_delivery delivery;
	enum sendmail_errors errors;
	/** -L; NULL. */
	const char *tag;
	/** -X; NULL. */
	const char *log;
	/** -O QueueDirectory, -oQ; NULL. */
	const char *queue;
	/** -N: ENVOI_NOTIFY_...; 0: nothing was said. */
	unsigned notify;
	/** -R: "HDRS", "FULL"; NULL. */
	const char *dsn_return;
	/** -V; NULL. */
	const char *envid;
	/** -B: 7, 8; 0. */
	int body_bits;
	/** -q15m: seconds. */
	unsigned long interval;
	struct sendmail_selection selections[SENDMAIL_MAX_SELECTIONS];
	size_t selection_count;
	/** Recipients: argv from here on. */
	int operand;
};

/** Takes what is wrong and yet no reason to lose mail: for the log. */
typedef void sendmail_note(void *context, const struct envoi_error *err);

/**
 * Reads argv[1] to argv[argc - 1]. note may be NULL. -1: USAGE; what was found
 * before is in flags.
 */
int sendmail_flags_read(struct sendmail_flags *flags, enum sendmail_name name, int argc,
	char *const *argv, sendmail_note *note, void *context, struct envoi_error *err);

#endif
