/* flow_sources.h: how many proven connections each source has; part of flows.c.
 *
 * Sets of a few ways, found by a keyed hash of the source. A source without a place is not counted,
 * so the limit of connections per source does not apply to it.
 */
#ifndef SB_FLOW_SOURCES_H
#define SB_FLOW_SOURCES_H

#include "flows_private.h"

static inline struct sb_source_set *sb_source_set(const struct sb_flows *flows, uint64_t source) {
    return &flows->sources[source & flows->source_mask];
}

static inline uint32_t sb_source_tag(uint64_t source) {
    return (uint32_t)(source >> 32);
}

/* The way of the tag. SB_SOURCE_WAYS: none. */
static inline uint32_t sb_source_way(const struct sb_source_set *set, uint32_t tag) {
    uint32_t way = 0;

    while (way < SB_SOURCE_WAYS && (set->count[way] == 0 || set->tag[way] != tag))
        way++;
    return way;
}

/* Counts a connection for its source if that has a place, or if a place is free. */
static inline void sb_source_take(struct sb_flows *flows, struct sb_flow *flow, uint64_t source) {
    struct sb_source_set *set = sb_source_set(flows, source);
    uint32_t way = sb_source_way(set, sb_source_tag(source));

    for (uint32_t i = 0; way == SB_SOURCE_WAYS && i < SB_SOURCE_WAYS; i++)
        way = set->count[i] == 0 ? i : way;
    if (way == SB_SOURCE_WAYS)
        return; /* no place: the connection is not counted */
    set->tag[way] = sb_source_tag(source);
    set->count[way]++;
    flow->source = (uint32_t)((size_t)(set - flows->sources) * SB_SOURCE_WAYS + way) + 1;
}

/* Stops counting a connection for its source. */
static inline void sb_source_release(struct sb_flows *flows, struct sb_flow *flow) {
    if (flow->source == 0)
        return;
    flows->sources[(flow->source - 1) / SB_SOURCE_WAYS]
        .count[(flow->source - 1) % SB_SOURCE_WAYS]--;
    flow->source = 0;
}

#endif
