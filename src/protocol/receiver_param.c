/*
 * The parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8
 * (RFC 6531 3.4), RET, ENVID, NOTIFY and ORCPT (RFC 3461 4).
 *
 *     parameter = keyword [ "=" value ]
 *     ENVID     = xtext, of at most 100 octets
 *     ORCPT     = type ";" xtext / "utf-8;" text, of at most 500 octets (RFC 6533 3)
 */
#include "protocol/receiver_internal.h"

#include <stdlib.h>

#include "base/span.h"

/* Those of the command that were there. */
enum {
	SEEN_RET = 1 << 0,
	SEEN_ENVID = 1 << 1,
	SEEN_NOTIFY = 1 << 2,
	SEEN_ORCPT = 1 << 3,
	SEEN_SIZE = 1 << 4,
	SEEN_BODY = 1 << 5,
	SEEN_UTF8 = 1 << 6,
};

/* One parameter: which it is, of which extension, and how its value is checked. */
struct parameter {
	const char *keyword;
	unsigned bit;
	uint32_t extension;
	bool (*is_good)(struct envoi_span value);
	/** It has no value. */
	bool bare;
};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/* Any octets above 127 as well, where eight_bit. */
static bool is_xtext(struct envoi_span text, bool eight_bit)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c == '+') {
			if (i + 2 >= text.len || !is_hex(text.data[i + 1])
				|| !is_hex(text.data[i + 2])) {
				return false;
			}
			i += 2;
		} else if (c <= ' ' || c == '=' || c == 0x7f
			   || (c > 0x7f && !eight_bit)) {
			return false;
		}
	}
	return text.len > 0;
}

/* Its length when the octet is not there. */
static size_t find_octet(struct envoi_span span, char octet)
{
	size_t i = 0;
	while (i < span.len && span.data[i] != octet) {
		i++;
	}
	return i;
}

static bool is_ret(struct envoi_span value)
{
	return envoi_span_equal_nocase(value, "FULL")
	       || envoi_span_equal_nocase(value, "HDRS");
}

static int hex(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

char *envoi_receiver_decode(struct envoi_span xtext)
{
	char *text = malloc(xtext.len + 1);
	size_t n = 0;
	for (size_t i = 0; text != NULL && i < xtext.len; i++) {
		text[n++] = xtext.data[i];
		if (xtext.data[i] == '+') {
			text[n - 1] = (char)(hex(xtext.data[i + 1]) << 4
					     | hex(xtext.data[i + 2]));
			i += 2;
		}
	}
	if (text != NULL) {
		text[n] = '\0';
	}
	return text;
}

/* +00 and the like are no identifier. */
static bool is_envid(struct envoi_span value)
{
	if (value.len > 100 || !is_xtext(value, false)) {
		return false;
	}
	char *text = envoi_receiver_decode(value);
	bool good = text == NULL || envoi_dsn_is_envid(text);
	free(text);
	return good;
}

static bool is_orcpt(struct envoi_span value)
{
	size_t type = find_octet(value, ';');
	struct envoi_span text = {value.data + type + 1, value.len - type - 1};
	struct envoi_span front = {value.data, type};
	return type > 0 && type < value.len && value.len <= 500 && is_xtext(front, false)
	       && is_xtext(text, envoi_span_equal_nocase(front, "utf-8"));
}

/* ENVOI_NOTIFY_...; 0: neither NEVER alone nor some of the three others, each
 * once. */
static unsigned notify_of(struct envoi_span value)
{
	static const struct {
		const char *word;
		unsigned bit;
	} words[] = {{"SUCCESS", ENVOI_NOTIFY_SUCCESS}, {"FAILURE", ENVOI_NOTIFY_FAILURE},
		{"DELAY", ENVOI_NOTIFY_DELAY}};
	unsigned seen = 0;
	if (envoi_span_equal_nocase(value, "NEVER")) {
		return ENVOI_NOTIFY_NEVER;
	}
	while (value.len > 0) {
		size_t n = find_octet(value, ',');
		struct envoi_span word = {value.data, n};
		unsigned bit = 0;
		for (unsigned i = 0; i < 3; i++) {
			bit |= envoi_span_equal_nocase(word, words[i].word) ? words[i].bit
									    : 0;
		}
		if (bit == 0 || (seen & bit) != 0 || n + 1 == value.len) {
			return 0;
		}
		seen |= bit;
		size_t step = n < value.len ? n + 1 : n;
		value = (struct envoi_span){value.data + step, value.len - step};
	}
	return seen;
}

static bool is_notify(struct envoi_span value)
{
	return notify_of(value) != 0;
}

static bool is_body(struct envoi_span value)
{
	return envoi_span_equal_nocase(value, "7BIT")
	       || envoi_span_equal_nocase(value, "8BITMIME");
}

static bool is_size(struct envoi_span value)
{
	uint64_t size;
	return envoi_span_number(value, UINT64_MAX, &size) == 0;
}

static const struct parameter of_mail[] = {
	{"SIZE=", SEEN_SIZE, ENVOI_EXT_SIZE, is_size, false},
	{"BODY=", SEEN_BODY, ENVOI_EXT_8BITMIME, is_body, false},
	{"SMTPUTF8", SEEN_UTF8, ENVOI_EXT_SMTPUTF8, NULL, true},
	{"RET=", SEEN_RET, ENVOI_EXT_DSN, is_ret, false},
	{"ENVID=", SEEN_ENVID, ENVOI_EXT_DSN, is_envid, false},
	{NULL, 0, 0, NULL, false},
};

static const struct parameter of_rcpt[] = {
	{"NOTIFY=", SEEN_NOTIFY, ENVOI_EXT_DSN, is_notify, false},
	{"ORCPT=", SEEN_ORCPT, ENVOI_EXT_DSN, is_orcpt, false},
	{NULL, 0, 0, NULL, false},
};

static const struct parameter *find(const struct envoi_receiver *receiver,
	const struct parameter *known, struct envoi_span word,
	struct envoi_span *ret_value)
{
	for (; known->keyword != NULL; known++) {
		struct envoi_span name = envoi_span_of(known->keyword);
		bool fits = known->bare ? envoi_span_equal_nocase(word, known->keyword)
					: envoi_span_starts_nocase(word, known->keyword);
		if (fits && envoi_receiver_offers(receiver, known->extension)) {
			*ret_value = (struct envoi_span){
				word.data + name.len, word.len - name.len};
			return known;
		}
	}
	return NULL;
}

static bool fits_size(struct envoi_receiver *receiver, struct envoi_span value)
{
	uint64_t size = 0, most = receiver->options.max_size;
	(void)envoi_span_number(value, UINT64_MAX, &size);
	if (most == 0 || size <= most) {
		return true;
	}
	envoi_receiver_say(receiver, 552, "5.3.4", "message is over the size limit");
	return false;
}

static void take(unsigned bit, struct envoi_span value, struct receiver_parameters *ret)
{
	switch (bit) {
	case SEEN_UTF8:
		ret->utf8 = true;
		break;
	case SEEN_RET:
		ret->ret = envoi_span_equal_nocase(value, "FULL") ? "FULL" : "HDRS";
		break;
	case SEEN_ENVID:
		ret->envid = value;
		break;
	case SEEN_NOTIFY:
		ret->notify = notify_of(value);
		break;
	case SEEN_ORCPT:
		ret->original = value;
		break;
	default:
		break;
	}
}

bool envoi_receiver_take_parameters(struct envoi_receiver *receiver, bool mail,
	struct envoi_span args, struct receiver_parameters *ret)
{
	unsigned seen = 0;
	struct envoi_span word = envoi_span_word(&args), value = {0};
	*ret = (struct receiver_parameters){0};
	for (; word.len > 0; word = envoi_span_word(&args)) {
		const struct parameter *one =
			find(receiver, mail ? of_mail : of_rcpt, word, &value);
		if (one == NULL) {
			envoi_receiver_say(
				receiver, 555, "5.5.4", "parameter is not known here");
			return false;
		}
		if ((seen & one->bit) != 0 || (!one->bare && !one->is_good(value))) {
			envoi_receiver_complain(
				receiver, 501, "5.5.4", "parameter makes no sense");
			return false;
		}
		if (one->bit == SEEN_SIZE && !fits_size(receiver, value)) {
			return false;
		}
		seen |= one->bit;
		take(one->bit, value, ret);
	}
	return true;
}
