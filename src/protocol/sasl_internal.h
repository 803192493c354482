/*
 * What the files of the mechanisms share. Nobody outside src/protocol/sasl*.c
 * includes this.
 */
#ifndef ENVOI_PROTOCOL_SASL_INTERNAL_H
#define ENVOI_PROTOCOL_SASL_INTERNAL_H

#include "base/limits.h"
#include "protocol/sasl.h"

/* The longest digest in use: SHA-256. */
#define ENVOI_SASL_DIGEST 32

struct envoi_sasl_scram {
	/** The prepared user name, escaped; the prepared password. */
	struct envoi_secret user;
	struct envoi_secret password;
	struct envoi_secret nonce;
	/** "n,," and so on; the first message behind it. */
	struct envoi_secret header;
	struct envoi_secret first;
	/** What the server must sign with, to have known the password. */
	unsigned char signature[ENVOI_SASL_DIGEST];
	bool verified;
};

/** One mechanism. The functions return 0 or -1. */
struct envoi_sasl_methods {
	/** The client's first message needs no challenge. */
	bool client_first;
	/** The text of the first so many 334 means nothing: anything goes. */
	unsigned blind;
	/** Answers, an empty one included, before 235 may come. */
	unsigned least;
	/** Answers after which the server can ask no more. */
	unsigned most;
	/** Looks at the identity, prepares what is needed. */
	int (*begin)(struct envoi_sasl *sasl, struct envoi_error *err);
	/** The answer to a decoded challenge; sasl->answers is how many were
	 * given before. */
	int (*step)(struct envoi_sasl *sasl, struct envoi_span challenge,
		struct envoi_secret *ret, struct envoi_error *err);
	/** NULL: 235 is enough. */
	int (*accept)(
		struct envoi_sasl *sasl, struct envoi_span text, struct envoi_error *err);
};

struct envoi_sasl {
	enum envoi_sasl_mechanism mechanism;
	const struct envoi_sasl_methods *methods;
	/** Borrowed, but for the authzid. */
	struct envoi_sasl_identity identity;
	/** Prepared; data is never NULL. */
	struct envoi_secret authzid;
	unsigned answers;
	bool failed;
	bool unproven;
	struct envoi_sasl_scram scram;
	char failure[ENVOI_LIMIT_REPLY_TEXT + 1];
};

extern const struct envoi_sasl_methods envoi_sasl_plain;
extern const struct envoi_sasl_methods envoi_sasl_login;
extern const struct envoi_sasl_methods envoi_sasl_external;
extern const struct envoi_sasl_methods envoi_sasl_cram_md5;
extern const struct envoi_sasl_methods envoi_sasl_scram;
extern const struct envoi_sasl_methods envoi_sasl_xoauth2;
extern const struct envoi_sasl_methods envoi_sasl_oauthbearer;

/* sasl.c: for all of them. */

/** Makes *ret the parts, one behind the other. SYSTEM. */
int envoi_sasl_join(struct envoi_secret *ret, const struct envoi_span *parts,
	size_t count, struct envoi_error *err);

/** The octets of a secret. */
struct envoi_span envoi_sasl_span(const struct envoi_secret *secret);

/** Keeps what the server said about a failure, escaped and cut to fit. */
void envoi_sasl_set_failure(struct envoi_sasl *sasl, struct envoi_span text);

int envoi_sasl_no_memory(struct envoi_error *err);

/** There must be a user name; there must be a secret without NUL. CONFIG. */
int envoi_sasl_need_user(struct envoi_sasl *sasl, struct envoi_error *err);
int envoi_sasl_need_secret(struct envoi_sasl *sasl, struct envoi_error *err);

/** The mechanism has no way to say an authzid: there must be none. CONFIG. */
int envoi_sasl_need_no_authzid(struct envoi_sasl *sasl, struct envoi_error *err);

/** A name as GS2 has it: "," and "=" written as "=2C" and "=3D" (RFC 5801 4).
 * SYSTEM. */
int envoi_sasl_escape_name(
	struct envoi_secret *ret, struct envoi_span name, struct envoi_error *err);

#endif
