/* handover.h: passes packets from the lcore that received them to the lcore that owns their client.
 *
 * One ring for each pair (from, to), with a single producer and a single consumer, in one process:
 * both sides trust each other. Allocated and zeroed before the workers start. Does not use DPDK.
 */
#ifndef SB_HANDOVER_H
#define SB_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"

struct sb_handover;

/* Bytes to allocate for one ring, zeroed and aligned to SB_CACHE_LINE; a multiple of a cache line.
 */
uint64_t sb_handover_size(void);
/* To be called first, in zeroed memory. slots: capacity in packets, 1 to SB_HANDOVER_SLOTS. */
void sb_handover_init(struct sb_handover *ring, uint32_t slots);

/* Producer. false: full, nothing written. */
bool sb_handover_push(struct sb_handover *ring, const struct sb_packet *packet);
/* Producer. To be called once, after its last push. */
void sb_handover_close(struct sb_handover *ring);

/* Consumer. Copies out at most count_max packets, oldest first; returns how many. */
uint32_t sb_handover_pop(struct sb_handover *ring, struct sb_packet *out, uint32_t count_max);
/* Consumer. true: the producer has closed the ring, and everything was popped. */
bool sb_handover_finished(const struct sb_handover *ring);

#endif
