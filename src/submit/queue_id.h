/*
 * Under which name a server keeps the message it took: no standard, but each
 * server's own words in its final reply.
 */
#ifndef ENVOI_SUBMIT_QUEUE_ID_H
#define ENVOI_SUBMIT_QUEUE_ID_H

#include "base/span.h"

/** The queue id in the text of a final 2yz reply, empty when there is none;
 * a part of text, of visible ASCII. */
struct envoi_span envoi_queue_id(struct envoi_span text);

#endif
