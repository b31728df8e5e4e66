/* parse_transport.c: TCP, UDP, ICMP and ICMPv6, and which ICMPv6 messages are link control. */
#include "parse.h"

enum {
    ND_HOP_LIMIT = 255, /* RFC 4861, 6.1: it has crossed no router */
    MLD_HOP_LIMIT = 1   /* RFC 3810, 5 */
};

static void parse_tcp(struct walk *walk, uint32_t offset);
static void parse_udp(struct walk *walk, uint32_t offset);
static void parse_icmp(struct walk *walk, uint32_t offset);
static void parse_gre(const struct walk *walk, uint32_t offset);
static void set_transport(struct sb_packet *packet, uint32_t offset, uint32_t payload_offset);
static enum sb_link icmpv6_link(const struct sb_packet *packet, uint32_t type);

/* For other protocols (ESP, SCTP, no next header) no stage reads a transport header. */
void sb_parse_transport(struct walk *walk, uint32_t offset) {
    switch (walk->packet->protocol) {
    case SB_PROTOCOL_TCP:
        parse_tcp(walk, offset);
        break;
    case SB_PROTOCOL_UDP:
        parse_udp(walk, offset);
        break;
    case SB_PROTOCOL_ICMP:
        if (walk->packet->ip_version == 4)
            parse_icmp(walk, offset);
        break;
    case SB_PROTOCOL_ICMPV6:
        if (walk->packet->ip_version == 6)
            parse_icmp(walk, offset);
        break;
    case SB_PROTOCOL_GRE:
        parse_gre(walk, offset);
        break;
    default:
        break;
    }
}

static void parse_tcp(struct walk *walk, uint32_t offset) {
    struct sb_packet *packet = walk->packet;
    const uint8_t *tcp = take(packet, offset, SB_TCP_BYTES, walk->end,
                              unless_fragment(packet, SB_REASON_L4_TRUNCATED));

    if (tcp == NULL)
        return;
    uint32_t size = (uint32_t)(tcp[SB_TCP_DATA_OFFSET] >> 4) * 4;
    if (size < SB_TCP_BYTES)
        packet->anomaly = SB_REASON_TCP_HEADER_LENGTH;
    else if (offset + size > walk->end)
        packet->anomaly = (uint8_t)unless_fragment(packet, SB_REASON_TCP_HEADER_LENGTH);
    else if (offset + size > packet->available && !(packet->flags & SB_PACKET_CUT))
        packet->anomaly = SB_REASON_HEADER_SPLIT;
    set_transport(packet, offset, packet->anomaly == SB_REASON_NONE ? offset + size : 0);
}

static void parse_udp(struct walk *walk, uint32_t offset) {
    struct sb_packet *packet = walk->packet;
    const uint8_t *udp = take(packet, offset, SB_UDP_BYTES, walk->end,
                              unless_fragment(packet, SB_REASON_L4_TRUNCATED));

    if (udp == NULL)
        return;
    uint32_t size = sb_load16(udp + SB_UDP_LENGTH);
    bool beyond = offset + size > walk->end && !(packet->flags & SB_PACKET_FRAGMENT);
    if (size < SB_UDP_BYTES || beyond)
        packet->anomaly = SB_REASON_UDP_LENGTH;
    set_transport(packet, offset, packet->anomaly == SB_REASON_NONE ? offset + SB_UDP_BYTES : 0);
}

static void parse_icmp(struct walk *walk, uint32_t offset) {
    struct sb_packet *packet = walk->packet;
    const uint8_t *icmp = take(packet, offset, SB_ICMP_BYTES, walk->end,
                               unless_fragment(packet, SB_REASON_L4_TRUNCATED));

    if (icmp == NULL)
        return;
    set_transport(packet, offset, offset + SB_ICMP_BYTES);
    if (packet->ip_version == 6 && (packet->flags & SB_PACKET_INNER) == 0)
        set_link(packet, icmpv6_link(packet, icmp[0]));
}

/* tunnels.c checks the header, if the profile judges what is inside. */
static void parse_gre(const struct walk *walk, uint32_t offset) {
    struct sb_packet *packet = walk->packet;

    if (offset + SB_GRE_BYTES <= walk->end && sb_packet_bytes(packet, offset, SB_GRE_BYTES) != NULL)
        packet->l4_offset = (uint16_t)offset;
}

/* payload_offset: 0 if the header itself is wrong. */
static void set_transport(struct sb_packet *packet, uint32_t offset, uint32_t payload_offset) {
    packet->l4_offset = (uint16_t)offset;
    packet->payload_offset = (uint16_t)(payload_offset <= packet->available ? payload_offset : 0);
}

/* Hosts beyond the link can't send these messages: a router reduces the hop limit of neighbour
 * discovery, and does not forward MLD with hop limit 1. A redirect comes from a link-local address
 * (RFC 4861, 8.1). */
static enum sb_link icmpv6_link(const struct sb_packet *packet, uint32_t type) {
    const uint8_t *ip = sb_packet_bytes(packet, packet->l3_offset, SB_IPV6_BYTES);
    bool is_nd = type >= SB_ICMPV6_ROUTER_SOLICITATION && type <= SB_ICMPV6_REDIRECT;
    bool is_mld = (type >= SB_ICMPV6_MLD_QUERY && type <= SB_ICMPV6_MLD_DONE) ||
                  type == SB_ICMPV6_MLD_REPORT_2;

    if (ip == NULL)
        return SB_LINK_NONE;
    if (is_nd && ip[SB_IPV6_HOP_LIMIT] == ND_HOP_LIMIT &&
        (type != SB_ICMPV6_REDIRECT || sb_ipv6_is_link_local(ip + SB_IPV6_SOURCE)))
        return SB_LINK_ND;
    if (is_mld && ip[SB_IPV6_HOP_LIMIT] == MLD_HOP_LIMIT && ip[SB_IPV6_DESTINATION] == 0xff)
        return SB_LINK_MLD;
    return SB_LINK_NONE;
}
