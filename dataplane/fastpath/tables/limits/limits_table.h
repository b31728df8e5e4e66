/* limits_table.h: the token buckets of one lcore: of sources, of their prefixes, of destinations,
 * and of whole profiles.
 *
 * The limits stage on that lcore is the only writer and reader. Memory is fixed at creation. If the
 * two sets of a new source are full, it gets the bucket with the least debt
 * (tables/limits/buckets.h). Needs no EAL.
 */
#ifndef SB_LIMITS_TABLE_H
#define SB_LIMITS_TABLE_H

#include "abi.h"

struct sb_limits;

/* Creates tables with these numbers of buckets, each 1 to 2^24 and rounded up: of single sources,
 * of prefixes of sources, of destinations. All limits with the same scope share a table. hash_key:
 * 16 random bytes. 0, -EINVAL, -ENOMEM. */
int sb_limits_create(uint32_t sources_max, uint32_t prefixes_max, uint32_t destinations_max,
                     const uint8_t hash_key[16], struct sb_limits **out);
void sb_limits_destroy(struct sb_limits *limits);
/* Bytes of reserved address space; memory is only used as far as it was needed. */
uint64_t sb_limits_bytes(const struct sb_limits *limits);

#endif
