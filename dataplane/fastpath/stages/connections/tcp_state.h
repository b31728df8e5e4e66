/* tcp_state.h: what a TCP segment does to its connection.
 *
 * RFC 9293 names the states of an endpoint; a node in between sees less and keeps fewer. Windows:
 * "Real Stateful TCP Packet Filtering in IP Filter" (van Rooij, 2000), sections 4 and 5.
 */
#ifndef SB_TCP_STATE_H
#define SB_TCP_STATE_H

#include "packet/packet.h"
#include "packet/tcp_frame.h"
#include "tables/flows/flows_private.h"

enum { SB_TCP_WINDOW_MIN = 66000 /* bytes */ };

struct sb_segment {
    uint32_t sequence;
    uint32_t acknowledgment;
    uint32_t length; /* in sequence numbers: SYN and FIN take one each */
    uint32_t window; /* as in the header */
    uint8_t flags;   /* enum sb_tcp_flag */
    uint8_t from;    /* enum sb_port */
    uint8_t scale;   /* a SYN's window scale; SB_TCP_NO_SCALE: no such option */
};

/* end: of the packet; tcp: its header, of which parse has checked that it lies in the bytes at
 * hand. scale is not read: only of a SYN is it asked. */
static inline struct sb_segment sb_tcp_segment(const struct sb_packet *packet, const uint8_t *tcp,
                                               uint32_t end, enum sb_port from) {
    uint32_t payload = end > packet->payload_offset ? end - packet->payload_offset : 0;
    uint32_t flags = tcp[SB_TCP_FLAGS];

    return (struct sb_segment){
        .sequence = sb_load32(tcp + SB_TCP_SEQUENCE),
        .acknowledgment = sb_load32(tcp + SB_TCP_ACKNOWLEDGMENT),
        .length = payload + (flags & SB_TCP_FIN) + (flags >> 1 & 1),
        .window = sb_load16(tcp + SB_TCP_WINDOW),
        .flags = (uint8_t)flags,
        .from = (uint8_t)from,
        .scale = SB_TCP_NO_SCALE,
    };
}

static inline struct sb_segment sb_tcp_read_segment(const struct sb_packet *packet) {
    const uint8_t *tcp = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;

    return sb_tcp_segment(packet, tcp, sb_end_of_ip(packet), (enum sb_port)packet->port);
}

/* The same of a SB_PACKET_PLAIN from outside. */
static inline struct sb_segment sb_tcp_read_plain(const struct sb_packet *packet) {
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    uint32_t end = SB_PLAIN_L3 + sb_load16(data + SB_PLAIN_L3 + SB_IPV4_LENGTH);

    return sb_tcp_segment(packet, data + SB_PLAIN_L4, end, SB_PORT_OUTSIDE);
}

/* Whether a SYN begins another connection in the place of this one. */
static inline bool sb_tcp_may_reopen(const struct sb_flow *flow) {
    return flow->state == SB_FLOW_STATE_CLOSED || flow->state == SB_FLOW_STATE_RESET ||
           flow->state == SB_FLOW_STATE_PICKED_UP;
}

/* Neither side has anything to say any more: a RST in place, or both FINs acknowledged. */
static inline bool sb_tcp_is_ended(const struct sb_flow *flow) {
    return flow->state == SB_FLOW_STATE_RESET ||
           (flow->state == SB_FLOW_STATE_CLOSED &&
            (flow->fins & SB_FLOW_FINS_ACKED) == SB_FLOW_FINS_ACKED);
}

/* A client's SYN has gone to the protected host, and nothing has proven the client yet. */
static inline bool sb_tcp_is_half_open(const struct sb_flow *flow) {
    return flow->state <= SB_FLOW_STATE_SYN_RECEIVED &&
           (flow->flags & (SB_FLOW_PROVEN | SB_FLOW_OPENED_INSIDE)) == 0;
}

/* Sequence numbers are compared modulo 2^32 (RFC 9293, 3.4). */
static inline bool sb_tcp_is_after(uint32_t one, uint32_t other) {
    return (int32_t)(one - other) > 0;
}

/* Whether its sender may send it, and may have what it acknowledges. An acknowledgment may lie a
 * window behind the newest one (RFC 5961, 5.2), and that one a window behind what was sent. Without
 * branches: nearly all fit. */
static inline bool sb_tcp_is_in_window(const struct sb_flow *flow,
                                       const struct sb_segment *segment) {
    const struct sb_flow_side *sender = &flow->side[segment->from];
    const struct sb_flow_side *receiver = &flow->side[segment->from ^ 1];
    uint32_t window = sender->window > SB_TCP_WINDOW_MIN ? sender->window : SB_TCP_WINDOW_MIN;
    uint32_t late = 2 * window;
    uint32_t end = segment->sequence + segment->length;
    uint32_t is_outside = (uint32_t)sb_tcp_is_after(segment->sequence, sender->limit) |
                          (uint32_t)sb_tcp_is_after(sender->end - receiver->window, end);
    uint32_t is_ack_outside =
        (uint32_t)sb_tcp_is_after(segment->acknowledgment, receiver->end) |
        (uint32_t)sb_tcp_is_after(receiver->end - late, segment->acknowledgment);

    return (is_outside | (is_ack_outside & ((segment->flags & SB_TCP_ACK) != 0))) == 0;
}

/* What one that fits lets each side send. window: in bytes. */
static inline void sb_tcp_move_on(struct sb_flow *flow, const struct sb_segment *segment,
                                  uint32_t window) {
    struct sb_flow_side *sender = &flow->side[segment->from];
    struct sb_flow_side *receiver = &flow->side[segment->from ^ 1];
    uint32_t end = segment->sequence + segment->length, limit = segment->acknowledgment + window;

    sender->window = window > sender->window ? window : sender->window;
    sender->end = sb_tcp_is_after(end, sender->end) ? end : sender->end;
    if ((segment->flags & SB_TCP_ACK) != 0)
        receiver->limit = sb_tcp_is_after(limit, receiver->limit) ? limit : receiver->limit;
}

/* A segment that only carries data or acknowledges some, of a connection in full flow of which it
 * is known whether the policy in force inspects it. True: it fits, and all that there is to do has
 * been done. False: ask sb_tcp_follow, in its turn. */
static inline bool sb_tcp_flows(struct sb_flow *flow, const struct sb_segment *segment,
                                uint8_t http_generation) {
    uint32_t unusual =
        ((segment->flags ^ SB_TCP_ACK) & (SB_TCP_FIN | SB_TCP_SYN | SB_TCP_RST | SB_TCP_ACK)) |
        (flow->flags & (SB_FLOW_LIBERAL | SB_FLOW_DEFERRED)) |
        (uint32_t)(flow->state ^ SB_FLOW_STATE_ESTABLISHED) |
        (uint32_t)(flow->http_generation ^ http_generation) |
        (uint32_t)!sb_tcp_is_in_window(flow, segment);

    if (unusual != 0)
        return false;
    sb_tcp_move_on(flow, segment, segment->window << flow->scale[segment->from]);
    return true;
}

/* A SYN that begins one. */
void sb_tcp_open(struct sb_flow *flow, const struct sb_segment *segment);
/* A SYN-ACK of the protected host, to a SYN that is not known (any more). */
void sb_tcp_open_answered(struct sb_flow *flow, const struct sb_segment *segment);
bool sb_tcp_is_answer_of_host(const struct sb_segment *segment);
/* Whether a segment begins another connection in the place of this one. */
bool sb_tcp_begins_anew(const struct sb_flow *flow, const struct sb_segment *segment);
/* Any other segment but a RST, of a connection whose beginning was not seen. */
void sb_tcp_pick_up(struct sb_flow *flow, const struct sb_segment *segment);
/* Another segment of the connection. SB_REASON_NONE: it fits, and the connection has moved on; else
 * why it does not, and nothing has changed. */
enum sb_reason sb_tcp_follow(struct sb_flow *flow, const struct sb_segment *segment);

#endif
