/*
 * A run in memory: one connection after the other, as src/submit/submit.c has
 * them, to servers with one address each.
 */
#include "play_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <envoi/report.h>

#include "text.h"

void player_fail(struct player *p, unsigned line, const char *format, ...)
{
	struct play *play = p->play;
	/* Behind a loss the script does not count any more. */
	if (play->words[0] != '\0' || (p->lost && line != 0)) {
		return;
	}
	va_list args;
	va_start(args, format);
	(void)vsnprintf(play->words, sizeof(play->words), format, args);
	va_end(args);
	play->line = line;
}

bool player_failed(const struct player *p)
{
	return p->play->words[0] != '\0';
}

void player_record(struct player *p, char kind, const void *bytes, size_t n)
{
	for (size_t i = 0; p->manner->record && i < n; i++) {
		text_append(
			&p->play->record, (char[]){kind, ((const char *)bytes)[i]}, 2);
	}
}

/* -- reports ------------------------------------------------------------------ */

static void add_line(struct player *p, char *line, size_t n)
{
	if (line == NULL) {
		player_fail(p, 0, "out of memory");
		return;
	}
	text_append(&p->play->report, line, n);
	free(line);
}

/* Everybody has one outcome, and it is true. */
static void on_message(void *context, const struct envoi_message_report *report)
{
	struct player *p = context;
	size_t n = 0;
	p->play->messages++;
	for (size_t i = 0; i < report->count; i++) {
		const char *why =
			witness_judge(&p->witness, report->index, &report->recipients[i]);
		if (why != NULL) {
			player_fail(p, 0, "%s", why);
		}
	}
	/* Of those that the message names the file says how many there are. */
	const struct envoi_request *request = &p->order.request;
	if (request->read_recipients ? report->count < request->recipient_count
				     : report->count != request->recipient_count) {
		player_fail(p, 0, "message %zu has %zu recipients", report->index,
			report->count);
	}
	if (p->manner->loss != LOSS_NONE) {
		return;
	}
	char *line = envoi_report_message(ENVOI_REPORT_JSON, report, &n);
	add_line(p, line, n);
}

static void report_session(struct player *p, const struct envoi_server *server,
	const struct envoi_session_facts *facts, size_t index)
{
	struct envoi_session_report report = {
		.index = index,
		.server = server->host != NULL ? server->host : server->path,
		.label = server->label,
		.address = "",
		.port = server->port,
		.facts = facts,
	};
	size_t n = 0;
	if (p->manner->loss != LOSS_NONE) {
		return;
	}
	char *line = envoi_report_session(ENVOI_REPORT_JSON, &report, &n);
	add_line(p, line, n);
}

/* The worst fault is the one that counts in the end (src/submit/route.c). */
static void keep_fault(struct player *p, const struct envoi_error *fault,
	enum envoi_phase phase, const struct envoi_reply *reply)
{
	if (envoi_status_worse(p->fault.status, fault->status) == p->fault.status) {
		return;
	}
	p->fault = *fault;
	p->fault_phase = phase;
	envoi_reply_finish(&p->fault_reply);
	if (reply != NULL && reply->code != 0) {
		(void)envoi_reply_copy(&p->fault_reply, reply);
	}
}

/* -- connections ----------------------------------------------------------------- */

static void connect_failed(struct player *p, size_t server)
{
	struct envoi_session_facts facts = {.close = ENVOI_CLOSE_NOT_SENT};
	(void)envoi_error_set(&facts.error, ENVOI_STATUS_TEMPORARY, "nobody answers");
	for (size_t i = 0; i < ENVOI_PHASE_COUNT; i++) {
		facts.took_us[i] = -1;
	}
	keep_fault(p, &facts.error, ENVOI_PHASE_CONNECT, NULL);
	p->given_up[server] = true;
	report_session(p, &p->order.servers[server], &facts, p->sessions++);
}

static bool open_session(struct player *p, const struct envoi_server *server)
{
	struct envoi_session_options options = p->order.relay.session;
	struct envoi_error err;
	options.lmtp = server->lmtp;
	options.tls = server->tls;
	options.without = p->order.request.without;
	p->session = envoi_session_new(&options, p->now, &err);
	size_t place = (size_t)(server - p->order.servers);
	p->visit = (struct envoi_visit){
		.stay =
			{
				.index = p->sessions++,
				/* Behind a loss the rest goes to one that takes all. */
				.server =
					p->lost ? p->order.relay.server_count - 1 : place,
				.missed = p->fault.status == ENVOI_STATUS_TEMPORARY,
			},
	};
	p->handshaking = p->closed = p->lockstep = false;
	p->unreadable = NULL;
	envoi_buffer_clear(&p->gathered);
	envoi_buffer_clear(&p->unread);
	witness_connect(&p->witness, server->lmtp);
	text_printf(&p->play->events, "connect\n");
	if (p->session == NULL) {
		player_fail(p, 0, "no session: %s", err.text);
	}
	return p->session != NULL;
}

static void close_session(struct player *p, size_t server)
{
	const struct envoi_session_facts *facts = envoi_session_facts(p->session);
	struct envoi_error fault;
	if (envoi_visit_is_useless(&p->visit, facts, &fault)) {
		keep_fault(p, &fault, facts->error_phase, &facts->error_reply);
		p->given_up[server] = true;
	}
	text_printf(&p->play->events, "error %d %s\n", facts->error.status,
		facts->error.text);
	report_session(p, &p->order.servers[server], facts, p->visit.stay.index);
	if (!p->closed) {
		/* It has failed: for the job to get back what it gave. */
		(void)envoi_error_set(&fault, ENVOI_STATUS_BUG, "not closed");
		player_fail(p, 0, "the session is not closed");
		envoi_session_abort(p->session, &fault, ENVOI_PHASE_TOTAL, false, p->now);
		client_turn(p);
	}
	if (p->body != NULL) {
		envoi_body_close(p->body);
		p->body = NULL;
	}
	if (p->visit.flying > 0 && !player_failed(p)) {
		player_fail(p, 0, "%zu transactions are not finished", p->visit.flying);
	}
	envoi_session_free(p->session);
	p->session = NULL;
}

/* The script of the next connection; NULL with words: it is one too many. */
static const struct connection *next_script(struct player *p, size_t server)
{
	if (p->connections >= p->c->connection_count) {
		player_fail(p, 0, "connection %zu was not expected", p->connections + 1);
		return NULL;
	}
	const struct connection *script = &p->c->connections[p->connections++];
	if (script->server != server + 1) {
		player_fail(p, script->line, "it went to server %zu", server + 1);
		return NULL;
	}
	return script;
}

static void connect_to(struct player *p, size_t server)
{
	bool dead = p->lost ? !p->manner->again
			    : p->unlistened[server] || p->c->servers[server].dead;
	if (dead) {
		connect_failed(p, server);
		return;
	}
	p->script = p->lost ? NULL : next_script(p, server);
	if (player_failed(p) || !open_session(p, &p->order.servers[server])) {
		return;
	}
	if (p->script != NULL) {
		size_t facts[] = {server, p->script->window};
		player_record(p, RECORD_OTHER, facts, sizeof(facts));
	}
	if (p->lost) {
		server_obey(p);
	} else {
		server_play(p);
	}
	close_session(p, server);
}

static bool find_server(struct player *p, size_t *ret_server)
{
	for (size_t i = 0; i < p->order.relay.server_count; i++) {
		if (!p->given_up[i]) {
			*ret_server = i;
			return true;
		}
	}
	if (p->lost && p->manner->again && !p->spare_used) {
		/* Another server, that takes everything. */
		p->spare_used = true;
		*ret_server = 0;
		return true;
	}
	return false;
}

/* As a run does it: what is parked has its turn at the next server. */
static bool has_work(struct player *p)
{
	size_t place = 0;
	while (!envoi_job_has_waiting(p->job) && envoi_job_has_parked(p->job)) {
		while (place < p->order.relay.server_count && p->given_up[place]) {
			place++;
		}
		if (!envoi_job_unpark(p->job, place)) {
			p->given_up[place] = true;
		}
	}
	return envoi_job_has_waiting(p->job);
}

static void run(struct player *p)
{
	size_t server;
	struct envoi_error err;
	p->job = envoi_job_new(&p->order.request, &err);
	if (p->job == NULL) {
		player_fail(p, 0, "%s", err.text);
		return;
	}
	while (!p->stopped && !player_failed(p) && has_work(p)
		&& find_server(p, &server)) {
		connect_to(p, server);
	}
	if (p->fault.status == ENVOI_STATUS_OK) {
		(void)envoi_error_set(
			&p->fault, ENVOI_STATUS_TEMPORARY, "no connection was left");
	}
	if (!player_failed(p)) {
		envoi_job_give_up(p->job, &p->fault, p->fault_phase, &p->fault_reply);
	}
	int status = (int)envoi_job_status(p->job);
	text_printf(&p->play->events, "exit %d\n", status);
	if (!p->lost && status != p->c->exit) {
		player_fail(p, 0, "exit %d instead of %d", status, p->c->exit);
	}
	if (!p->lost && p->connections < p->c->connection_count) {
		player_fail(p, p->c->connections[p->connections].line,
			"there was no such connection");
	}
}

bool play(struct play *play, const struct conversation *conversation,
	const struct manner *manner)
{
	*play = (struct play){0};
	struct player p = {
		.c = conversation,
		.manner = manner,
		.play = play,
		.random = (unsigned)manner->at,
		.given_up = text_alloc(conversation->server_count, sizeof(bool)),
		.unlistened = text_alloc(conversation->server_count, sizeof(bool)),
	};
	if (conversation->changes_files) {
		play_write_files(conversation);
	}
	text_init(&play->client);
	text_init(&play->events);
	text_init(&play->report);
	text_init(&play->record);
	text_init(&p.gathered);
	text_init(&p.unread);
	witness_init(&p.witness);
	const char *why = order_make(&p.order, conversation);
	p.order.request.observer.context = &p;
	p.order.request.observer.message = on_message;
	if (why != NULL) {
		player_fail(&p, 0, "%s", why);
	} else {
		run(&p);
	}
	envoi_job_free(p.job);
	envoi_reply_finish(&p.fault_reply);
	order_finish(&p.order);
	witness_finish(&p.witness);
	envoi_buffer_finish(&p.gathered);
	envoi_buffer_finish(&p.unread);
	free(p.given_up);
	free(p.unlistened);
	return play->words[0] == '\0';
}

void play_finish(struct play *play)
{
	envoi_buffer_finish(&play->client);
	envoi_buffer_finish(&play->events);
	envoi_buffer_finish(&play->report);
	envoi_buffer_finish(&play->record);
	*play = (struct play){0};
}

void play_write_files(const struct conversation *conversation)
{
	for (size_t i = 0; i < conversation->blob_count; i++) {
		const struct blob *blob = &conversation->blobs[i];
		FILE *file = fopen(blob->name, "wb");
		if (file == NULL
			|| fwrite(blob->data.data, 1, blob->data.len, file)
				   != blob->data.len
			|| fclose(file) != 0) {
			perror(blob->name);
			exit(2);
		}
	}
}
