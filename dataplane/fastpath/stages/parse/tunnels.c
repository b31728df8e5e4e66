/* tunnels.c: IP packets inside VXLAN and GRE, for the profiles that judge them.
 *
 * The outer packet has passed the stages that only drop. If it contains an IP packet, its
 * descriptor becomes that of the inner packet, and the pipeline runs these stages again. The
 * stages behind them ignore it, like each packet inside an encapsulation. A tunnel packet without
 * an IP packet passes as the outer packet.
 */
#include "packet/verdict.h"
#include "parse.h"
#include "stages.h"

enum outcome { OUTER, INNER, DROPPED };

static bool is_tunnel(const struct sb_profile *profile, const struct sb_packet *packet,
                      enum sb_encapsulation *kind);
static enum outcome open(struct sb_lcore *lcore, struct sb_packet *packet,
                         enum sb_encapsulation kind, const struct sb_time *now);
static bool is_refused(struct sb_lcore *lcore, struct sb_packet *packet, uint32_t inside,
                       const struct sb_time *now);
static bool parse(struct sb_packet *packet, enum sb_encapsulation kind);
static bool parse_vxlan(struct sb_packet *packet, struct network *network);
static bool parse_gre(struct sb_packet *packet, struct network *network);
static bool skip_wccp(struct sb_packet *packet, struct network *network);
static bool parse_bridged(struct sb_packet *packet, struct network *network);
static uint32_t end_of(const struct sb_packet *packet, enum sb_encapsulation kind);

uint32_t sb_tunnels_open(struct sb_lcore *lcore, struct sb_burst *burst,
                         const struct sb_time *now) {
    uint32_t inner = 0, dropped = 0;

    for (uint32_t i = 0; i < burst->live_count; i++) {
        const uint32_t index = burst->live[i];
        struct sb_packet *packet = &burst->packets[index];
        enum sb_encapsulation kind;

        if (!is_tunnel(sb_profile_of(lcore, packet), packet, &kind))
            continue;
        const enum outcome outcome = open(lcore, packet, kind, now);
        inner |= (uint32_t)(outcome == INNER) << index;
        dropped |= (uint32_t)(outcome == DROPPED) << index;
    }
    if (dropped != 0)
        sb_burst_leave_out(burst, dropped);
    return inner;
}

/* Whether the profile judges or refuses this packet as a tunnel's. A later fragment of UDP has no
 * port, but no host can use it without its first one. */
static bool is_tunnel(const struct sb_profile *profile, const struct sb_packet *packet,
                      enum sb_encapsulation *kind) {
    if ((profile->uses & SB_USE_TUNNELS) == 0 || (packet->flags & SB_PACKET_INNER) != 0)
        return false;
    *kind = packet->protocol == SB_PROTOCOL_GRE ? SB_ENCAPSULATION_GRE : SB_ENCAPSULATION_VXLAN;
    if (profile->inside[*kind] == SB_INSIDE_PASS)
        return false;
    if (*kind == SB_ENCAPSULATION_GRE)
        return packet->ip_version != 0;
    if (packet->protocol != SB_PROTOCOL_UDP || packet->l4_offset == 0)
        return false;
    const uint8_t *udp = sb_packet_bytes(packet, packet->l4_offset, SB_UDP_BYTES);
    return udp != NULL && sb_load16(udp + SB_L4_DESTINATION_PORT) == profile->vxlan_port;
}

static enum outcome open(struct sb_lcore *lcore, struct sb_packet *packet,
                         enum sb_encapsulation kind, const struct sb_time *now) {
    struct sb_packet outer;
    const uint32_t inside = sb_profile_of(lcore, packet)->inside[kind];

    sb_stats_of(lcore)->inner[packet->port][kind]++;
    if (is_refused(lcore, packet, inside, now))
        return DROPPED;
    if ((packet->flags & SB_PACKET_FRAGMENT) != 0)
        return OUTER;
    outer = *packet;
    if (parse(packet, kind)) {
        packet->flags |= outer.flags & SB_PACKET_WOULD_DROP;
        packet->reason = outer.reason;
        packet->owner = outer.owner;
        packet->vlan_id = outer.vlan_id;
        packet->vlan_count = outer.vlan_count;
        return INNER;
    }
    const enum sb_reason anomaly = (enum sb_reason)packet->anomaly;
    *packet = outer;
    if (anomaly == SB_REASON_HEADER_SPLIT) {
        sb_drop_split(lcore, packet, now);
        return DROPPED;
    }
    return anomaly != SB_REASON_NONE && sb_reject(lcore, packet, anomaly, now) ? DROPPED : OUTER;
}

/* The node does not reassemble packets, so it can't judge what is inside a fragment. */
static bool is_refused(struct sb_lcore *lcore, struct sb_packet *packet, uint32_t inside,
                       const struct sb_time *now) {
    if (packet->port != SB_PORT_OUTSIDE ||
        (inside != SB_INSIDE_REFUSE && (packet->flags & SB_PACKET_FRAGMENT) == 0))
        return false;
    return sb_reject(lcore, packet, SB_REASON_INNER_REFUSED, now);
}

/* True: the descriptor is that of an inner IP packet. The NIC has verified the checksums of the
 * outer packet. */
static bool parse(struct sb_packet *packet, enum sb_encapsulation kind) {
    struct network network = {.offset = packet->l4_offset, .end = end_of(packet, kind)};

    sb_parse_reset(packet);
    packet->flags &= (uint16_t)~(SB_PACKET_CHECKSUM_GOOD | SB_PACKET_L4_GOOD);
    packet->flags |= SB_PACKET_INNER;
    if (!(kind == SB_ENCAPSULATION_GRE ? parse_gre : parse_vxlan)(packet, &network))
        return false;
    sb_parse_network(packet, &network);
    return (packet->flags & SB_PACKET_INNER) != 0 && packet->l3_offset != 0 &&
           (packet->flags & (SB_PACKET_LINK_SCOPE | SB_PACKET_CUT_SHORT)) == 0 &&
           packet->anomaly != SB_REASON_HEADER_SPLIT;
}

/* RFC 7348, 5. */
static bool parse_vxlan(struct sb_packet *packet, struct network *network) {
    const uint8_t *vxlan;

    network->offset += SB_UDP_BYTES;
    vxlan = take(packet, network->offset, SB_VXLAN_BYTES, network->end, SB_REASON_INNER_MALFORMED);
    if (vxlan == NULL)
        return false;
    if ((vxlan[0] & SB_VXLAN_HAS_ID) == 0) {
        packet->anomaly = SB_REASON_INNER_MALFORMED;
        return false;
    }
    network->offset += SB_VXLAN_BYTES;
    return parse_bridged(packet, network);
}

/* RFC 2784, 2, and RFC 2890, 2. A header without a readable beginning has the offset 0. */
static bool parse_gre(struct sb_packet *packet, struct network *network) {
    const uint8_t *gre =
        network->offset == 0 ? NULL : sb_packet_bytes(packet, network->offset, SB_GRE_BYTES);
    uint32_t flags;

    if (gre == NULL) {
        packet->anomaly =
            (packet->flags & SB_PACKET_CUT) != 0 ? SB_REASON_NONE : SB_REASON_INNER_MALFORMED;
        return false;
    }
    flags = sb_load16(gre);
    network->ethertype = sb_load16(gre + SB_GRE_PROTOCOL);
    network->offset += SB_GRE_BYTES + ((flags & SB_GRE_CHECKSUM) != 0) * SB_GRE_FIELD_BYTES +
                       ((flags & SB_GRE_KEY) != 0) * SB_GRE_FIELD_BYTES +
                       ((flags & SB_GRE_SEQUENCE) != 0) * SB_GRE_FIELD_BYTES;
    if ((flags & SB_GRE_INVALID) != 0 || network->offset > network->end) {
        packet->anomaly = SB_REASON_INNER_MALFORMED;
        return false;
    }
    if (network->ethertype == SB_ETHERTYPE_WCCP)
        return skip_wccp(packet, network);
    return network->ethertype != SB_ETHERTYPE_BRIDGED || parse_bridged(packet, network);
}

/* Linux takes the payload for IPv4, and skips a redirect header unless the payload begins like IPv4
 * (net/ipv4/gre_demux.c). */
static bool skip_wccp(struct sb_packet *packet, struct network *network) {
    const uint8_t *first =
        take(packet, network->offset, 1, network->end, SB_REASON_INNER_MALFORMED);

    if (first == NULL)
        return false;
    if (first[0] >> 4 != 4)
        network->offset += SB_WCCP_BYTES;
    network->ethertype = SB_ETHERTYPE_IPV4;
    return true;
}

static bool parse_bridged(struct sb_packet *packet, struct network *network) {
    const struct network frame = *network;

    return sb_parse_ethernet(packet, &frame, network);
}

/* The end of the outer packet's payload, by its own length field. */
static uint32_t end_of(const struct sb_packet *packet, enum sb_encapsulation kind) {
    const uint8_t *l4 = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;
    const uint32_t end = kind == SB_ENCAPSULATION_GRE
                             ? sb_end_of_ip(packet)
                             : packet->l4_offset + sb_load16(l4 + SB_UDP_LENGTH);

    return end < packet->length ? end : packet->length;
}
