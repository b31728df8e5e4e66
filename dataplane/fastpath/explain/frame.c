/* frame.c: builds the packet to explain. */
#include "explain_private.h"
#include "packet/packet.h"

enum { SOURCE_PORT = 49152, WINDOW = 65535 }; /* the first dynamic port (RFC 6335, 6) */

static void store16(uint8_t *bytes, uint32_t value) {
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static uint32_t transport_size(uint32_t protocol) {
    if (protocol == SB_PROTOCOL_TCP)
        return SB_TCP_BYTES;
    return protocol == SB_PROTOCOL_UDP ? SB_UDP_BYTES : SB_ICMP_BYTES;
}

/* If no destination is given: an address for documentation (RFC 5737, RFC 3849), but never the
 * source, because that would be a land attack. */
static void destination_of(const struct sb_explain_packet *asked, bool is_ipv4, uint8_t out[16]) {
    static const uint8_t ipv4[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2};
    static const uint8_t ipv6[16] = {0x20, 0x01, 0x0d, 0xb8};

    if (asked->profile == SB_EXPLAIN_BY_DESTINATION) {
        memcpy(out, asked->destination, 16);
        return;
    }
    memcpy(out, is_ipv4 ? ipv4 : ipv6, 16);
    out[15] = memcmp(out, asked->source, 15) == 0 && asked->source[15] == 1 ? 2 : 1;
}

static void write_ipv4(uint8_t *ip, const struct sb_explain_packet *asked, const uint8_t to[16]) {
    ip[0] = 0x45;
    store16(ip + SB_IPV4_LENGTH, SB_IPV4_BYTES + transport_size(asked->protocol));
    store16(ip + SB_IPV4_FRAGMENT, SB_IPV4_DONT_FRAGMENT);
    ip[SB_IPV4_LIFETIME] = SB_IP_LIFETIME_DEFAULT;
    ip[SB_IPV4_PROTOCOL] = asked->protocol;
    memcpy(ip + SB_IPV4_SOURCE, asked->source + 12, SB_IPV4_ADDRESS);
    memcpy(ip + SB_IPV4_DESTINATION, to + 12, SB_IPV4_ADDRESS);
}

static void write_ipv6(uint8_t *ip, const struct sb_explain_packet *asked, const uint8_t to[16]) {
    ip[0] = 0x60;
    store16(ip + SB_IPV6_LENGTH, transport_size(asked->protocol));
    ip[SB_IPV6_NEXT] = asked->protocol;
    ip[SB_IPV6_HOP_LIMIT] = SB_IP_LIFETIME_DEFAULT;
    memcpy(ip + SB_IPV6_SOURCE, asked->source, SB_IPV6_ADDRESS);
    memcpy(ip + SB_IPV6_DESTINATION, to, SB_IPV6_ADDRESS);
}

static void write_transport(uint8_t *l4, const struct sb_explain_packet *asked) {
    if (asked->protocol == SB_PROTOCOL_ICMP || asked->protocol == SB_PROTOCOL_ICMPV6) {
        l4[0] = asked->protocol == SB_PROTOCOL_ICMP ? SB_ICMP_ECHO_REQUEST : SB_ICMPV6_ECHO_REQUEST;
        return;
    }
    store16(l4 + SB_L4_SOURCE_PORT, SOURCE_PORT);
    store16(l4 + SB_L4_DESTINATION_PORT, asked->port);
    if (asked->protocol == SB_PROTOCOL_UDP) {
        store16(l4 + SB_UDP_LENGTH, SB_UDP_BYTES);
        return;
    }
    l4[SB_TCP_DATA_OFFSET] = SB_TCP_BYTES / 4 << 4;
    l4[SB_TCP_FLAGS] = SB_TCP_SYN;
    store16(l4 + SB_TCP_WINDOW, WINDOW);
}

/* Writes no checksums: the packet's flags mark them as verified. */
void sb_explain_frame(const struct sb_explain_packet *asked, uint8_t frame[SB_EXPLAIN_FRAME_BYTES],
                      struct sb_burst *burst) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool is_ipv4 = memcmp(asked->source, mapped, sizeof(mapped)) == 0;
    uint32_t ip_size = is_ipv4 ? SB_IPV4_BYTES : SB_IPV6_BYTES;
    uint32_t size = SB_ETHERNET_BYTES + ip_size + transport_size(asked->protocol);
    uint8_t *ip = frame + SB_ETHERNET_BYTES, to[16];

    memset(frame, 0, SB_EXPLAIN_FRAME_BYTES);
    frame[0] = frame[SB_ETHERNET_MACS / 2] = 2; /* locally administered (IEEE 802, 8.4) */
    frame[SB_ETHERNET_MACS / 2 - 1] = 1;
    store16(frame + SB_ETHERNET_TYPE, is_ipv4 ? SB_ETHERTYPE_IPV4 : SB_ETHERTYPE_IPV6);
    destination_of(asked, is_ipv4, to);
    if (is_ipv4)
        write_ipv4(ip, asked, to);
    else
        write_ipv6(ip, asked, to);
    write_transport(ip + ip_size, asked);
    size = size < SB_FRAME_MIN ? SB_FRAME_MIN : size;
    memset(burst, 0, sizeof(*burst));
    burst->count = burst->live_count = 1;
    burst->packets[0] = (struct sb_packet){.data = (uint64_t)(uintptr_t)frame,
                                           .length = size,
                                           .available = (uint16_t)size,
                                           .flags = SB_PACKET_CHECKSUM_GOOD | SB_PACKET_L4_GOOD,
                                           .port = SB_PORT_OUTSIDE};
}
