/* neighbors.h: the neighbours that a policy names, and their routing protocols. */
#ifndef SB_NEIGHBORS_H
#define SB_NEIGHBORS_H

#include "tables/limits/targets.h"

struct sb_neighbors {
    struct sb_targets addresses;          /* number: index of the neighbour + 1; 0: none */
    uint16_t protocols[SB_NEIGHBORS_MAX]; /* bit n: enum sb_neighbor n; by index */
};

_Static_assert(SB_NEIGHBOR_COUNT <= 16, "a bit for each");

#endif
