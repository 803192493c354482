/*
 * deliver SPOOL PORT SENDER RECIPIENT...: stores a message and delivers it at once, as
 * those do who have it in their hands. Says what came of it, and who could have it when
 * the run was done with it and after that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <envoi/runner.h>
#include <envoi/server.h>

static struct envoi_server server;
static struct envoi_relay relay = {.servers = &server, .server_count = 1};
static char id[ENVOI_QUEUE_ID_SIZE];
static struct envoi_queue *queue;

static int broken(const struct envoi_error *err)
{
	(void)fprintf(stderr, "deliver: %s\n", err->text);
	return 70;
}

static int route(void *context, const struct envoi_queue_envelope *envelope,
	struct envoi_request *request, struct envoi_error *err)
{
	(void)context;
	if (strcmp(envelope->sender, "nowhere@example.org") == 0) {
		return envoi_error_set(err, ENVOI_STATUS_CONFIG, "no way for this one");
	}
	request->relays = &relay;
	request->relay_count = 1;
	return 0;
}

static void done(void *context, const struct envoi_entry *entry)
{
	struct envoi_entry *other = NULL;
	struct envoi_error err;
	(void)context;
	int result = envoi_queue_claim(
		queue, ENVOI_QUEUE_MAIL, envoi_entry_id(entry), &other, &err);
	printf("%zu have it, claimed by another: %s\n",
		envoi_entry_count(entry, ENVOI_FATE_DELIVERED),
		result == ENVOI_QUEUE_GOT ? "yes" : "no");
	envoi_entry_free(other);
}

static void warn(void *context, const struct envoi_error *err)
{
	(void)context;
	printf("warning: %s\n", err->text);
}

static int store(int count, char **addresses, const char *sender,
	struct envoi_entry **ret_entry, struct envoi_error *err)
{
	static const char text[] = "Message-ID: <deliver@example.org>\r\nSubject: a "
				   "message\r\n\r\nHello\r\n";
	struct envoi_queue_recipient *recipients =
		calloc((size_t)count + 1, sizeof(*recipients));
	struct envoi_draft *draft = NULL;
	const struct envoi_queue_envelope envelope = {.sender = sender,
		.recipients = recipients,
		.count = (size_t)count,
		.created = (int64_t)time(NULL)};
	if (recipients == NULL) {
		abort();
	}
	for (int i = 0; i < count; i++) {
		recipients[i].address = addresses[i];
	}
	int result = envoi_draft_new(queue, &draft, err);
	if (result == 0
		&& (envoi_draft_address(draft, &envelope, 0, err) != 0
			|| envoi_draft_put(draft, text, sizeof(text) - 1, err) != 0)) {
		envoi_draft_free(draft);
		result = -1;
	} else if (result == 0) {
		result = envoi_draft_commit(draft, ret_entry, err);
	}
	free(recipients);
	return result;
}

int main(int argc, char **argv)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	const struct envoi_queue_options options = {.create = true};
	struct envoi_entry *entry = NULL;
	struct envoi_runner_report report;
	char url[60];
	if (argc < 5) {
		(void)fputs("usage: deliver SPOOL PORT SENDER RECIPIENT...\n", stderr);
		return 64;
	}
	(void)snprintf(url, sizeof(url), "smtp://127.0.0.1:%s", argv[2]);
	if (envoi_server_parse(url, &server, &err) != 0
		|| envoi_queue_open(argv[1], &options, &queue, &err) != 0
		|| store(argc - 4, argv + 4, argv[3], &entry, &err) != 0) {
		return broken(&err);
	}
	relay.session.helo = "test.example.org";
	memcpy(id, envoi_entry_id(entry), sizeof(id));
	const struct envoi_runner runner = {
		.queue = queue, .route = route, .done = done, .warn = warn};
	if (envoi_runner_deliver(&runner, entry, &report, &err) != 0) {
		return broken(&err);
	}
	printf("delivered %zu deferred %zu failed %zu busy %zu status %d later %s\n",
		report.delivered, report.deferred, report.failed, report.busy,
		(int)report.status, report.next == INT64_MAX ? "no" : "yes");
	int result = envoi_queue_claim(queue, ENVOI_QUEUE_MAIL, id, &entry, &err);
	printf("then %s\n", result == ENVOI_QUEUE_GOT	 ? "it waits"
			    : result == ENVOI_QUEUE_GONE ? "it is gone"
							 : "it is stuck");
	if (result == ENVOI_QUEUE_GOT) {
		envoi_entry_free(entry);
	}
	envoi_queue_close(queue);
	envoi_server_finish(&server);
	return 0;
}
