/*
 * The .netrc parser.
 *
 *     netrc   = *( entry | macro | comment | other )
 *     entry   = ( "machine" value | "default" ) *( "login" value
 *             | "password" value | "account" value | other )
 *     macro   = "macdef" value, lines, an empty line or the end
 *     comment = "#" to the end of the line, where a keyword may stand
 *     value   = 1*( octet but blank ), not beginning with a quote
 *             | DQUOTE *( octet | "\" ( DQUOTE | "\" ) ) DQUOTE
 *             | "'" *octet "'"
 *
 * Words are separated by blanks and line ends; other is any word, skipped
 * ("port 587"). There is no standard. What programs agree on is kept; where
 * they do not: a backslash outside of quotes is itself (curl, msmtp; not
 * ftp), a quote counts at the beginning of a word only (curl, ftp; not
 * msmtp), single quotes are quotes (msmtp; not curl), and a later password of
 * the same entry replaces an earlier one. A quote is closed in its line.
 */
#include "config/secret_netrc.h"

#include <stdint.h>
#include <string.h>

#include "base/span.h"

/* A word as it stands; the quotes are not in text. */
struct word {
	struct envoi_span text;
	char quote;
	unsigned long line;
};

struct reader {
	struct envoi_span rest;
	unsigned long line;
};

/* How well an entry fits; higher is better. */
enum fit {
	FIT_NONE,
	FIT_DEFAULT,
	FIT_MACHINE,
	FIT_LOGIN,
};

struct entry {
	bool is_default;
	bool host_fits;
	/* text.data NULL: not there. */
	struct word login;
	struct word password;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

static void skip(struct reader *reader, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		reader->line += reader->rest.data[i] == '\n';
	}
	reader->rest.data += n;
	reader->rest.len -= n;
}

static void skip_blanks(struct reader *reader)
{
	while (reader->rest.len > 0 && is_blank(reader->rest.data[0])) {
		skip(reader, 1);
	}
}

/* To the end of the line, its line feed included. */
static void skip_line(struct reader *reader)
{
	const char *lf = reader->rest.len > 0
				 ? memchr(reader->rest.data, '\n', reader->rest.len)
				 : NULL;
	skip(reader,
		lf != NULL ? (size_t)(lf - reader->rest.data) + 1 : reader->rest.len);
}

static int read_quoted(struct reader *reader, struct word *ret, struct envoi_error *err)
{
	ret->quote = reader->rest.data[0];
	skip(reader, 1);
	size_t n = 0;
	while (n < reader->rest.len && reader->rest.data[n] != ret->quote
		&& reader->rest.data[n] != '\n') {
		n += ret->quote == '"' && reader->rest.data[n] == '\\'
				     && n + 1 < reader->rest.len
				     && reader->rest.data[n + 1] != '\n'
			     ? 2
			     : 1;
	}
	if (n >= reader->rest.len || reader->rest.data[n] != ret->quote) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"line %lu: a quote is not closed", ret->line);
	}
	ret->text = (struct envoi_span){reader->rest.data, n};
	skip(reader, n + 1);
	return 0;
}

/* The next word, if any: 1, 0, -1. */
static int read_word(struct reader *reader, struct word *ret, struct envoi_error *err)
{
	skip_blanks(reader);
	if (reader->rest.len == 0) {
		return 0;
	}
	*ret = (struct word){.line = reader->line};
	if (reader->rest.data[0] == '"' || reader->rest.data[0] == '\'') {
		return read_quoted(reader, ret, err) == 0 ? 1 : -1;
	}
	size_t n = 0;
	while (n < reader->rest.len && !is_blank(reader->rest.data[n])) {
		n++;
	}
	ret->text = (struct envoi_span){reader->rest.data, n};
	skip(reader, n);
	return 1;
}

static int read_value(struct reader *reader, const char *keyword, struct word *ret,
	struct envoi_error *err)
{
	unsigned long line = reader->line;
	int found = read_word(reader, ret, err);
	if (found == 0) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG,
			"line %lu: nothing behind \"%s\"", line, keyword);
	}
	return found < 0 ? -1 : 0;
}

/* Takes the next octet off the front of a word. */
static char next_octet(struct word *word)
{
	if (word->quote == '"' && word->text.data[0] == '\\' && word->text.len > 1
		&& (word->text.data[1] == '"' || word->text.data[1] == '\\')) {
		word->text.data++;
		word->text.len--;
	}
	word->text.len--;
	return *word->text.data++;
}

static bool word_is(struct word word, const char *string)
{
	while (word.text.len > 0) {
		if (next_octet(&word) != *string || *string++ == '\0') {
			return false;
		}
	}
	return *string == '\0';
}

static bool is_keyword(const struct word *word, const char *keyword)
{
	return word->quote == '\0' && word_is(*word, keyword);
}

static enum fit fit_of(const struct entry *entry, const char *user)
{
	bool login = entry->login.text.data != NULL;
	if (entry->password.text.data == NULL || !(entry->host_fits || entry->is_default)
		|| (login && user != NULL && !word_is(entry->login, user))) {
		return FIT_NONE;
	}
	if (entry->is_default) {
		return FIT_DEFAULT;
	}
	return login || user == NULL ? FIT_LOGIN : FIT_MACHINE;
}

/* One keyword of a file and its value. */
static int read_item(struct reader *reader, const struct word *keyword, const char *host,
	struct entry *entry, struct envoi_error *err)
{
	struct word value;
	if (is_keyword(keyword, "machine")) {
		*entry = (struct entry){0};
		if (read_value(reader, "machine", &value, err) != 0) {
			return -1;
		}
		entry->host_fits = envoi_span_equal_nocase(value.text, host);
	} else if (is_keyword(keyword, "default")) {
		*entry = (struct entry){.is_default = true};
	} else if (is_keyword(keyword, "login")) {
		return read_value(reader, "login", &entry->login, err);
	} else if (is_keyword(keyword, "password")) {
		return read_value(reader, "password", &entry->password, err);
	} else if (is_keyword(keyword, "account")) {
		return read_value(reader, "account", &value, err);
	} else if (is_keyword(keyword, "macdef")) {
		skip_line(reader);
		while (reader->rest.len > 0 && reader->rest.data[0] != '\n'
			&& reader->rest.data[0] != '\r') {
			skip_line(reader);
		}
	}
	return 0;
}

/* The best entry; its password without data when there is none. */
static int find(struct reader *reader, const char *host, const char *user,
	struct word *ret_password, struct envoi_error *err)
{
	struct entry entry = {0};
	enum fit best = FIT_NONE;
	for (bool more = true; more;) {
		struct word word = {0};
		skip_blanks(reader);
		if (reader->rest.len > 0 && reader->rest.data[0] == '#') {
			skip_line(reader);
			continue;
		}
		int found = read_word(reader, &word, err);
		if (found < 0) {
			return -1;
		}
		more = found > 0;
		if (!more || is_keyword(&word, "machine")
			|| is_keyword(&word, "default")) {
			/* The entry before is complete. */
			if (fit_of(&entry, user) > best) {
				best = fit_of(&entry, user);
				*ret_password = entry.password;
			}
		}
		if (more && read_item(reader, &word, host, &entry, err) != 0) {
			return -1;
		}
	}
	return 0;
}

int envoi_netrc_find(const char *text, size_t n, const char *host, const char *user,
	struct envoi_secret *ret_password, unsigned long *ret_line,
	struct envoi_error *err)
{
	struct reader reader = {.rest = {text, n}, .line = 1};
	struct word password = {0};
	if (user != NULL && user[0] == '\0') {
		user = NULL;
	}
	if (find(&reader, host, user, &password, err) != 0) {
		return -1;
	}
	if (password.text.data == NULL) {
		return 0;
	}
	/* Decoded in place of a copy: an octet never becomes more. */
	if (envoi_secret_set(ret_password, password.text.data, password.text.len) != 0) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	size_t length = 0;
	while (password.text.len > 0) {
		ret_password->data[length++] = next_octet(&password);
	}
	envoi_secret_wipe(ret_password->data + length, ret_password->length - length);
	ret_password->length = length;
	*ret_line = password.line;
	return 1;
}
