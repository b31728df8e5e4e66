/* handover.h: packets on their way from the lcore that received them to the lcore that owns their
 * client.
 *
 * One ring per (from, to) pair, single producer, single consumer, inside one process: both sides
 * trust each other. Allocated, zeroed, before the workers start; knows no DPDK.
 */
#ifndef SB_HANDOVER_H
#define SB_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"

struct sb_handover;

/* Bytes of one ring, a multiple of a cache line: what to allocate (zeroed, aligned to
 * SB_CACHE_LINE). */
uint64_t sb_handover_size(void);
/* Before anything else, in zeroed memory. slots: how many packets it takes at a time, 1 to
 * SB_HANDOVER_SLOTS. */
void sb_handover_init(struct sb_handover *ring, uint32_t slots);

/* Producer. false: full, nothing written. */
bool sb_handover_push(struct sb_handover *ring, const struct sb_packet *packet);
/* Producer, once, after its last push. */
void sb_handover_close(struct sb_handover *ring);

/* Consumer. Copies out at most count_max packets, oldest first; returns how many. */
uint32_t sb_handover_pop(struct sb_handover *ring, struct sb_packet *out, uint32_t count_max);
/* Consumer. true: the producer has closed the ring and everything has been popped. */
bool sb_handover_finished(const struct sb_handover *ring);

#endif
