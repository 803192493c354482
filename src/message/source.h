/*
 * Where the octets of messages are: a named regular file that is opened for
 * each reading (any number of files can be named), a spool (unlinked file) or
 * memory. Shared and counted by its input, its messages and their bodies.
 *
 * Reading is by offset and never moves a file's position, so any number of
 * readings of one source can go on at once.
 */
#ifndef ENVOI_MESSAGE_SOURCE_H
#define ENVOI_MESSAGE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>

#include <envoi/error.h>
#include <envoi/message.h>

#include "base/span.h"
#include "message/mbox.h"

enum envoi_source_kind {
	/** A regular file, opened by its path for each reading. */
	ENVOI_SOURCE_PATH,
	/** A temporary file of our own. */
	ENVOI_SOURCE_SPOOL,
	ENVOI_SOURCE_MEMORY,
};

struct envoi_source {
	unsigned refs;
	enum envoi_source_kind kind;
	/** As the user named it; "-" is stdin. */
	char *path;
	/** SPOOL; PATH: as long as it is held, when it was opened since; else -1. */
	int fd;
	/** PATH: the next opening stays open for others, until envoi_source_release():
	 * of an mbox whose messages are still being found. */
	bool held;
	/** Views that use fd. */
	unsigned views;
	/** MEMORY. */
	char *memory;
	/** Octets; of a PATH not before its first reading (mbox: from
	 * the beginning). */
	uint64_t size;
	/** PATH: a file of a Maildir, which may get another name: path is the one
	 * it was last seen by. */
	bool maildir;
	/** How its messages are read, when they stand in an mbox. */
	enum envoi_mbox mbox;
	/** PATH: the file as it was first seen. */
	bool identified;
	dev_t device;
	ino_t inode;
	struct timespec changed;
};

/** A source of one reference without content, kind MEMORY. SYSTEM. */
int envoi_source_new(
	const char *path, struct envoi_source **ret_source, struct envoi_error *err);

struct envoi_source *envoi_source_ref(struct envoi_source *source);

/** A message that is octets [start, end) of an open file, which is not changed
 * there as long as it is used; fd is duplicated. SYSTEM. */
int envoi_message_of_file(const char *name, int fd, uint64_t start, uint64_t end,
	struct envoi_message **ret_message, struct envoi_error *err);

/** Gives one reference back; the last one frees. Accepts NULL. */
void envoi_source_unref(struct envoi_source *source);

/** Its file is not held open any more. */
void envoi_source_release(struct envoi_source *source);

/** The words for errors: 'bill.eml' in quotes, or standard input. */
const char *envoi_source_label(const struct envoi_source *source, char label[static 200]);

/** What fstat(2) said is, from now on, what the file has to be. */
void envoi_source_identify(struct envoi_source *source, const struct stat *st);

/** errno of a failed open(2) of an input: SYSTEM or NOINPUT. */
enum envoi_status envoi_source_open_status(int sys);

/** A source being read. Zeroed or closed, fd -1: nothing to close. */
struct envoi_view {
	struct envoi_source *source;
	int fd;
};

/**
 * Begins to read. A file seen before must be the same still: IO if not, or
 * if it cannot be opened any more. NOINPUT: cannot be opened the first time,
 * or, from a Maildir, is gone.
 */
int envoi_view_open(
	struct envoi_view *view, struct envoi_source *source, struct envoi_error *err);

/** Keeps a small file in memory: from now on it is what it is now, and needs not
 * be opened again. The view goes on with that. IO, SYSTEM. */
int envoi_view_keep(struct envoi_view *view, struct envoi_error *err);

/** IO when the file is not any more what it was when first seen. */
int envoi_view_check(const struct envoi_view *view, struct envoi_error *err);

/** Reads between 1 and n octets at offset; IO when there is none. */
int envoi_view_read(const struct envoi_view *view, uint64_t offset, char *out, size_t n,
	size_t *ret_n, struct envoi_error *err);

void envoi_view_close(struct envoi_view *view);

/**
 * One pass over the octets [start, end) of a source, in blocks; of an mbox
 * ">From " lines lose one ">".
 */
struct envoi_reader {
	const struct envoi_view *view;
	uint64_t at;
	uint64_t end;
	char *block;
	size_t capacity;
	enum envoi_mbox mbox;
	struct envoi_unquote unquote;
	struct envoi_span rest;
};

/** A block of at most block octets is allocated when one is needed. */
void envoi_reader_init(struct envoi_reader *reader, const struct envoi_view *view,
	uint64_t start, uint64_t end, size_t block, enum envoi_mbox mbox);

/** Accepts a zeroed one. */
void envoi_reader_finish(struct envoi_reader *reader);

/** The next octets, valid until the next call; none at the end. IO, SYSTEM. */
int envoi_reader_next(struct envoi_reader *reader, struct envoi_span *ret_span,
	struct envoi_error *err);

/** Can envoi_reader_read() be used? Not for memory, nor for an mbox. */
bool envoi_reader_is_file(const struct envoi_reader *reader);

/** The next octets, at most room, are read into out; none at the end. Those not
 * wanted may be given back by moving reader->at. IO. */
int envoi_reader_read(struct envoi_reader *reader, char *out, size_t room, size_t *ret_n,
	struct envoi_error *err);

#endif
