/* parse.c: finds the headers of every packet once; the other stages use the offsets.
 *
 * The parser judges nothing: it records the first anomaly of a malformed packet in packet.anomaly,
 * for the stage sanity. It only decides what no other stage can: packets of link scope and packets
 * that are not IP pass and leave the path (link.c), packets whose headers do not lie in the first
 * segment are dropped, and packets that a capture has cut within the headers pass without being
 * judged. ip_version is set as soon as both addresses are readable, so that the lists also work for
 * packets whose anomaly a mode lets pass.
 */
#include "parse.h"

#include "packet/verdict.h"
#include "stages.h"

enum { VLAN_TAGS_MAX = 2 };

enum {
    /* flags that the receiver sets */
    RECEIVERS = SB_PACKET_CUT | SB_PACKET_CHECKSUM_GOOD | SB_PACKET_L4_GOOD,
    LEAVES = SB_PACKET_LINK_SCOPE | SB_PACKET_CUT_SHORT
};

static inline bool parse_plain(struct sb_packet *packet);
static inline bool leaves(struct sb_lcore *lcore, struct sb_packet *packet,
                          const struct sb_time *now);
static inline bool is_plain_ipv4(const uint8_t *ethertype);
static inline bool may_be_of_link(const uint8_t *ip);
static inline uint32_t plain_transport_size(const uint8_t *l4, uint32_t protocol, uint32_t total);
static bool is_ip(const struct network *network);
static void parse_link(struct sb_packet *packet);
static bool is_vlan(uint32_t ethertype);

void sb_parse_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const uint32_t count = burst->count;
    uint32_t outside = 0, other = 0, left = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct sb_packet *packet = &burst->packets[i];

        if (SB_LIKELY(parse_plain(packet))) {
            outside |= (uint32_t)(packet->port == SB_PORT_OUTSIDE) << i;
            continue;
        }
        other |= 1u << i;
        sb_parse_packet(packet);
        if (leaves(lcore, packet, now))
            left |= 1u << i;
        outside |= (uint32_t)sb_is_client(packet) << i;
    }
    burst->to_judge = outside;
    burst->is_plain = other == 0 && (uint32_t)__builtin_popcount(outside) == count;
    for (uint32_t i = 0; i < SB_BURST_MAX; i++)
        burst->live[i] = (uint8_t)i;
    burst->live_count = (uint16_t)count;
    if (left != 0)
        sb_burst_leave_out(burst, left);
}

static inline bool leaves(struct sb_lcore *lcore, struct sb_packet *packet,
                          const struct sb_time *now) {
    if (SB_UNLIKELY((packet->flags & SB_PACKET_INNER) != 0) && sb_inner_judge(lcore, packet, now))
        return true;
    if ((packet->flags & SB_PACKET_LINK_SCOPE) != 0)
        sb_link_pass(lcore, packet, now);
    if ((packet->flags & LEAVES) != 0)
        return true;
    if (SB_LIKELY(packet->anomaly != SB_REASON_HEADER_SPLIT))
        return false;
    sb_drop_split(lcore, packet, now);
    return true;
}

void sb_drop_split(struct sb_lcore *lcore, struct sb_packet *packet, const struct sb_time *now) {
    if (lcore->sample_ds[SB_REASON_HEADER_SPLIT] != now->boot_ds)
        sb_drop_sample(lcore, packet, SB_REASON_HEADER_SPLIT, SB_MODE_ENFORCE, now);
    sb_drop(lcore, packet, SB_REASON_HEADER_SPLIT);
}

/* The fields of a plain packet, except its protocol and the beginning of its payload. */
#define PLAIN(from, client, other)                                                                 \
    {.port = from,                                                                                 \
     .l3_offset = SB_PLAIN_L3,                                                                     \
     .l4_offset = SB_PLAIN_L4,                                                                     \
     .ip_version = 4,                                                                              \
     .client_offset = client,                                                                      \
     .protected_offset = other}
static const struct sb_packet plain[SB_PORT_COUNT] = {
    [SB_PORT_OUTSIDE] = PLAIN(SB_PORT_OUTSIDE, SB_PLAIN_SOURCE, SB_PLAIN_DESTINATION),
    [SB_PORT_INSIDE] = PLAIN(SB_PORT_INSIDE, SB_PLAIN_DESTINATION, SB_PLAIN_SOURCE),
};

/* Ethernet, IPv4 without options, complete TCP or UDP: nearly all traffic. False: not such a
 * packet, and nothing is set. */
static inline bool parse_plain(struct sb_packet *packet) {
    const uint8_t *frame = sb_packet_bytes(packet, 0, SB_PLAIN_L4 + SB_TCP_BYTES);

    if (SB_UNLIKELY(frame == NULL))
        return false;
    const uint8_t *ip = frame + SB_PLAIN_L3;
    uint32_t total = sb_load16(ip + SB_IPV4_LENGTH), protocol = ip[SB_IPV4_PROTOCOL];
    if (!is_plain_ipv4(frame + SB_ETHERNET_TYPE) || may_be_of_link(ip) ||
        !sb_is_16(ip + SB_IPV4_FRAGMENT, SB_IPV4_FRAGMENT_MASK, 0) ||
        SB_PLAIN_L3 + total > packet->available)
        return false;
    uint32_t size = plain_transport_size(frame + SB_PLAIN_L4, protocol, total);
    if (size == 0)
        return false;
    memcpy(&packet->port, &plain[packet->port & (SB_PORT_COUNT - 1)].port,
           sizeof(*packet) - offsetof(struct sb_packet, port));
    packet->flags = (packet->flags & RECEIVERS) | SB_PACKET_PLAIN;
    packet->payload_offset = (uint16_t)(SB_PLAIN_L4 + size);
    packet->protocol = (uint8_t)protocol;
    return true;
}

/* Compares the EtherType and the first byte behind it: version 4, a header of 20 bytes. */
static inline bool is_plain_ipv4(const uint8_t *ethertype) {
    return (sb_load32(ethertype) & 0xffffff00) == ((uint32_t)SB_ETHERTYPE_IPV4 << 16 | 0x4500);
}

/* Whether the destination is a group, or the TTL that of a packet straight from the link. One
 * branch for both tests. */
static inline bool may_be_of_link(const uint8_t *ip) {
    return ((ip[SB_IPV4_DESTINATION] >= 224) | (ip[SB_IPV4_LIFETIME] == 255)) != 0;
}

/* The length field of a transport header: (16 bits at field >> shift) & mask; least and most bound
 * the size of the header. Index: IP protocol. Other protocols have a header of 0 bytes. */
struct length_field {
    uint8_t field, shift;
    uint16_t mask, least, most;
};
static const struct length_field length_fields[256] = {
    [SB_PROTOCOL_TCP] = {SB_TCP_DATA_OFFSET, 10, 0x3c, SB_TCP_BYTES,
                         0x3c}, /* data offset, in 4-byte words */
    [SB_PROTOCOL_UDP] = {SB_UDP_LENGTH, 0, 0xffff, SB_UDP_BYTES, SB_UDP_BYTES},
};

/* Bytes of the transport header at l4 in an IPv4 packet of total bytes. 0: not plain. A table
 * replaces a branch on the protocol, which would often be mispredicted in mixed traffic. */
static inline uint32_t plain_transport_size(const uint8_t *l4, uint32_t protocol, uint32_t total) {
    const struct length_field *length = &length_fields[protocol];
    uint32_t claimed = sb_load16(l4 + length->field) >> length->shift & length->mask;

    if (claimed < length->least || SB_IPV4_BYTES + claimed > total)
        return 0;
    return claimed < length->most ? claimed : length->most;
}

__attribute__((noinline)) void sb_parse_packet(struct sb_packet *packet) {
    const struct network frame = {.end = packet->length};
    struct network network;

    sb_parse_reset(packet);
    if (sb_parse_ethernet(packet, &frame, &network))
        sb_parse_network(packet, &network);
}

void sb_parse_network(struct sb_packet *packet, const struct network *network) {
    struct network ip = *network;

    if (!is_ip(network) && !sb_parse_inner(packet, network, &ip))
        return;
    packet->l3_offset = (uint16_t)ip.offset;
    if (ip.ethertype == SB_ETHERTYPE_IPV4)
        sb_parse_ipv4(packet, &ip);
    else
        sb_parse_ipv6(packet, &ip);
    if (packet->anomaly == SB_REASON_NONE && (packet->flags & (LEAVES | SB_PACKET_INNER)) == 0)
        parse_link(packet);
}

void sb_parse_outer(struct sb_packet *packet) {
    const struct network frame = {.end = packet->length};
    struct network network;

    sb_parse_reset(packet);
    if (sb_parse_ethernet(packet, &frame, &network))
        sb_parse_other(packet, network.ethertype);
}

static bool is_ip(const struct network *network) {
    return network->ethertype == SB_ETHERTYPE_IPV4 || network->ethertype == SB_ETHERTYPE_IPV6;
}

static void parse_link(struct sb_packet *packet) {
    if (packet->ip_version == 4)
        sb_parse_link_ipv4(packet);
    else
        sb_parse_link_ipv6(packet);
}

bool sb_parse_ethernet(struct sb_packet *packet, const struct network *frame,
                       struct network *network) {
    const uint8_t *ethernet =
        take(packet, frame->offset, SB_ETHERNET_BYTES, frame->end, SB_REASON_ETHERNET_TRUNCATED);
    uint32_t ethertype, l3 = frame->offset + SB_ETHERNET_BYTES;

    if (ethernet == NULL)
        return false;
    ethertype = sb_load16(ethernet + SB_ETHERNET_TYPE);
    for (; is_vlan(ethertype); l3 += SB_VLAN_BYTES) {
        if (packet->vlan_count == VLAN_TAGS_MAX) {
            packet->anomaly = SB_REASON_VLAN_DEPTH;
            return false;
        }
        const uint8_t *tag =
            take(packet, l3, SB_VLAN_BYTES, frame->end, SB_REASON_ETHERNET_TRUNCATED);
        if (tag == NULL)
            return false;
        if (packet->vlan_count++ == 0)
            packet->vlan_id = (uint16_t)(sb_load16(tag) & SB_VLAN_ID_MASK);
        ethertype = sb_load16(tag + SB_VLAN_TYPE);
    }
    *network = (struct network){ethertype, l3, frame->end};
    return true;
}

static bool is_vlan(uint32_t ethertype) {
    return ethertype == SB_ETHERTYPE_VLAN || ethertype == SB_ETHERTYPE_QINQ ||
           ethertype == SB_ETHERTYPE_QINQ_OLD;
}

void sb_parse_reset(struct sb_packet *packet) {
    packet->flags &= RECEIVERS;
    memset(&packet->profile, 0, sizeof(*packet) - offsetof(struct sb_packet, profile));
}
