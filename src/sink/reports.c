/*
 * The queue of reports.
 */
#include "sink/reports.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

/* What a report points to belongs to it, though its readers see it const. */
static void free_const(const void *pointer)
{
	void *owned;
	memcpy(&owned, &pointer, sizeof(owned));
	free(owned);
}

void envoi_report_finish(struct envoi_sink_report *report)
{
	free_const(report->sender);
	free_const(report->text);
	free_const(report->error);
	*report = (struct envoi_sink_report){0};
}

void envoi_reports_finish(struct envoi_reports *reports)
{
	for (size_t i = 0; i < reports->count; i++) {
		envoi_report_finish(&reports->items[reports->first + i]);
	}
	free(reports->items);
	*reports = (struct envoi_reports){0};
}

static int make_room(struct envoi_reports *reports)
{
	if (reports->first > 0) {
		memmove(reports->items, reports->items + reports->first,
			reports->count * sizeof(reports->items[0]));
		reports->first = 0;
	}
	if (reports->count < reports->capacity) {
		return 0;
	}
	size_t capacity = reports->capacity == 0 ? 16 : reports->capacity * 2;
	struct envoi_sink_report *items =
		realloc(reports->items, capacity * sizeof(reports->items[0]));
	if (items == NULL) {
		return -1;
	}
	reports->items = items;
	reports->capacity = capacity;
	return 0;
}

static void add(struct envoi_reports *reports, struct envoi_sink_report *report)
{
	if (reports->first + reports->count == reports->capacity
		&& make_room(reports) != 0) {
		envoi_report_finish(report);
		return;
	}
	report->time_us = reports->now - reports->start;
	reports->items[reports->first + reports->count++] = *report;
}

void envoi_reports_received(struct envoi_reports *reports, uint64_t number,
	const char *sender, size_t recipients, uint64_t octets, const char *place)
{
	struct envoi_sink_report report = {
		.event = ENVOI_SINK_RECEIVED,
		.number = number,
		.sender = envoi_span_dup(envoi_span_of(sender)),
		.recipients = recipients,
		.octets = octets,
		.text = envoi_span_dup(envoi_span_of(place)),
	};
	if (report.sender == NULL || report.text == NULL) {
		envoi_report_finish(&report);
		return;
	}
	add(reports, &report);
}

void envoi_reports_line(struct envoi_reports *reports, uint64_t connection, char mark,
	struct envoi_span text)
{
	struct envoi_buffer escaped;
	if (!reports->trace) {
		return;
	}
	envoi_buffer_init(&escaped, 4 * text.len);
	if (envoi_span_escape(&escaped, text) == 0) {
		struct envoi_sink_report report = {
			.event = ENVOI_SINK_LINE,
			.number = connection,
			.mark = mark,
			.text = envoi_span_dup(envoi_buffer_span(&escaped)),
		};
		if (report.text != NULL) {
			add(reports, &report);
		}
	}
	envoi_buffer_finish(&escaped);
}

void envoi_reports_printf(struct envoi_reports *reports, uint64_t connection, char mark,
	const char *format, ...)
{
	char text[600];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	envoi_reports_line(reports, connection, mark, envoi_span_of(text));
}

void envoi_reports_trouble(struct envoi_reports *reports, const struct envoi_error *error)
{
	struct envoi_error *copy = malloc(sizeof(*copy));
	if (copy != NULL) {
		*copy = *error;
		struct envoi_sink_report report = {
			.event = ENVOI_SINK_TROUBLE, .error = copy};
		add(reports, &report);
	}
}

bool envoi_reports_take(
	struct envoi_reports *reports, struct envoi_sink_report *ret_report)
{
	if (reports->count == 0) {
		return false;
	}
	*ret_report = reports->items[reports->first++];
	if (--reports->count == 0) {
		reports->first = 0;
	}
	return true;
}
