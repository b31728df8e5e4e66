/* translation.h: translates between the numbers that the client got with its cookie and those of
 * the protected host: the host's sequence numbers, the client's acknowledgments and SACK blocks,
 * timestamps, and the host's windows if the host uses another scale than the client was told.
 */
#ifndef SB_TRANSLATION_H
#define SB_TRANSLATION_H

#include "stages/connections/tcp_state.h"

/* Translates a segment of a translated connection: the client's to the host's numbers, or the
 * host's to the client's, depending on its direction. */
void sb_translate(const struct sb_flows *flows, const struct sb_flow *flow,
                  const struct sb_packet *packet);

/* The same for an ICMP error that quotes at least the first 8 bytes of a segment. The connection
 * may be one without translation. */
void sb_translate_quote(const struct sb_flows *flows, const struct sb_flow *flow,
                        const struct sb_packet *packet, uint32_t tcp_offset);

/* The acknowledgment of a segment, as the protected host would see it. */
static inline uint32_t sb_translated_ack(const struct sb_flows *flows, const struct sb_flow *flow,
                                         const struct sb_segment *segment) {
    if (SB_LIKELY((flow->flags & SB_FLOW_TRANSLATED) == 0) || segment->from == SB_PORT_INSIDE ||
        (segment->flags & SB_TCP_ACK) == 0)
        return segment->acknowledgment;
    return segment->acknowledgment - sb_flow_record(flows, flow)->sequence_delta;
}

#endif
