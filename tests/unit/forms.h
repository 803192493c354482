/*
 * Messages made of a text, and the octets of their forms.
 */
#ifndef ENVOI_TEST_FORMS_H
#define ENVOI_TEST_FORMS_H

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include <envoi/message.h>

static struct envoi_message *take_unscanned(const char *text, size_t n)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_input *input = NULL;
	struct envoi_message *message = NULL;
	char path[] = "/tmp/envoi-test-XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	int saved = dup(0);
	ck_assert_int_eq(dup2(fd, 0), 0);
	ck_assert_int_eq(envoi_input_open("-", ENVOI_MBOX_NONE, &input, &err), 0);
	ck_assert_int_eq(dup2(saved, 0), 0);
	(void)close(saved);
	(void)close(fd);
	ck_assert_int_eq(envoi_input_next(input, &message, &err), 0);
	ck_assert_ptr_nonnull(message);
	envoi_input_free(input);
	return message;
}

static struct envoi_message *take_message(const char *text, size_t n)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_message *message = take_unscanned(text, n);
	ck_assert_int_eq(envoi_message_scan(message, &err), 0);
	return message;
}

/* The octets of a form, a heap string. */
static char *read_form(const struct envoi_form *form, bool stuff, size_t *ret_n)
{
	struct envoi_error err = ENVOI_ERROR_NONE;
	struct envoi_body *body = NULL;
	char *out = NULL;
	size_t have = 0;
	ck_assert_int_eq(envoi_body_open(form, stuff, &body, &err), 0);
	for (bool last = false; !last;) {
		size_t n;
		out = realloc(out, have + 1001);
		ck_assert_ptr_nonnull(out);
		ck_assert_int_eq(
			envoi_body_read(body, out + have, 1000, &n, &last, &err), 0);
		have += n;
	}
	envoi_body_close(body);
	out[have] = '\0';
	*ret_n = have;
	return out;
}

#endif
