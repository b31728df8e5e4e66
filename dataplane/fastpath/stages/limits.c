/* limits.c: token buckets, against what comes in from outside.
 *
 * A packet pays into every limit of its profile in turn; the first that has no room for it gives
 * the reason, and costs nothing. In monitor mode a packet pays what it would pay. The packets of a
 * profile go through its limits together, so that the cache misses of their buckets overlap.
 */
#include "../tables/limits_private.h"
#include "pipeline.h"

#define MAPPED 0xffffull

/* The packets of one profile; sets of them are bitmaps. */
struct work {
    struct sb_lcore *lcore;
    struct sb_burst *burst;
    const struct sb_time *now;
    const struct sb_limits *limits;
    const struct sb_profile *profile;
    uint64_t now_q16;
};

/* The bits of an address that a limit tells apart. */
struct masks {
    uint64_t ipv4; /* of the mapped lower half */
    uint64_t hi, lo;
};

/* Where a packet pays. */
struct purse {
    struct sb_bucket_set *set;
    uint32_t tag;
};

static inline uint32_t limit_all(struct work *work, uint32_t packets);
static inline uint32_t counted_of(const struct sb_limit *limit, const struct sb_burst *burst,
                                  uint32_t packets);
static uint32_t opening_of(const struct sb_burst *burst, uint32_t packets);
static uint32_t icmp_of(const struct sb_burst *burst, uint32_t packets);
static uint32_t pay_whole(const struct work *work, const struct sb_limit *limit, uint32_t packets);
static void find_purses(const struct work *work, const struct sb_limit *limit, uint32_t packets,
                        struct purse purses[SB_BURST_MAX]);
static uint32_t pay_each(const struct work *work, const struct sb_limit *limit, uint32_t packets,
                         const struct purse purses[SB_BURST_MAX]);
static inline struct masks masks_of(const struct sb_limit *limit);
static inline uint64_t hash_of(const struct work *work, const struct sb_limit *limit,
                               const struct masks *masks, const struct sb_packet *packet);
static inline uint64_t cost_of(const struct sb_limit *limit, const struct sb_packet *packet);
static uint32_t reject(const struct work *work, const struct sb_limit *limit, uint32_t index);

void sb_limits_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;
    struct work work = {.lcore = lcore,
                        .burst = burst,
                        .now = now,
                        .limits = (const struct sb_limits *)(uintptr_t)lcore->limits};
    uint32_t dropped = 0;

    if (work.limits == NULL || (sb_policy_of(lcore)->uses & SB_USE_LIMITS) == 0)
        return;
    work.now_q16 = (uint64_t)((unsigned __int128)now->tsc * node->ns_per_tsc_q24 >> 8);
    for (uint32_t left = burst->judged; left != 0;) {
        uint32_t packets = sb_burst_take_profile(burst, &left);

        work.profile = sb_profile_of_first(lcore, burst, packets);
        dropped |= limit_all(&work, packets);
    }
    if (dropped != 0)
        sb_burst_leave_out(burst, dropped);
}

/* Those that were dropped. All buckets are asked for before the first is paid into. */
static inline uint32_t limit_all(struct work *work, uint32_t packets) {
    const struct sb_profile *profile = work->profile;
    struct purse purses[SB_LIMITS_MAX][SB_BURST_MAX];
    uint32_t counted[SB_LIMITS_MAX], dropped = 0;

    for (uint32_t i = 0; i < profile->limit_count; i++) {
        const struct sb_limit *limit = &profile->limit[i];

        counted[i] = profile->mode[limit->reason] == SB_MODE_OFF
                         ? 0
                         : counted_of(limit, work->burst, packets);
        if (limit->scope != SB_SCOPE_GLOBAL)
            find_purses(work, limit, counted[i], purses[i]);
    }
    for (uint32_t i = 0; i < profile->limit_count; i++) {
        const struct sb_limit *limit = &profile->limit[i];
        uint32_t paying = counted[i] & ~dropped;

        if (paying == 0)
            continue;
        dropped |= limit->scope == SB_SCOPE_GLOBAL ? pay_whole(work, limit, paying)
                                                   : pay_each(work, limit, paying, purses[i]);
    }
    return dropped;
}

/* Those that a limit is about. */
static inline uint32_t counted_of(const struct sb_limit *limit, const struct sb_burst *burst,
                                  uint32_t packets) {
    if (limit->unit == SB_UNIT_CONNECTIONS)
        return opening_of(burst, packets);
    return limit->icmp_only ? icmp_of(burst, packets) : packets;
}

static uint32_t opening_of(const struct sb_burst *burst, uint32_t packets) {
    uint32_t opening = 0;

    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);

        opening |= (uint32_t)sb_packet_is_opening(&burst->packets[i]) << i;
    }
    return opening;
}

static uint32_t icmp_of(const struct sb_burst *burst, uint32_t packets) {
    uint32_t icmp = 0;

    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets), protocol = burst->packets[i].protocol;

        icmp |= (uint32_t)(protocol == SB_PROTOCOL_ICMP || protocol == SB_PROTOCOL_ICMPV6) << i;
    }
    return icmp;
}

static uint32_t pay_whole(const struct work *work, const struct sb_limit *limit, uint32_t packets) {
    uint32_t profile = work->burst->packets[__builtin_ctz(packets)].profile, dropped = 0;
    uint64_t *full_at = sb_limits_whole(work->limits, profile, limit);
    uint64_t debt = sb_bucket_debt(*full_at, work->now_q16, limit->burst_q16);

    if (SB_LIKELY(limit->unit != SB_UNIT_BITS)) {
        uint64_t all = limit->increment_q16 * (uint64_t)__builtin_popcount(packets);

        if (SB_LIKELY(all <= limit->burst_q16 - debt)) { /* as nearly always: none is too many */
            *full_at = work->now_q16 + debt + all;
            return 0;
        }
    }
    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);

        if (!sb_bucket_spend(&debt, cost_of(limit, &work->burst->packets[i]), limit->burst_q16))
            dropped |= reject(work, limit, i);
    }
    *full_at = work->now_q16 + debt;
    return dropped;
}

static void find_purses(const struct work *work, const struct sb_limit *limit, uint32_t packets,
                        struct purse purses[SB_BURST_MAX]) {
    const struct sb_buckets *table = &work->limits->table[limit->scope];
    const struct masks masks = masks_of(limit);

    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);
        uint64_t hash = hash_of(work, limit, &masks, &work->burst->packets[i]);

        purses[i] = (struct purse){sb_buckets_home(table, hash), sb_bucket_tag(hash)};
        __builtin_prefetch(purses[i].set, 1);
    }
}

static uint32_t pay_each(const struct work *work, const struct sb_limit *limit, uint32_t packets,
                         const struct purse purses[SB_BURST_MAX]) {
    const uint64_t burst_q16 = limit->burst_q16, now_q16 = work->now_q16;
    const bool is_bits = limit->unit == SB_UNIT_BITS;
    uint64_t cost = limit->increment_q16;
    uint32_t refused = 0, dropped = 0;

    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);

        if (is_bits)
            cost = cost_of(limit, &work->burst->packets[i]);
        if (SB_UNLIKELY(!sb_buckets_pay(purses[i].set, purses[i].tag, cost, burst_q16, now_q16)))
            refused |= 1u << i;
    }
    while (refused != 0)
        dropped |= reject(work, limit, sb_take_packet(&refused));
    return dropped;
}

/* The first bits of 64; 64 and more: all of them. */
static inline uint64_t first_bits(uint32_t bits) {
    return bits == 0 ? 0 : UINT64_MAX << (bits < 64 ? 64 - bits : 0);
}

static inline struct masks masks_of(const struct sb_limit *limit) {
    return (struct masks){.ipv4 = first_bits(32u + limit->bits_ipv4),
                          .hi = first_bits(limit->bits_ipv6),
                          .lo = limit->bits_ipv6 <= 64 ? 0 : first_bits(limit->bits_ipv6 - 64u)};
}

/* parse has checked that the address lies in the bytes at hand. An IPv6 address that maps one of
 * IPv4 is that. */
static inline uint64_t hash_of(const struct work *work, const struct sb_limit *limit,
                               const struct masks *masks, const struct sb_packet *packet) {
    uint32_t offset =
        limit->scope == SB_SCOPE_DESTINATION ? packet->protected_offset : packet->client_offset;
    const uint8_t *address = (const uint8_t *)(uintptr_t)packet->data + offset;
    uint64_t hi = 0, lo;

    if (packet->ip_version == 4) {
        lo = (MAPPED << 32 | sb_load32(address)) & masks->ipv4;
    } else {
        hi = __builtin_bswap64(sb_load64_raw(address));
        lo = __builtin_bswap64(sb_load64_raw(address + 8));
        bool mapped = hi == 0 && lo >> 32 == MAPPED;
        hi &= masks->hi;
        lo &= mapped ? masks->ipv4 : masks->lo;
    }
    return sb_hash_address(&work->limits->hash_key, hi ^ limit->salt, lo);
}

/* What is too large to count costs more than any bucket holds. */
static inline uint64_t cost_of(const struct sb_limit *limit, const struct sb_packet *packet) {
    uint64_t cost;

    if (limit->unit != SB_UNIT_BITS)
        return limit->increment_q16;
    if (__builtin_mul_overflow(limit->increment_q16, (uint64_t)packet->length * 8, &cost))
        return UINT64_MAX;
    return cost;
}

static uint32_t reject(const struct work *work, const struct sb_limit *limit, uint32_t index) {
    struct sb_packet *packet = &work->burst->packets[index];

    return (uint32_t)sb_reject(work->lcore, packet, (enum sb_reason)limit->reason, work->now)
           << index;
}
