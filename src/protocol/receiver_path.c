/*
 * MAIL and RCPT: their paths and parameters (RFC 5321 4.1.1.2, 4.1.1.3; RFC
 * 1870, RFC 6152).
 *
 *     mail = "FROM:" path *( SP parameter )
 *     rcpt = "TO:" path *( SP parameter )
 *     path = "<" *( octet | quoted ) ">"    ; kept as it is
 *
 * Only what is needed to find the end of the path is read here; whether an
 * address is one is for the caller to say.
 */
#include "protocol/receiver_internal.h"

#include <stdlib.h>

#include "base/limits.h"

enum path {
	PATH_OK,
	/** There is no path, or no blank behind it. */
	PATH_SYNTAX,
	PATH_LONG,
	PATH_8BIT,
};

/*
 * Takes a path off the front of *rest; *ret_path is what its brackets hold. A
 * ">" within a quoted local part does not end it.
 */
static enum path take_path(struct envoi_span *rest, struct envoi_span *ret_path)
{
	bool quoted = false;
	bool eight_bit = false;
	if (rest->len == 0 || rest->data[0] != '<') {
		return PATH_SYNTAX;
	}
	size_t i = 1;
	for (; i < rest->len && (quoted || rest->data[i] != '>'); i++) {
		char c = rest->data[i];
		if (c == '"') {
			quoted = !quoted;
		} else if (quoted && c == '\\') {
			i++;
		} else if (!quoted && (c == ' ' || c == '<')) {
			return PATH_SYNTAX;
		}
		eight_bit = eight_bit || (unsigned char)c > 0x7e;
	}
	if (i >= rest->len || (i + 1 < rest->len && rest->data[i + 1] != ' ')) {
		return PATH_SYNTAX;
	}
	*ret_path = (struct envoi_span){rest->data + 1, i - 1};
	rest->data += i + 1;
	rest->len -= i + 1;
	if (eight_bit) {
		return PATH_8BIT;
	}
	return ret_path->len > ENVOI_LIMIT_ADDRESS ? PATH_LONG : PATH_OK;
}

/* Takes keyword (with its colon) and path; false: a refusal was said. */
static bool take_argument(struct envoi_receiver *receiver, bool mail,
	struct envoi_span *args, struct envoi_span *ret_path)
{
	const char *keyword = mail ? "FROM:" : "TO:";
	size_t n = mail ? 5 : 3;
	enum path found = PATH_SYNTAX;
	if (envoi_span_starts_nocase(*args, keyword)) {
		args->data += n;
		args->len -= n;
		if (receiver->options.local) {
			*args = envoi_span_trim(*args);
		}
		found = take_path(args, ret_path);
	}
	switch (found) {
	case PATH_OK:
		return true;
	case PATH_SYNTAX:
		envoi_receiver_complain(receiver, 501, "5.5.4",
			mail ? "syntax: MAIL FROM:<address>, with no blank within"
			     : "syntax: RCPT TO:<address>, with no blank within");
		break;
	case PATH_LONG:
		envoi_receiver_complain(
			receiver, 501, mail ? "5.1.7" : "5.1.3", "address is too long");
		break;
	case PATH_8BIT:
		envoi_receiver_say(receiver, 553, "5.6.7",
			"address is not ASCII, and SMTPUTF8 is not offered");
		break;
	}
	return false;
}

/* One parameter of MAIL; *seen has the bits of those before. */
static bool take_parameter(
	struct envoi_receiver *receiver, struct envoi_span word, uint32_t *seen)
{
	uint64_t size = 0;
	uint32_t bit = 0;
	bool known = true;
	if (envoi_span_starts_nocase(word, "SIZE=")
		&& envoi_receiver_offers(receiver, ENVOI_EXT_SIZE)) {
		bit = ENVOI_EXT_SIZE;
		struct envoi_span number = {word.data + 5, word.len - 5};
		known = envoi_span_number(number, UINT64_MAX, &size) == 0;
	} else if (envoi_span_starts_nocase(word, "BODY=")
		   && envoi_receiver_offers(receiver, ENVOI_EXT_8BITMIME)) {
		bit = ENVOI_EXT_8BITMIME;
		struct envoi_span body = {word.data + 5, word.len - 5};
		known = envoi_span_equal_nocase(body, "7BIT")
			|| envoi_span_equal_nocase(body, "8BITMIME");
	}
	if (bit == 0) {
		envoi_receiver_say(receiver, 555, "5.5.4", "parameter is not known here");
	} else if (!known || (*seen & bit) != 0) {
		envoi_receiver_complain(
			receiver, 501, "5.5.4", "parameter makes no sense");
	} else if (receiver->options.max_size > 0 && size > receiver->options.max_size) {
		envoi_receiver_say(
			receiver, 552, "5.3.4", "message is over the size limit");
	} else {
		*seen |= bit;
		return true;
	}
	return false;
}

/* The caller is asked about the path. */
static enum envoi_receiver_event ask(struct envoi_receiver *receiver,
	enum envoi_receiver_event event, struct envoi_span path)
{
	receiver->candidate = envoi_span_dup(path);
	if (receiver->candidate == NULL) {
		envoi_receiver_say(receiver, 452, "4.3.1", "out of memory");
		return ENVOI_RECEIVER_NONE;
	}
	receiver->state = RECEIVER_ANSWER;
	receiver->asked = event;
	return event;
}

enum envoi_receiver_event envoi_receiver_do_mail(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	struct envoi_span path;
	uint32_t seen = 0;
	if (receiver->hello == RECEIVER_HELLO_NONE && !receiver->options.local) {
		envoi_receiver_say(receiver, 503, "5.5.1",
			receiver->options.lmtp ? "LHLO first" : "EHLO or HELO first");
		return ENVOI_RECEIVER_NONE;
	}
	if (receiver->sender != NULL) {
		envoi_receiver_say(
			receiver, 503, "5.5.1", "a sender is given already: RSET");
		return ENVOI_RECEIVER_NONE;
	}
	if (!take_argument(receiver, true, &args, &path)) {
		return ENVOI_RECEIVER_NONE;
	}
	struct envoi_span word = envoi_span_word(&args);
	for (; word.len > 0; word = envoi_span_word(&args)) {
		if (!take_parameter(receiver, word, &seen)) {
			return ENVOI_RECEIVER_NONE;
		}
	}
	return ask(receiver, ENVOI_RECEIVER_MAIL, path);
}

enum envoi_receiver_event envoi_receiver_do_rcpt(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	struct envoi_span path;
	if (receiver->sender == NULL) {
		envoi_receiver_say(receiver, 503, "5.5.1", "MAIL first");
		return ENVOI_RECEIVER_NONE;
	}
	if (receiver->chunked) {
		envoi_receiver_say(receiver, 503, "5.5.1", "BDAT was used: BDAT or RSET");
		return ENVOI_RECEIVER_NONE;
	}
	if (!take_argument(receiver, false, &args, &path)) {
		return ENVOI_RECEIVER_NONE;
	}
	if (path.len == 0) {
		envoi_receiver_complain(
			receiver, 501, "5.1.3", "a recipient cannot be empty");
		return ENVOI_RECEIVER_NONE;
	}
	if (envoi_span_word(&args).len > 0) {
		envoi_receiver_say(receiver, 555, "5.5.4", "parameter is not known here");
		return ENVOI_RECEIVER_NONE;
	}
	if (receiver->count >= receiver->options.max_recipients) {
		envoi_receiver_say(receiver, 452, "4.5.3", "too many recipients");
		return ENVOI_RECEIVER_NONE;
	}
	return ask(receiver, ENVOI_RECEIVER_RCPT, path);
}
