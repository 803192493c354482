/*
 * Reports for people: one line a message, one line a session; a probe in a few.
 * The first column is the word to look for, the last the server's own words.
 */
#include "submit/report_internal.h"

#include <string.h>

/* Recipients shown with their replies in one line. */
#define RECIPIENTS_SHOWN 10

int envoi_report_put_reply(struct envoi_buffer *out, const struct envoi_reply *reply)
{
	int failed = envoi_buffer_printf(out, "%d", reply->code);
	if (reply->enhanced[0] != 0) {
		failed |= envoi_buffer_printf(out, " %u.%u.%u", reply->enhanced[0],
			reply->enhanced[1], reply->enhanced[2]);
	}
	struct envoi_span rest = {reply->text != NULL ? reply->text : "", reply->length};
	bool first = true;
	while (rest.len > 0) {
		const char *lf = memchr(rest.data, '\n', rest.len);
		size_t n = lf != NULL ? (size_t)(lf - rest.data) : rest.len;
		failed |= envoi_buffer_puts(out, first ? " " : " / ");
		failed |= envoi_span_show(out, (struct envoi_span){rest.data, n});
		first = false;
		n += lf != NULL;
		rest.data += n;
		rest.len -= n;
	}
	return failed;
}

static int put_result(struct envoi_buffer *out, const struct envoi_result *result)
{
	if (result->reply.code != 0) {
		return envoi_report_put_reply(out, &result->reply);
	}
	return envoi_buffer_puts(out, result->error != NULL ? result->error : "");
}

static bool same_result(const struct envoi_result *a, const struct envoi_result *b)
{
	if (a->outcome != b->outcome || a->reply.code != b->reply.code
		|| a->reply.length != b->reply.length) {
		return false;
	}
	if (a->reply.code != 0) {
		return a->reply.length == 0
		       || memcmp(a->reply.text, b->reply.text, a->reply.length) == 0;
	}
	const char *x = a->error != NULL ? a->error : "";
	const char *y = b->error != NULL ? b->error : "";
	return strcmp(x, y) == 0;
}

static bool all_same(const struct envoi_message_report *report)
{
	for (size_t i = 1; i < report->count; i++) {
		if (!same_result(&report->recipients[0].result,
			    &report->recipients[i].result)) {
			return false;
		}
	}
	return true;
}

/* ": <a@b> 550 No such user; <c@d> ...", without those delivered. */
static int put_troubles(
	struct envoi_buffer *out, const struct envoi_message_report *report)
{
	size_t shown = 0, more = 0;
	int failed = 0;
	for (size_t i = 0; i < report->count; i++) {
		const struct envoi_recipient *recipient = &report->recipients[i];
		if (recipient->result.outcome == ENVOI_OUTCOME_DELIVERED) {
			continue;
		}
		if (shown == RECIPIENTS_SHOWN) {
			more++;
			continue;
		}
		failed |= envoi_buffer_printf(
			out, "%s<%s> ", shown == 0 ? ": " : "; ", recipient->address);
		failed |= put_result(out, &recipient->result);
		shown++;
	}
	if (more > 0) {
		failed |= envoi_buffer_printf(out, "; and %zu more", more);
	}
	return failed;
}

/* "1 delivered, 1 rejected" */
static int put_counts(struct envoi_buffer *out, const struct envoi_message_report *report)
{
	bool first = true;
	int failed = 0;
	for (int outcome = ENVOI_OUTCOME_DELIVERED; outcome <= ENVOI_OUTCOME_UNTRIED;
		outcome++) {
		size_t n = 0;
		for (size_t i = 0; i < report->count; i++) {
			n += (int)report->recipients[i].result.outcome == outcome;
		}
		if (n > 0) {
			failed |= envoi_buffer_printf(out, "%s%zu %s", first ? "" : ", ",
				n, envoi_outcome_name((enum envoi_outcome)outcome));
			first = false;
		}
	}
	return failed;
}

int envoi_report_message_text(
	struct envoi_buffer *out, const struct envoi_message_report *report)
{
	const char *outcome = envoi_message_outcome(report);
	int failed = envoi_buffer_printf(out, "%-9s  ", outcome);
	size_t before = out->len;
	failed |= envoi_span_show(out, envoi_span_of(report->source));
	size_t width = out->len - before;
	failed |=
		envoi_buffer_printf(out, "%*s  ", width < 10 ? (int)(10 - width) : 0, "");
	if (strcmp(outcome, "partial") == 0) {
		failed |= put_counts(out, report);
		return failed | put_troubles(out, report);
	}
	failed |= envoi_buffer_printf(
		out, "%zu recipient%s", report->count, report->count == 1 ? "" : "s");
	if (report->count == 0) {
		return failed;
	}
	const struct envoi_result *first = &report->recipients[0].result;
	if (first->outcome == ENVOI_OUTCOME_DELIVERED && report->reply.code != 0) {
		failed |= envoi_buffer_puts(out, "  ");
		return failed | envoi_report_put_reply(out, &report->reply);
	}
	if (all_same(report)) {
		failed |= envoi_buffer_puts(out, "  ");
		return failed | put_result(out, first);
	}
	return failed | put_troubles(out, report);
}

static int put_close(struct envoi_buffer *out, const struct envoi_session_facts *facts)
{
	char number[8];
	int failed;
	if (facts->close == ENVOI_CLOSE_REPLY) {
		failed = envoi_buffer_puts(out, "closed by ");
		failed |= envoi_report_put_reply(out, &facts->close_reply);
	} else {
		failed = envoi_buffer_printf(
			out, "close %s", envoi_report_close_name(facts, number));
	}
	if (facts->error.status == ENVOI_STATUS_OK
		|| (facts->close == ENVOI_CLOSE_REPLY
			&& facts->close_reply.code == 421)) {
		return failed;
	}
	failed |= envoi_buffer_printf(
		out, "  %s: %s", envoi_phase_name(facts->error_phase), facts->error.text);
	if (facts->error_reply.code != 0) {
		failed |= envoi_buffer_puts(out, ": ");
		failed |= envoi_report_put_reply(out, &facts->error_reply);
	}
	return failed;
}

int envoi_report_session_text(
	struct envoi_buffer *out, const struct envoi_session_report *report)
{
	const struct envoi_session_facts *facts = report->facts;
	int failed = envoi_buffer_printf(out, "%-9s  ", "session");
	failed |= envoi_span_show(out, envoi_span_of(report->label));
	failed |= envoi_buffer_printf(out, "  %s",
		report->tls != NULL	     ? report->tls->version
		: report->address[0] == '\0' ? "not connected"
					     : "plain");
	failed |= envoi_buffer_printf(out, "  %zu message%s  ", facts->accepted,
		facts->accepted == 1 ? "" : "s");
	return failed | put_close(out, facts);
}

static int put_probe_tls(struct envoi_buffer *out, const struct envoi_tls_facts *tls)
{
	if (tls == NULL) {
		return envoi_buffer_puts(out, "tls        none\n");
	}
	int failed = envoi_buffer_printf(out, "tls        %s  %s  %s\n", tls->version,
		tls->cipher, tls->verified ? "verified" : "NOT verified");
	if (tls->subject[0] != '\0') {
		failed |= envoi_buffer_printf(out,
			"           subject %s\n           issuer  %s\n           until  "
			" %s\n"
			"           key     %s\n",
			tls->subject, tls->issuer, tls->not_after, tls->pin);
	}
	return failed;
}

static int put_probe_hello(
	struct envoi_buffer *out, const struct envoi_session_facts *facts)
{
	struct envoi_span rest = {facts->hello_reply.text, facts->hello_reply.length};
	const char *head = facts->hello;
	int failed = 0;
	while (head != NULL && (rest.len > 0 || head == facts->hello)) {
		const char *lf = rest.len > 0 ? memchr(rest.data, '\n', rest.len) : NULL;
		size_t n = lf != NULL ? (size_t)(lf - rest.data) : rest.len;
		failed |= envoi_buffer_printf(
			out, "%-9s  ", head == facts->hello ? head : "");
		failed |= envoi_span_show(out, (struct envoi_span){rest.data, n});
		failed |= envoi_buffer_puts(out, "\n");
		head = "";
		n += lf != NULL;
		rest.data += n;
		rest.len -= n;
	}
	return failed;
}

int envoi_report_probe_text(
	struct envoi_buffer *out, const struct envoi_session_report *report)
{
	const struct envoi_session_facts *facts = report->facts;
	int failed = envoi_buffer_puts(out, "server     ");
	failed |= envoi_span_show(out, envoi_span_of(report->label));
	if (report->address[0] != '\0') {
		failed |= envoi_buffer_printf(out, "  at %s", report->address);
	}
	failed |= envoi_buffer_puts(out, "\n");
	if (facts->greeting.code != 0) {
		failed |= envoi_buffer_puts(out, "greeting   ");
		failed |= envoi_report_put_reply(out, &facts->greeting);
		failed |= envoi_buffer_puts(out, "\n");
	}
	if (report->address[0] != '\0') {
		failed |= put_probe_tls(out, report->tls);
	}
	failed |= put_probe_hello(out, facts);
	failed |= envoi_buffer_puts(out, "close      ");
	return failed | put_close(out, facts);
}
