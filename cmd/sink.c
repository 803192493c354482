/*
 * envoi sink: options in, lines on stdout and stderr, exit status out. What it
 * does is in <envoi/sink.h>.
 */
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <envoi/address.h>
#include <envoi/error.h>
#include <envoi/session.h>
#include <envoi/sink.h>

/* Options that have no letter. */
enum {
	OPT_LISTEN = 256,
	OPT_LMTP,
	OPT_MAILDIR,
	OPT_MBOX,
	OPT_DISCARD,
	OPT_RAW,
	OPT_CRLF,
	OPT_TLS_CERT,
	OPT_TLS_KEY,
	OPT_CERT_FILE,
	OPT_NO_TLS,
	OPT_TLS_IMPLICIT,
	OPT_WITHOUT,
	OPT_SIZE,
	OPT_MAX_CONNECTIONS,
	OPT_MAX_RECIPIENTS,
	OPT_HOSTNAME,
	OPT_PORT_FILE,
	OPT_ONCE,
	OPT_MESSAGES,
};

static const struct option long_options[] = {
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"lmtp", no_argument, NULL, OPT_LMTP},
	{"maildir", required_argument, NULL, OPT_MAILDIR},
	{"mbox", required_argument, NULL, OPT_MBOX},
	{"discard", no_argument, NULL, OPT_DISCARD},
	{"raw", no_argument, NULL, OPT_RAW},
	{"crlf", no_argument, NULL, OPT_CRLF},
	{"tls-cert", required_argument, NULL, OPT_TLS_CERT},
	{"tls-key", required_argument, NULL, OPT_TLS_KEY},
	{"cert-file", required_argument, NULL, OPT_CERT_FILE},
	{"no-tls", no_argument, NULL, OPT_NO_TLS},
	{"tls-implicit", no_argument, NULL, OPT_TLS_IMPLICIT},
	{"without", required_argument, NULL, OPT_WITHOUT},
	{"size", required_argument, NULL, OPT_SIZE},
	{"max-connections", required_argument, NULL, OPT_MAX_CONNECTIONS},
	{"max-recipients", required_argument, NULL, OPT_MAX_RECIPIENTS},
	{"hostname", required_argument, NULL, OPT_HOSTNAME},
	{"port-file", required_argument, NULL, OPT_PORT_FILE},
	{"once", no_argument, NULL, OPT_ONCE},
	{"messages", required_argument, NULL, OPT_MESSAGES},
	{"verbose", no_argument, NULL, 'v'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const char usage[] =
	"usage: envoi sink [OPTION]...\n"
	"Takes mail over SMTP or LMTP on this machine; never passes it on.\n"
	"\n"
	"  --listen HOST:PORT|unix:PATH  where (127.0.0.1:2525); port 0: a free one\n"
	"  --port-file FILE       write the port there\n"
	"  --lmtp                 LMTP in place of SMTP\n"
	"  --hostname NAME        name in the greeting (localhost)\n"
	"  --maildir DIR          store messages in a Maildir, made if need be\n"
	"  --mbox FILE            append messages to an mbox\n"
	"  --discard              store nothing (the default)\n"
	"  --crlf                 Maildir: keep CRLF line ends\n"
	"  --raw                  Maildir: the octets received and nothing else\n"
	"  --tls-cert FILE --tls-key FILE  certificate and key, PEM (else made)\n"
	"  --cert-file FILE       write the certificate there, for --tls-ca\n"
	"  --tls-implicit         TLS from the first byte\n"
	"  --no-tls               no TLS at all\n"
	"  --without EXT[,EXT]    do not offer these extensions\n"
	"  --size N[K|M|G]        largest message in octets (64M); 0: no limit\n"
	"  --max-connections N    connections at once (64)\n"
	"  --max-recipients N     recipients of a message (1000)\n"
	"  --once                 end after the first connection\n"
	"  --messages N           end after N messages\n"
	"  -v, --verbose          transcript on stderr\n"
	"  -q, --quiet            nothing on stdout\n"
	"  -h, --help             this text\n";

struct request {
	struct envoi_sink_options options;
	const char *port_file;
	bool discard;
	bool quiet;
	bool help;
};

/* Written to by the signal handler, polled by the sink. */
static int stop_pipe[2] = {-1, -1};

static void on_signal(int signal)
{
	int saved = errno;
	(void)signal;
	ssize_t n = write(stop_pipe[1], "x", 1);
	(void)n;
	errno = saved;
}

static int fail(const struct envoi_error *err)
{
	(void)fprintf(stderr, "envoi: %s\n", err->text);
	if (err->hint[0] != '\0') {
		(void)fprintf(stderr, "hint: %s\n", err->hint);
	}
	return err->status;
}

/* Digits, and K, M or G behind them where suffix allows; at least min. */
static int read_number(const char *option, const char *text, bool suffix, uint64_t min,
	uint64_t max, uint64_t *ret_number, struct envoi_error *err)
{
	static const char units[] = "KMG";
	char *end = NULL;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	bool sound = text[0] >= '0' && text[0] <= '9' && errno == 0;
	if (sound && suffix && *end != '\0') {
		const char *unit = strchr(units, *end);
		if (unit != NULL) {
			int shift = 10 * (int)(unit - units + 1);
			sound = number <= UINT64_MAX >> shift;
			number <<= shift;
			end++;
		}
	}
	if (!sound || *end != '\0' || number < min || number > max) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"%s: '%s' is not a number from %" PRIu64 " to %" PRIu64 "%s", option, text,
			min, max, suffix ? ", with K, M or G behind" : "");
	}
	*ret_number = number;
	return 0;
}

static int read_extensions(const char *text, uint32_t *bits, struct envoi_error *err)
{
	for (const char *at = text;; at++) {
		size_t n = strcspn(at, ",");
		uint32_t bit = envoi_extension_find(at, n);
		if (bit == 0) {
			return envoi_error_set(err, ENVOI_STATUS_USAGE,
				"--without: '%.*s' is no known extension", (int)n, at);
		}
		*bits |= bit;
		at += n;
		if (*at == '\0') {
			return 0;
		}
	}
}

static int set_limit(struct request *request, int option, const char *value,
	struct envoi_error *err)
{
	struct envoi_sink_options *options = &request->options;
	uint64_t number = 0;
	switch (option) {
	case OPT_SIZE:
		return read_number(
			"--size", value, true, 0, INT64_MAX, &options->max_size, err);
	case OPT_MESSAGES:
		return read_number(
			"--messages", value, false, 1, INT64_MAX, &options->messages, err);
	case OPT_MAX_CONNECTIONS:
		if (read_number("--max-connections", value, false, 1, 10000, &number, err) != 0) {
			return -1;
		}
		options->max_connections = (size_t)number;
		return 0;
	default:
		if (read_number("--max-recipients", value, false, 1, 100000, &number, err) != 0) {
			return -1;
		}
		options->max_recipients = (size_t)number;
		return 0;
	}
}

/* One option; 1: getopt_long(3) has said what is wrong. */
static int set_option(struct request *request, int option, const char *value,
	struct envoi_error *err)
{
	struct envoi_sink_options *options = &request->options;
	switch (option) {
	case OPT_LISTEN:
		options->listen = value;
		return 0;
	case OPT_LMTP:
		options->lmtp = true;
		return 0;
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
	case 'h':
		request->help = true;
		return 0;
	case OPT_SIZE:
	case OPT_MESSAGES:
	case OPT_MAX_CONNECTIONS:
	case OPT_MAX_RECIPIENTS:
		return set_limit(request, option, value, err);
	default:
		return 1;
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
	} else if (request->port_file != NULL && strncmp(options->listen, "unix:", 5) == 0) {
		wrong = "--port-file: a unix socket has no port";
	} else if (!envoi_address_is_helo(options->hostname)) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--hostname: '%s' is not a host name", options->hostname);
	}
	return wrong == NULL ? 0 : envoi_error_set(err, ENVOI_STATUS_USAGE, "%s", wrong);
}

/* 0, or -1 with err; its text is "" when getopt_long(3) has spoken. */
static int read_options(struct request *request, int argc, char **argv, struct envoi_error *err)
{
	static char name[] = "envoi";
	int option;
	/* It says "envoi: ..." in front of its own words. */
	argv[0] = name;
	while ((option = getopt_long(argc, argv, "vqh", long_options, NULL)) != -1) {
		int failed = set_option(request, option, optarg, err);
		if (failed > 0) {
			*err = (struct envoi_error){.status = ENVOI_STATUS_USAGE};
		}
		if (failed != 0) {
			return -1;
		}
	}
	if (optind < argc) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE, "'%s' is not wanted: envoi sink "
			"takes no arguments", argv[optind]);
	}
	return request->help ? 0 : check(request, err);
}

/* Replaced as a whole, so that whoever waits for it never reads half. */
static int write_port_file(const char *path, unsigned short port, struct envoi_error *err)
{
	char temporary[4096];
	int n = snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
	if (n < 0 || (size_t)n >= sizeof(temporary)) {
		return envoi_error_set(
			err, ENVOI_STATUS_CANTCREATE, "cannot create '%s': name too long", path);
	}
	FILE *file = fopen(temporary, "w");
	if (file == NULL) {
		return envoi_error_sys(
			err, ENVOI_STATUS_CANTCREATE, errno, "cannot create '%s'", path);
	}
	bool written = fprintf(file, "%u\n", (unsigned)port) > 0;
	written = fclose(file) == 0 && written;
	if (!written || rename(temporary, path) != 0) {
		(void)envoi_error_sys(err, ENVOI_STATUS_IO, errno, "cannot write '%s'", path);
		(void)unlink(temporary);
		return -1;
	}
	return 0;
}

static int watch_signals(struct envoi_error *err)
{
	struct sigaction stop = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	if (pipe(stop_pipe) != 0) {
		return envoi_error_sys(err, ENVOI_STATUS_SYSTEM, errno, "cannot start");
	}
	for (size_t i = 0; i < 2; i++) {
		(void)fcntl(stop_pipe[i], F_SETFD, FD_CLOEXEC);
		(void)fcntl(stop_pipe[i], F_SETFL, O_NONBLOCK);
	}
	(void)sigaction(SIGINT, &stop, NULL);
	(void)sigaction(SIGTERM, &stop, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	return 0;
}

static int flush_stdout(struct envoi_error *err)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		return envoi_error_sys(
			err, ENVOI_STATUS_IO, errno, "cannot write to standard output");
	}
	return 0;
}

static int print_received(const struct envoi_sink_report *report, struct envoi_error *err)
{
	(void)printf("received  %" PRIu64 "  from <%s>  %zu recipient%s  %" PRIu64 " octets  %s\n",
		report->number, report->sender, report->recipients,
		report->recipients == 1 ? "" : "s", report->octets, report->text);
	return flush_stdout(err);
}

/* Until it ends; the exit status. */
static int serve(struct envoi_sink *sink, bool quiet)
{
	struct envoi_sink_report report;
	struct envoi_error err = ENVOI_ERROR_NONE;
	int status = ENVOI_STATUS_OK;
	while (envoi_sink_next(sink, stop_pipe[0], &report) != ENVOI_SINK_ENDED) {
		switch (report.event) {
		case ENVOI_SINK_RECEIVED:
			if (!quiet && print_received(&report, &err) != 0) {
				return fail(&err);
			}
			break;
		case ENVOI_SINK_LINE:
			(void)fprintf(stderr, "%.3f [%" PRIu64 "] %c %s\n",
				(double)report.time_us / 1e6, report.number, report.mark,
				report.text);
			break;
		case ENVOI_SINK_TROUBLE:
			/* The clients were told; what is left to do is to say so. */
			status = fail(&report.error);
			break;
		case ENVOI_SINK_ENDED:
			break;
		}
	}
	return status;
}

static int announce(struct envoi_sink *sink, const struct request *request,
	struct envoi_error *err)
{
	if (request->port_file != NULL
		&& write_port_file(request->port_file, envoi_sink_port(sink), err) != 0) {
		return -1;
	}
	if (!envoi_sink_is_local(sink)) {
		(void)fprintf(stderr, "envoi: warning: %s is reachable from other machines: "
			"anybody there may send mail here\n", envoi_sink_label(sink));
	}
	if (request->quiet) {
		return 0;
	}
	(void)printf("listening on %s\n", envoi_sink_label(sink));
	return flush_stdout(err);
}

int cmd_sink(int argc, char **argv)
{
	struct request request = {0};
	struct envoi_error err = ENVOI_ERROR_NONE;
	envoi_sink_options_init(&request.options);
	if (read_options(&request, argc, argv, &err) != 0) {
		if (err.text[0] != '\0') {
			(void)fail(&err);
		}
		return err.status;
	}
	if (request.help) {
		(void)fputs(usage, stdout);
		return flush_stdout(&err) == 0 ? ENVOI_STATUS_OK : fail(&err);
	}
	if (watch_signals(&err) != 0) {
		return fail(&err);
	}
	struct envoi_sink *sink = envoi_sink_open(&request.options, &err);
	if (sink == NULL) {
		return fail(&err);
	}
	int status = announce(sink, &request, &err) == 0 ? serve(sink, request.quiet) : fail(&err);
	envoi_sink_free(sink);
	return status;
}
