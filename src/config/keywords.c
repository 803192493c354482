/*
 * The table of keywords. msmtp's have the meaning they have in msmtp 1.8.32;
 * what cannot be honoured is refused where an account is used, not here, so
 * that it spoils no other account.
 */
#include "config/keywords.h"

#include <string.h>

#define EMPTY ENVOI_KEYWORD_EMPTY
#define REPEAT ENVOI_KEYWORD_REPEAT
#define MERGE ENVOI_KEYWORD_MERGE
#define SECRET ENVOI_KEYWORD_SECRET
#define PATH ENVOI_KEYWORD_PATH
#define PERCENT ENVOI_KEYWORD_PERCENT
#define OWN ENVOI_KEYWORD_PERCENT_OWN
#define DANGER ENVOI_KEYWORD_DANGER
#define INVERTED ENVOI_KEYWORD_INVERTED
#define AUTO ENVOI_KEYWORD_AUTO
#define OPTION ENVOI_KEYWORD_OPTION

/* By key. */
static const struct envoi_keyword table[ENVOI_KEY_COUNT] = {
#define ROW(key, name, type, flags, words)                                               \
	[ENVOI_KEY_##key] = {name, ENVOI_KEY_##key, ENVOI_VALUE_##type, flags, words}
	ROW(SERVER, "server", TEXT, REPEAT | OWN, NULL),
	ROW(HOST, "host", TEXT, DANGER | OWN, NULL),
	ROW(PORT, "port", PORT, 0, NULL),
	ROW(SOCKET, "socket", TEXT, EMPTY | DANGER | OWN, NULL),
	ROW(PROTOCOL, "protocol", WORD, 0, "smtp|lmtp"),
	ROW(FALLBACK, "fallback", TEXT, REPEAT | EMPTY, NULL),
	ROW(SOURCE_IP, "source_ip", TEXT, EMPTY, NULL),
	ROW(PROXY_HOST, "proxy_host", TEXT, EMPTY, NULL),
	ROW(PROXY_PORT, "proxy_port", PORT, EMPTY, NULL),
	ROW(DOMAIN, "domain", TEXT, PERCENT, NULL),
	ROW(TIMEOUT, "timeout", TIMEOUT, REPEAT | MERGE, NULL),
	ROW(TLS, "tls", WORD, EMPTY | DANGER, "on|off|opportunistic|starttls|implicit"),
	ROW(TLS_STARTTLS, "tls_starttls", SWITCH, EMPTY | DANGER, NULL),
	ROW(TLS_CERTCHECK, "tls_certcheck", SWITCH, EMPTY | DANGER, NULL),
	ROW(TLS_TRUST_FILE, "tls_trust_file", TEXT, EMPTY | PATH | OWN, NULL),
	ROW(TLS_CRL_FILE, "tls_crl_file", TEXT, EMPTY | PATH, NULL),
	ROW(TLS_FINGERPRINT, "tls_fingerprint", TEXT, EMPTY | DANGER, NULL),
	ROW(TLS_PIN, "tls_pin", TEXT, REPEAT | EMPTY, NULL),
	ROW(TLS_HOST_OVERRIDE, "tls_host_override", TEXT, EMPTY | DANGER, NULL),
	ROW(TLS_CERT_FILE, "tls_cert_file", TEXT, EMPTY | PATH | OWN, NULL),
	ROW(TLS_KEY_FILE, "tls_key_file", TEXT, EMPTY | PATH | OWN, NULL),
	ROW(TLS_MIN, "tls_min", WORD, 0, "1.2|1.3"),
	ROW(TLS_CACHE, "tls_cache", SWITCH, EMPTY, NULL),
	ROW(TLS_PRIORITIES, "tls_priorities", TEXT, EMPTY, NULL),
	ROW(TLS_MIN_DH_PRIME_BITS, "tls_min_dh_prime_bits", NUMBER, EMPTY, NULL),
	ROW(TLS_FORCE_SSLV3, "tls_force_sslv3", SWITCH, EMPTY, NULL),
	ROW(AUTH, "auth", AUTH, EMPTY, NULL),
	ROW(USER, "user", TEXT, EMPTY | OWN, NULL),
	ROW(PASSWORD, "password", TEXT, EMPTY | SECRET | DANGER, NULL),
	ROW(PASSWORDEVAL, "passwordeval", TEXT, EMPTY | DANGER, NULL),
	ROW(PASSWORD_COMMAND, "password_command", ARGV, EMPTY | DANGER, NULL),
	ROW(PASSWORD_FILE, "password_file", TEXT, EMPTY | PATH | OWN | DANGER, NULL),
	ROW(PASSWORD_CREDENTIAL, "password_credential", TEXT, EMPTY | OWN | DANGER, NULL),
	ROW(PASSWORD_FD, "password_fd", NUMBER, OPTION, NULL),
	ROW(TOKEN_COMMAND, "token_command", ARGV, EMPTY | DANGER, NULL),
	ROW(NTLMDOMAIN, "ntlmdomain", TEXT, EMPTY, NULL),
	ROW(FROM, "from", TEXT, REPEAT | EMPTY | PERCENT, NULL),
	ROW(FROM_FULL_NAME, "from_full_name", TEXT, EMPTY | OWN, NULL),
	ROW(ALLOW_FROM_OVERRIDE, "allow_from_override", SWITCH, EMPTY, NULL),
	ROW(AUTO_FROM, "auto_from", SWITCH, EMPTY, NULL),
	ROW(MAILDOMAIN, "maildomain", TEXT, EMPTY | OWN, NULL),
	ROW(ALIASES, "aliases", TEXT, EMPTY | PATH | OWN, NULL),
	ROW(SET_FROM_HEADER, "set_from_header", WORD, EMPTY, "auto|on|off"),
	ROW(SET_DATE_HEADER, "set_date_header", WORD, EMPTY | AUTO, "auto|off"),
	ROW(SET_MSGID_HEADER, "set_msgid_header", WORD, EMPTY | AUTO, "auto|off"),
	ROW(REMOVE_BCC_HEADERS, "remove_bcc_headers", SWITCH, EMPTY, NULL),
	ROW(UNDISCLOSED_RECIPIENTS, "undisclosed_recipients", SWITCH, EMPTY, NULL),
	ROW(LONG_LINES, "long_lines", WORD, 0, "encode|pass|refuse"),
	ROW(IGNORE_DOTS, "ignore_dots", SWITCH, EMPTY, NULL),
	ROW(DSN_NOTIFY, "dsn_notify", NOTIFY, 0, NULL),
	ROW(DSN_RETURN, "dsn_return", WORD, 0, "off|headers|hdrs|full"),
	ROW(DELIVERY, "delivery", WORD, 0, "foreground|background|queue"),
	ROW(FOREGROUND_TIMEOUT, "foreground_timeout", SECONDS, 0, NULL),
	ROW(BOUNCES, "bounces", SWITCH, EMPTY, NULL),
	ROW(DELAY_WARNING, "delay_warning", NUMBER, 0, NULL),
	ROW(POSTMASTER, "postmaster", TEXT, EMPTY | OWN, NULL),
	ROW(NOTIFY_COMMAND, "notify_command", ARGV, EMPTY | DANGER, NULL),
	ROW(LOGFILE, "logfile", TEXT, EMPTY | PATH | OWN, NULL),
	ROW(LOGFILE_TIME_FORMAT, "logfile_time_format", TEXT, EMPTY, NULL),
	ROW(SYSLOG, "syslog", SYSLOG, EMPTY, NULL),
#undef ROW
};

/* Names of former times, which msmtp still reads. */
static const struct envoi_keyword old_names[] = {
	{"connect_timeout", ENVOI_KEY_TIMEOUT, ENVOI_VALUE_TIMEOUT, REPEAT | MERGE, NULL},
	{"tls_nocertcheck", ENVOI_KEY_TLS_CERTCHECK, ENVOI_VALUE_SWITCH,
		EMPTY | DANGER | INVERTED, NULL},
	{"tls_nostarttls", ENVOI_KEY_TLS_STARTTLS, ENVOI_VALUE_SWITCH,
		EMPTY | DANGER | INVERTED, NULL},
	{"keepbcc", ENVOI_KEY_REMOVE_BCC_HEADERS, ENVOI_VALUE_SWITCH, EMPTY | INVERTED,
		NULL},
	{"add_missing_from_header", ENVOI_KEY_SET_FROM_HEADER, ENVOI_VALUE_SWITCH,
		EMPTY | AUTO, NULL},
	{"add_missing_date_header", ENVOI_KEY_SET_DATE_HEADER, ENVOI_VALUE_SWITCH,
		EMPTY | AUTO, NULL},
};

#define OLD_COUNT (sizeof(old_names) / sizeof(old_names[0]))

const char *envoi_key_name(enum envoi_key key)
{
	return table[key].name;
}

const struct envoi_keyword *envoi_keyword_of(enum envoi_key key)
{
	return &table[key];
}

const struct envoi_keyword *envoi_keyword_find(struct envoi_span name)
{
	for (size_t i = 0; i < ENVOI_KEY_COUNT; i++) {
		if (envoi_span_equal(name, envoi_span_of(table[i].name))) {
			return &table[i];
		}
	}
	for (size_t i = 0; i < OLD_COUNT; i++) {
		if (envoi_span_equal(name, envoi_span_of(old_names[i].name))) {
			return &old_names[i];
		}
	}
	return NULL;
}

#define BIT(name) (1ULL << ENVOI_KEY_##name)
#define SECRETS                                                                          \
	(BIT(PASSWORD) | BIT(PASSWORDEVAL) | BIT(PASSWORD_COMMAND) | BIT(PASSWORD_FILE)  \
		| BIT(PASSWORD_CREDENTIAL) | BIT(PASSWORD_FD) | BIT(TOKEN_COMMAND))
#define PINS (BIT(TLS_FINGERPRINT) | BIT(TLS_PIN))

unsigned long long envoi_key_group(enum envoi_key key)
{
	/* The first group with the key in it. A socket has a host as well: the
	 * name that its certificate is for. */
	static const struct {
		unsigned long long keys;
		unsigned long long group;
	} groups[] = {
		{BIT(SERVER), BIT(SERVER) | BIT(HOST) | BIT(SOCKET)},
		{BIT(HOST), BIT(SERVER) | BIT(HOST)},
		{BIT(SOCKET), BIT(SERVER) | BIT(SOCKET)},
		{SECRETS, SECRETS},
		{PINS, PINS},
	};
	unsigned long long bit = 1ULL << key;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if ((groups[i].keys & bit) != 0) {
			return groups[i].group;
		}
	}
	return bit;
}

/* -- guessing ---------------------------------------------------------------- */

enum {
	GUESS_MAX = 32,
};

/* Edits (one octet put in, left out, changed, or two swapped) from a to b. */
static size_t distance(struct envoi_span a, const char *b)
{
	size_t rows[3][GUESS_MAX + 1];
	size_t n = strlen(b);
	if (a.len > GUESS_MAX || n > GUESS_MAX) {
		return GUESS_MAX;
	}
	for (size_t j = 0; j <= n; j++) {
		rows[0][j] = j;
	}
	for (size_t i = 1; i <= a.len; i++) {
		size_t *now = rows[i % 3], *above = rows[(i - 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = above[j - 1] + (a.data[i - 1] != b[j - 1]);
			if (above[j] + 1 < best) {
				best = above[j] + 1;
			}
			if (now[j - 1] + 1 < best) {
				best = now[j - 1] + 1;
			}
			if (i > 1 && j > 1 && a.data[i - 1] == b[j - 2]
				&& a.data[i - 2] == b[j - 1]
				&& rows[(i - 2) % 3][j - 2] + 1 < best) {
				best = rows[(i - 2) % 3][j - 2] + 1;
			}
			now[j] = best;
		}
	}
	return rows[a.len % 3][n];
}

const char *envoi_keyword_guess(struct envoi_span name)
{
	static const char *const sections[] = {"account", "defaults", "eval", "include"};
	char lower[GUESS_MAX];
	size_t best = 3;
	const char *guess = NULL;
	if (name.len > sizeof(lower)) {
		return NULL;
	}
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		lower[i] = c;
		if (c >= 'A' && c <= 'Z') {
			lower[i] = (char)(c + ('a' - 'A'));
		} else if (c == '-') {
			lower[i] = '_';
		}
	}
	struct envoi_span asked = {lower, name.len};
	for (size_t i = 0; i < ENVOI_KEY_COUNT + 4; i++) {
		const char *known = i < ENVOI_KEY_COUNT ? table[i].name
							: sections[i - ENVOI_KEY_COUNT];
		if (i < ENVOI_KEY_COUNT && (table[i].flags & OPTION) != 0) {
			continue;
		}
		size_t d = distance(asked, known);
		/* Of a short word half must be right. */
		if (d < best && d * 2 < name.len + 1) {
			best = d;
			guess = known;
		}
	}
	return guess;
}
