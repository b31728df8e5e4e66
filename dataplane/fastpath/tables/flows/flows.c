#include "flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_places.h"
#include "flow_sources.h"
#include "flows_private.h"
#include "packet/packet.h"
#include "tables/http/http_records.h"
#include "tables/memory/memory.h"

enum { SWEPT_AT_ONCE = 4, HUGE_PAGE = 2 << 20 };

static bool are_valid(const struct sb_flow_timeouts *timeouts);
static bool is_of_unproven(uint32_t state);
static struct sb_flow *find_in(struct sb_flow_set *set, const uint64_t key[2], uint32_t tag);
static struct sb_flow_place place_for(struct sb_flows *flows, uint64_t hash, uint32_t profile,
                                      uint32_t boot_ds);
static struct sb_flow *insert(struct sb_flows *flows, struct sb_flow_place place,
                              const uint64_t key[2], uint64_t hash, uint32_t profile);
static uint8_t unproven_rank(const struct sb_flow *flow);
static void set_rank(struct sb_flow_set *set, struct sb_flow *flow, uint8_t rank);
static struct sb_flow_place place_of(struct sb_flows *flows, const struct sb_flow *flow);
static void free_record(struct sb_flows *flows, struct sb_flow *flow);
static void sweep_set(struct sb_flows *flows, struct sb_flow_set *set, uint32_t boot_ds);

static size_t sets_bytes(const struct sb_flows *flows) {
    size_t bytes = flows->set_count * sizeof(struct sb_flow_set);

    /* Rounded up to huge pages: otherwise the end of the table would be in small pages. */
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

static size_t owners_bytes(const struct sb_flows *flows) {
    return flows->set_count * sizeof(struct sb_flow_owners);
}

int sb_flows_create(uint32_t connections_max, const struct sb_flow_timeouts *timeouts,
                    const uint8_t hash_key[64], struct sb_connection_stats *stats,
                    uint64_t *of_profile, struct sb_flows **out) {
    struct sb_flows *flows;
    uint32_t source_sets = 1;

    if (connections_max == 0 || connections_max > SB_FLOWS_MAX || !are_valid(timeouts))
        return -EINVAL;
    flows = calloc(1, sizeof(*flows));
    if (flows == NULL)
        return -ENOMEM;
    /* At least two sets, so that the home set and the other set are different. */
    flows->set_count = 2 + (connections_max - 1) / SB_FLOW_FILLED;
    while ((uint64_t)source_sets * SB_SOURCE_WAYS < 2ull * connections_max)
        source_sets *= 2;
    flows->source_mask = source_sets - 1;
    flows->timeouts = *timeouts;
    flows->connections_max = connections_max;
    flows->stats = stats;
    flows->of_profile = of_profile;
    memcpy(&flows->hash_key, hash_key, sizeof(flows->hash_key));
    memcpy(flows->address_key, hash_key + sizeof(flows->hash_key), sizeof(flows->address_key));
    flows->hash_key.word[0] |= 1;
    flows->hash_key.word[1] |= 1;
    flows->sets = sb_memory_map(sets_bytes(flows));
    flows->sources = sb_memory_map(sources_bytes(flows));
    flows->records = sb_memory_map_small(records_bytes(flows));
    flows->owners = sb_memory_map_small(owners_bytes(flows));
    flows->record_fresh = 1;
    if (flows->sets == NULL || flows->sources == NULL || flows->records == NULL ||
        flows->owners == NULL) {
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

/* The states of unproven connections: for these, the time since they were seen must fit into 8
 * bits. */
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
    sb_memory_unmap(flows->owners, owners_bytes(flows));
    free(flows);
}

uint64_t sb_flows_bytes(const struct sb_flows *flows) {
    return sets_bytes(flows) + sources_bytes(flows) + records_bytes(flows) + owners_bytes(flows);
}

struct sb_flow *sb_flow_find(struct sb_flows *flows, const uint64_t key[2], uint64_t hash,
                             uint32_t boot_ds) {
    struct sb_flow_set *home = sb_flow_home(flows, hash);
    struct sb_flow *flow = find_in(home, key, sb_flow_tag(hash));

    if (flow == NULL && home->tags.strayed != 0)
        flow = find_in(sb_flow_other(flows, hash), key, sb_flow_tag(hash));
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
                             uint32_t profile, uint32_t boot_ds) {
    struct sb_flow_place place = place_for(flows, hash, profile, boot_ds);

    if (place.way != SB_FLOW_NO_WAY)
        return insert(flows, place, key, hash, profile);
    flows->stats->untracked++;
    return NULL;
}

bool sb_flow_share_is_used_up(const struct sb_flows *flows, uint32_t profile) {
    return sb_share_is_used_up(flows, profile);
}

/* A free place, or one whose connection is ended for the new one. */
static struct sb_flow_place place_for(struct sb_flows *flows, uint64_t hash, uint32_t profile,
                                      uint32_t boot_ds) {
    struct sb_flow_set *home = sb_flow_home(flows, hash), *other = sb_flow_other(flows, hash);
    struct sb_flow_place place = {home, SB_FLOW_NO_WAY};

    if (SB_LIKELY(!sb_share_is_used_up(flows, profile))) {
        place.way = sb_free_way(home, hash);
        if (place.way == SB_FLOW_NO_WAY && home->tags.strayed < SB_FLOW_STRAYED_MAX)
            place = (struct sb_flow_place){other, sb_free_way(other, hash)};
        if (place.way != SB_FLOW_NO_WAY)
            return place;
    }
    place = sb_place_taken(flows, hash, profile, boot_ds);
    if (place.way != SB_FLOW_NO_WAY) {
        sb_flow_end(flows, &place.set->flow[place.way]);
        flows->stats->evicted++;
    }
    return place;
}

static struct sb_flow *insert(struct sb_flows *flows, struct sb_flow_place place,
                              const uint64_t key[2], uint64_t hash, uint32_t profile) {
    struct sb_flow_set *set = place.set, *home = sb_flow_home(flows, hash);
    struct sb_flow *flow = &set->flow[place.way];

    set->tags.tag[place.way] = (uint16_t)sb_flow_tag(hash);
    set->tags.used |= (uint16_t)(1u << place.way);
    *flow = (struct sb_flow){.key = {key[0], key[1]}, .rank = SB_FLOW_RANK_HALF_OPEN};
    set_rank(set, flow, SB_FLOW_RANK_HALF_OPEN);
    if (set != home) {
        flow->flags = SB_FLOW_STRAYED;
        home->tags.strayed++;
    }
    sb_flow_owners(flows, set)[place.way] = (uint16_t)profile;
    sb_share_count(flows, profile, 1);
    flows->stats->active++;
    flows->stats->opened++;
    return flow;
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

static struct sb_flow_place place_of(struct sb_flows *flows, const struct sb_flow *flow) {
    size_t offset = (size_t)((const uint8_t *)flow - (const uint8_t *)flows->sets);
    struct sb_flow_set *set = &flows->sets[offset / sizeof(*set)];

    return (struct sb_flow_place){set, (uint32_t)(flow - set->flow)};
}

/* Whether the SYN proxy has opened the connection and it has not ended. */
static bool is_proxied(const struct sb_flow *flow) {
    return (flow->flags & SB_FLOW_TRANSLATED) != 0 && flow->rank != SB_FLOW_RANK_ENDED;
}

void sb_flow_end(struct sb_flows *flows, struct sb_flow *flow) {
    struct sb_flow_place place = place_of(flows, flow);
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
    sb_share_count(flows, sb_flow_owners(flows, place.set)[place.way], -1);
    place.set->tags.used &= (uint16_t)~way;
    place.set->tags.rank[flow->rank] &= (uint16_t)~way;
    flow->key[0] = flow->key[1] = 0; /* unused, for a reader that has found it before */
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
    struct sb_flow_place place = place_of(flows, flow);

    place.set->tags.seen[place.way] = (uint8_t)(boot_ds / SB_FLOW_SEEN_DS);
    if (flow->rank != SB_FLOW_RANK_ENDED)
        set_rank(place.set, flow, unproven_rank(flow));
}

void sb_flow_prove(struct sb_flows *flows, struct sb_flow *flow, uint64_t source) {
    struct sb_flow_place place = place_of(flows, flow);

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

void sb_flows_share(struct sb_flows *flows, const uint32_t *share_q16, uint32_t count,
                    uint32_t generation) {
    struct sb_flow_shares *shares = &flows->shares;

    shares->generation = generation;
    shares->are_in_force = share_q16 != NULL;
    shares->all_left = 0;
    for (uint32_t i = 0; i < SB_PROFILES_MAX; i++) {
        shares->kept[i] = share_q16 == NULL || i >= count
                              ? 0
                              : (uint32_t)((uint64_t)flows->connections_max * share_q16[i] >> 16);
        shares->all_left += sb_share_left(shares, i);
    }
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
