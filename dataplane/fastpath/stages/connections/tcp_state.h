/* tcp_state.h: the effect of a TCP segment on the record of its connection.
 *
 * RFC 9293 names the states of an endpoint. A node between the endpoints sees less and keeps fewer
 * states. Windows: "Real Stateful TCP Packet Filtering in IP Filter" (van Rooij, 2000), sections 4
 * and 5.
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

/* end: offset of the packet's end. tcp: the TCP header; parse has checked that it is readable.
 * scale is not set, because it is only needed for a SYN. */
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

/* As sb_tcp_read_segment, for a SB_PACKET_PLAIN from outside. */
static inline struct sb_segment sb_tcp_read_plain(const struct sb_packet *packet) {
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    uint32_t end = SB_PLAIN_L3 + sb_load16(data + SB_PLAIN_L3 + SB_IPV4_LENGTH);

    return sb_tcp_segment(packet, data + SB_PLAIN_L4, end, SB_PORT_OUTSIDE);
}

/* Whether a SYN may begin another connection in the place of this one. */
static inline bool sb_tcp_may_reopen(const struct sb_flow *flow) {
    return flow->state == SB_FLOW_STATE_CLOSED || flow->state == SB_FLOW_STATE_RESET ||
           flow->state == SB_FLOW_STATE_PICKED_UP;
}

/* Whether the connection has ended: by an accepted RST, or with both FINs acknowledged. */
static inline bool sb_tcp_is_ended(const struct sb_flow *flow) {
    return flow->state == SB_FLOW_STATE_RESET ||
           (flow->state == SB_FLOW_STATE_CLOSED &&
            (flow->fins & SB_FLOW_FINS_ACKED) == SB_FLOW_FINS_ACKED);
}

/* Whether a client's SYN has gone to the protected host, and nothing has proven the client yet. */
static inline bool sb_tcp_is_half_open(const struct sb_flow *flow) {
    return flow->state <= SB_FLOW_STATE_SYN_RECEIVED &&
           (flow->flags & (SB_FLOW_PROVEN | SB_FLOW_OPENED_INSIDE)) == 0;
}

/* Sequence numbers are compared modulo 2^32 (RFC 9293, 3.4). */
static inline bool sb_tcp_is_after(uint32_t one, uint32_t other) {
    return (int32_t)(one - other) > 0;
}

/* Whether the sender may send this segment, and may acknowledge what it acknowledges. An
 * acknowledgment may lie one window behind the newest one (RFC 5961, 5.2), which may lie one window
 * behind the data sent. Written without branches, because nearly all segments fit. */
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

/* Records what each side may send after a segment that fits. window: in bytes. */
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

/* Handles a segment that only carries or acknowledges data of an established connection, if the
 * record is up to date with the policy's HTTP inspection. True: the segment fits, and everything is
 * done. False: call sb_tcp_follow for it, in the order of arrival. */
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

/* Begins a connection with a SYN. */
void sb_tcp_open(struct sb_flow *flow, const struct sb_segment *segment);
/* Begins a connection with a SYN-ACK of the protected host, whose SYN is not known (any more). */
void sb_tcp_open_answered(struct sb_flow *flow, const struct sb_segment *segment);
bool sb_tcp_is_answer_of_host(const struct sb_segment *segment);
/* Whether a segment begins another connection in the place of this one. */
bool sb_tcp_begins_anew(const struct sb_flow *flow, const struct sb_segment *segment);
/* Begins the record of a connection that is already open, with a segment other than SYN and RST. */
void sb_tcp_pick_up(struct sb_flow *flow, const struct sb_segment *segment);
/* Applies another segment to the connection. SB_REASON_NONE: it fits, and the record is updated.
 * Any other reason: it does not fit, and nothing has changed. */
enum sb_reason sb_tcp_follow(struct sb_flow *flow, const struct sb_segment *segment);

#endif
