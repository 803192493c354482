/*
 * The steps of a connection in a conversation file; see form.h.
 */
#include <stdlib.h>
#include <string.h>

#include "form_internal.h"
#include "text.h"

struct step *form_add_step(struct reader *r, enum deed deed)
{
	struct connection *connection = r->connection;
	if (connection == NULL) {
		form_fail(r, "outside of a connection");
		return NULL;
	}
	connection->steps = text_more(
		connection->steps, connection->step_count, sizeof(*connection->steps));
	struct step *step = &connection->steps[connection->step_count++];
	*step = (struct step){.deed = deed, .line = r->line};
	r->glue = deed == DEED_SEND;
	return step;
}

void form_take_wire(struct reader *r, char who, char how)
{
	struct envoi_span crlf = {"\r\n", how == ':' ? 2 : 0};
	struct envoi_span lf = {"\n", how == ':' ? 1 : 0};
	if (who == 'M') {
		if (r->blob == NULL) {
			form_fail(r, "M before any message");
			return;
		}
		form_extend(&r->blob->data, r->text);
		form_extend(&r->blob->data, lf);
		return;
	}
	if (who == 'S' && r->glue) {
		struct step *last = &r->connection->steps[r->connection->step_count - 1];
		form_extend(&last->data, r->text);
		form_extend(&last->data, crlf);
		return;
	}
	struct step *step = form_add_step(r, who == 'S'	  ? DEED_SEND
					     : how == '~' ? DEED_MATCH
							  : DEED_EXPECT);
	if (step != NULL) {
		step->data = form_keep(how == '~' ? r->raw : r->text);
		form_extend(&step->data, how == '~' ? (struct envoi_span){"", 0} : crlf);
	}
}

/* Keywords of a connection; those that mean nothing here have no deed. */
static const struct {
	const char *keyword;
	bool any;
	enum deed deed;
} deeds[] = {
	{"C-dot", true, DEED_SKIP_BODY},
	{"skip", true, DEED_SKIP},
	{"quiet", true, DEED_QUIET},
	{"lockstep", true, DEED_LOCKSTEP},
	{"delay", true, DEED_DELAY},
	{"closed", true, DEED_CLOSED},
	{"stall", true, DEED_STALL},
	{"wait-exit", true, DEED_WAIT},
	{"close", true, DEED_EOF},
	{"drop", true, DEED_EOF},
	{"half-close", true, DEED_EOF},
	/* What is sent in clear behind it is no part of the stream. */
	{"tls-end", true, DEED_EOF},
	{"reset", true, DEED_RESET},
	{"unlisten", true, DEED_UNLISTEN},
	{"tls", true, DEED_TLS},
	{"tls-fails", true, DEED_TLS_FAILS},
	{"signal", true, DEED_SIGNAL},
	{"truncate", true, DEED_TRUNCATE},
	{"append", true, DEED_APPEND},
	/* The manner of the play decides how segments are cut. */
	{"split", false, 0},
	{"flush", false, 0},
	/* Connections follow one another anyway. */
	{"await", false, 0},
	{"await-connect", false, 0},
	/* There are no certificates. */
	{"sni", false, 0},
	{"resumed", false, 0},
	{"client-cert", false, 0},
};

static void take_deed(struct reader *r, enum deed deed)
{
	struct step *step = form_add_step(r, deed);
	if (step == NULL) {
		return;
	}
	struct envoi_span rest = r->text;
	struct envoi_span word = envoi_span_word(&rest);
	if (deed == DEED_TRUNCATE || deed == DEED_APPEND) {
		r->c->changes_files = true;
		step->data = form_keep(word);
		step->more = form_keep(envoi_span_trim(rest));
		word = step->more;
	}
	char digits[24] = "";
	memcpy(digits, word.data, word.len < sizeof(digits) ? word.len : 0);
	step->number = (size_t)strtoul(digits, NULL, 10);
}

bool form_take_step(struct reader *r, const char *keyword)
{
	if (strcmp(keyword, "window") == 0 && r->connection != NULL) {
		r->connection->window = (size_t)strtoul(r->raw.data, NULL, 10);
		return true;
	}
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		if (strcmp(keyword, deeds[i].keyword) == 0) {
			if (deeds[i].any) {
				take_deed(r, deeds[i].deed);
			}
			r->glue = false;
			return true;
		}
	}
	return false;
}
