/* candidates.h: the targets that are highest above their floor. */
#ifndef SB_CANDIDATES_H
#define SB_CANDIDATES_H

#include "destinations.h"
#include "prefix_sums.h"

/* Either destination or prefix is set. */
struct sb_candidate {
    uint64_t excess; /* count / floor of the highest kind, in 256ths */
    const struct sb_watched *destination;
    const struct sb_prefix_sum *prefix;
};

/* A heap with the lowest excess on top, until it is sorted. */
struct sb_candidates {
    uint64_t cut;
    uint32_t count;
    struct sb_candidate each[SB_CANDIDATES_MAX];
};

/* Offers a target. It is kept if any kind has reached its floor, and if there is room or a kept
 * target has a lower excess. */
void sb_candidates_offer(struct sb_candidates *candidates, const struct sb_traffic_sum *floors,
                         const struct sb_counts *counts, struct sb_candidate candidate);
/* Sorts the candidates by excess, the highest first. None may be offered afterwards. */
void sb_candidates_sort(struct sb_candidates *candidates);

#endif
