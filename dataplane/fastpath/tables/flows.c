#include "flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_sources.h"
#include "flows_private.h"
#include "http_records.h"
#include "memory.h"
#include "packet.h"

enum { SWEPT_AT_ONCE = 4, STRAYED_MAX = UINT16_MAX, NO_WAY = SB_FLOW_WAYS, HUGE_PAGE = 2 << 20 };

/* Where a connection is. */
struct place {
    struct sb_flow_set *set;
    uint32_t way;
};

/* Who gives way in a set: its way, or NO_WAY. */
struct giver {
    uint32_t way;
    uint32_t rank;
    uint32_t age;
};

static bool are_valid(const struct sb_flow_timeouts *timeouts);
static bool is_of_unproven(uint32_t state);
static struct sb_flow_set *other_set(const struct sb_flows *flows, uint64_t hash);
static struct sb_flow *find_in(struct sb_flow_set *set, const uint64_t key[2], uint32_t tag);
static struct sb_flow *insert(struct sb_flows *flows, struct sb_flow_set *set, uint32_t way,
                              const uint64_t key[2], uint64_t hash);
static uint32_t free_way(const struct sb_flow_set *set, uint64_t hash);
static struct giver first_to_give_way(const struct sb_flow_set *set, uint32_t boot_ds);
static bool gives_way_before(const struct giver *one, const struct giver *other);
static uint8_t unproven_rank(const struct sb_flow *flow);
static void set_rank(struct sb_flow_set *set, struct sb_flow *flow, uint8_t rank);
static struct place place_of(struct sb_flows *flows, const struct sb_flow *flow);
static void free_record(struct sb_flows *flows, struct sb_flow *flow);
static void sweep_set(struct sb_flows *flows, struct sb_flow_set *set, uint32_t boot_ds);

static size_t sets_bytes(const struct sb_flows *flows) {
    size_t bytes = flows->set_count * sizeof(struct sb_flow_set);

    /* To the end of a huge page: what is behind the last whole one would lie in small ones. */
    return bytes < HUGE_PAGE ? bytes : (bytes + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
}

static size_t sources_bytes(const struct sb_flows *flows) {
    return ((size_t)flows->source_mask + 1) * sizeof(struct sb_source_set);
}

static uint32_t place_count(const struct sb_flows *flows) {
    return flows->set_count * SB_FLOW_WAYS;
}

static size_t records_bytes(const struct sb_flows *flows) {
    return ((size_t)place_count(flows) + 1) * sizeof(struct sb_flow_record);
}

int sb_flows_create(uint32_t connections_max, const struct sb_flow_timeouts *timeouts,
                    const uint8_t hash_key[64], struct sb_connection_stats *stats,
                    struct sb_flows **out) {
    struct sb_flows *flows;
    uint32_t source_sets = 1;

    if (connections_max == 0 || connections_max > SB_FLOWS_MAX || !are_valid(timeouts))
        return -EINVAL;
    flows = calloc(1, sizeof(*flows));
    if (flows == NULL)
        return -ENOMEM;
    /* Two at least, so that home and other are not one. */
    flows->set_count = 2 + (connections_max - 1) / SB_FLOW_FILLED;
    while ((uint64_t)source_sets * SB_SOURCE_WAYS < 2ull * connections_max)
        source_sets *= 2;
    flows->source_mask = source_sets - 1;
    flows->timeouts = *timeouts;
    flows->stats = stats;
    memcpy(&flows->hash_key, hash_key, sizeof(flows->hash_key));
    memcpy(flows->address_key, hash_key + sizeof(flows->hash_key), sizeof(flows->address_key));
    flows->hash_key.word[0] |= 1;
    flows->hash_key.word[1] |= 1;
    flows->sets = sb_memory_map(sets_bytes(flows));
    flows->sources = sb_memory_map(sources_bytes(flows));
    flows->records = sb_memory_map_small(records_bytes(flows));
    flows->record_fresh = 1;
    if (flows->sets == NULL || flows->sources == NULL || flows->records == NULL) {
        sb_flows_destroy(flows);
        return -ENOMEM;
    }
    *out = flows;
    return 0;
}

static bool are_valid(const struct sb_flow_timeouts *timeouts) {
    for (uint32_t state = 0; state < SB_FLOW_STATE_COUNT; state++) {
        uint32_t most = is_of_unproven(state) ? (uint32_t)SB_FLOW_UNPROVEN_DS_MAX
                                              : (uint32_t)SB_FLOW_TIMEOUT_DS_MAX;

        if (timeouts->ds[state] == 0 || timeouts->ds[state] > most)
            return false;
    }
    return true;
}

/* Those that an unproven connection can be in: how long ago it was seen must fit 8 bits. */
static bool is_of_unproven(uint32_t state) {
    return state != SB_FLOW_STATE_ESTABLISHED && state != SB_FLOW_STATE_HALF_CLOSED &&
           state != SB_FLOW_STATE_CLOSED;
}

_Static_assert((uint64_t)(2 + SB_FLOWS_MAX / SB_FLOW_FILLED) * SB_FLOW_WAYS < UINT32_MAX,
               "sb_flow.record");
_Static_assert(SB_FLOW_UNPROVEN_DS_MAX / SB_FLOW_SEEN_DS < UINT8_MAX, "sb_flow_set.seen");

void sb_flows_destroy(struct sb_flows *flows) {
    if (flows == NULL)
        return;
    sb_memory_unmap(flows->sets, sets_bytes(flows));
    sb_memory_unmap(flows->sources, sources_bytes(flows));
    sb_memory_unmap(flows->records, records_bytes(flows));
    free(flows);
}

uint64_t sb_flows_bytes(const struct sb_flows *flows) {
    return sets_bytes(flows) + sources_bytes(flows) + records_bytes(flows);
}

static struct sb_flow_set *other_set(const struct sb_flows *flows, uint64_t hash) {
    struct sb_flow_set *home = sb_flow_home(flows, hash);
    struct sb_flow_set *other = &flows->sets[(hash >> 16 & UINT32_MAX) * flows->set_count >> 32];

    if (other != home)
        return other;
    return home + 1 == flows->sets + flows->set_count ? flows->sets : home + 1;
}

struct sb_flow *sb_flow_find(struct sb_flows *flows, const uint64_t key[2], uint64_t hash,
                             uint32_t boot_ds) {
    struct sb_flow_set *home = sb_flow_home(flows, hash);
    struct sb_flow *flow = find_in(home, key, sb_flow_tag(hash));

    if (flow == NULL && home->tags.strayed != 0)
        flow = find_in(other_set(flows, hash), key, sb_flow_tag(hash));
    if (flow == NULL || !sb_flow_is_over(flow, boot_ds))
        return flow;
    flows->stats->expired++;
    sb_flow_end(flows, flow);
    return NULL;
}

static struct sb_flow *find_in(struct sb_flow_set *set, const uint64_t key[2], uint32_t tag) {
    uint32_t ways = sb_flow_ways(&set->tags, tag);

    for (; ways != 0; ways &= ways - 1) {
        struct sb_flow *flow = &set->flow[__builtin_ctz(ways)];

        if (sb_flow_is(flow, key))
            return flow;
    }
    return NULL;
}

struct sb_flow *sb_flow_open(struct sb_flows *flows, const uint64_t key[2], uint64_t hash,
                             uint32_t boot_ds) {
    struct sb_flow_set *home = sb_flow_home(flows, hash), *other = other_set(flows, hash);
    bool may_stray = home->tags.strayed < STRAYED_MAX;
    uint32_t way = free_way(home, hash), other_way = NO_WAY;

    if (way == NO_WAY && may_stray)
        other_way = free_way(other, hash);
    if (way == NO_WAY && other_way == NO_WAY) {
        struct giver giver = first_to_give_way(home, boot_ds), others = {.way = NO_WAY};

        if (may_stray)
            others = first_to_give_way(other, boot_ds);
        if (gives_way_before(&others, &giver))
            other_way = others.way;
        else
            way = giver.way;
        if (way == NO_WAY && other_way == NO_WAY) {
            flows->stats->untracked++;
            return NULL;
        }
        sb_flow_end(flows, other_way == NO_WAY ? &home->flow[way] : &other->flow[other_way]);
        flows->stats->evicted++;
    }
    return other_way == NO_WAY ? insert(flows, home, way, key, hash)
                               : insert(flows, other, other_way, key, hash);
}

static struct sb_flow *insert(struct sb_flows *flows, struct sb_flow_set *set, uint32_t way,
                              const uint64_t key[2], uint64_t hash) {
    struct sb_flow_set *home = sb_flow_home(flows, hash);
    struct sb_flow *flow = &set->flow[way];

    set->tags.tag[way] = (uint16_t)sb_flow_tag(hash);
    set->tags.used |= (uint16_t)(1u << way);
    *flow = (struct sb_flow){.key = {key[0], key[1]}, .rank = SB_FLOW_RANK_HALF_OPEN};
    set_rank(set, flow, SB_FLOW_RANK_HALF_OPEN);
    if (set != home) {
        flow->flags = SB_FLOW_STRAYED;
        home->tags.strayed++;
    }
    flows->stats->active++;
    flows->stats->opened++;
    return flow;
}

/* The preferred one, if it is. */
static uint32_t free_way(const struct sb_flow_set *set, uint64_t hash) {
    uint32_t ways = ~(uint32_t)set->tags.used & ((1u << SB_FLOW_WAYS) - 1);
    uint32_t preferred = sb_flow_preferred_way(hash);

    if ((ways >> preferred & 1) != 0)
        return preferred;
    return ways == 0 ? (uint32_t)NO_WAY : (uint32_t)__builtin_ctz(ways);
}

/* Of the lowest rank the one seen longest ago; of several seen together the first. */
static struct giver first_to_give_way(const struct sb_flow_set *set, uint32_t boot_ds) {
    struct giver found = {.way = NO_WAY, .rank = 0};
    uint8_t now = (uint8_t)(boot_ds / SB_FLOW_SEEN_DS);
    uint32_t ways;

    while (found.rank < SB_FLOW_RANK_PROVEN && set->tags.rank[found.rank] == 0)
        found.rank++;
    ways = found.rank < SB_FLOW_RANK_PROVEN ? set->tags.rank[found.rank] : 0;
    for (; ways != 0; ways &= ways - 1) {
        uint32_t way = (uint32_t)__builtin_ctz(ways);
        uint8_t age = (uint8_t)(now - set->tags.seen[way]);

        if (found.way == NO_WAY || age > found.age) {
            found.way = way;
            found.age = age;
        }
    }
    return found;
}

static bool gives_way_before(const struct giver *one, const struct giver *other) {
    if (one->way == NO_WAY || other->way == NO_WAY)
        return one->way != NO_WAY;
    return one->rank != other->rank ? one->rank < other->rank : one->age > other->age;
}

static uint8_t unproven_rank(const struct sb_flow *flow) {
    switch (flow->state) {
    case SB_FLOW_STATE_ONE_WAY:
        return SB_FLOW_RANK_ONE_WAY;
    case SB_FLOW_STATE_TWO_WAY:
        return SB_FLOW_RANK_TWO_WAY;
    case SB_FLOW_STATE_SYN_RECEIVED:
        return SB_FLOW_RANK_ANSWERED;
    default:
        return SB_FLOW_RANK_HALF_OPEN;
    }
}

static void set_rank(struct sb_flow_set *set, struct sb_flow *flow, uint8_t rank) {
    uint16_t way = (uint16_t)(1u << (flow - set->flow));

    set->tags.rank[flow->rank] &= (uint16_t)~way;
    set->tags.rank[rank] |= way;
    flow->rank = rank;
}

static struct place place_of(struct sb_flows *flows, const struct sb_flow *flow) {
    size_t offset = (size_t)((const uint8_t *)flow - (const uint8_t *)flows->sets);
    struct sb_flow_set *set = &flows->sets[offset / sizeof(*set)];

    return (struct place){set, (uint32_t)(flow - set->flow)};
}

/* Opened by the SYN proxy, and not over. */
static bool is_proxied(const struct sb_flow *flow) {
    return (flow->flags & SB_FLOW_TRANSLATED) != 0 && flow->rank != SB_FLOW_RANK_ENDED;
}

void sb_flow_end(struct sb_flows *flows, struct sb_flow *flow) {
    struct place place = place_of(flows, flow);
    uint16_t way = (uint16_t)(1u << place.way);

    sb_source_release(flows, flow);
    if (flow->record != 0)
        free_record(flows, flow);
    if (SB_UNLIKELY((flow->flags & SB_FLOW_INSPECTED) != 0) && flows->http != NULL)
        sb_http_end(flows->http, flow);
    if ((flow->flags & SB_FLOW_STRAYED) != 0)
        sb_flow_home(flows, sb_flow_hash(flows, flow->key))->tags.strayed--;
    flows->stats->proven -= (flow->flags & SB_FLOW_PROVEN) != 0;
    flows->stats->proxied -= is_proxied(flow);
    flows->stats->active--;
    place.set->tags.used &= (uint16_t)~way;
    place.set->tags.rank[flow->rank] &= (uint16_t)~way;
    flow->key[0] = flow->key[1] = 0; /* nobody's, for who has found it before */
}

struct sb_flow_record *sb_flow_add_record(struct sb_flows *flows, struct sb_flow *flow) {
    uint32_t index = flows->record_free;

    if (index != 0)
        flows->record_free = flows->records[index].next;
    else
        index = flows->record_fresh++;
    flow->record = index;
    flows->records[index] = (struct sb_flow_record){.next = 0};
    return &flows->records[index];
}

static void free_record(struct sb_flows *flows, struct sb_flow *flow) {
    flows->records[flow->record].next = flows->record_free;
    flows->record_free = flow->record;
    flow->record = 0;
}

void sb_flow_mark_seen(struct sb_flows *flows, struct sb_flow *flow, uint32_t boot_ds) {
    struct place place = place_of(flows, flow);

    place.set->tags.seen[place.way] = (uint8_t)(boot_ds / SB_FLOW_SEEN_DS);
    if (flow->rank != SB_FLOW_RANK_ENDED)
        set_rank(place.set, flow, unproven_rank(flow));
}

void sb_flow_prove(struct sb_flows *flows, struct sb_flow *flow, uint64_t source) {
    struct place place = place_of(flows, flow);

    flow->flags |= SB_FLOW_PROVEN;
    set_rank(place.set, flow, SB_FLOW_RANK_PROVEN);
    flows->stats->proven++;
    sb_source_take(flows, flow, source);
}

void sb_flow_retire(struct sb_flows *flows, struct sb_flow *flow, uint32_t boot_ds) {
    flows->stats->proxied -= is_proxied(flow);
    set_rank(place_of(flows, flow).set, flow, SB_FLOW_RANK_ENDED);
    sb_source_release(flows, flow);
    sb_flow_touch(flows, flow, boot_ds);
}

uint32_t sb_flow_source_count(const struct sb_flows *flows, uint64_t source) {
    const struct sb_source_set *set = sb_source_set(flows, source);
    uint32_t way = sb_source_way(set, sb_source_tag(source));

    return way == SB_SOURCE_WAYS ? 0 : set->count[way];
}

void sb_flows_sweep(struct sb_flows *flows, uint32_t boot_ds) {
    uint32_t passed = boot_ds - flows->sweep_ds;

    if (passed != 0) {
        uint64_t due =
            flows->sweep_due + (uint64_t)passed * flows->set_count / SB_FLOW_SWEEP_DS + 1;

        flows->sweep_due = due < flows->set_count ? (uint32_t)due : flows->set_count;
        flows->sweep_ds = boot_ds;
    }
    for (uint32_t i = 0; i < SWEPT_AT_ONCE && flows->sweep_due != 0; i++) {
        sweep_set(flows, &flows->sets[flows->sweep_next], boot_ds);
        flows->sweep_next = flows->sweep_next + 1 == flows->set_count ? 0 : flows->sweep_next + 1;
        flows->sweep_due--;
    }
}

static void sweep_set(struct sb_flows *flows, struct sb_flow_set *set, uint32_t boot_ds) {
    for (uint32_t ways = set->tags.used; ways != 0; ways &= ways - 1) {
        struct sb_flow *flow = &set->flow[__builtin_ctz(ways)];

        if (!sb_flow_is_over(flow, boot_ds))
            continue;
        flows->stats->expired++;
        sb_flow_end(flows, flow);
    }
}
