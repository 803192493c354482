/*
 * --dry-run: what would be sent, to whom, where.
 */
#include "submit/report_internal.h"

#include <string.h>

#include <envoi/address.h>

#include "submit/json.h"

static int put_servers(struct envoi_buffer *out, const struct envoi_request *request)
{
	int failed = 0;
	for (size_t i = 0; i < request->relay_count; i++) {
		const struct envoi_relay *relay = &request->relays[i];
		if (relay->account != NULL) {
			failed |= envoi_buffer_printf(
				out, "%-9s  ", i == 0 ? "account" : "or account");
			failed |= envoi_span_show(out, envoi_span_of(relay->account));
			failed |= envoi_buffer_puts(out, "\n");
		}
		for (size_t j = 0; j < relay->server_count; j++) {
			failed |= envoi_buffer_printf(out, "%-9s  %s\n",
				j == 0 && (i == 0 || relay->account != NULL) ? "server"
									     : "or",
				relay->servers[j].label);
		}
	}
	return failed;
}

static int put_envelope(struct envoi_buffer *out, const struct envoi_request *request)
{
	int failed = envoi_buffer_printf(out, "%-9s  <%s>\n", "from", request->sender);
	for (size_t i = 0; i < request->recipient_count; i++) {
		failed |= envoi_buffer_printf(
			out, "%-9s  <%s>\n", i == 0 ? "to" : "", request->recipients[i]);
	}
	return failed;
}

/* Who cannot be named without SMTPUTF8. */
static void look_at_addresses(struct envoi_plan *plan)
{
	const struct envoi_request *request = plan->request;
	plan->needs_utf8 = envoi_address_needs_utf8(request->sender);
	for (size_t i = 0; i < request->recipient_count; i++) {
		if (envoi_address_needs_utf8(request->recipients[i])
			&& plan->needy_count++ == 0) {
			plan->needy = request->recipients[i];
		}
	}
	plan->needs_utf8 = plan->needs_utf8
			   || plan->needy_count == request->recipient_count
			   || (plan->needy_count > 0 && request->all_or_nothing);
}

/* With SMTPUTF8 only where it must be, as when it is sent. */
static int choose_form(struct envoi_plan *plan, struct envoi_message *message,
	struct envoi_carrier *carrier)
{
	bool has_utf8 = (plan->request->without & ENVOI_EXT_SMTPUTF8) == 0;
	struct envoi_error err;
	if (envoi_message_choose(message, carrier, &plan->form, &plan->why) == 0) {
		return 0;
	}
	carrier->utf8 = has_utf8;
	if (!has_utf8 || envoi_message_choose(message, carrier, &plan->form, &err) != 0) {
		plan->form = NULL;
		return -1;
	}
	plan->needs_utf8 = true;
	return 0;
}

void envoi_plan_make(struct envoi_plan *plan, const struct envoi_request *request,
	size_t index, struct envoi_message *message)
{
	/* What servers have today; whoever has less is told with --without. */
	uint32_t assumed = ENVOI_EXT_8BITMIME | ENVOI_EXT_SIZE | ENVOI_EXT_PIPELINING;
	struct envoi_carrier carrier =
		envoi_request_carrier(request, assumed & ~request->without);
	struct envoi_error err;
	*plan = (struct envoi_plan){.request = request, .index = index};
	plan->source = envoi_message_name(message);
	plan->facts = envoi_message_facts(message);
	look_at_addresses(plan);
	if (choose_form(plan, message, &carrier) != 0) {
		return;
	}
	plan->needs_eight_bit =
		plan->form->eight_bit && carrier.eight_bit && !carrier.utf8;
	carrier.eight_bit = false;
	if (plan->needs_eight_bit
		&& envoi_message_choose(message, &carrier, &plan->without, &err) != 0) {
		plan->without = NULL;
	}
}

/* What is said of a message without its name in front. */
static struct envoi_span reason(const struct envoi_plan *plan, const char *text)
{
	size_t n = strlen(plan->source);
	bool named = strncmp(text, plan->source, n) == 0 && text[n] == ':';
	return envoi_span_trim(envoi_span_of(named ? text + n + 1 : text));
}

static int put_form(struct envoi_buffer *out, const struct envoi_plan *plan)
{
	const struct envoi_form *form = plan->form;
	int failed = envoi_buffer_printf(
		out, "  %ju octets  %s", (uintmax_t)form->size, form->encoding);
	if (plan->needs_eight_bit) {
		failed |= envoi_buffer_printf(out, " (without 8BITMIME: %s)",
			plan->without != NULL ? plan->without->encoding : "not sent");
	}
	if (plan->needs_utf8) {
		failed |= envoi_buffer_puts(out, " (without SMTPUTF8: not sent)");
	} else if (plan->needy_count > 0) {
		failed |= envoi_buffer_puts(out, " (without SMTPUTF8: not to <");
		failed |= envoi_span_show(out, envoi_span_of(plan->needy));
		failed |= envoi_buffer_puts(out, ">");
		if (plan->needy_count > 1) {
			failed |= envoi_buffer_printf(
				out, " and %zu more", plan->needy_count - 1);
		}
		failed |= envoi_buffer_puts(out, ")");
	}
	if (envoi_dsn_is_wanted(&plan->request->dsn)) {
		failed |= envoi_buffer_puts(out, " (without DSN: no notifications)");
	}
	for (size_t i = 0; i < ENVOI_FORM_WARNINGS && form->warnings[i].text[0] != '\0';
		i++) {
		failed |= envoi_buffer_puts(out, "  ");
		failed |= envoi_span_show(out, reason(plan, form->warnings[i].text));
	}
	return failed;
}

int envoi_report_plan_text(struct envoi_buffer *out, const struct envoi_plan *plan)
{
	int failed = plan->index == 0 ? put_servers(out, plan->request) : 0;
	if (plan->index == 0 || plan->request->read_recipients) {
		failed |= put_envelope(out, plan->request);
	}
	failed |= envoi_buffer_puts(out, "message    ");
	failed |= envoi_span_show(out, envoi_span_of(plan->source));
	if (plan->form != NULL) {
		return failed | put_form(out, plan);
	}
	failed |= envoi_buffer_printf(
		out, "  %ju octets  cannot be sent: ", (uintmax_t)plan->facts->size);
	failed |= envoi_span_show(out, reason(plan, plan->why.text));
	return failed;
}

/* What it cannot go without, and what is used where it is there. */
static void put_extensions(struct envoi_json *json, const struct envoi_plan *plan)
{
	bool sent = plan->form != NULL;
	bool eight_bit = sent && plan->needs_eight_bit;
	bool utf8 = sent && plan->needs_utf8;
	envoi_json_open(json, "needs", '[');
	if (eight_bit && plan->without == NULL) {
		envoi_json_text(json, NULL, "8BITMIME");
	}
	if (utf8) {
		envoi_json_text(json, NULL, "SMTPUTF8");
	}
	envoi_json_close(json, ']');
	envoi_json_open(json, "wants", '[');
	if (eight_bit && plan->without != NULL) {
		envoi_json_text(json, NULL, "8BITMIME");
	}
	if (sent && !utf8 && plan->needy_count > 0) {
		envoi_json_text(json, NULL, "SMTPUTF8");
	}
	if (sent && envoi_dsn_is_wanted(&plan->request->dsn)) {
		envoi_json_text(json, NULL, "DSN");
	}
	envoi_json_close(json, ']');
}

int envoi_report_plan_json(struct envoi_buffer *out, const struct envoi_plan *plan)
{
	const struct envoi_request *request = plan->request;
	const struct envoi_message_facts *facts = plan->facts;
	const struct envoi_form *form = plan->form;
	struct envoi_json json;
	envoi_json_begin(&json, out);
	envoi_json_open(&json, NULL, '{');
	envoi_json_text(&json, "type", "plan");
	envoi_json_number(&json, "index", plan->index);
	envoi_json_text(&json, "source", plan->source);
	envoi_json_text(&json, "account", request->relays[0].account);
	envoi_json_open(&json, "servers", '[');
	for (size_t i = 0; i < request->relay_count; i++) {
		for (size_t j = 0; j < request->relays[i].server_count; j++) {
			envoi_json_text(&json, NULL, request->relays[i].servers[j].label);
		}
	}
	envoi_json_close(&json, ']');
	envoi_json_text(&json, "from", request->sender);
	envoi_json_open(&json, "recipients", '[');
	for (size_t i = 0; i < request->recipient_count; i++) {
		envoi_json_text(&json, NULL, request->recipients[i]);
	}
	envoi_json_close(&json, ']');
	envoi_json_text(&json, "message_id",
		facts->message_id[0] != '\0' ? facts->message_id : NULL);
	envoi_json_number(&json, "bytes", form != NULL ? form->size : facts->size);
	envoi_json_text(&json, "encoding", form != NULL ? form->encoding : NULL);
	if (plan->needs_eight_bit) {
		envoi_json_text(&json, "encoding_without_8bitmime",
			plan->without != NULL ? plan->without->encoding : NULL);
	}
	put_extensions(&json, plan);
	if (form == NULL) {
		envoi_json_text(&json, "error", plan->why.text);
	}
	envoi_json_bool(&json, "eight_bit", facts->eight_bit);
	envoi_json_bool(&json, "nul", facts->nul_line > 0);
	envoi_json_number(&json, "longest_line", facts->longest);
	envoi_json_close(&json, '}');
	return envoi_json_end(&json);
}
