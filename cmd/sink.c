/*
 * envoi sink: options in, lines on stdout and stderr, exit status out. What it
 * does is in <envoi/sink.h>.
 */
#include "commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <envoi/address.h>
#include <envoi/error.h>
#include <envoi/session.h>
#include <envoi/sink.h>

#include "options.h"
#include "ui.h"

/* Options that have no letter. */
enum {
	OPT_LISTEN = OPT_FIRST,
	OPT_PORT_FILE,
	OPT_LMTP,
	OPT_HOSTNAME,
	OPT_MAILDIR,
	OPT_MBOX,
	OPT_DISCARD,
	OPT_CRLF,
	OPT_RAW,
	OPT_TLS_CERT,
	OPT_TLS_KEY,
	OPT_CERT_FILE,
	OPT_TLS_IMPLICIT,
	OPT_NO_TLS,
	OPT_WITHOUT,
	OPT_SIZE,
	OPT_MAX_CONNECTIONS,
	OPT_MAX_RECIPIENTS,
	OPT_ONCE,
	OPT_MESSAGES,
};

static const struct cmd_option table[] = {
	{OPT_LISTEN, "listen", "HOST:PORT|unix:PATH",
		"where to listen (127.0.0.1:2525); port 0: a free one"},
	{OPT_PORT_FILE, "port-file", "FILE", "write the port there"},
	{OPT_LMTP, "lmtp", NULL, "LMTP in place of SMTP"},
	{OPT_HOSTNAME, "hostname", "NAME", "name in the greeting (localhost)"},
	{OPT_MAILDIR, "maildir", "DIR", "store messages in a Maildir, made if need be"},
	{OPT_MBOX, "mbox", "FILE", "append messages to an mbox"},
	{OPT_DISCARD, "discard", NULL, "store nothing (the default)"},
	{OPT_CRLF, "crlf", NULL, "Maildir: keep CRLF line ends"},
	{OPT_RAW, "raw", NULL, "Maildir: the octets received and nothing else"},
	{OPT_TLS_CERT, "tls-cert", "FILE", "certificate, PEM (else one is made)"},
	{OPT_TLS_KEY, "tls-key", "FILE", "its key, when not in the same file"},
	{OPT_CERT_FILE, "cert-file", "FILE", "write the certificate there, for --tls-ca"},
	{OPT_TLS_IMPLICIT, "tls-implicit", NULL, "TLS from the first byte"},
	{OPT_NO_TLS, "no-tls", NULL, "no TLS at all"},
	{OPT_WITHOUT, "without", "EXT[,EXT]", "do not offer these extensions"},
	{OPT_SIZE, "size", "N[K|M|G]", "largest message in octets (64M); 0: no limit"},
	{OPT_MAX_CONNECTIONS, "max-connections", "N", "connections at once (64)"},
	{OPT_MAX_RECIPIENTS, "max-recipients", "N", "recipients of a message (1000)"},
	{OPT_ONCE, "once", NULL, "end after the first connection"},
	{OPT_MESSAGES, "messages", "N", "end after N messages"},
	{'v', "verbose", NULL, "transcript on stderr"},
	{'q', "quiet", NULL, "nothing on stdout"},
	{OPT_HELP, "help", NULL, "this text"},
	{0},
};

static void print_usage(void)
{
	puts("usage: envoi sink [OPTION]...\n\n"
	     "Takes mail over SMTP or LMTP on this machine, for trying things out: into "
	     "a\n"
	     "Maildir, an mbox or nowhere. It never passes mail on.\n");
	opt_print(table);
}

struct request {
	struct envoi_sink_options options;
	const char *port_file;
	bool discard;
	bool quiet;
};

/* Octets: digits, and K, M or G behind them. */
static int read_size(const char *text, uint64_t *ret_size, struct envoi_error *err)
{
	static const char units[] = "KMG";
	size_t digits = strspn(text, "0123456789");
	const char *unit = text[digits] == '\0' ? NULL : strchr(units, text[digits]);
	int shift = unit == NULL ? 0 : 10 * (int)(unit - units + 1);
	bool sound = digits > 0 && digits < 19 && text[digits + (unit != NULL)] == '\0';
	uint64_t size = sound ? strtoull(text, NULL, 10) : 0;
	if (!sound || size > (uint64_t)INT64_MAX >> shift) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--size: \"%s\" is no number of octets, alone or with K, M or G",
			text);
	}
	*ret_size = size << shift;
	return 0;
}

static int read_extensions(const char *text, uint32_t *bits, struct envoi_error *err)
{
	for (const char *at = text;; at++) {
		size_t n = strcspn(at, ",");
		uint32_t bit = envoi_extension_find(at, n);
		if (bit == 0) {
			return envoi_error_set(err, ENVOI_STATUS_USAGE,
				"--without: no such extension: \"%.*s\"", (int)n, at);
		}
		*bits |= bit;
		at += n;
		if (*at == '\0') {
			return 0;
		}
	}
}

static int set_limit(
	struct request *request, int id, const char *value, struct envoi_error *err)
{
	struct envoi_sink_options *options = &request->options;
	unsigned long number = 0;
	switch (id) {
	case OPT_MAX_CONNECTIONS:
		if (opt_number(value, "--max-connections", 1, 10000, &number, err) != 0) {
			return -1;
		}
		options->max_connections = number;
		return 0;
	case OPT_MAX_RECIPIENTS:
		if (opt_number(value, "--max-recipients", 1, 100000, &number, err) != 0) {
			return -1;
		}
		options->max_recipients = number;
		return 0;
	default:
		if (opt_number(value, "--messages", 1, 1000000000, &number, err) != 0) {
			return -1;
		}
		options->messages = number;
		return 0;
	}
}

/* Where mail goes, and in which form: 1 where it is no such option. */
static int set_store(struct request *request, int id, const char *value)
{
	struct envoi_sink_options *options = &request->options;
	switch (id) {
	case OPT_MAILDIR:
		options->maildir = value;
		return 0;
	case OPT_MBOX:
		options->mbox = value;
		return 0;
	case OPT_DISCARD:
		request->discard = true;
		return 0;
	case OPT_RAW:
		options->raw = true;
		return 0;
	case OPT_CRLF:
		options->crlf = true;
		return 0;
	default:
		return 1;
	}
}

static int set_option(void *context, int id, const char *value, struct envoi_error *err)
{
	struct request *request = context;
	struct envoi_sink_options *options = &request->options;
	if (set_store(request, id, value) == 0) {
		return 0;
	}
	switch (id) {
	case OPT_LISTEN:
		options->listen = value;
		return 0;
	case OPT_LMTP:
		options->lmtp = true;
		return 0;
	case OPT_TLS_CERT:
		options->certificate = value;
		return 0;
	case OPT_TLS_KEY:
		options->key = value;
		return 0;
	case OPT_CERT_FILE:
		options->certificate_out = value;
		return 0;
	case OPT_NO_TLS:
		options->tls = ENVOI_SINK_TLS_OFF;
		return 0;
	case OPT_TLS_IMPLICIT:
		options->tls = ENVOI_SINK_TLS_IMPLICIT;
		return 0;
	case OPT_WITHOUT:
		return read_extensions(value, &options->without, err);
	case OPT_HOSTNAME:
		options->hostname = value;
		return 0;
	case OPT_PORT_FILE:
		request->port_file = value;
		return 0;
	case OPT_ONCE:
		options->once = true;
		return 0;
	case 'v':
		options->trace = true;
		return 0;
	case 'q':
		request->quiet = true;
		return 0;
	case OPT_SIZE:
		return read_size(value, &options->max_size, err);
	default:
		return set_limit(request, id, value, err);
	}
}

/* What each option allows alone may make no sense together. */
static int check(const struct request *request, struct envoi_error *err)
{
	const struct envoi_sink_options *options = &request->options;
	const char *wrong = NULL;
	if ((options->maildir != NULL) + (options->mbox != NULL) + request->discard > 1) {
		wrong = "--maildir, --mbox and --discard exclude each other";
	} else if ((options->raw || options->crlf) && options->maildir == NULL) {
		wrong = "--raw and --crlf need --maildir";
	} else if (options->tls == ENVOI_SINK_TLS_OFF
		   && (options->certificate != NULL || options->key != NULL
			   || options->certificate_out != NULL)) {
		wrong = "--no-tls excludes --tls-cert, --tls-key and --cert-file";
	} else if (options->key != NULL && options->certificate == NULL) {
		wrong = "--tls-key needs --tls-cert";
	} else if (request->port_file != NULL
		   && strncmp(options->listen, "unix:", 5) == 0) {
		wrong = "--port-file: a unix socket has no port";
	} else if (!envoi_address_is_helo(options->hostname)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--hostname: \"%s\" is not a host name", options->hostname);
	}
	return wrong == NULL ? 0 : envoi_error_set(err, ENVOI_STATUS_USAGE, "%s", wrong);
}

/* 1: help was printed. */
static int read_options(
	struct request *request, struct cmd_parser *parser, struct envoi_error *err)
{
	int result = opt_read(parser, set_option, request, print_usage, err);
	if (result != 0) {
		return result;
	}
	if (parser->operand < parser->argc) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"envoi sink takes no arguments: \"%s\"",
			parser->argv[parser->operand]);
	}
	return check(request, err);
}

/* Replaced as a whole, so that whoever waits for it never reads half. */
static int write_port_file(const char *path, unsigned short port, struct envoi_error *err)
{
	char temporary[4096];
	int n = snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
	if (n < 0 || (size_t)n >= sizeof(temporary)) {
		return envoi_error_set(err, ENVOI_STATUS_CANTCREATE,
			"cannot create \"%s\": name too long", path);
	}
	FILE *file = fopen(temporary, "w");
	if (file == NULL) {
		return envoi_error_sys(err, ENVOI_STATUS_CANTCREATE, errno,
			"cannot create \"%s\"", path);
	}
	bool written = fprintf(file, "%u\n", (unsigned)port) > 0;
	written = fclose(file) == 0 && written;
	if (!written || rename(temporary, path) != 0) {
		(void)envoi_error_sys(
			err, ENVOI_STATUS_IO, errno, "cannot write \"%s\"", path);
		(void)unlink(temporary);
		return -1;
	}
	return 0;
}

static bool flush(struct cmd_ui *ui)
{
	ui->lost_output = ui->lost_output || fflush(stdout) != 0 || ferror(stdout) != 0;
	return !ui->lost_output;
}

static bool announce(struct cmd_ui *ui, const struct envoi_sink *sink, bool quiet)
{
	if (!envoi_sink_is_local(sink)) {
		struct envoi_error warning;
		(void)envoi_error_set(&warning, ENVOI_STATUS_OK,
			"warning: %s is reachable from other machines: anybody there may "
			"send "
			"mail here",
			envoi_sink_label(sink));
		ui_error(&warning);
	}
	if (!quiet) {
		printf("listening on %s\n", envoi_sink_label(sink));
	}
	return flush(ui);
}

static bool print_received(struct cmd_ui *ui, const struct envoi_sink_report *report)
{
	printf("received  %" PRIu64 "  from <%s>  %zu recipient%s  %" PRIu64
	       " octets  %s\n",
		report->number, report->sender, report->recipients,
		report->recipients == 1 ? "" : "s", report->octets, report->text);
	return flush(ui);
}

/* Until it ends, or nobody hears what it says. */
static enum envoi_status serve(struct cmd_ui *ui, struct envoi_sink *sink, bool quiet)
{
	struct envoi_sink_report report;
	enum envoi_status status = ENVOI_STATUS_OK;
	bool heard = announce(ui, sink, quiet);
	while (heard
		&& envoi_sink_next(sink, ui->stop_pipe[0], &report) != ENVOI_SINK_ENDED) {
		switch (report.event) {
		case ENVOI_SINK_RECEIVED:
			heard = quiet || print_received(ui, &report);
			break;
		case ENVOI_SINK_LINE:
			fprintf(stderr, "%.3f [%" PRIu64 "] %c %s\n",
				(double)report.time_us / 1e6, report.number, report.mark,
				report.text);
			break;
		case ENVOI_SINK_TROUBLE:
			/* The client was told to try again; it is to be seen here too. */
			ui_error(report.error);
			status = envoi_status_worse(status, report.error->status);
			break;
		case ENVOI_SINK_ENDED:
			break;
		}
	}
	return status;
}

static enum envoi_status run(struct cmd_ui *ui, const struct request *request)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_status status;
	ui_watch_signals(ui);
	struct envoi_sink *sink = envoi_sink_open(&request->options, &err);
	if (sink == NULL
		|| (request->port_file != NULL
			&& write_port_file(
				   request->port_file, envoi_sink_port(sink), &err)
				   != 0)) {
		ui_error(&err);
		status = err.status;
	} else {
		status = serve(ui, sink, request->quiet);
	}
	envoi_sink_free(sink);
	return status;
}

int cmd_sink(int argc, char **argv)
{
	struct request request = {0};
	struct cmd_parser parser;
	struct cmd_ui ui;
	struct envoi_error err = ENVOI_ERROR_NONE;
	enum envoi_status status = ENVOI_STATUS_OK;
	ui_init(&ui);
	envoi_sink_options_init(&request.options);
	int result = opt_init(&parser, table, argc, argv, &err);
	if (result == 0) {
		result = read_options(&request, &parser, &err);
	}
	if (result < 0) {
		ui_error(&err);
		status = err.status;
	} else if (result == 0) {
		status = run(&ui, &request);
	}
	status = ui_close(&ui, status);
	opt_finish(&parser);
	ui_finish(&ui);
	return (int)status;
}
