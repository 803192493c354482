/*
 * Messages of the queue: as monitors read them in the output of mailq(1) (the
 * layout of Postfix), and as JSON.
 */
#include "submit/report_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "submit/json.h"

static char *finish(struct envoi_buffer *out, int failed, size_t *ret_length)
{
	char *line = NULL;
	if (failed == 0 && envoi_buffer_puts(out, "\n") == 0) {
		*ret_length = out->len;
		line = envoi_span_dup(envoi_buffer_span(out));
	}
	envoi_buffer_finish(out);
	return line;
}

static void init(struct envoi_buffer *out)
{
	envoi_buffer_init(out, 8 * (size_t)ENVOI_LIMIT_ENVELOPE);
}

static const char *place_name(enum envoi_queue_place place)
{
	static const char *const names[] = {"mail", "failed", "corrupt"};
	return names[place];
}

static const char *state_of(
	enum envoi_queue_place place, const struct envoi_entry *entry, bool busy)
{
	if (place == ENVOI_QUEUE_FAILED) {
		return "failed";
	}
	return busy ? "active" : envoi_entry_trials(entry)->held ? "held" : "waiting";
}

/* -- text ------------------------------------------------------------------------ */

static int put_reason(struct envoi_buffer *out, const char *text)
{
	int failed = envoi_buffer_puts(out, "(");
	failed |= envoi_span_show(out, envoi_span_of(text));
	return failed | envoi_buffer_puts(out, ")\n");
}

/* "550 5.1.1 No such user", or words alone. */
static void put_verdict_text(
	char text[static ENVOI_LIMIT_VERDICT_TEXT + 20], const struct envoi_verdict *v)
{
	char code[16] = "";
	if (v->code != 0) {
		(void)snprintf(code, sizeof(code), "%d ", v->code % 1000);
	}
	(void)snprintf(text, ENVOI_LIMIT_VERDICT_TEXT + 20, "%s%s", code, v->text);
}

/* A reason stands before the recipients it is that of. */
static int put_recipients(struct envoi_buffer *out, const struct envoi_entry *entry)
{
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	const struct envoi_verdict *verdicts = envoi_entry_verdicts(entry);
	char last[ENVOI_LIMIT_VERDICT_TEXT + 20], text[ENVOI_LIMIT_VERDICT_TEXT + 20];
	int failed = 0;
	(void)snprintf(last, sizeof(last), "%s", envoi_entry_trials(entry)->why);
	for (size_t i = 0; i < envelope->count; i++) {
		const struct envoi_verdict *v = &verdicts[i];
		if (v->fate == ENVOI_FATE_DELIVERED || v->fate == ENVOI_FATE_TOLD) {
			continue;
		}
		put_verdict_text(text, v);
		if (text[0] != '\0' && strcmp(text, last) != 0) {
			failed |= put_reason(out, text);
			memcpy(last, text, sizeof(last));
		}
		failed |= envoi_buffer_printf(
			out, "%56s%s\n", "", envelope->recipients[i].address);
	}
	return failed;
}

static int put_entry(struct envoi_buffer *out, enum envoi_queue_place place,
	const struct envoi_entry *entry, bool busy)
{
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	const struct envoi_trials *trials = envoi_entry_trials(entry);
	time_t created = (time_t)envelope->created;
	struct tm tm = {0};
	char when[40] = "";
	if (localtime_r(&created, &tm) != NULL) {
		(void)strftime(when, sizeof(when), "%a %b %e %H:%M:%S", &tm);
	}
	int failed =
		envoi_buffer_printf(out, "%s%c %8ju %19s  %s\n", envoi_entry_id(entry),
			busy			      ? '*'
			: trials->held		      ? '!'
			: place == ENVOI_QUEUE_FAILED ? '#'
						      : ' ',
			(uintmax_t)envoi_entry_size(entry), when,
			envelope->sender[0] != '\0' ? envelope->sender : "MAILER-DAEMON");
	if (trials->why[0] != '\0') {
		failed |= put_reason(out, trials->why);
	}
	return failed | put_recipients(out, entry);
}

/* -- JSON ------------------------------------------------------------------------ */

static void put_verdict(
	struct envoi_json *json, const char *address, const struct envoi_verdict *verdict)
{
	char enhanced[24];
	envoi_json_open(json, NULL, '{');
	envoi_json_text(json, "address", address);
	envoi_json_text(json, "state", envoi_fate_name(verdict->fate));
	if (verdict->code != 0) {
		envoi_json_number(json, "code", (uint64_t)verdict->code);
	} else {
		envoi_json_null(json, "code");
	}
	(void)snprintf(enhanced, sizeof(enhanced), "%u.%u.%u", verdict->enhanced[0],
		verdict->enhanced[1], verdict->enhanced[2]);
	envoi_json_text(json, "enhanced", verdict->enhanced[0] != 0 ? enhanced : NULL);
	envoi_json_text(json, "text", verdict->text[0] != '\0' ? verdict->text : NULL);
	if (verdict->doubtful) {
		envoi_json_bool(json, "doubtful", true);
	}
	envoi_json_close(json, '}');
}

/* Times before 1970 are no times. */
static void put_time(struct envoi_json *json, const char *key, int64_t when)
{
	if (when > 0) {
		envoi_json_number(json, key, (uint64_t)when);
	} else {
		envoi_json_null(json, key);
	}
}

static int put_entry_json(struct envoi_buffer *out, enum envoi_queue_place place,
	const struct envoi_entry *entry, bool busy)
{
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	const struct envoi_trials *trials = envoi_entry_trials(entry);
	struct envoi_json json;
	envoi_json_begin(&json, out);
	envoi_json_open(&json, NULL, '{');
	envoi_json_text(&json, "type", "queue");
	envoi_json_text(&json, "id", envoi_entry_id(entry));
	envoi_json_text(&json, "place", place_name(place));
	envoi_json_text(&json, "state", state_of(place, entry, busy));
	envoi_json_text(&json, "from", envelope->sender);
	envoi_json_text(&json, "account", envelope->account);
	envoi_json_text(&json, "message_id",
		envelope->message_id != NULL && envelope->message_id[0] != '\0'
			? envelope->message_id
			: NULL);
	envoi_json_number(&json, "bytes", envoi_entry_size(entry));
	envoi_json_number(&json, "uid", envelope->uid);
	put_time(&json, "created", envelope->created);
	put_time(&json, "not_before", envelope->not_before);
	put_time(&json, "expires", envelope->expires);
	envoi_json_number(&json, "tries", trials->count);
	put_time(&json, "last", trials->last);
	put_time(&json, "next", trials->next);
	envoi_json_text(&json, "reason", trials->why[0] != '\0' ? trials->why : NULL);
	envoi_json_open(&json, "recipients", '[');
	for (size_t i = 0; i < envelope->count; i++) {
		put_verdict(&json, envelope->recipients[i].address,
			&envoi_entry_verdicts(entry)[i]);
	}
	envoi_json_close(&json, ']');
	envoi_json_close(&json, '}');
	return envoi_json_end(&json);
}

char *envoi_report_entry(enum envoi_report_format format, enum envoi_queue_place place,
	const struct envoi_entry *entry, bool busy, size_t *ret_length)
{
	struct envoi_buffer out;
	init(&out);
	int failed = format == ENVOI_REPORT_JSON
			     ? put_entry_json(&out, place, entry, busy)
			     : put_entry(&out, place, entry, busy);
	return finish(&out, failed, ret_length);
}

char *envoi_report_queued(enum envoi_report_format format, size_t index,
	const char *source, const struct envoi_entry *entry, size_t *ret_length)
{
	const struct envoi_queue_envelope *envelope = envoi_entry_envelope(entry);
	struct envoi_buffer out;
	struct envoi_json json;
	int failed;
	init(&out);
	if (format == ENVOI_REPORT_TEXT) {
		failed = envoi_buffer_puts(&out, "queued     ");
		failed |= envoi_span_show(&out, envoi_span_of(source));
		failed |= envoi_buffer_printf(&out, "  %zu recipient%s  %s",
			envelope->count, envelope->count == 1 ? "" : "s",
			envoi_entry_id(entry));
		return finish(&out, failed, ret_length);
	}
	envoi_json_begin(&json, &out);
	envoi_json_open(&json, NULL, '{');
	envoi_json_text(&json, "type", "message");
	envoi_json_number(&json, "index", index);
	envoi_json_text(&json, "source", source);
	envoi_json_text(&json, "outcome", "queued");
	envoi_json_text(&json, "queue_id", envoi_entry_id(entry));
	envoi_json_text(&json, "from", envelope->sender);
	envoi_json_number(&json, "bytes", envoi_entry_size(entry));
	envoi_json_open(&json, "recipients", '[');
	for (size_t i = 0; i < envelope->count; i++) {
		envoi_json_open(&json, NULL, '{');
		envoi_json_text(&json, "address", envelope->recipients[i].address);
		envoi_json_text(&json, "outcome", "queued");
		envoi_json_close(&json, '}');
	}
	envoi_json_close(&json, ']');
	envoi_json_close(&json, '}');
	return finish(&out, envoi_json_end(&json), ret_length);
}
