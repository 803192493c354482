/*
 * What reports have in common: outcomes of messages, closes, transcript lines,
 * and the choice of format.
 */
#include "submit/report_internal.h"

#include <string.h>

#include "base/limits.h"

/* A report line may hold the replies of many recipients. */
#define REPORT_MAX ((size_t)1 << 30)
/* A transcript line is cut here. */
#define TRACE_MAX 4000

const char *envoi_message_outcome(const struct envoi_message_report *report)
{
	if (report->count == 0) {
		return envoi_outcome_name(ENVOI_OUTCOME_UNTRIED);
	}
	for (size_t i = 1; i < report->count; i++) {
		if (report->recipients[i].result.outcome
			!= report->recipients[0].result.outcome) {
			return "partial";
		}
	}
	return envoi_outcome_name(report->recipients[0].result.outcome);
}

const char *envoi_report_close_name(
	const struct envoi_session_facts *facts, char number[8])
{
	switch (facts->close) {
	case ENVOI_CLOSE_REPLY:
		(void)snprintf(number, 8, "%d", facts->close_reply.code);
		return number;
	case ENVOI_CLOSE_EOF:
		return "eof";
	case ENVOI_CLOSE_RESET:
		return "reset";
	case ENVOI_CLOSE_TIMEOUT:
		return "timeout";
	default:
		return "not-sent";
	}
}

/* The buffer's content as a heap string; frees the buffer. */
static char *hand_over(struct envoi_buffer *out, int failed, size_t *ret_length)
{
	char *line = NULL;
	if (failed == 0 && envoi_buffer_append(out, "\n", 1) == 0) {
		line = envoi_span_dup(envoi_buffer_span(out));
		*ret_length = out->len;
	}
	envoi_buffer_finish(out);
	return line;
}

char *envoi_report_message(enum envoi_report_format format,
	const struct envoi_message_report *report, size_t *ret_length)
{
	struct envoi_buffer out;
	envoi_buffer_init(&out, REPORT_MAX);
	int failed = format == ENVOI_REPORT_JSON
			     ? envoi_report_message_json(&out, report)
			     : envoi_report_message_text(&out, report);
	return hand_over(&out, failed, ret_length);
}

char *envoi_report_session(enum envoi_report_format format,
	const struct envoi_session_report *report, size_t *ret_length)
{
	struct envoi_buffer out;
	envoi_buffer_init(&out, REPORT_MAX);
	int failed = format == ENVOI_REPORT_JSON
			     ? envoi_report_session_json(&out, report)
			     : envoi_report_session_text(&out, report);
	return hand_over(&out, failed, ret_length);
}

char *envoi_report_probe(enum envoi_report_format format,
	const struct envoi_session_report *report, size_t *ret_length)
{
	struct envoi_buffer out;
	envoi_buffer_init(&out, REPORT_MAX);
	int failed = format == ENVOI_REPORT_JSON ? envoi_report_probe_json(&out, report)
						 : envoi_report_probe_text(&out, report);
	return hand_over(&out, failed, ret_length);
}

char *envoi_report_plan(enum envoi_report_format format,
	const struct envoi_request *request, size_t index, struct envoi_message *message,
	enum envoi_status *ret_status, size_t *ret_length)
{
	struct envoi_buffer out;
	struct envoi_plan plan;
	envoi_buffer_init(&out, REPORT_MAX);
	envoi_plan_make(&plan, request, index, message);
	*ret_status = plan.form != NULL ? ENVOI_STATUS_OK : plan.why.status;
	int failed = format == ENVOI_REPORT_JSON ? envoi_report_plan_json(&out, &plan)
						 : envoi_report_plan_text(&out, &plan);
	return hand_over(&out, failed, ret_length);
}

char *envoi_report_trace(
	double seconds, char mark, const char *text, size_t n, size_t *ret_length)
{
	struct envoi_buffer out;
	envoi_buffer_init(&out, REPORT_MAX);
	struct envoi_span shown = {text, n > TRACE_MAX ? TRACE_MAX : n};
	int failed = envoi_buffer_printf(&out, "%.3f %c ", seconds, mark);
	failed |= envoi_span_show(&out, shown);
	if (n > TRACE_MAX) {
		failed |= envoi_buffer_printf(&out, "... (%zu octets)", n);
	}
	return hand_over(&out, failed, ret_length);
}
