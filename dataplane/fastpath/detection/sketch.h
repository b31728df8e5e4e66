/* sketch.h: which of many keys are most frequent, in memory of a fixed size.
 *
 * Space-Saving with weights (Metwally, Agrawal and El Abbadi, "Efficient Computation of Frequent
 * and Top-k Elements in Data Streams", ICDT 2005): a key that finds no place takes that of the one
 * with the lowest count, and its count with it, which is its error from then on. So a count is
 * never too low and at most its error too high, no error is more than all weights together divided
 * by the places, and every key that has more than that is there.
 */
#ifndef SB_SKETCH_H
#define SB_SKETCH_H

#include "packet/address.h"

struct sb_sketch {
    uint32_t max; /* places, at most SB_NODE_TOP_MAX */
    uint32_t count;
    struct sb_address_words key[SB_NODE_TOP_MAX];
    uint64_t packets[SB_NODE_TOP_MAX];
    uint64_t error[SB_NODE_TOP_MAX];
};

void sb_sketch_init(struct sb_sketch *sketch, uint32_t max);
void sb_sketch_add(struct sb_sketch *sketch, struct sb_address_words key, uint64_t packets);
/* Takes an eighth of every count, at least 1; what comes to 0 is forgotten. */
void sb_sketch_decay(struct sb_sketch *sketch);
/* Its entries, the highest first, each divided by divisor. Returns how many. */
uint32_t sb_sketch_ranked(const struct sb_sketch *sketch, uint64_t divisor, struct sb_ranked *out);

/* How many there are of many keys, and how many of them came once, by a sample of them (Flajolet,
 * "On Adaptive Sampling", Computing 43, 1990): kept are those whose hash begins with so many zero
 * bits; where there are too many, with one more. The standard error of the number is 1.2 divided by
 * the root of SB_DISTINCT_MAX, 3.8 in 100; up to SB_DISTINCT_MAX it is exact. */
enum { SB_DISTINCT_PLACES = 2 * SB_DISTINCT_MAX };

struct sb_distinct {
    uint32_t level; /* zero bits */
    uint32_t count;
    uint32_t once;
    uint32_t reserved;
    uint64_t hash[SB_DISTINCT_PLACES]; /* 0: free */
    uint8_t is_repeated[SB_DISTINCT_PLACES];
};

/* One more of it. level: of the sample that it comes from. */
void sb_distinct_add(struct sb_distinct *distinct, uint64_t hash, uint32_t level);

static inline uint64_t sb_distinct_estimate(const struct sb_distinct *distinct) {
    return (uint64_t)distinct->count << distinct->level;
}

#endif
