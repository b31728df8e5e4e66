/* pipeline.h: what the stages share, and the pipeline as one function of (burst, time).
 *
 * No stage knows DPDK, reads a clock or calls another stage: the worker loop, replay and the tests
 * call the same code.
 */
#ifndef SB_PIPELINE_H
#define SB_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "packet.h"
#include "policy.h"

/* Runs every stage over burst->packets[0..count): parse to forward. The caller has filled mbuf,
 * data, rx_tsc, length, available (at most length), port, and flags (CUT and CHECKSUM_GOOD, or 0).
 * Afterwards each packet has its verdict; HELD with packet.owner != lcore->index means: hand it
 * over to that lcore, which calls sb_pipeline_resume.
 *
 * The ledger received = forwarded + consumed + sum(dropped) + held_now of the rx port: the pipeline
 * counts received, dropped and held_now, stages count consumed (sb_consume); whoever transmits
 * counts forwarded once a packet with verdict PASS is on its way, or sb_drop(TX_FULL). */
void sb_pipeline_run(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* The stages after OWNER, for packets another lcore has received and handed over: their descriptors
 * are as sb_pipeline_run left them there, but for the profile, which is selected anew: the policy
 * may have changed. Takes them out of held_now. */
void sb_pipeline_resume(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* What a turn without a packet has time for: ends connections that are over, sends again what was
 * not answered. */
void sb_pipeline_idle(struct sb_lcore *lcore, const struct sb_time *now);

/* The stages; each in the file of its name. */
void sb_parse_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_profile_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_sanity_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_owner_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_lists_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_country_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_filter_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_limits_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_connections_stage(struct sb_lcore *lcore, struct sb_burst *burst,
                          const struct sb_time *now);
void sb_forward_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* What the connections stage does where no packet comes. */
void sb_connections_idle(struct sb_lcore *lcore, const struct sb_time *now);

/* Index of the lcore that owns a client address (16 bytes, IPv4 mapped), the same in both
 * directions. */
uint32_t sb_client_lcore(const struct sb_node *node, const uint8_t client[16]);

/* Names and texts of reasons and stages, from the X-macro lists; NULL beyond the end. */
const char *sb_reason_name(uint32_t reason);
const char *sb_reason_text(uint32_t reason);
const char *sb_stage_name(uint32_t stage);
/* Stage that decides a reason; default mode; 1 where the mode can be chosen. */
uint32_t sb_reason_stage(uint32_t reason);
uint32_t sb_reason_default_mode(uint32_t reason);
uint32_t sb_reason_selectable(uint32_t reason);
/* Empties a profile and gives every reason its default mode. */
void sb_profile_init(struct sb_profile *profile);

/* --- verdicts, for stages and for whoever transmits ------------------------------------------- */

/* Offers a drop to whoever listens for events: at most one per reason and tenth of a second. */
void sb_drop_sample(struct sb_lcore *lcore, const struct sb_packet *packet, enum sb_reason reason,
                    enum sb_mode mode, const struct sb_time *now);

/* Tells whoever listens for events; address: 16 bytes, mapped. */
void sb_notify(struct sb_lcore *lcore, enum sb_notice_kind kind, uint64_t value,
               const uint8_t address[16], const struct sb_time *now);

static inline struct sb_lcore_stats *sb_stats_of(const struct sb_lcore *lcore) {
    return (struct sb_lcore_stats *)(uintptr_t)lcore->stats;
}

/* What is in force for the burst at hand, from its first stage to its last. */
static inline const struct sb_policy *sb_policy_of(const struct sb_lcore *lcore) {
    return (const struct sb_policy *)(uintptr_t)lcore->policy;
}

static inline const struct sb_profile *sb_profile_of(const struct sb_lcore *lcore,
                                                     const struct sb_packet *packet) {
    return sb_policy_of(lcore)->profiles + packet->profile;
}

/* From outside, and its addresses are known. */
static inline bool sb_is_client(const struct sb_packet *packet) {
    return packet->port == SB_PORT_OUTSIDE && packet->ip_version != 0;
}

/* Folded by the compiler where the reason is a constant. */
static inline enum sb_stage sb_stage_of(enum sb_reason reason) {
    static const uint8_t stages[SB_REASON_COUNT] = {
#define SB_REASON(name, stage, mode, text) SB_STAGE_##stage,
#include "reasons.def"
#undef SB_REASON
    };

    return (enum sb_stage)stages[reason];
}

/* Drops and counts, whatever the profile says: for structural reasons. */
static inline void sb_drop(struct sb_lcore *lcore, struct sb_packet *packet,
                           enum sb_reason reason) {
    struct sb_lcore_stats *stats = sb_stats_of(lcore);
    struct sb_port_stats *port = &stats->port[packet->port];

    packet->verdict = SB_VERDICT_DROP;
    packet->reason = (uint8_t)reason;
    port->dropped[reason]++;
    port->dropped_bytes += packet->length;
    stats->stage[sb_stage_of(reason)].dropped++;
    stats->profile[packet->profile].count[reason][SB_MODE_ENFORCE]++;
}

/* A packet that was HELD and can't be handed over, or is given up. */
static inline void sb_drop_held(struct sb_lcore *lcore, struct sb_packet *packet,
                                enum sb_reason reason) {
    sb_stats_of(lcore)->port[packet->port].held_now--;
    sb_drop(lcore, packet, reason);
}

/* Absorbed or answered: the packet goes no further. */
static inline void sb_consume(struct sb_lcore *lcore, struct sb_packet *packet) {
    packet->verdict = SB_VERDICT_CONSUMED;
    sb_stats_of(lcore)->port[packet->port].consumed++;
}

/* A stage has a reason against a packet; its profile's mode decides. True: dropped, leave it out of
 * the live set. In monitor mode the first hit of a packet is counted and the packet goes on. */
static inline bool sb_reject(struct sb_lcore *lcore, struct sb_packet *packet,
                             enum sb_reason reason, const struct sb_time *now) {
    enum sb_mode mode = (enum sb_mode)sb_profile_of(lcore, packet)->mode[reason];

    if (mode == SB_MODE_OFF || (mode == SB_MODE_MONITOR && packet->flags & SB_PACKET_WOULD_DROP))
        return false;
    if (SB_UNLIKELY(lcore->sample_ds[reason] != now->boot_ds))
        sb_drop_sample(lcore, packet, reason, mode, now);
    if (mode == SB_MODE_ENFORCE) {
        sb_drop(lcore, packet, reason);
        return true;
    }
    packet->flags |= SB_PACKET_WOULD_DROP;
    sb_stats_of(lcore)->profile[packet->profile].count[reason][SB_MODE_MONITOR]++;
    return false;
}

/* Leaves those packets (bit i: packets[i]) out of the live set. */
static inline void sb_burst_leave_out(struct sb_burst *burst, uint32_t packets) {
    uint32_t live = 0;

    for (uint32_t i = 0; i < burst->live_count; i++) {
        uint8_t index = burst->live[i];

        burst->live[live] = index;
        live += (packets >> index & 1) == 0;
    }
    burst->live_count = (uint16_t)live;
    burst->judged &= ~packets;
}

/* The lowest of a set of packets, which leaves the set. */
static inline uint32_t sb_take_packet(uint32_t *set) {
    uint32_t index = (uint32_t)__builtin_ctz(*set);

    *set &= *set - 1;
    return index;
}

/* Of a set that is not empty, those with the profile of its first. */
uint32_t sb_burst_same_profile(const struct sb_burst *burst, uint32_t packets);

/* The same of packets that are judged; they leave the set. Nearly always all of them. */
static inline uint32_t sb_burst_take_profile(const struct sb_burst *burst, uint32_t *packets) {
    uint32_t taken =
        SB_LIKELY(burst->is_one_profile) ? *packets : sb_burst_same_profile(burst, *packets);

    *packets &= ~taken;
    return taken;
}

static inline const struct sb_profile *
sb_profile_of_first(const struct sb_lcore *lcore, const struct sb_burst *burst, uint32_t packets) {
    return sb_profile_of(lcore, &burst->packets[__builtin_ctz(packets)]);
}

#endif
