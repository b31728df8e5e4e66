/* parse_ip.c: IPv4 with options, IPv6 with extension headers, fragments of both. */
#include "parse.h"

enum { IPV6_EXTENSIONS_MAX = 8, IPV6_SCOPE_LINK = 2 };

static enum sb_reason ipv4_anomaly(uint32_t header, uint32_t total, uint32_t room);
static bool is_of_link(const uint8_t *destination);
static void parse_ipv6_chain(struct walk *walk, uint32_t offset);
static bool is_extension(uint32_t type);
static bool parse_extension(struct walk *walk, uint32_t *offset, bool first);
static uint32_t extension_size(uint32_t type, const uint8_t *next);
static enum sb_reason extension_anomaly(uint32_t type, const uint8_t *header, uint32_t size);
static bool has_jumbo_option(const uint8_t *header, uint32_t size);
static bool parse_ipv6_fragment(struct walk *walk, uint32_t offset, const uint8_t *header);
static bool parse_fragment(struct sb_packet *packet, uint32_t start, uint32_t size,
                           uint32_t before);

void sb_parse_ipv4(struct sb_packet *packet, const struct network *network) {
    const uint32_t l3 = network->offset;
    const uint8_t *ip = take(packet, l3, SB_IPV4_BYTES, network->end, SB_REASON_IP_TRUNCATED);

    if (ip == NULL)
        return;
    if (ip[0] >> 4 != 4) {
        packet->anomaly = SB_REASON_IP_VERSION;
        return;
    }
    uint32_t header = (uint32_t)(ip[0] & 0x0f) * 4;
    uint32_t total = sb_load16(ip + SB_IPV4_LENGTH);
    uint32_t fragment = sb_load16(ip + SB_IPV4_FRAGMENT);
    struct walk walk = {.packet = packet, .end = l3 + total};

    packet->ip_version = 4;
    packet->protocol = ip[SB_IPV4_PROTOCOL];
    set_addresses(packet, l3 + SB_IPV4_SOURCE, l3 + SB_IPV4_DESTINATION);
    packet->anomaly = (uint8_t)ipv4_anomaly(header, total, network->end - l3);
    if (packet->anomaly != SB_REASON_NONE ||
        take(packet, l3, header, walk.end, SB_REASON_IP_TRUNCATED) == NULL)
        return;
    if ((fragment & SB_IPV4_FRAGMENT_MASK) != 0 &&
        !parse_fragment(packet, (fragment & SB_IPV4_OFFSET_MASK) * 8, total - header, header))
        return;
    sb_parse_transport(&walk, l3 + header);
}

static enum sb_reason ipv4_anomaly(uint32_t header, uint32_t total, uint32_t room) {
    if (header < SB_IPV4_BYTES)
        return SB_REASON_IP_HEADER_LENGTH;
    if (header > room)
        return SB_REASON_IP_TRUNCATED;
    if (total < SB_IPV4_BYTES || total > room)
        return SB_REASON_IP_LENGTH;
    return header > total ? SB_REASON_IP_HEADER_LENGTH : SB_REASON_NONE;
}

void sb_parse_ipv6(struct sb_packet *packet, const struct network *network) {
    const uint32_t l3 = network->offset;
    const uint8_t *ip = take(packet, l3, SB_IPV6_BYTES, network->end, SB_REASON_IP_TRUNCATED);

    if (ip == NULL)
        return;
    if (ip[0] >> 4 != 6) {
        packet->anomaly = SB_REASON_IP_VERSION;
        return;
    }
    uint32_t payload = sb_load16(ip + SB_IPV6_LENGTH);
    struct walk walk = {.packet = packet, .end = l3 + SB_IPV6_BYTES + payload};

    packet->ip_version = 6;
    packet->protocol = ip[SB_IPV6_NEXT];
    set_addresses(packet, l3 + SB_IPV6_SOURCE, l3 + SB_IPV6_DESTINATION);
    if (sb_ipv6_is_link_local(ip + SB_IPV6_SOURCE) && is_of_link(ip + SB_IPV6_DESTINATION)) {
        set_link(packet, SB_LINK_LINK_LOCAL);
        return;
    }
    /* SecBeat supports no link with jumbograms (RFC 2675). */
    bool jumbogram = payload == 0 && packet->protocol == SB_PROTOCOL_HOP_BY_HOP;
    if (walk.end > network->end || jumbogram)
        packet->anomaly = SB_REASON_IP_LENGTH;
    else
        parse_ipv6_chain(&walk, l3 + SB_IPV6_BYTES);
}

/* Whether no router forwards a packet from a link-local source to this destination: a link-local
 * address (RFC 4291, 2.5.6), or a group of link scope, well-known or not (2.7). */
static bool is_of_link(const uint8_t *destination) {
    return sb_ipv6_is_link_local(destination) ||
           (destination[0] == 0xff && (destination[1] & 0x0f) == IPV6_SCOPE_LINK);
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
    sb_parse_transport(walk, offset);
}

static bool is_extension(uint32_t type) {
    return type == SB_PROTOCOL_HOP_BY_HOP || type == SB_PROTOCOL_ROUTING ||
           type == SB_PROTOCOL_FRAGMENT || type == SB_PROTOCOL_AUTHENTICATION ||
           type == SB_PROTOCOL_DESTINATION_OPTIONS;
}

/* Parses one extension header at *offset, of the type in packet->protocol, and sets both to the
 * next header. False: there is no further header. */
static bool parse_extension(struct walk *walk, uint32_t *offset, bool first) {
    struct sb_packet *packet = walk->packet;
    enum sb_reason malformed = unless_fragment(packet, SB_REASON_IPV6_EXTENSION);
    uint32_t type = packet->protocol;
    const uint8_t *header = take(packet, *offset, SB_IPV6_EXTENSION_BYTES, walk->end, malformed);

    if (header == NULL)
        return false;
    uint32_t size = extension_size(type, header);
    if (size == 0 || (type == SB_PROTOCOL_HOP_BY_HOP && !first)) {
        packet->anomaly = SB_REASON_IPV6_EXTENSION;
        return false;
    }
    header = take(packet, *offset, size, walk->end, malformed);
    if (header == NULL)
        return false;
    packet->protocol = header[0];
    packet->anomaly = (uint8_t)extension_anomaly(type, header, size);
    if (packet->anomaly != SB_REASON_NONE)
        return false;
    if (type == SB_PROTOCOL_FRAGMENT && !parse_ipv6_fragment(walk, *offset, header))
        return false;
    *offset += size;
    return true;
}

/* Size in bytes of the extension header with these first two bytes. 0: invalid. */
static uint32_t extension_size(uint32_t type, const uint8_t *next) {
    uint32_t size = type == SB_PROTOCOL_AUTHENTICATION ? ((uint32_t)next[1] + 2) * 4
                                                       : ((uint32_t)next[1] + 1) * 8;

    if (type == SB_PROTOCOL_FRAGMENT)
        return SB_IPV6_EXTENSION_BYTES;
    return type == SB_PROTOCOL_AUTHENTICATION && size < SB_IPV6_AH_BYTES_MIN ? 0 : size;
}

/* The anomaly of a complete extension header, or SB_REASON_NONE. A packet with a payload length is
 * no jumbogram (RFC 2675, 3); one without has got its anomaly before. A routing header of type 0 is
 * valid if no segment is left (RFC 5095, 3). */
static enum sb_reason extension_anomaly(uint32_t type, const uint8_t *header, uint32_t size) {
    if (type == SB_PROTOCOL_HOP_BY_HOP && has_jumbo_option(header, size))
        return SB_REASON_IP_LENGTH;
    if (type == SB_PROTOCOL_ROUTING && header[SB_IPV6_ROUTING_TYPE] == 0 &&
        header[SB_IPV6_SEGMENTS_LEFT] != 0)
        return SB_REASON_SOURCE_ROUTE;
    return SB_REASON_NONE;
}

/* Whether a header contains the jumbo payload option. The options begin behind the first two bytes:
 * type, length of the data, data (RFC 8200, 4.2). */
static bool has_jumbo_option(const uint8_t *header, uint32_t size) {
    for (uint32_t at = 2; at < size;) {
        if (header[at] == SB_IPV6_OPTION_JUMBO)
            return true;
        at += header[at] == SB_IPV6_OPTION_PAD_1 ? 1 : at + 1 < size ? header[at + 1] + 2u : size;
    }
    return false;
}

/* Parses the fragment header at offset. True: continue behind it. An atomic fragment (RFC 6946)
 * counts as no fragment. */
static bool parse_ipv6_fragment(struct walk *walk, uint32_t offset, const uint8_t *header) {
    struct sb_packet *packet = walk->packet;
    uint32_t field = sb_load16(header + 2);
    uint32_t data = offset + SB_IPV6_EXTENSION_BYTES;

    if (walk->fragment_header) { /* a packet may have only one fragment header */
        packet->anomaly = SB_REASON_IPV6_EXTENSION;
        return false;
    }
    walk->fragment_header = true;
    if ((field & ~6u) == 0)
        return true;
    uint32_t before = offset - packet->l3_offset - SB_IPV6_BYTES;
    return parse_fragment(packet, field & ~7u, walk->end - data, before);
}

/* start: offset of the fragment's data in the reassembled packet. before: bytes of headers in front
 * of it that count towards the limit of 65,535. True: the transport header is in this fragment. */
static bool parse_fragment(struct sb_packet *packet, uint32_t start, uint32_t size,
                           uint32_t before) {
    packet->flags |= SB_PACKET_FRAGMENT;
    if (start > 0)
        packet->flags |= SB_PACKET_FRAGMENT_LATER;
    /* RFC 1858, 3.2.1: a fragment at offset 8 overwrites the TCP flags that the first fragment
     * showed; behind an extension header of 8 bytes, it overwrites the whole transport header. */
    bool overwrites = packet->protocol == SB_PROTOCOL_TCP ||
                      (packet->ip_version == 6 && is_extension(packet->protocol));
    if (size == 0 || before + start + size > SB_IP_BYTES_MAX || (start == 8 && overwrites))
        packet->anomaly = SB_REASON_FRAGMENT;
    return start == 0 && packet->anomaly == SB_REASON_NONE;
}
