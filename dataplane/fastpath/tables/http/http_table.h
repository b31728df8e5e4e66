/* http_table.h: what HTTP inspection knows of the connections of one lcore: a record of a cache
 * line for each, and a pool for messages that are not complete, or not yet with the host.
 *
 * One writer and reader: that lcore. Memory is fixed at creation. Needs no EAL.
 */
#ifndef SB_HTTP_TABLE_H
#define SB_HTTP_TABLE_H

#include "abi.h"
#include "tables/flows/flows.h"

struct sb_http;

/* A record for each place of a flow table, which must outlive it and tells it what has ended.
 * pool_bytes: a multiple of SB_HTTP_POOL_STEP, at least one. hash_key: 16 random bytes. Counts in
 * stats. 0, -EINVAL, -ENOMEM. */
int sb_http_create(struct sb_flows *flows, uint64_t pool_bytes, const uint8_t hash_key[16],
                   struct sb_http_stats *stats, struct sb_http **out);
void sb_http_destroy(struct sb_http *http);
/* Memory that is reserved; what nothing has needed yet is not touched. */
uint64_t sb_http_bytes(const struct sb_http *http);

#endif
