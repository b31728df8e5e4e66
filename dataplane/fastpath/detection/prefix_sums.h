/* prefix_sums.h: the sums over all destinations of a prefix, for one profile. They are made again
 * at each collection. */
#ifndef SB_PREFIX_SUMS_H
#define SB_PREFIX_SUMS_H

#include "counts.h"

enum { SB_PREFIX_IPV4 = 96 + 24, SB_PREFIX_IPV6 = 64 };

struct sb_prefix_sum {
    struct sb_address_words key;
    uint32_t prefix_length;
    uint32_t profile;
    uint32_t destinations;
    struct sb_counts window;
    struct sb_counts since;
};

struct sb_prefix_sums {
    struct sb_hash_key hash_key;
    uint32_t max;
    uint32_t count;
    uint32_t place_mask;
    uint32_t collection; /* the current collection */
    uint64_t *places;    /* collection << 32 | index */
    struct sb_prefix_sum *sums;
};

/* Allocates room for max prefixes. 0, -ENOMEM. */
int sb_prefix_sums_create(struct sb_prefix_sums *prefixes, uint32_t max,
                          const struct sb_hash_key *hash_key);
void sb_prefix_sums_free(struct sb_prefix_sums *prefixes);
uint64_t sb_prefix_sums_bytes(const struct sb_prefix_sums *prefixes);

/* Begins a collection without prefixes. */
void sb_prefix_sums_clear(struct sb_prefix_sums *prefixes);
/* Adds one destination to the sums of its prefixes; at most max destinations. */
void sb_prefix_sums_add(struct sb_prefix_sums *prefixes, struct sb_address_words address,
                        uint32_t profile, const struct sb_history *history);

/* The first bits of an address. */
struct sb_address_words sb_prefix_of(struct sb_address_words address, uint32_t prefix_length);

#endif
