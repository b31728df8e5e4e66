#include "tcp_state.h"

static enum sb_reason follow_syn_sent(struct sb_flow *flow, const struct sb_segment *segment);
static void answer_syn(struct sb_flow *flow, const struct sb_segment *segment);
static void follow_liberally(struct sb_flow *flow, const struct sb_segment *segment);
static void follow_in_window(struct sb_flow *flow, const struct sb_segment *segment);
static void agree_on_scales(struct sb_flow *flow);
static bool fits(const struct sb_flow *flow, const struct sb_segment *segment);
static enum sb_reason follow_unseen(struct sb_flow *flow, const struct sb_segment *segment);
static bool acknowledges_unseen(const struct sb_flow *flow, const struct sb_segment *segment);
static void begin_anew(struct sb_flow *flow);
static void note_fins(struct sb_flow *flow, const struct sb_segment *segment, bool has_moved);
static uint8_t state_by_fins(const struct sb_flow *flow);

static inline uint32_t end_of(const struct sb_segment *segment) {
    return segment->sequence + segment->length;
}

static inline uint32_t opener_of(const struct sb_flow *flow) {
    return (flow->flags & SB_FLOW_OPENED_INSIDE) != 0 ? SB_PORT_INSIDE : SB_PORT_OUTSIDE;
}

/* A host that knows the connection sends a challenge ACK for segments that do not fit (RFC 5961). A
 * host that sends a RST does not know the connection any more. The RST's sequence number then is
 * whatever the other side has acknowledged last, so it is not checked. */
static inline bool is_reset_of_host(const struct sb_segment *segment) {
    return segment->from == SB_PORT_INSIDE && (segment->flags & SB_TCP_RST) != 0;
}

static inline uint32_t at_least_1(uint32_t window) {
    return window == 0 ? 1 : window;
}

static void begin(struct sb_flow *flow, const struct sb_segment *segment,
                  enum sb_flow_state state) {
    flow->state = (uint8_t)state;
    flow->flags &= SB_FLOW_STRAYED;
    flow->fins = 0;
    if (segment->from == SB_PORT_INSIDE)
        flow->flags |= SB_FLOW_OPENED_INSIDE;
}

void sb_tcp_open(struct sb_flow *flow, const struct sb_segment *segment) {
    uint32_t from = segment->from;

    begin(flow, segment, SB_FLOW_STATE_SYN_SENT);
    flow->http = segment->sequence + 1;
    /* Until the answer, limit is the lowest valid acknowledgment: that of the SYN without its data.
     */
    flow->side[from] = (struct sb_flow_side){.end = end_of(segment),
                                             .limit = segment->sequence + 1,
                                             .window = at_least_1(segment->window)};
    flow->side[from ^ 1] = (struct sb_flow_side){.end = 0};
    flow->scale[from] = segment->scale;
    flow->scale[from ^ 1] = SB_TCP_NO_SCALE;
}

void sb_tcp_pick_up(struct sb_flow *flow, const struct sb_segment *segment) {
    begin(flow, segment, SB_FLOW_STATE_PICKED_UP);
    flow->flags |= SB_FLOW_LIBERAL;
    flow->side[segment->from].end = end_of(segment);
    note_fins(flow, segment, false);
}

/* The answer only tells the client's initial sequence number. The client's window scale is not
 * known; the largest is 14 (RFC 7323, 2.3). A too large scale only widens what the host may send,
 * and how late the client may acknowledge it. */
void sb_tcp_open_answered(struct sb_flow *flow, const struct sb_segment *segment) {
    struct sb_flow_side *client = &flow->side[SB_PORT_OUTSIDE];

    begin(flow, segment, SB_FLOW_STATE_SYN_SENT);
    flow->flags &= (uint16_t)~SB_FLOW_OPENED_INSIDE;
    flow->http = segment->acknowledgment;
    *client = (struct sb_flow_side){
        .end = segment->acknowledgment, .limit = segment->acknowledgment, .window = UINT16_MAX};
    flow->scale[SB_PORT_OUTSIDE] = SB_TCP_SCALE_MAX;
    answer_syn(flow, segment);
}

bool sb_tcp_is_answer_of_host(const struct sb_segment *segment) {
    return segment->from == SB_PORT_INSIDE &&
           (segment->flags & (SB_TCP_SYN | SB_TCP_ACK | SB_TCP_RST)) == (SB_TCP_SYN | SB_TCP_ACK);
}

bool sb_tcp_begins_anew(const struct sb_flow *flow, const struct sb_segment *segment) {
    if (sb_tcp_is_opening(segment->flags))
        return sb_tcp_may_reopen(flow);
    return sb_tcp_is_ended(flow) && sb_tcp_is_answer_of_host(segment) &&
           ((flow->flags & SB_FLOW_LIBERAL) != 0 || !sb_tcp_is_in_window(flow, segment));
}

enum sb_reason sb_tcp_follow(struct sb_flow *flow, const struct sb_segment *segment) {
    if (__builtin_expect(flow->state == SB_FLOW_STATE_SYN_SENT, 0))
        return follow_syn_sent(flow, segment);
    if (__builtin_expect(sb_tcp_is_opening(segment->flags), 0))
        return SB_REASON_NONE; /* repeated, or the host challenges it (RFC 5961, 4) */
    if (__builtin_expect(is_reset_of_host(segment), 0)) {
        flow->state = SB_FLOW_STATE_RESET;
        return SB_REASON_NONE;
    }
    if (__builtin_expect((flow->flags & SB_FLOW_LIBERAL) != 0, 0)) {
        follow_liberally(flow, segment);
        return SB_REASON_NONE;
    }
    if (__builtin_expect(!fits(flow, segment), 0))
        return follow_unseen(flow, segment);
    follow_in_window(flow, segment);
    return SB_REASON_NONE;
}

/* After a FIN that its receiver has acknowledged, the sender has no more data. */
static bool fits(const struct sb_flow *flow, const struct sb_segment *segment) {
    bool is_behind_fin = (flow->fins & SB_FLOW_FIN_ACKED << segment->from) != 0 &&
                         sb_tcp_is_after(end_of(segment), flow->side[segment->from].end);

    return !is_behind_fin && sb_tcp_is_in_window(flow, segment);
}

/* A segment that does not fit the recorded numbers. Some packets of the connection may have taken
 * another way: a route that changed for a short time, or a bypass.
 *
 * Data that the protected host acknowledges has arrived there, so the acknowledgment moves the
 * client's end, within the window that the host has given the client. No host outside can make the
 * protected host acknowledge data that it has not received. The host's own end follows from the
 * segments that it sends within the client's window.
 *
 * A client's segment moves nothing, because it may be forged. If it acknowledges data that the node
 * has not seen, within what the host may send, it passes only if its sequence number is exactly the
 * next one, as RFC 5961, 3.2, requires for a RST. A blind attacker has to guess one number of 2^32,
 * and the host itself refuses an acknowledgment of data that it has not sent (RFC 9293, 3.10.7.4).
 * Without this rule, a host that waits for the next request would never send again. The host's
 * answer moves both ends, so later segments fit after one round trip.
 */
static enum sb_reason follow_unseen(struct sb_flow *flow, const struct sb_segment *segment) {
    struct sb_flow_side *client = &flow->side[SB_PORT_OUTSIDE];
    uint32_t end = client->end;

    if (sb_tcp_is_answer_of_host(segment)) {
        begin_anew(flow);
        return SB_REASON_NONE;
    }
    if (!acknowledges_unseen(flow, segment))
        return SB_REASON_OUT_OF_WINDOW;
    if (segment->from == SB_PORT_OUTSIDE)
        return flow->state != SB_FLOW_STATE_SYN_RECEIVED && segment->sequence == end
                   ? SB_REASON_NONE
                   : SB_REASON_OUT_OF_WINDOW;
    client->end = segment->acknowledgment;
    if (!fits(flow, segment)) {
        client->end = end;
        return SB_REASON_OUT_OF_WINDOW;
    }
    flow->fins &= (uint8_t)~(SB_FLOW_FIN_SENT << SB_PORT_OUTSIDE); /* it was not the last segment */
    follow_in_window(flow, segment);
    return SB_REASON_NONE;
}

/* Whether the segment acknowledges more than the node has seen, but no more than its receiver may
 * have sent. */
static bool acknowledges_unseen(const struct sb_flow *flow, const struct sb_segment *segment) {
    const struct sb_flow_side *receiver = &flow->side[segment->from ^ 1];

    return (segment->flags & (SB_TCP_SYN | SB_TCP_RST | SB_TCP_ACK)) == SB_TCP_ACK &&
           (flow->fins & SB_FLOW_FIN_ACKED << (segment->from ^ 1)) == 0 &&
           sb_tcp_is_after(segment->acknowledgment, receiver->end) &&
           !sb_tcp_is_after(segment->acknowledgment, receiver->limit);
}

/* The protected host has forgotten the connection and has accepted a SYN within it as the beginning
 * of a new one. */
static void begin_anew(struct sb_flow *flow) {
    flow->state = SB_FLOW_STATE_PICKED_UP;
    flow->flags =
        (flow->flags & (SB_FLOW_STRAYED | SB_FLOW_PROVEN | SB_FLOW_INSPECTED)) | SB_FLOW_LIBERAL;
    flow->fins = 0;
}

static enum sb_reason follow_syn_sent(struct sb_flow *flow, const struct sb_segment *segment) {
    uint32_t opener = opener_of(flow);
    const struct sb_flow_side *side = &flow->side[opener];

    if (sb_tcp_is_opening(segment->flags)) {
        if (segment->from == opener)
            sb_tcp_open(flow, segment); /* a repeated SYN, or a new try */
        else
            answer_syn(flow, segment); /* simultaneous open (RFC 9293, 3.5) */
        return SB_REASON_NONE;
    }
    if (segment->from == opener)
        return (segment->flags & SB_TCP_RST) != 0 ? SB_REASON_NONE : SB_REASON_OUT_OF_STATE;
    if ((segment->flags & (SB_TCP_SYN | SB_TCP_RST)) == 0)
        return SB_REASON_OUT_OF_STATE;
    if ((segment->flags & SB_TCP_ACK) == 0 ||
        (segment->acknowledgment != side->end && segment->acknowledgment != side->limit))
        return SB_REASON_OUT_OF_WINDOW;
    if ((segment->flags & SB_TCP_RST) != 0) { /* the host has refused the connection */
        flow->state = SB_FLOW_STATE_RESET;
        flow->scale[0] = flow->scale[1] = 0;
    } else {
        answer_syn(flow, segment);
    }
    return SB_REASON_NONE;
}

/* The SYN of the other side, with or without an acknowledgment of the opener's SYN. */
static void answer_syn(struct sb_flow *flow, const struct sb_segment *segment) {
    uint32_t from = segment->from;
    struct sb_flow_side *opener = &flow->side[from ^ 1];

    flow->state = SB_FLOW_STATE_SYN_RECEIVED;
    flow->side[from] = (struct sb_flow_side){.end = end_of(segment),
                                             .limit = segment->sequence + 1 + opener->window,
                                             .window = at_least_1(segment->window)};
    opener->limit += segment->window;
    flow->scale[from] = segment->scale;
    agree_on_scales(flow);
    if ((segment->flags & SB_TCP_ACK) != 0)
        flow->flags |= (uint16_t)(SB_FLOW_ANSWERED << from);
}

/* Window scaling is in use only if both sides have offered it (RFC 7323, 2.2). */
static void agree_on_scales(struct sb_flow *flow) {
    bool both = flow->scale[0] != SB_TCP_NO_SCALE && flow->scale[1] != SB_TCP_NO_SCALE;

    for (uint32_t side = 0; side < SB_PORT_COUNT; side++)
        flow->scale[side] = both ? flow->scale[side] : 0;
}

/* For a picked-up connection, whose windows are not known. A RST from outside may be forged. */
static void follow_liberally(struct sb_flow *flow, const struct sb_segment *segment) {
    if ((segment->flags & SB_TCP_RST) != 0 || sb_tcp_is_ended(flow))
        return;
    if ((segment->flags & SB_TCP_FIN) != 0 &&
        (flow->fins & SB_FLOW_FIN_ACKED << segment->from) == 0)
        flow->side[segment->from].end = end_of(segment);
    note_fins(flow, segment, false);
    if (flow->state != SB_FLOW_STATE_PICKED_UP || segment->from != opener_of(flow))
        flow->state = state_by_fins(flow);
}

static void follow_in_window(struct sb_flow *flow, const struct sb_segment *segment) {
    uint32_t from = segment->from;
    uint32_t scale = (segment->flags & SB_TCP_SYN) != 0 ? 0 : flow->scale[from];
    uint32_t end = flow->side[from].end;

    if (__builtin_expect((segment->flags & SB_TCP_RST) != 0, 0)) {
        if (segment->sequence == flow->side[from].end) /* else it is challenged (RFC 5961, 3.2) */
            flow->state = SB_FLOW_STATE_RESET;
        return;
    }
    sb_tcp_move_on(flow, segment, segment->window << scale);
    note_fins(flow, segment, flow->side[from].end != end);
    if (__builtin_expect(flow->state == SB_FLOW_STATE_SYN_RECEIVED, 0)) {
        uint32_t both = SB_FLOW_ANSWERED << 0 | SB_FLOW_ANSWERED << 1;

        if ((segment->flags & SB_TCP_ACK) != 0 &&
            segment->acknowledgment == flow->side[from ^ 1].end)
            flow->flags |= (uint16_t)(SB_FLOW_ANSWERED << from);
        if ((flow->flags & both) != both)
            return;
    }
    if (flow->state != SB_FLOW_STATE_RESET)
        flow->state = state_by_fins(flow);
}

/* A FIN is the last segment of its sender. If a FIN lies before the recorded end, or if data
 * follows it, somebody else has sent it. has_moved: this segment has moved the sender's end. */
static void note_fins(struct sb_flow *flow, const struct sb_segment *segment, bool has_moved) {
    uint32_t from = segment->from, other = from ^ 1u;
    bool is_acked = (segment->flags & SB_TCP_ACK) != 0 &&
                    segment->acknowledgment == flow->side[other].end &&
                    (flow->fins & SB_FLOW_FIN_SENT << other) != 0;

    if ((segment->flags & SB_TCP_FIN) != 0 && end_of(segment) == flow->side[from].end)
        flow->fins |= (uint8_t)(SB_FLOW_FIN_SENT << from);
    else if (has_moved)
        flow->fins &= (uint8_t)~(SB_FLOW_FIN_SENT << from);
    if (is_acked)
        flow->fins |= (uint8_t)(SB_FLOW_FIN_ACKED << other);
}

static uint8_t state_by_fins(const struct sb_flow *flow) {
    switch (flow->fins & (SB_FLOW_FIN_SENT << 0 | SB_FLOW_FIN_SENT << 1)) {
    case 0:
        return SB_FLOW_STATE_ESTABLISHED;
    case SB_FLOW_FIN_SENT << 0 | SB_FLOW_FIN_SENT << 1:
        return SB_FLOW_STATE_CLOSED;
    default:
        return SB_FLOW_STATE_HALF_CLOSED;
    }
}
