/* translation.h: between the numbers that a client was given with its cookie and those of the
 * protected host: sequence numbers of the host, acknowledgments and SACK blocks of the client,
 * timestamps, and the host's windows where it scales them otherwise than the client was told.
 */
#ifndef SB_TRANSLATION_H
#define SB_TRANSLATION_H

#include "stages/connections/tcp_state.h"

/* A segment of a translated connection: numbers of the client's world to those of the host's, or
 * the other way round. */
void sb_translate(const struct sb_flows *flows, const struct sb_flow *flow,
                  const struct sb_packet *packet);

/* The same in an ICMP error that quotes a segment of a connection, translated or not, at least its
 * first 8 bytes. */
void sb_translate_quote(const struct sb_flows *flows, const struct sb_flow *flow,
                        const struct sb_packet *packet, uint32_t tcp_offset);

/* The acknowledgment of a segment as the protected host would see it. */
static inline uint32_t sb_translated_ack(const struct sb_flows *flows, const struct sb_flow *flow,
                                         const struct sb_segment *segment) {
    if (SB_LIKELY((flow->flags & SB_FLOW_TRANSLATED) == 0) || segment->from == SB_PORT_INSIDE ||
        (segment->flags & SB_TCP_ACK) == 0)
        return segment->acknowledgment;
    return segment->acknowledgment - sb_flow_record(flows, flow)->sequence_delta;
}

#endif
