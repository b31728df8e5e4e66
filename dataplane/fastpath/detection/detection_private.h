/* detection_private.h: the parts of the collector. */
#ifndef SB_DETECTION_PRIVATE_H
#define SB_DETECTION_PRIVATE_H

#include "candidates.h"
#include "destinations.h"
#include "detection.h"
#include "prefix_sums.h"
#include "samples.h"

struct sb_detection {
    struct sb_destinations destinations;
    struct sb_prefix_sums prefixes;
    struct sb_candidates candidates;
    uint64_t collected_ms; /* 0: there was no collection yet */
    struct sb_samples samples;
    struct sb_traffic_sum *floors; /* by profile */
    uint32_t *profile_place;       /* index in the window, + 1 */
};

#endif
