/* flows.h: the connections of one lcore: those of the clients that it owns, in both directions.
 *
 * The connections stage on that lcore is the only writer and reader. Memory is fixed at creation.
 * If there is no free place for a new connection, it replaces another one: of the lowest rank that
 * occurs (enum sb_flow_rank), the one that was seen longest ago. A proven connection, whose client
 * has shown that it receives packets sent to its address, keeps its place until it ends.
 *
 * If profiles have shares (struct sb_policy), a new connection replaces an ended one, one of its
 * own profile or, while its profile has less than its share, one of a profile that has more. A
 * profile that has its full share, when all other places are used or reserved, replaces only its
 * own connections. Needs no EAL.
 */
#ifndef SB_FLOWS_H
#define SB_FLOWS_H

#include "abi.h"

struct sb_flows;

/* Creates a table with room for connections_max connections, 1 to SB_FLOWS_MAX, and nearly half as
 * many more, because sets do not fill evenly. hash_key: 64 random bytes. Counts in stats, and the
 * connections by profile in of_profile (SB_PROFILES_MAX elements); both must outlive the table. 0,
 * -EINVAL, -ENOMEM. */
int sb_flows_create(uint32_t connections_max, const struct sb_flow_timeouts *timeouts,
                    const uint8_t hash_key[64], struct sb_connection_stats *stats,
                    uint64_t *of_profile, struct sb_flows **out);
void sb_flows_destroy(struct sb_flows *flows);
/* Bytes of reserved address space; memory is only used for places that were needed. */
uint64_t sb_flows_bytes(const struct sb_flows *flows);

/* Ends connections that were idle for too long. Each call checks a bounded number of places; all
 * are checked within SB_FLOW_SWEEP_DS if it is called often enough. A look-up never returns an
 * expired connection, even before the sweep has found it. */
void sb_flows_sweep(struct sb_flows *flows, uint32_t boot_ds);

#endif
