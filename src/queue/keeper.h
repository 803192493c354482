/*
 * The two ends of a keeper, and what they say to each other; see <envoi/keeper.h>.
 *
 * keeper.c        starting it, and asking it
 * keeper_serve.c  what it does
 *
 * One packet asks, one answers; names come in as many as there are, an empty one
 * behind them. A file comes with its packet.
 */
#ifndef ENVOI_QUEUE_KEEPER_H
#define ENVOI_QUEUE_KEEPER_H

#include <envoi/keeper.h>

#include <sys/stat.h>
#include <sys/types.h>

#include "queue/internal.h"

enum keeper_order {
	/** Is there a spool? */
	KEEPER_OPEN_SPOOL,
	/** A file for a draft; forget it; give it its name. */
	KEEPER_MAKE,
	KEEPER_DROP,
	KEEPER_PUBLISH,
	/** Of messages of this user only. */
	KEEPER_NAMES,
	KEEPER_OPEN,
	KEEPER_STAT,
	KEEPER_MOVE,
	KEEPER_REMOVE,
	/** Something has come in, to who watches. */
	KEEPER_WAKE,
	KEEPER_ORDERS,
};

struct keeper_request {
	enum keeper_order order;
	enum envoi_queue_place place;
	enum envoi_queue_place to;
	char id[ENVOI_QUEUE_ID_SIZE];
};

#define KEEPER_NAMES_AT_ONCE 64

struct keeper_reply {
	/** 0, or errno. */
	int sys;
	bool named;
	uint64_t device, inode;
	/** Of what needs more words than errno; status OK: nothing. */
	struct envoi_error error;
	size_t count;
	char names[KEEPER_NAMES_AT_ONCE][ENVOI_QUEUE_ID_SIZE];
};

/** Answers until the other end is closed. Nothing of the caller's is used. */
void envoi_keeper_serve(int socket, const char *path);

/** fd -1: none goes with it. -1 with errno. */
int envoi_keeper_send(int socket, const void *data, size_t n, int fd);

/* As the functions of folder.c, which call them. */
int envoi_keeper_make(struct envoi_keeper *keeper, const char *id, bool *ret_named,
	struct envoi_error *err);
void envoi_keeper_drop(struct envoi_keeper *keeper);
int envoi_keeper_publish(
	struct envoi_keeper *keeper, const char *id, int fd, struct envoi_error *err);
int envoi_keeper_open(
	struct envoi_keeper *keeper, enum envoi_queue_place place, const char *id);
int envoi_keeper_stat(struct envoi_keeper *keeper, enum envoi_queue_place place,
	const char *id, struct stat *ret_stat);
int envoi_keeper_move(struct envoi_keeper *keeper, enum envoi_queue_place from,
	enum envoi_queue_place to, const char *id);
int envoi_keeper_remove(
	struct envoi_keeper *keeper, enum envoi_queue_place place, const char *id);
int envoi_keeper_names(struct envoi_keeper *keeper, enum envoi_queue_place place,
	struct envoi_names *names, struct envoi_error *err);

#endif
