/* limits_private.h: what the limits stage pays from. */
#ifndef SB_LIMITS_PRIVATE_H
#define SB_LIMITS_PRIVATE_H

#include "buckets.h"
#include "hash.h"
#include "limits_table.h"

/* Buckets of a profile as a whole: one for each of what can be limited so. */
enum { SB_WHOLE_ICMP = SB_UNIT_COUNT, SB_WHOLE_STRIDE }; /* the others by unit */

struct sb_limits {
    struct sb_hash_key hash_key;
    struct sb_buckets table[SB_SCOPE_GLOBAL]; /* by scope */
    uint64_t *whole;                          /* [profile][SB_WHOLE_STRIDE]: full again */
};

static inline uint64_t *sb_limits_whole(const struct sb_limits *limits, uint32_t profile,
                                        const struct sb_limit *limit) {
    uint32_t kind = limit->icmp_only ? (uint32_t)SB_WHOLE_ICMP : limit->unit;

    return &limits->whole[(size_t)profile * SB_WHOLE_STRIDE + kind];
}

#endif
