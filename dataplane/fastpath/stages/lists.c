/* lists.c: the allowlist and the blacklist, for packets from outside.
 *
 * Only addresses matter, so every fragment is judged. The allowlist beats the blacklist; a match is
 * recorded in the descriptor for later stages. The hits of an entry count in every mode except off.
 */
#include "tables/lists/lists.h"

#include "packet/verdict.h"
#include "stages.h"

/* The packets of a burst that come from outside and have an address. */
struct clients {
    uint32_t count;
    uint8_t packet[SB_BURST_MAX];
    struct sb_address_key key[SB_BURST_MAX];
};

static void collect(const struct sb_burst *burst, struct clients *clients);
static inline void judge_all(struct sb_lcore *lcore, struct sb_burst *burst, const uint8_t *packets,
                             uint32_t matched, const struct sb_lists_match *matches,
                             const struct sb_time *now);
static uint32_t judge(struct sb_lcore *lcore, struct sb_burst *burst, uint32_t index,
                      const struct sb_lists_match *match, const struct sb_time *now);

void sb_lists_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;
    const struct sb_lists *lists = (const struct sb_lists *)(uintptr_t)node->lists;
    struct sb_lists_match matches[SB_BURST_MAX];
    struct clients clients;
    uint32_t matched;

    if (SB_UNLIKELY(lists == NULL)) /* a pipeline without lists: replay, tests */
        return;
    if (SB_LIKELY(burst->is_plain)) {
        matched = sb_lists_match_plain(lists, lcore->index, burst, now->boot_ds, matches);
        judge_all(lcore, burst, burst->live, matched, matches, now);
    } else {
        collect(burst, &clients);
        matched =
            sb_lists_match(lists, lcore->index, clients.key, clients.count, now->boot_ds, matches);
        judge_all(lcore, burst, clients.packet, matched, matches, now);
    }
}

static void collect(const struct sb_burst *burst, struct clients *clients) {
    uint32_t count = 0;

    for (uint32_t left = burst->to_judge; left != 0;) {
        uint32_t index = sb_take_packet(&left);
        const struct sb_packet *packet = &burst->packets[index];

        clients->packet[count] = (uint8_t)index;
        clients->key[count++] = sb_address_read(sb_client_bytes(packet), packet->ip_version);
    }
    clients->count = count;
}

/* Several lcores can match the same entry: the owner of an ICMP error is the lcore of the client
 * that it quotes, not of its sender. */
static inline void count_hit(const struct sb_lcore *lcore, uint64_t *hits) {
    if (((const struct sb_node *)(uintptr_t)lcore->node)->lcore_count == 1)
        __atomic_store_n(hits, *hits + 1, __ATOMIC_RELAXED);
    else
        __atomic_fetch_add(hits, 1, __ATOMIC_RELAXED);
}

/* packets: the index of each match's packet in the burst. */
static inline void judge_all(struct sb_lcore *lcore, struct sb_burst *burst, const uint8_t *packets,
                             uint32_t matched, const struct sb_lists_match *matches,
                             const struct sb_time *now) {
    uint32_t dropped = 0;

    for (; matched != 0; matched &= matched - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(matched), index = packets[i];

        dropped |= judge(lcore, burst, index, &matches[i], now) << index;
    }
    if (dropped != 0)
        sb_burst_leave_out(burst, dropped);
}

/* 1: dropped. */
static uint32_t judge(struct sb_lcore *lcore, struct sb_burst *burst, uint32_t index,
                      const struct sb_lists_match *match, const struct sb_time *now) {
    const struct sb_packet *packet = &burst->packets[index];

    if (match->list != SB_LIST_ALLOWLIST &&
        sb_profile_of(lcore, packet)->mode[SB_REASON_BLACKLIST] == SB_MODE_OFF)
        return 0;
    count_hit(lcore, match->hits);
    return sb_lists_apply(lcore, burst, index, (enum sb_list)match->list, now);
}

bool sb_lists_apply(struct sb_lcore *lcore, struct sb_burst *burst, uint32_t index,
                    enum sb_list list, const struct sb_time *now) {
    struct sb_packet *packet = &burst->packets[index];

    if (list != SB_LIST_ALLOWLIST)
        return sb_reject(lcore, packet, SB_REASON_BLACKLIST, now);
    packet->flags |= SB_PACKET_ALLOWED;
    burst->to_judge &= ~(1u << index);
    return false;
}
