/*
 * The head of a conversation as a request, as cmd/ would make it.
 */
#include "play_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <envoi/address.h>
#include <envoi/server.h>

#include "text.h"

/* Options that a play in memory has no use for; "=": with an argument. */
static const char *const idle[] = {
	"--tls-ca=",
	"--tls-name=",
	"--tls-pin=",
	"--tls-cert=",
	"--tls-key=",
	"--tls-min=",
	"--tls-insecure",
	"--no-tls-cache",
	"--source=",
	"--transcript=",
	"--report=",
	"-v",
	"-vv",
	"-q",
	"-4",
	"-6",
};

/* Options that make the case one which is not played. */
static const struct {
	const char *option, *unfit;
} strange[] = {
	{"-s", "a server of another kind"},
	{"--sessions", "several connections at once"},
	{"--dry-run", "no connection"},
	{"-", "standard input"},
	{"--auth", "a login"},
	{"--user", "a login"},
	{"--password-fd", "a login"},
	{"--password-file", "a login"},
	{"--password-command", "a login"},
};

static const char *read_timeout(struct envoi_session_options *session, const char *text)
{
	const char *equals = strchr(text, '=');
	double seconds = strtod(equals != NULL ? equals + 1 : text, NULL);
	for (int phase = 0; phase < ENVOI_PHASE_COUNT; phase++) {
		const char *name = envoi_phase_name((enum envoi_phase)phase);
		bool named = equals != NULL && strlen(name) == (size_t)(equals - text)
			     && strncmp(name, text, strlen(name)) == 0;
		if (named || (equals == NULL && phase != ENVOI_PHASE_TOTAL)) {
			session->timeout_us[phase] = (int64_t)(seconds * 1e6);
		}
		if (named && phase == ENVOI_PHASE_TOTAL) {
			return "a limit of time for all";
		}
	}
	return NULL;
}

static void read_without(struct envoi_request *request, const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, ",");
		request->without |= envoi_extension_find(text, n);
		text += text[n] == ',' ? n + 1 : n;
	}
}

static void read_notify(struct envoi_request *request, const char *text)
{
	static const struct {
		const char *word;
		unsigned bit;
	} words[] = {
		{"never", ENVOI_NOTIFY_NEVER},
		{"success", ENVOI_NOTIFY_SUCCESS},
		{"failure", ENVOI_NOTIFY_FAILURE},
		{"delay", ENVOI_NOTIFY_DELAY},
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		request->dsn.notify |=
			strstr(text, words[i].word) != NULL ? words[i].bit : 0;
	}
}

static void read_tls(struct order *order, const char *text)
{
	static const char *const names[] = {
		"off", "opportunistic", "starttls", "implicit"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], text) == 0) {
			order->tls = (int)i;
		}
	}
}

/* "@SECONDS" or "+HOURSh". */
static int64_t read_time(const char *text)
{
	int64_t n = strtoll(text + 1, NULL, 10);
	return text[0] == '@' ? n : (int64_t)time(NULL) + n * 3600;
}

static bool is_idle(const char *option, bool *ret_argument)
{
	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
		size_t n = strcspn(idle[i], "=");
		if (strlen(option) == n && strncmp(option, idle[i], n) == 0) {
			*ret_argument = idle[i][n] == '=';
			return true;
		}
	}
	return false;
}

static const char *read_args(
	struct order *order, const struct conversation *c, size_t *count)
{
	struct envoi_request *request = &order->request;
	for (size_t i = 0; i < c->arg_count; i++) {
		const char *arg = c->args[i];
		const char *next = i + 1 < c->arg_count ? c->args[i + 1] : "";
		bool takes = true;
		const char *why = NULL;
		for (size_t j = 0; j < sizeof(strange) / sizeof(strange[0]); j++) {
			if (strcmp(arg, strange[j].option) == 0) {
				return strange[j].unfit;
			}
		}
		if (strcmp(arg, "--timeout") == 0) {
			why = read_timeout(&order->relay.session, next);
		} else if (strcmp(arg, "--without") == 0) {
			read_without(request, next);
		} else if (strcmp(arg, "--tls") == 0) {
			read_tls(order, next);
		} else if (strcmp(arg, "--all-or-nothing") == 0) {
			request->all_or_nothing = true;
			takes = false;
		} else if (strcmp(arg, "--dsn-notify") == 0) {
			read_notify(request, next);
		} else if (strcmp(arg, "--dsn-ret") == 0) {
			request->dsn.ret = strcmp(next, "full") == 0 ? "FULL" : "HDRS";
		} else if (strcmp(arg, "--dsn-envid") == 0) {
			request->dsn.envid = next;
		} else if (strcmp(arg, "--at") == 0) {
			request->hold_until = read_time(next);
		} else if (strcmp(arg, "--expire") == 0) {
			request->deliver_by = read_time(next);
		} else if (strcmp(arg, "-t") == 0) {
			request->read_recipients = true;
			takes = false;
		} else if (strcmp(arg, "--no-queue") == 0) {
			takes = false;
		} else if (strcmp(arg, "--mbox") == 0) {
			request->mbox = ENVOI_MBOX_RD;
			takes = false;
		} else if (arg[0] != '-') {
			order->sources[(*count)++] = arg;
			takes = false;
		} else if (!is_idle(arg, &takes)) {
			why = "an option not known here";
		}
		if (why != NULL) {
			return why;
		}
		i += takes ? 1 : 0;
	}
	return NULL;
}

/* As cmd/ does it: what is refused there is refused here. */
static const char *read_addresses(struct order *order, const struct conversation *c)
{
	struct envoi_request *request = &order->request;
	struct envoi_error err;
	if (envoi_address_parse(c->sender, strlen(c->sender), true, &order->sender, &err)
		!= 0) {
		return "a wrong command line";
	}
	request->sender = order->sender;
	order->addresses = text_alloc(c->recipient_count + 1, sizeof(char *));
	order->recipients = text_alloc(c->recipient_count + 1, sizeof(char *));
	for (size_t i = 0; i < c->recipient_count; i++) {
		if (envoi_address_parse(c->recipients[i], strlen(c->recipients[i]), false,
			    &order->addresses[i], &err)
			!= 0) {
			return "a wrong command line";
		}
		order->recipients[i] = order->addresses[i];
	}
	request->recipients = order->recipients;
	request->recipient_count = c->recipient_count;
	return envoi_request_deduplicate(request) == 0 ? NULL : "no memory";
}

const char *order_make(struct order *order, const struct conversation *c)
{
	struct envoi_request *request = &order->request;
	*order = (struct order){.request = {.sessions = 1, .stop_fd = -1}, .tls = -1};
	static const struct envoi_repair rules, raw_rules = {.raw = true};
	struct envoi_error err;
	bool named = envoi_address_helo(c->helo, &order->helo, &err) == 0;
	order->relay.session.helo = order->helo;
	request->raw = !c->repair;
	request->repair = c->repair ? &rules : NULL;
	order->sources = text_alloc(c->arg_count + c->source_count + 1, sizeof(char *));
	size_t count = 0;
	const char *why = named ? read_args(order, c, &count) : "a wrong command line";
	if (request->raw && request->read_recipients) {
		/* Without Bcc all the same. */
		request->repair = &raw_rules;
	}
	for (size_t i = 0; i < c->source_count; i++) {
		order->sources[count++] = c->sources[i];
	}
	request->sources = order->sources;
	request->source_count = count;
	why = why != NULL ? why : read_addresses(order, c);
	order->servers = text_alloc(c->server_count, sizeof(*order->servers));
	for (size_t i = 0; i < c->server_count && why == NULL; i++) {
		if (envoi_server_parse(c->servers[i].url, &order->servers[i], &err)
			!= 0) {
			why = "a wrong command line";
		} else if (order->tls >= 0) {
			order->servers[i].tls = (enum envoi_tls_policy)order->tls;
		}
	}
	order->relay.servers = order->servers;
	order->relay.server_count = c->server_count;
	request->relays = &order->relay;
	request->relay_count = 1;
	return why;
}

void order_finish(struct order *order)
{
	for (size_t i = 0; i < order->relay.server_count; i++) {
		envoi_server_finish(&order->servers[i]);
	}
	for (size_t i = 0; order->addresses != NULL && order->addresses[i] != NULL; i++) {
		free(order->addresses[i]);
	}
	free(order->servers);
	free(order->sender);
	free(order->helo);
	free(order->addresses);
	free(order->recipients);
	free(order->sources);
	*order = (struct order){0};
}
