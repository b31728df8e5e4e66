/* neighbors.h: the routers that a policy names, and what each may say. */
#ifndef SB_NEIGHBORS_H
#define SB_NEIGHBORS_H

#include "tables/limits/targets.h"

struct sb_neighbors {
    struct sb_targets addresses;          /* 0: none; else the neighbour's index and one */
    uint16_t protocols[SB_NEIGHBORS_MAX]; /* bit n: enum sb_neighbor n; by index */
};

_Static_assert(SB_NEIGHBOR_COUNT <= 16, "a bit for each");

#endif
