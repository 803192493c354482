/*
 * MAIL and RCPT: their paths (RFC 5321 4.1.1.2, 4.1.1.3; RFC 6531 3.3).
 *
 *     mail = "FROM:" path *( SP parameter )
 *     rcpt = "TO:" path *( SP parameter )
 *     path = "<" *( octet | quoted ) ">"    ; kept as it is; UTF-8 with SMTPUTF8
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
};

/*
 * Takes a path off the front of *rest; *ret_path is what its brackets hold. A
 * ">" within a quoted local part does not end it.
 */
static enum path take_path(struct envoi_span *rest, struct envoi_span *ret_path)
{
	bool quoted = false;
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
	}
	if (i >= rest->len || (i + 1 < rest->len && rest->data[i + 1] != ' ')) {
		return PATH_SYNTAX;
	}
	*ret_path = (struct envoi_span){rest->data + 1, i - 1};
	rest->data += i + 1;
	rest->len -= i + 1;
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
	}
	return false;
}

/* An address outside of ASCII has to be UTF-8, and to be announced. */
static bool fits_utf8(struct envoi_receiver *receiver, struct envoi_span path, bool utf8)
{
	bool ascii = true;
	while (path.len > 0) {
		unsigned char c = (unsigned char)path.data[0];
		size_t n = c > 0x7e ? envoi_span_visible(path) : 1;
		ascii = ascii && c <= 0x7e;
		if (n == 0) {
			envoi_receiver_complain(receiver, 501, "5.6.7",
				"address is neither ASCII nor UTF-8");
			return false;
		}
		path = (struct envoi_span){path.data + n, path.len - n};
	}
	if (ascii || utf8) {
		return true;
	}
	bool offered = envoi_receiver_offers(receiver, ENVOI_EXT_SMTPUTF8);
	envoi_receiver_say(receiver, 553, "5.6.7",
		offered ? "address is not ASCII, and MAIL did not say SMTPUTF8"
			: "address is not ASCII, and SMTPUTF8 is not offered");
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
	struct receiver_parameters said;
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
	if (!envoi_receiver_take_parameters(receiver, true, args, &said)
		|| !fits_utf8(receiver, path, said.utf8)) {
		return ENVOI_RECEIVER_NONE;
	}
	receiver->utf8 = said.utf8;
	receiver->ret = said.ret;
	free(receiver->envid);
	receiver->envid = said.envid.len > 0 ? envoi_receiver_decode(said.envid) : NULL;
	return ask(receiver, ENVOI_RECEIVER_MAIL, path);
}

enum envoi_receiver_event envoi_receiver_do_rcpt(
	struct envoi_receiver *receiver, struct envoi_span args)
{
	struct envoi_span path;
	struct receiver_parameters said;
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
	if (!envoi_receiver_take_parameters(receiver, false, args, &said)
		|| !fits_utf8(receiver, path, receiver->utf8)) {
		return ENVOI_RECEIVER_NONE;
	}
	if (receiver->count >= receiver->options.max_recipients) {
		envoi_receiver_say(receiver, 452, "4.5.3", "too many recipients");
		return ENVOI_RECEIVER_NONE;
	}
	free(receiver->wish.original);
	receiver->wish = (struct receiver_wish){said.notify,
		said.original.len > 0 ? envoi_span_dup(said.original) : NULL};
	return ask(receiver, ENVOI_RECEIVER_RCPT, path);
}
