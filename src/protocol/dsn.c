/*
 * Parameters of DSN; see the header.
 *
 *   notify = "NEVER" / ( "SUCCESS" / "FAILURE" / "DELAY" ) *( "," ... )
 *   orcpt  = "rfc822;" xtext / "utf-8;" utf-8-addr-xtext
 *   xtext  = *( %x21-7E but "+" and "=" / "+" 2HEXDIG )
 *   utf-8-addr-xtext = *( %x21-7E but "+", "=", "\" / "\x{" 2*6HEXDIG "}" )
 *
 * An address that is not ASCII is written in ASCII all the same: every server
 * with DSN and SMTPUTF8 takes that form (RFC 6533 3), and a transcript shows
 * it.
 */
#include "protocol/dsn.h"

#include <stdio.h>
#include <string.h>

#include <unistr.h>

#include "base/limits.h"
#include "base/span.h"

/* RFC 3461 4.2, 4.4. */
#define ORCPT_MAX 500
#define ENVID_MAX 100

/* text as xtext into out, of so much room with the NUL. False: it has none. */
static bool put_xtext(char *out, size_t room, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = c > 0x20 && c < 0x7f && c != '+' && c != '=';
		size_t n = plain ? 1 : 3;
		if (room <= n) {
			return false;
		}
		(void)snprintf(out, room, plain ? "%c" : "+%02X", c);
		out += n;
		room -= n;
	}
	return true;
}

static bool put_utf8(char *out, size_t room, const char *text)
{
	size_t left = strlen(text);
	while (left > 0) {
		char escape[16];
		ucs4_t c = 0;
		int n = u8_mbtoucr(&c, (const uint8_t *)text, left);
		if (n <= 0) {
			return false;
		}
		bool plain = c > 0x20 && c < 0x7f && c != '+' && c != '=' && c != '\\';
		(void)snprintf(
			escape, sizeof(escape), plain ? "%c" : "\\x{%02X}", (unsigned)c);
		size_t length = strlen(escape);
		if (room <= length) {
			return false;
		}
		memcpy(out, escape, length + 1);
		out += length;
		room -= length;
		text += n;
		left -= (size_t)n;
	}
	return true;
}

static bool is_ascii(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text > 127) {
			return false;
		}
	}
	return true;
}

/* Is it the value of ORCPT, and not a mailbox? One of those has no semicolon but
 * in quotes. */
static bool is_value(const char *original)
{
	struct envoi_span span = envoi_span_of(original);
	if (!envoi_span_starts_nocase(span, "rfc822;")
		&& !envoi_span_starts_nocase(span, "utf-8;")) {
		return false;
	}
	for (const char *p = original; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		if (c <= 0x20 || c >= 0x7f || c == '=') {
			return false;
		}
	}
	return true;
}

static void put_notify(unsigned notify, char out[ENVOI_DSN_ROOM])
{
	if ((notify & ENVOI_NOTIFY_NEVER) != 0) {
		(void)snprintf(out, ENVOI_DSN_ROOM, " NOTIFY=NEVER");
		return;
	}
	bool success = (notify & ENVOI_NOTIFY_SUCCESS) != 0;
	bool failure = (notify & ENVOI_NOTIFY_FAILURE) != 0;
	bool delay = (notify & ENVOI_NOTIFY_DELAY) != 0;
	(void)snprintf(out, ENVOI_DSN_ROOM, " NOTIFY=%s%s%s%s%s",
		success ? "SUCCESS" : "", success && (failure || delay) ? "," : "",
		failure ? "FAILURE" : "", failure && delay ? "," : "",
		delay ? "DELAY" : "");
}

void envoi_dsn_rcpt(const struct envoi_recipient *recipient, char out[ENVOI_DSN_ROOM])
{
	char address[ORCPT_MAX + 1] = "";
	const char *original = recipient->original;
	out[0] = '\0';
	if (recipient->notify != 0) {
		put_notify(recipient->notify, out);
	}
	if (original == NULL || original[0] == '\0') {
		return;
	}
	bool value = is_value(original);
	bool ascii = is_ascii(original);
	const char *type = value ? "" : ascii ? "rfc822;" : "utf-8;";
	size_t room = sizeof(address) - strlen(type);
	bool fits;
	if (value) {
		fits = strlen(original) < room;
		(void)snprintf(address, room, "%s", original);
	} else {
		fits = ascii ? put_xtext(address, room, original)
			     : put_utf8(address, room, original);
	}
	size_t used = strlen(out) + strlen(" ORCPT=") + strlen(type) + strlen(address);
	size_t line = strlen("RCPT TO:<>\r\n") + strlen(recipient->address) + used;
	if (fits && line <= ENVOI_LIMIT_COMMAND) {
		size_t at = strlen(out);
		(void)snprintf(
			out + at, ENVOI_DSN_ROOM - at, " ORCPT=%s%s", type, address);
	}
}

void envoi_dsn_mail(const struct envoi_transaction *transaction, char out[ENVOI_DSN_ROOM])
{
	char envid[ENVID_MAX + 1] = "";
	const struct envoi_dsn *dsn = transaction->dsn;
	out[0] = '\0';
	if (dsn == NULL) {
		return;
	}
	if (dsn->envid != NULL && !put_xtext(envid, sizeof(envid), dsn->envid)) {
		envid[0] = '\0';
	}
	(void)snprintf(out, ENVOI_DSN_ROOM, "%s%s%s%s", dsn->ret != NULL ? " RET=" : "",
		dsn->ret != NULL ? dsn->ret : "", envid[0] != '\0' ? " ENVID=" : "",
		envid);
}

bool envoi_dsn_is_envid(const char *text)
{
	char envid[ENVID_MAX + 1];
	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e) {
			return false;
		}
	}
	return text[0] != '\0' && put_xtext(envid, sizeof(envid), text);
}
