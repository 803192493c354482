/*
 * What was done to the files below a folder, in order, for power.c. The program is
 * linked with --wrap for each call that changes something, see meson.build.
 */
#ifndef ENVOI_TESTS_FAULT_TRACE_H
#define ENVOI_TESTS_FAULT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_NAME 64

enum op_kind {
	/** A name appears in folder: of a file, or of a folder that is made. */
	OP_LINK,
	OP_MKDIR,
	/** To folder2, name2; what these are in a journal is one step. */
	OP_RENAME,
	OP_UNLINK,
	/** Of file. */
	OP_WRITE,
	OP_TRUNCATE,
	OP_ALLOCATE,
	/** Of a file or folder: all before is on disk. */
	OP_SYNC,
	/** What was told to somebody. */
	OP_SAID,
};

struct op {
	enum op_kind kind;
	/** Files and folders are numbered; 0 is the folder of all. */
	int file, folder, folder2;
	char name[TRACE_NAME], name2[TRACE_NAME];
	uint64_t offset, size;
	char *data;
	char said;
	unsigned message, recipient;
};

/** From now on, below the folder top. */
void trace_begin(const char *top);
void trace_end(void);
/** Forgets all of it. */
void trace_clear(void);
const struct op *trace_ops(size_t *ret_count);
/** Files and folders, with the first one. */
int trace_files(void);
void trace_say(char said, unsigned message, unsigned recipient);
/** As if /proc was not there: no file without a name can be given one. */
void trace_hide_proc(bool hide);

#endif
