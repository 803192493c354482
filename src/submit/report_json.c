/*
 * JSON Lines: one object a message, a session, a probe. Keys are only ever
 * added, never renamed.
 */
#include "submit/report_internal.h"

#include <string.h>

#include "base/limits.h"
#include "submit/json.h"

static void put_enhanced(struct envoi_json *json, const struct envoi_reply *reply)
{
	char text[24];
	if (reply->enhanced[0] == 0) {
		envoi_json_null(json, "enhanced");
		return;
	}
	(void)snprintf(text, sizeof(text), "%u.%u.%u", reply->enhanced[0],
		reply->enhanced[1], reply->enhanced[2]);
	envoi_json_text(json, "enhanced", text);
}

/* code, enhanced, text: null where there was no reply. */
static void put_reply_members(struct envoi_json *json, const struct envoi_reply *reply)
{
	if (reply->code == 0) {
		envoi_json_null(json, "code");
		envoi_json_null(json, "enhanced");
		envoi_json_null(json, "text");
		return;
	}
	envoi_json_number(json, "code", (uint64_t)reply->code);
	put_enhanced(json, reply);
	envoi_json_string(json, "text",
		(struct envoi_span){
			reply->text != NULL ? reply->text : "", reply->length});
}

static void put_reply(struct envoi_json *json, const char *key, const char *phase,
	const struct envoi_reply *reply)
{
	if (reply->code == 0) {
		envoi_json_null(json, key);
		return;
	}
	envoi_json_open(json, key, '{');
	if (phase != NULL) {
		envoi_json_text(json, "phase", phase);
	}
	put_reply_members(json, reply);
	envoi_json_close(json, '}');
}

static void put_recipient(
	struct envoi_json *json, const struct envoi_recipient *recipient)
{
	const struct envoi_result *result = &recipient->result;
	envoi_json_open(json, NULL, '{');
	envoi_json_text(json, "address", recipient->address);
	envoi_json_text(json, "outcome", envoi_outcome_name(result->outcome));
	envoi_json_text(json, "phase", envoi_phase_name(result->phase));
	put_reply_members(json, &result->reply);
	if (result->reply.code == 0) {
		envoi_json_text(
			json, "error", result->error != NULL ? result->error : "");
	}
	envoi_json_close(json, '}');
}

int envoi_report_message_json(
	struct envoi_buffer *out, const struct envoi_message_report *report)
{
	struct envoi_json json;
	envoi_json_begin(&json, out);
	envoi_json_open(&json, NULL, '{');
	envoi_json_text(&json, "type", "message");
	envoi_json_number(&json, "index", report->index);
	envoi_json_text(&json, "source", report->source);
	envoi_json_text(&json, "outcome", envoi_message_outcome(report));
	if (report->session >= 0) {
		envoi_json_number(&json, "session", (uint64_t)report->session);
	} else {
		envoi_json_null(&json, "session");
	}
	envoi_json_text(&json, "from", report->sender);
	envoi_json_text(&json, "message_id",
		report->message_id[0] != '\0' ? report->message_id : NULL);
	envoi_json_number(&json, "bytes", report->bytes);
	envoi_json_text(&json, "encoding",
		report->encoding != NULL && report->encoding[0] != '\0' ? report->encoding
									: NULL);
	put_reply(&json, "reply", envoi_phase_name(report->phase), &report->reply);
	envoi_json_open(&json, "recipients", '[');
	for (size_t i = 0; i < report->count; i++) {
		put_recipient(&json, &report->recipients[i]);
	}
	envoi_json_close(&json, ']');
	envoi_json_close(&json, '}');
	return envoi_json_end(&json);
}

static void put_tls(
	struct envoi_json *json, const struct envoi_tls_facts *tls, bool certificate)
{
	if (tls == NULL) {
		envoi_json_null(json, "tls");
		return;
	}
	envoi_json_open(json, "tls", '{');
	envoi_json_text(json, "version", tls->version);
	envoi_json_text(json, "cipher", tls->cipher);
	envoi_json_bool(json, "verified", tls->verified);
	envoi_json_bool(json, "resumed", tls->resumed);
	if (certificate) {
		envoi_json_text(json, "subject", tls->subject);
		envoi_json_text(json, "issuer", tls->issuer);
		envoi_json_text(json, "not_after", tls->not_after);
		envoi_json_text(json, "pin", tls->pin);
	}
	envoi_json_close(json, '}');
}

/* Everything but the type: sessions and probes share it. */
static void put_session(struct envoi_json *json,
	const struct envoi_session_report *report, bool certificate)
{
	static const enum envoi_phase phases[] = {
		ENVOI_PHASE_CONNECT,
		ENVOI_PHASE_GREETING,
		ENVOI_PHASE_EHLO,
		ENVOI_PHASE_TLS,
		ENVOI_PHASE_AUTH,
		ENVOI_PHASE_QUIT,
		ENVOI_PHASE_TOTAL,
	};
	const struct envoi_session_facts *facts = report->facts;
	char number[8];
	envoi_json_number(json, "index", report->index);
	if (report->account != NULL) {
		envoi_json_text(json, "account", report->account);
	}
	envoi_json_text(json, "server", report->server);
	envoi_json_text(
		json, "address", report->address[0] != '\0' ? report->address : NULL);
	if (report->port != 0) {
		envoi_json_number(json, "port", report->port);
	} else {
		envoi_json_null(json, "port");
	}
	put_tls(json, report->tls, certificate);
	envoi_json_text(json, "hello", facts->hello);
	envoi_json_text(json, "auth", facts->auth);
	envoi_json_number(json, "messages", facts->accepted);
	envoi_json_text(json, "close", envoi_report_close_name(facts, number));
	put_reply(json, "reply", NULL, &facts->close_reply);
	if (facts->error.status != ENVOI_STATUS_OK) {
		envoi_json_open(json, "error", '{');
		envoi_json_text(json, "phase", envoi_phase_name(facts->error_phase));
		put_reply_members(json, &facts->error_reply);
		envoi_json_text(json, "error", facts->error.text);
		envoi_json_close(json, '}');
	} else {
		envoi_json_null(json, "error");
	}
	envoi_json_open(json, "ms", '{');
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		if (facts->took_us[phases[i]] >= 0) {
			envoi_json_ms(json, envoi_phase_name(phases[i]),
				facts->took_us[phases[i]]);
		}
	}
	envoi_json_close(json, '}');
}

int envoi_report_session_json(
	struct envoi_buffer *out, const struct envoi_session_report *report)
{
	struct envoi_json json;
	envoi_json_begin(&json, out);
	envoi_json_open(&json, NULL, '{');
	envoi_json_text(&json, "type", "session");
	put_session(&json, report, false);
	envoi_json_close(&json, '}');
	return envoi_json_end(&json);
}

static void put_limit(struct envoi_json *json, const char *key, uint64_t value)
{
	if (value > 0) {
		envoi_json_number(json, key, value);
	} else {
		envoi_json_null(json, key);
	}
}

/* The words of the EHLO reply as the server wrote them, line by line. */
static void put_lines(struct envoi_json *json, const struct envoi_reply *hello)
{
	struct envoi_span rest = {hello->text != NULL ? hello->text : "", hello->length};
	bool first = true;
	envoi_json_open(json, "capabilities", '[');
	while (rest.len > 0) {
		const char *lf = memchr(rest.data, '\n', rest.len);
		size_t n = lf != NULL ? (size_t)(lf - rest.data) : rest.len;
		if (!first && n > 0) {
			envoi_json_string(json, NULL, (struct envoi_span){rest.data, n});
		}
		first = false;
		n += lf != NULL;
		rest.data += n;
		rest.len -= n;
	}
	envoi_json_close(json, ']');
}

int envoi_report_probe_json(
	struct envoi_buffer *out, const struct envoi_session_report *report)
{
	const struct envoi_session_facts *facts = report->facts;
	struct envoi_json json;
	envoi_json_begin(&json, out);
	envoi_json_open(&json, NULL, '{');
	envoi_json_text(&json, "type", "probe");
	put_session(&json, report, true);
	put_reply(&json, "greeting", NULL, &facts->greeting);
	put_lines(&json, &facts->hello_reply);
	put_limit(&json, "size", facts->capabilities.size);
	put_limit(&json, "mail_max", facts->capabilities.mail_max);
	put_limit(&json, "rcpt_max", facts->capabilities.rcpt_max);
	put_limit(&json, "rcpt_domain_max", facts->capabilities.rcpt_domain_max);
	envoi_json_open(&json, "auth_mechanisms", '[');
	struct envoi_span rest = envoi_span_of(facts->capabilities.auth);
	struct envoi_span word;
	while ((word = envoi_span_word(&rest)).len > 0) {
		envoi_json_string(&json, NULL, word);
	}
	envoi_json_close(&json, ']');
	envoi_json_close(&json, '}');
	return envoi_json_end(&json);
}
