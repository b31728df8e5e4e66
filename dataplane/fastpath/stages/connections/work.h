/* work.h: the state that the files of the connections stage share while they handle a burst. */
#ifndef SB_CONNECTIONS_WORK_H
#define SB_CONNECTIONS_WORK_H

#include "packet/checksum.h"
#include "packet/verdict.h"
#include "syn/syn_proxy.h"

/* The packets of a burst that belong to a connection. Sets of packets are bitmaps. */
struct sb_connections_work {
    struct sb_lcore *lcore;
    struct sb_burst *burst;
    const struct sb_time *now;
    struct sb_flows *flows;
    struct sb_proxy proxy;
    uint64_t key[SB_BURST_MAX][2];
    uint64_t hash[SB_BURST_MAX];
    struct sb_flow *flow[SB_BURST_MAX]; /* the probable place of its connection */
    uint32_t opening;                   /* set: SYNs */
    uint32_t answered;                  /* set: SYNs that the SYN proxy has yet to answer */
    uint8_t http_generation;            /* of the policy in force: see inspected.h */
    struct sb_tcp_options offered[SB_BURST_MAX]; /* options of the SYNs to answer */
};

/* Rejects a packet from outside, unless a neighbour has sent it. Packets of protected hosts are not
 * judged. */
static inline bool sb_connections_reject(struct sb_connections_work *work, uint32_t i,
                                         enum sb_reason reason) {
    struct sb_packet *packet = &work->burst->packets[i];

    return packet->port == SB_PORT_OUTSIDE && (packet->flags & SB_PACKET_NEIGHBOR) == 0 &&
           sb_reject(work->lcore, packet, reason, work->now);
}

/* Marks a packet from outside that fits no connection, for the counters. */
static inline void sb_mark_stray(struct sb_packet *packet) {
    packet->flags |= packet->port == SB_PORT_OUTSIDE ? SB_PACKET_STRAY : 0;
}

/* Whether the receiver would accept a segment that ends a connection: its checksum is right. Other
 * segments are not checked, as they end nothing and are nearly all packets. */
static inline bool sb_segment_may_act(const struct sb_packet *packet,
                                      const struct sb_segment *segment) {
    return SB_LIKELY((segment->flags & (SB_TCP_RST | SB_TCP_FIN)) == 0) ||
           sb_tcp_checksum_is_right(packet);
}

/* Drops a segment with a wrong checksum, which its receiver would ignore as well. */
static inline bool sb_drop_unread(struct sb_connections_work *work, uint32_t i) {
    struct sb_packet *packet = &work->burst->packets[i];

    if (work->lcore->sample_ds[SB_REASON_TCP_CHECKSUM] != work->now->boot_ds)
        sb_drop_sample(work->lcore, packet, SB_REASON_TCP_CHECKSUM, SB_MODE_ENFORCE, work->now);
    sb_drop(work->lcore, packet, SB_REASON_TCP_CHECKSUM);
    return true;
}

#endif
