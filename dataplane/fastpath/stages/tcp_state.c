#include "tcp_state.h"

static enum sb_reason follow_syn_sent(struct sb_flow *flow, const struct sb_segment *segment);
static void answer_syn(struct sb_flow *flow, const struct sb_segment *segment);
static void follow_liberally(struct sb_flow *flow, const struct sb_segment *segment);
static void follow_in_window(struct sb_flow *flow, const struct sb_segment *segment);
static void agree_on_scales(struct sb_flow *flow);
static bool is_answer_of_host(const struct sb_segment *segment);
static void begin_anew(struct sb_flow *flow);
static uint8_t state_by_fins(const struct sb_flow *flow);

static inline uint32_t end_of(const struct sb_segment *segment) {
    return segment->sequence + segment->length;
}

static inline uint32_t opener_of(const struct sb_flow *flow) {
    return (flow->flags & SB_FLOW_OPENED_INSIDE) != 0 ? SB_PORT_INSIDE : SB_PORT_OUTSIDE;
}

static inline uint32_t at_least_1(uint32_t window) {
    return window == 0 ? 1 : window;
}

static void begin(struct sb_flow *flow, const struct sb_segment *segment,
                  enum sb_flow_state state) {
    flow->state = (uint8_t)state;
    flow->flags &= SB_FLOW_STRAYED;
    if (segment->from == SB_PORT_INSIDE)
        flow->flags |= SB_FLOW_OPENED_INSIDE;
}

void sb_tcp_open(struct sb_flow *flow, const struct sb_segment *segment) {
    uint32_t from = segment->from;

    begin(flow, segment, SB_FLOW_STATE_SYN_SENT);
    /* Until the answer limit is the lowest acknowledgment: of the SYN without its data. */
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
    if ((segment->flags & SB_TCP_FIN) != 0)
        flow->flags |= (uint16_t)(SB_FLOW_FIN << segment->from);
}

enum sb_reason sb_tcp_follow(struct sb_flow *flow, const struct sb_segment *segment) {
    if (__builtin_expect(flow->state == SB_FLOW_STATE_SYN_SENT, 0))
        return follow_syn_sent(flow, segment);
    if (__builtin_expect(sb_tcp_is_opening(segment->flags), 0))
        return SB_REASON_NONE; /* repeated, or for the endpoint to challenge (RFC 5961, 4) */
    if (__builtin_expect((flow->flags & SB_FLOW_LIBERAL) != 0, 0)) {
        follow_liberally(flow, segment);
        return SB_REASON_NONE;
    }
    if (!sb_tcp_is_in_window(flow, segment)) {
        if (!is_answer_of_host(segment))
            return SB_REASON_OUT_OF_WINDOW;
        begin_anew(flow);
        return SB_REASON_NONE;
    }
    follow_in_window(flow, segment);
    return SB_REASON_NONE;
}

static bool is_answer_of_host(const struct sb_segment *segment) {
    return segment->from == SB_PORT_INSIDE &&
           (segment->flags & (SB_TCP_SYN | SB_TCP_ACK | SB_TCP_RST)) == (SB_TCP_SYN | SB_TCP_ACK);
}

/* The protected host knows nothing of it any more and has taken a SYN into it for a new one. */
static void begin_anew(struct sb_flow *flow) {
    flow->state = SB_FLOW_STATE_PICKED_UP;
    flow->flags = (flow->flags & (SB_FLOW_STRAYED | SB_FLOW_PROVEN)) | SB_FLOW_LIBERAL;
}

static enum sb_reason follow_syn_sent(struct sb_flow *flow, const struct sb_segment *segment) {
    uint32_t opener = opener_of(flow);
    const struct sb_flow_side *side = &flow->side[opener];

    if (sb_tcp_is_opening(segment->flags)) {
        if (segment->from == opener)
            sb_tcp_open(flow, segment); /* repeated, or tried again */
        else
            answer_syn(flow, segment); /* simultaneous (RFC 9293, 3.5) */
        return SB_REASON_NONE;
    }
    if (segment->from == opener)
        return (segment->flags & SB_TCP_RST) != 0 ? SB_REASON_NONE : SB_REASON_OUT_OF_STATE;
    if ((segment->flags & (SB_TCP_SYN | SB_TCP_RST)) == 0)
        return SB_REASON_OUT_OF_STATE;
    if ((segment->flags & SB_TCP_ACK) == 0 ||
        (segment->acknowledgment != side->end && segment->acknowledgment != side->limit))
        return SB_REASON_OUT_OF_WINDOW;
    if ((segment->flags & SB_TCP_RST) != 0) { /* refused */
        flow->state = SB_FLOW_STATE_RESET;
        flow->scale[0] = flow->scale[1] = 0;
    } else {
        answer_syn(flow, segment);
    }
    return SB_REASON_NONE;
}

/* The other side's SYN, with or without an acknowledgment of ours. */
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

/* Both sides must have offered it (RFC 7323, 2.2). */
static void agree_on_scales(struct sb_flow *flow) {
    bool both = flow->scale[0] != SB_TCP_NO_SCALE && flow->scale[1] != SB_TCP_NO_SCALE;

    for (uint32_t side = 0; side < SB_PORT_COUNT; side++)
        flow->scale[side] = both ? flow->scale[side] : 0;
}

/* Of a connection that was met in its midst: what its windows are, nobody knows. A RST from outside
 * may be forged. */
static void follow_liberally(struct sb_flow *flow, const struct sb_segment *segment) {
    if ((segment->flags & SB_TCP_RST) != 0) {
        if (segment->from == SB_PORT_INSIDE)
            flow->state = SB_FLOW_STATE_RESET;
        return;
    }
    if ((segment->flags & SB_TCP_FIN) != 0)
        flow->flags |= (uint16_t)(SB_FLOW_FIN << segment->from);
    if (flow->state == SB_FLOW_STATE_PICKED_UP && segment->from == opener_of(flow))
        return;
    if (flow->state != SB_FLOW_STATE_RESET)
        flow->state = state_by_fins(flow);
}

static void follow_in_window(struct sb_flow *flow, const struct sb_segment *segment) {
    uint32_t from = segment->from;
    uint32_t scale = (segment->flags & SB_TCP_SYN) != 0 ? 0 : flow->scale[from];

    if (__builtin_expect((segment->flags & SB_TCP_RST) != 0, 0)) {
        if (segment->sequence == flow->side[from].end) /* else challenged (RFC 5961, 3.2) */
            flow->state = SB_FLOW_STATE_RESET;
        return;
    }
    sb_tcp_move_on(flow, segment, segment->window << scale);
    if ((segment->flags & SB_TCP_FIN) != 0)
        flow->flags |= (uint16_t)(SB_FLOW_FIN << from);
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

static uint8_t state_by_fins(const struct sb_flow *flow) {
    switch (flow->flags & (SB_FLOW_FIN << 0 | SB_FLOW_FIN << 1)) {
    case 0:
        return SB_FLOW_STATE_ESTABLISHED;
    case SB_FLOW_FIN << 0 | SB_FLOW_FIN << 1:
        return SB_FLOW_STATE_CLOSED;
    default:
        return SB_FLOW_STATE_HALF_CLOSED;
    }
}
