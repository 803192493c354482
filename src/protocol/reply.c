/*
 * The reply parser and what is kept of a reply; see the headers.
 */
#include "protocol/reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

void envoi_reply_parser_init(struct envoi_reply_parser *parser)
{
	*parser = (struct envoi_reply_parser){0};
	envoi_buffer_init(&parser->text, ENVOI_LIMIT_REPLY);
	envoi_buffer_init(&parser->line, ENVOI_LIMIT_REPLY_LINE);
}

void envoi_reply_parser_finish(struct envoi_reply_parser *parser)
{
	envoi_buffer_finish(&parser->text);
	envoi_buffer_finish(&parser->line);
}

bool envoi_reply_parser_is_empty(const struct envoi_reply_parser *parser)
{
	return parser->line.len == 0 && parser->lines == 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The three digits, or -1 where they are none or out of range. */
static int line_code(struct envoi_span line)
{
	if (line.len < 3 || line.data[0] < '2' || line.data[0] > '5'
		|| !is_digit(line.data[1]) || !is_digit(line.data[2])) {
		return -1;
	}
	return (line.data[0] - '0') * 100 + (line.data[1] - '0') * 10
	       + (line.data[2] - '0');
}

/* The first octet of an alert, and of a handshake. */
static bool is_tls_record(char c)
{
	return c == 0x15 || c == 0x16;
}

/* What a stranger's first line tells about the service there. */
static const char *guess_service(struct envoi_span line)
{
	if (line.len > 0 && is_tls_record(line.data[0])) {
		return "the server speaks TLS from the start here: use submissions:// or "
		       "--tls implicit";
	}
	if (envoi_span_starts_nocase(line, "SSH-")) {
		return "an SSH server answers on this port";
	}
	if (envoi_span_starts_nocase(line, "HTTP/")) {
		return "an HTTP server answers on this port";
	}
	if (envoi_span_starts_nocase(line, "+OK")) {
		return "a POP3 server answers on this port";
	}
	if (envoi_span_starts_nocase(line, "* OK")) {
		return "an IMAP server answers on this port";
	}
	return NULL;
}

static enum envoi_reply_progress bad_line(struct envoi_span line, struct envoi_error *err)
{
	struct envoi_buffer shown;
	envoi_buffer_init(&shown, 512);
	struct envoi_span head = {line.data, line.len > 80 ? 80 : line.len};
	(void)envoi_span_escape(&shown, head);
	const char *text = envoi_buffer_string(&shown);
	(void)envoi_error_set(err, ENVOI_STATUS_PROTOCOL, "not an SMTP reply: \"%s\"%s",
		text == NULL ? "" : text, line.len > 80 ? "..." : "");
	envoi_buffer_finish(&shown);
	const char *hint = guess_service(line);
	if (hint != NULL) {
		envoi_error_hint(err, "%s", hint);
	}
	return ENVOI_REPLY_BAD;
}

/* Takes one line without its end into the reply. DONE: it was the last. */
static enum envoi_reply_progress add_line(struct envoi_reply_parser *parser,
	struct envoi_span line, struct envoi_error *err)
{
	int code = line_code(line);
	if (code < 0 || (line.len > 3 && line.data[3] != ' ' && line.data[3] != '-')) {
		return bad_line(line, err);
	}
	if (parser->lines > 0 && code != parser->code) {
		(void)envoi_error_set(err, ENVOI_STATUS_PROTOCOL,
			"codes differ within one reply: %d and %d", parser->code, code);
		return ENVOI_REPLY_BAD;
	}
	parser->code = code;
	if (parser->lines >= ENVOI_LIMIT_REPLY_LINES
		|| (parser->lines > 0 && envoi_buffer_append(&parser->text, "\n", 1) != 0)
		|| (line.len > 4
			&& envoi_buffer_append(&parser->text, line.data + 4, line.len - 4)
				   != 0)) {
		(void)envoi_error_set(err, ENVOI_STATUS_PROTOCOL,
			"reply %d is too long: more than %zu lines", code, parser->lines);
		return ENVOI_REPLY_BAD;
	}
	parser->lines++;
	return line.len > 3 && line.data[3] == '-' ? ENVOI_REPLY_MORE : ENVOI_REPLY_DONE;
}

static enum envoi_reply_progress end_line(
	struct envoi_reply_parser *parser, struct envoi_error *err)
{
	struct envoi_span line = envoi_buffer_span(&parser->line);
	line.len--;
	if (line.len > 0 && line.data[line.len - 1] == '\r') {
		line.len--;
	} else {
		parser->bare_lf = true;
	}
	enum envoi_reply_progress progress = add_line(parser, line, err);
	envoi_buffer_clear(&parser->line);
	return progress;
}

enum envoi_reply_progress envoi_reply_feed(struct envoi_reply_parser *parser,
	struct envoi_span bytes, size_t *ret_used, struct envoi_reply *ret_reply,
	struct envoi_error *err)
{
	if (parser->lines == 0 && parser->line.len == 0) {
		envoi_buffer_clear(&parser->text);
	}
	*ret_used = 0;
	while (*ret_used < bytes.len) {
		const char *from = bytes.data + *ret_used;
		const char *lf = memchr(from, '\n', bytes.len - *ret_used);
		size_t n = lf != NULL ? (size_t)(lf - from) + 1 : bytes.len - *ret_used;
		*ret_used += n;
		if (parser->line.len == 0 && is_tls_record(*from)) {
			/* It has no line end to wait for. */
			return bad_line((struct envoi_span){from, 1}, err);
		}
		if (envoi_buffer_append(&parser->line, from, n) != 0) {
			(void)envoi_error_set(err, ENVOI_STATUS_PROTOCOL,
				"reply line of more than %d octets",
				ENVOI_LIMIT_REPLY_LINE);
			return ENVOI_REPLY_BAD;
		}
		if (lf == NULL) {
			break;
		}
		enum envoi_reply_progress progress = end_line(parser, err);
		if (progress == ENVOI_REPLY_DONE) {
			const char *text = envoi_buffer_string(&parser->text);
			if (text == NULL) {
				(void)envoi_error_set(
					err, ENVOI_STATUS_SYSTEM, "out of memory");
				return ENVOI_REPLY_BAD;
			}
			*ret_reply = (struct envoi_reply){
				.code = parser->code,
				.text = parser->text.data + parser->text.start,
				.length = parser->text.len,
			};
			parser->lines = 0;
		}
		if (progress != ENVOI_REPLY_MORE) {
			return progress;
		}
	}
	return ENVOI_REPLY_MORE;
}

/*
 * status = class "." subject "." detail, class one digit, the others one to
 * three (RFC 3463 2). The octets it takes with the blank behind, or 0.
 */
static size_t enhanced_length(
	int code, struct envoi_span line, unsigned short ret_enhanced[3])
{
	if (line.len < 5 || line.data[0] - '0' != code / 100 || line.data[1] != '.') {
		return 0;
	}
	unsigned parts[2] = {0, 0};
	size_t at = 2;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;
		while (at < line.len && digits < 4 && is_digit(line.data[at])) {
			parts[part] = parts[part] * 10 + (unsigned)(line.data[at] - '0');
			at++;
			digits++;
		}
		if (digits == 0 || digits > 3) {
			return 0;
		}
		if (part == 0 && (at >= line.len || line.data[at++] != '.')) {
			return 0;
		}
	}
	if (at < line.len && line.data[at] != ' ') {
		return 0;
	}
	ret_enhanced[0] = (unsigned short)(code / 100);
	ret_enhanced[1] = (unsigned short)parts[0];
	ret_enhanced[2] = (unsigned short)parts[1];
	return at < line.len ? at + 1 : at;
}

void envoi_reply_split_enhanced(struct envoi_reply *reply)
{
	size_t from = 0, to = 0;
	while (from < reply->length) {
		const char *lf = memchr(reply->text + from, '\n', reply->length - from);
		size_t n = lf != NULL ? (size_t)(lf - reply->text) - from
				      : reply->length - from;
		unsigned short enhanced[3];
		size_t skip = enhanced_length(reply->code,
			(struct envoi_span){reply->text + from, n}, enhanced);
		if (skip > 0 && reply->enhanced[0] == 0) {
			memcpy(reply->enhanced, enhanced, sizeof(enhanced));
		}
		memmove(reply->text + to, reply->text + from + skip, n - skip);
		to += n - skip;
		from += n;
		if (lf != NULL) {
			reply->text[to++] = '\n';
			from++;
		}
	}
	reply->length = to;
	if (reply->text != NULL) {
		reply->text[to] = '\0';
	}
}

void envoi_reply_finish(struct envoi_reply *reply)
{
	free(reply->text);
	*reply = (struct envoi_reply){0};
}

int envoi_reply_copy(struct envoi_reply *to, const struct envoi_reply *from)
{
	char *text = NULL;
	if (from->code != 0) {
		text = envoi_span_dup((struct envoi_span){from->text, from->length});
		if (text == NULL) {
			return -1;
		}
	}
	envoi_reply_finish(to);
	*to = *from;
	to->text = text;
	return 0;
}
