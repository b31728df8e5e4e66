/* parse.c: find the headers of every packet, once; the other stages use the offsets.
 *
 * Judges nothing: what is malformed is noted in packet.anomaly (the first thing found) for sanity.
 * Decides only what nobody may choose: link-scope control passes and leaves, headers beyond the
 * first segment are dropped, a packet that a capture has cut before its headers ended passes
 * unjudged. ip_version is set as soon as both addresses are readable, so that the lists work even
 * where an anomaly is let through.
 */
#include "parse.h"

enum {
    ETHERNET_BYTES = 14,
    ETHERTYPE_OFFSET = 12,
    VLAN_BYTES = 4,
    VLAN_TAGS_MAX = 2,
    VLAN_ID_MASK = 0x0fff
};

enum ethertype {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_QINQ_OLD = 0x9100
};

enum { LEAVES = SB_PACKET_LINK_SCOPE | SB_PACKET_CUT_SHORT };

static void drop_split(struct sb_lcore *lcore, struct sb_packet *packet, const struct sb_time *now);
static inline bool parse_plain(struct sb_packet *packet);
static inline uint32_t plain_transport_size(const uint8_t *l4, uint32_t protocol, uint32_t room);
static __attribute__((noinline)) void parse_any(struct sb_packet *packet);
static uint32_t parse_ethernet(struct sb_packet *packet, uint32_t *ethertype);
static bool is_vlan(uint32_t ethertype);
static void reset(struct sb_packet *packet);

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
            drop_split(lcore, packet, now);
        else
            live++;
    }
    burst->live_count = (uint16_t)live;
}

static void drop_split(struct sb_lcore *lcore, struct sb_packet *packet,
                       const struct sb_time *now) {
    if (lcore->sample_ds[SB_REASON_HEADER_SPLIT] != now->boot_ds)
        sb_drop_sample(lcore, packet, SB_REASON_HEADER_SPLIT, SB_MODE_ENFORCE, now);
    sb_drop(lcore, packet, SB_REASON_HEADER_SPLIT);
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

/* Any packet there is. */
static __attribute__((noinline)) void parse_any(struct sb_packet *packet) {
    uint32_t ethertype;

    reset(packet);
    uint32_t l3 = parse_ethernet(packet, &ethertype);
    if (l3 == 0)
        return;
    if (ethertype != ETHERTYPE_IPV4 && ethertype != ETHERTYPE_IPV6) { /* IEEE 802.3 lengths too */
        packet->flags |= SB_PACKET_LINK_SCOPE;
        return;
    }
    packet->l3_offset = (uint16_t)l3;
    if (ethertype == ETHERTYPE_IPV4)
        sb_parse_ipv4(packet, l3);
    else
        sb_parse_ipv6(packet, l3);
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

static bool is_vlan(uint32_t ethertype) {
    return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ ||
           ethertype == ETHERTYPE_QINQ_OLD;
}

static void reset(struct sb_packet *packet) {
    packet->flags &= SB_PACKET_CUT | SB_PACKET_CHECKSUM_GOOD;
    memset(&packet->profile, 0, sizeof(*packet) - offsetof(struct sb_packet, profile));
}
