/* limits_table.h: the token buckets of one lcore: of sources, of their prefixes, of destinations,
 * and of whole profiles.
 *
 * One writer and reader: the limits stage on that lcore. Memory is fixed at creation; if the two
 * sets of a newcomer are full, it gets the bucket that has the least to forget
 * (tables/limits/buckets.h). Needs no EAL.
 */
#ifndef SB_LIMITS_TABLE_H
#define SB_LIMITS_TABLE_H

#include "abi.h"

struct sb_limits;

/* Buckets that are kept apart, of one limit or several together: of single sources, of prefixes of
 * sources, of destinations; each 1 to 2^24, and rounded up. hash_key: 16 random bytes. 0, -EINVAL,
 * -ENOMEM. */
int sb_limits_create(uint32_t sources_max, uint32_t prefixes_max, uint32_t destinations_max,
                     const uint8_t hash_key[16], struct sb_limits **out);
void sb_limits_destroy(struct sb_limits *limits);
/* Memory that is reserved; what no packet has needed yet is not touched. */
uint64_t sb_limits_bytes(const struct sb_limits *limits);

#endif
