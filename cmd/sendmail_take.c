/*
 * What each letter of a sendmail command line means; see sendmail_flags.h.
 *
 * A value that is no use is refused when mail could go wrong because of it,
 * else noted and left out: a bad -N or -R is no reason to lose a message.
 */
#include "sendmail_take.h"

#include <string.h>
#include <strings.h>

static int refuse(
	struct envoi_error *err, const char *flag, const char *value, const char *reason)
{
	return envoi_error_set(
		err, ENVOI_STATUS_USAGE, "-%s%.100s: %s", flag, value, reason);
}

static int ignore(const struct sendmail_reader *reader, const char *flag,
	const char *value, const char *reason)
{
	struct envoi_error err;
	(void)envoi_error_set(
		&err, ENVOI_STATUS_OK, "-%s %.100s: ignored, %s", flag, value, reason);
	if (reader->note != NULL) {
		reader->note(reader->context, &err);
	}
	return 0;
}

/* -- modes ------------------------------------------------------------------- */

static int set_mode(struct sendmail_reader *reader, enum sendmail_mode mode)
{
	reader->flags->mode = mode;
	reader->mode_said = true;
	reader->daemon = false;
	return 0;
}

int sendmail_take_b(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	static const struct {
		char letter;
		enum sendmail_mode mode;
	} modes[] = {
		{'m', SENDMAIL_DELIVER},
		{'s', SENDMAIL_DIALOGUE},
		{'p', SENDMAIL_LIST},
		{'i', SENDMAIL_ALIASES},
		{'v', SENDMAIL_VERIFY},
		{'P', SENDMAIL_COUNT},
		{'C', SENDMAIL_CHECK},
		{'h', SENDMAIL_STATISTICS},
		{'H', SENDMAIL_STATISTICS},
	};
	if (value[0] == '\0' || value[1] != '\0') {
		return refuse(err, "b", value, "there is no such mode");
	}
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (modes[i].letter == value[0]) {
			return set_mode(reader, modes[i].mode);
		}
	}
	if (strchr("dDl", value[0]) != NULL) {
		/* With -q15m behind it, it runs the queue. */
		(void)set_mode(reader, SENDMAIL_DELIVER);
		reader->daemon = true;
		return 0;
	}
	if (value[0] == 't' && reader->flags->version) {
		/* How scripts ask for the version. */
		return set_mode(reader, SENDMAIL_VERSION);
	}
	return refuse(err, "b", value, "there is no such mode");
}

int sendmail_take_I(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)value;
	(void)err;
	return set_mode(reader, SENDMAIL_ALIASES);
}

/* -- the queue --------------------------------------------------------------- */

/* "15m", "1h30m", "90": without a unit minutes, as Sendmail has it. */
static int read_interval(const char *text, unsigned long *ret_seconds)
{
	unsigned long total = 0;
	while (*text != '\0') {
		static const struct {
			char unit;
			unsigned long seconds;
		} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400},
			{'w', 604800}, {'\0', 60}};
		unsigned long n = 0;
		const char *p = text;
		while (*p >= '0' && *p <= '9' && n < 1000000) {
			n = n * 10 + (unsigned long)(*p++ - '0');
		}
		size_t i = 0;
		while (i < sizeof(units) / sizeof(units[0]) && units[i].unit != *p) {
			i++;
		}
		if (p == text || i == sizeof(units) / sizeof(units[0])) {
			return -1;
		}
		total += n * units[i].seconds;
		text = *p != '\0' ? p + 1 : p;
	}
	*ret_seconds = total;
	return total > 0 ? 0 : -1;
}

static int take_selection(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	struct sendmail_flags *flags = reader->flags;
	struct sendmail_selection selection = {.without = value[0] == '!'};
	const char *p = value + selection.without;
	if (*p == '\0' || strchr("IRS", *p) == NULL) {
		return refuse(err, "q", value, "there is no such part of the queue");
	}
	selection.what = *p;
	selection.text = p + 1;
	if (flags->selection_count == SENDMAIL_MAX_SELECTIONS) {
		return refuse(err, "q", value, "too many of them");
	}
	flags->selections[flags->selection_count++] = selection;
	return 0;
}

int sendmail_take_q(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	reader->run = true;
	if (value[0] == '\0' || strcmp(value, "f") == 0) {
		return 0;
	}
	const char *time = value[0] == 'p' ? value + 1 : value;
	if (*time >= '0' && *time <= '9') {
		return read_interval(time, &reader->flags->interval) == 0
			       ? 0
			       : refuse(err, "q", value, "that is no time");
	}
	if (strcmp(value, "p") == 0) {
		return refuse(err, "q", value, "a time is missing, -qp15m");
	}
	return take_selection(reader, value, err);
}

/* -- values ------------------------------------------------------------------ */

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f) {
			return true;
		}
	}
	return false;
}

int sendmail_take_f(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	if (has_control(value)) {
		return refuse(err, "f", value, "a control character in an address");
	}
	reader->flags->sender = value;
	return 0;
}

int sendmail_take_F(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	if (has_control(value)) {
		return refuse(err, "F", value, "a control character in a name");
	}
	reader->flags->full_name = value;
	return 0;
}

int sendmail_take_C(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)err;
	reader->flags->config = value;
	return 0;
}

int sendmail_take_X(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)err;
	reader->flags->log = value;
	return 0;
}

int sendmail_take_B(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)err;
	if (strcasecmp(value, "7BIT") == 0 || strcasecmp(value, "8BITMIME") == 0) {
		reader->flags->body_bits = value[0] - '0';
		return 0;
	}
	return ignore(reader, "B", value, "neither 7BIT nor 8BITMIME");
}

int sendmail_take_L(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)err;
	for (const char *p = value; *p != '\0'; p++) {
		if (*p < 0x20 || *p > 0x7e) {
			return ignore(reader, "L", value, "not printable");
		}
	}
	if (value[0] == '\0' || strlen(value) > SENDMAIL_MAX_TAG) {
		return ignore(reader, "L", value, "a tag has 1 to 32 characters");
	}
	reader->flags->tag = value;
	return 0;
}

int sendmail_take_N(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	static const char *const words[] = {"never", "failure", "delay", "success"};
	unsigned bits = 0;
	const char *p = value;
	(void)err;
	for (;;) {
		size_t n = strcspn(p, ",");
		size_t i = 0;
		while (i < 4
			&& (strlen(words[i]) != n || strncasecmp(words[i], p, n) != 0)) {
			i++;
		}
		if (i == 4) {
			return ignore(reader, "N", value,
				"not of never, success, failure, delay");
		}
		bits |= 1u << i;
		if (p[n] == '\0') {
			break;
		}
		p += n + 1;
	}
	if ((bits & ENVOI_NOTIFY_NEVER) != 0 && bits != ENVOI_NOTIFY_NEVER) {
		return ignore(reader, "N", value, "never stands alone");
	}
	reader->flags->notify = bits;
	return 0;
}

int sendmail_take_R(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)err;
	if (strcasecmp(value, "hdrs") == 0) {
		reader->flags->dsn_return = "HDRS";
	} else if (strcasecmp(value, "full") == 0) {
		reader->flags->dsn_return = "FULL";
	} else {
		return ignore(reader, "R", value, "neither hdrs nor full");
	}
	return 0;
}

/* xtext, RFC 3461 4: printable ASCII, "+" only before two digits of upper case
 * hexadecimal, no "=". */
static bool is_xtext(const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	for (; *text != '\0'; text++) {
		if (*text < 0x21 || *text > 0x7e || *text == '=') {
			return false;
		}
		if (*text == '+'
			&& (text[1] == '\0' || strchr(digits, text[1]) == NULL
				|| text[2] == '\0' || strchr(digits, text[2]) == NULL)) {
			return false;
		}
	}
	return true;
}

int sendmail_take_V(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)err;
	if (value[0] == '\0' || strlen(value) > SENDMAIL_MAX_ENVID || !is_xtext(value)) {
		return ignore(reader, "V", value, "no envelope identifier (RFC 3461)");
	}
	reader->flags->envid = value;
	return 0;
}

/* -- options in options ------------------------------------------------------ */

static int set_delivery(struct sendmail_reader *reader, const char *value)
{
	switch (value[0]) {
	case 'b':
		reader->flags->delivery = SENDMAIL_DELIVERY_BACKGROUND;
		return 0;
	case 'i':
	case 'f':
		reader->flags->delivery = SENDMAIL_DELIVERY_FOREGROUND;
		return 0;
	case 'q':
	case 'd':
		reader->flags->delivery = SENDMAIL_DELIVERY_QUEUE;
		return 0;
	default:
		return ignore(reader, "od", value, "none of b, i, f, q, d");
	}
}

static int set_errors(struct sendmail_reader *reader, const char *value)
{
	switch (value[0]) {
	case 'p':
		reader->flags->errors = SENDMAIL_ERRORS_PRINT;
		return 0;
	case 'm':
	case 'w':
		reader->flags->errors = SENDMAIL_ERRORS_MAIL;
		return 0;
	case 'q':
		reader->flags->errors = SENDMAIL_ERRORS_QUIET;
		return 0;
	case 'e':
		reader->flags->errors = SENDMAIL_ERRORS_MAIL_ONLY;
		return 0;
	default:
		return ignore(reader, "oe", value, "none of p, m, w, q, e");
	}
}

static int set_dots(struct sendmail_reader *reader, const char *value)
{
	/* As Sendmail: nothing, "true", "yes" and the like. */
	reader->flags->ignore_dots =
		value[0] == '\0' || strchr("tTyY1", value[0]) != NULL;
	reader->flags->ignore_dots_said = true;
	return 0;
}

int sendmail_take_e(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)err;
	return set_errors(reader, value);
}

int sendmail_take_o(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)err;
	switch (value[0]) {
	case 'd':
		return set_delivery(reader, value + 1);
	case 'e':
		return set_errors(reader, value + 1);
	case 'i':
		return set_dots(reader, value + 1);
	case 'Q':
		reader->flags->queue = value + 1;
		return 0;
	default:
		return 0;
	}
}

int sendmail_take_O(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	size_t n = strcspn(value, "=");
	const char *text = value[n] == '=' ? value + n + 1 : value + n;
	(void)err;
	if (n == 12 && strncasecmp(value, "DeliveryMode", n) == 0) {
		return set_delivery(reader, text);
	}
	if (n == 9 && strncasecmp(value, "ErrorMode", n) == 0) {
		return set_errors(reader, text);
	}
	if (n == 10 && strncasecmp(value, "IgnoreDots", n) == 0) {
		return set_dots(reader, text);
	}
	if (n == 14 && strncasecmp(value, "QueueDirectory", n) == 0) {
		reader->flags->queue = text;
	}
	return 0;
}

/* -- switches ---------------------------------------------------------------- */

int sendmail_take_i(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)err;
	return set_dots(reader, value);
}

int sendmail_take_t(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)value;
	(void)err;
	reader->flags->read_recipients = true;
	return 0;
}

int sendmail_take_v(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)value;
	(void)err;
	reader->flags->verbose = true;
	return 0;
}

int sendmail_take_n(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)value;
	(void)err;
	reader->flags->no_aliases = true;
	return 0;
}

int sendmail_take_d(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)err;
	if (strcmp(value, "0") == 0 || strncmp(value, "0.", 2) == 0) {
		reader->flags->version = true;
	}
	return 0;
}

int sendmail_take_conflict(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)reader;
	(void)value;
	return envoi_error_set(err, ENVOI_STATUS_USAGE,
		"-D and -M mean different things to different sendmails");
}

int sendmail_take_Q(
	struct sendmail_reader *reader, const char *value, struct envoi_error *err)
{
	(void)reader;
	(void)value;
	return envoi_error_set(err, ENVOI_STATUS_USAGE, "-Q: there is no quarantine");
}
