/* verdict.h: sets the verdicts of packets, for stages and for the transmitting code: dropped,
 * rejected, consumed, held, handed over, released; and the packets that the node originates.
 *
 * The layer below all stages: it uses counters, profiles and the outbox, and no stage. It keeps the
 * ledger of the port that received a packet: received = forwarded + consumed + sum(dropped) +
 * held_now.
 */
#ifndef SB_VERDICT_H
#define SB_VERDICT_H

#include <stdbool.h>

#include "abi.h"
#include "burst.h"
#include "packet.h"
#include "reasons.h"
#include "tables/policy/policy.h"
#include "tcp_frame.h"

/* Reports a drop to the events client: at most one per reason and tenth of a second. */
void sb_drop_sample(struct sb_lcore *lcore, const struct sb_packet *packet, enum sb_reason reason,
                    enum sb_mode mode, const struct sb_time *now);

/* Sends a notice to the events client. address: 16 bytes, mapped. */
void sb_notify(struct sb_lcore *lcore, enum sb_notice_kind kind, uint64_t value,
               const uint8_t address[16], uint16_t profile, const struct sb_time *now);

static inline struct sb_lcore_stats *sb_stats_of(const struct sb_lcore *lcore) {
    return (struct sb_lcore_stats *)(uintptr_t)lcore->stats;
}

/* The policy for the current burst, from its first stage to its last. */
static inline const struct sb_policy *sb_policy_of(const struct sb_lcore *lcore) {
    return (const struct sb_policy *)(uintptr_t)lcore->policy;
}

static inline const struct sb_profile *sb_profile_of(const struct sb_lcore *lcore,
                                                     const struct sb_packet *packet) {
    return sb_policy_of(lcore)->profiles + packet->profile;
}

static inline const struct sb_profile *
sb_profile_of_first(const struct sb_lcore *lcore, const struct sb_burst *burst, uint32_t packets) {
    return sb_profile_of(lcore, &burst->packets[__builtin_ctz(packets)]);
}

/* Drops and counts the packet, whatever the profile's mode is: for structural reasons. */
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

/* The packet was absorbed or answered, and is not forwarded. */
static inline void sb_consume(struct sb_lcore *lcore, struct sb_packet *packet) {
    packet->verdict = SB_VERDICT_CONSUMED;
    sb_stats_of(lcore)->port[packet->port].consumed++;
}

/* As sb_reject, with a mode that was lowered by something other than the profile. */
static inline bool sb_reject_in_mode(struct sb_lcore *lcore, struct sb_packet *packet,
                                     enum sb_reason reason, enum sb_mode mode,
                                     const struct sb_time *now) {
    if (mode == SB_MODE_OFF || (mode == SB_MODE_MONITOR && packet->flags & SB_PACKET_WOULD_DROP))
        return false;
    if (SB_UNLIKELY(lcore->sample_ds[reason] != now->boot_ds))
        sb_drop_sample(lcore, packet, reason, mode, now);
    if (mode == SB_MODE_ENFORCE) {
        sb_drop(lcore, packet, reason);
        return true;
    }
    packet->flags |= SB_PACKET_WOULD_DROP;
    packet->reason = (uint8_t)reason;
    sb_stats_of(lcore)->profile[packet->profile].count[reason][SB_MODE_MONITOR]++;
    return false;
}

/* For a stage with a reason against a packet: the mode of its profile decides. True: dropped; the
 * caller removes it from the live set. In monitor mode the first would-be drop of a packet is
 * counted, and the packet continues. */
static inline bool sb_reject(struct sb_lcore *lcore, struct sb_packet *packet,
                             enum sb_reason reason, const struct sb_time *now) {
    const enum sb_mode mode = (enum sb_mode)sb_profile_of(lcore, packet)->mode[reason];

    return sb_reject_in_mode(lcore, packet, reason, mode, now);
}

/* --- packets that are held ------------------------------------------------------------------- */

static inline struct sb_outbox *sb_outbox_of(const struct sb_lcore *lcore) {
    return (struct sb_outbox *)(uintptr_t)lcore->outbox;
}

/* The caller keeps the packet, with its mbuf, until it is released or given up. */
static inline void sb_hold(struct sb_lcore *lcore, struct sb_packet *packet) {
    packet->verdict = SB_VERDICT_HELD;
    packet->http = 0; /* its connection is not known yet */
    sb_stats_of(lcore)->port[packet->port].held_now++;
}

/* The packet goes to the lcore packet->owner, where sb_pipeline_resume continues with it. */
static inline void sb_hand_over(struct sb_lcore *lcore, struct sb_packet *packet) {
    packet->verdict = SB_VERDICT_HANDED_OVER;
    sb_stats_of(lcore)->port[packet->port].held_now++;
    sb_stats_of(lcore)->misrouted++;
}

static inline void sb_take_over(struct sb_lcore *lcore, const struct sb_packet *packet) {
    sb_stats_of(lcore)->port[packet->port].held_now--;
}

/* For a packet that could not be handed over. */
static inline void sb_drop_handed_over(struct sb_lcore *lcore, struct sb_packet *packet,
                                       enum sb_reason reason) {
    sb_take_over(lcore, packet);
    sb_drop(lcore, packet, reason);
}

/* A held packet continues at the end of the run, with the stages behind CONNECTIONS. */
void sb_release(struct sb_lcore *lcore, const struct sb_packet *held);

/* A held packet is absorbed. */
void sb_give_up(struct sb_lcore *lcore, const struct sb_packet *held);

/* --- frames that the node originates ---------------------------------------------------------- */

/* A TCP segment between the hosts of a packet, in its VLANs. */
struct sb_own_segment {
    enum sb_origin kind;
    bool back;                    /* to the sender of like; else to its receiver */
    const struct sb_packet *like; /* with its bytes */
    struct sb_tcp_header header;
    const uint8_t *payload;
    uint32_t payload_size; /* bytes, at most SB_OWN_PAYLOAD_MAX */
};

/* Sends the segment at the end of the run. False: there is no buffer; the segment counts as lost on
 * the way. */
bool sb_originate(struct sb_lcore *lcore, const struct sb_own_segment *segment);

/* Sends a RST with this sequence number in the same way. To the receiver of like, it has the IP
 * header fields of like. Back to the sender, its TTL is 255 if the sender may check for a router on
 * the path (RFC 5082). */
bool sb_originate_reset(struct sb_lcore *lcore, const struct sb_packet *like, bool back,
                        uint32_t sequence);

/* Counts a packet that was replaced by an answer: it is consumed, and its bytes (length of them)
 * are sent out of the port on which it was received. */
static inline void sb_answer(struct sb_lcore *lcore, struct sb_packet *packet, uint32_t length) {
    sb_consume(lcore, packet);
    packet->flags |= SB_PACKET_ANSWER;
    packet->length = length;
    packet->available = (uint16_t)length;
    sb_stats_of(lcore)->origin[SB_ORIGIN_ANSWER].originated++;
}

#endif
