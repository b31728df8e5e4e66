/* limits.c: token buckets for packets from outside.
 *
 * A packet pays into each limit of its profile in turn. The first limit without room for it gives
 * the reason of the drop, and the packet pays nothing there. In monitor mode a packet pays the
 * same. The packets of a profile go through its limits together, so that the cache misses of their
 * buckets overlap.
 *
 * Every lcore has its own buckets. One lcore owns each source, except for ICMP errors: those go to
 * the lcore of the client that they quote, and the quote can be forged. So an error pays its
 * source's limit once for each lcore, and all lcores together let through no more than one limit.
 *
 * If the SYN proxy may answer, a SYN pays into no limit of new connections, because a client can
 * return its cookie many times. The connections stage charges the packet that begins the
 * connection.
 */
#include "packet/verdict.h"
#include "stages.h"
#include "tables/limits/limits_private.h"

/* The packets of one profile; sets of them are bitmaps. */
struct profile_work {
    struct sb_lcore *lcore;
    struct sb_burst *burst;
    const struct sb_time *now;
    const struct sb_limits *limits;
    const struct sb_profile *profile;
    uint64_t now_q16;
    uint32_t lcore_count;
    bool is_charge; /* charges new connections only */
};

/* The token bucket that a packet is charged to: its home set and its tag. */
struct bucket_ref {
    struct sb_bucket_set *set;
    uint32_t tag;
};

static inline bool begin(struct profile_work *work, struct sb_lcore *lcore, struct sb_burst *burst,
                         const struct sb_time *now);
static inline uint32_t limit_all(struct profile_work *work, uint32_t packets);
static inline uint32_t counted_of(const struct profile_work *work, const struct sb_limit *limit,
                                  uint32_t packets);
static uint32_t opening_of(const struct profile_work *work, uint32_t packets);
static inline bool is_charged_later(const struct profile_work *work);
static uint32_t icmp_of(const struct sb_burst *burst, uint32_t packets);
static inline uint32_t shared_of(const struct profile_work *work, const struct sb_limit *limit,
                                 uint32_t packets);
static uint32_t pay_whole(const struct profile_work *work, const struct sb_limit *limit,
                          uint32_t packets);
static void find_buckets(const struct profile_work *work, const struct sb_limit *limit,
                         uint32_t packets, struct bucket_ref buckets[SB_BURST_MAX]);
static uint32_t pay_each(const struct profile_work *work, const struct sb_limit *limit,
                         uint32_t packets, const struct bucket_ref buckets[SB_BURST_MAX]);
static bool pay_on_each_lcore(const struct profile_work *work, const struct sb_limit *limit,
                              uint32_t index, const struct bucket_ref *bucket);
static inline uint64_t cost_of(const struct sb_limit *limit, const struct sb_packet *packet);
static uint32_t reject(const struct profile_work *work, const struct sb_limit *limit,
                       uint32_t index);

void sb_limits_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    struct profile_work work;
    uint32_t dropped = 0;

    if (!begin(&work, lcore, burst, now))
        return;
    for (uint32_t left = burst->to_judge; left != 0;) {
        uint32_t packets = sb_burst_take_profile(burst, &left);

        work.profile = sb_profile_of_first(lcore, burst, packets);
        dropped |= limit_all(&work, packets);
    }
    if (dropped != 0)
        sb_burst_leave_out(burst, dropped);
}

bool sb_limits_charge(struct sb_lcore *lcore, struct sb_burst *burst, uint32_t index,
                      const struct sb_time *now) {
    struct profile_work work;

    if ((burst->to_judge >> index & 1) == 0 || !begin(&work, lcore, burst, now))
        return false;
    work.is_charge = true;
    work.profile = sb_profile_of(lcore, &burst->packets[index]);
    return is_charged_later(&work) && limit_all(&work, 1u << index) != 0;
}

/* False: the policy has no limits. */
static inline bool begin(struct profile_work *work, struct sb_lcore *lcore, struct sb_burst *burst,
                         const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;

    *work = (struct profile_work){.lcore = lcore,
                                  .burst = burst,
                                  .now = now,
                                  .limits = (const struct sb_limits *)(uintptr_t)lcore->limits};
    if (work->limits == NULL || (sb_policy_of(lcore)->uses & SB_USE_LIMITS) == 0)
        return false;
    work->lcore_count = node->lcore_count;
    work->now_q16 = sb_limits_now(node, now);
    return true;
}

/* Returns the packets that were dropped. All buckets are prefetched before the first payment. */
static inline uint32_t limit_all(struct profile_work *work, uint32_t packets) {
    const struct sb_profile *profile = work->profile;
    struct bucket_ref buckets[SB_LIMITS_MAX][SB_BURST_MAX];
    uint32_t counted[SB_LIMITS_MAX], dropped = 0;

    for (uint32_t i = 0; i < profile->limit_count; i++) {
        const struct sb_limit *limit = &profile->limit[i];

        counted[i] =
            profile->mode[limit->reason] == SB_MODE_OFF ? 0 : counted_of(work, limit, packets);
        if (limit->scope != SB_SCOPE_GLOBAL)
            find_buckets(work, limit, counted[i], buckets[i]);
    }
    for (uint32_t i = 0; i < profile->limit_count; i++) {
        const struct sb_limit *limit = &profile->limit[i];
        uint32_t paying = counted[i] & ~dropped;

        if (paying == 0)
            continue;
        dropped |= limit->scope == SB_SCOPE_GLOBAL ? pay_whole(work, limit, paying)
                                                   : pay_each(work, limit, paying, buckets[i]);
    }
    return dropped;
}

/* Returns the packets that a limit counts. */
static inline uint32_t counted_of(const struct profile_work *work, const struct sb_limit *limit,
                                  uint32_t packets) {
    if (work->is_charge)
        return limit->unit == SB_UNIT_CONNECTIONS ? packets : 0;
    if (limit->unit == SB_UNIT_CONNECTIONS)
        return opening_of(work, packets);
    return limit->icmp_only ? icmp_of(work->burst, packets) : packets;
}

static uint32_t opening_of(const struct profile_work *work, uint32_t packets) {
    const bool is_later = is_charged_later(work);
    uint32_t opening = 0;

    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);
        const struct sb_packet *packet = &work->burst->packets[i];

        /* The connections stage ignores packets with a wrong transport header and encapsulated
         * packets. */
        if (!is_later || packet->payload_offset == 0 || (packet->flags & SB_PACKET_INNER) != 0)
            opening |= (uint32_t)sb_packet_is_opening(packet) << i;
    }
    return opening;
}

static inline bool is_charged_later(const struct profile_work *work) {
    return work->profile->syn_proxy != SB_SYN_PROXY_OFF && work->lcore->flows != 0 &&
           work->lcore->syn_proxy != 0;
}

static uint32_t icmp_of(const struct sb_burst *burst, uint32_t packets) {
    uint32_t icmp = 0;

    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets), protocol = burst->packets[i].protocol;

        icmp |= (uint32_t)(protocol == SB_PROTOCOL_ICMP || protocol == SB_PROTOCOL_ICMPV6) << i;
    }
    return icmp;
}

static uint32_t pay_whole(const struct profile_work *work, const struct sb_limit *limit,
                          uint32_t packets) {
    uint32_t profile = work->burst->packets[__builtin_ctz(packets)].profile, dropped = 0;
    uint64_t *full_at = sb_limits_whole(work->limits, profile, limit);
    uint64_t debt = sb_bucket_debt(*full_at, work->now_q16, limit->burst_q16);

    if (SB_LIKELY(limit->unit != SB_UNIT_BITS)) {
        uint64_t all = limit->increment_q16 * (uint64_t)__builtin_popcount(packets);

        if (SB_LIKELY(all <= limit->burst_q16 - debt)) { /* usual: there is room for all */
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

static void find_buckets(const struct profile_work *work, const struct sb_limit *limit,
                         uint32_t packets, struct bucket_ref buckets[SB_BURST_MAX]) {
    const struct sb_buckets *table = &work->limits->table[limit->scope];
    const struct sb_limit_masks masks = sb_limit_masks(limit);

    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);
        uint64_t hash = sb_limit_hash(work->limits, limit, &masks, &work->burst->packets[i]);

        buckets[i] = (struct bucket_ref){sb_buckets_home(table, hash), sb_bucket_tag(hash)};
        __builtin_prefetch(buckets[i].set, 1);
    }
}

static uint32_t pay_each(const struct profile_work *work, const struct sb_limit *limit,
                         uint32_t packets, const struct bucket_ref buckets[SB_BURST_MAX]) {
    const struct sb_buckets *table = &work->limits->table[limit->scope];
    const uint64_t burst_q16 = limit->burst_q16, now_q16 = work->now_q16;
    const bool is_bits = limit->unit == SB_UNIT_BITS;
    const uint32_t shared = shared_of(work, limit, packets);
    uint64_t cost = limit->increment_q16;
    uint32_t refused = 0, dropped = 0;

    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);

        if (SB_UNLIKELY((shared >> i & 1) != 0)) {
            refused |= (uint32_t)!pay_on_each_lcore(work, limit, i, &buckets[i]) << i;
            continue;
        }
        if (is_bits)
            cost = cost_of(limit, &work->burst->packets[i]);
        if (SB_UNLIKELY(
                !sb_buckets_pay(table, buckets[i].set, buckets[i].tag, cost, burst_q16, now_q16)))
            refused |= 1u << i;
    }
    while (refused != 0)
        dropped |= reject(work, limit, sb_take_packet(&refused));
    return dropped;
}

/* Returns the packets whose source pays on more than one lcore. */
static inline uint32_t shared_of(const struct profile_work *work, const struct sb_limit *limit,
                                 uint32_t packets) {
    uint32_t errors = 0;

    if (SB_LIKELY(work->lcore_count == 1 || work->burst->is_plain) ||
        limit->scope != SB_SCOPE_SOURCE)
        return 0;
    for (packets = icmp_of(work->burst, packets); packets != 0;) {
        uint32_t i = sb_take_packet(&packets);

        errors |= (uint32_t)sb_is_icmp_error(&work->burst->packets[i]) << i;
    }
    return errors;
}

/* Charges an error as often as there are lcores. A burst that is smaller than this still has room
 * for one error, which must be paid off before the next. */
static bool pay_on_each_lcore(const struct profile_work *work, const struct sb_limit *limit,
                              uint32_t index, const struct bucket_ref *bucket) {
    uint64_t cost = cost_of(limit, &work->burst->packets[index]);

    if (__builtin_mul_overflow(cost, (uint64_t)work->lcore_count, &cost) ||
        cost > SB_BUCKET_DEBT_MAX)
        cost = SB_BUCKET_DEBT_MAX;
    return sb_buckets_pay(&work->limits->table[limit->scope], bucket->set, bucket->tag, cost,
                          cost > limit->burst_q16 ? cost : limit->burst_q16, work->now_q16);
}

/* UINT64_MAX if the cost overflows, which is more than any bucket holds. */
static inline uint64_t cost_of(const struct sb_limit *limit, const struct sb_packet *packet) {
    uint64_t cost;

    if (limit->unit != SB_UNIT_BITS)
        return limit->increment_q16;
    if (__builtin_mul_overflow(limit->increment_q16, (uint64_t)packet->length * 8, &cost))
        return UINT64_MAX;
    return cost;
}

static uint32_t reject(const struct profile_work *work, const struct sb_limit *limit,
                       uint32_t index) {
    struct sb_packet *packet = &work->burst->packets[index];

    return (uint32_t)sb_reject(work->lcore, packet, (enum sb_reason)limit->reason, work->now)
           << index;
}
