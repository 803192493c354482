/*
 * What a fuzz target is: one function, called with any octets; it ends the
 * program where something that must hold does not. The name is libFuzzer's.
 */
#ifndef ENVOI_TESTS_FUZZ_H
#define ENVOI_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** As assert(), in every build. */
#define MUST(what)                                                                       \
	do {                                                                             \
		if (!(what)) {                                                           \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
			abort();                                                         \
		}                                                                        \
	} while (0)

#endif
