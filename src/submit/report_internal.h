/*
 * Shared by the files report*.c: each format writes into a buffer, without
 * the last line feed; 0, or -1 when it could not.
 */
#ifndef ENVOI_SUBMIT_REPORT_INTERNAL_H
#define ENVOI_SUBMIT_REPORT_INTERNAL_H

#include <envoi/report.h>

#include <stdio.h>

#include "base/buffer.h"

/** "221", "eof", "not-sent", ...; number is storage for the first. */
const char *envoi_report_close_name(
	const struct envoi_session_facts *facts, char number[8]);

/** "250 2.0.0 Ok", lines of the reply joined by " / ". */
int envoi_report_put_reply(struct envoi_buffer *out, const struct envoi_reply *reply);

int envoi_report_message_text(
	struct envoi_buffer *out, const struct envoi_message_report *report);
int envoi_report_message_json(
	struct envoi_buffer *out, const struct envoi_message_report *report);
int envoi_report_session_text(
	struct envoi_buffer *out, const struct envoi_session_report *report);
int envoi_report_session_json(
	struct envoi_buffer *out, const struct envoi_session_report *report);
int envoi_report_probe_text(
	struct envoi_buffer *out, const struct envoi_session_report *report);
int envoi_report_probe_json(
	struct envoi_buffer *out, const struct envoi_session_report *report);
/** What would be done with a message. */
struct envoi_plan {
	const struct envoi_request *request;
	size_t index;
	const char *source;
	const struct envoi_message_facts *facts;
	/** NULL: it cannot be sent, and why. */
	const struct envoi_form *form;
	struct envoi_error why;
	/** The form is for 8BITMIME; the other one, or NULL. */
	bool needs_eight_bit;
	const struct envoi_form *without;
	/** Without SMTPUTF8 nobody gets it; or some do not: how many, and the first. */
	bool needs_utf8;
	size_t needy_count;
	const char *needy;
};

void envoi_plan_make(struct envoi_plan *plan, const struct envoi_request *request,
	size_t index, struct envoi_message *message);
int envoi_report_plan_text(struct envoi_buffer *out, const struct envoi_plan *plan);
int envoi_report_plan_json(struct envoi_buffer *out, const struct envoi_plan *plan);

#endif
