/* inner.c: IP packets inside MPLS and PPPoE sessions, behind any VLAN tags.
 *
 * All stages that only drop judge an inner packet as if it had no encapsulation. PPPoE tells the
 * protocol of the inner packet. MPLS does not: receivers look at the first bits (RFC 4928), so the
 * parser takes bytes that begin like IP but are not a valid IP header for a frame of a pseudowire.
 * An inner packet that is not IP passes without being judged, see link.c.
 */
#include "packet/checksum.h"
#include "packet/verdict.h"
#include "parse.h"

static bool parse_mpls(struct sb_packet *packet, const struct network *outer,
                       struct network *inner);
static uint32_t guess(struct sb_packet *packet, const struct network *inner);
static uint32_t guess_ipv4(struct sb_packet *packet, const struct network *inner);
static uint32_t guess_ipv6(struct sb_packet *packet, const struct network *inner);
static bool parse_pppoe(struct sb_packet *packet, const struct network *outer,
                        struct network *inner);
static bool parse_ppp(struct sb_packet *packet, struct network *inner);
static bool is_mpls(uint32_t ethertype);
static enum sb_encapsulation kind_of(const struct sb_packet *packet);

bool sb_parse_inner(struct sb_packet *packet, const struct network *outer, struct network *inner) {
    const bool is_label_stack = is_mpls(outer->ethertype);
    bool is_whole;

    if (!is_label_stack && outer->ethertype != SB_ETHERTYPE_PPPOE_SESSION) {
        sb_parse_other(packet, outer->ethertype);
        return false;
    }
    packet->flags |= SB_PACKET_INNER;
    is_whole =
        is_label_stack ? parse_mpls(packet, outer, inner) : parse_pppoe(packet, outer, inner);
    if (is_whole && inner->ethertype == 0 && packet->anomaly == SB_REASON_NONE &&
        (packet->flags & SB_PACKET_CUT_SHORT) == 0) {
        packet->flags &= (uint16_t)~SB_PACKET_INNER;
        sb_parse_other(packet, outer->ethertype);
        return false;
    }
    return is_whole && inner->ethertype != 0;
}

/* RFC 3032, 2.1. An explicit null label at the bottom of the stack tells the protocol. */
static bool parse_mpls(struct sb_packet *packet, const struct network *outer,
                       struct network *inner) {
    uint32_t entry = 0, label;

    *inner = (struct network){0, outer->offset, outer->end};
    for (uint32_t i = 0; (entry & SB_MPLS_BOTTOM) == 0; i++) {
        if (i == SB_MPLS_LABELS_MAX) {
            packet->anomaly = SB_REASON_INNER_MALFORMED;
            return false;
        }
        const uint8_t *bytes =
            take(packet, inner->offset, SB_MPLS_BYTES, inner->end, SB_REASON_INNER_MALFORMED);
        if (bytes == NULL)
            return false;
        entry = sb_load32(bytes);
        inner->offset += SB_MPLS_BYTES;
    }
    label = entry >> SB_MPLS_LABEL_SHIFT;
    if (label == SB_MPLS_LABEL_IPV4)
        inner->ethertype = SB_ETHERTYPE_IPV4;
    else if (label == SB_MPLS_LABEL_IPV6)
        inner->ethertype = SB_ETHERTYPE_IPV6;
    else
        inner->ethertype = guess(packet, inner);
    return true;
}

/* The EtherType that fits the bytes behind a label stack. 0: none fits, or the bytes are not
 * readable. A control word (RFC 4385) begins with the bits 0000 or 0001. */
static uint32_t guess(struct sb_packet *packet, const struct network *inner) {
    const uint8_t *first;

    if (inner->offset == inner->end)
        return 0;
    first = take(packet, inner->offset, 1, inner->end, SB_REASON_NONE);
    if (first == NULL)
        return 0;
    if (first[0] >> 4 == 4)
        return guess_ipv4(packet, inner);
    return first[0] >> 4 == 6 ? guess_ipv6(packet, inner) : 0;
}

/* The frame of a pseudowire without a control word begins with a MAC address. Its bytes pass for an
 * IPv4 header with a right checksum with a probability of 1 in 65,536. */
static uint32_t guess_ipv4(struct sb_packet *packet, const struct network *inner) {
    const uint8_t *ip;
    uint32_t header, total;

    if (inner->offset + SB_IPV4_BYTES > inner->end)
        return 0;
    ip = take(packet, inner->offset, SB_IPV4_BYTES, inner->end, SB_REASON_NONE);
    if (ip == NULL)
        return 0;
    header = (uint32_t)(ip[0] & 0x0f) * 4;
    total = sb_load16(ip + SB_IPV4_LENGTH);
    if (header < SB_IPV4_BYTES || header > total || inner->offset + total > inner->end)
        return 0;
    ip = take(packet, inner->offset, header, inner->end, SB_REASON_NONE);
    return ip != NULL && sb_ipv4_checksum_is_right(ip, header) ? SB_ETHERTYPE_IPV4 : 0;
}

static uint32_t guess_ipv6(struct sb_packet *packet, const struct network *inner) {
    const uint8_t *ip;

    if (inner->offset + SB_IPV6_BYTES > inner->end)
        return 0;
    ip = take(packet, inner->offset, SB_IPV6_BYTES, inner->end, SB_REASON_NONE);
    if (ip == NULL)
        return 0;
    return inner->offset + SB_IPV6_BYTES + sb_load16(ip + SB_IPV6_LENGTH) <= inner->end
               ? SB_ETHERTYPE_IPV6
               : 0;
}

/* RFC 2516, 4 and 6. */
static bool parse_pppoe(struct sb_packet *packet, const struct network *outer,
                        struct network *inner) {
    const uint8_t *header =
        take(packet, outer->offset, SB_PPPOE_BYTES, outer->end, SB_REASON_INNER_MALFORMED);

    if (header == NULL)
        return false;
    inner->offset = outer->offset + SB_PPPOE_BYTES;
    inner->end = inner->offset + sb_load16(header + SB_PPPOE_LENGTH);
    if (sb_load16(header) != SB_PPPOE_SESSION || inner->end > outer->end) {
        packet->anomaly = SB_REASON_INNER_MALFORMED;
        return false;
    }
    return parse_ppp(packet, inner);
}

/* The protocol number has two bytes, or is compressed to one (RFC 1661, 2 and 6.5). Receivers
 * understand both, whatever was negotiated. */
static bool parse_ppp(struct sb_packet *packet, struct network *inner) {
    const uint8_t *bytes = take(packet, inner->offset, 1, inner->end, SB_REASON_INNER_MALFORMED);
    uint32_t size, protocol;

    if (bytes == NULL)
        return false;
    size = (bytes[0] & SB_PPP_COMPRESSED) != 0 ? 1 : 2;
    bytes = take(packet, inner->offset, size, inner->end, SB_REASON_INNER_MALFORMED);
    if (bytes == NULL)
        return false;
    protocol = size == 1 ? bytes[0] : sb_load16(bytes);
    inner->offset += size;
    inner->ethertype = protocol == SB_PPP_IPV4   ? SB_ETHERTYPE_IPV4
                       : protocol == SB_PPP_IPV6 ? SB_ETHERTYPE_IPV6
                                                 : 0;
    return true;
}

static bool is_mpls(uint32_t ethertype) {
    return ethertype == SB_ETHERTYPE_MPLS || ethertype == SB_ETHERTYPE_MPLS_MULTICAST;
}

/* --- judging an inner packet --- */

bool sb_inner_judge(struct sb_lcore *lcore, struct sb_packet *packet, const struct sb_time *now) {
    const enum sb_encapsulation kind = kind_of(packet);
    const uint32_t inside = sb_policy_of(lcore)->profiles->inside[kind];

    if (inside == SB_INSIDE_PASS) {
        sb_parse_outer(packet);
        return false;
    }
    /* The NIC may have verified the checksum of another header. */
    packet->flags &= (uint16_t)~SB_PACKET_CHECKSUM_GOOD;
    sb_stats_of(lcore)->inner[packet->port][kind]++;
    if (sb_link_is_refused(lcore, packet) && sb_reject(lcore, packet, SB_REASON_ETHERTYPES, now))
        return true;
    return inside == SB_INSIDE_REFUSE && packet->port == SB_PORT_OUTSIDE &&
           sb_reject(lcore, packet, SB_REASON_INNER_REFUSED, now);
}

static enum sb_encapsulation kind_of(const struct sb_packet *packet) {
    const uint8_t *frame = (const uint8_t *)(uintptr_t)packet->data;
    const uint32_t type = SB_ETHERNET_TYPE + packet->vlan_count * SB_VLAN_BYTES;

    return is_mpls(sb_load16(frame + type)) ? SB_ENCAPSULATION_MPLS : SB_ENCAPSULATION_PPPOE;
}
