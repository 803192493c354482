/*
 * Texts that are too long to be written down, in rows: X("0998", "x") is 998 times "x",
 * "\x02" a NUL. Both stand alone, or behind the end of a string.
 */
#ifndef ENVOI_TEST_EXPAND_H
#define ENVOI_TEST_EXPAND_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPAND_MAX 20000
#define X(n, c) "\x01" n c

/* What a row means; a heap string. */
static char *expand(const char *text, size_t *ret_n)
{
	char *out = malloc(EXPAND_MAX);
	size_t n = 0;
	ck_assert_ptr_nonnull(out);
	while (*text != '\0') {
		unsigned count = 1;
		int used = 0;
		if (*text == '\x01') {
			ck_assert_int_eq(sscanf(text + 1, "%4u%n", &count, &used), 1);
			text += 1 + used;
		}
		ck_assert_uint_lt(n + count, EXPAND_MAX);
		memset(out + n, *text == '\x02' ? 0 : *text, count);
		n += count;
		text++;
	}
	out[n] = '\0';
	*ret_n = n;
	return out;
}

#endif
