/* ring.h: a ring of 64-byte elements between two processes that do not trust each other, with a
 * single producer and a single consumer.
 *
 * Only the producer writes struct sb_ring_producer, and only the consumer struct sb_ring_consumer.
 * Each side reads the other's cursor once, checks it against its own, and relies on nothing else
 * that the other side has written.
 */
#ifndef SB_RING_H
#define SB_RING_H

#include "abi.h"

/* 0; -ENOSPC: full, nothing written; -EPROTO: the consumer's cursor is impossible, nothing written.
 * Sets element->sequence. */
int sb_ring_push(struct sb_ring_producer *producer, const struct sb_ring_consumer *consumer,
                 struct sb_ring_element *element);

/* 1: *out is a private copy; 0: empty; -EPROTO: the producer's cursor or the element's sequence is
 * impossible. */
int sb_ring_pop(const struct sb_ring_producer *producer, struct sb_ring_consumer *consumer,
                struct sb_ring_element *out);

#endif
