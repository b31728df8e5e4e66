/* flow_shares.h: how many connections each profile has, and how many places are reserved for it;
 * part of flows.c.
 *
 * A profile may always have as many connections as its share. Beyond that it borrows places that no
 * other profile has a right to: as long as the number of all connections, plus the number that
 * other profiles may still open within their shares, is less than connections_max. Both sums are
 * kept up to date, so the test takes constant time. A connection counts for the profile that has
 * opened it.
 */
#ifndef SB_FLOW_SHARES_H
#define SB_FLOW_SHARES_H

#include "flows_private.h"

/* The unused part of a profile's share, which other profiles may not borrow. */
static inline uint32_t sb_share_left(const struct sb_flow_shares *shares, uint32_t profile) {
    uint32_t kept = shares->kept[profile], used = shares->used[profile];

    return kept > used ? kept - used : 0;
}

static inline bool sb_share_is_over(const struct sb_flow_shares *shares, uint32_t profile) {
    return shares->used[profile] >= shares->kept[profile];
}

/* Whether a new connection of a profile has to replace one of its own. */
static inline bool sb_share_is_used_up(const struct sb_flows *flows, uint32_t profile) {
    const struct sb_flow_shares *shares = &flows->shares;

    return shares->are_in_force && sb_share_is_over(shares, profile) &&
           (uint64_t)shares->all_used + shares->all_left >= flows->connections_max;
}

static inline void sb_share_count(struct sb_flows *flows, uint32_t profile, int32_t step) {
    struct sb_flow_shares *shares = &flows->shares;

    shares->all_left -= sb_share_left(shares, profile);
    shares->used[profile] += (uint32_t)step;
    shares->all_left += sb_share_left(shares, profile);
    shares->all_used += (uint32_t)step;
    flows->of_profile[profile] = shares->used[profile];
}

static inline uint16_t *sb_flow_owners(const struct sb_flows *flows,
                                       const struct sb_flow_set *set) {
    return flows->owners[set - flows->sets].profile;
}

/* The ways of a set with that profile; includes free ways. */
static inline uint32_t sb_flow_ways_of(const struct sb_flows *flows, const struct sb_flow_set *set,
                                       uint32_t profile) {
    const __m128i *owners = (const __m128i *)(const void *)sb_flow_owners(flows, set);
    __m128i wanted = _mm_set1_epi16((short)profile);
    __m128i same = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(owners), wanted),
                                   _mm_cmpeq_epi16(_mm_load_si128(owners + 1), wanted));

    return (uint32_t)_mm_movemask_epi8(same);
}

/* The ways of a set whose profile has more connections than its share. */
static inline uint32_t sb_flow_ways_borrowed(const struct sb_flows *flows,
                                             const struct sb_flow_set *set) {
    const uint16_t *owner = sb_flow_owners(flows, set);
    const struct sb_flow_shares *shares = &flows->shares;
    uint32_t found = 0;

    for (uint32_t way = 0; way < SB_FLOW_WAYS; way++)
        found |= (uint32_t)(shares->used[owner[way]] > shares->kept[owner[way]]) << way;
    return found;
}

#endif
