/*
 * What the user says about TLS, and what is known of a TLS connection.
 */
#ifndef ENVOI_TLS_H
#define ENVOI_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include <envoi/error.h>

struct envoi_tls_options {
	/** File or hashed directory of trusted CAs in place of the system's. */
	const char *ca;
	/** Name the certificate must have in place of the server's. */
	const char *name;
	/** SHA-256 of the certificate or of its public key (DER
	 * SubjectPublicKeyInfo); one must match, and is then trust enough. */
	const unsigned char (*pins)[32];
	size_t pin_count;
	/** Client certificate chain and key, PEM. key NULL: in cert's file. */
	const char *certificate;
	const char *key;
	/** 0x0303 (1.2, default when 0) or 0x0304 (1.3). */
	int minimum;
	/** Check nothing. */
	bool insecure;
	/** Continue no session of another run, and keep none for one. */
	bool fresh;
	/** Absolute path of a folder in which sessions are kept from run to run; made
	 * (0700) when missing, and not used unless it is the user's own. NULL: kept
	 * for this run only. Nothing is kept there of what was not checked, and
	 * nothing for more than a day. */
	const char *cache;
};

/** Facts of an established connection. Strings live as long as it. */
struct envoi_tls_facts {
	/** "TLSv1.3" */
	const char *version;
	const char *cipher;
	/** The certificate was checked, by CA and name or by pin. */
	bool verified;
	/** A session was resumed, of this run or of one before: the certificate is
	 * the one that was checked then. */
	bool resumed;
	/** Of the server's certificate; "" when there is none. Escaped. */
	char subject[256];
	char issuer[256];
	char not_after[40];
	/** SHA-256 of its SubjectPublicKeyInfo, as for --tls-pin. */
	char pin[7 + 64 + 1];
};

/** "sha256:HEX" (colons between octets allowed) to 32 octets; USAGE. */
int envoi_tls_pin_parse(
	const char *text, unsigned char ret_pin[32], struct envoi_error *err);

#endif
