/*
 * The server's side of SMTP for measuring: it takes everything from everybody
 * as fast as it can be had, and is no example of a receiver (src/sink/ is).
 */
#include "dialogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void dialogue_init(
	struct dialogue *dialogue, struct offers *offers, struct counts *counts)
{
	*dialogue = (struct dialogue){.offers = offers, .counts = counts};
	counts->connections++;
}

void dialogue_finish(struct dialogue *dialogue)
{
	free(dialogue->replies);
}

static void reply(struct dialogue *dialogue, const char *text)
{
	size_t n = strlen(text);
	if (dialogue->replies_room - dialogue->replies_length < n) {
		dialogue->replies_room = dialogue->replies_room * 2 + n;
		dialogue->replies = realloc(dialogue->replies, dialogue->replies_room);
		if (dialogue->replies == NULL) {
			abort();
		}
	}
	memcpy(dialogue->replies + dialogue->replies_length, text, n);
	dialogue->replies_length += n;
}

void dialogue_greet(struct dialogue *dialogue)
{
	reply(dialogue, "220 bench.example ESMTP\r\n");
}

void dialogue_secured(struct dialogue *dialogue)
{
	dialogue->secure = true;
	dialogue->mail = false;
	dialogue->recipients = 0;
	dialogue->line_length = 0;
}

static void say_hello(struct dialogue *dialogue)
{
	reply(dialogue, "250-bench.example\r\n");
	if (dialogue->offers->pipelining) {
		reply(dialogue, "250-PIPELINING\r\n");
	}
	if (dialogue->offers->chunking) {
		reply(dialogue, "250-CHUNKING\r\n");
	}
	if (dialogue->offers->starttls && !dialogue->secure) {
		reply(dialogue, "250-STARTTLS\r\n");
	}
	reply(dialogue, "250-8BITMIME\r\n250 SIZE\r\n");
}

/* -- messages ------------------------------------------------------------- */

static void end_transaction(struct dialogue *dialogue)
{
	dialogue->mail = false;
	dialogue->recipients = 0;
	sum_init(&dialogue->sum);
}

/* xorshift64: the same seed, the same faults. */
static unsigned roll(struct offers *offers, unsigned sides)
{
	offers->dice ^= offers->dice << 13;
	offers->dice ^= offers->dice >> 7;
	offers->dice ^= offers->dice << 17;
	return (unsigned)((offers->dice >> 11) % sides);
}

/* A message has come to its end; true: that is not the end of a good one. */
static bool comes_to_grief(struct dialogue *dialogue)
{
	struct offers *offers = dialogue->offers;
	if (offers->faults == 0 || roll(offers, offers->faults) != 0) {
		return false;
	}
	switch (roll(offers, 6)) {
	case 0:
		dialogue->wanted = WANTED_DROP;
		return true;
	case 1:
		/* It is taken, and nobody hears of it. */
		dialogue->wanted = WANTED_DROP;
		return false;
	case 2:
		reply(dialogue, "421 4.3.2 going down\r\n");
		dialogue->wanted = WANTED_CLOSE;
		return true;
	case 3:
		dialogue->wanted = WANTED_STALL;
		return true;
	case 4:
		reply(dialogue, "451 4.3.0 not now\r\n");
		break;
	default:
		reply(dialogue, "554 5.6.0 not this one\r\n");
		break;
	}
	end_transaction(dialogue);
	return true;
}

static void count_message(struct dialogue *dialogue)
{
	struct counts *counts = dialogue->counts;
	if (comes_to_grief(dialogue)) {
		return;
	}
	counts->messages++;
	counts->recipients += dialogue->recipients;
	counts->octets += dialogue->sum.octets;
	counts->sum += sum_finish(&dialogue->sum);
	if (dialogue->wanted != WANTED_DROP) {
		reply(dialogue, "250 2.0.0 taken\r\n");
	}
	end_transaction(dialogue);
}

/* The first dot that begins a line, or the end: eight times faster than
 * looking at each line. */
static const char *find_line_dot(const char *p, const char *end)
{
	enum {
		BLOCK = 128
	};
	while (end - p > BLOCK) {
		unsigned char any = 0;
		for (size_t i = 0; i < BLOCK; i++) {
			any |= (unsigned char)((p[i] == '\n') & (p[i + 1] == '.'));
		}
		if (any != 0) {
			break;
		}
		p += BLOCK;
	}
	for (; p < end; p++) {
		if (*p == '\n' && p + 1 < end && p[1] == '.') {
			return p + 1;
		}
	}
	return end;
}

static const char *take_data(struct dialogue *dialogue, const char *p, const char *end)
{
	while (p < end) {
		const char *text = p;
		switch (dialogue->at) {
		case AT_LINE_START:
			if (*p == '.') {
				dialogue->at = AT_DOT;
				p++;
				break;
			}
			dialogue->at = AT_TEXT;
			break;
		case AT_DOT:
			dialogue->at = *p == '\r' ? AT_DOT_CR : AT_TEXT;
			p += *p == '\r' ? 1 : 0;
			break;
		case AT_DOT_CR:
			if (*p == '\n') {
				dialogue->in = IN_COMMANDS;
				count_message(dialogue);
				return p + 1;
			}
			sum_feed(&dialogue->sum, "\r", 1);
			dialogue->at = AT_TEXT;
			break;
		case AT_TEXT:
			p = find_line_dot(p, end);
			sum_feed(&dialogue->sum, text, (size_t)(p - text));
			dialogue->at = p[-1] == '\n' ? AT_LINE_START : AT_TEXT;
			break;
		}
	}
	return p;
}

static void end_chunk(struct dialogue *dialogue)
{
	dialogue->in = IN_COMMANDS;
	if (!dialogue->chunk_last) {
		reply(dialogue, "250 2.0.0 chunk\r\n");
	} else if (dialogue->recipients > 0) {
		count_message(dialogue);
	} else {
		reply(dialogue, "503 5.5.1 no recipients\r\n");
		end_transaction(dialogue);
	}
}

static const char *take_chunk(struct dialogue *dialogue, const char *p, const char *end)
{
	size_t n = (size_t)(end - p);
	if (dialogue->chunk_left < n) {
		n = (size_t)dialogue->chunk_left;
	}
	sum_feed(&dialogue->sum, p, n);
	dialogue->chunk_left -= n;
	if (dialogue->chunk_left == 0) {
		end_chunk(dialogue);
	}
	return p + n;
}

/* -- commands ------------------------------------------------------------- */

static void begin_data(struct dialogue *dialogue)
{
	if (dialogue->recipients == 0) {
		reply(dialogue, "503 5.5.1 no recipients\r\n");
		return;
	}
	reply(dialogue, "354 go on\r\n");
	dialogue->in = IN_DATA;
	dialogue->at = AT_LINE_START;
}

static void begin_chunk(struct dialogue *dialogue, const char *argument)
{
	char *rest;
	dialogue->chunk_left = strtoull(argument, &rest, 10);
	dialogue->chunk_last = strcasecmp(rest, " LAST") == 0;
	dialogue->in = IN_CHUNK;
	if (dialogue->chunk_left == 0) {
		end_chunk(dialogue);
	}
}

static void begin_mail(struct dialogue *dialogue)
{
	if (dialogue->mail) {
		reply(dialogue, "503 5.5.1 one at a time\r\n");
		return;
	}
	dialogue->mail = true;
	sum_init(&dialogue->sum);
	reply(dialogue, "250 2.1.0 ok\r\n");
}

static void add_recipient(struct dialogue *dialogue)
{
	if (!dialogue->mail) {
		reply(dialogue, "503 5.5.1 MAIL first\r\n");
		return;
	}
	dialogue->recipients++;
	reply(dialogue, "250 2.1.5 ok\r\n");
}

static bool is_verb(const char *line, const char *verb)
{
	size_t n = strlen(verb);
	return strncasecmp(line, verb, n) == 0 && (line[n] == '\0' || line[n] == ' ');
}

static void command(struct dialogue *dialogue, const char *line)
{
	if (is_verb(line, "MAIL")) {
		begin_mail(dialogue);
	} else if (is_verb(line, "RCPT")) {
		add_recipient(dialogue);
	} else if (is_verb(line, "DATA")) {
		begin_data(dialogue);
	} else if (is_verb(line, "BDAT") && dialogue->offers->chunking) {
		begin_chunk(dialogue, line + 4);
	} else if (is_verb(line, "RSET")) {
		end_transaction(dialogue);
		reply(dialogue, "250 2.0.0 ok\r\n");
	} else if (is_verb(line, "EHLO")) {
		say_hello(dialogue);
	} else if (is_verb(line, "HELO")) {
		reply(dialogue, "250 bench.example\r\n");
	} else if (is_verb(line, "STARTTLS") && dialogue->offers->starttls
		   && !dialogue->secure) {
		reply(dialogue, "220 2.0.0 go ahead\r\n");
		dialogue->wanted = WANTED_TLS;
	} else if (is_verb(line, "QUIT")) {
		reply(dialogue, "221 2.0.0 bye\r\n");
		dialogue->wanted = WANTED_CLOSE;
	} else {
		reply(dialogue, "500 5.5.1 what?\r\n");
	}
}

static const char *take_command(struct dialogue *dialogue, const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));
	size_t n = (size_t)((lf != NULL ? lf : end) - p);
	if (dialogue->line_length + n >= sizeof(dialogue->line)) {
		reply(dialogue, "500 5.5.2 line too long\r\n");
		dialogue->wanted = WANTED_CLOSE;
		return end;
	}
	memcpy(dialogue->line + dialogue->line_length, p, n);
	dialogue->line_length += n;
	if (lf == NULL) {
		return end;
	}
	if (dialogue->line_length > 0
		&& dialogue->line[dialogue->line_length - 1] == '\r') {
		dialogue->line_length--;
	}
	dialogue->line[dialogue->line_length] = '\0';
	dialogue->line_length = 0;
	command(dialogue, dialogue->line);
	return lf + 1;
}

void dialogue_take(struct dialogue *dialogue, const char *p, size_t n)
{
	const char *end = p + n;
	while (p < end && dialogue->wanted == WANTED_NOTHING) {
		switch (dialogue->in) {
		case IN_COMMANDS:
			p = take_command(dialogue, p, end);
			break;
		case IN_DATA:
			p = take_data(dialogue, p, end);
			break;
		case IN_CHUNK:
			p = take_chunk(dialogue, p, end);
			break;
		}
	}
}
