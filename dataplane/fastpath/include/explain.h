/* explain.h: what would happen to a packet now, and why.
 *
 * Builds the packet and runs those stages over it that leave no trace, on an lcore without tables.
 * The tables of the worker (buckets, connections, the SYN proxy) are read but never written: a
 * number may be slightly out of date, and no pointer is followed that the worker could free.
 */
#ifndef SB_EXPLAIN_H
#define SB_EXPLAIN_H

#include "abi.h"

/* To be called by the thread that swaps policy and countries and writes the lists. scratch: an
 * lcore of the node with statistics but without tables, used only for this. lcores: address of the
 * struct sb_lcore of each worker. 0, -EINVAL (an unsupported protocol, an invalid profile, or
 * addresses of two families), -EAGAIN (no policy yet). */
int sb_explain_packet(struct sb_lcore *scratch, const uint64_t *lcores,
                      const struct sb_explain_packet *asked, const struct sb_time *now,
                      struct sb_packet_explained *out);

/* The current TSC, as the workers read it, for now->tsc. */
uint64_t sb_explain_tsc(void);

#endif
