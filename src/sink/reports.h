/*
 * What there is to tell, in the order it happened, until the caller of
 * envoi_sink_next() takes it.
 */
#ifndef ENVOI_SINK_REPORTS_H
#define ENVOI_SINK_REPORTS_H

#include <envoi/sink.h>

#include "base/span.h"

struct envoi_reports {
	/** Owned; strings within are heap copies. items[first..first+count) */
	struct envoi_sink_report *items;
	size_t first;
	size_t count;
	size_t capacity;
	bool trace;
	/** Time of the first moment, and now. */
	int64_t start;
	int64_t now;
};

void envoi_reports_finish(struct envoi_reports *reports);

/** A message was stored. Reports that do not fit in memory are lost. */
void envoi_reports_received(struct envoi_reports *reports, uint64_t number,
	const char *sender, size_t recipients, uint64_t octets, const char *place);

/** A line of the transcript, when it is wanted. Escaped here. */
void envoi_reports_line(struct envoi_reports *reports, uint64_t connection, char mark,
	struct envoi_span text);
void envoi_reports_printf(struct envoi_reports *reports, uint64_t connection, char mark,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

void envoi_reports_trouble(
	struct envoi_reports *reports, const struct envoi_error *error);

/** Takes the first one; false: there is none. The caller gives its strings
 * back with envoi_report_finish(). */
bool envoi_reports_take(
	struct envoi_reports *reports, struct envoi_sink_report *ret_report);

void envoi_report_finish(struct envoi_sink_report *report);

#endif
