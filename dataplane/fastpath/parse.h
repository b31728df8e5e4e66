/* parse.h: what the files of the parser share; nobody else includes it. */
#ifndef SB_PARSE_H
#define SB_PARSE_H

#include "pipeline.h"

enum sb_parse_size {
    IPV4_BYTES = 20,
    IPV4_SOURCE = 12, /* offsets of the addresses in their header */
    IPV4_DESTINATION = 16,
    IPV4_FRAGMENT_MASK = 0x3fff, /* more fragments, offset */
    IPV4_OFFSET_MASK = 0x1fff,
    IPV6_BYTES = 40,
    IPV6_SOURCE = 8,
    IPV6_DESTINATION = 24,
    TCP_BYTES = 20,
    UDP_BYTES = 8,
    ICMP_BYTES = 8
};

/* An IP packet on its way through the parser: end is where it ends by its own length field. */
struct walk {
    struct sb_packet *packet;
    uint32_t end;
    bool fragment_header; /* IPv6: there was one */
};

/* size bytes at offset, which the packet must have before end. NULL: it has not, or they can't be
 * read here; noted. */
static inline const uint8_t *take(struct sb_packet *packet, uint32_t offset, uint32_t size,
                                  uint32_t end, enum sb_reason truncated) {
    if (offset + size > end)
        packet->anomaly = (uint8_t)truncated;
    else if (offset + size <= packet->available)
        return sb_packet_bytes(packet, offset, size);
    else if (packet->flags & SB_PACKET_CUT)
        packet->flags |= SB_PACKET_CUT_SHORT;
    else
        packet->anomaly = SB_REASON_HEADER_SPLIT;
    return NULL;
}

static inline void set_addresses(struct sb_packet *packet, uint32_t source, uint32_t destination) {
    bool outside = packet->port == SB_PORT_OUTSIDE;

    packet->client_offset = (uint16_t)(outside ? source : destination);
    packet->protected_offset = (uint16_t)(outside ? destination : source);
}

/* A first fragment must show the whole transport header (RFC 1858, RFC 3128, RFC 7112). */
static inline enum sb_reason unless_fragment(const struct sb_packet *packet,
                                             enum sb_reason reason) {
    return packet->flags & SB_PACKET_FRAGMENT ? SB_REASON_FRAGMENT : reason;
}

/* The network header at l3 and all behind it. */
void sb_parse_ipv4(struct sb_packet *packet, uint32_t l3);
void sb_parse_ipv6(struct sb_packet *packet, uint32_t l3);

/* The header of packet->protocol at offset, if it is one that stages read. */
void sb_parse_transport(struct walk *walk, uint32_t offset);

#endif
