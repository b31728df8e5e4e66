/* latency.h: counts durations in the buckets of the statistics. */
#ifndef SB_LATENCY_H
#define SB_LATENCY_H

#include "abi.h"

/* Counts events that have all taken ns nanoseconds. */
static inline void sb_latency_count(struct sb_latency *latency, uint64_t ns, uint32_t events) {
    static const uint64_t bounds_ns[] = SB_LATENCY_BOUNDS_NS;
    uint32_t bucket = 0;

    _Static_assert(sizeof(bounds_ns) / sizeof(bounds_ns[0]) == SB_LATENCY_BUCKETS - 1,
                   "one more bucket than bounds");
    while (bucket < SB_LATENCY_BUCKETS - 1 && ns > bounds_ns[bucket])
        bucket++;
    latency->count += events;
    latency->sum_ns += ns * events;
    latency->bucket[bucket] += events;
}

/* Converts TSC cycles to nanoseconds. */
static inline uint64_t sb_tsc_ns(const struct sb_node *node, uint64_t cycles) {
    return (cycles * node->ns_per_tsc_q24) >> 24;
}

#endif
