/* candidates.h: of all targets over a floor, those that are highest above it. */
#ifndef SB_CANDIDATES_H
#define SB_CANDIDATES_H

#include "destinations.h"
#include "prefix_sums.h"

/* One of the two is there. */
struct sb_candidate {
    uint64_t excess; /* how many times the floor, in 256ths */
    const struct sb_watched *destination;
    const struct sb_prefix_sum *prefix;
};

/* A heap, the lowest excess first, until it is sorted. */
struct sb_candidates {
    uint64_t cut;
    uint32_t count;
    struct sb_candidate each[SB_CANDIDATES_MAX];
};

/* Offers a target: kept if some kind has reached its floor, as long as there is room or another one
 * is lower. */
void sb_candidates_offer(struct sb_candidates *candidates, const struct sb_traffic_sum *floors,
                         const struct sb_counts *counts, struct sb_candidate candidate);
/* The highest first, from now on. */
void sb_candidates_sort(struct sb_candidates *candidates);

#endif
