/*
 * The log of a run. A message may be told before its session has ended, or
 * long after (messages are told in order): what came first is kept until the
 * other is there. One that no session had, or whose session is never told, is
 * written at the end.
 */
#include "submit/log_internal.h"

#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "base/limits.h"

/* One line: as long as its recipients and replies are. */
#define LINE_MAX_OCTETS ((size_t)1 << 19)

struct held {
	struct held *next;
	long session;
	enum envoi_status status;
	time_t when;
	size_t length;
	char text[];
};

struct ended {
	struct ended *next;
	size_t index;
	bool established;
	char *server;
	char *close;
};

struct envoi_log {
	char *account;
	char *file;
	char *time_format;
	char *ident;
	/** -1: none. */
	int facility;
	/** In the order they came. */
	struct held *held;
	struct held **held_tail;
	size_t held_octets;
	/** The last one first. */
	struct ended *ended;
};

static int no_memory(struct envoi_error *err)
{
	return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
}

static int copy(char **ret, const char *string)
{
	*ret = string != NULL ? envoi_span_dup(envoi_span_of(string)) : NULL;
	return string != NULL && *ret == NULL ? -1 : 0;
}

int envoi_log_new(const struct envoi_log_options *options, struct envoi_log **ret_log,
	struct envoi_error *err)
{
	int facility = -1;
	if (options->facility != NULL) {
		facility = envoi_log_facility(options->facility);
		if (facility < 0) {
			return envoi_error_set(err, ENVOI_STATUS_CONFIG,
				"there is no syslog facility '%s'", options->facility);
		}
	}
	struct envoi_log *log = calloc(1, sizeof(*log));
	if (log == NULL) {
		return no_memory(err);
	}
	log->held_tail = &log->held;
	log->facility = facility;
	const char *format = options->time_format;
	const char *ident = options->ident;
	if (copy(&log->account, options->account) != 0
		|| copy(&log->ident, ident != NULL ? ident : "envoi") != 0
		|| copy(&log->file, options->file) != 0
		|| copy(&log->time_format, format != NULL ? format : "%b %d %H:%M:%S")
			   != 0) {
		envoi_log_free(log);
		return no_memory(err);
	}
	*ret_log = log;
	return 0;
}

void envoi_log_free(struct envoi_log *log)
{
	if (log == NULL) {
		return;
	}
	while (log->held != NULL) {
		struct held *held = log->held;
		log->held = held->next;
		free(held);
	}
	while (log->ended != NULL) {
		struct ended *ended = log->ended;
		log->ended = ended->next;
		free(ended->server);
		free(ended->close);
		free(ended);
	}
	free(log->account);
	free(log->file);
	free(log->time_format);
	free(log->ident);
	free(log);
}

int envoi_log_check(const struct envoi_log *log, struct envoi_error *err)
{
	if (log->file == NULL || strcmp(log->file, "-") == 0) {
		return 0;
	}
	/* Closing it is no harm: no lock is held now. */
	int fd = envoi_log_open(log->file, err);
	if (fd < 0) {
		return -1;
	}
	(void)close(fd);
	return 0;
}

/* -- writing ----------------------------------------------------------------- */

static int write_line(struct envoi_log *log, const struct held *held,
	const struct ended *session, struct envoi_error *err)
{
	struct envoi_buffer line;
	envoi_buffer_init(&line, LINE_MAX_OCTETS);
	int failed = session != NULL ? envoi_buffer_puts(&line, session->server)
				     : envoi_log_put_server(&line, log->account, NULL);
	failed |= envoi_buffer_puts(&line, " ");
	failed |= envoi_buffer_append(&line, held->text, held->length);
	failed |= session != NULL ? envoi_buffer_puts(&line, session->close) : 0;
	failed |= envoi_log_put_status(&line, held->status);
	const char *text = failed == 0 ? envoi_buffer_string(&line) : NULL;
	int result = 0;
	if (text == NULL) {
		result = no_memory(err);
	} else {
		if (log->facility >= 0) {
			envoi_log_to_syslog(log->ident, log->facility,
				held->status != ENVOI_STATUS_OK, text);
		}
		if (log->file != NULL) {
			result = envoi_log_to_file(
				log->file, log->time_format, held->when, text, err);
		}
	}
	envoi_buffer_finish(&line);
	return result;
}

/* Writes and drops the message *link points to. */
static int release(struct envoi_log *log, struct held **link, const struct ended *session,
	struct envoi_error *err)
{
	struct held *held = *link;
	int result = write_line(log, held, session, err);
	*link = held->next;
	if (*link == NULL) {
		log->held_tail = link;
	}
	log->held_octets -= held->length;
	free(held);
	return result;
}

static const struct ended *find_session(const struct envoi_log *log, long index)
{
	const struct ended *ended = log->ended;
	while (ended != NULL && (index < 0 || ended->index != (size_t)index)) {
		ended = ended->next;
	}
	return ended;
}

/* -- what is told ------------------------------------------------------------ */

static struct held *hold(const struct envoi_message_report *report)
{
	struct envoi_buffer text;
	struct held *held = NULL;
	envoi_buffer_init(&text, LINE_MAX_OCTETS);
	if (envoi_log_put_message(&text, report) == 0) {
		held = malloc(sizeof(*held) + text.len);
	}
	if (held != NULL) {
		*held = (struct held){
			.session = report->session,
			.status = envoi_log_status(report),
			.when = time(NULL),
			.length = text.len,
		};
		memcpy(held->text, envoi_buffer_span(&text).data, text.len);
	}
	envoi_buffer_finish(&text);
	return held;
}

int envoi_log_message(struct envoi_log *log, const struct envoi_message_report *report,
	struct envoi_error *err)
{
	struct held *held = hold(report);
	if (held == NULL) {
		return no_memory(err);
	}
	*log->held_tail = held;
	struct held **link = log->held_tail;
	log->held_tail = &held->next;
	log->held_octets += held->length;
	const struct ended *session = find_session(log, held->session);
	if (session != NULL) {
		return release(log, link, session, err);
	}
	/* A long session: better without its close than not at all. */
	int result = 0;
	while (result == 0 && log->held_octets > ENVOI_LIMIT_LOG_HELD) {
		result = release(log, &log->held, NULL, err);
	}
	return result;
}

static int remember(struct envoi_log *log, const struct envoi_session_report *report)
{
	struct envoi_buffer server, end;
	struct ended *ended = calloc(1, sizeof(*ended));
	if (ended == NULL) {
		return -1;
	}
	envoi_buffer_init(&server, LINE_MAX_OCTETS);
	envoi_buffer_init(&end, LINE_MAX_OCTETS);
	ended->index = report->index;
	ended->established = report->facts->established;
	if (envoi_log_put_server(&server, log->account, report) == 0
		&& envoi_log_put_close(&end, report) == 0) {
		ended->server = envoi_span_dup(envoi_buffer_span(&server));
		ended->close = envoi_span_dup(envoi_buffer_span(&end));
	}
	envoi_buffer_finish(&server);
	envoi_buffer_finish(&end);
	ended->next = log->ended;
	log->ended = ended;
	if (ended->server != NULL && ended->close != NULL) {
		return 0;
	}
	log->ended = ended->next;
	free(ended->server);
	free(ended->close);
	free(ended);
	return -1;
}

int envoi_log_session(struct envoi_log *log, const struct envoi_session_report *report,
	struct envoi_error *err)
{
	if (remember(log, report) != 0) {
		return no_memory(err);
	}
	struct envoi_error ignored;
	int result = 0;
	struct held **link = &log->held;
	while (*link != NULL) {
		if ((*link)->session != (long)report->index) {
			link = &(*link)->next;
		} else if (release(log, link, log->ended, result == 0 ? err : &ignored)
			   != 0) {
			result = -1;
		}
	}
	return result;
}

int envoi_log_finish(struct envoi_log *log, struct envoi_error *err)
{
	struct envoi_error ignored;
	int result = 0;
	/* Nobody took them: the server that was asked last says why. */
	const struct ended *last = log->ended;
	if (last != NULL && last->established) {
		last = NULL;
	}
	while (log->held != NULL) {
		if (release(log, &log->held, log->held->session < 0 ? last : NULL,
			    result == 0 ? err : &ignored)
			!= 0) {
			result = -1;
		}
	}
	return result;
}
