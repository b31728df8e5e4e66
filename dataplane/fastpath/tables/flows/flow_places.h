/* flow_places.h: finds a place for a new connection, and the connection that is evicted for it;
 * part of flows.c. */
#ifndef SB_FLOW_PLACES_H
#define SB_FLOW_PLACES_H

#include "flow_shares.h"

enum { SB_FLOW_STRAYED_MAX = UINT16_MAX, SB_FLOW_NO_WAY = SB_FLOW_WAYS };

/* The place of a connection. */
struct sb_flow_place {
    struct sb_flow_set *set;
    uint32_t way;
};

/* The connection of a set that is evicted first: its way, or SB_FLOW_NO_WAY. */
struct sb_flow_giver {
    uint32_t way;
    uint32_t rank;
    uint32_t age;
};

static inline struct sb_flow_set *sb_flow_other(const struct sb_flows *flows, uint64_t hash) {
    struct sb_flow_set *home = sb_flow_home(flows, hash);
    struct sb_flow_set *other = &flows->sets[(hash >> 16 & UINT32_MAX) * flows->set_count >> 32];

    if (other != home)
        return other;
    return home + 1 == flows->sets + flows->set_count ? flows->sets : home + 1;
}

/* The preferred way if it is free, else another free way, else SB_FLOW_NO_WAY. */
static inline uint32_t sb_free_way(const struct sb_flow_set *set, uint64_t hash) {
    uint32_t ways = ~(uint32_t)set->tags.used & ((1u << SB_FLOW_WAYS) - 1);
    uint32_t preferred = sb_flow_preferred_way(hash);

    if ((ways >> preferred & 1) != 0)
        return preferred;
    return ways == 0 ? (uint32_t)SB_FLOW_NO_WAY : (uint32_t)__builtin_ctz(ways);
}

/* Among these ways, the connection of the lowest rank that was seen longest ago; if several were
 * seen at the same time, the first of them. */
static inline struct sb_flow_giver sb_first_to_give_way(const struct sb_flow_set *set,
                                                        uint32_t among, uint32_t boot_ds) {
    struct sb_flow_giver found = {.way = SB_FLOW_NO_WAY, .rank = 0};
    uint8_t now = (uint8_t)(boot_ds / SB_FLOW_SEEN_DS);
    uint32_t ways;

    while (found.rank < SB_FLOW_RANK_PROVEN && (set->tags.rank[found.rank] & among) == 0)
        found.rank++;
    ways = found.rank < SB_FLOW_RANK_PROVEN ? set->tags.rank[found.rank] & among : 0;
    for (; ways != 0; ways &= ways - 1) {
        uint32_t way = (uint32_t)__builtin_ctz(ways);
        uint8_t age = (uint8_t)(now - set->tags.seen[way]);

        if (found.way == SB_FLOW_NO_WAY || age > found.age) {
            found.way = way;
            found.age = age;
        }
    }
    return found;
}

static inline bool sb_gives_way_before(const struct sb_flow_giver *one,
                                       const struct sb_flow_giver *other) {
    if (one->way == SB_FLOW_NO_WAY || other->way == SB_FLOW_NO_WAY)
        return one->way != SB_FLOW_NO_WAY;
    return one->rank != other->rank ? one->rank < other->rank : one->age > other->age;
}

/* The ways of a set that may be evicted for a new connection of a profile. Without shares: all.
 * With shares and is_to_own: the profile's own connections; else the ended connections and, while
 * the profile has less than its share, those of profiles that have more. */
static inline uint32_t sb_may_give_way(const struct sb_flows *flows, const struct sb_flow_set *set,
                                       uint32_t profile, bool is_to_own) {
    const struct sb_flow_shares *shares = &flows->shares;
    uint32_t found;

    if (!shares->are_in_force)
        return UINT32_MAX;
    if (is_to_own)
        return sb_flow_ways_of(flows, set, profile);
    if (sb_share_is_used_up(flows, profile))
        return 0;
    found = set->tags.rank[SB_FLOW_RANK_ENDED];
    if (!sb_share_is_over(shares, profile))
        found |= sb_flow_ways_borrowed(flows, set);
    return found;
}

/* The place of the connection that is evicted. One of the new connection's own profile is evicted
 * only if there is no other. */
static inline struct sb_flow_place sb_place_taken(struct sb_flows *flows, uint64_t hash,
                                                  uint32_t profile, uint32_t boot_ds) {
    struct sb_flow_set *home = sb_flow_home(flows, hash), *other = sb_flow_other(flows, hash);
    struct sb_flow_giver giver = {.way = SB_FLOW_NO_WAY}, others = {.way = SB_FLOW_NO_WAY};

    for (uint32_t is_to_own = 0; is_to_own < 2; is_to_own++) {
        giver = sb_first_to_give_way(home, sb_may_give_way(flows, home, profile, is_to_own != 0),
                                     boot_ds);
        if (home->tags.strayed < SB_FLOW_STRAYED_MAX)
            others = sb_first_to_give_way(
                other, sb_may_give_way(flows, other, profile, is_to_own != 0), boot_ds);
        if (giver.way != SB_FLOW_NO_WAY || others.way != SB_FLOW_NO_WAY)
            break;
    }
    return sb_gives_way_before(&others, &giver) ? (struct sb_flow_place){other, others.way}
                                                : (struct sb_flow_place){home, giver.way};
}

#endif
