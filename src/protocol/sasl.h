/*
 * SASL mechanisms (RFC 4422) as SMTP carries them (RFC 4954): which one to
 * use, and each as a machine that is fed the text of a reply and gives the
 * line to answer with. Pure: no I/O; of OpenSSL digests and random octets.
 *
 * The line of a client-first mechanism may go out with the AUTH command:
 *
 *     AUTH name [SP line]        line of envoi_sasl_initial()
 *     334 SP text  ->  line      envoi_sasl_answer()
 *     235 text                   envoi_sasl_accept(): only then are we in
 *     -1 from envoi_sasl_answer(): the line is "*" (501 follows)
 *
 * Each mechanism has so many rounds and no more, so no server can go on for
 * ever. No mechanism here puts a security layer under the session.
 *
 * RFC 4616 (PLAIN), 4422 A (EXTERNAL), 2195 (CRAM-MD5), 5802 and 7677
 * (SCRAM), 7628 (OAUTHBEARER); LOGIN and XOAUTH2 have no RFC.
 */
#ifndef ENVOI_PROTOCOL_SASL_H
#define ENVOI_PROTOCOL_SASL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <envoi/error.h>

#include "base/secret.h"
#include "base/span.h"

/** Bits, so that a set of them is one number. In the order of preference. */
enum envoi_sasl_mechanism {
	ENVOI_SASL_SCRAM_SHA_256_PLUS = 1 << 0,
	ENVOI_SASL_SCRAM_SHA_1_PLUS = 1 << 1,
	ENVOI_SASL_SCRAM_SHA_256 = 1 << 2,
	ENVOI_SASL_SCRAM_SHA_1 = 1 << 3,
	ENVOI_SASL_OAUTHBEARER = 1 << 4,
	ENVOI_SASL_XOAUTH2 = 1 << 5,
	ENVOI_SASL_PLAIN = 1 << 6,
	ENVOI_SASL_LOGIN = 1 << 7,
	/** These two only when they are asked for by name. */
	ENVOI_SASL_CRAM_MD5 = 1 << 8,
	ENVOI_SASL_EXTERNAL = 1 << 9,
};

#define ENVOI_SASL_COUNT 10

#define ENVOI_SASL_ALL_PLUS (ENVOI_SASL_SCRAM_SHA_256_PLUS | ENVOI_SASL_SCRAM_SHA_1_PLUS)
/** Their secret is a token, not a password. */
#define ENVOI_SASL_ALL_OAUTH (ENVOI_SASL_OAUTHBEARER | ENVOI_SASL_XOAUTH2)
/** They show the secret to whoever reads along. */
#define ENVOI_SASL_ALL_CLEAR (ENVOI_SASL_PLAIN | ENVOI_SASL_LOGIN | ENVOI_SASL_ALL_OAUTH)

/** "SCRAM-SHA-256"; "?" for what is not one mechanism. */
const char *envoi_sasl_name(enum envoi_sasl_mechanism mechanism);

/** The mechanism of that name, in any case; 0: none that is known. */
unsigned envoi_sasl_find(struct envoi_span name);

/** The set of the known ones in a list of names with blanks between. */
unsigned envoi_sasl_find_all(struct envoi_span names);

/** What there is to choose from, and with. */
struct envoi_sasl_choice {
	/** The names the server offers, blanks between (for words as well). */
	struct envoi_span offered;
	/** The mechanisms the user asked for, in his order; count 0: our
	 * order. */
	const enum envoi_sasl_mechanism *wanted;
	size_t wanted_count;
	/** A set not to be tried (again). */
	unsigned refused;
	bool has_password;
	bool has_token;
	/** The secret may be shown on this link: it is under TLS, does not leave
	 * the machine, or the user said so. */
	bool clear_ok;
	/** There is a channel to bind to (struct envoi_sasl_binding). */
	bool has_binding;
};

/**
 * The mechanism to try next, 0 when there is none: then err has AUTH and
 * says why, with a hint where one helps. CRAM-MD5 and EXTERNAL are taken only
 * when wanted.
 */
unsigned envoi_sasl_choose(
	const struct envoi_sasl_choice *choice, struct envoi_error *err);

/** What ties SCRAM to the TLS connection it runs in (RFC 5056). */
struct envoi_sasl_binding {
	/** "tls-exporter", "tls-server-end-point"; "" for none. */
	char type[24];
	unsigned char data[64];
	size_t length;
};

/** Who wants in. All is borrowed until envoi_sasl_free(). */
struct envoi_sasl_identity {
	/** NULL only for EXTERNAL and OAUTHBEARER. UTF-8, as is authzid. */
	const char *user;
	/** Whom to act as; NULL or "": the user. CRAM-MD5, LOGIN and XOAUTH2
	 * cannot say it: an error. */
	const char *authzid;
	/** Password or token; NULL for EXTERNAL. */
	const struct envoi_secret *secret;
	/** As the user gave them; OAUTHBEARER sends them when not NULL, not 0. */
	const char *host;
	unsigned port;
	/** NULL or of no type: there is none. */
	const struct envoi_sasl_binding *binding;
	/** The server offers a -PLUS mechanism: with one of the others it is told
	 * the truth, which is that we could not use it. */
	bool server_offers_plus;
	/** SCRAM's nonce in place of a random one, for tests; else NULL. */
	const char *nonce;
};

struct envoi_sasl;

/**
 * Begins one exchange. NULL: CONFIG where user, authzid or secret are missing
 * or cannot be sent with this mechanism (NUL, a token that is not printable,
 * too long for a line), BUG for a -PLUS without binding, SYSTEM.
 */
struct envoi_sasl *envoi_sasl_new(enum envoi_sasl_mechanism mechanism,
	const struct envoi_sasl_identity *identity, struct envoi_error *err);

/** Wipes what it knew. Accepts NULL. */
void envoi_sasl_free(struct envoi_sasl *sasl);

/** The client speaks first: the line may go out with the command. Where
 * that would be too long, or no, leave it: the server's first 334 asks. */
bool envoi_sasl_has_initial(const struct envoi_sasl *sasl);

/**
 * The line to put behind the name, "=" where it is empty. Call it first or
 * not at all. LOGIN can as well (the user name), though not every server
 * takes it: envoi_sasl_has_initial() says no. 0, or -1: CONFIG where it is too
 * long for any line of AUTH, SYSTEM.
 */
int envoi_sasl_initial(
	struct envoi_sasl *sasl, struct envoi_secret *ret_line, struct envoi_error *err);

/**
 * The line that answers a 334 with this text (behind the code and its space;
 * of several lines, joined by LF). Without CRLF, at most
 * ENVOI_LIMIT_AUTH_LINE - 2 octets.
 *
 * -1: the answer is "*". AUTH: the server did not prove that it knows the
 * password, or refuses, or asks what is not safe; show it no password by
 * another mechanism then, unless envoi_sasl_is_unproven() is false.
 * PROTOCOL: it asks for more than the mechanism has. SYSTEM. All that follow
 * fail alike.
 */
int envoi_sasl_answer(struct envoi_sasl *sasl, struct envoi_span text,
	struct envoi_secret *ret_line, struct envoi_error *err);

/**
 * The server said 235 with this text. 0: it is so. -1: the connection is to
 * be given up although it said 235: AUTH when the server has not proved that
 * it knows the password (SCRAM), PROTOCOL when there was no such exchange.
 */
int envoi_sasl_accept(
	struct envoi_sasl *sasl, struct envoi_span text, struct envoi_error *err);

/** The exchange failed in a way in which only somebody else than the server
 * may be on the other side (a nonce or signature that is wrong). */
bool envoi_sasl_is_unproven(const struct envoi_sasl *sasl);

/**
 * What the server said about the failure inside the exchange: the JSON of
 * OAUTHBEARER and XOAUTH2, the e= of SCRAM; escaped, "" when nothing. Goes
 * with the 535 that follows. Lives as long as sasl.
 */
const char *envoi_sasl_failure_text(const struct envoi_sasl *sasl);

#endif
