/* parse.h: shared by the files of the parser, and included only there. */
#ifndef SB_PARSE_H
#define SB_PARSE_H

#include "packet/packet.h"

/* An IP packet in the parser. end: offset of its end, by its own length field. */
struct walk {
    struct sb_packet *packet;
    uint32_t end;
    bool fragment_header; /* IPv6: there was a fragment header */
};

/* A network packet within a frame: its EtherType, the offset of its first byte, and the end of the
 * bytes that it may use. */
struct network {
    uint32_t ethertype, offset, end;
};

/* Returns size bytes at offset. NULL: the packet ends before, or the bytes are not readable; the
 * anomaly is set. */
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

/* Sets the kind of link control or of a packet that is not IP. NONE: neither. */
static inline void set_link(struct sb_packet *packet, enum sb_link link) {
    packet->link = (uint8_t)link;
    if (link != SB_LINK_NONE)
        packet->flags |= SB_PACKET_LINK_SCOPE;
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

/* Finds the network packet of the Ethernet frame at frame, behind all VLAN tags. False: there is
 * none; the anomaly is set. */
bool sb_parse_ethernet(struct sb_packet *packet, const struct network *frame,
                       struct network *network);

/* Parses the IP packet in network, or in its MPLS or PPPoE. For other EtherTypes, sets the link. */
void sb_parse_network(struct sb_packet *packet, const struct network *network);

/* Clears all fields and flags but those that the receiver has set. */
void sb_parse_reset(struct sb_packet *packet);

/* Drops a packet whose headers do not all lie in the first segment. */
void sb_drop_split(struct sb_lcore *lcore, struct sb_packet *packet, const struct sb_time *now);

/* inner.c: finds the packet inside MPLS or a PPPoE session, by outer's EtherType. False: it can't
 * be judged; the anomaly or the link is set. */
bool sb_parse_inner(struct sb_packet *packet, const struct network *outer, struct network *inner);

/* Applies the policy to a SB_PACKET_INNER. True: it is dropped. If the policy lets inner packets
 * pass unjudged, the packet becomes one of link scope. */
bool sb_inner_judge(struct sb_lcore *lcore, struct sb_packet *packet, const struct sb_time *now);

/* As sb_parse_packet, but does not parse inner packets. */
void sb_parse_outer(struct sb_packet *packet);

/* link.c: for a frame that is not IP; for an IPv4 or IPv6 packet without anomaly, after all its
 * headers are found. */
void sb_parse_other(struct sb_packet *packet, uint32_t ethertype);
void sb_parse_link_ipv4(struct sb_packet *packet);
void sb_parse_link_ipv6(struct sb_packet *packet);

/* Counts a packet of link scope. It passes unless a rule refuses it or its limit is exceeded. */
void sb_link_pass(struct sb_lcore *lcore, struct sb_packet *packet, const struct sb_time *now);

/* Whether the packet comes from outside and the default profile refuses its EtherType. Without a
 * protected address no other profile applies. */
bool sb_link_is_refused(const struct sb_lcore *lcore, const struct sb_packet *packet);

/* Parses the network header and all headers behind it. */
void sb_parse_ipv4(struct sb_packet *packet, const struct network *network);
void sb_parse_ipv6(struct sb_packet *packet, const struct network *network);

/* Parses the header of packet->protocol at offset, if stages read headers of this protocol. */
void sb_parse_transport(struct walk *walk, uint32_t offset);

#endif
