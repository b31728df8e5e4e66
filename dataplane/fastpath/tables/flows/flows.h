/* flows.h: the connections of one lcore: those of the clients that it owns, in both directions.
 *
 * One writer and reader: the connections stage on that lcore. Memory is fixed at creation. A new
 * connection that finds its place full takes that of another: of the first kind in enum
 * sb_flow_rank that is there, the one that was seen longest ago. A proven one, whose client has
 * shown that it receives what is sent to it, keeps its place until it ends.
 *
 * Where profiles have shares (struct sb_policy), a connection takes the place of an ended one, of
 * one of its own profile or, while that has less than its share, of one of a profile that has more.
 * A profile that has its share and finds the rest taken replaces its own only. Needs no EAL.
 */
#ifndef SB_FLOWS_H
#define SB_FLOWS_H

#include "abi.h"

struct sb_flows;

/* Room for connections_max of them, 1 to SB_FLOWS_MAX, and nearly half as many more, as not every
 * set fills alike. timeouts: see there; hash_key: 64 random bytes. Counts in stats, and how many
 * each profile has in of_profile (SB_PROFILES_MAX), which must outlive it. 0, -EINVAL, -ENOMEM. */
int sb_flows_create(uint32_t connections_max, const struct sb_flow_timeouts *timeouts,
                    const uint8_t hash_key[64], struct sb_connection_stats *stats,
                    uint64_t *of_profile, struct sb_flows **out);
void sb_flows_destroy(struct sb_flows *flows);
/* Memory that is reserved; what no connection has needed yet is not touched. */
uint64_t sb_flows_bytes(const struct sb_flows *flows);

/* Ends what has been idle for too long, a bounded number of places at a call: all of them are
 * looked at within SB_FLOW_SWEEP_DS if it is called often enough. What is over and not yet found is
 * never taken for a connection. */
void sb_flows_sweep(struct sb_flows *flows, uint32_t boot_ds);

#endif
