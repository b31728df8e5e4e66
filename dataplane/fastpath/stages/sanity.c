/* sanity.c: drops malformed packets, in both directions.
 *
 * The order of the checks: the anomaly that parse has found, then the IP checksum, source routes,
 * TCP flags, redirects, addresses. If the mode of one reason is off or monitor, the checks behind
 * it still apply.
 */
#include "packet/checksum.h"
#include "packet/verdict.h"
#include "stages.h"

/* Bit f is set if no TCP stack sends the flags f: two of SYN, FIN and RST, or no ACK in a segment
 * that neither opens nor resets a connection (RFC 9293, 3.10.7.4: the receiver drops such a
 * segment). */
#define NO_STACK_SENDS(f)                                                                          \
    (((f) & (SB_TCP_SYN | SB_TCP_RST | SB_TCP_ACK)) == 0 ||                                        \
     (((f) & SB_TCP_SYN) != 0 && ((f) & (SB_TCP_FIN | SB_TCP_RST)) != 0) ||                        \
     ((f) & (SB_TCP_FIN | SB_TCP_RST)) == (SB_TCP_FIN | SB_TCP_RST))
#define BIT(f) ((uint64_t)(NO_STACK_SENDS(f)) << (f))
#define BITS_4(f) (BIT(f) | BIT((f) + 1) | BIT((f) + 2) | BIT((f) + 3))
#define BITS_16(f) (BITS_4(f) | BITS_4((f) + 4) | BITS_4((f) + 8) | BITS_4((f) + 12))
/* Index: whether the packet is TCP. A table replaces a branch on the protocol, which would be
 * mispredicted. */
static const uint64_t lies[2] = {0, BITS_16(0) | BITS_16(16) | BITS_16(32) | BITS_16(48)};

static inline bool looks_good(const struct sb_packet *packet);
static inline bool looks_good_ipv4(const struct sb_packet *packet, uint32_t l3);
static inline bool looks_good_ipv6(const struct sb_packet *packet);
static __attribute__((noinline)) void judge_all(struct sb_lcore *lcore, struct sb_burst *burst,
                                                uint32_t suspects, const struct sb_time *now);
static bool judge(struct sb_lcore *lcore, struct sb_packet *packet, const struct sb_time *now);
static bool ipv4_checksum_wrong(const struct sb_packet *packet, const uint8_t *ip);
static inline bool is_sum_right_20(const uint8_t *bytes);
static bool is_source_routed(const struct sb_packet *packet, const uint8_t *ip);
static inline bool is_redirect(const struct sb_packet *packet);
static bool has_bad_tcp_flags(const struct sb_packet *packet);
static inline bool flags_lie(uint32_t protocol, uint32_t flags);
static bool is_land(const struct sb_packet *packet, const uint8_t *ip);
static inline bool is_land_ipv6(const uint8_t *ip);
static enum sb_reason source_reason(const struct sb_packet *packet, const uint8_t *ip);
static enum sb_reason ipv4_source_reason(const struct sb_packet *packet, const uint8_t *ip);
static enum sb_reason ipv6_source_reason(const struct sb_packet *packet, const uint8_t *ip);

void sb_sanity_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const uint32_t entered = burst->live_count;
    uint32_t suspects = 0;

    for (uint32_t i = 0; i < entered; i++) {
        uint32_t index = burst->live[i];

        if (!SB_LIKELY(looks_good(&burst->packets[index])))
            suspects |= 1u << index;
    }
    if (SB_UNLIKELY(suspects != 0))
        judge_all(lcore, burst, suspects, now);
}

static __attribute__((noinline)) void judge_all(struct sb_lcore *lcore, struct sb_burst *burst,
                                                uint32_t suspects, const struct sb_time *now) {
    uint32_t dropped = 0;

    for (; suspects != 0; suspects &= suspects - 1) {
        uint32_t index = (uint32_t)__builtin_ctz(suspects);

        dropped |= (uint32_t)judge(lcore, &burst->packets[index], now) << index;
    }
    sb_burst_leave_out(burst, dropped);
}

static inline bool looks_good(const struct sb_packet *packet) {
    if (SB_LIKELY(packet->flags & SB_PACKET_PLAIN))
        return looks_good_ipv4(packet, SB_PLAIN_L3);
    if (SB_UNLIKELY(packet->anomaly != SB_REASON_NONE || packet->ip_version == 0))
        return false;
    if (packet->ip_version == 6)
        return looks_good_ipv6(packet);
    return packet->l4_offset - packet->l3_offset == SB_IPV4_BYTES && !is_redirect(packet) &&
           looks_good_ipv4(packet, packet->l3_offset);
}

/* For IPv4 without options and with a complete transport header. Good packets take none of these
 * branches; the protocol, which is not predictable, is no branch. False: call judge. */
static inline bool looks_good_ipv4(const struct sb_packet *packet, uint32_t l3) {
    enum { READ = SB_IPV4_BYTES + SB_TCP_FLAGS + 1 }; /* frames are padded, so UDP has them too */
    const uint8_t *ip = sb_packet_bytes(packet, l3, READ);

    if (SB_UNLIKELY(ip == NULL))
        return false;
    uint32_t top = ip[SB_IPV4_SOURCE];
    if (top - 1 >= 223 || top == 127 || /* 0, or 224 and above */
        sb_load32(ip + SB_IPV4_SOURCE) == sb_load32(ip + SB_IPV4_DESTINATION) ||
        flags_lie(packet->protocol, ip[SB_IPV4_BYTES + SB_TCP_FLAGS]))
        return false;
    return packet->flags & SB_PACKET_CHECKSUM_GOOD || is_sum_right_20(ip);
}

static inline bool looks_good_ipv6(const struct sb_packet *packet) {
    const uint8_t *ip = sb_packet_bytes(packet, packet->l3_offset, SB_IPV6_BYTES);

    return SB_LIKELY(ip != NULL) && !is_land_ipv6(ip) &&
           ipv6_source_reason(packet, ip) == SB_REASON_NONE && !has_bad_tcp_flags(packet) &&
           !is_redirect(packet);
}

/* Checks all reasons in turn. True: dropped. */
static bool judge(struct sb_lcore *lcore, struct sb_packet *packet, const struct sb_time *now) {
    if (packet->anomaly != SB_REASON_NONE &&
        sb_reject(lcore, packet, (enum sb_reason)packet->anomaly, now))
        return true;
    if (packet->ip_version == 0)
        return false;
    uint32_t size = packet->ip_version == 4 ? SB_IPV4_BYTES : SB_IPV6_BYTES;
    const uint8_t *ip = sb_packet_bytes(packet, packet->l3_offset, size);
    if (ip == NULL)
        return false;
    if (packet->ip_version == 4 && ipv4_checksum_wrong(packet, ip) &&
        sb_reject(lcore, packet, SB_REASON_IP_CHECKSUM, now))
        return true;
    if (packet->ip_version == 4 && is_source_routed(packet, ip) &&
        sb_reject(lcore, packet, SB_REASON_SOURCE_ROUTE, now))
        return true;
    if (has_bad_tcp_flags(packet) && sb_reject(lcore, packet, SB_REASON_TCP_FLAGS, now))
        return true;
    if (is_redirect(packet) && sb_reject(lcore, packet, SB_REASON_ICMP_REDIRECT, now))
        return true;
    if (is_land(packet, ip) && sb_reject(lcore, packet, SB_REASON_LAND, now))
        return true;
    enum sb_reason reason = source_reason(packet, ip);
    return reason != SB_REASON_NONE && sb_reject(lcore, packet, reason, now);
}

/* If the header is not readable to its end, parse has set an anomaly. */
static bool ipv4_checksum_wrong(const struct sb_packet *packet, const uint8_t *ip) {
    uint32_t size = (uint32_t)(ip[0] & 0x0f) * 4;

    if (packet->flags & SB_PACKET_CHECKSUM_GOOD || size < SB_IPV4_BYTES)
        return false;
    return sb_packet_bytes(packet, packet->l3_offset, size) != NULL &&
           !sb_ipv4_checksum_is_right(ip, size);
}

/* As sb_ipv4_checksum_is_right, for a header without options: adds two words of 64 bits and the
 * rest, with their carries. */
static inline bool is_sum_right_20(const uint8_t *bytes) {
    uint64_t high = sb_load64_raw(bytes + 8), sum = sb_load64_raw(bytes);
    uint32_t last;

    memcpy(&last, bytes + 16, sizeof(last));
    sum += high;
    sum += sum < high;
    sum += last;
    sum += sum < last;
    return sum % 0xffff == 0;
}

/* Whether the options contain a loose or strict source route, or record route (RFC 7126, 4.3 and
 * 4.4), as far as they are readable. */
static bool is_source_routed(const struct sb_packet *packet, const uint8_t *ip) {
    const uint32_t size = (uint32_t)(ip[0] & 0x0f) * 4;
    const uint8_t *header = sb_packet_bytes(packet, packet->l3_offset, size);

    for (uint32_t at = SB_IPV4_BYTES; header != NULL && at < size;) {
        uint32_t option = header[at];

        if (option == SB_IPV4_OPTION_LSRR || option == SB_IPV4_OPTION_SSRR)
            return true;
        if (option == SB_IPV4_OPTION_END)
            return false;
        if (option != SB_IPV4_OPTION_NOP && (at + 1 >= size || header[at + 1] < 2))
            return false;
        at += option == SB_IPV4_OPTION_NOP ? 1 : header[at + 1];
    }
    return false;
}

/* Whether the packet is a redirect from outside. ICMPv6 redirects of the link's router (link-local
 * source, hop limit 255: RFC 4861, 8.1) have left the path in parse. */
static inline bool is_redirect(const struct sb_packet *packet) {
    const uint8_t *icmp = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;

    if (packet->port != SB_PORT_OUTSIDE || packet->l4_offset == 0)
        return false;
    return packet->protocol == (packet->ip_version == 4 ? SB_PROTOCOL_ICMP : SB_PROTOCOL_ICMPV6) &&
           icmp[0] == (packet->ip_version == 4 ? SB_ICMP_REDIRECT : SB_ICMPV6_REDIRECT);
}

static bool has_bad_tcp_flags(const struct sb_packet *packet) {
    if (packet->protocol != SB_PROTOCOL_TCP || packet->l4_offset == 0)
        return false;
    const uint8_t *tcp = sb_packet_bytes(packet, packet->l4_offset, SB_TCP_BYTES);
    return tcp != NULL && flags_lie(SB_PROTOCOL_TCP, tcp[SB_TCP_FLAGS]);
}

static inline bool flags_lie(uint32_t protocol, uint32_t flags) {
    return lies[protocol == SB_PROTOCOL_TCP] >> (flags & SB_TCP_FLAGS_MASK) & 1;
}

static bool is_land(const struct sb_packet *packet, const uint8_t *ip) {
    if (packet->ip_version == 4)
        return sb_load32(ip + SB_IPV4_SOURCE) == sb_load32(ip + SB_IPV4_DESTINATION);
    return is_land_ipv6(ip);
}

static inline bool is_land_ipv6(const uint8_t *ip) {
    return memcmp(ip + SB_IPV6_SOURCE, ip + SB_IPV6_DESTINATION, 16) == 0;
}

static enum sb_reason source_reason(const struct sb_packet *packet, const uint8_t *ip) {
    return packet->ip_version == 4 ? ipv4_source_reason(packet, ip)
                                   : ipv6_source_reason(packet, ip);
}

/* 0.0.0.0/8 is the source of a host that does not know its address yet (RFC 1122, 3.2.1.3), which
 * TCP does not use. 240.0.0.0/4 is not assigned (RFC 1112, 4). */
static enum sb_reason ipv4_source_reason(const struct sb_packet *packet, const uint8_t *ip) {
    uint32_t source = sb_load32(ip + SB_IPV4_SOURCE);
    bool is_tcp = packet->protocol == SB_PROTOCOL_TCP;

    if (source >> 28 == 14)
        return SB_REASON_SOURCE_MULTICAST;
    if (source == 0xffffffff)
        return SB_REASON_SOURCE_BROADCAST;
    if (source >> 24 == 127)
        return SB_REASON_SOURCE_LOOPBACK;
    return is_tcp && (source >> 24 == 0 || source >> 28 == 15) ? SB_REASON_SOURCE_UNUSABLE
                                                               : SB_REASON_NONE;
}

/* The source :: is valid in neighbour discovery, MLD and DHCP (RFC 4291, 2.5.2). */
static enum sb_reason ipv6_source_reason(const struct sb_packet *packet, const uint8_t *ip) {
    const uint8_t *source = ip + SB_IPV6_SOURCE;

    if (source[0] == 0xff)
        return SB_REASON_SOURCE_MULTICAST;
    if (sb_ipv6_is_link_local(source)) /* link control has left the path in parse */
        return SB_REASON_SOURCE_LINK_LOCAL;
    if (SB_LIKELY(sb_load64_raw(source) != 0) || sb_load32_raw(source + 8) != 0 ||
        sb_load32(source + 12) > 1)
        return SB_REASON_NONE;
    if (source[15] == 1)
        return SB_REASON_SOURCE_LOOPBACK;
    return packet->protocol == SB_PROTOCOL_TCP ? SB_REASON_SOURCE_UNUSABLE : SB_REASON_NONE;
}
