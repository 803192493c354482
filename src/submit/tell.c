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

static void report_session(struct run *run, const struct envoi_session_report *report)
{
	const struct envoi_observer *observer = &run->request->observer;
	if (observer->session != NULL) {
		observer->session(observer->context, report);
	}
}

/* A server there was no connection to. */
void envoi_run_report_failure(struct run *run, size_t index,
	const struct envoi_server *server, enum envoi_phase phase,
	const struct envoi_error *err)
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
			     .server = server->host != NULL ? server->host : server->path,
			     .label = server->label,
			     .address = "",
			     .port = server->port,
			     .facts = &facts,
		     });
	envoi_run_note(run, '!', "%s: %s", server->label, err->text);
	envoi_run_warn(run, err);
}

void envoi_run_resolve_failed(
	void *context, const struct envoi_server *server, const struct envoi_error *err)
{
	struct run *run = context;
	envoi_run_report_failure(run, run->sessions++, server, ENVOI_PHASE_RESOLVE, err);
}

void envoi_run_report_link(struct channel *channel, int64_t now)
{
	struct envoi_session_facts facts =
		*envoi_session_facts(envoi_link_session(channel->link));
	facts.took_us[ENVOI_PHASE_CONNECT] = channel->connected - channel->began;
	facts.took_us[ENVOI_PHASE_TOTAL] = now - channel->began;
	report_session(channel->run,
		&(struct envoi_session_report){
			.index = channel->session,
			.server = channel->server->host != NULL ? channel->server->host
								: channel->server->path,
			.label = channel->server->label,
			.address = channel->address,
			.port = channel->server->port,
			.tls = envoi_link_tls(channel->link),
			.facts = &facts,
		});
}
