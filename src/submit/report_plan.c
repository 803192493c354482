/*
 * --dry-run: what would be sent, to whom, where.
 */
#include "submit/report_internal.h"

#include "submit/json.h"

/* Lines longer than this are against RFC 5321 4.5.3.1.6. */
#define LINE_MAX_OCTETS 998

static int put_servers(struct envoi_buffer *out, const struct envoi_request *request)
{
	int failed = 0;
	for (size_t i = 0; i < request->relay_count; i++) {
		const struct envoi_relay *relay = &request->relays[i];
		if (relay->account != NULL) {
			failed |= envoi_buffer_printf(
				out, "%-9s  ", i == 0 ? "account" : "or account");
			failed |= envoi_span_escape(out, envoi_span_of(relay->account));
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

int envoi_report_plan_text(struct envoi_buffer *out, const struct envoi_request *request,
	size_t index, const char *source, const struct envoi_message_facts *facts)
{
	int failed = index == 0 ? put_servers(out, request) : 0;
	if (index == 0 || request->read_recipients) {
		failed |= put_envelope(out, request);
	}
	failed |= envoi_buffer_puts(out, "message    ");
	failed |= envoi_span_escape(out, envoi_span_of(source));
	failed |= envoi_buffer_printf(out, "  %ju octets%s", (uintmax_t)facts->size,
		facts->eight_bit ? "  8-bit" : "");
	if (facts->nul_line > 0) {
		failed |= envoi_buffer_printf(out, "  cannot be sent: NUL in line %ju",
			(uintmax_t)facts->nul_line);
	}
	if (facts->longest > LINE_MAX_OCTETS) {
		failed |= envoi_buffer_printf(out, "  line %ju has %ju octets",
			(uintmax_t)facts->longest_line, (uintmax_t)facts->longest);
	}
	return failed;
}

int envoi_report_plan_json(struct envoi_buffer *out, const struct envoi_request *request,
	size_t index, const char *source, const struct envoi_message_facts *facts)
{
	struct envoi_json json;
	envoi_json_begin(&json, out);
	envoi_json_open(&json, NULL, '{');
	envoi_json_text(&json, "type", "plan");
	envoi_json_number(&json, "index", index);
	envoi_json_text(&json, "source", source);
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
	envoi_json_number(&json, "bytes", facts->size);
	envoi_json_bool(&json, "eight_bit", facts->eight_bit);
	envoi_json_bool(&json, "nul", facts->nul_line > 0);
	envoi_json_number(&json, "longest_line", facts->longest);
	envoi_json_close(&json, '}');
	return envoi_json_end(&json);
}
