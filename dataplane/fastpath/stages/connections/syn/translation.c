#include "translation.h"

#include "packet/tcp_frame.h"

static void translate_to_host(const struct sb_flow *flow, const struct sb_flow_record *record,
                              const struct sb_packet *packet, struct sb_tcp_rewrite *rewrite) {
    struct sb_tcp_options options;

    /* no number of the host without ACK */
    if ((rewrite->tcp[SB_TCP_FLAGS] & SB_TCP_ACK) == 0)
        return;
    sb_tcp_add32(rewrite, SB_TCP_ACKNOWLEDGMENT, 0u - record->sequence_delta);
    if (packet->payload_offset - packet->l4_offset == SB_TCP_BYTES)
        return;
    sb_tcp_read_options(packet, &options);
    if (options.has_times && (flow->flags & SB_FLOW_TIMES) != 0)
        sb_tcp_add32(rewrite, options.times_offset + 4u, 0u - record->time_delta);
    for (uint32_t edge = 0; edge < options.sack_edges; edge++)
        sb_tcp_add32(rewrite, options.sack_offset + 4 * edge, 0u - record->sequence_delta);
}

static void translate_to_client(const struct sb_flow *flow, const struct sb_flow_record *record,
                                const struct sb_packet *packet, struct sb_tcp_rewrite *rewrite) {
    bool is_syn = (rewrite->tcp[SB_TCP_FLAGS] & SB_TCP_SYN) != 0;
    struct sb_tcp_options options;

    sb_tcp_add32(rewrite, SB_TCP_SEQUENCE, record->sequence_delta);
    if (!is_syn && flow->scale[SB_PORT_INSIDE] != record->announced_scale) {
        uint32_t window = sb_load16(rewrite->tcp + SB_TCP_WINDOW) << flow->scale[SB_PORT_INSIDE];

        window >>= record->announced_scale;
        sb_tcp_put16(rewrite, SB_TCP_WINDOW, window < UINT16_MAX ? window : UINT16_MAX);
    }
    if ((flow->flags & SB_FLOW_TIMES) == 0 ||
        packet->payload_offset - packet->l4_offset == SB_TCP_BYTES)
        return;
    sb_tcp_read_options(packet, &options);
    if (options.has_times)
        sb_tcp_add32(rewrite, options.times_offset, record->time_delta);
}

void sb_translate(const struct sb_flows *flows, const struct sb_flow *flow,
                  const struct sb_packet *packet) {
    const struct sb_flow_record *record = sb_flow_record(flows, flow);
    struct sb_tcp_rewrite rewrite = sb_tcp_rewrite(packet);

    if (packet->port == SB_PORT_OUTSIDE)
        translate_to_host(flow, record, packet, &rewrite);
    else
        translate_to_client(flow, record, packet, &rewrite);
    sb_tcp_finish(&rewrite);
}

/* Changes a number in the quoted header and corrects the checksum of the ICMP error. The checksum
 * of the quoted segment stays unchanged, because the quote is usually cut and can't be verified. */
static void put_quoted(uint8_t *icmp, uint8_t *at, uint32_t value) {
    uint64_t sum = (uint16_t)~sb_load16(icmp + SB_ICMP_CHECKSUM);
    uint32_t offset = (uint32_t)(at - icmp);

    for (uint32_t half = 0; half < 4; half += 2) {
        uint32_t word = value >> (half == 0 ? 16 : 0) & 0xffff;

        sum += sb_sum_of(~sb_load16(at + half) & 0xffff, offset) + sb_sum_of(word, offset);
        sb_store16(at + half, word);
    }
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    sb_store16(icmp + SB_ICMP_CHECKSUM, (uint32_t)~sum & 0xffff);
}

void sb_translate_quote(const struct sb_flows *flows, const struct sb_flow *flow,
                        const struct sb_packet *packet, uint32_t tcp_offset) {
    uint8_t *data = (uint8_t *)(uintptr_t)packet->data;
    uint8_t *icmp = data + packet->l4_offset, *tcp = data + tcp_offset;
    const struct sb_flow_record *record = sb_flow_record(flows, flow);

    if ((flow->flags & SB_FLOW_TRANSLATED) == 0)
        return;
    if (packet->port == SB_PORT_OUTSIDE) /* the quote: the host's segment, as the client sees it */
        put_quoted(icmp, tcp + SB_TCP_SEQUENCE,
                   sb_load32(tcp + SB_TCP_SEQUENCE) - record->sequence_delta);
    else if (tcp_offset + SB_TCP_ACKNOWLEDGMENT + 4 <= packet->available)
        put_quoted(icmp, tcp + SB_TCP_ACKNOWLEDGMENT,
                   sb_load32(tcp + SB_TCP_ACKNOWLEDGMENT) + record->sequence_delta);
}
