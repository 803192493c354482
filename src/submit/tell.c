/*
 * What the observer of a run is told: notes, warnings, sessions.
 */
#include "submit/run.h"

#include <stdarg.h>
#include <stdio.h>

void envoi_run_note(const struct run *run, char mark, const char *format, ...)
{
	const struct envoi_observer *observer = &run->request->observer;
	if (observer->trace == NULL) {
		return;
	}
	char text[600];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0) {
		observer->trace(observer->context, mark, text,
			(size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	}
}

void envoi_run_warn(const struct run *run, const struct envoi_error *err)
{
	if (run->request->observer.warn != NULL) {
		run->request->observer.warn(run->request->observer.context, err);
	}
}

void envoi_run_trouble(const struct run *run, const struct envoi_error *err)
{
	envoi_run_note(run, '!', "%s", err->text);
	envoi_run_warn(run, err);
}

static void report_session(struct run *run, const struct envoi_session_report *report)
{
	const struct envoi_observer *observer = &run->request->observer;
	if (observer->session != NULL) {
		observer->session(observer->context, report);
	}
}

void envoi_run_report_failure(struct run *run, size_t index,
	const struct envoi_relay *relay, const struct envoi_server *server,
	enum envoi_phase phase, const struct envoi_error *err)
{
	struct envoi_session_facts facts = {
		.close = ENVOI_CLOSE_NOT_SENT,
		.error = *err,
		.error_phase = phase,
	};
	for (size_t i = 0; i < ENVOI_PHASE_COUNT; i++) {
		facts.took_us[i] = -1;
	}
	report_session(
		run, &(struct envoi_session_report){
			     .index = index,
			     .account = relay->account,
			     .server = server->host != NULL ? server->host : server->path,
			     .label = server->label,
			     .address = "",
			     .port = server->port,
			     .facts = &facts,
		     });
}

void envoi_run_resolve_failed(void *context, const struct envoi_relay *relay,
	const struct envoi_server *server, const struct envoi_error *err)
{
	struct run *run = context;
	envoi_run_report_failure(
		run, run->sessions++, relay, server, ENVOI_PHASE_RESOLVE, err);
	envoi_run_trouble(run, err);
}

void envoi_run_report_link(struct channel *channel, int64_t now)
{
	struct envoi_session_facts facts =
		*envoi_session_facts(envoi_link_session(channel->link));
	facts.took_us[ENVOI_PHASE_CONNECT] = channel->connected - channel->began;
	facts.took_us[ENVOI_PHASE_TOTAL] = now - channel->began;
	report_session(channel->run,
		&(struct envoi_session_report){
			.index = channel->visit.stay.index,
			.account = channel->relay->account,
			.server = channel->server->host != NULL ? channel->server->host
								: channel->server->path,
			.label = channel->server->label,
			.address = channel->address,
			.user = channel->relay->session.auth.wanted
					? channel->relay->session.auth.user
					: NULL,
			.port = channel->server->port,
			.tls = envoi_link_tls(channel->link),
			.facts = &facts,
		});
}

void envoi_run_warn_session(const struct channel *channel)
{
	const struct envoi_session_facts *facts =
		envoi_session_facts(envoi_link_session(channel->link));
	const struct envoi_reply *reply = &facts->error_reply;
	struct envoi_error err;
	char code[40] = "";
	if (reply->code != 0 && reply->enhanced[0] != 0) {
		(void)snprintf(code, sizeof(code), ": %d %u.%u.%u ", reply->code,
			reply->enhanced[0], reply->enhanced[1], reply->enhanced[2]);
	} else if (reply->code != 0) {
		(void)snprintf(code, sizeof(code), ": %d ", reply->code);
	}
	(void)envoi_error_set(&err, facts->error.status, "%s: %s%s%s",
		channel->server->label, facts->error.text, code,
		reply->text != NULL ? reply->text : "");
	envoi_error_hint(&err, "%s", facts->error.hint);
	envoi_run_warn(channel->run, &err);
}

/* RFC 4954 6 and RFC 3207 4: what 530 asks for is said once. */
void envoi_run_explain_refusal(struct channel *channel, const struct envoi_transaction *t)
{
	const struct envoi_session_facts *facts =
		envoi_session_facts(envoi_link_session(channel->link));
	struct run *run = channel->run;
	if (run->explained || t->phase != ENVOI_PHASE_MAIL || t->reply.code != 530) {
		return;
	}
	struct envoi_error err;
	run->explained = true;
	bool tls =
		!facts->tls && (facts->capabilities.extensions & ENVOI_EXT_STARTTLS) != 0;
	(void)envoi_error_set(&err, tls ? ENVOI_STATUS_REFUSED : ENVOI_STATUS_AUTH,
		"%s: %s required: 530 %s", channel->server->label,
		tls ? "TLS" : "authentication",
		t->reply.text != NULL ? t->reply.text : "");
	if (tls) {
		envoi_error_hint(&err, "the server offers STARTTLS: --tls starttls");
	} else if (!channel->relay->session.auth.wanted) {
		envoi_error_hint(&err, "--user NAME says who you are");
	}
	envoi_run_warn(run, &err);
}
