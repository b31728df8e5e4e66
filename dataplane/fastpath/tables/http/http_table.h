/* http_table.h: the HTTP inspection state of one lcore: a record of a cache line for each inspected
 * connection, and a pool for messages that are not complete or not acknowledged by the host yet.
 *
 * That lcore is the only writer and reader. Memory is fixed at creation. Needs no EAL.
 */
#ifndef SB_HTTP_TABLE_H
#define SB_HTTP_TABLE_H

#include "abi.h"
#include "tables/flows/flows.h"

struct sb_http;

/* Creates a record for each place of a flow table. The flow table must outlive it and reports ended
 * connections to it. pool_bytes: a multiple of SB_HTTP_POOL_STEP, at least one. hash_key: 16 random
 * bytes. Counts in stats. 0, -EINVAL, -ENOMEM. */
int sb_http_create(struct sb_flows *flows, uint64_t pool_bytes, const uint8_t hash_key[16],
                   struct sb_http_stats *stats, struct sb_http **out);
void sb_http_destroy(struct sb_http *http);
/* Bytes of reserved address space; memory is only used as far as it was needed. */
uint64_t sb_http_bytes(const struct sb_http *http);

#endif
