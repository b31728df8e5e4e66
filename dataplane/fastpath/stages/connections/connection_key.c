/* connection_key.c: the connection that an ICMP error is about. */
#include "connection_key.h"

uint32_t sb_quoted_tcp(const struct sb_packet *packet) {
    uint32_t at = packet->l4_offset + SB_ICMP_BYTES;
    const uint8_t *ip;

    if (!sb_is_icmp_error(packet))
        return 0;
    ip = sb_packet_bytes(packet, at, packet->ip_version == 4 ? SB_IPV4_BYTES : SB_IPV6_BYTES);
    if (ip == NULL || ip[0] >> 4 != packet->ip_version)
        return 0;
    if (packet->ip_version == 6) {
        at += ip[SB_IPV6_NEXT] == SB_PROTOCOL_TCP ? SB_IPV6_BYTES : UINT16_MAX;
    } else {
        bool is_first = (sb_load16(ip + SB_IPV4_FRAGMENT) & SB_IPV4_OFFSET_MASK) == 0;

        at += ip[SB_IPV4_PROTOCOL] == SB_PROTOCOL_TCP && is_first && (ip[0] & 15) >= 5
                  ? (ip[0] & 15u) * 4
                  : UINT16_MAX;
    }
    return sb_packet_bytes(packet, at, SB_ICMP_QUOTED_BYTES) == NULL ? 0 : at;
}

void sb_quoted_connection_key(const struct sb_flows *flows, const struct sb_packet *packet,
                              uint32_t tcp_offset, uint64_t key[2]) {
    struct sb_packet quoted = *packet;
    uint32_t ip = packet->l4_offset + SB_ICMP_BYTES;
    uint32_t first = ip + (packet->ip_version == 4 ? SB_IPV4_SOURCE : SB_IPV6_SOURCE);
    uint32_t second = first + (packet->ip_version == 4 ? SB_IPV4_ADDRESS : SB_IPV6_ADDRESS);

    quoted.port = packet->port ^ 1; /* the port on which the sender of the quoted packet is */
    quoted.protocol = SB_PROTOCOL_TCP;
    quoted.l4_offset = (uint16_t)tcp_offset;
    quoted.client_offset = (uint16_t)(quoted.port == SB_PORT_OUTSIDE ? first : second);
    quoted.protected_offset = (uint16_t)(quoted.port == SB_PORT_OUTSIDE ? second : first);
    sb_connection_key(flows, &quoted, key);
}
