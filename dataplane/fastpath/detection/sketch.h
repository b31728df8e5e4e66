/* sketch.h: finds the most frequent of many keys in memory of a fixed size.
 *
 * Space-Saving with weights (Metwally, Agrawal and El Abbadi, "Efficient Computation of Frequent
 * and Top-k Elements in Data Streams", ICDT 2005): a key without a place replaces the key with the
 * lowest count, and inherits this count, which is its error from then on. So a count is never too
 * low, and at most too high by its error. No error is larger than the sum of all weights divided by
 * the number of places, and every key with more than that is in the sketch.
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
/* Reduces every count by an eighth, at least by 1. Keys with count 0 are removed. */
void sb_sketch_decay(struct sb_sketch *sketch);
/* Writes the entries, the highest first, each divided by divisor. Returns their number. */
uint32_t sb_sketch_ranked(const struct sb_sketch *sketch, uint64_t divisor, struct sb_ranked *out);

/* Estimates how many different keys there are, and how many of them occurred once, from a sample of
 * the keys (Flajolet, "On Adaptive Sampling", Computing 43, 1990): keys are kept if their hash
 * begins with a number of zero bits; if there are too many, this number is increased. The standard
 * error of the estimate is 1.2 divided by the square root of SB_DISTINCT_MAX, 3.8 %; up to
 * SB_DISTINCT_MAX it is exact. */
enum { SB_DISTINCT_PLACES = 2 * SB_DISTINCT_MAX };

struct sb_distinct {
    uint32_t level; /* number of zero bits */
    uint32_t count;
    uint32_t once;
    uint32_t reserved;
    uint64_t hash[SB_DISTINCT_PLACES]; /* 0: free */
    uint8_t is_repeated[SB_DISTINCT_PLACES];
};

/* Adds one occurrence of a key. level: that of the sample which it comes from. */
void sb_distinct_add(struct sb_distinct *distinct, uint64_t hash, uint32_t level);

static inline uint64_t sb_distinct_estimate(const struct sb_distinct *distinct) {
    return (uint64_t)distinct->count << distinct->level;
}

#endif
