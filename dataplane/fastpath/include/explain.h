/* explain.h: what would happen to a packet now, and why.
 *
 * Builds the packet and runs the stages that leave no trace over it, one after the other, on an
 * lcore of its own that has no tables. What lies in the tables of a worker (buckets, connections,
 * the SYN proxy) is read beside it and never written: a number may be a moment old, and nothing is
 * followed that the worker could free.
 */
#ifndef SB_EXPLAIN_H
#define SB_EXPLAIN_H

#include "abi.h"

/* Called by the thread that swaps policy and countries and writes the lists. scratch: an lcore of
 * the node with statistics and nothing else, for this alone; lcores: address of the struct sb_lcore
 * of each worker. 0, -EINVAL (a protocol that can't be asked about, a profile that can't be, two
 * families), -EAGAIN (no policy yet). */
int sb_explain_packet(struct sb_lcore *scratch, const uint64_t *lcores,
                      const struct sb_explain_packet *asked, const struct sb_time *now,
                      struct sb_packet_explained *out);

/* For now->tsc: what the workers read at this moment. */
uint64_t sb_explain_tsc(void);

#endif
