/*
 * Reports as lines: text for people, JSON Lines for programs; and transcript
 * lines. Formats only: the caller prints. Whatever a server sent is made
 * printable (text) or valid UTF-8 (JSON) here. contract: envoi(1), REPORT.
 */
#ifndef ENVOI_REPORT_H
#define ENVOI_REPORT_H

#include <stddef.h>

#include <envoi/message.h>
#include <envoi/queue.h>
#include <envoi/submit.h>

enum envoi_report_format {
	ENVOI_REPORT_TEXT,
	ENVOI_REPORT_JSON,
};

/**
 * The line of a message or session with its line feed: a heap string of
 * *ret_length octets, NULL when out of memory.
 */
char *envoi_report_message(enum envoi_report_format format,
	const struct envoi_message_report *report, size_t *ret_length);
char *envoi_report_session(enum envoi_report_format format,
	const struct envoi_session_report *report, size_t *ret_length);

/** What a session learnt, for envoi-probe: several lines of text, or one
 * JSON object of type "probe". Heap string or NULL. */
char *envoi_report_probe(enum envoi_report_format format,
	const struct envoi_session_report *report, size_t *ret_length);

/**
 * A scanned message as it would be sent, for --dry-run: a line of text, or a
 * JSON object of type "plan". The server is taken for one with 8BITMIME, unless
 * request->without says otherwise. *ret_status is what sending would come to
 * for the message's own sake. Heap string or NULL.
 */
char *envoi_report_plan(enum envoi_report_format format,
	const struct envoi_request *request, size_t index, struct envoi_message *message,
	enum envoi_status *ret_status, size_t *ret_length);

/** A message that was put into the queue. Heap string or NULL. */
char *envoi_report_queued(enum envoi_report_format format, size_t index,
	const char *source, const struct envoi_entry *entry, size_t *ret_length);

/**
 * A message of the queue as mailq(1) lists it, with its recipients that wait or
 * failed, or a JSON object of type "queue"; place: where it is. busy: it is being
 * sent. Heap string or NULL.
 */
char *envoi_report_entry(enum envoi_report_format format, enum envoi_queue_place place,
	const struct envoi_entry *entry, bool busy, size_t *ret_length);

/** "0.012 < 220 mx ESMTP" and a line feed: control and 8-bit octets escaped,
 * long lines cut. Heap string or NULL. */
char *envoi_report_trace(
	double seconds, char mark, const char *text, size_t n, size_t *ret_length);

#endif
