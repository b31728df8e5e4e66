/* parse.c: find the headers of every packet, once; the other stages use the offsets.
 *
 * Judges nothing: what is malformed is noted in packet.anomaly (the first thing found) for sanity.
 * Decides only what nobody may choose: link-scope control passes and leaves, headers beyond the
 * first segment are dropped, a packet that a capture has cut before its headers ended passes
 * unjudged. ip_version is set as soon as both addresses are readable, so that the lists work even
 * where an anomaly is let through.
 */
#include "pipeline.h"

enum {
    ETHERNET_BYTES = 14,
    ETHERTYPE_OFFSET = 12,
    VLAN_BYTES = 4,
    VLAN_TAGS_MAX = 2,
    VLAN_ID_MASK = 0x0fff,
    IPV4_BYTES = 20,
    IPV4_SOURCE = 12,
    IPV4_DESTINATION = 16,
    IPV4_FRAGMENT_MASK = 0x3fff, /* more fragments, offset */
    IPV4_OFFSET_MASK = 0x1fff,
    IPV4_MORE = 0x2000,
    IPV6_BYTES = 40,
    IPV6_SOURCE = 8,
    IPV6_DESTINATION = 24,
    IPV6_EXTENSIONS_MAX = 8,
    IPV6_EXTENSION_BYTES = 8,
    AH_BYTES_MIN = 12,
    TCP_BYTES = 20,
    UDP_BYTES = 8,
    ICMP_BYTES = 8,
    IP_BYTES_MAX = 65535
};

enum ethertype {
    ETHERTYPE_MIN = 0x0600, /* below: an IEEE 802.3 length, so LLC */
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_QINQ_OLD = 0x9100
};

enum extension { /* IANA protocol numbers of the IPv6 extension headers that are walked */
                 EXTENSION_HOP_BY_HOP = 0,
                 EXTENSION_ROUTING = 43,
                 EXTENSION_FRAGMENT = 44,
                 EXTENSION_AUTHENTICATION = 51,
                 EXTENSION_DESTINATION = 60
};

enum icmpv6 {
    MLD_QUERY = 130,
    MLD_DONE = 132,
    ND_ROUTER_SOLICITATION = 133,
    ND_REDIRECT = 137,
    MLD_REPORT_2 = 143,
    ND_HOP_LIMIT = 255, /* RFC 4861, 6.1: so it can't have crossed a router */
    MLD_HOP_LIMIT = 1   /* RFC 3810, 5 */
};

enum { LEAVES = SB_PACKET_LINK_SCOPE | SB_PACKET_CUT_SHORT };

/* An IP packet on its way through the parser: end is where it ends by its own length field. */
struct walk {
    struct sb_packet *packet;
    uint32_t end;
};

/* size bytes at offset, which the packet must have before end. NULL: it has not, or they can't be
 * read here; noted. */
static const uint8_t *take(struct sb_packet *packet, uint32_t offset, uint32_t size, uint32_t end,
                           enum sb_reason truncated) {
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

static void set_addresses(struct sb_packet *packet, uint32_t source, uint32_t destination) {
    bool outside = packet->port == SB_PORT_OUTSIDE;

    packet->client_offset = (uint16_t)(outside ? source : destination);
    packet->protected_offset = (uint16_t)(outside ? destination : source);
}

/* --- transport
 * ---------------------------------------------------------------------------------------------- */

/* A first fragment must show the whole transport header (RFC 1858, RFC 3128, RFC 7112). */
static enum sb_reason unless_fragment(const struct sb_packet *packet, enum sb_reason reason) {
    return packet->flags & SB_PACKET_FRAGMENT ? SB_REASON_FRAGMENT : reason;
}

/* payload_offset: 0 where the header itself is wrong. */
static void set_transport(struct sb_packet *packet, uint32_t offset, uint32_t payload_offset) {
    packet->l4_offset = (uint16_t)offset;
    packet->payload_offset = (uint16_t)(payload_offset <= packet->available ? payload_offset : 0);
}

static void parse_tcp(struct walk *walk, uint32_t offset) {
    struct sb_packet *packet = walk->packet;
    const uint8_t *tcp =
        take(packet, offset, TCP_BYTES, walk->end, unless_fragment(packet, SB_REASON_L4_TRUNCATED));

    if (tcp == NULL)
        return;
    uint32_t size = (uint32_t)(tcp[12] >> 4) * 4;
    if (size < TCP_BYTES)
        packet->anomaly = SB_REASON_TCP_HEADER_LENGTH;
    else if (offset + size > walk->end)
        packet->anomaly = (uint8_t)unless_fragment(packet, SB_REASON_TCP_HEADER_LENGTH);
    else if (offset + size > packet->available && !(packet->flags & SB_PACKET_CUT))
        packet->anomaly = SB_REASON_HEADER_SPLIT;
    set_transport(packet, offset, packet->anomaly == SB_REASON_NONE ? offset + size : 0);
}

static void parse_udp(struct walk *walk, uint32_t offset) {
    struct sb_packet *packet = walk->packet;
    const uint8_t *udp =
        take(packet, offset, UDP_BYTES, walk->end, unless_fragment(packet, SB_REASON_L4_TRUNCATED));

    if (udp == NULL)
        return;
    uint32_t size = sb_load16(udp + 4);
    bool beyond = offset + size > walk->end && !(packet->flags & SB_PACKET_FRAGMENT);
    if (size < UDP_BYTES || beyond)
        packet->anomaly = SB_REASON_UDP_LENGTH;
    set_transport(packet, offset, packet->anomaly == SB_REASON_NONE ? offset + UDP_BYTES : 0);
}

/* Off-link senders can't make these: ND's hop limit does not survive a router, MLD's groups are not
 * routed at hop limit 1. */
static bool is_link_scope(const struct sb_packet *packet, uint32_t type) {
    const uint8_t *ip = sb_packet_bytes(packet, packet->l3_offset, IPV6_BYTES);

    if (ip == NULL)
        return false;
    if (type >= ND_ROUTER_SOLICITATION && type <= ND_REDIRECT)
        return ip[7] == ND_HOP_LIMIT;
    if ((type >= MLD_QUERY && type <= MLD_DONE) || type == MLD_REPORT_2)
        return ip[7] == MLD_HOP_LIMIT && ip[IPV6_DESTINATION] == 0xff;
    return false;
}

static void parse_icmp(struct walk *walk, uint32_t offset) {
    struct sb_packet *packet = walk->packet;
    const uint8_t *icmp = take(packet, offset, ICMP_BYTES, walk->end,
                               unless_fragment(packet, SB_REASON_L4_TRUNCATED));

    if (icmp == NULL)
        return;
    set_transport(packet, offset, offset + ICMP_BYTES);
    if (packet->ip_version == 6 && is_link_scope(packet, icmp[0]))
        packet->flags |= SB_PACKET_LINK_SCOPE;
}

/* Other protocols (ESP, GRE, SCTP, no next header) have no header that a stage reads. */
static void parse_transport(struct walk *walk, uint32_t offset) {
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
    default:
        break;
    }
}

/* --- fragments
 * ---------------------------------------------------------------------------------------------- */

/* start: of the fragment's data within the reassembled packet; before: bytes of headers ahead of it
 * that count towards the 65,535. True: the transport header follows in this fragment. */
static bool parse_fragment(struct sb_packet *packet, uint32_t start, uint32_t size,
                           uint32_t before) {
    packet->flags |= SB_PACKET_FRAGMENT;
    if (start > 0)
        packet->flags |= SB_PACKET_FRAGMENT_LATER;
    /* RFC 1858, 3.2.1: a fragment at offset 8 overwrites the flags that the first one showed. */
    if (size == 0 || before + start + size > IP_BYTES_MAX ||
        (start == 8 && packet->protocol == SB_PROTOCOL_TCP))
        packet->anomaly = SB_REASON_FRAGMENT;
    return start == 0 && packet->anomaly == SB_REASON_NONE;
}

/* --- IPv4
 * ---------------------------------------------------------------------------------------------------
 */

static enum sb_reason ipv4_anomaly(uint32_t header, uint32_t total, uint32_t room) {
    if (header < IPV4_BYTES)
        return SB_REASON_IP_HEADER_LENGTH;
    if (header > room)
        return SB_REASON_IP_TRUNCATED;
    if (total < IPV4_BYTES || total > room)
        return SB_REASON_IP_LENGTH;
    return header > total ? SB_REASON_IP_HEADER_LENGTH : SB_REASON_NONE;
}

static void parse_ipv4(struct sb_packet *packet, uint32_t l3) {
    const uint8_t *ip = take(packet, l3, IPV4_BYTES, packet->length, SB_REASON_IP_TRUNCATED);

    if (ip == NULL)
        return;
    if (ip[0] >> 4 != 4) {
        packet->anomaly = SB_REASON_IP_VERSION;
        return;
    }
    uint32_t header = (uint32_t)(ip[0] & 0x0f) * 4;
    uint32_t total = sb_load16(ip + 2);
    uint32_t fragment = sb_load16(ip + 6);
    struct walk walk = {packet, l3 + total};

    packet->ip_version = 4;
    packet->protocol = ip[9];
    set_addresses(packet, l3 + IPV4_SOURCE, l3 + IPV4_DESTINATION);
    packet->anomaly = (uint8_t)ipv4_anomaly(header, total, packet->length - l3);
    if (packet->anomaly != SB_REASON_NONE ||
        take(packet, l3, header, walk.end, SB_REASON_IP_TRUNCATED) == NULL)
        return;
    if ((fragment & IPV4_FRAGMENT_MASK) != 0 &&
        !parse_fragment(packet, (fragment & IPV4_OFFSET_MASK) * 8, total - header, header))
        return;
    parse_transport(&walk, l3 + header);
}

/* --- IPv6
 * ---------------------------------------------------------------------------------------------------
 */

/* Bytes of the extension header at next (its first two bytes), 0: too small to be one. */
static uint32_t extension_size(uint32_t type, const uint8_t *next) {
    uint32_t size = type == EXTENSION_AUTHENTICATION ? ((uint32_t)next[1] + 2) * 4
                                                     : ((uint32_t)next[1] + 1) * 8;

    if (type == EXTENSION_FRAGMENT)
        return IPV6_EXTENSION_BYTES;
    return type == EXTENSION_AUTHENTICATION && size < AH_BYTES_MIN ? 0 : size;
}

static bool is_extension(uint32_t type) {
    return type == EXTENSION_HOP_BY_HOP || type == EXTENSION_ROUTING ||
           type == EXTENSION_FRAGMENT || type == EXTENSION_AUTHENTICATION ||
           type == EXTENSION_DESTINATION;
}

/* The fragment header at offset. True: walk on behind it. An atomic fragment (RFC 6946) is no
 * fragment. */
static bool parse_ipv6_fragment(struct walk *walk, uint32_t offset, const uint8_t *header) {
    struct sb_packet *packet = walk->packet;
    uint32_t field = sb_load16(header + 2);
    uint32_t data = offset + IPV6_EXTENSION_BYTES;

    if ((field & ~6u) == 0)
        return true;
    if (packet->flags & SB_PACKET_FRAGMENT) { /* one header is all a packet may have */
        packet->anomaly = SB_REASON_IPV6_EXTENSION;
        return false;
    }
    uint32_t before = offset - packet->l3_offset - IPV6_BYTES;
    return parse_fragment(packet, field & ~7u, walk->end - data, before);
}

/* One extension header at *offset of the type in packet->protocol; leaves the next type there.
 * False: the end. */
static bool parse_extension(struct walk *walk, uint32_t *offset, bool first) {
    struct sb_packet *packet = walk->packet;
    enum sb_reason malformed = unless_fragment(packet, SB_REASON_IPV6_EXTENSION);
    uint32_t type = packet->protocol;
    const uint8_t *header = take(packet, *offset, IPV6_EXTENSION_BYTES, walk->end, malformed);

    if (header == NULL)
        return false;
    uint32_t size = extension_size(type, header);
    if (size == 0 || (type == EXTENSION_HOP_BY_HOP && !first)) {
        packet->anomaly = SB_REASON_IPV6_EXTENSION;
        return false;
    }
    if (take(packet, *offset, size, walk->end, malformed) == NULL)
        return false;
    packet->protocol = header[0];
    if (type == EXTENSION_FRAGMENT && !parse_ipv6_fragment(walk, *offset, header))
        return false;
    *offset += size;
    return true;
}

static void parse_ipv6_chain(struct walk *walk, uint32_t offset) {
    struct sb_packet *packet = walk->packet;

    for (uint32_t i = 0; is_extension(packet->protocol); i++) {
        if (i == IPV6_EXTENSIONS_MAX) {
            packet->anomaly = SB_REASON_IPV6_EXTENSION;
            return;
        }
        if (!parse_extension(walk, &offset, i == 0))
            return;
    }
    parse_transport(walk, offset);
}

static void parse_ipv6(struct sb_packet *packet, uint32_t l3) {
    const uint8_t *ip = take(packet, l3, IPV6_BYTES, packet->length, SB_REASON_IP_TRUNCATED);

    if (ip == NULL)
        return;
    if (ip[0] >> 4 != 6) {
        packet->anomaly = SB_REASON_IP_VERSION;
        return;
    }
    uint32_t payload = sb_load16(ip + 4);
    struct walk walk = {packet, l3 + IPV6_BYTES + payload};

    packet->ip_version = 6;
    packet->protocol = ip[6];
    set_addresses(packet, l3 + IPV6_SOURCE, l3 + IPV6_DESTINATION);
    if (ip[IPV6_SOURCE] == 0xfe && (ip[IPV6_SOURCE + 1] & 0xc0) == 0x80) {
        packet->flags |= SB_PACKET_LINK_SCOPE; /* fe80::/10: never routed (RFC 4291, 2.5.6) */
        return;
    }
    /* Jumbograms (RFC 2675) exist on no link we serve. */
    bool jumbogram = payload == 0 && packet->protocol == EXTENSION_HOP_BY_HOP;
    if (walk.end > packet->length || jumbogram)
        packet->anomaly = SB_REASON_IP_LENGTH;
    else
        parse_ipv6_chain(&walk, l3 + IPV6_BYTES);
}

/* --- Ethernet
 * -----------------------------------------------------------------------------------------------
 */

static bool is_vlan(uint32_t ethertype) {
    return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ ||
           ethertype == ETHERTYPE_QINQ_OLD;
}

/* Offset of the network header behind all tags and the EtherType of it; 0: noted. */
static uint32_t parse_ethernet(struct sb_packet *packet, uint32_t *ethertype) {
    const uint8_t *frame =
        take(packet, 0, ETHERNET_BYTES, packet->length, SB_REASON_ETHERNET_TRUNCATED);
    uint32_t l3 = ETHERNET_BYTES;

    if (frame == NULL)
        return 0;
    *ethertype = sb_load16(frame + ETHERTYPE_OFFSET);
    for (; is_vlan(*ethertype); l3 += VLAN_BYTES) {
        if (packet->vlan_count == VLAN_TAGS_MAX) {
            packet->anomaly = SB_REASON_VLAN_DEPTH;
            return 0;
        }
        const uint8_t *tag =
            take(packet, l3, VLAN_BYTES, packet->length, SB_REASON_ETHERNET_TRUNCATED);
        if (tag == NULL)
            return 0;
        if (packet->vlan_count++ == 0)
            packet->vlan_id = (uint16_t)(sb_load16(tag) & VLAN_ID_MASK);
        *ethertype = sb_load16(tag + 2);
    }
    return l3;
}

static void reset(struct sb_packet *packet) {
    packet->flags &= SB_PACKET_CUT | SB_PACKET_CHECKSUM_GOOD;
    memset(&packet->profile, 0, sizeof(*packet) - offsetof(struct sb_packet, profile));
}

/* Any packet there is. */
static __attribute__((noinline)) void parse_any(struct sb_packet *packet) {
    uint32_t ethertype;

    reset(packet);
    uint32_t l3 = parse_ethernet(packet, &ethertype);
    if (l3 == 0)
        return;
    if (ethertype != ETHERTYPE_IPV4 && ethertype != ETHERTYPE_IPV6) {
        packet->flags |= SB_PACKET_LINK_SCOPE;
        return;
    }
    packet->l3_offset = (uint16_t)l3;
    if (ethertype == ETHERTYPE_IPV4)
        parse_ipv4(packet, l3);
    else
        parse_ipv6(packet, l3);
}

/* --- the fast path
 * ------------------------------------------------------------------------------------------ */

/* Bytes of the transport header at l4, 0: look closer. No branch on the protocol: mixed traffic
 * would mispredict it. */
static inline uint32_t plain_transport_size(const uint8_t *l4, uint32_t protocol, uint32_t room) {
    bool tcp = protocol == SB_PROTOCOL_TCP;
    uint32_t tcp_size = (uint32_t)(l4[12] >> 4) * 4;
    uint32_t least = tcp ? TCP_BYTES : UDP_BYTES;
    uint32_t claimed = tcp ? tcp_size : sb_load16(l4 + 4);
    bool good = (tcp | (protocol == SB_PROTOCOL_UDP)) & (claimed >= least) & (claimed <= room);

    return good ? (tcp ? tcp_size : UDP_BYTES) : 0;
}

/* Ethernet, IPv4 without options, whole TCP or UDP: what nearly all traffic is. False: nothing is
 * decided. */
static inline bool parse_plain(struct sb_packet *packet) {
    enum { L3 = ETHERNET_BYTES, L4 = L3 + IPV4_BYTES };
    const uint8_t *frame = sb_packet_bytes(packet, 0, L4 + TCP_BYTES);

    if (SB_UNLIKELY(frame == NULL))
        return false;
    const uint8_t *ip = frame + L3;
    uint32_t total = sb_load16(ip + 2);
    if (sb_load16(frame + ETHERTYPE_OFFSET) != ETHERTYPE_IPV4 || ip[0] != 0x45 ||
        (sb_load16(ip + 6) & IPV4_FRAGMENT_MASK) != 0 || total < IPV4_BYTES ||
        L3 + total > packet->length)
        return false;
    uint32_t protocol = ip[9];
    uint32_t size = plain_transport_size(frame + L4, protocol, total - IPV4_BYTES);
    if (size == 0 || L4 + size > packet->available)
        return false;
    reset(packet);
    packet->l3_offset = L3;
    packet->l4_offset = L4;
    packet->payload_offset = (uint16_t)(L4 + size);
    packet->ip_version = 4;
    packet->protocol = (uint8_t)protocol;
    set_addresses(packet, L3 + IPV4_SOURCE, L3 + IPV4_DESTINATION);
    return true;
}

void sb_parse_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const uint32_t count = burst->count;
    uint32_t live = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct sb_packet *packet = &burst->packets[i];

        burst->live[live] = (uint8_t)i;
        if (SB_LIKELY(parse_plain(packet))) {
            live++;
            continue;
        }
        parse_any(packet);
        if (packet->flags & LEAVES)
            continue;
        if (SB_UNLIKELY(packet->anomaly == SB_REASON_HEADER_SPLIT))
            sb_drop(lcore, packet, SB_REASON_HEADER_SPLIT);
        else
            live++;
    }
    burst->live_count = (uint16_t)live;
    (void)now;
}
