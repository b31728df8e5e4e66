/* flow_sources.h: how many connections each source has that has proven itself; part of flows.c.
 *
 * Sets of few ways, found by a keyed hash of the source. A source that finds no place is not
 * counted: the limit on connections of a source is then not kept for it.
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

/* SB_SOURCE_WAYS: it has none. */
static inline uint32_t sb_source_way(const struct sb_source_set *set, uint32_t tag) {
    uint32_t way = 0;

    while (way < SB_SOURCE_WAYS && (set->count[way] == 0 || set->tag[way] != tag))
        way++;
    return way;
}

/* Count a connection for its source, if that has a place or finds one. */
static inline void sb_source_take(struct sb_flows *flows, struct sb_flow *flow, uint64_t source) {
    struct sb_source_set *set = sb_source_set(flows, source);
    uint32_t way = sb_source_way(set, sb_source_tag(source));

    for (uint32_t i = 0; way == SB_SOURCE_WAYS && i < SB_SOURCE_WAYS; i++)
        way = set->count[i] == 0 ? i : way;
    if (way == SB_SOURCE_WAYS)
        return; /* no place: this one is not counted */
    set->tag[way] = sb_source_tag(source);
    set->count[way]++;
    flow->source = (uint32_t)((size_t)(set - flows->sources) * SB_SOURCE_WAYS + way) + 1;
}

/* It is not counted any more. */
static inline void sb_source_release(struct sb_flows *flows, struct sb_flow *flow) {
    if (flow->source == 0)
        return;
    flows->sources[(flow->source - 1) / SB_SOURCE_WAYS]
        .count[(flow->source - 1) % SB_SOURCE_WAYS]--;
    flow->source = 0;
}

#endif
