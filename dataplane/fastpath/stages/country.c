/* country.c: judges packets from outside by the countries that a profile blocks, and by those that
 * alone it allows.
 *
 * Without a database no source has a country, and all packets pass: the node is degraded. An
 * address that the database does not contain has country 0, which a profile can name like any
 * other.
 */
#include "packet/address.h"
#include "packet/verdict.h"
#include "stages.h"
#include "tables/countries/countries_private.h"

enum { USES = SB_USE_GEO_BLOCK | SB_USE_GEO_ALLOW };

static uint32_t judge_all(struct sb_lcore *lcore, struct sb_burst *burst,
                          const struct sb_countries *countries, uint32_t packets,
                          const struct sb_time *now);
static inline void add(struct sb_country_batch *batch, uint32_t place, uint32_t packet,
                       const struct sb_trie *trie, struct sb_family_address client);
static inline uint32_t judge_batch(struct sb_lcore *lcore, struct sb_burst *burst,
                                   const struct sb_country_batch *batch, uint32_t count,
                                   const struct sb_time *now);
static uint32_t reject(struct sb_lcore *lcore, struct sb_packet *packet, uint32_t country,
                       const struct sb_time *now);

void sb_country_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;
    const struct sb_countries *countries;
    uint32_t dropped = 0;

    if (SB_LIKELY((sb_policy_of(lcore)->uses & USES) == 0))
        return;
    countries =
        (const struct sb_countries *)(uintptr_t)__atomic_load_n(&node->countries, __ATOMIC_ACQUIRE);
    if (SB_UNLIKELY(countries == NULL))
        return;
    for (uint32_t left = burst->to_judge; left != 0;) {
        uint32_t packets = sb_burst_take_profile(burst, &left);

        if ((sb_profile_of_first(lcore, burst, packets)->uses & USES) != 0)
            dropped |= judge_all(lcore, burst, countries, packets, now);
    }
    if (dropped != 0)
        sb_burst_leave_out(burst, dropped);
}

/* Judges packets of one profile. Returns those that were dropped. */
static uint32_t judge_all(struct sb_lcore *lcore, struct sb_burst *burst,
                          const struct sb_countries *countries, uint32_t packets,
                          const struct sb_time *now) {
    struct sb_country_batch ipv4, ipv6;
    uint32_t count_ipv4 = 0, count_ipv6 = 0, dropped = 0;

    while (packets != 0) {
        uint32_t index = sb_take_packet(&packets);
        const struct sb_packet *packet = &burst->packets[index];
        struct sb_family_address client =
            sb_country_address(sb_client_bytes(packet), packet->ip_version);

        if (SB_LIKELY(client.is_ipv4))
            add(&ipv4, count_ipv4++, index, &countries->ipv4, client);
        else
            add(&ipv6, count_ipv6++, index, &countries->ipv6, client);
    }
    if (count_ipv4 > 0) {
        sb_country_batch_find(&countries->ipv4, &ipv4, count_ipv4, false);
        dropped |= judge_batch(lcore, burst, &ipv4, count_ipv4, now);
    }
    if (count_ipv6 > 0) {
        sb_country_batch_find(&countries->ipv6, &ipv6, count_ipv6, true);
        dropped |= judge_batch(lcore, burst, &ipv6, count_ipv6, now);
    }
    return dropped;
}

static inline void add(struct sb_country_batch *batch, uint32_t place, uint32_t packet,
                       const struct sb_trie *trie, struct sb_family_address client) {
    __builtin_prefetch(sb_trie_root(trie, client.hi));
    batch->packet[place] = packet;
    batch->hi[place] = client.hi;
    batch->lo[place] = client.lo;
}

static inline bool is_in(const uint64_t countries[SB_COUNTRY_WORDS], uint32_t country) {
    return (countries[country / 64] >> country % 64 & 1) != 0;
}

static inline uint32_t judge_batch(struct sb_lcore *lcore, struct sb_burst *burst,
                                   const struct sb_country_batch *batch, uint32_t count,
                                   const struct sb_time *now) {
    const struct sb_profile *profile = sb_profile_of(lcore, &burst->packets[batch->packet[0]]);
    bool is_allowing = (profile->uses & SB_USE_GEO_ALLOW) != 0;
    uint32_t refused = 0, dropped = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t country = batch->slot[i];

        if (SB_UNLIKELY(is_in(profile->geo_block, country) ||
                        (is_allowing && !is_in(profile->geo_allow, country))))
            refused |= 1u << i;
    }
    while (refused != 0) {
        uint32_t i = sb_take_packet(&refused), index = batch->packet[i];

        dropped |= reject(lcore, &burst->packets[index], batch->slot[i], now) << index;
    }
    return dropped;
}

/* 1: dropped. Both rules are checked: if one is in monitor mode, the other still applies. */
static uint32_t reject(struct sb_lcore *lcore, struct sb_packet *packet, uint32_t country,
                       const struct sb_time *now) {
    const struct sb_profile *profile = sb_profile_of(lcore, packet);

    if (is_in(profile->geo_block, country) && sb_reject(lcore, packet, SB_REASON_GEO_BLOCK, now))
        return 1;
    return (profile->uses & SB_USE_GEO_ALLOW) != 0 && !is_in(profile->geo_allow, country) &&
           sb_reject(lcore, packet, SB_REASON_GEO_ALLOW, now);
}
