/*
 * What the octets on the wire mean; see the header.
 */
#include "witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text.h"

#include "witness_internal.h"

void witness_init(struct witness *witness)
{
	*witness = (struct witness){0};
}

static void wire_free(struct wire *wire)
{
	for (size_t i = 0; i < wire->mail_count; i++) {
		struct mail *mail = wire->mails[i];
		for (size_t j = 0; j < mail->count; j++) {
			free(mail->rcpts[j].address);
		}
		free(mail->rcpts);
		free(mail);
	}
	free(wire->mails);
	free(wire->due);
	free(wire->seen);
	free(wire->bodies);
	envoi_buffer_finish(&wire->client);
	envoi_buffer_finish(&wire->server);
	free(wire);
}

void witness_finish(struct witness *witness)
{
	for (size_t i = 0; i < witness->wire_count; i++) {
		wire_free(witness->wires[i]);
	}
	free(witness->wires);
	*witness = (struct witness){0};
}

/* -- what is due ------------------------------------------------------------- */

static void push(struct wire *wire, enum what what, struct mail *mail, size_t rcpt)
{
	wire->due = text_more(wire->due, wire->due_count, sizeof(*wire->due));
	wire->due[wire->due_count++] =
		(struct due){.what = what, .mail = mail, .rcpt = rcpt};
}

void witness_connect(struct witness *witness, bool lmtp)
{
	struct wire *wire = text_alloc(1, sizeof(*wire));
	wire->lmtp = lmtp;
	text_init(&wire->client);
	text_init(&wire->server);
	push(wire, WHAT_GREETING, NULL, 0);
	witness->wires =
		text_more(witness->wires, witness->wire_count, sizeof(*witness->wires));
	witness->wires[witness->wire_count++] = wire;
	witness->wire = wire;
}

void witness_body(struct witness *witness, size_t message)
{
	struct wire *wire = witness->wire;
	wire->bodies = text_more(wire->bodies, wire->body_count, sizeof(*wire->bodies));
	wire->bodies[wire->body_count++] = message;
}

/* The message begins on the wire, or may from now on. */
static void begin_body(struct wire *wire, struct mail *mail)
{
	mail->body = true;
	mail->number = wire->bodies_begun++;
	if (!wire->lmtp) {
		push(wire, WHAT_END, mail, 0);
		return;
	}
	for (size_t i = 0; i < mail->count; i++) {
		if (mail->rcpts[i].code / 100 == 2) {
			push(wire, WHAT_END, mail, i);
		}
	}
}

/* -- the client ----------------------------------------------------------------- */

static struct mail *last_mail(struct wire *wire)
{
	return wire->mail_count > 0 ? wire->mails[wire->mail_count - 1] : NULL;
}

static void add_mail(struct wire *wire)
{
	wire->mails = text_more(wire->mails, wire->mail_count, sizeof(*wire->mails));
	struct mail *mail = text_alloc(1, sizeof(*mail));
	wire->mails[wire->mail_count++] = mail;
	push(wire, WHAT_MAIL, mail, 0);
}

/* RCPT TO:<address>... */
static bool add_rcpt(struct wire *wire, const char *line)
{
	struct mail *mail = last_mail(wire);
	const char *begin = strchr(line, '<');
	const char *end = strrchr(line, '>');
	if (mail == NULL || begin == NULL || end == NULL) {
		return false;
	}
	mail->rcpts = text_more(mail->rcpts, mail->count, sizeof(*mail->rcpts));
	mail->rcpts[mail->count++] =
		(struct rcpt){.address = text_copy(begin + 1, (size_t)(end - begin) - 1)};
	push(wire, WHAT_RCPT, mail, mail->count - 1);
	return true;
}

static bool begin_chunk(struct wire *wire, const char *line)
{
	struct mail *mail = last_mail(wire);
	unsigned long long n = 0;
	if (mail == NULL || sscanf(line, "BDAT %llu LAST", &n) != 1) {
		return false;
	}
	begin_body(wire, mail);
	wire->chunk = (size_t)n;
	mail->ended = n == 0;
	return true;
}

/* False: it is none. */
static bool command(struct wire *wire, const char *line)
{
	static const struct {
		const char *verb;
		enum what what;
	} verbs[] = {
		{"EHLO", WHAT_HELLO},
		{"HELO", WHAT_HELLO},
		{"LHLO", WHAT_HELLO},
		{"STARTTLS", WHAT_STARTTLS},
		{"RSET", WHAT_RSET},
		{"DATA", WHAT_DATA},
		{"QUIT", WHAT_QUIT},
	};
	if (strncasecmp(line, "MAIL ", 5) == 0) {
		add_mail(wire);
		return true;
	}
	if (strncasecmp(line, "RCPT ", 5) == 0) {
		return add_rcpt(wire, line);
	}
	if (strncasecmp(line, "BDAT ", 5) == 0) {
		return begin_chunk(wire, line);
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strncasecmp(line, verbs[i].verb, strlen(verbs[i].verb)) == 0) {
			push(wire, verbs[i].what, last_mail(wire), 0);
			wire->data = verbs[i].what == WHAT_DATA;
			return verbs[i].what != WHAT_DATA || last_mail(wire) != NULL;
		}
	}
	return false;
}

/* A line of the body after DATA; the dot ends it. */
static void body_line(struct wire *wire, const char *line)
{
	struct mail *mail = last_mail(wire);
	if (strcmp(line, ".") != 0) {
		return;
	}
	wire->reading_body = false;
	if (mail->body) {
		mail->ended = true;
	} else if (!wire->lmtp) {
		/* For nobody: a dot alone. LMTP: one reply, or none. */
		push(wire, WHAT_LONE_DOT, mail, 0);
	} else {
		wire->stray = true;
	}
}

static bool parse_line(struct witness *witness, struct wire *wire)
{
	struct envoi_span span = envoi_buffer_span(&wire->client);
	const char *lf = span.len > 0 ? memchr(span.data, '\n', span.len) : NULL;
	if (lf == NULL) {
		return false;
	}
	size_t n = (size_t)(lf - span.data) + 1;
	char line[1100] = "";
	size_t shown = n - 1;
	if (shown > 0 && span.data[shown - 1] == '\r') {
		shown--;
	}
	memcpy(line, span.data, shown < sizeof(line) ? shown : sizeof(line) - 1);
	if (wire->reading_body) {
		body_line(wire, line);
	} else if (!command(wire, line)) {
		witness->babble = true;
		return false;
	}
	envoi_buffer_consume(&wire->client, n);
	return true;
}

static bool parse_chunk(struct wire *wire)
{
	size_t n = wire->client.len < wire->chunk ? wire->client.len : wire->chunk;
	envoi_buffer_consume(&wire->client, n);
	wire->chunk -= n;
	if (wire->chunk == 0) {
		last_mail(wire)->ended = true;
	}
	return n > 0;
}

/* What is behind DATA means this or that by its reply. */
static void parse_client(struct witness *witness)
{
	struct wire *wire = witness->wire;
	bool more = true;
	while (more && !wire->data) {
		more = wire->chunk > 0 ? parse_chunk(wire) : parse_line(witness, wire);
	}
}

void witness_client(struct witness *witness, const char *bytes, size_t n)
{
	text_append(&witness->wire->client, bytes, n);
	parse_client(witness);
}

/* -- the server ------------------------------------------------------------------- */

static void see(struct wire *wire, const struct due *due, int code)
{
	wire->seen = text_more(wire->seen, wire->seen_count, sizeof(*wire->seen));
	wire->seen[wire->seen_count++] = (struct seen){.due = *due, .code = code};
}

/* A reply to the end of data, perhaps before all of it was sent. */
static void end_answered(struct wire *wire, const struct due *due, int code)
{
	if (code / 100 == 3 || (code / 100 == 2 && !due->mail->ended)) {
		wire->strange = true;
		return;
	}
	due->mail->doubtful = due->mail->doubtful || (wire->astray && code / 100 == 2);
	if (wire->lmtp) {
		due->mail->rcpts[due->rcpt].end = code;
	} else {
		due->mail->end = code;
	}
}

static void data_answered(struct wire *wire, struct mail *mail, int code)
{
	wire->data = false;
	if (code / 100 == 2) {
		wire->strange = true;
	}
	if (code / 100 != 3) {
		return;
	}
	wire->reading_body = true;
	for (size_t i = 0; i < mail->count; i++) {
		if (mail->rcpts[i].code / 100 == 2) {
			begin_body(wire, mail);
			return;
		}
	}
}

static void answered(struct wire *wire, const struct due *due, int code)
{
	see(wire, due, code);
	switch (due->what) {
	case WHAT_MAIL:
		due->mail->code = code;
		break;
	case WHAT_RCPT:
		due->mail->rcpts[due->rcpt].code = code;
		break;
	case WHAT_DATA:
		data_answered(wire, due->mail, code);
		return;
	case WHAT_END:
		end_answered(wire, due, code);
		return;
	case WHAT_QUIT:
		wire->left = true;
		return;
	case WHAT_RSET:
		/* What went behind it may meet the transaction it was to end;
		 * behind a 421 a refusal is its echo, perhaps. */
		wire->astray = wire->astray || (code / 100 != 2 && wire->over);
		wire->strange = code / 100 != 2 && !wire->over
				&& wire->first_due < wire->due_count;
		break;
	default:
		break;
	}
	if (code / 100 == 3 && due->what != WHAT_STARTTLS) {
		wire->strange = true;
	}
}

static void reply(struct witness *witness, int code)
{
	struct wire *wire = witness->wire;
	struct due none = {.what = WHAT_NOTHING};
	if (wire->left || wire->strange) {
		return;
	}
	if (wire->over && (code == 221 || code == 421)) {
		wire->left = true;
		return;
	}
	wire->over = wire->over || code == 421;
	if (wire->first_due == wire->due_count) {
		see(wire, &none, code);
		wire->strange = code != 421;
		return;
	}
	if (wire->due[wire->first_due].what == WHAT_QUIT && wire->stray
		&& code / 100 != 2) {
		wire->stray = false;
		return;
	}
	struct due due = wire->due[wire->first_due++];
	answered(wire, &due, code);
	parse_client(witness);
}

/* One line without its end. */
static void reply_line(struct witness *witness, struct envoi_span line)
{
	struct wire *wire = witness->wire;
	int code = 0;
	for (size_t i = 0; i < 3; i++) {
		if (line.len < 3 || line.data[i] < '0' || line.data[i] > '9') {
			wire->strange = true;
			return;
		}
		code = code * 10 + (line.data[i] - '0');
	}
	bool more = line.len > 3 && line.data[3] == '-';
	bool shaped = line.len == 3 || line.data[3] == ' ' || more;
	if (!shaped || code < 200 || code > 599
		|| (wire->lines > 0 && code != wire->code)) {
		wire->strange = true;
		return;
	}
	wire->code = code;
	wire->lines = more ? wire->lines + 1 : 0;
	if (!more) {
		reply(witness, code);
	}
}

void witness_server(struct witness *witness, const char *bytes, size_t n)
{
	struct wire *wire = witness->wire;
	text_append(&wire->server, bytes, n);
	while (!wire->strange) {
		struct envoi_span span = envoi_buffer_span(&wire->server);
		const char *lf = span.len > 0 ? memchr(span.data, '\n', span.len) : NULL;
		if (lf == NULL) {
			return;
		}
		size_t used = (size_t)(lf - span.data) + 1;
		span.len = used - 1;
		if (span.len > 0 && span.data[span.len - 1] == '\r') {
			span.len--;
		}
		reply_line(witness, span);
		envoi_buffer_consume(&wire->server, used);
	}
}
