/* country.c: the countries that a profile blocks, and those that alone it allows, from outside.
 *
 * Without a database nobody has a country, and everybody passes: the node says that it is degraded.
 * What the database does not know has country 0, which a profile can name like any other.
 */
#include "../tables/countries_private.h"
#include "pipeline.h"

enum { USES = SB_USE_GEO_BLOCK | SB_USE_GEO_ALLOW };

/* The packets of a burst whose client's country matters. */
struct clients {
    uint32_t count;
    uint8_t packet[SB_BURST_MAX];
    struct sb_country_search search[SB_BURST_MAX];
};

static void collect(const struct sb_lcore *lcore, const struct sb_burst *burst,
                    const struct sb_countries *countries, struct clients *clients);
static void search_all(struct clients *clients);
static uint32_t judge(struct sb_lcore *lcore, struct sb_packet *packet, uint32_t country,
                      const struct sb_time *now);

void sb_country_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;
    const struct sb_countries *countries;
    struct clients clients;
    uint32_t dropped = 0;

    if (SB_LIKELY((sb_policy_of(lcore)->uses & USES) == 0))
        return;
    countries =
        (const struct sb_countries *)(uintptr_t)__atomic_load_n(&node->countries, __ATOMIC_ACQUIRE);
    if (SB_UNLIKELY(countries == NULL))
        return;
    collect(lcore, burst, countries, &clients);
    search_all(&clients);
    for (uint32_t i = 0; i < clients.count; i++) {
        uint32_t index = clients.packet[i];

        dropped |= judge(lcore, &burst->packets[index], clients.search[i].slot, now) << index;
    }
    if (dropped != 0)
        sb_burst_leave_out(burst, dropped);
}

/* parse has checked that the address lies in the bytes at hand: ip_version says so. */
static inline const uint8_t *client_of(const struct sb_packet *packet) {
    return (const uint8_t *)(uintptr_t)packet->data + packet->client_offset;
}

static void collect(const struct sb_lcore *lcore, const struct sb_burst *burst,
                    const struct sb_countries *countries, struct clients *clients) {
    uint32_t count = 0;

    for (uint32_t i = 0; i < burst->live_count; i++) {
        const struct sb_packet *packet = &burst->packets[burst->live[i]];
        const uint8_t *client = client_of(packet);

        if ((sb_profile_of(lcore, packet)->uses & USES) == 0 || !sb_is_judged(packet))
            continue;
        clients->packet[count] = burst->live[i];
        clients->search[count++] =
            packet->ip_version == 4
                ? sb_country_search_of(&countries->ipv4, (uint64_t)sb_load32(client) << 32, 0)
                : sb_country_search_ipv6(countries, __builtin_bswap64(sb_load64_raw(client)),
                                         __builtin_bswap64(sb_load64_raw(client + 8)));
    }
    clients->count = count;
}

/* Level by level, every node asked for before the first of them is read. */
static void search_all(struct clients *clients) {
    uint8_t open[SB_BURST_MAX];
    uint32_t count = 0;

    for (uint32_t i = 0; i < clients->count; i++) {
        const struct sb_country_search *search = &clients->search[i];

        __builtin_prefetch(sb_trie_node(search->trie, search->slot));
        open[count] = (uint8_t)i;
        count += search->slot >> 31;
    }
    while (count != 0) {
        uint32_t still = 0;

        for (uint32_t i = 0; i < count; i++) {
            struct sb_country_search *search = &clients->search[open[i]];

            sb_country_search_step(search);
            __builtin_prefetch(sb_trie_node(search->trie, search->slot));
            open[still] = open[i];
            still += search->slot >> 31;
        }
        count = still;
    }
}

static inline bool is_in(const uint64_t countries[SB_COUNTRY_WORDS], uint32_t country) {
    return (countries[country / 64] >> country % 64 & 1) != 0;
}

/* 1: dropped. Both rules are asked: one in monitor mode does not shield from the other. */
static uint32_t judge(struct sb_lcore *lcore, struct sb_packet *packet, uint32_t country,
                      const struct sb_time *now) {
    const struct sb_profile *profile = sb_profile_of(lcore, packet);

    if ((profile->uses & SB_USE_GEO_BLOCK) != 0 && is_in(profile->geo_block, country) &&
        sb_reject(lcore, packet, SB_REASON_GEO_BLOCK, now))
        return 1;
    return (profile->uses & SB_USE_GEO_ALLOW) != 0 && !is_in(profile->geo_allow, country) &&
           sb_reject(lcore, packet, SB_REASON_GEO_ALLOW, now);
}
