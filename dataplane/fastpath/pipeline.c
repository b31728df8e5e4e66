/* pipeline.c: runs the stages in their order, as one function of a burst and a time.
 *
 * Keeps that half of the ledger that is known before the stages (received, held_now), counts the
 * packets that enter each stage, and measures the cycles of one burst in SB_SAMPLED_BURSTS. It
 * reads the TSC for statistics only: no stage's decision depends on it.
 */
#include "pipeline.h"

#include "packet/verdict.h"
#include "stages.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

_Static_assert(sizeof(struct sb_packet) == SB_CACHE_LINE, "a descriptor is one cache line");
_Static_assert((SB_SAMPLED_BURSTS & (SB_SAMPLED_BURSTS - 1)) == 0, "a power of two");

typedef void stage_function(struct sb_lcore *lcore, struct sb_burst *burst,
                            const struct sb_time *now);

/* The arguments of every stage. */
struct run {
    struct sb_lcore *lcore;
    struct sb_burst *burst;
    const struct sb_time *now;
    bool measured;
};

ALWAYS_INLINE struct run start(struct sb_lcore *lcore, struct sb_burst *burst,
                               const struct sb_time *now);
ALWAYS_INLINE void count_received(struct sb_lcore_stats *stats, const struct sb_burst *burst);
ALWAYS_INLINE void run_owned(const struct run *run);
ALWAYS_INLINE void run_behind_lists(const struct run *run);
ALWAYS_INLINE void run_behind_connections(const struct run *run);
static __attribute__((noinline)) void run_inside_tunnels(const struct run *run);
static void run_released(struct sb_lcore *lcore, const struct sb_time *now);
static uint32_t take_released(const struct sb_outbox *outbox, uint32_t next, struct sb_burst *burst,
                              uint32_t place[SB_BURST_MAX]);
static void make_live(struct sb_burst *burst);
ALWAYS_INLINE void run_stage(const struct run *run, enum sb_stage stage, stage_function *function);

void sb_pipeline_run(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct run run = start(lcore, burst, now);

    count_received(sb_stats_of(lcore), burst);
    run_stage(&run, SB_STAGE_PARSE, sb_parse_stage);
    run_stage(&run, SB_STAGE_PROFILE, sb_profile_stage);
    run_stage(&run, SB_STAGE_SANITY, sb_sanity_stage);
    run_stage(&run, SB_STAGE_OWNER, sb_owner_stage);
    run_owned(&run);
}

void sb_pipeline_resume(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct run run = start(lcore, burst, now);

    for (uint32_t i = 0; i < burst->count; i++)
        sb_take_over(lcore, &burst->packets[i]);
    make_live(burst);
    run_stage(&run, SB_STAGE_PROFILE, sb_profile_stage);
    run_owned(&run);
}

void sb_pipeline_idle(struct sb_lcore *lcore, const struct sb_time *now) {
    if (lcore->flows != 0)
        sb_connections_idle(lcore, now);
    sb_http_idle(lcore, now);
    run_released(lcore, now);
}

ALWAYS_INLINE struct run start(struct sb_lcore *lcore, struct sb_burst *burst,
                               const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;
    bool measured = (lcore->bursts++ & (SB_SAMPLED_BURSTS - 1)) == 0;

    lcore->policy = __atomic_load_n(&node->policy, __ATOMIC_ACQUIRE);
    burst->live_count = burst->count;
    burst->http = 0;
    return (struct run){lcore, burst, now, measured};
}

ALWAYS_INLINE void count_received(struct sb_lcore_stats *stats, const struct sb_burst *burst) {
    uint64_t packets_inside = 0, bytes_inside = 0, bytes = 0;

    for (uint32_t i = 0; i < burst->count; i++) {
        const struct sb_packet *packet = &burst->packets[i];
        uint64_t inside = packet->port == SB_PORT_INSIDE;

        packets_inside += inside;
        bytes_inside += packet->length & -inside;
        bytes += packet->length;
    }
    stats->port[SB_PORT_INSIDE].received += packets_inside;
    stats->port[SB_PORT_INSIDE].received_bytes += bytes_inside;
    stats->port[SB_PORT_OUTSIDE].received += burst->count - packets_inside;
    stats->port[SB_PORT_OUTSIDE].received_bytes += bytes - bytes_inside;
}

/* Runs the stages from the lists on, for the clients of this lcore, and then the packets that these
 * stages have released. */
ALWAYS_INLINE void run_owned(const struct run *run) {
    run_stage(run, SB_STAGE_LISTS, sb_lists_stage);
    sb_neighbors_exempt(run->lcore, run->burst, run->now);
    sb_path_mtu_exempt(run->lcore, run->burst, run->now);
    run_behind_lists(run);
    if (SB_UNLIKELY((sb_policy_of(run->lcore)->uses & SB_USE_TUNNELS) != 0))
        run_inside_tunnels(run);
    run_stage(run, SB_STAGE_CONNECTIONS, sb_connections_stage);
    run_behind_connections(run);
    sb_traffic_count_burst(run->lcore, run->burst, run->now);
    run_released(run->lcore, run->now);
}

ALWAYS_INLINE void run_behind_lists(const struct run *run) {
    run_stage(run, SB_STAGE_COUNTRY, sb_country_stage);
    run_stage(run, SB_STAGE_FILTER, sb_filter_stage);
    run_stage(run, SB_STAGE_LIMITS, sb_limits_stage);
}

/* Runs the stages that only drop once more, for the packets inside tunnels. Their clients may
 * belong to other lcores: the packets stay on the lcore of the tunnel's sender. */
static __attribute__((noinline)) void run_inside_tunnels(const struct run *run) {
    struct sb_burst *burst = run->burst;
    const uint32_t inner = sb_tunnels_open(run->lcore, burst, run->now);
    const uint32_t to_judge = burst->to_judge & ~inner;
    const uint16_t live_count = burst->live_count;
    uint8_t live[SB_BURST_MAX];
    uint32_t dropped = inner;

    if (inner == 0)
        return;
    memcpy(live, burst->live, sizeof(live));
    burst->is_plain = burst->to_judge = 0;
    sb_burst_leave_out(burst, ~inner);
    for (uint32_t i = 0; i < burst->live_count; i++)
        burst->to_judge |= (uint32_t)sb_is_client(&burst->packets[burst->live[i]])
                           << burst->live[i];
    run_stage(run, SB_STAGE_PROFILE, sb_profile_stage);
    run_stage(run, SB_STAGE_SANITY, sb_sanity_stage);
    run_stage(run, SB_STAGE_LISTS, sb_lists_stage);
    run_behind_lists(run);
    for (uint32_t i = 0; i < burst->live_count; i++)
        dropped &= ~(1u << burst->live[i]);
    memcpy(burst->live, live, sizeof(live));
    burst->live_count = live_count;
    burst->to_judge |= to_judge;
    burst->is_one_profile = 0;
    sb_burst_leave_out(burst, dropped);
}

ALWAYS_INLINE void run_behind_connections(const struct run *run) {
    run_stage(run, SB_STAGE_HTTP, sb_http_stage);
    run_stage(run, SB_STAGE_FORWARD, sb_forward_stage);
}

/* Runs bursts of released packets: they continue behind the stage that held them, under the current
 * policy. */
static void run_released(struct sb_lcore *lcore, const struct sb_time *now) {
    struct sb_outbox *outbox = sb_outbox_of(lcore);
    uint32_t next = 0, place[SB_BURST_MAX];
    struct sb_burst burst;

    while (SB_UNLIKELY(outbox != NULL && next < outbox->released_count)) {
        next = take_released(outbox, next, &burst, place);
        const struct run run = start(lcore, &burst, now);

        make_live(&burst);
        run_stage(&run, SB_STAGE_PROFILE, sb_profile_stage);
        run_behind_connections(&run);
        sb_traffic_count_released(lcore, &burst);
        for (uint32_t i = 0; i < burst.count; i++)
            outbox->released[place[i]] = burst.packets[i];
    }
}

/* Takes the next released packets into a burst, without those that were given up. Returns the index
 * to continue with. */
static uint32_t take_released(const struct sb_outbox *outbox, uint32_t next, struct sb_burst *burst,
                              uint32_t place[SB_BURST_MAX]) {
    burst->count = 0;
    for (; next < outbox->released_count && burst->count < SB_BURST_MAX; next++) {
        if (outbox->released[next].verdict != SB_VERDICT_PASS)
            continue;
        place[burst->count] = next;
        burst->packets[burst->count++] = outbox->released[next];
    }
    return next;
}

/* Makes all packets of a burst live that has passed the first stages before. parse has set their
 * descriptors. */
static void make_live(struct sb_burst *burst) {
    burst->to_judge = burst->is_plain = 0;
    for (uint32_t i = 0; i < burst->count; i++) {
        struct sb_packet *packet = &burst->packets[i];
        bool is_judged = sb_is_client(packet) && (packet->flags & SB_PACKET_ALLOWED) == 0;

        packet->profile = 0; /* it was an index of the old policy */
        burst->live[i] = (uint8_t)i;
        burst->to_judge |= (uint32_t)is_judged << i;
        burst->http |= (uint32_t)(packet->http != 0) << i;
    }
}

ALWAYS_INLINE void run_stage(const struct run *run, enum sb_stage stage, stage_function *function) {
    struct sb_stage_stats *stats = &sb_stats_of(run->lcore)->stage[stage];
    uint32_t entered = run->burst->live_count;

    stats->packets += entered;
    if (SB_LIKELY(!run->measured)) {
        function(run->lcore, run->burst, run->now);
        return;
    }
    uint64_t start = __builtin_ia32_rdtsc();
    function(run->lcore, run->burst, run->now);
    stats->sampled_cycles += __builtin_ia32_rdtsc() - start;
    stats->sampled_packets += entered;
}
