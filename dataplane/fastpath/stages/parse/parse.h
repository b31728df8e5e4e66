/* parse.h: shared by the files of the parser, and included only there. */
#ifndef SB_PARSE_H
#define SB_PARSE_H

#include "packet/packet.h"

/* An IP packet on its way through the parser: end is where it ends by its own length field. */
struct walk {
    struct sb_packet *packet;
    uint32_t end;
    bool fragment_header; /* IPv6: there was one */
};

/* A network packet within a frame: its EtherType, its first byte and where there is no room for it
 * any more. */
struct network {
    uint32_t ethertype, offset, end;
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

/* Of the link, or not IP; NONE: neither. */
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

/* inner.c: what is inside MPLS or a PPPoE session, by outer's EtherType. False: nothing that can be
 * judged, and noted. */
bool sb_parse_inner(struct sb_packet *packet, const struct network *outer, struct network *inner);

/* What the policy says of a SB_PACKET_INNER. True: it is dropped. Where nobody is to look inside,
 * it is of link scope from then on. */
bool sb_inner_judge(struct sb_lcore *lcore, struct sb_packet *packet, const struct sb_time *now);

/* As sb_parse_packet, but looks inside of nothing. */
void sb_parse_outer(struct sb_packet *packet);

/* link.c: a frame that is not IP; an IPv4 or IPv6 packet without anomaly, once all is found. */
void sb_parse_other(struct sb_packet *packet, uint32_t ethertype);
void sb_parse_link_ipv4(struct sb_packet *packet);
void sb_parse_link_ipv6(struct sb_packet *packet);

/* Counts a packet of link scope, which passes if its limit has room and no rule refuses it. */
void sb_link_pass(struct sb_lcore *lcore, struct sb_packet *packet, const struct sb_time *now);

/* From outside, and the default profile's rule refuses its EtherType: there is no protected
 * address.
 */
bool sb_link_is_refused(const struct sb_lcore *lcore, const struct sb_packet *packet);

/* The network header and all behind it. */
void sb_parse_ipv4(struct sb_packet *packet, const struct network *network);
void sb_parse_ipv6(struct sb_packet *packet, const struct network *network);

/* The header of packet->protocol at offset, if it is one that stages read. */
void sb_parse_transport(struct walk *walk, uint32_t offset);

#endif
