/* pipeline.c: the stages in their order, as one function of a burst and a time.
 *
 * Keeps the half of the ledger that lies before the stages (received, held_now), counts what enters
 * each stage, and measures the cycles of one burst in SB_SAMPLED_BURSTS. That reading of the TSC is
 * for statistics only: no stage's decision depends on it.
 */
#include "pipeline.h"

#include "ring.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

_Static_assert(sizeof(struct sb_packet) == SB_CACHE_LINE, "a descriptor is one cache line");
_Static_assert((SB_SAMPLED_BURSTS & (SB_SAMPLED_BURSTS - 1)) == 0, "a power of two");
_Static_assert(sizeof(struct sb_drop_sample) == sizeof(((struct sb_ring_element *)0)->payload),
               "a drop sample fills an element");

typedef void stage_function(struct sb_lcore *lcore, struct sb_burst *burst,
                            const struct sb_time *now);

/* What every stage is run with. */
struct run {
    struct sb_lcore *lcore;
    struct sb_burst *burst;
    const struct sb_time *now;
    bool measured;
};

ALWAYS_INLINE struct run start(struct sb_lcore *lcore, struct sb_burst *burst,
                               const struct sb_time *now);
ALWAYS_INLINE void count_received(struct sb_lcore_stats *stats, const struct sb_burst *burst);
ALWAYS_INLINE void run_judging_stages(const struct run *run);
ALWAYS_INLINE void run_stage(const struct run *run, enum sb_stage stage, stage_function *function);

static void push_event(struct sb_lcore *lcore, struct sb_ring_element *element);

void sb_pipeline_run(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct run run = start(lcore, burst, now);

    count_received(sb_stats_of(lcore), burst);
    run_stage(&run, SB_STAGE_PARSE, sb_parse_stage);
    run_stage(&run, SB_STAGE_PROFILE, sb_profile_stage);
    run_stage(&run, SB_STAGE_SANITY, sb_sanity_stage);
    run_stage(&run, SB_STAGE_OWNER, sb_owner_stage);
    run_judging_stages(&run);
}

void sb_pipeline_resume(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct run run = start(lcore, burst, now);

    burst->judged = burst->is_plain = 0;
    for (uint32_t i = 0; i < burst->count; i++) {
        struct sb_packet *packet = &burst->packets[i];

        sb_stats_of(lcore)->port[packet->port].held_now--;
        packet->profile = 0; /* of the policy when it was received */
        burst->live[i] = (uint8_t)i;
        burst->judged |= (uint32_t)sb_is_client(packet) << i;
    }
    run_stage(&run, SB_STAGE_PROFILE, sb_profile_stage);
    run_judging_stages(&run);
}

void sb_pipeline_idle(struct sb_lcore *lcore, const struct sb_time *now) {
    if (lcore->flows != 0)
        sb_connections_idle(lcore, now);
}

ALWAYS_INLINE struct run start(struct sb_lcore *lcore, struct sb_burst *burst,
                               const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;
    bool measured = (lcore->bursts++ & (SB_SAMPLED_BURSTS - 1)) == 0;

    lcore->policy = __atomic_load_n(&node->policy, __ATOMIC_ACQUIRE);
    burst->live_count = burst->count;
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

ALWAYS_INLINE void run_judging_stages(const struct run *run) {
    run_stage(run, SB_STAGE_LISTS, sb_lists_stage);
    run_stage(run, SB_STAGE_COUNTRY, sb_country_stage);
    run_stage(run, SB_STAGE_FILTER, sb_filter_stage);
    run_stage(run, SB_STAGE_LIMITS, sb_limits_stage);
    run_stage(run, SB_STAGE_CONNECTIONS, sb_connections_stage);
    run_stage(run, SB_STAGE_FORWARD, sb_forward_stage);
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

uint32_t sb_burst_same_profile(const struct sb_burst *burst, uint32_t packets) {
    uint32_t profile = burst->packets[__builtin_ctz(packets)].profile, same = 0;

    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);

        same |= (uint32_t)(burst->packets[i].profile == profile) << i;
    }
    return same;
}

__attribute__((cold)) void sb_drop_sample(struct sb_lcore *lcore, const struct sb_packet *packet,
                                          enum sb_reason reason, enum sb_mode mode,
                                          const struct sb_time *now) {
    struct sb_ring_element element = {.kind = SB_MESSAGE_DROP_SAMPLE};
    struct sb_drop_sample sample = {.boot_ds = now->boot_ds,
                                    .profile = packet->profile,
                                    .reason = (uint8_t)reason,
                                    .mode = (uint8_t)mode,
                                    .port = (uint8_t)packet->port,
                                    .protocol = packet->protocol};

    lcore->sample_ds[reason] = now->boot_ds;
    sb_packet_address(packet, packet->client_offset, sample.client);
    sb_packet_address(packet, packet->protected_offset, sample.protected_address);
    memcpy(element.payload, &sample, sizeof(sample));
    push_event(lcore, &element);
}

__attribute__((cold)) void sb_notify(struct sb_lcore *lcore, enum sb_notice_kind kind,
                                     uint64_t value, const uint8_t address[16],
                                     const struct sb_time *now) {
    struct sb_ring_element element = {.kind = SB_MESSAGE_NOTICE};
    struct sb_notice notice = {
        .boot_ms = (uint64_t)now->boot_ds * 100, .notice = kind, .value = value};

    memcpy(notice.address, address, sizeof(notice.address));
    memcpy(element.payload, &notice, sizeof(notice));
    push_event(lcore, &element);
}

static void push_event(struct sb_lcore *lcore, struct sb_ring_element *element) {
    uint64_t consumer = __atomic_load_n(&lcore->events_consumer, __ATOMIC_ACQUIRE);

    if (lcore->events == 0 || consumer == 0)
        return;
    if (sb_ring_push((struct sb_ring_producer *)(uintptr_t)lcore->events,
                     (const struct sb_ring_consumer *)(uintptr_t)consumer, element) != 0)
        sb_stats_of(lcore)->events_lost++;
}
