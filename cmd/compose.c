/*
 * Composing and printing; see the header.
 */
#include "compose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connection.h"

void compose_finish(struct compose *compose)
{
	for (size_t i = 0; i < compose->message.attachment_count; i++) {
		envoi_attachment_finish(&compose->attachments[i]);
	}
	free(compose->attachments);
	free(compose->headers);
	envoi_input_free(compose->input);
}

static int add_header(struct compose *compose, const char *text, struct envoi_error *err)
{
	if (envoi_compose_check_header(text, err) != 0) {
		return -1;
	}
	return add_string(&compose->headers, &compose->message.header_count, text, err);
}

static int add_attachment(
	struct compose *compose, const char *text, struct envoi_error *err)
{
	size_t n = compose->message.attachment_count;
	struct envoi_attachment *grown =
		realloc(compose->attachments, (n + 1) * sizeof(*grown));
	if (grown == NULL) {
		return envoi_error_set(err, ENVOI_STATUS_SYSTEM, "out of memory");
	}
	compose->attachments = grown;
	if (envoi_attachment_parse(text, &grown[n], err) != 0) {
		return -1;
	}
	compose->message.attachment_count++;
	return 0;
}

int compose_option(
	struct compose *compose, int id, const char *value, struct envoi_error *err)
{
	compose->on = true;
	switch (id) {
	case OPT_SUBJECT:
		compose->message.subject = value;
		return 0;
	case OPT_HEADER:
		return add_header(compose, value, err);
	case OPT_BODY:
		compose->message.body = value;
		return 0;
	case OPT_BODY_FILE:
		compose->message.body_file = value;
		return 0;
	default:
		return add_attachment(compose, value, err);
	}
}

int compose_check(struct compose *compose, size_t operands, struct envoi_error *err)
{
	struct envoi_compose *message = &compose->message;
	if (!compose->on) {
		if (message->cc_count == 0) {
			return 0;
		}
		(void)envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--cc is for a message made by --subject and --body");
		envoi_error_hint(err, "a FILE is sent to --to and --bcc as it is");
		return -1;
	}
	if (operands > 0) {
		(void)envoi_error_set(err, ENVOI_STATUS_USAGE,
			"a FILE is a whole message, and takes no --subject, --header, "
			"--body or --attach");
		envoi_error_hint(
			err, "--body-file FILE is the text, --attach FILE attaches it");
		return -1;
	}
	if (message->body != NULL && message->body_file != NULL) {
		return envoi_error_set(err, ENVOI_STATUS_USAGE,
			"--body and --body-file exclude each other");
	}
	if (message->body == NULL && message->body_file == NULL) {
		if (isatty(STDIN_FILENO)) {
			(void)envoi_error_set(err, ENVOI_STATUS_USAGE,
				"no text given, and standard input is a terminal");
			envoi_error_hint(err,
				"--body TEXT, --body-file FILE, or --body-file - to "
				"type it");
			return -1;
		}
		message->body_file = "-";
	}
	return 0;
}

int compose_make(
	struct compose *compose, struct envoi_request *request, struct envoi_error *err)
{
	static const char *const name[] = {"composed"};
	compose->message.headers = compose->headers;
	compose->message.attachments = compose->attachments;
	if (envoi_compose_open(&compose->message, &compose->input, err) != 0) {
		return -1;
	}
	request->composed = compose->input;
	request->sources = name;
	request->source_count = 1;
	return 0;
}

/* -- --print ------------------------------------------------------------------ */

static int put_lines(const char *data, size_t n, struct envoi_error *err)
{
	/* Wire octets: a CR is half of a line end, and its LF in the same piece. */
	for (const char *end = data + n; data < end;) {
		const char *cr = memchr(data, '\r', (size_t)(end - data));
		size_t part = (size_t)((cr != NULL ? cr : end) - data);
		if (fwrite(data, 1, part, stdout) != part) {
			return envoi_error_sys(err, ENVOI_STATUS_IO, errno,
				"cannot write standard output");
		}
		data += part + (cr != NULL ? 1 : 0);
	}
	return 0;
}

static int print_body(struct envoi_message *message, struct envoi_error *err)
{
	struct envoi_body *body = NULL;
	char out[16384];
	if (envoi_body_open(envoi_message_as_it_is(message), false, &body, err) != 0) {
		return -1;
	}
	int result = 0;
	for (bool last = false; result == 0 && !last;) {
		size_t n;
		result = envoi_body_read(body, out, sizeof(out), &n, &last, err);
		if (result == 0) {
			result = put_lines(out, n, err);
		}
	}
	envoi_body_close(body);
	if (result == 0 && fflush(stdout) != 0) {
		result = envoi_error_sys(
			err, ENVOI_STATUS_IO, errno, "cannot write standard output");
	}
	return result;
}

/* As it would be sent: with its header repaired. */
static int print_message(const struct envoi_request *request,
	struct envoi_message *message, struct envoi_error *err)
{
	struct envoi_envelope envelope;
	int result = envoi_request_prepare(request, message, &envelope, err);
	envoi_envelope_finish(&envelope);
	return result == 0 ? print_body(message, err) : -1;
}

static int print_input(const struct envoi_request *request, struct envoi_input *input,
	struct envoi_error *err)
{
	struct envoi_message *message = NULL;
	struct envoi_message *second = NULL;
	if (envoi_input_next(input, &message, err) != 0) {
		return -1;
	}
	if (message == NULL) {
		return 0;
	}
	int result = envoi_input_next(input, &second, err);
	if (result == 0 && second != NULL) {
		result = envoi_error_set(
			err, ENVOI_STATUS_USAGE, "--print is for one message");
	}
	if (result == 0) {
		result = print_message(request, message, err);
	}
	envoi_message_free(second);
	envoi_message_free(message);
	return result;
}

enum envoi_status compose_print(const struct envoi_request *request)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input = request->composed;
	int result = 0;
	if (request->source_count > 1) {
		result = envoi_error_set(
			&err, ENVOI_STATUS_USAGE, "--print is for one message");
	} else if (input == NULL) {
		result = envoi_input_open(
			request->sources[0], request->mbox, &input, &err);
	}
	if (result == 0) {
		result = print_input(request, input, &err);
	}
	if (input != request->composed) {
		envoi_input_free(input);
	}
	if (result != 0) {
		ui_error(&err);
		return err.status;
	}
	return ENVOI_STATUS_OK;
}
