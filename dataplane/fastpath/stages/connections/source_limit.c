#include "source_limit.h"

static bool is_told(struct sb_lcore *lcore, const struct sb_packet *packet,
                    const struct sb_segment *segment);

void sb_source_reset(struct sb_lcore *lcore, struct sb_flow *flow, const struct sb_packet *packet,
                     const struct sb_segment *segment) {
    if (is_told(lcore, packet, segment))
        flow->state = SB_FLOW_STATE_RESET;
    else if ((flow->flags & SB_FLOW_LIBERAL) != 0)
        flow->state = SB_FLOW_STATE_PICKED_UP;
    else
        flow->state = SB_FLOW_STATE_SYN_RECEIVED;
}

/* Sends both sides a RST with the number that the receiver expects next, as the segment tells it
 * (RFC 9293, 3.5.2). True: sent, or this node sends nothing (replay). */
static bool is_told(struct sb_lcore *lcore, const struct sb_packet *packet,
                    const struct sb_segment *segment) {
    if (lcore->outbox == 0)
        return true;
    if (!sb_originate_reset(lcore, packet, false, segment->sequence))
        return false;
    if ((segment->flags & SB_TCP_ACK) != 0)
        (void)sb_originate_reset(lcore, packet, true, segment->acknowledgment);
    return true;
}
